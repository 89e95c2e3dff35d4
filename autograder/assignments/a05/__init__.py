"""What is checked in A05-words-as-vectors: `check("embedding-backward")` in a test cell."""

from __future__ import annotations

from autograder.checks.entry import Table
from autograder.checks.run import checker

from . import features, networks, vectors, vocabulary

__all__ = ["TABLE", "check"]

_ENTRIES = [
    *vocabulary.ENTRIES,
    *vectors.ENTRIES[:2],
    *features.ENTRIES,
    *networks.ENTRIES,
    *vectors.ENTRIES[2:],
]
TABLE = Table("A05-words-as-vectors", _ENTRIES)
check = checker(TABLE)
