"""Checks of what a student types: answers, and derivations line by line.

    answers      a dict of numbers, arrays, words, shapes, expressions
    Expression   an answer that is a formula: any form that is equal will do
    Step         one line of a derivation: what it has to equal, and in which form
    derivation   a list of lines, credit for each inference

Typed work is judged for the id that the student typed, so it is tried on public data only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .entry import Check, Finding, Trial
from .errors import UsageError
from .values import as_array, compare

__all__ = ["Expression", "Step", "answers", "derivation"]

_LONGEST = 10_000  # characters of a line that are read


@dataclass(frozen=True)
class Expression:
    """A formula as an answer; `variables` as `check_derivation` takes them."""

    truth: str
    variables: Mapping[str, Any]


def answers(
    variable: str,
    truth: Callable[[str], Mapping[str, Any]],
    *,
    points: Mapping[str, float],
    keys: Mapping[str, Sequence[str]] | None = None,
    rtol: float = 5e-3,
    tolerances: Mapping[str, float] | None = None,
    because: Mapping[tuple[str, str], str] | None = None,
) -> Check:
    """A dict that the student typed, against `truth(student_id)`: numbers within rounding, words and choices exactly.

    points      aspect -> points
    keys        aspect -> the keys of the dict that belong to it; an aspect is its own key by default
    tolerances  key -> relative tolerance, where it is not `rtol`
    because     (key, wrong answer) -> the sentence that says why it is not that
    """

    def run(trial: Trial) -> None:
        typed = trial.get(variable)
        right = truth(trial.student_id)
        for aspect in points:
            for key in (keys or {}).get(aspect, (aspect,)):
                given = typed.get(key) if isinstance(typed, dict) else None
                if given is None or given is ...:
                    blank = Finding(f"{variable}[{key!r}] is not answered yet.", status="not_run")
                    trial.fail(blank, aspect=aspect)
                    break
                rounding = (tolerances or {}).get(key, rtol)
                if (text := _wrong_answer(f"{variable}[{key!r}]", given, right[key], rounding)) is not None:
                    word = given.strip() if isinstance(given, str) else ""
                    reason = (because or {}).get((key, word), "")
                    trial.fail(f"{text} {reason}".strip(), aspect=aspect)
                    break

    return Check(dict(points), run, draws=1, hidden=False)


def _wrong_answer(what: str, given: Any, want: Any, rtol: float) -> str | None:
    """Why an answer is not right, without giving the right one away; None when it is."""
    if isinstance(want, Expression):
        from .derivation import check_derivation

        if not isinstance(given, str):
            return f"{what} should be a formula in quotes."
        report = check_derivation([given[:_LONGEST]], want.truth, dict(want.variables))
        return None if report.credit[0] else f"{what}: {_said(report, 0)}"
    if isinstance(want, str):
        same = isinstance(given, str) and given.strip().casefold() == want.casefold()
        return None if same else f"{what} is not right."
    bad = compare(what, given, want, rtol=rtol)
    return None if bad is None else bad.text + _slipped(given, want, rtol)


# what a number is off by -> what was probably done; nothing that could be a coincidence of small whole numbers
_SLIPS = (
    (-1.0, "It has the wrong sign."),
    (np.log(2.0), "It is in nats; bits are asked for: divide by ln 2."),
    (1 / np.log(2.0), "It is in bits; nats are asked for: multiply by ln 2."),
    (100.0, "It is in percent; a share is asked for."),
    (0.01, "It is a share; percent are asked for."),
)


def _slipped(given: Any, want: Any, rtol: float) -> str:
    """What a number that is off by a known factor has probably gone through."""
    if isinstance(given, bool) or not isinstance(given, int | float | np.number) or not np.isscalar(want):
        return ""
    if not isinstance(want, int | float | np.number) or not want or as_array(given) is None:
        return ""  # a whole number may be too large for a float
    if not np.isfinite(float(given)):
        return ""
    off = float(given) / float(want)
    return next((f" {text}" for factor, text in _SLIPS if abs(off / factor - 1) <= rtol), "")


@dataclass(frozen=True)
class Step:
    """One line of a derivation.

    truth      a formula that the line has to equal
    after      where the line comes from: a template with {l1}, {l2}, … for the student's own earlier lines; a line that
               follows rightly from a wrong one earns its points
    replacing  names that are replaced in the earlier lines first: {"dL_dh": "delta"}
    fresh      with `after`: the line must not have the same form as the formula that it comes from
    must       symbols that the line has to use
    must_not   symbols that it may not use
    once       symbols that may stand in it once only
    """

    truth: str
    points: float = 0.5
    after: str | None = None
    replacing: Mapping[str, str] = field(default_factory=dict)
    fresh: bool = False
    must: Sequence[str] = ()
    must_not: Sequence[str] = ()
    once: Sequence[str] = ()


def derivation(variable: str, variables: Mapping[str, Any], steps: Sequence[Step]) -> Check:
    """Lines of algebra in a list called `variable`, one for each step."""
    names = [f"line {i + 1}" for i in range(len(steps))]

    def run(trial: Trial) -> None:
        typed = trial.get(variable)
        if not isinstance(typed, list | tuple):
            trial.fail(f"{variable} should be a list of {len(steps)} strings, one for each line.")
            return
        lines = [x[:_LONGEST] if isinstance(x, str) else "" for x in typed if x is not ...]
        if not any(line.strip() for line in lines):
            trial.fail(Finding(f"{variable} is not answered yet.", status="not_run"))
            return
        if len(lines) > len(steps):
            trial.fail(
                f"{variable} has {len(lines)} lines, and {len(steps)} are asked for.", aspect=names[-1]
            )
        lines = (lines + [""] * len(steps))[: len(steps)]
        for i, (name, step) in enumerate(zip(names, steps)):
            if not lines[i].strip():
                blank = Finding(f"Line {i + 1} of {variable} is not written yet.", status="not_run")
                trial.fail(blank, aspect=name)
            elif (text := _wrong_line(lines, i, step, variables, trial.explain)) is not None:
                trial.fail(text[:1].upper() + text[1:], aspect=name)

    return Check({name: float(s.points) for name, s in zip(names, steps)}, run, draws=1, hidden=False)


def _wrong_line(
    lines: Sequence[str], i: int, step: Step, variables: Mapping[str, Any], slips: bool
) -> str | None:
    from .derivation import check_derivation, symbols

    line, known = lines[i], dict(variables)
    source = _source(lines, step)
    true = check_derivation([line], step.truth, known, slips=False).ok
    if source is not None and not _usable(source, step.truth, known):
        source = None
    if not true and (source is None or not check_derivation([line], source, known, slips=False).ok):
        return _said(check_derivation([line], step.truth, known, slips=slips), 0)
    if (
        step.fresh
        and source is not None
        and check_derivation([source], step.truth, known, slips=False).ok == true
    ):
        changed = check_derivation([line], step.truth, known, given=source, slips=slips)
        if not changed.credit[0]:
            return _said(changed, 0)
    used = symbols(line)
    if absent := [s for s in step.must if s not in used]:
        return f"it is true, but asked for in terms of {', '.join(absent)}."
    if present := [s for s in step.must_not if s in used]:
        return f"it is true, but {', '.join(present)} should not stand in it any more."
    if true and (often := [s for s in step.once if len(re.findall(rf"\b{re.escape(s)}\b", line)) > 1]):
        return f"it is true, but {', '.join(often)} should stand in it only once."
    return None


def _source(lines: Sequence[str], step: Step) -> str | None:
    """The formula that a line comes from, made of the student's own earlier lines; None when one is missing."""
    if step.after is None:
        return None
    own = {f"l{k + 1}": _replaced(line, step.replacing) for k, line in enumerate(lines)}
    needed = re.findall(r"\{(l\d+)\}", step.after)
    if any(not own.get(name, "").strip() for name in needed):
        return None
    return step.after.format(**own)


def _usable(source: str, truth: str, variables: dict[str, Any]) -> bool:
    """Whether a formula made of the student's own lines can stand for the truth: readable, and not a mere number."""
    from .derivation import check_derivation, symbols

    try:
        zero = check_derivation(["0"], source, variables, slips=False)
    except UsageError:
        return False
    return not zero.ok and bool(set(symbols(source)) & set(symbols(truth)))


def _replaced(line: str, replacing: Mapping[str, str]) -> str:
    for name, formula in replacing.items():
        line = re.sub(rf"\b{re.escape(name)}\b", f"({formula})", line)
    return line


def _said(report: Any, i: int) -> str:
    text = report.slip if report.slip and i == report.first_wrong else report.messages[i]
    return str(text) or "it does not follow."
