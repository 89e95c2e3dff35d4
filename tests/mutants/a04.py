"""A04: batch normalisation and dropout as pairs, penalties as losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from .core import Target, primes


def _batch(rng: np.random.Generator) -> dict[str, Any]:
    n, d = primes(rng, 2)
    return {
        "X": rng.normal(size=(n + 2, d)) * 2 + 1,
        "gamma": rng.uniform(0.5, 2, d),
        "beta": rng.normal(size=d),
    }


def _bn_model(ops: Any, X: Any, gamma: Any, beta: Any) -> Any:
    mu = ops.mean(X, axis=0)
    xc = X - mu
    var = ops.mean(ops.square(xc), axis=0)
    xhat = xc / ops.sqrt(var + 1e-5)
    return gamma * xhat + beta


BATCHNORM = Target(
    "A04",
    "batchnorm",
    """
def batchnorm_forward(X, gamma, beta, eps=1e-5):
    mu = X.mean(axis=0)
    var = X.var(axis=0)
    std = np.sqrt(var + eps)
    xhat = (X - mu) / std
    return gamma * xhat + beta, (xhat, std, gamma)

def batchnorm_backward(dY, cache):
    xhat, std, gamma = cache
    dgamma = (dY * xhat).sum(axis=0)
    dbeta = dY.sum(axis=0)
    dxhat = dY * gamma
    dX = (dxhat - dxhat.mean(axis=0) - xhat * (dxhat * xhat).mean(axis=0)) / std
    return dX, dgamma, dbeta

forward, backward = batchnorm_forward, batchnorm_backward
""",
    _bn_model,
    _batch,
    ("X", "gamma", "beta"),
    wrong="""
M28 | dX = (dxhat - dxhat.mean(axis=0) - xhat * (dxhat * xhat).mean(axis=0)) / std | dX = dxhat / std
M28 | dX = (dxhat - dxhat.mean(axis=0) - xhat | dX = (dxhat - xhat
M28 | - xhat * (dxhat * xhat).mean(axis=0)) / std | ) / std
M07,M07b | dbeta = dY.sum(axis=0) | dbeta = dY.mean(axis=0)
M07,M07b | dbeta = dY.sum(axis=0) | dbeta = dY
M07b | dgamma = (dY * xhat).sum(axis=0) | dgamma = (dY * xhat).mean(axis=0)
M07b | dgamma = (dY * xhat).sum(axis=0) | dgamma = dY * xhat
- | dgamma = (dY * xhat).sum(axis=0) | dgamma = dY.sum(axis=0)
M13 | dgamma = (dY * xhat).sum(axis=0) | dgamma = xhat.sum(axis=0)
- | dxhat = dY * gamma | dxhat = dY
M01 | dX = (dxhat | dX = -(dxhat
M28 | var = X.var(axis=0) | var = X.var(axis=0, ddof=1)
M28 | std = np.sqrt(var + eps) | std = np.sqrt(var) + eps
M28,- | std = np.sqrt(var + eps) | std = var + eps
M09 | mu = X.mean(axis=0) | mu = X.mean(axis=1, keepdims=True)
- | return gamma * xhat + beta, ( | return gamma * xhat, (
- | return gamma * xhat + beta, ( | return xhat + beta, (
- | return gamma * xhat + beta, ( | return gamma * (xhat + beta), (
- | - xhat * (dxhat * xhat).mean(axis=0)) / std | - xhat * (dxhat * xhat).mean(axis=0))
M02 | dX = (dxhat - dxhat.mean(axis=0) - xhat * (dxhat * xhat).mean(axis=0)) / std | dX = (dxhat - dxhat.mean(axis=0) - xhat * (dxhat * xhat).mean(axis=0)) / std / len(dY)
""",
    variants=(
        """
def forward(X, gamma, beta):
    N = len(X)
    mu = X.sum(0) / N
    xmu = X - mu
    var = (xmu**2).sum(0) / N
    ivar = 1 / np.sqrt(var + 1e-5)
    xhat = xmu * ivar
    return gamma * xhat + beta, (xhat, gamma, xmu, ivar, var, N)

def backward(dout, cache):
    xhat, gamma, xmu, ivar, var, N = cache
    dxhat = dout * gamma
    divar = (dxhat * xmu).sum(0)
    dxmu1 = dxhat * ivar
    dvar = -0.5 * divar * (var + 1e-5)**-1.5
    dsq = np.ones_like(dout) * dvar / N
    dxmu2 = 2 * xmu * dsq
    dx1 = dxmu1 + dxmu2
    dmu = -dx1.sum(0)
    return dx1 + np.ones_like(dout) * dmu / N, (dout * xhat).sum(0), dout.sum(0)
""",
    ),
)


def _masked(rng: np.random.Generator) -> dict[str, Any]:
    n, d = primes(rng, 2)
    p = float(rng.uniform(0.2, 0.7))
    return {"X": rng.normal(size=(n, d)), "keep": (rng.random((n, d)) > p) * 1.0, "p": p}


DROPOUT = Target(
    "A04",
    "dropout with a given mask",
    """
def dropout_forward(X, keep, p):
    scale = keep / (1 - p)
    return X * scale, scale

def dropout_backward(dY, cache):
    return dY * cache

forward, backward = dropout_forward, dropout_backward
""",
    lambda ops, X, keep, p: X * (keep / (1 - p)),
    _masked,
    ("X",),
    wrong="""
- | return dY * cache | return dY * (cache > 0)
- | return dY * cache | return dY
M13 | return dY * cache | return cache
- | scale = keep / (1 - p) | scale = keep / p
- | scale = keep / (1 - p) | scale = keep * (1 - p)
- | scale = keep / (1 - p) | scale = keep
M01 | return dY * cache | return -dY * cache
""",
)

PENALTY = Target(
    "A04",
    "penalty",
    """
def penalty(W, b, l1, l2):
    value = l1 * np.abs(W).sum() + l2 / 2 * (W**2).sum()
    dW = l1 * np.sign(W) + l2 * W
    return value, (dW, np.zeros_like(b))

def forward(W, b, l1, l2):
    return penalty(W, b, l1, l2)

def backward(dout, cache):
    return dout * cache[0], dout * cache[1]
""",
    lambda ops, W, b, l1, l2: ops.sum(ops.abs(W)) * l1 + ops.sum(ops.square(W)) * (l2 / 2),
    lambda rng: (
        lambda n, d: {
            "W": rng.normal(size=(n, d)), "b": rng.normal(size=d), "l1": float(rng.uniform(0.1, 1)), "l2": float(rng.uniform(0.1, 1)),
        }
    )(*primes(rng, 2)),
    ("W", "b"),
    loss=True,
    wrong="""
M03 | l2 * W | 2 * l2 * W
M03 | l2 * W | l2 / 2 * W
M19,- | dW = l1 * np.sign(W) + l2 * W | dW = l1 * np.sign(W)
M19,- | dW = l1 * np.sign(W) + l2 * W | dW = l2 * W
- | np.sign(W) | np.abs(W)
- | np.sign(W) | W
M01 | dW = l1 * np.sign(W) + l2 * W | dW = -(l1 * np.sign(W) + l2 * W)
M19 | return value, (dW, np.zeros_like(b)) | return value, (dW, l1 * np.sign(b) + l2 * b)
M03 | l2 / 2 * (W**2).sum() | l2 * (W**2).sum()
M19,- | + l2 / 2 * (W**2).sum() | + 0
""",
)  # fmt: skip

TARGETS = [BATCHNORM, DROPOUT, PENALTY]
