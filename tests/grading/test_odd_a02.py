"""Odd submissions of a real assignment, handed in as one class: the marks of every cell, and nobody disturbs anybody."""

import copy
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from autograder.course_folder import KIT, CourseFolder
from autograder.grading.pipeline import grade, silent
from autograder.release.notebooks import build
from autograder.release.source import load
from autograder.sample import answers_of, fill

from .odd import HARMLESS, Names, cell, drop, ids

pytestmark = pytest.mark.slow

NAME = "A02-backprop-by-hand"
NAMES = Names("affine-forward", "affine_forward", "test-affine-forward", "imports", "response-r2-1")
GRADIENTS = {"test-affine-backward", "test-mlp-backward"}


@dataclass(frozen=True)
class Odd:
    """A submission and what it loses: test cell -> points."""

    cells: dict[str, str] = field(default_factory=dict)
    lost: dict[str, float] = field(default_factory=dict)  # a test cell that is not named keeps all
    drops: tuple[str, ...] = ()
    data: Any = None  # bytes instead of a notebook: nothing can be graded
    status: str = "graded"


SLOW = "def affine_forward(X, W, b):\n    while True:\n        pass"
NEVER = "def affine_forward(X, W, b):\n    import os\n    os._exit(0)"
HUNGRY = "def affine_forward(X, W, b):\n    import numpy as np\n    return np.ones((10**6, 10**6)), None"
DEEP = "def affine_forward(X, W, b):\n    return affine_forward(X, W, b)"
TEXT = "def affine_forward(X, W, b):\n    return 'X @ W + b', None"
NOTHING = "def affine_forward(X, W, b):\n    X @ W + b"
ALONE = {"test-affine-forward": 2.0, "test-affine-backward": 5.0}

WRONG = {
    "an endless loop": Odd({"affine-forward": SLOW}, ALONE),
    "an exit in a function": Odd({"affine-forward": NEVER}, ALONE),
    "an array of a terabyte": Odd({"affine-forward": HUNGRY}, ALONE),
    "a recursion without end": Odd({"affine-forward": DEEP}, ALONE),
    "text instead of an array": Odd({"affine-forward": TEXT}, ALONE),
    "a return is missing": Odd({"affine-forward": NOTHING}, ALONE),
    "a syntax error in one cell": Odd({"affine-forward": "def affine_forward(X, W, b:\n    return X"}, ALONE),
    "an exit in a cell": Odd({"affine-forward": "import sys\nsys.exit('enough')"}, ALONE),
    "the process is killed in a cell": Odd({"affine-forward": "import os, signal\nos.kill(os.getpid(), 9)"}, ALONE),
    "an interrupt that is swallowed": Odd({"affine-forward": "while True:\n    try:\n        while True: pass\n    except BaseException: pass"}, ALONE),
    "a number instead of a function": Odd({"affine-forward": "affine_forward = 3.0"}, ALONE),
    "two arguments instead of three": Odd({"affine-forward": "def affine_forward(X, W):\n    return X @ W, (X, W)"}, ALONE),
    "one blank": Odd({"affine-forward": "# YOUR CODE HERE\n..."}, ALONE),
    "one answer deleted": Odd(drops=("affine-forward",), lost=ALONE),
    "a derivation that is no list": Odd({"derivation-d2-0": "d2_0 = 'a - y'"}, {"test-derivation-d2-0": 2.0}),
    "a derivation of numbers": Odd({"derivation-d2-0": "d2_0 = [1, 2, 3, 4]"}, {"test-derivation-d2-0": 2.0}),
    "a derivation with a million signs": Odd({"derivation-d2-0": "d2_0 = ['a' * 10**6] * 4"}, {"test-derivation-d2-0": 2.0}),
    "a derivation with code": Odd({"derivation-d2-0": "d2_0 = ['__import__(\"os\").abort()'] * 4"}, {"test-derivation-d2-0": 2.0}),
    "a tower of powers": Odd({"derivation-d2-0": "d2_0 = ['9**9**9**9'] * 4"}, {"test-derivation-d2-0": 2.0}),
    "a quiz answered with an object": Odd({"quiz-q2-1": "q2_1 = object()"}, {"test-quiz-q2-1": 1.5}),
}  # fmt: skip

REFUSED = {
    "an empty file": b"",
    "broken JSON": b'{"cells": [{"cell_type": "code", "sour',
    "a zip archive": b"PK\x03\x04rest",
    "a list": b"[1, 2]",
    "no cells": b'{"metadata": {}}',
    "JSON nested too deep": b"[" * 100_000,
    "a program": b"print('hello')\n",
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """All of them, graded as one class between two honest students."""
    root = tmp_path_factory.mktemp("odd")
    source, release = build(load(KIT / "solutions", NAME), root / "solutions", root / "notebooks")
    for ending in (".py", ".toml"):
        (root / "solutions" / f"{NAME}{ending}").write_bytes(
            (KIT / "solutions" / f"{NAME}{ending}").read_bytes()
        )
    released, answers = json.loads(release.read_text()), answers_of(json.loads(source.read_text()))

    def hand_in(student: str, data: bytes) -> None:
        place = root / "submitted" / student / NAME
        place.mkdir(parents=True)
        (place / f"{NAME}.ipynb").write_bytes(data)

    right = fill(released, answers, {})
    for name in ("aaa", "zzz"):
        hand_in(name, json.dumps(right).encode())
    for change in HARMLESS:
        notebook = copy.deepcopy(right)
        change(notebook, NAMES)
        hand_in(_student(change.__name__), json.dumps(notebook).encode())
    for name, odd in WRONG.items():
        notebook = fill(released, answers, odd.cells)
        drop(notebook, *odd.drops)
        hand_in(_student(name), json.dumps(notebook).encode())
    for name, data in REFUSED.items():
        hand_in(_student(name), data)
    graded = grade(CourseFolder.at(root), NAME, silent(), jobs=2)
    return {r["student"]: r for r in graded}


def _student(name: str) -> str:
    return name.lower().replace(" ", "-").replace("_", "-")


def marks(result: Any) -> dict[str, Any]:
    return {c["grade_id"]: c["score"] for c in result["cells"]}


def test_the_honest_students_are_undisturbed(results):
    assert marks(results["aaa"]) == marks(results["zzz"])
    assert all(c["score"] in (None, c["max_score"]) for c in results["aaa"]["cells"])


@pytest.mark.parametrize("change", HARMLESS, ids=lambda f: f.__name__)
def test_an_odd_notebook_gets_the_marks_of_its_answers(results, change):
    assert marks(results[_student(change.__name__)]) == marks(results["aaa"])


@pytest.mark.parametrize("name", WRONG)
def test_a_broken_answer_costs_its_own_marks_alone(results, name):
    full = marks(results["aaa"])
    expected = {g: s - WRONG[name].lost.get(g, 0.0) if s is not None else None for g, s in full.items()}
    assert marks(results[_student(name)]) == expected


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_notebook_is_refused_and_scores_nothing(results, name):
    result = results[_student(name)]
    assert result["status"] == "failed" and not sum(c["score"] or 0 for c in result["cells"])
    assert result["message"] and "\n" not in result["message"]


def test_there_are_at_least_fifty(results):
    assert len(HARMLESS) + len(WRONG) + len(REFUSED) >= 50
    assert len(results) == len(HARMLESS) + len(WRONG) + len(REFUSED) + 2
    assert ids(
        json.loads((KIT / "notebooks" / NAME / f"{NAME}.ipynb").read_text())
    )  # the names above are real ones
    assert cell(json.loads((KIT / "notebooks" / NAME / f"{NAME}.ipynb").read_text()), NAMES.solution)
