"""nbgrader's formgrader on our folders: the marks it shows are ours, panels are there, hostile text stays text."""

import json
import re
import shutil

import pytest

from autograder.course_folder import CourseFolder
from autograder.grading.pipeline import grade, silent
from autograder.report.feedback import write_feedback
from tests.grading.conftest import KIND, NAME, ToyCourse

from .conftest import KIT, SCREENS, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]

EVIL = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


def hostile(course):
    notebook = course.notebook(
        {"response": f"# Mine {EVIL}\n\n[click](javascript:document.title='owned') and **bold**"}
    )
    wanted = next(
        c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == "double"
    )
    wanted["source"] = (
        f"class Html:\n    def _repr_html_(self): return {EVIL!r}\n    def __repr__(self): return {EVIL!r}\n"
        f"print({EVIL!r})\ndisplay(Html())\ndef double(x): raise ValueError({EVIL!r})"
    )
    wanted["outputs"] = [
        {
            "output_type": "display_data",
            "data": {"text/html": EVIL, "application/javascript": "alert(1)"},
            "metadata": {},
        }
    ]
    notebook["cells"].append({"cell_type": "markdown", "id": "x", "metadata": {}, "source": EVIL})
    return notebook


def test_formgrader_shows_our_marks_and_runs_nothing_of_a_students(tmp_path, jupyter, browser):
    from nbgrader.api import Gradebook
    from selenium.webdriver.common.by import By

    course = ToyCourse(tmp_path / "course")
    course.hand_in("ada")
    course.hand_in("eve", hostile(course))
    results = {r["student"]: r for r in grade(CourseFolder.at(course.root), NAME, silent(), sandbox=KIND)}
    shutil.copy(KIT / "nbgrader_config.py", course.root)
    with Gradebook(f"sqlite:///{course.root / 'gradebook.db'}") as book:
        ids = {s.student.id: s.notebooks[0].id for s in book.assignment_submissions(NAME)}
    address = jupyter(course.root)
    SCREENS.mkdir(parents=True, exist_ok=True)

    browser.set_window_size(1200, 900)
    browser.get(f"{address}/formgrader/gradebook/{NAME}/{NAME}")
    rows = wait_for(
        lambda: len(found := browser.find_elements(By.CSS_SELECTOR, "tbody tr")) >= 2 and found,
        60,
        "the table of submissions",
    )
    browser.save_screenshot(str(SCREENS / "formgrader-list.png"))
    scores = sorted(float(re.search(r"(\d+(\.\d+)?) / 12", r.text)[1]) for r in rows)
    assert scores == sorted(
        r["score"] + r["bonus"] for r in results.values()
    )  # nbgrader counts extra credit in the score

    browser.set_window_size(1200, 2400)
    browser.get(f"{address}/formgrader/submissions/{ids['eve']}")
    body = wait_for(
        lambda: (b := browser.find_element(By.TAG_NAME, "body")) and "double" in b.text and b,
        60,
        "the submission",
    )
    browser.save_screenshot(str(SCREENS / "formgrader-submission.png"))
    assert browser.title != "owned" and "onerror" in body.text  # as text
    assert not browser.find_elements(By.CSS_SELECTOR, "a[href^='javascript'], img[src='x']")
    assert browser.find_elements(By.CSS_SELECTOR, ".course-panel") or "test-double" in body.text
    field = browser.find_elements(By.CSS_SELECTOR, "input.score")
    shown = [f.get_attribute("value") or f.get_attribute("placeholder") for f in field]
    expected = [c["score"] for c in results["eve"]["cells"]]
    assert [None if s in ("", None) else float(s) for s in shown] == [
        0.0 if c == 1 and s["bonus"] else c for c, s in zip(expected, results["eve"]["cells"])
    ]

    page = (course.root / "autograded" / "eve" / NAME / f"{NAME}.ipynb").read_text()
    assert "application/javascript" not in page and json.loads(page)


def test_a_mark_typed_into_formgrader_survives_a_regrade_and_stands_in_the_feedback(
    tmp_path, jupyter, browser
):
    from nbgrader.api import Gradebook
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    course = ToyCourse(tmp_path / "course")
    course.hand_in("ada")
    folder = CourseFolder.at(course.root)
    grade(folder, NAME, silent(), sandbox=KIND)
    shutil.copy(KIT / "nbgrader_config.py", course.root)
    url = f"sqlite:///{course.root / 'gradebook.db'}"
    with Gradebook(url) as book:
        number = book.assignment_submissions(NAME)[0].notebooks[0].id
    address = jupyter(course.root)
    browser.set_window_size(1200, 2400)
    browser.get(f"{address}/formgrader/submissions/{number}")
    waiting = wait_for(
        lambda: [
            f
            for f in browser.find_elements(By.CSS_SELECTOR, "input.score")
            if not f.get_attribute("placeholder") and not f.get_attribute("value")
        ],
        60,
        "a cell that waits for a mark",
    )

    def typed():
        with Gradebook(url) as book:
            notebook = book.assignment_submissions(NAME)[0].notebooks[0]
            return {g.name: g.manual_score for g in notebook.grades if g.manual_score is not None}

    def type_it():
        """Again when the first time came before the page listened."""
        waiting[-1].clear()
        waiting[-1].send_keys("2.5" + Keys.TAB)
        return wait_for(typed, 10, "the mark in the gradebook")

    marks = wait_for(type_it, 60, "the mark in the gradebook")
    assert list(marks.values()) == [2.5]
    result = grade(folder, NAME, silent(), sandbox=KIND, force=True)[0]
    assert {c["grade_id"]: c["score"] for c in result["cells"]}.items() >= marks.items() and typed() == marks
    write_feedback(folder, result)
    browser.get((course.root / "feedback" / "ada" / NAME / f"{NAME}.html").as_uri())
    page = wait_for(lambda: browser.find_element(By.TAG_NAME, "body").text, 30, "the feedback")
    browser.save_screenshot(str(SCREENS / "feedback.png"))
    assert "2.5" in page and NAME in browser.title + page
