"""What is checked in A01-neurons-and-losses: the functions; typed work is added with the notebook."""

from __future__ import annotations

from autograder.checks.entry import Table
from autograder.checks.run import checker

from . import activations, functions

__all__ = ["TABLE", "check"]

TABLE = Table(
    "A01-neurons-and-losses", [*functions.ENTRIES[:1], *activations.ENTRIES, *functions.ENTRIES[1:]]
)
check = checker(TABLE)
