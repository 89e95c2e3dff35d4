"""PyTorch as a second opinion, in float64: every pair of the library, layers over sequences, losses, optimisers."""

import copy

import numpy as np
import pytest
from shape_lines import arguments
from test_optim import RULES
from test_pairs import PAIRS, outputs, run_backward, tree

from course import nn as ours
from course.backprop import softmax_ce
from course.bridge import to_torch
from course.graph import grad
from course.optim import Flat, clip_by_global_norm
from course.regularize import batchnorm_backward, batchnorm_forward, dropout_backward, dropout_forward
from course.rnn import RNNLM, temporal_softmax_ce
from course.seq2seq import birnn_backward, birnn_forward, encoder_backward, encoder_forward

torch = pytest.importorskip("torch")
F = torch.nn.functional
TOLERANCE = {"rtol": 1e-9, "atol": 1e-11}  # sums of a few hundred float64 numbers in another order


def zeros(a):
    return torch.zeros(a.shape[-1], dtype=a.dtype)


def sequence(X, h0, Wx, Wh, b):
    """All states of Elman's network, the first one included."""
    H, _ = torch.rnn_tanh(X, h0[None], [Wx.T, Wh.T, b, zeros(b)], True, 1, 0.0, False, False, False)
    return torch.cat([h0[None], H])


def masked(X, mask, h0, Wx, Wh, b):
    """States of Elman's network, which stay as they are where the mask is 0."""
    h, states = h0, []
    for x, m in zip(X, mask):
        h = torch.where(m[:, None] != 0, torch.rnn_tanh_cell(x, h, Wx.T, Wh.T, b, zeros(b)), h)
        states.append(h)
    return torch.stack(states)


def both_ways(X, mask, fwd, bwd):
    there, back = masked(X, mask, *fwd), masked(X.flip(0), mask.flip(0), *bwd).flip(0)
    return torch.cat([there, back], dim=2) * mask[..., None]


def encoder(src, mask, p):
    h0 = torch.zeros(src.shape[1], p["bh"].shape[0], dtype=torch.float64)
    return masked(F.embedding(src, p["E"]), mask, h0, p["Wxh"], p["Whh"], p["bh"])[-1]


def decoder(context, y_in, p):
    inputs = F.embedding(y_in, p["E"]) @ p["Wxh"] + context @ p["Wch"]
    eye = torch.eye(inputs.shape[2], dtype=torch.float64)
    return sequence(inputs, context, eye, p["Whh"], p["bh"])[1:] @ p["Why"] + p["by"]


def dropped(X, p, rng):
    """Dropout with the mask that this generator draws."""
    return X * torch.tensor(copy.deepcopy(rng).random(X.shape) >= p) / (1 - p)


COUNTERPARTS = {
    # neurons, losses, backprop
    "abs_rect": torch.abs, "hardtanh": F.hardtanh, "leaky_relu": F.leaky_relu, "relu": torch.relu,
    "rbf": lambda X, C, s: torch.exp(-torch.cdist(X, C.T) ** 2 / s**2), "sigmoid": torch.sigmoid,
    "softplus": lambda z: -F.logsigmoid(-z), "tanh": torch.tanh, "act": lambda Z, name: getattr(torch, name)(Z),
    "affine": lambda X, W, b: F.linear(X, W.T, b), "cross_entropy": F.cross_entropy, "softmax_ce": F.cross_entropy,
    "bce_with_logits": lambda z, y: F.binary_cross_entropy_with_logits(z, y.double()),
    "log_softmax": lambda Z: F.log_softmax(Z, 1), "softmax": lambda Z: F.softmax(Z, 1),
    "mlp": lambda X, p: torch.tanh(X @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"],
    "mse": lambda a, b: F.mse_loss(a, b, reduction="sum") / len(a),
    # graph
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "exp": torch.exp, "expm1": torch.expm1,
    "log": torch.log, "matmul": torch.matmul, "maximum": torch.maximum, "power": torch.pow, "where": lambda c, x, y: torch.where(c != 0, x, y),
    "max": torch.amax, "sum": torch.sum, "broadcast": torch.broadcast_to, "reshape": torch.reshape, "transpose": torch.t,
    "concat": torch.cat, "stack": torch.stack, "unstack": lambda x: torch.stack(torch.unbind(x)),
    "getitem": lambda x, index: x[index], "split": lambda x, at, axis, part: torch.tensor_split(x, [at], axis)[part],
    "scatter": lambda z, index, shape: torch.zeros(shape, dtype=z.dtype).index_add(0, index, z),
    "pick": lambda Z, ids: Z.gather(1, ids[:, None])[:, 0], "prelu": F.prelu,
    "maxout": lambda Z, k: F.max_pool1d(Z[:, None], k)[:, 0],
    # regularize, embeddings
    "batchnorm": lambda X, g, b, state: F.batch_norm(X, None, None, g, b, training=True), "dropout": dropped,
    "embedding": lambda E, ids, V: F.embedding(ids, E).reshape(len(ids), -1),
    "lowrank": lambda X, U, V, b: F.linear(F.linear(X, U.T), V.T, b),
    # rnn
    "rnn": sequence, "rnn_step": lambda x, h, Wx, Wh, b: torch.rnn_tanh_cell(x, h, Wx.T, Wh.T, b, zeros(b)),
    "gru_step": lambda x, h, Wx, Wh, bx, bh: torch.gru_cell(x, h, Wx.T, Wh.T, bx, bh),
    "lstm_step": lambda x, h, c, Wx, Wh, b: torch.lstm_cell(x, (h, c), Wx.T, Wh.T, b, zeros(b)),
    # seq2seq, conv
    "_birnn_graph": both_ways, "encoder": encoder, "_decoder_graph": decoder, "conv1d": F.conv1d, "conv2d": F.conv2d,
    "maxpool1d": F.max_pool1d, "maxpool2d": F.max_pool2d,
}  # fmt: skip


def tensors(thing):
    """The argument for PyTorch: arrays become tensors, those of floats with a gradient."""
    if isinstance(thing, dict):
        return {k: tensors(v) for k, v in thing.items()}
    if isinstance(thing, tuple) and any(isinstance(v, np.ndarray) for v in thing):
        return tuple(map(tensors, thing))
    return (
        torch.tensor(thing, requires_grad=thing.dtype.kind == "f") if isinstance(thing, np.ndarray) else thing
    )


def assert_agree(mine, theirs, what):
    np.testing.assert_allclose(mine, theirs.detach().numpy(), **TOLERANCE, err_msg=what)


def test_every_pair_has_its_counterpart():
    names = {name.rsplit(".", 1)[1] for name in PAIRS}
    assert len(names) == len(PAIRS), "two pairs have one name"
    assert names <= set(COUNTERPARTS), f"without counterpart: {sorted(names - set(COUNTERPARTS))}"


@pytest.mark.parametrize("name", PAIRS)
def test_values_and_gradients_of_pairs(name):
    forward, backward = PAIRS[name]
    rng = np.random.default_rng(3)
    args, _, _ = arguments(forward, rng)
    theirs = [tensors(a) for a in args]
    outs, cache, out = outputs(forward, backward, args)
    their_outs = COUNTERPARTS[name.rsplit(".", 1)[1]](*theirs)
    their_outs = their_outs if isinstance(their_outs, tuple) else (their_outs,)
    douts = [rng.standard_normal(np.shape(o)) for o in outs]
    for mine, other in zip(outs, their_outs, strict=True):
        assert_agree(mine, other, "value")
    torch.autograd.backward(their_outs, [torch.tensor(d) for d in douts])
    compared = 0
    for i, (mine, other) in enumerate(zip(run_backward(forward, backward, douts, args, cache, out), theirs)):
        if mine is not None:
            tree(lambda g, t, i=i: assert_agree(g, t.grad, f"gradient number {i}"), mine, other)
            compared += 1
    assert compared


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_recurrent_modules_over_a_sequence(kind):
    rng = np.random.default_rng(5)
    mine, theirs = getattr(ours, kind)(3, 5, rng), getattr(torch.nn, kind)(3, 5, dtype=torch.float64)
    for p in mine.parameters():
        p.assign(rng.standard_normal(p.shape))
    to_torch({name: p.array for name, p in mine.named_parameters().items()}, theirs)
    X, dY = rng.standard_normal((7, 2, 3)), rng.standard_normal((7, 2, 5))
    states, _ = theirs(torch.tensor(X))
    states.backward(torch.tensor(dY))
    Y = mine(X)
    assert_agree(Y.value, states, "states")
    grads = grad((Y * dY).sum(), mine.parameters())
    others = [
        theirs.weight_ih_l0.grad.T,
        theirs.weight_hh_l0.grad.T,
        theirs.bias_ih_l0.grad,
        theirs.bias_hh_l0.grad,
    ]
    assert len(grads) >= 3
    for g, other in zip(grads, others):
        assert_agree(g, other, kind)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_language_models(cell):
    T, N, V, D, H = 7, 2, 11, 3, 5
    rng = np.random.default_rng(0)
    model = RNNLM(V, D, H, rng, cell)
    model.params = p = {k: a + 0.1 * rng.standard_normal(a.shape) for k, a in model.params.items()}
    ids, h0 = rng.integers(0, V, (T + 1, N)), rng.standard_normal(model.zeros(N).shape)
    core = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[cell](D, H, dtype=torch.float64)
    names = [n for n in p if n not in ("E", "Why", "by")]
    to_torch({n: p[n] for n in names}, core)
    E, W, c = (torch.tensor(p[n], requires_grad=True) for n in ("E", "Why", "by"))
    start = torch.tensor(h0)[None]
    start = (start[..., :H].contiguous(), start[..., H:].contiguous()) if cell == "lstm" else start
    states, _ = core(E[torch.tensor(ids[:-1])], start)
    loss = F.cross_entropy((states @ W + c).reshape(-1, V), torch.tensor(ids[1:]).reshape(-1))
    loss.backward()
    mine, grads, _ = model.loss_and_grads(ids[:-1], ids[1:], h0)
    assert mine == pytest.approx(loss.item(), rel=1e-12)
    theirs = {"E": E.grad, "Why": W.grad, "by": c.grad, names[0]: core.weight_ih_l0.grad.T,
              names[1]: core.weight_hh_l0.grad.T, names[2]: core.bias_ih_l0.grad, names[-1]: core.bias_hh_l0.grad}  # fmt: skip
    assert set(grads) == set(theirs)
    for name, g in grads.items():
        assert_agree(g, theirs[name], name)


def test_padded_sequences_are_packed_sequences():
    """PyTorch's own way to leave out padding, which knows nothing of masks."""
    T, N, D, H = 6, 3, 2, 4
    rng, lengths = np.random.default_rng(6), np.array([6, 4, 1])
    X, mask = rng.standard_normal((T, N, D)), (np.arange(T)[:, None] < lengths).astype(int)
    layers = [tuple(rng.standard_normal(s) for s in ((N, H), (D, H), (H, H), (H,))) for _ in range(2)]
    theirs = torch.nn.RNN(D, H, bidirectional=True, dtype=torch.float64)
    with torch.no_grad():
        for suffix, (_, Wx, Wh, b) in zip(("l0", "l0_reverse"), layers):
            for name, value in (("weight_ih", Wx.T), ("weight_hh", Wh.T), ("bias_ih", b), ("bias_hh", 0 * b)):
                getattr(theirs, f"{name}_{suffix}").copy_(torch.tensor(value))
    x = torch.tensor(X, requires_grad=True)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths))
    out, _ = theirs(packed, torch.tensor(np.stack([layer[0] for layer in layers])))
    out, _ = torch.nn.utils.rnn.pad_packed_sequence(out)
    Y, cache = birnn_forward(X, mask, *layers)
    assert_agree(Y, out, "states")
    dY = rng.standard_normal(Y.shape)
    out.backward(torch.tensor(dY))
    dX, *sides = birnn_backward(dY, cache)
    assert_agree(dX, x.grad, "inputs")
    for suffix, (_, dWxh, dWhh, dbh) in zip(("l0", "l0_reverse"), sides):
        assert_agree(dWxh.T, getattr(theirs, f"weight_ih_{suffix}").grad, f"dWxh {suffix}")
        assert_agree(dWhh.T, getattr(theirs, f"weight_hh_{suffix}").grad, f"dWhh {suffix}")
        assert_agree(dbh, getattr(theirs, f"bias_ih_{suffix}").grad, f"dbh {suffix}")

    params = {"E": rng.standard_normal((9, D)), **dict(zip(("Wxh", "Whh", "bh"), layers[0][1:]))}
    src = rng.integers(3, 9, (T, N)) * mask
    context, cache = encoder_forward(src, mask, params)
    one, table = torch.nn.RNN(D, H, dtype=torch.float64), torch.tensor(params["E"], requires_grad=True)
    to_torch({k: params[k] for k in ("Wxh", "Whh", "bh")}, one)
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        F.embedding(torch.tensor(src), table), torch.tensor(lengths)
    )
    last = one(packed)[1][0]
    assert_agree(context, last, "context")
    last.backward(torch.ones_like(last))
    grads = encoder_backward(np.ones_like(context), cache)
    assert_agree(grads["E"], table.grad, "dE")
    assert_agree(grads["Whh"].T, one.weight_hh_l0.grad, "dWhh")


def test_masked_cross_entropy_is_that_with_ignored_labels():
    rng = np.random.default_rng(7)
    Z, y, mask = rng.standard_normal((4, 3, 5)), rng.integers(0, 5, (4, 3)), rng.integers(0, 2, (4, 3))
    z = torch.tensor(Z, requires_grad=True)
    labels = torch.tensor(np.where(mask, y, -100)).reshape(-1)
    loss = F.cross_entropy(z.reshape(-1, 5), labels, ignore_index=-100)
    loss.backward()
    mine, dZ = temporal_softmax_ce(Z, y, mask)
    assert mine == pytest.approx(loss.item(), rel=1e-12)
    assert_agree(dZ, z.grad, "dZ")
    mine, dZ = softmax_ce(Z[0], y[0])
    z = torch.tensor(Z[0], requires_grad=True)
    F.cross_entropy(z, torch.tensor(y[0])).backward()
    assert_agree(dZ, z.grad, "dZ")


def test_dropout_goes_back_through_the_mask_that_it_drew():
    X, dY = np.random.default_rng(8).standard_normal((2, 5, 7))
    Y, cache = dropout_forward(X, 0.3, np.random.default_rng(9))
    kept = torch.tensor(Y != 0)
    assert_agree(
        dropout_backward(dY, cache),
        torch.ops.aten.native_dropout_backward(torch.tensor(dY), kept, 1 / 0.7),
        "dX",
    )
    assert_agree(Y, torch.tensor(X) * kept / 0.7, "Y")


@pytest.mark.parametrize("N", [2, 11])
@pytest.mark.parametrize("train", [True, False])
def test_batchnorm_and_its_running_statistics(N, train):
    rng = np.random.default_rng(10)
    X, gamma, beta, dY = (
        rng.standard_normal((N, 4)),
        *rng.standard_normal((2, 4)),
        rng.standard_normal((N, 4)),
    )
    state = {"mean": rng.standard_normal(4), "var": rng.random(4) + 0.5}
    theirs = torch.nn.BatchNorm1d(4, dtype=torch.float64).train(train)
    to_torch({"gamma": gamma, "beta": beta, **state}, theirs)
    x = torch.tensor(X, requires_grad=True)
    out = theirs(x)
    Y, cache, new = batchnorm_forward(X, gamma, beta, state, train=train)
    assert_agree(Y, out, "Y")
    out.backward(torch.tensor(dY))
    for mine, other in zip(batchnorm_backward(dY, cache), (x.grad, theirs.weight.grad, theirs.bias.grad)):
        assert_agree(mine, other, "gradient")
    assert_agree(new["mean"], theirs.running_mean, "mean")
    # theirs moves towards the unbiased variance of the batch, ours towards the biased one
    moved = theirs.running_var - 0.9 * torch.tensor(state["var"])
    assert_agree(
        new["var"],
        0.9 * torch.tensor(state["var"]) + moved * (N - 1) / N if train else theirs.running_var,
        "var",
    )


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("flat", [False, True])
def test_twenty_steps_of_optimisers_with_clipping(name, flat):
    rule, options, theirs, their_options = RULES[name]
    rng = np.random.default_rng(11)
    params = {"W": rng.standard_normal((5, 3)), "b": rng.standard_normal(3)}
    others = {k: torch.nn.Parameter(torch.tensor(p)) for k, p in params.items()}
    optimizer = getattr(torch.optim, theirs)(others.values(), lr=0.03, **their_options)
    buffer, state = Flat(params, rule, lr=0.03, **options), {}
    for _ in range(20):
        grads = {k: rng.standard_normal(p.shape) * 10 ** rng.uniform(-3, 1) for k, p in params.items()}
        for k, tensor in others.items():
            tensor.grad = torch.tensor(grads[k])
        their_norm = torch.nn.utils.clip_grad_norm_(others.values(), 5.0)
        clipped, norm = clip_by_global_norm(grads, 5.0)
        assert norm == pytest.approx(their_norm.item(), rel=1e-12)
        for k, tensor in others.items():  # PyTorch's clipping divides by the norm + 1e-6
            np.testing.assert_allclose(clipped[k], tensor.grad.numpy(), rtol=1e-6)
            tensor.grad = torch.tensor(clipped[k])
        optimizer.step()
        if flat:
            buffer.step(grads, clip=5.0)
            params = buffer.params
        else:
            params, state = rule(params, clipped, state, 0.03, **options)
    for k, tensor in others.items():
        assert_agree(params[k], tensor, k)
