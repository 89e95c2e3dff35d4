"""Mistakes in the order of a graph's backward pass: overwritten gradients, visits too early or too often."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .editing import Edit
from .primitives import PRIMITIVES
from .tape import Node, Replay, Tape
from .views import View

__all__ = ["order_edits"]

_GRAPH = 80  # nodes of a graph whose order of visits is looked at


def order_edits(view: View) -> Iterator[Edit]:
    """The nodes of a graph are visited in the wrong order, or several times."""
    shared = [n for n in view.tape.nodes if n.op and n.needs and len(view.consumers.get(n.index, ())) > 1]
    if not shared or len(view.tape.nodes) > _GRAPH or view.normalises:
        return
    everything = frozenset(view.tape.leaves)
    for id, run, what in (
        (
            "M14",
            _overwritten,
            "every value keeps the gradient of the last consumer only: = stands where += is needed",
        ),
        (
            "M14",
            _overwritten_by_depth,
            "every value keeps the gradient of the last consumer only: = stands where += is needed",
        ),
        (
            "M14",
            _first_kept,
            "every value keeps the gradient of the first consumer only: the others have to be added",
        ),
        (
            "M14",
            _first_kept_by_depth,
            "every value keeps the gradient of the first consumer only: the others have to be added",
        ),
        ("M12", _no_slopes, "the local derivatives are missing at every operation"),
        ("M15", _too_soon, "a value hands its gradient on before all its consumers have delivered theirs"),
        (
            "M15",
            _again_and_again,
            "a value hands on its whole gradient every time something arrives: it is counted twice",
        ),
        (
            "M15",
            _from_the_inputs,
            "the values are visited from the inputs to the output; it has to be the other way round",
        ),
    ):
        yield Edit(
            1.4 if "+= is needed" in what else 1.5, (id,), f"{{q}}: {what}.", _ordered(run), everything
        )


def _ordered(run: Callable[[Tape, Any], dict[str, Any]]) -> Callable[[View], Replay | None]:
    return lambda view: Replay(run=run) if len(view.tape.nodes) <= _GRAPH else None


def _parts(node: Node, g: Any) -> Iterator[tuple[Node, Any]]:
    vjp = PRIMITIVES[node.op or ""].vjp
    return ((x, vjp(node, i, g)) for i, x in enumerate(node.inputs) if x.needs)


def _collected(tape: Tape, grads: dict[int, Any]) -> dict[str, Any]:
    return {name: np.asarray(grads.get(n.index, np.zeros_like(n.value))) for name, n in tape.leaves.items()}


def _start(tape: Tape, dout: Any) -> tuple[Node, dict[int, Any]]:
    out = tape.outputs[0]
    return out, {out.index: np.broadcast_to(np.asarray(dout, dtype=float), np.shape(out.value))}


def _by_depth(out: Node) -> list[Node]:
    """Consumers before inputs, in the order of a search in depth; another right order than that of the tape."""
    order: list[Node] = []
    seen: set[int] = set()
    todo: list[tuple[Node, bool]] = [(out, False)]
    while todo:
        node, done = todo.pop()
        if done:
            order.append(node)
        elif node.index not in seen:
            seen.add(node.index)
            todo.append((node, True))
            todo += [(x, False) for x in node.inputs]
    return order[::-1]


def _visited(
    order: Callable[[Tape], Sequence[Node]], meet: Callable[[Any, Any], Any], slopes: bool = True
) -> Any:
    """A backward pass over nodes in a given order, where `meet(old, new)` says what becomes of two contributions."""

    def run(tape: Tape, dout: Any) -> dict[str, Any]:
        _, grads = _start(tape, dout)
        for node in order(tape):
            if node.op is None or node.index not in grads:
                continue
            for x, part in _parts(node, grads[node.index]):
                new = part if slopes else grads[node.index] * np.ones_like(x.value)
                grads[x.index] = meet(grads[x.index], new) if x.index in grads else new
        return _collected(tape, grads)

    return run


def _back(tape: Tape) -> list[Node]:
    return tape.nodes[::-1]


_overwritten = _visited(_back, lambda old, new: new)
_overwritten_by_depth = _visited(lambda tape: _by_depth(tape.outputs[0]), lambda old, new: new)
_first_kept = _visited(_back, lambda old, new: old)
_first_kept_by_depth = _visited(lambda tape: _by_depth(tape.outputs[0]), lambda old, new: old)
_no_slopes = _visited(_back, lambda old, new: old + new, slopes=False)
_from_the_inputs = _visited(lambda tape: tape.nodes, lambda old, new: old + new)


def _too_soon(tape: Tape, dout: Any) -> dict[str, Any]:
    """Breadth first from the output, every value once, with what has arrived by then."""
    out, grads = _start(tape, dout)
    queue, seen = [out], {out.index}
    while queue:
        node = queue.pop(0)
        if node.op is None:
            continue
        for x, part in _parts(node, grads[node.index]):
            grads[x.index] = grads[x.index] + part if x.index in grads else part
            if x.index not in seen:
                seen.add(x.index)
                queue.append(x)
    return _collected(tape, grads)


def _again_and_again(tape: Tape, dout: Any) -> dict[str, Any]:
    """Depth first; whenever a gradient arrives the sum so far is handed on."""
    out, grads = _start(tape, dout)
    todo, visits = [out], 0
    while todo:
        node = todo.pop()
        visits += 1
        if visits > 2000:
            raise ValueError("too many paths")
        if node.op is None:
            continue
        for x, part in _parts(node, grads[node.index]):
            grads[x.index] = grads[x.index] + part if x.index in grads else part
            todo.append(x)
    return _collected(tape, grads)
