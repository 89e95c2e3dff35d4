"""What is checked of every function, one module an assignment: `a02.check("softmax-ce")`."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autograder.checks.entry import Table

__all__ = ["module_of", "table"]


def module_of(assignment: str) -> str:
    """The module of an assignment, by its full name, whether it exists or not."""
    return f"{__name__}.{assignment.split('-')[0].lower()}"


def table(assignment: str) -> Table | None:
    """The table of an assignment, by its full name ("A02-backprop-by-hand"); None when it has none."""
    module = module_of(assignment)
    return import_module(module).TABLE if find_spec(module) is not None else None
