"""A student's feedback: one self-contained page with every answer, what was found, and the marks; no scripts, no network.

Student text reaches the page through the template's escaping only; the page's own policy forbids scripts as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from autograder.checks.panel import as_html, points_of, status_of
from autograder.course_folder import CourseFolder
from autograder.files import write_atomically

from .tasks import Task, headline, name_of, tasks

__all__ = ["feedback_page", "page", "write_feedback"]

HERE = Path(__file__).parent
MAX_SOURCE = 64 << 10
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
WORDS = {
    "passed": "✓ passed",
    "failed": "✗ not yet right",
    "error": "✗ stopped with an error",
    "timeout": "✗ out of time",
    "not_run": "○ not answered",
    "manual": "✎ marked by hand",
    "excused": "– not counted",
}


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )


def page(template: str, **values: Any) -> str:
    """A page from a template of this folder, with the common style inside."""
    style = (HERE / "style.css").read_text(encoding="utf-8")
    return _environment().get_template(template).render(style=style, words=WORDS, **values)


def write_feedback(folder: CourseFolder, result: dict[str, Any]) -> Path:
    """Write `feedback/STUDENT/ASSIGNMENT/ASSIGNMENT.html`."""
    name = result["assignment"]
    path = folder.feedback / result["student"] / name / f"{name}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, feedback_page(result))
    return path


def feedback_page(result: dict[str, Any]) -> str:
    """The page as HTML."""
    known = tasks(result["notebook"])
    return page(
        "feedback.html",
        title=headline(result["notebook"]) or result["assignment"],
        result=result,
        waiting=sum(1 for c in result["cells"] if c["score"] is None),
        overview=_overview(result["cells"], known),
        cells=list(_views(result, known)),
    )


def _overview(cells: Sequence[dict[str, Any]], known: Mapping[str, Task]) -> list[dict[str, Any]]:
    """The table at the top: a group of rows for each section."""
    groups: list[dict[str, Any]] = []
    for cell in cells:
        name = name_of(cell)
        task = known.get(name, Task(name, ""))
        if not groups or groups[-1]["section"] != task.section:
            groups.append({"section": task.section, "rows": []})
        groups[-1]["rows"].append({**cell, "name": name, "title": task.title, "status": status_of(cell)})
    return groups


def _views(result: dict[str, Any], known: Mapping[str, Task]) -> Iterator[dict[str, Any]]:
    """What is shown of each answer, of each test and of each cell of the student's own."""
    marks = {c["grade_id"]: c for c in result["cells"]}
    section = above = ""
    for cell in result["notebook"]:
        mark = marks.get(cell["grade_id"])
        if cell["role"] not in ("solution", "manual", "extra") and (cell["role"] != "test" or mark is None):
            continue
        name = name_of(cell)
        task = known.get(name, Task(name, section))
        view = {"section": "" if task.section == section else task.section, "grade_id": cell["grade_id"]}
        if cell["role"] == "test":  # right below its answer a panel need not say whose it is
            yield view | {"answer": False, "panel": as_html(mark or {}, named=name != above)}
        else:
            yield view | _answer(cell, mark) | {"name": name, "title": task.title}
        section, above = task.section, name


def _answer(cell: dict[str, Any], mark: dict[str, Any] | None) -> dict[str, Any]:
    outputs = [
        {
            "png": o["png"],
            "text": "",
            "alt": "your plot, as submitted" if o.get("as_submitted") else "your plot",
        }
        if o["type"] == "png"
        else {"png": "", "text": _CONTROL.sub("", o["text"])[:MAX_SOURCE], "alt": ""}
        for o in cell["outputs"]
    ]
    error = cell["error"]
    view = {
        "answer": True,
        "panel": "",
        "mark": None,
        "kind": cell["kind"],
        "source": _CONTROL.sub("", cell["source"])[:MAX_SOURCE],
        "outputs": outputs,
        "error": _CONTROL.sub("", error.get("traceback") or error["text"]) if error else "",
    }
    if mark is not None:
        view["mark"] = {
            "status": mark["status"],
            "points": points_of(mark),
            "message": mark["message"] if mark["message"] == "Not answered." else "",
            "comment": mark.get("comment", ""),
        }
    return view
