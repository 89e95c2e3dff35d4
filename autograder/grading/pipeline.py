"""Grading a class: submissions in, many workers at once, one writer, and a second run that finishes what a first one began."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from autograder.course_folder import CourseFolder
from autograder.errors import UnfitError, UsageError
from autograder.release.notebooks import build
from autograder.release.source import Assignment, load
from autograder.sandbox.launcher import INSTALL_HINT, Sandbox, bubblewrap

from .execute import Budget
from .preflight import preflight
from .rebuild import Skeleton
from .schedule import on_cluster, on_this_machine, workers
from .store import ResultStore, summary
from .work import Plan, Task

__all__ = ["Progress", "grade", "plan_for", "submissions", "with_manual_marks", "with_stored"]


class Progress(Protocol):
    """Who wants to see how far it is."""

    def start(self, total: int, skipped: int) -> None: ...

    def done(self, result: dict[str, Any]) -> None: ...

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
    if sandbox == "bwrap" and bubblewrap() is None:
        raise UnfitError(
            f"Nothing is graded without a sandbox, and bwrap was not found. {INSTALL_HINT}, "
            "or type --sandbox none if every submission is your own."
        )
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
        tuple(info.get("imports", ("numpy", "matplotlib"))),
        sandbox,
        {package: tuple(cells) for package, cells in info.get("excused_without", {}).items()},
    )
    return Prepared(assignment, source, release, plan)


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
    """Grade, store and record; the results of all submissions, marks given by hand included.

    Killing it at any moment loses nothing: stored results are complete, and the next run does the rest.
    """
    prepared = plan_for(folder, name, sandbox=sandbox, execute_all=execute_all)
    plan = prepared.plan
    tasks = submissions(folder, name, students)
    store = ResultStore(folder.results, name)
    results: dict[str, dict[str, Any]] = {}
    with contextlib.ExitStack() as stack:
        # nbgrader, the fork server and the workers load what they need while we go on
        threading.Thread(target=import_module, args=("nbgrader.api",)).start()
        server = None
        if not scheduler:
            server = stack.enter_context(
                Sandbox(withheld=plan.withheld, packages=plan.packages, kind=plan.sandbox)
            )
            workers(name)
        from .record import Recorder

        for note in preflight(plan, folder.results / name / ".preflight", sandbox=server):
            progress.note(note)
        if not force:
            tasks = [with_stored(t, store.get(t.student)) for t in tasks]
        progress.start(len(tasks), 0)
        finished = (
            on_this_machine(plan, tasks, jobs or os.cpu_count() or 1, server.address)
            if server is not None
            else on_cluster(plan, tasks, scheduler)
        )
        recorder = stack.enter_context(Recorder(folder, name, prepared.source, prepared.release))
        for task, result in finished:
            with _interrupts_wait():
                if result is None:
                    result = store.get(task.student)
                    if result is None:
                        raise UnfitError(
                            f"The stored result of {task.student} vanished while it was read; run again."
                        )
                else:
                    store.put(result)
                marks = recorder.record(result)
                results[task.student] = with_manual_marks(result, marks)
                progress.done(results[task.student])
    return [results[s] for s in sorted(results)]


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
        def start(self, total: int, skipped: int) -> None:
            return None

        def done(self, result: dict[str, Any]) -> None:
            return None

        def note(self, text: str) -> None:
            return None

    return _Silent()
