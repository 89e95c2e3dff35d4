"""What can be recognised in a run of a student's function: what is right, and what only a mistake gives.

Right is what the tape knows: values, gradients, local derivatives, partial sums. A mistake gives the student's own wrong
results, and all values under the edit of the tape that explains them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .factors import ratio
from .primitives import ELEMENTWISE, PRIMITIVES
from .tape import Tape

__all__ = ["Quantities", "and_steps", "equal", "quantities", "value_quantities"]


@dataclass(frozen=True)
class Quantities:
    """Arrays that are right, and arrays that only somebody who makes the mistake gets."""

    known: tuple[np.ndarray, ...]
    wrong: tuple[np.ndarray, ...] = ()
    result: tuple[np.ndarray, ...] = ()  # the wrong value itself: wherever it appears, it is wrong
    explained: bool = False  # whether `wrong` holds every value that the mistake spoils
    named: tuple[np.ndarray, ...] = ()  # those of the known ones that have a name in the formula
    given: tuple[np.ndarray, ...] = ()  # those that nobody computes: arguments
    displaced: tuple[np.ndarray, ...] = ()  # right ones that the mistake puts in the place of others
    factors: tuple[float, ...] = ()  # what the mistake multiplies a gradient by
    pairs: tuple[tuple[np.ndarray, np.ndarray], ...] = ()  # wrong results, and what is right there

    def holds(self, value: Any) -> bool:
        """Whether a value is, up to its sign, a right one that has a name: it stands in the wrong place."""
        value = np.asarray(value)
        return any(equal(v, known) for known in self.named for v in (value, -value))

    def computed(self, value: np.ndarray) -> bool:
        """Whether a right solution computes this value on the way."""
        return self.holds(value) and not self.argument(value)

    def argument(self, value: np.ndarray) -> bool:
        """Whether a value is an argument, or a time step of one."""
        return any(equal(value, step) for a in self.given for step in and_steps(a))


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
    if isinstance(mask := tape.args.get("mask"), np.ndarray) and mask.shape == np.shape(dout)[: mask.ndim]:
        known.append(np.asarray(dout) * mask.reshape(mask.shape + (1,) * (np.ndim(dout) - mask.ndim)))
    edited = list(edited)
    wrong = [np.asarray(g) for g in edited if g is not None]
    truth = tape.backward(dout)
    pairs = []
    for name, g in (got or {}).items():
        g = np.asarray(g)
        if name in truth and g.dtype.kind in "biuf" and not equal(g, truth[name]):
            pairs.append((g, np.asarray(truth[name])))
            wrong += [] if named.holds(g) else [g.astype(float)]
            if g.shape == np.shape(dout) and g.ndim:
                with np.errstate(all="ignore"):
                    wrong.append(g / dout)  # the local derivative, where the upstream gradient is a factor
    first = list(_spoilt_first(tape, dout, edited))
    return Quantities(
        tuple(known),
        tuple(wrong),
        named=named.named,
        given=tuple(a for a in (dout, *tape.args.values()) if isinstance(a, np.ndarray)),
        displaced=tuple(g for g, _ in first if any(equal(g, a) for a in known)),
        factors=tuple(c for g, r in first if (c := ratio(g, r, 1e-9 * float(np.max(np.abs(g)))))),
        pairs=tuple(pairs),
    )


def _spoilt_first(tape: Tape, dout: Any, edited: Sequence[Any]) -> Iterator[tuple[np.ndarray, Any]]:
    """Gradients under an edit whose users have the right one, and the right ones; all where only a factor is known."""
    right = tape.sweep(dout)
    users: dict[int, list[int]] = {}
    for node in tape.nodes:
        for x in node.inputs:
            users.setdefault(x.index, []).append(node.index)
    for start in range(0, len(edited), len(right)):
        sweep = edited[start : start + len(right)]
        aligned = [g is None for g in sweep] == [g is None for g in right]
        off = [not np.array_equal(a, b) for a, b in zip(sweep, right)]
        for k, g in enumerate(sweep):
            if np.size(g) > 1 and not (aligned and (not off[k] or any(off[u] for u in users.get(k, ())))):
                yield np.asarray(g), right[k] if aligned else np.zeros(())


def and_steps(a: np.ndarray) -> Iterator[np.ndarray]:
    """An array and, where it is of all time steps, each step."""
    yield a
    if a.ndim == 3:
        yield from a


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
    return Quantities(tuple(known), only, () if equal(value, right) else (value,), bool(spoilt), named)


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


def equal(a: np.ndarray, b: Any) -> bool:
    """Whether two arrays have one shape and, up to rounding, the same numbers."""
    b = np.asarray(b)
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-9, atol=1e-12))
