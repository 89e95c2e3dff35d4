"""What a worker does: from the bytes of one submission to its result, in a process that holds no gradebook.

`initialise` says once which plan and which fork server a worker process has; `grade_one` is a pure function of the task.
`faults` are those of the assignment itself.
"""

from __future__ import annotations

import atexit
import hashlib
import pickle
import time
from pathlib import Path
from typing import Any

from autograder.errors import AutograderError, SubmissionError, UnfitError
from autograder.sandbox.launcher import Sandbox
from autograder.sandbox.spawner import Spawner

from .admit import find_notebook, parse_notebook, read_bytes
from .execute import execute
from .plan import Plan, Task
from .preflight import judge_blank, judge_reference
from .rebuild import Rebuilt, rebuild
from .schedule import SOURCES, end_quietly
from .store import CellResult, cell_digests, make_result, sha, without_result

__all__ = ["all_faults", "faults", "grade_one", "initialise"]


_plan: Plan | None = None
_address = ""  # of the run's fork server
_sandbox: Spawner | None = None
_sandbox_for: tuple[Any, ...] = ()


def initialise(plan_file: str, address: str = "") -> None:
    """Called once in every worker process."""
    global _plan, _address
    end_quietly()
    _plan, _address = pickle.loads(Path(plan_file).read_bytes()), address


def _the_sandbox(plan: Plan) -> Spawner:
    """A line to the run's fork server; without one, a server of our own, for the chapters and packages of this plan."""
    global _sandbox, _sandbox_for
    wanted = (plan.withheld, plan.packages, plan.sandbox)
    if _sandbox is None or _sandbox_for != wanted:
        _end()
        if _address:
            _sandbox = Spawner(_address)
        else:
            _sandbox = Sandbox(withheld=plan.withheld, packages=plan.packages, kind=plan.sandbox)
            atexit.register(_end)
        _sandbox_for = wanted
    return _sandbox


def _end() -> None:
    global _sandbox
    if _sandbox is not None:
        _sandbox.close()
        _sandbox = None


def grade_one(task: Task, plan: Plan | None = None) -> dict[str, Any] | None:
    """Grade one submission; None when the stored result still holds.

    Raises UnfitError when the machine is not fit. A mistake of our own costs this submission its result, and not the
    others theirs.
    """
    plan = plan or _plan
    if plan is None:
        raise RuntimeError("grade_one was called in a process that was not initialised")
    try:
        return _grade(task, plan)
    except AutograderError:
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {str(error)[:200]}"
        message = f"The grader stopped at something unexpected in this submission ({what}); grade it by hand."
        return without_result(plan, task, message)


def faults(which: str, plan: Plan | None = None) -> list[str]:
    """What is not in order with the assignment: of its reference, or of its release as students get it ("blank")."""
    plan = plan or _plan
    if plan is None:
        raise RuntimeError("faults was called in a process that was not initialised")
    cells = plan.skeleton.reference() if which == "reference" else plan.skeleton.blank_release()
    results = execute(
        cells, plan.assignment, "reference", plan.salt, _the_sandbox(plan), plan.budget, excused=plan.excused
    )
    return judge_reference(cells, results) if which == "reference" else judge_blank(results)


def all_faults(plan: Plan) -> list[str]:
    """What is not in order with an assignment, found in this process."""
    return [fault for which in SOURCES for fault in faults(which, plan)]


def _grade(task: Task, plan: Plan) -> dict[str, Any] | None:
    started = time.perf_counter()
    data = b""
    try:
        if task.problem:
            raise SubmissionError(task.problem)
        if task.data is not None:
            name, data = task.name, task.data
        else:
            path = find_notebook(task.folder, plan.assignment)
            name, data = path.name, read_bytes(path)
        cells = rebuild(plan.skeleton, parse_notebook(data, name))
    except SubmissionError as error:
        digest = hashlib.blake2b(data + str(error).encode(), digest_size=12).hexdigest()
        if task.known == {"": digest}:
            return None
        return without_result(plan, task, str(error), digest, data)
    settings = f"{plan.budget}|{task.student}|{task.timestamp}|{plan.excused}"
    digests = cell_digests(cells, plan.salt, settings, plan.assignment)
    if task.known == digests:
        return None
    kept = _still_right(task, digests)
    try:
        results = _execute(cells, task, plan, kept)
    except UnfitError:
        # the fork server may have been a victim of the machine: once more with one of our own
        global _address
        _address = ""
        _end()
        results = _execute(cells, task, plan, kept)
    return make_result(
        plan.assignment,
        task.student,
        cells,
        results,
        digests=digests,
        submitted=sha(data),
        timestamp=task.timestamp,
        seconds=time.perf_counter() - started,
        kept=kept,
    )


def _still_right(task: Task, digests: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Test cells of the stored result that need not run again: nothing changed but other test cells."""
    if not task.known or task.known.get("") != digests[""]:
        return {}
    return {
        name: task.cells[name]
        for name, d in digests.items()
        if name in task.cells and task.known.get(name) == d
    }


def _execute(
    cells: list[Rebuilt], task: Task, plan: Plan, kept: dict[str, dict[str, Any]]
) -> list[CellResult]:
    return execute(
        cells, plan.assignment, task.student, plan.salt, _the_sandbox(plan), plan.budget,
        excused=plan.excused, skip=tuple(kept),
    )  # fmt: skip
