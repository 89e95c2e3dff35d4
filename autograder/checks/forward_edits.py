"""Which wrong forward formula gives the student's value, or the student's gradients?

An edit rewrites the operation at a site while the model is recorded again (`forward_mistakes` says how); its value is
compared with the student's, and its backward pass with gradients that are right for that wrong forward.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .cases import Candidate, Case
from .errors import ModelError
from .factors import is_size
from .forward_mistakes import ACTIVATIONS, FORWARD, Step
from .tape import Node, Site, Tape, record
from .views import View, view_of

__all__ = ["FORMULAS", "ForwardEdit", "edited_value", "forward_edits", "forward_gradients", "recorded"]

# how a wrong forward is differentiated: as it is; by the right formulas with its values; by those with its inputs
FORMULAS = ("edit", "value", "input")
_SECONDS = 0.25  # of CPU, for a search among the edits of the forward pass
Rewrite = Callable[[Tape, str, tuple[Node, ...], dict[str, Any]], Node]


@dataclass(frozen=True)
class ForwardEdit:
    """Another operation at a site; the sentence is about {q}."""

    cost: float
    ids: tuple[str, ...]
    text: str
    site: Site
    rewrite: Rewrite
    twins: tuple[Site, ...] = ()  # further places where the same helper is called


def forward_edits(view: View) -> list[ForwardEdit]:
    """All single edits of the forward pass, the likelier ones first."""
    found = []
    for site, group in view.sites.items():
        node = group[-1]
        for cost, ids, text, instead in FORWARD.get(node.op or "", ()):
            if ids == "M51" and not view.both_ways:
                ids = ""
            if view.normalises and node.op in ("mean", "sqrt") and not ids:
                ids = "M28"
            if node.op == "sum" and ids == "M02 M05" and _averaged(view):
                ids, text = "M05", "the mean runs over all elements, not over the batch"
            if (lost := {"{a} is missing": 0, "{b} is missing": 1}.get(text)) is not None:
                ids = "M45" if node.op == "add" and _of_a_state(node.inputs[lost]) else ids
            if text == "the division by {b} is missing" and _by_a_size(view, node):
                ids = "M02"
            found.append(
                ForwardEdit(cost, tuple(ids.split()), _sentence(text, node), site, _rewrite(instead))
            )
        found += _other_axes(node, site)
        found += _constants(node, site)
        found += _masks_and_labels(node, site, view)
    found += _one_more_activation(view)
    for site, i in view.loops():
        found += [_not_carried(view, site, i, through) for through in (False, True)]
        found.append(_from_zero(view, site, i))
    found += _at_twins(view, found) + _no_bias_anywhere(view)
    found.sort(key=lambda e: e.cost)
    return found


def _one_more_activation(view: View) -> list[ForwardEdit]:
    """An activation of the model is applied to its result, too."""
    out = view.tape.outputs[0]
    used = [op for op in ACTIVATIONS if any(node.op == op for node in view.tape.nodes)]
    if out.op in used or out.site not in view.sites or len(view.sites[out.site]) > 1:
        return []
    return [
        ForwardEdit(1.35, (), f"{{q}}: {op} is applied to the result, too.", out.site, _rewrite(_then(op)))
        for op in used
    ]


def _then(op: str) -> Callable[[Step], Node]:
    return lambda s: s.do(op, s.again())


def _no_bias_anywhere(view: View) -> list[ForwardEdit]:
    """Several layers, none of which adds its bias."""
    last = {site: group[-1] for site, group in view.sites.items() if group[-1].op == "add"}
    sites = tuple(site for site, node in last.items() if _bias(node.inputs[-1]).startswith("the bias"))
    if len(sites) < 2:
        return []
    without = _rewrite(lambda s: s.keep(s.a))
    return [ForwardEdit(1.25, (), "{q}: the biases are missing in all layers.", sites[0], without, sites[1:])]


def _of_a_state(x: Node) -> bool:
    """Whether a term is what the state before contributes to a step."""
    return x.op == "matmul" and (x.inputs[0].name or "") in ("h", "h0", "h_prev")


def _by_a_size(view: View, node: Node) -> bool:
    """Whether a value is divided by a size of the data."""
    by = node.inputs[1]
    return not by.needs and np.ndim(by.value) == 0 and is_size(float(by.value), view.tape.args)


def _averaged(view: View) -> bool:
    """Whether the value is a loss: a mean over the batch."""
    means = any(node.op == "mean" for node in view.tape.nodes)
    return means and np.ndim(view.tape.outputs[0].value) == 0


def _at_twins(view: View, found: Sequence[ForwardEdit]) -> list[ForwardEdit]:
    """One mistake in a helper that is called from several places."""
    groups: dict[Any, list[ForwardEdit]] = {}
    numbers: dict[Any, int] = {}
    for e in found:
        if len(view.twins.get(e.site[0], ())) > 1:
            key = (e.site, e.cost, e.ids)
            numbers[key] = numbers.get(key, 0) + 1
            groups.setdefault((e.site[0], e.cost, e.ids, numbers[key]), []).append(e)
    return [replace(g[0], twins=tuple(e.site for e in g[1:])) for g in groups.values() if len(g) > 1]


def _rewrite(instead: Callable[[Step], Node]) -> Rewrite:
    return lambda tape, op, xs, extra: instead(Step(tape, op, xs, extra))


def _sentence(text: str, node: Node) -> str:
    names = [_bias(x) for x in node.inputs]
    for key, value in (("op", str(node.op)), ("a", names[0]), ("b", names[-1])):
        text = text.replace("{" + key + "}", value)
    return f"{{q}}: {text} (in {node.label})."


def _bias(x: Node) -> str:
    bias = x.op is None and x.needs and np.ndim(x.value) <= 1
    return f"the bias {x.text(1)}" if bias and (x.name or "").startswith(("b", "c")) else x.text(1)


def _other_axes(node: Node, site: Site) -> list[ForwardEdit]:
    """A reduction along another axis."""
    if node.op not in ("sum", "mean", "max"):
        return []
    axis, dims = node.extra["axis"], node.inputs[0].value.ndim
    found = []
    for other in (None, *range(min(dims, 3))):
        if other != axis and not (isinstance(axis, int) and other == axis % dims):
            where = "over everything" if other is None else f"along axis {other}"
            text = f"{{q}}: the {node.op} runs {where} instead of axis {axis} (in {node.label})."
            for keepdims in (bool(node.extra["keepdims"]), True):
                found.append(ForwardEdit(1.0, ("M09",), text, site, _along(other, keepdims)))
    return found


def _along(axis: int | None, keepdims: bool) -> Rewrite:
    return _rewrite(lambda s: s.again(axis=axis, keepdims=keepdims))


def _masks_and_labels(node: Node, site: Site, view: View) -> list[ForwardEdit]:
    """A mask that is not applied; a state that pads go on changing."""
    found = []
    masked = [x for x in node.inputs if x.op == "mul" and any("mask" in (y.name or "") for y in x.inputs)]
    if node.op == "add" and len(masked) == 2:
        last = np.shape(view.tape.outputs[0].value) == np.shape(node.value)
        for k in (0, 1):
            text = f"{{q}}: pads change the state: the mask is not used (in {node.label})."
            found.append(ForwardEdit(1.0, ("M52",) if last else ("M50",), text, site, _unmasked(k)))
    for k, x in enumerate(node.inputs):
        if node.op == "mul" and "mask" in (x.name or ""):
            text = f"{{q}}: the mask is missing: positions of padding are counted (in {node.label})."
            found.append(ForwardEdit(0.95, ("M50",), text, site, _kept(1 - k)))
    return found


def _unmasked(k: int) -> Rewrite:
    def rewrite(s: Step) -> Node:
        inside = s.xs[k].inputs
        return s.keep(inside[1] if "mask" in (inside[0].name or "") else inside[0])

    return _rewrite(rewrite)


def _kept(k: int) -> Rewrite:
    return _rewrite(lambda s: s.keep(s.xs[k]))


def _not_carried(view: View, site: Site, i: int, through: bool) -> ForwardEdit:
    """Every step of a loop starts from the initial state; `through`: its gradient goes to the step before all the same."""

    def rewrite(tape: Tape, op: str, xs: tuple[Node, ...], extra: dict[str, Any]) -> Node:
        start = tape.starts.setdefault(site, xs[i])
        if through:
            start = tape.plain("add", (xs[i], tape.constant(start.value - xs[i].value)), {})
        return tape.plain(op, tuple(start if k == i else x for k, x in enumerate(xs)), extra)

    text = f"{{q}}: the state is not carried on: every step starts from the initial state (in {view.sites[site][-1].label})."
    return ForwardEdit(1.15 if through else 1.1, ("M45",), text, site, rewrite)


def _from_zero(view: View, site: Site, i: int) -> ForwardEdit:
    """The initial state is zero instead of what it should be."""

    def rewrite(tape: Tape, op: str, xs: tuple[Node, ...], extra: dict[str, Any]) -> Node:
        first = site not in tape.starts
        tape.starts.setdefault(site, xs[i])
        return tape.plain(
            op,
            tuple(
                tape.plain("mul", (x, tape.constant(0.0))) if first and k == i else x
                for k, x in enumerate(xs)
            ),
            extra,
        )

    name = view.sites[site][0].inputs[i].text(1)
    text = f"{{q}}: the initial state is zero instead of {name} (in {view.sites[site][0].label})."
    return ForwardEdit(1.1, ("M52",) if name == "context" else ("M45",), text, site, rewrite)


def _constants(node: Node, site: Site) -> list[ForwardEdit]:
    """A constant of the formula that is twice, or half, of what it should be, or lacks."""
    found = []
    for k, x in enumerate(node.inputs):
        if x.op is None and not x.needs and np.ndim(x.value) == 0 and node.op in ("mul", "div", "add", "sub"):
            for c, word in ((2.0, "twice"), (0.5, "half of")):
                text = f"{{q}}: the constant {x.text()} is {word} what it should be (in {node.label})."
                found.append(ForwardEdit(1.3, ("M03",), text, site, _scaled(k, c)))
    return found


def _scaled(k: int, c: float) -> Rewrite:
    return _rewrite(lambda s: s.again(*(s.do("mul", x, c) if i == k else x for i, x in enumerate(s.xs))))


def recorded(
    model: Callable[..., Any],
    args: Mapping[str, Any],
    wrt: Sequence[str],
    edit: ForwardEdit,
    how: str = "edit",
) -> Tape | None:
    """The tape of the wrong forward, with the derivatives that one of FORMULAS says; None where the edit does not fit."""

    def keep_rule(tape: Tape, op: str, xs: tuple[Node, ...], extra: dict[str, Any]) -> Node:
        node, value = tape.plain(op, xs, extra), edit.rewrite(tape, op, xs, extra).value
        if how == "input":
            return tape.plain("add", (node, tape.constant(value - node.value)), {})
        node.value = value
        return node

    try:
        change = edit.rewrite if how == "edit" else keep_rule
        return record(model, args, wrt, dict.fromkeys((edit.site, *edit.twins), change))
    except (ModelError, ValueError, IndexError, TypeError, KeyError, AttributeError):
        return None


def edited_value(tape: Tape, edit: ForwardEdit) -> np.ndarray | None:
    """The value of the wrong forward: only what depends on the edited operations is computed again."""
    again = Tape()
    again.args, again.constants = tape.args, tape.constants
    places, new = {edit.site, *edit.twins}, dict[int, Node]()
    try:
        with np.errstate(all="ignore"):
            for node in tape.nodes:
                if node.op is None or not (node.site in places or any(x.index in new for x in node.inputs)):
                    continue
                change = edit.rewrite if node.site in places else Tape.plain
                xs = tuple(new.get(x.index, x) for x in node.inputs)
                new[node.index] = change(again, node.op, xs, node.extra)
    except (ModelError, ValueError, IndexError, TypeError, KeyError, AttributeError):
        return None
    out = tape.outputs[0]
    return np.asarray(new.get(out.index, out).value)


def forward_gradients(
    model: Callable[..., Any],
    wrt: Sequence[str],
    cases: Sequence[Case],
    wrong: frozenset[str],
    until: float,
) -> list[Candidate]:
    """Forward edits whose right backward pass, or the right backward formulas on their values, give what was got."""
    until = min(until, time.process_time() + _SECONDS)
    found: list[Candidate] = []
    for edit in forward_edits(view_of(cases[0].tape)):
        for how in FORMULAS[:2]:
            if time.process_time() > until:
                return found
            names, joint = _explained(model, wrt, cases, wrong, edit, how)
            if names and (joint or edit.cost <= 1.2):
                text = edit.text.replace("{q}: ", "{q}: another function is differentiated: ")
                cost = edit.cost + (0.6 if how == FORMULAS[0] else 0.7)
                found.append(Candidate(cost, edit.ids, text, names, joint, of_forward=True))
    return found


def _explained(
    model: Callable[..., Any],
    wrt: Sequence[str],
    cases: Sequence[Case],
    names: frozenset[str],
    edit: ForwardEdit,
    how: str,
) -> tuple[frozenset[str], bool]:
    """For which gradients a forward edit holds on all instances, and whether for all that there are."""
    joint = True
    for case in cases:
        tape = recorded(model, case.tape.args, wrt, edit, how)
        if tape is None or np.shape(tape.outputs[0].value) != np.shape(case.tape.outputs[0].value):
            return frozenset(), False
        try:
            g = tape.backward(case.dout)
        except (ValueError, IndexError):
            return frozenset(), False
        names = frozenset(n for n in names if case.fits(n, g[n]))
        joint = joint and all(case.fits(n, g[n]) for n in case.got)
        if not names:
            return names, False
    return names, joint
