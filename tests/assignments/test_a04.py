"""The entries of A04: right solutions in any clothes are full, mistakes lose marks where they should and are named."""

import re
import statistics

import numpy as np
import pytest

from autograder.assignments import a04
from autograder.checks.local import LocalSubject
from tests.mutants.core import named_right
from tests.mutants.entries import ENTRIES, judge_entries
from tests.mutants.report import targets

from .right_a04 import MUTANTS, RIGHT
from .tables import Answers, lost, million_additions

ANSWERS = Answers(a04.TABLE)
load, outcomes = ANSWERS.load, ANSWERS.outcomes


def replaced(*pairs):
    text = RIGHT
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def test_the_code_of_a04_is_worth_48_points():
    assert sum(e.points() for e in a04.TABLE.entries.values()) == pytest.approx(48)


@pytest.mark.parametrize("student", ["", "ada", "bao", *(f"s{k}" for k in range(7))])
def test_the_reference_is_full(student):
    assert lost(outcomes(RIGHT, student)) == {}


def test_the_trusted_functions_pass_their_own_entries():
    assert lost(outcomes("", subject=LocalSubject(dict(a04.TABLE.references)))) == {}


def test_a_blank_release_has_nothing_and_raises_nothing():
    blank = re.sub(r"(?m)^(def \w+\(.*\)):\n((    .*)?\n)+", r"\1: ...\n", RIGHT)
    assert "return" not in blank
    for source in (blank, ""):
        assert all((o.score, o.status) == (0, "not_run") for o in outcomes(source).values())


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mistake_costs_what_it_should_and_nothing_else(name):
    entry, old, new, left, diagnosis = MUTANTS[name]
    results = outcomes(replaced((old, new)) if RIGHT.count(old) == 1 else RIGHT.replace(old, new, 1))
    assert {i: round(results[i].score, 2) for i in lost(results)} == {entry: left}, lost(results)
    assert (diagnosis in results[entry].diagnosis) if diagnosis else not results[entry].diagnosis, lost(
        results
    )


def names_of(assignment):
    return [(assignment, name) for name in ENTRIES[assignment]]


@pytest.mark.parametrize(
    ("assignment", "name"),
    names_of("A03-computation-graphs") + names_of("A04-optimisation-and-regularisation"),
)
def test_the_catalogue_of_mutants_loses_marks_and_is_named(assignment, name):
    target = next(t for t in targets(["a03", "a04_steps"]) if t.name == name)
    with np.errstate(all="ignore"):
        verdict, points = judge_entries(target, assignment, target.source)
        assert points == 0, verdict.text
        told = [(m, *judge_entries(target, assignment, m.source)) for m in target.mutants()]
    assert not [m.name for m, _, points in told if not points]
    assert not [m.name for m, v, _ in told if v.ids and not named_right(m.expected, v.ids)]
    assert not [m.name for m, v, _ in told if m.expected != "-" and not named_right(m.expected, v.ids)]


UNUSUAL = {
    "lists for pairs, and steps on flat copies": RIGHT
    + """
def sgd(params, grads, state, lr):
    new = {}
    for k in sorted(params):
        q = params[k].ravel().copy()
        q -= lr * grads[k].ravel()
        new[k] = q.reshape(params[k].shape)
    return [new, {"nothing": None}]
""",
    "the state is an object": RIGHT
    + """
class Moments:
    def __init__(self):
        self.t, self.m, self.v = 0, {}, {}

def adam(params, grads, state, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    old, now = state.get("all", Moments()), Moments()
    now.t, new = old.t + 1, {}
    for k, g in grads.items():
        now.m[k] = old.m.get(k, 0) + (1 - beta1) * (g - old.m.get(k, 0))
        now.v[k] = old.v.get(k, 0) + (1 - beta2) * (g * g - old.v.get(k, 0))
        rate = lr * np.sqrt(1 - beta2**now.t) / (1 - beta1**now.t)
        new[k] = params[k] - rate * now.m[k] / (np.sqrt(now.v[k]) + eps * np.sqrt(1 - beta2**now.t))
    return new, {"all": now}
""",
    "float32 inside": RIGHT
    + """
def momentum(params, grads, state, lr, beta=0.9):
    single = lambda x: np.asarray(x, np.float32)
    v = {k: single(beta) * state.get(k, single(0)) + single(g) for k, g in grads.items()}
    return {k: single(p) - single(lr) * v[k] for k, p in params.items()}, v
""",
    "a list of batches, and the last array first": RIGHT
    + """
def iterate_minibatches(X, y, size, rng):
    order = np.arange(len(y))
    rng.shuffle(order)
    pieces = np.split(order, range(size, len(y), size))
    return [[X[rows].tolist(), list(y[rows])] for rows in pieces[::-1]][::-1]

def rmsprop(params, grads, state, lr, rho=0.99, eps=1e-8):
    old = state.get("s") or {k: np.zeros_like(g) for k, g in grads.items()}
    s = {k: rho * old[k] + (1 - rho) * np.square(grads[k]) for k in reversed(list(params))}
    return {k: params[k] - lr * grads[k] / (np.sqrt(s[k]) + eps) for k in s}, {"s": s}
""",
    "dropout in a loop, with a mask of bools": RIGHT
    + """
def dropout_forward(X, p, rng, train=True):
    if not train or p == 0:
        return X, None
    keep = np.array([rng.binomial(1, 1 - p, X.shape[1]) for _ in X], bool)
    return np.where(keep, X / (1 - p if p < 1 else 1), 0.0), (keep, p)

def dropout_backward(dY, cache):
    if cache is None:
        return dY
    keep, p = cache
    dX = np.zeros_like(dY)
    dX[keep] = dY[keep] / (1 - p)
    return dX
""",
    "batch normalisation in many steps": RIGHT
    + """
def batchnorm_forward(X, gamma, beta, state, train=True, eps=1e-5, momentum=0.9):
    N = len(X)
    mu = X.sum(0) / N if train else state["mean"]
    xmu = X - mu
    var = (xmu**2).sum(0) / N if train else state["var"]
    ivar = (var + eps) ** -0.5
    new = {"mean": state["mean"] + (1 - momentum) * (mu - state["mean"]), "var": state["var"] + (1 - momentum) * (var - state["var"])}
    return gamma * xmu * ivar + beta, dict(xmu=xmu, ivar=ivar, gamma=gamma, N=N, train=train), new if train else dict(state)

def batchnorm_backward(dY, c):
    xhat, dxhat = c["xmu"] * c["ivar"], dY * c["gamma"]
    dX = dxhat * c["ivar"]
    if c["train"]:
        dvar = -0.5 * (dxhat * c["xmu"]).sum(0) * c["ivar"] ** 3
        dX = dX + 2 * c["xmu"] * dvar / c["N"]
        dX = dX - dX.sum(0) / c["N"]
    return [dX, np.einsum("nd,nd->d", dY, xhat), np.ones(c["N"]) @ dY]
""",
    "NumPy scalars, strings for kinds in a table": RIGHT
    + """
def schedule(step, base, kind, every=1, factor=1.0, total=1, tau=1.0):
    table = {
        "step": base * np.power(factor, np.floor_divide(step, every)),
        "cosine": base * np.cos(np.pi / 2 * min(1, step / total)) ** 2,
        "inverse": base * tau / (tau + step),
    }
    return np.float64(table[kind])

def clip_by_global_norm(grads, threshold):
    norm = np.linalg.norm(np.concatenate([g.ravel() for g in grads.values()]))
    return ({k: g * min(1.0, threshold / norm) if norm else g for k, g in grads.items()}, norm)
""",
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_right_but_unusual_is_full(name):
    assert lost(outcomes(UNUSUAL[name])) == {}


@pytest.mark.slow
def test_statistics_of_dropout_and_minibatches_give_no_false_alarm():
    only = ("iterate-minibatches", "dropout-forward", "dropout-backward")
    for text in (RIGHT, UNUSUAL["dropout in a loop, with a mask of bools"]):
        for student in range(150):
            assert lost(outcomes(text, f"s{student}", only=only)) == {}


def test_a_wrong_adam_is_blamed_and_adamw_keeps_its_marks():
    results = outcomes(replaced(("m / (1 - beta1**t), v / (1 - beta2**t)", "m, v")))
    assert set(lost(results)) == {"adam"}
    assert "the mistake is in adam" in results["adamw"].message


def test_a_backward_pass_without_its_forward_is_not_run_and_names_it():
    results = outcomes(
        replaced(
            ("    scale = (rng.random(X.shape) >= p) / (1 - p)\n", ""),
            ("gamma * xhat + beta, (xhat, std, gamma, train), new", "gamma * xhat + beta"),
        )
    )
    for name, forward in (
        ("dropout-backward", "dropout_forward"),
        ("batchnorm-backward", "batchnorm_forward"),
    ):
        assert results[name].score <= 0.5 and f"Mend {forward} first" in results[name].message
    assert results["batchnorm-backward"].status == "not_run"


ODD = {
    "None": None, "a string": "x", "nan": float("nan"), "a set": {1}, "a dict": {1: 2}, "no batch": [], "a list": [None], "a pair": (None, None),
    "a ragged list": [[1.0], [1.0, 2.0]], "three dicts": ({}, {}, {}), "an odd dict": ({"W1": None, "b1": "x", "W2": []}, {}),
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_functions_that_return_odd_things_earn_nothing_and_break_nothing(odd):
    functions = dict.fromkeys(a04.TABLE.references, lambda *a, **k: ODD[odd])
    for entry, outcome in outcomes("", subject=LocalSubject(functions)).items():
        assert outcome.score == 0 and outcome.status in ("failed", "error", "not_run"), (entry, outcome)


def test_checks_are_quick():
    """Against the time of a million additions, about 30 ms on a laptop; a check cell has 2 seconds there."""
    unit = million_additions()
    seconds = [outcomes(RIGHT.replace(m[1], m[2], 1), only=(m[0],))[m[0]].seconds for m in MUTANTS.values()]
    assert statistics.median(seconds) < 2 * unit and max(seconds) < 40 * unit


@pytest.mark.slow
def test_the_table_says_the_same_through_the_sandbox():
    sources = [RIGHT, *UNUSUAL.values(), *(RIGHT.replace(m[1], m[2], 1) for m in list(MUTANTS.values())[::4])]
    assert ANSWERS.told_apart(sources, ["optim", "regularize"]) == []
