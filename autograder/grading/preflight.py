"""Before anybody is graded: the reference scores full and draws its plots, the blank release scores 0.

The verdict is kept under a digest of everything that it depends on, and found again only when that changes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from autograder.errors import UnfitError
from autograder.files import write_atomically

from .plan import Plan
from .rebuild import Rebuilt
from .store import CellResult, cell_digests

__all__ = ["judge_blank", "judge_reference", "preflight"]


def preflight(plan: Plan, cache: Path, faults: Callable[[], list[str]], *, force: bool = False) -> list[str]:
    """Raises UnfitError with what is not in order; returns notes for the instructor.

    `faults` executes the reference and the blank release, and is called when nothing is known of them yet.
    """
    digest = cell_digests(
        plan.skeleton.reference(), plan.salt, f"{plan.budget}|{plan.excused}|{plan.sandbox}"
    )
    marker = json.dumps(digest, sort_keys=True)
    if not force and cache.is_file() and cache.read_text(encoding="utf-8") == marker:
        return []
    if found := faults():
        raise UnfitError(f"{plan.assignment} is not fit for grading: " + "; ".join(found[:12]) + ".")
    cache.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(cache, marker)
    return [f"preflight of {plan.assignment}: reference full, blank 0"]


def judge_reference(cells: Sequence[Rebuilt], results: Sequence[CellResult]) -> list[str]:
    """Tests without full marks, cells that fail, plots that are marked by hand and not drawn."""
    found = []
    for cell, result in zip(cells, results):
        full = result.status == "passed" and (result.score or 0.0) >= result.max_score - 1e-9
        if result.role == "test" and result.status != "excused" and not full:
            found.append(
                f"the reference gets {result.score:g} of {result.max_score:g} in {result.grade_id} ({result.message[:200]})"
            )
        if result.role in ("locked", "solution") and result.error is not None:
            found.append(f"the cell {result.grade_id} of the source fails: {result.error['text']}")
        plot = result.role == "manual" and cell.runs_there and result.grade_id.startswith("plot")
        if plot and not any(output["type"] == "png" for output in result.outputs):
            found.append(f"{result.grade_id} is marked by hand, and the reference draws nothing there")
    return found


def judge_blank(results: Sequence[CellResult]) -> list[str]:
    """Tests that give points for nothing, and cells that fail before anything was written into them."""
    found = []
    for result in results:
        if result.role == "test" and (result.score or 0.0) > 0:
            found.append(f"the blank release gets {result.score:g} points in {result.grade_id}")
        if result.role in ("locked", "solution") and result.error is not None:
            found.append(f"the cell {result.grade_id} of the blank release raises: {result.error['text']}")
    return found
