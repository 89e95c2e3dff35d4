"""What the grader may do with an object of the student's: attributes, items, operators, steps of an iteration."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["OPERATIONS"]


def _take(iterator: Any, count: int) -> tuple[list[Any], bool]:
    items: list[Any] = []
    for _ in range(count):
        try:
            items.append(next(iterator))
        except StopIteration:
            return items, True
    return items, False


OPERATIONS: dict[str, Callable[..., Any]] = {
    name: getattr(operator, name)
    for name in (
        "add sub mul truediv floordiv mod pow matmul and_ or_ xor lshift rshift neg pos abs invert "
        "eq ne lt le gt ge getitem setitem delitem contains index"
    ).split()
} | {
    "getattr": getattr,
    "setattr": setattr,
    "delattr": delattr,
    "hasattr": hasattr,
    "len": len,
    "bool": bool,
    "float": float,
    "int": int,
    "iter": iter,
    "take": _take,
    "repr": lambda thing: repr(thing)[:2000],
    "str": lambda thing: str(thing)[:2000],
    "hash": hash,
    "dir": lambda thing: [n for n in dir(thing) if isinstance(n, str)][:2000],
    "array": lambda thing: np.array(thing, subok=False),
    "is": lambda a, b: a is b,
    "isinstance": lambda a, b: isinstance(a, b),
    "callable": callable,
}
