"""What the command line shows: a progress bar, the table of a class, the doctor's findings."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

__all__ = ["LiveProgress", "show_class", "show_doctor"]

WIDE = 24  # more students than this: no column for each


class LiveProgress:
    """A progress bar on the error stream; every submission that could not be graded is named as it comes."""

    def __init__(self, name: str) -> None:
        self.console = Console(stderr=True)
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TimeRemainingColumn(), console=self.console,
        )  # fmt: skip
        self.name = name
        self.task: Any = None

    def __enter__(self) -> LiveProgress:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def start(self, what: str, total: int) -> None:
        self.task = self.bar.add_task(f"{what} {self.name}", total=total)

    def done(self, student: str, problem: str) -> None:
        self.bar.advance(self.task)
        if problem:
            self.console.print(f"{student}: {problem}", markup=False, style="red")

    def note(self, text: str) -> None:
        self.console.print(text, markup=False)


def show_class(name: str, results: Sequence[dict[str, Any]]) -> None:
    """Points per question and student; for a large class, per student and per question apart."""
    console = Console(width=None if sys.stdout.isatty() else max(100, 30 + 9 * min(len(results), WIDE)))
    cells: list[dict[str, Any]] = max((r["cells"] for r in results), key=len, default=[])
    if len(results) <= WIDE:
        room = max(4, (console.width - 30) // 9)
        for start in range(0, len(results), room):
            console.print(_matrix(name, cells, results[start : start + room]))
        return
    table = Table(title=name)
    for title in ("student", "score", "of", "waits for a mark"):
        table.add_column(title, justify="left" if title == "student" else "right")
    for result in results:
        waits = sum(1 for c in result["cells"] if c["score"] is None)
        score = f"{result['score']:g}" if result["status"] == "graded" else "×"
        table.add_row(result["student"], score, f"{result['max_score']:g}", str(waits))
    console.print(table)


def _matrix(name: str, cells: Sequence[dict[str, Any]], results: Sequence[dict[str, Any]]) -> Table:
    table = Table(title=name, caption="– waits for a mark · × not graded", pad_edge=False, padding=(0, 1))
    table.add_column("question")
    table.add_column("of", justify="right")
    for result in results:
        table.add_column(result["student"][:10], justify="right")
    for i, cell in enumerate(cells):
        row = [_mark(r, i) for r in results]
        table.add_row(cell["grade_id"].removeprefix("test-"), f"{cell['max_score']:g}", *row)
    table.add_section()
    most = max((r["max_score"] for r in results), default=0)
    totals = [f"{r['score']:g}" if r["status"] == "graded" else "×" for r in results]
    table.add_row("total", f"{most:g}", *totals, style="bold")
    return table


def _mark(result: dict[str, Any], i: int) -> str:
    if result["status"] != "graded" or i >= len(result["cells"]):
        return "×"
    score = result["cells"][i]["score"]
    return "–" if score is None else f"{score:g}"


def show_doctor(findings: Sequence[Any]) -> None:
    """One line for each thing that was tried."""
    table = Table(show_edge=False, box=None, padding=(0, 1))
    for _ in range(3):
        table.add_column()
    for finding in findings:
        sign = "ok" if finding.ok else "MISSING" if finding.needed else "absent"
        table.add_row(sign, finding.what, finding.detail)
    Console(width=None if sys.stdout.isatty() else 140).print(table)
