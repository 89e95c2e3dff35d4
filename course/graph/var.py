"""Variables with operators, and `lift`, which turns a forward/backward pair into an operation on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from course import neurons
from course.graph import ops
from course.graph.engine import differentiate, scalar_one
from course.graph.operation import Bundle, LeavesGraph, Pack, Pair, Variable, made, pair_of
from course.toolbox.errors import GraphError, InputError
from course.toolbox.pairs import backward_of

__all__ = ["Var", "constant", "grad", "hessian_vector", "lift"]


def _frozen(value: Any, floats: bool) -> Any:
    """A number or a read-only array that nobody else can change; a Python number stays one, for speed."""
    if type(value) in (float, int):
        return float(value) if floats else value
    array = np.asarray(value)
    if array.dtype.kind not in "fbiu" or (floats and array.dtype.kind != "f"):
        array = array.astype(np.float64)
    if array.flags.writeable:
        array = array.copy()
        array.flags.writeable = False
    return array


def _operator(f: Callable[..., Any]) -> tuple[Any, Any]:
    """The methods for x ∘ y and for y ∘ x. Scalar graphs consist of these, so they take the shortest way."""
    pair = pair_of(f)
    op, forward = pair.plain, pair.forward

    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, Var):
            other = Constant(other)
        a, b = self.value, other.value
        value = forward(a, b)
        if type(value) is not float:
            return made(self.kind, op, (self, other), (a, b), value)
        node = object.__new__(self.kind)  # `made` written out
        node.op, node.inputs, node.used, node.value, node.cache = op, (self, other), (a, b), value, None
        node.name, node._grad, node.flow = "", None, None
        return node

    def reverse(self: Any, other: Any) -> Any:
        other = Constant(other)
        a, b = other.value, self.value
        return made(self.kind, op, (other, self), (a, b), forward(a, b))

    return method, reverse


class Var(Variable):
    """A variable: a leaf that holds a value, or the result of an operation on variables.

    Numbers and arrays meet variables in every operator and become constants. Values are read-only; a leaf holds a
    copy of what it was given. NumPy's elementwise functions work on variables, as do the functions of the chapters.

    >>> a, b, c = Var(3.0), Var(1.0), Var(-2.0)
    >>> L = c * (a + 2 * b)
    >>> L.backward()
    >>> L.value, a.grad, b.grad, c.grad
    (-10.0, -2.0, -4.0, 5.0)
    """

    __slots__ = ()
    __lift__ = staticmethod(pair_of)

    __add__, __radd__ = _operator(ops.add)
    __sub__, __rsub__ = _operator(ops.sub)
    __mul__, __rmul__ = _operator(ops.mul)
    __truediv__, __rtruediv__ = _operator(ops.div)
    __matmul__, __rmatmul__ = _operator(ops.matmul)
    __gt__, __lt__ = _operator(ops.greater)
    __ge__, __le__ = _operator(ops.greater_equal)

    def __init__(self, value: Any, name: str = "") -> None:
        self.value = value if type(value) is float else _frozen(value, floats=not self.constant)
        self.op, self.inputs, self.used, self.name = None, (), (), name
        self.cache = self._grad = self.flow = None

    @property
    def grad(self) -> Any:
        """The gradient that `backward` has added up here; None before. It may be set to None."""
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        self._grad = value

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the axes."""
        return np.shape(self.value)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return np.ndim(self.value)

    @property
    def dtype(self) -> Any:
        """The type of the numbers."""
        return np.asarray(self.value).dtype

    @property
    def T(self) -> Any:
        """The transpose."""
        return ops.transpose(self)

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, index: Any) -> Any:
        return ops.getitem(self, index)

    def __neg__(self) -> Any:
        return ops.mul(self, Constant(-1.0))

    def __abs__(self) -> Any:
        return neurons.abs_rect(self)

    def __pow__(self, p: Any) -> Any:
        if isinstance(p, Var) or np.ndim(p):
            raise InputError("**: the exponent must be a number; write exp(p * log(x)) for anything else.")
        return ops.power(self, p)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The sum over all entries, or over one axis or several."""
        return ops.sum_(self, axis, keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The mean over all entries, or over one axis or several."""
        total = ops.sum_(self, axis, keepdims)
        return total * (np.size(total.value) / max(np.size(self.value), 1))

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The largest entry of all, or along an axis."""
        return ops.max_(self, axis, keepdims)

    def exp(self) -> Any:
        """e^x."""
        return ops.exp(self)

    def log(self) -> Any:
        """The natural logarithm."""
        return ops.log(self)

    def tanh(self) -> Any:
        """The hyperbolic tangent."""
        return neurons.tanh(self)

    def relu(self) -> Any:
        """max(0, x)."""
        return neurons.relu(self)

    def reshape(self, *shape: Any) -> Any:
        """The same entries in another shape."""
        return ops.reshape(self, shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape)

    def item(self) -> float:
        """The value as a plain number; the graph ends here."""
        return float(self.value)

    def backward(self, wrt: Sequence[Any] | None = None) -> None:
        """Add the gradient of this scalar to `.grad` of every variable below it, or only of those in `wrt`.

        Raises: GraphError when this is no scalar; ChangedError when a value was replaced since it was used.
        """
        self._push(scalar_one("backward", self), wrt)

    def _push(self, seed: Any, wrt: Sequence[Any] | None) -> None:
        for node, g in differentiate(self, seed, wrt).items():
            node._grad = g if node._grad is None else node._grad + g

    def _leave(self, *_: Any) -> Any:
        raise LeavesGraph(
            "a plain number or array was asked of a variable, which would cut the graph; "
            "take .value or .item() where that is meant."
        )

    __array__ = __float__ = __int__ = __index__ = __bool__ = _leave

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if ufunc not in _NUMPY or method != "__call__" or options:
            raise LeavesGraph(
                f"np.{ufunc.__name__} is not known to the graph in this use; write it with operators."
            )
        return _NUMPY[ufunc](*inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if function not in _NUMPY:
            raise LeavesGraph(
                f"np.{function.__name__} is not known to the graph; write it with operators and methods."
            )
        return _NUMPY[function](*args, **options)


class Constant(Var):
    """A leaf that gets no gradient: data, labels, numbers."""

    __slots__ = ()
    constant = True
    keeps = False


_NUMPY: dict[Any, Callable[..., Any]] = {
    np.add: ops.add, np.subtract: ops.sub, np.multiply: ops.mul, np.true_divide: ops.div, np.matmul: ops.matmul,
    np.negative: lambda x: -x, np.power: lambda x, p: x**p, np.square: lambda x: x * x, np.sqrt: lambda x: x**0.5,
    np.exp: ops.exp, np.expm1: ops.expm1, np.log: ops.log, np.tanh: neurons.tanh, np.absolute: neurons.abs_rect,
    np.sign: ops.sign, np.maximum: ops.maximum, np.minimum: lambda x, y: -ops.maximum(-x, -y),
    np.greater: ops.greater, np.less: lambda x, y: ops.greater(y, x),
    np.greater_equal: ops.greater_equal, np.less_equal: lambda x, y: ops.greater_equal(y, x),
    np.shape: lambda x: x.shape, np.ndim: lambda x: x.ndim, np.size: lambda x: np.size(x.value), np.dot: ops.matmul,
    np.sum: lambda x, **o: x.sum(**o), np.mean: lambda x, **o: x.mean(**o), np.max: lambda x, **o: x.max(**o),
    np.transpose: ops.transpose, np.reshape: ops.reshape, np.where: ops.where, np.concatenate: ops.concat,
    np.stack: ops.stack, np.broadcast_to: ops.broadcast,
    np.zeros_like: lambda x: np.zeros_like(x.value), np.ones_like: lambda x: np.ones_like(x.value),
}  # fmt: skip


def constant(value: Any, name: str = "") -> Var:
    """A leaf that gets no gradient: data, labels, numbers. What is a variable already stays as it is."""
    return value if isinstance(value, Var) else Constant(value, name)


def _wrap(a: Any) -> Any:
    """An argument as an input of the graph; None when it belongs into the operation."""
    if isinstance(a, np.ndarray):
        return Constant(a)
    if isinstance(a, (tuple, list)) and any(isinstance(x, Var) for x in a):
        parts = tuple(constant(x) for x in a)
        values = tuple(x.value for x in parts)
        return made(Bundle, Pack(), parts, values, values)
    return None


Variable.kind, Variable.wrap = Var, staticmethod(_wrap)


def lift(f: Callable[..., Any], f_backward: Callable[..., Any] | None = None, *, name: str = "") -> Pair:
    """The operation on variables that a forward/backward pair makes; the pair may be anybody's.

    After the upstream gradient (one for each result), `f_backward` may ask for arguments of `f` by name, for `out`,
    or for the one cache that `f` returned last; and for `need`, to skip gradients that nobody wants. It returns the
    gradients in the order of f's arguments. Left out, it is the function beside `f` in its module.

    Raises: GraphError when there is no backward half or it asks for what forward cannot give.

    >>> square = lift(lambda x: x * x, lambda dy, x: 2 * x * dy, name="square")
    >>> x = Var(3.0)
    >>> square(x).value, grad(square(x), x), grad(grad(square(x), x, graph=True), x)
    (9.0, 6.0, 2.0)
    """
    f_backward = f_backward or backward_of(f)
    if f_backward is None:
        raise GraphError(
            f"lift: {f.__name__} has no backward half beside it; pass it as the second argument."
        )
    return Pair(getattr(f, "__wrapped__", f), f_backward, name)


def grad(out: Var, wrt: Any, graph: bool = False) -> Any:
    """The gradient of a scalar with respect to one variable, or to a list or dict of them; in that form.

    Nothing is stored in the graph. With `graph=True` gradients are variables, to be differentiated again. A variable
    that the scalar does not depend on has gradient zero.

    Raises: GraphError when `out` is no scalar; FusedError when the gradient of a gradient does not exist.
    """
    nodes = (
        list(wrt.values())
        if isinstance(wrt, dict)
        else list(wrt)
        if isinstance(wrt, (list, tuple))
        else [wrt]
    )
    seed = scalar_one("grad", out)
    found = differentiate(out, constant(seed) if graph else seed, nodes, graph)
    for x in nodes:
        if x not in found:
            zero = np.zeros_like(x.value)[()]
            found[x] = constant(zero) if graph else zero
    grads = [found[x] for x in nodes]
    if isinstance(wrt, dict):
        return dict(zip(wrt, grads))
    return grads if isinstance(wrt, (list, tuple)) else grads[0]


def hessian_vector(out: Var, wrt: Sequence[Any], v: Sequence[Any]) -> list[Any]:
    """The product of the Hessian of a scalar with a vector, without the Hessian: H v = ∇(∇out · v).

    `wrt` and `v` are lists of equal shapes, and so is the result.

    Source: deck 003, 6.5.10
    """
    slope = constant(0.0)
    for g, direction in zip(grad(out, list(wrt), graph=True), v):
        slope = slope + (g * direction).sum()
    return list(grad(slope, list(wrt)))
