"""Odd submissions: what students really hand in, and the marks that each must get."""

import json

import pytest

from autograder.errors import SubmissionError
from autograder.grading.admit import find_notebook, parse_notebook, read_bytes
from autograder.grading.execute import execute
from autograder.grading.plan import Budget
from autograder.grading.rebuild import Skeleton, rebuild

from .conftest import NAME
from .odd import HARMLESS, Names, drop

FULL = {
    "test-double": 2,
    "test-counter": 3,
    "test-apply": 1,
    "test-apply-2": 1,
    "plot": None,
    "response": None,
}


NAMES = Names("double", "double", "test-double", "imports", "response")


@pytest.fixture(scope="module")
def skeleton(toy):
    return Skeleton.read(toy.source_path, toy.release_path, NAME)


@pytest.mark.parametrize("change", HARMLESS, ids=lambda f: f.__name__)
def test_an_odd_notebook_gets_the_marks_of_its_answers(toy, skeleton, sandbox, change):
    notebook = toy.notebook()
    change(notebook, NAMES)
    cells = rebuild(skeleton, parse_notebook(json.dumps(notebook).encode(), "x.ipynb"))
    budget = Budget(cell_seconds=2, call_seconds=1, total_seconds=40)
    results = execute(cells, NAME, "ada", "salt", sandbox, budget)
    graded = {r.grade_id: r.score for r in results if r.role in ("test", "manual")}
    assert graded == FULL


@pytest.mark.parametrize("deleted", ["double", "counter", "apply"])
def test_a_deleted_answer_costs_its_own_marks(toy, skeleton, sandbox, deleted):
    notebook = toy.notebook()
    drop(notebook, deleted)
    cells = rebuild(skeleton, parse_notebook(json.dumps(notebook).encode(), "x.ipynb"))
    results = execute(cells, NAME, "ada", "", sandbox, Budget(cell_seconds=2, call_seconds=1))
    graded = {r.grade_id: r.score for r in results if r.role in ("test", "manual")}
    assert graded == {k: 0 if k.startswith(f"test-{deleted}") else v for k, v in FULL.items()}


def test_a_notebook_of_format_3_is_read(toy, skeleton):
    new = toy.notebook()
    old = {"nbformat": 3, "metadata": {}, "worksheets": [{"cells": [
        {"cell_type": c["cell_type"], "input": "".join(c["source"]), "metadata": c["metadata"]} for c in new["cells"]
    ]}]}  # fmt: skip
    cells = rebuild(skeleton, parse_notebook(json.dumps(old).encode(), "x"))
    assert next(c for c in cells if c.grade_id == "double").answered


UNREADABLE = {
    "empty": (b"", "empty"),
    "broken JSON": (b'{"cells": [', "broken"),
    "cut off": (b'{"cells": [{"cell_type": "code", "sour', "broken"),
    "not JSON": (b"# my notebook\n", "broken"),
    "a zip archive": (b"PK\x03\x04rest", "zip"),
    "a list": (b"[1, 2]", "no cells"),
    "no cells": (b'{"metadata": {}}', "no list of cells"),
    "cells that are a string": (b'{"cells": "print(1)"}', "no list of cells"),
    "JSON nested too deep": (b"[" * 100_000, "broken"),
    "UTF-16": ('{"cells": []}'.encode("utf-16"), "broken"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_is_not_a_notebook_is_refused_in_one_sentence(tmp_path, case):
    data, words = UNREADABLE[case]
    (tmp_path / "x.ipynb").write_bytes(data)
    with pytest.raises(SubmissionError, match=words) as caught:
        parse_notebook(read_bytes(tmp_path / "x.ipynb"), "x.ipynb")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


def test_a_notebook_of_another_assignment_is_refused(toy, skeleton):
    notebook = {
        "cells": [{"cell_type": "code", "source": "x", "metadata": {"nbgrader": {"grade_id": "softmax-ce"}}}]
    }
    with pytest.raises(SubmissionError, match=r"not a notebook of A90-toy.*softmax-ce"):
        rebuild(skeleton, parse_notebook(json.dumps(notebook).encode(), "x"))


def test_files_that_are_no_files_are_refused(tmp_path):
    import os

    (tmp_path / "secret").write_text("{}")
    (tmp_path / "a.ipynb").symlink_to(tmp_path / "secret")
    (tmp_path / "b.ipynb").mkdir()
    os.mkfifo(tmp_path / "c.ipynb")
    for name, words in (("a", "link"), ("b", "folder"), ("c", "folder or a device"), ("d", "no such file")):
        with pytest.raises(SubmissionError, match=words):
            read_bytes(tmp_path / f"{name}.ipynb")


def test_a_renamed_notebook_is_found_when_it_is_the_only_one(tmp_path):
    with pytest.raises(SubmissionError, match="no notebook"):
        find_notebook(tmp_path, NAME)
    (tmp_path / "A90-toy (1).ipynb").write_text("{}")
    assert find_notebook(tmp_path, NAME).name == "A90-toy (1).ipynb"
    (tmp_path / "Untitled.ipynb").write_text("{}")
    with pytest.raises(SubmissionError, match="None of the notebooks"):
        find_notebook(tmp_path, NAME)
