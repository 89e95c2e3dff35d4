"""What a run of the grader is told: limits, the plan that is the same for all submissions, one task for each of them.

Light on purpose: the process that hands out the work needs nothing of what the workers load.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .rebuild import Skeleton

__all__ = ["Budget", "Plan", "Task"]


@dataclass(frozen=True)
class Budget:
    """Limits of one submission, from the assignment's toml."""

    cell_seconds: float = 20.0
    call_seconds: float = 5.0
    total_seconds: float = 180.0
    memory_mb: int = 2048
    execute_all: bool = False  # run cells marked run=no as well


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
    """One submission to grade. `known` is the stored result's part that may still hold: digests, and cells by grade id.

    `data` and `name` of the notebook, or the `problem` with it, travel along when the worker has no such folder.
    """

    student: str
    folder: Path
    timestamp: str | None
    known: dict[str, str] = field(default_factory=dict)
    cells: dict[str, dict[str, Any]] = field(default_factory=dict)
    data: bytes | None = None
    name: str = ""
    problem: str = ""
