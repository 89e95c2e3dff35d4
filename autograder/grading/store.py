"""One JSON file for every submission: the memory of the pipeline, and what gradebook, feedback and reports are made from."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.errors import UnfitError
from autograder.files import write_atomically

from .plan import Plan, Task
from .rebuild import Rebuilt

if TYPE_CHECKING:
    from autograder.checks.entry import Outcome

__all__ = [
    "CellResult",
    "ResultStore",
    "cell_digests",
    "make_result",
    "public",
    "sha",
    "summary",
    "without_notebooks",
    "without_result",
]

FORMAT = 1
_NO_MARKS = ("autograder/assignments/a", "autograder/report/", "autograder/screen", "autograder/cli")


@dataclass
class CellResult:
    """What is recorded of one cell."""

    grade_id: str
    role: str
    score: float | None = None
    max_score: float = 0.0
    status: str = ""  # passed | failed | error | timeout | not_run | manual | excused
    bonus: bool = False
    message: str = ""
    diagnosis: tuple[str, ...] = ()
    outcomes: list[Outcome] = field(default_factory=list)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    error: dict[str, Any] | None = None
    seconds: float = 0.0


class ResultStore:
    """The folder `results/ASSIGNMENT/`. Files are written whole or not at all; a broken one counts as absent."""

    def __init__(self, folder: Path, assignment: str) -> None:
        self.folder = folder / assignment
        self.assignment = assignment

    def path(self, student: str) -> Path:
        return self.folder / f"{student}.json"

    def get(self, student: str) -> dict[str, Any] | None:
        """The stored result of a student, or None."""
        try:
            result = json.loads(self.path(student).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return result if isinstance(result, dict) and result.get("format") == FORMAT else None

    def put(self, result: dict[str, Any]) -> None:
        """Write a result. Raises UnfitError when it cannot be written: the disk is full, the folder read-only."""
        text = json.dumps(result, sort_keys=True, ensure_ascii=False) + "\n"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path(result["student"]), text)
        except OSError as error:
            raise UnfitError(
                f"The result of {result['student']} cannot be written to {self.folder}: {error.strerror}. "
                "What was written before is complete; run again when there is room."
            ) from None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for path in sorted(self.folder.glob("*.json")):
            result = self.get(path.stem)
            if result is not None:
                yield result


def make_result(
    assignment: str,
    student: str,
    cells: Sequence[Rebuilt],
    results: Sequence[CellResult],
    *,
    digests: dict[str, str],
    submitted: str,
    timestamp: str | None,
    seconds: float,
    kept: dict[str, dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Everything about one graded submission, as JSON. `kept` are cells of an older result that still hold."""
    old = kept or {}
    graded = [old.get(r.grade_id) or _graded_cell(r) for r in results if r.role in ("test", "manual")]
    typed = next((c.source for c in cells if c.grade_id == "student-id"), "")
    return {
        "format": FORMAT,
        "assignment": assignment,
        "student": student,
        "status": "graded",
        "message": "",
        "submitted": submitted,
        "timestamp": timestamp,
        "digests": digests,
        "seconds": round(seconds, 3),
        "typed_id": typed[:200],
        "cells": graded,
        "notebook": [_notebook_cell(c, r) for c, r in zip(cells, results)],
        **summary(graded),
    }


def without_result(
    plan: Plan, task: Task, message: str, digest: str = "", data: bytes = b""
) -> dict[str, Any]:
    """The result of a submission that could not be graded: every cell scores 0, and the message says why.

    Without a digest the next run tries it again.
    """
    cells = [
        _graded_cell(CellResult(c.grade_id, c.role, 0.0, c.points, "not_run", c.bonus, message))
        for c in plan.skeleton.graded
    ]
    return {
        "format": FORMAT,
        "assignment": plan.assignment,
        "student": task.student,
        "status": "failed",
        "message": message,
        "submitted": sha(data),
        "timestamp": task.timestamp,
        "digests": {"": digest},
        "seconds": 0.0,
        "typed_id": "",
        "cells": cells,
        "notebook": [],
        **summary(cells),
    }


def sha(data: bytes) -> str:
    """The fingerprint of a submission's bytes; none of no bytes."""
    return hashlib.sha256(data).hexdigest() if data else ""


def summary(cells: Sequence[dict[str, Any]]) -> dict[str, float]:
    """score and max_score over all cells that are neither bonus nor excused; bonus apart."""
    counted = [c for c in cells if not c["bonus"] and c["status"] != "excused"]
    return {
        "score": round(float(sum(c["score"] or 0.0 for c in counted)), 6),
        "max_score": round(float(sum(c["max_score"] for c in counted)), 6),
        "bonus": round(float(sum(c["score"] or 0.0 for c in cells if c["bonus"])), 6),
    }


def without_notebooks(results: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Results without the notebooks, which are most of them; the first keeps its own, for the titles of the tasks."""
    titled = False
    for result in results:
        yield {**result, "notebook": []} if titled else result
        titled = titled or bool(result["notebook"])


def public(result: dict[str, Any]) -> dict[str, Any]:
    """The part of a result that outside tools read."""
    keys = ("grade_id", "score", "max_score", "status", "bonus", "diagnosis", "message")
    return {
        "student": result["student"],
        "status": result["status"],
        "score": result["score"],
        "max_score": result["max_score"],
        "seconds": result["seconds"],
        **({"message": result["message"]} if result["message"] else {}),
        "cells": [{k: c[k] for k in keys} for c in result["cells"]],
    }


def _graded_cell(result: CellResult) -> dict[str, Any]:
    return {
        "grade_id": result.grade_id,
        "score": result.score,
        "max_score": result.max_score,
        "status": result.status,
        "bonus": result.bonus,
        "manual": result.role == "manual",
        "diagnosis": list(result.diagnosis),
        "message": result.message,
        "findings": [f for o in result.outcomes for f in _findings(o)],
        "aspects": [[o.entry, *a] for o in result.outcomes for a in o.aspects],
        "notes": [n for o in result.outcomes for n in o.notes],
        "seconds": result.seconds,
    }


def _findings(outcome: Outcome) -> list[dict[str, Any]]:
    return [
        {
            "aspect": f.aspect,
            "text": f.text,
            "status": f.status,
            "ids": list(f.ids),
            "evidence": f.evidence,
            "line": f.line,
            "hints": list(f.hints),
            "hidden": f.hidden,
        }
        for f in outcome.findings
    ]


def _notebook_cell(cell: Rebuilt, result: CellResult) -> dict[str, Any]:
    outputs = []
    for output in result.outputs:
        if output["type"] == "png":
            outputs.append(
                {
                    "type": "png",
                    "png": base64.b64encode(output["png"]).decode("ascii"),
                    "as_submitted": bool(output.get("as_submitted")),
                }
            )
        else:
            outputs.append(output)
    return {
        "role": cell.role,
        "kind": cell.kind,
        "id": cell.id,
        "grade_id": cell.grade_id,
        "source": cell.source,
        "outputs": outputs,
        "error": result.error,
    }


def cell_digests(
    cells: Sequence[Rebuilt], salt: str, settings: str = "", assignment: str = ""
) -> dict[str, str]:
    """One digest for every test cell: the cell, given cells, all code of the student's, the grader and the library.

    A stored result with the same digests need not be computed again. Under "" stands the digest of everything but the
    test cells: while it holds, only test cells with another digest are run again.
    """
    entries = versions(f"autograder/assignments/{assignment.split('-')[0].lower()}")
    base = hashlib.blake2b(digest_size=12)
    for part in (versions(), salt, settings):
        base.update(part.encode() + b"\x00")
    for cell in cells:
        if cell.role != "test":
            base.update(f"{cell.role}\x00{cell.grade_id}\x00{cell.source}\x01".encode())
    digests = {"": base.hexdigest()}
    for cell in cells:
        if cell.role == "test":
            own = base.copy()
            own.update(f"{entries}\x00{cell.grade_id}\x00{cell.points}\x00{cell.source}".encode())
            digests[cell.grade_id] = own.hexdigest()
    return digests


@lru_cache(maxsize=8)
def versions(part: str = "") -> str:
    """A digest of what of ours can change a mark: grader, checks, library, NumPy.

    The entries of assignments are left out, and asked for apart: `part` is the beginning of their files' names. So a
    changed entry costs the tests of its own assignment only.
    """
    import autograder
    import course

    total = hashlib.blake2b(version("numpy").encode(), digest_size=12)
    for package in (autograder, course):
        root = Path(str(package.__file__)).parent
        for path in sorted(root.rglob("*")):
            name = f"{root.name}/{path.relative_to(root).as_posix()}"
            wanted = name.startswith(part) if part else not name.startswith(_NO_MARKS)
            if wanted and path.suffix in (".py", ".toml", ".json"):
                total.update(name.encode() + path.read_bytes())
    return total.hexdigest()
