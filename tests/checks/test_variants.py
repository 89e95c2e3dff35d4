"""What is right in an unusual way."""

from __future__ import annotations

from typing import Any

import pytest

from autograder.assignments import a02, a03
from autograder.checks.local import LocalSubject
from autograder.checks.run import Draws, Outcome, run_entry

DRAWS = [Draws("ada"), Draws("ada", "hidden", True)]


def checked(table: Any, entry: str, code: str) -> Outcome:
    names: dict[str, Any] = {}
    exec(f"import numpy as np\n{code}", names)
    return run_entry(table, table[entry], 1, LocalSubject(names), DRAWS)


NUMERIC_GRAD = """
def numeric_grad(f, x, h=1e-5):
    x = np.array(x, float)
    grad = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = STEP
        grad[i] = (f(x + step) - f(x - step)) / (2 * step[i])
    return grad
"""


@pytest.mark.parametrize("step", ["h", "h * (1 + abs(x[i]))", "h * max(1, abs(x[i]))"])
def test_steps_relative_to_the_size_of_an_entry_are_right(step: str) -> None:
    outcome = checked(a02.TABLE, "numeric-grad", NUMERIC_GRAD.replace("STEP", step))
    assert outcome.status == "passed", outcome.message


@pytest.mark.parametrize("step", ["1e-5 * (1 + abs(x[i]))", "h * (3 + abs(x[i]))", "h * abs(x[i])"])
def test_steps_of_another_size_than_h_are_wrong(step: str) -> None:
    assert checked(a02.TABLE, "numeric-grad", NUMERIC_GRAD.replace("STEP", step)).status == "failed"


# name of the class -> entry, f and bprop that keep what f has seen or found
KEPT = {
    "Exp": ("op-exp", "self.y = np.exp(x); return self.y", "G * self.y"),
    "Log": ("op-log", "self.x = x; return np.log(x)", "G / self.x"),
    "ReLU": ("op-relu", "self.on = x > 0; return x * self.on", "G * self.on"),
}


def operation(name: str, keeps: bool) -> tuple[str, str]:
    entry, f, bprop = KEPT[name]
    again = "" if keeps else "self.f(*xs); "
    code = f"class {name}:\n    def f(self, x): {f}\n    def bprop(self, xs, i, G): {again}return {bprop}\n"
    return entry, code


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("name", KEPT)
def test_an_operation_may_keep_what_f_has_found_since_it_stands_for_one_node(name: str, keeps: bool) -> None:
    assert checked(a03.TABLE, *operation(name, keeps)).status == "passed"
