"""Checks of functions whose mistakes are wrong versions of them, known to the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .diagnosis import Diagnosis
from .entry import Check, Finding, Trial
from .kinds import INSTANCES, courtesy, explained, pure_check
from .rules import explain_call
from .values import Mismatch, compare

__all__ = ["first_bad", "named", "ruled"]

Args = dict[str, Any]


def named(
    trial: Trial,
    aspect: str,
    rule: str,
    instances: Any,
    bad: Mismatch,
    what: str,
    rtol: float = 1e-8,
    *,
    before: str = "",
    call: tuple[str, Sequence[Any], Any] | None = None,
) -> Finding:
    """The finding about a mismatch, in the words of the rules where they know the mistake.

    instances  () -> (arguments of the rule, result) of several draws
    before     words in front of what does not fit
    call       the student's function, arguments and the wrong result that they give, for the line
    """
    finding = Finding(f"{before}{bad.text}", (), bad.evidence, errors=bad.errors)
    if not trial.explain or aspect in trial.told:
        return finding
    line = None if call is None else trial.line_of(*call)

    def why() -> Diagnosis:
        found = explain_call(rule, instances(), what=what, rtol=rtol)
        return Diagnosis([], "") if "fit no mistake" in found.text else found

    return replace(explained(finding, courtesy(why)), line=line)


def ruled(
    name: str,
    sample: Callable[[np.random.Generator], Args],
    reference: Callable[..., Any],
    usual: str,
    points: Mapping[str, float],
    special: Mapping[str, Callable[[np.random.Generator], Sequence[Args]]],
    *,
    pure: float,
    takes: Callable[[Any], Any] = lambda result: result,
) -> Check:
    """A function on ordinary data, with an explanation, and on special data; a mistake in both is charged once.

    usual    the aspect of ordinary data
    special  aspect -> (rng) -> arguments to be tried
    """

    def run(trial: Trial) -> None:
        drawn = [sample(trial.rng) for _ in range(INSTANCES)]
        calls = [tuple(a.values()) for a in drawn]
        tried = [(a, takes(got)) for a, got in zip(drawn, trial.call_many(name, calls))]
        bad, wrong = first_bad(name, tried, reference)
        if bad is not None:
            finding = named(trial, usual, name, lambda: tried, bad, name, call=(name, *wrong))
            trial.fail(finding, aspect=usual)
        for aspect, cases in special.items():
            if bad is not None:
                trial.fail("Not looked at as long as nothing is right on ordinary data.", aspect=aspect)
                continue
            for args in cases(trial.rng):
                late = compare(name, takes(trial.call(name, *args.values())), reference(**args))
                if late is not None:
                    trial.fail(Finding(f"With {_shown(args)}: {late.text}", (), late.evidence), aspect=aspect)
                    break

    return pure_check(points, run, pure)


def first_bad(
    name: str, tried: Sequence[tuple[Args, Any]], reference: Callable[..., Any], rtol: float | None = None
) -> tuple[Mismatch | None, tuple[tuple[Any, ...], Any]]:
    """The first result that is wrong, if any: what is wrong with it, and (arguments, result)."""
    for args, got in tried:
        if (bad := compare(name, got, reference(**args), rtol=rtol)) is not None:
            return bad, (tuple(args.values()), got)
    return None, ((), None)


def _shown(args: Args) -> str:
    """Small arguments in words, large ones by their sizes."""
    words = []
    for name, value in args.items():
        short = value.tolist() if isinstance(value, np.ndarray) and value.size <= 12 else value
        words.append(f"{name} = {short}" if len(str(short)) <= 60 else f"{name} of {len(value)}")
    return ", ".join(words)
