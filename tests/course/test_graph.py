"""Chapter A03: the decks' graphs, fan-out, deep chains, second derivatives, and the operations of the assignment."""

import subprocess
import sys

import numpy as np
import pytest

from course import losses, neurons
from course.backprop import affine_backward, affine_forward, mlp_forward, numeric_grad
from course.graph import (
    Add,
    Broadcast,
    Exp,
    Log,
    MatMul,
    Maxout,
    Mul,
    Node,
    Pick,
    Pow,
    PReLU,
    ReLU,
    Reshape,
    SoftmaxCE,
    Split,
    Step,
    Sum,
    Tanh,
    Transpose,
    Value,
    Var,
    backward_pull,
    backward_push,
    build_grad,
    concat,
    constant,
    getitem,
    grad,
    graph_forward,
    hessian_vector,
    lift,
    pick,
    split,
    stack,
    topo_order,
    unbroadcast,
    unstack,
)

RNG = np.random.default_rng(0)


def test_the_graph_of_deck_001_gives_minus_2_minus_4_and_5():
    a, b, c = Var(3.0), Var(1.0), Var(-2.0)
    L = c * (a + 2 * b)
    L.backward()
    assert (L.value, a.grad, b.grad, c.grad) == (-10, -2, -4, 5)


def test_a_shared_product_gets_the_gradient_of_both_paths():
    a, b = Var(2.0), Var(3.0)
    ab = a * b
    L = (ab + 1) * (ab + 2)
    assert grad(L, [a, b]) == [3 * (2 * 6 + 3), 2 * (2 * 6 + 3)]


def test_x_times_x_has_gradient_2x_and_a_ladder_costs_one_visit_a_rung():
    x = Var(1.5)
    assert grad(x * x, x) == 3.0
    calls = []
    double = lift(lambda x: 2 * x, lambda dy, x: calls.append(1) or 2 * dy)
    y = x
    for _ in range(40):
        y = double(y) * 0.5 + y * 0.0
    grad(y, x)
    assert len(calls) == 40  # not 2^40


def test_a_chain_of_100_000_nodes_needs_no_recursion():
    x = Var(1.0)
    y = x
    for _ in range(50_000):
        y = y * 1.0 + 0.0
    assert grad(y, x) == 1.0
    y.backward()
    assert x.grad == 1.0
    leaf = Node(value=1.0)
    node = leaf
    for _ in range(100_000):
        node = Node(Tanh(), (node,))
    order = topo_order(node)
    assert order[0] is leaf and order[-1] is node and len(order) == 100_001


def test_broadcast_operands_get_gradients_of_their_own_shape():
    x, b, s = Var(RNG.standard_normal((5, 3))), Var(RNG.standard_normal(3)), Var(2.0)
    gx, gb, gs = grad(((x + b) * s).sum(), [x, b, s])
    np.testing.assert_allclose(gx, np.full((5, 3), 2.0))
    np.testing.assert_allclose(gb, np.full(3, 10.0))
    assert gs == pytest.approx((x.value + b.value).sum())
    np.testing.assert_array_equal(unbroadcast(np.ones((4, 5, 3)), (5, 1)), np.full((5, 1), 12.0))
    np.testing.assert_array_equal(unbroadcast(np.ones((2, 3)), ()), 6.0)


def test_an_unused_variable_has_gradient_zero():
    x, unused = Var(np.ones(3)), Var(np.ones((2, 2)))
    found = grad(x.sum(), {"x": x, "u": unused})
    assert not found["u"].any() and found["u"].shape == (2, 2)
    assert hessian_vector(x.sum(), [x, unused], [np.ones(3), np.ones((2, 2))])[1].shape == (2, 2)


def test_gradients_are_graphs_so_third_derivatives_exist():
    x = Var(0.7)
    y = (x * x * x).tanh()
    first = grad(y, x, graph=True)
    second = grad(first, x, graph=True)
    third = grad(second, x)
    f = lambda t: np.tanh(t**3)
    h = 1e-3
    numeric = (f(0.7 + 2 * h) - 2 * f(0.7 + h) + 2 * f(0.7 - h) - f(0.7 - 2 * h)) / (2 * h**3)
    assert third == pytest.approx(numeric, rel=1e-4)


def mlp():
    shapes = {"W1": (4, 6), "b1": (6,), "W2": (6, 3), "b2": (3,)}
    params = {name: Var(RNG.standard_normal(s), name) for name, s in shapes.items()}
    return params, RNG.standard_normal((5, 4)), RNG.integers(0, 3, 5)


def test_hessian_vector_product_of_a_network_with_cross_entropy():
    params, X, y = mlp()
    loss = losses.cross_entropy(mlp_forward(X, params)[0], y)
    names = list(params)
    v = [RNG.standard_normal(params[n].shape) for n in names]
    product = hessian_vector(loss, [params[n] for n in names], v)

    def gradient(t):
        moved = {n: Var(params[n].value + t * d) for n, d in zip(names, v)}
        return grad(losses.cross_entropy(mlp_forward(X, moved)[0], y), [moved[n] for n in names])

    h = 1e-4
    for i, got in enumerate(product):
        slope = (8 * (gradient(h)[i] - gradient(-h)[i]) - (gradient(2 * h)[i] - gradient(-2 * h)[i])) / (
            12 * h
        )
        np.testing.assert_allclose(got, slope, rtol=1e-8, atol=1e-9)


def test_lifted_pairs_and_primitives_give_the_same_gradients():
    params, X, y = mlp()
    affine = lift(affine_forward, affine_backward)
    fused = losses.cross_entropy(
        affine(neurons.tanh(affine(X, params["W1"], params["b1"])), params["W2"], params["b2"]), y
    )
    plain = losses.cross_entropy(mlp_forward(X, params)[0], y)
    for a, b in zip(grad(fused, list(params.values())), grad(plain, list(params.values()))):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_concat_stack_unstack_split_and_indexing_pass_gradients():
    x = Var(RNG.standard_normal((4, 3)))
    a, b, c, d = unstack(x)
    both = concat([stack([a, b]), stack([d, a])], axis=1)  # c is not used
    w = RNG.standard_normal(both.shape)
    expected = np.stack([w[0, :3] + w[1, 3:], w[1, :3], np.zeros(3), w[0, 3:]])
    np.testing.assert_allclose(grad((both * w).sum(), x), expected)
    assert c.value.shape == (3,)
    first, second = split(x, 1, 0, 0), split(x, 1, 0, 1)
    np.testing.assert_allclose(grad((first * second).sum(), x), [x.value[1:].sum(0), *[x.value[0]] * 3])
    np.testing.assert_allclose(
        grad(getitem(x, np.array([0, 0, 2])).sum(), x), [[2] * 3, [0] * 3, [1] * 3, [0] * 3]
    )
    np.testing.assert_allclose(grad(x[1:3, 0].sum(), x)[:, 0], [0, 1, 1, 0])
    np.testing.assert_allclose(grad(pick(x, np.array([2, 0, 0, 1])).sum(), x), np.eye(3)[[2, 0, 0, 1]])


def test_max_shares_the_gradient_among_equal_entries():
    x = Var(np.array([[1.0, 3.0, 3.0], [2.0, 0.0, 1.0]]))
    np.testing.assert_array_equal(grad(x.max(axis=1).sum(), x), [[0, 0.5, 0.5], [1, 0, 0]])
    assert grad(Var(4.0).max(), x).shape == (2, 3)


def test_columns_of_a_maxout_unit_that_tie_share_the_gradient():
    Z = Var(np.array([[1.0, 1.0, 0.0]]))
    np.testing.assert_array_equal(grad(neurons.maxout(Z, 3).sum() * 6, Z), [[3, 3, 0]])


def test_a_pair_with_two_results():
    def polar(x, y):
        r = np.hypot(x, y)
        return r, np.arctan2(y, x), (x, y, r)

    def polar_backward(dr, dphi, cache):
        x, y, r = cache
        return dr * x / r - dphi * y / r**2, dr * y / r + dphi * x / r**2

    x, y = Var(np.array([3.0, 1.0])), Var(np.array([4.0, 2.0]))
    r, phi = lift(polar, polar_backward)(x, y)
    f = lambda v: (np.hypot(v[0], v[1]) * 2 + np.arctan2(v[1], v[0])).sum()
    numeric = numeric_grad(f, np.stack([x.value, y.value]))
    np.testing.assert_allclose(grad((r * 2 + phi).sum(), [x, y]), numeric, rtol=1e-8)
    np.testing.assert_allclose(grad((r * 2).sum(), x), [2 * 0.6, 2 / np.sqrt(5)])


def test_numpy_functions_and_operators_from_either_side_work_on_variables():
    x = Var(np.array([0.5, 2.0]))
    y = (
        np.exp(x)
        - np.array([1.0, 1.0]) * x / 2
        + np.maximum(x, 1.0)
        + np.where(x > 1, x, 0.0)
        + np.abs(-x)
        + 1 / x
    )
    f = lambda v: (np.exp(v) - v / 2 + np.maximum(v, 1.0) + np.where(v > 1, v, 0.0) + abs(v) + 1 / v).sum()
    np.testing.assert_allclose(y.value.sum(), f(x.value))
    np.testing.assert_allclose(grad(np.sum(y), x), numeric_grad(f, x.value), rtol=1e-8)
    M = Var(np.eye(2))
    np.testing.assert_array_equal((np.ones((3, 2)) @ M).value, np.ones((3, 2)))


def test_float32_stays_float32():
    x = Var(np.ones((3, 4), np.float32))
    y = neurons.sigmoid(x * 2 + 1).max(axis=1)
    assert y.dtype == np.float32 and grad(y.sum(), x).dtype == np.float32


def test_backward_adds_to_grad_and_constants_get_none():
    x, k = Var(2.0), constant(3.0)
    y = x * k
    y.backward()
    y.backward()
    assert x.grad == 6.0 and k.grad is None
    x.grad = None
    (x * x).backward([x])
    assert x.grad == 4.0


# --- the names of the assignment ---------------------------------------------------------------------------------------

X34, POS = RNG.standard_normal((3, 4)), np.abs(RNG.standard_normal((3, 4))) + 0.5
OPS = {
    "add": (Add(), X34, RNG.standard_normal(4)),
    "mul": (Mul(), X34, RNG.standard_normal((3, 1))),
    "matmul": (MatMul(), X34, RNG.standard_normal((4, 2))),
    "pow": (Pow(3), X34),
    "exp": (Exp(), X34),
    "log": (Log(), POS),
    "tanh": (Tanh(), X34),
    "relu": (ReLU(), X34),
    "prelu": (PReLU(), X34, RNG.standard_normal(4)),
    "maxout": (Maxout(2), X34),
    "pick": (Pick(np.array([0, 3, 1])), X34),
    "sum": (Sum(), X34),
    "sum-axis": (Sum(axis=1), X34),
    "broadcast": (Broadcast((5, 3, 4)), X34),
    "softmax-ce": (SoftmaxCE(np.array([1, 0, 3])), X34),
    "split": (Split(at=1, axis=1, part=1), X34),
    "transpose": (Transpose(), X34),
    "reshape": (Reshape((2, 6)), X34),
    "step": (Step(), X34),
}


@pytest.mark.parametrize("name", OPS)
def test_bprop_of_every_operation_is_the_numerical_gradient(name):
    op, *xs = OPS[name]
    G = RNG.standard_normal(np.shape(op.f(*xs)))
    for i, x in enumerate(xs):
        f = lambda v, i=i: float(np.sum(G * op.f(*xs[:i], v, *xs[i + 1 :])))
        got = op.bprop(xs, i, G)
        assert np.shape(got) == x.shape
        np.testing.assert_allclose(got, numeric_grad(f, x), rtol=1e-6, atol=1e-8)


def test_operations_keep_their_arguments():
    assert Pow(3).p == 3 and Sum(axis=1).axis == 1 and Broadcast((2, 3)).shape == (2, 3) and Maxout(2).k == 2
    s = Split(1, 0, part=1)
    assert (s.at, s.axis, s.part) == (1, 0, 1)
    assert list(Pick([0, 1]).ids) == [0, 1] and list(SoftmaxCE([1]).y) == [1]


def random_graph(rng, size):
    """A random graph with shared inputs and an unused branch; and its leaves."""
    leaves = [Node(value=rng.standard_normal((3, 3)), name=f"x{i}") for i in range(3)]
    nodes = list(leaves)
    for _ in range(size):
        kind = rng.integers(4)
        a, b = nodes[rng.integers(len(nodes))], nodes[rng.integers(len(nodes))]
        nodes.append(
            [Node(Add(), (a, b)), Node(Mul(), (a, b)), Node(MatMul(), (a, b)), Node(Tanh(), (a,))][kind]
        )
    total = nodes[-1]
    for node in nodes[3:-1:2]:
        total = Node(Add(), (total, Node(Tanh(), (node,))))
    return Node(Sum(), (total,)), leaves


@pytest.mark.parametrize("seed", range(5))
def test_pull_push_graphs_and_differences_agree_on_random_graphs(seed):
    rng = np.random.default_rng(seed)
    out, leaves = random_graph(rng, 12)
    order = topo_order(out)
    assert graph_forward(order) == out.value
    pull, push = backward_pull(out), backward_push(out)
    assert set(pull) == set(push) == set(order)
    built = build_grad(out, leaves)

    def value_at(leaf, v):
        kept, leaf.value = leaf.value, v
        try:
            return graph_forward(order)
        finally:
            leaf.value = kept
            graph_forward(order)

    for leaf, node in zip(leaves, built):
        if leaf not in pull:
            assert not node.value.any()
            continue
        numeric = numeric_grad(lambda v, leaf=leaf: value_at(leaf, v), leaf.value)
        scale = max(1.0, np.abs(numeric).max())
        for got in (pull[leaf], push[leaf], node.value):
            np.testing.assert_allclose(got / scale, numeric / scale, rtol=1e-6, atol=1e-7)


def test_built_gradients_are_recomputed_when_a_leaf_changes_and_can_be_differentiated():
    x = Node(value=np.array(2.0), name="x")
    y = Node(Mul(), (Node(Pow(2), (x,)), Node(ReLU(), (x,))))  # x³ for x > 0
    graph_forward(topo_order(y))
    (first,) = build_grad(y, [x])
    (second,) = build_grad(first, [x])
    assert first.value == 12.0 and second.value == 12.0
    x.value = np.array(3.0)
    assert graph_forward(topo_order(first)) == 27.0 and graph_forward(topo_order(second)) == 18.0
    x.value = np.array(-1.0)
    assert graph_forward(topo_order(first)) == 0.0
    (zero,) = build_grad(Node(Pow(0), (x,), np.array(1.0)), [x])
    assert zero.value == 0.0


def test_value_starts_from_ones_and_a_second_call_doubles():
    x, W = Value(np.array([[1.0, -2.0]])), Value(np.array([[0.5], [0.25]]))
    assert not x.grad.any()
    y = (2 - x / 4) @ W + [[1.0]] - W.sum() * 3
    z = (y * y).exp().log().tanh().relu()
    z.backward()
    once = W.grad.copy()
    z.backward()
    np.testing.assert_allclose(W.grad, 2 * once)
    f = lambda w: np.tanh(((2 - x.data / 4) @ w + 1 - w.sum() * 3) ** 2).sum()
    np.testing.assert_allclose(once, numeric_grad(f, W.data), rtol=1e-6)
    assert type(z) is Value and z.grad == 2.0
    v = Value(np.ones((2, 3)))
    (3 * v).backward()
    np.testing.assert_array_equal(v.grad, np.full((2, 3), 3.0))
    assert type(1 + Value(2)) is Value and Value(2).data == 2.0


def test_a_loss_has_its_gradient_when_the_graph_is_all_that_was_imported():
    code = "import numpy as np; from course.graph import SoftmaxCE; print(SoftmaxCE(np.array([1])).bprop([np.zeros((1, 2))], 0, 1.0))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[[ 0.5 -0.5]]"
