"""A03: the operations with groups, labels and parts, and graphs with shared values."""

from __future__ import annotations

from typing import Any

from .a03_ops import ADD, EXP, LOG, MATMUL, MATMUL_SQUARE, MUL, POW, SUM
from .core import Target, primes

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
