"""Feedback, class report and exports: what they say, and that nothing of a student's becomes markup."""

import json

import pytest

from autograder.course_folder import CourseFolder
from autograder.errors import UsageError
from autograder.grading.execute import CellResult
from autograder.grading.rebuild import Rebuilt
from autograder.grading.store import make_result
from autograder.report.class_report import questions, write_report
from autograder.report.export import write_export
from autograder.report.feedback import feedback_page

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def result(student, *scores, source="x = 1", message=""):
    cells, results = [], []
    for i, score in enumerate(scores):
        role = "manual" if score is None else "test"
        cells.append(Rebuilt(role, "code", source, f"q{i}", f"q{i}", 2.0))
        status = "manual" if score is None else "passed" if score == 2 else "failed"
        results.append(
            CellResult(
                f"q{i}",
                role,
                score,
                2.0,
                status,
                message=message,
                outputs=[{"type": "text", "text": message}],
            )
        )
    return make_result(
        "A90-toy", student, cells, results, digests={}, submitted="", timestamp=None, seconds=1.0
    )


def test_questions_have_difficulty_and_discrimination():
    rows = questions(
        [result("a", 2, 2, None), result("b", 2, 1, None), result("c", 0, 0, None), result("d", 0, 1, None)]
    )
    assert [r["share"] for r in rows] == [0.5, 0.5, None]
    assert [(r["full"], r["zero"], r["waiting"]) for r in rows] == [(2, 2, 0), (1, 1, 0), (0, 0, 4)]
    assert rows[0]["discrimination"] == pytest.approx(1 / 2**0.5) and rows[2]["discrimination"] is None


def test_nothing_of_a_students_becomes_markup(tmp_path):
    bad = result(EVIL, 0, None, source=EVIL, message=EVIL)
    page = feedback_page(bad)
    report = write_report(CourseFolder(tmp_path), "A90-toy", [bad, result("b", 2, 2)]).read_text()
    for text in (page, report):
        assert "<script" not in text and "<img src=x" not in text and "script-src" not in text
        assert "default-src 'none'" in text


def test_exports_are_csv_or_json_and_no_formulas(tmp_path):
    results = {"A90-toy": [result("=cmd()", 2, 1), result("bo", 0, None)]}
    assert write_export(tmp_path / "m.csv", results) == 2
    lines = (tmp_path / "m.csv").read_text().splitlines()
    assert (
        lines[1] == "A90-toy,'=cmd(),graded,3.0,4.0,0.0,0," and lines[2] == "A90-toy,bo,graded,0.0,4.0,0.0,1,"
    )
    write_export(tmp_path / "m.json", results)
    assert json.loads((tmp_path / "m.json").read_text())[0]["submissions"][1]["cells"][1]["score"] is None
    with pytest.raises(UsageError, match=r"\.csv or \.json"):
        write_export(tmp_path / "m.xls", results)


def test_an_empty_class_has_a_report(tmp_path):
    assert "Nothing to show yet" in write_report(CourseFolder(tmp_path), "A90-toy", []).read_text()
