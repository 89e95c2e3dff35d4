"""Chapter A02: the decks' worked examples, finite differences, and networks trained by hand."""

from itertools import pairwise

import numpy as np
import pytest

from course.backprop import (
    act_forward,
    affine_backward,
    affine_forward,
    gradcheck_report,
    mlp_backward,
    mlp_forward,
    nn_backward,
    nn_forward,
    numeric_grad,
    sgd_train,
    softmax_ce,
)
from course.losses import cross_entropy
from course.neurons import sigmoid
from course.toolbox.errors import InputError, ShapeError


def test_chain_rule_examples_of_deck_000():
    at = 0.7
    assert numeric_grad(lambda x: np.exp(2 * x), at) == pytest.approx(2 * np.exp(2 * at))
    assert numeric_grad(lambda x: np.exp(2 * x * x**2), at) == pytest.approx(6 * at**2 * np.exp(2 * at**3))


def book_example():
    """The network of deck 003: weights as printed (columns are inputs there), biases from the lost picture."""
    W1 = np.array([[0.5, 0.6, -0.4], [0.4, 0.1, 0.2], [-0.7, 0.5, -0.8]]).T
    W2 = np.array([[-0.5, 0.5, -0.4], [0.2, 0.6, 0.8]]).T
    W3 = np.array([[0.3, -0.6], [0.9, 0.2]]).T
    b1, b2, b3 = np.array([0.2, 0.6, -0.4]), np.array([0.5, -0.3]), np.array([-0.4, 0.2])
    return {"W1": W1, "b1": b1, "W2": W2, "b2": b2, "W3": W3, "b3": b3}, np.array([[0, 1, 0.5]])


def test_book_example_forward():
    params, X = book_example()
    Z, cache = mlp_forward(X, params, "relu")
    np.testing.assert_allclose(X @ params["W1"] + params["b1"], [[0.6, 0.8, -0.3]])
    np.testing.assert_allclose(cache[1][1], [[0.6, 0.8, 0]])
    np.testing.assert_allclose(cache[3][1], [[0.6, 0.3]])
    np.testing.assert_allclose(Z, [[-0.4, 0.8]])


def test_book_example_backward():
    params, X = book_example()
    Z, cache = mlp_forward(X, params, "relu")
    grads = mlp_backward(Z - np.array([[0, 1]]), cache)  # the loss is ½ |Z − y|²
    np.testing.assert_allclose(grads["W3"].T, [[-0.24, -0.12], [-0.12, -0.06]])
    np.testing.assert_allclose(grads["W2"].T, [[-0.18, -0.24, 0], [0.12, 0.16, 0]], atol=1e-15)
    np.testing.assert_allclose(grads["W1"].T, [[0, 0.19, 0.095], [0, -0.03, -0.015], [0, 0, 0]], atol=1e-15)
    assert list(grads) == list(params)


@pytest.mark.parametrize("act", ["tanh", "relu", "sigmoid"])
@pytest.mark.parametrize("sizes", [(5, 3), (5, 7, 3), (4, 4, 4), (5, 7, 2, 3)])
@pytest.mark.parametrize("N", [1, 11])
def test_mlp_gradients_are_the_numerical_ones(act, sizes, N):
    rng = np.random.default_rng(len(sizes))
    params = {}
    for i, (a, b) in enumerate(pairwise(sizes), 1):
        params[f"W{i}"], params[f"b{i}"] = rng.standard_normal((a, b)), rng.standard_normal(b)
    X, y = rng.standard_normal((N, sizes[0])), rng.integers(0, sizes[-1], N)
    Z, cache = mlp_forward(X, params, act)
    loss, dZ = softmax_ce(Z, y)
    grads = mlp_backward(dZ, cache)
    assert loss == pytest.approx(cross_entropy(Z, y), rel=1e-14)
    report = gradcheck_report(lambda p: cross_entropy(mlp_forward(X, p, act)[0], y), params, grads)
    assert max(report.values()) < 1e-7


def test_dead_units_have_gradient_zero_and_a_report_of_zero():
    params = {"W1": np.ones((2, 3)), "b1": np.full(3, -100.0), "W2": np.ones((3, 1)), "b2": np.zeros(1)}
    X = np.ones((4, 2))
    Z, cache = mlp_forward(X, params, "relu")
    grads = mlp_backward(np.ones_like(Z), cache)
    assert not grads["W1"].any() and not grads["W2"].any()
    report = gradcheck_report(lambda p: mlp_forward(X, p, "relu")[0].sum(), params, grads)
    assert report["W1"] == 0 and report["b2"] < 1e-9


def test_report_shows_a_wrong_entry():
    W = np.array([[1.0, -2.0], [0.5, 3.0]])
    right, wrong = {"W": 2 * W}, {"W": 2 * W * np.array([[1, 1], [1, 1.01]])}
    f = lambda p: (p["W"] ** 2).sum()
    assert gradcheck_report(f, {"W": W}, right)["W"] < 1e-9
    assert gradcheck_report(f, {"W": W}, wrong)["W"] == pytest.approx(0.01 / 1.01, rel=1e-6)
    with pytest.raises(ShapeError, match="W has 2 columns but dW has 3 columns"):
        gradcheck_report(f, {"W": W}, {"W": np.zeros((2, 3))})
    with pytest.raises(InputError, match="grads has no 'W'"):
        gradcheck_report(f, {"W": W}, {})


def test_numeric_grad_leaves_integers_and_shapes_as_they_are():
    x = np.array([[1, 2, 3]])
    g = numeric_grad(lambda v: (v**3).sum(), x)
    np.testing.assert_allclose(g, [[3, 12, 27]], rtol=1e-8)
    assert x.dtype == int and np.array_equal(x, [[1, 2, 3]])
    seen = []
    numeric_grad(lambda v: seen.append(v) or 0.0, np.zeros(2))
    assert len({id(v) for v in seen}) == 4  # a function may keep its argument


def test_affine_backward_skips_what_is_not_needed():
    Y, cache = affine_forward(np.ones((3, 5)), np.ones((5, 2)), np.zeros(2))
    dX, dW, db = affine_backward(Y, cache, need=(False, True, True))
    assert dX is None and dW.shape == (5, 2) and db.shape == (2,)


def two_layer(seed=0, M=3, D=2):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(M), rng.standard_normal((D, M + 1)), rng.standard_normal(D + 1)


@pytest.mark.parametrize("y", [0, 1])
def test_nn_gradients_are_the_numerical_ones(y):
    x, alpha, beta = two_layer()
    g_alpha, g_beta = nn_backward(x, y, alpha, beta, nn_forward(x, y, alpha, beta))
    np.testing.assert_allclose(
        g_alpha, numeric_grad(lambda a: nn_forward(x, y, a, beta)["J"], alpha), atol=1e-9
    )
    np.testing.assert_allclose(
        g_beta, numeric_grad(lambda b: nn_forward(x, y, alpha, b)["J"], beta), atol=1e-9
    )


def test_nn_forward_is_the_network_with_separate_biases():
    x, alpha, beta = two_layer()
    o = nn_forward(x, 1, alpha, beta)
    hidden = sigmoid(x @ alpha[:, 1:].T + alpha[:, 0])
    assert o["yhat"] == pytest.approx(sigmoid(hidden @ beta[1:] + beta[0]))
    assert o["J"] == pytest.approx(-np.log(o["yhat"]))
    assert (
        o["x"][0] == o["z"][0] == 1 and o["x"].shape == (4,) and o["z"].shape == (3,) and o["a"].shape == (2,)
    )
    assert nn_forward(1e4 * x, 0, alpha, 1e3 * beta)["J"] < np.inf


def test_sgd_follows_the_examples_one_by_one_and_lowers_both_losses():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((200, 3))
    data, test = (X[:100], (X[:100, 0] > 0).astype(int)), (X[100:], (X[100:, 0] > 0).astype(int))
    _, alpha, beta = two_layer(2)
    kept = alpha.copy()
    a, b, train, held = sgd_train(data, test, alpha, beta, 5, 0.2)
    assert np.array_equal(alpha, kept) and train.shape == held.shape == (5,)
    assert (np.diff(train) < 0).all() and held[-1] < held[0]
    assert train[-1] == pytest.approx(np.mean([nn_forward(x, y, a, b)["J"] for x, y in zip(*data)]))
    one, _, _, _ = sgd_train((X[:1], np.array([1])), test, alpha, beta, 1, 0.2)
    np.testing.assert_allclose(
        one, alpha - 0.2 * nn_backward(X[0], 1, alpha, beta, nn_forward(X[0], 1, alpha, beta))[0]
    )


def test_wrong_names_are_explained():
    with pytest.raises(
        InputError, match="activation 'relU' is unknown; use one of 'relu', 'sigmoid', 'tanh'"
    ):
        act_forward(np.zeros((2, 2)), "relU")
    with pytest.raises(InputError, match=r"params has the keys \['W1', 'b2'\]"):
        mlp_forward(np.zeros((2, 2)), {"W1": np.zeros((2, 2)), "b2": np.zeros(2)})
