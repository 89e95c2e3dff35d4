"""The value of an expression at a point, in floating point or with fifty digits."""

from __future__ import annotations

import ast
import decimal
import math
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np

from ..errors import ExpressionError
from .parser import ALIASES, Expression

__all__ = ["Point", "draw_points", "evaluate", "exactly", "free_indices"]

Point = Mapping[str, Any]
_DIGITS = 50
_CONSTANTS = {"pi": math.pi, "e": math.e}


def draw_points(variables: Mapping[str, Any], count: int, seed: int = 0) -> list[dict[str, np.ndarray]]:
    """Random points, then special ones: large, small, negative, and whole numbers.

    variables  name -> "real", "positive", "unit" (between 0 and 1), or a shape
    Raises: ExpressionError for another kind of variable.
    """
    rng = np.random.default_rng(seed)
    points = []
    for k in range(count):
        scale = (1.0, 1.3, 0.7, 2.5, 0.3)[k % 5]
        point: dict[str, np.ndarray] = {}
        for name, kind in variables.items():
            if isinstance(kind, tuple | list):
                point[name] = rng.normal(size=tuple(kind)) * scale
            elif kind == "real":
                value = rng.normal() * scale
                point[name] = np.asarray(value + math.copysign(0.1, value))
            elif kind == "positive":
                point[name] = np.asarray(math.exp(rng.normal() * 0.7 * scale))
            elif kind == "unit":
                point[name] = np.asarray(rng.uniform(0.06, 0.94))
            else:
                raise ExpressionError(
                    f'The variable {name} has the kind {kind!r}; kinds are "real", "positive", "unit" or a shape.'
                )
        points.append(point)
    return points


def evaluate(expression: Expression, point: Point, sizes: Mapping[str, int] | None = None) -> np.ndarray:
    """The value at a point in float64; free indices become leading axes, in alphabetical order.

    Raises: ExpressionError when shapes do not fit or an index is out of place.
    """
    with np.errstate(all="ignore"):
        return _run(expression, point, _FLOAT, sizes)


def exactly(
    expression: Expression, point: Point, sizes: Mapping[str, int] | None = None
) -> np.ndarray | None:
    """The value at the same point with fifty digits, as an array of decimals; None where that cannot be done."""
    exact = {k: np.vectorize(decimal.Decimal, otypes=[object])(np.asarray(v)) for k, v in point.items()}
    with decimal.localcontext() as context:
        context.prec = _DIGITS
        context.traps[decimal.Overflow] = True
        try:
            return _run(expression, exact, _EXACT, sizes)
        except (ArithmeticError, TypeError, NotImplementedError, ValueError):
            return None


def _run(expression: Expression, point: Point, kit: _Kit, sizes: Mapping[str, int] | None) -> np.ndarray:
    free = free_indices(expression, point)
    lengths = index_sizes(expression, point) | dict(sizes or {})
    if not free:
        return np.asarray(_Walk(point, kit, lengths).value(expression.tree))
    for name in free:
        if name not in lengths:
            raise ExpressionError(
                f"The index {name} is used, but it counts nothing: it must stand in square brackets."
            )
    shape = tuple(lengths[n] for n in free)
    values = [
        np.asarray(_Walk({**point, **dict(zip(free, map(_index, at)))}, kit, lengths).value(expression.tree))
        for at in product(*map(range, shape))
    ]
    if len({v.shape for v in values}) != 1:
        raise ExpressionError("The shape of the result depends on an index.")
    return np.stack(values).reshape(shape + values[0].shape)


def free_indices(expression: Expression, point: Point) -> list[str]:
    """The indices that no sum runs over, in alphabetical order: they are the axes of the value."""
    return sorted(n for n in expression.indices if n not in point and n in expression.names)


class _Index(int):
    """The value of an index; a number like any other."""


def _index(k: int) -> _Index:
    return _Index(k)


def index_sizes(expression: Expression, point: Point) -> dict[str, int]:
    """How many values each index has: the size of the axis where it stands."""
    found: dict[str, int] = {}
    for name, parts in expression.subscripts:
        array = point.get(name)
        if array is None:
            continue
        if np.ndim(array) < len(parts):
            axes = f"{np.ndim(array)} ax{'i' if np.ndim(array) == 1 else 'e'}s"
            raise ExpressionError(f"{name} has {axes}, and {len(parts)} indices are given.")
        for size, index in zip(np.shape(array), parts):
            if index is not None and index not in point and found.setdefault(index, size) != size:
                raise ExpressionError(
                    f"The index {index} runs over {found[index]} values in one place and over {size} in another."
                )
    return found


class _Kit:
    """Arithmetic of one kind: how numbers are made, and the functions."""

    def __init__(self, number: Callable[[Any], Any], functions: Mapping[str, Callable[..., Any]]) -> None:
        self.number, self.functions = number, functions


class _Walk:
    """The recursive evaluation of one tree at one point."""

    def __init__(self, point: Point, kit: _Kit, sizes: Mapping[str, int]) -> None:
        self.point, self.kit, self.sizes = dict(point), kit, sizes

    def value(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Constant):
            return self.kit.number(node.value)
        if isinstance(node, ast.Name):
            if node.id in self.point:
                value = self.point[node.id]
                return self.kit.number(int(value)) if isinstance(value, _Index) else value
            return self.kit.number(_CONSTANTS[node.id]) if node.id in _CONSTANTS else self._missing(node.id)
        if isinstance(node, ast.BinOp):
            return self._binary(node)
        if isinstance(node, ast.UnaryOp):
            inner = self.value(node.operand)
            return -inner if isinstance(node.op, ast.USub) else inner
        if isinstance(node, ast.List):
            return self.value(node.elts[0])
        if isinstance(node, ast.Compare):
            return self._compare(node)
        if isinstance(node, ast.Attribute):
            return np.transpose(self.value(node.value))
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        raise ExpressionError(f"{type(node).__name__} cannot be part of a formula.")

    def _missing(self, name: str) -> Any:
        raise ExpressionError(f"The name {name} is not known here.")

    def _binary(self, node: ast.BinOp) -> Any:
        a, b = self.value(node.left), self.value(node.right)
        if isinstance(node.op, ast.Pow):
            return self.kit.functions["power"](a, b)
        try:
            if isinstance(node.op, ast.MatMult):
                return np.asarray(a) @ np.asarray(b)
            if isinstance(node.op, ast.Add):
                return np.add(a, b)
            if isinstance(node.op, ast.Sub):
                return np.subtract(a, b)
            return np.multiply(a, b) if isinstance(node.op, ast.Mult) else np.divide(a, b)
        except ValueError:
            shapes = f"{np.shape(a)} and {np.shape(b)}"
            sign = {ast.MatMult: "@", ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}.get(type(node.op), "/")
            text = f"The shapes {shapes} do not fit together for {sign} in {ast.unparse(node)}: is a transpose (.T) missing?"
            raise ExpressionError(text) from None

    def _compare(self, node: ast.Compare) -> Any:
        a, b = self.value(node.left), self.value(node.comparators[0])
        test = {
            ast.Lt: np.less, ast.LtE: np.less_equal, ast.Gt: np.greater, ast.GtE: np.greater_equal, ast.Eq: np.equal,
            ast.NotEq: np.not_equal,
        }[type(node.ops[0])]  # fmt: skip
        truth = np.asarray(test(a, b), dtype=bool)
        return np.where(truth, self.kit.number(1), self.kit.number(0))

    def _subscript(self, node: ast.Subscript) -> Any:
        array = np.asarray(self.value(node.value))
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        index = tuple(slice(None) if isinstance(p, ast.Slice) else int(self.value(p)) for p in parts)
        try:
            return array[index]
        except IndexError:
            raise ExpressionError(
                f"The index in {ast.unparse(node)} is outside of the array of shape {array.shape}."
            ) from None

    def _call(self, node: ast.Call) -> Any:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        name = ALIASES.get(name, name)
        if isinstance(node.args[0], ast.GeneratorExp):
            return self._index_sum(name, node.args[0])
        values = [self.value(a) for a in node.args]
        axis = next((int(self.value(k.value)) for k in node.keywords), None)
        if name in ("sum", "mean") and len(values) == 2:
            axis = int(values.pop())
        try:
            if axis is not None:
                return self.kit.functions[name](values[0], axis=axis)
            return self.kit.functions[name](*values)
        except (ValueError, IndexError):  # an axis that does not exist is both
            raise ExpressionError(
                f"The shapes {', '.join(str(np.shape(v)) for v in values)} do not fit for {name}."
            ) from None

    def _index_sum(self, name: str, inner: ast.GeneratorExp) -> Any:
        indices = [g.target.id for g in inner.generators if isinstance(g.target, ast.Name)]
        for k in indices:
            if k not in self.sizes:
                raise ExpressionError(
                    f"The sum runs over {k}, but {k} does not stand in square brackets in it."
                )
        before = {k: self.point[k] for k in indices if k in self.point}
        terms = []
        for at in product(*(range(self.sizes[k]) for k in indices)):
            self.point.update(zip(indices, map(_index, at)))
            terms.append(self.value(inner.elt))
        for k in indices:
            self.point.pop(k, None)
        self.point.update(before)
        total = terms[0]
        for t in terms[1:]:
            total = np.maximum(total, t) if name == "max" else np.add(total, t)
        return np.divide(total, self.kit.number(len(terms))) if name == "mean" else total


def _softmax(x: Any, axis: int = -1) -> Any:
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def _norm(x: Any) -> Any:
    return np.sqrt(np.sum(np.multiply(x, x)))


_FLOAT = _Kit(
    float,
    {
        "abs": np.abs, "cos": np.cos, "diag": np.diag, "dot": np.dot, "exp": np.exp, "ind": lambda x: x, "log": np.log,
        "log2": np.log2, "logsoftmax": lambda x, axis=-1: np.log(_softmax(x, axis)), "mean": np.mean, "norm": _norm,
        "max": lambda *xs, axis=None: np.max(xs[0], axis=axis) if len(xs) == 1 else np.maximum.reduce(np.broadcast_arrays(*xs)),
        "min": lambda *xs: np.min(xs[0]) if len(xs) == 1 else np.minimum.reduce(np.broadcast_arrays(*xs)),
        "outer": np.outer, "power": lambda a, b: np.power(np.asarray(a, float), b), "relu": lambda x: np.maximum(x, 0.0),
        "sigma": lambda x: 0.5 * (1 + np.tanh(0.5 * np.asarray(x))), "sign": np.sign, "sin": np.sin, "softmax": _softmax,
        "softplus": lambda x: np.logaddexp(0.0, x), "sqrt": np.sqrt, "square": np.square, "sum": np.sum, "tanh": np.tanh,
        "trace": np.trace, "transpose": np.transpose, "where": lambda c, a, b: np.where(np.asarray(c) != 0, a, b),
    },
)  # fmt: skip


def _each(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return np.vectorize(f, otypes=[object])


def _exact_power(a: Any, b: Any) -> Any:
    def power(x: decimal.Decimal, y: decimal.Decimal) -> decimal.Decimal:
        return x ** int(y) if y == int(y) else x**y

    return np.vectorize(power, otypes=[object])(a, b)


def _exact_tanh(x: decimal.Decimal) -> decimal.Decimal:
    grown = (2 * x).exp()
    return (grown - 1) / (grown + 1)


def _exact_softmax(x: Any, axis: int = -1) -> Any:
    e = _each(lambda d: d.exp())(x)
    return e / np.sum(e, axis=axis, keepdims=True)


_ONE = decimal.Decimal(1)
_EXACT = _Kit(
    lambda x: decimal.Decimal(repr(x)),
    {
        "abs": np.abs, "diag": np.diag, "dot": np.dot, "exp": _each(lambda d: d.exp()), "ind": lambda x: x,
        "log": _each(lambda d: d.ln()), "log2": _each(lambda d: d.ln() / decimal.Decimal(2).ln()),
        "logsoftmax": lambda x, axis=-1: _each(lambda d: d.ln())(_exact_softmax(x, axis)),
        "max": lambda *xs, axis=None: np.max(xs[0], axis=axis) if len(xs) == 1 else np.maximum.reduce(np.broadcast_arrays(*xs)),
        "mean": lambda x, axis=None: np.sum(x, axis=axis) * (_ONE * np.size(np.sum(x, axis=axis)) / np.size(x)),
        "min": lambda *xs: np.min(xs[0]) if len(xs) == 1 else np.minimum.reduce(np.broadcast_arrays(*xs)),
        "norm": lambda x: np.sum(np.multiply(x, x)).sqrt(), "outer": np.outer, "power": _exact_power,
        "relu": _each(lambda d: d if d > 0 else decimal.Decimal(0)), "sigma": _each(lambda d: 1 / (1 + (-d).exp())),
        "sign": _each(lambda d: decimal.Decimal((d > 0) - (d < 0))), "softmax": _exact_softmax,
        "softplus": _each(lambda d: (1 + d.exp()).ln()), "sqrt": _each(lambda d: d.sqrt()), "square": lambda x: np.multiply(x, x),
        "sum": np.sum, "tanh": _each(_exact_tanh), "trace": np.trace, "transpose": np.transpose,
        "where": lambda c, a, b: np.where(np.asarray(c) != 0, a, b),
    },
)  # fmt: skip
