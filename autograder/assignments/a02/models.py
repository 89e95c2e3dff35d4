"""The right forward formulas of assignment A02 as tape models, and samplers of arguments for them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from course.toolbox.seeds import distinct_primes

__all__ = [
    "Args",
    "act",
    "affine",
    "dead_mlp",
    "draw_act",
    "draw_affine",
    "draw_mlp",
    "draw_nn",
    "draw_softmax_ce",
    "mlp",
    "mlp_names",
    "nn",
    "nn_hidden",
    "nn_output",
    "softmax_ce",
]

Args = dict[str, Any]


def affine(ops: Any, X: Any, W: Any, b: Any) -> Any:
    """Y = X W + b."""
    Y = X @ W + b
    return Y


def act(ops: Any, Z: Any, name: str) -> Any:
    """A = g(Z), element by element, for the activation called `name`."""
    A = {"sigmoid": ops.sigmoid, "tanh": ops.tanh, "relu": ops.relu}[name](Z)
    return A


def softmax_ce(ops: Any, Z: Any, y: Any) -> Any:
    """L = -1/N Σ_n log softmax(Z_n)[y_n]."""
    log_p = ops.log_softmax(Z, axis=1)
    loss = -ops.mean(ops.pick(log_p, y))
    return loss


def mlp(ops: Any, X: Any, params: Any, act: str = "tanh") -> Any:
    """A_l = g(A_{l-1} W_l + b_l) for l < L, Z = A_{L-1} W_L + b_L."""
    g = {"sigmoid": ops.sigmoid, "tanh": ops.tanh, "relu": ops.relu}[act]
    layers = len(params) // 2
    A = X
    for k in range(1, layers):
        Z = A @ params[f"W{k}"] + params[f"b{k}"]
        A = g(Z)
    Z = A @ params[f"W{layers}"] + params[f"b{layers}"]
    return Z


def nn_hidden(ops: Any, x: Any, y: Any, alpha: Any, beta: Any) -> Any:
    """z = σ(α_0 + Σ_i α_i x_i)."""
    a = alpha[:, 0] + alpha[:, 1:] @ x
    z = ops.sigmoid(a)
    return z


def nn_output(ops: Any, x: Any, y: Any, alpha: Any, beta: Any) -> Any:
    """ŷ = σ(β_0 + Σ_j β_j z_j)."""
    z = nn_hidden(ops, x, y, alpha, beta)
    b = beta[0] + beta[1:] @ z
    yhat = ops.sigmoid(b)
    return yhat


def nn(ops: Any, x: Any, y: Any, alpha: Any, beta: Any) -> Any:
    """J = -(y log ŷ + (1 - y) log(1 - ŷ)), ŷ = σ(β_0 + Σ_j β_j z_j), z = σ(α_0 + Σ_i α_i x_i)."""
    yhat = nn_output(ops, x, y, alpha, beta)
    J = -(y * ops.log(yhat) + (1 - y) * ops.log(1 - yhat))
    return J


def mlp_names(args: Args) -> tuple[str, ...]:
    """The names of the parameters of a drawn network, W1, b1, W2, …"""
    return tuple(args["params"])


# --- samplers: sizes are distinct primes, so that no two shapes coincide; one square instance for transposes -----------


def _sizes(rng: np.random.Generator, count: int, square: bool) -> tuple[int, ...]:
    return (3,) * count if square else distinct_primes(rng, count, high=11 if count <= 4 else 17)


def draw_affine(
    rng: np.random.Generator, square: bool = False, N: int | None = None, integer: bool = False
) -> Args:
    """X (N, D), W (D, M), b (M)."""
    n, D, M = _sizes(rng, 3, square)
    n = n if N is None else N
    if integer:
        return {
            "X": rng.integers(-5, 6, (n, D)),
            "W": rng.integers(-5, 6, (D, M)),
            "b": rng.integers(-5, 6, M),
        }
    return {"X": rng.normal(size=(n, D)), "W": rng.normal(size=(D, M)), "b": rng.normal(size=M)}


def draw_act(
    rng: np.random.Generator,
    square: bool = False,
    name: str = "tanh",
    scale: float = 1.5,
    N: int | None = None,
) -> Args:
    """Z (N, D), at least 0.01 away from the kink of ReLU, and the name of an activation."""
    n, D = _sizes(rng, 2, square)
    Z = rng.normal(size=(n if N is None else N, D)) * scale
    Z[0, 0] = abs(rng.normal())  # something of ordinary size, against which errors are measured
    return {"Z": Z + 0.01 * np.where(Z < 0, -1.0, 1.0), "name": name}


def draw_softmax_ce(
    rng: np.random.Generator, square: bool = False, N: int | None = None, scale: float = 2.0
) -> Args:
    """Z (N, C) and labels y (N,); the first label is an unlikely one, so that no gradient is all but 0."""
    n, C = (3, 3) if square else distinct_primes(rng, 2, low=3)
    Z = rng.normal(size=(n if N is None else N, C)) * scale
    y = rng.integers(0, C, len(Z))
    y[0] = int(np.argmin(Z[0]))
    return {"Z": Z, "y": y}


def draw_mlp(
    rng: np.random.Generator, square: bool = False, layers: int = 2, act: str = "tanh", N: int | None = None
) -> Args:
    """X (N, D) and the parameters of a network of `layers` layers."""
    n, *widths = _sizes(rng, layers + 2, square)
    params = {}
    for k, (d_in, d_out) in enumerate(pairwise(widths), start=1):
        params[f"W{k}"] = rng.normal(size=(d_in, d_out)) * np.sqrt(2.0 / d_in)
        params[f"b{k}"] = rng.normal(size=d_out) * 0.3
    return {"X": rng.normal(size=(n if N is None else N, widths[0])), "params": params, "act": act}


def dead_mlp(rng: np.random.Generator) -> Args:
    """A ReLU network whose first hidden layer is off for every example: gradients below it are 0, not nan."""
    args = draw_mlp(rng, layers=3, act="relu")
    args["params"]["b1"] = np.full_like(args["params"]["b1"], -50.0)
    return args


def draw_nn(rng: np.random.Generator, square: bool = False, scale: float = 1.0) -> Args:
    """One example x (M), y, and alpha (D, M+1), beta (D+1)."""
    M, D = (2, 3) if square else distinct_primes(rng, 2, low=2, high=7)
    return {
        "x": rng.normal(size=M) * scale,
        "y": int(rng.integers(0, 2)),
        "alpha": rng.normal(size=(D, M + 1)),
        "beta": rng.normal(size=D + 1),
    }
