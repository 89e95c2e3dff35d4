"""Entries of assignment A04 for penalties, dropout and batch normalisation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from autograder.checks import misconceptions
from autograder.checks.entry import Check, Entry, Finding, StudentError, Trial
from autograder.checks.explain import explain_forward
from autograder.checks.kinds import INSTANCES, courtesy, explained, pure_check
from autograder.checks.pairs import Pair, edges, gradients, tape_pair
from autograder.checks.rules import explain_dropout
from autograder.checks.rules.regularisers import right_batchnorm, right_penalty
from autograder.checks.rules.slips import explain_slips
from autograder.checks.values import as_array, compare
from course.toolbox.seeds import distinct_primes

__all__ = ["ENTRIES"]

Args = dict[str, Any]


def _parts(got: Any, count: int, names: str) -> tuple[Any, ...]:
    if not isinstance(got, tuple | list) or len(got) != count:
        raise StudentError(f"{names} should be returned.", kind="failed")
    return tuple(got)


# --- penalty ----------------------------------------------------------------------------------------------------------


def _draw_penalty(rng: np.random.Generator) -> Args:
    n, d = distinct_primes(rng, 2, high=7)
    shapes = {"W1": (n, d), "b1": (d,), "W2": (d, 2), "gain": (2,)}
    params = {k: rng.uniform(0.2, 2.0, s) * rng.choice([-1.0, 1.0], s) for k, s in shapes.items()}
    return {"params": params, "l1": float(rng.uniform(0.1, 1)), "l2": float(rng.uniform(0.1, 1))}


def _penalty(trial: Trial) -> None:
    instances = [_draw_penalty(trial.rng) for _ in range(INSTANCES)]
    ask = lambda args: _parts(trial.call("penalty", **args), 2, "penalty: (value, grads)")
    got = [ask(instances[0])]
    want = right_penalty(**instances[0])
    gaps = [compare(what, g, w) for what, g, w in zip(("The value", "The gradients"), got[0], want)]
    if any(gaps):
        why = None
        if trial.explain:
            got += [ask(args) for args in instances[1:]]
            why = courtesy(lambda: explain_slips("penalty", list(zip(instances, got)), what="the penalty"))
        line = None
        if gaps[1] is not None and isinstance(got[0][1], Mapping):
            wrong = [
                g for k, g in got[0][1].items() if k in want[1] and compare("", g, want[1][k]) is not None
            ]
            line = trial.line_of("penalty", tuple(instances[0].values()), wrong[0]) if wrong else None
        for k, (aspect, gap) in enumerate(zip(("value", "gradients"), gaps)):
            if gap is not None:
                finding = explained(Finding(gap.text, (), gap.evidence), why)
                trial.fail(replace(finding, line=line if k else None), aspect=aspect)


# --- dropout ----------------------------------------------------------------------------------------------------------

SHAPE = (100, 60)
MASK, EVALUATION, ENDS = "mask and scale", "evaluation", "p = 0 and p = 1"


def _fresh(trial: Trial) -> np.random.Generator:
    return np.random.default_rng(int(trial.rng.integers(2**32)))


def _away_from_zero(rng: np.random.Generator, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return rng.uniform(0.5, 2.0, shape) * rng.choice([-1.0, 1.0], shape)


def _dropped(trial: Trial, X: Any, p: float, rng: Any, train: bool = True) -> tuple[Any, Any]:
    return _parts(trial.call("dropout_forward", X, p, rng, train), 2, "dropout_forward: (Y, cache)")


def _slip(text: str, evidence: str = "") -> Finding:
    return Finding(text, ("M27",), evidence, hints=misconceptions.get("M27").hint(q="Y"))


def _is_dropout(X: np.ndarray, p: float, Y: np.ndarray) -> bool:
    """Kept entries are X/(1 - p), the share of zeros is p within 6 standard deviations, entries are independent.

    Shares of single rows and columns lie within 7.5 of theirs: with 160 of them the chance of a false alarm is below 1e-7.
    """
    kept = Y != 0
    if compare("", Y[kept], X[kept] / (1 - p)) is not None:
        return False
    spread = math.sqrt(p * (1 - p))
    near = abs(kept.mean() - (1 - p)) < 6 * spread / math.sqrt(X.size)
    rows = np.abs(kept.mean(axis=1) - (1 - p)) < 7.5 * spread / math.sqrt(X.shape[1])
    columns = np.abs(kept.mean(axis=0) - (1 - p)) < 7.5 * spread / math.sqrt(X.shape[0])
    return bool(near and rows.all() and columns.all())


def _dropout_forward(trial: Trial) -> None:
    X, p = _away_from_zero(trial.rng), float(trial.rng.uniform(0.25, 0.4))
    seed = int(trial.rng.integers(2**32))
    trained = [as_array(_dropped(trial, X, p, np.random.default_rng(k))[0]) for k in (seed, seed + 1, seed)]
    if any(Y is None or Y.shape != X.shape for Y in trained):
        trial.expect_close("Y", trained[0], X, aspect=MASK)
        return
    one, two, again = (np.asarray(Y) for Y in trained)
    if not (_is_dropout(X, p, one) and _is_dropout(X, p, two)) or np.array_equal(one != 0, two != 0):
        why = courtesy(lambda: explain_dropout(X, p, [one, two], X)) if trial.explain else None
        trial.fail(
            explained(_slip("Y is not the input with entries dropped and the others scaled."), why),
            aspect=MASK,
        )
    elif not np.array_equal(one, again):
        text = "The same generator gives two different masks: draw the mask from the rng that is passed."
        trial.fail(text, aspect=MASK)


def _evaluation(trial: Trial) -> None:
    X, p = _away_from_zero(trial.rng), float(trial.rng.uniform(0.25, 0.4))
    Y = _dropped(trial, X, p, _fresh(trial), False)[0]
    if (gap := compare("With train=False Y", Y, X)) is not None:
        array = as_array(Y)
        usable = array is not None and array.shape == X.shape and trial.explain
        why = courtesy(lambda: explain_dropout(X, p, [X], array)) if usable else None
        trial.fail(explained(_slip(gap.text, gap.evidence), why), aspect=EVALUATION)
        trial.fail("Not looked at as long as Y is wrong.", aspect="rng untouched")
        return
    try:
        _dropped(trial, X, p, None, False)
    except StudentError as error:
        text = f"With train=False nothing is drawn, so rng is not touched, and None is as good: {error.text}"
        trial.fail(Finding(text, ("M27",), line=error.line), aspect="rng untouched")


def _ends(trial: Trial) -> None:
    X = _away_from_zero(trial.rng, (7, 5))
    for p, want in ((0.0, X), (1.0, np.zeros_like(X))):
        gap = compare(f"With p = {p:g} Y", _dropped(trial, X, p, _fresh(trial))[0], want)
        if gap is not None:
            trial.fail(_slip(gap.text, gap.evidence))
            return


def _dropout_backward(train: bool) -> Callable[[Trial], None]:
    """dX = dY · Y/X: right for the mask and the scale that the student's own forward used."""

    def run(trial: Trial) -> None:
        X, p = _away_from_zero(trial.rng), float(trial.rng.uniform(0.25, 0.4))
        written = len(trial.mutated)
        try:
            Y, cache = _dropped(trial, X, p, _fresh(trial), train)
            _dropped(trial, X, p, _fresh(trial), train)  # a mask in a global variable is another one by now
        except StudentError as error:
            text = f"dropout_backward could not be tried, since {error.text} Mend dropout_forward first."
            raise StudentError(text, kind="not_run", line=error.line) from None
        del trial.mutated[written:]
        own, dY = as_array(Y), _away_from_zero(trial.rng)
        if own is None or own.shape != X.shape:
            raise StudentError(
                "dropout_backward could not be tried: Y has not the shape of X. Mend dropout_forward first.",
                kind="not_run",
            )
        dX = trial.call("dropout_backward", dY, cache)
        truths = [dY * own / X, dY * (own != 0) / (1 - p) if train else dY]
        gaps = [compare("dX", dX, truth) for truth in truths]
        if all(gap is not None for gap in gaps) and gaps[0] is not None:
            fits = as_array(dX) is not None and trial.explain and train
            why = courtesy(lambda: explain_dropout(X, p, [own], X, [(own, dY, dX)])) if fits else None
            trial.fail(explained(_slip(gaps[0].text, gaps[0].evidence), why))

    return run


def _right_dropout(X: Any, p: float, rng: Any, train: bool = True) -> tuple[Any, Any]:
    if not train:
        return X, 1.0
    scale = (rng.random(np.shape(X)) >= p) / (1 - p) if p < 1 else np.zeros(np.shape(X))
    return X * scale, scale


# --- batch normalisation ----------------------------------------------------------------------------------------------


def _draw_batch(rng: np.random.Generator, train: bool = True, N: int | None = None) -> Args:
    n, d = distinct_primes(rng, 2, low=3, high=11)
    n = n if N is None else N
    return {
        "X": rng.normal(size=(n, d)) * rng.uniform(0.5, 3.0, d) + 1.0,
        "gamma": rng.uniform(0.5, 2.0, d),
        "beta": rng.normal(size=d),
        "state": {"mean": rng.normal(size=d), "var": rng.uniform(0.5, 2.0, d)},
        "train": train,
        "eps": float(rng.uniform(1e-3, 1e-2)),
        "momentum": float(rng.uniform(0.6, 0.95)),
    }


def _batchnorm_model(
    ops: Any,
    X: Any,
    gamma: Any,
    beta: Any,
    state: Any,
    train: bool = True,
    eps: float = 1e-5,
    momentum: float = 0.9,
) -> Any:
    """Y = γ (X - μ)/√(σ² + ε) + β."""
    if not train:
        return gamma * ((X - state["mean"]) / np.sqrt(state["var"] + eps)) + beta
    mu = ops.mean(X, axis=0)
    xc = X - mu
    var = ops.mean(ops.square(xc), axis=0)
    xhat = xc / ops.sqrt(var + eps)
    return gamma * xhat + beta


def _normalised(trial: Trial, args: Args) -> tuple[Any, Any, Any]:
    got = trial.call("batchnorm_forward", *args.values())
    return _parts(got, 3, "batchnorm_forward: (Y, cache, new_state)")


def _batchnorm_forward(train: bool, y_aspect: str, state_aspect: str) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        instances = [_draw_batch(trial.rng, train) for _ in range(INSTANCES)]
        pick = lambda args: tuple(_normalised(trial, args)[k] for k in (0, 2))
        got = [pick(instances[0])]
        want = right_batchnorm(**instances[0])
        gaps = [compare("Y", got[0][0], want[0]), compare("The new state", got[0][1], want[1])]
        if any(gaps):
            why = None
            if trial.explain:
                got += [pick(args) for args in instances[1:]]
                why = courtesy(
                    lambda: explain_slips("batchnorm_forward", list(zip(instances, got)), what="Y")
                )
            for k, (aspect, gap) in enumerate(zip((y_aspect, state_aspect), gaps)):
                if gap is not None:
                    line = (
                        _line(trial, list(zip(instances, got)), of_state=bool(k)) if trial.explain else None
                    )
                    finding = explained(Finding(gap.text, (), gap.evidence), why)
                    trial.fail(replace(finding, line=line), aspect=aspect)

    return run


def _line(trial: Trial, tried: list[tuple[Args, tuple[Any, Any]]], of_state: bool) -> int | None:
    """The line of batchnorm_forward where what it computes is no longer what is needed for Y, or for the new state."""
    args, (_, state) = tried[0]
    if of_state and not isinstance(state, Mapping):
        return None
    if not of_state:
        lines = trial.subject.trace("batchnorm_forward", tuple(args.values()))
        why = courtesy(
            lambda: explain_forward(_batchnorm_model, [(a, Y) for a, (Y, _) in tried], trace=lines)
        )
        return None if why is None else why.line
    right = right_batchnorm(**args)[1]
    wrong = [state[k] for k in right if k in state and compare("", state[k], right[k]) is not None]
    return trial.line_of("batchnorm_forward", tuple(args.values()), wrong[0]) if wrong else None


def _batchnorm_split(got: Any) -> tuple[Any, Any]:
    if not isinstance(got, tuple | list) or len(got) != 3:
        text = "batchnorm_backward could not be tried: batchnorm_forward should return (Y, cache, new_state). Mend batchnorm_forward first."
        raise StudentError(text, kind="not_run")
    return got[0], got[1]


BATCHNORM = Pair(
    "batchnorm_forward",
    "batchnorm_backward",
    _batchnorm_model,
    _draw_batch,
    ("X", "gamma", "beta"),
    split=_batchnorm_split,
)
_tape_forward, _batchnorm_backward = tape_pair(BATCHNORM)


def _right_batchnorm_forward(*args: Any, **named: Any) -> tuple[Any, Any, Any]:
    Y, cache = _tape_forward(*args, **named)
    return Y, cache, right_batchnorm(**cache)[1]


def _own_statistics(trial: Trial, train: bool) -> bool:
    """Whether backward is right for the statistics that the student's own, wrong forward used."""
    for _ in range(2):
        args = _draw_batch(trial.rng, train)
        Y, cache, _ = _normalised(trial, args)
        out = as_array(Y)
        if out is None or out.shape != args["X"].shape or compare("", Y, right_batchnorm(**args)[0]) is None:
            return False
        xhat, dY = (out - args["beta"]) / args["gamma"], trial.rng.normal(size=out.shape)
        with np.errstate(all="ignore"):
            spread = args["X"].std(axis=0) / xhat.std(axis=0)
        dxhat = dY * args["gamma"]
        if train:
            dxhat = dxhat - dxhat.mean(axis=0) - xhat * (dxhat * xhat).mean(axis=0)
        want = (dxhat / spread, (dY * xhat).sum(axis=0), dY.sum(axis=0))
        if compare("", trial.call("batchnorm_backward", dY, cache), want, rtol=1e-8) is not None:
            return False
    return True


def _as_statistic(finding: Finding) -> Finding:
    """A slip on the way through the variance is told as the statistic that it is about, and as nothing else."""
    if "M28" not in finding.ids or len(finding.ids) == 1:
        return finding
    text = "dX: the variance of the batch is treated as a constant; it depends on X, too."
    return replace(finding, text=text, ids=("M28",), hints=misconceptions.get("M28").hint(q="dX"))


def _charged_once(check: Check, train: bool = True) -> Check:
    """The check, without findings that only repeat what batchnorm_forward is charged for."""

    def run(trial: Trial) -> None:
        check.run(trial)
        if trial.findings and _own_statistics(trial, train):
            trial.findings.clear()
        trial.findings[:] = [(aspect, _as_statistic(finding)) for aspect, finding in trial.findings]

    return replace(check, run=run)


ENTRIES = [
    Entry(
        "penalty",
        (pure_check({"value": 1.25, "gradients": 1.25}, _penalty, 0.5),),
        defines={"penalty": right_penalty},
        title="L1 and L2 penalties",
    ),
    Entry(
        "dropout-forward",
        (
            pure_check({MASK: 1.5}, _dropout_forward, 0.5),
            Check({EVALUATION: 0.75, "rng untouched": 0.25}, _evaluation, draws=1),
            Check({ENDS: 0.5}, _ends, draws=1),
        ),
        defines={"dropout_forward": _right_dropout},
        title="Dropout, forward",
    ),
    Entry(
        "dropout-backward",
        (
            pure_check({"gradient": 1.0}, _dropout_backward(True), 0.5),
            Check({"evaluation": 0.5}, _dropout_backward(False), draws=1),
        ),
        defines={"dropout_backward": lambda dY, cache: dY * cache},
        uses=("dropout_forward",),
        title="Dropout, backward",
    ),
    Entry(
        "batchnorm-forward",
        (
            pure_check(
                {"training": 1.0, "running statistics": 0.75},
                _batchnorm_forward(True, "training", "running statistics"),
                0.5,
            ),
            Check(
                {"evaluation": 0.5, "state in evaluation": 0.25},
                _batchnorm_forward(False, "evaluation", "state in evaluation"),
            ),
        ),
        defines={"batchnorm_forward": _right_batchnorm_forward},
        title="Batch normalisation, forward",
    ),
    Entry(
        "batchnorm-backward",
        (
            _charged_once(
                gradients(BATCHNORM, {"dX": 1.25, "dgamma": 0.75, "dbeta": 0.5}, pure=0.5, square=False)
            ),
            _charged_once(edges(BATCHNORM, {f"N = {n}": partial(_draw_batch, N=n) for n in (2, 100)}, 0.25)),
            _charged_once(
                edges(
                    BATCHNORM, {"train=False": partial(_draw_batch, train=False)}, 0.25, aspect="evaluation"
                ),
                train=False,
            ),
        ),
        defines={"batchnorm_backward": _batchnorm_backward},
        uses=("batchnorm_forward",),
        title="Batch normalisation, backward",
    ),
]
