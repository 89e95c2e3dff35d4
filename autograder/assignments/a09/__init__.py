"""What is checked in A09-bidirectional-and-seq2seq: `check("birnn-forward")` in a test cell."""

from __future__ import annotations

from autograder.checks.entry import Table
from autograder.checks.run import checker

from . import bonus, classes, coding, directions

__all__ = ["TABLE", "check"]

_ENTRIES = [*directions.ENTRIES, *classes.ENTRIES[:1], *coding.ENTRIES, *classes.ENTRIES[1:], *bonus.ENTRIES]
TABLE = Table("A09-bidirectional-and-seq2seq", _ENTRIES)
check = checker(TABLE)
