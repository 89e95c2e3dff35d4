"""What is checked in A08-ngram-vs-rnn: `check("evaluate")` in a test cell."""

from __future__ import annotations

from autograder.checks.entry import Table
from autograder.checks.run import checker

from . import comparing, derivations, scoring, written

__all__ = ["TABLE", "check"]

TABLE = Table(
    "A08-ngram-vs-rnn",
    [*scoring.ENTRIES, *comparing.ENTRIES, *derivations.ENTRIES, *written.ENTRIES],
)
check = checker(TABLE)
