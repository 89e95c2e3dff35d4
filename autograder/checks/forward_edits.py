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

from .diagnosis import Diagnosis, compared, hints, of
from .errors import ModelError
from .factors import Factor, factors, name_factor, ratio
from .forward_mistakes import FORWARD, Step
from .gradcheck import tolerance
from .primitives import sigmoid
from .search import RTOL, Candidate, Case
from .tape import Node, Site, Tape, record
from .views import View, view_of

__all__ = ["ForwardEdit", "explain_value", "forward_edits", "forward_gradients", "variables"]

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
            if view.normalises and node.op in ("mean", "sqrt") and not ids:
                ids = "M28"
            found.append(
                ForwardEdit(cost, tuple(ids.split()), _sentence(text, node), site, _rewrite(instead))
            )
        found += _other_axes(node, site)
        found += _constants(node, site)
        found += _masks_and_labels(node, site, view)
    for site, i in view.loops():
        found += [_not_carried(view, site, i), _from_zero(view, site, i)]
    found += _at_twins(view, found)
    found.sort(key=lambda e: e.cost)
    return found


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


def _not_carried(view: View, site: Site, i: int) -> ForwardEdit:
    """Every step of a loop starts from the initial state."""

    def rewrite(tape: Tape, op: str, xs: tuple[Node, ...], extra: dict[str, Any]) -> Node:
        start = tape.starts.setdefault(site, xs[i])
        return tape.plain(op, tuple(start if k == i else x for k, x in enumerate(xs)), extra)

    text = f"{{q}}: the state is not carried on: every step starts from the initial state (in {view.sites[site][-1].label})."
    return ForwardEdit(1.1, ("M45",), text, site, rewrite)


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


def _recorded(
    model: Callable[..., Any],
    args: Mapping[str, Any],
    wrt: Sequence[str],
    edit: ForwardEdit,
    value_only: bool = False,
) -> Tape | None:
    """The tape of the wrong forward; with `value_only` its derivatives are those of the right formula."""

    def keep_rule(tape: Tape, op: str, xs: tuple[Node, ...], extra: dict[str, Any]) -> Node:
        node = tape.plain(op, xs, extra)
        node.value = edit.rewrite(tape, op, xs, extra).value
        return node

    try:
        change = keep_rule if value_only else edit.rewrite
        return record(model, args, wrt, dict.fromkeys((edit.site, *edit.twins), change))
    except (ModelError, ValueError, IndexError, TypeError, KeyError, AttributeError):
        return None


def forward_gradients(
    model: Callable[..., Any],
    wrt: Sequence[str],
    cases: Sequence[Case],
    wrong: frozenset[str],
    seconds: float = 0.25,
) -> list[Candidate]:
    """Forward edits whose right backward pass, or the right backward formulas on their values, give what was got."""
    until = time.perf_counter() + seconds
    found: list[Candidate] = []
    for edit in forward_edits(view_of(cases[0].tape)):
        for value_only in (False, True):
            if time.perf_counter() > until:
                return found
            names, joint = _explained(model, wrt, cases, wrong, edit, value_only)
            if names and (joint or edit.cost <= 1.2):
                text = edit.text.replace("{q}: ", "{q}: another function is differentiated: ")
                cost = edit.cost + (0.7 if value_only else 0.6)
                found.append(Candidate(cost, edit.ids, text, names, joint, of_forward=True))
    return found


def _explained(
    model: Callable[..., Any],
    wrt: Sequence[str],
    cases: Sequence[Case],
    names: frozenset[str],
    edit: ForwardEdit,
    value_only: bool,
) -> tuple[frozenset[str], bool]:
    """For which gradients a forward edit holds on all instances, and whether for all that there are."""
    joint = True
    for case in cases:
        tape = _recorded(model, case.tape.args, wrt, edit, value_only)
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


def explain_value(
    model: Callable[..., Any], instances: Sequence[tuple[Mapping[str, Any], Any]], seconds: float = 0.4
) -> Diagnosis:
    """The edit of the forward pass that gives the student's values, on every instance."""
    until = time.perf_counter() + seconds
    wrt = variables(model, instances[0][0])
    tapes = [record(model, args, wrt) for args, _ in instances]
    try:
        got = [_as_value(v) for _, v in instances]
    except (TypeError, ValueError):
        return Diagnosis([], f"The result is a {type(instances[0][1]).__name__}, expected an array.")
    want = [np.asarray(t.outputs[0].value) for t in tapes]
    if any(np.any(~np.isfinite(g)) and np.all(np.isfinite(w)) for g, w in zip(got, want)):
        return _overflow(tapes, got, want)
    wrong = [k for k in range(len(got)) if not _equal(got[k], want[k])]
    if not wrong:
        return Diagnosis([], "")
    order = wrong + [k for k in range(len(got)) if k not in wrong]
    tapes, got, want = [tapes[k] for k in order], [got[k] for k in order], [want[k] for k in order]
    options = _whole_value(tapes, got, want)
    for edit in forward_edits(view_of(tapes[0])):
        if time.perf_counter() > until or (options and edit.cost > min(o[0] for o in options) + 0.05):
            break
        values = _values(model, [t.args for t in tapes], wrt, edit)
        if values is None:
            continue
        if all(_equal(g, v) for g, v in zip(got, values)):
            options.append((edit.cost, edit.ids, edit.text))
        elif (factor := _factor(tapes, got, values)) is not None and edit.cost < 1.3:
            text = edit.text[:-1] + f"; beside that, the result is {factor.text} times what it should be."
            options.append((edit.cost + 1.0 + factor.cost, (*edit.ids, *factor.ids), text))
    line = compared("The result", got[0], want[0])
    if not options:
        text = "The result is wrong; the numbers fit no mistake that is known here."
        return Diagnosis([], text, line, None, hints([], "the result", line))
    options.sort(key=lambda o: o[0])
    cost, ids, text = options[0]
    sentence = text.replace("{q}: ", "").replace("{q}", "The result")
    rivals = [o for o in options[1:] if o[0] <= cost + 0.05 and set(o[1]) != set(ids)]
    if rivals:
        second = rivals[0][2].replace("{q}: ", "").replace("{q}", "the result")
        sentence = f"either {sentence.rstrip('.')}, or {second}"
        ids = tuple(dict.fromkeys((*ids, *rivals[0][1])))
    sentence = sentence[:1].upper() + sentence[1:]
    return Diagnosis(list(ids), sentence, line, None, hints(list(ids), "the result", sentence))


def _values(
    model: Callable[..., Any], args: Sequence[Mapping[str, Any]], wrt: Sequence[str], edit: ForwardEdit
) -> list[np.ndarray] | None:
    """What a wrong forward gives on all instances."""
    values = []
    for a in args:
        tape = _recorded(model, a, wrt, edit)
        if tape is None:
            return None
        values.append(np.asarray(tape.outputs[0].value))
    return values


def _factor(tapes: Sequence[Tape], got: Sequence[Any], values: Sequence[Any]) -> Factor | None:
    """The named constant between the student's values and others, on all instances."""
    ratios = []
    for g, v in zip(got, values):
        c = ratio(g, v, max(RTOL * float(np.max(np.abs(g), initial=0.0)), 1e-300))
        if c is None:
            return None
        ratios.append(c)
    found = name_factor(ratios, [factors(t.args) for t in tapes])
    return found if found is not None and found.text != "1" and found.cost < 2 else None


def variables(model: Callable[..., Any], args: Mapping[str, Any]) -> tuple[str, ...]:
    """The arguments that are arrays of real numbers: only operations on those are on the tape.

    A model may hand some of them to NumPy itself; these are left out.
    """
    names = _real_arrays(args)
    for chosen in (names, *(tuple(n for n in names if n != out) for out in names), *((n,) for n in names)):
        try:
            record(model, args, chosen)
            return chosen
        except (ModelError, TypeError, ValueError):
            continue
    return ()


def _real_arrays(args: Mapping[str, Any]) -> tuple[str, ...]:

    def real(value: Any) -> bool:
        if isinstance(value, Mapping):
            return any(real(v) for v in value.values())
        if isinstance(value, tuple | list):
            return bool(value) and all(real(v) for v in value)
        return isinstance(value, np.ndarray) and value.dtype.kind == "f"

    return tuple(name for name, value in args.items() if real(value) and name != "mask")


def _as_value(value: Any) -> np.ndarray:
    array = np.asarray(value)
    return array if array.dtype == np.float32 else np.asarray(value, dtype=float)


def _equal(got: np.ndarray, want: np.ndarray) -> bool:
    if got.shape != want.shape:
        return False
    largest = float(np.max(np.abs(want[np.isfinite(want)]), initial=0.0))
    tol = max(RTOL * 1e-2 * largest, tolerance(want, got))
    with np.errstate(all="ignore"):
        return bool(np.all((np.abs(got - want) <= tol) | (got == want) | (np.isnan(got) & np.isnan(want))))


def _overflow(tapes: Sequence[Tape], got: Sequence[Any], want: Sequence[Any]) -> Diagnosis:
    """nan or inf where the right value is finite: an exponential overflows, if the inputs are large enough."""
    tape, g, w = next((t, g, w) for t, g, w in zip(tapes, got, want) if np.any(~np.isfinite(g)))
    line = compared("The result", g, w)
    risky = any(
        n.op in ("exp", "softmax", "log_softmax", "softplus", "sigmoid", "tanh", "log") for n in tape.nodes
    )
    if risky and any(np.max(np.abs(n.value), initial=0.0) > 30 for n in tape.nodes):
        return of("M23", evidence=line, q="The result")
    text = "The result holds nan or inf."
    return Diagnosis(
        [], text, line, None, hints([], "the result", "Look for a division by 0 or a logarithm of 0.")
    )


Option = tuple[float, tuple[str, ...], str]


def _whole_value(tapes: Sequence[Tape], got: Sequence[Any], want: Sequence[Any]) -> list[Option]:
    """What can be seen from the value alone: a factor, a transpose, a root, a broadcast to (N, N)."""
    options: list[Option] = []
    pairs = list(zip(got, want))
    factor = _factor(tapes, got, want)
    if factor is not None:
        ids, text = factor.ids, f"{{q}} is {factor.text} times what it should be."
        if factor.text == "-1":
            text = "{q} has the wrong sign."
        if factor.per_element:
            ids, text = ("M05",), text[:-1] + ": the mean runs over all elements, not over the batch."
        options.append((0.9 + factor.cost, ids, text))
    if all(w.ndim > 1 and g.shape == w.shape[::-1] and _equal(g, w.T) for g, w in pairs):
        options.append((0.9, ("M06",), "{q} is transposed."))
    elif all(g.shape != w.shape and g.size == w.size and _equal(g.ravel(), w.ravel()) for g, w in pairs):
        text = f"{{q}} has the right numbers in the shape {got[0].shape}, expected {want[0].shape}."
        options.append((1.0, (), text))
    elif all(w.ndim == 1 and g.shape == (w.size, w.size) for g, w in pairs):
        text = f"{{q}} has the shape {got[0].shape}: an (N, 1) and an (N,) array were combined."
        options.append((1.0, ("M08",), text))
    for f, what in (
        (np.tanh, "tanh"), (sigmoid, "a sigmoid"), (lambda x: np.maximum(x, 0), "relu"), (np.sqrt, "a root"), (np.square, "the square"), (np.exp, "an exponential"), (np.log, "a logarithm"), (np.abs, "the absolute value"),
    ):  # fmt: skip
        with np.errstate(all="ignore"):
            if all(_equal(g, f(w)) for g, w in pairs):
                options.append((1.4, (), f"{{q}}: {what} is taken of the right result."))
    return options
