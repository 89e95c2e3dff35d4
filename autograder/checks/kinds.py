"""The usual kinds of checks, from which the entries of the assignments are built.

    values                         here: a function's results against the right formula
    gradients, edges, loss, Pair   in `pairs`: forward and backward passes against a replayed tape
    answers, derivation            in `typed`: what a student types

Every kind takes `pure`: the points of the aspect "arguments unchanged", which is lost when a call writes into an
argument, and is not earned by a function of which nothing else is right.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .entry import Check, Finding, Sampler, StudentError, Trial
from .explain import SECONDS, Diagnosis, explain_forward
from .values import Mismatch, compare, forgiven

__all__ = [
    "INSTANCES",
    "UNCHANGED",
    "courtesy",
    "draw_apart",
    "draw_arguments",
    "explained",
    "pick_first",
    "pure_check",
    "values",
]

INSTANCES = 3  # fresh instances that an explanation must hold on
UNCHANGED = "arguments unchanged"

Args = dict[str, Any]


def values(
    name: str,
    sample: Sampler,
    reference: Callable[..., Any],
    points: Mapping[str, float],
    *,
    pure: float | None = None,
    part: Callable[[str, Any], Any] | None = None,
    what: str | None = None,
    takes: Callable[[Any], Any] = lambda result: result,
    models: Mapping[str, tuple[Callable[..., Any], Callable[[Any], Any]]] | None = None,
    cases: Sequence[Mapping[str, Any]] = ({},),
    rtol: float | None = None,
    draws: int = 2,
    square: bool = False,
) -> Check:
    """A function's results against `reference(**args)` on drawn arguments.

    points   aspect -> points; several aspects need `part(aspect, result)`, which picks what each is about
    what     what the result is called in messages
    takes    what of the result is compared (`pick_first` for `(y, cache)`)
    models   aspect -> (tape model, what of the result it computes): a wrong value is then explained
    cases    keyword arguments for the sampler; every draw tries all of them
    """
    label = what or name

    def cut(aspect: str, result: Any) -> Any:
        return result if part is None else part(aspect, result)

    def why(
        trial: Trial, case: Mapping[str, Any], aspect: str, args: Args, got: Any, bad: Mismatch
    ) -> Diagnosis | None:
        if not trial.explain or aspect in trial.told:
            return None
        if aspect not in (models or {}):
            return Diagnosis([], bad.text, line=trial.line_of(name, tuple(args.values()), cut(aspect, got)))
        model, pick = (models or {})[aspect]
        instances = [(args, got)]
        try:
            for _ in range(INSTANCES - 1):
                more = draw_apart(sample, trial.rng, args, **case)
                instances.append((more, takes(trial.call(name, *more.values()))))
        except StudentError:
            return None
        if trial.square:  # names become ambiguous for equal sizes, unless it is wrong for these only
            only = not any(off(aspect, value, reference(**a), a) for a, value in instances[1:])
            instances = instances[:1] if only else [*instances[1:], instances[0]]
        lines = trial.subject.trace(name, tuple(instances[0][0].values()))
        return courtesy(
            lambda: explain_forward(
                model,
                [(a, pick(value)) for a, value in instances],
                trace=lines,
                seconds=trial.seconds(SECONDS),
            )
        )

    def off(aspect: str, got: Any, truth: Any, args: Args) -> Mismatch | None:
        want = cut(aspect, truth)
        bad = compare(label, cut(aspect, got), want, rtol=rtol)
        return None if bad and forgiven(bad, args) else bad

    def run(trial: Trial) -> None:
        for case in cases:
            args = draw_arguments(sample, trial.rng, trial.square, **case)
            other = draw_arguments(sample, trial.rng, **case)
            alike = _alike(args, trial.rng)
            truth, moved_truth = reference(**args), reference(**alike)
            # a function that remembers its last result is found out by the calls in between, on ordinary data
            asked = (args, alike, other, args) if case is cases[0] else (args, alike)
            results = [takes(value) for value in trial.call_many(name, [tuple(a.values()) for a in asked])]
            got, moved, again = results[0], results[1], results[-1] if len(results) > 2 else results[0]
            for aspect in points:
                bad = off(aspect, got, truth, args)
                if bad is not None:
                    finding = Finding(bad.text, (), bad.evidence, errors=bad.errors)
                    trial.fail(explained(finding, why(trial, case, aspect, args, got, bad)), aspect=aspect)
                elif off(aspect, again, truth, args) is not None:
                    trial.fail(f"{name} gives two different results for the same arguments.", aspect=aspect)
                elif off(aspect, moved, moved_truth, alike) is not None:
                    text = f"{name} is right for some numbers and wrong for others of the same shapes: does it keep an old result?"
                    trial.fail(text, aspect=aspect)

    return pure_check(points, run, pure, draws=draws, square=square)


def pure_check(
    points: Mapping[str, float],
    run: Callable[[Trial], None],
    pure: float | None,
    *,
    draws: int = 2,
    square: bool = False,
) -> Check:
    """A check with the aspect "arguments unchanged" on top; see the head of this module."""
    if pure is None:
        return Check(dict(points), run, draws=draws, square=square)

    def guarded(trial: Trial) -> None:
        run(trial)
        if pure and {aspect for aspect, _ in trial.findings} >= set(points):
            trial.fail("Not looked at as long as nothing else is right.", aspect=UNCHANGED)

    return Check({**points, UNCHANGED: pure}, guarded, draws=draws, square=square, pure=UNCHANGED)


def draw_arguments(sample: Sampler, rng: np.random.Generator, square: bool = False, **case: Any) -> Args:
    """Arguments from a sampler; a sampler that takes `square` is told when equal sizes are wanted."""
    if "square" in inspect.signature(sample).parameters:
        return sample(rng, square=square, **case)
    return sample(rng, **case)


def draw_apart(sample: Sampler, rng: np.random.Generator, first: Args, **case: Any) -> Args:
    """Arguments of other sizes than the first ones: 1/N and 1/2 cannot be told apart where N = 2 every time."""

    def shared(args: Args) -> int:
        pairs = [
            (np.shape(a), np.shape(first[name])) for name, a in args.items() if isinstance(a, np.ndarray)
        ]
        return sum(m == n for one, other in pairs for m, n in zip(one, other))

    return min((draw_arguments(sample, rng, **case) for _ in range(3)), key=shared)


def _alike(args: Args, rng: np.random.Generator) -> Args:
    """Other numbers of the same shapes and signs: floating-point arrays are scaled entry by entry."""

    def moved(value: Any) -> Any:
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            return (value * rng.uniform(0.7, 1.3, value.shape)).astype(value.dtype)
        return {k: moved(v) for k, v in value.items()} if isinstance(value, dict) else value

    return {name: moved(value) for name, value in args.items()}


def pick_first(result: Any) -> Any:
    """The first of the two values that a function returns: what `(y, cache)` and `(loss, dZ)` are about.

    Raises: StudentError when there are not two.
    """
    if not isinstance(result, tuple | list) or len(result) != 2:
        found = str(len(result)) if isinstance(result, tuple | list) else f"one ({type(result).__name__})"
        raise StudentError(f"Two values should be returned, and {found} came back.", kind="failed")
    return result[0]


def courtesy(explain: Callable[[], Diagnosis]) -> Diagnosis | None:
    """The diagnosis, or None when it cannot be made: an explanation is a courtesy, no mark may depend on it."""
    try:
        return explain()
    except Exception:  # whatever strange values a student's function returns
        return None


def explained(finding: Finding, why: Diagnosis | None) -> Finding:
    """The finding in the words of a diagnosis, when there is one."""
    if why is None or not why.text:
        return finding
    evidence = why.evidence or finding.evidence
    # a shape or a kind that is wrong says more than "no mistake that is known"
    text = finding.text if finding.errors is None and "no mistake that is known" in why.text else why.text
    return Finding(text, tuple(why.ids), evidence, why.line, tuple(why.hints or ()), finding.errors)
