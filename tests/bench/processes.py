"""Memory and CPU time of a process with all that it starts, read from /proc."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from autograder.sandbox.spawner import Spawner, StudentProcess

__all__ = ["cpu_seconds", "family", "peak"]


def peak(command: list[str], folder: Path, extra: dict[str, str]) -> float:
    """Largest sum of proportional memory over a process and all its descendants, sampled, in MB.

    A process that ends within a sample leaves its part of what it shares to the others: that would count twice.
    """
    running = subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | extra,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    most = 0.0
    while running.poll() is None:
        processes = family(running.pid)
        taken = sum(_proportional_mb(p) for p in processes)
        if family(running.pid) == processes:
            most = max(most, taken)
        time.sleep(0.05)
    return most


def family(root: int) -> list[int]:
    """The numbers of a process and of all its descendants that are there."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
    family = {root}
    while more := {p for p, parent in parents.items() if parent in family and p not in family}:
        family |= more
    return sorted(family)


def _proportional_mb(pid: int) -> float:
    try:
        found = re.search(r"(?m)^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


def cpu_seconds(job: Callable[[], object]) -> float:
    """CPU seconds of this process and all its descendants, ended ones included, while a job runs.

    Students' processes are left the time to end by themselves: that of one which is killed in its namespace is in no
    account.
    """
    end = Spawner.end

    def end_by_itself(self: Spawner, process: StudentProcess) -> int | None:
        process.close()
        time.sleep(0.05)
        return end(self, process)

    before = _clock()
    with patch.object(Spawner, "end", end_by_itself):
        job()
    return _clock() - before


def _clock() -> float:
    """CPU seconds so far of a process family: their own, and those of children that have ended."""
    ticks = 0
    for pid in family(os.getpid()):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(int(x) for x in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")
