"""Modules: parameters, sharing, state, training and use; the names of later chapters."""

import numpy as np
import pytest

from course import nn
from course.graph import Var, grad
from course.losses import cross_entropy, mse
from course.neurons import relu, tanh
from course.nn import RBF, Linear, Maxout, Module, Parameter, PReLU, Sequential, Skip
from course.optim import Flat, adam, sgd
from course.regularize import BatchNorm1d, Dropout
from course.toolbox.errors import ChangedError, InputError, MissingChapter, ShapeError


def rng():
    return np.random.default_rng(0)


class TwoLayers(Module):
    """The network of deck 001, as it was meant."""

    def __init__(self):
        self.linear1, self.linear2 = Linear(2, 2, rng()), Linear(2, 1, rng())

    def forward(self, x):
        return self.linear2(relu(self.linear1(x)))


def numeric(module, loss, parameter):
    kept, g = parameter.array.copy(), np.zeros_like(parameter.array)
    for i in np.ndindex(kept.shape):
        values = []
        for step in (1e-6, -1e-6):
            parameter.array[i] = kept[i] + step
            parameter.renew()
            values.append(loss(module).item())
        parameter.assign(kept)
        g[i] = (values[0] - values[1]) / 2e-6
    return g


X, Y = np.random.default_rng(1).standard_normal((5, 4)), np.random.default_rng(2).standard_normal((5, 4))


@pytest.mark.parametrize(
    "build",
    [
        lambda: Sequential(Linear(4, 3, rng()), tanh, Linear(3, 4, rng())),
        lambda: Sequential(Skip(Linear(4, 4, rng())), relu),
        lambda: Sequential(Linear(4, 4, rng()), PReLU(4)),
        lambda: Maxout(4, 4, 3, rng()),
        lambda: Sequential(RBF(4, 4, rng(), sigma=2.0)),
        lambda: Sequential(Linear(4, 4, rng()), BatchNorm1d(4), tanh),
    ],
    ids=["mlp", "skip", "prelu", "maxout", "rbf", "batchnorm"],
)
def test_gradients_of_modules_are_the_numerical_ones(build):
    module = build()
    loss = lambda m: mse(m(X), Y)
    parameters = module.parameters()
    for p, g in zip(parameters, grad(loss(module), parameters)):
        np.testing.assert_allclose(g, numeric(module, loss, p), rtol=1e-5, atol=1e-7)


def test_a_layer_used_twice_and_shared_weights_get_the_sum_of_both_gradients():
    layer = Linear(4, 4, rng())
    twice = Sequential(layer, tanh, layer)
    assert len(twice.parameters()) == 2 and set(twice.named_parameters()) == {
        "layers.0.W", "layers.0.b", "layers.2.W", "layers.2.b"
    }  # fmt: skip
    loss = lambda m: mse(m(X), Y)
    np.testing.assert_allclose(
        grad(loss(twice), layer.W), numeric(twice, loss, layer.W), rtol=1e-5, atol=1e-8
    )
    other = Linear(4, 4, rng())
    other.W = layer.W
    tied = Sequential(layer, other)
    assert len(tied.parameters()) == 3
    np.testing.assert_allclose(grad(loss(tied), layer.W), numeric(tied, loss, layer.W), rtol=1e-5, atol=1e-8)


def test_an_unused_layer_has_gradient_zero():
    net = TwoLayers()
    net.forward = lambda x: net.linear1(relu(net.linear1(x)))  # the slip on the slide
    grads = grad(net(np.ones((1, 2))).sum(), net.named_parameters())
    assert not grads["linear2.W"].any() and grads["linear1.W"].any()


def test_linear_works_on_sequences():
    layer = Linear(4, 3, rng())
    S = np.random.default_rng(3).standard_normal((2, 5, 4))
    np.testing.assert_allclose(layer(S).value, S @ layer.W.value + layer.b.value)
    assert grad(layer(S).sum(), layer.W).shape == (4, 3)


def test_state_can_be_saved_and_loaded():
    make = lambda seed: Sequential(Linear(4, 3, np.random.default_rng(seed)), BatchNorm1d(3))
    one, two = make(0), make(1)
    one(X)  # moves the running statistics
    state = one.state_dict()
    assert set(state) == {
        "layers.0.W",
        "layers.0.b",
        "layers.1.gamma",
        "layers.1.beta",
        "layers.1.state.mean",
        "layers.1.state.var",
    }
    two.load_state_dict(state)
    np.testing.assert_array_equal(one.eval()(X).value, two.eval()(X).value)
    state["layers.0.W"][:] = 0
    assert one.layers[0].W.value.any()  # copies


@pytest.mark.parametrize(
    "change, error, message",
    [
        (lambda s: s.pop("layers.0.b"), InputError, r"missing \['layers.0.b'\]"),
        (lambda s: s.update(extra=1), InputError, r"unknown \['extra'\]"),
        (
            lambda s: s.update({"layers.0.W": np.ones((3, 4))}),
            ShapeError,
            r"layers.0.W has shape \(4, 3\), not \(3, 4\)",
        ),
        (lambda s: s.update({"layers.0.b": np.full(3, np.nan)}), InputError, "not finite"),
    ],
)
def test_a_wrong_state_changes_nothing(change, error, message):
    module = Sequential(Linear(4, 3, rng()))
    state, before = module.state_dict(), module.state_dict()
    change(state)
    with pytest.raises(error, match=message):
        module.load_state_dict(state)
    assert all(np.array_equal(before[k], v) for k, v in module.state_dict().items())


def test_dropout_and_batchnorm_change_with_train_and_eval():
    module = Sequential(Dropout(0.5, rng()), BatchNorm1d(4))
    assert module.training
    module(X)
    assert module.layers[1].state["mean"].any()
    module.eval()
    assert not module.layers[0].training
    np.testing.assert_array_equal(module(X).value, module(X).value)
    kept = {k: v.copy() for k, v in module.layers[1].state.items()}
    module(X)
    assert all(np.array_equal(kept[k], v) for k, v in module.layers[1].state.items())
    assert module.train().layers[0].training


def test_a_parameter_cannot_change_behind_the_back_of_a_graph():
    p = Parameter(np.ones(3), "W")
    loss = (p * p).sum()
    p.assign(np.zeros(3))
    with pytest.raises(ChangedError, match=r"the value of W \(3,\) was replaced"):
        loss.backward()
    with pytest.raises(ValueError, match="read-only"):
        p.value[0] = 1
    with pytest.raises(ShapeError, match=r"W: has shape \(3,\), not \(2,\)"):
        p.assign(np.zeros(2))
    assert isinstance(p, Var) and Parameter(2).value == 2.0


def test_a_network_learns_xor_in_float32():
    inputs, targets = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([0, 1, 1, 0])
    model = Sequential(Linear(2, 8, rng()), tanh, Linear(8, 2, rng())).astype(np.float32)
    optimizer = Flat(model.parameters(), adam, lr=0.05)
    for _ in range(150):
        loss = cross_entropy(model(inputs), targets)
        optimizer.step(grad(loss, optimizer.variables), clip=1.0)
    assert loss.dtype == np.float32 and loss.item() < 0.05
    assert (model(inputs).value.argmax(axis=1) == targets).all()


def test_loss_backward_and_grad_agree():
    model = Sequential(Linear(4, 4, rng()), tanh)
    loss = mse(model(X), Y)
    loss.backward()
    for p, g in zip(model.parameters(), grad(loss, model.parameters())):
        np.testing.assert_array_equal(p.grad, g)
    Flat(model.parameters(), sgd, lr=0.1).step([p.grad for p in model.parameters()])
    assert mse(model(X), Y).item() < loss.item()


def test_names_of_later_chapters():
    assert nn.Dropout is Dropout and nn.BatchNorm1d is BatchNorm1d
    with pytest.raises(AttributeError, match=r"course\.nn has no name 'Convolution'"):
        nn.Convolution  # noqa: B018
    with pytest.raises(NotImplementedError, match="Module has no forward"):
        Module()(X)


LAYERS = {
    "Linear": (lambda: Linear(4, 3, rng()), (5, 4), (5, 3)),
    "Maxout": (lambda: Maxout(4, 3, 2, rng()), (5, 4), (5, 3)),
    "PReLU": (lambda: PReLU(4), (5, 4), (5, 4)),
    "RBF": (lambda: RBF(4, 3, rng(), sigma=2.0), (5, 4), (5, 3)),
    "Dropout": (lambda: nn.Dropout(0.5, rng()), (5, 4), (5, 4)),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(4), (5, 4), (5, 4)),
    "RNN": (lambda: nn.RNN(4, 3, rng()), (6, 5, 4), (6, 5, 3)),
    "GRU": (lambda: nn.GRU(4, 3, rng()), (6, 5, 4), (6, 5, 3)),
    "LSTM": (lambda: nn.LSTM(4, 3, rng()), (6, 5, 4), (6, 5, 3)),
    "Conv1d": (lambda: nn.Conv1d(4, 3, 2, rng()), (5, 4, 7), (5, 3, 6)),
    "Conv2d": (lambda: nn.Conv2d(4, 3, 2, rng()), (5, 4, 7, 3), (5, 3, 6, 2)),
    "MaxPool": (lambda: nn.MaxPool(2), (5, 4, 7), (5, 4, 3)),
    "Skip": (lambda: Skip(Linear(4, 4, rng())), (5, 4), (5, 4)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_keeps_shape_type_and_state(name):
    build, shape, out = LAYERS[name]
    layer, X = build(), np.random.default_rng(4).standard_normal(shape)
    assert type(layer).__name__ == name and layer(X).shape == out
    for p in layer.parameters():
        p.assign(np.random.default_rng(5).standard_normal(p.shape) + 0.1)
    other = build()
    other.load_state_dict(layer.state_dict())
    np.testing.assert_array_equal(layer.eval()(X).value, other.eval()(X).value)
    narrow = layer.astype(np.float32)(X.astype(np.float32))
    assert narrow.dtype == np.float32
    np.testing.assert_allclose(narrow.value, other(X).value, rtol=1e-4, atol=1e-5)
    grads = grad((narrow * narrow).sum(), layer.parameters())
    assert all(g.dtype == np.float32 and g.any() for g in grads)


@pytest.mark.parametrize(
    "name, shape, error, words",
    [
        ("Linear", (5, 3), ShapeError, "X has 3 columns but W has 4 rows"),
        ("Linear", (6, 5, 3), ShapeError, "X has 3 columns but W has 4 rows"),
        ("Maxout", (5, 3), ShapeError, "X has 3 columns but W has 4 rows"),
        ("PReLU", (5, 3), ShapeError, "Z has 3 columns but alpha has 4 entries"),
        ("RBF", (5, 3), ShapeError, "X has 3 columns but C has 4 rows"),
        ("BatchNorm1d", (5, 3), ShapeError, "X has 3 columns but gamma has 4 entries"),
        ("RNN", (6, 5, 3), ShapeError, "X has 3 entries along axis 2 but Wxh has 4 rows"),
        ("GRU", (6, 5, 3), ShapeError, "x has 3 columns but Wx has 4 rows"),
        ("GRU", (0, 5, 4), InputError, "GRU: the sequence is empty"),
        ("LSTM", (6, 5, 3), ShapeError, "x has 3 columns but Wx has 4 rows"),
        ("LSTM", (0, 5, 4), InputError, "LSTM: the sequence is empty"),
        ("Conv1d", (5, 3, 7), ShapeError, "X has 3 entries along axis 1 but W has 4 entries along axis 1"),
        ("Conv1d", (5, 4, 1), ShapeError, "does not fit into an input"),
        ("Conv2d", (5, 3, 7, 3), ShapeError, "X has 3 entries along axis 1 but W has 4 entries along axis 1"),
        ("MaxPool", (5, 4, 1), InputError, "take k from 1 up to its shortest side"),
    ],
)
def test_input_that_does_not_fit_a_layer_is_explained(name, shape, error, words):
    with pytest.raises(error, match=words):
        LAYERS[name][0]()(np.ones(shape))


def test_a_probability_of_dropping_is_a_probability():
    with pytest.raises(InputError, match=r"p is 2\.0, but a probability"):
        nn.Dropout(2.0, rng())(X)


def test_an_embedding_is_offered_like_the_other_layers():
    embeddings = pytest.importorskip("course.embeddings")
    assert nn.Embedding is embeddings.Embedding and issubclass(nn.Embedding, Module)


def test_a_missing_chapter_is_named(monkeypatch):
    monkeypatch.setitem(nn._LATER, "Attention", "attention")
    with pytest.raises(MissingChapter, match=r"nn\.Attention belongs to the chapter 'attention'"):
        nn.Attention  # noqa: B018
