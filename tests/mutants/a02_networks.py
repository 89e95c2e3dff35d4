"""A02: whole networks, in matrices and by hand."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from .core import Target, primes


def _mlp(layers: int, act: str) -> Any:
    def sample(rng: np.random.Generator) -> dict[str, Any]:
        n, *widths = primes(rng, layers + 2, high=13)
        args: dict[str, Any] = {"X": rng.normal(size=(n, widths[0])), "params": {}, "act": act}
        for k, (d, m) in enumerate(pairwise(widths), 1):
            args["params"][f"W{k}"] = rng.normal(size=(d, m)) / np.sqrt(d)
            args["params"][f"b{k}"] = rng.normal(size=m) * 0.3
        return args

    return sample


def _mlp_model(ops: Any, X: Any, params: Any, act: str) -> Any:
    A = X
    layers = len(params) // 2
    for k in range(1, layers):
        Z = A @ params[f"W{k}"] + params[f"b{k}"]
        A = getattr(ops, act)(Z)
    Z = A @ params[f"W{layers}"] + params[f"b{layers}"]
    return Z


MLP_SOURCE = """
def mlp_forward(X, params, act='tanh'):
    L = len(params) // 2
    As, Zs = [X], []
    for l in range(1, L + 1):
        Z = As[-1] @ params[f'W{l}'] + params[f'b{l}']
        Zs.append(Z)
        if l < L:
            As.append(np.tanh(Z) if act == 'tanh' else np.maximum(Z, 0))
    return Z, (As, Zs, params, act)

def mlp_backward(dZ, cache):
    As, Zs, params, act = cache
    L = len(params) // 2
    grads = {}
    for l in range(L, 0, -1):
        grads[f'W{l}'] = As[l - 1].T @ dZ
        grads[f'b{l}'] = dZ.sum(axis=0)
        if l > 1:
            dA = dZ @ params[f'W{l}'].T
            if act == 'tanh':
                dZ = dA * (1 - As[l - 1]**2)
            else:
                dZ = dA * (Zs[l - 2] > 0)
    return grads

def forward(X, params, act):
    return mlp_forward(X, params, act)

def backward(dout, cache):
    return mlp_backward(dout, cache)
"""
MLP_WRONG = """
M12 | dZ = dA * (1 - As[l - 1]**2) | dZ = dA
M11 | dZ = dA * (1 - As[l - 1]**2) | dZ = dA * (1 - Zs[l - 2]**2)
M11 | dZ = dA * (1 - As[l - 1]**2) | dZ = dA * (1 - np.tanh(As[l - 1])**2)
M13 | dZ = dA * (1 - As[l - 1]**2) | dZ = 1 - As[l - 1]**2
- | dZ = dA * (1 - As[l - 1]**2) | dZ = dA * As[l - 1] * (1 - As[l - 1])
- | dZ = dA * (1 - As[l - 1]**2) | dZ = dA + (1 - As[l - 1]**2)
- | dZ = dA * (1 - As[l - 1]**2) | dZ = dA * (1 - As[l - 1])
M01 | dZ = dA * (1 - As[l - 1]**2) | dZ = -dA * (1 - As[l - 1]**2)
M07 | dZ.sum(axis=0) | dZ.mean(axis=0)
M07 | dZ.sum(axis=0) | dZ
M07 | dZ.sum(axis=0) | dZ[0]
M07 | dZ.sum(axis=0) | dZ.sum(axis=0, keepdims=True)
M06 | As[l - 1].T @ dZ | (As[l - 1].T @ dZ).T
M02 | As[l - 1].T @ dZ | As[l - 1].T @ dZ / len(dZ)
M01 | As[l - 1].T @ dZ | -As[l - 1].T @ dZ
M03 | As[l - 1].T @ dZ | 2 * As[l - 1].T @ dZ
- | As[l - 1].T @ dZ | (Zs[l - 2] if l > 1 else As[0]).T @ dZ
- | As[l - 1].T @ dZ | np.outer(As[l - 1][0], dZ[0])
M13 | As[l - 1].T @ dZ | As[l - 1].T @ np.ones_like(dZ)
M02 | L = len(params) // 2\\n    grads = {} | L = len(params) // 2\\n    grads = {}\\n    dZ = dZ / len(dZ)
M07+M12 | dZ.sum(axis=0) | dZ.mean(axis=0) | dZ = dA * (1 - As[l - 1]**2) | dZ = dA
M02 | dA = dZ @ params[f'W{l}'].T | dA = dZ @ params[f'W{l}'].T / len(dZ)
M13 | dA = dZ @ params[f'W{l}'].T | dA = np.ones_like(dZ) @ params[f'W{l}'].T
M03 | dA = dZ @ params[f'W{l}'].T | dA = 2 * dZ @ params[f'W{l}'].T
M01 | dA = dZ @ params[f'W{l}'].T | dA = -dZ @ params[f'W{l}'].T
"""
MLP2 = Target(
    "A02", "mlp of two layers", MLP_SOURCE, _mlp_model, _mlp(2, "tanh"), ("params",), wrong=MLP_WRONG,
    variants=(
        """
def forward(X, params, act):
    def up(A, l):
        Z = A @ params[f'W{l}'] + params[f'b{l}']
        if f'W{l + 1}' not in params:
            return Z, (A, None)
        out, rest = up(np.tanh(Z), l + 1)
        return out, (A, rest)
    return up(X, 1) + (params,) if False else (up(X, 1)[0], (up(X, 1)[1], params))

def backward(dout, cache):
    chain, params = cache
    grads = {}
    def down(link, l):
        A, rest = link
        d = dout if rest is None else down(rest, l + 1) * (1 - rest[0]**2)
        grads[f'W{l}'], grads[f'b{l}'] = A.T @ d, d.sum(0)
        return d @ params[f'W{l}'].T
    down(chain, 1)
    return grads
""",
    ),
)  # fmt: skip
MLP3 = Target(
    "A02", "mlp of three layers", MLP_SOURCE, _mlp_model, _mlp(3, "tanh"), ("params",), wrong=MLP_WRONG
)
MLP3_RELU = Target(
    "A02",
    "mlp with relu",
    MLP_SOURCE,
    _mlp_model,
    _mlp(3, "relu"),
    ("params",),
    wrong="""
M12 | dZ = dA * (Zs[l - 2] > 0) | dZ = dA
- | dZ = dA * (Zs[l - 2] > 0) | dZ = dA * (Zs[l - 2] < 0)
- | dZ = dA * (Zs[l - 2] > 0) | dZ = dA * As[l - 1]
M13 | dZ = dA * (Zs[l - 2] > 0) | dZ = (Zs[l - 2] > 0) * 1.0
M07 | dZ.sum(axis=0) | dZ.mean(axis=0)
M06 | As[l - 1].T @ dZ | (As[l - 1].T @ dZ).T
""",
)


def _nn(rng: np.random.Generator) -> dict[str, Any]:
    m, d = primes(rng, 2, high=7)
    return {
        "x": rng.normal(size=m),
        "y": int(rng.integers(0, 2)),
        "alpha": rng.normal(size=(d, m + 1)),
        "beta": rng.normal(size=d + 1),
    }


def _nn_model(ops: Any, x: Any, y: int, alpha: Any, beta: Any) -> Any:
    x1 = np.concatenate([[1.0], x])
    a = alpha @ x1
    z = ops.concat([np.ones(1), ops.sigmoid(a)])
    b = beta @ z
    yhat = ops.sigmoid(b)
    return -(y * ops.log(yhat) + (1 - y) * ops.log(1 - yhat))


NN = Target(
    "A02",
    "nn",
    """
def sigmoid(v):
    return 1 / (1 + np.exp(-v))

def nn_forward(x, y, alpha, beta):
    x = np.concatenate([[1.0], x])
    a = alpha @ x
    z = np.concatenate([[1.0], sigmoid(a)])
    b = beta @ z
    yhat = sigmoid(b)
    J = -(y * np.log(yhat) + (1 - y) * np.log(1 - yhat))
    return dict(x=x, a=a, z=z, b=b, yhat=yhat, J=J)

def nn_backward(x, y, alpha, beta, o):
    g_b = o['yhat'] - y
    g_beta = g_b * o['z']
    g_z = g_b * beta[1:]
    s = o['z'][1:]
    g_a = g_z * s * (1 - s)
    g_alpha = np.outer(g_a, o['x'])
    return g_alpha, g_beta

def forward(x, y, alpha, beta):
    o = nn_forward(x, y, alpha, beta)
    return o['J'], (x, y, alpha, beta, o)

def backward(dout, cache):
    g_alpha, g_beta = nn_backward(*cache)
    return dout * g_alpha, dout * g_beta
""",
    _nn_model,
    _nn,
    ("alpha", "beta"),
    loss=True,
    wrong="""
M01 | g_b = o['yhat'] - y | g_b = y - o['yhat']
M12 | g_a = g_z * s * (1 - s) | g_a = g_z
M11 | g_a = g_z * s * (1 - s) | g_a = g_z * o['a'] * (1 - o['a'])
M11 | g_a = g_z * s * (1 - s) | t = sigmoid(s)\\n    g_a = g_z * t * (1 - t)
M13 | g_a = g_z * s * (1 - s) | g_a = s * (1 - s)
- | g_a = g_z * s * (1 - s) | g_a = g_z * (1 - s**2)
- | g_a = g_z * s * (1 - s) | g_a = g_z * (1 - s)
M13 | g_z = g_b * beta[1:] | g_z = beta[1:]
M13 | g_beta = g_b * o['z'] | g_beta = o['z']
- | g_beta = g_b * o['z'] | g_beta = g_b * np.concatenate([[1.0], o['a']])
M06 | g_alpha = np.outer(g_a, o['x']) | g_alpha = np.outer(o['x'], g_a)
M03 | g_b = o['yhat'] - y | g_b = 2 * (o['yhat'] - y)
M01 | g_a = g_z * s * (1 - s) | g_a = -g_z * s * (1 - s)
M12 | g_b = o['yhat'] - y | g_b = -(y / o['yhat'] - (1 - y) / (1 - o['yhat']))
M34 | g_z = g_b * beta[1:] | g_z = g_b * beta[:-1]
- | g_alpha = np.outer(g_a, o['x']) | g_alpha = np.outer(g_a, np.concatenate([[0.0], o['x'][1:]]))
- | g_b = o['yhat'] - y | g_b = o['yhat']
M01 | J = -(y * np.log(yhat) + (1 - y) * np.log(1 - yhat)) | J = y * np.log(yhat) + (1 - y) * np.log(1 - yhat)
- | z = np.concatenate([[1.0], sigmoid(a)]) | z = np.concatenate([[1.0], a])
""",
    variants=(
        """
def forward(x, y, alpha, beta):
    X = np.append(1.0, x)
    Z = np.append(1.0, 1 / (1 + np.exp(-alpha @ X)))
    b = float(beta @ Z)
    return np.logaddexp(0, b) - y * b, (X, Z, b, y, beta)

def backward(dout, cache):
    X, Z, b, y, beta = cache
    d = dout * (1 / (1 + np.exp(-b)) - y)
    return (d * beta * Z * (1 - Z))[1:, None] * X[None, :], d * Z
""",
    ),
)
