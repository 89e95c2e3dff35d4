"""A07: one step of an Elman network, a sequence, the loss over time, a language model, and the bonus gates."""

from __future__ import annotations

from typing import Any

import numpy as np

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
- | z = x @ Wxh + h @ Whh + bh | z = x @ Wxh + bh
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
- | for t in reversed(range(T)) | for t in reversed(range(1, T))
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


def _scores(rng: np.random.Generator) -> dict[str, Any]:
    t, n, v = primes(rng, 3)
    v = max(v, 3)
    mask = (rng.random((t, n)) < 0.7) * 1.0
    mask[0, 0] = 1.0
    mask[-1, -1] = 0.0
    return {"Z": rng.normal(size=(t, n, v)), "y": rng.integers(0, v, (t, n)), "mask": mask}


TEMPORAL = Target(
    "A07",
    "temporal_softmax_ce",
    """
def temporal_softmax_ce(Z, y, mask=None):
    T, N, V = Z.shape
    p = np.exp(Z - Z.max(axis=2, keepdims=True))
    p = p / p.sum(axis=2, keepdims=True)
    t, n = np.indices((T, N))
    losses = -np.log(p[t, n, y])
    count = mask.sum()
    loss = (losses * mask).sum() / count
    dZ = p.copy()
    dZ[t, n, y] -= 1
    dZ = dZ * mask[:, :, None] / count
    return loss, dZ

def forward(Z, y, mask):
    return temporal_softmax_ce(Z, y, mask)

def backward(dout, dZ):
    return dout * dZ
""",
    lambda ops, Z, y, mask: -(ops.sum(ops.pick(ops.log_softmax(Z), y) * mask) / mask.sum()),
    _scores,
    ("Z",),
    loss=True,
    wrong="""
M50 | dZ = dZ * mask[:, :, None] / count | dZ = dZ / count
M46 | dZ = dZ * mask[:, :, None] / count | dZ = dZ * mask[:, :, None] / T
M46 | dZ = dZ * mask[:, :, None] / count | dZ = dZ * mask[:, :, None] / N
M46 | dZ = dZ * mask[:, :, None] / count | dZ = dZ * mask[:, :, None] / (T * N)
M46,M02 | dZ = dZ * mask[:, :, None] / count | dZ = dZ * mask[:, :, None]
M01 | dZ = dZ * mask[:, :, None] / count | dZ = -dZ * mask[:, :, None] / count
M21 | dZ[t, n, y] -= 1 | pass
M21 | dZ[t, n, y] -= 1 | dZ[t, n, (y + 1) % V] -= 1
M21 | dZ[t, n, y] -= 1 | dZ[t, n, np.roll(y, -1, axis=0)] -= 1
M46 | count = mask.sum() | count = T * N
M46 | count = mask.sum() | count = T
M46 | count = mask.sum() | count = N
M50 | loss = (losses * mask).sum() / count | loss = losses.sum() / count
M50,M46 | loss = (losses * mask).sum() / count | loss = losses.mean() | dZ = dZ * mask[:, :, None] / count | dZ = dZ / (T * N)
M01 | losses = -np.log(p[t, n, y]) | losses = np.log(p[t, n, y])
M09 | p = p / p.sum(axis=2, keepdims=True) | p = p / p.sum(axis=0, keepdims=True)
M04 | losses = -np.log(p[t, n, y]) | losses = -np.log2(p[t, n, y])
M03 | dZ = dZ * mask[:, :, None] / count | dZ = 2 * dZ * mask[:, :, None] / count
- | dZ = p.copy() | dZ = np.exp(Z)
""",
    variants=(
        """
def forward(Z, y, mask):
    flat, labels, m = Z.reshape(-1, Z.shape[-1]), y.ravel(), mask.ravel()
    lse = np.logaddexp.reduce(flat, axis=1)
    rows = np.arange(len(flat))
    d = np.exp(flat - lse[:, None])
    d[rows, labels] -= 1
    return ((lse - flat[rows, labels]) * m).sum() / m.sum(), (d * m[:, None] / m.sum()).reshape(Z.shape)

def backward(dout, dZ):
    return dout * dZ
""",
    ),
)


def _lm(rng: np.random.Generator) -> dict[str, Any]:
    t, n, v, d, h = primes(rng, 5, high=11)
    t, n = max(3, min(t, 5)), min(n, 3)
    v = max(v, 4)
    params = {
        "E": rng.normal(size=(v, d)), "Wxh": rng.normal(size=(d, h)) / 2, "Whh": rng.normal(size=(h, h)) / 2, "bh": rng.normal(size=h) / 2,
        "Why": rng.normal(size=(h, v)), "by": rng.normal(size=v),
    }  # fmt: skip
    ids = rng.integers(0, v, (t + 1, n))
    return {"params": params, "ids_in": ids[:-1], "ids_out": ids[1:], "h0": rng.normal(size=(n, h)) / 2}


def _lm_model(ops: Any, params: Any, ids_in: Any, ids_out: Any, h0: Any) -> Any:
    h, total = h0, 0.0
    for t in range(len(ids_in)):
        x = ops.take(params["E"], ids_in[t])
        z = x @ params["Wxh"] + h @ params["Whh"] + params["bh"]
        h = ops.tanh(z)
        Z = h @ params["Why"] + params["by"]
        total = total + ops.sum(ops.pick(ops.log_softmax(Z), ids_out[t]))
    loss = -(total / ids_in.size)
    return loss


RNNLM = Target(
    "A07",
    "rnnlm",
    """
def loss_and_grads(p, ids_in, ids_out, h0, k=None):
    T, N = ids_in.shape
    H, X, P = [h0], [], []
    loss = 0.0
    for t in range(T):
        X.append(p['E'][ids_in[t]])
        H.append(np.tanh(X[t] @ p['Wxh'] + H[t] @ p['Whh'] + p['bh']))
        Z = H[t + 1] @ p['Why'] + p['by']
        e = np.exp(Z - Z.max(axis=1, keepdims=True))
        P.append(e / e.sum(axis=1, keepdims=True))
        loss -= np.log(P[t][np.arange(N), ids_out[t]]).sum() / (T * N)
    g = {name: np.zeros_like(a) for name, a in p.items()}
    dh_next = np.zeros_like(h0)
    for t in reversed(range(T)):
        dZ = P[t].copy()
        dZ[np.arange(N), ids_out[t]] -= 1
        dZ /= T * N
        g['Why'] += H[t + 1].T @ dZ
        g['by'] += dZ.sum(axis=0)
        dh = dZ @ p['Why'].T + dh_next
        dz = dh * (1 - H[t + 1]**2)
        g['Wxh'] += X[t].T @ dz
        g['Whh'] += H[t].T @ dz
        g['bh'] += dz.sum(axis=0)
        dx = dz @ p['Wxh'].T
        np.add.at(g['E'], ids_in[t], dx)
        dh_next = dz @ p['Whh'].T
    return loss, g

def forward(params, ids_in, ids_out, h0):
    return loss_and_grads(params, ids_in, ids_out, h0)

def backward(dout, g):
    return {k: dout * v for k, v in g.items()}
""",
    _lm_model,
    _lm,
    ("params",),
    loss=True,
    wrong="""
M41 | dh = dZ @ p['Why'].T + dh_next | dh = dZ @ p['Why'].T
M41 | dh = dZ @ p['Why'].T + dh_next | dh = dZ @ p['Why'].T + (dh_next if (t + 1) % 2 else 0)
M42 | g['Whh'] += H[t].T @ dz | g['Whh'] += H[t + 1].T @ dz
M43 | g['Whh'] += H[t].T @ dz | g['Whh'] = H[t].T @ dz
M43 | g['Why'] += H[t + 1].T @ dZ | g['Why'] = H[t + 1].T @ dZ
M43 | g['by'] += dZ.sum(axis=0) | g['by'] = dZ.sum(axis=0)
M44 | dz = dh * (1 - H[t + 1]**2) | dz = dh * (1 - H[t]**2)
M12 | dz = dh * (1 - H[t + 1]**2) | dz = dh
M33 | np.add.at(g['E'], ids_in[t], dx) | g['E'][ids_in[t]] += dx
M33 | np.add.at(g['E'], ids_in[t], dx) | g['E'][ids_in[t]] = dx
M46 | dZ /= T * N | dZ /= N
M46 | dZ /= T * N | dZ /= T
M46 | dZ /= T * N | pass
M21 | dZ[np.arange(N), ids_out[t]] -= 1 | pass
M48,M21 | dZ[np.arange(N), ids_out[t]] -= 1 | dZ[np.arange(N), ids_in[t]] -= 1
M07 | g['bh'] += dz.sum(axis=0) | g['bh'] += dz.mean(axis=0)
M47 | for t in reversed(range(T)) | for t in range(T)
M18 | dh_next = dz @ p['Whh'].T | dh_next = dz @ p['Whh']
M42,- | g['Why'] += H[t + 1].T @ dZ | g['Why'] += H[t].T @ dZ
M12 | g['Wxh'] += X[t].T @ dz | g['Wxh'] += X[t].T @ dh
M12 | dh_next = dz @ p['Whh'].T | dh_next = dh @ p['Whh'].T
M02,M46 | loss -= np.log(P[t][np.arange(N), ids_out[t]]).sum() / (T * N) | loss -= np.log(P[t][np.arange(N), ids_out[t]]).sum() / N
M01 | dZ /= T * N | dZ /= -T * N
""",
)


def _gates(count: int) -> Any:
    def sample(rng: np.random.Generator) -> dict[str, Any]:
        n, d, h = primes(rng, 3, high=7)
        args = {"x": rng.normal(size=(n, d)), "h": rng.normal(size=(n, h))}
        if count == 4:
            args["c"] = rng.normal(size=(n, h))
        args |= {"Wx": rng.normal(size=(d, count * h)) / 2, "Wh": rng.normal(size=(h, count * h)) / 2}
        return args | (
            {"b": rng.normal(size=count * h)}
            if count == 4
            else {"bx": rng.normal(size=count * h), "bh": rng.normal(size=count * h)}
        )

    return sample


def _lstm_model(ops: Any, x: Any, h: Any, c: Any, Wx: Any, Wh: Any, b: Any) -> Any:
    a = x @ Wx + h @ Wh + b
    H = h.shape[1]
    i, f, o = ops.sigmoid(a[:, :H]), ops.sigmoid(a[:, H : 2 * H]), ops.sigmoid(a[:, 3 * H :])
    g = ops.tanh(a[:, 2 * H : 3 * H])
    c_next = f * c + i * g
    return o * ops.tanh(c_next)


LSTM = Target(
    "A07",
    "lstm_step",
    """
def sig(v):
    return 1 / (1 + np.exp(-v))

def lstm_step(x, h, c, Wx, Wh, b):
    a = x @ Wx + h @ Wh + b
    i, f, g, o = np.split(a, 4, axis=1)
    i, f, g, o = sig(i), sig(f), np.tanh(g), sig(o)
    c_next = f * c + i * g
    tc = np.tanh(c_next)
    return o * tc, (x, h, c, Wx, Wh, i, f, g, o, tc)

def lstm_back(dh, cache):
    x, h, c, Wx, Wh, i, f, g, o, tc = cache
    do = dh * tc
    dc = dh * o * (1 - tc**2)
    di, df, dg = dc * g, dc * c, dc * i
    da = np.concatenate([di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)], axis=1)
    return da @ Wx.T, da @ Wh.T, dc * f, x.T @ da, h.T @ da, da.sum(axis=0)

forward, backward = lstm_step, lstm_back
""",
    _lstm_model,
    _gates(4),
    ("x", "h", "c", "Wx", "Wh", "b"),
    wrong="""
M12 | dc = dh * o * (1 - tc**2) | dc = dh * o
- | dc = dh * o * (1 - tc**2) | dc = dh * (1 - tc**2)
M12 | dg * (1 - g**2) | dg
M12 | di * i * (1 - i) | di
- | dg * (1 - g**2) | dg * g * (1 - g)
- | di, df, dg = dc * g, dc * c, dc * i | di, df, dg = dc * i, dc * c, dc * g
- | dc * f, x.T @ da | dc, x.T @ da
M07 | da.sum(axis=0) | da.mean(axis=0)
M06 | h.T @ da | da.T @ h
M01 | do = dh * tc | do = -dh * tc
- | np.concatenate([di * i * (1 - i), df * f * (1 - f), | np.concatenate([df * f * (1 - f), di * i * (1 - i),
- | c_next = f * c + i * g | c_next = f * c + g
""",
)


def _gru_model(ops: Any, x: Any, h: Any, Wx: Any, Wh: Any, bx: Any, bh: Any) -> Any:
    ax, ah = x @ Wx + bx, h @ Wh + bh
    H = h.shape[1]
    r = ops.sigmoid(ax[:, :H] + ah[:, :H])
    z = ops.sigmoid(ax[:, H : 2 * H] + ah[:, H : 2 * H])
    n = ops.tanh(ax[:, 2 * H :] + r * ah[:, 2 * H :])
    return (1 - z) * n + z * h


GRU = Target(
    "A07",
    "gru_step",
    """
def sig(v):
    return 1 / (1 + np.exp(-v))

def gru_step(x, h, Wx, Wh, bx, bh):
    ax, ah = x @ Wx + bx, h @ Wh + bh
    H = h.shape[1]
    r = sig(ax[:, :H] + ah[:, :H])
    z = sig(ax[:, H:2*H] + ah[:, H:2*H])
    q = ah[:, 2*H:]
    n = np.tanh(ax[:, 2*H:] + r * q)
    return (1 - z) * n + z * h, (x, h, Wx, Wh, r, z, q, n)

def gru_back(d, cache):
    x, h, Wx, Wh, r, z, q, n = cache
    dz = d * (h - n) * z * (1 - z)
    dn = d * (1 - z) * (1 - n**2)
    dr = dn * q * r * (1 - r)
    dax = np.concatenate([dr, dz, dn], axis=1)
    dah = np.concatenate([dr, dz, dn * r], axis=1)
    dh = dah @ Wh.T + d * z
    return dax @ Wx.T, dh, x.T @ dax, h.T @ dah, dax.sum(0), dah.sum(0)

forward, backward = gru_step, gru_back
""",
    _gru_model,
    _gates(3),
    ("x", "h", "Wx", "Wh", "bx", "bh"),
    wrong="""
M14 | dh = dah @ Wh.T + d * z | dh = dah @ Wh.T
M14 | dh = dah @ Wh.T + d * z | dh = d * z
- | dz = d * (h - n) * z * (1 - z) | dz = d * h * z * (1 - z)
M12 | dn = d * (1 - z) * (1 - n**2) | dn = d * (1 - z)
M12 | dr = dn * q * r * (1 - r) | dr = dn * q
- | dn * r], axis=1) | dn], axis=1)
M01 | dz = d * (h - n) * z * (1 - z) | dz = d * (n - h) * z * (1 - z)
M07 | dah.sum(0) | dah.mean(0)
- | return (1 - z) * n + z * h, ( | return z * n + (1 - z) * h, (
""",
)

TARGETS = [STEP, RNN, TEMPORAL, RNNLM, LSTM, GRU]
