"""Running an entry: draws, aspects, whose mistake it was; and the context that says whose functions are meant.

The rules of marking live here, once, for laptop and grader alike:
- an aspect keeps its points when no draw found anything wrong with it;
- a function that calls another function of the assignment is tried once more with the others replaced by trusted ones,
  and keeps its marks when that puts it right;
- what is seen on hidden data only is told without numbers.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from course.toolbox.seeds import student_rng

from .entry import Check, Entry, Finding, NotAnswered, Outcome, StudentError, Subject, Table, Trial, Wrong
from .local import LocalSubject

__all__ = ["Context", "Draws", "checker", "current_context", "run_entry"]

BLANK = "Not answered yet."
# seconds of CPU from the start of a test cell; what is explained later is told without a cause
EXPLAINING = 1.2


@dataclass(frozen=True)
class Draws:
    """Whose data is drawn: a student's public data, or the hidden data of the same student."""

    student_id: str
    salt: str = "public"
    hidden: bool = False


class Context:
    """Whose functions the test cells of a notebook check, and on which data; remembers every outcome."""

    def __init__(self, table: Table, subject: Subject, draws: Sequence[Draws]) -> None:
        self.table, self.subject, self.draws = table, subject, tuple(draws)
        self.outcomes: dict[tuple[str, int], Outcome] = {}

    def check(self, entry: Entry, part: int) -> float:
        """Run one test cell's checks, remember and show the outcome; the points as a float."""
        outcome = run_entry(self.table, entry, part, self.subject, self.draws, known=self.outcomes)
        self.outcomes[entry.id, part] = outcome
        self.show(outcome)
        return outcome.score

    def show(self, outcome: Outcome) -> None:
        """Show the panel; `totals` of this notebook so far stand in its last line."""
        from .panel import display

        display(outcome, self.totals())

    def totals(self) -> tuple[float, float]:
        """Points so far and points possible, over the test cells that were run."""
        seen = self.outcomes.values()
        return round(sum(o.score for o in seen), 6), round(sum(o.max_score for o in seen), 6)


_context: ContextVar[Context | None] = ContextVar("check_context", default=None)
_local: dict[int, Context] = {}


@contextmanager
def active(context: Context) -> Any:
    """Inside: test cells check the functions of `context` instead of the caller's."""
    token = _context.set(context)
    try:
        yield context
    finally:
        _context.reset(token)


def current_context(table: Table, namespace: dict[str, Any]) -> Context:
    """The grader's context when grading, else one for the namespace of the notebook that called."""
    context = _context.get()
    if context is not None:
        return context
    local = _local.get(id(namespace))
    student = str(namespace.get("student_id", "") or "")
    if local is None or local.table is not table or local.draws[0].student_id != student:
        local = _local[id(namespace)] = Context(
            table, LocalSubject(namespace, table.withheld), [Draws(student)]
        )
    return local


def checker(table: Table) -> Callable[..., float]:
    """The function that the test cells of an assignment call: `check("softmax-ce")`, `check("softmax-ce", part=2)`."""

    def check(entry_id: str, part: int = 1) -> float:
        """Run the checks of one test cell on the caller's functions, show the panel, return the points."""
        return current_context(table, sys._getframe(1).f_globals).check(table[entry_id], part)

    return check


def run_entry(
    table: Table,
    entry: Entry,
    part: int,
    subject: Subject,
    draws: Sequence[Draws],
    *,
    known: Mapping[tuple[str, int], Outcome] | None = None,
) -> Outcome:
    """Check one test cell's share of an entry against the functions of `subject`."""
    started, until = time.perf_counter(), time.process_time() + EXPLAINING
    checks = entry.checks_of(part)
    if not checks:
        raise KeyError(f"{table.assignment}: the entry {entry.id} has no part {part}.")
    others = _others(table, entry, subject)
    # without explanations first: they take most of the time, and none is needed when nothing or a helper is wrong
    findings = _run_all(table, entry, checks, subject, draws, until=0.0 if others else until)
    notes: tuple[str, ...] = ()
    if findings and others:
        lost = frozenset(f.aspect for f in findings)
        failing = tuple(c for c in checks if lost & set(c.aspects))
        # an argument that is changed may be so by any part of a check, whatever is asked
        asked = None if any("M25" in f.ids for f in findings) else lost
        with subject.bound(others):
            again = _run_all(table, entry, failing, subject, draws, asked=asked)
            helped = _lost(checks, again) < _lost(checks, findings)
            if helped and again:
                again = _run_all(table, entry, checks, subject, draws, until=until)
        if helped:
            blame = _blame(table, entry, others, subject, draws, known or {}, right=not again)
            notes, findings = (blame,) if blame else (), again
        else:
            findings = _run_all(table, entry, failing, subject, draws, until=until, asked=asked)
    lost = frozenset(f.aspect for f in findings)
    aspects = tuple(
        (name, 0.0 if name in lost else points, points) for c in checks for name, points in c.aspects.items()
    )
    return Outcome(
        entry.id,
        aspects,
        tuple(findings),
        _status(findings, aspects),
        notes,
        round(time.perf_counter() - started, 4),
    )


def _run_all(
    table: Table,
    entry: Entry,
    checks: Iterable[Check],
    subject: Subject,
    draws: Sequence[Draws],
    *,
    until: float = 0.0,
    asked: frozenset[str] | None = None,
) -> list[Finding]:
    """The first finding of every aspect, in the order of the aspects.

    until  causes are looked for as long as this clock has not come; 0: not at all
    asked  only these aspects are asked for: when they are lost, that is all
    """
    found: dict[str, Finding] = {}
    memory: dict[Any, Any] = {}
    for check in checks:
        number = entry.checks.index(check)
        for source in draws:
            if source.hidden and not check.hidden:
                continue
            for draw in range(check.draws):
                if not any(name not in found and (asked is None or name in asked) for name in check.aspects):
                    break
                rng = student_rng(
                    source.student_id, table.assignment, entry.id, number, draw, salt=source.salt
                )
                square = check.square and draw == check.draws - 1
                trial = Trial(
                    subject,
                    rng,
                    square=square,
                    student_id=source.student_id,
                    explain_until=until,
                    told=found,
                    asked=asked,
                    memory=memory,
                )
                for aspect, finding in _findings(entry, check, trial):
                    for name in [aspect] if aspect is not None else check.aspects:
                        if name not in check.aspects:
                            raise KeyError(
                                f"{entry.id}: a finding names the aspect {name!r}, which the check does not have."
                            )
                        found.setdefault(name, _veiled(replace(finding, aspect=name), source.hidden))
    return list(found.values())


def _findings(entry: Entry, check: Check, trial: Trial) -> list[tuple[str | None, Finding]]:
    try:
        check.run(trial)
    except NotAnswered as blank:
        trial.fail(Finding(str(blank) or BLANK, status="not_run"))
    except StudentError as error:
        status = error.kind if error.kind in ("timeout", "not_run", "failed") else "error"
        trial.fail(Finding(error.text, line=error.line, status=status))
    except Wrong as wrong:
        trial.fail(wrong.finding)
    if check.pure is not None:
        if trial.mutated:
            trial.fail(trial.mutated[0], aspect=check.pure)
    elif not trial.memory.get("M25") and not any(c.pure for c in entry.checks):
        # nothing else charges for it: what the functions of this entry write into costs the first aspect, once
        written = [m for m in trial.mutated if m.text.startswith(tuple(entry.defines))]
        trial.memory["M25"] = bool(written)
        if written:
            trial.fail(written[0], aspect=next(iter(check.aspects)))
    return trial.findings


def _veiled(finding: Finding, hidden: bool) -> Finding:
    if not hidden:
        return finding
    text = (
        finding.text
        if finding.status == "not_run"
        else f"{finding.text} (Seen on other data than the data shown to you.)"
    )
    return replace(finding, text=text, evidence="", errors=None, hidden=True)


def _others(table: Table, entry: Entry, subject: Subject) -> dict[str, Any]:
    """Trusted versions of the assignment's other functions that the code of this entry mentions, at any depth."""
    references = table.references
    own = set(entry.defines) | set(entry.uses)
    seen = frozenset[str]().union(*(subject.globals_of(name) for name in own))
    return {name: references[name] for name in sorted(seen - own) if name in references}


def _blame(
    table: Table,
    entry: Entry,
    others: Mapping[str, Any],
    subject: Subject,
    draws: Sequence[Draws],
    known: Mapping[tuple[str, int], Outcome],
    right: bool,
) -> str:
    """Whose mistake it was: the functions that fail their own checks; if none does, all, or nothing of what is not right."""
    wrong = []
    for other in table.entries.values():
        names = [n for n in other.defines if n in others]
        if not names:
            continue
        outcome = known.get((other.id, 1))
        if outcome is not None:
            failed = outcome.status != "passed"
        else:
            failed = bool(_run_all(table, other, other.checks, subject, draws[:1]))
        if failed:
            wrong += names
    named = " and ".join(wrong or others)
    mine = " and ".join(entry.defines) or entry.id
    if not right:
        return (
            f"A part of what is wrong in {mine} comes from {named}, which it uses: that costs nothing here."
            if wrong
            else ""
        )
    return f"Your {mine} is right by itself; the mistake is in {named}, which it uses. You keep these marks."


def _lost(checks: Iterable[Check], findings: Iterable[Finding]) -> float:
    lost = {f.aspect for f in findings}
    return float(sum(points for c in checks for name, points in c.aspects.items() if name in lost))


def _status(findings: Sequence[Finding], aspects: Sequence[tuple[str, float, float]]) -> str:
    if not findings:
        return "passed"
    score = sum(got for _, got, _ in aspects)
    kinds = {f.status for f in findings}
    for kind in ("timeout", "error"):
        if kind in kinds:
            return kind
    return "not_run" if kinds == {"not_run"} and score == 0 else "failed"
