"""What is imported from `autograder.checks` can be called, whatever was imported before."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

CALLS = """
from autograder.checks import Diagnosis, Report, check_derivation, explain, gradcheck
assert gradcheck(lambda x: (2 * x, 0), lambda d, c: 2 * d, {"x": 1.5}, ["x"]).ok
assert explain(lambda x: (2 * x, 0), lambda d, c: -2 * d, lambda ops, x: 2 * x,
               lambda rng: {"x": rng.normal(size=3)}, ["x"]).ids == ["M01"]
assert check_derivation(["x + x"], "2*x", {"x": "real"}).ok
print("all fine")
"""


@pytest.mark.parametrize(
    "first",
    ["", "import autograder.checks.explain", "import autograder.checks.gradcheck, autograder.checks.kinds"],
)
def test_the_public_names_are_callable(first: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"{first}\n{CALLS}"], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "all fine", done.stderr


def test_signatures_are_those_promised() -> None:
    from autograder.checks.derivation import check_derivation
    from autograder.checks.explain import explain
    from autograder.checks.gradcheck import gradcheck

    assert str(inspect.signature(gradcheck)).startswith("(forward:") and "loss: 'bool' = False, rng:" in str(
        inspect.signature(gradcheck)
    )
    assert list(inspect.signature(explain).parameters) == [
        "forward",
        "backward",
        "model",
        "sample",
        "wrt",
        "loss",
        "seed",
    ]
    assert list(inspect.signature(check_derivation).parameters)[:4] == [
        "lines",
        "truth",
        "variables",
        "given",
    ]
