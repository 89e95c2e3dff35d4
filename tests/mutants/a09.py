"""A09: both directions, encoder and decoder, convolution and pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from .core import Target, primes


def _weights(rng: np.random.Generator, d: int, h: int) -> tuple[Any, ...]:
    return rng.normal(size=(d, h)) / 2, rng.normal(size=(h, h)) / 2, rng.normal(size=h) / 2


def _mask(rng: np.random.Generator, t: int, n: int) -> np.ndarray:
    lengths = rng.integers(2, t + 1, n)
    lengths[0] = t
    lengths[-1] = t - 1
    return (np.arange(t)[:, None] < lengths) * 1.0


def _birnn(rng: np.random.Generator) -> dict[str, Any]:
    n, d, h = primes(rng, 3, high=5)
    t = 4
    names = ("Wxh", "Whh", "bh")
    args: dict[str, Any] = {"X": rng.normal(size=(t, n, d)), "mask": _mask(rng, t, n)}
    for side in "fb":
        args |= dict(zip((f"{side}_{k}" for k in names), _weights(rng, d, h)))
        args[f"{side}_h0"] = rng.normal(size=(n, h)) / 2
    return args


def _birnn_model(
    ops: Any,
    X: Any,
    mask: Any,
    f_Wxh: Any,
    f_Whh: Any,
    f_bh: Any,
    f_h0: Any,
    b_Wxh: Any,
    b_Whh: Any,
    b_bh: Any,
    b_h0: Any,
) -> Any:
    forth = _masked_run(ops, list(X), list(mask), f_h0, f_Wxh, f_Whh, f_bh)
    back = _masked_run(ops, list(X)[::-1], list(mask)[::-1], b_h0, b_Wxh, b_Whh, b_bh)
    return ops.concat([ops.stack(forth), ops.stack(back[::-1])], axis=2)


def _masked_run(ops: Any, xs: Any, masks: Any, h: Any, Wxh: Any, Whh: Any, bh: Any) -> list[Any]:
    states = []
    for x, mask in zip(xs, masks):
        m = mask[:, None]
        z = x @ Wxh + h @ Whh + bh
        h = ops.tanh(z) * m + h * (1 - m)
        states.append(h * m)
    return states


BIRNN_SOURCE = """
def run(X, mask, h0, Wxh, Whh, bh):
    H, S = [h0], []
    for t in range(len(X)):
        m = mask[t][:, None]
        new = np.tanh(X[t] @ Wxh + H[t] @ Whh + bh)
        S.append(new)
        H.append(new * m + H[t] * (1 - m))
    return np.array(H[1:]) * mask[:, :, None], (X, mask, H, S, Wxh, Whh)

def back(dY, cache):
    X, mask, H, S, Wxh, Whh = cache
    dX, dWxh, dWhh, dbh = np.zeros_like(X), np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros(len(Whh))
    dh = np.zeros_like(H[0])
    for t in reversed(range(len(X))):
        m = mask[t][:, None]
        d = dh + dY[t] * m
        dz = d * m * (1 - S[t]**2)
        dX[t] = dz @ Wxh.T
        dWxh += X[t].T @ dz
        dWhh += H[t].T @ dz
        dbh += dz.sum(axis=0)
        dh = dz @ Whh.T + d * (1 - m)
    return dX, dh, dWxh, dWhh, dbh

def birnn_forward(X, mask, fwd, bwd):
    F, cf = run(X, mask, *fwd)
    B, cb = run(X[::-1], mask[::-1], *bwd)
    return np.concatenate([F, B[::-1]], axis=2), (cf, cb)

def birnn_backward(dY, cache):
    cf, cb = cache
    h = dY.shape[2] // 2
    dXf, *gf = back(dY[:, :, :h], cf)
    dXb, *gb = back(dY[::-1, :, h:], cb)
    return dXf + dXb[::-1], gf, gb

def forward(X, mask, f_Wxh, f_Whh, f_bh, f_h0, b_Wxh, b_Whh, b_bh, b_h0):
    return birnn_forward(X, mask, (f_h0, f_Wxh, f_Whh, f_bh), (b_h0, b_Wxh, b_Whh, b_bh))

def backward(dY, cache):
    dX, gf, gb = birnn_backward(dY, cache)
    return dX, gf[1], gf[2], gf[3], gf[0], gb[1], gb[2], gb[3], gb[0]
"""
BIRNN = Target(
    "A09",
    "birnn",
    BIRNN_SOURCE,
    _birnn_model,
    _birnn,
    ("X", "f_Wxh", "f_Whh", "f_bh", "f_h0", "b_Wxh", "b_Whh", "b_bh", "b_h0"),
    wrong="""
M51 | np.concatenate([F, B[::-1]], axis=2) | np.concatenate([F, B], axis=2)
M51 | back(dY[::-1, :, h:], cb) | back(dY[:, :, h:], cb)
M51 | return dXf + dXb[::-1], gf, gb | return dXf + dXb, gf, gb
M14 | return dXf + dXb[::-1], gf, gb | return dXf, gf, gb
M14 | return dXf + dXb[::-1], gf, gb | return dXb[::-1], gf, gb
M50,M52 | H.append(new * m + H[t] * (1 - m)) | H.append(new)
M50 | return np.array(H[1:]) * mask[:, :, None], ( | return np.array(H[1:]), (
M50 | d = dh + dY[t] * m | d = dh + dY[t]
M50 | dz = d * m * (1 - S[t]**2) | dz = d * (1 - S[t]**2)
M14,M50,- | dh = dz @ Whh.T + d * (1 - m) | dh = dz @ Whh.T
M41 | dh = dz @ Whh.T + d * (1 - m) | dh = d * (1 - m)
M42 | dWhh += H[t].T @ dz | dWhh += H[t + 1].T @ dz
M43 | dWxh += X[t].T @ dz | dWxh = X[t].T @ dz
M12 | dz = d * m * (1 - S[t]**2) | dz = d * m
M07 | dbh += dz.sum(axis=0) | dbh += dz.mean(axis=0)
- | dY[:, :, :h], cf) | dY[:, :, h:], cf) | dY[::-1, :, h:], cb) | dY[::-1, :, :h], cb)
- | return dXf + dXb[::-1], gf, gb | return dXf + dXb[::-1], gb, gf
""",
)


def _decoder(rng: np.random.Generator) -> dict[str, Any]:
    n, v, d, h = primes(rng, 4, high=7)
    t, v = 4, max(v, 4)
    Wxh, Whh, bh = _weights(rng, d, h)
    params = {
        "E": rng.normal(size=(v, d)), "Wxh": Wxh, "Wch": rng.normal(size=(h, h)) / 2, "Whh": Whh, "bh": bh, "Why": rng.normal(size=(h, v)),
        "by": rng.normal(size=v),
    }  # fmt: skip
    return {"context": rng.normal(size=(n, h)) / 2, "y_in": rng.integers(0, v, (t, n)), "params": params}


def _decoder_model(ops: Any, context: Any, y_in: Any, params: Any) -> Any:
    h, out = context, []
    for t in range(len(y_in)):
        x = ops.take(params["E"], y_in[t])
        z = x @ params["Wxh"] + context @ params["Wch"] + h @ params["Whh"] + params["bh"]
        h = ops.tanh(z)
        out.append(h @ params["Why"] + params["by"])
    return ops.stack(out)


DECODER = Target(
    "A09",
    "decoder",
    """
def decoder_forward(context, y_in, p):
    H, Z = [context], []
    for t in range(len(y_in)):
        H.append(np.tanh(p['E'][y_in[t]] @ p['Wxh'] + context @ p['Wch'] + H[t] @ p['Whh'] + p['bh']))
        Z.append(H[t + 1] @ p['Why'] + p['by'])
    return np.array(Z), (context, y_in, p, H)

def decoder_backward(dZ, cache):
    context, y_in, p, H = cache
    g = {k: np.zeros_like(v) for k, v in p.items()}
    dc = np.zeros_like(context)
    dh = np.zeros_like(context)
    for t in reversed(range(len(y_in))):
        g['Why'] += H[t + 1].T @ dZ[t]
        g['by'] += dZ[t].sum(axis=0)
        da = (dZ[t] @ p['Why'].T + dh) * (1 - H[t + 1]**2)
        g['Wxh'] += p['E'][y_in[t]].T @ da
        g['Wch'] += context.T @ da
        g['Whh'] += H[t].T @ da
        g['bh'] += da.sum(axis=0)
        np.add.at(g['E'], y_in[t], da @ p['Wxh'].T)
        dc += da @ p['Wch'].T
        dh = da @ p['Whh'].T
    return dc + dh, g

def forward(context, y_in, params):
    return decoder_forward(context, y_in, params)

backward = decoder_backward
""",
    _decoder_model,
    _decoder,
    ("context", "params"),
    wrong="""
M52 | return dc + dh, g | return dc, g
M52 | return dc + dh, g | return dh, g
M52 | dc += da @ p['Wch'].T | dc = da @ p['Wch'].T
M42 | g['Whh'] += H[t].T @ da | g['Whh'] += H[t + 1].T @ da
M33 | np.add.at(g['E'], y_in[t], da @ p['Wxh'].T) | g['E'][y_in[t]] += da @ p['Wxh'].T
M41 | da = (dZ[t] @ p['Why'].T + dh) * (1 - H[t + 1]**2) | da = (dZ[t] @ p['Why'].T) * (1 - H[t + 1]**2)
M12 | (dZ[t] @ p['Why'].T + dh) * (1 - H[t + 1]**2) | dZ[t] @ p['Why'].T + dh
M43 | g['Wch'] += context.T @ da | g['Wch'] = context.T @ da
M44 | (1 - H[t + 1]**2) | (1 - H[t]**2)
M07 | g['bh'] += da.sum(axis=0) | g['bh'] += da.mean(axis=0)
M18 | dc += da @ p['Wch'].T | dc += da @ p['Whh'].T
M18 | dh = da @ p['Whh'].T | dh = da @ p['Wch'].T
M47 | for t in reversed(range(len(y_in))) | for t in range(len(y_in))
M52,M45 | H, Z = [context], [] | H, Z = [np.zeros_like(context)], []
- | + context @ p['Wch'] | + 0
M43 | g['Why'] += H[t + 1].T @ dZ[t] | g['Why'] = H[t + 1].T @ dZ[t]
""",
)


def _conv(rng: np.random.Generator) -> dict[str, Any]:
    n, c, f, k = primes(rng, 4, high=7)
    k = min(k, 3)
    return {"X": rng.normal(size=(n, c, k + 4)), "W": rng.normal(size=(f, c, k)), "b": rng.normal(size=f)}


CONV = Target(
    "A09",
    "conv1d",
    """
def conv1d_forward(X, W, b):
    N, C, L = X.shape
    F, _, K = W.shape
    Y = np.zeros((N, F, L - K + 1))
    for l in range(L - K + 1):
        Y[:, :, l] = np.einsum('nck,fck->nf', X[:, :, l:l + K], W) + b
    return Y, (X, W)

def conv1d_backward(dY, cache):
    X, W = cache
    K = W.shape[2]
    dX, dW = np.zeros_like(X), np.zeros_like(W)
    for l in range(dY.shape[2]):
        dX[:, :, l:l + K] += np.einsum('nf,fck->nck', dY[:, :, l], W)
        dW += np.einsum('nf,nck->fck', dY[:, :, l], X[:, :, l:l + K])
    db = dY.sum(axis=(0, 2))
    return dX, dW, db

forward, backward = conv1d_forward, conv1d_backward
""",
    lambda ops, X, W, b: ops.conv1d(X, W) + ops.reshape(b, (-1, 1)),
    _conv,
    ("X", "W", "b"),
    wrong="""
- | np.einsum('nf,fck->nck', dY[:, :, l], W) | np.einsum('nf,fck->nck', dY[:, :, l], W[:, :, ::-1])
- | X[:, :, l:l + K])\\n    db | X[:, :, l:l + K][:, :, ::-1])\\n    db
M14,- | dX[:, :, l:l + K] += | dX[:, :, l:l + K] =
M14,M43,- | dW += np | dW = np
M07,M07b,M09 | db = dY.sum(axis=(0, 2)) | db = dY.sum(axis=0)
M07,M07b | db = dY.sum(axis=(0, 2)) | db = dY.mean(axis=(0, 2))
M02 | return dX, dW, db | return dX, dW / len(X), db
- | X[:, :, l:l + K], W) + b | X[:, :, l:l + K], W[:, :, ::-1]) + b
- | X[:, :, l:l + K], W) + b | X[:, :, l:l + K], W)
M01 | return dX, dW, db | return -dX, dW, db
M13 | dX[:, :, l:l + K] += np.einsum('nf,fck->nck', dY[:, :, l], W) | dX[:, :, l:l + K] += W.sum(axis=0)
""",
    variants=(
        """
def forward(X, W, b):
    cols = np.lib.stride_tricks.sliding_window_view(X, W.shape[2], axis=2)
    return np.tensordot(cols, W, axes=((1, 3), (1, 2))).transpose(0, 2, 1) + b[:, None], (X, W, cols)

def backward(dY, cache):
    X, W, cols = cache
    K = W.shape[2]
    padded = np.pad(dY, ((0, 0), (0, 0), (K - 1, K - 1)))
    win = np.lib.stride_tricks.sliding_window_view(padded, K, axis=2)
    return np.einsum('nflk,fck->ncl', win, W[:, :, ::-1]), np.einsum('nclk,nfl->fck', cols, dY), dY.sum((0, 2))
""",
    ),
)

POOL = Target(
    "A09",
    "maxpool1d",
    """
def maxpool1d(X, k):
    N, C, L = X.shape
    m = L // k
    Y = X[:, :, :m * k].reshape(N, C, m, k).max(axis=3)
    return Y, (X, k)

def forward(X, k):
    return maxpool1d(X, k)[0]
""",
    lambda ops, X, k: ops.maxpool1d(X, k),
    lambda rng: {"X": rng.normal(size=(2, 3, 7)), "k": int(rng.integers(2, 4))},
    wrong="""
- | .max(axis=3) | .mean(axis=3)
- | .max(axis=3) | .min(axis=3)
- | .max(axis=3) | .sum(axis=3)
- | Y = X[:, :, :m * k].reshape(N, C, m, k).max(axis=3) | Y = np.stack([X[:, :, i:i + k].max(axis=2) for i in range(L - k + 1)], axis=2)
M10,M09,- | .reshape(N, C, m, k).max(axis=3) | .reshape(N, C, k, m).max(axis=2)
""",
)

TARGETS = [BIRNN, DECODER, CONV, POOL]
