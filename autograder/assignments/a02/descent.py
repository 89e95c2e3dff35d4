"""Entry of assignment A02 for sgd_train."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from autograder.checks import misconceptions
from autograder.checks.entry import Entry, Finding, StudentError, Trial
from autograder.checks.kinds import pure_check
from autograder.checks.tape import record
from autograder.checks.values import compare
from course.toolbox.seeds import distinct_primes

from .models import nn

__all__ = ["ENTRIES", "known_slip"]

_NONE: tuple[str, ...] = ()


def known_slip(text: str, ids: tuple[str, ...], evidence: str = "", **more: Any) -> Finding:
    """A finding with the hints of the catalogue."""
    hints = misconceptions.hints(ids, "the result")
    return Finding(text, ids, evidence, hints=hints, **more)


def _loss_and_grads(x: Any, y: Any, alpha: Any, beta: Any) -> tuple[float, Any, Any]:
    tape = record(nn, {"x": x, "y": y, "alpha": alpha, "beta": beta}, ("alpha", "beta"))
    grads = tape.backward(1.0)
    return float(tape.out), grads["alpha"], grads["beta"]


def _mean_loss(X: Any, y: Any, alpha: Any, beta: Any) -> float:
    A = alpha[:, :1] + alpha[:, 1:] @ np.asarray(X, float).T
    b = beta[0] + beta[1:] @ (1.0 / (1.0 + np.exp(-A)))
    return float(np.mean(np.logaddexp(0.0, b) - np.asarray(y) * b))


def _train(
    data: Any,
    data_test: Any,
    alpha: Any,
    beta: Any,
    epochs: int,
    gamma: float,
    *,
    sign: float = -1.0,
    batch: str = "",
    record_at: str = "after",
    scale: str = "mean",
    order: int = 1,
    first: str = "",
    fresh: bool = True,
    peek: bool = False,
    piled: str = "",
    shared: bool = False,
    cut: int = 0,
) -> tuple[Any, Any, np.ndarray, np.ndarray]:
    """The right algorithm; the keywords make it slip in the ways that are recognised below.

    first   what moves before the other one's gradient is taken, with a forward pass of its own if `fresh`
    peek    the examples of the test set are trained on, too
    piled   since when gradients are added up and not set to zero: "ever", "epoch"
    shared  every step is divided by the number of examples;  cut  examples that are left out at the end
    """
    X, y = (np.concatenate(d) if peek else np.asarray(d[0]) for d in zip(data, data_test))
    alpha, beta = np.array(alpha, float), np.array(beta, float)
    curves: tuple[list[float], list[float]] = ([], [])
    steps = [slice(0, len(X))] if batch else [slice(n, n + 1) for n in range(len(X) - cut)][::order]
    gamma = gamma / len(X) if shared else gamma
    total: dict[str, list[Any]] = {"alpha": [], "beta": []}
    for _ in range(epochs):
        before, running = (alpha, beta), []
        total = {"alpha": [], "beta": []} if piled == "epoch" else total
        for step in steps:
            each = [_loss_and_grads(X[n], y[n], alpha, beta) for n in range(len(X))[step]]
            running += [J for J, _, _ in each]
            by = len(each) if batch == "mean" else 1
            move = {"alpha": [g for _, g, _ in each], "beta": [g for _, _, g in each]}
            if first:
                moved = {"alpha": alpha, "beta": beta}
                moved[first] = moved[first] + sign * gamma * sum(move[first]) / by
                other = "beta" if first == "alpha" else "alpha"
                again = [_loss_and_grads(X[n], y[n], **moved) for n in range(len(X))[step]]
                # of an old forward pass only beta enters the gradient of alpha anew, as a factor of its rows
                rows = (moved["beta"] / beta)[1:, None]
                move[other] = (
                    [g[1 if other == "alpha" else 2] for g in again]
                    if fresh
                    else [g * rows for g in move["alpha"]]
                )
            if piled:
                move = total = {name: total[name] + move[name] for name in move}
            alpha = alpha + sign * gamma * sum(move["alpha"]) / by
            beta = beta + sign * gamma * sum(move["beta"]) / by
        at = before if record_at == "before" else (alpha, beta)
        for curve, (inputs, labels) in zip(curves, (data, data_test)):
            J = _mean_loss(inputs, labels, *at)
            curve.append(J * (len(inputs) if scale == "sum" else 1))
        if record_at == "running":
            curves[0][-1] = float(np.mean(running))
    return alpha, beta, np.array(curves[0]), np.array(curves[1])


_Slip = tuple[str, tuple[str, ...], dict[str, Any]]
_SLIPS = "slips of sgd_train"  # in the memory of a run
_TRAINING_SLIPS: tuple[_Slip, ...] = (
    ("The parameters climb: subtract γ times the gradient, do not add it.", ("M01",), {"sign": 1.0}),
    ("All examples are used for one step: take one step after each example.", (), {"batch": "sum"}),
    ("All examples are averaged for one step: take one step after each example.", (), {"batch": "mean"}),
    (
        "alpha is moved before the gradient of beta is computed: compute both gradients, then move both.",
        ("M17",),
        {"first": "alpha"},
    ),
    *(
        (
            "beta is moved before the gradient of alpha is computed: compute both gradients, then move both.",
            ("M17",),
            {"first": "beta", "fresh": fresh},
        )
        for fresh in (True, False)
    ),
    *(
        (
            f"The gradients are added up {since}: take that of the example alone for each step.",
            ("M16",),
            {"piled": piled},
        )
        for piled, since in (("ever", "and never set to zero"), ("epoch", "over an epoch"))
    ),
    (
        "The examples of the test set are trained on, too: they are for measuring only.",
        ("M53",),
        {"peek": True},
    ),
    ("The step is twice what it should be: γ times the gradient.", ("M03",), {"sign": -2.0}),
    ("The step is half of what it should be: γ times the gradient.", ("M03",), {"sign": -0.5}),
    (
        "The step is divided by the number of examples: a step belongs to one example.",
        ("M02",),
        {"shared": True},
    ),
    ("The last example is left out: the loop ends one too early.", ("M34",), {"cut": 1}),
    ("The examples are visited from last to first: take them in the order given.", ("M47",), {"order": -1}),
)
_CURVE_SLIPS: tuple[_Slip, ...] = (
    ("J is measured before the epoch's steps: measure it after them.", (), {"record_at": "before"}),
    (
        "J is averaged while the parameters change: after the epoch, go over the data once more with the new parameters.",
        (),
        {"record_at": "running"},
    ),
    ("J is summed over the examples: divide by their number.", ("M02",), {"scale": "sum"}),
)


def _draw_training(rng: np.random.Generator) -> tuple[Any, ...]:
    N, M, D = distinct_primes(rng, 3, high=7)
    N, n_test = N + 3, N + 1
    X, X_test = rng.normal(size=(N, M)), rng.normal(size=(n_test, M))
    v = rng.normal(size=M)
    data = (X, (X @ v > 0).astype(int))
    test = (X_test, (X_test @ v > 0).astype(int))
    alpha, beta = rng.normal(size=(D, M + 1)), rng.normal(size=D + 1)
    return data, test, alpha, beta, int(rng.integers(3, 6)), float(rng.uniform(0.3, 0.8))


def _slip(trial: Trial, got: Any, train: Callable[..., Any]) -> _Slip | None:
    """The slip that leads to these parameters. What an earlier draw showed is tried first; what it did not, never again.

    Marks of the curves hang on it, so it is looked for whether or not there is time for explanations.
    """
    slips = trial.memory.get(_SLIPS, _TRAINING_SLIPS)
    found = next(
        (s for s in slips if compare("", tuple(got[:2]), train(**s[2])[:2], rtol=1e-9) is None), None
    )
    trial.memory[_SLIPS] = () if found is None else (found, *(s for s in slips if s is not found))
    return found


def _sgd_train(trial: Trial) -> None:
    args = _draw_training(trial.rng)
    got = trial.call("sgd_train", *args)
    if not isinstance(got, tuple | list) or len(got) != 4:
        raise StudentError("sgd_train should return (alpha, beta, J_train, J_test).", kind="failed")
    train: Callable[..., Any] = partial(_train, *args)
    right = train()
    bad = compare("alpha", got[0], right[0], rtol=1e-9) or compare("beta", got[1], right[1], rtol=1e-9)
    ran_as: dict[str, Any] = {}
    if bad is not None:
        text, ids, ran_as = _slip(trial, got, train) or (bad.text, _NONE, {})
        wrong = got[0] if text.startswith("alpha") else got[1]
        line = None if "alpha and beta" in trial.told else trial.line_of("sgd_train", args, wrong)
        trial.fail(known_slip(text, ids, bad.evidence, line=line), aspect="alpha and beta")
    # a curve that is right for the parameters that were reached is not charged again
    reached = train(**ran_as) if ran_as else right
    for i, name in ((2, "J_train"), (3, "J_test")):
        off = compare(name, got[i], reached[i], rtol=1e-9)
        if off is None:
            continue
        text, ids = off.text, _NONE
        for words, names, slip in _CURVE_SLIPS:
            if compare("", got[i], train(**ran_as, **slip)[i], rtol=1e-9) is None:
                text, ids = f"{name}: {words}", names
                break
        line = None if name in trial.told else trial.line_of("sgd_train", args, got[i])
        trial.fail(known_slip(text, ids, off.evidence, line=line), aspect=name)


ENTRIES = [
    Entry(
        "sgd-train",
        (pure_check({"alpha and beta": 1.5, "J_train": 1.0, "J_test": 1.0}, _sgd_train, 0.5),),
        defines={"sgd_train": _train},
        title="Stochastic gradient descent",
    ),
]
