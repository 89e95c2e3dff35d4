"""The primitive operations of the tape: value and vector-Jacobian products, nothing else.

A primitive is `f(*values, **extra)` and `vjp(node, i, g)`, the gradient for input i when the gradient of the node's
value is g. `node` has `.inputs` (with `.value`), `.value` and `.extra`. No function of an assignment stands here: the
rules are those of single operations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = [
    "ELEMENTWISE",
    "PRIMITIVES",
    "Elementwise",
    "Primitive",
    "sigmoid",
    "softmax",
    "swap_last",
    "unbroadcast",
]

Array = np.ndarray


@dataclass(frozen=True)
class Primitive:
    """A primitive operation: its value and its gradient."""

    name: str
    f: Callable[..., Any]
    vjp: Callable[[Any, int, Any], Any]


@dataclass(frozen=True)
class Elementwise:
    """A function of one number: value and derivative at x, where y = f(x)."""

    f: Callable[..., Any]
    d: Callable[..., Any]  # d(x, y, **extra)
    of_output: Callable[..., Any] | None = None  # the derivative as students write it, in terms of y
    of_input: Callable[..., Any] | None = None  # and in terms of x, where that is usual


def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x), without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(x)))


def softmax(x: Array, axis: int = -1) -> Array:
    """e^x / Σ e^x along an axis, without overflow."""
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum g over the axes along which an array of this shape was repeated."""
    g = np.asarray(g)
    if g.shape == shape:
        return g
    g = g.sum(axis=tuple(range(g.ndim - len(shape)))) if g.ndim > len(shape) else g
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1)
    return g.sum(axis=axes, keepdims=True) if axes else g


def swap_last(x: Array) -> Array:
    """The transpose of a matrix or of each matrix of a stack; a vector stays as it is."""
    return x.swapaxes(-1, -2) if x.ndim > 1 else x


ELEMENTWISE: dict[str, Elementwise] = {
    "abs": Elementwise(np.abs, lambda x, y: np.sign(x), None, np.sign),
    "exp": Elementwise(np.exp, lambda x, y: y, lambda y: y, np.exp),
    "hardtanh": Elementwise(
        lambda x: np.clip(x, -1.0, 1.0),
        lambda x, y: (np.abs(x) < 1.0) * 1.0,
        None,
        lambda x: (np.abs(x) < 1.0) * 1.0,
    ),
    "leaky_relu": Elementwise(
        lambda x, alpha=0.01: np.where(x > 0, x, alpha * x),
        lambda x, y, alpha=0.01: np.where(x > 0, 1.0, alpha),
    ),
    "log": Elementwise(np.log, lambda x, y: 1.0 / x, None, lambda x: 1.0 / x),
    "neg": Elementwise(np.negative, lambda x, y: -np.ones_like(x)),
    "relu": Elementwise(
        lambda x: np.maximum(x, 0.0),
        lambda x, y: (x > 0) * 1.0,
        lambda y: (y > 0) * 1.0,
        lambda x: (x > 0) * 1.0,
    ),
    "sigmoid": Elementwise(
        sigmoid,
        lambda x, y: y * (1.0 - y),
        lambda y: y * (1.0 - y),
        lambda x: sigmoid(x) * (1.0 - sigmoid(x)),
    ),
    "softplus": Elementwise(lambda x: np.logaddexp(0.0, x), lambda x, y: sigmoid(x), None, sigmoid),
    "sqrt": Elementwise(np.sqrt, lambda x, y: 0.5 / y, lambda y: 0.5 / y, lambda x: 0.5 / np.sqrt(x)),
    "square": Elementwise(np.square, lambda x, y: 2.0 * x, None, lambda x: 2.0 * x),
    "tanh": Elementwise(
        np.tanh, lambda x, y: 1.0 - y * y, lambda y: 1.0 - y * y, lambda x: 1.0 - np.tanh(x) ** 2
    ),
}


def _v(node: Any, i: int) -> Array:
    return node.inputs[i].value


def _matmul_vjp(node: Any, i: int, g: Any) -> Any:
    a, b = _v(node, 0), _v(node, 1)
    g = np.asarray(g)
    if a.ndim == 1 and b.ndim == 1:
        return g * (b if i == 0 else a)
    if a.ndim == 1:
        return g @ swap_last(b) if i == 0 else a[:, None] * g[None, :]
    if b.ndim == 1:
        return g[..., None] * b if i == 0 else np.tensordot(g, a, axes=g.ndim)
    if i == 0:
        return unbroadcast(g @ swap_last(b), a.shape)
    if b.ndim == 2 and a.ndim > 2:
        return a.reshape(-1, a.shape[-1]).T @ g.reshape(-1, g.shape[-1])
    return unbroadcast(swap_last(a) @ g, b.shape)


def _getitem_vjp(node: Any, i: int, g: Any) -> Array:
    full, index = np.zeros_like(_v(node, 0)), node.extra["index"]
    if all(isinstance(part, int | slice) for part in (index if isinstance(index, tuple) else (index,))):
        full[index] = g
    else:  # an entry may be taken several times
        np.add.at(full, index, g)
    return full


def _expand(g: Any, shape: tuple[int, ...], axis: Any, keepdims: bool) -> Array:
    """The gradient of a reduction, with the reduced axes back in place."""
    full = np.empty(shape)
    if axis is not None and not keepdims:
        axes = (axis,) if isinstance(axis, int) else tuple(axis)
        g = np.expand_dims(g, tuple(a % len(shape) for a in axes))
    full[...] = g
    return full


def _sum_vjp(node: Any, i: int, g: Any) -> Array:
    return _expand(g, _v(node, 0).shape, node.extra["axis"], node.extra["keepdims"])


def _mean_vjp(node: Any, i: int, g: Any) -> Array:
    x = _v(node, 0)
    return _sum_vjp(node, i, g) / (x.size / max(np.size(node.value), 1))


def _max_vjp(node: Any, i: int, g: Any) -> Array:
    x, extra = _v(node, 0), node.extra
    top = x == _expand(node.value, x.shape, extra["axis"], extra["keepdims"])
    share = top / np.sum(top, axis=extra["axis"], keepdims=True)
    return _sum_vjp(node, i, g) * share


def _softmax_vjp(node: Any, i: int, g: Any) -> Array:
    y, axis = node.value, node.extra["axis"]
    return y * (g - (g * y).sum(axis=axis, keepdims=True))


def _log_softmax(x: Array, axis: int = -1) -> Array:
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def _log_softmax_vjp(node: Any, i: int, g: Any) -> Array:
    axis = node.extra["axis"]
    return g - np.exp(node.value) * np.sum(g, axis=axis, keepdims=True)


def _take_vjp(node: Any, i: int, g: Any) -> Array:
    full = np.zeros_like(_v(node, 0))
    np.add.at(full, node.extra["ids"], g)
    return full


def _rows(x: Array) -> tuple[Array, Array]:
    """An array as a matrix of its last axis, and the numbers of its rows."""
    rows = x.reshape(-1, x.shape[-1])
    return rows, np.arange(len(rows))


def _pick(x: Array, y: Any) -> Array:
    if np.shape(y) != x.shape[:-1]:
        raise IndexError(f"labels of shape {np.shape(y)} for scores of shape {x.shape}")
    rows, numbers = _rows(x)
    return rows[numbers, np.ravel(y)].reshape(x.shape[:-1])


def _pick_vjp(node: Any, i: int, g: Any) -> Array:
    full = np.zeros(_v(node, 0).shape)
    rows, numbers = _rows(full)
    rows[numbers, np.ravel(node.extra["y"])] = np.ravel(g)
    return full


def _concat_vjp(node: Any, i: int, g: Any) -> Array:
    axis = node.extra["axis"]
    start = sum(_v(node, k).shape[axis] for k in range(i))
    index = [slice(None)] * np.ndim(g)
    index[axis % np.ndim(g)] = slice(start, start + _v(node, i).shape[axis])
    return np.asarray(g)[tuple(index)]


def _conv1d(x: Array, w: Array) -> Array:
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[-1], axis=-1)  # (N, C, L', K)
    return np.einsum("nclk,fck->nfl", windows, w)


def _conv1d_vjp(node: Any, i: int, g: Any) -> Array:
    x, w = _v(node, 0), _v(node, 1)
    k = w.shape[-1]
    if i == 1:
        windows = np.lib.stride_tricks.sliding_window_view(x, k, axis=-1)
        return np.einsum("nclk,nfl->fck", windows, g)
    dx = np.zeros_like(x)
    for j in range(k):
        dx[..., j : j + g.shape[-1]] += np.einsum("nfl,fc->ncl", g, w[..., j])
    return dx


def _pool_blocks(x: Array, k: int) -> Array:
    length = x.shape[-1] // k
    return x[..., : length * k].reshape(*x.shape[:-1], length, k)


def _maxpool1d_vjp(node: Any, i: int, g: Any) -> Array:
    x, k = _v(node, 0), node.extra["k"]
    blocks = _pool_blocks(x, k)
    top = blocks == blocks.max(axis=-1, keepdims=True)
    share = top / top.sum(axis=-1, keepdims=True) * np.asarray(g)[..., None]
    dx = np.zeros_like(x)
    dx[..., : share.shape[-2] * k] = share.reshape(*x.shape[:-1], -1)
    return dx


def _prelu_vjp(node: Any, i: int, g: Any) -> Array:
    x, alpha = _v(node, 0), _v(node, 1)
    return unbroadcast(
        g * (np.where(x > 0, 1.0, alpha) if i == 0 else np.where(x > 0, 0.0, x)), _v(node, i).shape
    )


def _where_vjp(node: Any, i: int, g: Any) -> Array:
    keep = node.extra["condition"] if i == 0 else ~np.asarray(node.extra["condition"], bool)
    return unbroadcast(np.where(keep, g, 0.0), _v(node, i).shape)


def _reshape_vjp(node: Any, i: int, g: Any) -> Array:
    shape = _v(node, 0).shape
    # under an edit a gradient may have a wrong size: it is handed on as it is, and seen as wrong where it arrives
    return np.reshape(g, shape) if np.size(g) == np.prod(shape, dtype=int) else np.asarray(g)


def _transpose_vjp(node: Any, i: int, g: Any) -> Array:
    axes = node.extra["axes"]
    return np.transpose(g, None if axes is None else np.argsort(axes))


def _reduced(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, axis=None, keepdims=False: f(x, axis=axis, keepdims=keepdims)


def _elementwise(name: str, rule: Elementwise) -> Primitive:
    return Primitive(name, rule.f, lambda node, i, g: g * rule.d(_v(node, 0), node.value, **node.extra))


_ALL = [
    Primitive("add", np.add, lambda n, i, g: unbroadcast(g, _v(n, i).shape)),
    Primitive("sub", np.subtract, lambda n, i, g: unbroadcast(-g if i else g, _v(n, i).shape)),
    Primitive("mul", np.multiply, lambda n, i, g: unbroadcast(g * _v(n, 1 - i), _v(n, i).shape)),
    Primitive(
        "div",
        np.divide,
        lambda n, i, g: unbroadcast(g / _v(n, 1) if i == 0 else -g * n.value / _v(n, 1), _v(n, i).shape),
    ),
    Primitive("pow", lambda x, p: x**p, lambda n, i, g: g * n.extra["p"] * _v(n, 0) ** (n.extra["p"] - 1.0)),
    Primitive("matmul", np.matmul, _matmul_vjp),
    Primitive("getitem", lambda x, index: x[index], _getitem_vjp),
    Primitive("sum", _reduced(np.sum), _sum_vjp),
    Primitive("mean", _reduced(np.mean), _mean_vjp),
    Primitive("max", _reduced(np.max), _max_vjp),
    Primitive("softmax", softmax, _softmax_vjp),
    Primitive("log_softmax", _log_softmax, _log_softmax_vjp),
    Primitive("take", lambda x, ids: x[ids], _take_vjp),
    Primitive("pick", _pick, _pick_vjp),
    Primitive("concat", lambda *xs, axis=0: np.concatenate(xs, axis=axis), _concat_vjp),
    Primitive(
        "stack",
        lambda *xs, axis=0: np.stack(xs, axis=axis),
        lambda n, i, g: g[i] if n.extra["axis"] == 0 else np.take(g, i, axis=n.extra["axis"]),
    ),
    Primitive("reshape", lambda x, shape: np.reshape(x, shape), _reshape_vjp),
    Primitive("transpose", lambda x, axes=None: np.transpose(x, axes), _transpose_vjp),
    Primitive("conv1d", _conv1d, _conv1d_vjp),
    Primitive("maxpool1d", lambda x, k: _pool_blocks(x, k).max(axis=-1), _maxpool1d_vjp),
    Primitive("prelu", lambda x, alpha: np.where(x > 0, x, alpha * x), _prelu_vjp),
    Primitive("where", lambda a, b, condition: np.where(condition, a, b), _where_vjp),
]
PRIMITIVES: dict[str, Primitive] = {p.name: p for p in _ALL}
PRIMITIVES.update({name: _elementwise(name, rule) for name, rule in ELEMENTWISE.items()})
