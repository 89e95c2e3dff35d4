"""A00: the wrong cell is diagnosed, and the first mistakes that everybody makes have names."""

import numpy as np
import pytest

from autograder.assignments import a00
from autograder.checks.local import LocalSubject
from autograder.checks.panel import as_text
from autograder.checks.run import Draws, run_entry

from .source import source

NAME = "A00-warmup"


def outcome(entry, **names):
    return run_entry(a00.TABLE, a00.TABLE[entry], 1, LocalSubject(names), [Draws("ada")])


def in_place(X, b):
    X += b
    return X


WRONG = {
    "sums of columns": ("row-sums", {"row_sums": lambda X: X.sum(axis=0)}, "M09"),
    "one sum for all": ("row-sums", {"row_sums": lambda X: X.sum()}, "M09"),
    "(N, 1) and (N,) combined": (
        "row-sums",
        {"row_sums": lambda X: X.sum(axis=1, keepdims=True) + np.zeros(len(X))},
        "M08",
    ),
    "written into the argument": ("add-bias", {"add_bias": in_place}, "M25"),
    "centred columns": ("centre-rows", {"centre_rows": lambda X: X - X.mean(axis=0)}, "M09"),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_first_mistakes_have_names(name):
    entry, mine, diagnosis = WRONG[name]
    result = outcome(entry, **mine)
    assert result.status == "failed"
    assert diagnosis in result.diagnosis, result.message


def test_the_wrong_cell_of_the_release_shows_a_diagnosis():
    names = source(NAME).namespace("ada", blank=True)
    result = outcome("centre-rows", **names)
    text = as_text(result)
    assert result.diagnosis == ("M09",)
    assert "axis 0 instead of axis 1" in text and "Hint:" in text


def test_nothing_counts():
    assert all(e.points() == 0 for e in a00.TABLE.entries.values())


def test_the_seed_is_the_students_own():
    assert source(NAME).namespace("ada")["my_seed"] != source(NAME).namespace("bao")["my_seed"]


def test_all_claims_of_the_rosetta_page_hold():
    assert all(source(NAME).namespace("ada")["tried"].values())
