"""Entries of assignment A01 for neurons, losses and small networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from autograder.checks.entry import Check, Entry, Finding, StudentError, Trial
from autograder.checks.explain import explain_arrays
from autograder.checks.kinds import INSTANCES, courtesy, explained, pure_check, values
from autograder.checks.tape import record
from autograder.checks.values import compare
from course.toolbox.seeds import distinct_primes

__all__ = ["ENTRIES"]

Args = dict[str, Any]
Model = Callable[..., Any]


def _value(model: Model) -> Callable[..., Any]:
    """The right forward as a function."""
    return lambda **args: record(model, args).out


def _positional(model: Model, names: tuple[str, ...]) -> Callable[..., Any]:
    """A trusted function with positional arguments, for callers of a helper that is wrong."""
    return lambda *args: record(model, dict(zip(names, args))).out


# --- samplers ---------------------------------------------------------------------------------------------------------


def _sizes(rng: np.random.Generator, count: int, square: bool) -> tuple[int, ...]:
    return (3,) * count if square else distinct_primes(rng, count, high=11)


def _neuron_args(rng: np.random.Generator, shift: float = 0.0) -> Args:
    D = int(rng.integers(2, 6))
    return {"x": rng.normal(size=D), "w": rng.normal(size=D), "b": float(rng.normal()) + shift}


def _scores(rng: np.random.Generator, square: bool = False, scale: float = 2.0, shift: float = 0.0) -> Args:
    N, C = _sizes(rng, 2, square)
    return {"Z": rng.normal(size=(N, max(C, 3))) * scale + shift}


def _labelled(rng: np.random.Generator, square: bool = False, scale: float = 2.0, shift: float = 0.0) -> Args:
    args = _scores(rng, square, scale, shift)
    return args | {"y": rng.integers(0, args["Z"].shape[1], len(args["Z"]))}


def _binary(rng: np.random.Generator, scale: float = 2.0) -> Args:
    N = distinct_primes(rng, 1, low=5, high=11)[0]
    return {"z": rng.normal(size=N) * scale, "y": rng.integers(0, 2, N)}


def _errors(rng: np.random.Generator, vector: bool = True) -> Args:
    N, D = distinct_primes(rng, 2, high=7)
    shape = (N, D) if vector else (N,)
    return {"Yhat": rng.normal(size=shape), "Y": rng.normal(size=shape)}


def _regression(rng: np.random.Generator) -> Args:
    D = int(rng.integers(1, 4))
    return {"X": rng.normal(size=(11, D)), "y": rng.normal(size=11)}


def _prelu_args(rng: np.random.Generator, square: bool = False) -> Args:
    N, D = _sizes(rng, 2, square)
    Z = rng.normal(size=(N, D))
    return {"Z": Z + 0.05 * np.sign(Z), "alpha": rng.uniform(0.1, 0.9, D)}


def _rbf_args(rng: np.random.Generator, square: bool = False) -> Args:
    N, D, K = _sizes(rng, 3, square)
    return {
        "X": rng.normal(size=(N, D)),
        "C": rng.normal(size=(D, K)),
        "sigma": rng.uniform(0.8, 2.0, K) * np.sqrt(D),
    }


def _maxout_args(rng: np.random.Generator) -> Args:
    N, K, k = distinct_primes(rng, 3, high=5)
    return {"Z": rng.normal(size=(N, K * k)), "k": k}


def _tanh(z: Any) -> Any:
    return np.tanh(z)


def _mlp_args(rng: np.random.Generator, square: bool = False, layers: int = 2) -> Args:
    N, *widths = _sizes(rng, layers + 2, square)
    args: Args = {"X": rng.normal(size=(N, widths[0]))}
    for i in range(layers):
        args[f"W{i + 1}"] = rng.normal(size=(widths[i], widths[i + 1]))
        if not (layers == 3 and i == 2):
            args[f"b{i + 1}"] = rng.normal(size=widths[i + 1])
    return args | {"g": _tanh}


# --- models -----------------------------------------------------------------------------------------------------------


def _neuron(ops: Any, x: Any, w: Any, b: Any) -> Any:
    z = ops.sum(w * x) + b
    return ops.sigmoid(z)


def _prelu(ops: Any, Z: Any, alpha: Any) -> Any:
    return ops.leaky_relu(Z, alpha)


def _rbf(ops: Any, X: Any, C: Any, sigma: Any) -> Any:
    difference = X[:, :, None] - C[None, :, :]
    distance = ops.sum(ops.square(difference), axis=1)
    return ops.exp(-distance / ops.square(sigma))


def _maxout(ops: Any, Z: Any, k: Any) -> Any:
    groups = ops.reshape(Z, (Z.shape[0], -1, k))
    return ops.max(groups, axis=2)


def _softmax(ops: Any, Z: Any) -> Any:
    return ops.softmax(Z, axis=1)


def _log_softmax(ops: Any, Z: Any) -> Any:
    return ops.log_softmax(Z, axis=1)


def _cross_entropy(ops: Any, Z: Any, y: Any) -> Any:
    log_p = ops.log_softmax(Z, axis=1)
    return -ops.mean(ops.pick(log_p, y))


def _bce(ops: Any, z: Any, y: Any) -> Any:
    return ops.mean(ops.softplus((1.0 - 2.0 * y) * z))


def _mse(ops: Any, Yhat: Any, Y: Any) -> Any:
    squares = ops.square(Yhat - Y)
    return ops.mean(squares if len(Yhat.shape) == 1 else ops.sum(squares, axis=1))


def _mlp1_model(ops: Any, X: Any, W1: Any, b1: Any, W2: Any, b2: Any, g: Any) -> Any:
    h = ops.tanh(X @ W1 + b1)
    return h @ W2 + b2


def _mlp2_model(ops: Any, X: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, g: Any) -> Any:
    h1 = ops.tanh(X @ W1 + b1)
    h2 = ops.tanh(h1 @ W2 + b2)
    return h2 @ W3


def _mlp1(X: Any, W1: Any, b1: Any, W2: Any, b2: Any, g: Any) -> Any:
    return g(X @ W1 + b1) @ W2 + b2


def _mlp2(X: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, g: Any) -> Any:
    return g(g(X @ W1 + b1) @ W2 + b2) @ W3


def _least_squares(X: Any, y: Any) -> tuple[Any, float]:
    solution = np.linalg.lstsq(np.column_stack([X, np.ones(len(X))]), y, rcond=None)[0]
    return solution[:-1], float(solution[-1])


# --- checks that the kinds do not have --------------------------------------------------------------------------------


def _slopes_of_prelu(ops: Any, Z: Any, alpha: Any) -> Any:
    return ops.relu(Z) - alpha * ops.relu(-Z)


def _tried_slopes(trial: Trial) -> tuple[Args, Any, dict[str, Any]]:
    """One alpha for each entry: its gradient is then the elementwise derivative."""
    args = _prelu_args(trial.rng)
    got = trial.call("d_prelu", *args.values())
    if not isinstance(got, tuple | list) or len(got) != 2:
        raise StudentError("d_prelu should return (dZ, dalpha).", kind="failed")
    Z = args["Z"]
    wide = {"Z": Z, "alpha": np.broadcast_to(args["alpha"], Z.shape).copy()}
    return wide, np.ones(Z.shape), dict(zip(("Z", "alpha"), got))


def _prelu_slopes(trial: Trial) -> None:
    tried = [_tried_slopes(trial) for _ in range(INSTANCES)]
    args, ones, got = tried[0]
    truth = record(_slopes_of_prelu, args, ("Z", "alpha")).backward(ones)
    for name, want in truth.items():
        if (bad := compare(f"d{name}", got[name], want)) is not None:
            finding = Finding(bad.text, (), bad.evidence, errors=bad.errors)
            if trial.explain:
                lines = trial.subject.trace("d_prelu", (args["Z"], args["alpha"][0]))
                why = partial(
                    explain_arrays, _slopes_of_prelu, ("Z", "alpha"), tried, only=(name,), trace=lines
                )
                finding = explained(finding, courtesy(why))
            trial.fail(finding, aspect=f"d{name}")


def _count_params(trial: Trial) -> None:
    shapes = [tuple(int(n) for n in trial.rng.integers(1, 6, k)) for k in (0, 1, 2, 3)]
    params = {f"p{i}": trial.rng.normal(size=shape) for i, shape in enumerate(shapes)}
    trial.expect_close(
        "the number of parameters",
        trial.call("count_params", params),
        sum(np.size(p) for p in params.values()),
    )


def _extreme(
    points: float, name: str, model: Model, sample: Any, aspect: str, cases: Sequence[Args] = ({},)
) -> Check:
    """Inputs of any size: the result is finite."""
    explaining = {aspect: (model, lambda v: v)}
    return values(
        name, sample, _value(model), {aspect: points}, cases=cases, what=name, models=explaining, draws=1
    )


def _shifted(points: float, name: str, model: Model, sample: Any) -> Check:
    """Scores of any size, and shifted by a constant: the same result, and finite."""
    cases = ({"scale": 1e4}, {"shift": 1e4}, {"shift": -1e4})
    return _extreme(points, name, model, sample, "huge scores", cases)


def _simple(name: str, sample: Any, model: Model, points: float, pure: float = 0.25, **more: Any) -> Check:
    """Values of one function with a tape model."""
    return values(
        name,
        sample,
        _value(model),
        {"values": points},
        pure=pure,
        models={"values": (model, lambda v: v)},
        **more,
    )


def _network(
    name: str, layers: int, reference: Any, model: Model, points: float, pure: float | None
) -> Check:
    """A network with an activation that is passed in (tanh, called back)."""
    sample = partial(_mlp_args, layers=layers)
    explaining = {"values": (model, lambda value: value)}
    return values(name, sample, reference, {"values": points}, pure=pure, models=explaining, square=True)


def _d_prelu(Z: Any, alpha: Any) -> tuple[Any, Any]:
    below = np.asarray(Z) < 0
    return np.where(below, alpha, 1.0), np.where(below, Z, 0.0)


ENTRIES = [
    Entry(
        "neuron",
        (
            _simple("neuron", _neuron_args, _neuron, 1.25),
            # on the side where 1/(1 + e^-z) is right in every library, and e^z/(1 + e^z) is not
            _extreme(0.5, "neuron", _neuron, partial(_neuron_args, shift=1e3), "a large sum"),
        ),
        {"neuron": _positional(_neuron, ("x", "w", "b"))},
    ),
    Entry(
        "prelu",
        (
            _simple("prelu", _prelu_args, _prelu, 1.0, square=True),
            pure_check({"dZ": 0.75, "dalpha": 0.75}, _prelu_slopes, 0.25),
        ),
        {"prelu": _positional(_prelu, ("Z", "alpha")), "d_prelu": _d_prelu},
    ),
    Entry(
        "rbf",
        (_simple("rbf", _rbf_args, _rbf, 2.75, square=True),),
        {"rbf": _positional(_rbf, ("X", "C", "sigma"))},
    ),
    Entry(
        "maxout",
        (_simple("maxout", _maxout_args, _maxout, 2.75, draws=4),),
        {"maxout": _positional(_maxout, ("Z", "k"))},
    ),
    Entry(
        "softmax",
        (
            _simple("softmax", _scores, _softmax, 2.25, square=True),
            _shifted(1.5, "softmax", _softmax, _scores),
        ),
        {"softmax": _positional(_softmax, ("Z",))},
    ),
    Entry(
        "log-softmax",
        (
            _simple("log_softmax", _scores, _log_softmax, 1.5),
            _shifted(1.25, "log_softmax", _log_softmax, _scores),
        ),
        {"log_softmax": _positional(_log_softmax, ("Z",))},
    ),
    Entry(
        "cross-entropy",
        (
            _simple("cross_entropy", _labelled, _cross_entropy, 1.75, square=True),
            _shifted(1.0, "cross_entropy", _cross_entropy, _labelled),
        ),
        {"cross_entropy": _positional(_cross_entropy, ("Z", "y"))},
    ),
    Entry(
        "bce-with-logits",
        (
            _simple("bce_with_logits", _binary, _bce, 1.75),
            _extreme(1.0, "bce_with_logits", _bce, partial(_binary, scale=1e4), "huge scores"),
        ),
        {"bce_with_logits": _positional(_bce, ("z", "y"))},
    ),
    Entry(
        "mse",
        (_simple("mse", _errors, _mse, 1.25, cases=({"vector": True}, {"vector": False})),),
        {"mse": _positional(_mse, ("Yhat", "Y"))},
    ),
    Entry(
        "least-squares",
        (
            values(
                "least_squares",
                _regression,
                _least_squares,
                {"w": 1.0, "b": 0.75},
                pure=0.25,
                part=lambda aspect, result: result[0 if aspect == "w" else 1],
                rtol=1e-7,
            ),
        ),
        {"least_squares": _least_squares},
    ),
    Entry("mlp1", (_network("mlp1", 2, _mlp1, _mlp1_model, 0.75, 0.25),), {"mlp1": _mlp1}),
    Entry("mlp2", (_network("mlp2", 3, _mlp2, _mlp2_model, 0.5, None),), {"mlp2": _mlp2}),
    Entry(
        "count-params",
        (Check({"count": 1.0}, _count_params),),
        {"count_params": lambda params: sum(np.size(p) for p in params.values())},
    ),
]
