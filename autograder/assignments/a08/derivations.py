"""Entry of assignment A08 for the derivation D8.1."""

from __future__ import annotations

from autograder.checks.entry import Entry
from autograder.checks.typed import Step, derivation

__all__ = ["ENTRIES"]

_MIX = "(w*p + (1 - w)*q)"

D8_1 = derivation(
    "d8_1",
    dict.fromkeys("w p q p1 q1 p2 q2".split(), "unit"),
    (
        Step("w*p + (1 - w)*q"),
        Step(f"w*p/{_MIX}", after="w*p/({l1})"),
        Step(f"(p - q)/{_MIX}", after="(p - q)/({l1})"),
        Step(f"w*(1 - w)*(p - q)/{_MIX}", after="({l2}) - w", fresh=True),
        Step(
            "(w*p1/(w*p1 + (1 - w)*q1) + w*p2/(w*p2 + (1 - w)*q2))/2",
            must=("p1", "q1", "p2", "q2"),
        ),
        Step("-log(w)", must_not=("p",)),
    ),
)

ENTRIES = [Entry("derivation-d8-1", (D8_1,), title="D8.1 The weights of a mixture")]
