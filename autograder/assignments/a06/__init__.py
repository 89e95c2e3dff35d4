"""What is checked in A06-ngram-language-models: `check("smoothing")` in a test cell."""

from __future__ import annotations

from autograder.checks.entry import Table
from autograder.checks.run import checker

from . import counting, derivations, entropy, models, sampling, scoring, smoothing, written

__all__ = ["TABLE", "check"]

_PARTS = (derivations, counting, smoothing, models, scoring, sampling, entropy, written)
TABLE = Table("A06-ngram-language-models", [entry for part in _PARTS for entry in part.ENTRIES])
check = checker(TABLE)
