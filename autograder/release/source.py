"""Reading an assignment's text source: short markers become the metadata that nbgrader knows.

    # %% locked="imports"                        given code
    # %% solution="softmax-ce"                   answer cell (keep=yes: released as it stands)
    # %% test="softmax-ce" points=3              test cell of that answer (test-softmax-ce)
    # %% [markdown] manual="response-r2-1" points=4   answer that is marked by hand
    bonus=2   instead of points: not part of the total        run=no   skipped when grading

What nbgrader does not know stands in the cell's metadata under "course": {"bonus": 2.0, "run": false, "keep": true}.
"""

from __future__ import annotations

import hashlib
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.assignments import table
from autograder.errors import UsageError
from course import withheld

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["Assignment", "assignments", "load", "read_notebook"]

FOLDED = ("figure-", "run-", "widget-", "lines-")
ROLES = ("locked", "solution", "test", "manual")
KNOWN = {*ROLES, "points", "bonus", "run", "keep", "nbgrader", "tags"}


@dataclass(frozen=True)
class Assignment:
    """An assignment's source and what its toml file says of it."""

    name: str  # "A02-backprop-by-hand"
    path: Path  # the text source
    info: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return str(self.info.get("title", self.name))

    @property
    def withheld(self) -> tuple[str, ...]:
        """Chapters of the library that students do not get for this assignment; its toml file may name others."""
        return tuple(self.info.get("withheld", withheld(self.name)))

    @property
    def packages(self) -> tuple[str, ...]:
        """Packages that its notebook may import."""
        return tuple(self.info.get("imports", ("numpy", "matplotlib")))

    def limit(self, name: str, default: float) -> float:
        """A number of [limits]: cell_seconds, call_seconds, total_seconds, memory_mb."""
        return float(self.info.get("limits", {}).get(name, default))


def assignments(solutions: Path) -> list[str]:
    """The names of all assignments, in order."""
    return sorted(p.stem for p in solutions.glob("A[0-9][0-9]-*.py"))


def load(solutions: Path, name: str) -> Assignment:
    """An assignment by name. Raises UsageError when there is none, with the names that exist."""
    path = solutions / f"{name}.py"
    if not path.is_file():
        known = ", ".join(assignments(solutions)) or "none"
        raise UsageError(f"There is no assignment {name!r} in {solutions}; there is {known}.")
    about = path.with_suffix(".toml")
    if not about.is_file():
        raise UsageError(f"{about} is missing: every assignment says there its title, points and limits.")
    try:
        info = tomllib.loads(about.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{about} cannot be read: {error}.") from None
    return Assignment(name, path, info)


def read_notebook(assignment: Assignment) -> Any:
    """The source notebook: answers, hidden tests and nbgrader's metadata in place, the same bytes at every build.

    Raises UsageError for an unknown marker, a grade id used twice, a test without points, points that disagree.
    """
    import jupytext
    import nbformat

    text = assignment.path.read_text(encoding="utf-8")
    marked = re.sub(r"(?m)^# %%.*$", lambda m: _switches(m.group()), text)
    read = jupytext.reads(marked, fmt="py:percent")
    cells: list[Any] = []
    seen: dict[str, int] = {}
    for number, cell in enumerate(read.cells, 1):
        where = f"{assignment.path.name}, cell {number}"
        metadata = _expand(dict(cell.metadata), cell.cell_type, where, assignment)
        make = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
        fresh = make(cell.source, metadata=metadata)
        grade_id = metadata.get("nbgrader", {}).get("grade_id")
        if grade_id in seen and grade_id is not None:
            raise UsageError(
                f"{where}: the grade id {grade_id!r} is used twice (first in cell {seen[grade_id]})."
            )
        seen[grade_id or f"cell {number}"] = number
        fresh["id"] = grade_id[:64] if grade_id else _hashed_id(fresh, {c["id"] for c in cells})
        cells.append(fresh)
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
            "course": {"assignment": assignment.name, "title": assignment.title},
        }
    )
    return notebook


def _switches(marker: str) -> str:
    return re.sub(r"\b(\w+)=(yes|no)\b", lambda m: f"{m[1]}={'true' if m[2] == 'yes' else 'false'}", marker)


def _expand(marks: dict[str, Any], cell_type: str, where: str, assignment: Assignment) -> dict[str, Any]:
    marks.pop("lines_to_next_cell", None)
    if unknown := set(marks) - KNOWN:
        text = marks.get("incorrectly_encoded_metadata", ", ".join(sorted(unknown)))
        raise UsageError(
            f"{where}: the marker {text!r} is not understood; known are {', '.join(sorted(KNOWN))}."
        )
    course = {k: v for k in ("run", "keep") if (v := marks.get(k)) is not None}
    roles = [r for r in ROLES if r in marks]
    if len(roles) > 1:
        raise UsageError(f"{where}: a cell is one of {', '.join(ROLES)}, not {' and '.join(roles)}.")
    metadata: dict[str, Any] = {}
    if not roles:
        if "nbgrader" in marks:
            metadata["nbgrader"] = marks["nbgrader"]
    else:
        role = roles[0]
        grade_id = ("test-" if role == "test" else "") + str(marks[role])
        info = {
            "grade": role in ("test", "manual"),
            "grade_id": grade_id,
            "locked": role in ("test", "locked"),
            "schema_version": 3,
            "solution": role in ("solution", "manual"),
            "task": False,
            "cell_type": cell_type,
        }
        if role in ("test", "manual"):
            points = _points(marks, grade_id, role, where, assignment)
            if marks.get("bonus") is not None or (points is None):
                course["bonus"] = float(marks.get("bonus") or 0)
            info["points"] = 0.0 if "bonus" in course else points
        metadata["nbgrader"] = info
        # what comes out counts; a click shows how it is made
        if role == "locked" and grade_id.startswith(FOLDED):
            metadata["jupyter"] = {"source_hidden": True}
    if course:
        metadata["course"] = course
    return metadata


def _points(marks: dict[str, Any], grade_id: str, role: str, where: str, assignment: Assignment) -> float:
    """Points of a test cell: what its entry's aspects add up to; the marker may repeat the number, not change it."""
    said = marks.get("points", marks.get("bonus"))
    worth = _entry_points(grade_id, assignment) if role == "test" else None
    if said is None and worth is None:
        raise UsageError(f"{where}: {grade_id} has no points. Write points=… on the marker.")
    if said is not None and worth is not None and abs(float(said) - worth) > 1e-9:
        raise UsageError(f"{where}: {grade_id} says points={said}, but its checks add up to {worth:g}.")
    return float(said if said is not None else worth)  # type: ignore[arg-type]


def _entry_points(grade_id: str, assignment: Assignment) -> float | None:
    known = table(assignment.name)
    if known is None:
        return None
    name, part = split_test_id(grade_id, set(known.entries))
    return known[name].points(part) if name in known.entries else None


def split_test_id(grade_id: str, entries: set[str]) -> tuple[str, int]:
    """The entry and the part that a test cell belongs to: "test-softmax-ce-2" -> ("softmax-ce", 2)."""
    name = grade_id.removeprefix("test-")
    match = re.fullmatch(r"(.+)-(\d+)", name)
    if name not in entries and match and match[1] in entries:
        return match[1], int(match[2])
    return name, 1


def _hashed_id(cell: Any, taken: set[str]) -> str:
    digest = hashlib.blake2s(f"{cell.cell_type}\n{cell.source}".encode(), digest_size=6).hexdigest()
    number, name = 1, f"c-{digest}"
    while name in taken:
        number += 1
        name = f"c-{digest}-{number}"
    return name
