"""Convolutions and pooling: known values, gradients of modules, rests, ties, and wrong input."""

import numpy as np
import pytest

from course import conv, nn
from course.backprop import numeric_grad
from course.graph import grad
from course.neurons import relu
from course.nn import Sequential
from course.toolbox.errors import InputError, ShapeError

RNG = np.random.default_rng(0)


def test_a_difference_filter_is_not_turned_round():
    X = np.array([[[0.0, 0.0, 5.0, 5.0, 1.0]]])
    Y, _ = conv.conv1d_forward(X, np.array([[[-1.0, 1.0]]]), np.array([10.0]))
    np.testing.assert_array_equal(Y, [[[10, 15, 10, 6]]])


def test_the_formula_written_out():
    X, W, b = RNG.standard_normal((2, 3, 7)), RNG.standard_normal((5, 3, 4)), RNG.standard_normal(5)
    Y, _ = conv.conv1d_forward(X, W, b)
    for n, f, i in np.ndindex(2, 5, 4):
        assert Y[n, f, i] == pytest.approx(b[f] + (X[n, :, i : i + 4] * W[f]).sum())
    images, V = RNG.standard_normal((2, 3, 6, 7)), RNG.standard_normal((5, 3, 2, 4))
    Y, _ = conv.conv2d_forward(images, V, b)
    assert Y.shape == (2, 5, 5, 4)
    for n, f, i, j in np.ndindex(Y.shape):
        assert Y[n, f, i, j] == pytest.approx(b[f] + (images[n, :, i : i + 2, j : j + 4] * V[f]).sum())


def test_a_filter_as_long_as_the_input_is_a_fully_connected_layer():
    X, W = RNG.standard_normal((3, 2, 5)), RNG.standard_normal((4, 2, 5))
    Y, cache = conv.conv1d_forward(X, W, np.zeros(4))
    np.testing.assert_allclose(Y[..., 0], X.reshape(3, 10) @ W.reshape(4, 10).T)
    dX, dW, db = conv.conv1d_backward(np.ones_like(Y), cache, need=(False, True, True))
    assert dX is None and dW.shape == W.shape and (db == 3).all()


def test_float32_stays_and_an_empty_batch_stays_empty():
    X, W, b = RNG.standard_normal((2, 3, 7)).astype("f"), np.ones((5, 3, 4), "f"), np.ones(5, "f")
    Y, cache = conv.conv1d_forward(X, W, b)
    assert Y.dtype == np.float32 and all(g.dtype == np.float32 for g in conv.conv1d_backward(Y, cache))
    Y, cache = conv.conv1d_forward(X[:0], W, b)
    dX, dW, db = conv.conv1d_backward(Y, cache)
    assert Y.shape == (0, 5, 4) and dX.shape == (0, 3, 7) and not dW.any() and not db.any()


def test_pooling_leaves_out_the_rest_and_gives_the_gradient_to_the_first_of_equals():
    X = np.array([[[1.0, 4.0, 2.0, 2.0, 2.0, 0.0, 9.0, 9.0]]])
    Y, cache = conv.maxpool1d(X, 3)
    np.testing.assert_array_equal(Y, [[[4, 2]]])
    dX = conv.maxpool1d_backward(np.array([[[5.0, 7.0]]]), cache)
    np.testing.assert_array_equal(dX, [[[0, 5, 0, 7, 0, 0, 0, 0]]])
    image = np.arange(20.0).reshape(1, 1, 4, 5)
    Y, cache = conv.maxpool2d(image, 2)
    np.testing.assert_array_equal(Y[0, 0], [[6, 8], [16, 18]])
    assert conv.maxpool2d_backward(np.ones_like(Y), cache)[0, 0].sum(axis=1).tolist() == [0, 2, 0, 2]
    np.testing.assert_array_equal(conv.maxpool1d(X, 1)[0], X)


@pytest.mark.parametrize("axes", [1, 2])
def test_modules_have_right_gradients(axes):
    rng = np.random.default_rng(3)
    layer = nn.Conv1d(2, 3, 3, rng) if axes == 1 else nn.Conv2d(2, 3, 3, rng)
    net = Sequential(layer, relu, nn.MaxPool(2))
    X = rng.standard_normal((2, 2, *(7,) * axes))
    assert net(X).shape == (2, 3, *(2,) * axes)
    weights = rng.standard_normal(net(X).shape)
    for p, g in zip(net.parameters(), grad((net(X) * weights).sum(), net.parameters())):
        old = p.array.copy()

        def value(x, p=p):
            p.assign(x)
            return (net(X) * weights).sum().item()

        np.testing.assert_allclose(g, numeric_grad(value, old), atol=1e-8)
        p.assign(old)


def test_a_layer_has_one_filter_and_one_bias_for_each_output_channel():
    rng, sizes = np.random.default_rng(0), [(48, 128, 5), (192, 192, 3)]
    for channels, filters, k in sizes:
        layer = nn.Conv2d(channels, filters, k, rng)
        assert sum(p.array.size for p in layer.parameters()) == filters * (channels * k * k + 1)


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda X: conv.conv1d_forward(X, np.ones((4, 2, 3)), np.ones(4)), ShapeError, "X has 3 entries along axis 1"),
        (lambda X: conv.conv1d_forward(X, np.ones((4, 3, 3)), np.ones(3)), ShapeError, "b has 3 entries"),
        (lambda X: conv.conv1d_forward(X, np.ones((4, 3, 8)), np.ones(4)), ShapeError, r"\(8,\) does not fit into an input of \(7,\)"),
        (lambda X: conv.conv1d_forward(X, np.ones((4, 3, 0)), np.ones(4)), ShapeError, "at least one entry"),
        (lambda X: conv.conv1d_forward(X[0], np.ones((4, 3, 2)), np.ones(4)), ShapeError, r"Did you mean X\[None\]"),
        (lambda X: conv.conv2d_forward(X, np.ones((4, 3, 2)), np.ones(4)), ShapeError, "X has 3 axes but needs 4"),
        (lambda X: conv.maxpool1d(X, 0), InputError, "take k from 1"),
        (lambda X: conv.maxpool1d(X, 8), InputError, r"k = 8 in an input of \(7,\)"),
        (lambda X: conv.maxpool2d(X, 2), ShapeError, "X has 3 axes"),
    ],
)  # fmt: skip
def test_wrong_input_is_explained(call, error, words):
    with pytest.raises(error, match=words):
        call(np.ones((2, 3, 7)))
