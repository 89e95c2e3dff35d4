"""Entries of assignment A06 for the derivations D6.1 to D6.6."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograder.checks.entry import Entry
from autograder.checks.typed import Step, answers, derivation
from course.toolbox.seeds import student_rng

__all__ = ["ENTRIES", "own_grammar"]

D6_1 = derivation(
    "d6_1",
    dict.fromkeys("p1 p12 p2_1 p3_12 p3_2".split(), "unit"),
    (
        Step("p12/p1", 0.75),
        Step("p1*p2_1*p3_12", 0.75),
        Step("p1*p2_1*p3_2", 0.75, after="{l2}", replacing={"p3_12": "p3_2"}, must_not=("p3_12",)),
        Step("log(p1) + log(p2_1) + log(p3_2)", 0.75, after="log({l3})", fresh=True),
    ),
)

D6_2 = derivation(
    "d6_2",
    dict.fromkeys("c theta lam c1 c2 c3 C".split(), "positive")
    | dict.fromkeys("z1 z2 z3".split(), "real")
    | {"p1": "unit"},
    (
        Step("c/theta - lam", 0.75),
        Step("c/lam", 0.75),
        Step("c1 + c2 + c3", 0.5),
        Step("c1/(c1 + c2 + c3)", 0.75, after="c1/({l3})"),
        Step("(c1 + c2 + c3)*log(exp(z1) + exp(z2) + exp(z3)) - c1*z1 - c2*z2 - c3*z3", 1.0),
        Step("C*p1 - c1", 0.75),
        Step("c1/C", 0.5),
    ),
)

D6_3 = derivation(
    "d6_3",
    dict.fromkeys("c n k V".split(), "positive"),
    (
        Step("(c + k)/(n + k*V)", 1.0),
        Step("c/n", 0.5),
        Step("1/V", 0.5),
        Step("n/(n + k*V)", 0.5),
    ),
)

D6_4 = derivation(
    "d6_4",
    dict.fromkeys("c1 c2 c3 C D N D1 D2 D3 N1 N2 N3".split(), "positive") | {"q": "unit"},
    (
        Step("(c1 + c2 + c3 - 3*D)/C", 1.0),
        Step(
            "1 - 3*D/C", 1.0, after="{l1}", replacing={"c1": "C - c2 - c3"}, must_not=("c1", "c2", "c3"),
        ),
        Step("3*D/C", 1.0, after="1 - ({l2})", fresh=True),
        Step("N*D/C", 0.5),
        Step("(N1*D1 + N2*D2 + N3*D3)/C", 0.5),
        Step("N*D/C*q", 0.5, after="({l4})*q"),
    ),
)  # fmt: skip

D6_5 = derivation(
    "d6_5",
    {"p": "unit", "q": "unit"} | dict.fromkeys("m_S m_A hS hA".split(), "positive"),
    (
        Step("1/(1 - p)"),
        Step("p*m_S/q"),
        Step("p/((1 - p)*q)", after="{l2}", replacing={"m_S": "1/(1 - p)"}, must_not=("m_S",)),
        Step("1/(1 - p) + p/((1 - p)*q)", after="({l1}) + ({l3})"),
        Step("hS/(1 - p) + hA*p/((1 - p)*q)", after="({l1})*hS + ({l3})*hA"),
        Step("(q*hS + p*hA)/(p + q)", after="({l5})/({l4})", fresh=True, once=("hS", "hA")),
    ),
)


def own_grammar(student_id: str) -> tuple[float, float]:
    """p and q of the grammar of D6.5; the notebook's cell "numbers-d6-5" draws the same."""
    rng = student_rng(student_id, "A06", "d6-5")
    return float(rng.choice([0.2, 0.3, 0.4, 0.6, 0.7, 0.8])), float(
        rng.choice([0.25, 0.35, 0.55, 0.65, 0.75])
    )


def _own_entropy(student_id: str) -> dict[str, Any]:
    p, q = own_grammar(student_id)
    h_S, h_A = (float(-x * np.log2(x) - (1 - x) * np.log2(1 - x)) for x in (p, q))
    m_S, m_A = 1 / (1 - p), p / ((1 - p) * q)
    return {
        "hS": h_S,
        "length": m_S + m_A,
        "bits of a document": m_S * h_S + m_A * h_A,
        "bits per token": (m_S * h_S + m_A * h_A) / (m_S + m_A),
    }


NUMBERS = answers(
    "d6_5_numbers",
    _own_entropy,
    points=dict.fromkeys(("hS", "length", "bits of a document", "bits per token"), 0.5),
)

D6_6 = derivation(
    "d6_6",
    {"p": "unit", "q": "unit", "H": "positive"},
    (
        Step("-(p*log(q) + (1 - p)*log(1 - q))"),
        Step("-(p*log(p) + (1 - p)*log(1 - p))"),
        Step("p*log(p/q) + (1 - p)*log((1 - p)/(1 - q))", after="({l1}) - ({l2})", fresh=True),
        Step("exp(H)"),
    ),
)

ENTRIES = [
    Entry("derivation-d6-1", (D6_1,), title="D6.1 The chain rule of probability"),
    Entry("derivation-d6-2", (D6_2,), title="D6.2 Counting is maximum likelihood"),
    Entry("derivation-d6-3", (D6_3,), title="D6.3 Add k"),
    Entry("derivation-d6-4", (D6_4,), title="D6.4 Where the discount goes"),
    Entry("derivation-d6-5", (D6_5, NUMBERS), title="D6.5 The entropy of a grammar"),
    Entry("derivation-d6-6", (D6_6,), title="D6.6 Entropy, cross-entropy, perplexity"),
]
