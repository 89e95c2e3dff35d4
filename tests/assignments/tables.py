"""Trying the table of an assignment on whole answers, for the tests of the tables."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from autograder.checks.entry import Outcome, Table
from autograder.checks.local import LocalSubject
from autograder.checks.run import Draws, run_entry
from autograder.grading.remote import RemoteSession
from autograder.grading.subject import RemoteSubject
from autograder.sandbox.launcher import Sandbox, bubblewrap
from autograder.sandbox.spawner import ProcessLimits

__all__ = ["ODD", "Answers", "lost", "million_additions", "spoilt"]

ODD = {
    "None": None, "a string": "1.0", "nan": float("nan"), "a huge number": 10**400, "complex": np.array([1 + 2j, 3.0]), "a dict": {1: 2},
    "objects": np.array([None, "x"], dtype=object), "an ellipsis": ..., "bytes": b"abc", "a function": len, "a list": [[1.0], [2.0, 3.0]],
}  # fmt: skip


class Answers:
    """A table, and the text that the notebook's locked cells give to every answer."""

    def __init__(self, table: Table, given: str = "") -> None:
        self.table, self.given = table, given
        self.code = [e for e in table.entries.values() if e.defines]

    def load(self, source: str) -> LocalSubject:
        """The names that an answer defines."""
        names: dict[str, Any] = {}
        exec(compile(self.given, "<cell given>", "exec"), names)
        exec(compile(source, "<cell answer>", "exec"), names)
        return LocalSubject(names)

    def outcomes(
        self,
        source: str,
        student: str = "ada",
        *,
        hidden: bool = True,
        only: Sequence[str] | None = None,
        subject: Any = None,
    ) -> dict[str, Outcome]:
        """What every entry of functions says of an answer, on public and on hidden data."""
        subject = subject or self.load(source)
        draws = [Draws(student)] + [Draws(student, salt="hidden", hidden=True)] * hidden
        with np.errstate(all="ignore"):
            return {
                e.id: run_entry(self.table, e, 1, subject, draws)
                for e in self.code
                if only is None or e.id in only
            }

    def told_apart(
        self, sources: Iterable[str], withheld: Sequence[str], *, messages: bool = False
    ) -> list[str]:
        """The entries whose marks or diagnoses (or messages) the sandbox changes, and answers that fail there."""

        def said(o: Outcome) -> tuple[Any, ...]:
            return (o.aspects, o.diagnosis, o.message if messages else "")

        found = []
        with Sandbox(kind="bwrap" if bubblewrap() else "none", withheld=withheld) as sandbox:
            for number, text in enumerate(sources):
                session = RemoteSession(sandbox, ProcessLimits(), 5.0)
                session.execute("given", self.given, 5.0)
                if (error := session.execute("answer", text, 5.0)[1]) is not None:
                    found.append(f"source {number} raises {error['text']}")
                far = self.outcomes("", subject=RemoteSubject(lambda session=session: session), hidden=False)  # type: ignore[misc]
                near = self.outcomes(text, hidden=False)
                session.close()
                found += [
                    f"source {number}, {i}: {o.aspects} {o.diagnosis} {o.message}; on the laptop {near[i].message}"
                    for i, o in far.items()
                    if said(o) != said(near[i])
                ]
        return found


def lost(results: dict[str, Outcome]) -> dict[str, str]:
    """The entries that lost marks, and what they say."""
    return {i: o.message for i, o in results.items() if o.score < o.max_score}


def million_additions() -> float:
    """Seconds for a million additions here and now, about 0.03 on a laptop: the unit in which speed is tested."""
    started = time.perf_counter()
    number = 0
    while number < 1_000_000:
        number += 1
    return time.perf_counter() - started


def spoilt(names: dict[str, Any], variables: Iterable[str], odd: Any) -> Iterator[dict[str, Any]]:
    """What a student typed, with something odd instead: in place of each variable, then in place of each item of it."""
    whole, inside = {}, {}
    for name in variables:
        old = names[name]
        whole[name] = odd
        inside[name] = [odd] * len(old) if isinstance(old, list) else dict.fromkeys(old, odd)
    yield {**names, **whole}
    yield {**names, **inside}
