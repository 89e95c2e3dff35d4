"""Kinks: is a point within reach of one, and between which values may a gradient lie there.

At a kink any value between the two one-sided derivatives, ends included, is right.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .tape import Node, Replay, Tape

__all__ = ["bounds", "distance", "within"]

_AT = {"abs": (0.0,), "hardtanh": (-1.0, 1.0), "leaky_relu": (0.0,), "relu": (0.0,)}


def _gaps(node: Node) -> Any:
    """How far each input of a kinked operation is from its kink; None for a smooth operation."""
    if not node.inputs:
        return None
    x = node.inputs[0].value
    if node.op in _AT:
        return np.min([np.abs(x - c) for c in _AT[node.op]], axis=0)
    if node.op == "prelu":
        return np.abs(x)
    if node.op == "max" and x.size > 1:
        axis = node.extra["axis"]
        flat = np.sort(x if axis is not None else x.ravel(), axis=-1 if axis is None else axis)
        return (
            np.take(flat, -1, axis=axis or 0) - np.take(flat, -2, axis=axis or 0)
            if flat.shape[axis or 0] > 1
            else None
        )
    return None


def distance(tape: Tape) -> float:
    """The smallest distance of a recorded value to a kink of the operation that takes it; infinite without kinks.

    >>> from autograder.checks.tape import record
    >>> distance(record(lambda ops, x: ops.relu(x), {"x": np.array([0.5, -2.0])}, ("x",)))
    0.5
    """
    gaps = [g for g in map(_gaps, tape.nodes) if g is not None and np.size(g)]
    return min((float(np.min(g)) for g in gaps), default=float("inf"))


def within(tape: Tape, reach: float = 1e-4) -> bool:
    """Whether finite differences with steps of size `reach` would step across a kink."""
    return distance(tape) <= reach


def bounds(tape: Tape, dout: Any = 1.0) -> tuple[dict[str, Any], dict[str, Any]]:
    """(lowest, highest) right gradients of every argument: equal, except where a value stands exactly at a kink.

    >>> from autograder.checks.tape import record
    >>> low, high = bounds(record(lambda ops, x: ops.relu(x), {"x": np.array([0.0, 1.0])}, ("x",)), np.ones(2))
    >>> low["x"].tolist(), high["x"].tolist()
    ([0.0, 1.0], [1.0, 1.0])
    """
    sides = [tape.backward(dout)]
    kinked = [
        n
        for n in tape.nodes
        if n.op in ("abs", "hardtanh", "leaky_relu", "prelu", "relu") and np.any(_gaps(n) == 0)
    ]
    for right in (False, True):
        if kinked:
            sides.append(tape.backward(dout, Replay({(n.index, 0): _one_sided(right) for n in kinked})))
    low = {k: np.min([s[k] for s in sides], axis=0) for k in sides[0]}
    high = {k: np.max([s[k] for s in sides], axis=0) for k in sides[0]}
    return low, high


def _one_sided(right: bool) -> Any:
    """The rule of a kinked operation with the slope from the left or from the right of every kink."""

    def rule(n: Node, i: int, g: Any, vjp: Any) -> Any:
        x = n.inputs[0].value
        alpha = n.inputs[1].value if n.op == "prelu" else n.extra.get("alpha", 0.0)
        slope = {
            "abs": 2.0 * right - 1.0,
            "hardtanh": float(right) * (x < 0) + float(not right) * (x > 0),
        }.get(n.op or "", 1.0 if right else alpha)
        return np.where(_gaps(n) == 0, g * slope, vjp(n, i, g))

    return rule
