"""Mistakes in the forward pass of one operation, as data: one line each.

    (cost, ids, sentence, what is done instead)

Sentences as in `mistakes`. What is done instead is a function of a `Step`: s.xs are the inputs, s.again() is the
operation itself, s.do(op, …) another one; numbers may stand for inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .primitives import ELEMENTWISE
from .tape import Node, Tape

__all__ = ["ACTIVATIONS", "FORWARD", "ForwardRow", "Step"]

ACTIVATIONS = ("sigmoid", "tanh", "relu", "softplus", "hardtanh", "leaky_relu")


class Step:
    """One operation of a forward pass that is being recorded again."""

    __slots__ = ("extra", "op", "tape", "xs")

    def __init__(self, tape: Tape, op: str, xs: tuple[Node, ...], extra: dict[str, Any]) -> None:
        self.tape, self.op, self.xs, self.extra = tape, op, xs, extra

    a = property(lambda s: s.xs[0])
    b = property(lambda s: s.xs[1])
    axis = property(lambda s: s.extra.get("axis"))

    def do(self, op: str, *xs: Any, **extra: Any) -> Node:
        """Another operation, on nodes or numbers."""
        nodes = tuple(x if isinstance(x, Node) else self.tape.constant(x) for x in xs)
        return self.tape.plain(op, nodes, extra)

    def again(self, *xs: Any, **changed: Any) -> Node:
        """The operation itself, on other inputs or with other settings."""
        return self.do(self.op, *(xs or self.xs), **{**self.extra, **changed})

    def keep(self, x: Any) -> Node:
        """An input as it is."""
        return self.do("add", x, 0.0)

    def minus(self, x: Any) -> Node:
        """An input with the other sign."""
        return self.do("neg", x)

    def times(self, c: float) -> Node:
        """The right result times a constant."""
        return self.do("mul", self.again(), c)

    @property
    def terms(self) -> float:
        """How many terms a reduction has."""
        return float(self.a.value.size / max(np.sum(self.a.value, axis=self.axis).size, 1))

    def index(self, key: str, move: Callable[[Any, int], Any]) -> Node:
        """The operation with other indices: `move(indices, how many there are)`."""
        size = self.a.value.shape[-1 if key == "y" else 0]
        return self.again(**{key: np.asarray(move(np.asarray(self.extra[key]), size))})

    def mixed_labels(self, order: Callable[[Any], Any]) -> Node:
        """The operation with the labels of a batch of sequences in another order."""
        return self.index("y", lambda y, n: order(y) if y.ndim > 1 else y)

    def rolled(self, shift: int, axis: int) -> Node:
        """The operation on an input whose entries have moved by one."""
        order = np.roll(np.arange(self.a.value.shape[axis]), shift)
        return self.again(self.do("getitem", self.a, index=order if axis == 0 else (..., order)))

    def mixed(self, axis: int | None) -> Node:
        """A softmax that subtracts the maximum of each row, but sums along another axis."""
        shifted = self.do("sub", self.a, self.do("max", self.a, axis=self.axis, keepdims=True))
        total = self.do("sum", self.do("exp", shifted), axis=axis, keepdims=True)
        if self.op == "softmax":
            return self.do("div", self.do("exp", shifted), total)
        return self.do("sub", shifted, self.do("log", total))

    def based(self, base: float, shift: bool) -> Node:
        """A log-softmax with another logarithm of the sum, with or without the maximum taken off before."""
        rows = {"axis": self.axis, "keepdims": True}
        z = self.do("sub", self.a, self.do("max", self.a, **rows)) if shift else self.a
        log = self.do("mul", self.do("log", self.do("sum", self.do("exp", z), **rows)), 1 / math.log(base))
        return self.do("sub", z, log)

    def over_all(self) -> Node:
        """A softmax over all entries instead of each row."""
        flat = self.do("reshape", self.a, shape=(-1,))
        return self.do("reshape", self.do(self.op, flat, axis=-1), shape=self.a.value.shape)

    def blocks(self, f: Callable[..., Any]) -> Node:
        """Another statistic of the windows of a pooling."""
        x, k = self.a.value, self.extra["k"]
        n = x.shape[-1] // k
        return self.tape.constant(f(x[..., : n * k].reshape(*x.shape[:-1], n, k), axis=-1))

    def column_order(self) -> Node:
        """A reshape that reads the entries column by column."""
        x, shape = self.a.value, np.reshape(self.a.value, self.extra["shape"]).shape
        order = np.reshape(np.arange(x.size).reshape(x.shape), shape, order="F")
        return self.do("take", self.do("reshape", self.a, shape=(-1,)), ids=order)

    def exchanged(self, i: int, j: int) -> Node:
        """The first input with two axes exchanged."""
        axes = list(range(self.a.value.ndim))
        axes[i], axes[j] = axes[j], axes[i]
        return self.do("transpose", self.a, axes=tuple(axes))

    def turned(self, k: int) -> Node:
        """The operation with one input turned round in time."""
        return self.again(
            *(
                self.do("getitem", x, index=slice(None, None, -1)) if i == k else x
                for i, x in enumerate(self.xs)
            )
        )

    def from_behind(self) -> Node:
        """One step of a sequence, counted from its end."""
        index = self.extra["index"]
        whole = isinstance(index, int | np.integer) and self.a.value.ndim > 1
        return self.again(index=len(self.a.value) - 1 - index) if whole else self.again()

    def squashed(self) -> Node:
        """The operation on scores that went through a sigmoid before."""
        if self.a.op != "mul":
            return self.again(self.do("sigmoid", self.a))
        return self.again(self.do("mul", *(self.do("sigmoid", x) if x.needs else x for x in self.a.inputs)))

    def bias_behind(self) -> Node:
        """An activation of the first term of a sum, and the second term added to it."""
        inside = self.a.inputs
        return self.do("add", self.again(inside[0]), inside[1]) if self.a.op == "add" else self.again()

    def outer(self) -> Node:
        """Every entry of the first operand with every entry of the second: (N, 1) and (N,)."""
        same = self.a.value.ndim == 1 and self.a.value.shape == self.b.value.shape
        return self.again(self.do("reshape", self.a, shape=(-1, 1)), self.b) if same else self.again()

    def slope(self) -> Node:
        """The derivative of an activation, where its value is needed."""
        y = self.again()
        return self.tape.constant(ELEMENTWISE[self.op].d(self.a.value, y.value, **self.extra))


ForwardRow = tuple[float, str, str, Callable[[Step], Node]]

# fmt: off
_ACTIVATION: list[ForwardRow] = [
    (1.0, "", "{op} is missing", lambda s: s.keep(s.a)),
    (1.2, "", "{op} is applied twice", lambda s: s.again(s.again())),
    (1.3, "", "the sign inside {op} is wrong", lambda s: s.again(s.minus(s.a))),
    (1.3, "M01", "the sign of {op} is wrong", lambda s: s.minus(s.again())),
    (1.4, "M03", "the argument of {op} is twice what it should be", lambda s: s.again(s.do("mul", s.a, 2.0))),
    (1.4, "M03", "the argument of {op} is half of what it should be", lambda s: s.again(s.do("mul", s.a, 0.5))),
    (1.2, "", "the bias is added after {op}, not before it", lambda s: s.bias_behind()),
]
_SOFTMAX: list[ForwardRow] = [
    (1.0, "M22", "softmax is applied twice", lambda s: s.again(s.do("softmax", s.a, axis=s.axis))),
    (1.0, "M09", "softmax runs along axis 0", lambda s: s.again(axis=0)),
    (1.0, "M09", "softmax runs along axis 1", lambda s: s.again(axis=1)),
    (1.05, "M09", "the sum in softmax runs along axis 0", lambda s: s.mixed(0)),
    (1.05, "M09", "the sum in softmax runs along axis 1", lambda s: s.mixed(1)),
    (1.05, "M09", "the sum in softmax runs over everything", lambda s: s.mixed(None)),
    (1.2, "M09", "softmax is normalised over everything instead of each row", lambda s: s.over_all()),
    (1.3, "M01", "the sign of the scores is wrong", lambda s: s.again(s.minus(s.a))),
    (1.1, "M04", "the powers have base 2; e is asked for", lambda s: s.again(s.do("mul", s.a, math.log(2)))),
]
FORWARD: dict[str, list[ForwardRow]] = {
    "add": [
        (1.0, "", "{b} is missing", lambda s: s.keep(s.a)),
        (1.0, "", "{a} is missing", lambda s: s.keep(s.b)),
        (1.1, "M01", "the sign of {b} is wrong", lambda s: s.do("sub", *s.xs)),
        (1.2, "M01", "the sign of {a} is wrong", lambda s: s.do("sub", s.b, s.a)),
        (1.3, "M03", "{b} is counted twice", lambda s: s.again(s.again(), s.b)),
        (1.3, "M03", "{a} is counted twice", lambda s: s.again(s.a, s.again())),
        (1.5, "", "the terms are multiplied, not added", lambda s: s.do("mul", *s.xs)),
    ],
    "sub": [
        (1.1, "M08", "an (N, 1) and an (N,) array are combined, which gives (N, N)", lambda s: s.outer()),
        (1.05, "", "{b} is missing", lambda s: s.keep(s.a)),
        (1.05, "", "{a} is missing", lambda s: s.minus(s.b)),
        (1.1, "M01", "the sign of {b} is wrong", lambda s: s.do("add", *s.xs)),
        (1.2, "M01", "the sign of {a} is wrong", lambda s: s.minus(s.do("add", *s.xs))),
        (1.3, "M01", "the difference is taken the wrong way round", lambda s: s.again(s.b, s.a)),
        (1.5, "", "the terms are multiplied, not subtracted", lambda s: s.do("mul", *s.xs)),
    ],
    "mul": [
        (1.3, "M08", "an (N, 1) and an (N,) array are combined, which gives (N, N)", lambda s: s.outer()),
        (1.2, "", "the factor {b} is missing", lambda s: s.keep(s.a)),
        (1.2, "", "the factor {a} is missing", lambda s: s.keep(s.b)),
        (1.4, "", "{a} and {b} are added, not multiplied", lambda s: s.do("add", *s.xs)),
        (1.5, "", "{a} is divided by {b}, not multiplied", lambda s: s.do("div", *s.xs)),
        (1.5, "", "{b} is multiplied twice", lambda s: s.again(s.again(), s.b)),
    ],
    "div": [
        (1.2, "", "the division by {b} is missing", lambda s: s.keep(s.a)),
        (1.3, "", "{a} is multiplied by {b}, not divided", lambda s: s.do("mul", *s.xs)),
        (1.4, "", "{b} is divided by twice", lambda s: s.again(s.again(), s.b)),
        (1.5, "", "numerator and denominator are exchanged", lambda s: s.again(s.b, s.a)),
    ],
    "matmul": [
        (1.1, "M18", "{a} is transposed", lambda s: s.again(s.do("transpose", s.a, axes=None), s.b)),
        (1.1, "M18", "{b} is transposed", lambda s: s.again(s.a, s.do("transpose", s.b, axes=None))),
        (1.4, "", "the factors are exchanged", lambda s: s.again(s.b, s.a)),
        (1.4, "", "an elementwise product stands where the matrix product is needed", lambda s: s.do("mul", *s.xs)),
    ],
    "neg": [(1.0, "M01", "the minus sign is missing", lambda s: s.keep(s.a))],
    "leaky_relu": [
        (1.3, "", "the slope alpha is on the wrong side", lambda s: s.minus(s.again(s.minus(s.a)))),
        (1.3, "", "the slope below 0 is −alpha", lambda s: s.again(alpha=-s.extra["alpha"])),
        (1.2, "", "the slope is 0.01 whatever alpha is", lambda s: s.again(alpha=0.01)),
        (1.3, "", "the slope below 0 is 1 − alpha", lambda s: s.again(alpha=1 - s.extra["alpha"])),
    ],
    "log": [
        (1.0, "M04", "the logarithm has base 2; natural logarithms are asked for", lambda s: s.times(1 / math.log(2))),
        (1.0, "", "the logarithm has base 10; natural logarithms are asked for", lambda s: s.times(1 / math.log(10))),
        (1.3, "", "1 is added inside the logarithm", lambda s: s.again(s.do("add", s.a, 1.0))),
    ],
    "prelu": [
        (1.2, "", "the negative side is 0: the slope there is alpha", lambda s: s.do("relu", s.a)),
        (1.2, "", "the value below 0 is alpha, not alpha·x", lambda s: s.do("where", s.a, s.do("mul", s.b, s.do("add", s.do("mul", s.a, 0.0), 1.0)), condition=s.a.value > 0)),
        (1.2, "", "the slope below 0 is −alpha", lambda s: s.again(s.a, s.minus(s.b))),
        (1.3, "", "the two sides are exchanged", lambda s: s.do("where", s.do("mul", s.a, s.b), s.a, condition=s.a.value > 0)),
        (1.2, "", "prelu is missing", lambda s: s.keep(s.a)),
    ],
    "exp": [
        (1.1, "M03", "the exponent is half of what it should be", lambda s: s.again(s.do("mul", s.a, 0.5))),
        (1.1, "M03", "the exponent is twice what it should be", lambda s: s.again(s.do("mul", s.a, 2.0))),
        (1.1, "M01", "the sign of the exponent is wrong", lambda s: s.again(s.minus(s.a))),
    ],
    "square": [(1.1, "", "the absolute value stands where the square is needed", lambda s: s.do("abs", s.a))],
    "abs": [(1.1, "", "the square stands where the absolute value is needed", lambda s: s.do("square", s.a)),
            (1.2, "", "relu stands where the absolute value is needed", lambda s: s.do("relu", s.a))],
    "sqrt": [(1.2, "", "the square stands where the root is needed", lambda s: s.do("square", s.a))],
    "pow": [
        (1.0, "", "the power is missing", lambda s: s.keep(s.a)),
        (1.3, "", "the exponent is one too high", lambda s: s.again(p=s.extra["p"] + 1)),
        (1.3, "", "the exponent is one too low", lambda s: s.again(p=s.extra["p"] - 1)),
        (1.2, "M01", "the sign of the exponent is wrong", lambda s: s.again(p=-s.extra["p"])),
    ],
    "sum": [
        (1.1, "M02 M05", "a mean stands where the sum is needed", lambda s: s.do("mean", s.a, **s.extra)),
        (1.5, "", "the maximum is taken, not the sum", lambda s: s.do("max", s.a, **s.extra)),
        (1.2, "", "a root is taken of the sum", lambda s: s.do("sqrt", s.again())),
    ],
    "mean": [
        (1.0, "M02", "the sum is not divided by the number of terms", lambda s: s.do("sum", s.a, **s.extra)),
        (1.1, "M05", "the mean runs over all elements, not over the batch", lambda s: s.do("mean", s.a, axis=None, keepdims=False)),
        (1.2, "M04", "logarithms to base 2 are averaged; natural logarithms are asked for", lambda s: s.times(1 / math.log(2))),
        (1.3, "", "the sum is divided by the number of terms less one", lambda s: s.times(s.terms / max(s.terms - 1, 1))),
        (1.2, "", "a root is taken of the mean", lambda s: s.do("sqrt", s.again())),
    ],
    "max": [
        (1.2, "", "the smallest entry is taken, not the largest", lambda s: s.minus(s.again(s.minus(s.a)))),
        (1.3, "", "the mean is taken, not the largest entry", lambda s: s.do("mean", s.a, **s.extra)),
        (1.4, "", "the sum is taken, not the largest entry", lambda s: s.do("sum", s.a, **s.extra)),
        (1.3, "", "the largest absolute value is taken", lambda s: s.again(s.do("abs", s.a))),
    ],
    "softmax": [
        *_SOFTMAX,
        (1.2, "", "the exponentials are not normalised", lambda s: s.do("exp", s.a)),
        (1.2, "", "the scores are normalised without exponentials", lambda s: s.do("div", s.a, s.do("sum", s.a, axis=s.axis, keepdims=True))),
        (1.2, "", "the logarithm of the probabilities is returned", lambda s: s.do("log_softmax", s.a, axis=s.axis)),
        (1.3, "", "sigmoid stands where softmax is needed", lambda s: s.do("sigmoid", s.a)),
    ],
    "log_softmax": [
        *_SOFTMAX,
        (1.0, "M04", "the logarithm has base 2; natural logarithms are asked for", lambda s: s.times(1 / math.log(2))),
        (1.2, "", "the normalisation is missing: the scores themselves are used", lambda s: s.keep(s.a)),
        (1.2, "", "the logarithm is missing: probabilities are used", lambda s: s.do("softmax", s.a, axis=s.axis)),
        (1.3, "", "the maximum is subtracted, but not the logarithm of the sum", lambda s: s.do("sub", s.a, s.do("max", s.a, axis=s.axis, keepdims=True))),
        (1.0, "M04", "the logarithm of the sum has base 2; natural logarithms are asked for", lambda s: s.based(2.0, shift=True)),
        (1.0, "M04", "the logarithm of the sum has base 2; natural logarithms are asked for", lambda s: s.based(2.0, shift=False)),
        (1.1, "M04", "powers and logarithms have base 2; e is asked for", lambda s: s.do("mul", s.again(s.do("mul", s.a, math.log(2))), 1 / math.log(2))),
        (1.3, "", "the logarithm of the sum is added, not subtracted", lambda s: s.do("sub", s.do("mul", s.a, 2.0), s.again())),
    ],
    "softplus": [
        (1.1, "M22", "the scores go through a sigmoid before; the loss takes scores", lambda s: s.squashed()),
        (1.0, "M04", "the logarithm has base 2; natural logarithms are asked for", lambda s: s.do("add", s.do("relu", s.a), s.do("mul", s.do("sub", s.again(), s.do("relu", s.a)), 1 / math.log(2)))),
        (1.0, "M04", "powers and logarithms have base 2; e is asked for", lambda s: s.do("mul", s.again(s.do("mul", s.a, math.log(2))), 1 / math.log(2))),
    ],
    "pick": [
        (1.0, "M34", "the index is one too high", lambda s: s.index("y", lambda y, n: (y + 1) % n)),
        (1.0, "M34", "the index is one too low", lambda s: s.index("y", lambda y, n: (y - 1) % n)),
        (1.0, "M34", "the index is one too high", lambda s: s.index("y", lambda y, n: np.minimum(y + 1, n - 1))),
        (1.0, "M34", "the index is one too low", lambda s: s.index("y", lambda y, n: np.maximum(y - 1, 0))),
        (1.3, "M21", "the label of the first example is used for every row", lambda s: s.index("y", lambda y, n: np.full_like(y, y.flat[0]))),
        (1.2, "M10", "labels and scores are flattened in different orders: time steps and sequences are mixed up", lambda s: s.mixed_labels(lambda y: np.reshape(np.ravel(y), y.shape[::-1]).T)),
        (1.2, "M10", "labels and scores are flattened in different orders: time steps and sequences are mixed up", lambda s: s.mixed_labels(lambda y: np.reshape(np.ravel(y.T), y.shape))),
        (1.3, "M21", "the labels are taken in reversed order", lambda s: s.index("y", lambda y, n: y[::-1])),
        (1.3, "", "the largest entry is taken, not the one at the label", lambda s: s.do("max", s.a, axis=-1, keepdims=False)),
    ],
    "take": [
        (1.0, "M34", "the index is one too high", lambda s: s.index("ids", lambda y, n: (y + 1) % n)),
        (1.0, "M34", "the index is one too low", lambda s: s.index("ids", lambda y, n: (y - 1) % n)),
        (1.0, "M34", "the index is one too low", lambda s: s.index("ids", lambda y, n: np.maximum(y - 1, 0))),
        (1.3, "", "the ids are taken in reversed order", lambda s: s.index("ids", lambda y, n: y[..., ::-1])),
    ],
    "getitem": [
        (1.1, "", "the steps are read from last to first", lambda s: s.from_behind()),
        (1.2, "M34", "the index is off by one", lambda s: s.rolled(1, 0)),
        (1.2, "M34", "the index is off by one", lambda s: s.rolled(-1, 0)),
        (1.2, "M34", "the index is off by one", lambda s: s.rolled(1, -1)),
        (1.2, "M34", "the index is off by one", lambda s: s.rolled(-1, -1)),
    ],
    "concat": [
        (1.1, "", "the parts stand in reversed order", lambda s: s.again(*s.xs[::-1])),
        (1.2, "M51", "the first part is turned round in time", lambda s: s.turned(0)),
        (1.2, "M51", "the second part is turned round in time", lambda s: s.turned(1)),
        (1.2, "", "the parts are joined along axis 0", lambda s: s.again(axis=0)),
    ],
    "stack": [
        (1.1, "M51", "the parts stand in reversed order", lambda s: s.again(*s.xs[::-1])),
        (1.2, "", "the parts are joined along axis 1", lambda s: s.again(axis=1)),
        (1.2, "", "the parts are joined along axis 0", lambda s: s.again(axis=0)),
    ],
    "reshape": [
        (1.0, "M10", "the reshape groups the entries in another order", lambda s: s.column_order()),
        (1.0, "M10", "the reshape joins other axes than it should", lambda s: s.again(s.exchanged(0, 1))),
        (1.0, "M10", "the reshape joins other axes than it should", lambda s: s.again(s.exchanged(-1, -2))),
    ],
    "transpose": [
        (1.0, "M10", "a reshape stands where the transpose is needed", lambda s: s.do("reshape", s.a, shape=s.again().value.shape)),
        (1.1, "M06", "the transpose is missing", lambda s: s.keep(s.a)),
    ],
    "conv1d": [
        (1.0, "", "the kernel is flipped: a convolution instead of a cross-correlation", lambda s: s.again(s.a, s.do("getitem", s.b, index=(..., slice(None, None, -1))))),
        (1.2, "", "only the first channel is used", lambda s: s.again(*(s.do("getitem", x, index=(slice(None), slice(0, 1))) for x in s.xs))),
    ],
    "maxpool1d": [
        (1.2, "", "the mean is taken, not the maximum", lambda s: s.blocks(np.mean)),
        (1.2, "", "the minimum is taken, not the maximum", lambda s: s.blocks(np.min)),
        (1.2, "", "the sum is taken, not the maximum", lambda s: s.blocks(np.sum)),
        (1.3, "", "the windows move by 1, not by k", lambda s: s.tape.constant(np.lib.stride_tricks.sliding_window_view(s.a.value, s.extra["k"], axis=-1).max(axis=-1))),
    ],
}
# fmt: on


def _other(name: str) -> Callable[[Step], Node]:
    return lambda s: s.do(name, s.a)


for _op in ELEMENTWISE:
    if _op == "neg":
        continue
    FORWARD[_op] = [*FORWARD.get(_op, ()), *_ACTIVATION]
    if _op in ACTIVATIONS:
        FORWARD[_op] += [
            (1.2, "", f"{a} stands where {{op}} is needed", _other(a)) for a in ACTIVATIONS if a != _op
        ]
        FORWARD[_op].append(
            (1.3, "", "the derivative of {op} stands where {op} itself is needed", lambda s: s.slope())
        )
