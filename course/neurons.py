"""Chapter A01: neurons, activations with their derivatives, and small networks put together from them.

Each activation is a pair on plain arrays: `f(z)` and `f_backward(dout, …)`, which multiplies the upstream gradient
by the derivative. `d_f(z)` is that derivative alone. Most need only the output `out = f(z)` to be differentiated,
so the input need not be kept. Where a function has a kink, the derivative there is the one from the left, and the
mean of both sides for |z|. A backward half has the source of its forward half; those of
prelu and maxout belong to chapter A03.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from course.toolbox.errors import ShapeError
from course.toolbox.pairs import differentiable
from course.toolbox.shapes import check_shapes

__all__ = [
    "abs_rect", "abs_rect_backward", "count_params", "d_abs_rect", "d_hardtanh", "d_leaky_relu", "d_prelu",
    "d_relu", "d_sigmoid", "d_softplus", "d_tanh", "hardtanh", "hardtanh_backward", "leaky_relu",
    "leaky_relu_backward", "maxout", "mlp1", "mlp2", "neuron", "prelu", "rbf", "rbf_backward", "relu",
    "relu_backward", "sigmoid", "sigmoid_backward", "softplus", "softplus_backward", "tanh", "tanh_backward",
]  # fmt: skip


def _float(z: Any) -> Any:
    """z as an array of floats; a float dtype that came in is kept."""
    z = np.asarray(z)
    return z if z.dtype.kind == "f" else z.astype(np.float64)


def _ones(z: Any) -> Any:
    return np.ones_like(_float(z))


@differentiable
def sigmoid(z: Any) -> Any:
    """The logistic function: maps a score to a probability strictly between 0 and 1.

    σ(z) = 1 / (1 + e^(−z)), computed with e^(−|z|) so that nothing overflows.

    Shapes: z (N, D) -> out (N, D)
    Source: deck 000, "Sigmoid"; deck 003, 6.2.2.2

    >>> round(float(sigmoid(0.87)), 2)
    0.7
    """
    z = _float(z)
    e = np.exp(-np.abs(z))
    return (np.where(z >= 0, 1, e) / (1 + e)).astype(z.dtype, copy=False)[()]


def sigmoid_backward(dout: Any, out: Any) -> Any:
    """Carry a gradient back: σ′ = σ (1 − σ)."""
    return dout * (out * (1 - out))


def d_sigmoid(z: Any) -> Any:
    """The derivative σ(z) (1 − σ(z)). Shapes: z (N, D) -> d (N, D)"""
    return sigmoid_backward(_ones(z), sigmoid(z))[()]


@differentiable
def tanh(z: Any) -> Any:
    """The hyperbolic tangent: a logistic function stretched to the range (−1, 1).

    tanh(z) = (e^(2z) − 1) / (e^(2z) + 1) = 2 σ(2z) − 1

    Shapes: z (N, D) -> out (N, D)
    Source: deck 000, "Hyperbolic tangent"; deck 003, 6.3.2
    """
    return np.tanh(_float(z))


def tanh_backward(dout: Any, out: Any) -> Any:
    """Carry a gradient back: tanh′ = 1 − tanh²."""
    return dout * (1 - out * out)


def d_tanh(z: Any) -> Any:
    """The derivative 1 − tanh(z)². Shapes: z (N, D) -> d (N, D)"""
    return tanh_backward(_ones(z), tanh(z))[()]


@differentiable
def hardtanh(z: Any) -> Any:
    """A tanh made of three straight lines: max(−1, min(1, z)).

    Shapes: z (N, D) -> out (N, D)
    Source: deck 000, "Hard tanh"
    """
    return np.clip(_float(z), -1, 1)


def hardtanh_backward(dout: Any, out: Any) -> Any:
    """Carry a gradient back: 1 inside (−1, 1), else 0."""
    return dout * (abs(out) < 1)


def d_hardtanh(z: Any) -> Any:
    """The derivative: 1 inside (−1, 1), else 0. Shapes: z (N, D) -> d (N, D)"""
    return hardtanh_backward(_ones(z), hardtanh(z))[()]


@differentiable
def relu(z: Any) -> Any:
    """The rectified linear unit: max(0, z).

    Shapes: z (N, D) -> out (N, D)
    Source: deck 000, "Rectifier"; deck 003, 6.3.1
    """
    return np.maximum(_float(z), 0)


def relu_backward(dout: Any, out: Any) -> Any:
    """Carry a gradient back: 1 where z > 0, else 0, also at 0. Source: deck 000, "Derivative of max(0, x)" """
    return dout * (out > 0)


def d_relu(z: Any) -> Any:
    """The derivative: 1 where z > 0, else 0. Shapes: z (N, D) -> d (N, D)"""
    return relu_backward(_ones(z), relu(z))[()]


@differentiable
def leaky_relu(z: Any, alpha: float = 0.01) -> Any:
    """A rectifier that lets a little of the negative side through: max(0, z) + α min(0, z).

    Shapes: z (N, D), alpha = 0.01 -> out (N, D)
    Source: deck 002, "Leaky ReLU"; deck 003, 6.3.1
    """
    z = _float(z)
    return np.maximum(z, 0) + alpha * np.minimum(z, 0)


def leaky_relu_backward(dout: Any, z: Any, alpha: float = 0.01) -> Any:
    """Carry a gradient back: 1 where z > 0, else α."""
    return dout * (z > 0) * (1 - alpha) + dout * alpha


def d_leaky_relu(z: Any, alpha: float = 0.01) -> Any:
    """The derivative: 1 where z > 0, else α. Shapes: z (N, D), alpha = 0.01 -> d (N, D)"""
    return leaky_relu_backward(_ones(z), _float(z), alpha)[()]


@differentiable
def softplus(z: Any) -> Any:
    """A smooth rectifier, and the negative logarithm of a sigmoid.

    ζ(z) = log(1 + e^z) = −log σ(−z), computed as max(0, z) + log(1 + e^(−|z|)).

    Shapes: z (N, D) -> out (N, D)
    Source: deck 003, 6.2.2.2 and 6.3.3
    """
    z = _float(z)
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def softplus_backward(dout: Any, out: Any) -> Any:
    """Carry a gradient back: ζ′ = σ(z) = 1 − e^(−ζ)."""
    return dout * -np.expm1(-out)


def d_softplus(z: Any) -> Any:
    """The derivative σ(z). Shapes: z (N, D) -> d (N, D)"""
    return softplus_backward(_ones(z), softplus(z))[()]


@differentiable
def abs_rect(z: Any) -> Any:
    """Absolute value rectification, |z|: the leaky rectifier with α = −1.

    Shapes: z (N, D) -> out (N, D)
    Source: deck 003, 6.3.1
    """
    return np.abs(_float(z))


def abs_rect_backward(dout: Any, z: Any) -> Any:
    """Carry a gradient back: the sign of z, and 0 at 0."""
    return dout * np.sign(z)


def d_abs_rect(z: Any) -> Any:
    """The derivative: the sign of z, and 0 at 0. Shapes: z (N, D) -> d (N, D)"""
    return abs_rect_backward(_ones(z), _float(z))[()]


@differentiable
def prelu(Z: Any, alpha: Any) -> Any:
    """A leaky rectifier whose slope is learned, one α for each unit: max(0, Z_nd) + α_d min(0, Z_nd).

    Shapes: Z (N, D), alpha (D,) -> out (N, D)
    Source: deck 003, 6.3.1
    Raises: ShapeError when alpha has not one entry for each column of Z.
    """
    Z, alpha = _float(Z), _float(alpha)
    check_shapes("prelu", "Z (N, D), alpha (D,)", Z, alpha)
    return np.maximum(Z, 0) + alpha * np.minimum(Z, 0)


def d_prelu(Z: Any, alpha: Any) -> tuple[Any, Any]:
    """The elementwise derivatives: by Z it is 1 where Z > 0, else α; by α it is min(0, Z).

    Shapes: Z (N, D), alpha (D,) -> dZ (N, D), dalpha (N, D)
    """
    return (Z > 0) * (1 - alpha) + alpha, np.minimum(Z, 0.0)


@differentiable
def rbf(X: Any, C: Any, sigma: Any) -> Any:
    """Radial basis function units: unit k is active near its template, column k of C.

    h_nk = exp(−|c_k − x_n|² / σ_k²)

    Shapes: X (N, D), C (D, K), sigma (K,) > 0 -> out (N, K)
    Source: deck 003, 6.3.3
    Raises: ShapeError when X, C and sigma do not fit.
    """
    X, C, sigma = _float(X), _float(C), _float(sigma)
    check_shapes("rbf", "X (N, D), C (D, K), sigma (K,)", X, C, sigma)
    return np.exp(-_squared_distances(X, C) / sigma**2)


def _squared_distances(X: Any, C: Any) -> Any:
    """|c_k − x_n|² from differences, not from x² − 2xc + c², which loses digits when x is close to c."""
    return ((X.reshape(*X.shape, 1) - C) ** 2).sum(axis=1)


def rbf_backward(dout: Any, X: Any, C: Any, sigma: Any, out: Any) -> tuple[Any, Any, Any]:
    """Carry a gradient back. With s_nk = 2 dout_nk h_nk / σ_k²: dx_n = Σ_k s_nk (c_k − x_n),
    dc_k = Σ_n s_nk (x_n − c_k), dσ_k = Σ_n s_nk |c_k − x_n|² / σ_k."""
    s = 2 * dout * out / sigma**2
    dX = s @ C.T - X * s.sum(axis=1, keepdims=True)
    dC = X.T @ s - C * s.sum(axis=0)
    return dX, dC, (s * _squared_distances(X, C)).sum(axis=0) / sigma


@differentiable
def maxout(Z: Any, k: int) -> Any:
    """Maxout: every unit takes the largest of its own k neighbouring columns, h_nj = max_i Z_n,(jk+i).

    Shapes: Z (N, K*k), k = 3 -> out (N, K)
    Source: deck 003, 6.3.1
    Raises: ShapeError when the columns cannot be divided into groups of k.
    """
    return _groups(_float(Z), k).max(axis=2)


def _groups(Z: Any, k: int) -> Any:
    N, columns = check_shapes("maxout", "Z (N, columns)", Z).values()
    if k < 1 or columns % k:
        raise ShapeError(
            f"maxout: {columns} columns cannot be divided into groups of k = {k}; use a multiple."
        )
    return Z.reshape(N, columns // k, k)


def neuron(x: Any, w: Any, b: Any) -> Any:
    """One neuron with a sigmoid, which is logistic regression.

    y = σ(w·x + b)

    Shapes: x (D,), w (D,), b () -> y ()
    Source: deck 001, "An example"; deck 002, "a neuron is logistic regression"

    >>> round(float(neuron(np.array([0.5, 0.6, 0.1]), np.array([0.2, 0.3, 0.9]), 0.5)), 2)
    0.7
    """
    check_shapes("neuron", "x (D,), w (D,), b ()", x, w, b)
    return sigmoid(np.asarray(w) @ np.asarray(x) + b)


def mlp1(X: Any, W1: Any, b1: Any, W2: Any, b2: Any, g: Callable[[Any], Any]) -> Any:
    """A network with one hidden layer and a linear output.

    Y = g(X W1 + b1) W2 + b2

    Shapes: X (N, D), W1 (D, H), b1 (H,), W2 (H, M), b2 (M,), g = tanh -> Y (N, M)
    Source: deck 000, eq. (1), where b1 has as many entries as the hidden layer
    """
    check_shapes("mlp1", "X (N, D), W1 (D, H), b1 (H,), W2 (H, M), b2 (M,)", X, W1, b1, W2, b2)
    return g(X @ W1 + b1) @ W2 + b2


def mlp2(X: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, g: Callable[[Any], Any]) -> Any:
    """A network with two hidden layers and a linear output without bias.

    Y = g(g(X W1 + b1) W2 + b2) W3

    Shapes: X (N, D), W1 (D, H), b1 (H,), W2 (H, K), b2 (K,), W3 (K, M), g = tanh -> Y (N, M)
    Source: deck 000, eq. (2)
    """
    check_shapes("mlp2", "X (N, D), W1 (D, H), b1 (H,), W2 (H, K), b2 (K,), W3 (K, M)", X, W1, b1, W2, b2, W3)
    return g(g(X @ W1 + b1) @ W2 + b2) @ W3


def count_params(params: Mapping[str, Any]) -> int:
    """The number of single weights in a dict of arrays.

    >>> count_params({"W1": np.zeros((4, 6)), "b1": np.zeros(6)})
    30
    """
    return sum(int(np.size(p)) for p in params.values())
