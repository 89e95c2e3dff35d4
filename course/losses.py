"""Chapter A01: output units and losses. All losses are means over the batch, in nats.

The maximum is subtracted before every exponential, and the logarithm of a softmax is never taken of a softmax, so
scores of any size give finite values. Their backward halves belong to chapter A02.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from course.neurons import softplus
from course.toolbox.errors import InputError
from course.toolbox.pairs import differentiable
from course.toolbox.shapes import check_labels, check_shapes

__all__ = [
    "bce_with_logits", "cross_entropy", "exponentials", "least_squares", "log_softmax", "mse", "nll", "signs", "softmax",
]  # fmt: skip


def _float(Z: Any) -> Any:
    Z = np.asarray(Z)
    return Z if Z.dtype.kind == "f" else Z.astype(np.float64)


def _batch(where: str, Z: Any) -> int:
    """The number of examples; a mean over none of them has no value."""
    if not len(Z):
        raise InputError(f"{where}: the batch is empty, so its mean has no value; pass at least one example.")
    return len(Z)


def exponentials(Z: Any) -> tuple[Any, Any, Any]:
    """What softmax and its logarithm are made of, row by row: Z − max Z, its exponentials, and their sums, (N, 1).

    Source: deck 003, 6.2.2.3
    """
    Z = _float(Z)
    Z = Z - Z.max(axis=-1, keepdims=True)
    E = np.exp(Z)
    return (
        Z,
        E,
        E @ np.ones((Z.shape[-1], 1), Z.dtype),
    )  # a product is faster than the sums of many short rows


@differentiable
def softmax(Z: Any) -> Any:
    """Scores to probabilities, row by row.

    P_nc = e^(Z_nc − m_n) / Σ_j e^(Z_nj − m_n) with m_n = max_j Z_nj

    Shapes: Z (N, C) -> P (N, C)
    Source: deck 001, "Softmax"; deck 003, 6.2.2.3

    >>> softmax(np.array([[0.0, 0.0], [1e4, 0.0]]))
    array([[0.5, 0.5], [1. , 0. ]])
    """
    _, E, S = exponentials(Z)
    return E / S


@differentiable
def log_softmax(Z: Any) -> Any:
    """The logarithm of the softmax, without taking it.

    log P_nc = Z_nc − m_n − log Σ_j e^(Z_nj − m_n)

    Shapes: Z (N, C) -> logP (N, C)
    Source: deck 003, 6.2.2.3
    """
    Z, _, S = exponentials(Z)
    return Z - np.log(S)


@differentiable
def cross_entropy(Z: Any, y: Any) -> Any:
    """The mean negative log-probability of the right classes, from scores.

    L = −(1/N) Σ_n log softmax(Z)_n,y_n        (nats)

    Shapes: Z (N, C), y (N,) int < C -> loss ()
    Source: deck 001, "Cross entropy"
    Raises: ShapeError, InputError for labels outside 0 … C − 1 and for an empty batch.

    >>> round(float(cross_entropy(np.zeros((3, 4)), np.array([0, 1, 3]))), 6)  # log 4
    1.386294
    """
    return nll(log_softmax(Z), y, "cross_entropy")


def nll(Z: Any, y: Any, where: str = "nll") -> Any:
    """The mean negative log-probability of the right classes, from the logarithms of probabilities.

    L = −(1/N) Σ_n Z_n,y_n        (nats)

    Shapes: Z (N, C), y (N,) int < C -> loss ()
    Source: deck 001, "Cross entropy"
    Raises: as `cross_entropy`.
    """
    C = check_shapes(where, "Z (N, C), y (N,)", Z, y)["C"]
    labels = check_labels(where, "y", y, C)
    N = _batch(where, Z)
    return -Z[np.arange(N), labels].sum() / N


@differentiable
def bce_with_logits(z: Any, y: Any) -> Any:
    """Binary cross-entropy from scores: minus the mean log-probability of y under σ(z).

    L = (1/N) Σ_n ζ((1 − 2y_n) z_n) with ζ(t) = log(1 + e^t)        (nats)

    Shapes: z (N,), y (N,) 0/1 -> loss ()
    Source: deck 003, 6.2.2.2
    Raises: ShapeError, InputError for labels other than 0 and 1 and for an empty batch.
    """
    z, y = _float(z), np.asarray(y)
    check_shapes("bce_with_logits", "z (N,), y (N,)", z, y)
    if not ((y == 0) | (y == 1)).all():
        raise InputError("bce_with_logits: y must hold only 0 and 1; for more classes use cross_entropy.")
    _batch("bce_with_logits", z)
    return softplus(signs(y, z) * z).mean()


def signs(y: Any, z: Any) -> Any:
    """1 where y is 0 and −1 where it is 1, in the type of z: −log P(y) under σ(z) is ζ(sign · z).

    Shapes: y (N,) 0/1, z (N,) -> s (N,)
    Source: deck 003, 6.2.2.2
    """
    return 1 - 2 * np.asarray(y).astype(z.dtype)


@differentiable
def mse(Yhat: Any, Y: Any) -> Any:
    """The mean over the batch of the squared length of the error.

    L = (1/N) Σ_n |ŷ_n − y_n|²

    Shapes: Yhat (N, D), Y (N, D) -> loss ()
    Source: deck 003, 6.1 and 6.2.2.1
    Raises: ShapeError when the shapes differ; (N, 1) against (N,) would broadcast to (N, N).
    """
    Yhat, Y = _float(Yhat), _float(Y)
    line = "Yhat (N,), Y (N,)" if Yhat.ndim == 1 else "Yhat (N, D), Y (N, D)"
    check_shapes("mse", line, Yhat, Y)
    return ((Yhat - Y) ** 2).sum() / _batch("mse", Yhat)


def least_squares(X: Any, y: Any) -> tuple[Any, float]:
    """The weights and the intercept of the linear model with the smallest squared error, in closed form.

    (w, b) = argmin Σ_n (w·x_n + b − y_n)², the solution of the normal equations (AᵀA) θ = Aᵀy with A = [X 1]

    Shapes: X (N, D), y (N,) -> w (D,), b ()
    Source: deck 002, "closed form"; deck 003, 6.1
    Raises: ShapeError when X and y differ in length.

    >>> w, b = least_squares(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0]))
    >>> w.round(9) + 0.0, round(b, 9)
    (array([0., 0.]), 0.5)
    """
    X, y = _float(X), _float(y)
    check_shapes("least_squares", "X (N, D), y (N,)", X, y)
    A = np.column_stack([X, np.ones(len(X), X.dtype)])
    theta = np.linalg.lstsq(A, y, rcond=None)[0]
    return theta[:-1], float(theta[-1])
