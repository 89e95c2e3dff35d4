"""A02: affine layer, activations, softmax with cross-entropy."""

from __future__ import annotations

from typing import Any

import numpy as np

from .a02_networks import MLP2, MLP3, MLP3_RELU, NN
from .core import Target, primes


def _affine(rng: np.random.Generator) -> dict[str, Any]:
    n, d, m = primes(rng, 3)
    return {"X": rng.normal(size=(n, d)), "W": rng.normal(size=(d, m)), "b": rng.normal(size=m)}


NAMES = """
forward, backward = {0}_forward, {0}_backward
"""

AFFINE = Target(
    "A02",
    "affine",
    """
def affine_forward(X, W, b):
    Y = X @ W + b
    return Y, (X, W)

def affine_backward(dY, cache):
    X, W = cache
    dX = dY @ W.T
    dW = X.T @ dY
    db = dY.sum(axis=0)
    return dX, dW, db
"""
    + NAMES.format("affine"),
    lambda ops, X, W, b: X @ W + b,
    _affine,
    ("X", "W", "b"),
    wrong="""
M07 | db = dY.sum(axis=0) | db = dY
M07 | db = dY.sum(axis=0) | db = dY.mean(axis=0)
M07,M09 | db = dY.sum(axis=0) | db = dY.sum()
M07 | db = dY.sum(axis=0) | db = dY[0]
M07 | db = dY.sum(axis=0) | db = dY.sum(axis=0, keepdims=True)
M09,M07 | db = dY.sum(axis=0) | db = dY.sum(axis=1)
M13 | db = dY.sum(axis=0) | db = np.ones_like(dY).sum(axis=0)
M01 | db = dY.sum(axis=0) | db = -dY.sum(axis=0)
M03 | db = dY.sum(axis=0) | db = 2 * dY.sum(axis=0)
M06 | dW = X.T @ dY | dW = dY.T @ X
M02 | dW = X.T @ dY | dW = X.T @ dY / len(X)
M13 | dW = X.T @ dY | dW = X.T @ np.ones_like(dY)
M01 | dW = X.T @ dY | dW = -X.T @ dY
M03 | dW = X.T @ dY | dW = X.T @ dY / 2
M03 | dW = X.T @ dY | dW = 2 * X.T @ dY
M06 | dX = dY @ W.T | dX = W @ dY.T
M13 | dX = dY @ W.T | dX = np.ones_like(dY) @ W.T
M01 | dX = dY @ W.T | dX = -dY @ W.T
M02 | dX = dY @ W.T | dX = dY @ W.T / len(X)
M02 | dX = dY @ W.T | dX = len(X) * dY @ W.T
M02+M06 | dW = X.T @ dY | dW = dY.T @ X / len(X)
M07+M01 | db = dY.sum(axis=0) | db = dY.mean(axis=0) | dX = dY @ W.T | dX = -dY @ W.T
- | dW = X.T @ dY | dW = np.zeros_like(W)
- | return dX, dW, db | return dW, dX, db
- | dW = X.T @ dY | dW = np.outer(X[0], dY[0])
M25 | dX = dY @ W.T | dY *= 1.5\\n    dX = dY @ W.T
M25 | Y = X @ W + b | X -= X.mean()\\n    Y = X @ W + b
- | Y = X @ W + b | Y = X @ W
M01 | Y = X @ W + b | Y = X @ W - b
""",
    variants=(
        """
def forward(X, W, b):
    return np.einsum('nd,dm->nm', X, W) + b, (X, W)

def backward(dY, cache):
    X, W = cache
    return np.einsum('nm,dm->nd', dY, W), np.einsum('nd,nm->dm', X, dY), np.einsum('nm->m', dY)
""",
        """
def forward(X, W, b):
    Y = np.zeros((X.shape[0], W.shape[1]))
    for n in range(X.shape[0]):
        for m in range(W.shape[1]):
            Y[n, m] = b[m]
            for d in range(X.shape[1]):
                Y[n, m] += X[n, d] * W[d, m]
    return Y, {'X': X, 'W': W}

def backward(dY, cache):
    X, W = cache['X'], cache['W']
    dX, dW, db = np.zeros_like(X), np.zeros_like(W), np.zeros(W.shape[1])
    for n in range(len(X)):
        db += dY[n]
        dW += np.outer(X[n], dY[n])
        dX[n] = W @ dY[n]
    return dX, dW, db
""",
        """
class Cache:
    pass

def forward(X, W, b):
    c = Cache()
    c.X1 = np.hstack([X, np.ones((len(X), 1))])
    c.W1 = np.vstack([W, b])
    return c.X1 @ c.W1, c

def backward(dY, c):
    dW1 = c.X1.T @ dY
    return (dY @ c.W1.T)[:, :-1], dW1[:-1], dW1[-1]
""",
        """
def forward(X, W, b):
    return (W.T @ X.T).T + b[None, :], (X.copy(), np.asfortranarray(W))

def backward(dY, cache):
    X, W = cache
    return [(W @ dY.T).T, (dY.T @ X).T, np.ones(len(dY)) @ dY]
""",
        """
def forward(X, W, b):
    X, W, b = (a.astype(np.float32) for a in (X, W, b))
    return X @ W + b, (X, W)

def backward(dY, cache):
    X, W = cache
    dY = dY.astype(np.float32)
    return dY @ W.T, X.T @ dY, dY.sum(0)
""",
    ),
)


def _activation(name: str, derivative: str, wrong: str, variants: tuple[str, ...] = ()) -> Target:
    value = {"sigmoid": "1 / (1 + np.exp(-Z))", "tanh": "np.tanh(Z)", "relu": "np.maximum(Z, 0)"}[name]
    source = f"""
def act_forward(Z, name):
    A = {value}
    return A, (Z, A)

def act_backward(dA, cache):
    Z, A = cache
    dZ = {derivative}
    return dZ

def forward(Z):
    return act_forward(Z, {name!r})

backward = act_backward
"""

    def sample(rng: np.random.Generator) -> dict[str, Any]:
        Z = rng.normal(size=primes(rng, 2)) * 1.5
        return {"Z": Z + 0.01 * np.sign(Z)}

    return Target(
        "A02",
        f"act {name}",
        source,
        lambda ops, Z: getattr(ops, name)(Z),
        sample,
        ("Z",),
        wrong=wrong,
        variants=variants,
    )


ACT_SIGMOID = _activation(
    "sigmoid",
    "dA * A * (1 - A)",
    """
M12 | dZ = dA * A * (1 - A) | dZ = dA
M11 | dZ = dA * A * (1 - A) | dZ = dA * Z * (1 - Z)
M11 | dZ = dA * A * (1 - A) | s = 1 / (1 + np.exp(-A))\\n    dZ = dA * s * (1 - s)
M13 | dZ = dA * A * (1 - A) | dZ = A * (1 - A)
- | dZ = dA * A * (1 - A) | dZ = dA * (1 - A**2)
M01 | dZ = dA * A * (1 - A) | dZ = dA * A * (A - 1)
- | dZ = dA * A * (1 - A) | dZ = dA * (1 - A)
- | dZ = dA * A * (1 - A) | dZ = dA * A
- | dZ = dA * A * (1 - A) | dZ = dA * A * (1 + A)
- | dZ = dA * A * (1 - A) | dZ = dA + A * (1 - A)
M02 | dZ = dA * A * (1 - A) | dZ = dA * A * (1 - A) / len(A)
M03 | dZ = dA * A * (1 - A) | dZ = 2 * dA * A * (1 - A)
- | dZ = dA * A * (1 - A) | dZ = dA * dA * A * (1 - A)
M25 | dZ = dA * A * (1 - A) | dA *= A * (1 - A)\\n    dZ = dA
""",
    (
        "def forward(Z):\n    return 0.5 * np.tanh(Z / 2) + 0.5, Z\n\ndef backward(dA, Z):\n    return dA / (4 * np.cosh(Z / 2)**2)",
    ),
)

ACT_TANH = _activation(
    "tanh",
    "dA * (1 - A**2)",
    """
M12 | dZ = dA * (1 - A**2) | dZ = dA
M11 | dZ = dA * (1 - A**2) | dZ = dA * (1 - Z**2)
M11 | dZ = dA * (1 - A**2) | dZ = dA * (1 - np.tanh(A)**2)
M13 | dZ = dA * (1 - A**2) | dZ = 1 - A**2
- | dZ = dA * (1 - A**2) | dZ = dA * A * (1 - A)
- | dZ = dA * (1 - A**2) | dZ = dA * (1 - A)
- | dZ = dA * (1 - A**2) | dZ = dA * (1 + A**2)
M01 | dZ = dA * (1 - A**2) | dZ = dA * (A**2 - 1)
- | dZ = dA * (1 - A**2) | dZ = dA + (1 - A**2)
- | dZ = dA * (1 - A**2) | dZ = dA - A**2
M03 | dZ = dA * (1 - A**2) | dZ = 0.5 * dA * (1 - A**2)
M06 | dZ = dA * (1 - A**2) | dZ = (dA * (1 - A**2)).T
""",
    (
        "def forward(Z):\n    e, f = np.exp(Z), np.exp(-Z)\n    return (e - f) / (e + f), (e, f)\n\ndef backward(dA, c):\n    e, f = c\n    return 4 * dA / (e + f)**2",
    ),
)

ACT_RELU = _activation(
    "relu",
    "dA * (Z > 0)",
    """
M12 | dZ = dA * (Z > 0) | dZ = dA
M13 | dZ = dA * (Z > 0) | dZ = (Z > 0) * 1.0
- | dZ = dA * (Z > 0) | dZ = dA * (Z < 0)
- | dZ = dA * (Z > 0) | dZ = dA * A
M01 | dZ = dA * (Z > 0) | dZ = -dA * (Z > 0)
- | dZ = dA * (Z > 0) | dZ = np.maximum(dA, 0)
- | dZ = dA * (Z > 0) | dZ = dA * np.sign(Z)
M02 | dZ = dA * (Z > 0) | dZ = dA * (Z > 0) / len(Z)
""",
    (
        "def forward(Z):\n    A = Z.copy()\n    A[A < 0] = 0\n    return A, A > 0\n\ndef backward(dA, on):\n    d = dA.copy()\n    d[~on] = 0\n    return d",
    ),
)


def _labelled(rng: np.random.Generator) -> dict[str, Any]:
    n, c = primes(rng, 2)
    c = max(c, 3)
    return {"Z": rng.normal(size=(n, c)) * 2, "y": rng.integers(0, c, n)}


LOSS_PAIR = """

def forward(Z, y):
    return softmax_ce(Z, y)

def backward(dout, dZ):
    return dout * dZ
"""

SOFTMAX_CE = Target(
    "A02",
    "softmax_ce",
    """
def softmax_ce(Z, y):
    N = len(y)
    s = Z - Z.max(axis=1, keepdims=True)
    logP = s - np.log(np.exp(s).sum(axis=1, keepdims=True))
    P = np.exp(logP)
    loss = -logP[np.arange(N), y].mean()
    dZ = P.copy()
    dZ[np.arange(N), y] -= 1
    dZ = dZ / N
    return loss, dZ
"""
    + LOSS_PAIR,
    lambda ops, Z, y: -ops.mean(ops.pick(ops.log_softmax(Z, axis=1), y)),
    _labelled,
    ("Z",),
    loss=True,
    wrong="""
M02 | dZ = dZ / N | dZ = dZ
M05 | dZ = dZ / N | dZ = dZ / dZ.size
M02 | dZ = dZ / N | dZ = dZ / N / N
M01 | dZ = dZ / N | dZ = -dZ / N
M03 | dZ = dZ / N | dZ = 2 * dZ / N
M04 | dZ = dZ / N | dZ = dZ / N / np.log(2)
- | dZ = dZ / N | dZ = dZ / (N - 1)
M02 | dZ = dZ / N | dZ = dZ / Z.shape[1]
M21 | dZ[np.arange(N), y] -= 1 | pass
M21,M34 | dZ[np.arange(N), y] -= 1 | dZ[np.arange(N), y - 1] -= 1
M21,M34 | dZ[np.arange(N), y] -= 1 | dZ[np.arange(N), (y + 1) % Z.shape[1]] -= 1
M21 | dZ[np.arange(N), y] -= 1 | dZ[:, y] -= 1
M21 | dZ[np.arange(N), y] -= 1 | dZ[np.arange(N), y[0]] -= 1
M21 | dZ[np.arange(N), y] -= 1 | dZ[np.arange(N), Z.argmax(1)] -= 1
M21,M01 | dZ[np.arange(N), y] -= 1 | dZ[np.arange(N), y] += 1
M21 | dZ[np.arange(N), y] -= 1 | dZ[np.arange(N), 0] -= 1
- | dZ[np.arange(N), y] -= 1 | dZ[np.arange(N), y] -= N
- | dZ = P.copy() | dZ = np.exp(Z)
- | dZ = P.copy() | dZ = Z.copy()
- | dZ = P.copy() | dZ = logP.copy()
- | dZ = P.copy() | dZ = np.zeros_like(P)
M22 | dZ = P.copy() | dZ = np.exp(P) / np.exp(P).sum(axis=1, keepdims=True)
M09 | dZ = P.copy() | dZ = np.exp(Z) / np.exp(Z).sum(axis=0, keepdims=True)
- | dZ = P.copy() | dZ = P * (1 - P)
M09 | np.exp(s).sum(axis=1, keepdims=True) | np.exp(s).sum(axis=0, keepdims=True) | Z.max(axis=1, keepdims=True) | Z.max()
M01 | loss = -logP[np.arange(N), y].mean() | loss = logP[np.arange(N), y].mean()
M02 | loss = -logP[np.arange(N), y].mean() | loss = -logP[np.arange(N), y].sum()
M04 | loss = -logP[np.arange(N), y].mean() | loss = -np.log2(P[np.arange(N), y]).mean()
M06 | dZ = dZ / N | dZ = dZ.T / N
M01+M02 | dZ = dZ / N | dZ = -dZ
M22 | s = Z - Z.max(axis=1, keepdims=True) | s = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
""",
    variants=(
        """
def forward(Z, y):
    loss, dZ = 0.0, np.zeros_like(Z)
    for n in range(len(Z)):
        e = np.exp(Z[n] - Z[n].max())
        p = e / e.sum()
        loss -= np.log(p[y[n]]) / len(Z)
        for c in range(Z.shape[1]):
            dZ[n, c] = (p[c] - (c == y[n])) / len(Z)
    return loss, dZ

def backward(dout, dZ):
    return dout * dZ
""",
        """
def forward(Z, y):
    Y = np.eye(Z.shape[1])[y]
    lse = np.logaddexp.reduce(Z, axis=1)
    return np.mean(lse - (Z * Y).sum(1)), (np.exp(Z - lse[:, None]) - Y) / Y.shape[0]

def backward(dout, dZ):
    return [dout * dZ]
""",
        """
def forward(Z, y):
    Z = Z.astype(np.float32)
    p = np.exp(Z - Z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    loss = -np.log(p[range(len(y)), y]).mean()
    p[range(len(y)), y] -= np.float32(1)
    return loss, p / np.float32(len(y))

def backward(dout, dZ):
    return np.float32(dout) * dZ
""",
    ),
)

TARGETS = [AFFINE, ACT_SIGMOID, ACT_TANH, ACT_RELU, SOFTMAX_CE, MLP2, MLP3, MLP3_RELU, NN]
