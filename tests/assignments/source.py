"""The text source of an assignment as a notebook whose cells run in one namespace, for tests of entries and texts."""

from __future__ import annotations

import contextlib
import functools
import io
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autograder.assignments import table
from autograder.checks.entry import Outcome
from autograder.checks.local import LocalSubject
from autograder.checks.run import Draws, run_entry
from autograder.release.source import Assignment, load, read_notebook, split_test_id

KIT = Path(__file__).parents[2]
SOLUTIONS = KIT / "solutions"


class Source:
    """One assignment: its cells by grade id, its table, and runs of it with some cells replaced."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.assignment: Assignment = load(SOLUTIONS, name)
        self.cells = read_notebook(self.assignment).cells
        self.table = table(name)
        self.answers = {
            c.metadata.nbgrader.grade_id: c.source
            for c in self.cells
            if c.metadata.get("nbgrader", {}).get("solution")
        }

    def info(self, cell: Any) -> Mapping[str, Any]:
        return cell.metadata.get("nbgrader", {})

    @property
    def tests(self) -> dict[str, tuple[str, int]]:
        """Grade id of each test cell -> entry and part."""
        ids = [
            self.info(c).grade_id
            for c in self.cells
            if self.info(c).get("locked") and self.info(c).get("grade")
        ]
        return {i: split_test_id(i, set(self.table.entries)) for i in ids}

    def namespace(
        self,
        student: str,
        cells: Mapping[str, str] | None = None,
        *,
        blank: bool = False,
        skip_figures: bool = True,
    ) -> dict[str, Any]:
        """What a kernel holds after all cells but the checks were run; an error in one of `cells` is kept quiet."""
        spoilt = dict(cells or {})
        names: dict[str, Any] = {"__name__": "notebook"}
        for cell in self.cells:
            info = self.info(cell)
            grade_id = info.get("grade_id")
            if cell.cell_type != "code" or (info.get("grade") and info.get("locked")):
                continue
            if skip_figures and cell.metadata.get("course", {}).get("run") is False:
                continue
            text = cell.source
            if grade_id == "student-id":
                text = f'student_id = "{student}"'
            elif info.get("solution") and blank:
                text = released(text)
            text = spoilt.get(grade_id, text)
            with contextlib.redirect_stdout(io.StringIO()):
                try:
                    exec(compile(text, f"<cell {grade_id}>", "exec"), names)
                except Exception:
                    if grade_id not in spoilt:
                        raise
        return names

    def grade(
        self,
        student: str,
        cells: Mapping[str, str] | None = None,
        *,
        blank: bool = False,
        hidden: bool = True,
    ) -> dict[str, Outcome]:
        """Outcome of every test cell, on shown and on hidden data."""
        subject = LocalSubject(self.namespace(student, cells, blank=blank))
        draws = [Draws(student)] + (
            [Draws(student, salt="secret of the tests", hidden=True)] if hidden else []
        )
        return {
            test: run_entry(self.table, self.table[entry], part, subject, draws)
            for test, (entry, part) in self.tests.items()
        }


def released(text: str) -> str:
    """A solution cell as students get it."""
    return re.sub(
        r"( *)### BEGIN SOLUTION.*?### END SOLUTION", r"\1# YOUR CODE HERE\n\1...", text, flags=re.S
    )


@functools.cache
def source(name: str) -> Source:
    """The assignment, read once."""
    sys.path[:0] = [] if str(KIT) in sys.path else [str(KIT)]
    return Source(name)
