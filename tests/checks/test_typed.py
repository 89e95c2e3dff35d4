"""Numbers that a student types: a known slip is named, a coincidence is not."""

import math

import numpy as np
import pytest

from autograder.checks.entry import Trial
from autograder.checks.local import LocalSubject
from autograder.checks.typed import answers

WANT = 1.75


def said(given, want=WANT):
    check = answers("answer", lambda student: {"bits": want}, points={"bits": 1})
    trial = Trial(LocalSubject({"answer": {"bits": given}}), np.random.default_rng(0))
    check.run(trial)
    return " ".join(finding.text for _, finding in trial.findings)


@pytest.mark.parametrize(
    "given, words",
    [
        (-WANT, "wrong sign"),
        (WANT * math.log(2), "in nats"),
        (WANT / math.log(2), "in bits"),
        (np.float64(100 * WANT), "in percent"),
        (WANT / 100, "percent are asked"),
    ],
)
def test_a_known_slip_is_named(given, words):
    assert words in said(given)


@pytest.mark.parametrize("given", [2 * WANT, 0.0, math.nan, math.inf, True, "1.75", [WANT], None])
def test_other_numbers_and_other_things_are_only_wrong(given):
    assert said(given) and not any(w in said(given) for w in ("sign", "nats", "bits;", "percent"))


def test_a_right_number_says_nothing_and_zero_has_no_slips():
    assert said(WANT * 1.001) == ""
    assert said(1.0, want=0.0) and "sign" not in said(1.0, want=0.0)
