"""Feedback, class report and exports: what they say, and that nothing of a student's becomes markup."""

import json
from pathlib import Path

import pytest

from autograder.checks.panel import as_html, as_text
from autograder.course_folder import KIT, CourseFolder
from autograder.errors import UsageError
from autograder.grading import plan as plans
from autograder.grading.rebuild import Rebuilt, Skeleton
from autograder.grading.store import CellResult, make_result, without_result
from autograder.report.class_report import questions, write_report
from autograder.report.export import write_export
from autograder.report.feedback import feedback_page
from autograder.report.tasks import Task, headline, tasks

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


def test_the_report_says_where_a_mistake_was_made_and_what_waits(tmp_path):
    known = titled()
    told = {"ids": ["M01"], "text": "The result has the wrong sign."}
    known["cells"][0]["findings"] = [
        told | {"aspect": "x", "status": "failed", "evidence": "", "line": 0, "hints": []}
    ]
    report = write_report(CourseFolder(tmp_path), "A90-toy", [known]).read_text()
    assert "<h1>Class report: A90 Toy</h1>" in report and "1 waits for a mark" in report
    assert "X1 How h matters <small>x1</small></td><td>The result has the wrong sign." in report


def test_nothing_of_a_students_becomes_markup(tmp_path):
    bad = result(EVIL, 0, None, source=EVIL, message=EVIL)
    page = feedback_page(bad)
    report = write_report(CourseFolder(tmp_path), "A90-toy", [bad, result("b", 2, 2)]).read_text()
    for text in (page, report):
        assert "<script" not in text and "<img src=x" not in text and "script-src" not in text
        assert "default-src 'none'" in text


def titled():
    """A graded notebook with headings: an answer with its test, two answers of one task, a cell of the student's own."""
    cells = [
        Rebuilt(
            "text", "markdown", "# A90 Toy\n\n## 1 Slopes (40 minutes)\n### X1 How `h` matters (2 points)"
        ),
        Rebuilt("solution", "code", "x = 1", "x1", "x1"),
        Rebuilt("test", "code", "check('x1')", "test-x1", "test-x1", 2.0),
        Rebuilt("manual", "markdown", "because", "response-x1", "response-x1", 2.0),
        Rebuilt("text", "markdown", "## 2 Explain (bonus, 5 minutes)"),
        Rebuilt("extra", "code", "# heading of mine", id="extra-1"),
        Rebuilt("manual", "code", "plot()", "plot-r1", "plot-r1", 2.0),
    ]
    results = [
        CellResult(c.grade_id, c.role, None if c.role == "manual" else 2.0, c.points, "passed") for c in cells
    ]
    return make_result("A90-toy", "a", cells, results, digests={}, submitted="", timestamp=None, seconds=1.0)


def test_answers_have_the_titles_that_students_know():
    notebook = titled()["notebook"]
    assert headline(notebook) == "A90 Toy" and headline(notebook[1:]) == ""
    assert tasks(notebook) == {
        "x1": Task("X1 How h matters", "1 Slopes"),
        "response-x1": Task("X1 How h matters (in words)", "1 Slopes"),
        "extra-1": Task("your own cell", "2 Explain"),
        "plot-r1": Task("plot-r1", "2 Explain"),
    }


@pytest.mark.parametrize("release", sorted((KIT / "notebooks").glob("A*/*.ipynb")), ids=lambda p: p.stem)
def test_every_answer_of_a_notebook_has_a_title_of_its_own(release):
    cells = [vars(cell) for cell in Skeleton.read(release, release, release.stem).cells]
    known = tasks(cells)
    assert headline(cells).startswith(release.stem[:3]) and known.pop("student-id")
    titles = [task.title for task in known.values()]
    assert len(set(titles)) == len(titles) > 4 and not set(titles) & set(known)


def test_the_page_shows_titles_with_the_ids_beside_them_and_a_panel_names_only_what_stands_apart():
    shown = titled()
    page = feedback_page(shown)
    assert "X1 How h matters <small>x1</small></h3>" in page and "minutes" not in page
    assert page.count("<h2>1 Slopes</h2>") == page.count("<h2>2 Explain</h2>") == 1
    assert "<b>✓ passed</b>, 2 of 2 points" in page and "up to 2 points, not marked yet" in page
    shown["notebook"].insert(3, shown["notebook"].pop(2))  # the test no longer stands below its answer
    shown["notebook"].insert(2, shown["notebook"].pop(6))
    assert "<b>✓ x1</b> — passed, 2 of 2 points" in feedback_page(shown)


def test_an_answer_in_words_that_is_missing_is_called_so():
    shown = result("a", None)
    shown["cells"][0] |= {"score": 0.0, "message": "Not answered."}
    assert as_text(shown["cells"][0]) == "○ q0: not answered yet, 0 of 2 points"
    assert "○ not answered" in feedback_page(shown) and "marked by hand" not in feedback_page(shown)


def test_a_submission_that_was_not_graded_says_why_and_no_more():
    cell = Rebuilt("test", "code", "check('x1')", "test-x1", "test-x1", 2.0)
    plan = plans.Plan("A90-toy", Skeleton("A90-toy", (cell,), {}), plans.Budget(), "")
    failed = without_result(plan, plans.Task("a", Path(), None), "The file is empty.")
    assert [c["score"] for c in failed["cells"]] == [0.0]
    page = feedback_page(failed)
    assert "<h1>A90-toy</h1>" in page and "<b>The file is empty.</b>" in page and "<table" not in page


def test_nothing_is_said_of_points_where_there_are_none():
    shown = result("a", 2)["cells"][0] | {"score": 0.0, "max_score": 0.0}
    assert as_text(shown) == "✓ q0: passed" and "point" not in as_html(shown, (0.0, 0.0))


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
