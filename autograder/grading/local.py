"""`autograder check NOTEBOOK`: grading on the student's own machine, with shown data only.

The same executor runs; the sandbox is used where it is there, and is not needed where it is not: the code is one's own.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from autograder.course_folder import KIT, CourseFolder
from autograder.errors import SubmissionError, UsageError
from autograder.release.source import load
from autograder.sandbox.launcher import Sandbox, bubblewrap
from course import withheld

from .admit import parse_notebook, read_bytes
from .execute import execute
from .plan import Budget
from .rebuild import Skeleton, rebuild
from .store import cell_digests, make_result

__all__ = ["check_notebook"]


def check_notebook(notebook: Path, course_dir: Path) -> dict[str, Any]:
    """Grade one notebook without hidden data. Raises UsageError, SubmissionError."""
    started = time.perf_counter()
    if notebook.is_dir():
        raise UsageError(f"{notebook} is a folder; give the notebook, a file that ends in .ipynb.")
    if not notebook.exists():
        raise UsageError(f"There is no notebook {notebook}.")
    data = read_bytes(notebook)
    submitted = parse_notebook(data, notebook.name)
    name = _assignment(data, notebook)
    release = _release(name, course_dir)
    skeleton = Skeleton.read(release, release, name)
    cells = rebuild(skeleton, submitted)
    kind = "bwrap" if bubblewrap() else "none"
    try:
        missing = load(CourseFolder.at(course_dir).solutions, name).withheld
    except UsageError:  # a student's folder has no sources
        missing = withheld(name)
    with Sandbox(withheld=missing, kind=kind) as sandbox:
        results = execute(cells, name, notebook.stem, "", sandbox, Budget())
    return make_result(
        name, notebook.stem, cells, results,
        digests=cell_digests(cells, ""), submitted="", timestamp=None, seconds=time.perf_counter() - started,
    )  # fmt: skip


def _assignment(data: bytes, notebook: Path) -> str:
    """The assignment that a notebook belongs to: its metadata says so, else its name."""
    metadata = json.loads(data.decode("utf-8-sig", "replace")).get("metadata")
    course = metadata.get("course") if isinstance(metadata, dict) else None
    name = course.get("assignment") if isinstance(course, dict) else None
    return name if isinstance(name, str) and "/" not in name and name else notebook.stem


def _release(name: str, course_dir: Path) -> Path:
    for root in (course_dir, KIT):
        path = root / "notebooks" / name / f"{name}.ipynb"
        if path.is_file():
            return path
    raise SubmissionError(
        f"This notebook belongs to {name!r}, and no such assignment is in {course_dir / 'notebooks'}."
    )
