"""Layers of word vectors: the lookup of rows and what its gradient is, and layers of low rank.

Source: deck 000, "Embedding Layers"; deck 003, "Linear Hidden Units"
"""

from __future__ import annotations

from typing import Any

import numpy as np

from course.backprop import affine_backward, affine_forward
from course.graph import lift, scatter
from course.nn import Module, Parameter
from course.toolbox.errors import InputError
from course.toolbox.pairs import backward_half, differentiable
from course.toolbox.shapes import check_labels, check_shapes

__all__ = [
    "Embedding", "LowRank", "embedding_backward", "embedding_forward", "lookup", "lowrank_backward", "lowrank_forward",
    "lowrank_size", "sum_by_id",
]  # fmt: skip


@differentiable
def lookup(E: Any, ids: Any, V: int) -> Any:
    """`embedding_forward` with its arguments in the order in which `embedding_backward`, its other half, gives gradients.

    Shapes: E (V, d), ids (N, K) int < V, V = len(E) -> Y (N, K*d)
    """
    check_shapes("embedding_forward", "E (V, d), ids (N, K)", E, ids)
    ids = check_labels("embedding_forward", "ids", ids, V)
    return E[ids].reshape(len(ids), ids.shape[1] * E.shape[1])


def embedding_forward(ids: Any, E: Any) -> Any:
    """The vectors of the words of each row, side by side: rows are read instead of multiplied with one-hot rows.

    Y_n = [E_ids_n1, …, E_ids_nK] = [onehot(ids_n1) E, …, onehot(ids_nK) E]

    Shapes: ids (N, K) int < V, E (V, d) -> Y (N, K*d)
    Source: deck 000, "Embedding Layers"
    Raises: ShapeError when ids or E have not two axes; InputError for an id outside 0 … V − 1.
    """
    return lookup(E, ids, len(E))


@backward_half(lookup)
def embedding_backward(dY: Any, ids: Any, V: int) -> Any:
    """The gradient of the table: row v is the sum of all gradients of vectors that were read from it.

    dE_v = Σ_{n,k: ids_nk = v} dY_n,k

    Shapes: dY (N, 4), ids (N, 2) int < V, V = 11 -> dE (V, 2)
    Source: deck 000, "Embedding Layers": the transpose of the one-hot rows times dY
    Raises: InputError when the columns of dY are no multiple of the ids in a row; for an id outside 0 … V − 1.
    """
    check_shapes("embedding_backward", "dY (N, D), ids (N, K)", dY, ids)
    ids = check_labels("embedding_backward", "ids", ids, V)
    d, rest = divmod(dY.shape[1], max(ids.shape[1], 1))
    if rest or not ids.shape[1]:
        raise InputError(
            f"embedding_backward: {dY.shape[1]} columns of dY cannot be shared by {ids.shape[1]} ids in a row."
        )
    rows = dY.reshape(ids.size, d)
    if isinstance(rows, np.ndarray):
        return sum_by_id(rows, ids.ravel(), V)
    return scatter(rows, ids.ravel(), (V, d))


def sum_by_id(rows: Any, ids: Any, V: int) -> Any:
    """For each id the sum of its rows, fast: one-hot × matrix where V is small, sums of sorted segments else.

    Shapes: rows (N, D), ids (N,) int < V, V = 11 -> sums (V, D)
    """
    if V <= 256:
        return np.eye(V, dtype=rows.dtype)[ids].T @ rows
    order = np.argsort(ids, kind="stable")
    first = np.flatnonzero(np.diff(ids[order], prepend=-1))
    out = np.zeros((V, rows.shape[1]), rows.dtype)
    out[ids[order][first]] = np.add.reduceat(rows[order], first)
    return out


def lowrank_forward(X: Any, U: Any, V: Any, b: Any) -> tuple[Any, Any]:
    """A fully connected layer whose weights are a product of two thin matrices.

    Y = (X U) V + b, which is X W + b with a W of rank at most r

    Shapes: X (N, D), U (D, r), V (r, M), b (M,) -> Y (N, M); and the cache
    Source: deck 003, "Linear Hidden Units"
    Raises: ShapeError when the arrays do not fit.
    """
    check_shapes("lowrank_forward", "X (N, D), U (D, r), V (r, M), b (M,)", X, U, V, b)
    H = X @ U
    Y, outer = affine_forward(H, V, b)
    return Y, ((X, U), outer)


def lowrank_backward(dY: Any, cache: Any) -> tuple[Any, Any, Any, Any]:
    """Carry a gradient back through both factors: dH = dY Vᵀ, dV = Hᵀ dY; dX = dH Uᵀ, dU = Xᵀ dH.

    Source: deck 003, 6.5.6
    """
    inner, outer = cache
    dH, dV, db = affine_backward(dY, outer)
    dX, dU, _ = affine_backward(dH, inner, (True, True, False))
    return dX, dU, dV, db


def lowrank_size(n: int, p: int, q: int) -> int:
    """The number of weights of a layer from n to p through q: (n + p) q; it saves weights when q < n p / (n + p).

    Source: deck 003, "Linear Hidden Units"

    >>> lowrank_size(1000, 500, 20), 1000 * 500
    (30000, 500000)
    """
    return (n + p) * q


_lowrank = lift(lowrank_forward, lowrank_backward)


class Embedding(Module):
    """A table of V vectors of length d, drawn from a normal distribution or given, trained with the rest.

    Source: deck 000, "Embedding Layers"
    """

    def __init__(self, V: int, d: int, rng: np.random.Generator, vectors: Any = None) -> None:
        if vectors is None:
            vectors = rng.standard_normal((V, d))
        check_shapes("Embedding", f"vectors ({V}, {d})", vectors)
        self.E = Parameter(vectors, "E")

    def forward(self, ids: Any) -> Any:
        """(…) ids -> (…, d)"""
        return self.E[check_labels("Embedding", "ids", ids, self.E.shape[0])]


class LowRank(Module):
    """A fully connected layer of rank at most r: y = x U V + b.

    Source: deck 003, "Linear Hidden Units"
    """

    def __init__(self, d_in: int, d_out: int, r: int, rng: np.random.Generator) -> None:
        if min(d_in, d_out, r) < 1:
            raise InputError(f"LowRank: d_in {d_in}, d_out {d_out}, r {r}: sizes are at least 1.")
        self.U = Parameter(rng.standard_normal((d_in, r)) * d_in**-0.5, "U")
        self.V = Parameter(rng.standard_normal((r, d_out)) * r**-0.5, "V")
        self.b = Parameter(np.zeros(d_out), "b")

    def forward(self, x: Any) -> Any:
        """(N, d_in) -> (N, d_out)"""
        return _lowrank(x, self.U, self.V, self.b)
