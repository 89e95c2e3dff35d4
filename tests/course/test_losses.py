"""Chapter A01, losses: stability, known values, and clear words for wrong input."""

import numpy as np
import pytest

from course.backprop import bce_with_logits_backward, mse_backward
from course.losses import bce_with_logits, cross_entropy, least_squares, log_softmax, mse, nll, softmax
from course.neurons import sigmoid
from course.toolbox.errors import InputError, ShapeError

RNG = np.random.default_rng(0)
Z = RNG.standard_normal((5, 7))


def test_softmax_of_equal_scores_is_uniform():
    np.testing.assert_allclose(softmax(np.full((2, 4), 3)), np.full((2, 4), 0.25))


def test_softmax_ignores_a_shift_and_its_rows_sum_to_one():
    np.testing.assert_allclose(softmax(Z + 1e3), softmax(Z), rtol=1e-12)
    np.testing.assert_allclose(softmax(Z).sum(axis=1), 1, rtol=1e-15)


@pytest.mark.parametrize("big", [1e4, -1e4])
def test_scores_of_any_size_give_finite_values(big):
    X = np.array([[big, 0.0, -big], [0.0, 0.0, big]])
    assert np.isfinite(softmax(X)).all() and np.isfinite(log_softmax(X)).all()
    assert cross_entropy(X, [1, 0]) == pytest.approx(1e4 if big > 0 else (1e4 + np.log(2)) / 2, rel=1e-12)


def test_log_softmax_keeps_what_the_softmax_loses():
    assert log_softmax(np.array([[0.0, -1000.0]]))[0, 1] == -1000
    np.testing.assert_allclose(np.exp(log_softmax(Z)), softmax(Z), rtol=1e-13)


def test_cross_entropy_of_a_uniform_guess_is_log_c():
    assert cross_entropy(np.zeros((3, 7)), np.array([0, 3, 6])) == pytest.approx(np.log(7))


def test_cross_entropy_is_the_nll_of_log_probabilities():
    y = np.array([0, 3, 6, 1, 1])
    assert cross_entropy(Z, y) == nll(log_softmax(Z), y)


def test_bce_is_cross_entropy_with_two_classes_and_zero_for_the_other_score():
    z, y = RNG.standard_normal(6), np.array([0, 1, 1, 0, 1, 0])
    assert bce_with_logits(z, y) == pytest.approx(cross_entropy(np.column_stack([np.zeros(6), z]), y))
    assert (
        bce_with_logits(z, y.astype(bool)) == bce_with_logits(z, y.astype(np.uint8)) == bce_with_logits(z, y)
    )


def test_gradient_of_bce_is_sigma_minus_y_and_saturates_only_when_right():
    z, y = np.array([-2.0, 3.0, -1e4, 1e4]), np.array([1, 0, 1, 1])
    dz, none = bce_with_logits_backward(1.0, z, y)
    assert none is None
    np.testing.assert_allclose(dz, (sigmoid(z) - y) / 4, atol=1e-16)
    assert dz[2] == -0.25 and dz[3] == 0
    assert bce_with_logits(np.array([40.0]), np.array([1])) == pytest.approx(np.exp(-40.0), rel=1e-12)


def test_mse_divides_by_the_batch_only():
    Y, Yhat = np.zeros((2, 3)), np.ones((2, 3))
    assert mse(Yhat, Y) == 3
    assert mse(np.array([1.0, 3.0]), np.array([0.0, 0.0])) == 5
    np.testing.assert_array_equal(mse_backward(1.0, Yhat, Y)[0], np.ones((2, 3)))


def test_the_best_linear_model_of_xor_outputs_one_half():
    w, b = least_squares(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0]))
    np.testing.assert_allclose(w, 0, atol=1e-15)
    assert b == pytest.approx(0.5) and isinstance(b, float)


def test_least_squares_finds_the_line_it_was_drawn_from():
    X, w = RNG.standard_normal((23, 3)), np.array([1.0, -2.0, 0.5])
    found, b = least_squares(X, X @ w + 4)
    np.testing.assert_allclose(found, w)
    assert b == pytest.approx(4)


def test_one_example_and_integer_scores():
    assert cross_entropy(np.array([[1, 2, 3]]), np.array([2])) == pytest.approx(0.40760596)
    assert mse(np.array([2]), np.array([1])) == 1


def test_float32_stays_float32():
    X, y = Z.astype(np.float32), np.zeros(5, int)
    assert softmax(X).dtype == log_softmax(X).dtype == cross_entropy(X, y).dtype == np.float32
    assert bce_with_logits_backward(1.0, X[:, 0], y)[0].dtype == np.float32


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: cross_entropy(Z, np.zeros(4, int)), "cross_entropy: Z has 5 rows but y has 4 entries"),
        (
            lambda: cross_entropy(Z, np.zeros((5, 1), int)),
            r"y has 2 axes but needs 1: \(N,\); .* Did you mean y.ravel\(\)\?",
        ),
        (lambda: cross_entropy(Z, np.full(5, 7)), r"y\[0\] is 7, outside 0 … 6"),
        (lambda: cross_entropy(Z, np.array([0, 0, -1, 0, 0])), r"y\[2\] is -1, outside 0 … 6"),
        (lambda: cross_entropy(Z, np.zeros(5)), "y holds float64 values; ids must be whole numbers"),
        (lambda: cross_entropy(np.zeros((0, 3)), np.zeros(0, int)), "the batch is empty"),
        (lambda: bce_with_logits(Z[:, 0], np.full(5, 0.5)), "y must hold only 0 and 1"),
        (lambda: mse(np.zeros((3, 1)), np.zeros(3)), r"mse: Y has 1 axis but needs 2"),
        (
            lambda: mse(np.zeros(3), np.zeros((3, 1))),
            r"mse: Y has 2 axes but needs 1.*Did you mean Y.ravel\(\)\?",
        ),
        (lambda: least_squares(Z, np.zeros(4)), "X has 5 rows but y has 4 entries"),
    ],
)
def test_wrong_input_is_explained(call, message):
    with pytest.raises((ShapeError, InputError), match=message):
        call()
