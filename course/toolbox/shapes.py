"""Shapes, written once: the line of a docstring, the check of arguments and the words of the message.

A line such as `x (N, d_in), W (d_in, d_out), b (d_out) -> y (N, d_out)` names each argument and the sizes of its
axes. A size is a name, a number, or a product or sum of them (`K*k`, `M+1`); `()` is a number, `(...)` any shape.
Behind the sizes may stand what kind of values are meant: `int < C`, `0/1`, `> 0`; `k = 3` is a plain value, a
Python expression; and anything after a semicolon is for people only.

    check_shapes(where, line, *arrays)   raises ShapeError with a message that helps
    parse_shapes(line)                   the line as data; the tests execute every line of the library with it
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from course.toolbox.errors import InputError, ShapeError

__all__ = ["Named", "check_labels", "check_shapes", "parse_shapes"]


@dataclass(frozen=True)
class Named:
    """One entry of a line: its name, the sizes of its axes (None for any shape), its kind or its plain value."""

    name: str
    sizes: tuple[str, ...] | None
    kind: str = ""
    value: str | None = None


@cache
def parse_shapes(line: str) -> tuple[tuple[Named, ...], tuple[Named, ...]]:
    """A line of shapes as two tuples of entries: what goes in and what comes out.

    Raises: InputError when the line cannot be read.

    >>> ins, outs = parse_shapes("Z (N, C), y (N,) int < C -> loss ()")
    >>> [e.name for e in ins], ins[1].kind, outs[0].sizes
    (['Z', 'y'], 'int < C', ())
    """
    halves = line.split(";")[0].rstrip(" .").split("->")
    if len(halves) > 2:
        raise InputError(f"shapes: two arrows in {line!r}; write the arguments, one arrow, the results.")
    sides = [tuple(_entry(part, line) for part in _parts(half)) for half in halves]
    return sides[0], sides[1] if len(sides) == 2 else ()


def _parts(text: str) -> list[str]:
    """The text between commas that stand outside all brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def _entry(part: str, line: str) -> Named:
    name, _, value = part.partition("=")
    if value and name.strip().isidentifier():
        return Named(name.strip(), None, value=value.strip())
    name, _, rest = part.partition("(")
    if rest and name.strip().isidentifier():
        sizes, _, kind = rest.partition(")")
        axes = None if sizes.strip() == "..." else tuple(s.strip() for s in sizes.split(",") if s.strip())
        return Named(name.strip(), axes, kind.strip())
    raise InputError(f"shapes: cannot read {part!r} in {line!r}; write for example 'x (N, D)' or 'k = 3'.")


_FITTED: dict[Any, dict[str, int]] = {}  # what fitted before fits again: training repeats the same shapes


def check_shapes(where: str, line: str, *arrays: Any) -> dict[str, int]:
    """Compare arrays with the left side of a line of shapes; return the sizes by name.

    Anything with a `.shape` will do. Sums and products of names are compared once the names are known.

    Raises: ShapeError that names the two arguments that disagree and, where it helps, the repair.

    >>> check_shapes("linear", "x (N, D), W (D, M)", np.ones((3, 4)), np.ones((4, 2)))
    {'N': 3, 'D': 4, 'M': 2}
    """
    shapes = tuple([getattr(a, "shape", None) or np.shape(a) for a in arrays])
    known = _FITTED.get((line, shapes))
    if known is not None:
        return dict(known)
    entries = parse_shapes(line)[0]
    clash = _match(entries, shapes)
    if isinstance(clash, dict):
        if len(_FITTED) > 1000:
            _FITTED.clear()
        _FITTED[line, shapes] = clash
        return dict(clash)
    listed = ", ".join(f"{e.name} {_text(s)}" for e, s in zip(entries, shapes))
    raise ShapeError(f"{where}: {clash}; {listed}.{_advice(entries, shapes)}")


def _match(entries: tuple[Named, ...], shapes: tuple[tuple[int, ...], ...]) -> dict[str, int] | str:
    """The sizes by name, or what is wrong in words."""
    sizes: dict[str, int] = {}
    origin: dict[str, tuple[Named, int]] = {}
    later = []
    for entry, shape in zip(entries, shapes):
        if entry.sizes is None:
            continue
        if len(entry.sizes) != len(shape):
            return f"{entry.name} has {_count(len(shape), 'axis', 'axes')} but needs {len(entry.sizes)}: {_text(entry.sizes)}"
        for axis, (symbol, size) in enumerate(zip(entry.sizes, shape)):
            if not symbol.isidentifier():
                later.append((entry, axis, symbol, size))
            elif symbol not in sizes:
                sizes[symbol], origin[symbol] = size, (entry, axis)
            elif sizes[symbol] != size:
                first, where = origin[symbol]
                return (
                    f"{first.name} has {_axis(first, where, sizes[symbol])} but "
                    f"{entry.name} has {_axis(entry, axis, size)}"
                )
    for entry, axis, symbol, size in later:
        wanted = size_of(symbol, sizes)
        if wanted is not None and wanted != size:
            return f"{entry.name} has {_axis(entry, axis, size)} but needs {symbol} = {wanted}"
    return sizes


def size_of(symbol: str, sizes: dict[str, int]) -> int | None:
    """The value of a size such as `N`, `3`, `K*k` or `M+1`; None when a name in it is not known."""
    total = 0
    for term in symbol.split("+"):
        product = 1
        for factor in term.split("*"):
            factor = factor.strip()
            value = int(factor) if factor.isdigit() else sizes.get(factor)
            if value is None:
                return None
            product *= value
        total += product
    return total


def _axis(entry: Named, axis: int, size: int) -> str:
    ndim = len(entry.sizes or ())
    if ndim == 2:
        return _count(size, *(("row", "rows"), ("column", "columns"))[axis])
    return _count(size, "entry", "entries") + (f" along axis {axis}" if ndim > 1 else "")


def _count(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


def _text(shape: tuple[Any, ...]) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def _advice(entries: tuple[Named, ...], shapes: tuple[tuple[int, ...], ...]) -> str:
    """One change of one argument that would make everything fit, put as a question."""
    for i, (entry, shape) in enumerate(zip(entries, shapes)):
        tries: list[tuple[str, tuple[int, ...]]] = (
            [(f"{entry.name}.T", shape[::-1])] if len(shape) == 2 else []
        )
        if len(shape) == 2 and 1 in shape:
            tries.append((f"{entry.name}.ravel()", (shape[0] * shape[1],)))
        if entry.sizes is not None and len(shape) == len(entry.sizes) - 1:
            tries.append(
                (f"{entry.name}[None, :]" if len(shape) == 1 else f"{entry.name}[None]", (1, *shape))
            )
        for text, other in tries:
            if other != shape and isinstance(_match(entries, (*shapes[:i], other, *shapes[i + 1 :])), dict):
                return f" Did you mean {text}?"
    return ""


def check_labels(where: str, name: str, ids: Any, classes: int) -> np.ndarray:
    """The ids as an integer array, when each is a whole number from 0 to classes - 1.

    Raises: InputError that shows the first id outside, and its place.
    """
    array = np.asarray(ids)
    if array.size and array.dtype.kind not in "iu":
        raise InputError(
            f"{where}: {name} holds {array.dtype} values; ids must be whole numbers, use {name}.astype(int)."
        )
    if array.size and array.astype(np.uint64).max() >= classes:  # negative ones become very large
        place = tuple(int(i) for i in np.argwhere((array < 0) | (array >= classes))[0])
        raise InputError(
            f"{where}: {name}{list(place)} is {array[place]}, outside 0 … {classes - 1}; ids count from 0 up to "
            f"the number of classes minus one."
        )
    return array.astype(np.intp, copy=False)
