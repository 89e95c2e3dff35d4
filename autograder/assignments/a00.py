"""What is checked in A00-warmup: nothing counts here, everything is shown."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograder.checks.entry import Entry, Table
from autograder.checks.kinds import values
from autograder.checks.run import checker
from autograder.checks.typed import Expression, answers
from course.toolbox.seeds import distinct_primes, student_seed

__all__ = ["TABLE", "check"]

Args = dict[str, Any]


def _draw(rng: np.random.Generator, square: bool = False) -> Args:
    N, D = (3, 3) if square else distinct_primes(rng, 2)
    return {"X": rng.normal(size=(N, D))}


def _draw_with_bias(rng: np.random.Generator, square: bool = False) -> Args:
    args = _draw(rng, square)
    return args | {"b": rng.normal(size=args["X"].shape[1])}


def _add(ops: Any, X: Any, b: Any) -> Any:
    Y = X + b
    return Y


def _sums(ops: Any, X: Any) -> Any:
    s = ops.sum(X, axis=1)
    return s


def _centred(ops: Any, X: Any) -> Any:
    m = ops.mean(X, axis=1, keepdims=True)
    return X - m


def _add_bias(X: Any, b: Any) -> Any:
    return np.asarray(X) + np.asarray(b)


def _row_sums(X: Any) -> Any:
    return np.asarray(X).sum(axis=1)


def _centre_rows(X: Any) -> Any:
    return np.asarray(X) - np.mean(X, axis=1, keepdims=True)


def _entry(entry_id: str, sample: Any, reference: Any, model: Any, title: str) -> Entry:
    name = entry_id.replace("-", "_")
    check = values(
        name,
        sample,
        reference,
        {"values": 0.0},
        pure=0.0,
        what="The result",
        models={"values": (model, lambda value: value)},
        square=True,
    )
    return Entry(entry_id, (check,), defines={name: reference}, title=title)


def _rosetta(student_id: str) -> Args:
    return {
        "word number 5": 4,
        "gradient of lambda * w**2": Expression("2*lambda_*w", {"lambda_": "real", "w": "real"}),
        "bits": 1.0,
        "inputs or consumers": "consumers",
    }


_QUIZ = answers(
    "quiz_q0_1",
    _rosetta,
    points=dict.fromkeys(("word number 5", "gradient of lambda * w**2", "bits", "inputs or consumers"), 0.0),
    because={("inputs or consumers", "inputs"): "Deck 000 calls the nodes that use a value its parents."},
)

_SEED = answers(
    "my_seed",
    lambda student_id: {"seed": student_seed(student_id, "A00") % 1000},
    points={"seed": 0.0},
    rtol=0.0,
)

TABLE = Table(
    "A00-warmup",
    [
        Entry("my-seed", (_SEED,), title="Your seed"),
        _entry("centre-rows", _draw, _centre_rows, _centred, "A wrong cell and its diagnosis"),
        _entry("add-bias", _draw_with_bias, _add_bias, _add, "Add a bias"),
        _entry("row-sums", _draw, _row_sums, _sums, "Row sums"),
        Entry("quiz-q0-1", (_QUIZ,), title="Four translations"),
    ],
)
check = checker(TABLE)
