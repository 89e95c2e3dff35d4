"""What is checked of one function: an entry, made of checks, each worth points on named aspects.

    TABLE = Table("A02-backprop-by-hand", [Entry("softmax-ce", checks=(...), defines={"softmax_ce": reference}), ...])
    check = checker(TABLE)           # of `run`; what a test cell calls: check("softmax-ce")

A check draws data, calls the student's functions through a `Trial` and reports what is wrong, aspect by aspect. The
same entry runs on a laptop, when grading, in the preflight and on mutants; only the `Subject` behind the trial differs:
the functions of a notebook's namespace, or proxies of functions that live in a sandbox.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from course import withheld

from .trace import first_seen
from .values import Mismatch, compare

__all__ = [
    "Check",
    "Entry",
    "Finding",
    "NotAnswered",
    "Outcome",
    "Reply",
    "StudentError",
    "Subject",
    "Table",
    "Trial",
    "Wrong",
]

Sampler = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with one aspect, in the words that the student reads."""

    text: str  # one sentence: quantity, symptom, cause
    ids: tuple[str, ...] = ()  # misconceptions, e.g. ("M07",)
    evidence: str = ""  # one line with numbers; never shown when the data was hidden
    line: int | None = None  # line of the student's cell, where it could be found
    hints: tuple[str, ...] = ()  # three levels, from "where to look" to "the line"
    errors: np.ndarray | None = None  # relative error of each entry, for the small picture
    status: str = "failed"  # failed | error | timeout | not_run
    aspect: str = ""  # filled in by the runner
    hidden: bool = False  # seen on hidden data only


class Wrong(Exception):
    """Raised by a check: everything that the check is worth is lost, for this reason."""

    def __init__(self, text: str, ids: Sequence[str] = (), **more: Any) -> None:
        super().__init__(text)
        self.finding = Finding(text, tuple(ids), **more)


class NotAnswered(Exception):
    """The name is not defined yet, or its body is still the stub of the release."""


class StudentError(Exception):
    """The student's code raised, ran out of time, or sent back something that cannot be used."""

    def __init__(
        self, text: str, *, kind: str = "error", line: int | None = None, traceback: str = ""
    ) -> None:
        super().__init__(text)
        self.text, self.kind, self.line, self.traceback = text, kind, line, traceback


@dataclass(frozen=True)
class Reply:
    """What came back from one call: a value or an error, and which arguments the call wrote into."""

    value: Any = None
    error: StudentError | None = None
    changed: tuple[str, ...] = ()  # positions or keywords of arguments that are no longer bit-identical


class Subject(Protocol):
    """The student's names, wherever they live."""

    def get(self, name: str) -> Any:
        """The value or callable behind a name. Raises NotAnswered when it is missing or still a stub."""

    def call(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Reply:
        """One call of a function of the student's on copies of the arguments."""

    def call_many(self, name: str, calls: Sequence[Sequence[Any]]) -> list[Reply]:
        """Many independent calls in one request."""

    def globals_of(self, name: str) -> frozenset[str]:
        """The global names that the code of a function or class mentions, through others of the student's too."""

    def bound(self, replacements: Mapping[str, Any]) -> Any:
        """A context manager: inside it, the student's code sees these names bound to trusted functions."""

    def trace(self, name: str, args: Sequence[Any]) -> list[tuple[int, str, Any]]:
        """(line, variable, array) of one call, for finding the line of a mistake; may be empty."""


class Trial:
    """One run of a check on one draw of data: the door to the student's functions, and the list of what is wrong."""

    def __init__(
        self,
        subject: Subject,
        rng: np.random.Generator,
        *,
        square: bool = False,
        student_id: str = "",
        explain_until: float = math.inf,
        told: Iterable[str] = (),
        asked: frozenset[str] | None = None,
        memory: dict[Any, Any] | None = None,
    ) -> None:
        self.subject, self.rng, self.square, self.student_id = subject, rng, square, student_id
        # on the clock of this process, so that a busy machine changes no answer
        self.explain_until = explain_until
        self.memory = {} if memory is None else memory  # what earlier draws of this run have found out
        self.told = frozenset(told)  # aspects that are lost already: nobody reads a second explanation
        self.asked = asked  # the aspects that this run is about; None: all
        self.findings: list[tuple[str | None, Finding]] = []
        self.mutated: list[Finding] = []

    @property
    def explain(self) -> bool:
        """Whether there is time to look for causes; without, only whether anything is wrong is asked."""
        return time.process_time() < self.explain_until

    def seconds(self, most: float) -> float:
        """How long a cause may be looked for."""
        return min(most, self.explain_until - time.process_time())

    @property
    def thorough(self) -> bool:
        """Whether this run decides marks: then what they depend on is looked for, however much time has passed."""
        return self.explain_until > 0.0

    def wants(self, aspect: str) -> bool:
        """Whether anybody reads what is found about an aspect."""
        return aspect not in self.told and (self.asked is None or aspect in self.asked)

    def seen_as(self, subject: Any) -> Trial:
        """The same trial, with the student's functions seen in another form; what is found is found in both."""
        other = copy(self)
        other.subject = subject
        return other

    def drawing(self) -> Trial:
        """The same trial with a generator of its own: whether a part is run changes nothing for the others."""
        other = copy(self)
        other.rng = np.random.default_rng(int(self.rng.integers(2**63)))
        return other

    def apart(self, rng: np.random.Generator) -> Trial:
        """A trial of the same functions with findings of its own."""
        return Trial(
            self.subject,
            rng,
            student_id=self.student_id,
            explain_until=self.explain_until,
            told=self.told,
            asked=self.asked,
            memory=self.memory,
        )

    def get(self, name: str) -> Any:
        """A value of the student's (a derivation's lines, an answer) by name."""
        return self.subject.get(name)

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call the student's function; raises StudentError when it raises, NotAnswered when it is not there."""
        return self._take(name, args, self.subject.call(name, args, kwargs))

    def call_many(self, name: str, calls: Sequence[Sequence[Any]]) -> list[Any]:
        """Many independent calls in one request (finite differences, properties)."""
        return [
            self._take(name, args, reply) for args, reply in zip(calls, self.subject.call_many(name, calls))
        ]

    def call_then(
        self,
        name: str,
        calls: Sequence[Sequence[Any]],
        then: str,
        arguments: Callable[[Any], Sequence[Any]],
    ) -> tuple[Any, Callable[[Any], Any]]:
        """What the first of these calls gives, and a function that calls `then` with `arguments(cache)`.

        Where the subject can, the second call was made with the first, with the cache that it returned.
        """
        # of its class: subjects that see functions in another form pass on to others what they do not have
        together = getattr(type(self.subject), "call_then", None)
        if together is None:
            replies, last = self.subject.call_many(name, calls), None
        else:
            replies, last = together(self.subject, name, calls, then, arguments)
        values = [self._take(name, args, reply) for args, reply in zip(calls, replies)]

        def follow(cache: Any) -> Any:
            if last is None:
                return self.call(then, *arguments(cache))
            return self._take(then, arguments(cache), last)

        return values[0], follow

    def _take(self, name: str, args: Sequence[Any], reply: Reply) -> Any:
        for where in reply.changed:
            lines = self.subject.trace(name, args) if self.explain and not self.mutated else ()
            self.mutated.append(
                Finding(
                    f"{name} changes its argument {where}: the array that the caller passed in has other numbers after the call.",
                    ("M25",),
                    line=next((line for line, variable, _ in lines if variable == where), None),
                    hints=(
                        "Look for an in-place operation: +=, *=, a slice on the left of =, np.add(..., out=...).",
                        "x += 1 changes the caller's array; x = x + 1 makes a new one.",
                        f"In {name}, write into a copy: {where} = {where}.copy().",
                    ),
                )
            )
        if reply.error is not None:
            raise reply.error
        return reply.value

    def line_of(self, name: str, args: Sequence[Any], value: Any) -> int | None:
        """The line of the student's function that first gives this wrong result of a call with these arguments."""
        return first_seen(value, self.subject.trace(name, args)) if self.explain else None

    def fail(self, finding: Finding | str, *, aspect: str | None = None, ids: Sequence[str] = ()) -> None:
        """Report something wrong with an aspect (with all aspects of the check when None), and go on."""
        self.findings.append((aspect, Finding(finding, tuple(ids)) if isinstance(finding, str) else finding))

    def expect(
        self, condition: bool, text: str, *, aspect: str | None = None, ids: Sequence[str] = ()
    ) -> bool:
        """Report `text` unless the condition holds; the condition comes back."""
        if not condition:
            self.fail(text, aspect=aspect, ids=ids)
        return bool(condition)

    def expect_close(
        self,
        what: str,
        got: Any,
        want: Any,
        *,
        aspect: str | None = None,
        rtol: float | None = None,
        ids: Sequence[str] = (),
    ) -> Mismatch | None:
        """Compare a result with the truth at the precision of the result; report and return the mismatch, if any."""
        mismatch = compare(what, got, want, rtol=rtol)
        if mismatch is not None:
            self.fail(
                Finding(mismatch.text, tuple(ids), mismatch.evidence, errors=mismatch.errors), aspect=aspect
            )
        return mismatch


@dataclass(frozen=True)
class Check:
    """A piece of an entry: what it looks at, what each aspect is worth, and how it is tried.

    aspects  name -> points; `run(trial)` reports findings per aspect, no finding is full points
    draws    how many times it is run on public data (hidden data: the same number again)
    square   one of the draws asks for square sizes (`trial.square`), where a transpose hides behind equal shapes
    pure     arguments that a call writes into cost the aspect named here; when None, and no other check of the entry
             charges for it, the first aspect
    hidden   whether hidden data is tried too; False where the student answers for shown data (numbers, lines, choices)
    """

    aspects: Mapping[str, float]
    run: Callable[[Trial], None]
    draws: int = 2
    square: bool = False
    pure: str | None = None
    hidden: bool = True

    @property
    def points(self) -> float:
        return round(float(sum(self.aspects.values())), 6)


@dataclass(frozen=True)
class Entry:
    """Everything that is checked under one grade id.

    id       grade id of the answer cell: "softmax-ce", "derivation-d2-4", "quiz-q2-1"
    checks   in the order in which a student reads the result
    defines  the student's names that this entry is about -> trusted reference (None for values such as derivations)
    uses     names of other entries that this one needs (a backward pass needs the forward pass's cache)
    part     check name -> which test cell it belongs to: 1 is test-<id>, 2 is test-<id>-2 …
    """

    id: str
    checks: tuple[Check, ...]
    defines: Mapping[str, Callable[..., Any] | None] = field(default_factory=dict)
    uses: tuple[str, ...] = ()
    parts: tuple[int, ...] = ()  # one number a check; empty: all belong to the first test cell
    time_limit: float = 10.0  # seconds for one call of a student's function
    bonus: bool = False
    title: str = ""

    def checks_of(self, part: int) -> tuple[Check, ...]:
        """The checks of one test cell."""
        if not self.parts:
            return self.checks if part == 1 else ()
        return tuple(c for c, p in zip(self.checks, self.parts) if p == part)

    def points(self, part: int = 1) -> float:
        """What one test cell is worth."""
        return round(float(sum(c.points for c in self.checks_of(part))), 6)


@dataclass(frozen=True)
class Outcome:
    """What one test cell says: points per aspect, findings, status."""

    entry: str
    aspects: tuple[tuple[str, float, float], ...]  # (name, points, maximum)
    findings: tuple[Finding, ...]
    status: str  # passed | failed | error | timeout | not_run
    notes: tuple[str, ...] = ()  # e.g. whose mistake it was, when a helper of the student's was wrong
    seconds: float = 0.0

    @property
    def score(self) -> float:
        return round(float(sum(got for _, got, _ in self.aspects)), 6)

    @property
    def max_score(self) -> float:
        return round(float(sum(most for _, _, most in self.aspects)), 6)

    @property
    def diagnosis(self) -> tuple[str, ...]:
        """The misconceptions named, each once, in the order of the findings."""
        return tuple(dict.fromkeys(i for f in self.findings for i in f.ids))

    @property
    def message(self) -> str:
        """What the student is told, as plain text: every sentence once, and of errors only the first."""
        first: dict[str, str] = {}
        for f in self.findings:
            first.setdefault(f.text if f.status == "failed" else f.status, f.text)
        told = list(dict.fromkeys([*self.notes, *first.values()]))
        return " ".join(told) if told else "All checks passed."


class Table:
    """The entries of one assignment."""

    def __init__(self, assignment: str, entries: Iterable[Entry]) -> None:
        self.assignment = assignment
        self.entries: dict[str, Entry] = {}
        for entry in entries:
            if entry.id in self.entries:
                raise ValueError(f"Table {assignment}: two entries are called {entry.id}; ids are used once.")
            self.entries[entry.id] = entry

    def __getitem__(self, entry_id: str) -> Entry:
        if entry_id not in self.entries:
            known = ", ".join(self.entries)
            raise KeyError(f"{self.assignment} has no entry {entry_id!r}; it has {known}.")
        return self.entries[entry_id]

    @property
    def withheld(self) -> tuple[str, ...]:
        """Chapters of the library that are not there when a notebook of this assignment is graded."""
        return withheld(self.assignment)

    @property
    def references(self) -> dict[str, Callable[..., Any]]:
        """The trusted function behind every name that students define in this assignment."""
        return {
            name: ref for e in self.entries.values() for name, ref in e.defines.items() if ref is not None
        }
