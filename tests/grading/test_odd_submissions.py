"""Odd submissions: what students really hand in, and the marks that each must get."""

import copy
import json

import pytest

from autograder.errors import SubmissionError
from autograder.grading.admit import find_notebook, parse_notebook, read_bytes
from autograder.grading.execute import Budget, execute
from autograder.grading.rebuild import Skeleton, rebuild

from .conftest import NAME

FULL = {
    "test-double": 2,
    "test-counter": 3,
    "test-apply": 1,
    "test-apply-2": 1,
    "plot": None,
    "response": None,
}


@pytest.fixture(scope="module")
def skeleton(toy):
    return Skeleton.read(toy.source_path, toy.release_path, NAME)


def cell(notebook, grade_id):
    return next(c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == grade_id)


def drop(notebook, *grade_ids):
    notebook["cells"] = [
        c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") not in grade_ids
    ]


def without_ids(notebook):
    for c in notebook["cells"]:
        c.pop("id")
        c["metadata"].pop("nbgrader", None)


def without_metadata(notebook):
    for c in notebook["cells"]:
        c["metadata"].pop("nbgrader", None)


def renamed(notebook):
    cell(notebook, "double")["metadata"]["nbgrader"]["grade_id"] = "quadruple"


def duplicated(notebook):
    wanted = cell(notebook, "double")
    notebook["cells"].insert(notebook["cells"].index(wanted) + 1, copy.deepcopy(wanted))


def answered_in_the_copy(notebook):
    first = cell(notebook, "double")
    second = copy.deepcopy(first)
    first["source"] = "def double(x):\n    # YOUR CODE HERE\n    ..."
    notebook["cells"].insert(notebook["cells"].index(first) + 1, second)


def answered_in_an_extra_cell(notebook):
    first = cell(notebook, "double")
    extra = {
        "cell_type": "code",
        "metadata": {},
        "source": first["source"],
        "outputs": [],
        "execution_count": 1,
        "id": "mine",
    }
    first["source"] = "# my first try was wrong, see below"
    notebook["cells"].insert(notebook["cells"].index(first) + 1, extra)


def overwritten_after_the_test(notebook):
    extra = {"cell_type": "code", "metadata": {}, "source": "double = None", "outputs": [], "id": "mine"}
    notebook["cells"].append(extra)


def points_raised(notebook):
    cell(notebook, "test-double")["metadata"]["nbgrader"]["points"] = 1000


def a_test_became_a_solution(notebook):
    info = cell(notebook, "test-double")["metadata"]["nbgrader"]
    info["solution"], info["grade"] = True, False


def skipped_by_tag(notebook):
    cell(notebook, "test-double")["metadata"]["tags"] = ["skip-execution", "raises-exception"]


def a_test_was_rewritten(notebook):
    cell(notebook, "test-double")["source"] = "2.0"


def locked_text_changed(notebook):
    cell(notebook, "imports")["source"] = "SCALE = 17\nimport os\nos._exit(1)"


def code_cell_became_markdown(notebook):
    wanted = cell(notebook, "double")
    wanted["cell_type"] = "markdown"
    wanted.pop("outputs")


def reversed_order(notebook):
    notebook["cells"].reverse()


def broken_cells(notebook):
    notebook["cells"][3:3] = [
        None,
        7,
        [],
        {"cell_type": "code"},
        {"cell_type": "code", "source": {"a": 1}, "metadata": 3},
    ]


def broken_metadata(notebook):
    notebook["metadata"] = [1, 2]
    for c in notebook["cells"]:
        if c["cell_type"] == "markdown":
            c["metadata"] = "none"


def huge_output(notebook):
    cell(notebook, "double")["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": "x" * 3_000_000}
    ]


def thousands_of_cells(notebook):
    notebook["cells"] += [{"cell_type": "code", "metadata": {}, "source": "pass", "outputs": []}] * 20_000


def strange_text(notebook):
    source = "".join(cell(notebook, "double")["source"])
    cell(notebook, "double")["source"] = "# \ud800 \u202e \x00 ünï\r\n".replace("\x00", "") + source


def windows_line_ends(notebook):
    for c in notebook["cells"]:
        c["source"] = "".join(c["source"]).replace("\n", "\r\n")


def source_as_one_string(notebook):
    for c in notebook["cells"]:
        c["source"] = "".join(c["source"])


def deleted_tests(notebook):
    drop(notebook, "test-double", "test-counter", "test-apply")


def everything_else_deleted(notebook):
    notebook["cells"] = [c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("solution")]


def outputs_everywhere(notebook):
    for c in notebook["cells"]:
        c["outputs"] = [
            {
                "output_type": "execute_result",
                "data": {"text/plain": "3.0"},
                "metadata": {},
                "execution_count": 1,
            }
        ]


def other_kernel(notebook):
    notebook["metadata"]["kernelspec"] = {"name": "julia-1.9", "language": "julia", "display_name": "x"}


HARMLESS = [
    without_metadata, without_ids, renamed, duplicated, answered_in_the_copy, answered_in_an_extra_cell,
    overwritten_after_the_test, points_raised, a_test_became_a_solution, skipped_by_tag, a_test_was_rewritten,
    locked_text_changed, code_cell_became_markdown, reversed_order, broken_cells, broken_metadata, huge_output,
    thousands_of_cells, strange_text, windows_line_ends, source_as_one_string, deleted_tests, everything_else_deleted,
    outputs_everywhere, other_kernel,
]  # fmt: skip


@pytest.mark.parametrize("change", HARMLESS, ids=lambda f: f.__name__)
def test_an_odd_notebook_gets_the_marks_of_its_answers(toy, skeleton, sandbox, change):
    notebook = toy.notebook()
    change(notebook)
    cells = rebuild(skeleton, parse_notebook(json.dumps(notebook).encode(), "x.ipynb"))
    budget = Budget(cell_seconds=2, call_seconds=1, total_seconds=40)
    results = execute(cells, NAME, "ada", "salt", sandbox, budget)
    graded = {r.grade_id: r.score for r in results if r.role in ("test", "manual")}
    if change is reversed_order:  # unanswered positions do not matter, ids do
        assert graded == FULL
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
