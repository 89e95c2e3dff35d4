"""A03: the operations of the graph, and graphs with shared values."""

from __future__ import annotations

from typing import Any

import numpy as np

from .core import Target, primes

TWO = """

def forward(a, b):
    return op.f(a, b), (a, b)

def backward(G, xs):
    return op.bprop(xs, 0, G), op.bprop(xs, 1, G)
"""
ONE = """

def forward(a):
    return op.f(a), (a,)

def backward(G, xs):
    return op.bprop(xs, 0, G)
"""


def _broadcast(rng: np.random.Generator) -> dict[str, Any]:
    n, d = primes(rng, 2)
    return {"a": rng.normal(size=(n, d)), "b": rng.normal(size=d) + 3.0}


def _matrix(rng: np.random.Generator, shift: float = 0.0) -> dict[str, Any]:
    return {
        "a": np.abs(rng.normal(size=primes(rng, 2))) + shift if shift else rng.normal(size=primes(rng, 2))
    }


UNBROADCAST = """
def unbroadcast(G, shape):
    while G.ndim > len(shape):
        G = G.sum(axis=0)
    for axis, n in enumerate(shape):
        if n == 1:
            G = G.sum(axis=axis, keepdims=True)
    return G
"""

ADD = Target(
    "A03",
    "op-add",
    UNBROADCAST
    + """
class Add:
    def f(self, a, b):
        return a + b

    def bprop(self, xs, i, G):
        return unbroadcast(G, xs[i].shape)

op = Add()
"""
    + TWO,
    lambda ops, a, b: a + b,
    _broadcast,
    ("a", "b"),
    wrong="""
M07b | return unbroadcast(G, xs[i].shape) | return G
M07b | G = G.sum(axis=0) | G = G.mean(axis=0)
M07b | G = G.sum(axis=0) | G = G[0]
M13 | return unbroadcast(G, xs[i].shape) | return unbroadcast(np.ones_like(G), xs[i].shape)
M01 | return unbroadcast(G, xs[i].shape) | return unbroadcast(-G if i else G, xs[i].shape)
M03 | return unbroadcast(G, xs[i].shape) | return 2 * unbroadcast(G, xs[i].shape)
- | return unbroadcast(G, xs[i].shape) | return unbroadcast(G * xs[1 - i], xs[i].shape)
- | return a + b | return a * b
M01 | return a + b | return a - b
""",
    variants=(
        "class Add:\n    def f(self, *xs):\n        return sum(xs)\n\n    def bprop(self, xs, i, G):\n        extra = tuple(range(G.ndim - xs[i].ndim))\n"
        "        return G.sum(axis=extra)\n\nop = Add()\n" + TWO,
    ),
)

MUL = Target(
    "A03",
    "op-mul",
    UNBROADCAST
    + """
class Mul:
    def f(self, a, b):
        return a * b

    def bprop(self, xs, i, G):
        return unbroadcast(G * xs[1 - i], xs[i].shape)

op = Mul()
"""
    + TWO,
    lambda ops, a, b: a * b,
    _broadcast,
    ("a", "b"),
    wrong="""
M07b | return unbroadcast(G * xs[1 - i], xs[i].shape) | return G * xs[1 - i]
M07b | G = G.sum(axis=0) | G = G.mean(axis=0)
- | G * xs[1 - i] | G * xs[i]
- | G * xs[1 - i] | G
M13 | G * xs[1 - i] | np.ones_like(G) * xs[1 - i]
- | G * xs[1 - i] | G + xs[1 - i]
M01 | G * xs[1 - i] | -G * xs[1 - i]
M03 | G * xs[1 - i] | 2 * G * xs[1 - i]
- | G * xs[1 - i] | G / xs[1 - i]
""",
)

MATMUL = Target(
    "A03",
    "op-matmul",
    """
class MatMul:
    def f(self, A, B):
        return A @ B

    def bprop(self, xs, i, G):
        A, B = xs
        return G @ B.T if i == 0 else A.T @ G

op = MatMul()
"""
    + TWO,
    lambda ops, a, b: a @ b,
    lambda rng: (lambda n, d, m: {"a": rng.normal(size=(n, d)), "b": rng.normal(size=(d, m))})(
        *primes(rng, 3)
    ),
    ("a", "b"),
    wrong="""
M06 | G @ B.T if | B @ G.T if
M06 | else A.T @ G | else G.T @ A
M13 | G @ B.T if | np.ones_like(G) @ B.T if
M13 | else A.T @ G | else A.T @ np.ones_like(G)
M01 | G @ B.T if | -G @ B.T if
M02 | else A.T @ G | else A.T @ G / len(A)
M03 | else A.T @ G | else 2 * A.T @ G
- | return G @ B.T if i == 0 else A.T @ G | return A.T @ G if i == 0 else G @ B.T
""",
    variants=(
        "class MatMul:\n    f = staticmethod(np.matmul)\n\n    def bprop(self, xs, i, G):\n        A, B = xs\n        return np.einsum('nm,dm->nd', G, B) if i == 0 "
        "else np.einsum('nd,nm->dm', A, G)\n\nop = MatMul()\n" + TWO,
    ),
)

MATMUL_SQUARE = Target(
    "A03",
    "op-matmul of square matrices",
    MATMUL.source,
    MATMUL.model,
    lambda rng: (lambda n: {"a": rng.normal(size=(n, n)), "b": rng.normal(size=(n, n))})(
        primes(rng, 1)[0] + 1
    ),
    ("a", "b"),
    wrong="""
M18 | G @ B.T if | G @ B if
M18 | else A.T @ G | else A @ G
M06 | G @ B.T if | B @ G.T if
M06 | else A.T @ G | else G.T @ A
- | else A.T @ G | else G @ A.T
""",
)


def _one(name: str, body: str, derivative: str, model: Any, sample: Any, wrong: str) -> Target:
    source = f"""
class Op:
    def f(self, x):
        return {body}

    def bprop(self, xs, i, G):
        x = xs[0]
        return {derivative}

op = Op()
"""
    return Target("A03", name, source + ONE, model, sample, ("a",), wrong=wrong)


POW = _one(
    "op-pow",
    "x**3",
    "G * 3 * x**2",
    lambda ops, a: a**3,
    _matrix,
    """
- | G * 3 * x**2 | G * 3 * x**3
- | G * 3 * x**2 | G * x**2
- | G * 3 * x**2 | G * 2 * x**2
- | G * 3 * x**2 | G * 3 * x
M13 | G * 3 * x**2 | 3 * x**2
M12 | G * 3 * x**2 | G
M01 | G * 3 * x**2 | -G * 3 * x**2
- | return x**3 | return x**2
""",
)
EXP = _one(
    "op-exp",
    "np.exp(x)",
    "G * np.exp(x)",
    lambda ops, a: ops.exp(a),
    _matrix,
    """
M12 | G * np.exp(x) | G
- | G * np.exp(x) | G * x * np.exp(x)
M11,- | G * np.exp(x) | G * x
M13 | G * np.exp(x) | np.exp(x)
- | G * np.exp(x) | G + np.exp(x)
M11 | G * np.exp(x) | G * np.exp(np.exp(x))
- | G * np.exp(x) | G / np.exp(x)
""",
)
LOG = _one(
    "op-log",
    "np.log(x)",
    "G / x",
    lambda ops, a: ops.log(a),
    lambda rng: _matrix(rng, 0.5),
    """
M12 | G / x | G
- | G / x | G * x
M13 | G / x | 1 / x
- | G / x | G / x**2
M01 | G / x | -G / x
M11,- | G / x | G / np.log(x)
M04 | G / x | G / (x * np.log(2))
M04 | np.log(x) | np.log2(x)
""",
)
SUM = _one(
    "op-sum",
    "x.sum(axis=0)",
    "np.broadcast_to(G, x.shape)",
    lambda ops, a: ops.sum(a, axis=0),
    _matrix,
    """
M07b | np.broadcast_to(G, x.shape) | G
M13 | np.broadcast_to(G, x.shape) | np.ones_like(x)
M02 | np.broadcast_to(G, x.shape) | np.broadcast_to(G, x.shape) / len(x)
- | np.broadcast_to(G, x.shape) | G * x
M01 | np.broadcast_to(G, x.shape) | -np.broadcast_to(G, x.shape)
M09 | x.sum(axis=0) | x.sum(axis=1)
""",
)
MAXOUT = Target(
    "A03",
    "op-maxout",
    """
class Maxout:
    def __init__(self, k):
        self.k = k

    def f(self, Z):
        N, M = Z.shape
        return Z.reshape(N, M // self.k, self.k).max(axis=2)

    def bprop(self, xs, i, G):
        Z = xs[0]
        groups = Z.reshape(Z.shape[0], -1, self.k)
        top = groups == groups.max(axis=2, keepdims=True)
        return (top * G[:, :, None]).reshape(Z.shape)

op = None

def forward(Z, k):
    return Maxout(k).f(Z), (Z, k)

def backward(G, cache):
    Z, k = cache
    return Maxout(k).bprop((Z,), 0, G)
""",
    lambda ops, Z, k: ops.max(ops.reshape(Z, (Z.shape[0], Z.shape[1] // k, k)), axis=2),
    lambda rng: (lambda n, m, k: {"Z": rng.normal(size=(n, m * k)), "k": k})(*primes(rng, 3, high=7)),
    ("Z",),
    wrong="""
- | return (top * G[:, :, None]).reshape(Z.shape) | return np.repeat(G, self.k, axis=1)
- | top = groups == groups.max(axis=2, keepdims=True) | top = groups == groups.min(axis=2, keepdims=True)
- | return (top * G[:, :, None]).reshape(Z.shape) | return np.repeat(G, self.k, axis=1) / self.k
M13 | return (top * G[:, :, None]).reshape(Z.shape) | return (top * 1.0).reshape(Z.shape)
- | return (top * G[:, :, None]).reshape(Z.shape) | return (top * groups * G[:, :, None]).reshape(Z.shape)
M10 | return (top * G[:, :, None]).reshape(Z.shape) | return (top * G[:, :, None]).transpose(0, 2, 1).reshape(Z.shape)
M10 | Z.reshape(N, M // self.k, self.k).max(axis=2) | Z.reshape(N, self.k, M // self.k).max(axis=1)
""",
)
PICK = Target(
    "A03",
    "op-pick",
    """
class Pick:
    def __init__(self, ids):
        self.ids = ids

    def f(self, Z):
        return Z[np.arange(len(Z)), self.ids]

    def bprop(self, xs, i, G):
        dZ = np.zeros_like(xs[0])
        dZ[np.arange(len(G)), self.ids] = G
        return dZ

def forward(Z, ids):
    return Pick(ids).f(Z), (Z, ids)

def backward(G, cache):
    Z, ids = cache
    return Pick(ids).bprop((Z,), 0, G)
""",
    lambda ops, Z, ids: ops.pick(Z, ids),
    lambda rng: (lambda n, c: {"Z": rng.normal(size=(n, c + 1)), "ids": rng.integers(0, c + 1, n)})(
        *primes(rng, 2)
    ),
    ("Z",),
    wrong="""
M13 | dZ[np.arange(len(G)), self.ids] = G | dZ[np.arange(len(G)), self.ids] = 1
M21,M34 | dZ[np.arange(len(G)), self.ids] = G | dZ[np.arange(len(G)), self.ids - 1] = G
M21 | dZ[np.arange(len(G)), self.ids] = G | dZ[np.arange(len(G)), 0] = G
M01 | dZ[np.arange(len(G)), self.ids] = G | dZ[np.arange(len(G)), self.ids] = -G
M34,M21 | return Z[np.arange(len(Z)), self.ids] | return Z[np.arange(len(Z)), self.ids - 1]
- | return Z[np.arange(len(Z)), self.ids] | return Z.max(axis=1)
""",
)
SPLIT = Target(
    "A03",
    "op-split",
    """
class Split:
    def __init__(self, at, axis, part):
        self.at, self.axis, self.part = at, axis, part

    def f(self, x):
        return np.split(x, [self.at], axis=self.axis)[self.part]

    def bprop(self, xs, i, G):
        dx = np.zeros_like(xs[0])
        if self.part == 0:
            dx[:, :self.at] = G
        else:
            dx[:, self.at:] = G
        return dx

def forward(x, at):
    op = Split(at, 1, 1)
    return op.f(x), (op, x)

def backward(G, cache):
    op, x = cache
    return op.bprop((x,), 0, G)
""",
    lambda ops, x, at: x[:, at:],
    lambda rng: (lambda n, d: {"x": rng.normal(size=(n, d + 3)), "at": 2})(*primes(rng, 2)),
    ("x",),
    wrong="""
M13 | dx[:, self.at:] = G | dx[:, self.at:] = 1
M01 | dx[:, self.at:] = G | dx[:, self.at:] = -G
M34 | dx[:, self.at:] = G | dx[:, self.at - 1:-1] = G
""",
)
SOFTMAX_CE = Target(
    "A03",
    "op-softmax-ce",
    """
class SoftmaxCE:
    def __init__(self, y):
        self.y = y

    def f(self, Z):
        self.P = np.exp(Z - Z.max(axis=1, keepdims=True))
        self.P = self.P / self.P.sum(axis=1, keepdims=True)
        return -np.mean(np.log(self.P[np.arange(len(Z)), self.y]))

    def bprop(self, xs, i, G):
        Z = xs[0]
        P = np.exp(Z - Z.max(axis=1, keepdims=True))
        P = P / P.sum(axis=1, keepdims=True)
        P[np.arange(len(Z)), self.y] -= 1
        return G * P / len(Z)

def forward(Z, y):
    op = SoftmaxCE(y)
    return op.f(Z) * 1.0, (op, Z)

def backward(G, cache):
    op, Z = cache
    return op.bprop((Z,), 0, G)
""",
    lambda ops, Z, y: -ops.mean(ops.pick(ops.log_softmax(Z, axis=1), y)),
    lambda rng: (lambda n, c: {"Z": rng.normal(size=(n, max(c, 3))), "y": rng.integers(0, max(c, 3), n)})(
        *primes(rng, 2)
    ),
    ("Z",),
    wrong="""
M13 | return G * P / len(Z) | return P / len(Z)
M02 | return G * P / len(Z) | return G * P
M05 | return G * P / len(Z) | return G * P / P.size
M21 | P[np.arange(len(Z)), self.y] -= 1 | pass
M01 | return G * P / len(Z) | return -G * P / len(Z)
M09 | P = P / P.sum(axis=1, keepdims=True)\\n        P[ | P = P / P.sum(axis=0, keepdims=True)\\n        P[
""",
)

# --- graphs: every value with several consumers collects from all of them ---------------------------------------------

GRAPH = """
def grads(values, local):
    d = {name: 0.0 for name in values}
    d['out'] = 1.0
    for name, parts in local:
        for source, slope in parts:
            d[source] = d[source] + d[name] * slope
    return d

def forward(a, b):
    c = a * b
    e = np.tanh(c)
    f = c * c
    g = e * f + c
    return np.sum(g), (a, b, c, e, f, g)

def backward(dout, cache):
    a, b, c, e, f, g = cache
    dg = dout * np.ones_like(g)
    de = dg * f
    df = dg * e
    dc = dg + 2 * c * df
    dc = dc + de * (1 - e**2)
    return dc * b, dc * a
"""


def _graph_model(ops: Any, a: Any, b: Any) -> Any:
    c = a * b
    e = ops.tanh(c)
    f = c * c
    g = e * f + c
    return ops.sum(g)


GRAPH_TARGET = Target(
    "A03",
    "graph with shared values",
    GRAPH,
    _graph_model,
    lambda rng: (lambda n: {"a": rng.normal(size=n), "b": rng.normal(size=n)})(primes(rng, 1)[0] + 2),
    ("a", "b"),
    loss=True,
    wrong="""
M14 | dc = dg + 2 * c * df | dc = 2 * c * df
M14 | dc = dc + de * (1 - e**2) | dc = de * (1 - e**2)
M14 | dc = dc + de * (1 - e**2) | pass
M14,M03 | dc = dg + 2 * c * df | dc = dg + c * df
M12 | dc = dc + de * (1 - e**2) | dc = dc + de
M13 | dg = dout * np.ones_like(g) | dg = 0 * g
""",
)

ENGINE = """
class Node:
    def __init__(self, value, inputs=(), slopes=()):
        self.value, self.inputs, self.slopes = value, inputs, slopes

def mul(a, b):
    return Node(a.value * b.value, (a, b), (b.value, a.value))

def add(a, b):
    return Node(a.value + b.value, (a, b), (1.0, 1.0))

def tanh(a):
    t = np.tanh(a.value)
    return Node(t, (a,), (1 - t**2,))

def topo_order(out):
    order, seen, todo = [], set(), [(out, False)]
    while todo:
        node, done = todo.pop()
        if done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            todo.append((node, True))
            todo.extend((x, False) for x in node.inputs)
    return order

def backward_push(out, dout):
    grads = {out: dout}
    for node in reversed(topo_order(out)):
        for x, slope in zip(node.inputs, node.slopes):
            part = grads[node] * slope
            grads[x] = grads.get(x, 0.0) + part
    return grads

def forward(a, b):
    A, B = Node(a), Node(b)
    c = mul(A, B)
    d = tanh(c)
    e = mul(d, c)
    f = add(e, d)
    out = mul(f, c)
    return out.value, (out, A, B)

def backward(dout, cache):
    out, A, B = cache
    grads = backward_push(out, dout)
    return grads[A], grads[B]
"""


def _engine_model(ops: Any, a: Any, b: Any) -> Any:
    c = a * b
    d = ops.tanh(c)
    e = d * c
    f = e + d
    return f * c


ENGINE_TARGET = Target(
    "A03",
    "backward-push",
    ENGINE,
    _engine_model,
    lambda rng: (lambda n: {"a": rng.normal(size=n), "b": rng.normal(size=n)})(primes(rng, 1)[0] + 1),
    ("a", "b"),
    wrong="""
M14 | grads[x] = grads.get(x, 0.0) + part | grads[x] = part
M14,- | grads[x] = grads.get(x, 0.0) + part | grads.setdefault(x, part)
M13 | part = grads[node] * slope | part = slope
M12,- | part = grads[node] * slope | part = grads[node]
M15 | for node in reversed(topo_order(out)): | queue = [out]\\n    for node in queue:\\n        queue += [x for x in node.inputs if x not in queue]
M15 | for node in reversed(topo_order(out)): | todo = [out]\\n    while todo:\\n        node = todo.pop()\\n        todo += node.inputs
M12,- | (1 - t**2,) | (1.0,)
M14,- | return Node(a.value * b.value, (a, b), (b.value, a.value)) | return Node(a.value * b.value, (a,), (b.value,))
- | (b.value, a.value)) | (a.value, b.value))
M16 | grads = {out: dout}\\n    for | grads = vars(out).setdefault('grads', {})\\n    grads[out] = dout\\n    for
""",
)
SOFTMAX = Target(
    "A03",
    "softmax as an operation",
    """
def forward(Z):
    e = np.exp(Z - Z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p, p

def backward(G, p):
    inner = (G * p).sum(axis=1, keepdims=True)
    return p * (G - inner)
""",
    lambda ops, Z: ops.softmax(Z, axis=1),
    lambda rng: {"Z": rng.normal(size=primes(rng, 2)) * 1.5},
    ("Z",),
    wrong="""
M20 | return p * (G - inner) | return p * (1 - p) * G
M20 | return p * (G - inner) | return p * G
M12 | return p * (G - inner) | return G
- | return p * (G - inner) | return G - inner
- | return p * (G - inner) | return p * (G + inner)
M09 | .sum(axis=1, keepdims=True)\\n    return p * | .sum(axis=0, keepdims=True)\\n    return p *
M09 | .sum(axis=1, keepdims=True)\\n    return p * | .sum()\\n    return p *
- | inner = (G * p) | inner = G
M01 | return p * (G - inner) | return -p * (G - inner)
M13,- | return p * (G - inner) | return p * (1 - p)
""",
    variants=(
        """
def forward(Z):
    P = np.stack([np.exp(z - np.logaddexp.reduce(z)) for z in Z])
    return P, P

def backward(G, P):
    return np.stack([(np.diag(p) - np.outer(p, p)) @ g for p, g in zip(P, G)])
""",
    ),
)

TARGETS = [
    ADD,
    MUL,
    MATMUL,
    MATMUL_SQUARE,
    POW,
    EXP,
    LOG,
    SUM,
    MAXOUT,
    PICK,
    SPLIT,
    SOFTMAX_CE,
    GRAPH_TARGET,
    ENGINE_TARGET,
    SOFTMAX,
]
