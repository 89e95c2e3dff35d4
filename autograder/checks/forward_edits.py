"""Mistakes in a forward formula, enumerated from the tape: the operation that was done instead of the right one.

An edit rewrites the operation at a site while the model is recorded again; its value is compared with the student's,
and its backward pass with gradients that are right for that wrong forward.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .diagnosis import Diagnosis, compared, of
from .diagnosis import hints as hints_for
from .errors import ModelError
from .factors import factors, name_factor, ratio
from .gradcheck import tolerance
from .primitives import ELEMENTWISE
from .search import RTOL, Candidate, Case
from .tape import Node, Site, Tape, record
from .views import View, view_of

__all__ = ["ForwardEdit", "explain_value", "forward_edits", "forward_gradients"]

Rewrite = Callable[[Tape, str, tuple[Node, ...], dict[str, Any]], Node]
_ACTIVATIONS = ("sigmoid", "tanh", "relu", "softplus", "hardtanh", "leaky_relu")
_BATCH_AXES = 3


@dataclass(frozen=True)
class ForwardEdit:
    """Another operation at a site; the sentence is about {q}."""

    cost: float
    ids: tuple[str, ...]
    text: str
    site: Site
    rewrite: Rewrite


def forward_edits(view: View) -> list[ForwardEdit]:
    """All single edits of the forward pass, the likelier ones first."""
    found = [
        ForwardEdit(cost, ids, text, site, rewrite)
        for site, group in view.sites.items()
        for cost, ids, text, rewrite in _rules(group[-1], view)
    ]
    found.sort(key=lambda e: e.cost)
    return found


Rule = tuple[float, tuple[str, ...], str, Rewrite]


def _input(k: int) -> Rewrite:
    return lambda t, op, xs, extra: t.plain("add", (xs[k], t.constant(0.0)))


def _as(name: str, **more: Any) -> Rewrite:
    return lambda t, op, xs, extra: t.plain(name, xs, {**more})


def _same_op(**changed: Any) -> Rewrite:
    return lambda t, op, xs, extra: t.plain(op, xs, {**extra, **changed})


def _after(name: str, **more: Any) -> Rewrite:
    return lambda t, op, xs, extra: t.plain(name, (t.plain(op, xs, extra),), more)


def _before(name: str, which: int = 0, **more: Any) -> Rewrite:
    return lambda t, op, xs, extra: t.plain(
        op, tuple(t.plain(name, (x,), more) if k == which else x for k, x in enumerate(xs)), extra
    )


def _times(factor: Callable[[Tape, tuple[Node, ...], dict[str, Any]], float]) -> Rewrite:
    return lambda t, op, xs, extra: t.plain("mul", (t.plain(op, xs, extra), t.constant(factor(t, xs, extra))))


def _rules(node: Node, view: View) -> Iterator[Rule]:
    op, here = node.op or "", node.label
    if op in ("add", "sub"):
        yield from _sum_rules(node)
    elif op in ("mul", "div"):
        a, b = (x.text(1) for x in node.inputs)
        yield 1.2, (), f"{{q}}: the factor {b} is missing in {here}.", _input(0)
        if op == "mul":
            yield 1.2, (), f"{{q}}: the factor {a} is missing in {here}.", _input(1)
            yield 1.4, (), f"{{q}}: {a} and {b} are added, not multiplied, in {here}.", _as("add")
            yield 1.5, (), f"{{q}}: {a} is divided by {b}, not multiplied, in {here}.", _as("div")
        else:
            yield 1.3, (), f"{{q}}: {a} is multiplied by {b}, not divided, in {here}.", _as("mul")
            yield (
                1.5,
                (),
                f"{{q}}: numerator and denominator are exchanged in {here}.",
                lambda t, op, xs, e: t.plain(op, xs[::-1]),
            )
    elif op == "matmul":
        for k in (0, 1):
            yield (
                1.1,
                ("M18",),
                f"{{q}}: {node.inputs[k].text(1)} is transposed in {here}.",
                _before("transpose", k, axes=None),
            )
        yield (
            1.4,
            (),
            f"{{q}}: the factors of {here} are exchanged.",
            lambda t, op, xs, e: t.plain(op, xs[::-1]),
        )
        yield (
            1.4,
            (),
            f"{{q}}: an elementwise product stands where the matrix product {here} is needed.",
            _as("mul"),
        )
    elif op in ("sum", "mean", "max"):
        yield from _reduction_rules(node)
    elif op in ("softmax", "log_softmax"):
        yield from _softmax_rules(node)
    elif op in ("pick", "take", "getitem", "concat", "stack", "reshape", "transpose", "conv1d", "maxpool1d"):
        yield from _index_rules(node)
    elif op in ELEMENTWISE or op == "pow":
        yield from _elementwise_rules(node)
    for k, x in enumerate(node.inputs):
        if x.op is None and not x.needs and np.ndim(x.value) == 0 and op in ("mul", "div", "add", "sub"):
            for c, word in ((2.0, "twice"), (0.5, "half")):
                yield (
                    1.3,
                    ("M03",),
                    f"{{q}}: the constant {x.text()} in {here} is {word} what it should be.",
                    _scaled_input(k, c),
                )


def _scaled_input(k: int, c: float) -> Rewrite:
    return lambda t, op, xs, extra: t.plain(
        op, tuple(t.plain("mul", (x, t.constant(c))) if i == k else x for i, x in enumerate(xs)), extra
    )


def _sum_rules(node: Node) -> Iterator[Rule]:
    op, here = node.op or "", node.label
    for k in (0, 1):
        x = node.inputs[k]
        what = "the bias" if x.op is None and np.ndim(x.value) <= 1 else "the term"
        sign = "" if op == "add" or k == 0 else "-"
        yield (
            1.0,
            (),
            f"{{q}}: {what} {sign}{x.text(1)} is missing in {here}.",
            (_input(1 - k) if op == "add" or k == 1 else _negative(1)),
        )
        yield 1.3, ("M03",), f"{{q}}: {what} {x.text(1)} is counted twice in {here}.", _scaled_input(k, 2.0)
    other = "sub" if op == "add" else "add"
    yield 1.1, ("M01",), f"{{q}}: the sign of {node.inputs[1].text(1)} is wrong in {here}.", _as(other)
    yield (
        1.2,
        ("M01",),
        f"{{q}}: the sign of {node.inputs[0].text(1)} is wrong in {here}.",
        (lambda t, op, xs, extra: t.plain(op, (t.plain("neg", (xs[0],)), xs[1]))),
    )
    yield (
        1.5,
        (),
        f"{{q}}: the terms of {here} are multiplied, not {'added' if op == 'add' else 'subtracted'}.",
        _as("mul"),
    )


def _negative(k: int) -> Rewrite:
    return lambda t, op, xs, extra: t.plain("neg", (xs[k],))


def _elementwise_rules(node: Node) -> Iterator[Rule]:
    op, here = node.op or "", node.label
    if op == "neg":
        yield 1.0, ("M01",), f"{{q}}: the minus sign of {here} is missing.", _input(0)
        return
    yield 1.0, (), f"{{q}}: {op} is missing in {here}.", _input(0)
    yield (
        1.2,
        (),
        f"{{q}}: {op} is applied twice in {here}.",
        lambda t, op, xs, e: t.plain(op, (t.plain(op, xs, e),), e),
    )
    if op in _ACTIVATIONS:
        for other in _ACTIVATIONS:
            if other != op:
                yield 1.2, (), f"{{q}}: {other} stands where {op} is needed in {here}.", _as(other)
        yield 1.3, (), f"{{q}}: the sign inside {op} is wrong in {here}.", _before("neg")
        yield (
            1.3,
            (),
            f"{{q}}: the derivative of {op} stands where {op} itself is needed in {here}.",
            _derived,
        )
    if op == "leaky_relu":
        yield (
            1.3,
            (),
            f"{{q}}: the slope alpha is on the wrong side in {here}.",
            (lambda t, op, xs, e: t.plain("neg", (t.plain(op, (t.plain("neg", xs),), e),))),
        )
        alpha = node.extra.get("alpha", 0.01)
        yield 1.3, (), f"{{q}}: the slope below 0 is -alpha in {here}.", _same_op(alpha=-alpha)
        yield 1.3, (), f"{{q}}: the slope alpha is not used in {here}.", _same_op(alpha=0.01)
    if op == "log":
        for base, word in ((2.0, "2"), (10.0, "10")):
            ids = ("M04",) if base == 2.0 else ()
            yield (
                1.0,
                ids,
                f"{{q}}: the logarithm in {here} has base {word}; natural logarithms are asked for.",
                _times(lambda t, xs, e, base=base: 1 / math.log(base)),
            )
    if op == "square":
        yield 1.1, (), f"{{q}}: the absolute value stands where the square is needed in {here}.", _as("abs")
    if op == "abs":
        yield (
            1.1,
            (),
            f"{{q}}: the square stands where the absolute value is needed in {here}.",
            _as("square"),
        )
    if op == "exp":
        yield 1.1, ("M01",), f"{{q}}: the sign of the exponent is wrong in {here}.", _before("neg")
    if op == "pow":
        for p in (1, -1):
            yield 1.3, (), f"{{q}}: the exponent of {here} is off by one.", _same_op(p=node.extra["p"] + p)
        yield 1.2, (), f"{{q}}: the sign of the exponent of {here} is wrong.", _same_op(p=-node.extra["p"])


def _derived(t: Tape, op: str, xs: tuple[Node, ...], extra: dict[str, Any]) -> Node:
    y = t.plain(op, xs, extra)
    return t.constant(ELEMENTWISE[op].d(xs[0].value, y.value, **extra))


def _reduction_rules(node: Node) -> Iterator[Rule]:
    op, here, axis = node.op or "", node.label, node.extra["axis"]
    x = node.inputs[0]
    count = lambda xs, e: xs[0].value.size / max(np.sum(np.ones_like(xs[0].value), axis=e["axis"]).size, 1)  # noqa: E731
    if op == "mean":
        yield (
            1.0,
            ("M02",),
            f"{{q}}: the sum is not divided by the number of terms in {here}.",
            _as("sum", **node.extra),
        )
    if op == "sum":
        yield (
            1.1,
            ("M02",),
            f"{{q}}: a mean stands where the sum is needed in {here}.",
            _as("mean", **node.extra),
        )
        yield (
            1.2,
            ("M05",),
            f"{{q}}: the sum in {here} is divided by the number of its terms.",
            _times(lambda t, xs, e: 1 / count(xs, e)),
        )
    if op == "max":
        yield (
            1.2,
            (),
            f"{{q}}: the smallest entry is taken, not the largest, in {here}.",
            (lambda t, op, xs, e: t.plain("neg", (t.plain(op, (t.plain("neg", xs),), e),))),
        )
        yield (
            1.3,
            (),
            f"{{q}}: the mean is taken, not the largest entry, in {here}.",
            _as("mean", **node.extra),
        )
        yield 1.4, (), f"{{q}}: the sum is taken, not the largest entry, in {here}.", _as("sum", **node.extra)
    elif axis is not None:
        yield 1.5, (), f"{{q}}: the maximum is taken in {here}.", _as("max", **node.extra)
    for other in (None, *range(min(x.value.ndim, _BATCH_AXES))):
        if other != axis and not (
            axis is not None and isinstance(axis, int) and other == axis % x.value.ndim
        ):
            where = "over everything" if other is None else f"along axis {other}"
            yield (
                1.0,
                ("M09",),
                f"{{q}}: the {op} in {here} runs {where} instead of axis {axis}.",
                _same_op(axis=other),
            )
    if op in ("sum", "mean") and axis is not None and x.op == "square":
        yield 1.2, (), f"{{q}}: a root is taken of {here}.", _after("sqrt")


def _softmax_rules(node: Node) -> Iterator[Rule]:
    op, here, axis = node.op or "", node.label, node.extra["axis"]
    for other in range(node.value.ndim):
        if other != axis % node.value.ndim:
            yield (
                1.0,
                ("M09",),
                f"{{q}}: softmax runs along axis {other} instead of axis {axis} in {here}.",
                _same_op(axis=other),
            )
    yield 1.0, ("M22",), f"{{q}}: softmax is applied twice in {here}.", _before("softmax", axis=axis)
    if op == "log_softmax":
        yield (
            1.0,
            ("M04",),
            f"{{q}}: the logarithm in {here} has base 2; natural logarithms are asked for.",
            _times(lambda t, xs, e: 1 / math.log(2)),
        )
        yield (
            1.2,
            (),
            f"{{q}}: the normalisation is missing: the scores themselves are used in {here}.",
            _input(0),
        )
        yield (
            1.2,
            (),
            f"{{q}}: the logarithm is missing: probabilities are used in {here}.",
            _as("softmax", axis=axis),
        )
        yield (
            1.2,
            (),
            f"{{q}}: softmax is normalised over everything instead of each row in {here}.",
            _over_all,
        )
    else:
        yield 1.2, (), f"{{q}}: the exponentials are not normalised in {here}.", _as("exp")
        yield 1.2, (), f"{{q}}: the scores are normalised without exponentials in {here}.", _plain_share
        yield (
            1.2,
            (),
            f"{{q}}: the logarithm of the probabilities is returned in {here}.",
            _as("log_softmax", axis=axis),
        )
        yield (
            1.3,
            (),
            f"{{q}}: the exponentials are normalised over everything instead of each row in {here}.",
            _over_all,
        )
        yield 1.3, (), f"{{q}}: the sign of the scores is wrong in {here}.", _before("neg")


def _over_all(t: Tape, op: str, xs: tuple[Node, ...], extra: dict[str, Any]) -> Node:
    flat = t.plain("reshape", xs, {"shape": (-1,)})
    return t.plain("reshape", (t.plain(op, (flat,), {"axis": -1}),), {"shape": xs[0].value.shape})


def _plain_share(t: Tape, op: str, xs: tuple[Node, ...], extra: dict[str, Any]) -> Node:
    total = t.plain("sum", xs, {"axis": extra["axis"], "keepdims": True})
    return t.plain("div", (xs[0], total))


def _index_rules(node: Node) -> Iterator[Rule]:
    op, here = node.op or "", node.label
    if op in ("pick", "take"):
        key = "y" if op == "pick" else "ids"
        size = node.inputs[0].value.shape[-1 if op == "pick" else 0]
        for shift in (1, -1):
            yield 1.0, ("M34",), f"{{q}}: the index in {here} is off by one.", _shifted(key, shift, wrap=True)
            yield (
                1.0,
                ("M34",),
                f"{{q}}: the index in {here} is off by one.",
                _shifted(key, shift, wrap=False),
            )
        yield (
            1.3,
            (),
            f"{{q}}: the first index is used for every row in {here}.",
            _mapped(key, lambda k: np.full_like(k, k.flat[0])),
        )
        yield (
            1.3,
            (),
            f"{{q}}: the indices are taken in reversed order in {here}.",
            _mapped(key, lambda k: k[::-1]),
        )
        del size
    elif op == "getitem":
        for shift in (1, -1):
            for axis in (0, -1):
                yield 1.2, ("M34",), f"{{q}}: the slice {here} is off by one.", _rolled(shift, axis)
    elif op in ("concat", "stack"):
        yield (
            1.1,
            (),
            f"{{q}}: the parts of {here} stand in reversed order.",
            lambda t, op, xs, e: t.plain(op, xs[::-1], e),
        )
        if op == "concat":
            for k in range(len(node.inputs)):
                yield 1.2, ("M51",), f"{{q}}: a part of {here} is turned round in time.", _turned_part(k)
        for axis in range(node.inputs[0].value.ndim):
            if axis != node.extra["axis"] % max(node.value.ndim, 1):
                yield 1.2, (), f"{{q}}: {here} joins along axis {axis}.", _same_op(axis=axis)
    elif op == "reshape":
        yield 1.0, ("M10",), f"{{q}}: the reshape {here} groups the entries in another order.", _fortran
    elif op == "transpose":
        yield (
            1.0,
            ("M10",),
            f"{{q}}: a reshape stands where the transpose {here} is needed.",
            (
                lambda t, op, xs, e: t.plain(
                    "reshape", xs, {"shape": np.transpose(xs[0].value, e["axes"]).shape}
                )
            ),
        )
        yield 1.1, (), f"{{q}}: the transpose {here} is missing.", _input(0)
    elif op == "conv1d":
        yield (
            1.0,
            (),
            f"{{q}}: the kernel is flipped in {here}: a convolution instead of a cross-correlation.",
            (
                lambda t, op, xs, e: t.plain(
                    op, (xs[0], t.plain("getitem", (xs[1],), {"index": (..., slice(None, None, -1))}))
                )
            ),
        )
        yield (
            1.2,
            (),
            f"{{q}}: only the first channel is used in {here}.",
            (
                lambda t, op, xs, e: t.plain(
                    op, tuple(t.plain("getitem", (x,), {"index": (slice(None), slice(0, 1))}) for x in xs)
                )
            ),
        )
    elif op == "maxpool1d":
        yield (
            1.2,
            (),
            f"{{q}}: the mean is taken, not the maximum, in {here}.",
            (lambda t, op, xs, e: t.constant(_blocks(xs[0].value, e["k"]).mean(axis=-1))),
        )
        yield (
            1.2,
            (),
            f"{{q}}: the minimum is taken, not the maximum, in {here}.",
            (lambda t, op, xs, e: t.constant(_blocks(xs[0].value, e["k"]).min(axis=-1))),
        )
        yield (
            1.3,
            (),
            f"{{q}}: the windows of {here} move by 1, not by k.",
            (
                lambda t, op, xs, e: t.constant(
                    np.lib.stride_tricks.sliding_window_view(xs[0].value, e["k"], axis=-1).max(axis=-1)
                )
            ),
        )


def _blocks(x: Any, k: int) -> Any:
    n = x.shape[-1] // k
    return x[..., : n * k].reshape(*x.shape[:-1], n, k)


def _shifted(key: str, shift: int, wrap: bool) -> Rewrite:
    def rewrite(t: Tape, op: str, xs: tuple[Node, ...], extra: dict[str, Any]) -> Node:
        size = xs[0].value.shape[-1 if key == "y" else 0]
        moved = np.asarray(extra[key]) + shift
        return t.plain(op, xs, {**extra, key: moved % size if wrap else np.clip(moved, 0, size - 1)})

    return rewrite


def _mapped(key: str, f: Callable[[Any], Any]) -> Rewrite:
    return lambda t, op, xs, extra: t.plain(op, xs, {**extra, key: f(np.asarray(extra[key]))})


def _rolled(shift: int, axis: int) -> Rewrite:
    return lambda t, op, xs, extra: t.plain(
        op, (t.plain("take", xs, {"ids": np.roll(np.arange(xs[0].value.shape[0]), shift)}) if axis == 0 else _roll_last(t, xs[0], shift),), extra
    )  # fmt: skip


def _roll_last(t: Tape, x: Node, shift: int) -> Node:
    order = np.roll(np.arange(x.value.shape[-1]), shift)
    return t.plain("getitem", (x,), {"index": (..., order)})


def _turned_part(k: int) -> Rewrite:
    return lambda t, op, xs, extra: t.plain(
        op,
        tuple(
            t.plain("getitem", (x,), {"index": slice(None, None, -1)}) if i == k else x
            for i, x in enumerate(xs)
        ),
        extra,
    )


def _fortran(t: Tape, op: str, xs: tuple[Node, ...], extra: dict[str, Any]) -> Node:
    x = xs[0]
    shape = np.reshape(x.value, extra["shape"]).shape
    order = np.reshape(np.arange(x.value.size).reshape(x.value.shape), shape, order="F")
    flat = t.plain("reshape", (x,), {"shape": (-1,)})
    return t.plain("take", (flat,), {"ids": order})


def _recorded(
    model: Callable[..., Any], args: Mapping[str, Any], wrt: Sequence[str], edit: ForwardEdit
) -> Tape | None:
    try:
        with np.errstate(all="ignore"):
            return record(model, args, wrt, {edit.site: edit.rewrite})
    except (ModelError, ValueError, IndexError, TypeError, KeyError, AttributeError):
        return None


def forward_gradients(
    model: Callable[..., Any],
    wrt: Sequence[str],
    cases: Sequence[Case],
    wrong: frozenset[str],
    seconds: float = 0.3,
) -> list[Candidate]:
    """Forward edits whose right backward pass gives what the student got."""
    until = time.perf_counter() + seconds
    found: list[Candidate] = []
    for edit in forward_edits(view_of(cases[0].tape)):
        if time.perf_counter() > until:
            break
        names, joint = wrong, True
        for case in cases:
            tape = _recorded(model, case.tape.args, wrt, edit)
            if tape is None or np.shape(tape.outputs[0].value) != np.shape(case.tape.outputs[0].value):
                names = frozenset()
                break
            g = tape.backward(case.dout)
            names = frozenset(n for n in names if case.fits(n, g[n]))
            joint = joint and all(case.fits(n, g[n]) for n in case.got)
            if not names:
                break
        if names and (joint or edit.cost <= 1.2):
            text = edit.text.replace("{q}: ", "{q} is the gradient of another function: ")
            found.append(Candidate(edit.cost + 0.6, edit.ids, text, names, joint, of_forward=True))
    return found


def explain_value(
    model: Callable[..., Any], instances: Sequence[tuple[Mapping[str, Any], Any]], seconds: float = 0.6
) -> Diagnosis:
    """The edit of the forward pass that gives the student's values, on every instance."""
    until = time.perf_counter() + seconds
    wrt = _variables(instances[0][0])
    tapes = [record(model, args, wrt) for args, _ in instances]
    try:
        got = [_as_value(v) for _, v in instances]
    except (TypeError, ValueError):
        return Diagnosis([], f"The result is a {type(instances[0][1]).__name__}, expected an array.")
    want = [np.asarray(t.outputs[0].value) for t in tapes]
    q = "The result"
    if any(np.any(np.isnan(g) | np.isinf(g)) and np.all(np.isfinite(w)) for g, w in zip(got, want)):
        return _overflow(tapes, got, want, q)
    if all(_equal(g, w) for g, w in zip(got, want)):
        return Diagnosis([], "")
    order = sorted(range(len(got)), key=lambda k: _equal(got[k], want[k]))
    tapes, got, want = ([x[k] for k in order] for x in (tapes, got, want))
    args = [instances[k][0] for k in order]
    options = _whole_value(tapes, got, want)
    for edit in forward_edits(view_of(tapes[0])):
        if time.perf_counter() > until or (options and edit.cost > min(o[0] for o in options) + 0.05):
            break
        if all(
            (t := _recorded(model, a, wrt, edit)) is not None and _equal(g, np.asarray(t.outputs[0].value))
            for a, g in zip(args, got)
        ):
            options.append((edit.cost, edit.ids, edit.text))
    line = compared(q, got[0], want[0])
    if not options:
        return Diagnosis(
            [],
            "The result is wrong; the numbers fit no mistake that is known here.",
            line,
            None,
            hints_for([], "the result", line),
        )
    options.sort(key=lambda o: o[0])
    cost, ids, text = options[0]
    rivals = [o for o in options[1:] if o[0] <= cost + 0.05 and set(o[1]) != set(ids)]
    sentence = text.replace("{q}: ", "").replace("{q}", q)
    if rivals:
        second = rivals[0][2].replace("{q}: ", "").replace("{q}", "the result")
        sentence = f"Either {sentence.rstrip('.')}, or {second}"
        ids = tuple(dict.fromkeys((*ids, *rivals[0][1])))
    sentence = sentence[:1].upper() + sentence[1:]
    return Diagnosis(list(ids), sentence, line, None, hints_for(list(ids), "the result", sentence))


def _variables(args: Mapping[str, Any]) -> tuple[str, ...]:
    """The arguments that are arrays of real numbers: only operations on those are on the tape."""

    def real(value: Any) -> bool:
        if isinstance(value, Mapping):
            return any(real(v) for v in value.values())
        if isinstance(value, tuple | list):
            return bool(value) and all(real(v) for v in value)
        return isinstance(value, np.ndarray) and value.dtype.kind == "f"

    return tuple(name for name, value in args.items() if real(value) and name != "mask")


def _as_value(value: Any) -> np.ndarray:
    return np.asarray(value, dtype=float) if np.asarray(value).dtype != np.float32 else np.asarray(value)


def _equal(got: np.ndarray, want: np.ndarray) -> bool:
    if got.shape != want.shape:
        return False
    largest = float(np.max(np.abs(want[np.isfinite(want)]), initial=0.0))
    tol = max(RTOL * 1e-2 * largest, tolerance(want, got))
    with np.errstate(all="ignore"):
        return bool(np.all((np.abs(got - want) <= tol) | (got == want) | (np.isnan(got) & np.isnan(want))))


def _overflow(tapes: Sequence[Tape], got: Sequence[Any], want: Sequence[Any], q: str) -> Diagnosis:
    """nan or inf where the right value is finite: an exponential overflows, if the inputs are large enough."""
    for tape, g, w in zip(tapes, got, want):
        if np.any(~np.isfinite(g)):
            risky = any(
                n.op in ("exp", "softmax", "log_softmax", "softplus", "sigmoid", "tanh", "log")
                for n in tape.nodes
            )
            large = any(n.value.size and np.max(np.abs(n.value), initial=0.0) > 30 for n in tape.nodes)
            if risky and large:
                return of("M23", evidence=compared(q, g, w), q=q)
            return Diagnosis(
                [],
                f"{q} holds nan or inf.",
                compared(q, g, w),
                None,
                hints_for([], "the result", "Look for a division by 0 or a log of 0."),
            )
    return Diagnosis([], "")


def _whole_value(
    tapes: Sequence[Tape], got: Sequence[Any], want: Sequence[Any]
) -> list[tuple[float, tuple[str, ...], str]]:
    """What can be seen from the value alone: a factor, a transpose, a root, a broadcast to (N, N)."""
    options: list[tuple[float, tuple[str, ...], str]] = []
    values = [
        ratio(g, w, max(RTOL * float(np.max(np.abs(g), initial=0.0)), 1e-300)) for g, w in zip(got, want)
    ]
    if all(v is not None for v in values):
        factor = name_factor([float(v) for v in values if v is not None], [factors(t.args) for t in tapes])
        if factor is not None and factor.text != "1":
            ids, text = factor.ids, f"{{q}} is {factor.text} times what it should be."
            if factor.text == "-1":
                text = "{q} has the wrong sign."
            if factor.per_element:
                ids, text = (
                    ("M05",),
                    f"{{q}} is {factor.text} times what it should be: the mean runs over all elements, not over the batch.",
                )
            options.append((0.9 + factor.cost, ids, text))
    if all(w.ndim > 1 and g.shape == w.shape[::-1] and _equal(g, w.T) for g, w in zip(got, want)):
        options.append((0.9, ("M06",), "{q} is transposed."))
    elif all(
        g.shape != w.shape and g.size == w.size and _equal(g.ravel(), w.ravel()) for g, w in zip(got, want)
    ):
        options.append(
            (1.0, (), f"{{q}} has the right numbers in the shape {got[0].shape}, expected {want[0].shape}.")
        )
    elif all(w.ndim == 1 and g.shape == (w.size, w.size) for g, w in zip(got, want)):
        options.append(
            (1.0, ("M08",), f"{{q}} has the shape {got[0].shape}: an (N, 1) and an (N,) array were combined.")
        )
    for f, text in (
        (np.sqrt, "a root is taken"),
        (np.square, "it is squared"),
        (np.exp, "an exponential is taken"),
        (np.log, "a logarithm is taken"),
        (np.abs, "the absolute value is taken"),
    ):
        with np.errstate(all="ignore"):
            if all(_equal(g, f(w)) for g, w in zip(got, want)):
                options.append((1.3, (), f"{{q}}: {text} of the right result."))
    return options
