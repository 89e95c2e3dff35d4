"""The operations under the names of the assignment, gradients as graphs of nodes, and `Value`.

Each class is a view of one forward/backward pair: `f(*xs)` computes, `bprop(xs, i, G)` is the gradient of input
number i, and the arguments of the class are attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from course import losses, neurons
from course.graph import ops
from course.graph.engine import Node, topo_order
from course.graph.operation import SLOT, Op, Pair, pair_of
from course.graph.var import Var, grad
from course.toolbox.errors import GraphError

__all__ = [
    "Add", "Broadcast", "Exp", "Log", "MatMul", "Maxout", "Mul", "PReLU", "Pick", "Pow", "ReLU", "Reshape", "SoftmaxCE",
    "Split", "Step", "Sum", "Tanh", "Transpose", "Value", "build_grad",
]  # fmt: skip


class _View(Op):
    """A pair with a given number of inputs; what the class is called with are the pair's other arguments."""

    of: ClassVar[Pair]
    inputs: ClassVar[int]

    def __init_subclass__(cls, of: Callable[..., Any], inputs: int = 1) -> None:
        cls.of, cls.inputs = pair_of(of), inputs

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(self.of, self.of.bind((*[SLOT] * self.inputs, *args), options))


class Add(_View, of=ops.add, inputs=2):
    """x + y, with broadcasting."""


class Mul(_View, of=ops.mul, inputs=2):
    """x · y, entry by entry, with broadcasting."""


class MatMul(_View, of=ops.matmul, inputs=2):
    """The product of two matrices."""


class Pow(_View, of=ops.power):
    """Pow(p): x^p, p a number."""


class Exp(_View, of=ops.exp):
    """e^x."""


class Log(_View, of=ops.log):
    """The natural logarithm."""


class Tanh(_View, of=neurons.tanh):
    """The hyperbolic tangent."""


class ReLU(_View, of=neurons.relu):
    """max(0, x)."""


class PReLU(_View, of=neurons.prelu, inputs=2):
    """A rectifier with learned slopes: inputs Z (N, D) and alpha (D,)."""


class Maxout(_View, of=neurons.maxout):
    """Maxout(k): the largest of k neighbouring columns."""


class Pick(_View, of=ops.pick):
    """Pick(ids): entry ids_n of row n."""


class Sum(_View, of=ops.sum_):
    """Sum(axis=None): the sum over all entries or over one axis."""


class Broadcast(_View, of=ops.broadcast):
    """Broadcast(shape): the entries repeated."""


class Reshape(_View, of=ops.reshape):
    """Reshape(shape): the entries in another shape."""


class Transpose(_View, of=ops.transpose):
    """Transpose(): rows become columns."""


class SoftmaxCE(_View, of=losses.cross_entropy):
    """SoftmaxCE(y): the mean cross-entropy of scores (N, C) for labels y."""


class Split(_View, of=ops.split):
    """Split(at, axis, part): part 0 is before `at`, part 1 from `at` on."""


class Step(Op):
    """1 where x > 0, else 0; without gradient."""

    def __init__(self) -> None:
        super().__init__(pair_of(ops.greater), [SLOT, 0.0])

    def f(self, *xs: Any) -> Any:
        """The value of the operation, as a float."""
        return super().f(*xs) * 1.0

    def bprop(self, xs: Sequence[Any], i: int, G: Any) -> Any:
        """Zero everywhere."""
        return np.zeros_like(xs[i])


def build_grad(out: Node, wrt: Sequence[Node]) -> list[Node]:
    """Nodes that compute the gradients of a scalar node: the backward pass as a graph, not as numbers.

    The new nodes are made of operations on the old leaves, so they can be differentiated and recomputed. A node that
    `out` does not depend on gets a leaf of zeros.

    Source: deck 003, algorithms 6.5 and 6.6
    Raises: GraphError when an operation of the graph is none of the library's or `out` is no scalar.
    """
    twins: dict[Node, Var] = {}
    for node in topo_order(out):
        if node.op is None:
            twins[node] = Var(node.value)
        elif isinstance(node.op, Op):
            twins[node] = node.op(*(twins[x] for x in node.inputs))
        else:
            raise GraphError(
                f"build_grad: {node.op!r} is no operation of the library, so its gradient is no graph."
            )
    nodes: dict[Any, Node] = {twin: node for node, twin in twins.items()}
    reached = [node for node in wrt if node in twins]
    found = dict(zip(reached, grad(twins[out], [twins[node] for node in reached], graph=True)))
    for g in found.values():
        for var in topo_order(g):
            if var not in nodes:
                nodes[var] = Node(var.op, [nodes[x] for x in var.inputs], var.value, var.name)
    return [nodes[found[w]] if w in found else Node(value=np.zeros_like(w.value, dtype=float)) for w in wrt]


class Value(Var):
    """The whole idea in one class: an array, its gradient, and operators that remember.

    Its gradient is zeros at first; `backward` starts from ones, whatever the shape, and adds the fresh gradient to
    every `.grad`, so a second call doubles it.

    >>> x = Value(3.0)
    >>> (x * x).backward()
    >>> x.data, x.grad
    (3.0, 6.0)
    """

    __slots__ = ()

    @property
    def data(self) -> Any:
        """The value."""
        return self.value

    @property
    def grad(self) -> Any:
        """The sum of the gradients of all calls of `backward`."""
        if self._grad is None:
            return 0.0 if type(self.value) is float else np.zeros_like(self.value)
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        self._grad = value

    def backward(self, wrt: Sequence[Any] | None = None) -> None:
        """Add the gradient of the sum of this value to `.grad` of every value below it."""
        self._push(1.0 if type(self.value) is float else np.ones_like(self.value), wrt)


Value.kind = Value
