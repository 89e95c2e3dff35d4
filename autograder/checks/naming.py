"""Names for what a model computes, read off its own code: the variable that takes a result, an index in print."""

from __future__ import annotations

import dis
import functools
from collections.abc import Collection, Sequence
from itertools import pairwise
from types import CodeType
from typing import Any

import numpy as np

__all__ = ["index_text", "named_place"]


@functools.lru_cache(maxsize=256)
def _what_follows(code: CodeType) -> dict[int, tuple[int, str, str | None]]:
    """Offset -> the instruction that it belongs to, and what happens to its result: "store" in a variable, "return", ""."""
    found: dict[int, tuple[int, str, str | None]] = {}
    instructions = list(dis.get_instructions(code))
    start: int | None = None
    for now, after in pairwise(instructions):
        # in Python 3.11 this makes the call, once the interpreter has specialised it
        if now.opname == "PRECALL":
            start = now.offset
            continue
        what: tuple[str, str | None] = ("", None)
        if after.opname.startswith(("STORE_FAST", "STORE_NAME", "STORE_DEREF")):
            variable = after.argval[0] if isinstance(after.argval, tuple) else after.argval
            what = ("store", str(variable))
        elif after.opname == "RETURN_VALUE":
            what = ("return", None)
        # an instruction is found at its own offset, or, when the interpreter has specialised it, at a cache entry behind
        start = now.offset if start is None else start
        found.update(dict.fromkeys(range(start, after.offset), (start, *what)))
        start = None
    return found


def named_place(
    codes: Sequence[CodeType], offsets: Sequence[int], passed: Collection[str]
) -> tuple[tuple[Any, ...], str | None]:
    """The site of an operation that code called at these offsets, innermost first, and the name of its result.

    passed  files whose code is no place of its own
    """
    site: list[Any] = []
    name: str | None = None
    passing = True  # the value is handed outward unnamed: look for its name there
    for code, offset in zip(codes, offsets):
        if code.co_filename not in passed:
            start, kind, variable = _what_follows(code).get(offset, (offset, "", None))
            site.append((code.co_name, code.co_firstlineno, start))
            if passing:
                name, passing = variable, kind == "return"
    return tuple(site), name


def index_text(index: Any) -> str:
    parts = index if isinstance(index, tuple) else (index,)
    words = []
    for p in parts:
        if isinstance(p, slice):
            words.append(":".join("" if v is None else str(v) for v in (p.start, p.stop)))
        else:
            words.append("…" if p is Ellipsis or np.ndim(p) else "None" if p is None else str(p))
    return ", ".join(words)
