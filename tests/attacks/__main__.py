"""`python -m tests.attacks`: grade every hostile submission in one class and say what each gained, leaked, harmed.

`--stock` tries each once against stock nbgrader, behind a process namespace of its own, and records what it got there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from .run import RECORD, Verdict, judge, prepare, stock


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="attacks-") as folder:
        course = prepare(Path(folder))
        if "--stock" in sys.argv:
            stock(course)
            return 0
        verdicts = judge(course)
    show(verdicts)
    bad = sum(bool(v.gained or v.leaked or v.harmed or v.crashed) for v in verdicts)
    return 1 if bad else 0


def show(verdicts: list[Verdict]) -> None:
    recorded = json.loads(RECORD.read_text()) if RECORD.is_file() else {}
    table = Table(title=f"nbgrader recorded: {recorded.get('version', 'nothing')}")
    for title in ("family", "attack", "must get", "got", "leaked", "harmed", "stock nbgrader"):
        table.add_column(title)
    for v in verdicts:
        table.add_row(
            v.attack.family, v.attack.name, f"{v.attack.score:g}", f"{v.got:g}", v.leaked or "-", v.harmed or "-",
            str(recorded.get("results", {}).get(v.attack.name, "not tried")),
        )  # fmt: skip
    Console(width=160).print(table)
    print(
        f"attacks: {len(verdicts)}, gained marks: {sum(v.gained > 0 for v in verdicts)}, "
        f"leaked: {sum(bool(v.leaked) for v in verdicts)}, harmed: {sum(bool(v.harmed) for v in verdicts)}, "
        f"crashed the run: {sum(v.crashed for v in verdicts)}"
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"the run crashed: {error.stderr[-2000:]}")
