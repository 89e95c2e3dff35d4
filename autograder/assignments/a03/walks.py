"""Wrong walks back through a graph: what each of them makes of the gradients, so that it can be told by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autograder.checks.values import compare

from . import models
from .objects import TapeOp

__all__ = ["LEAVES", "Spec", "named_walk"]

Spec = Sequence[tuple[str, tuple[int, ...]]]  # operation and numbers of its inputs, after the leaves
LEAVES = ("a", "b", "c")
Order = Callable[[Spec], list[int]]


def _inputs(spec: Spec, k: int) -> tuple[int, ...]:
    return spec[k - len(LEAVES)][1] if k >= len(LEAVES) else ()


def _last(spec: Spec) -> int:
    return len(LEAVES) + len(spec) - 1


def _sorted(spec: Spec) -> list[int]:
    """From the result to the leaves: every node after all its consumers."""
    return list(range(_last(spec), -1, -1))


def _depth_first(turned: bool) -> Order:
    """A node, then all that is below its first input, then the next one; `turned` begins with the last input."""

    def order(spec: Spec) -> list[int]:
        found: list[int] = []
        todo = [_last(spec)]
        while todo:
            k = todo.pop()
            if k not in found:
                found.append(k)
                inputs = _inputs(spec, k)
                todo += inputs if turned else inputs[::-1]
        return found

    return order


def _finished(spec: Spec) -> list[int]:
    """Every node after all its consumers, as a search in depth finishes with them."""
    found: list[int] = []
    met: set[int] = set()
    todo = [(_last(spec), False)]
    while todo:
        k, done = todo.pop()
        if done:
            found.append(k)
        elif k not in met:
            met.add(k)
            todo.append((k, True))
            todo += [(i, False) for i in _inputs(spec, k)]
    return found[::-1]


def _breadth_first(spec: Spec) -> list[int]:
    found = [_last(spec)]
    for k in found:
        found += [i for i in dict.fromkeys(_inputs(spec, k)) if i not in found]
    return found


def _walk(
    spec: Spec,
    values: Sequence[Any],
    order: Order = _sorted,
    once: bool = False,
    keep: str = "sum",
    alone: bool = False,
) -> dict[int, np.ndarray]:
    """The gradients that a walk in this order gives.

    once   an operation serves each of its inputs once
    keep   what a node keeps of the parts that arrive: their sum, the first or the last
    alone  the gradient that arrives is not used
    """
    grads: dict[int, Any] = {_last(spec): 1.0}
    for k in order(spec):
        inputs = _inputs(spec, k)
        if not inputs:
            continue
        op = TapeOp(*models.OPERATIONS[spec[k - len(LEAVES)][0]], {})
        xs = [values[i] for i in inputs]
        for place, i in enumerate(inputs):
            if once and i in inputs[:place]:
                continue
            part = op.bprop(xs, place, np.ones(np.shape(values[k])) if alone else grads[k])
            grads[i] = {"sum": grads[i] + part, "first": grads[i], "last": part}[keep] if i in grads else part
    return grads


_EARLY = "The gradient of a node is handed on before all its consumers have added theirs: go backwards through a topological order."
_ONE = "Every node keeps the gradient from one of its consumers only: = stands where += is needed."
_WALKS: tuple[tuple[tuple[str, ...], str, Mapping[str, Any]], ...] = (
    (("M14",), "An operation that takes a value twice, as in x · x, hands back the gradient of one use only.", {"once": True}),
    (("M13",), "The gradient that arrives at a node is not used: bprop gets it as G.", {"alone": True}),
    *((("M14",), _ONE, {"keep": keep, "order": order}) for order in (_sorted, _finished) for keep in ("last", "first")),
    (("M15",), _EARLY, {"order": _depth_first(False)}),
    (("M15",), _EARLY, {"order": _depth_first(True)}),
    (("M15",), _EARLY, {"order": _breadth_first}),
)  # fmt: skip


def named_walk(
    spec: Spec, tried: Sequence[tuple[Sequence[Any], Mapping[int, Any]]]
) -> tuple[tuple[str, ...], str] | None:
    """The ids and the text of the walk that gives these gradients of all nodes, for (values, gradients) of each try."""
    for ids, text, slip in _WALKS:
        if all(_gives(spec, values, got, slip) for values, got in tried):
            return ids, text
    return None


def _gives(spec: Spec, values: Sequence[Any], got: Mapping[int, Any], slip: Mapping[str, Any]) -> bool:
    grads = _walk(spec, values, **slip)
    return all(
        k in got and compare("", got[k], np.asarray(grads[k])) is None for k in reversed(range(_last(spec)))
    )
