"""Explanations beside the one that a check finds by itself, and forward passes that are not charged for twice.

explained_by    a check, explained by quick ways first: rules, slips of a whole function, smaller tapes
also_replayed   a check, explained on other data too: a cut through time is plainer where there are no pads
charged_once, slipped   a check of gradients that may be right for a wrong forward pass
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from autograder.checks import misconceptions
from autograder.checks.entry import Check, Finding, StudentError, Trial
from autograder.checks.kinds import INSTANCES, draw_arguments
from autograder.checks.own_forward import Tried
from autograder.checks.pairs import Pair
from autograder.checks.tape import Tape, record
from autograder.checks.values import compare

from .objects import Slip, find_slip, loss_of

__all__ = [
    "Way",
    "also_replayed",
    "charged_once",
    "explained_by",
    "lost_rows",
    "named_by",
    "slipped",
    "slips_of",
    "told",
    "tries",
]

# what explains a trial whose check has failed: aspect -> what is known
Way = Callable[[Trial], dict[str, Finding]]
_SECONDS = 0.6  # of CPU; when the ways have taken as long, no further one is tried
_NO_TIME = 1e-9  # a limit for explanations that has passed: marks are decided all the same


def explained_by(check: Check, *ways: Way) -> Check:
    """The check, explained by the first ways that know what is wrong, and by itself where none does."""

    def run(trial: Trial) -> None:
        lost = _lost(check, trial) if trial.explain else None
        if not lost:  # nothing, or an error that the check tells
            check.run(trial)
            return
        asked = {aspect for aspect, f in lost.items() if not f.text.startswith("Not looked at")} - trial.told
        named: dict[Any, Finding] = {}
        until = min(trial.explain_until, time.process_time() + _SECONDS)
        for way in ways:
            if asked - named.keys() and time.process_time() < until:
                named = {**_of(way, trial), **named}
        findings = {
            **lost,
            **{aspect: _named(lost[aspect], named[aspect]) for aspect in asked & named.keys()},
        }
        if asked - named.keys():
            rest = trial.seen_as(trial.subject)
            rest.told, rest.findings = trial.told | named.keys(), []
            if time.process_time() > until:
                rest.explain_until = _NO_TIME
            check.run(rest)
            findings = {**findings, **{a: f for a, f in _first(rest).items() if a not in named}}
        trial.findings += list(findings.items())

    return replace(check, run=run)


def _named(found: Finding, known: Finding) -> Finding:
    return replace(known, evidence=found.evidence, errors=found.errors)


def charged_once(check: Check, own: Callable[[Trial], bool]) -> Check:
    """The check, which a backward pass that is right for its own wrong forward passes: `own` says so."""

    def run(trial: Trial) -> None:
        with suppress(Exception):  # whatever strange values come back: the check tells
            if own(trial.seen_as(trial.subject)):
                return
        check.run(trial)

    return replace(check, run=run)


def _lost(check: Check, trial: Trial) -> dict[Any, Finding] | None:
    """What the check finds on its next data, without causes; None where a function of the student's fails."""
    state = trial.rng.bit_generator.state
    quick = trial.seen_as(trial.subject)
    quick.findings, quick.explain_until = [], _NO_TIME
    try:
        check.run(quick)
    except StudentError:
        return None
    finally:
        trial.rng.bit_generator.state = state
    return _first(quick)


def _of(way: Way, trial: Trial) -> dict[str, Finding]:
    try:
        return way(trial.apart(copy.deepcopy(trial.rng)))
    except Exception:  # whatever strange values a student's function returns: an explanation is a courtesy
        return {}


def told(trial: Trial, text: str, ids: Sequence[str], q: str, tried: Tried, pair: Pair, w: str) -> Finding:
    """A known mistake, with the line that first gives the gradient `w` of an instance."""
    line = trial.line_of(pair.backward, tried.call, tried.grads.get(w))
    return Finding(text, tuple(ids), line=line, hints=misconceptions.hints(tuple(ids), q))


def named_by(check: Check) -> Way:
    """What another check of the same aspects gives a name."""

    def way(trial: Trial) -> dict[str, Finding]:
        check.run(trial)
        return {str(aspect): f for aspect, f in _first(trial).items() if f.ids}

    return way


def tries(trial: Trial, pair: Pair, **case: Any) -> list[Tried]:
    """The student's forward and backward on a few instances. Raises: StudentError."""
    return [_tried(trial, pair, draw_arguments(pair.sample, trial.rng, **case)) for _ in range(INSTANCES)]


def _tried(trial: Trial, pair: Pair, args: dict[str, Any]) -> Tried:
    tape = pair.tape(args)
    dout = 1.0 if pair.loss else trial.rng.normal(size=np.shape(tape.out))
    result = trial.call(pair.forward, *args.values())
    value, cache = result if pair.split is None else pair.split(result)
    call = pair.back(dout, cache, args)
    got = trial.call(pair.backward, *call)
    names = pair.names(args)
    grads = pair.takes(got) if pair.takes else dict(zip(names, got if len(names) > 1 else (got,)))
    return Tried(tape, dout, value, dict(grads), call)


def slips_of(
    name: str,
    sample: Callable[..., Any],
    slips: Sequence[Slip],
    aspects: Sequence[str],
    takes: Callable[[Any], Any],
) -> Way:
    """The slip that gives the results of a function."""

    def way(trial: Trial) -> dict[str, Finding]:
        drawn = [sample(trial.rng) for _ in range(INSTANCES)]
        tried = [(args, takes(trial.call(name, *args.values()))) for args in drawn]
        slip = find_slip(slips, tried)
        if slip is None:
            return {}
        line = trial.line_of(name, tuple(drawn[0].values()), tried[0][1])
        hints = misconceptions.hints(slip.ids, "the result")
        return dict.fromkeys(aspects, Finding(slip.text, slip.ids, line=line, hints=hints))

    return way


def slipped(check: Callable[[Pair], Check], pair: Pair, slips: Sequence[Slip]) -> Check:
    """A check of the gradients; of a forward pass with a known slip, which is charged elsewhere, its own are right."""
    right = check(pair)

    def run(trial: Trial) -> None:
        written = len(trial.mutated)
        try:
            tried = [loss_of(trial, pair, {}) for _ in range(2)]
        except StudentError:  # told by the check
            right.run(trial)
            return
        del trial.mutated[written:]
        wrong = any(compare("", got, record(pair.model, args).out) is not None for args, got in tried)
        slip = find_slip(slips, tried) if wrong else None
        if slip is None or not _fits_slip(trial, right, check(replace(pair, model=slip.model)), pair, slip):
            right.run(trial)
        else:
            trial.memory.setdefault(("wrong", pair.backward), [])  # for `edges`

    return replace(right, run=run)


def _fits_slip(trial: Trial, right: Check, other: Check, pair: Pair, slip: Slip) -> bool:
    """Whether the gradients are right, or those of the slip, or by the right formulas from what the slip computes."""
    for fitting in (right, other):
        plain = trial.seen_as(trial.subject)
        plain.findings, plain.memory, plain.explain_until = [], {}, 0.0  # nothing has to be explained
        fitting.run(plain)
        if not plain.findings:
            return True
    with suppress(Exception):  # whatever strange values come back: the check tells
        return all(_by_right_formulas(t, pair, slip) for t in tries(trial, pair))
    return False


def _by_right_formulas(tried: Tried, pair: Pair, slip: Slip) -> bool:
    names = tuple(tried.tape.leaves)
    tape, wrong = (record(model, tried.args, names) for model in (pair.model, slip.model))
    if [n.op for n in wrong.nodes] != [n.op for n in tape.nodes]:
        return False
    for node, other in zip(tape.nodes, wrong.nodes):
        if "mask" not in (node.name or ""):  # a mask is no state: the right formulas read the right one
            node.value = other.value
    return compare("", tried.grads, tape.backward(tried.dout)) is None


# --- rows of a table that are lost ------------------------------------------------------------------------------------


def lost_rows(pair: Pair, aspect_of: Callable[[str, Any], str] = lambda w, args: f"d{w}") -> Way:
    """Tables of which the gradient is wrong where ids come again, and nothing else of their aspect.

    All gradients may be off by the same factor, which has a name of its own.
    """

    def way(trial: Trial) -> dict[str, Finding]:
        seen = tries(trial, pair)
        first, found = seen[0], {}
        for w in _tables(first.tape):
            if w in first.gaps and any(all(_loses(t, w, how) for t in seen) for how in _LOSSES):
                text = f"d{w}: a row is overwritten when its id comes again; what comes back to it has to add up."
                found[aspect_of(w, first.args)] = told(trial, text, ("M33",), f"d{w}", first, pair, w)
        others = {aspect_of(w, first.args) for w in first.gaps if w not in _tables(first.tape)}
        return {aspect: f for aspect, f in found.items() if aspect not in others}

    return way


def _tables(tape: Tape) -> list[str]:
    """The arguments that rows are taken from."""
    return list(dict.fromkeys(str(n.inputs[0].name) for n in tape.nodes if n.op == "take" and n.needs))


def _loses(tried: Tried, w: str, how: Callable[..., Any]) -> bool:
    """Whether the gradient of a table is what is left when rows are lost in this way."""
    tape, sweep = tried.tape, tried.tape.sweep(tried.dout)
    uses = [n for n in tape.nodes if n.op == "take" and n.inputs[0].name == w]
    ids = [n.extra["ids"] for n in uses]
    parts = [np.zeros(n.shape) if sweep[n.index] is None else sweep[n.index] for n in uses]
    one = len(uses) == 1
    full = np.zeros(np.shape(tried.truth[w]))
    how(full, ids[0] if one else np.stack(ids), parts[0] if one else np.stack(parts))
    return compare("", tried.grads.get(w), _factor(tried) * full) is None


def _factor(tried: Tried) -> float:
    """The factor that all gradients but those of tables are off by; 1 when there is none."""
    tables, factors = _tables(tried.tape), []
    for w, right in tried.truth.items():
        if w not in tables and np.any(right):
            c = float(np.vdot(tried.grads[w], right) / np.vdot(right, right))
            factors.append(c if compare("", tried.grads[w], c * right) is None else 1.0)
    return factors[0] if factors and np.allclose(factors, factors[0]) else 1.0


def _at_once(full: Any, ids: Any, parts: Any) -> None:
    full[ids] = parts


def _step_by_step(full: Any, ids: Any, parts: Any, axis: int, add: bool, turn: int = 1) -> None:
    """A loop over one axis of the ids; `add`: only what comes twice in one step is lost."""
    for some, g in list(zip(np.moveaxis(ids, axis, 0), np.moveaxis(parts, axis, 0)))[::turn]:
        full[some] = full[some] + g if add else g


_LOSSES: tuple[Callable[..., Any], ...] = (
    _at_once,
    *(partial(_step_by_step, axis=axis, add=True) for axis in (0, 1)),
    *(partial(_step_by_step, axis=axis, add=False, turn=turn) for axis in (0, 1) for turn in (1, -1)),
)


# --- other tapes, other data ------------------------------------------------------------------------------------------


def also_replayed(
    check_of: Callable[[Pair], Check], pair: Pair, *models: Callable[..., Any], sample: Any = None
) -> Check:
    """The check of a pair; a gradient that its tape does not explain is explained in other ways.

    models  other models of the same function
    sample  a sampler of plainer data
    """
    others = [replace(pair, model=model) for model in models]
    others += [] if sample is None else [replace(pair, sample=sample)]
    first, ways = check_of(pair), [named_by(check_of(one)) for one in others]

    def run(trial: Trial) -> None:
        first.run(trial)
        for way in ways:
            unnamed = {a for a, f in _first(trial).items() if not f.ids and f.status == "failed"}
            if not unnamed or not trial.explain:
                return
            named = _of(way, trial)
            trial.findings[:] = [
                (aspect, named.get(str(aspect), f) if aspect in unnamed else f)
                for aspect, f in trial.findings
            ]

    return replace(first, run=run)


def _first(trial: Trial) -> dict[Any, Finding]:
    """What is told of each aspect: the first finding, on ordinary data; on special data names are ambiguous."""
    found: dict[Any, Finding] = {}
    for aspect, finding in trial.findings:
        found.setdefault(aspect, finding)
    return found
