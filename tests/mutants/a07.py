"""A07: one step of an Elman network and a sequence; the loss, the language model and the gates stand in `a07_lm`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .a07_lm import GRU, LSTM, RNNLM, TEMPORAL
from .core import Target, primes


def _step(rng: np.random.Generator) -> dict[str, Any]:
    n, d, h = primes(rng, 3)
    return {
        "x": rng.normal(size=(n, d)), "h": rng.normal(size=(n, h)), "Wxh": rng.normal(size=(d, h)) / 2, "Whh": rng.normal(size=(h, h)) / 2,
        "bh": rng.normal(size=h) / 2,
    }  # fmt: skip


def _step_model(ops: Any, x: Any, h: Any, Wxh: Any, Whh: Any, bh: Any) -> Any:
    z = x @ Wxh + h @ Whh + bh
    h_next = ops.tanh(z)
    return h_next


STEP = Target(
    "A07",
    "rnn_step",
    """
def rnn_step_forward(x, h, Wxh, Whh, bh):
    z = x @ Wxh + h @ Whh + bh
    h_next = np.tanh(z)
    return h_next, (x, h, h_next, Wxh, Whh, z)

def rnn_step_backward(dh, cache):
    x, h, h_next, Wxh, Whh, z = cache
    dz = dh * (1 - h_next**2)
    dx = dz @ Wxh.T
    dh_prev = dz @ Whh.T
    dWxh = x.T @ dz
    dWhh = h.T @ dz
    dbh = dz.sum(axis=0)
    return dx, dh_prev, dWxh, dWhh, dbh

forward, backward = rnn_step_forward, rnn_step_backward
""",
    _step_model,
    _step,
    ("x", "h", "Wxh", "Whh", "bh"),
    wrong="""
M12 | dz = dh * (1 - h_next**2) | dz = dh
M44 | dz = dh * (1 - h_next**2) | dz = dh * (1 - h**2)
M44 | dz = dh * (1 - h_next**2) | dz = dh * (1 - z**2)
M11 | dz = dh * (1 - h_next**2) | dz = dh * (1 - np.tanh(h_next)**2)
M13 | dz = dh * (1 - h_next**2) | dz = 1 - h_next**2
- | dz = dh * (1 - h_next**2) | dz = dh * (1 - h_next)
- | dz = dh * (1 - h_next**2) | dz = dh * h_next * (1 - h_next)
M01 | dz = dh * (1 - h_next**2) | dz = -dh * (1 - h_next**2)
M42 | dWhh = h.T @ dz | dWhh = h_next.T @ dz
M18 | dh_prev = dz @ Whh.T | dh_prev = dz @ Whh
M06 | dWhh = h.T @ dz | dWhh = dz.T @ h
M12 | dWhh = h.T @ dz | dWhh = h.T @ dh
M06 | dWxh = x.T @ dz | dWxh = dz.T @ x
M02 | dWxh = x.T @ dz | dWxh = x.T @ dz / len(x)
M07 | dbh = dz.sum(axis=0) | dbh = dz
M07 | dbh = dz.sum(axis=0) | dbh = dz.mean(axis=0)
M12 | dbh = dz.sum(axis=0) | dbh = dh.sum(axis=0)
M12 | dx = dz @ Wxh.T | dx = dh @ Wxh.T
M13 | dx = dz @ Wxh.T | dx = np.ones_like(dz) @ Wxh.T
M45,- | dh_prev = dz @ Whh.T | dh_prev = np.zeros_like(h)
M45,- | dh_prev = dz @ Whh.T | dh_prev = dz
- | return dx, dh_prev, dWxh, dWhh, dbh | return dx, dh_prev, dWhh, dWxh, dbh
M25 | dz = dh * (1 - h_next**2) | dh *= 1 - h_next**2\\n    dz = dh
- | z = x @ Wxh + h @ Whh + bh | z = x @ Wxh + h @ Whh
M45,- | z = x @ Wxh + h @ Whh + bh | z = x @ Wxh + bh
M18 | z = x @ Wxh + h @ Whh + bh | z = x @ Wxh + h @ Whh.T + bh
- | h_next = np.tanh(z) | h_next = 1 / (1 + np.exp(-z))
- | h_next = np.tanh(z) | h_next = np.maximum(z, 0)
""",
    variants=(
        """
def forward(x, h, Wxh, Whh, bh):
    both = np.concatenate([x, h, np.ones((len(x), 1))], axis=1)
    W = np.vstack([Wxh, Whh, bh])
    return np.tanh(both @ W), (both, W, x.shape[1])

def backward(dh, cache):
    both, W, d = cache
    g = dh / np.cosh(both @ W)**2
    dboth, dW = g @ W.T, both.T @ g
    return dboth[:, :d], dboth[:, d:-1], dW[:d], dW[d:-1], dW[-1]
""",
    ),
)


def _sequence(rng: np.random.Generator) -> dict[str, Any]:
    t, n, d, h = primes(rng, 4, high=7)
    t = max(t, 3)
    return {
        "X": rng.normal(size=(t, n, d)), "h0": rng.normal(size=(n, h)), "Wxh": rng.normal(size=(d, h)) / 2,
        "Whh": rng.normal(size=(h, h)) / 2, "bh": rng.normal(size=h) / 2,
    }  # fmt: skip


def _sequence_model(ops: Any, X: Any, h0: Any, Wxh: Any, Whh: Any, bh: Any) -> Any:
    h, states = h0, []
    for t in range(len(X)):
        z = X[t] @ Wxh + h @ Whh + bh
        h = ops.tanh(z)
        states.append(h)
    return ops.stack(states)


RNN = Target(
    "A07",
    "rnn",
    """
def rnn_forward(X, h0, Wxh, Whh, bh):
    T, N, D = X.shape
    H = np.zeros((T + 1,) + h0.shape)
    H[0] = h0
    for t in range(T):
        H[t + 1] = np.tanh(X[t] @ Wxh + H[t] @ Whh + bh)
    return H, (X, H, Wxh, Whh)

def rnn_backward(dH, cache):
    X, H, Wxh, Whh = cache
    T = len(X)
    dX = np.zeros_like(X)
    dWxh, dWhh, dbh = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros(Whh.shape[1])
    dh_next = np.zeros_like(H[0])
    for t in reversed(range(T)):
        dh = dH[t] + dh_next
        dz = dh * (1 - H[t + 1]**2)
        dX[t] = dz @ Wxh.T
        dWxh += X[t].T @ dz
        dWhh += H[t].T @ dz
        dbh += dz.sum(axis=0)
        dh_next = dz @ Whh.T
    return dX, dh_next, dWxh, dWhh, dbh

def forward(X, h0, Wxh, Whh, bh):
    H, cache = rnn_forward(X, h0, Wxh, Whh, bh)
    return H[1:], cache

backward = rnn_backward
""",
    _sequence_model,
    _sequence,
    ("X", "h0", "Wxh", "Whh", "bh"),
    wrong="""
M41 | dh = dH[t] + dh_next | dh = dH[t]
M41 | dh = dH[t] + dh_next | dh = dH[t] + (dh_next if t % 2 != 1 else 0)
M41 | dh = dH[t] + dh_next | dh = dH[t] + (dh_next if t % 2 else 0)
M41 | dh = dH[t] + dh_next | dh = dH[t] + (dh_next if (T - 1 - t) % 2 else 0)
M45 | dh_next = dz @ Whh.T | dh_next = dz @ Whh.T if t else dh_next
M42 | dWhh += H[t].T @ dz | dWhh += H[t + 1].T @ dz
M43 | dWhh += H[t].T @ dz | dWhh = H[t].T @ dz
M43 | dWxh += X[t].T @ dz | dWxh = X[t].T @ dz
M43 | dbh += dz.sum(axis=0) | dbh = dz.sum(axis=0)
M43 | dWxh += X[t].T @ dz | dWxh = X[t].T @ dz | dWhh += H[t].T @ dz | dWhh = H[t].T @ dz | dbh += dz.sum(axis=0) | dbh = dz.sum(axis=0)
M44 | (1 - H[t + 1]**2) | (1 - H[t]**2)
M11 | (1 - H[t + 1]**2) | (1 - np.tanh(H[t + 1])**2)
M12 | dz = dh * (1 - H[t + 1]**2) | dz = dh
M18 | dh_next = dz @ Whh.T | dh_next = dz @ Whh
M12 | dh_next = dz @ Whh.T | dh_next = dh @ Whh.T
M12 | dz = dh * (1 - H[t + 1]**2) | dz = dH[t] * (1 - H[t + 1]**2) + dh_next
M12 | dz = dh * (1 - H[t + 1]**2) | dz = dH[t] + dh_next * (1 - H[t + 1]**2)
M13 | dh = dH[t] + dh_next | dh = dH[t] * (t == T - 1) + dh_next
M47 | for t in reversed(range(T)) | for t in range(T)
M45 | return dX, dh_next, dWxh | return dX, np.zeros_like(H[0]), dWxh
M45,- | return dX, dh_next, dWxh | return dX, dh, dWxh
M45,- | return dX, dh_next, dWxh | return dX, dz, dWxh
M07 | dbh += dz.sum(axis=0) | dbh += dz.mean(axis=0)
M46 | return dX, dh_next, dWxh, dWhh, dbh | return dX, dh_next, dWxh / T, dWhh / T, dbh / T
M46 | return dX, dh_next, dWxh, dWhh, dbh | return dX, dh_next, dWxh / len(H[0]), dWhh / len(H[0]), dbh / len(H[0])
M01 | dz = dh * (1 - H[t + 1]**2) | dz = -dh * (1 - H[t + 1]**2)
M01 | dh = dH[t] + dh_next | dh = dH[t] - dh_next
M03 | dh = dH[t] + dh_next | dh = dH[t] + 2 * dh_next
M12 | dWxh += X[t].T @ dz | dWxh += X[t].T @ dh
M12 | dX[t] = dz @ Wxh.T | dX[t] = dh @ Wxh.T
M06 | dWhh += H[t].T @ dz | dWhh += dz.T @ H[t]
M25 | dh = dH[t] + dh_next | dH[t] += dh_next\\n        dh = dH[t]
M13 | dh = dH[t] + dh_next | dh = dh_next
M13,- | dh = dH[t] + dh_next | dh = dH[t] * dh_next
M45,- | for t in reversed(range(T)) | for t in reversed(range(1, T))
M34,- | dX[t] = dz @ Wxh.T | dX[t - 1] = dz @ Wxh.T
M44+M43 | (1 - H[t + 1]**2) | (1 - H[t]**2) | dbh += dz.sum(axis=0) | dbh = dz.sum(axis=0)
M42+M12 | dWhh += H[t].T @ dz | dWhh += H[t + 1].T @ dz | dX[t] = dz @ Wxh.T | dX[t] = dh @ Wxh.T
- | H[t + 1] = np.tanh(X[t] @ Wxh + H[t] @ Whh + bh) | H[t + 1] = np.tanh(X[t] @ Wxh + H[t] @ Whh)
M45 | H[t + 1] = np.tanh(X[t] @ Wxh + H[t] @ Whh + bh) | H[t + 1] = np.tanh(X[t] @ Wxh + h0 @ Whh + bh)
""",
    variants=(
        """
def forward(X, h0, Wxh, Whh, bh):
    P = X @ Wxh + bh
    H = [h0]
    for p in P:
        H.append(np.tanh(p + H[-1] @ Whh))
    H = np.stack(H)
    return H[1:], (X, H, Wxh, Whh)

def backward(dH, cache):
    X, H, Wxh, Whh = cache
    dZ = np.empty_like(dH)
    d = np.zeros_like(H[0])
    for t in range(len(X) - 1, -1, -1):
        dZ[t] = (dH[t] + d) * (1 - H[t + 1]) * (1 + H[t + 1])
        d = dZ[t] @ Whh.T
    flat = dZ.reshape(-1, dZ.shape[-1])
    return (dZ @ Wxh.T, d, X.reshape(-1, X.shape[-1]).T @ flat, H[:-1].reshape(-1, H.shape[-1]).T @ flat, flat.sum(0))
""",
        """
def forward(X, h0, Wxh, Whh, bh):
    def go(t, h):
        if t == len(X):
            return []
        new = np.tanh(X[t] @ Wxh + h @ Whh + bh)
        return [new] + go(t + 1, new)
    hs = go(0, h0)
    return np.array(hs), (X, [h0] + hs, Wxh, Whh)

def backward(dH, cache):
    X, H, Wxh, Whh = cache
    def down(t):
        if t == len(X):
            return np.zeros_like(H[0]), [], 0, 0, 0
        d, dxs, a, b, c = down(t + 1)
        g = (d + dH[t]) / np.cosh(np.arctanh(H[t + 1]))**2
        return g @ Whh.T, [g @ Wxh.T] + dxs, a + X[t].T @ g, b + H[t].T @ g, c + g.sum(0)
    d, dxs, a, b, c = down(0)
    return np.array(dxs), d, a, b, c
""",
    ),
)

TARGETS = [STEP, RNN, TEMPORAL, RNNLM, LSTM, GRU]
