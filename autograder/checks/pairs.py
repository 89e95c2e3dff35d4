"""Checks of forward and backward passes against the replayed tape of the right forward.

    Pair        a forward/backward pair of the student's and the right forward as a tape model
    gradients   every gradient of a pair, with a diagnosis when one is wrong
    edges       the same on awkward data: one example, many, dead units, huge numbers
    loss        a function that returns a loss and its gradient together
    tape_pair   trusted functions for `Entry.defines`, made from the model

What is right for the student's own forward is not charged again where that forward is wrong; see `own_forward`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .entry import Check, Finding, Sampler, StudentError, Trial
from .explain import SECONDS, Diagnosis, explain_arrays, explain_forward
from .forward_edits import ForwardEdit
from .kinds import INSTANCES, courtesy, draw_apart, draw_arguments, explained, pick_first, pure_check
from .own_forward import Args, Pair, Tried, own_forward, tape_pair, unexplained
from .tape import Tape
from .values import Mismatch, compare

__all__ = ["Pair", "edges", "gradients", "loss", "tape_pair"]

_CLASH = ("matmul", "shape", "broadcast", "dimension", "aligned")  # words of NumPy's errors about shapes
AspectOf = Callable[[str, Args], str]


def gradients(
    pair: Pair,
    points: Mapping[str, float],
    *,
    pure: float | None = None,
    aspect_of: AspectOf = lambda w, args: f"d{w}",
    cases: Sequence[Mapping[str, Any]] = ({},),
    draws: int = 2,
    square: bool = True,
) -> Check:
    """Every gradient of a student's pair against the replayed tape of the right forward.

    points     aspect -> points
    aspect_of  argument, all arguments -> the aspect that its gradient belongs to ("dX" for "X" by default)
    cases      keyword arguments for the sampler; every draw tries all of them
    """

    def run(trial: Trial) -> None:
        for case in cases:
            # another forward comes in between: a cache that lives outside what forward returned is overwritten
            between = draw_arguments(pair.sample, trial.rng, **case)
            args = draw_arguments(pair.sample, trial.rng, trial.square, **case)
            late = _try(trial, pair, pair.tape(args), between=between)
            known = trial.memory.setdefault(("wrong", pair.backward), [])  # for `edges`
            wrong_late = late.gaps
            if not any(trial.wants(aspect_of(w, args)) for w in wrong_late):
                continue  # nothing, or nothing new
            first, rest = _three(trial, pair, late, **case)
            for w in wrong_late if not first.gaps else ():
                trial.fail(
                    f"d{w} is right at once, and wrong when {pair.forward} is called with other data before "
                    f"{pair.backward}: what backward needs must be in the cache, not in a global variable.",
                    aspect=aspect_of(w, args),
                )
            own = own_forward(trial, pair, [first, *rest])
            bad = unexplained(pair, first, own)
            known += [(w, first.args) for w in bad]
            bad = {w: m for w, m in bad.items() if aspect_of(w, first.args) not in trial.told}
            for w, finding in _reasons(trial, pair, [first, *rest], bad).items():
                trial.fail(finding, aspect=aspect_of(w, first.args))

    def guarded(trial: Trial) -> None:
        try:
            run(trial)
        except StudentError as error:
            finding = _on_squares(trial, pair, error)
            if finding is None:
                raise
            trial.fail(finding)

    return pure_check(points, guarded, pure, draws=draws, square=square)


def edges(
    pair: Pair,
    samples: Mapping[str, Sampler],
    points: float,
    *,
    aspect: str = "edge cases",
    aspect_of: AspectOf = lambda w, args: w,
) -> Check:
    """The gradients of a pair on awkward data; a kind of gradient that is wrong on ordinary data is not charged again.

    samples    what is special ("N = 1") -> sampler
    aspect_of  as for `gradients`: gradients of one aspect are of one kind
    """

    def run(trial: Trial) -> None:
        known = trial.memory.get(("wrong", pair.backward))
        if known is None:  # `gradients` did not come to an end
            first, rest = _three(trial, pair)
            known = [
                (w, first.args) for w in unexplained(pair, first, own_forward(trial, pair, [first, *rest]))
            ]
        wrong = {aspect_of(w, args) for w, args in known}
        if known and wrong >= {aspect_of(w, known[0][1]) for w in pair.names(known[0][1])}:
            trial.fail("Not looked at as long as no gradient is right on ordinary data.")
            return
        for special, sample in samples.items():
            late = _try(trial, pair, pair.tape(draw_arguments(sample, trial.rng)))
            # a forward may be wrong on this kind of data only, or in another way
            rest = _three(trial, pair, late, sample=sample)[1] if late.gaps and late.off else []
            own = own_forward(trial, pair, [late, *rest], special)
            for w, m in unexplained(pair, late, own).items():
                if aspect_of(w, late.args) not in wrong:
                    trial.fail(Finding(f"With {special}: {m.text}", (), m.evidence, errors=m.errors))

    return Check({aspect: points}, run, draws=1)


def loss(
    name: str,
    model: Callable[..., Any],
    sample: Sampler,
    wrt: str,
    points: Mapping[str, float],
    *,
    pure: float | None = None,
    edge: Mapping[str, Sampler] | None = None,
    draws: int = 2,
) -> Check:
    """A function that returns `(loss, gradient)` in one call.

    points   of "loss", of "d<wrt>" and, with `edge`, of a third aspect for awkward data
    edge     what is special -> sampler, tried for what is right on ordinary data
    """
    ordinary = ("loss", f"d{wrt}")
    special_aspect = next((a for a in points if a not in ordinary), "")
    pair = Pair(name, name, model, sample, (wrt,), loss=True)

    def one(trial: Trial, args: Args) -> Tried:
        result = trial.call(name, *args.values())
        return Tried(pair.tape(args), 1.0, pick_first(result), {wrt: result[1]}, tuple(args.values()))

    def off(tried: Tried, own: ForwardEdit) -> Mismatch | None:
        tape = pair.edited(tried.args, own)
        return compare("the loss", tried.value, None if tape is None else tape.out)

    def run(trial: Trial) -> None:
        first = one(trial, draw_arguments(sample, trial.rng, trial.square))
        more = INSTANCES - 1 if first.off or first.gaps else 0
        others = [draw_apart(sample, trial.rng, first.args) for _ in range(more)]
        tried = [first, *(one(trial, args) for args in others)]
        wrong, own = first.off, own_forward(trial, pair, tried)
        bad = unexplained(pair, first, own)
        if wrong is not None:
            values = [(t.args, t.value) for t in tried]
            lines = trial.subject.trace(name, first.call) if trial.explain else ()
            why: Diagnosis | None = None
            if trial.explain:
                left = trial.seconds(SECONDS)
                why = courtesy(lambda: explain_forward(model, values, trace=lines, seconds=left))
            trial.fail(explained(Finding(wrong.text, (), wrong.evidence), why), aspect="loss")
        for finding in _reasons(trial, pair, tried, bad).values():
            trial.fail(finding, aspect=f"d{wrt}")
        if edge and wrong is not None and bad:
            trial.fail("Not looked at as long as nothing is right on ordinary data.", aspect=special_aspect)
            return
        for special, awkward in (edge or {}).items():
            late = one(trial, draw_arguments(awkward, trial.rng))
            value_off = off(late, own) if own is not None else late.off if wrong is None else None
            slope_off = None if bad else unexplained(pair, late, own).get(wrt)
            for m, wrong_one in ((value_off, late.value), (slope_off, late.grads[wrt])):
                if m is not None:
                    ids = ("M23",) if "not finite" in m.text else ()
                    line = trial.line_of(name, late.call, wrong_one)
                    finding = Finding(f"With {special}: {m.text}", ids, m.evidence, line, errors=m.errors)
                    trial.fail(finding, aspect=special_aspect)

    return pure_check(points, run, pure, draws=draws, square=True)


# --- trying, comparing, explaining ------------------------------------------------------------------------------------


def _three(
    trial: Trial, pair: Pair, seen: Tried | None = None, sample: Sampler | None = None, **case: Any
) -> tuple[Tried, list[Tried]]:
    """One instance, that which was `seen` or a new one, and where it shows anything wrong, more of them.

    An explanation has to hold on all; without explanations one is enough.
    """
    sample = sample or pair.sample
    if seen is None:
        first = _try(trial, pair, pair.tape(draw_arguments(sample, trial.rng, **case)))
    else:
        first = _try(trial, pair, seen.tape, seen.dout)
    if not (first.gaps and trial.thorough):
        return first, []
    drawn = (draw_apart(sample, trial.rng, first.args, **case) for _ in range(INSTANCES - 1))
    rest = [_try(trial, pair, pair.tape(args)) for args in drawn]
    if trial.square and not any(
        first.gaps.keys() <= t.gaps.keys() for t in rest
    ):  # something is wrong for equal sizes only
        drawn = (draw_arguments(sample, trial.rng, True, **case) for _ in range(INSTANCES - 1))
        rest = [_try(trial, pair, pair.tape(args)) for args in drawn]
    return first, rest


def _try(trial: Trial, pair: Pair, tape: Tape, dout: Any = None, between: Args | None = None) -> Tried:
    if dout is None:
        dout = 1.0 if pair.loss else trial.rng.normal(size=np.shape(tape.out))

    def back(cache: Any) -> tuple[Any, ...]:
        return pair.back(dout, cache, tape.args)

    value, cache, follow = _forward(trial, pair, tape.args, back, between)

    def with_cache(cache: Any, got: Any) -> Tried:
        return Tried(tape, dout, value, _gradients(pair, tape.args, got), back(cache))

    tried = with_cache(cache, follow(cache))
    if pair.cache is not None and tried.off and tried.gaps:
        own = pair.cache(tape.args)
        given = with_cache(own, trial.call(pair.backward, *back(own)))
        return tried if given.gaps else given
    return tried


def _forward(
    trial: Trial, pair: Pair, args: Args, back: Callable[[Any], Sequence[Any]], between: Args | None
) -> tuple[Any, Any, Callable[[Any], Any]]:
    """The value and cache of the student's own forward, and its backward as a function of the cache.

    What the forward does wrong is charged elsewhere, so only the cache matters here.
    """
    calls = [tuple(a.values()) for a in (args, between) if a is not None]
    written = len(trial.mutated)
    try:
        if pair.split is None:
            result, follow = trial.call_then(pair.forward, calls, pair.backward, back)
        else:
            result = trial.call_many(pair.forward, calls)[0]
    except StudentError as error:
        text = f"{pair.backward} could not be tried, since {error.text} Mend {pair.forward} first."
        raise StudentError(text, kind="not_run", line=error.line) from None
    finally:
        del trial.mutated[written:]
    if pair.split is not None:
        return *pair.split(result), lambda cache: trial.call(pair.backward, *back(cache))
    if not isinstance(result, tuple | list) or len(result) != 2:
        text = (
            f"{pair.backward} could not be tried: {pair.forward} should return (result, cache). "
            f"Mend {pair.forward} first."
        )
        raise StudentError(text, kind="not_run")
    return result[0], result[1], follow


def _gradients(pair: Pair, args: Args, got: Any) -> dict[str, Any]:
    """What backward returned, by argument."""
    names = pair.names(args)
    if pair.takes is not None:
        return dict(pair.takes(got))
    if len(names) == 1 and not (isinstance(got, tuple | list) and len(got) == 1):
        return {names[0]: got}
    if not isinstance(got, tuple | list) or len(got) != len(names):
        order = ", ".join(f"d{w}" for w in names)
        found = f"{len(got)} values" if isinstance(got, tuple | list) else type(got).__name__
        raise StudentError(f"{pair.backward} should return ({order}), and returns {found}.", kind="failed")
    return dict(zip(names, got))


def _reasons(
    trial: Trial, pair: Pair, tried: Sequence[Tried], bad: Mapping[str, Mismatch]
) -> dict[str, Finding]:
    """Why gradients are wrong: one search for all of them, since one slip often spoils several."""
    found = {w: Finding(m.text, (), m.evidence, errors=m.errors) for w, m in bad.items()}
    if not trial.explain or not bad:
        return found
    first = tried[0]
    why = courtesy(
        lambda: explain_arrays(
            pair.model,
            pair.names(first.args),
            [(t.args, t.dout, t.grads) for t in tried],
            loss=pair.loss,
            only=tuple(bad),
            trace=trial.subject.trace(pair.backward, first.call),
            seconds=trial.seconds(SECONDS),
        )
    )
    return {w: explained(finding, why) for w, finding in found.items()}


def _on_squares(trial: Trial, pair: Pair, error: StudentError) -> Finding | None:
    """Shapes that clash hide a forgotten transpose: with square matrices the function runs and its mistake has a name."""
    if error.kind != "error" or not trial.explain or not any(word in error.text for word in _CLASH):
        return None
    try:
        drawn = [draw_arguments(pair.sample, trial.rng, True) for _ in range(INSTANCES)]
        tried = [_try(trial, pair, pair.tape(args)) for args in drawn]
        reasons = list(_reasons(trial, pair, tried, tried[0].gaps).values())
    except StudentError:
        return None
    named = [r for r in reasons if r.ids]
    if not named:
        return None
    text = f"{error.text} With square matrices it runs, and there the mistake shows: {named[0].text}"
    return Finding(text, named[0].ids, "", error.line, named[0].hints, status="error")
