"""The primitive operations of a graph, as forward/backward pairs on arrays.

Every backward half is written with operators, methods and other primitives only, so the same text works on arrays
(numbers come out) and on graph variables (more graph comes out).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from course.neurons import d_prelu, maxout, prelu
from course.toolbox.errors import ShapeError
from course.toolbox.pairs import backward_half, differentiable
from course.toolbox.shapes import check_labels, check_shapes

__all__ = [
    "add", "broadcast", "concat", "div", "exp", "expm1", "getitem", "greater", "greater_equal", "log", "matmul",
    "max_", "maximum", "maxout_backward", "mul", "pick", "power", "prelu_backward", "reshape", "scatter", "sign",
    "split", "stack", "sub", "sum_", "transpose", "unbroadcast", "unstack", "where",
]  # fmt: skip


def unbroadcast(G: Any, shape: tuple[int, ...]) -> Any:
    """Sum a gradient back to the shape that was broadcast: over axes that were added and axes that were 1.

    Shapes: G (N, D), shape = (1, D) -> dx (1, D)
    Source: deck 003, 6.5.8
    """
    if getattr(G, "shape", ()) == tuple(shape):
        return G
    G = G.sum(axis=tuple(range(G.ndim - len(shape)))) if G.ndim > len(shape) else G
    ones = tuple(i for i, n in enumerate(shape) if n == 1 and G.shape[i] != 1)
    return G.sum(axis=ones, keepdims=True) if ones else G


def _fit(G: Any, x: Any) -> Any:
    """The gradient summed back to the shape of the operand x."""
    if type(G) is float:
        return G
    shape = getattr(x, "shape", ())
    return G if G.shape == shape else unbroadcast(G, shape)


@differentiable
def add(x: Any, y: Any) -> Any:
    """x + y. Shapes: x (N, D), y (D,) -> z (N, D)"""
    return x + y


def add_backward(dz: Any, x: Any, y: Any) -> Any:
    """Both operands get the gradient. (A Python float has no shape to go back to: scalar graphs stay fast.)"""
    return (dz, dz) if type(dz) is float else (_fit(dz, x), _fit(dz, y))


@differentiable
def sub(x: Any, y: Any) -> Any:
    """x − y. Shapes: x (N, D), y (N, 1) -> z (N, D)"""
    return x - y


def sub_backward(dz: Any, x: Any, y: Any) -> Any:
    """The second operand gets the negative gradient."""
    return _fit(dz, x), _fit(-dz, y)


@differentiable
def mul(x: Any, y: Any) -> Any:
    """x · y, entry by entry. Shapes: x (N, D), y (D,) -> z (N, D)"""
    return x * y


def mul_backward(dz: Any, x: Any, y: Any) -> Any:
    """Each operand gets the gradient times the other operand."""
    return (dz * y, dz * x) if type(dz) is float else (_fit(dz * y, x), _fit(dz * x, y))


@differentiable
def div(x: Any, y: Any) -> Any:
    """x / y, entry by entry. Shapes: x (N, D), y (D,) > 0 -> z (N, D)"""
    return x / y


def div_backward(dz: Any, x: Any, y: Any, out: Any) -> Any:
    """d(x/y) = dx / y − (x/y) dy / y."""
    dx = dz / y
    return _fit(dx, x), _fit(-dx * out, y)


@differentiable
def power(x: Any, p: float) -> Any:
    """x^p, entry by entry, p a number. Shapes: x (N, D) > 0, p = 1.7 -> z (N, D)"""
    return x**p


def power_backward(dz: Any, x: Any, p: float) -> Any:
    """d(x^p) = p x^(p−1) dx; for p = 0 it is 0, at x = 0 too."""
    return dz * (p * x ** (p - 1)) if p else dz * 0.0


@differentiable
def matmul(x: Any, y: Any) -> Any:
    """The matrix product. Shapes: x (N, D), y (D, M) -> z (N, M)"""
    if getattr(x, "ndim", 0) != 2 or getattr(y, "ndim", 0) != 2 or x.shape[1] != y.shape[0]:
        check_shapes("matmul", "x (N, D), y (D, M)", x, y)
    return x @ y


def matmul_backward(dz: Any, x: Any, y: Any, need: Sequence[bool] = (True, True)) -> Any:
    """G yᵀ and xᵀ G. Source: deck 003, 6.5.6"""
    return dz @ y.T if need[0] else None, x.T @ dz if need[1] else None


@differentiable
def exp(x: Any) -> Any:
    """e^x. Shapes: x (N, D) -> out (N, D)"""
    return np.exp(x)


def exp_backward(dout: Any, out: Any) -> Any:
    """d(e^x) = e^x dx."""
    return dout * out


@differentiable
def log(x: Any) -> Any:
    """The natural logarithm. Shapes: x (N, D) > 0 -> out (N, D)"""
    return np.log(x)


def log_backward(dout: Any, x: Any) -> Any:
    """d(log x) = dx / x."""
    return dout / x


@differentiable
def expm1(x: Any) -> Any:
    """e^x − 1, exact near 0. Shapes: x (N, D) -> out (N, D)"""
    return np.expm1(x)


def expm1_backward(dout: Any, out: Any) -> Any:
    """d(e^x − 1) = e^x dx."""
    return dout * (out + 1)


@differentiable
def maximum(x: Any, y: Any) -> Any:
    """The larger of two, entry by entry. Shapes: x (N, D), y (D,) -> z (N, D)"""
    return np.maximum(x, y)


def maximum_backward(dz: Any, x: Any, y: Any) -> Any:
    """The larger operand gets the gradient; of two equal ones the first."""
    return _fit(dz * (x >= y), x), _fit(dz * (y > x), y)


@differentiable
def where(c: Any, x: Any, y: Any) -> Any:
    """x where c holds, else y. Shapes: c (N, D) 0/1, x (N, D), y (D,) -> z (N, D)"""
    return np.where(c, x, y)


def where_backward(dz: Any, c: Any, x: Any, y: Any) -> Any:
    """The gradient goes to the operand that was taken."""
    return None, _fit(where(c, dz, 0.0), x), _fit(where(c, 0.0, dz), y)


@differentiable
def greater(x: Any, y: Any) -> Any:
    """Whether x > y, entry by entry; it has no gradient. Shapes: x (N, D), y (D,) -> z (N, D)"""
    return np.greater(x, y)


@differentiable
def greater_equal(x: Any, y: Any) -> Any:
    """Whether x >= y, entry by entry; it has no gradient. Shapes: x (N, D), y (D,) -> z (N, D)"""
    return np.greater_equal(x, y)


@differentiable
def sign(x: Any) -> Any:
    """−1, 0 or 1; its gradient is 0. Shapes: x (N, D) -> out (N, D)"""
    return np.sign(x)


@differentiable
def sum_(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum over all entries, or over one axis or several. Shapes: x (N, D), axis = 0 -> z (D,)"""
    return np.sum(x, axis=axis, keepdims=keepdims)


def sum_backward(dz: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Every entry that was summed gets the gradient of its sum."""
    shape = np.shape(x)
    return broadcast(dz if keepdims else _expanded(dz, shape, axis), shape)


def _expanded(dz: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """dz with the axes put back, of length 1, over which x was reduced."""
    axes = range(len(shape)) if axis is None else {a % len(shape) for a in np.atleast_1d(axis).tolist()}
    kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
    return reshape(dz, kept)


@differentiable
def max_(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest entry of all, or along an axis. Shapes: x (N, D), axis = 1 -> z (N,)"""
    return np.max(x, axis=axis, keepdims=keepdims)


def max_backward(dz: Any, x: Any, out: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest entry gets the gradient; several that tie share it equally."""
    if not keepdims:
        dz, out = _expanded(dz, np.shape(x), axis), _expanded(out, np.shape(x), axis)
    won = (x >= out) * np.ones((), dz.dtype)
    return dz * (won / won.sum(axis=axis, keepdims=True))


@differentiable
def broadcast(x: Any, shape: tuple[int, ...]) -> Any:
    """x repeated to a larger shape. Shapes: x (1, D), shape = (3, D) -> z (3, D)"""
    return np.broadcast_to(x, shape)


def broadcast_backward(dz: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """The gradients of the repetitions are added up."""
    return unbroadcast(dz, np.shape(x))


@differentiable
def reshape(x: Any, shape: tuple[int, ...]) -> Any:
    """The same entries in another shape. Shapes: x (N, 6), shape = (-1, 2) -> z (N*3, 2)"""
    return np.reshape(x, shape)


def reshape_backward(dz: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """The gradient in the old shape."""
    return reshape(dz, np.shape(x))


@differentiable
def transpose(x: Any, axes: tuple[int, ...] | None = None) -> Any:
    """The axes in another order, by default reversed. Shapes: x (N, D) -> z (D, N)"""
    return np.transpose(x, axes)


def transpose_backward(dz: Any, x: Any, axes: tuple[int, ...] | None = None) -> Any:
    """The axes in the old order."""
    return transpose(dz, None if axes is None else tuple(int(i) for i in np.argsort(axes)))


@differentiable
def getitem(x: Any, index: Any) -> Any:
    """x[index], for slices and for arrays of ids. Shapes: x (N, D), index = np.array([0, 2, 0]) -> z (3, D)"""
    return x[index]


def getitem_backward(dz: Any, x: Any, index: Any) -> Any:
    """The gradient goes back to where it was read; what was read twice gets both."""
    return scatter(dz, index, x.shape)


@differentiable
def scatter(z: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of a shape with z added at index, again and again where an index comes back.

    Shapes: z (3, D), index = np.array([0, 2, 0]), shape = (5, D) -> x (5, D)
    """
    x = np.zeros(shape, np.asarray(z).dtype)
    if _is_basic(index):
        x[index] = z
    else:
        np.add.at(x, index, z)
    return x


def scatter_backward(dx: Any, z: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """The gradient is read where z was added."""
    return getitem(dx, index)


def _is_basic(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(p is None or p is Ellipsis or isinstance(p, (int, np.integer, slice)) for p in parts)


@differentiable
def pick(Z: Any, ids: Any) -> Any:
    """One entry of each row: out_n = Z_n,ids_n. Shapes: Z (N, C), ids (N,) int < C -> out (N,)

    Source: deck 000, Fig. 5.1 (c)
    """
    ids = check_labels("pick", "ids", ids, check_shapes("pick", "Z (N, C), ids (N,)", Z, ids)["C"])
    return Z[np.arange(len(ids)), ids]


def pick_backward(dout: Any, Z: Any, ids: Any) -> Any:
    """The gradient of row n goes to column ids_n, zero elsewhere: the derivative of pick is one-hot."""
    return scatter(dout, (np.arange(len(ids)), np.asarray(ids)), Z.shape), None


@differentiable
def split(x: Any, at: int, axis: int, part: int) -> Any:
    """One of two parts: part 0 is before `at` along the axis, part 1 from `at` on.

    Shapes: x (N, 5), at = 2, axis = 1, part = 1 -> z (N, 3)
    """
    if part not in (0, 1):
        raise ShapeError(f"split: part is {part}; there are two parts, 0 and 1.")
    return x[_part(at, axis, part, x.ndim)]


def split_backward(dz: Any, x: Any, at: int, axis: int, part: int) -> Any:
    """The gradient at its place, zero in the other part."""
    return scatter(dz, _part(at, axis, part, x.ndim), x.shape)


def _part(at: int, axis: int, part: int, ndim: int) -> tuple[slice, ...]:
    span = slice(at, None) if part else slice(None, at)
    return (*[slice(None)] * (axis % ndim), span)


@differentiable
def concat(xs: Sequence[Any], axis: int = 0) -> Any:
    """Arrays put one behind the other. Shapes: xs = (draw(3, 2), draw(4, 2)), axis = 0 -> z (7, 2)"""
    return np.concatenate(xs, axis=axis)


def concat_backward(dz: Any, xs: Sequence[Any], axis: int = 0) -> Any:
    """Each array gets its part of the gradient."""
    at = np.cumsum([0, *(x.shape[axis] for x in xs)]).tolist()
    before = [slice(None)] * (axis % dz.ndim)
    return tuple(dz[(*before, slice(a, b))] for a, b in pairwise(at)), None


@differentiable
def stack(xs: Sequence[Any], axis: int = 0) -> Any:
    """Arrays of one shape put side by side along a new axis. Shapes: xs = (draw(3), draw(3)), axis = 0 -> z (2, 3)"""
    return np.stack(xs, axis=axis)


def stack_backward(dz: Any, xs: Sequence[Any], axis: int = 0) -> Any:
    """Each array gets its slice of the gradient."""
    before = [slice(None)] * (axis % dz.ndim)
    return tuple(dz[(*before, i)] for i in range(len(xs))), None


@differentiable
def unstack(x: Any) -> tuple[Any, ...]:
    """The slices along the first axis, as a tuple. Shapes: x (2, N) -> a (N,), b (N,)"""
    return tuple(x)


def unstack_backward(dparts: Sequence[Any], x: Any) -> Any:
    """The gradients of the slices side by side, zeros for a slice that nothing was made of (None)."""
    zero = np.zeros(x.shape[1:], x.dtype)
    return stack(tuple(zero if d is None else d for d in dparts))


@backward_half(prelu)
def prelu_backward(dout: Any, Z: Any, alpha: Any) -> tuple[Any, Any]:
    """Carry a gradient back; that of α is summed over the batch."""
    dZ, dalpha = d_prelu(Z, alpha)
    return dout * dZ, (dout * dalpha).sum(axis=0)


@backward_half(maxout)
def maxout_backward(dout: Any, Z: Any, k: int) -> Any:
    """Carry a gradient back to the column that was largest; columns that tie share it equally."""
    groups = Z.reshape(*dout.shape, k)
    won = (groups >= groups.max(axis=2, keepdims=True)) * np.ones((), dout.dtype)
    share = dout.reshape(*dout.shape, 1) / won.sum(axis=2, keepdims=True)
    return (share * won).reshape(*Z.shape)
