"""The command line: one sentence and the right exit code for bad input, and results that other tools read."""

import json
import os
import sqlite3
import subprocess
import sys

import pytest

from .conftest import KIND, NAME


def autograder(*args, **environment):
    done = subprocess.run(
        [sys.executable, "-m", "autograder", *map(str, args)],
        check=False, capture_output=True, text=True, env=os.environ | environment, timeout=300,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def one_sentence(stderr):
    lines = [x for x in stderr.strip().splitlines() if x.startswith("autograder:")]
    return len(lines) == 1 and "Traceback" not in stderr


def test_grade_writes_what_outside_tools_read(course, tmp_path):
    course.hand_in("ada")
    course.hand_in("bao", double="def double(x):\n    return 3 * x")
    course.hand_in("broken", b"{")
    out = tmp_path / "out.json"
    code, stdout, _ = autograder("grade", NAME, "--course-dir", course.root, "--json", out, "--sandbox", KIND)
    assert code == 1 and "Class report" in stdout and "double" in stdout
    result = json.loads(out.read_text())
    assert result["assignment"] == NAME
    ada, bao, broken = result["submissions"]
    assert set(ada) == {"student", "status", "score", "max_score", "seconds", "cells"}
    assert (ada["score"], ada["max_score"], bao["score"]) == (6, 12, 4)
    assert [c["grade_id"] for c in ada["cells"]] == [
        "test-double",
        "test-counter",
        "test-apply",
        "test-apply-2",
        "plot",
        "response",
    ]
    assert all(
        set(c) == {"grade_id", "score", "max_score", "status", "bonus", "diagnosis", "message"}
        for c in ada["cells"]
    )
    assert ada["cells"][4]["score"] is None and ada["cells"][3]["bonus"] is True
    assert bao["cells"][0]["status"] == "failed" and broken["status"] == "failed"
    for place in (
        f"feedback/ada/{NAME}/{NAME}.html",
        f"reports/{NAME}.html",
        "gradebook.db",
        f"autograded/ada/{NAME}/{NAME}.ipynb",
    ):
        assert (course.root / place).is_file(), place

    code, stdout, _ = autograder("export", tmp_path / "marks.csv", "--course-dir", course.root)
    assert code == 0 and "A90-toy,bao,graded,4.0,12.0,1.0,2," in (tmp_path / "marks.csv").read_text()
    assert autograder("feedback", NAME, "--course-dir", course.root)[0] == 0
    assert autograder("report", NAME, "--course-dir", course.root)[0] == 0
    (course.root / "gradebook.db").unlink()
    assert autograder("record", NAME, "--course-dir", course.root)[0] == 0
    with sqlite3.connect(course.root / "gradebook.db") as book:
        assert book.execute("select count(*) from grade where auto_score > 0").fetchone()[0] == 5


def test_check_grades_one_notebook_without_hidden_tests(course, tmp_path):
    place = course.hand_in("ada", double="def double(x):\n    return np.array([2.0, 4.0])")
    out = tmp_path / "out.json"
    code, stdout, _ = autograder("check", place / f"{NAME}.ipynb", "--json", out, "--course-dir", course.root)
    cells = {c["grade_id"]: c for c in json.loads(out.read_text())["submissions"][0]["cells"]}
    assert code == 0 and cells["test-double"]["status"] == "passed"  # only the hidden test would see it
    assert "6 of 12 points" in stdout
    place = course.hand_in("bao", double="def double(x):\n    return 3 * x")
    assert "should be [2, 4]" in autograder("check", place / f"{NAME}.ipynb", "--course-dir", course.root)[1]


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["grade", "A77-nothing", "--course-dir", "."], 2, "no assignment 'A77-nothing'"),
        (["grade", NAME, "--course-dir", "nowhere"], 2, "not a folder"),
        (["grade", NAME, "--course-dir", "."], 2, "submitted"),
        (["grade", NAME, "--course-dir", ".", "--json", "no/such/folder/x.json"], 2, "cannot be written"),
        (["grade", NAME, "--course-dir", ".", "--student", "nobody"], 2, "submitted"),
        (["check", "."], 2, "is a folder"),
        (["check", "nothing.ipynb"], 2, "no notebook"),
        (["check", "broken.ipynb"], 1, "JSON is broken"),
        (["check", "other.ipynb"], 1, "no such assignment"),
        (["feedback", NAME, "--course-dir", "."], 2, "No stored result"),
        (["export", "x.csv", "--course-dir", "."], 2, "Nothing was graded"),
        (["build", "A77-nothing", "--course-dir", "."], 2, "no assignment"),
    ],
)
def test_bad_input_gets_one_sentence_and_its_exit_code(course, monkeypatch, args, code, words):
    monkeypatch.chdir(course.root)
    (course.root / "broken.ipynb").write_text("{")
    (course.root / "other.ipynb").write_text(
        '{"cells": [], "metadata": {"course": {"assignment": "A66-other"}}}'
    )
    returned, _, stderr = autograder(
        *args, PYTHONPATH=os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    )
    assert returned == code and words in stderr and one_sentence(stderr), stderr


@pytest.mark.parametrize(
    "args", [["grade"], ["grade", NAME, "--no-such-option"], ["fly"], ["grade", NAME, "--jobs", "-1"]]
)
def test_wrong_usage_is_exit_2(args):
    code, _, stderr = autograder(*args)
    assert code == 2 and "Traceback" not in stderr


def test_without_a_sandbox_nothing_is_graded(course):
    course.hand_in("ada")
    code, _, stderr = autograder("grade", NAME, "--course-dir", course.root, PATH="/nonexistent")
    if KIND == "bwrap" and "bwrap was not found" not in stderr:
        pytest.skip("bwrap lies beside the interpreter")
    assert code == 3 and "--sandbox none" in stderr and one_sentence(stderr)
    assert not (course.root / "gradebook.db").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_course_folder_is_refused(course):
    course.root.chmod(0o500)
    try:
        assert autograder("grade", NAME, "--course-dir", course.root)[0] == 2
    finally:
        course.root.chmod(0o700)


@pytest.mark.parametrize(
    ("right", "broken", "said"),
    [
        ("return SCALE * np.asarray(x)", "return 5 * np.asarray(x)", "reference gets 0 of 2 in test-double"),
        ("plt.show()", "plt.close()", "the reference draws nothing there"),
    ],
    ids=["a wrong answer", "a plot that is not drawn"],
)
def test_a_source_that_is_broken_stops_before_anybody_is_graded(course, right, broken, said):
    course.hand_in("ada")
    source = course.root / "solutions" / f"{NAME}.py"
    source.write_text(source.read_text().replace(right, broken))
    code, _, stderr = autograder("grade", NAME, "--course-dir", course.root, "--sandbox", KIND)
    assert code == 3 and said in stderr
    assert not (course.root / "gradebook.db").exists()
