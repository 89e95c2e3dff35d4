"""Wrong versions that are made of slips, one at a time or two at once.

A maker `make(**slip)` gives the function with a slip in it, and without any the right one. Two slips with different
settings can be made together, so every pair of rows is an alternative, too; pairs are looked at when no row fits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

from ..diagnosis import Diagnosis
from .engine import alternatives, explain_call, register, register_many

__all__ = ["Row", "explain_slips", "register_slips", "register_slips_many"]

Row = tuple[str, str, Mapping[str, Any]]  # ids, text, settings of the maker


def register_slips(name: str, make: Callable[..., Any], rows: Sequence[Row]) -> None:
    """Add the rows as alternatives of a function, and what two of them give together as those of its pairs."""
    register(name, [(ids, text, make(**slip)) for ids, text, slip in rows])
    register(
        _pairs(name),
        [
            (" ".join(dict.fromkeys(f"{a[0]} {b[0]}".split())), f"{a[1]} {b[1]}", make(**a[2], **b[2]))
            for a, b in combinations(rows, 2)
            if not set(a[2]) & set(b[2])
        ],
    )


def register_slips_many(name: str, of: str, split: Callable[..., Sequence[Mapping[str, Any]]]) -> None:
    """A function of slips that was asked many things: see `register_many`."""
    register_many(name, of, split)
    register_many(_pairs(name), _pairs(of), split)


def explain_slips(name: str, instances: Sequence[tuple[Mapping[str, Any], Any]], *, what: str) -> Diagnosis:
    """The mistake behind results of a function, or the two mistakes where no single one gives them."""
    found = explain_call(name, instances, what=what)
    if "fit no mistake" not in found.text or not _known(_pairs(name)):
        return found
    return explain_call(_pairs(name), instances, what=what)


def _pairs(name: str) -> str:
    return f"{name}, two slips"


def _known(name: str) -> bool:
    try:
        return bool(alternatives(name))
    except KeyError:
        return False
