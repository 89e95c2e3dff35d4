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

__all__ = ["Quantities", "locate", "quantities", "value_quantities"]


@dataclass(frozen=True)
class Quantities:
    """Arrays that are right, and arrays that only somebody who makes the mistake gets."""

    known: tuple[np.ndarray, ...]
    wrong: tuple[np.ndarray, ...] = ()
    result: tuple[np.ndarray, ...] = ()  # the wrong value itself: wherever it appears, it is wrong


def quantities(
    tape: Tape, dout: Any = 1.0, got: Mapping[str, Any] | None = None, edited: Iterable[Any] = ()
) -> Quantities:
    """What can be recognised on a tape.

    got     the student's gradients: those that are wrong are looked for, too
    edited  gradients of all nodes under the edit that explains the mistake
    """
    known = [np.asarray(n.value) for n in tape.nodes]
    known += [np.asarray(g) for g in tape.sweep(dout) if g is not None]
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
            wrong.append(g.astype(float))
            if g.shape == np.shape(dout) and g.ndim:
                with np.errstate(all="ignore"):
                    wrong.append(g / dout)  # the local derivative, where the upstream gradient is a factor
    return Quantities(tuple(known), tuple(wrong))


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


def value_quantities(tape: Tape, got: Any) -> Quantities:
    """What can be recognised in a forward pass whose value is wrong."""
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
    return Quantities(tuple(known), (), () if _equal(value, right) else (value,))


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
    """
    if not isinstance(known, Quantities):
        known = Quantities(
            tuple(np.asarray(k, float) for k in known), tuple(np.asarray(w, float) for w in wrong)
        )
    table = _Table(known.known)
    bad = _Table(known.wrong)
    result = _Table(known.result)
    for line, _, value in trace:
        if result.has(value, scaled=False) and (value.size > 1 or float(value.ravel()[0]) not in (0.0, 1.0)):
            return line
        if bad.has(value, scaled=False) and not table.has(value, scaled=False):
            return line
        if (
            not forward
            and value.size > 1
            and np.any(value != value.flat[0])
            and not table.has(value, scaled=True)
        ):
            return line
    return None


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
