"""A05: embeddings, the window tagger, Bengio's language model."""

from __future__ import annotations

from typing import Any

import numpy as np

from .core import Target, primes


def _ids(rng: np.random.Generator) -> dict[str, Any]:
    n, k, v, d = primes(rng, 4, high=11)
    ids = rng.integers(0, v, (n, k))
    ids[-1] = ids[0]
    return {"ids": ids, "E": rng.normal(size=(v, d))}


EMBEDDING = Target(
    "A05",
    "embedding",
    """
def embedding_forward(ids, E):
    N, K = ids.shape
    return E[ids].reshape(N, K * E.shape[1])

def embedding_backward(dY, ids, V):
    N, K = ids.shape
    d = dY.shape[1] // K
    dE = np.zeros((V, d))
    np.add.at(dE, ids, dY.reshape(N, K, d))
    return dE

def forward(ids, E):
    return embedding_forward(ids, E), (ids, len(E))

def backward(dY, cache):
    return embedding_backward(dY, *cache)
""",
    lambda ops, ids, E: ops.reshape(ops.take(E, ids), (ids.shape[0], ids.shape[1] * E.shape[1])),
    _ids,
    ("E",),
    wrong="""
M33 | np.add.at(dE, ids, dY.reshape(N, K, d)) | dE[ids] += dY.reshape(N, K, d)
M33 | np.add.at(dE, ids, dY.reshape(N, K, d)) | dE[ids] = dY.reshape(N, K, d)
M10 | dY.reshape(N, K, d) | dY.reshape(N, d, K).transpose(0, 2, 1)
M10 | dY.reshape(N, K, d) | dY.reshape(K, N, d).transpose(1, 0, 2)
M34 | np.add.at(dE, ids, | np.add.at(dE, ids - 1,
M02 | return dE | return dE / N
M01 | return dE | return -dE
M06 | return dE | return dE.T
M13 | dY.reshape(N, K, d) | np.ones((N, K, d))
M33 | return dE | return dE / np.maximum(np.bincount(ids.ravel(), minlength=V), 1)[:, None]
M34 | return E[ids] | return E[ids - 1]
M10 | return E[ids].reshape(N, K * E.shape[1]) | return E[ids].transpose(0, 2, 1).reshape(N, K * E.shape[1])
M10 | return E[ids].reshape(N, K * E.shape[1]) | return E[ids].transpose(1, 0, 2).reshape(N, K * E.shape[1])
""",
    variants=(
        """
def forward(ids, E):
    onehot = np.eye(len(E))[ids]
    return (onehot @ E).reshape(len(ids), -1), onehot

def backward(dY, onehot):
    N, K, V = onehot.shape
    return np.einsum('nkv,nkd->vd', onehot, dY.reshape(N, K, -1))
""",
        """
def forward(ids, E):
    return np.concatenate([E[ids[:, k]] for k in range(ids.shape[1])], axis=1), (ids, E.shape)

def backward(dY, cache):
    ids, (V, d) = cache
    dE = np.zeros((V, d))
    for n in range(len(ids)):
        for k in range(ids.shape[1]):
            dE[ids[n, k]] += dY[n, k * d:(k + 1) * d]
    return dE
""",
    ),
)


def _tagger(rng: np.random.Generator) -> dict[str, Any]:
    n, v, d, h, c = primes(rng, 5, high=13)
    v, c, k = v + 2, max(c, 3), 3
    params = {
        "E": rng.normal(size=(v, d)), "W1": rng.normal(size=(k * d, h)) / 2, "b1": rng.normal(size=h), "W2": rng.normal(size=(h, c)),
        "b2": rng.normal(size=c),
    }  # fmt: skip
    ids = rng.integers(0, v, (n, k))
    ids[-1, 0] = ids[0, 0]
    return {"params": params, "ids": ids, "y": rng.integers(0, c, n)}


def _tagger_model(ops: Any, params: Any, ids: Any, y: Any) -> Any:
    X = ops.reshape(ops.take(params["E"], ids), (ids.shape[0], params["W1"].shape[0]))
    H = ops.tanh(X @ params["W1"] + params["b1"])
    Z = H @ params["W2"] + params["b2"]
    return -ops.mean(ops.pick(ops.log_softmax(Z), y))


TAGGER = Target(
    "A05",
    "mlp-tagger",
    """
def scores(p, ids):
    X = p['E'][ids].reshape(len(ids), -1)
    H = np.tanh(X @ p['W1'] + p['b1'])
    return X, H, H @ p['W2'] + p['b2']

def loss_and_grads(p, ids, y):
    N, K = ids.shape
    X, H, Z = scores(p, ids)
    P = np.exp(Z - Z.max(axis=1, keepdims=True))
    P /= P.sum(axis=1, keepdims=True)
    loss = -np.log(P[np.arange(N), y]).mean()
    dZ = P.copy()
    dZ[np.arange(N), y] -= 1
    dZ /= N
    g = {}
    g['W2'] = H.T @ dZ
    g['b2'] = dZ.sum(axis=0)
    dA = (dZ @ p['W2'].T) * (1 - H**2)
    g['W1'] = X.T @ dA
    g['b1'] = dA.sum(axis=0)
    dX = dA @ p['W1'].T
    g['E'] = np.zeros_like(p['E'])
    np.add.at(g['E'], ids, dX.reshape(N, K, -1))
    return loss, g

class MLPTagger:
    def __init__(self, V, C, d, H, K, rng):
        shapes = {'E': (V, d), 'W1': (K * d, H), 'b1': (H,), 'W2': (H, C), 'b2': (C,)}
        self.params = {k: rng.normal(size=s) for k, s in shapes.items()}

    def forward(self, ids):
        return scores(self.params, ids)[2]

    def loss_and_grads(self, ids, y):
        return loss_and_grads(self.params, ids, y)

def forward(params, ids, y):
    return loss_and_grads(params, ids, y)

def backward(dout, g):
    return {k: dout * v for k, v in g.items()}
""",
    _tagger_model,
    _tagger,
    ("params",),
    loss=True,
    wrong="""
M33 | np.add.at(g['E'], ids, dX.reshape(N, K, -1)) | g['E'][ids] += dX.reshape(N, K, -1)
M12 | dA = (dZ @ p['W2'].T) * (1 - H**2) | dA = dZ @ p['W2'].T
- | (1 - H**2) | (1 - H)
- | (1 - H**2) | H * (1 - H)
M02 | dZ /= N | pass
M05 | dZ /= N | dZ /= dZ.size
M21 | dZ[np.arange(N), y] -= 1 | pass
M21,M34 | dZ[np.arange(N), y] -= 1 | dZ[np.arange(N), y - 1] -= 1
M07 | g['b1'] = dA.sum(axis=0) | g['b1'] = dA.mean(axis=0)
M07 | g['b2'] = dZ.sum(axis=0) | g['b2'] = dZ
M10 | dX.reshape(N, K, -1) | dX.reshape(N, -1, K).transpose(0, 2, 1)
M06 | g['W1'] = X.T @ dA | g['W1'] = dA.T @ X
M12 | dX = dA @ p['W1'].T | dX = (dZ @ p['W2'].T) @ p['W1'].T
M01 | dZ /= N | dZ /= -N
M02 | loss = -np.log(P[np.arange(N), y]).mean() | loss = -np.log(P[np.arange(N), y]).sum()
M22 | P /= P.sum(axis=1, keepdims=True) | P /= P.sum(axis=1, keepdims=True)\\n    P = np.exp(P) / np.exp(P).sum(axis=1, keepdims=True)
M34 | X = p['E'][ids] | X = p['E'][ids - 1]
M12+M33 | dA = (dZ @ p['W2'].T) * (1 - H**2) | dA = dZ @ p['W2'].T | np.add.at(g['E'], ids, dX.reshape(N, K, -1)) | g['E'][ids] += dX.reshape(N, K, -1)
""",
)

TARGETS = [EMBEDDING, TAGGER]
