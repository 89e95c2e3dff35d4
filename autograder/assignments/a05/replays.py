"""Explanations by several tapes, or on other data.

A table of vectors may be read at once, or piece by piece, and loses other rows then; a cut through time is plainer where
there are no pads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from autograder.checks.entry import Check, Finding, StudentError, Trial
from autograder.checks.pairs import Pair

__all__ = ["also_replayed"]


def also_replayed(
    check_of: Callable[[Pair], Check], pair: Pair, *models: Callable[..., Any], sample: Any = None
) -> Check:
    """The check of a pair; a gradient that its tape does not explain is explained in other ways.

    models  other models of the same function
    sample  a sampler of plainer data
    """
    others = [replace(pair, model=model) for model in models]
    others += [] if sample is None else [replace(pair, sample=sample)]
    checks = [check_of(one) for one in (pair, *others)]

    def run(trial: Trial) -> None:
        checks[0].run(trial)
        for check in checks[1:]:
            unnamed = {a for a, f in _first(trial).items() if not f.ids and f.status == "failed"}
            if not unnamed or not trial.explain:
                return
            other = trial.apart(trial.rng)
            try:
                check.run(other)
            except StudentError:  # told by the first run, where it matters
                return
            named = {aspect: f for aspect, f in _first(other).items() if f.ids and aspect in unnamed}
            trial.findings[:] = [(aspect, named.get(aspect, f)) for aspect, f in trial.findings]

    return replace(checks[0], run=run)


def _first(trial: Trial) -> dict[str | None, Finding]:
    """What is told of each aspect: the first finding, on ordinary data; on special data names are ambiguous."""
    found: dict[str | None, Finding] = {}
    for aspect, finding in trial.findings:
        found.setdefault(aspect, finding)
    return found
