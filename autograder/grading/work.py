"""What a worker does: from the bytes of one submission to its result, in a process that holds no gradebook.

`initialise` starts the worker's sandbox once; `grade_one` is a pure function of the task.
"""

from __future__ import annotations

import atexit
import hashlib
import importlib.util
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.errors import SubmissionError
from autograder.sandbox.launcher import Sandbox

from .admit import find_notebook, parse_notebook, read_bytes
from .execute import Budget, execute
from .rebuild import Skeleton, rebuild
from .store import cell_digests, failed_result, make_result

__all__ = ["Plan", "Task", "grade_one", "initialise"]


@dataclass(frozen=True)
class Plan:
    """What is the same for all submissions of a run."""

    assignment: str
    skeleton: Skeleton
    budget: Budget
    salt: str
    withheld: tuple[str, ...] = ()
    packages: tuple[str, ...] = ("numpy", "matplotlib")
    sandbox: str = "bwrap"
    excused_without: dict[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # package -> test cells that need it

    @property
    def excused(self) -> tuple[str, ...]:
        absent = [p for p in self.excused_without if importlib.util.find_spec(p) is None]
        return tuple(cell for p in absent for cell in self.excused_without[p])


@dataclass(frozen=True)
class Task:
    """One submission to grade. `known` are the digests of the stored result."""

    student: str
    folder: Path
    timestamp: str | None
    known: dict[str, str] = field(default_factory=dict)


_plan: Plan | None = None
_sandbox: Sandbox | None = None


def initialise(plan: Plan) -> None:
    """Called once in every worker process."""
    global _plan
    _plan = plan
    atexit.register(_end)


def _the_sandbox(plan: Plan) -> Sandbox:
    global _sandbox
    if _sandbox is None:
        _sandbox = Sandbox(withheld=plan.withheld, packages=plan.packages, kind=plan.sandbox)
    return _sandbox


def _end() -> None:
    global _sandbox
    if _sandbox is not None:
        _sandbox.close()
        _sandbox = None


def grade_one(task: Task, plan: Plan | None = None) -> dict[str, Any] | None:
    """Grade one submission; None when the stored result still holds."""
    plan = plan or _plan
    if plan is None:
        raise RuntimeError("grade_one was called in a process that was not initialised")
    started = time.perf_counter()
    graded = plan.skeleton.graded
    data = b""
    try:
        path = find_notebook(task.folder, plan.assignment)
        data = read_bytes(path)
        cells = rebuild(plan.skeleton, parse_notebook(data, path.name))
    except SubmissionError as error:
        digest = hashlib.blake2b(data + str(error).encode(), digest_size=12).hexdigest()
        if task.known == {"": digest}:
            return None
        return failed_result(
            plan.assignment,
            task.student,
            str(error),
            graded,
            digest=digest,
            submitted=_sha(data),
            timestamp=task.timestamp,
        )
    digests = cell_digests(cells, plan.salt, f"{plan.budget}|{task.student}|{task.timestamp}|{plan.excused}")
    if task.known == digests:
        return None
    results = execute(
        cells, plan.assignment, task.student, plan.salt, _the_sandbox(plan), plan.budget, excused=plan.excused
    )
    return make_result(
        plan.assignment,
        task.student,
        cells,
        results,
        digests=digests,
        submitted=_sha(data),
        timestamp=task.timestamp,
        seconds=time.perf_counter() - started,
    )


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest() if data else ""
