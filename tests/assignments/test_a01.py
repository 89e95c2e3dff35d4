"""The entries of A01's functions: the library passes, known mistakes lose marks and are named."""

import numpy as np
import pytest

from autograder.assignments import a01
from autograder.checks.local import LocalSubject
from autograder.checks.run import Draws, run_entry
from course import losses, neurons

LIBRARY = {**vars(neurons), **vars(losses)}


def outcome(entry, student="ada", **mine):
    subject = LocalSubject({**LIBRARY, **mine})
    draws = [Draws(student), Draws(student, salt="hidden", hidden=True)]
    with np.errstate(all="ignore"):
        return run_entry(a01.TABLE, a01.TABLE[entry], 1, subject, draws)


@pytest.mark.parametrize("entry", a01.TABLE.entries)
@pytest.mark.parametrize("student", ("", "ada", "bao"))
def test_the_library_is_full(entry, student):
    result = outcome(entry, student)
    assert (result.score, result.status) == (result.max_score, "passed"), result.message


def test_the_code_of_a01_is_worth_40_points():
    assert sum(e.points() for e in a01.TABLE.entries.values()) == pytest.approx(40)


@pytest.mark.parametrize("entry", a01.TABLE.entries)
def test_references_agree_with_the_library(entry):
    assert outcome(entry, **{n: r for n, r in a01.TABLE[entry].defines.items()}).status == "passed"


def softmax_without_shift(Z):
    e = np.exp(Z)
    return e / e.sum(axis=1, keepdims=True)


def softmax_of_columns(Z):
    e = np.exp(Z - Z.max(axis=0))
    return e / e.sum(axis=0)


def relu_in_place(z):
    z = np.asarray(z, float)
    z *= z > 0
    return z


def neuron_that_overflows(x, w, b):
    e = np.exp(x @ w + b)
    return e / (1 + e)


def mlp2_with_b1_twice(X, W1, b1, W2, b2, W3, g):
    return g(g(X @ W1 + b1) @ W2 + (b1 if len(b1) == len(b2) else b2)) @ W3


def log_softmax_to_base_2(Z):
    S = Z - Z.max(axis=1, keepdims=True)
    return S - np.log2(np.exp(S).sum(axis=1, keepdims=True))


def bce_without_softplus(z, y):
    p = 1 / (1 + np.exp(-z))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def maxout_interleaved(Z, k):
    return Z.reshape(len(Z), k, -1).max(axis=1)


MUTANTS = {
    "sigmoid' at the output": (
        "activations",
        {"d_sigmoid": lambda z: (s := neurons.sigmoid(neurons.sigmoid(z))) * (1 - s)},
        "M11",
        ["d_sigmoid"],
    ),
    "tanh' of a value that is tanh already": (
        "activations",
        {"d_tanh": lambda z: 1 - np.tanh(np.tanh(z)) ** 2},
        "M11",
        ["d_tanh"],
    ),
    "softplus overflows": (
        "activations",
        {"softplus": lambda z: np.log(1 + np.exp(z))},
        "M23",
        ["huge, whole, single z"],
    ),
    "softmax without the shift": ("softmax", {"softmax": softmax_without_shift}, "M23", ["huge scores"]),
    "a neuron that overflows": ("neuron", {"neuron": neuron_that_overflows}, "M23", ["a large sum"]),
    "a slope of -alpha costs once": (
        "activations", {"d_leaky_relu": lambda z, alpha=0.01: np.where(np.asarray(z) > 0, 1.0, -alpha)}, "", ["d_leaky_relu"],
    ),
    "softmax along the wrong axis": (
        "softmax",
        {"softmax": softmax_of_columns},
        "M09",
        ["values", "huge scores", "arguments unchanged"],
    ),
    "an error summed over the batch": (
        "mse",
        {"mse": lambda Yhat, Y: np.sum((Yhat - Y) ** 2)},
        "M02",
        ["values", "arguments unchanged"],
    ),
    "a mean over all elements": (
        "mse",
        {"mse": lambda Yhat, Y: np.mean((Yhat - Y) ** 2)},
        "M05",
        ["values", "arguments unchanged"],
    ),
    "softmax twice": (
        "cross-entropy",
        {"cross_entropy": lambda Z, y: losses.cross_entropy(losses.softmax(Z), y)},
        "M22",
        ["values", "huge scores", "arguments unchanged"],
    ),
    "logarithms to base 2": (
        "cross-entropy",
        {"cross_entropy": lambda Z, y: losses.cross_entropy(Z, y) / np.log(2)},
        "M04",
        ["values", "huge scores", "arguments unchanged"],
    ),
    "groups of maxout interleaved": ("maxout", {"maxout": maxout_interleaved}, "", ["values", "arguments unchanged"]),
    "an argument written into": ("prelu", {"prelu": lambda Z, alpha: np.multiply(Z, np.where(Z < 0, alpha, 1), out=Z)}, "M25", ["arguments unchanged"]),
    "relu writes into its argument": ("activations", {"relu": relu_in_place}, "M25", ["relu"]),
    "softplus with a logarithm to base 2": (
        "activations",
        {"softplus": lambda z: np.maximum(z, 0.0) + np.log2(1 + np.exp(-np.abs(z)))},
        "M04",
        ["softplus"],
    ),
    "hardtanh without its lower end costs once": (
        "activations", {"hardtanh": lambda z: np.minimum(np.asarray(z, float), 1.0)}, "", ["hardtanh"],
    ),
    "the sign of dalpha": (
        "prelu", {"d_prelu": lambda Z, alpha: (np.where(Z > 0, 1.0, alpha), np.maximum(-Z, 0.0))}, "M01", ["dalpha"],
    ),
    "a logarithm of the sum to base 2": (
        "log-softmax", {"log_softmax": log_softmax_to_base_2}, "M04", ["values", "huge scores", "arguments unchanged"],
    ),
    "a loss of saturated probabilities": (
        "bce-with-logits", {"bce_with_logits": bce_without_softplus}, "M23", ["huge scores"],
    ),
    "another bias where the widths are the same": ("mlp2", {"mlp2": mlp2_with_b1_twice}, "", ["values"]),
    "half a mean over all elements": (
        "mse", {"mse": lambda Yhat, Y: np.mean((Yhat - Y) ** 2) / 2}, "M05", ["values", "arguments unchanged"],
    ),
    "no bias after the last layer": (
        "mlp1",
        {"mlp1": lambda X, W1, b1, W2, b2, g: g(X @ W1 + b1) @ W2},
        "",
        ["values", "arguments unchanged"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mistake_loses_its_aspects_and_is_named(name):
    entry, mine, diagnosis, aspects = MUTANTS[name]
    result = outcome(entry, **mine)
    lost = [a for a, got, most in result.aspects if got < most]
    assert sorted(set(lost)) == sorted(set(aspects)), result.message
    if diagnosis:
        assert diagnosis in result.diagnosis, result.message


@pytest.mark.parametrize("student", ("ada", "bao", "cleo", "dora"))
def test_rounding_of_large_scores_is_no_mistake(student):
    def through_the_logarithm(Z):
        return np.exp(Z - np.logaddexp.reduce(Z, axis=1, keepdims=True))

    def picked(Z, y):
        return np.mean(np.logaddexp.reduce(Z, axis=1) - Z[range(len(y)), y])

    assert outcome("softmax", student, softmax=through_the_logarithm).status == "passed"
    assert outcome("cross-entropy", student, cross_entropy=picked).status == "passed"


def test_the_line_of_a_wrong_activation_is_told():
    def d_tanh(z):
        t = np.tanh(z)
        return 1 - t

    found = outcome("activations", d_tanh=d_tanh).findings
    assert [f.line for f in found] == [d_tanh.__code__.co_firstlineno + 2]


def test_a_kink_may_have_any_slope_between_both_sides():
    assert outcome("activations", d_relu=lambda z: np.where(np.asarray(z) < 0, 0.0, 1.0)).status == "passed"
    assert (
        outcome("activations", d_relu=lambda z: np.where(np.asarray(z) == 0, 0.5, np.asarray(z) > 0)).status
        == "passed"
    )
    wrong = outcome("activations", d_relu=lambda z: np.where(np.asarray(z) == 0, 2.0, np.asarray(z) > 0))
    assert [a for a, got, most in wrong.aspects if got < most] == ["kinks"]
