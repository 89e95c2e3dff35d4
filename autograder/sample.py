"""A sample class: submissions of our own, right, wrong, odd and hostile, made from the release by replacing cells.

A submission is a text file in `tests/submissions/ASSIGNMENT/`: comment lines, then `# %% GRADE_ID` and a cell's text.
`# base: reference` (the default) or `# base: blank` says what the other cells hold. A small change of the reference is
`# %% edit GRADE_ID`, a piece of the reference's cell, a line `# becomes`, and what stands there instead.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.course_folder import KIT, CourseFolder
from autograder.errors import UsageError
from autograder.files import write_atomically

__all__ = ["SampleSubmission", "fill", "read_sample", "samples", "unpack"]


@dataclass(frozen=True)
class SampleSubmission:
    """One student of the sample class."""

    student: str
    about: str
    base: str  # reference | blank
    cells: dict[str, str]
    expect: dict[str, dict[str, str]]  # test cell -> {"score": …, "diagnosis": …, "status": …}
    edits: tuple[tuple[str, str, str], ...] = ()  # grade id, piece of the reference's cell, its replacement

    def notebook(self, release: dict[str, Any], answers: dict[str, str]) -> dict[str, Any]:
        """What this student hands in. Raises UsageError when an edit does not fit the reference."""
        cells = {"student-id": f'student_id = "{self.student}"', **self.cells}
        for grade_id, old, new in self.edits:
            text = cells.get(grade_id, answers.get(grade_id, ""))
            if old not in text:
                raise UsageError(f"{self.student}.py: the reference's cell {grade_id} does not hold {old!r}.")
            cells[grade_id] = text.replace(old, new, 1)
        return fill(release, answers if self.base == "reference" else {}, cells)


def samples(assignment: str, root: Path = KIT / "tests" / "submissions") -> list[SampleSubmission]:
    """The sample class of an assignment. Raises UsageError when there is none."""
    files = sorted((root / assignment).glob("*.py"))
    if not files:
        raise UsageError(
            f"There is no sample class for {assignment} in {root}; it comes with a checkout of the kit."
        )
    return [read_sample(f) for f in files]


def read_sample(path: Path) -> SampleSubmission:
    """One submission file."""
    text = path.read_text(encoding="utf-8")
    head, *parts = re.split(r"(?m)^# %% (edit )?(\S+)[^\n]*\n", text)
    blocks = list(zip(parts[::3], parts[1::3], (body.strip("\n") for body in parts[2::3])))
    cells = {name: body for edit, name, body in blocks if not edit}
    edits = []
    for edit, name, body in blocks:
        if edit:
            old, mark, new = body.partition("\n# becomes\n")
            if not mark:
                raise UsageError(f"{path.name}: the edit of {name} has no line `# becomes`.")
            edits.append((name, old, new))
    base = re.search(r"(?m)^# base: (\w+)", head)
    expect = {
        m[1]: dict(pair.split("=", 1) for pair in m[2].split() if "=" in pair)
        for m in re.finditer(r"(?m)^# expect: (\S+)(.*)$", head)
    }
    lines = [
        x.removeprefix("#").strip()
        for x in head.splitlines()
        if x.startswith("#") and not re.match(r"# (base|expect):", x)
    ]
    return SampleSubmission(
        path.stem, " ".join(lines), base[1] if base else "reference", cells, expect, tuple(edits)
    )


def fill(release: dict[str, Any], answers: dict[str, str], cells: dict[str, str]) -> dict[str, Any]:
    """The release with `answers` in its answer cells, and `cells` over them."""
    notebook = json.loads(json.dumps(release))
    unknown = set(cells)
    for cell in notebook["cells"]:
        info = cell["metadata"].get("nbgrader", {})
        grade_id = info.get("grade_id")
        if not info.get("solution"):
            continue
        unknown.discard(grade_id)
        source = cells.get(grade_id, answers.get(grade_id))
        if source is not None:
            cell["source"] = source.splitlines(keepends=True)
    if unknown:
        raise UsageError(f"The release has no answer cell {', '.join(sorted(unknown))}.")
    return notebook


def answers_of(source: dict[str, Any]) -> dict[str, str]:
    """The instructor's answers by grade id, without the markers around them."""
    found = {}
    for cell in source["cells"]:
        info = cell["metadata"].get("nbgrader", {})
        if info.get("solution"):
            text = "".join(cell["source"])
            found[info["grade_id"]] = re.sub(
                r"(?m)^[ \t]*### (BEGIN|END) SOLUTION[^\n]*\n?", "", text
            ).rstrip("\n")
    return found


def unpack(root: Path, assignment: str) -> int:
    """Make a course folder with the sample class in submitted/; how many submissions it has."""
    from autograder.release.notebooks import build
    from autograder.release.source import load

    root.mkdir(parents=True, exist_ok=True)
    folder = CourseFolder.at(root)
    source_path, release_path = build(
        load(folder.solutions, assignment), folder.built, folder.root / "notebooks"
    )
    source, release = (json.loads(p.read_text(encoding="utf-8")) for p in (source_path, release_path))
    answers = answers_of(source)
    classmates = samples(assignment)
    for mate in classmates:
        place = folder.submitted / mate.student / assignment / f"{assignment}.ipynb"
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(
            place, json.dumps(mate.notebook(release, answers), indent=1, ensure_ascii=False) + "\n"
        )
    return len(classmates)
