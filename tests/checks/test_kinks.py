"""Kinks: how near, and what is right there."""

from __future__ import annotations

import numpy as np
import pytest

from autograder.checks.kinks import bounds, distance, within
from autograder.checks.tape import record


def tape_of(name: str, x: list[float], **args: float) -> object:
    return record(lambda ops, x: getattr(ops, name)(x, **args), {"x": np.array(x)}, ("x",))


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("relu", [0.2, -1.0], 0.2),
        ("abs", [-0.1, 3.0], 0.1),
        ("hardtanh", [0.9, -2.0], 0.1),
        ("tanh", [0.0], np.inf),
    ],
)
def test_distance_to_the_nearest_kink(name: str, x: list[float], expected: float) -> None:
    assert distance(tape_of(name, x)) == pytest.approx(expected)
    assert within(tape_of(name, x), 0.3) == (expected <= 0.3)


def test_a_maximum_has_a_kink_where_two_entries_tie() -> None:
    tape = record(
        lambda ops, x: ops.max(x, axis=1), {"x": np.array([[1.0, 1.5, 0.0], [2.0, 2.1, 5.0]])}, ("x",)
    )
    assert distance(tape) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("name", "args", "low", "high"),
    [("relu", {}, 0.0, 1.0), ("abs", {}, -1.0, 1.0), ("leaky_relu", {"alpha": 0.2}, 0.2, 1.0)],
)
def test_bounds_at_a_kink_are_the_one_sided_slopes(name: str, args: dict, low: float, high: float) -> None:
    lowest, highest = bounds(tape_of(name, [0.0, 2.0], **args), np.ones(2))
    assert lowest["x"].tolist() == [low, 1.0] and highest["x"].tolist() == [high, 1.0]


def test_bounds_at_the_two_kinks_of_hardtanh() -> None:
    lowest, highest = bounds(tape_of("hardtanh", [-1.0, 1.0, 0.0]), np.ones(3))
    assert lowest["x"].tolist() == [0.0, 0.0, 1.0] and highest["x"].tolist() == [1.0, 1.0, 1.0]


def test_bounds_are_equal_away_from_kinks() -> None:
    lowest, highest = bounds(tape_of("relu", [0.3, -0.3]), np.array([2.0, 2.0]))
    assert np.array_equal(lowest["x"], highest["x"])
