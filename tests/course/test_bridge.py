"""Chapter A10: the same weights give the same numbers here and in PyTorch."""

import subprocess
import sys

import numpy as np
import pytest

from course.backprop import mlp_forward
from course.bridge import from_torch, to_torch
from course.regularize import batchnorm_forward
from course.toolbox.errors import InputError, ShapeError

torch = pytest.importorskip("torch")
nn = torch.nn


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def test_a_linear_layer_and_a_stack_of_them():
    X = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    linear = nn.Linear(4, 3)
    p = from_torch(linear)
    np.testing.assert_allclose(
        X @ p["W"] + p["b"], linear(torch.tensor(X)).detach().numpy(), rtol=1e-5, atol=1e-6
    )
    assert not from_torch(nn.Linear(4, 3, bias=False))["b"].any()
    stack = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
    params = from_torch(stack)
    assert set(params) == {"W1", "b1", "W2", "b2"}
    np.testing.assert_allclose(
        mlp_forward(X, params)[0], stack(torch.tensor(X)).detach().numpy(), rtol=1e-5, atol=1e-6
    )
    params["W1"][:] = 0
    assert stack[0].weight.abs().sum() > 0  # copies


def test_a_recurrent_layer_step_by_step():
    rnn = nn.RNN(3, 5)
    p = from_torch(rnn)
    X = np.random.default_rng(0).standard_normal((4, 2, 3)).astype(np.float32)
    h = np.zeros((2, 5), np.float32)
    for x in X:
        h = np.tanh(x @ p["Wxh"] + h @ p["Whh"] + p["bh"])
    np.testing.assert_allclose(h, rnn(torch.tensor(X))[1][0].detach().numpy(), rtol=1e-4, atol=1e-6)
    assert from_torch(nn.LSTM(3, 5))["Wx"].shape == (3, 20) and set(from_torch(nn.GRU(3, 5))) == {
        "Wx",
        "Wh",
        "bx",
        "bh",
    }


@pytest.mark.parametrize(
    "make", [lambda: nn.Linear(4, 3), lambda: nn.RNN(3, 5), lambda: nn.Embedding(7, 3), lambda: nn.GRU(2, 3)]
)
def test_there_and_back(make):
    one, two = make(), make()
    params = from_torch(one)
    to_torch(params, two)
    for k, v in from_torch(two).items():
        np.testing.assert_allclose(v, params[k], rtol=1e-6, atol=1e-7)


def test_running_variance_is_rescaled():
    theirs = nn.BatchNorm1d(3, dtype=torch.float64)
    state, rng = {"mean": np.zeros(3), "var": np.ones(3)}, np.random.default_rng(0)
    for _ in range(4):
        X = rng.standard_normal((6, 3))
        theirs(torch.tensor(X))
        _, _, state = batchnorm_forward(X, np.ones(3), np.zeros(3), state)
    found = from_torch(theirs, batch_size=6)
    np.testing.assert_allclose(found["var"], state["var"], rtol=1e-12)
    np.testing.assert_allclose(found["mean"], state["mean"], rtol=1e-12)
    assert np.abs(from_torch(theirs)["var"] - state["var"]).max() > 1e-3


def lm_params(V=7, D=3, H=5):
    rng = np.random.default_rng(1)
    shapes = {"E": (V, D), "Wxh": (D, H), "Whh": (H, H), "bh": (H,), "Why": (H, V), "by": (V,)}
    return {k: rng.standard_normal(s).astype(np.float32) for k, s in shapes.items()}


def test_the_language_model_has_our_numbers():
    from course.bridge import RNNLMTorch

    p, ids = lm_params(), np.random.default_rng(2).integers(0, 7, (4, 2))
    model = RNNLMTorch(7, 3, 5).load(p)
    h0 = np.random.default_rng(3).standard_normal((2, 5)).astype(np.float32)
    Z, last = model(torch.tensor(ids), torch.tensor(h0))
    h, scores = h0, []
    for t in range(4):
        h = np.tanh(p["E"][ids[t]] @ p["Wxh"] + h @ p["Whh"] + p["bh"])
        scores.append(h @ p["Why"] + p["by"])
    np.testing.assert_allclose(Z.detach().numpy(), scores, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(last.detach().numpy(), h, rtol=1e-4, atol=1e-5)


def test_training_lowers_the_loss_and_carries_the_state():
    from course.bridge import RNNLMTorch, train_torch

    rng = np.random.default_rng(4)
    ids = np.tile(rng.integers(0, 7, 5), 20).reshape(10, 10).T.copy()
    batches = [(ids[:5, :2], ids[1:6, :2]), (ids[5:9, :2], ids[6:10, :2])]
    model = RNNLMTorch(7, 3, 5)
    losses = train_torch(model, batches, 200, 0.3)
    assert len(losses) == 200 and np.mean(losses[-10:]) < 0.5 * losses[0]
    one = RNNLMTorch(7, 3, 5).load(lm_params())
    first, second = train_torch(one, batches, 2, 0.0)
    _, h = one(torch.tensor(batches[0][0]), torch.zeros(2, 5))
    Z2, _ = one(torch.tensor(batches[1][0]), h)
    expected = nn.functional.cross_entropy(Z2.reshape(-1, 7), torch.tensor(batches[1][1]).reshape(-1))
    assert second == pytest.approx(expected.item(), rel=1e-5) and first > 0
    with pytest.raises(InputError, match="no batches"):
        train_torch(model, [], 1, 0.1)


def test_our_relu_inside_their_graph():
    from course.bridge import MyReLU

    z = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(MyReLU.apply, (z,))
    assert torch.equal(MyReLU.apply(z), torch.relu(z))


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: from_torch(nn.Conv1d(1, 1, 1)), InputError, "Conv1d is not known"),
        (
            lambda: from_torch(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))),
            InputError,
            "not BatchNorm1d",
        ),
        (lambda: from_torch(nn.RNN(2, 2, num_layers=2)), InputError, "one layer"),
        (lambda: to_torch({"W": np.ones((2, 3))}, nn.Linear(2, 3)), InputError, r"needs \['W', 'b'\]"),
        (
            lambda: to_torch({"W": np.ones((3, 2)), "b": np.ones(3)}, nn.Linear(2, 3)),
            ShapeError,
            r"W has shape \(3, 2\)",
        ),
    ],
)
def test_what_has_no_counterpart_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_without_pytorch_one_sentence_says_how_to_get_it():
    code = "import sys; sys.modules['torch'] = None\nfrom course import bridge\ntry: bridge.RNNLMTorch\nexcept ImportError as e: print(e)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.startswith("PyTorch is not installed; get it with: pip install"), done.stderr
