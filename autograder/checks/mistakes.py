"""Mistakes in the backward pass of one operation, as data: one line each.

    (cost, ids, sentence, gradient for the input)

A sentence holds {op}, {here} (the formula), {x} (the input) and {other} (the other operand); "{q}: " is put before it
and "(in {here})" behind it. The gradient is a function of an `At`: c.g arrives, c.x and c.y are input and output,
c.d is the local derivative, c.rule(g) is the right answer for an upstream gradient g.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .primitives import ELEMENTWISE, PRIMITIVES, softmax, unbroadcast

__all__ = ["ACTIVATION", "BIAS", "BROADCAST", "LOCAL", "At", "Row"]


class At:
    """One input of one operation during a backward pass."""

    __slots__ = ("g", "i", "n")

    def __init__(self, n: Any, i: int, g: Any) -> None:
        self.n, self.i, self.g = n, i, np.asarray(g)

    x = property(lambda c: c.n.inputs[c.i].value)
    y = property(lambda c: c.n.value)
    other = property(lambda c: c.n.inputs[1 - c.i].value)
    extra = property(lambda c: c.n.extra)
    axis = property(lambda c: c.n.extra["axis"])
    ones = property(lambda c: np.ones_like(c.g, dtype=float))
    all_ones = property(lambda c: np.ones_like(c.n.value))

    def standing_for(self, value: Any) -> Any:
        """The node with another value for its other operand."""
        held = [type("Held", (), {"value": self.x})] * 2
        held[1 - self.i] = type("Held", (), {"value": value})
        return type(
            "Stand", (), {"inputs": tuple(held), "value": self.y, "extra": self.extra, "op": self.n.op}
        )

    def rule(self, g: Any) -> Any:
        """The right gradient for this input, for an upstream gradient."""
        return PRIMITIVES[self.n.op].vjp(self.n, self.i, g)

    def back(self, g: Any) -> Any:
        """A gradient summed back to the shape of this input."""
        return unbroadcast(g, np.shape(self.x))

    @property
    def d(self) -> Any:
        """The derivative of an elementwise operation."""
        if self.n.op == "pow":
            return self.extra["p"] * self.x ** (self.extra["p"] - 1)
        return ELEMENTWISE[self.n.op].d(self.x, self.y, **self.extra)

    @property
    def p(self) -> Any:
        """The probabilities of a softmax or log-softmax."""
        return np.exp(self.y) if self.n.op == "log_softmax" else self.y

    def total(self, axis: int | None = None) -> Any:
        """The sum in the derivative of a softmax, kept as an axis of size 1."""
        weights = self.g if self.n.op == "log_softmax" else self.g * self.y
        return np.sum(weights, axis=self.axis if axis is None else axis, keepdims=True)

    @property
    def partial(self) -> Any:
        """The gradient for one operand of + − * /, before it is summed back to the operand's shape."""
        g = self.g
        if self.n.op == "mul":
            return g * self.other
        if self.n.op == "prelu":
            return g * np.where(self.other > 0, 0.0, self.other)
        if self.n.op == "div":
            return g / self.other if self.i == 0 else -g * self.y / self.x
        return -g if self.n.op == "sub" and self.i else g

    def at_labels(self, move: Callable[[Any, int], Any]) -> Any:
        """The one-hot gradient of a pick, with the labels changed by `move(y, C)`."""
        full = np.zeros_like(self.x)
        y = np.asarray(move(np.asarray(self.extra["y"]), full.shape[-1]))
        np.put_along_axis(full, y[..., None], self.g[..., None], axis=-1)
        return full

    def spread(self) -> Any:
        """The gradient of a maximum, repeated for every entry."""
        keep = self.extra["keepdims"] or self.axis is None
        return np.broadcast_to(self.g if keep else np.expand_dims(self.g, self.axis), self.x.shape)


Row = tuple[float, str, str, Callable[[At], Any]]


def _all_columns(c: At) -> Any:
    used = np.any(c.g != 0, axis=tuple(range(c.g.ndim - 1)))
    return np.where(used, np.sum(c.g, axis=-1, keepdims=True), 0.0) - c.p * c.total()


def _mixed(c: At, axis: int | None) -> Any:
    """The maximum of each row is subtracted, but the sum runs along another axis."""
    e = np.exp(c.x - np.max(c.x, axis=c.axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def _cut(c: At, shift: int) -> Any:
    """A part of what was joined, with its borders moved by one."""
    axis = c.axis % c.g.ndim
    start = sum(x.value.shape[axis] for x in c.n.inputs[: c.i]) + shift
    if start < 0 or start + c.x.shape[axis] > c.g.shape[axis]:
        return c.rule(c.g)
    index: list[Any] = [slice(None)] * c.g.ndim
    index[axis] = slice(start, start + c.x.shape[axis])
    return c.g[tuple(index)]


def _assigned(c: At, step: int) -> Any:
    full, ids = np.zeros_like(c.x), np.asarray(c.extra["ids"]).reshape(-1)
    rows = c.g.reshape(len(ids), *full.shape[1:])
    for k in range(len(ids))[::step]:
        full[ids[k]] = rows[k]
    return full


def _shares(c: At) -> Any:
    counts = np.bincount(np.asarray(c.extra["ids"]).reshape(-1), minlength=len(c.x))
    return c.rule(c.g) / np.maximum(counts, 1)[:, None]


def _first_along(c: At, total: Any) -> Any:
    """Everything goes to the first entry along the axis of a reduction."""
    full = np.zeros_like(c.x)
    axes = range(full.ndim) if c.axis is None else (c.axis,) if isinstance(c.axis, int) else c.axis
    index: list[Any] = [slice(None)] * full.ndim
    for a in axes:
        index[a] = slice(0, 1)
    full[tuple(index)] = total[tuple(index)]
    return full


def _flipped(c: At) -> Any:
    if c.i == 1:
        return c.rule(c.g)[..., ::-1]
    return _conv(c, c.x, c.other[..., ::-1], c.g)


def _conv_assigned(c: At, step: int) -> Any:
    """A loop over positions that writes with = instead of +=."""
    full, K = np.zeros_like(c.x), c.n.inputs[1].value.shape[-1]
    for t in range(c.g.shape[-1])[::step]:
        if c.i == 0:
            full[..., t : t + K] = np.einsum("nf,fck->nck", c.g[..., t], c.other)
        else:
            full = np.einsum("nf,nck->fck", c.g[..., t], c.other[..., t : t + K])
    return full


def _conv(c: At, x: Any, w: Any, g: Any) -> Any:
    class Held:
        inputs = tuple(type("Value", (), {"value": v}) for v in (x, w))
        extra = c.extra

    return PRIMITIVES["conv1d"].vjp(Held, c.i, g)


def _windows(c: At, first: bool) -> Any:
    k = c.extra["k"]
    full = np.zeros_like(c.x)
    if first:
        full[..., 0 : c.g.shape[-1] * k : k] = c.g
    else:
        full[..., : c.g.shape[-1] * k] = np.repeat(c.g, k, axis=-1)
    return full


# fmt: off
_UNUSED: Row = (1.3, "M13", "the gradient that arrives at {here} is not used", lambda c: c.rule(c.ones))

ACTIVATION: list[Row] = [
    (1.0, "M12", "the derivative of {op} is missing", lambda c: c.g),
    (1.1, "M13", "the gradient that arrives at {here} is not used", lambda c: c.d * c.ones),
    (1.8, "", "the derivative of {op} is multiplied twice", lambda c: c.g * c.d**2),
    (1.9, "", "the derivative of {op} is added to the gradient, not multiplied", lambda c: c.g + c.d),
    (1.9, "", "the gradient is divided by the derivative of {op}", lambda c: c.g / c.d),
]

LOCAL: dict[str, list[Row]] = {
    "neg": [],
    "add": [_UNUSED],
    "sub": [_UNUSED],
    "mul": [
        _UNUSED,
        (1.2, "", "the factor {other} is missing", lambda c: c.back(c.g * c.all_ones)),
        (1.2, "", "the gradient is multiplied by {x} itself, not by the other factor {other}", lambda c: c.back(c.g * c.x)),
        (1.6, "", "{other} is added to the gradient, not multiplied", lambda c: c.back(c.g + c.other)),
        (1.7, "", "{other} is multiplied twice", lambda c: c.back(c.g * c.other**2)),
        (1.7, "", "the gradient is divided by {other}, not multiplied", lambda c: c.back(c.g / c.other)),
    ],
    "div, numerator": [
        _UNUSED,
        (1.1, "", "the gradient is not divided by {other}", lambda c: c.back(c.g * c.all_ones)),
        (1.3, "", "the gradient is multiplied by {other}, not divided", lambda c: c.back(c.g * c.other)),
    ],
    "div, denominator": [
        _UNUSED,
        (1.1, "", "the denominator {x} has to be squared", lambda c: c.back(-c.g * c.other / c.x)),
        (1.5, "", "the numerator is missing", lambda c: c.back(-c.g / c.x**2)),
    ],
    "matmul, left": [
        (1.0, "M18", "{other} is not transposed on the way back through {here}", lambda c: c.g @ c.other),
        (1.3, "", "{other} is missing on the way back", lambda c: c.g if c.g.shape == c.x.shape else c.rule(c.g)),
        _UNUSED,
    ],
    "matmul, right": [
        (1.2, "M18", "{other} is not transposed in the product that gives {q}", lambda c: c.other @ c.g),
        _UNUSED,
        (1.5, "", "only the contribution of the first example is there", lambda c: np.multiply.outer(c.other[0], c.g[0]) if c.other.ndim == 2 else c.other[0].T @ c.g[0]),
        (1.5, "M14", "only the contribution of the last example is there: it overwrites the others", lambda c: np.multiply.outer(c.other[-1], c.g[-1]) if c.other.ndim == 2 else c.other[-1].T @ c.g[-1]),
    ],
    "prelu, slope": [
        _UNUSED,
        (1.1, "", "the slope alpha has a gradient only where {other} is negative", lambda c: c.back(c.g * np.where(c.other > 0, 1.0, c.other))),
        (1.2, "", "the slope alpha gets the gradient of the positive side", lambda c: c.back(c.g * np.where(c.other > 0, c.other, 0.0))),
        (1.3, "", "the slope alpha has a gradient only where {other} is negative", lambda c: c.back(c.g * c.other)),
        (1.3, "", "the derivative by the slope is {other}, not 1", lambda c: c.back(c.g * np.where(c.other > 0, 0.0, 1.0))),
    ],
    "prelu, input": [
        (1.0, "M12", "the derivative of prelu is missing", lambda c: c.g),
        (1.3, "M13", "the gradient that arrives at {here} is not used", lambda c: c.rule(c.ones)),
        (1.2, "", "the negative side is missing: the slope there is alpha", lambda c: c.g * (c.x > 0)),
        (1.2, "", "the two sides are exchanged", lambda c: c.g * np.where(c.x > 0, c.other, 1.0)),
        (1.3, "", "the slope below 0 is alpha, not alpha·x", lambda c: c.g * np.where(c.x > 0, 1.0, c.other * c.x)),
        (1.3, "", "the slope below 0 is alpha, not −alpha", lambda c: c.g * np.where(c.x > 0, 1.0, -c.other)),
        (1.4, "", "the slope is alpha everywhere", lambda c: c.g * c.other),
    ],
    "softmax": [
        (1.0, "M20", "only the diagonal of the Jacobian of softmax is used", lambda c: c.g * c.p * (1 - c.p)),
        (1.2, "M20", "the sum over the row is missing in the derivative of softmax", lambda c: c.g * c.p),
        (1.2, "M12", "the derivative of softmax is missing", lambda c: c.g),
        (1.3, "", "the factor p is missing before the bracket", lambda c: c.g - c.total()),
        (1.3, "", "the sum is added, not subtracted", lambda c: c.p * (c.g + c.total())),
        (1.4, "", "the sum in the derivative of softmax lacks the probabilities", lambda c: c.p * (c.g - np.sum(c.g, axis=c.axis, keepdims=True))),
        (1.2, "M09", "the sum in the derivative of softmax runs along axis 0", lambda c: c.p * (c.g - c.total(0))),
        (1.2, "M09", "the sum in the derivative of softmax runs over everything", lambda c: c.p * (c.g - np.sum(c.g * c.p))),
    ],
    "log_softmax": [
        (1.0, "M20", "only the diagonal of the Jacobian of softmax is used", lambda c: c.g * (1 - c.p)),
        (1.0, "M21", "the one-hot vector is not subtracted", lambda c: -c.p * c.total()),
        (1.1, "M21", "the one-hot vector is added, not subtracted", lambda c: -c.p * c.total() - c.g),
        (1.2, "M09", "softmax is normalised along axis 0", lambda c: c.g - softmax(c.x, 0) * c.total()),
        (1.2, "M09", "softmax is normalised along axis 1", lambda c: c.g - softmax(c.x, 1) * c.total()),
        (1.25, "M09", "softmax is normalised along axis 0", lambda c: c.g - _mixed(c, 0) * c.total()),
        (1.25, "M09", "softmax is normalised along axis 1", lambda c: c.g - _mixed(c, 1) * c.total()),
        (1.25, "M09", "softmax is normalised over everything", lambda c: c.g - _mixed(c, None) * c.total()),
        (1.2, "M22", "softmax is applied twice before the one-hot vector is subtracted", lambda c: c.g - softmax(c.p, c.axis) * c.total()),
        (1.3, "", "the probabilities are missing, only the one-hot vector is left", lambda c: c.g),
        (1.4, "", "e^z is used where the probabilities are needed", lambda c: c.g - np.exp(c.x) * c.total()),
        (1.4, "", "the scores are used where the probabilities are needed", lambda c: c.g - c.x * c.total()),
        (1.4, "", "the log-probabilities are used where the probabilities are needed", lambda c: c.g - c.y * c.total()),
        (1.4, "", "1 − p is used where the probabilities are needed", lambda c: c.g - (1 - c.p) * c.total()),
        (1.4, "", "the gradient is multiplied by the probabilities", lambda c: c.p * c.rule(c.g)),
        (1.5, "", "the one-hot vector is not scaled like the probabilities: it is subtracted after the division", lambda c: np.sign(c.g) - c.p * c.total()),
        (1.5, "", "only the one-hot vector is scaled; the probabilities are not divided", lambda c: c.g - c.p * np.sign(c.total())),
        (1.5, "", "the probabilities are squared", lambda c: c.g - c.p**2 * c.total()),
        (1.4, "", "p(1 − p) is used where the probabilities are needed", lambda c: c.g - c.p * (1 - c.p) * c.total()),
        (1.5, "", "p(1 − p) is used, the derivative of a sigmoid", lambda c: -c.p * (1 - c.p) * c.total()),
        (1.2, "M21", "1 is subtracted in all the columns y of every row", _all_columns),
    ],
    "pick": [
        _UNUSED,
        (1.1, "M21", "the one-hot vector has its 1 at an index that is one too high", lambda c: c.at_labels(lambda y, C: (y + 1) % C)),
        (1.1, "M21", "the one-hot vector has its 1 at an index that is one too low", lambda c: c.at_labels(lambda y, C: (y - 1) % C)),
        (1.1, "M21", "the one-hot vector has its 1 at an index that is one too high", lambda c: c.at_labels(lambda y, C: np.minimum(y + 1, C - 1))),
        (1.1, "M21", "the one-hot vector has its 1 at an index that is one too low", lambda c: c.at_labels(lambda y, C: np.maximum(y - 1, 0))),
        (1.2, "M21", "every row has its 1 at the label of the first example", lambda c: c.at_labels(lambda y, C: np.full_like(y, y.flat[0]))),
        (1.2, "M21", "every row has its 1 at the label of the last example", lambda c: c.at_labels(lambda y, C: np.full_like(y, y.flat[-1]))),
        (1.2, "M21", "every row has its 1 in column 0", lambda c: c.at_labels(lambda y, C: np.zeros_like(y))),
        (1.2, "M21", "every row has its 1 in the last column", lambda c: c.at_labels(lambda y, C: np.full_like(y, C - 1))),
        (1.2, "M21", "the columns are counted from the right", lambda c: c.at_labels(lambda y, C: C - 1 - y)),
        (1.3, "M21", "the labels are taken in reversed order", lambda c: c.at_labels(lambda y, C: y[::-1])),
        (1.3, "M21", "the labels belong to the next example", lambda c: c.at_labels(lambda y, C: np.roll(y, -1, axis=0))),
        (1.3, "M21", "the labels belong to the example before", lambda c: c.at_labels(lambda y, C: np.roll(y, 1, axis=0))),
        (1.3, "M21", "the 1 stands at the largest score, not at the label", lambda c: c.at_labels(lambda y, C: np.argmax(c.x, axis=-1))),
    ],
    "take": [
        (0.9, "M33", "a row that occurs several times gets its last gradient only; repeated ids have to add up", lambda c: _assigned(c, 1)),
        (1.2, "M33", "a row that occurs several times gets its first gradient only; repeated ids have to add up", lambda c: _assigned(c, -1)),
        (1.3, "M33", "the gradients of a repeated row are averaged, not added", _shares),
        (1.1, "M34", "every row is one too high: indices start at 0", lambda c: np.roll(c.rule(c.g), 1, axis=0)),
        (1.1, "M34", "every row is one too low: indices start at 0", lambda c: np.roll(c.rule(c.g), -1, axis=0)),
        (1.3, "M13", "the gradient that arrives at {here} is not used", lambda c: c.rule(c.ones)),
    ],
    "getitem": [
        _UNUSED,
        (1.3, "M34", "the slice is off by one", lambda c: np.roll(c.rule(c.g), 1, axis=0)),
        (1.3, "M34", "the slice is off by one", lambda c: np.roll(c.rule(c.g), -1, axis=0)),
        (1.3, "M34", "the slice is off by one", lambda c: np.roll(c.rule(c.g), 1, axis=-1)),
        (1.3, "M34", "the slice is off by one", lambda c: np.roll(c.rule(c.g), -1, axis=-1)),
        (1.3, "M51", "the time steps are in reversed order", lambda c: c.rule(c.g)[::-1]),
    ],
    "concat": [
        _UNUSED,
        (1.3, "M34", "the part is cut off one entry too early", lambda c: _cut(c, -1)),
        (1.3, "M34", "the part is cut off one entry too late", lambda c: _cut(c, 1)),
        (1.2, "M51", "the part is not turned round in time", lambda c: c.rule(c.g)[::-1]),
        (1.3, "", "the parts are taken apart in reversed order", lambda c: PRIMITIVES["concat"].vjp(c.n, len(c.n.inputs) - 1 - c.i, c.g)),
    ],
    "stack": [
        _UNUSED,
        (1.3, "M51", "the parts are taken apart in reversed order", lambda c: PRIMITIVES["stack"].vjp(c.n, len(c.n.inputs) - 1 - c.i, c.g)),
        (1.4, "M34", "the parts are off by one", lambda c: PRIMITIVES["stack"].vjp(c.n, c.i - 1, c.g) if c.i else np.zeros_like(c.x)),
        (1.4, "M34", "the parts are off by one", lambda c: PRIMITIVES["stack"].vjp(c.n, c.i + 1, c.g) if c.i + 1 < len(c.n.inputs) else np.zeros_like(c.x)),
    ],
    "reshape": [
        (1.1, "M10", "the reshape reads the entries in another order", lambda c: np.reshape(c.g, np.shape(c.x), order="F")),
        (1.2, "M10", "axes are joined or split by a reshape that mixes them", lambda c: np.reshape(np.swapaxes(c.g, 0, 1) if c.g.ndim > 1 else c.g, np.shape(c.x))),
        (1.2, "M10", "axes are joined or split by a reshape that mixes them", lambda c: np.swapaxes(np.reshape(c.g, (np.shape(c.x)[1], np.shape(c.x)[0], *np.shape(c.x)[2:])), 0, 1)),
    ],
    "transpose": [(1.1, "M10", "a reshape stands where a transpose is needed", lambda c: np.reshape(c.g, np.shape(c.x)))],
    "conv1d": [
        (1.0, "M14", "positions that several windows cover are overwritten, not added up", lambda c: _conv_assigned(c, 1)),
        (1.2, "M14", "positions that several windows cover are overwritten, not added up", lambda c: _conv_assigned(c, -1)),
        (1.0, "", "the kernel runs the wrong way round", _flipped),
        _UNUSED,
        (1.3, "M34", "everything is shifted by one position", lambda c: np.roll(c.rule(c.g), 1, axis=-1)),
        (1.3, "M34", "everything is shifted by one position", lambda c: np.roll(c.rule(c.g), -1, axis=-1)),
        (1.2, "", "only the first example is there", lambda c: _conv(c, c.n.inputs[0].value[:1], c.n.inputs[1].value, c.g[:1])),
        (1.2, "", "only the last example is there", lambda c: _conv(c, c.n.inputs[0].value[-1:], c.n.inputs[1].value, c.g[-1:])),
    ],
    "sum": [
        _UNUSED,
        (1.3, "", "the gradient reaches the first entry only", lambda c: _first_along(c, c.rule(c.g))),
        (1.6, "M07b", "the gradient keeps the shape of the sum: it has to be spread over what was summed", lambda c: c.g),
    ],
    "max": [
        _UNUSED,
        (1.1, "", "every entry gets the gradient; only the largest may", lambda c: c.spread()),
        (1.2, "", "the smallest entry gets the gradient, not the largest", lambda c: c.spread() * (c.x == np.min(c.x, axis=c.axis, keepdims=True))),
        (1.2, "", "the gradient is shared equally; the largest entry gets all of it", lambda c: c.spread() * (np.size(c.y) / np.size(c.x))),
        (1.3, "", "the gradient is multiplied by the value of the maximum", lambda c: c.rule(c.g) * c.x),
        (1.3, "", "the first entry of each group gets the gradient, not the largest", lambda c: _first_along(c, c.spread())),
    ],
    "maxpool1d": [
        _UNUSED,
        (1.1, "", "every entry of a window gets the gradient; only the largest may", lambda c: _windows(c, first=False)),
        (1.2, "", "the first entry of each window gets the gradient, not the largest", lambda c: _windows(c, first=True)),
        (1.2, "", "the gradient is shared equally in a window; the largest entry gets all of it", lambda c: _windows(c, first=False) / c.extra["k"]),
    ],
}
LOCAL["mean"] = [
    (1.2, "M02", "the gradient of a mean of N terms is not divided by N", lambda c: c.rule(c.g) * (np.size(c.x) / np.size(c.y))),
    (1.4, "M02", "the gradient of a mean of N terms is divided by N twice", lambda c: c.rule(c.g) / (np.size(c.x) / np.size(c.y))),
    *LOCAL["sum"],
]

# an operand that was repeated: {q} is the gradient of a bias, or of another operand
BROADCAST: list[Row] = [
    (0.9, "M07b", "{q} is not summed back to the shape of {x}: it has the shape of {here}", lambda c: c.partial),
    (1.0, "M07b M02", "{q} is averaged; what was repeated gets the sum", lambda c: c.rule(c.g) * (np.size(c.x) / np.size(c.y))),
    (1.1, "M07b", "{q} holds the first row only; the rows have to be summed", lambda c: np.broadcast_to(c.partial[0], np.shape(c.x))),
    (1.1, "M07b", "{q} holds the last row only; the rows have to be summed", lambda c: np.broadcast_to(c.partial[-1], np.shape(c.x))),
    (1.1, "M07b", "{q} is summed with keepdims: it has one axis too many", lambda c: np.sum(c.partial, axis=0, keepdims=True)),
    (1.1, "M09", "{q} is summed over the wrong axis", lambda c: np.sum(c.partial, axis=1)),
    (1.1, "M09", "{q} is summed over the wrong axis", lambda c: np.sum(c.partial, axis=(0, 2))),
    (1.1, "M07b", "{q} is summed over one axis only, and keeps the others", lambda c: np.sum(c.partial, axis=0)),
    (1.2, "M07b", "{q} is summed over everything: one number instead of the shape of {x}", lambda c: np.asarray(np.sum(c.partial))),
    (1.3, "M07b", "{q} is the largest contribution; the rows have to be summed", lambda c: np.max(c.partial, axis=0)),
]
BIAS: list[Row] = [
    (0.9, "M07", "{q} is not summed over the batch: it has the shape of {here}", lambda c: c.partial),
    (1.0, "M07", "{q} is averaged over the batch; it should be summed: what was repeated gets the sum", BROADCAST[1][3]),
    *((cost, id.replace("M07b", "M07 M14" if "last row" in text else "M07"), text, f) for cost, id, text, f in BROADCAST[2:]),
]
# fmt: on
