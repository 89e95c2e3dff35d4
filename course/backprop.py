"""Chapter A02: backpropagation by hand, and the finite differences that check it.

Every layer is a forward/backward pair: forward returns its result and a cache, backward takes the gradient of the
result and the cache and returns the gradients of the arguments. A network is a chain of such pairs, run once
forwards and once backwards. Derivatives of activations and losses come from chapter A01.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from course.losses import bce_with_logits, cross_entropy, exponentials, log_softmax, mse, nll, signs, softmax
from course.neurons import relu, relu_backward, sigmoid, sigmoid_backward, tanh, tanh_backward
from course.toolbox.errors import InputError
from course.toolbox.pairs import backward_half
from course.toolbox.shapes import check_shapes

__all__ = [
    "act_backward", "act_forward", "affine_backward", "affine_forward", "bce_with_logits_backward", "ce_error",
    "cross_entropy_backward", "gradcheck_report", "log_softmax_backward", "mlp_backward", "mlp_forward", "mse_backward",
    "nn_backward", "nn_forward", "numeric_grad", "sgd_train", "softmax_backward", "softmax_ce",
    "softmax_ce_backward",
]  # fmt: skip

_ACTS: dict[str, tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {
    "relu": (relu, relu_backward),
    "sigmoid": (sigmoid, sigmoid_backward),
    "tanh": (tanh, tanh_backward),
}


def numeric_grad(f: Callable[[Any], Any], x: Any, h: float = 1e-5) -> Any:
    """The gradient of a scalar function by central differences.

    g_i = (f(x + h e_i) − f(x − h e_i)) / 2h, with an error of about h² |f‴| / 6 + 1e-16 |f| / h

    f gets a float64 copy of x with one entry changed; x itself stays as it is.

    Shapes: f = np.sum, x (N, D) -> g (N, D)
    Source: deck 004, objective "finite difference method"

    >>> numeric_grad(lambda x: (x**2).sum(), np.array([1, 3])).round(6)
    array([2., 6.])
    """
    point = np.array(x, dtype=np.float64)
    grad = np.zeros_like(point)
    for i in np.ndindex(point.shape):
        kept = point[i]
        point[i] = kept + h
        above = f(point.copy())
        point[i] = kept - h
        below = f(point.copy())
        point[i] = kept
        grad[i] = (above - below) / (2 * h)
    return grad


def affine_forward(X: Any, W: Any, b: Any) -> tuple[Any, Any]:
    """A fully connected layer.

    Y = X W + b

    Shapes: X (N, D), W (D, M), b (M,) -> Y (N, M); and the cache (X, W)
    Source: deck 000, "Fully connected layer"; deck 003, 6.1
    Raises: ShapeError when X, W and b do not fit.
    """
    check_shapes("affine_forward", "X (N, D), W (D, M), b (M,)", X, W, b)
    return X @ W + b, (X, W)


def affine_backward(dY: Any, cache: Any, need: tuple[bool, ...] = (True, True, True)) -> tuple[Any, Any, Any]:
    """Carry a gradient back through a fully connected layer.

    dX = dY Wᵀ, dW = Xᵀ dY, db = Σ_n dY_n; where `need` is False the gradient is None.

    Shapes: dY (N, M); cache of affine_forward -> dX (N, D), dW (D, M), db (M,)
    Source: deck 003, 6.5.6 (∇_A = G Bᵀ, ∇_B = Aᵀ G)
    """
    X, W = cache
    return (
        dY @ W.T if need[0] else None,
        X.T @ dY if need[1] else None,
        dY.sum(axis=0) if need[2] else None,
    )


def act_forward(Z: Any, name: str) -> tuple[Any, Any]:
    """An activation by name, entry by entry.

    A = g(Z), g one of sigmoid, tanh, relu

    Shapes: Z (N, D), name = "tanh" -> A (N, D); and the cache
    Source: deck 003, 6.1; deck 000, eq. (4)
    Raises: InputError for a name that is not known.
    """
    if name not in _ACTS:
        raise InputError(
            f"act_forward: activation {name!r} is unknown; use one of {', '.join(map(repr, _ACTS))}."
        )
    A = _ACTS[name][0](Z)
    return A, (name, A)


def act_backward(dA: Any, cache: Any) -> Any:
    """Carry a gradient back through an activation.

    dZ = dA ⊙ g′(Z)

    Shapes: dA (N, D); cache of act_forward -> dZ (N, D)
    Source: deck 000, eq. (13)
    """
    name, A = cache
    return _ACTS[name][1](dA, A)


@backward_half(softmax)
def softmax_backward(dP: Any, out: Any) -> Any:
    """Carry a gradient back through the softmax: dZ = P ⊙ (dP − Σ_c dP_c P_c)."""
    return out * (dP - (dP * out).sum(axis=-1, keepdims=True))


@backward_half(log_softmax)
def log_softmax_backward(dlogP: Any, out: Any) -> Any:
    """Carry a gradient back through the log-softmax: dZ = dlogP − P Σ_c dlogP_c."""
    return dlogP - np.exp(out) * dlogP.sum(axis=-1, keepdims=True)


def ce_error(P: Any, y: Any) -> Any:
    """What the cross-entropy passes back, times N: P − Y, where row n of Y is 1 at y_n and 0 elsewhere.

    Shapes: P (N, C), y (N,) int < C -> dZ (N, C)
    Source: deck 002, δ = ŷ − y; deck 003, 6.2.2.3
    """
    if isinstance(P, np.ndarray):  # the same without a matrix Y
        P = P.copy()
        P[np.arange(len(P)), y] -= 1
        return P
    return P - (np.arange(P.shape[1]) == np.asarray(y)[:, None])


@backward_half(cross_entropy)
def cross_entropy_backward(dloss: Any, Z: Any, y: Any) -> tuple[Any, None]:
    """Carry a gradient back to the scores: dZ = (softmax(Z) − Y) / N."""
    return ce_error(softmax(Z), y) * (dloss / len(Z)), None


@backward_half(bce_with_logits)
def bce_with_logits_backward(dloss: Any, z: Any, y: Any) -> tuple[Any, None]:
    """Carry a gradient back to the scores: dz = s σ(s z) / N with s = 1 − 2y, which is (σ(z) − y) / N.

    Source: deck 001, a − y; deck 003, 6.2.2.2
    """
    s = signs(y, z)
    return s * sigmoid(s * z) * (dloss / len(z)), None


@backward_half(mse)
def mse_backward(dloss: Any, Yhat: Any, Y: Any) -> tuple[Any, Any]:
    """Carry a gradient back to the prediction: dŶ = 2 (Ŷ − Y) / N, and its negative to the target."""
    dYhat = (Yhat - Y) * (2 * dloss / len(Yhat))
    return dYhat, -dYhat


def softmax_ce(Z: Any, y: Any) -> tuple[Any, Any]:
    """The mean cross-entropy of scores and, beside it, its gradient with respect to the scores.

    L = −(1/N) Σ_n log softmax(Z)_n,y_n (nats), dZ = (softmax(Z) − Y) / N with Y the one-hot rows of y

    Shapes: Z (N, C), y (N,) int < C -> loss (), dZ (N, C)
    Source: deck 002, δ = ŷ − y; deck 003, 6.2.2.3
    Raises: as `cross_entropy`.
    """
    Z, P, S = exponentials(Z)
    loss = nll(Z, y, "softmax_ce") + np.log(S).mean()
    P /= S
    dZ = ce_error(P, y)
    dZ /= len(Z)
    return loss, dZ


def softmax_ce_backward(dloss: Any, cache: Any) -> tuple[Any, None]:
    """Carry a gradient back: `softmax_ce` has it computed already, so it is only scaled.

    As an operation of a graph this pair is faster than `cross_entropy`, but its gradient is numbers, not graph: it
    cannot be differentiated again.
    """
    return cache * dloss, None


def mlp_forward(X: Any, params: Mapping[str, Any], act: str = "tanh") -> tuple[Any, Any]:
    """A multilayer perceptron: affine layers with an activation after every one but the last.

    A_0 = X;  A_l = g(A_(l−1) W_l + b_l), l < L;  Z = A_(L−1) W_L + b_L

    `params` holds W1, b1, …, WL, bL with L ≥ 1.

    Shapes: X (N, D), params = dict(W1=draw(D, H), b1=draw(H), W2=draw(H, M), b2=draw(M)) -> Z (N, M); and the cache
    Source: deck 000, eq. (4)-(5); deck 003, algorithm 6.3
    Raises: InputError when params lacks a layer; ShapeError naming the arrays that do not fit.
    """
    layers = len(params) // 2
    names = [f"{kind}{i}" for i in range(1, layers + 1) for kind in "Wb"]
    if layers == 0 or set(names) != set(params):
        raise InputError(
            f"mlp_forward: params has the keys {sorted(params)}; it needs W1, b1, … up to the last layer, without gaps."
        )
    A, caches = X, []
    for i in range(1, layers + 1):
        A, cache = affine_forward(A, params[f"W{i}"], params[f"b{i}"])
        caches.append(cache)
        if i < layers:
            A, cache = act_forward(A, act)
            caches.append(cache)
    return A, caches


def mlp_backward(dZ: Any, cache: Any) -> dict[str, Any]:
    """Carry a gradient back through a multilayer perceptron, from the last layer to the first.

    δ_L = dZ;  dW_l = A_(l−1)ᵀ δ_l, db_l = Σ_n δ_l;  δ_(l−1) = (δ_l W_lᵀ) ⊙ g′(Z_(l−1))

    The gradient of X is never computed.

    Shapes: dZ (N, M); cache of mlp_forward -> a dict with the keys and shapes of params
    Source: deck 000, eq. (6)-(14); deck 003, algorithm 6.4
    """
    grads: dict[str, Any] = {}
    delta = dZ
    for i in range(len(cache) // 2 + 1, 0, -1):
        delta, dW, db = affine_backward(delta, cache[2 * i - 2], need=(i > 1, True, True))
        grads[f"b{i}"], grads[f"W{i}"] = db, dW
        if i > 1:
            delta = act_backward(delta, cache[2 * i - 3])
    return dict(reversed(grads.items()))


def nn_forward(x: Any, y: Any, alpha: Any, beta: Any) -> dict[str, Any]:
    """One example through a two-layer network of sigmoid units; column 0 of the weights is the bias.

    a = α x, z = σ(a), b = β·z, ŷ = σ(b), J = −(y log ŷ + (1 − y) log(1 − ŷ)), with x_0 = z_0 = 1

    Shapes: x (M,), y = 1, alpha (D, M+1), beta (D+1,); a dict of x (M+1,), a (D,), z (D+1,) and floats b, yhat, J
    Source: deck 004, "Case 2", where J lacks its minus sign
    Raises: ShapeError when x, alpha and beta do not fit; InputError when y is neither 0 nor 1.
    """
    check_shapes("nn_forward", "x (M,), alpha (D, M+1), beta (D+1,)", x, alpha, beta)
    x1 = np.concatenate([[1.0], x])
    a = alpha @ x1
    z = np.concatenate([[1.0], sigmoid(a)])
    b = beta @ z
    J = bce_with_logits(np.array([b]), np.array([y]))
    return {"x": x1, "a": a, "z": z, "b": float(b), "yhat": float(sigmoid(b)), "J": float(J)}


def nn_backward(x: Any, y: Any, alpha: Any, beta: Any, o: Mapping[str, Any]) -> tuple[Any, Any]:
    """The gradients of J for that network, from what its forward pass computed.

    dJ/db = ŷ − y;  dβ = dJ/db z;  dJ/da_j = dJ/db β_j z_j (1 − z_j), j = 1 … D;  dα = (dJ/da) xᵀ

    Shapes: x (M,), y = 1, alpha (D, M+1), beta (D+1,), o = nn_forward(x, y, alpha, beta)
        -> g_alpha (D, M+1), g_beta (D+1,)
    Source: deck 004, "Case 2", whose last sum starts at j = 1: z_0 is no unit
    """
    (db,), _ = bce_with_logits_backward(1.0, np.array([o["b"]]), np.array([y]))
    da = sigmoid_backward(db * np.asarray(beta)[1:], o["z"][1:])
    return np.outer(da, o["x"]), db * o["z"]


def sgd_train(
    data: Any, data_test: Any, alpha: Any, beta: Any, epochs: int, gamma: float
) -> tuple[Any, Any, Any, Any]:
    """Stochastic gradient descent on that network, one example a step, in the order given.

    α ← α − γ dJ/dα, β ← β − γ dJ/dβ; after each epoch the mean J of both data sets (nats)

    Shapes: data = (draw(N, M), np.ones(N)), data_test = data, alpha (D, M+1), beta (D+1,), epochs = 3, gamma = 0.1
        -> alpha (D, M+1), beta (D+1,), J_train (3,), J_test (3,)
    Source: deck 004, "SGD with NNFORWARD and NNBACKWARD"
    """
    alpha, beta = np.array(alpha, dtype=np.float64), np.array(beta, dtype=np.float64)
    curves = np.zeros((2, epochs))
    for epoch in range(epochs):
        for x, y in zip(*data):
            g_alpha, g_beta = nn_backward(x, y, alpha, beta, nn_forward(x, y, alpha, beta))
            alpha -= gamma * g_alpha
            beta -= gamma * g_beta
        curves[:, epoch] = [_mean_J(part, alpha, beta) for part in (data, data_test)]
    return alpha, beta, curves[0], curves[1]


def _mean_J(data: Any, alpha: Any, beta: Any) -> Any:
    """The mean of J over a data set, all examples at once."""
    X, y = data
    Z = sigmoid(np.asarray(X) @ alpha[:, 1:].T + alpha[:, 0])
    return bce_with_logits(Z @ beta[1:] + beta[0], y)


def gradcheck_report(
    f: Callable[[dict[str, Any]], Any], params: Mapping[str, Any], grads: Mapping[str, Any]
) -> dict[str, float]:
    """How far each gradient is from the numerical one, relative to the larger of the two.

    error = max|g − n| / max(max|g|, max|n|), and 0 where both are 0 everywhere

    Shapes: f = lambda p: p["W"].sum(), params = dict(W=draw(D)), grads = dict(W=np.ones(D)); a dict of errors
    Source: deck 004, objective "finite difference method"
    Raises: ShapeError when a gradient has not the shape of its parameter; InputError when one is missing.
    """
    report = {}
    for name, value in params.items():
        if name not in grads:
            raise InputError(f"gradcheck_report: grads has no {name!r}; it has {sorted(grads)}.")
        g, p = np.asarray(grads[name], dtype=np.float64), np.asarray(value)
        axes = ", ".join(f"n{i}" for i in range(p.ndim))
        check_shapes("gradcheck_report", f"{name} ({axes}), d{name} ({axes})", p, g)
        n = numeric_grad(partial(_with, f, params, name), p)
        largest = max(np.max(np.abs(g), initial=0.0), np.max(np.abs(n), initial=0.0))
        report[name] = float(np.max(np.abs(g - n), initial=0.0) / largest) if largest > 0 else 0.0
    return report


def _with(f: Callable[[dict[str, Any]], Any], params: Mapping[str, Any], name: str, value: Any) -> Any:
    return f({**params, name: value})
