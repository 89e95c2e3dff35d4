"""Running one rebuilt notebook: student cells over there, test cells here; a pure function from cells to a result."""

from __future__ import annotations

import ast
import builtins
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from types import CodeType
from typing import Any

from autograder.assignments import table
from autograder.checks.entry import NotAnswered, Outcome, StudentError, Table
from autograder.checks.run import Context, Draws, active
from autograder.errors import AutograderError
from autograder.sandbox.spawner import ProcessLimits, Spawner

from .plan import Budget
from .rebuild import Rebuilt
from .remote import ProcessDied, RemoteSession
from .store import CellResult
from .subject import RemoteSubject

__all__ = ["execute"]

MAX_OUTPUT = 16 << 20  # characters and bytes of pictures that are kept of one submission
MAX_LIVES = 8  # student processes for one submission: the first, and one for each death


class _Life:
    """The student process of the moment; a dead one is replaced and the cells before are run again, without the fatal ones."""

    def __init__(self, sandbox: Spawner, budget: Budget) -> None:
        self.sandbox, self.budget = sandbox, budget
        self.done: list[tuple[str, str]] = []
        self.lives = 0
        self.room = MAX_OUTPUT
        self.current: RemoteSession | None = None
        self.deadline = time.monotonic() + budget.total_seconds

    def session(self) -> RemoteSession:
        if self.current is None or self.current.dead is not None:
            if self.lives >= MAX_LIVES:
                raise ProcessDied(
                    f"The process of this notebook had to be replaced {MAX_LIVES} times; no more are started."
                )
            self.lives += 1
            limits = ProcessLimits(self.budget.memory_mb, int(self.budget.total_seconds) + 10)
            self.current = RemoteSession(self.sandbox, limits, self.budget.call_seconds, self.deadline)
            for name, source in self.done:
                try:
                    self.current.execute(name, source, self.budget.cell_seconds)
                except ProcessDied:
                    self.done = [d for d in self.done if d != (name, source)]
                    return self.session()
        return self.current

    def run(self, name: str, source: str) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        outputs, error = self.session().execute(name, source, self.budget.cell_seconds)
        self.done.append((name, source))
        return list(self._kept(outputs)), error

    def _kept(self, outputs: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Outputs as long as there is room for them."""
        for output in outputs:
            size = len(output["png"] if output["type"] == "png" else output["text"])
            if size > self.room:
                yield {"type": "text", "text": "… the rest of the output is left out"}
                return
            self.room -= size
            yield output

    def close(self) -> None:
        if self.current is not None and self.current.dead is None:
            self.current.close()


class _Names(dict[str, Any]):
    """The built-in names of a test cell; what is not there is looked up in the student's process."""

    def __init__(self, subject: RemoteSubject) -> None:
        super().__init__(vars(builtins))
        self.subject = subject

    def __missing__(self, name: str) -> Any:
        try:
            return self.subject.get(name)
        except NotAnswered as blank:
            raise NameError(str(blank)) from blank


class _Grading(Context):
    """Collects what the check cells say instead of showing it."""

    def __init__(self, known: Table, subject: RemoteSubject, draws: Sequence[Draws]) -> None:
        super().__init__(known, subject, draws)
        self.fresh: list[Outcome] = []

    def show(self, outcome: Outcome) -> None:
        self.fresh.append(outcome)


def execute(
    cells: Sequence[Rebuilt],
    assignment: str,
    student: str,
    salt: str,
    sandbox: Spawner,
    budget: Budget,
    *,
    excused: Sequence[str] = (),
    skip: Sequence[str] = (),
) -> list[CellResult]:
    """Grade one notebook. Returns one result for every cell, in order; raises only when the sandbox is not fit.

    salt  the secret salt of hidden data; empty: shown data only
    skip  test cells whose result is known already
    """
    life = _Life(sandbox, budget)
    subject = RemoteSubject(life.session, budget.call_seconds)
    results: list[CellResult] = []
    context: _Grading | None = None
    known = table(assignment)
    try:
        for cell in cells:
            result = CellResult(cell.grade_id, cell.role, max_score=cell.points, bonus=cell.bonus)
            results.append(result)
            begun = time.monotonic()
            late = begun > life.deadline
            if cell.role == "manual":
                _manual(cell, result)
            if cell.role == "test" and cell.grade_id not in skip:
                if cell.grade_id in excused:
                    result.status, result.message = (
                        "excused",
                        "Not counted: what this needs is not installed here.",
                    )
                    continue
                if late:
                    _failed(
                        result, "timeout", "The time for this notebook was over before this test could run."
                    )
                    continue
                if context is None and known is not None:
                    context = _Grading(known, subject, _draws(subject, student, salt))
                _test(cell, result, subject, context)
            elif cell.role != "test" and (
                cell.runs_there or (budget.execute_all and cell.kind == "code" and not cell.run)
            ):
                if late:
                    result.error = {"kind": "timeout", "text": "The time for this notebook was over."}
                    continue
                try:
                    result.outputs, result.error = life.run(cell.grade_id or cell.id, cell.source)
                except ProcessDied as died:
                    result.error = {"kind": died.kind, "text": died.text}
            result.seconds = round(time.monotonic() - begun, 4)
    finally:
        life.close()
    _blame_cells(cells, results)
    return results


def _draws(subject: RemoteSubject, student: str, salt: str) -> list[Draws]:
    """Shown data belongs to the id that was typed; hidden data to the folder's name."""
    try:
        typed = subject.get("student_id")
    except (NotAnswered, StudentError):
        typed = ""
    draws = [Draws(typed if isinstance(typed, str) else "")]
    return draws + ([Draws(student, salt, hidden=True)] if salt else [])


def _manual(cell: Rebuilt, result: CellResult) -> None:
    result.status = "manual"
    if cell.answered:
        result.score, result.message = None, "Waits for a mark."
    else:
        result.score, result.message = 0.0, "Not answered."
    if not cell.run:
        result.outputs = [{"type": "png", "png": image, "as_submitted": True} for image in cell.images]


def _failed(result: CellResult, status: str, message: str) -> None:
    result.score, result.status, result.message = 0.0, status, message


def _test(cell: Rebuilt, result: CellResult, subject: RemoteSubject, context: _Grading | None) -> None:
    """Run a test cell here; its points are those of its checks, or all, or the number in its last line."""
    names: dict[str, Any] = {"__name__": "__test__", "__builtins__": _Names(subject)}
    if context is not None:
        context.fresh = []
    problem: tuple[str, str] | None = None
    value: Any = None
    try:
        with active(context) if context is not None else _nothing():
            value = _run_here(cell, names)
    except AssertionError as wrong:
        problem = "failed", str(wrong) or "A test of this cell failed."
    except NotAnswered as blank:
        problem = "not_run", str(blank)
    except NameError as missing:
        problem = (
            "not_run",
            str(missing)
            if isinstance(missing.__cause__, NotAnswered)
            else f"The test could not be run: {missing}",
        )
    except StudentError as error:
        problem = error.kind if error.kind in ("timeout", "not_run") else "error", error.text
    except AutograderError:
        raise
    except Exception as error:
        problem = (
            "error",
            f"The test stopped at something unexpected ({type(error).__name__}: {str(error)[:200]}).",
        )
    outcomes = context.fresh if context is not None else []
    result.outcomes = list(outcomes)
    if problem is not None:
        _failed(result, *problem)
        return
    if outcomes:
        score = sum(o.score for o in outcomes)
        result.diagnosis = tuple(dict.fromkeys(i for o in outcomes for i in o.diagnosis))
        result.message = " ".join(dict.fromkeys(o.message for o in outcomes))
        worst = [o.status for o in outcomes if o.status != "passed"]
    else:
        score = value if isinstance(value, int | float) and not isinstance(value, bool) else cell.points
        worst, result.message = [], "All checks passed."
    score = float(score) if math.isfinite(score) else 0.0
    result.score = min(max(score, 0.0), cell.points)
    # a cell without points is passed when its checks say so, not because 0 of 0 is everything
    full = result.score >= cell.points - 1e-9 and (cell.points > 0 or not worst)
    result.status = "passed" if full else (worst[0] if worst else "failed")
    if not full and not outcomes:
        result.message = "Some checks of this cell failed."


def _run_here(cell: Rebuilt, names: dict[str, Any]) -> Any:
    body, last = _compiled(cell.grade_id, cell.source)
    exec(body, names)
    return eval(last, names) if last is not None else None


@lru_cache(maxsize=1000)
def _compiled(name: str, source: str) -> tuple[CodeType, CodeType | None]:
    """The code of a test cell, which is the same for every submission, and that of its last value."""
    tree = ast.parse(source, f"<{name}>")
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = compile(ast.Expression(tree.body.pop().value), f"<{name}>", "eval")  # type: ignore[attr-defined]
    return compile(tree, f"<{name}>", "exec"), last


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _blame_cells(cells: Sequence[Rebuilt], results: list[CellResult]) -> None:
    """A test that found nothing because the answer's own cell failed says so, with that cell's error."""
    broken = {c.grade_id: r.error for c, r in zip(cells, results) if c.role == "solution" and r.error}
    for result in results:
        if result.role != "test" or result.status not in ("not_run", "error", "timeout"):
            continue
        name = max(
            (b for b in broken if result.grade_id.removeprefix("test-").startswith(b)), key=len, default=None
        )
        error = broken.get(name) if name else None
        if error is not None and result.status == "not_run":
            line = f", line {error['line']}" if error.get("line") else ""
            kind = error.get("kind")
            result.status = "timeout" if kind == "timeout" else "error"
            result.message = f"The cell {name} did not run{line}: {error['text']}"
