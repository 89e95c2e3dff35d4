"""What is checked in A07-recurrent-networks: `check("rnn-backward")` in a test cell."""

from __future__ import annotations

from autograder.checks.entry import Table
from autograder.checks.run import checker

from . import derivations, lm, pairs, training, written

__all__ = ["TABLE", "check"]

TABLE = Table(
    "A07-recurrent-networks",
    [*derivations.ENTRIES, *pairs.ENTRIES, *lm.ENTRIES, *training.ENTRIES, *written.ENTRIES],
)
check = checker(TABLE)
