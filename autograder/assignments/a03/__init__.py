"""What is checked in A03-computation-graphs: `check("op-mul")` in a test cell."""

from __future__ import annotations

from dataclasses import replace

from autograder.checks.entry import Table
from autograder.checks.run import checker

from . import build, graphs, ops, stretched, value
from .objects import named_for_graphs

__all__ = ["TABLE", "check"]

_ENTRIES = (*graphs.ENTRIES, *stretched.ENTRIES, *ops.ENTRIES, *build.ENTRIES, *value.ENTRIES)
TABLE = Table(
    "A03-computation-graphs",
    [replace(e, checks=tuple(named_for_graphs(c) for c in e.checks)) for e in _ENTRIES],
)
check = checker(TABLE)
