"""Chapter A03: computation graphs and automatic differentiation.

    engine    nodes, topological order, the ways forwards and back; knows no calculus
    ops       the primitive operations, as forward/backward pairs on arrays
    var       variables with operators; `lift` makes an operation of any pair; `grad`, second derivatives
    classes   the operations as classes, gradients as graphs of nodes, `Value`

    >>> import numpy as np
    >>> W, x = Var(np.array([[1.0, 2.0]])), np.array([[3.0], [4.0]])
    >>> y = (W @ x).tanh().sum()
    >>> grad(y, W).shape
    (1, 2)

A function of the library marked as the forward half of a pair (`relu`, `cross_entropy`, …) works on variables as it
is; others become operations with `lift(affine_forward, affine_backward)`. Parameters of `nn` are variables. To train
fast, take `grad(loss, parameters)`: it stores nothing in the graph. `loss.backward()` stores a gradient in every
variable, for drawings and for small experiments.
"""

from course.graph.classes import (  # noqa: I001
    Add, Broadcast, Exp, Log, MatMul, Maxout, Mul, Pick, Pow, PReLU, ReLU, Reshape, SoftmaxCE, Split, Step, Sum, Tanh,
    Transpose, Value, build_grad,
)  # fmt: skip
from course.graph.engine import Node, backward_pull, backward_push, graph_forward, topo_order
from course.graph.operation import Op
from course.graph.ops import (
    broadcast, concat, exp, getitem, log, matmul, maximum, pick, power, reshape, scatter, split, stack, transpose,
    unbroadcast, unstack, where,
)  # fmt: skip
from course.graph.var import Var, constant, grad, hessian_vector, lift

__all__ = [
    "Add", "Broadcast", "Exp", "Log", "MatMul", "Maxout", "Mul", "Node", "Op", "PReLU", "Pick", "Pow", "ReLU", "Reshape",
    "SoftmaxCE", "Split", "Step", "Sum", "Tanh", "Transpose", "Value", "Var", "backward_pull", "backward_push",
    "broadcast", "build_grad", "concat", "constant", "exp", "getitem", "grad", "graph_forward", "hessian_vector", "lift",
    "log", "matmul", "maximum", "pick", "power", "reshape", "scatter", "split", "stack", "topo_order", "transpose",
    "unbroadcast", "unstack", "where",
]  # fmt: skip
