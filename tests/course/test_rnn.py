"""Recurrent cells and language models: gradients, truncation, state, training, sampling, checkpoints, bad input."""

from functools import partial

import numpy as np
import pytest

from course import nn, rnn
from course.backprop import numeric_grad
from course.graph import grad
from course.optim import Flat, adam, sgd
from course.rnn import RNNLM
from course.toolbox.errors import FormatError, InputError, ShapeError

T, N, V, D, H = 7, 2, 11, 3, 5
CELLS = ("rnn", "gru", "lstm")


def drawn(cell="rnn", v=V, seed=0):
    rng = np.random.default_rng(seed)
    model = RNNLM(v, D, H, rng, cell)
    for name in model.params:  # biases that are not zero
        model.params[name] = model.params[name] + 0.1 * rng.standard_normal(model.params[name].shape)
    ids = rng.integers(0, v, (T + 1, N))
    return model, ids[:-1], ids[1:], rng.standard_normal(model.zeros(N).shape)


def loss_at(model, name, value, *args, **options):
    old = model.params
    model.params = {**old, name: value}
    loss = model.loss_and_grads(*args, **options)[0]
    model.params = old
    return loss


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("v", [11, 300])  # fewer words than tokens, more, and sorted segments
def test_gradients_of_the_language_model_are_the_numerical_ones(cell, v):
    model, a, b, h0 = drawn(cell, v)
    _, grads, _ = model.loss_and_grads(a, b, h0)
    assert list(grads) == list(model.params)
    for name in [n for n in grads if v == 11 or n in ("E", "by")]:
        if v == 300 and name == "by":
            continue
        numeric = numeric_grad(lambda x, name=name: loss_at(model, name, x, a, b, h0), model.params[name])
        np.testing.assert_allclose(grads[name], numeric, atol=2e-9, err_msg=name)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("k", [1, 2, 3, T, T + 4])
def test_truncation_is_the_sum_of_chunks_whose_state_passes_on(cell, k):
    model, a, b, h = drawn(cell)
    loss, grads, last = model.loss_and_grads(a, b, h, k)
    total, sums = 0.0, {n: 0 for n in grads}
    for i in range(0, T, k):
        part, g, h = model.loss_and_grads(a[i : i + k], b[i : i + k], h)
        share = len(a[i : i + k]) / T
        total += part * share
        sums = {n: sums[n] + g[n] * share for n in sums}
    assert total == pytest.approx(loss)
    np.testing.assert_allclose(last, h, rtol=1e-12)
    for name in grads:
        np.testing.assert_allclose(grads[name], sums[name], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("layer", [nn.RNN, nn.GRU, nn.LSTM])
def test_modules_have_right_gradients(layer):
    rng = np.random.default_rng(4)
    module, X = layer(D, H, rng), rng.standard_normal((4, N, D))
    weights = rng.standard_normal((4, N, H))
    grads = grad((module(X) * weights).sum(), module.parameters())
    for p, g in zip(module.parameters(), grads):
        old = p.array.copy()

        def value(x, p=p):
            p.assign(x)
            return float((module(X) * weights).sum().value)

        np.testing.assert_allclose(g, numeric_grad(value, old), atol=1e-8)
        p.assign(old)


def test_steps_are_the_sequence():
    rng = np.random.default_rng(1)
    X, h = rng.standard_normal((T, N, D)), rng.standard_normal((N, H))
    W = rng.standard_normal((D, H)), rng.standard_normal((H, H)), rng.standard_normal(H)
    states, _ = rnn.rnn_forward(X, h, *W)
    np.testing.assert_array_equal(states[0], h)
    for t in range(T):
        h, _ = rnn.rnn_step_forward(X[t], h, *W)
        np.testing.assert_allclose(states[t + 1], h, rtol=1e-13)


@pytest.mark.parametrize("cell", CELLS)
def test_step_and_logprobs_read_as_training_does(cell):
    model, a, b, h0 = drawn(cell)
    loss, _, last = model.loss_and_grads(a, b, h0)
    logp, end = model.logprobs(a, b, h0)
    assert -logp.mean() == pytest.approx(loss)
    np.testing.assert_allclose(end, last)
    h = h0
    for t in range(T):
        Z, h = model.step(a[t], h)
        p = np.exp(Z) / np.exp(Z).sum(1, keepdims=True)
        np.testing.assert_allclose(np.log(p[np.arange(N), b[t]]), logp[t])
    np.testing.assert_allclose(h, last)


def test_masked_loss_is_the_mean_over_what_is_left():
    rng = np.random.default_rng(2)
    Z, y, mask = (
        rng.standard_normal((3, 2, 5)),
        rng.integers(0, 5, (3, 2)),
        np.array([[1, 0], [1, 1], [0, 0]]),
    )
    loss, dZ = rnn.temporal_softmax_ce(Z, y, mask)
    logp = Z - np.log(np.exp(Z).sum(-1, keepdims=True))
    assert loss == pytest.approx(-np.mean([logp[t, n, y[t, n]] for t, n in ((0, 0), (1, 0), (1, 1))]))
    np.testing.assert_allclose(
        dZ, numeric_grad(lambda z: rnn.temporal_softmax_ce(z, y, mask)[0], Z), atol=1e-9
    )
    loss, dZ = rnn.temporal_softmax_ce(Z, y, np.zeros((3, 2)))
    assert loss == 0 and not dZ.any()
    full = rnn.temporal_softmax_ce(Z, y), rnn.temporal_softmax_ce(Z, y, np.ones((3, 2)))
    assert full[0][0] == pytest.approx(full[1][0])


def test_training_carries_the_state_and_fit_does_the_same():
    ids = np.random.default_rng(3).integers(0, V, 121)
    batches = rnn.batches_of(ids, 2, 10)
    one, two = (RNNLM(V, D, H, np.random.default_rng(0)) for _ in range(2))
    losses = rnn.train(one, batches, partial(adam, lr=0.01), 15, clip=0.5)
    again = rnn.fit(two, batches, Flat(two.params, adam, lr=0.01), 15, clip=0.5)
    np.testing.assert_allclose(losses, again, rtol=1e-9)
    frozen = RNNLM(V, D, H, np.random.default_rng(0))
    still = rnn.train(frozen, batches, partial(sgd, lr=0.0), 6)
    logp, _ = frozen.logprobs(ids[:60].reshape(1, 60).T, ids[1:61].reshape(1, 60).T)
    first = [-logp[i : i + 10].mean() for i in range(0, 60, 10)]
    other, _ = frozen.logprobs(ids[60:120].reshape(1, 60).T, ids[61:121].reshape(1, 60).T)
    second = [-other[i : i + 10].mean() for i in range(0, 60, 10)]
    np.testing.assert_allclose(still, (np.array(first) + second) / 2)


def test_a_cycle_is_learnt_and_sampled_in_float32():
    ids = np.tile(np.arange(5), 200)
    model = RNNLM(5, 4, 16, np.random.default_rng(0))
    losses = rnn.fit(
        model, rnn.batches_of(ids, 4, 20), Flat(model.params, adam, lr=0.02, dtype=np.float32), 150
    )
    assert losses[-1] < 0.05 and model.params["Whh"].dtype == np.float32
    drawn_ids = rnn.sample(model, [0, 1], 8, 0.5, np.random.default_rng(0))
    assert drawn_ids == [2, 3, 4, 0, 1, 2, 3, 4]


def test_samples_follow_the_scores():
    model = RNNLM(3, 2, 2, np.random.default_rng(0))
    model.params = {n: np.zeros_like(a) for n, a in model.params.items()}
    model.params["by"] = np.log([0.5, 0.3, 0.2])
    ids = rnn.sample(model, [0], 4000, 0.5, np.random.default_rng(1))
    np.testing.assert_allclose(np.bincount(ids) / 4000, np.array([25, 9, 4]) / 38, atol=0.03)


def test_checkpoints_come_back_and_broken_ones_are_named(tmp_path, monkeypatch):
    model, path = RNNLM(V, D, H, np.random.default_rng(0)), tmp_path / "model.npz"
    rnn.save_checkpoint(path, model.params)
    back = rnn.load_checkpoint(path)
    assert all(np.array_equal(back[n], a) for n, a in model.params.items())
    with pytest.raises(InputError, match="by holds numbers that are not finite; the last file is kept"):
        rnn.save_checkpoint(path, {"by": np.array([np.nan])})

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            rnn.save_checkpoint(path, {"by": np.zeros(3)})
    assert set(rnn.load_checkpoint(path)) == set(model.params)
    whole = path.read_bytes()
    for text in (b"", b"hello", whole[:200], whole[: len(whole) // 2]):
        path.write_bytes(text)
        with pytest.raises(FormatError, match="is broken or no checkpoint"):
            rnn.load_checkpoint(path)


def test_batches_go_on_where_they_stopped():
    batches = rnn.batches_of(np.arange(25), 2, 4)
    assert len(batches) == 3
    np.testing.assert_array_equal(batches[0][0][:, 0], [0, 1, 2, 3])
    np.testing.assert_array_equal(batches[1][0][:, 0], [4, 5, 6, 7])
    np.testing.assert_array_equal(batches[0][1], batches[0][0] + 1)


MODEL = RNNLM(V, D, H, np.random.default_rng(0))
IDS = np.zeros((T, N), int)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: RNNLM(V, D, H, None, "transformer"), InputError, "cells are rnn, gru, lstm"),
        (lambda: RNNLM(0, D, H, None), InputError, "sizes at least 1"),
        (lambda: MODEL.loss_and_grads(IDS + V, IDS, MODEL.zeros(N)), InputError, "outside 0 … 10"),
        (lambda: MODEL.loss_and_grads(IDS, IDS - 1, MODEL.zeros(N)), InputError, "outside 0 … 10"),
        (lambda: MODEL.loss_and_grads(IDS, IDS[1:], MODEL.zeros(N)), ShapeError, "T|rows"),
        (lambda: MODEL.loss_and_grads(IDS, IDS, MODEL.zeros(N + 1)), ShapeError, "there are 2 sequences"),
        (lambda: MODEL.loss_and_grads(IDS, IDS, MODEL.zeros(N), 0), InputError, "at least 1 step"),
        (lambda: MODEL.loss_and_grads(IDS[:0], IDS[:0], MODEL.zeros(N)), InputError, "the batch is empty"),
        (lambda: rnn.train(MODEL, [], sgd, 3), InputError, "there are no batches"),
        (lambda: rnn.train(MODEL, [(IDS, IDS), (IDS[:, :1], IDS[:, :1])], sgd, 3), InputError, "different numbers"),
        (lambda: rnn.batches_of(np.arange(8), 2, 4), InputError, "9 are needed"),
        (lambda: rnn.sample(MODEL, [], 3, 1.0, np.random.default_rng(0)), InputError, "0 ids"),
        (lambda: rnn.sample(MODEL, [1], 3, 0.0, np.random.default_rng(0)), InputError, "temperature is 0"),
        (lambda: rnn.rnn_forward(np.ones((T, N, D)), np.ones((N, H)), np.ones((H, D)), np.ones((H, H)), np.ones(H)),
         ShapeError, "Wxh.T"),
    ],
)  # fmt: skip
def test_bad_input_gets_a_sentence(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_weights_that_are_not_finite_are_refused():
    model = RNNLM(V, D, H, np.random.default_rng(0))
    model.params["Why"][0, 0] = np.nan
    with pytest.raises(InputError, match="earlier checkpoint"):
        model.loss_and_grads(IDS, IDS, model.zeros(N))
    with pytest.raises(InputError, match="not finite"):
        rnn.sample(model, [1], 3, 1.0, np.random.default_rng(0))
