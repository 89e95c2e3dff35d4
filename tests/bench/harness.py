"""How a row is measured: both sides in one process, run in turns, medians compared.

A file `rows_<subject>.py` holds functions marked with `@row(...)`. Each returns what the harness needs:

    Race(ours, peer, work, unit)    two functions without arguments that do `work` units each; the harness times them
    Figures(ours, peer, unit)       two numbers already measured, with `better="less"` or `"more"`

A row function imports its peer itself and raises `PeerMissing` when it is not there. More than one inequality for one
subject is more than one row; give it a name of the form `subject:detail`.
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

__all__ = ["Figures", "PeerMissing", "Race", "Row", "discover", "measure", "peer", "row", "threads"]

ROWS: dict[str, Row] = {}


class PeerMissing(Exception):
    """The other side of a row cannot be run here; the message says why."""


@dataclass(frozen=True)
class Race:
    """Two functions that do the same work; what counts is units of work per second."""

    ours: Callable[[], object]
    peer: Callable[[], object]
    work: float
    unit: str
    rounds: int = 31
    warmup: int = 2


@dataclass(frozen=True)
class Figures:
    """Two numbers; the ratio is above 1 when ours is the better one."""

    ours: float
    peer: float
    unit: str
    better: str = "less"


@dataclass(frozen=True)
class Row:
    """One inequality: what is measured, against whom, and the ratio that is wanted."""

    name: str
    peer_name: str
    goal: float
    goal_op: str
    what: str
    run: Callable[[], Race | Figures]


def row(
    name: str, *, peer: str, goal: float, goal_op: str = ">="
) -> Callable[[Callable[[], Race | Figures]], Callable[[], Race | Figures]]:
    """Register a row under its name; the function's docstring says what is measured."""

    def register(f: Callable[[], Race | Figures]) -> Callable[[], Race | Figures]:
        ROWS[name] = Row(name, peer, goal, goal_op, (f.__doc__ or "").strip().splitlines()[0], f)
        return f

    return register


def discover() -> dict[str, Row]:
    """All rows of all files rows_*.py beside this one."""
    for path in sorted(Path(__file__).parent.glob("rows_*.py")):
        importlib.import_module(f"tests.bench.{path.stem}")
    return ROWS


def threads() -> int:
    """How many threads both sides may use."""
    return int(os.environ.get("OMP_NUM_THREADS", "1"))


def peer(module: str) -> ModuleType:
    """Import the other side of a row; PyTorch gets our number of threads.

    Raises: PeerMissing when it is not installed.
    """
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise PeerMissing(f"{module} is not installed") from error
    if module == "torch":
        found.set_num_threads(threads())
    return found


def _seconds(f: Callable[[], object]) -> float:
    start = time.perf_counter()
    f()
    return time.perf_counter() - start


def measure(one: Row) -> dict[str, object]:
    """Run one row; the result is the line that is printed and stored."""
    line: dict[str, object] = {"name": one.name, "ours": None, "peer": None, "peer_name": one.peer_name, "unit": "",
                               "ratio": None, "goal": one.goal, "goal_op": one.goal_op, "ok": None}  # fmt: skip
    try:
        result = one.run()
    except PeerMissing as reason:
        return {**line, "note": str(reason)}
    if isinstance(result, Race):
        for _ in range(result.warmup):
            result.ours(), result.peer()
        times = []
        for i in range(result.rounds):  # who comes first changes from round to round
            pair = [_seconds(f) for f in ((result.ours, result.peer), (result.peer, result.ours))[i % 2]]
            times.append(pair[:: 1 - 2 * (i % 2)])
        ours, theirs = (result.work / statistics.median(side) for side in zip(*times))
        ratio = ours / theirs
    else:
        ours, theirs = result.ours, result.peer
        ratio = theirs / ours if result.better == "less" else ours / theirs
    ok = ratio >= one.goal if one.goal_op == ">=" else ratio <= one.goal
    return {**line, "ours": ours, "peer": theirs, "unit": result.unit, "ratio": ratio, "ok": ok}


def store(line: dict[str, object], path: Path) -> None:
    """Append one line of JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
