"""Chapter A04, regularisation: penalties, the statistics of dropout and of batch normalisation."""

import numpy as np
import pytest

from course.regularize import (
    BatchNorm1d,
    batchnorm_forward,
    dropout_backward,
    dropout_forward,
    penalty,
)
from course.toolbox.errors import InputError, ShapeError

RNG = np.random.default_rng(0)
START = {"mean": np.zeros(4), "var": np.ones(4)}


def test_penalty_spares_biases_and_uses_half_of_the_square():
    value, grads = penalty(
        {"W1": np.array([[2.0, -1.0]]), "b1": np.array([5.0]), "W2": np.array([0.0])}, l1=0.5, l2=0.1
    )
    assert value == pytest.approx(0.5 * 3 + 0.05 * 5) and set(grads) == {"W1", "W2"}
    np.testing.assert_allclose(grads["W1"], [[0.5 + 0.2, -0.5 - 0.1]])
    assert grads["W2"][0] == 0
    assert penalty({"b": np.ones(3)}) == (0.0, {})


def test_dropout_drops_the_share_p_and_keeps_the_mean():
    X = np.ones((400, 500))
    Y, cache = dropout_forward(X, 0.3, np.random.default_rng(1))
    dropped = (Y == 0).mean()
    assert abs(dropped - 0.3) < 5 * np.sqrt(0.3 * 0.7 / X.size)
    np.testing.assert_allclose(Y[Y != 0], 1 / 0.7)
    assert (Y == 0).any(axis=1).all() and len({row.tobytes() for row in (Y == 0)}) == len(
        Y
    )  # a mask for each row
    np.testing.assert_array_equal(dropout_backward(X, cache), Y)  # the same mask


def test_dropout_is_off_outside_training_and_leaves_the_generator_alone():
    rng, other = np.random.default_rng(2), np.random.default_rng(2)
    X = RNG.standard_normal((3, 4))
    Y, cache = dropout_forward(X, 0.5, rng, train=False)
    np.testing.assert_array_equal(Y, X)
    np.testing.assert_array_equal(dropout_backward(X, cache), X)
    assert rng.random() == other.random() and Y is not X


def test_dropout_at_the_ends():
    X = RNG.standard_normal((3, 4))
    assert not dropout_forward(X, 1.0, RNG)[0].any()
    np.testing.assert_array_equal(dropout_forward(X, 0.0, RNG)[0], X)
    assert dropout_forward(X.astype(np.float32), 0.5, RNG)[0].dtype == np.float32
    with pytest.raises(InputError, match=r"p is 1\.5"):
        dropout_forward(X, 1.5, RNG)


def test_batchnorm_output_is_standardised_and_state_is_not_written_into():
    X = RNG.standard_normal((50, 4)) * 7 + 3
    Y, _, new = batchnorm_forward(X, np.ones(4), np.zeros(4), START)
    np.testing.assert_allclose(Y.mean(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(Y.std(axis=0), 1, rtol=1e-6)
    assert not START["mean"].any() and new["mean"].any()
    same = batchnorm_forward(X, np.ones(4), np.zeros(4), START, train=False)[2]
    assert all(np.array_equal(same[k], START[k]) for k in START)
    assert batchnorm_forward(X.astype("f"), np.ones(4, "f"), np.zeros(4, "f"), START)[0].dtype == np.float32
    with pytest.raises(ShapeError, match="X has 4 columns but gamma has 3 entries"):
        batchnorm_forward(X, np.ones(3), np.zeros(4), START)


def test_running_statistics_approach_those_of_the_data():
    module = BatchNorm1d(1)
    rng = np.random.default_rng(5)
    for _ in range(300):
        module(rng.standard_normal((64, 1)) * 2 + 5)
    assert module.state["mean"][0] == pytest.approx(5, abs=0.2) and module.state["var"][0] == pytest.approx(
        4, rel=0.15
    )
