"""One test for every forward/backward pair of the library: the gradient is the derivative, and PyTorch agrees."""

import inspect

import numpy as np
import pytest
from shape_lines import arguments, modules

from course.toolbox.pairs import find_pairs

PAIRS = {
    f"{module.__name__}.{name}": (forward, backward)
    for module in modules()
    for name, forward, backward in find_pairs(module)
}
STEP = 2e-4  # five-point differences: the error is about STEP⁴ · f⁽⁵⁾ / 30, rounding about 1e-16 / STEP
RTOL = 2e-8


def outputs(forward, backward, args):
    """(list of differentiable results, cache, the result as a whole) of one forward pass."""
    names = list(inspect.signature(backward).parameters)
    result = forward(*args)
    if "cache" not in names:
        return [result], None, result
    *outs, cache = result
    return outs, cache, outs[0]


def run_backward(backward, douts, args, names, cache, out):
    """Backward with what its signature asks for, as a list of gradients in the order of forward's arguments."""
    known = {**dict(zip(names, args)), "cache": cache, "out": out}
    wanted = list(inspect.signature(backward).parameters)[len(douts) :]
    result = backward(*douts, *(known[n] for n in wanted if n != "need"))
    if isinstance(result, dict):  # gradients of a dict of parameters
        return [result if isinstance(a, dict) else None for a in args]
    grads = list(result) if isinstance(result, tuple | list) else [result]
    return grads + [None] * (len(args) - len(grads))


def moved(args, directions, t):
    return [
        {k: v + t * d[k] for k, v in a.items()} if isinstance(a, dict) else a if d is None else a + t * d
        for a, d in zip(args, directions)
    ]


def direction(rng, arg, grad):
    if grad is None:
        return None
    if isinstance(arg, dict):
        return {k: rng.standard_normal(v.shape) for k, v in arg.items()}
    return rng.standard_normal(np.shape(arg))


def dot(a, b):
    if isinstance(a, dict):
        return sum(np.vdot(a[k], b[k]) for k in a)
    return np.vdot(a, b)


def derivative(forward, backward, args, directions, douts):
    """d/dt of Σ dout · output at args + t · directions, by a five-point difference."""

    def value(t):
        outs, _, _ = outputs(forward, backward, moved(args, directions, t))
        return sum(dot(d, o) for d, o in zip(douts, outs))

    return (8 * (value(STEP) - value(-STEP)) - (value(2 * STEP) - value(-2 * STEP))) / (12 * STEP)


@pytest.mark.parametrize("name", PAIRS)
def test_gradient_is_the_derivative_along_a_random_direction(name):
    forward, backward = PAIRS[name]
    rng = np.random.default_rng(7)
    for _ in range(3):
        args, _, _ = arguments(forward, rng)
        kept = [np.copy(a) if isinstance(a, np.ndarray) else a for a in args]
        names = list(inspect.signature(forward).parameters)
        outs, cache, out = outputs(forward, backward, args)
        douts = [rng.standard_normal(np.shape(o)) for o in outs]
        grads = run_backward(backward, douts, args, names, cache, out)
        for arg, old, grad in zip(args, kept, grads):
            if isinstance(arg, np.ndarray):
                assert np.array_equal(arg, old), "an argument was changed"
                assert grad is None or np.shape(grad) == arg.shape
        for i, grad in enumerate(grads):
            if grad is None:
                assert not (isinstance(args[i], np.ndarray) and args[i].dtype.kind == "f") or i in constants(
                    name
                )
                continue
            only = [direction(rng, a, g) if j == i else None for j, (a, g) in enumerate(zip(args, grads))]
            slope = derivative(forward, backward, args, only, douts)
            scale = max(abs(slope), 1.0)
            assert abs(slope - dot(grad, only[i])) <= RTOL * scale, f"gradient number {i}"


def constants(name):
    """Places of float arguments that have no gradient on purpose."""
    return {"course.backprop.mlp": {0}}.get(name, set())


def test_pairs_are_found():
    assert {
        "course.neurons.relu",
        "course.losses.softmax",
        "course.backprop.affine",
        "course.backprop.mlp",
    } <= set(PAIRS)


@pytest.mark.parametrize("name", PAIRS)
def test_zero_upstream_gives_zero(name):
    forward, backward = PAIRS[name]
    args, _, _ = arguments(forward, np.random.default_rng(1))
    outs, cache, out = outputs(forward, backward, args)
    names = list(inspect.signature(forward).parameters)
    for grad in run_backward(backward, [np.zeros(np.shape(o)) for o in outs], args, names, cache, out):
        for g in grad.values() if isinstance(grad, dict) else [grad]:
            assert g is None or not np.any(g)


def torch_functions():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    return torch, {
        "sigmoid": torch.sigmoid, "tanh": torch.tanh, "hardtanh": F.hardtanh, "relu": torch.relu,
        "leaky_relu": F.leaky_relu, "softplus": lambda z: -F.logsigmoid(-z), "abs_rect": torch.abs,
        "prelu": F.prelu, "maxout": lambda Z, k: Z.reshape(len(Z), -1, k).max(dim=2).values,
        "rbf": lambda X, C, s: torch.exp(-((X[:, :, None] - C) ** 2).sum(1) / s**2),
        "softmax": lambda Z: F.softmax(Z, 1), "log_softmax": lambda Z: F.log_softmax(Z, 1),
        "cross_entropy": F.cross_entropy, "mse": lambda a, b: ((a - b) ** 2).sum() / len(a),
        "bce_with_logits": lambda z, y: F.binary_cross_entropy_with_logits(z, y.double()),
        "affine": lambda X, W, b: F.linear(X, W.T, b), "act": lambda Z, name: getattr(torch, name)(Z),
        "mlp": lambda X, p: torch.tanh(X @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"],
    }  # fmt: skip


def test_values_and_gradients_agree_with_pytorch():
    torch, functions = torch_functions()
    tensor = lambda a: torch.tensor(a, requires_grad=a.dtype.kind == "f") if isinstance(a, np.ndarray) else a
    mine = {
        n.rsplit(".", 1)[1]: p
        for n, p in PAIRS.items()
        if n.split(".")[1] in ("neurons", "losses", "backprop")
    }
    assert set(mine) == set(functions)
    for name, (forward, backward) in mine.items():
        rng = np.random.default_rng(3)
        args, _, _ = arguments(forward, rng)
        theirs = [{k: tensor(v) for k, v in a.items()} if isinstance(a, dict) else tensor(a) for a in args]
        _, cache, out = outputs(forward, backward, args)
        their_out = functions[name](*theirs)
        np.testing.assert_allclose(out, their_out.detach().numpy(), rtol=1e-12, atol=1e-13, err_msg=name)
        dout = rng.standard_normal(np.shape(out))
        their_out.backward(torch.tensor(dout))
        grads = run_backward(backward, [dout], args, list(inspect.signature(forward).parameters), cache, out)
        for grad, arg in zip(grads, theirs):
            for g, t in [(grad[k], arg[k]) for k in grad] if isinstance(grad, dict) else [(grad, arg)]:
                if g is not None:
                    np.testing.assert_allclose(g, t.grad.numpy(), rtol=1e-10, atol=1e-12, err_msg=name)
