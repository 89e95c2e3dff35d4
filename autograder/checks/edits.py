"""Mistakes in a backward pass, enumerated from the tape: every edit with its cost, its sentence and its ids.

The list is generated: every input of every operation gives the mistakes of that operation (`local_edits`, and matrix
products and broadcasting here); loops and shared values give those of time and fan-out (`time_edits`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .editing import Edit, Rule, at_site, called, exchanged, ones
from .local_edits import elementwise_rules, index_rules, reduction_rules, softmax_rules
from .primitives import unbroadcast
from .tape import Node
from .time_edits import leaf_edits, loop_edits, shared_edits, turned_edits
from .views import View, view_of

__all__ = ["backward_edits"]


def backward_edits(view: View) -> list[Edit]:
    """All single edits of the backward pass of a tape, the likelier ones first."""
    edits: list[Edit] = []
    loops = set(view.loops())
    for site, group in view.sites.items():
        node = group[-1]  # in a loop the last step: the first one takes the initial state
        for i, x in enumerate(node.inputs):
            if not any(i < len(n.inputs) and n.inputs[i].needs for n in group):
                continue
            reach = view.edge_reach(site, i)
            for cost, ids, text, rule in _rules(view, node, i, x):
                edits.append(Edit(cost, ids, text, at_site(site, i, rule), reach, site))
            if (site, i) in loops:
                edits += loop_edits(view, site, i, reach)
            edits += leaf_edits(view, site, i)
    edits += turned_edits(view)
    edits += shared_edits(view)
    edits.sort(key=lambda e: e.cost)
    return edits


def _rules(view: View, node: Node, i: int, x: Node) -> Iterator[Rule]:
    """The local mistakes at one input of one operation."""
    op = node.op
    if op == "matmul":
        yield from _matmul_rules(view, node, i)
    elif op in ("add", "sub", "mul", "div"):
        yield from _binary_rules(view, node, i, x)
    elif op in ("softmax", "log_softmax"):
        yield from softmax_rules(node)
    elif op in ("pick", "take", "getitem", "concat", "stack", "reshape", "transpose", "conv1d"):
        yield from index_rules(node, i)
    elif op in ("sum", "mean", "max", "maxpool1d"):
        yield from reduction_rules(node)
    else:
        yield from elementwise_rules(view, node)


def _matmul_rules(view: View, node: Node, i: int) -> Iterator[Rule]:
    other = node.inputs[1 - i]
    here = node.label
    if i == 0:
        text = f"{{q}}: {other.text(1)} is not transposed on the way back through {here}."
        yield 1.0, ("M18",), text, lambda n, i, g, vjp: np.asarray(g) @ n.inputs[1].value
    else:
        text = f"{{q}}: {other.text(1)} is not transposed in the product that gives {{q}} ({here})."
        yield 1.2, ("M18",), text, lambda n, i, g, vjp: n.inputs[0].value @ np.asarray(g)
    loop = len(view.sites[node.site]) > 1
    state = loop and view.carried(node, 1 - i)
    for ref, value in view.alike(node, other):
        name = called(value, ref)
        if i == 0:
            text = f"{{q}}: the gradient goes back through {name} instead of {other.text(1)} ({here})."
            yield (1.1 if value.op is None else 1.7), ("M18",), text, exchanged(ref)
        elif state and ref[0] == "site" and ref[2] == 0:
            h = value.name or "h"
            yield (
                1.0 if value.op == other.op else 1.4,
                ("M42",),
                (f"{{q}}: {h}_t was used where {h}_{{t−1}} is needed (in {here})."),
                exchanged(ref),
            )
        else:
            yield 1.4, (), f"{{q}} is formed with {name} instead of {other.text(1)} ({here}).", exchanged(ref)
    text = f"{{q}}: the gradient that arrives at {here} is not used."
    yield 1.2, ("M13",), text, lambda n, i, g, vjp: vjp(n, i, ones(g))
    for child, _ in view.consumers.get(node.index, ()):
        yield from _skipping(view, node, child)
    if i == 1 and node.inputs[0].value.ndim >= 2:
        for row, word in ((0, "first"), (-1, "last")):
            text = f"{{q}} holds the contribution of the {word} example only ({here})."
            yield 1.5, (), text, _one_row(row)


def _one_row(row: int) -> Any:
    def rule(n: Node, i: int, g: Any, vjp: Any) -> Any:
        a, g = n.inputs[0].value, np.asarray(g)
        return np.multiply.outer(a[row], g[row]) if a.ndim == 2 else a[row].T @ g[row]

    return rule


def _skipping(view: View, node: Node, child: Node) -> Iterator[Rule]:
    """The gradient of a later value, taken one or two operations too early: their derivatives are missing here."""
    path = [child]
    while len(path) < 4:
        last = path[-1]
        skipped = [str(p.op) for p in path if p.op not in ("add", "sub", "reshape", "getitem", "stack")]
        if np.shape(last.value) == np.shape(node.value) and skipped:
            ids = () if last.op in ("mul", "div") else ("M12",)
            text = (
                f"{{q}} is formed with the gradient of {last.text(1)}, not with that of {node.text(1)}: "
                f"the derivative of {' and '.join(skipped)} is missing here."
            )
            yield 1.2 + 0.3 * len(path), ids, text, _early(last.site, last.count - node.count)
        after = view.consumers.get(last.index, ())
        if len(after) != 1:
            return
        path.append(after[0][0])


def _early(site: Any, offset: int) -> Any:
    def rule(n: Node, i: int, g: Any, vjp: Any) -> Any:
        group = view_of(n.tape).sites.get(site, [])
        k = n.count + offset
        up = n.tape.now[group[k].index] if 0 <= k < len(group) else None
        return vjp(n, i, g) if up is None else vjp(n, i, up)

    return rule


def _partial(n: Node, i: int, g: Any) -> Any:
    """The gradient for one operand of + − * /, before it is summed back to the operand's shape."""
    g = np.asarray(g)
    if n.op == "mul":
        return g * n.inputs[1 - i].value
    if n.op == "div":
        return g / n.inputs[1].value if i == 0 else -g * n.value / n.inputs[1].value
    return -g if n.op == "sub" and i else g


def _binary_rules(view: View, node: Node, i: int, x: Node) -> Iterator[Rule]:
    here = node.label
    if np.shape(x.value) != np.shape(node.value):
        yield from _broadcast_rules(view, node, i, x)
    text = f"{{q}}: the gradient that arrives at {here} is not used."
    yield 1.3, ("M13",), text, lambda n, i, g, vjp: vjp(n, i, ones(g))
    if node.op == "mul":
        yield from _product_rules(view, node, i, x)
    elif node.op == "div":
        b = node.inputs[1].text(1)
        if i == 1:
            text = f"{{q}}: the denominator {b} has to be squared ({here})."
            yield 1.1, (), text, lambda n, i, g, vjp: _back(n, i, -g * n.inputs[0].value / n.inputs[1].value)
            text = f"{{q}}: the numerator is missing ({here})."
            yield 1.5, (), text, lambda n, i, g, vjp: _back(n, i, -g / n.inputs[1].value ** 2)
        else:
            text = f"{{q}} is not divided by {b} ({here})."
            yield 1.1, (), text, lambda n, i, g, vjp: _back(n, i, g * np.ones_like(n.value))
            text = f"{{q}} is multiplied by {b}, not divided ({here})."
            yield 1.3, (), text, lambda n, i, g, vjp: _back(n, i, g * n.inputs[1].value)


def _back(n: Node, i: int, g: Any) -> Any:
    return unbroadcast(g, np.shape(n.inputs[i].value))


def _product_rules(view: View, node: Node, i: int, x: Node) -> Iterator[Rule]:
    other, here = node.inputs[1 - i], node.label
    text = f"{{q}}: the factor {other.text(1)} is missing ({here})."
    yield 1.2, (), text, lambda n, i, g, vjp: _back(n, i, g * np.ones_like(n.value))
    text = f"{{q}}: the gradient is multiplied by {x.text(1)} itself, not by the other factor {other.text(1)} ({here})."
    yield 1.2, (), text, lambda n, i, g, vjp: _back(n, i, g * n.inputs[i].value)
    text = f"{{q}}: {other.text(1)} is added to the gradient, not multiplied ({here})."
    yield 1.6, (), text, lambda n, i, g, vjp: _back(n, i, g + n.inputs[1 - i].value)
    text = f"{{q}}: {other.text(1)} is multiplied twice ({here})."
    yield 1.7, (), text, lambda n, i, g, vjp: _back(n, i, g * n.inputs[1 - i].value ** 2)
    text = f"{{q}} is divided by {other.text(1)}, not multiplied ({here})."
    yield 1.7, (), text, lambda n, i, g, vjp: _back(n, i, g / n.inputs[1 - i].value)
    for ref, value in view.alike(node, other):
        text = (
            f"{{q}}: the gradient is multiplied by {called(value, ref)} instead of {other.text(1)} ({here})."
        )
        yield 1.9, (), text, exchanged(ref)


def _broadcast_rules(view: View, node: Node, i: int, x: Node) -> Iterator[Rule]:
    """An operand that was repeated: its gradient is not summed, averaged, summed over the wrong axis."""
    here, other = node.label, node.inputs[1 - i]
    bias = (
        x.op is None
        and np.ndim(x.value) <= 1
        and node.op in ("add", "sub")
        and (other.op is not None or not other.needs)
    )
    ids = ("M07",) if bias else ("M07b",)
    what = (
        "{q} is not summed over the batch"
        if bias
        else f"{{q}} is not summed back to the shape of {x.text(1)}"
    )
    yield (
        0.9,
        ids,
        f"{what}: it has the shape of {node.text(1)} ({here}).",
        lambda n, i, g, vjp: _partial(n, i, g),
    )
    mean = "{q} is averaged over the batch" if bias else "{q} is averaged"
    yield 1.0, ids, f"{mean}; it should be summed: what was repeated gets the sum ({here}).", _averaged
    for row, word in ((0, "first"), (-1, "last")):
        yield 1.1, ids, f"{{q}} holds the {word} row only; the rows have to be summed ({here}).", _row(row)
    text = f"{{q}} is summed over everything: one number instead of the shape of {x.text(1)} ({here})."
    yield 1.2, ids, text, lambda n, i, g, vjp: np.asarray(np.sum(_partial(n, i, g)))
    text = f"{{q}} is summed with keepdims: it has one axis too many ({here})."
    yield 1.1, ids, text, lambda n, i, g, vjp: np.sum(_partial(n, i, g), axis=0, keepdims=True)
    if np.ndim(node.value) >= 2:
        for axis in range(1, np.ndim(node.value)):
            yield 1.1, ("M09",), f"{{q}} is summed over the wrong axis ({here}).", _summed(axis)
        if np.ndim(node.value) > np.ndim(x.value) + 1:
            text = f"{{q}} is summed over one axis only, and keeps the others ({here})."
            yield 1.1, ids, text, _summed(0)
    if bias:
        for child, _ in view.consumers.get(node.index, ()):
            yield from _skipping(view, node, child)


def _averaged(n: Node, i: int, g: Any, vjp: Any) -> Any:
    return vjp(n, i, g) * (np.size(n.inputs[i].value) / np.size(n.value))


def _row(row: int) -> Any:
    return lambda n, i, g, vjp: np.broadcast_to(_partial(n, i, g)[row], np.shape(n.inputs[i].value))


def _summed(axis: int) -> Any:
    return lambda n, i, g, vjp: np.sum(_partial(n, i, g), axis=axis)
