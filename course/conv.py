"""Chapter A09, bonus: convolutions and max pooling, along one axis and along two.

What networks call a convolution is a cross-correlation: the filter slides over the input and is not turned round. All
windows become the columns of one matrix, so a layer is one matrix product, and so is each of its gradients; that of the
input then adds up what the windows that overlap at an entry say about it.

Source: deck 004, "Example: Image Classification"; deck 003, 6.4.2
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from course.graph import lift
from course.nn import Module, Parameter
from course.toolbox.errors import InputError, ShapeError
from course.toolbox.shapes import check_shapes

__all__ = [
    "Conv1d", "Conv2d", "MaxPool", "conv1d_backward", "conv1d_forward", "conv2d_backward", "conv2d_forward", "maxpool1d",
    "maxpool1d_backward", "maxpool2d", "maxpool2d_backward",
]  # fmt: skip

Cache = tuple[Any, ...]


def _windows(X: Any, sizes: tuple[int, ...]) -> Any:
    """Every window as a column: (N, C, L…) -> (C K…, N M…), by M = L − K + 1 along each axis."""
    d = len(sizes)
    view = sliding_window_view(X, sizes, axis=tuple(range(2, 2 + d)))  # (N, C, M…, K…)
    view = view.transpose(1, *range(2 + d, 2 + 2 * d), 0, *range(2, 2 + d))
    return view.reshape(X.shape[1] * int(np.prod(sizes)), -1)


def _conv(where: str, line: str, X: Any, W: Any, b: Any) -> tuple[Any, Cache]:
    X, W = np.asarray(X), np.asarray(W)
    check_shapes(where, line, X, W, b)
    sizes = [length - k + 1 for length, k in zip(X.shape[2:], W.shape[2:])]
    if min(sizes) < 1 or min(W.shape[2:]) < 1:
        raise ShapeError(
            f"{where}: a filter of {W.shape[2:]} does not fit into an input of {X.shape[2:]}; "
            f"take a filter of at least one entry that is not longer than the input."
        )
    columns = _windows(X, W.shape[2:])
    Y = W.reshape(len(W), -1) @ columns + np.asarray(b)[:, None]
    Y = np.ascontiguousarray(Y.reshape(len(W), len(X), *sizes).swapaxes(0, 1))
    return Y, (X.shape, W, columns)


def _conv_back(dY: Any, cache: Cache, need: tuple[bool, ...]) -> tuple[Any, Any, Any]:
    (N, C, *lengths), W, columns = cache
    rows, sizes = dY.swapaxes(0, 1).reshape(len(W), -1), dY.shape[2:]
    dX: Any = None
    if need[0]:
        shares = (W.reshape(len(W), -1).T @ rows).reshape(C, *W.shape[2:], N, *sizes)
        dX = np.zeros((C, N, *lengths), shares.dtype)
        for place in np.ndindex(W.shape[2:]):  # windows overlap: their shares are added up
            dX[(..., *(slice(k, k + m) for k, m in zip(place, sizes)))] += shares[(slice(None), *place)]
        dX = np.ascontiguousarray(dX.swapaxes(0, 1))
    return dX, (rows @ columns.T).reshape(W.shape) if need[1] else None, rows.sum(axis=1)


def conv1d_forward(X: Any, W: Any, b: Any) -> tuple[Any, Any]:
    """F filters slide along sequences with C channels; L = M + K.

    Y_nfl = b_f + Σ_c Σ_k X_nc,l+k W_fck

    Shapes: X (N, C, M+K), W (F, C, K), b (F,) -> Y (N, F, M+1); and the cache
    Source: deck 004, "Example: Image Classification"
    Raises: ShapeError when the arrays do not fit or the filter is longer than the input.
    """
    return _conv("conv1d_forward", "X (N, C, L), W (F, C, K), b (F,)", X, W, b)


def conv1d_backward(dY: Any, cache: Any, need: tuple[bool, ...] = (True,) * 3) -> tuple[Any, Any, Any]:
    """Carry a gradient back through a convolution; dX and dW are None where `need` is False.

    dX_ncl = Σ_f Σ_k dY_nf,l−k W_fck;  dW_fck = Σ_n Σ_l dY_nfl X_nc,l+k;  db_f = Σ_n Σ_l dY_nfl

    Shapes: dY (N, F, M+1); cache of conv1d_forward -> dX (N, C, M+K), dW (F, C, K), db (F,)
    """
    return _conv_back(dY, cache, need)


def conv2d_forward(X: Any, W: Any, b: Any) -> tuple[Any, Any]:
    """F filters slide over images with C channels.

    Y_nfij = b_f + Σ_c Σ_p Σ_q X_nc,i+p,j+q W_fcpq

    Shapes: X (N, C, L+J, M+K), W (F, C, J, K), b (F,) -> Y (N, F, L+1, M+1); and the cache
    Source: deck 004, "Example: Image Classification"
    Raises: ShapeError when the arrays do not fit or the filter is larger than the input.
    """
    return _conv("conv2d_forward", "X (N, C, height, width), W (F, C, J, K), b (F,)", X, W, b)


def conv2d_backward(dY: Any, cache: Any, need: tuple[bool, ...] = (True,) * 3) -> tuple[Any, Any, Any]:
    """Carry a gradient back through a convolution over images, as `conv1d_backward` does.

    Shapes: dY (N, F, L+1, M+1); cache of conv2d_forward -> dX (N, C, L+J, M+K), dW (F, C, J, K), db (F,)
    """
    return _conv_back(dY, cache, need)


def _places(shape: tuple[int, ...], k: int) -> Iterator[tuple[Any, ...]]:
    """For each place in a block, the index of the entries of all blocks at that place."""
    for starts in itertools.product(range(k), repeat=len(shape) - 2):
        yield (..., *(slice(s, length // k * k, k) for s, length in zip(starts, shape[2:])))


def _pool(where: str, line: str, X: Any, k: int) -> tuple[Any, Cache]:
    X = np.asarray(X)
    check_shapes(where, line, X)
    if not 1 <= k <= min(X.shape[2:]):
        raise InputError(
            f"{where}: blocks of k = {k} in an input of {X.shape[2:]}; take k from 1 up to its shortest side."
        )
    first, *others = _places(X.shape, k)
    Y = X[first].copy()
    which = np.zeros(Y.shape, np.intp)
    for i, place in enumerate(others, 1):
        np.copyto(which, i, where=X[place] > Y)
        np.maximum(Y, X[place], out=Y)
    return Y, (X.shape, which, k)


def maxpool1d(X: Any, k: int) -> tuple[Any, Any]:
    """The largest of every k entries in a row, block after block; a rest of less than k entries is left out.

    Y_ncl = max_{j<k} X_nc,kl+j

    Shapes: X (N, C, M*k), k = 3 -> Y (N, C, M); and the cache
    Source: deck 004, "Example: Image Classification"
    Raises: ShapeError, InputError when k is below 1 or above the length.
    """
    return _pool("maxpool1d", "X (N, C, L)", X, k)


def maxpool1d_backward(dY: Any, cache: Any) -> Any:
    """Carry a gradient back to the entry that was the largest of its block, the first one of equals.

    Shapes: dY (N, C, M); cache of maxpool1d -> dX (N, C, L)
    """
    shape, which, k = cache
    dX = np.zeros(shape, np.result_type(dY))
    for i, place in enumerate(_places(shape, k)):
        dX[place] = dY * (which == i)
    return dX


def maxpool2d(X: Any, k: int) -> tuple[Any, Any]:
    """The largest entry of every block of k × k; rests at the right and below are left out.

    Y_ncij = max_{p,q<k} X_nc,ki+p,kj+q

    Shapes: X (N, C, 4, 6), k = 2 -> Y (N, C, 2, 3); and the cache
    Source: deck 004, "Example: Image Classification"
    Raises: ShapeError, InputError when k is below 1 or above the shorter side.
    """
    return _pool("maxpool2d", "X (N, C, height, width)", X, k)


def maxpool2d_backward(dY: Any, cache: Any) -> Any:
    """Carry a gradient back to the entry that was the largest of its block, the first one of equals.

    Shapes: dY (N, C, L, M); cache of maxpool2d -> dX (N, C, height, width)
    """
    return maxpool1d_backward(dY, cache)


class Conv1d(Module):
    """A layer of F filters of K entries over sequences with C channels.

    Source: deck 004, "Example: Image Classification"
    """

    def __init__(self, C: int, F: int, K: int, rng: np.random.Generator) -> None:
        self.W = Parameter(rng.standard_normal((F, C, K)) / np.sqrt(C * K), "W")
        self.b = Parameter(np.zeros(F), "b")

    def forward(self, X: Any) -> Any:
        """(N, C, L) -> (N, F, L − K + 1)"""
        return _conv1d(X, self.W, self.b)


class Conv2d(Module):
    """A layer of F filters of K × K entries over images with C channels.

    Source: deck 004, "Example: Image Classification"
    """

    def __init__(self, C: int, F: int, K: int, rng: np.random.Generator) -> None:
        self.W = Parameter(rng.standard_normal((F, C, K, K)) / (np.sqrt(C) * K), "W")
        self.b = Parameter(np.zeros(F), "b")

    def forward(self, X: Any) -> Any:
        """(N, C, height, width) -> (N, F, height − K + 1, width − K + 1)"""
        return _conv2d(X, self.W, self.b)


class MaxPool(Module):
    """Max pooling by blocks of k, along one axis or, for images, along two.

    Source: deck 004, "Example: Image Classification"
    """

    def __init__(self, k: int) -> None:
        self.k = k

    def forward(self, X: Any) -> Any:
        """(N, C, L) -> (N, C, L // k), or (N, C, height, width) -> (N, C, height // k, width // k)"""
        return (_maxpool2d if np.ndim(X) == 4 else _maxpool1d)(X, self.k)


_conv1d = lift(conv1d_forward, conv1d_backward)
_conv2d = lift(conv2d_forward, conv2d_backward)
_maxpool1d = lift(maxpool1d, maxpool1d_backward)
_maxpool2d = lift(maxpool2d, maxpool2d_backward)
