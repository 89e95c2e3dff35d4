"""What a student calls an answer: the heading that it stands under, and the section; both from the instructor's text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Task", "headline", "name_of", "tasks", "tasks_of_class"]

OWN = "your own cell"
_HEADING = re.compile(r"(?m)^(#{1,3}) +(.+)$")
_BUDGET = re.compile(r"\s*\([^()]*\b(?:points?|minutes?)\)")  # "(5 points)", "(bonus, 45 minutes)"


@dataclass(frozen=True)
class Task:
    """An answer's title, such as "Affine layer, backward", and its section, such as "3 One layer"."""

    title: str
    section: str


def name_of(cell: dict[str, Any]) -> str:
    """The name that an answer and its test cell share; of a cell of the student's own, its id."""
    return cell["grade_id"].removeprefix("test-") or cell["id"]


def headline(notebook: Iterable[dict[str, Any]]) -> str:
    """The notebook's own title; empty when it has none."""
    return next((title for cell in notebook for level, title in _headings(cell) if level == 1), "")


def tasks(notebook: Sequence[dict[str, Any]]) -> dict[str, Task]:
    """The task of each answer and of each cell of the student's own, by name.

    Where a task asks for several answers, a plot and a text are called so.
    """
    section = title = ""
    found: dict[str, tuple[Task, str]] = {}
    for cell in notebook:
        for level, text in _headings(cell):
            title, section = (text, section) if level == 3 else ("", text)
        if cell["role"] in ("solution", "manual", "test", "extra"):
            name = name_of(cell)
            task = Task(OWN if cell["role"] == "extra" else title or name, section)
            found.setdefault(name, (task, _kind(cell)))
    shared = Counter(task for task, _ in found.values())
    return {
        name: Task(f"{task.title} ({kind})", task.section) if kind and shared[task] > 1 else task
        for name, (task, kind) in found.items()
    }


def tasks_of_class(results: Iterable[dict[str, Any]]) -> dict[str, Task]:
    """The tasks of an assignment, from the first of its results that holds a notebook."""
    return next((tasks(r["notebook"]) for r in results if r["notebook"]), {})


def _headings(cell: dict[str, Any]) -> list[tuple[int, str]]:
    """The headings of a text cell of the instructor's, without their points and minutes."""
    if cell["role"] != "text":
        return []
    return [
        (len(m[1]), _BUDGET.sub("", m[2]).replace("`", "").strip()) for m in _HEADING.finditer(cell["source"])
    ]


def _kind(cell: dict[str, Any]) -> str:
    if cell["role"] != "manual":
        return ""
    return "plot" if cell["kind"] == "code" else "in words"
