"""A07: the loss over time, the language model, and the bonus steps with gates."""

from __future__ import annotations

from typing import Any

import numpy as np

from .core import Target, primes


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
    mask = np.ones((T, N)) if mask is None else mask
    shifted = Z - Z.max(axis=2, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=2, keepdims=True))
    p = np.exp(log_p)
    t, n = np.indices((T, N))
    losses = -log_p[t, n, y]
    count = mask.sum()
    if not count:
        return 0.0, np.zeros_like(Z)
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
M01 | losses = -log_p[t, n, y] | losses = log_p[t, n, y]
M09 | .sum(axis=2, keepdims=True)) | .sum(axis=0, keepdims=True))
M04 | losses = -log_p[t, n, y] | losses = -log_p[t, n, y] / np.log(2)
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
class RNNLM:
    def __init__(self, V, D, H, rng):
        shapes = dict(E=(V, D), Wxh=(D, H), Whh=(H, H), bh=(H,), Why=(H, V), by=(V,))
        self.params = {name: rng.normal(size=shape) / shape[0] ** 0.5 for name, shape in shapes.items()}

    def loss_and_grads(self, ids_in, ids_out, h0, k=None):
        p = self.params
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
            if k and (t + 1) % k == 0:
                dh_next = np.zeros_like(h0)
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
        return loss, g, H[-1]

    def step(self, ids, h):
        p = self.params
        h = np.tanh(p['E'][ids] @ p['Wxh'] + h @ p['Whh'] + p['bh'])
        return h @ p['Why'] + p['by'], h

def forward(params, ids_in, ids_out, h0):
    model = RNNLM(2, 2, 2, np.random.default_rng(0))
    model.params = params
    return model.loss_and_grads(ids_in, ids_out, h0)[:2]

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
M10 | return loss, g, H[-1] | D = np.stack([q - np.eye(q.shape[1])[y] for q, y in zip(P, ids_out)]) / (T * N)\\n        g['Why'] = np.concatenate(H[1:]).T @ D.swapaxes(0, 1).reshape(T * N, -1)\\n        return loss, g, H[-1]
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
