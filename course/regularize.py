"""Chapter A04: penalties, dropout, batch normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from course.graph import lift
from course.nn import Module, Parameter
from course.toolbox.errors import InputError
from course.toolbox.shapes import check_shapes

__all__ = [
    "BatchNorm1d", "Dropout", "batchnorm_backward", "batchnorm_forward", "dropout_backward", "dropout_forward", "penalty",
]  # fmt: skip


def penalty(params: Mapping[str, Any], l1: float = 0.0, l2: float = 0.0) -> tuple[float, dict[str, Any]]:
    """The price of large weights, and its gradients; biases (keys that do not start with "W") are free.

    Ω = l1 Σ|W| + l2/2 ΣW²,  dW = l1 sign(W) + l2 W, with sign(0) = 0

    Source: deck 000, "Regularisation"; deck 003, 6.5.7 (whose λ is l2/2)

    >>> penalty({"W1": np.array([[3.0, -1.0]]), "b1": np.array([9.0])}, l1=1.0, l2=2.0)
    (14.0, {'W1': array([[ 7., -3.]])})
    """
    weights = {name: np.asarray(W) for name, W in params.items() if name.startswith("W")}
    value = sum(l1 * np.abs(W).sum() + l2 / 2 * (W * W).sum() for W in weights.values())
    return float(value), {name: l1 * np.sign(W) + l2 * W for name, W in weights.items()}


def dropout_forward(X: Any, p: float, rng: np.random.Generator, train: bool = True) -> tuple[Any, Any]:
    """Inverted dropout: each entry is dropped with probability p, the others grow so that the mean stays.

    Y = X ⊙ M / (1 − p), M_ij = 0 with probability p, else 1; without `train` Y = X and rng is untouched

    Shapes: X (N, D), p = 0.4, rng = rng -> Y (N, D); and the cache
    Source: deck 000, "Dropout"; deck 002, "Dropout" (which forgets to rescale)
    Raises: InputError when p is no probability.
    """
    if not 0 <= p <= 1:
        raise InputError(f"dropout: p is {p}, but a probability of dropping lies between 0 and 1.")
    keep = rng.random(X.shape) >= p if train else None
    cache = (keep, p)
    return dropout_backward(X, cache), cache


def dropout_backward(dY: Any, cache: Any) -> Any:
    """Carry a gradient back through dropout: the same entries are dropped, the others grow by the same factor.

    Source: deck 000, "Dropout"
    """
    keep, p = cache
    if keep is None:
        return dY * 1.0
    return dY * keep * (1 / (1 - p) if p < 1 else 0.0)


def batchnorm_forward(
    X: Any,
    gamma: Any,
    beta: Any,
    state: Mapping[str, Any],
    train: bool = True,
    eps: float = 1e-5,
    momentum: float = 0.9,
) -> tuple[Any, Any, dict[str, Any]]:
    """Normalise each column over the batch, then scale and shift it.

    x̂ = (x − μ) / √(σ² + ε), y = γ x̂ + β;  μ, σ² are mean and biased variance of the batch when training, else those
    of `state`;  running = momentum · running + (1 − momentum) · batch

    Shapes: X (N, D), gamma (D,), beta (D,), state = dict(mean=np.zeros(D), var=np.ones(D)) -> Y (N, D); then the cache
        and the new state
    Source: deck 002, "Batch normalisation", algorithm 1; Ioffe and Szegedy 2015
    Raises: ShapeError when gamma, beta or the state do not fit X; InputError for an empty batch in training.
    """
    X = np.asarray(X)
    line = "X (N, D), gamma (D,), beta (D,), mean (D,), var (D,)"
    check_shapes("batchnorm_forward", line, X, gamma, beta, state["mean"], state["var"])
    if train and not len(X):
        raise InputError(
            "batchnorm_forward: the batch is empty, so it has no mean; pass at least one example."
        )
    mean, var = (X.mean(axis=0), X.var(axis=0)) if train else (state["mean"], state["var"])
    new = {"mean": np.array(state["mean"]), "var": np.array(state["var"])}
    if train:
        new = {k: momentum * new[k] + (1 - momentum) * batch for k, batch in (("mean", mean), ("var", var))}
    scale = (1 / np.sqrt(var + eps)).astype(X.dtype, copy=False)
    xhat = (X - mean.astype(X.dtype, copy=False)) * scale
    return gamma * xhat + beta, (xhat, gamma, scale, train), new


def batchnorm_backward(dY: Any, cache: Any) -> tuple[Any, Any, Any]:
    """Carry a gradient back through batch normalisation; in training the statistics depend on X too.

    dγ = Σ_n dy x̂, dβ = Σ_n dy;  with g = γ dy:  dx = (g − mean_n(g) − x̂ mean_n(g x̂)) / √(σ² + ε), and
    g / √(σ² + ε) when not training

    Source: deck 002, algorithm 1; Ioffe and Szegedy 2015
    """
    xhat, gamma, scale, train = cache
    g = dY * gamma
    dX = g - g.mean(axis=0) - xhat * (g * xhat).mean(axis=0) if train else g
    return dX * scale, (dY * xhat).sum(axis=0), dY.sum(axis=0)


class Dropout(Module):
    """Dropout as a module: active in training only, with masks drawn from `rng`."""

    def __init__(self, p: float, rng: np.random.Generator) -> None:
        self.p, self.rng = p, rng

    def forward(self, X: Any) -> Any:
        """(N, D) -> (N, D)"""
        return _dropout(X, self.p, self.rng, self.training)


_dropout = lift(dropout_forward, dropout_backward)


class BatchNorm1d(Module):
    """Batch normalisation of D columns; its running mean and variance belong to the state."""

    buffers = ("state",)

    def __init__(self, D: int, eps: float = 1e-5, momentum: float = 0.9) -> None:
        self.gamma, self.beta = Parameter(np.ones(D), "gamma"), Parameter(np.zeros(D), "beta")
        self.state: dict[str, Any] = {"mean": np.zeros(D), "var": np.ones(D)}
        self.eps, self.momentum = eps, momentum

    def forward(self, X: Any) -> Any:
        """(N, D) -> (N, D); in training the running statistics move."""

        def forward(X: Any, gamma: Any, beta: Any) -> tuple[Any, Any]:
            Y, cache, self.state = batchnorm_forward(
                X, gamma, beta, self.state, self.training, self.eps, self.momentum
            )
            return Y, cache

        return lift(forward, batchnorm_backward, name="batchnorm")(X, self.gamma, self.beta)
