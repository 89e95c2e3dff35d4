"""Rules for what no tape can replay: predict exactly what a mistake would have given, and compare.

An alternative is a wrong version of a function. One that gives what the student got on every instance is the
diagnosis; two that cannot be told apart on these instances are told as "either … or …".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..diagnosis import Diagnosis, hints
from ..values import compare

__all__ = ["Alternative", "alternatives", "explain_call", "register", "register_many"]

_TABLE: dict[str, list[Alternative]] = {}


@dataclass(frozen=True)
class Alternative:
    """A wrong version of a function: what it is called, what was done, and what it gives."""

    ids: tuple[str, ...]
    text: str
    run: Callable[..., Any]
    cost: float = 1.0


def register(name: str, rows: Sequence[tuple[str, str, Callable[..., Any]]]) -> None:
    """Add the alternatives of a function; ids are separated by spaces, likelier ones first."""
    table = _TABLE.setdefault(name, [])
    table += [
        Alternative(tuple(ids.split()), text, run, 1.0 + 0.001 * k)
        for k, (ids, text, run) in enumerate(rows, len(table))
    ]


def alternatives(name: str) -> list[Alternative]:
    """What is known to go wrong in a function. Raises: KeyError when nothing is known about it."""
    return _TABLE[name]


def explain_call(
    name: str, instances: Sequence[tuple[Mapping[str, Any], Any]], *, rtol: float = 1e-8, what: str = ""
) -> Diagnosis:
    """The mistake behind results of the function `name`.

    instances  (keyword arguments of the alternatives, what the student got), at least two fresh draws
    what       what the result is called in the evidence
    """
    fitting: list[Alternative] = []
    evidence = ""
    for alternative in _TABLE.get(name, ()):
        if all(_gives(alternative, args, got, rtol) for args, got in instances):
            fitting.append(alternative)
    if not fitting:
        text = f"{what or name}: the numbers fit no mistake that is known here."
        return Diagnosis([], text, evidence, None, hints([], what or name, text))
    best = fitting[0]
    rivals = [a for a in fitting[1:] if set(a.ids) != set(best.ids)]
    text, ids = best.text, list(best.ids)
    if rivals:
        text = f"Either {text[:1].lower()}{text[1:].rstrip('.')}, or {rivals[0].text[:1].lower()}{rivals[0].text[1:]}"
        ids = list(dict.fromkeys([*ids, *rivals[0].ids]))
    return Diagnosis(ids, text, evidence, None, hints(ids, what or name, text))


def register_many(name: str, of: str, split: Callable[..., Sequence[Mapping[str, Any]]]) -> None:
    """A function that was asked many things: every alternative of `of`, at all the questions that `split(**args)` gives."""
    register(
        name,
        [
            (" ".join(a.ids), a.text, lambda a=a, **args: [a.run(**one) for one in split(**args)])
            for a in _TABLE[of]
        ],
    )


def _gives(alternative: Alternative, args: Mapping[str, Any], got: Any, rtol: float) -> bool:
    try:
        with np.errstate(all="ignore"):
            predicted = alternative.run(**args)
    except (ValueError, IndexError, KeyError, TypeError, ZeroDivisionError, OverflowError):
        return False
    return compare("", got, predicted, rtol=rtol) is None
