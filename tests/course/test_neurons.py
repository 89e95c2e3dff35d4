"""Chapter A01, neurons: the decks' numbers, limits, kinks, and inputs of every kind."""

import numpy as np
import pytest

from course import neurons
from course.neurons import (
    count_params,
    d_abs_rect,
    d_hardtanh,
    d_leaky_relu,
    d_prelu,
    d_relu,
    d_sigmoid,
    d_softplus,
    d_tanh,
    hardtanh,
    maxout,
    mlp1,
    mlp2,
    neuron,
    prelu,
    rbf,
    relu,
    sigmoid,
    softplus,
    tanh,
)
from course.toolbox.errors import ShapeError

NAMES = ["sigmoid", "tanh", "hardtanh", "relu", "leaky_relu", "softplus", "abs_rect"]


def test_the_neuron_of_deck_001_outputs_070():
    x, w = np.array([0.5, 0.6, 0.1]), np.array([0.2, 0.3, 0.9])
    assert w @ x + 0.5 == pytest.approx(0.87)
    assert neuron(x, w, 0.5) == pytest.approx(0.70475, abs=5e-6)


@pytest.mark.parametrize("name", NAMES)
def test_extreme_inputs_give_finite_values_and_derivatives(name):
    z = np.array([-1e4, -745.0, -40.0, 0.0, 40.0, 745.0, 1e4])
    assert np.isfinite(getattr(neurons, name)(z)).all()
    assert np.isfinite(getattr(neurons, f"d_{name}")(z)).all()


def test_sigmoid_and_softplus_keep_their_digits_in_the_tails():
    assert sigmoid(-40.0) == pytest.approx(np.exp(-40.0), rel=1e-15)
    assert sigmoid(-700.0) == pytest.approx(np.exp(-700.0), rel=1e-12)
    assert softplus(-40.0) == pytest.approx(np.exp(-40.0), rel=1e-15)
    assert d_softplus(-40.0) == pytest.approx(np.exp(-40.0), rel=1e-15)
    assert sigmoid(1e4) == 1 and sigmoid(-1e4) == 0 and softplus(1e4) == 1e4


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("prefix", ["", "d_"])
def test_numbers_and_integers_become_floats_and_float32_stays(name, prefix):
    f = getattr(neurons, prefix + name)
    for z in (2, -1, np.int64(3), np.array([-2, 0, 3])):
        assert np.asarray(f(z)).dtype == np.float64
    assert f(np.array([-2.0, 3.0], np.float32)).dtype == np.float32
    if np.lib.NumpyVersion(np.__version__) >= "2.0.0":  # NumPy 1 turns single float32 numbers into float64
        assert f(np.float32(0.5)).dtype == np.float32
    assert np.shape(f(1.5)) == ()
    z = np.array([[-2.0, 0.5], [1.0, 3.0]])
    kept = z.copy()
    f(z)
    assert np.array_equal(z, kept)


def test_derivatives_at_kinks_lie_between_the_one_sided_ones():
    assert d_relu(0.0) == 0 and d_abs_rect(0.0) == 0 and d_leaky_relu(0.0) == 0.01
    assert d_hardtanh(1.0) == 0 and d_hardtanh(-1.0) == 0
    assert d_prelu(np.zeros((1, 1)), np.array([0.3]))[0] == 0.3


def test_known_values():
    assert tanh(0.5) == pytest.approx(2 * sigmoid(1.0) - 1)
    assert d_sigmoid(0) == 0.25 and d_tanh(0) == 1
    np.testing.assert_array_equal(hardtanh([-3, 0.5, 2]), [-1, 0.5, 1])
    np.testing.assert_array_equal(relu([-3, 0.5, 2]), [0, 0.5, 2])
    np.testing.assert_allclose(prelu(np.array([[-2.0, 4.0]]), np.array([0.1, 0.2])), [[-0.2, 4.0]])


def test_rbf_is_one_at_its_centre_and_exp_minus_one_at_distance_sigma():
    C = np.array([[0.0, 3.0], [0.0, 4.0]])  # centres (0, 0) and (3, 4)
    np.testing.assert_allclose(rbf(np.array([[0.0, 0.0]]), C, np.array([1.0, 5.0])), [[1.0, np.exp(-1)]])
    assert rbf(np.array([[1e8, 1e-8]]), np.array([[1e8], [0.0]]), np.array([1e-8]))[0, 0] == pytest.approx(
        np.exp(-1)
    )


def test_maxout_groups_neighbouring_columns():
    np.testing.assert_array_equal(maxout(np.array([[1, 5, 3, 2, 0, 4.0]]), 3), [[5, 4]])
    np.testing.assert_array_equal(maxout(np.array([[1, 5, 3, 2, 0, 4.0]]), 1), [[1, 5, 3, 2, 0, 4]])
    with pytest.raises(ShapeError, match="5 columns cannot be divided into groups of k = 2"):
        maxout(np.zeros((3, 5)), 2)


def test_the_decks_network_computes_xor():
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]])
    W, c, w = np.ones((2, 2)), np.array([0, -1.0]), np.array([[1.0], [-2.0]])
    np.testing.assert_array_equal(X @ W, [[0, 0], [1, 1], [1, 1], [2, 2]])
    np.testing.assert_array_equal(relu(X @ W + c), [[0, 0], [1, 0], [1, 0], [2, 1]])
    np.testing.assert_array_equal(mlp1(X, W, c, w, np.zeros(1), relu), [[0], [1], [1], [0]])


def test_mlp2_without_nonlinearity_is_one_linear_map():
    rng = np.random.default_rng(0)
    X, W1, W2, W3 = (rng.standard_normal(s) for s in ((5, 3), (3, 7), (7, 2), (2, 11)))
    Y = mlp2(X, W1, np.zeros(7), W2, np.zeros(2), W3, lambda z: z)
    np.testing.assert_allclose(Y, X @ (W1 @ W2 @ W3))


def test_wrong_shapes_are_named_with_a_repair():
    X, W1, b1, W2, b2 = np.ones((3, 5)), np.ones((4, 5)), np.ones(4), np.ones((4, 2)), np.ones(2)
    with pytest.raises(ShapeError, match=r"mlp1: X has 5 columns but W1 has 4 rows; .* Did you mean W1.T\?"):
        mlp1(X, W1, b1, W2, b2, relu)
    with pytest.raises(ShapeError, match=r"prelu: Z has 5 columns but alpha has 1 entry"):
        prelu(X, np.ones(1))
    with pytest.raises(ShapeError, match="neuron: x has 5 entries but w has 4 entries"):
        neuron(np.ones(5), np.ones(4), 0.0)


def test_count_params_of_the_decks_first_network():
    params = {"W1": np.zeros((4, 6)), "b1": np.zeros(6), "W2": np.zeros((6, 3)), "b2": np.zeros(3)}
    assert count_params(params) == 51 and count_params({"s": 1.0}) == 1
