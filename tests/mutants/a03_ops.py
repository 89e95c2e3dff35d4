"""A03: the operations that work entry by entry, and the product of matrices."""

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
