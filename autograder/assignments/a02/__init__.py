"""What is checked in A02-backprop-by-hand: `check("softmax-ce")` in a test cell."""

from __future__ import annotations

from autograder.checks.entry import Table
from autograder.checks.run import checker

from . import derivations, descent, pairs, training, written

__all__ = ["TABLE", "check"]

TABLE = Table(
    "A02-backprop-by-hand",
    [
        *derivations.ENTRIES,
        *training.ENTRIES[:1],
        *descent.ENTRIES,
        *training.ENTRIES[1:],
        *pairs.ENTRIES,
        *written.ENTRIES,
    ],
)
check = checker(TABLE)
