"""Graphs of A03 to try: of the student's nodes and of operations of ours, and the truth about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograder.checks.entry import Trial
from autograder.checks.tape import record
from course.toolbox.seeds import distinct_primes

from . import models
from .objects import TapeOp, lent_op
from .walks import LEAVES, Spec

__all__ = ["Graph", "draw_shared", "draw_tree", "tape_model"]


def draw_shared(rng: np.random.Generator, inner: int) -> Spec:
    """A graph in which values are used several times: a leaf, x · x, a diamond, and what chance adds; ends in a sum."""
    steps: list[tuple[str, tuple[int, ...]]] = [
        ("Mul", (0, 1)),
        ("Mul", (3, 3)),
        ("Tanh", (3,)),
        ("Add", (4, 5)),
        ("Mul", (6, 0)),
    ]
    while len(steps) < inner:
        size = len(LEAVES) + len(steps)
        kind = str(rng.choice(["Add", "Mul", "Tanh", "Tanh"]))
        steps.append(
            (kind, tuple(int(i) for i in rng.integers(max(0, size - 6), size, 1 + (kind != "Tanh"))))
        )
    return _closed(steps)


def draw_tree(rng: np.random.Generator) -> Spec:
    """A graph in which every value is used once."""
    order = [int(i) for i in rng.permutation(3)]
    first, second = (str(k) for k in rng.permutation(["Mul", "Add"]))
    return _closed([("Tanh", (order[0],)), (first, (3, order[1])), ("Tanh", (4,)), (second, (order[2], 5))])


def _closed(steps: Sequence[tuple[str, tuple[int, ...]]]) -> Spec:
    """The graph with all loose ends added up, and a sum at the end."""
    used = {i for _, inputs in steps for i in inputs}
    loose = [i for i in range(len(LEAVES) + len(steps)) if i not in used]
    closed = list(steps)
    last = loose[-1]
    for i in loose[-2::-1]:
        closed.append(("Add", (last, i)))
        last = len(LEAVES) + len(closed) - 1
    return [*closed, ("Sum", (last,))]


def tape_model(spec: Spec, nodes: list[Any]) -> Callable[..., Any]:
    """The graph as a tape model; the nodes of the tape are noted in the order of the graph."""

    def graph(ops: Any, a: Any, b: Any, c: Any) -> Any:
        found = [a, b, c]
        for kind, inputs in spec:
            found.append(models.OPERATIONS[kind][0](ops, *(found[i] for i in inputs)))
        nodes[:] = found
        return found[-1]

    return graph


class Graph:
    """One graph in the student's process, made of lent operations whose calls are counted, and the truth about it."""

    def __init__(self, trial: Trial, spec: Spec, *, filled: bool = True) -> None:
        n = distinct_primes(trial.rng, 1, low=3, high=11)[0]
        self.args = {w: trial.rng.uniform(0.5, 1.5, n) * trial.rng.choice([-1.0, 1.0], n) for w in LEAVES}
        self.spec = spec
        self.values, self.grads = self._truth()
        self.calls: dict[tuple[int, int], int] = {}
        self.nodes = [trial.call("Node", None, (), self.args[w].copy(), w) for w in LEAVES]
        for k, (kind, inputs) in enumerate(spec, len(LEAVES)):
            value = self.values[k].copy() if filled else None
            parents = tuple(self.nodes[i] for i in inputs)
            self.nodes.append(trial.call("Node", self._op(trial, kind, k), parents, value, f"n{k}"))

    def _truth(self) -> tuple[list[np.ndarray], list[Any]]:
        """Values and gradients of all nodes."""
        nodes: list[Any] = []
        sweep = record(tape_model(self.spec, nodes), self.args, LEAVES).sweep(1.0)
        return [np.asarray(t.value) for t in nodes], [sweep[t.index] for t in nodes]

    def move(self, rng: np.random.Generator) -> None:
        """Other numbers in the leaves."""
        self.args = {w: v * rng.uniform(0.6, 1.4, v.shape) for w, v in self.args.items()}
        self.values, self.grads = self._truth()
        for node, w in zip(self.nodes, LEAVES):
            node.value = self.args[w].copy()

    def _op(self, trial: Trial, kind: str, k: int) -> Any:
        op = TapeOp(*models.OPERATIONS[kind], {})

        def bprop(xs: Any, i: int, G: Any) -> Any:
            self.calls[k, i] = self.calls.get((k, i), 0) + 1
            if self.calls[k, i] > 200:
                raise RuntimeError("bprop is called over and over again for the same edge")
            return op.bprop(list(xs), i, G)

        return lent_op(trial, op.f, bprop)

    def name(self, k: int) -> str:
        """What the node is called in messages."""
        return f"the leaf {LEAVES[k]}" if k < len(LEAVES) else f"node n{k}"
