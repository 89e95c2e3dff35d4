"""A01: neurons, losses and small networks, of which the value is judged."""

from __future__ import annotations

from typing import Any

import numpy as np

from .a01_activations import ABS_RECT, HARDTANH, LEAKY, PRELU, RELU, SIGMOID, SOFTPLUS, TANH
from .core import Target, primes

NEURON = Target(
    "A01",
    "neuron",
    """
def neuron(x, w, b):
    a = w @ x + b
    return 1 / (1 + np.exp(-a))

forward = neuron
""",
    lambda ops, x, w, b: ops.sigmoid(w @ x + b),
    lambda rng: (lambda d: {"x": rng.normal(size=d), "w": rng.normal(size=d), "b": float(rng.normal())})(
        primes(rng, 1)[0]
    ),
    wrong="""
- | a = w @ x + b | a = w @ x
M01 | a = w @ x + b | a = w @ x - b
- | return 1 / (1 + np.exp(-a)) | return 1 / (1 + np.exp(a))
- | return 1 / (1 + np.exp(-a)) | return a
- | return 1 / (1 + np.exp(-a)) | return np.tanh(a)
- | return 1 / (1 + np.exp(-a)) | return np.maximum(a, 0)
- | a = w @ x + b | a = w * x + b
""",
    variants=(
        "def forward(x, w, b):\n    total = b\n    for xi, wi in zip(x, w):\n        total += xi * wi\n    return float(0.5 * (1 + np.tanh(total / 2)))",
        "def forward(x, w, b):\n    a = np.append(w, b) @ np.append(x, 1)\n    return np.exp(-np.logaddexp(0, -a))",
    ),
)


def _scores(rng: np.random.Generator) -> dict[str, Any]:
    n, c = primes(rng, 2)
    return {"Z": rng.normal(size=(n, c + 1)) * 2}


SOFTMAX = Target(
    "A01",
    "softmax",
    """
def softmax(Z):
    e = np.exp(Z - Z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

forward = softmax
""",
    lambda ops, Z: ops.softmax(Z, axis=1),
    _scores,
    wrong="""
M09 | e.sum(axis=1, keepdims=True) | e.sum(axis=0, keepdims=True) | Z.max(axis=1, keepdims=True) | Z.max(axis=0, keepdims=True)
M09 | e.sum(axis=1, keepdims=True) | e.sum() | Z.max(axis=1, keepdims=True) | Z.max()
- | return e / e.sum(axis=1, keepdims=True) | return e / e.max(axis=1, keepdims=True)
- | return e / e.sum(axis=1, keepdims=True) | return np.exp(Z)
- | np.exp(Z - Z.max(axis=1, keepdims=True)) | Z
- | return e / e.sum(axis=1, keepdims=True) | return np.log(e / e.sum(axis=1, keepdims=True))
M22 | return e / e.sum(axis=1, keepdims=True) | p = e / e.sum(axis=1, keepdims=True)\\n    return np.exp(p) / np.exp(p).sum(axis=1, keepdims=True)
M01 | np.exp(Z - Z.max(axis=1, keepdims=True)) | np.exp(Z.max(axis=1, keepdims=True) - Z)
- | np.exp(Z - Z.max(axis=1, keepdims=True)) | 1 / (1 + np.exp(-Z))
M06 | return e / e.sum(axis=1, keepdims=True) | return (e / e.sum(axis=1, keepdims=True)).T
M04 | np.exp(Z - Z.max(axis=1, keepdims=True)) | 2.0 ** (Z - Z.max(axis=1, keepdims=True))
""",
    variants=(
        "def forward(Z):\n    return np.stack([np.exp(z - z.max()) / np.exp(z - z.max()).sum() for z in Z])",
        "def forward(Z):\n    return np.exp(Z - np.logaddexp.reduce(Z, axis=1)[:, None])",
        "def forward(Z):\n    e = np.exp(Z.T)\n    return (e / e.sum(0)).T",
        "def forward(Z):\n    e = np.exp(Z.astype(np.float32))\n    return e / e.sum(axis=1, keepdims=True)",
    ),
)

OVERFLOW = Target(
    "A01",
    "softmax with large scores",
    SOFTMAX.source,
    SOFTMAX.model,
    lambda rng: {"Z": rng.normal(size=(3, 5)) * 1000},
    wrong="""
M23 | np.exp(Z - Z.max(axis=1, keepdims=True)) | np.exp(Z)
""",
)

LOG_SOFTMAX = Target(
    "A01",
    "log_softmax",
    """
def log_softmax(Z):
    s = Z - Z.max(axis=1, keepdims=True)
    return s - np.log(np.exp(s).sum(axis=1, keepdims=True))

forward = log_softmax
""",
    lambda ops, Z: ops.log_softmax(Z, axis=1),
    _scores,
    wrong="""
M09 | np.exp(s).sum(axis=1, keepdims=True) | np.exp(s).sum(axis=0, keepdims=True) | Z.max(axis=1, keepdims=True) | Z.max(axis=0, keepdims=True)
- | return s - np.log(np.exp(s).sum(axis=1, keepdims=True)) | return s
- | return s - np.log | return s + np.log
M04 | return s - np.log(np.exp(s).sum(axis=1, keepdims=True)) | return (s - np.log(np.exp(s).sum(axis=1, keepdims=True))) / np.log(2)
- | return s - np.log(np.exp(s).sum(axis=1, keepdims=True)) | return np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
M01 | return s - np.log(np.exp(s).sum(axis=1, keepdims=True)) | return np.log(np.exp(s).sum(axis=1, keepdims=True)) - s
M04 | np.log(np.exp(s).sum(axis=1, keepdims=True)) | np.log2(np.exp2(s).sum(axis=1, keepdims=True))

M22 | s = Z - Z.max(axis=1, keepdims=True) | s = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
""",
    variants=("def forward(Z):\n    return Z - np.log(np.exp(Z).sum(axis=1))[:, None]",),
)


def _labelled(rng: np.random.Generator) -> dict[str, Any]:
    n, c = primes(rng, 2)
    c = max(c, 3)
    return {"Z": rng.normal(size=(n, c)) * 2, "y": rng.integers(0, c, n)}


CROSS_ENTROPY = Target(
    "A01",
    "cross_entropy",
    """
def cross_entropy(Z, y):
    s = Z - Z.max(axis=1, keepdims=True)
    logp = s - np.log(np.exp(s).sum(axis=1, keepdims=True))
    return -np.mean(logp[np.arange(len(y)), y])

forward = cross_entropy
""",
    lambda ops, Z, y: -ops.mean(ops.pick(ops.log_softmax(Z, axis=1), y)),
    _labelled,
    wrong="""
M01 | return -np.mean | return np.mean
M02 | return -np.mean | return -np.sum
M05 | return -np.mean(logp[np.arange(len(y)), y]) | return -np.sum(logp[np.arange(len(y)), y]) / Z.size
M04 | np.log(np.exp(s) | np.log2(np.exp(s) | s = Z - Z.max(axis=1, keepdims=True) | s = (Z - Z.max(axis=1, keepdims=True)) / np.log(2) | np.exp(s) | (2.0**s)
M09 | np.exp(s).sum(axis=1, keepdims=True) | np.exp(s).sum(axis=0, keepdims=True) | Z.max(axis=1, keepdims=True) | Z.max(axis=0, keepdims=True)
M34,M21 | logp[np.arange(len(y)), y] | logp[np.arange(len(y)), y - 1]
M22 | s = Z - Z.max(axis=1, keepdims=True) | s = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
- | logp = s - np.log(np.exp(s).sum(axis=1, keepdims=True)) | logp = s
- | logp = s - np.log(np.exp(s).sum(axis=1, keepdims=True)) | logp = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
M03 | return -np.mean | return -2 * np.mean
M03 | return -np.mean | return -0.5 * np.mean
- | logp[np.arange(len(y)), y] | logp.max(axis=1)
""",
    variants=(
        "def forward(Z, y):\n    return sum(np.log(np.exp(z).sum()) - z[k] for z, k in zip(Z, y)) / len(y)",
        "def forward(Z, y):\n    onehot = np.eye(Z.shape[1])[y]\n    p = np.exp(Z) / np.exp(Z).sum(1, keepdims=True)\n    return -(onehot * np.log(p)).sum() / len(Z)",
        "def forward(Z, y):\n    return np.mean(np.logaddexp.reduce(Z, axis=1) - np.take_along_axis(Z, y[:, None], 1)[:, 0])",
    ),
)

BCE = Target(
    "A01",
    "bce_with_logits",
    """
def bce_with_logits(z, y):
    loss = np.logaddexp(0, z) - y * z
    return np.mean(loss)

forward = bce_with_logits
""",
    lambda ops, z, y: ops.mean(ops.softplus(z) - y * z),
    lambda rng: (lambda n: {"z": rng.normal(size=n) * 2, "y": rng.integers(0, 2, n)})(primes(rng, 1)[0] + 2),
    wrong="""
M02 | return np.mean(loss) | return np.sum(loss)
M01 | return np.mean(loss) | return -np.mean(loss)
M01 | - y * z | + y * z
- | - y * z | - z
- | - y * z | - y
M04 | return np.mean(loss) | return np.mean(loss) / np.log(2)
- | np.logaddexp(0, z) - y * z | np.logaddexp(0, z)
- | np.logaddexp(0, z) - y * z | np.logaddexp(0, -z) - y * z
M03 | return np.mean(loss) | return np.mean(loss) / 2
""",
    variants=(
        "def forward(z, y):\n    p = 1 / (1 + np.exp(-z))\n    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))",
        "def forward(z, y):\n    return np.mean(np.logaddexp(0, (1 - 2 * y) * z))",
    ),
)

MSE = Target(
    "A01",
    "mse",
    """
def mse(Yhat, Y):
    e = Yhat - Y
    return np.sum(e**2) / len(e)

forward = mse
""",
    lambda ops, Yhat, Y: ops.mean(ops.sum(ops.square(Yhat - Y), axis=1)),
    lambda rng: (lambda n, d: {"Yhat": rng.normal(size=(n, d)), "Y": rng.normal(size=(n, d))})(
        *primes(rng, 2)
    ),
    wrong="""
M05 | np.sum(e**2) / len(e) | np.mean(e**2)
M02 | np.sum(e**2) / len(e) | np.sum(e**2)
M03 | np.sum(e**2) / len(e) | np.sum(e**2) / len(e) / 2
- | np.sum(e**2) / len(e) | np.sum(np.abs(e)) / len(e)
- | np.sum(e**2) / len(e) | np.sqrt(np.sum(e**2) / len(e))
M01 | e = Yhat - Y | e = Yhat + Y
- | np.sum(e**2) / len(e) | np.sum(e) / len(e)
- | np.sum(e**2) / len(e) | np.mean(np.sqrt(np.sum(e**2, axis=1)))
""",
    variants=(
        "def forward(Yhat, Y):\n    return np.mean(np.einsum('nd,nd->n', Yhat - Y, Yhat - Y))",
        "def forward(Yhat, Y):\n    return np.mean(np.linalg.norm(Y - Yhat, axis=1)**2)",
    ),
)

MSE_VECTOR = Target(
    "A01",
    "mse of vectors",
    MSE.source,
    lambda ops, Yhat, Y: ops.mean(ops.square(Yhat - Y)),
    lambda rng: (lambda n: {"Yhat": rng.normal(size=n), "Y": rng.normal(size=n)})(primes(rng, 1)[0] + 2),
    wrong="""
M02 | np.sum(e**2) / len(e) | np.sum(e**2)
M03 | np.sum(e**2) / len(e) | np.sum(e**2) / len(e) / 2
M08 | e = Yhat - Y | e = Yhat[:, None] - Y
""",
)

RBF = Target(
    "A01",
    "rbf",
    """
def rbf(X, C, sigma):
    diff = X[:, :, None] - C[None]
    d2 = (diff**2).sum(axis=1)
    return np.exp(-d2 / sigma**2)

forward = rbf
""",
    lambda ops, X, C, sigma: ops.exp(
        -(ops.sum(ops.square(ops.reshape(X, (X.shape[0], X.shape[1], 1)) - C), axis=1) / ops.square(sigma))
    ),
    lambda rng: (
        lambda n, d, k: {
            "X": rng.normal(size=(n, d)),
            "C": rng.normal(size=(d, k)),
            "sigma": rng.uniform(1, 2, k),
        }
    )(*primes(rng, 3)),
    wrong="""
- | return np.exp(-d2 / sigma**2) | return np.exp(-d2 / sigma)
M01 | return np.exp(-d2 / sigma**2) | return np.exp(d2 / sigma**2)
M03 | return np.exp(-d2 / sigma**2) | return np.exp(-d2 / (2 * sigma**2))
- | return np.exp(-d2 / sigma**2) | return np.exp(-np.sqrt(d2) / sigma**2)
- | return np.exp(-d2 / sigma**2) | return np.exp(-d2)
- | return np.exp(-d2 / sigma**2) | return -d2 / sigma**2
M01 | diff = X[:, :, None] - C[None] | diff = X[:, :, None] + C[None]
- | (diff**2).sum(axis=1) | np.abs(diff).sum(axis=1)
M05,M02 | (diff**2).sum(axis=1) | (diff**2).mean(axis=1)
""",
    variants=(
        "def forward(X, C, sigma):\n    d2 = (X**2).sum(1)[:, None] - 2 * X @ C + (C**2).sum(0)\n    return np.exp(-d2 / sigma**2)",
        "def forward(X, C, sigma):\n    out = np.zeros((len(X), C.shape[1]))\n    for n in range(len(X)):\n        for k in range(C.shape[1]):\n"
        "            out[n, k] = np.exp(-np.sum((X[n] - C[:, k])**2) / sigma[k]**2)\n    return out",
    ),
)

MAXOUT = Target(
    "A01",
    "maxout",
    """
def maxout(Z, k):
    N, M = Z.shape
    groups = Z.reshape(N, M // k, k)
    return groups.max(axis=2)

forward = maxout
""",
    lambda ops, Z, k: ops.max(ops.reshape(Z, (Z.shape[0], Z.shape[1] // k, k)), axis=2),
    lambda rng: (lambda n, m, k: {"Z": rng.normal(size=(n, m * k)), "k": k})(*primes(rng, 3, high=7)),
    wrong="""
M10 | Z.reshape(N, M // k, k) | Z.reshape(N, k, M // k).transpose(0, 2, 1)
- | groups.max(axis=2) | groups.min(axis=2)
- | groups.max(axis=2) | groups.mean(axis=2)
- | groups.max(axis=2) | groups.sum(axis=2)
M09 | groups.max(axis=2) | groups.max(axis=1)
- | groups.max(axis=2) | np.abs(groups).max(axis=2)
""",
    variants=(
        "def forward(Z, k):\n    return np.stack([Z[:, j * k:(j + 1) * k].max(axis=1) for j in range(Z.shape[1] // k)], axis=1)",
        "def forward(Z, k):\n    out = Z[:, ::k].copy()\n    for j in range(1, k):\n        out = np.maximum(out, Z[:, j::k])\n    return out",
    ),
)


def _two_layers(rng: np.random.Generator) -> dict[str, Any]:
    n, d, h, k = primes(rng, 4)
    return {
        "X": rng.normal(size=(n, d)), "W1": rng.normal(size=(d, h)), "b1": rng.normal(size=h), "W2": rng.normal(size=(h, k)),
        "b2": rng.normal(size=k),
    }  # fmt: skip


def _three_layers(rng: np.random.Generator) -> dict[str, Any]:
    n, d, h, k, m = primes(rng, 5)
    return {
        "X": rng.normal(size=(n, d)), "W1": rng.normal(size=(d, h)), "b1": rng.normal(size=h), "W2": rng.normal(size=(h, k)),
        "b2": rng.normal(size=k), "W3": rng.normal(size=(k, m)),
    }  # fmt: skip


MLP1 = Target(
    "A01",
    "mlp1",
    """
def mlp1(X, W1, b1, W2, b2, g):
    H = g(X @ W1 + b1)
    return H @ W2 + b2

def forward(X, W1, b1, W2, b2):
    return mlp1(X, W1, b1, W2, b2, np.tanh)
""",
    lambda ops, X, W1, b1, W2, b2: ops.tanh(X @ W1 + b1) @ W2 + b2,
    _two_layers,
    wrong="""
- | H = g(X @ W1 + b1) | H = X @ W1 + b1
- | H = g(X @ W1 + b1) | H = g(X @ W1)
- | return H @ W2 + b2 | return H @ W2
- | return H @ W2 + b2 | return g(H @ W2 + b2)
M01 | return H @ W2 + b2 | return H @ W2 - b2
- | H = g(X @ W1 + b1) | H = g(X @ W1) + b1
- | H = g(X @ W1 + b1) | H = g(g(X @ W1 + b1))
""",
    variants=(
        "def forward(X, W1, b1, W2, b2):\n    return np.stack([np.tanh(x @ W1 + b1) @ W2 + b2 for x in X])",
    ),
)

MLP2 = Target(
    "A01",
    "mlp2",
    """
def mlp2(X, W1, b1, W2, b2, W3, g):
    H1 = g(X @ W1 + b1)
    H2 = g(H1 @ W2 + b2)
    return H2 @ W3

def forward(X, W1, b1, W2, b2, W3):
    return mlp2(X, W1, b1, W2, b2, W3, np.tanh)
""",
    lambda ops, X, W1, b1, W2, b2, W3: ops.tanh(ops.tanh(X @ W1 + b1) @ W2 + b2) @ W3,
    _three_layers,
    wrong="""
- | H2 = g(H1 @ W2 + b2) | H2 = H1 @ W2 + b2
- | H1 = g(X @ W1 + b1) | H1 = X @ W1 + b1
- | H2 = g(H1 @ W2 + b2) | H2 = g(H1 @ W2)
- | H1 = g(X @ W1 + b1) | H1 = g(X @ W1)
- | return H2 @ W3 | return g(H2 @ W3)
M01 | H2 = g(H1 @ W2 + b2) | H2 = g(H1 @ W2 - b2)
""",
)

TARGETS = [
    SIGMOID, TANH, RELU, SOFTPLUS, LEAKY, HARDTANH, ABS_RECT, PRELU, NEURON, SOFTMAX, OVERFLOW, LOG_SOFTMAX, CROSS_ENTROPY, BCE,
    MSE, MSE_VECTOR, RBF, MAXOUT, MLP1, MLP2,
]  # fmt: skip
