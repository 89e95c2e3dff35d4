"""Building notebooks with nbgrader's own preprocessors, in process, byte for byte the same at every build."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from autograder.errors import UsageError
from autograder.files import write_atomically

from .source import Assignment, read_notebook

__all__ = ["build", "leaks", "make_release", "notebook_text", "points"]


def build(assignment: Assignment, solutions: Path, notebooks: Path) -> tuple[Path, Path]:
    """Write `solutions/NAME/NAME.ipynb` (with answers) and `notebooks/NAME/NAME.ipynb` (the release).

    Raises UsageError when the source is malformed or the release would give an answer away.
    """
    source = read_notebook(assignment)
    shown = notebook_text(make_release(source))
    if found := leaks(assignment.path.read_text(encoding="utf-8"), shown):
        raise UsageError(f"{assignment.path.name}: the release would show a line of an answer: {found[0]!r}.")
    places = []
    for folder, text in ((solutions, notebook_text(source)), (notebooks, shown)):
        path = folder / assignment.name / f"{assignment.name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_atomically(path, text)
        places.append(path)
    return places[0], places[1]


def make_release(source: Any) -> Any:
    """What students get: nbgrader's list for `generate_assignment`, without the step that writes to the gradebook."""
    import logging

    from nbgrader.preprocessors import SaveCells
    from traitlets.config import Config

    from autograder.release.settings import generate_preprocessors, settings

    notebook = copy.deepcopy(source)
    resources: dict[str, Any] = {
        "metadata": {},
        "nbgrader": {"notebook": "", "assignment": "", "student": "."},
    }
    config = Config()
    settings(config)
    # nbgrader warns of metadata that the course adds on purpose
    logging.getLogger("traitlets").setLevel(logging.ERROR)
    for kind in generate_preprocessors():
        if kind is not SaveCells:
            notebook, resources = kind(config=config).preprocess(notebook, resources)
    return notebook


def notebook_text(notebook: Any) -> str:
    """A notebook as text, always in the same form."""
    import nbformat

    return nbformat.writes(notebook, version=4).rstrip("\n") + "\n"


def leaks(source: str, release: str) -> list[str]:
    """Lines of at least 15 characters that stand in the release, and in the source only inside answers or hidden tests."""
    inside: list[str] = []
    outside: list[str] = []
    hidden = False
    manual = False
    for line in source.splitlines():
        if line.startswith("# %%"):
            manual = "manual=" in line
        stripped = line.strip()
        if stripped.startswith(("### BEGIN SOLUTION", "### BEGIN HIDDEN TESTS")):
            hidden = True
        elif stripped.startswith(("### END SOLUTION", "### END HIDDEN TESTS")):
            hidden = False
        else:
            (inside if hidden or (manual and not line.startswith("# %%")) else outside).append(stripped)
    allowed = "\n".join(outside)
    import json

    shown = "\n".join("".join(c["source"]) for c in json.loads(release)["cells"])
    lines = dict.fromkeys(x.removeprefix("# ") for x in inside)
    return [x for x in lines if len(x) >= 15 and x not in allowed and x in shown]


def points(notebook: Any) -> dict[str, float]:
    """Points of a notebook by kind: automatic, manual, bonus."""
    totals = {"automatic": 0.0, "manual": 0.0, "bonus": 0.0}
    for cell in _graded(notebook):
        info = cell["metadata"]["nbgrader"]
        totals["manual" if info["solution"] else "automatic"] += float(info["points"])
        totals["bonus"] += float(cell["metadata"].get("course", {}).get("bonus", 0))
    return totals


def _graded(notebook: Any) -> Iterable[Any]:
    return (c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade"))
