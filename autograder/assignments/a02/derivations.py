"""Entries of assignment A02 for the derivations D2.0 to D2.6."""

from __future__ import annotations

from typing import Any

from autograder.checks.entry import Entry
from autograder.checks.typed import Expression, Step, answers, derivation
from course.toolbox.seeds import student_rng

__all__ = ["ENTRIES", "RIGHT_LINES", "with_two_slips"]

D2_0 = derivation(
    "d2_0",
    {"x": "real", "y": "unit", "t": "real"},
    (
        Step("y - t"),
        Step("1 - y**2"),
        Step("x"),
        Step("(y - t)*(1 - y**2)*x", after="({l1})*({l2})*({l3})"),
    ),
)

D2_1 = derivation(
    "d2_1",
    {"x": "real", "y1": "real", "y2": "real", "J": (3, 2), "g": (3,)},
    (
        Step("2*exp(2*x)", must=("x",)),
        Step("exp(y1*y2)*y2"),
        Step("exp(y1*y2)*y1"),
        Step("exp(y1*y2)*y2*2 + exp(y1*y2)*y1*2*x", after="({l2})*2 + ({l3})*2*x", must=("y1", "y2", "x")),
        Step(
            "6*x**2*exp(2*x**3)", after="{l4}", replacing={"y1": "2*x", "y2": "x**2"}, must_not=("y1", "y2")
        ),
        Step("J.T @ g"),
    ),
)

D2_2 = derivation(
    "d2_2",
    dict.fromkeys("dL_dh dh_dw delta z dL_dh1 dL_dh2 dh1_dh dh2_dh delta1 delta2 w1 w2 gp".split(), "real")
    | {"Z": (5, 2), "W": (2, 3), "Delta": (5, 3), "Gp": (5, 2)},
    (
        Step("dL_dh*dh_dw"),
        Step("delta*dh_dw", after="{l1}", replacing={"dL_dh": "delta"}, must_not=("dL_dh",)),
        Step("delta*z", after="{l2}", replacing={"dh_dw": "z"}, must_not=("dh_dw",)),
        Step("dL_dh1*dh1_dh + dL_dh2*dh2_dh"),
        Step(
            "delta1*dh1_dh + delta2*dh2_dh",
            after="{l4}",
            replacing={"dL_dh1": "delta1", "dL_dh2": "delta2"},
            must_not=("dL_dh1", "dL_dh2"),
        ),
        Step("w1*gp"),
        Step(
            "delta1*w1*gp + delta2*w2*gp",
            after="{l5}",
            replacing={"dh1_dh": "w1*gp", "dh2_dh": "w2*gp"},
            must_not=("dh1_dh", "dh2_dh"),
        ),
        Step("gp*(delta1*w1 + delta2*w2)", after="{l7}", fresh=True, once=("gp",)),
        Step("Z.T @ Delta"),
        Step("sum(Delta, axis=0)"),
        Step("Delta @ W.T"),
        Step("(Delta @ W.T)*Gp", after="({l11})*Gp"),
    ),
)

D2_3 = derivation(
    "d2_3",
    {"a": "unit", "y": "unit"},
    (
        Step("-(y/a - (1 - y)/(1 - a))"),
        Step("(a - y)/(a*(1 - a))", after="{l1}", fresh=True),
        Step("(a - y)/(a*(1 - a))", after="{l2}", fresh=True, once=("y",)),
        Step("(a - y)/(a*(1 - a))*a*(1 - a)", after="({l3})*a*(1 - a)"),
        Step("a - y", after="{l4}", fresh=True, once=("a", "y")),
    ),
)

D2_4 = derivation(
    "d2_4",
    dict.fromkeys("b1 b2 b3 y z d1 d2 d3 w1 w2 w3 gp".split(), "real") | {"yhat": "unit"},
    (
        Step("log(exp(b1) + exp(b2) + exp(b3)) - b1"),
        Step("exp(b1)/(exp(b1) + exp(b2) + exp(b3)) - 1"),
        Step("exp(b2)/(exp(b1) + exp(b2) + exp(b3))"),
        Step("yhat - y"),
        Step("(yhat - y)*z", after="({l4})*z"),
        Step("(d1*w1 + d2*w2 + d3*w3)*gp"),
    ),
)

D2_5 = derivation(
    "d2_5",
    dict.fromkeys("b beta a alpha x beta1 beta2 alpha1 alpha2".split(), "real")
    | dict.fromkeys("t y z z1 z2".split(), "unit"),
    (
        Step("-t/y + (1 - t)/(1 - y)"),
        Step("y - t", after="({l1})*y*(1 - y)", once=("y", "t")),
        Step("(y - t)*z", after="({l2})*z"),
        Step("(y - t)*beta", after="({l2})*beta"),
        Step("(y - t)*beta*z*(1 - z)", after="({l4})*z*(1 - z)"),
        Step("(y - t)*beta*z*(1 - z)*x", after="({l5})*x"),
        Step(
            "(y - t)*(beta1*z1*(1 - z1)*alpha1 + beta2*z2*(1 - z2)*alpha2)",
            after="({l2})*(beta1*z1*(1 - z1)*alpha1 + beta2*z2*(1 - z2)*alpha2)",
        ),
    ),
)

# The lines of deck 004, and slips in two of them. The notebook shows the same: its cell "lines-d2-6" holds this code.
RIGHT_LINES = {
    2: "exp(-b)/(exp(-b)+1)**2",
    3: "(exp(-b)+1-1)/(exp(-b)+1+1-1)**2",
    4: "(exp(-b)+1-1)/(exp(-b)+1)**2",
    5: "(exp(-b)+1)/(exp(-b)+1)**2 - 1/(exp(-b)+1)**2",
    6: "1/(exp(-b)+1) - 1/(exp(-b)+1)**2",
    7: "1/(exp(-b)+1) - (1/(exp(-b)+1))*(1/(exp(-b)+1))",
    8: "1/(exp(-b)+1)*(1 - 1/(exp(-b)+1))",
    9: "s*(1-s)",
}
_SLIPS = (("**2", ""), (" - ", " + "), ("+1-1", "+1"), ("exp(-b)", "exp(b)"))


def with_two_slips(student_id: str) -> dict[int, str]:
    """The lines of D2.6 as this student sees them, two of them spoilt, not next to each other."""
    rng = student_rng(student_id, "A02", "d2-6")
    lines, first = dict(RIGHT_LINES), int(rng.integers(3, 6))
    for k in (first, int(rng.integers(first + 2, 9))):
        slips = [slip for slip in _SLIPS if slip[0] in lines[k]]
        lines[k] = lines[k].replace(*slips[int(rng.integers(len(slips)))], 1)
    return lines


def _planted(student_id: str) -> dict[str, Any]:
    shown = with_two_slips(student_id)
    first, second = (k for k in shown if shown[k] != RIGHT_LINES[k])
    mended = Expression(RIGHT_LINES[2], {"b": "real"})
    return {
        "first wrong line": first,
        "first line mended": mended,
        "second wrong line": second,
        "second line mended": mended,
    }


D2_6 = answers(
    "d2_6",
    _planted,
    points=dict.fromkeys(
        ("first wrong line", "first line mended", "second wrong line", "second line mended"), 0.5
    ),
)

ENTRIES = [
    Entry("derivation-d2-0", (D2_0,), title="D2.0 Three factors"),
    Entry("derivation-d2-1", (D2_1,), title="D2.1 Several paths"),
    Entry("derivation-d2-2", (D2_2,), title="D2.2 From equation (6) to equation (14)"),
    Entry("derivation-d2-3", (D2_3,), title="D2.3 Sigmoid with binary cross-entropy"),
    Entry("derivation-d2-4", (D2_4,), title="D2.4 Softmax with cross-entropy"),
    Entry("derivation-d2-5", (D2_5,), title="D2.5 The backward table"),
    Entry("derivation-d2-6", (D2_6,), title="D2.6 Find two planted errors"),
]
