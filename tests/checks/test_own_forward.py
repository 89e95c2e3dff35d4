"""A slip in a forward pass is charged once: its backward pass may be right for it in several ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autograder.checks.entry import Entry, Table
from autograder.checks.local import LocalSubject
from autograder.checks.pairs import Pair, edges, gradients
from autograder.checks.run import Draws, run_entry

WRT = ("x", "w", "b")


def layer(ops: Any, x: Any, w: Any, b: Any) -> Any:
    z = x @ w + b
    y = ops.tanh(z)
    return y


def draw(rng: np.random.Generator, square: bool = False) -> dict[str, Any]:
    n, d, m = (3, 3, 3) if square else (int(k) for k in rng.permutation([2, 3, 5])[:3])
    return {"x": rng.normal(size=(n, d)), "w": rng.normal(size=(d, m)), "b": rng.normal(size=m)}


PAIR = Pair("forward", "backward", layer, draw, WRT)
ENTRY = Entry(
    "backward",
    (gradients(PAIR, {"dx": 1.0, "dw": 1.0, "db": 1.0}), edges(PAIR, {"other data": draw}, 1.0)),
    {"backward": None},
    uses=("forward",),
)


def lost(forward: Any, backward: Any) -> set[str]:
    table = Table("A02-backprop-by-hand", [ENTRY])
    outcome = run_entry(
        table, ENTRY, 1, LocalSubject({"forward": forward, "backward": backward}), [Draws("ada")]
    )
    return {name for name, got, most in outcome.aspects if got < most}


def backward(dout: Any, cache: Any) -> Any:
    x, w, y = cache
    g = dout * (1 - y**2)
    return g @ w.T, x.T @ g, g.sum(axis=0)


def no_bias(x: Any, w: Any, b: Any) -> Any:
    y = np.tanh(x @ w)
    return y, (x, w, y)


def no_tanh(x: Any, w: Any, b: Any) -> Any:
    z = x @ w + b
    return z, (x, w, z)


def twice(x: Any, w: Any, b: Any) -> Any:
    y = np.tanh(np.tanh(x @ w + b))
    return y, (x, w, y)


@pytest.mark.parametrize("forward", [no_bias, no_tanh, twice])
def test_the_right_formulas_with_wrong_values_keep_their_points(forward: Any) -> None:
    assert lost(forward, backward) == set()


def test_the_right_gradients_of_a_wrong_forward_keep_their_points() -> None:
    def of_no_bias(dout: Any, cache: Any) -> Any:
        dx, dw, db = backward(dout, cache)
        return dx, dw, 0 * db

    def of_no_tanh(dout: Any, cache: Any) -> Any:
        x, w, _ = cache
        return dout @ w.T, x.T @ dout, dout.sum(axis=0)

    assert lost(no_bias, of_no_bias) == lost(no_tanh, of_no_tanh) == set()


def test_a_second_slip_in_the_backward_pass_is_charged() -> None:
    def mean_of_rows(dout: Any, cache: Any) -> Any:
        dx, dw, db = backward(dout, cache)
        return dx, dw, db / len(dout)

    assert lost(no_bias, mean_of_rows) == lost(no_tanh, mean_of_rows) == {"db"}


def test_a_forward_that_computes_something_else_excuses_nothing() -> None:
    def zeros(x: Any, w: Any, b: Any) -> Any:
        return np.zeros((len(x), len(b))), (x, w, b)

    def nothing(dout: Any, cache: Any) -> Any:
        return tuple(np.zeros_like(a) for a in cache)

    assert lost(zeros, nothing) == {"dx", "dw", "db", "edge cases"}
