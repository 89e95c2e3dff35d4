"""Marks for other systems: CSV with a row for each student and assignment, or JSON with every question."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autograder.errors import UsageError
from autograder.files import write_atomically
from autograder.grading.store import public

__all__ = ["write_export"]

COLUMNS = ("assignment", "student", "status", "score", "max_score", "bonus", "waiting", "timestamp")


def write_export(path: Path, results: Mapping[str, Sequence[dict[str, Any]]]) -> int:
    """Write a .csv or .json file; how many submissions it holds. Raises UsageError for another ending."""
    rows = [r for name in results for r in results[name]]
    if path.suffix == ".json":
        text = json.dumps(
            [{"assignment": n, "submissions": [public(r) for r in results[n]]} for n in results],
            indent=1,
            ensure_ascii=False,
        )
    elif path.suffix == ".csv":
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            waiting = sum(1 for c in row["cells"] if c["score"] is None)
            values = {**row, "waiting": waiting, "timestamp": row["timestamp"] or ""}
            writer.writerow([_harmless(values[c]) for c in COLUMNS])
        text = buffer.getvalue()
    else:
        raise UsageError(f"{path} ends in {path.suffix or 'nothing'}; exports are .csv or .json.")
    try:
        write_atomically(path.absolute(), text)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from None
    return len(rows)


def _harmless(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula becomes plain text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t") else value
