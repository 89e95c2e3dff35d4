"""Entries of assignment A07 for the derivations D7.1 to D7.5."""

from __future__ import annotations

from autograder.checks.entry import Entry
from autograder.checks.typed import Step, derivation

__all__ = ["ENTRIES"]

_SCALARS = dict.fromkeys("g g1 g2 g3 g4 u h h0 h1 h2 h3 a1 a2 a3".split(), "real")
_SLOPES = dict.fromkeys("s s1 s2 s3 s4".split(), "unit")

D7_1 = derivation(
    "d7_1",
    _SCALARS | _SLOPES,
    (
        Step("g*s3*h2", 1.0),
        Step("g*s3*u*s2*h1", 1.0),
        Step("g*s3*u*s2*u*s1*h0", 1.0),
        Step(
            "g*s3*h2 + g*s3*u*s2*h1 + g*s3*u*s2*u*s1*h0",
            1.0,
            after="({l1}) + ({l2}) + ({l3})",
            must=("h0", "h1", "h2"),
        ),
        Step(
            "g3*(s3*h2 + s3*u*s2*h1 + s3*u*s2*u*s1*h0) + g2*(s2*h1 + s2*u*s1*h0) + g1*s1*h0",
            1.0,
            must=("g1", "g2", "g3"),
        ),
    ),
)

D7_2 = derivation(
    "d7_2",
    {
        "dH": (5, 3),
        "Delta": (5, 3),
        "Delta_next": (5, 3),
        "h": (5, 3),
        "h_prev": (5, 3),
        "x": (5, 2),
        "Wxh": (2, 3),
        "Whh": (3, 3),
    },
    (
        Step("dH + Delta_next @ Whh.T", 1.0),
        Step("(dH + Delta_next @ Whh.T)*(1 - h**2)", 1.0, after="({l1})*(1 - h**2)"),
        Step("h_prev.T @ Delta", 1.0),
        Step("x.T @ Delta", 1.0),
        Step("sum(Delta, axis=0)", 1.0),
        Step("Delta @ Wxh.T", 1.0),
    ),
)

D7_3 = derivation(
    "d7_3",
    dict.fromkeys("u h h1 h2 h3".split(), "real")
    | dict.fromkeys("m s eps".split(), "unit")
    | {"T": "positive"},
    (
        Step("u*(1 - h**2)", 1.0),
        Step("u*(1 - h1**2)*u*(1 - h2**2)*u*(1 - h3**2)", 1.0, must=("h1", "h2", "h3")),
        Step("(m*s)**T", 1.0, must=("m", "s", "T")),
        Step("log(eps)/log(m)", 1.0),
    ),
)

D7_4 = derivation(
    "d7_4",
    _SCALARS | _SLOPES | {"T": "positive", "k": "positive"},
    (
        Step("g*s4*h3 + g*s4*u*s3*h2", 1.0),
        Step("g*s4*u*s3*u*s2*h1 + g*s4*u*s3*u*s2*u*s1*h0", 1.0),
        Step("T*(k + 1)/2", 0.5, must=("T", "k")),
    ),
)

D7_5 = derivation(
    "d7_5",
    dict.fromkeys("p1 p2 p3".split(), "unit"),
    (
        Step("p1*p2*p3"),
        Step("-(log(p1) + log(p2) + log(p3))", after="-log({l1})", fresh=True),
        Step("-(log(p1) + log(p2) + log(p3))/(3*log(2))", after="({l2})/(3*log(2))"),
    ),
)

ENTRIES = [
    Entry("derivation-d7-1", (D7_1,), title="D7.1 Every path to one weight"),
    Entry("derivation-d7-2", (D7_2,), title="D7.2 The recursion"),
    Entry("derivation-d7-3", (D7_3,), title="D7.3 How far a gradient reaches"),
    Entry("derivation-d7-4", (D7_4,), title="D7.4 What truncation drops"),
    Entry("derivation-d7-5", (D7_5,), title="D7.5 Which state predicts which word"),
]
