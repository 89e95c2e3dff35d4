"""Before anybody is graded: the reference scores full and draws its plots, the blank release scores 0.

The verdict is kept under a digest of everything that it depends on, and found again only when that changes.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from autograder.errors import UnfitError
from autograder.files import write_atomically
from autograder.sandbox.launcher import Sandbox
from autograder.sandbox.spawner import Spawner

from .execute import CellResult, execute
from .store import cell_digests
from .work import Plan

__all__ = ["preflight"]


def preflight(plan: Plan, cache: Path, *, sandbox: Spawner | None = None, force: bool = False) -> list[str]:
    """Raises UnfitError with every test cell that is not in order; returns notes for the instructor."""
    reference, blank = plan.skeleton.reference(), plan.skeleton.blank_release()
    digest = cell_digests(reference, plan.salt, f"{plan.budget}|{plan.excused}|{plan.sandbox}")
    marker = json.dumps(digest, sort_keys=True)
    if not force and cache.is_file() and cache.read_text(encoding="utf-8") == marker:
        return []
    problems = []
    with contextlib.ExitStack() as stack:
        if sandbox is None:
            sandbox = stack.enter_context(
                Sandbox(withheld=plan.withheld, packages=plan.packages, kind=plan.sandbox)
            )
        runs = [
            execute(
                cells, plan.assignment, "reference", plan.salt, sandbox, plan.budget, excused=plan.excused
            )
            for cells in (reference, blank)
        ]
    for full, empty in zip(*runs):
        problems += _judge(full, empty)
    for cell, result in zip(reference, runs[0]):
        drawn = any(o["type"] == "png" for o in result.outputs)
        if cell.role == "manual" and cell.runs_there and cell.grade_id.startswith("plot") and not drawn:
            problems.append(f"{cell.grade_id} is marked by hand, and the reference draws nothing there")
    for result in runs[0]:
        if result.role in ("locked", "solution") and result.error is not None:
            problems.append(f"the cell {result.grade_id} of the source fails: {result.error['text']}")
    for result in runs[1]:
        if result.role in ("locked", "solution") and result.error is not None:
            problems.append(f"the cell {result.grade_id} of the blank release raises: {result.error['text']}")
    if problems:
        raise UnfitError(f"{plan.assignment} is not fit for grading: " + "; ".join(problems[:12]) + ".")
    cache.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(cache, marker)
    return [f"preflight of {plan.assignment}: reference full, blank 0"]


def _judge(full: CellResult, empty: CellResult) -> list[str]:
    if full.role != "test" or full.status == "excused":
        return []
    problems = []
    if (full.score or 0.0) < full.max_score - 1e-9 or full.status != "passed":
        problems.append(
            f"the reference gets {full.score:g} of {full.max_score:g} in {full.grade_id} ({full.message[:200]})"
        )
    if (empty.score or 0.0) > 0:
        problems.append(f"the blank release gets {empty.score:g} points in {empty.grade_id}")
    return problems
