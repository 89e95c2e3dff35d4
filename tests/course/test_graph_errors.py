"""What can go wrong with a graph, and the sentence that says what to do."""

import numpy as np
import pytest

from course import neurons
from course.graph import (
    Add,
    Node,
    Var,
    backward_pull,
    build_grad,
    grad,
    graph_forward,
    lift,
    pick,
    split,
)
from course.toolbox.errors import ChangedError, CourseError, FusedError, GraphError


def test_only_a_scalar_has_a_gradient():
    with pytest.raises(
        GraphError, match=r"backward: the result has shape \(3,\).*reduce it to one number first"
    ):
        (Var(np.ones(3)) * 2).backward()
    with pytest.raises(GraphError, match="grad: the result has shape"):
        grad(Var(np.ones(3)), Var(1.0))


def test_values_cannot_be_changed_in_place():
    data = np.ones(3)
    x = Var(data)
    y = x * x
    data[0] = 9.0  # the leaf holds a copy
    np.testing.assert_array_equal(grad(y.sum(), x), [2, 2, 2])
    with pytest.raises(ValueError, match="read-only"):
        y.value[0] = 5.0
    with pytest.raises(ValueError, match="read-only"):
        x.value += 1


def test_a_value_that_was_replaced_before_backward_is_noticed():
    x = Var(np.ones(3), "x")
    y = (x * x).sum()
    x.value = np.zeros(3)
    with pytest.raises(ChangedError, match=r"the value of x \(3,\) was replaced after mul had used it"):
        y.backward()
    x = Var(2.0)
    assert grad(x * x, x) == 4.0  # the graph is clean again


def test_a_fused_gradient_says_so_when_it_is_differentiated_again():
    fused = lift(lambda x: (np.tanh(x), np.cosh(x) ** -2), lambda dy, cache: dy * cache, name="fast_tanh")
    x = Var(np.array([0.3]))
    first = grad(fused(x).sum(), x, graph=True)
    np.testing.assert_allclose(first.value, np.cosh(0.3) ** -2)
    with pytest.raises(FusedError, match="gradient of fast_tanh is no graph"):
        grad(first.sum(), x)


def test_a_backward_that_leaves_the_graph_is_fused_too():
    cube = lift(lambda x: x**3, lambda dy, x: dy * np.einsum("i,i->i", 3 * x, x), name="cube")
    x = Var(np.array([2.0]))
    first = grad(cube(x).sum(), x, graph=True)
    assert first.value == 12.0
    with pytest.raises(FusedError, match="gradient of cube"):
        grad(first.sum(), x)


def test_a_backward_that_writes_into_its_gradient_is_stopped():
    def backward(dy, x):
        dy *= 2
        return dy

    bad = lift(lambda x: 2 * x, backward, name="bad")
    x = Var(np.ones(3))
    with pytest.raises(ValueError, match="read-only"):
        grad((bad(x) + x).sum(), x)


bias = lift(lambda X, b: X + b, lambda dY, X, b: (dY, dY), name="bias")  # forgets to sum over the batch


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: Var(np.ones((3, 5))) @ Var(np.ones((4, 5))),
            r"matmul: x has 5 columns but y has 4 rows.*Did you mean y.T\?",
        ),
        (lambda: lift(lambda x: x, lambda dy, y, z: dy), r"asks for \['y', 'z'\]"),
        (lambda: lift(lambda x: x), "has no backward half"),
        (
            lambda: lift(lambda x: x, lambda dy, cache: dy, name="f")(Var(1.0)),
            "f: .* forward must return 1 result",
        ),
        (
            lambda: bias(np.ones((3, 2)), Var(np.ones(2))).sum().backward(),
            r"bias returned a gradient of shape \(3, 2\) for",
        ),
        (lambda: float(Var(2.0)), "take .value or .item"),
        (lambda: np.asarray(Var(2.0)), "would cut the graph"),
        (lambda: bool(Var(2.0) > 1), "would cut the graph"),
        (lambda: np.cos(Var(2.0)), "np.cos is not known to the graph"),
        (lambda: np.linalg.inv(Var(np.eye(2))), "np.inv is not known to the graph"),
        (lambda: Var(2.0) ** Var(2.0), "exponent must be a number"),
        (lambda: neurons.maxout(Var(np.ones((2, 4)))), "maxout: takes Z, k; got 1 arguments"),
        (lambda: pick(Var(np.ones((2, 4))), np.array([0, 4])), r"ids\[1\] is 4, outside 0 … 3"),
        (lambda: split(Var(np.ones((2, 4))), 1, 0, 2), "part is 2"),
        (
            lambda: backward_pull(Node(Add(), (Node(value=np.ones(2)),) * 2, np.ones(2))),
            "backward_pull: the result has shape",
        ),
        (lambda: graph_forward([Node(name="x")]), "the leaf 'x' has no value"),
        (lambda: build_grad(Node(object(), (Node(value=1.0),), 1.0), []), "is no operation of the library"),
    ],
)
def test_errors_say_what_to_do(call, message):
    with pytest.raises(CourseError, match=message):
        call()
