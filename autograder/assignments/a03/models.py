"""The operations of A03 as tape models, and samplers of inputs and settings for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from course.toolbox.seeds import distinct_primes

__all__ = [
    "OPERATIONS",
    "Args",
    "add",
    "broadcast",
    "draw_broadcast",
    "draw_labelled",
    "draw_matmul",
    "draw_maxout",
    "draw_pick",
    "draw_pow",
    "draw_prelu",
    "draw_split",
    "draw_sum",
    "draw_two",
    "draw_x",
    "exp",
    "log",
    "matmul",
    "maxout",
    "mul",
    "pick",
    "power",
    "prelu",
    "relu",
    "reshape",
    "settings",
    "softmax_ce",
    "split",
    "step",
    "sum_",
    "tanh",
    "transpose",
]

Args = dict[str, Any]


def add(ops: Any, x: Any, y: Any) -> Any:
    """x + y."""
    return x + y


def mul(ops: Any, x: Any, y: Any) -> Any:
    """x · y, entry by entry."""
    return x * y


def matmul(ops: Any, A: Any, B: Any) -> Any:
    """A B."""
    return A @ B


def power(ops: Any, x: Any, p: Any) -> Any:
    """x^p."""
    return x**p


def exp(ops: Any, x: Any) -> Any:
    """e^x."""
    return ops.exp(x)


def log(ops: Any, x: Any) -> Any:
    """ln x."""
    return ops.log(x)


def relu(ops: Any, x: Any) -> Any:
    """max(0, x)."""
    return ops.relu(x)


def prelu(ops: Any, Z: Any, alpha: Any) -> Any:
    """z where z > 0, else α z, with one α for each column."""
    return ops.leaky_relu(Z, alpha)


def maxout(ops: Any, Z: Any, k: Any) -> Any:
    """The largest of k neighbouring columns."""
    groups = ops.reshape(Z, (Z.shape[0], Z.shape[1] // k, k))
    return ops.max(groups, axis=2)


def pick(ops: Any, Z: Any, ids: Any) -> Any:
    """Entry ids_n of row n."""
    return ops.pick(Z, ids)


def sum_(ops: Any, x: Any, axis: Any = None) -> Any:
    """Σ x over one axis, or over everything."""
    return ops.sum(x, axis=axis)


def broadcast(ops: Any, x: Any, shape: Any) -> Any:
    """x, repeated to a shape."""
    return x + np.zeros(shape)


def softmax_ce(ops: Any, Z: Any, y: Any) -> Any:
    """-1/N Σ_n log softmax(Z_n)[y_n]."""
    log_p = ops.log_softmax(Z, axis=1)
    return -ops.mean(ops.pick(log_p, y))


def tanh(ops: Any, x: Any) -> Any:
    """tanh x."""
    return ops.tanh(x)


def step(ops: Any, x: Any) -> Any:
    """1 where x > 0, else 0."""
    return (np.asarray(getattr(x, "value", x)) > 0) * 1.0


def transpose(ops: Any, x: Any) -> Any:
    """xᵀ."""
    return ops.transpose(x)


def reshape(ops: Any, x: Any, shape: Any) -> Any:
    """The same entries in another shape."""
    return ops.reshape(x, shape)


def split(ops: Any, x: Any, at: Any, axis: Any, part: Any) -> Any:
    """The entries before `at` along an axis (part 0), or those from `at` on (part 1)."""
    piece = slice(None, at) if part == 0 else slice(at, None)
    return x[(slice(None),) * axis + (piece,)]


# name of the operation -> its model, and the arguments that are inputs; the others are settings
OPERATIONS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "Add": (add, ("x", "y")),
    "Mul": (mul, ("x", "y")),
    "MatMul": (matmul, ("A", "B")),
    "Pow": (power, ("x",)),
    "Exp": (exp, ("x",)),
    "Log": (log, ("x",)),
    "ReLU": (relu, ("x",)),
    "PReLU": (prelu, ("Z", "alpha")),
    "Maxout": (maxout, ("Z",)),
    "Pick": (pick, ("Z",)),
    "Sum": (sum_, ("x",)),
    "Broadcast": (broadcast, ("x",)),
    "SoftmaxCE": (softmax_ce, ("Z",)),
    "Split": (split, ("x",)),
    "Tanh": (tanh, ("x",)),
    "Step": (step, ("x",)),
    "Transpose": (transpose, ("x",)),
    "Reshape": (reshape, ("x",)),
}


def settings(name: str) -> tuple[str, ...]:
    """The arguments of an operation that are no inputs, in order."""
    model, inputs = OPERATIONS[name]
    names = model.__code__.co_varnames[1 : model.__code__.co_argcount]
    return tuple(n for n in names if n not in inputs)


# --- samplers: inputs first, settings after them ----------------------------------------------------------------------


def _sizes(rng: np.random.Generator, count: int, square: bool = False) -> tuple[int, ...]:
    return (3,) * count if square else distinct_primes(rng, count, high=11)


def draw_x(rng: np.random.Generator, square: bool = False, low: float = -2.0, high: float = 2.0) -> Args:
    """x (N, D), at least 0.05 away from 0."""
    x = rng.uniform(low, high, _sizes(rng, 2, square))
    return {"x": x + 0.05 * np.where(x < 0, -1.0, 1.0)}


def draw_two(rng: np.random.Generator, square: bool = False, second: str = "full") -> Args:
    """x (N, D) and y of the same shape, a row, a column or a number; both away from 0."""
    n, d = _sizes(rng, 2, square)
    shape = {"full": (n, d), "row": (d,), "column": (n, 1), "number": ()}[second]
    y = rng.uniform(0.5, 2.0, shape) * rng.choice([-1.0, 1.0], shape)
    return {"x": rng.normal(size=(n, d)), "y": np.asarray(y)}


def draw_matmul(rng: np.random.Generator, square: bool = False) -> Args:
    """A (N, D), B (D, M)."""
    n, d, m = _sizes(rng, 3, square)
    return {"A": rng.normal(size=(n, d)), "B": rng.normal(size=(d, m))}


def draw_pow(rng: np.random.Generator, p: float = 3) -> Args:
    """x (N, D) > 0 and p."""
    return {"x": rng.uniform(0.5, 2.0, _sizes(rng, 2)), "p": p}


def draw_prelu(rng: np.random.Generator, square: bool = False) -> Args:
    """Z (N, D) away from 0, alpha (D,)."""
    Z = draw_x(rng, square)["x"]
    return {"Z": Z, "alpha": rng.uniform(0.1, 0.9, Z.shape[1])}


def draw_maxout(rng: np.random.Generator) -> Args:
    """Z (N, K k) without ties, k."""
    n, m, k = distinct_primes(rng, 3, high=7)
    return {"Z": rng.normal(size=(n, m * k)), "k": k}


def draw_pick(rng: np.random.Generator, square: bool = False) -> Args:
    """Z (N, C), ids (N,)."""
    n, c = _sizes(rng, 2, square)
    return {"Z": rng.normal(size=(n, max(c, 3))), "ids": rng.integers(0, max(c, 3), n)}


def draw_labelled(rng: np.random.Generator, shift: float = 0.0) -> Args:
    """Z (N, C), y (N,); the first label is an unlikely one, so that no gradient is all but 0."""
    n, c = _sizes(rng, 2)
    Z = rng.normal(size=(n, max(c, 3))) * 2.0 + shift
    y = rng.integers(0, max(c, 3), n)
    y[0] = int(np.argmin(Z[0]))
    return {"Z": Z, "y": y}


def draw_sum(rng: np.random.Generator, square: bool = False, axis: int | None = None) -> Args:
    """x (N, D) and an axis."""
    return {"x": rng.normal(size=_sizes(rng, 2, square)), "axis": axis}


def draw_broadcast(rng: np.random.Generator, square: bool = False, to: str = "rows") -> Args:
    """x of shape (D,), (N, 1) or (), and the shape (N, D)."""
    n, d = _sizes(rng, 2, square)
    shape = {"rows": (d,), "columns": (n, 1), "number": ()}[to]
    return {"x": np.asarray(rng.normal(size=shape)), "shape": (n, d)}


def draw_split(rng: np.random.Generator, axis: int = 1, part: int = 0) -> Args:
    """x (N, D), where to cut, and which part."""
    n, d = (int(size) + 2 for size in distinct_primes(rng, 2, high=7))
    size = (n, d)[axis]
    at = int(rng.integers(1, size))
    at = at - 1 if 2 * at == size else at  # the parts have different sizes, and none is empty
    return {"x": rng.normal(size=(n, d)), "at": max(at, 1), "axis": axis, "part": part}
