"""nbgrader's formgrader on our folders: the marks it shows are ours, panels are there, hostile text stays text."""

import json
import re
import shutil

import pytest

from autograder.course_folder import CourseFolder
from autograder.grading.pipeline import grade, silent
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
