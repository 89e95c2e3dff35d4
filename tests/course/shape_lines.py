"""Turns the `Shapes:` line of a docstring into arguments, so that the tests can execute what the line says.

A size that is a name becomes a prime number of its own; floats are drawn from a normal distribution in float64;
`int < C`, `0/1`, `> 0` are obeyed; `k = 3` is evaluated as Python in the function's own module, where the sizes, the
arguments before it, `draw(N, D)`, `rng` and `np` can be used.
"""

from __future__ import annotations

import builtins
import importlib
import inspect
import pkgutil
import re
import sys

import numpy as np

import course
from course.toolbox.shapes import parse_shapes, size_of

PRIMES = (3, 5, 7, 2, 11, 13, 17, 19)


def modules():
    """Every module of the library."""
    found = pkgutil.walk_packages(course.__path__, "course.")
    return [importlib.import_module(m.name) for m in found if not m.name.endswith("__main__")]


def line_of(function) -> str | None:
    """What follows `Shapes:` at the start of a line or of a sentence, with the lines that continue it, or None."""
    doc = inspect.getdoc(function) or ""
    match = re.search(r"(?:^|\. )Shapes: (.*(?:\n    .*)*)", doc, re.MULTILINE)
    return re.sub(r"\s+", " ", match[1]) if match else None


class _Names(dict):
    """What a value of a line may use; an unknown name is a size and gets the next prime."""

    def __init__(self, module, rng, sizes):
        super().__init__(
            rng=np.random.default_rng(rng.integers(1 << 30)),
            np=np,
            draw=lambda *shape: rng.standard_normal(shape),
        )
        self.module, self.sizes = vars(module), sizes

    def __missing__(self, name):
        if name in self.module:
            return self.module[name]
        if hasattr(builtins, name):
            raise KeyError(name)
        return size(name, self.sizes)


def size(symbol: str, sizes: dict[str, int]) -> int:
    """The size of an axis; new names get primes that are not yet taken."""
    for name in re.findall(r"[A-Za-z_]\w*", symbol):
        if name not in sizes:
            sizes[name] = next(p for p in PRIMES if p not in sizes.values())
    return size_of(symbol, sizes)


def arguments(function, rng) -> tuple[list, dict[str, int], list]:
    """Arguments for the function as its line describes them, the sizes by name, and the entries of the results."""
    line = line_of(function)
    assert line is not None, f"{function.__name__} has no line 'Shapes: …' in its docstring"
    ins, outs = parse_shapes(line)
    sizes: dict[str, int] = {}
    names = _Names(sys.modules[function.__module__], rng, sizes)
    for entry in ins:  # plain numbers first: sizes may depend on them
        if entry.value is not None and re.fullmatch(r"\d+", entry.value):
            sizes[entry.name] = int(entry.value)
    for entry in ins:
        names[entry.name] = (
            eval(entry.value, {}, names) if entry.value is not None else _array(entry, rng, sizes)
        )
    return [names[entry.name] for entry in ins], sizes, list(outs)


def _array(entry, rng, sizes):
    axes = ("N", "D") if entry.sizes is None else entry.sizes
    shape = tuple(size(symbol, sizes) for symbol in axes)
    if entry.kind.startswith("int <"):
        return rng.integers(0, size(entry.kind[5:].strip(), sizes), shape)
    if entry.kind == "0/1":
        return rng.integers(0, 2, shape)
    array = rng.standard_normal(shape)
    if entry.kind == "> 0":
        return np.abs(array) + 0.5
    assert not entry.kind, f"unknown kind of values: {entry.kind!r}"
    return array
