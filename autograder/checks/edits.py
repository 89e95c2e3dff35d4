"""Mistakes in a backward pass, enumerated from the tape: every edit with its cost, its sentence and its ids.

The list is generated: every input of every operation gives the mistakes of that operation (`mistakes`), and those that
need its surroundings: an operand exchanged for another value of that shape, a gradient taken one operation too early.
Loops and shared values add those of time and fan-out (`time_edits`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .editing import EdgeRule, Edit, at_site, called, exchanged, together
from .factors import is_size
from .formulas import FORMULAS, SLIP_IDS, SLIPS
from .graph_edits import order_edits
from .mistakes import ACTIVATION, BIAS, BROADCAST, LOCAL, At, Row
from .primitives import ELEMENTWISE
from .tape import Node, Site
from .time_edits import (
    carried_edits,
    last_output_edits,
    leaf_edits,
    loop_edits,
    mixed_edits,
    shared_edits,
    turned_edits,
    window_edits,
)
from .views import Ref, View, view_of

__all__ = ["backward_edits"]

Rule = tuple[float, str, str, EdgeRule]  # cost, ids, sentence, what happens at the edge


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
            for k, (cost, ids, text, rule) in enumerate(_rules(view, node, i, x)):
                sentence = _sentence(text, node, i)
                ids = "" if ids == "M51" and not view.both_ways else ids
                edits.append(
                    Edit(cost, tuple(ids.split()), sentence, at_site(site, i, rule), reach, site, f"{i}.{k}")
                )
            if len(group) > 1:
                edits += _scaled_steps(site, i, node, reach)
            if (site, i) in loops:
                edits += loop_edits(view, site, i, reach)
                edits += carried_edits(view, site, i, reach)
            edits += leaf_edits(view, site, i)
            edits += mixed_edits(view, site, i)
        edits += last_output_edits(view, site)
    edits += turned_edits(view)
    edits += window_edits(view)
    edits += shared_edits(view)
    edits += order_edits(view)
    edits += _at_twins(view, edits)
    edits.sort(key=lambda e: e.cost)
    return edits


def _at_twins(view: View, edits: list[Edit]) -> list[Edit]:
    """One mistake in a helper that is called from several places."""
    found = []
    by_place: dict[Any, list[Edit]] = {}
    for e in edits:
        if e.site and len(view.twins.get(e.site[0], ())) > 1:
            by_place.setdefault((e.site[0], e.cost, e.ids, e.kind), []).append(e)
    for group in by_place.values():
        if len({e.site for e in group}) == len(group) > 1:
            reach = frozenset().union(*(e.reach for e in group))
            found.append(
                Edit(group[0].cost, group[0].ids, group[0].text, together(group), reach, group[0].site)
            )
    return found


def _scaled_steps(site: Site, i: int, node: Node, reach: frozenset[str]) -> Iterator[Edit]:
    """A sign or a factor at every step of a loop: it is raised to a power on the way back."""
    for c, id, words in (
        (-1.0, "M01", "has the wrong sign"), (2.0, "M03", "is twice what it should be"), (0.5, "M03", "is half of what it should be"),
    ):  # fmt: skip
        text = f"{{q}}: the gradient that goes back to {node.inputs[i].text(1)} {words} at every step (in {node.label})."
        yield Edit(1.25, (id,), text, at_site(site, i, _times(c)), reach, site)
    text = f"{{q}}: the gradient that goes back to {node.inputs[i].text(1)} is divided by the batch size at every step (in {node.label})."
    yield Edit(1.35, ("M02",), text, at_site(site, i, _per_example), reach, site)


def _times(c: float) -> EdgeRule:
    return lambda n, i, g, vjp: c * vjp(n, i, g)


def _per_example(n: Node, i: int, g: Any, vjp: Any) -> Any:
    return vjp(n, i, g) / max(np.shape(g)[:1] or (1,))


def _sentence(text: str, node: Node, i: int) -> str:
    """The full sentence: subject, mistake, place."""
    other = node.inputs[1 - i].text(1) if len(node.inputs) == 2 else ""
    where = "" if "{here}" in text else f" (in {node.label})"
    for name, value in (
        ("op", str(node.op)),
        ("here", node.label),
        ("x", node.inputs[i].text(1)),
        ("other", other),
    ):
        text = text.replace("{" + name + "}", value)
    return f"{text}{where}." if text.startswith("{q}") else f"{{q}}: {text}{where}."


def _rules(view: View, node: Node, i: int, x: Node) -> Iterator[Rule]:
    """The mistakes at one input of one operation."""
    op = node.op or ""
    if op in ELEMENTWISE or op == "pow":
        yield from _rows([] if op == "neg" else ACTIVATION)
        yield from _elementwise(view, node)
        return
    side = {
        "div": ("numerator", "denominator"),
        "matmul": ("left", "right"),
        "prelu": ("input", "slope"),
    }.get(op)
    end = (
        op in ("pick", "sum", "mean", "log_softmax", "sub", "div")
        and np.ndim(view.tape.outputs[0].value) == 0
    )
    yield from _rows(LOCAL[f"{op}, {side[i]}" if side else op], of_a_loss=end)
    if op in ("sum", "mean") and x.op is None:
        yield (
            1.1,
            "M07b",
            "{q} keeps the shape of the sum: it has to be spread over what was summed",
            lambda n, i, g, vjp: np.asarray(g),
        )
    if op in ("add", "sub", "mul", "div", "prelu") and np.shape(x.value) != np.shape(node.value):
        other = node.inputs[1 - i]
        leaf = x.inputs[0] if x.op == "reshape" else x
        bias = (
            leaf.op is None
            and np.ndim(leaf.value) <= 1
            and op in ("add", "sub")
            and (other.op is not None or not other.needs)
        )
        yield from _rows(BIAS if bias else BROADCAST)
        if bias:
            yield from _too_early(view, node)
    if op == "mul" and "mask" in (node.inputs[1 - i].name or ""):
        yield 1.0, "M50", "the mask is missing: positions of padding are counted", lambda n, i, g, vjp: g
    if op == "div" and i == 0 and not node.inputs[1].needs and np.ndim(node.inputs[1].value) == 0:
        c = float(node.inputs[1].value)
        yield (
            1.05,
            "M02" if is_size(c, view.tape.args) else "",
            "the gradient is not divided by {other}",
            lambda n, i, g, vjp: g,
        )
    if op == "pick":
        yield from _other_labels(view, node)
    if op == "take" and len(view.sites[node.site]) > 1:
        text = "a row is overwritten whenever its id occurs again; repeated ids have to add up"
        yield 0.95, "M33", text, _overwritten_rows
    if op in ("matmul", "mul"):
        yield from _operands(view, node, i)
    if op == "matmul":
        yield from _too_early(view, node)


def _rows(rows: list[Row], of_a_loss: bool = False) -> Iterator[Rule]:
    for cost, ids, text, gradient in rows:
        if ids == "M13" and of_a_loss:
            continue  # the upstream gradient of a loss is 1: nobody can ignore it
        yield cost, ids, text, _as_rule(gradient)


def _as_rule(gradient: Any) -> EdgeRule:
    return lambda n, i, g, vjp: gradient(At(n, i, g))


def _elementwise(view: View, node: Node) -> Iterator[Rule]:
    """The derivative of an activation at the wrong place, misspelt, or that of another activation."""
    op = node.op or ""
    rule = ELEMENTWISE.get(op)
    if op == "neg":
        return
    if rule is not None:
        before = node.inputs[0].text(1)
        if rule.of_output is not None:
            text = f"the derivative of {{op}} is formed as from the output, but with {before} from before it"
            yield 1.1, "M11", text, _of_input(rule.of_output)
        text = (
            f"the derivative of {{op}} is taken at the output {node.text(1)}: the activation is applied twice"
        )
        yield (
            1.15,
            "M11",
            text,
            lambda n, i, g, vjp: g * rule.d(n.value, rule.f(n.value, **n.extra), **n.extra),
        )
        for ref, other in view.alike(node, node.inputs[0]):
            for form in (rule.of_output, rule.of_input):
                if form is not None and other is not node:
                    text = (
                        f"the derivative of {{op}} is taken at {called(other, ref)} instead of its own place"
                    )
                    yield 1.6, "M11", text, _elsewhere(ref, form)
    for written, slip in SLIPS.get(op, ()):
        yield (
            1.5,
            SLIP_IDS.get((op, written), ""),
            f"the derivative of {{op}} is written as {written}",
            _slipped(slip),
        )
    for name, formula in FORMULAS.items():
        if not name.startswith(op):
            yield (
                1.7,
                "",
                f"the derivative of {name} stands where that of {{op}} is needed",
                _slipped(formula),
            )


def _of_input(form: Any) -> EdgeRule:
    return lambda n, i, g, vjp: g * form(n.inputs[0].value)


def _slipped(form: Any) -> EdgeRule:
    takes_extra = bool(form.__defaults__)
    return lambda n, i, g, vjp: g * form(n.inputs[0].value, n.value, **(n.extra if takes_extra else {}))


def _elsewhere(ref: Ref, form: Any) -> EdgeRule:
    def rule(n: Node, i: int, g: Any, vjp: Any) -> Any:
        place = view_of(n.tape).find(ref, n)
        return vjp(n, i, g) if place is None else g * form(place.value)

    return rule


def _overwritten_rows(n: Node, i: int, g: Any, vjp: Any) -> Any:
    """dE[ids] = d in the loop: what a later step put there is lost."""
    full = np.zeros_like(n.inputs[0].value)
    so_far = n.tape.now[n.inputs[0].index]
    ids = np.asarray(n.extra["ids"]).reshape(-1)
    full[ids] = np.asarray(g).reshape(len(ids), -1)
    if so_far is not None:
        full[np.unique(ids)] -= so_far[np.unique(ids)]
    return full


def _other_labels(view: View, node: Node) -> Iterator[Rule]:
    """The labels are taken from another argument of whole numbers."""
    labels = {
        name: v for name, v in view.tape.args.items()
        if isinstance(v, np.ndarray) and v.dtype.kind in "iu" and v.ndim == node.extra["y"].ndim + (len(view.sites[node.site]) > 1)
    }  # fmt: skip
    steps = len(view.sites[node.site]) > 1
    own = [k for k, v in labels.items() if np.array_equal(v[node.count] if steps else v, node.extra["y"])]
    for name, other in labels.items():
        if own and name not in own and other.shape == labels[own[0]].shape:

            def rule(n: Node, i: int, g: Any, vjp: Any, name: str = name) -> Any:
                y = n.tape.args[name]
                return At(n, i, g).at_labels(lambda _, C: y[n.count] if steps else y)

            yield 1.1, "M21", f"the one-hot vector has its 1 at {name} instead of {own[0]}", rule


def _operands(view: View, node: Node, i: int) -> Iterator[Rule]:
    """The other operand of a product, exchanged for another value of its shape."""
    other = node.inputs[1 - i]
    if other.op == "getitem" and np.ndim(other.inputs[0].value) == 1:
        for shift in (1, -1):
            yield 1.3, "M34", "the slice {other} is off by one on the way back", _shifted_operand(shift)
    state = len(view.sites[node.site]) > 1 and view.carried(node, 1 - i)
    for ref, value in view.alike(node, other):
        name = called(value, ref)
        if node.op == "mul":
            yield 1.9, "", f"the gradient is multiplied by {name} instead of {{other}}", exchanged(ref)
        elif i == 0 and other.op is None:
            cost = 1.1 if value.op is None else 1.7
            yield cost, "M18", f"the gradient goes back through {name} instead of {{other}}", exchanged(ref)
        elif (
            _state_before(other) and value.index > node.index and value.op in ELEMENTWISE and ref[0] == "site"
        ):
            text = f"{other.text(1)} is the state before the step: h_t ({name}) was used where h_{{t−1}} is needed"
            yield 1.0, "M42", text, exchanged(ref)
        elif state and ref[0] == "site" and ref[2] == 0:
            h = value.name or "h"
            cost = 1.0 if value.op == other.op else 1.4
            yield cost, "M42", f"{h}_t was used where {h}_{{t−1}} is needed", exchanged(ref)
        else:
            yield 1.4, "", f"{{q}} is formed with {name} instead of {{other}}", exchanged(ref)


def _shifted_operand(shift: int) -> EdgeRule:
    def rule(n: Node, i: int, g: Any, vjp: Any) -> Any:
        part = n.inputs[1 - i]
        moved = At(n, i, g).standing_for(np.roll(part.inputs[0].value, shift)[part.extra["index"]])
        return vjp(moved, i, g)

    return rule


def _state_before(leaf: Node) -> bool:
    return leaf.op is None and leaf.needs and (leaf.name or "") in ("h", "h0", "h_prev")


def _too_early(view: View, node: Node) -> Iterator[Rule]:
    """The gradient of a later value is used: the derivatives of one or two operations are missing here."""
    for child, _ in view.consumers.get(node.index, ()):
        path = [child]
        while len(path) < 4:
            last = path[-1]
            skipped = [str(p.op) for p in path if p.op not in ("add", "sub", "reshape", "getitem", "stack")]
            if np.shape(last.value) == np.shape(node.value) and skipped:
                ids = "" if last.op in ("mul", "div") else "M12"
                text = (
                    f"{{q}} is formed with the gradient of {last.text(1)}, not with that of {node.text(1)}: "
                    f"the derivative of {' and '.join(skipped)} is missing"
                )
                yield 1.2 + 0.3 * len(path), ids, text, _early(last.site, last.count - node.count)
            after = view.consumers.get(last.index, ())
            if len(after) != 1:
                break
            path.append(after[0][0])


def _early(site: Any, offset: int) -> EdgeRule:
    def rule(n: Node, i: int, g: Any, vjp: Any) -> Any:
        group = view_of(n.tape).sites.get(site, [])
        k = n.count + offset
        up = n.tape.now[group[k].index] if 0 <= k < len(group) else None
        return vjp(n, i, g) if up is None else vjp(n, i, up)

    return rule
