"""Rules: wrong versions are recognised, right ones are not blamed, statistics decide where draws are free."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autograder.checks import misconceptions
from autograder.checks.rules import (
    alternatives,
    explain_call,
    explain_dropout,
    explain_leak,
    explain_probabilities,
    explain_sample,
    trajectory,
)
from autograder.checks.rules.engine import _TABLE

RNG = np.random.default_rng(5)


def test_every_alternative_names_known_misconceptions() -> None:
    for name, rows in _TABLE.items():
        for row in rows:
            assert all(i in misconceptions.catalogue() for i in row.ids), (name, row.ids)
            assert row.text.endswith(".") and "{" not in row.text, row.text


def test_the_alternatives_of_a_function_differ_from_each_other_in_words() -> None:
    texts = [a.text for a in alternatives("adam")]
    assert len(set(texts)) == len(texts) > 10


def test_an_unknown_mistake_stays_unknown() -> None:
    args = {"params": {"W": np.ones(3)}, "grads": [{"W": np.ones(3)}], "lr": 0.1}
    why = explain_call("sgd", [(args, [{"W": np.full(3, 7.0)}])])
    assert why.ids == [] and "no mistake that is known" in why.text


def test_what_cannot_be_told_apart_is_told_as_either_or() -> None:
    # after one step from zero, plain SGD and a step with the old velocity differ, but |g| and g do not for g > 0
    args = {"params": {"W": np.zeros(2)}, "grads": [{"W": np.array([1.0, 2.0])}], "lr": 0.1, "eps": 0.0}
    got = [{"W": -0.1 * np.array([1.0, 2.0]) / np.sqrt([1.0, 2.0])}]
    why = explain_call("adagrad", [(args, got)])
    assert why.ids == ["M32"]


def test_trajectory_hands_the_state_on() -> None:
    def count(params: Any, grads: Any, state: Any, lr: float) -> Any:
        steps = state.get("n", 0) + 1
        return {"W": params["W"] - lr * steps}, {"n": steps}

    found = trajectory(count, {"W": 0.0}, [{}, {}, {}], [1.0, 1.0, 10.0])
    assert [f["W"] for f in found] == [-1.0, -3.0, -33.0]


def dropout(X: Any, p: float, rng: np.random.Generator, **slip: Any) -> Any:
    mask = rng.random(X.shape) >= (1 - p if slip.get("swapped") else p)
    if slip.get("rows"):
        mask = np.broadcast_to(rng.random(X.shape[1]) >= p, X.shape)
    scale = slip.get("scale", 1 / (1 - p))
    return X * mask * scale, mask * scale


X = RNG.normal(size=(40, 50)) + 5.0


@pytest.mark.parametrize(
    ("slip", "words"),
    [
        ({"scale": 1.0}, "not divided by 1 − p"),
        ({"scale": 1 / 0.3}, "divided by p"),
        ({"scale": 0.7}, "multiplied by 1 − p"),
        ({"swapped": True}, "exchanged"),
        ({"rows": True}, "same mask"),
    ],
)
def test_dropout_slips_are_named(slip: dict, words: str) -> None:
    rng = np.random.default_rng(0)
    trained = [dropout(X, 0.3, rng, **slip)[0] for _ in range(2)]
    why = explain_dropout(X, 0.3, trained, X)
    assert why.ids == ["M27"] and words in why.text, why.text


def test_right_dropout_is_not_blamed() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        Y, mask = dropout(X, 0.3, rng)
        Y2, _ = dropout(X, 0.3, rng)
        dY = rng.normal(size=X.shape) + 9
        assert explain_dropout(X, 0.3, [Y, Y2], X, [(Y, dY, dY * mask)]).text == ""


def test_dropout_in_evaluation_and_in_the_backward_pass() -> None:
    rng = np.random.default_rng(1)
    Y, mask = dropout(X, 0.3, rng)
    other, again = dropout(X, 0.3, rng)
    dY = np.full(X.shape, 2.0)
    assert "active when train is False" in explain_dropout(X, 0.3, [Y, other], Y).text
    assert "multiplied by 0.7" in explain_dropout(X, 0.3, [Y, other], X * 0.7).text
    assert "new mask" in explain_dropout(X, 0.3, [Y, other], X, [(Y, dY, dY * again)]).text
    assert "mask is missing" in explain_dropout(X, 0.3, [Y, other], X, [(Y, dY, dY)]).text
    assert "lacks the factor" in explain_dropout(X, 0.3, [Y, other], X, [(Y, dY, dY * (mask > 0))]).text
    assert "same mask" in explain_dropout(X, 0.3, [Y, Y], X).text


P = np.array([0.5, 0.2, 0.15, 0.1, 0.05])


@pytest.mark.parametrize(
    ("q", "words"),
    [
        (P**2 / np.sum(P**2), "multiplied"),
        (P, "not used"),
        (np.ones(5) / 5, "equally likely"),
        (np.eye(5)[0], "most probable"),
        (np.eye(5)[3], "same token"),
    ],
)
def test_wrong_samplers_are_named(q: Any, words: str) -> None:
    counts = np.random.default_rng(0).multinomial(4000, q)
    why = explain_sample(counts, P, temperature=2.0)
    assert why.ids == ["M49"] and words in why.text, why.text


def test_a_right_sampler_is_not_blamed() -> None:
    rng = np.random.default_rng(0)
    q = np.sqrt(P) / np.sqrt(P).sum()
    assert not any(explain_sample(rng.multinomial(4000, q), P, temperature=2.0).text for _ in range(300))


def test_sums_of_probabilities() -> None:
    assert explain_probabilities(1.0, "add_k").text == ""
    assert explain_probabilities(0.0, "mle", context_seen=False).text == ""
    assert explain_probabilities(3.2, "add_k").ids == ["M37"]
    assert explain_probabilities(0.7, "kneser_ney").ids == ["M38"]
    assert explain_probabilities(0.9, "mle").ids == ["M35"]


def test_a_model_that_sees_its_targets_is_found() -> None:
    rng = np.random.default_rng(0)
    oracle = rng.gamma(2, 0.7, 3000)
    documents = np.repeat(np.arange(20), 150)
    assert explain_leak(oracle * 0.2, oracle, documents).ids == ["M48"]
    assert explain_leak(oracle + rng.normal(size=3000) * 0.3 + 0.05, oracle, documents).text == ""
