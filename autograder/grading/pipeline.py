"""Grading a class: submissions in, many workers at once, one writer, and a second run that finishes what a first one began.

First all submissions are graded into the result store; then, when no student's code runs any more, the store is recorded
in the gradebook.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from autograder.course_folder import CourseFolder
from autograder.errors import UnfitError, UsageError
from autograder.lean import leave_out
from autograder.release.notebooks import build
from autograder.release.source import Assignment, load
from autograder.sandbox.launcher import INSTALL_HINT, Sandbox, bubblewrap

from .plan import Budget, Plan, Task
from .preflight import preflight
from .rebuild import Skeleton
from .schedule import Cluster, Here, Staff, end_quietly, workers
from .store import ResultStore, summary, without_notebooks

__all__ = ["Progress", "grade", "plan_for", "submissions", "with_manual_marks", "with_stored"]


Result = TypeVar("Result")


class Progress(Protocol):
    """Who wants to see how far it is."""

    def start(self, what: str, total: int) -> None: ...

    def done(self, student: str, problem: str) -> None: ...

    def note(self, text: str) -> None: ...


@dataclass(frozen=True)
class Prepared:
    """A built assignment and the plan for grading it."""

    assignment: Assignment
    source: Path
    release: Path
    plan: Plan


def plan_for(
    folder: CourseFolder, name: str, *, sandbox: str = "bwrap", execute_all: bool = False, hidden: bool = True
) -> Prepared:
    """Build the assignment and say how it is graded. Raises UsageError, UnfitError."""
    _sandbox_is_there(sandbox)
    assignment = load(folder.solutions, name)
    try:
        # the committed release is not touched: what is graded here is built from the source
        folder.built.mkdir(parents=True, exist_ok=True)
        source, release = build(assignment, folder.built, folder.root / "notebooks")
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be written: {error.strerror}.") from None
    info = assignment.info
    budget = Budget(
        cell_seconds=assignment.limit("cell_seconds", 20),
        call_seconds=assignment.limit("call_seconds", 5),
        total_seconds=assignment.limit("total_seconds", 180),
        memory_mb=int(assignment.limit("memory_mb", 2048)),
        execute_all=execute_all,
    )
    plan = Plan(
        name,
        Skeleton.read(source, release, name),
        budget,
        folder.secret() if hidden else "",
        assignment.withheld,
        assignment.packages,
        sandbox,
        {package: tuple(cells) for package, cells in info.get("excused_without", {}).items()},
    )
    return Prepared(assignment, source, release, plan)


def _sandbox_is_there(kind: str) -> None:
    if kind == "bwrap" and bubblewrap() is None:
        raise UnfitError(
            f"Nothing is graded without a sandbox, and bwrap was not found. {INSTALL_HINT}, "
            "or type --sandbox none if every submission is your own."
        )


def submissions(folder: CourseFolder, name: str, students: Sequence[str] = ()) -> list[Task]:
    """The submissions of an assignment, by student. Raises UsageError when there are none."""
    if not folder.submitted.is_dir():
        raise UsageError(
            f"{folder.submitted} does not exist: submissions are expected in submitted/STUDENT/{name}/."
        )
    found = [p for p in sorted(folder.submitted.iterdir()) if (p / name).is_dir() or (p / name).is_symlink()]
    if students:
        missing = sorted(set(students) - {p.name for p in found})
        if missing:
            raise UsageError(f"No submission of {name} by {', '.join(missing)} in {folder.submitted}.")
        found = [p for p in found if p.name in students]
    if not found:
        raise UsageError(
            f"There is no submission of {name} in {folder.submitted}: expected STUDENT/{name}/{name}.ipynb."
        )
    return [Task(p.name, p / name, _timestamp(p / name)) for p in found]


def _timestamp(folder: Path) -> str | None:
    """When it was handed in, as nbgrader's collectors write it; unreadable text counts as none."""
    try:
        text = (folder / "timestamp.txt").read_text(encoding="utf-8").strip()[:80]
        from nbgrader.utils import parse_utc

        return str(parse_utc(text)) if text else None
    except (OSError, ValueError, UnicodeDecodeError, OverflowError):
        return None


def grade(
    folder: CourseFolder,
    name: str,
    progress: Progress,
    *,
    students: Sequence[str] = (),
    jobs: int = 0,
    sandbox: str = "bwrap",
    force: bool = False,
    execute_all: bool = False,
    scheduler: str = "",
) -> list[dict[str, Any]]:
    """Grade, store and record; the results of all submissions, without their notebooks, marks given by hand included.

    Killing it at any moment loses nothing: stored results are complete, and the next run does the rest.
    """
    wanted = {"sandbox": sandbox, "execute_all": execute_all}
    assignment = load(folder.solutions, name)
    store = ResultStore(folder.results, name)
    with contextlib.ExitStack() as stack:
        server = None
        if not scheduler:
            _sandbox_is_there(sandbox)
            # loads what it needs while we go on
            server = stack.enter_context(
                Sandbox(withheld=assignment.withheld, packages=assignment.packages, kind=sandbox)
            )
        prepared, tasks = _elsewhere(name, _prepare, folder, name, tuple(students), wanted)
        plan = prepared.plan
        staff: Staff
        if server is None:
            staff = stack.enter_context(Cluster(plan, scheduler))
        else:
            staff = stack.enter_context(Here(plan, jobs or os.cpu_count() or 1, server.address))
        for note in preflight(plan, folder.results / name / ".preflight", staff.faults):
            progress.note(note)
        if not force:
            tasks = [with_stored(t, store.get(t.student)) for t in tasks]
        progress.start("grading", len(tasks))
        for task, result in staff.grade(tasks):
            with _interrupts_wait():
                if result is not None:
                    store.put(result)
                progress.done(task.student, result["message"] if result is not None else "")
    return _record(folder, prepared, [task.student for task in tasks], progress)


def _prepare(
    folder: CourseFolder, name: str, students: Sequence[str], wanted: dict[str, Any]
) -> tuple[Prepared, list[Task]]:
    """What has to be known before anything is graded; that a gradebook which is there can be written is part of it."""
    from .record import Recorder

    leave_out()
    prepared = plan_for(folder, name, **wanted)
    tasks = submissions(folder, name, students)
    if folder.has_gradebook:
        with Recorder(folder, name, prepared.source, prepared.release):
            pass
    return prepared, tasks


def _elsewhere(name: str, function: Callable[..., Result], *args: Any) -> Result:
    """Call in a process that ends then: nbgrader takes more memory than all that works while submissions are graded."""
    with ProcessPoolExecutor(1, workers(name), end_quietly) as pool:
        try:
            return pool.submit(function, *args).result()
        except BrokenProcessPool:
            raise UnfitError("The process that prepares the grading died: is there memory left?") from None


def _record(
    folder: CourseFolder, prepared: Prepared, students: Sequence[str], progress: Progress
) -> list[dict[str, Any]]:
    """Stored results into the gradebook, when no student's code runs any more."""
    from .record import Recorder

    name = prepared.assignment.name
    store = ResultStore(folder.results, name)

    def recorded() -> Iterator[dict[str, Any]]:
        with Recorder(folder, name, prepared.source, prepared.release) as recorder:
            for student in sorted(students):
                result = store.get(student)
                if result is None:
                    raise UnfitError(f"The stored result of {student} vanished while it was read; run again.")
                with _interrupts_wait():
                    marks = recorder.record(result)
                    progress.done(student, "")
                yield with_manual_marks(result, marks)

    progress.start("recording", len(students))
    return list(without_notebooks(recorded()))


@contextlib.contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Ctrl-C within the block takes effect at its end.

    Raised at once it could strike in a callback of the garbage collector, where Python prints it and goes on.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        signal.raise_signal(signal.SIGINT)


def with_stored(task: Task, stored: dict[str, Any] | None) -> Task:
    """The task with what is known of it: what still holds is not computed again."""
    if stored is None:
        return task
    cells = {c["grade_id"]: c for c in stored["cells"] if not c["manual"]}
    return replace(task, known=stored["digests"], cells=cells)


def with_manual_marks(result: dict[str, Any], marks: dict[str, float | None]) -> dict[str, Any]:
    """The result with the marks that people gave: they count, and they overrule."""
    cells = []
    for cell in result["cells"]:
        if marks.get(cell["grade_id"]) is not None:
            score = float(marks[cell["grade_id"]] or 0.0)
            full = score >= cell["max_score"] - 1e-9
            cell = {
                **cell,
                "score": score,
                "status": "manual" if cell["manual"] else "passed" if full else "failed",
            }
        cells.append(cell)
    return {**result, "cells": cells, **summary(cells)}


def silent() -> Progress:
    """Nobody wants to see anything."""

    class _Silent:
        def start(self, what: str, total: int) -> None:
            return None

        def done(self, student: str, problem: str) -> None:
            return None

        def note(self, text: str) -> None:
            return None

    return _Silent()
