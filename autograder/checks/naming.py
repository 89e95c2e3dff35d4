"""Names for what a model computes, read off its own code: the variable that takes a result, an index in print."""

from __future__ import annotations

import dis
import functools
from itertools import pairwise
from types import CodeType
from typing import Any

import numpy as np

__all__ = ["index_text", "what_follows"]


@functools.lru_cache(maxsize=256)
def what_follows(code: CodeType) -> dict[int, tuple[int, str, str | None]]:
    """Offset -> the instruction that it belongs to, and what happens to its result: "store" in a variable, "return", ""."""
    found: dict[int, tuple[int, str, str | None]] = {}
    instructions = list(dis.get_instructions(code))
    for now, after in pairwise(instructions):
        what: tuple[str, str | None] = ("", None)
        if after.opname.startswith(("STORE_FAST", "STORE_NAME", "STORE_DEREF")):
            variable = after.argval[0] if isinstance(after.argval, tuple) else after.argval
            what = ("store", str(variable))
        elif after.opname == "RETURN_VALUE":
            what = ("return", None)
        # an instruction is found at its own offset, or, when the interpreter has specialised it, at a cache entry behind
        found.update(dict.fromkeys(range(now.offset, after.offset), (now.offset, *what)))
    return found


def index_text(index: Any) -> str:
    parts = index if isinstance(index, tuple) else (index,)
    words = []
    for p in parts:
        if isinstance(p, slice):
            words.append(":".join("" if v is None else str(v) for v in (p.start, p.stop)))
        else:
            words.append("…" if p is Ellipsis or np.ndim(p) else "None" if p is None else str(p))
    return ", ".join(words)
