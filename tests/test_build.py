"""From text source to release: markers, points, leaks, the same bytes every time."""

import json

import pytest
from nbgrader.preprocessors import CheckCellMetadata

from autograder.errors import UsageError
from autograder.release.notebooks import build, leaks, make_release, points
from autograder.release.settings import CheckMetadata
from autograder.release.source import load, read_notebook, split_test_id

TOML = 'title = "t"\n'


def notebook(tmp_path, text, toml=TOML):
    (tmp_path / "A91-x.py").write_text(text)
    (tmp_path / "A91-x.toml").write_text(toml)
    return read_notebook(load(tmp_path, "A91-x"))


def test_markers_become_nbgraders_metadata(tmp_path):
    made = notebook(
        tmp_path,
        '# %% locked="data" run=no\nx = 1\n\n# %% solution="f"\ny = 2\n\n# %% test="f" points=2.5\nassert y\n\n'
        '# %% test="f-2" bonus=1\nassert y\n\n# %% [markdown] manual="response-r1-1" points=4\n# because\n',
    )
    info = [c.metadata.nbgrader for c in made.cells]
    assert [i["grade_id"] for i in info] == ["data", "f", "test-f", "test-f-2", "response-r1-1"]
    assert [(i["grade"], i["locked"], i["solution"]) for i in info] == [
        (False, True, False), (False, False, True), (True, True, False), (True, True, False), (True, False, True),
    ]  # fmt: skip
    assert [i.get("points") for i in info] == [None, None, 2.5, 0.0, 4.0]
    assert made.cells[0].metadata.course == {"run": False} and made.cells[3].metadata.course == {"bonus": 1.0}
    assert [c.id for c in made.cells] == [i["grade_id"] for i in info]
    assert points(made) == {"automatic": 2.5, "manual": 4.0, "bonus": 1.0}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('# %% sulotion="f"\nx = 1\n', "not understood"),
        ('# %% solution="f" test="f"\nx = 1\n', "a cell is one of"),
        ('# %% test="f"\nx = 1\n', "has no points"),
        ('# %% solution="f"\nx = 1\n\n# %% solution="f"\nx = 2\n', "used twice"),
        ('# %% manual="r"\nx = 1\n', "has no points"),
    ],
)
def test_a_marker_that_is_wrong_is_named_with_its_cell(tmp_path, text, words):
    with pytest.raises(UsageError, match=words) as caught:
        notebook(tmp_path, text)
    assert "A91-x.py, cell" in str(caught.value)


def test_missing_and_broken_toml_are_named(tmp_path):
    (tmp_path / "A91-x.py").write_text("x = 1")
    with pytest.raises(UsageError, match=r"A91-x\.toml is missing"):
        load(tmp_path, "A91-x")
    (tmp_path / "A91-x.toml").write_text("title = ")
    with pytest.raises(UsageError, match="cannot be read"):
        load(tmp_path, "A91-x")


def test_the_release_holds_no_answer_and_no_hidden_test(tmp_path):
    source = notebook(
        tmp_path,
        '# %% solution="student-id" keep=yes\nstudent_id = ""\n\n# %% solution="f"\ndef f():\n    "What."\n    ### BEGIN SOLUTION\n'
        '    return 41 + 1\n    ### END SOLUTION\n\n# %% test="f" points=1\nassert f()\n### BEGIN HIDDEN TESTS\nassert f() == 42\n'
        '### END HIDDEN TESTS\n\n# %% [markdown] manual="r" points=1\n# Model answer.\n',
    )
    cells = {c.metadata.nbgrader.grade_id: c.source for c in make_release(source).cells}
    assert cells["student-id"] == 'student_id = ""'
    assert cells["f"] == 'def f():\n    "What."\n    # YOUR CODE HERE\n    ...'
    assert cells["test-f"] == "assert f()" and cells["r"] == "YOUR ANSWER HERE"


def test_a_stub_is_the_body_of_a_function_and_a_comment_elsewhere(tmp_path):
    answer = "### BEGIN SOLUTION\n{0}a = 1\n{0}### END SOLUTION\n"
    inside = 'def f():\n    "What it does."\n    ' + answer.format("    ")
    made = notebook(
        tmp_path, f'# %% solution="f"\n{inside}\n# %% solution="x"\na = None\n{answer.format("")}'
    )
    function, values = (cell.source.splitlines() for cell in make_release(made).cells)
    assert function[-2:] == ["    # YOUR CODE HERE", "    ..."]
    assert values == ["a = None", "# YOUR CODE HERE"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"schema_version": 2},
        {"points": -1.0},
        {"grade": "yes"},
        {"grade_id": "f"},
        {"grade_id": ""},
        {"surprise": 1},
    ],
    ids=str,
)
def test_metadata_that_nbgrader_refuses_is_refused_in_the_same_words(tmp_path, wrong):
    source = '# %% solution="f"\nx = 1\n\n# %% test="f" points=1\nassert x\n'
    made = notebook(tmp_path, source)
    assert CheckMetadata().preprocess(made, {})[0] is made
    made.cells[1].metadata.nbgrader.update(wrong)
    said = []
    for check in (CheckCellMetadata(), CheckMetadata()):
        with pytest.raises(Exception) as caught:
            check.preprocess(made, {})
        said.append((type(caught.value), str(caught.value)))
    assert said[0] == said[1]


def test_an_answer_that_is_shown_elsewhere_stops_the_build(tmp_path):
    source = "x = 1\n### BEGIN SOLUTION\nsecret_formula = x @ W + b\n### END SOLUTION\n"
    shown = json.dumps({"cells": [{"source": ["secret_formula = x @ W + b"]}]})
    assert leaks(source, shown) == ["secret_formula = x @ W + b"]
    assert leaks(source + "secret_formula = x @ W + b\n", shown) == []
    assert leaks(source, json.dumps({"cells": [{"source": ["x = 1"]}]})) == []


def test_a_rebuild_gives_the_same_bytes(tmp_path):
    (tmp_path / "A91-x.py").write_text("# %% [markdown]\n# a\n\n# %% [markdown]\n# a\n\n# %%\nx = 1\n")
    (tmp_path / "A91-x.toml").write_text(TOML)
    first = [p.read_bytes() for p in build(load(tmp_path, "A91-x"), tmp_path / "s", tmp_path / "n")]
    second = [p.read_bytes() for p in build(load(tmp_path, "A91-x"), tmp_path / "s2", tmp_path / "n2")]
    assert first == second
    ids = [c["id"] for c in json.loads(first[0])["cells"]]
    assert len(set(ids)) == 3


def test_test_ids_name_an_entry_and_a_part():
    entries = {"softmax-ce", "derivation-d2-4"}
    assert split_test_id("test-softmax-ce", entries) == ("softmax-ce", 1)
    assert split_test_id("test-softmax-ce-2", entries) == ("softmax-ce", 2)
    assert split_test_id("test-derivation-d2-4", entries) == ("derivation-d2-4", 1)
