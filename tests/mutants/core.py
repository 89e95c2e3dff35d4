"""Mutants: a right solution, small wrong changes to it, and right solutions that look different.

A target is one function, or one forward/backward pair, of the course. Its mutants are lines of text:

    M12 | dZ = dA * (1 - A**2) | dZ = dA

that is: what the mistake is called in the catalogue, what stands in the source, what is put there. Several ids with
commas mean that each of them is right; with + that all are there; "-" that the catalogue has no name for it. A
backslash-n in the text starts a new line.
"""

from __future__ import annotations

import linecache
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.checks.explain import explain, explain_forward
from autograder.checks.linetrace import record_lines
from autograder.checks.misconceptions import same
from autograder.checks.tape import record
from autograder.checks.values import compare

# right solutions in unusual clothes: appended to a right source, they change storage, types and calling, not numbers
UNUSUAL = {
    "Fortran order, cache in an object": """
_f, _b = forward, backward

class Kept:
    pass

def forward(**args):
    kept = Kept()
    out, kept.cache = _f(**args)
    return np.asfortranarray(out) if np.ndim(out) else out, kept

def backward(dout, kept):
    found = _b(dout, kept.cache)
    turn = lambda g: {k: turn(v) for k, v in g.items()} if isinstance(g, dict) else np.asfortranarray(g) if np.ndim(g) else g
    return [turn(g) for g in found] if isinstance(found, (tuple, list)) else turn(found)
""",
    "views with strides": """
_f, _b = forward, backward

def spread(g):
    if isinstance(g, dict):
        return {k: spread(v) for k, v in g.items()}
    return np.repeat(g, 2, axis=-1)[..., ::2] if np.ndim(g) else g

def forward(**args):
    out, cache = _f(**args)
    return spread(out), cache

def backward(dout, cache):
    found = _b(np.array(dout), cache)
    return tuple(spread(g) for g in found) if isinstance(found, (tuple, list)) else spread(found)
""",
    "a method of an object, and a copy of everything": """
import copy

class Layer:
    def __init__(self, f, b):
        self.f, self.b = f, b

    def forward(self, **args):
        out, cache = self.f(**copy.deepcopy(args))
        return out, copy.deepcopy(cache)

    def backward(self, dout, cache):
        return self.b(copy.deepcopy(dout), copy.deepcopy(cache))

_layer = Layer(forward, backward)
forward, backward = _layer.forward, _layer.backward
""",
    "half of the batch's gradient twice": """
_b = backward

def backward(dout, cache):
    one, two = _b(dout * 0.25, cache), _b(dout * 0.75, cache)
    add = lambda a, b: {k: add(a[k], b[k]) for k in a} if isinstance(a, dict) else a + b
    return [add(a, b) for a, b in zip(one, two)] if isinstance(one, (tuple, list)) else add(one, two)
""",
}
UNKNOWN = "fit no mistake that is known"
Sample = Callable[[np.random.Generator], dict[str, Any]]


@dataclass(frozen=True)
class Mutant:
    """One wrong version of a solution."""

    target: Target
    expected: str  # "M12", "M02,M46", "M01+M12", "-"
    source: str
    line: int  # first line that differs

    @property
    def name(self) -> str:
        return f"{self.target.name}:{self.line}:{self.expected}"


@dataclass(frozen=True)
class Verdict:
    """What the checks said about one version."""

    caught: bool
    ids: tuple[str, ...] = ()
    text: str = ""
    line: int | None = None
    seconds: float = 0.0

    @property
    def named(self) -> bool:
        """Whether a cause was told."""
        return bool(self.text) and UNKNOWN not in self.text


@dataclass(frozen=True)
class Target:
    """A right solution and what is known about it.

    source   defines the student's functions, and `forward(**args)` and `backward(dout, cache)` for the engine; where
             there is no `backward`, the value of `forward` alone is judged
    model    the right forward on the tape; `sample(rng)` draws arguments, `wrt` are those that are differentiated
    """

    assignment: str
    name: str
    source: str
    model: Callable[..., Any]
    sample: Sample
    wrt: tuple[str, ...] = ()
    loss: bool = False
    wrong: str = ""
    variants: tuple[str, ...] = ()
    names: Callable[[Mapping[str, Any]], tuple[str, ...]] | None = None

    def mutants(self) -> list[Mutant]:
        """The wrong versions, in the order of the text. Raises: ValueError when a piece of source is not found."""
        found = []
        for row in self.wrong.strip().splitlines():
            if not row.strip():
                continue
            expected, *changes = (part.strip() for part in row.split(" | "))
            source = self.source
            for old, new in zip(changes[::2], changes[1::2], strict=True):
                old, new = old.replace("\\n", "\n"), new.replace("\\n", "\n")
                if source.count(old) < 1:
                    raise ValueError(f"{self.name}: {old!r} is not in the source.")
                source = source.replace(old, new, 1)
            found.append(Mutant(self, expected, source, _first_difference(self.source, source)))
        return found

    def right(self) -> list[str]:
        """Right sources: the one that the mutants start from, those written by hand, and unusual clothes for both."""
        written = [self.source, *self.variants]
        clothed = [
            s + extra
            for s in written
            for extra in UNUSUAL.values()
            if re.search(r"^(def backward\(|backward = |forward, backward = )", s, re.M)
        ]
        return written + clothed

    def judge(self, source: str, seed: int = 0) -> Verdict:
        """Run the checks on one version."""
        started = time.perf_counter()
        space = load(source, f"<{self.name}>")
        if "backward" in space:
            sample = self.sample(np.random.default_rng(seed))
            wrt = self.names(sample) if self.names is not None else self.wrt
            why = explain(
                space["forward"], space["backward"], self.model, self.sample, wrt, loss=self.loss, seed=seed
            )
            return Verdict(bool(why.text), tuple(why.ids), why.text, why.line, time.perf_counter() - started)
        return self._judge_value(space["forward"], seed, started)

    def _judge_value(self, forward: Callable[..., Any], seed: int, started: float) -> Verdict:
        instances = []
        for k in range(3):
            args = self.sample(np.random.default_rng([seed, k]))
            try:
                with np.errstate(all="ignore"):
                    got = forward(
                        **{n: np.array(v) if isinstance(v, np.ndarray) else v for n, v in args.items()}
                    )
            except Exception as error:
                return Verdict(
                    True, (), f"raises {type(error).__name__}: {error}", None, time.perf_counter() - started
                )
            instances.append((args, got))
        wrong = any(
            compare("value", got, record(self.model, args).out) is not None for args, got in instances
        )
        trace = record_lines(forward, instances[0][0])[1] if wrong else []
        why = explain_forward(self.model, instances, trace=trace)
        text = why.text if wrong else ""
        return Verdict(wrong, tuple(why.ids) if wrong else (), text, why.line, time.perf_counter() - started)


def load(source: str, filename: str) -> dict[str, Any]:
    """Run a source as a module of its own."""
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    space: dict[str, Any] = {"np": np}
    exec(compile(source, filename, "exec"), space)
    return space


def _first_difference(a: str, b: str) -> int:
    for k, (x, y) in enumerate(zip(a.splitlines(), b.splitlines()), 1):
        if x != y:
            return k
    return min(len(a.splitlines()), len(b.splitlines()))


def right_line(mutant: Mutant, verdict: Verdict) -> bool:
    """Whether the line told is that of the mistake, or beside it."""
    return verdict.line is not None and abs(verdict.line - mutant.line) <= 1


def named_right(expected: str, ids: tuple[str, ...]) -> bool:
    """Whether the ids told are those expected, aliases included."""
    if not ids:
        return "-" in expected.split(",")
    if expected == "-":
        return False
    if "+" in expected:
        return all(any(same(e, i) for i in ids) for e in expected.split("+"))
    return any(same(e, i) for e in expected.split(",") for i in ids)


def primes(rng: np.random.Generator, count: int, high: int = 11) -> list[int]:
    """Different small primes."""
    return [int(p) for p in rng.permutation([p for p in (2, 3, 5, 7, 11, 13, 17) if p <= high])[:count]]
