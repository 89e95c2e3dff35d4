"""The instructor's notebook with the student's answers transplanted: nothing that a student can break is repaired.

The skeleton is the source notebook. Of the submission only the text of answer cells is taken, matched by grade id,
then by cell id, then by position; the student's other cells are carried along, unlocked and unscored.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from autograder.errors import SubmissionError

from .admit import Cell

__all__ = ["Rebuilt", "Skeleton", "rebuild"]

MAX_EXTRA = 500


@dataclass
class Rebuilt:
    """One cell of the notebook that is graded."""

    role: str  # text | locked | solution | test | manual | extra
    kind: str  # code | markdown
    source: str
    grade_id: str = ""
    id: str = ""
    points: float = 0.0
    bonus: bool = False
    run: bool = True
    answered: bool = True
    images: list[bytes] = field(default_factory=list)

    @property
    def runs_there(self) -> bool:
        """Whether the cell runs in the student's process."""
        return self.kind == "code" and self.run and self.role in ("locked", "solution", "manual", "extra")


@dataclass(frozen=True)
class Skeleton:
    """What the instructor's source and the release say: cells, and what an untouched answer looks like."""

    assignment: str
    cells: tuple[Rebuilt, ...]
    blank: dict[str, str]  # grade id -> text of the released answer cell

    @classmethod
    def read(cls, source: Path, release: Path, assignment: str) -> Skeleton:
        """From the two built notebooks."""
        raw = json.loads(source.read_text(encoding="utf-8"))
        cells = tuple(_skeleton_cell(c) for c in raw["cells"])
        released = [_skeleton_cell(c) for c in json.loads(release.read_text(encoding="utf-8"))["cells"]]
        blank = {c.grade_id: c.source for c in released if c.role in ("solution", "manual")}
        return cls(assignment, cells, blank)

    @property
    def graded(self) -> list[Rebuilt]:
        """Test and manual cells in the notebook's order."""
        return [c for c in self.cells if c.role in ("test", "manual")]

    def reference(self) -> list[Rebuilt]:
        """The instructor's own answers as a submission."""
        return [replace(c) for c in self.cells]

    def blank_release(self) -> list[Rebuilt]:
        """The untouched release as a submission."""
        cells = self.reference()
        for cell in cells:
            if cell.role in ("solution", "manual"):
                cell.source, cell.answered = self.blank[cell.grade_id], False
        return cells


def _skeleton_cell(raw: dict[str, Any]) -> Rebuilt:
    metadata = raw.get("metadata", {})
    info, course = metadata.get("nbgrader", {}), metadata.get("course", {})
    if info.get("grade"):
        role = "manual" if info.get("solution") else "test"
    elif info.get("solution"):
        role = "solution"
    elif info.get("locked") or raw["cell_type"] == "code":
        role = "locked"
    else:
        role = "text"
    bonus = course.get("bonus")
    source = raw["source"] if isinstance(raw["source"], str) else "".join(raw["source"])
    return Rebuilt(
        role,
        raw["cell_type"],
        source,
        info.get("grade_id", ""),
        raw.get("id", ""),
        float(bonus if bonus is not None else info.get("points", 0.0)),
        bonus is not None,
        course.get("run", True) is not False,
    )


def rebuild(skeleton: Skeleton, submitted: list[Cell]) -> list[Rebuilt]:
    """The notebook that is graded. Raises SubmissionError when the submission belongs to another assignment."""
    place = _match(skeleton, submitted)
    answers = [i for i, c in enumerate(skeleton.cells) if c.role in ("solution", "manual")]
    if answers and not any(i in place for i in answers):
        ids = sorted({c.grade_id for c in submitted if c.grade_id})
        hint = (
            f" (its cells are called {', '.join(ids[:3])} …)"
            if ids
            else " (none of its cells has the id of an answer)"
        )
        raise SubmissionError(f"This is not a notebook of {skeleton.assignment}{hint}.")
    extras = _extras(skeleton, submitted, place)
    result = extras.get(-1, [])
    for i, model in enumerate(skeleton.cells):
        cell = replace(model)
        if cell.role in ("solution", "manual"):
            theirs = submitted[place[i]] if i in place else Cell(cell.kind, "")
            cell.source, cell.images = theirs.source, theirs.images
            cell.answered = _told(cell.source) not in ("", _told(skeleton.blank.get(cell.grade_id, "")))
        result.append(cell)
        result += extras.get(i, [])
    return result


def _extras(skeleton: Skeleton, submitted: list[Cell], place: dict[int, int]) -> dict[int, list[Rebuilt]]:
    """The student's other cells, by the skeleton's cell that they come after; copies of given cells are left out."""
    given = {c.source for c in skeleton.cells if c.role not in ("solution", "manual")}
    matched = {number: i for i, number in place.items()}
    found: dict[int, list[Rebuilt]] = {}
    last, count = -1, 0
    for number, cell in enumerate(submitted):
        last = matched.get(number, last)
        if number in matched or cell.kind == "raw" or not cell.source.strip() or cell.source in given:
            continue
        count += 1
        if count <= MAX_EXTRA:
            found.setdefault(last, []).append(Rebuilt("extra", cell.kind, cell.source, id=f"extra-{count}"))
    return found


def _match(skeleton: Skeleton, submitted: list[Cell]) -> dict[int, int]:
    """Skeleton index -> submitted index: by grade id, then cell id, then by what lies between two matched cells."""
    place: dict[int, int] = {}
    taken: set[int] = set()
    for attribute in ("grade_id", "id"):
        first: dict[str, int] = {}
        for number, theirs in enumerate(submitted):
            if number not in taken and getattr(theirs, attribute):
                first.setdefault(getattr(theirs, attribute), number)
        for i, cell in enumerate(skeleton.cells):
            number = first.get(getattr(cell, attribute), -1) if getattr(cell, attribute) else -1
            if i not in place and number >= 0 and number not in taken:
                place[i] = number
                taken.add(number)
    for i, cell in enumerate(skeleton.cells):  # given text that stands unchanged marks a position, too
        if i in place or cell.role in ("solution", "manual"):
            continue
        for number, theirs in enumerate(submitted):
            if number not in taken and theirs.source.strip() == cell.source.strip() != "":
                place[i] = number
                taken.add(number)
                break
    missing = [i for i, c in enumerate(skeleton.cells) if i not in place and c.role in ("solution", "manual")]
    for i in missing:
        if i in place:
            continue
        low = max((place[j] for j in place if j < i), default=-1)
        high = min((place[j] for j in place if j > i and place[j] > low), default=len(submitted))
        gap = [j for j in missing if j not in place and low < high and _between(j, i, place, skeleton)]
        free = [
            n for n in range(low + 1, high) if n not in taken and submitted[n].kind == skeleton.cells[i].kind
        ]
        same = [j for j in gap if skeleton.cells[j].kind == skeleton.cells[i].kind]
        if len(free) == len(same):
            for j, number in zip(same, free):
                place[j] = number
                taken.add(number)
    return place


def _between(j: int, i: int, place: dict[int, int], skeleton: Skeleton) -> bool:
    low, high = min(i, j), max(i, j)
    return not any(k in place for k in range(low, high + 1))


def _told(source: str) -> str:
    return "\n".join(line.rstrip() for line in source.strip().splitlines())
