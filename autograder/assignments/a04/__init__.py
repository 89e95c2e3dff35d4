"""What is checked in A04-optimisation-and-regularisation: `check("adam")` in a test cell."""

from __future__ import annotations

from autograder.checks.entry import Table
from autograder.checks.run import checker

from . import regularisers, steps, training

__all__ = ["TABLE", "check"]

TABLE = Table(
    "A04-optimisation-and-regularisation", [*steps.ENTRIES, *training.ENTRIES, *regularisers.ENTRIES]
)
check = checker(TABLE)
