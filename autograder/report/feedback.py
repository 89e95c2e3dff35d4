"""A student's feedback: one self-contained page with every answer, what was found, and the marks; no scripts, no network.

Student text reaches the page through the template's escaping only; the page's own policy forbids scripts as well.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from autograder.checks.panel import as_html
from autograder.course_folder import CourseFolder
from autograder.files import write_atomically

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
    marks = {c["grade_id"]: c for c in result["cells"]}
    waiting = sum(1 for c in result["cells"] if c["score"] is None)
    cells = [view for cell in result["notebook"] if (view := _view(cell, marks)) is not None]
    return page("feedback.html", title=result["assignment"], result=result, waiting=waiting, cells=cells)


def _view(cell: dict[str, Any], marks: dict[str, Any]) -> dict[str, Any] | None:
    view: dict[str, Any] = {
        "heading": "",
        "answer": False,
        "panel": "",
        "mark": None,
        "grade_id": cell["grade_id"],
    }
    mark = marks.get(cell["grade_id"])
    if cell["role"] == "text":
        heading = re.match(r"##? +(.+)", cell["source"])
        return view | {"heading": heading[1].strip()} if heading else None
    if cell["role"] == "test":
        return view | {"panel": as_html(mark)} if mark is not None else None
    if cell["role"] not in ("solution", "manual", "extra"):
        return None
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
    view |= {
        "answer": True,
        "name": cell["grade_id"] or "your own cell",
        "kind": cell["kind"],
        "source": _CONTROL.sub("", cell["source"])[:MAX_SOURCE],
        "outputs": outputs,
        "error": _CONTROL.sub("", error.get("traceback") or error["text"]) if error else "",
    }
    if mark is not None:
        points = "–" if mark["score"] is None else f"{mark['score']:g}"
        view["mark"] = {
            "status": mark["status"],
            "points": f"{points} of {mark['max_score']:g} points.",
            "message": mark["message"] if mark["score"] is None or mark["message"] == "Not answered." else "",
            "comment": mark.get("comment", ""),
        }
    return view
