"""Where is the mistake? The first line of a recorded run whose array is no longer a known quantity.

`linetrace.record_lines` writes down (line, variable, array) of one run of the student's function; here the arrays are
compared with what the tape knows: values, gradients, local derivatives. Known means equal up to a factor, a transpose
or a slice in time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .linetrace import Line
from .primitives import ELEMENTWISE, PRIMITIVES
from .tape import Tape
from .values import as_array

__all__ = ["Quantities", "first_seen", "locate", "locate_gradients", "quantities", "value_quantities"]


@dataclass(frozen=True)
class Quantities:
    """Arrays that are right, and arrays that only somebody who makes the mistake gets."""

    known: tuple[np.ndarray, ...]
    wrong: tuple[np.ndarray, ...] = ()
    result: tuple[np.ndarray, ...] = ()  # the wrong value itself: wherever it appears, it is wrong
    explained: bool = False  # whether `wrong` holds every value that the mistake spoils
    named: tuple[np.ndarray, ...] = ()  # those of the known ones that have a name in the formula

    def holds(self, value: Any) -> bool:
        """Whether a value is, up to its sign, a right one that has a name: it stands in the wrong place."""
        value = np.asarray(value)
        return any(_equal(v, known) for known in self.named for v in (value, -value))


def quantities(
    tape: Tape, dout: Any = 1.0, got: Mapping[str, Any] | None = None, edited: Iterable[Any] = ()
) -> Quantities:
    """What can be recognised on a tape.

    got     the student's gradients: those that are wrong are looked for, too
    edited  gradients of all nodes under the edit that explains the mistake
    """
    known = [np.asarray(n.value) for n in tape.nodes]
    known += [np.asarray(g) for g in tape.sweep(dout) if g is not None]
    named = Quantities((), named=tuple(known))
    known += [
        np.asarray(v, float)
        for v in tape.args.values()
        if isinstance(v, np.ndarray) and v.dtype.kind in "biuf"
    ]
    known += [np.asarray(g) for g in tape.backward(dout).values()]
    if not isinstance(dout, tuple | list):
        known.append(np.asarray(dout, dtype=float))
    known += _usual(tape) + _stacked(tape, dout) + _partial_sums(tape, dout)
    wrong = [np.asarray(g) for g in edited if g is not None]
    truth = tape.backward(dout)
    for name, g in (got or {}).items():
        g = np.asarray(g)
        if name in truth and g.dtype.kind in "biuf" and not _equal(g, truth[name]):
            wrong += [] if named.holds(g) else [g.astype(float)]
            if g.shape == np.shape(dout) and g.ndim:
                with np.errstate(all="ignore"):
                    wrong.append(g / dout)  # the local derivative, where the upstream gradient is a factor
    return Quantities(tuple(known), tuple(wrong), named=named.named)


def _partial_sums(tape: Tape, dout: Any) -> list[np.ndarray]:
    """What a loop has added up so far for a shared value, from either end."""
    grads = tape.sweep(dout)
    parts: dict[int, list[np.ndarray]] = {}
    for node in tape.nodes:
        g = grads[node.index]
        for i, x in enumerate(node.inputs):
            if x.needs and g is not None:
                parts.setdefault(x.index, []).append(np.asarray(PRIMITIVES[node.op or ""].vjp(node, i, g)))
    found = []
    for several in parts.values():
        if 1 < len(several) <= 40:
            found += several
            found += list(np.cumsum(several, axis=0)[:-1]) + list(np.cumsum(several[::-1], axis=0)[:-1])
    return found


def value_quantities(tape: Tape, got: Any, edited: Iterable[Any] = ()) -> Quantities:
    """What can be recognised in a forward pass whose value is wrong; edited: values under the edit that explains it."""
    known = [np.asarray(n.value) for n in tape.nodes] + _usual(tape)
    known += [
        np.asarray(v, float)
        for v in tape.args.values()
        if isinstance(v, np.ndarray) and v.dtype.kind in "biuf"
    ]
    try:
        value = np.asarray(got, dtype=float)
    except (TypeError, ValueError):
        return Quantities(tuple(known))
    right = np.asarray(tape.outputs[0].value)
    if right.ndim == 0:  # a loss is often computed together with its gradient
        known += [np.asarray(g) for g in tape.sweep(1.0) if g is not None]
        known += [np.asarray(g) for g in tape.backward(1.0).values()] + _partial_sums(tape, 1.0)
    spoilt = tuple(map(np.asarray, edited))
    only = tuple(a for a in spoilt if a.size > 1)
    named = tuple(np.asarray(n.value) for n in tape.nodes)
    return Quantities(tuple(known), only, () if _equal(value, right) else (value,), bool(spoilt), named)


def _usual(tape: Tape) -> list[np.ndarray]:
    """What code often computes on the way: derivatives, exponentials, one-hot rows."""
    known: list[np.ndarray] = []
    for node in tape.nodes:
        rule = ELEMENTWISE.get(node.op or "")
        with np.errstate(all="ignore"):
            if rule is not None and node.op != "neg":
                x, y = node.inputs[0].value, node.value
                d = np.asarray(rule.d(x, y, **node.extra))
                known += [d, 1 - y, 1 + y, y**2, x > 0, x < 0, np.maximum(x, 0), np.minimum(x, 0), np.abs(x)]
                known += [
                    e
                    for v in (x, -x, 2 * x, -2 * x, -np.abs(x))
                    for e in (np.exp(v), 1 + np.exp(v), 1 / (1 + np.exp(v)))
                ]
            if node.op in ("softmax", "log_softmax"):
                p = node.value if node.op == "softmax" else np.exp(node.value)
                shifted = node.inputs[0].value - np.max(
                    node.inputs[0].value, axis=node.extra["axis"], keepdims=True
                )
                known += [
                    p,
                    shifted,
                    np.exp(shifted),
                    np.exp(shifted).sum(axis=node.extra["axis"], keepdims=True),
                ]
            if node.op == "pick":
                hot = np.zeros_like(node.inputs[0].value)
                np.put_along_axis(hot, np.asarray(node.extra["y"])[..., None], 1.0, axis=-1)
                known += [hot, np.exp(node.inputs[0].value) - hot, np.asarray(node.extra["y"], dtype=float)]
    return known


def _stacked(tape: Tape, dout: Any) -> list[np.ndarray]:
    """Values and gradients of all steps of a loop as one array, as vectorised code has them."""
    groups: dict[Any, list[Any]] = {}
    for node in tape.nodes:
        if node.site:
            groups.setdefault(node.site, []).append(node)
    grads = tape.sweep(dout)
    found = []
    for group in groups.values():
        if len(group) > 1 and len({np.shape(n.value) for n in group}) == 1:
            found.append(np.stack([n.value for n in group]))
            gs = [grads[n.index] for n in group]
            if all(g is not None and np.shape(g) == np.shape(gs[0]) for g in gs):
                found.append(np.stack(gs))
    return found


def locate(
    known: Quantities | Sequence[Any], trace: Sequence[Line], wrong: Sequence[Any] = (), forward: bool = False
) -> int | None:
    """The line where the mistake is first seen, or None.

    It is the first line that gives an array which only the mistake gives, or an array of more than one number that is
    not known up to a factor and a transpose. With `forward`, only the former: the trace is that of a right forward.
    Where every value that the mistake spoils is known, only these are looked for.
    """
    if not isinstance(known, Quantities):
        known = Quantities(
            tuple(np.asarray(k, float) for k in known), tuple(np.asarray(w, float) for w in wrong)
        )
    table, bad = _Table(known.known), _Table(known.wrong)
    # a right quantity in the place of the result is wrong where it is returned, not where it is computed
    result = _Table(r for r in known.result if not known.holds(r))

    def spoilt(value: np.ndarray) -> bool:
        if value.size == 0:
            return False
        plain = np.all(value == value.flat[0]) if value.size > 1 else float(value.flat[0]) in (0.0, 1.0)
        if plain:  # zeros, to begin with
            return False
        if result.has(value, scaled=False):
            return True
        return bad.has(value, scaled=False) and not table.has(value, scaled=False)

    def strange(k: int, value: np.ndarray) -> bool:
        varied = value.dtype.kind == "f" and value.size > 1 and bool(np.any(value != value.flat[0]))
        if varied and value.ndim == 3 and all(table.has(v, scaled=True) or not np.any(v) for v in value):
            return False  # some time steps of it
        return varied and not table.has(value, scaled=True) and not _unfinished(trace, k, table)

    shapes = {np.shape(a) for a in known.known}
    odd = {r.shape for r in known.result if r.ndim and shapes and r.shape not in shapes}
    for k, (line, _, value) in enumerate(trace):
        if value.shape in odd:
            return line
        if spoilt(value):
            inside = _helper(trace, k, bad) or _caller(trace, k, table)
            return _started_wrong(trace, k, table) or inside or line
        if known.explained:
            # an array of all time steps is filled step by step
            if value.ndim == 3 and any(map(spoilt, value[:64])):
                return line
        elif not forward and strange(k, value):
            return _started_wrong(trace, k, table) or _caller(trace, k, table) or line
    return _last(known.result, trace, bad)


def locate_gradients(known: Quantities, wrong: Iterable[Any], trace: Sequence[Line]) -> int | None:
    """As `locate`, for a backward pass with these wrong results; they may be right quantities in the wrong place."""
    line = locate(known, trace)
    for one in wrong if line is None else ():
        # of what is wrong only the helpers' results: the others are right quantities here
        line = line or locate(
            Quantities(known.known, known.wrong, (np.asarray(one),), True, known.named), trace
        )
    return line


def _helper(trace: Sequence[Line], k: int, bad: _Table) -> int | None:
    """The line on which a helper returned what makes a value wrong, just before: a local derivative, perhaps."""
    line, _, whole = trace[k]
    before, name, value = trace[k - 1] if k else (line, "", whole)
    if before == line or not name.startswith("return") or value.size not in (1, whole.size):
        return None
    return before if bad.has(value if value.size > 1 else np.full(whole.shape, value), scaled=False) else None


def _caller(trace: Sequence[Line], k: int, table: _Table) -> int | None:
    """The line that calls a helper which is right elsewhere."""
    line, name, value = trace[k]
    if not name.startswith("return") or not any(
        (at, other) == (line, name) and table.has(v, scaled=False) and not np.array_equal(v, value)
        for at, other, v in trace
    ):
        return None
    return next((at for at, _, v in trace[k + 1 :] if at != line and np.array_equal(v, value)), None)


def _started_wrong(trace: Sequence[Line], k: int, table: _Table) -> int | None:
    """The line that made an array of ones, or of another constant, which went into a sum that had to start from 0."""
    _, name, value = trace[k]
    last = [v for _, other, v in trace if other == name and v.shape == value.shape][-1]
    for line, _, start in trace[:k]:
        constant = start.shape == value.shape and np.any(start) and bool(np.all(start == start.flat[0]))
        if constant and (table.has(value - start, scaled=False) or table.has(last - start, scaled=False)):
            return line
    return None


def first_seen(value: Any, trace: Sequence[Line]) -> int | None:
    """The line that first gives a wrong result; of one with nan or inf, the line where such a value first appears."""
    wrong = as_array(value)
    if wrong is None or wrong.dtype.kind == "c":
        return None
    wrong = wrong.astype(float)
    if not np.all(np.isfinite(wrong)):
        return next((line for line, _, v in trace if not np.all(np.isfinite(v))), None)
    return locate(Quantities((), (), (wrong,), True), trace)


def _last(results: Sequence[np.ndarray], trace: Sequence[Line], bad: _Table) -> int | None:
    """The line that returns a result which says nothing earlier: 0, 1, an argument, a right quantity in the wrong place."""
    table = _Table(results)
    found: dict[str, int | None] = {}
    for k, (line, name, value) in enumerate(trace):
        if name.startswith("return"):  # of functions that hand on what another one returned, the innermost
            inner = found.get(name) or _helper(trace, k, bad) or line
            found[name] = inner if table.has(value, scaled=False) else None
    return next((line for line in found.values() if line is not None), None)


def _unfinished(trace: Sequence[Line], k: int, table: _Table) -> bool:
    """Whether an array is being filled entry by entry, from zeros, or to something that is known in the end."""
    _, name, value = trace[k]
    states = [v for _, other, v in trace[k + 1 :] if other == name and v.shape == value.shape]
    if not states:
        return False
    same = states[0] == value
    if not np.any(same & (value != 0)) or np.all(same):
        return False
    return not np.any(value[~same]) or table.has(states[-1], scaled=True)


class _Table:
    """Arrays, looked up by content: any orientation, with or without a factor."""

    def __init__(self, arrays: Iterable[np.ndarray]) -> None:
        self.by_size: dict[int, list[np.ndarray]] = {}
        for a in arrays:
            self._add(a)
            if a.ndim == 3:
                for step in a:
                    self._add(step)

    def _add(self, a: np.ndarray) -> None:
        if a.size and np.all(np.isfinite(a)):
            rows = self.by_size.setdefault(a.size, [])
            rows.append(np.ravel(a).astype(float))
            if a.ndim > 1:
                rows.append(np.ravel(a.T).astype(float))
                rows.append(np.ravel(a[::-1]).astype(float))

    def has(self, value: np.ndarray, scaled: bool) -> bool:
        v = np.ravel(value).astype(float)
        rows = self.by_size.get(v.size)
        if not rows or not np.all(np.isfinite(v)):
            return False
        matrix = np.asarray(rows)
        tol = 1e-6 if value.dtype == np.float32 else 1e-9
        top = float(np.max(np.abs(v)))
        if not scaled:
            return bool(np.any(np.max(np.abs(matrix - v), axis=1) <= tol * max(top, 1e-300)))
        norms = np.sum(matrix * matrix, axis=1)
        usable = norms > 0
        factors = (matrix[usable] @ v) / norms[usable]
        gap = np.max(np.abs(factors[:, None] * matrix[usable] - v), axis=1, initial=0.0)
        return bool(np.any(gap <= tol * max(top, 1e-300)))


def _equal(a: np.ndarray, b: Any) -> bool:
    b = np.asarray(b)
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-9, atol=1e-12))
