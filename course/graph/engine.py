"""The order of a computation graph, and the way forwards and back through it. The engine knows no calculus.

Everything here works on nodes: objects with `op`, `inputs` and `value`. The algorithms of the decks ask an operation
for `f(*xs)` and for `bprop(xs, i, G)`, the gradient of one input; the library's own variables answer for all inputs
at once (`differentiate`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from course.toolbox.errors import ChangedError, GraphError, ShapeError

__all__ = ["Node", "backward_pull", "backward_push", "differentiate", "graph_forward", "topo_order"]


class Node:
    """One variable of a computation graph: the operation that makes it, its inputs, its value; a leaf has no operation.

    Source: deck 003, 6.5.1, where a node is a variable
    """

    __slots__ = ("inputs", "name", "op", "value")

    def __init__(self, op: Any = None, inputs: Iterable[Any] = (), value: Any = None, name: str = "") -> None:
        self.op, self.inputs, self.value, self.name = op, tuple(inputs), value, name

    def __repr__(self) -> str:
        what = "leaf" if self.op is None else repr(self.op)
        return f"{type(self).__name__}({self.value!r}, {what}{f', name={self.name!r}' if self.name else ''})"


def topo_order(out: Any) -> list[Any]:
    """All nodes below `out`, every input before its consumers, each once, `out` last; without recursion.

    Source: deck 000, "topological order"; deck 004, "Forward computation"
    """
    order: list[Any] = []
    met = set()
    stack = [out]
    while stack:
        node = stack.pop()
        if node is None:  # a mark: all inputs of the node below it have been listed
            order.append(stack.pop())
        elif node not in met:
            met.add(node)
            if node.inputs:
                stack += (node, None, *node.inputs)
            else:
                order.append(node)
    return order


def graph_forward(nodes: Iterable[Any]) -> Any:
    """Compute the values of nodes in topological order; leaves have theirs. Returns the last value.

    Source: deck 000, algorithm 5.3; deck 003, algorithm 6.1
    Raises: GraphError when a leaf has no value.
    """
    value = None
    for node in nodes:
        if node.op is not None:
            node.value = node.op.f(*(x.value for x in node.inputs))
        elif node.value is None:
            raise GraphError(
                f"graph_forward: the leaf {node.name or node!r} has no value; set node.value first."
            )
        value = node.value
    return value


def scalar_one(where: str, out: Any) -> Any:
    """The gradient of a scalar with respect to itself, 1, in its own type."""
    if type(out.value) is float:
        return 1.0
    if np.size(out.value) != 1:
        raise GraphError(
            f"{where}: the result has shape {np.shape(out.value)}, but only a scalar has a gradient; "
            f"reduce it to one number first, for example with a sum or a loss."
        )
    return np.ones_like(out.value, dtype=np.result_type(out.value, np.float32))[()]


def backward_pull(out: Any) -> dict[Any, Any]:
    """The gradient of `out` with respect to every node below it: each node collects from its consumers.

    ∂out/∂v = Σ over consumers u of v: (∂out/∂u) (∂u/∂v)

    Source: deck 004, version A; deck 000, algorithm 5.4; deck 003, algorithm 6.2
    Raises: GraphError when `out` is not a scalar.
    """
    order = topo_order(out)
    consumers: dict[Any, list[tuple[Any, int]]] = {node: [] for node in order}
    for node in order:
        for i, x in enumerate(node.inputs):
            consumers[x].append((node, i))
    grads = {out: scalar_one("backward_pull", out)}
    for node in reversed(order[:-1]):
        parts = [u.op.bprop([x.value for x in u.inputs], i, grads[u]) for u, i in consumers[node]]
        grads[node] = sum(parts[1:], parts[0])
    return grads


def backward_push(out: Any) -> dict[Any, Any]:
    """The same gradients as `backward_pull`: each node hands on to its inputs, which add up what they are given.

    Source: deck 004, version B
    Raises: GraphError when `out` is not a scalar.
    """
    grads = {out: scalar_one("backward_push", out)}
    for node in reversed(topo_order(out)):
        xs = [x.value for x in node.inputs]
        for i, x in enumerate(node.inputs):
            part = node.op.bprop(xs, i, grads[node])
            grads[x] = grads[x] + part if x in grads else part
    return grads


def differentiate(out: Any, seed: Any, wrt: Iterable[Any] | None, graph: bool = False) -> dict[Any, Any]:
    """Push a gradient from `out` through its graph of variables and return the gradients of `wrt`.

    Without `wrt` they are not returned but added to the gradient that every variable keeps. With `graph=True`
    gradients are variables themselves.

    Raises: ChangedError when a value was replaced after an operation had used it; ShapeError when a backward half
    returns a gradient of the wrong shape.
    """
    order = topo_order(out)
    wanted = None if wrt is None else set(wrt)
    live = None if wanted is None else set(wanted)
    if live is not None:
        for node in order:
            if not live.isdisjoint(node.inputs):
                live.add(node)
    found: dict[Any, Any] = {}
    ours: set[Any] = set()  # nodes whose gradient was added up here, so that it may be added to in place
    out.flow = seed
    try:
        for node in reversed(order):
            g = node.flow
            if g is None:
                continue
            node.flow = None
            if wanted is None:
                if node.keeps:
                    node._grad = g if node._grad is None else node._grad + g
            elif node in wanted:
                found[node] = g
            op = node.op
            if op is None:
                continue
            if type(g) is np.ndarray:
                g.flags.writeable = False  # a backward that writes into it would spoil other gradients
            if op.direct is None or graph or not node.keeps:
                parts = op.pull(node, g, live, graph)
            else:
                parts = op.direct(g, *node.used)
            if type(parts) is not tuple:
                parts = parts if type(parts) is list else (parts,)
            for x, used, dx in zip(node.inputs, node.used, parts):
                if x.value is not used:
                    raise ChangedError(
                        f"backward: the value of {x.name or 'a variable'} {np.shape(used)} was replaced after {op} had "
                        f"used it; call backward before you update it, then compute the loss anew."
                    )
                if dx is not None and (live is None or x in live):
                    if type(used) is np.ndarray and getattr(dx, "shape", ()) != used.shape:
                        raise ShapeError(
                            f"backward: {op} returned a gradient of shape {np.shape(dx)} for an input of shape "
                            f"{used.shape}; a gradient has the shape of its variable."
                        )
                    old = x.flow
                    x.flow = (
                        dx if old is None else old + dx if type(old) is float else _plus(old, dx, x, ours)
                    )
    except BaseException:
        for node in order:
            node.flow = None
        raise
    return found


def _plus(old: Any, dx: Any, x: Any, ours: set[Any]) -> Any:
    """The sum of two gradients of one node; in place when the first of them is a sum made here."""
    if type(old) is dict:  # gradients of single parts of a bundle
        for i, g in dx.items():
            old[i] = old[i] + g if i in old else g
        return old
    if x in ours and old.shape == dx.shape:
        return np.add(old, dx, out=old)
    total = old + dx
    if type(total) is np.ndarray:
        ours.add(x)
    return total
