"""Backward passes over a tape: the right one, and those with an edit, of which only what differs is computed again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .primitives import PRIMITIVES

if TYPE_CHECKING:
    from .tape import Node, Tape

__all__ = ["Replay", "Sweep"]


class Replay:
    """An edit, resolved for one tape: what is changed where.

    edges   (node index, input position) -> f(node, i, g, gradient for the input) -> gradient for the input
    nodes   node index -> f(node, g) -> g, before the gradient is handed on to the inputs
    leaves  argument -> f(tape, gradient) -> gradient
    run     f(tape, dout) -> gradients, for an edit that is not a change at some edges of one sweep
    """

    __slots__ = ("edges", "leaves", "nodes", "run")

    def __init__(self, edges: Any = None, nodes: Any = None, leaves: Any = None, run: Any = None) -> None:
        self.edges: dict[tuple[int, int], Callable[..., Any]] = edges or {}
        self.nodes: dict[int, Callable[..., Any]] = nodes or {}
        self.leaves: dict[str, Callable[..., Any]] = leaves or {}
        self.run: Callable[..., dict[str, Any]] | None = run


class _Step:
    """What the right backward pass does at one node."""

    __slots__ = ("g", "node", "parts")

    def __init__(self, node: Node, g: Any, parts: list[tuple[int, int, Any, Any, Any]]) -> None:
        self.node, self.g = node, g
        # input, its index on the tape, what comes back to it, what has come there before, and with this
        self.parts = parts


class Sweep:
    """The right backward pass of a tape, kept for those with an edit: they differ from it in some places only."""

    def __init__(self, tape: Tape, dout: Any) -> None:
        self.dout = dout
        self.start: list[Any] = [None] * len(tape.nodes)
        for node, d in zip(tape.outputs, tuple(dout) if tape.many else (dout,)):
            g = np.broadcast_to(np.asarray(d, dtype=float), np.shape(node.value))
            old = self.start[node.index]
            self.start[node.index] = g if old is None else old + g
        self.grads = list(self.start)
        self.steps: list[_Step] = []
        self._towards: dict[frozenset[str], list[_Step]] = {}
        grads = self.grads
        with np.errstate(all="ignore"):
            for node in reversed(tape.nodes):
                g = grads[node.index]
                if g is None or node.op is None or not node.needs:
                    continue
                vjp, parts = PRIMITIVES[node.op].vjp, []
                for i, x in enumerate(node.inputs):
                    if x.needs:
                        part, old = vjp(node, i, g), grads[x.index]
                        new = grads[x.index] = part if old is None else old + part
                        parts.append((i, x.index, part, old, new))
                self.steps.append(_Step(node, g, parts))

    def edited(self, tape: Tape, edit: Replay, names: frozenset[str] | None) -> list[Any]:
        """The gradients under an edit; where all is as it was, what is known is taken."""
        now = tape.now = list(self.start)
        edges, nodes = edit.edges, edit.nodes
        touched = {k for k, _ in edges} | nodes.keys()
        with np.errstate(all="ignore"):
            for step in self.steps if names is None else self._steps_towards(tape, names):
                node = step.node
                g = now[node.index]
                if g is None:
                    continue
                if g is step.g and node.index not in touched:
                    for _, k, part, before, after in step.parts:
                        old = now[k]
                        now[k] = after if old is before else part if old is None else old + part
                    continue
                if node.index in nodes:
                    g = nodes[node.index](node, g)
                vjp = PRIMITIVES[node.op or ""].vjp
                for i, k, *_ in step.parts:
                    changed = edges.get((node.index, i))
                    part = vjp(node, i, g) if changed is None else changed(node, i, g, vjp)
                    if part is not None:
                        old = now[k]
                        now[k] = part if old is None else old + part
        return now

    def starts_from(self, dout: Any) -> bool:
        """Whether this is the pass for an upstream gradient."""
        mine = self.dout
        numbers = np.ndim(mine) == 0 and np.ndim(dout) == 0 and not isinstance(mine, tuple | list)
        return mine is dout or (numbers and mine == dout)

    def _steps_towards(self, tape: Tape, names: frozenset[str]) -> list[_Step]:
        """The steps that hand something on to these arguments."""
        if names not in self._towards:
            leads = [n.op is None and n.needs and n.name in names for n in tape.nodes]
            for n in tape.nodes:
                leads[n.index] = leads[n.index] or any(leads[x.index] for x in n.inputs)
            kept = (
                _Step(s.node, s.g, [p for p in s.parts if leads[p[1]]])
                for s in self.steps
                if leads[s.node.index]
            )
            self._towards[names] = list(kept)
        return self._towards[names]
