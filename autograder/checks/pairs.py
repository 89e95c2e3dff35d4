"""Checks of forward and backward passes against the replayed tape of the right forward.

    Pair        a forward/backward pair of the student's and the right forward as a tape model
    gradients   every gradient of a pair, with a diagnosis when one is wrong
    edges       the same on awkward data: one example, many, dead units, huge numbers
    loss        a function that returns a loss and its gradient together
    tape_pair   trusted functions for `Entry.defines`, made from the model

A slip is charged once: where the student's forward is wrong, a gradient that is right *for that wrong forward* keeps
its points. Which forward it is, is found among the edits of the tape, never by differencing the student's function: a
forward that remembers its last value would make every difference 0.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .entry import Check, Finding, Sampler, StudentError, Trial
from .errors import ModelError
from .explain import explain_arrays, explain_forward
from .forward_edits import ForwardEdit, forward_edits
from .kinds import INSTANCES, courtesy, draw_arguments, explained, pick_first, pure_check
from .tape import Tape, record
from .values import Mismatch, compare
from .views import view_of

__all__ = ["Pair", "edges", "gradients", "loss", "tape_pair"]

_CLASH = ("matmul", "shape", "broadcast", "dimension", "aligned")  # words of NumPy's errors about shapes
Args = dict[str, Any]
AspectOf = Callable[[str, Args], str]


@dataclass(frozen=True)
class Pair:
    """A forward/backward pair of the student's, and the right forward as a tape model.

    wrt      names of the arguments that backward returns gradients of, or a function of the drawn arguments
    split    what forward returns -> (value that the model computes, cache); `(value, cache)` by default
    back     (dout, cache, drawn arguments) -> positional arguments of backward
    takes    what backward returns -> dict argument -> gradient; a tuple in the order of `wrt` by default
    loss     the value is a loss: there is no upstream gradient
    """

    forward: str
    backward: str
    model: Callable[..., Any]
    sample: Sampler
    wrt: Sequence[str] | Callable[[Args], Sequence[str]]
    split: Callable[[Any], tuple[Any, Any]] | None = None
    back: Callable[[Any, Any, Args], tuple[Any, ...]] = lambda dout, cache, args: (dout, cache)
    takes: Callable[[Any], Mapping[str, Any]] | None = None
    loss: bool = False

    def names(self, args: Args) -> tuple[str, ...]:
        """The arguments that gradients are asked of, for these drawn arguments."""
        return tuple(self.wrt(args) if callable(self.wrt) else self.wrt)

    def tape(self, args: Args, edit: ForwardEdit | None = None) -> Tape:
        """The right forward, recorded; or the wrong one that an edit makes of it."""
        return record(self.model, args, self.names(args), None if edit is None else {edit.site: edit.rewrite})


@dataclass(frozen=True)
class _Tried:
    """One forward and one backward of the student's on one instance."""

    args: Args
    dout: Any
    value: Any
    grads: dict[str, Any]
    call: tuple[Any, ...] = ()  # what backward was called with


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
            first, rest = _three(trial, pair, trial.square, **case)
            bad = _wrong(pair, first)
            if not bad:
                _late(trial, pair, first, case, aspect_of)
                continue
            own = _own_forward(trial, pair, [first, *rest])
            bad = {
                w: m
                for w, m in _wrong(pair, first, own).items()
                if aspect_of(w, first.args) not in trial.told
            }
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
        first, rest = _three(trial, pair)
        own = _own_forward(trial, pair, [first, *rest])
        wrong = {aspect_of(w, first.args) for w in _wrong(pair, first, own)}
        if wrong >= {aspect_of(w, first.args) for w in pair.names(first.args)}:
            trial.fail("Not looked at as long as no gradient is right on ordinary data.")
            return
        for special, sample in samples.items():
            late, rest = _three(trial, pair, sample=sample)
            bad = _wrong(pair, late, own)
            if bad and own is None:  # a forward that is wrong on this kind of data only
                bad = _wrong(pair, late, _own_forward(trial, pair, [late, *rest]))
            for w, m in bad.items():
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

    def one(trial: Trial, args: Args) -> _Tried:
        result = trial.call(name, *args.values())
        return _Tried(args, 1.0, pick_first(result), {wrt: result[1]}, tuple(args.values()))

    def off(tried: _Tried, own: ForwardEdit | None = None) -> Mismatch | None:
        return compare("the loss", tried.value, pair.tape(tried.args, own).out)

    def run(trial: Trial) -> None:
        first = one(trial, draw_arguments(sample, trial.rng, trial.square))
        tried = [first, *(one(trial, draw_arguments(sample, trial.rng)) for _ in range(INSTANCES - 1))]
        wrong, own = off(first), _own_forward(trial, pair, tried)
        bad = _wrong(pair, first, own) if _wrong(pair, first) else {}
        if wrong is not None:
            values = [(t.args, t.value) for t in tried]
            why = courtesy(lambda: explain_forward(model, values)) if trial.explain else None
            trial.fail(explained(Finding(wrong.text, (), wrong.evidence), why), aspect="loss")
        for finding in _reasons(trial, pair, tried, bad).values():
            trial.fail(finding, aspect=f"d{wrt}")
        if edge and wrong is not None and bad:
            trial.fail("Not looked at as long as nothing is right on ordinary data.", aspect=special_aspect)
            return
        for special, awkward in (edge or {}).items():
            late = one(trial, draw_arguments(awkward, trial.rng))
            value_off = off(late, own) if wrong is None or own is not None else None
            slope_off = _wrong(pair, late, own).get(wrt) if not bad and _wrong(pair, late) else None
            for m in (value_off, slope_off):
                if m is not None:
                    ids = ("M23",) if "not finite" in m.text else ()
                    finding = Finding(f"With {special}: {m.text}", ids, m.evidence, errors=m.errors)
                    trial.fail(finding, aspect=special_aspect)

    return pure_check(points, run, pure, draws=draws, square=True)


# --- trying, comparing, explaining ------------------------------------------------------------------------------------


def _three(
    trial: Trial, pair: Pair, square: bool = False, sample: Sampler | None = None, **case: Any
) -> tuple[_Tried, list[_Tried]]:
    """One instance and, where it shows anything wrong, more of them: an explanation has to hold on all."""
    sample = sample or pair.sample
    first = _try(trial, pair, draw_arguments(sample, trial.rng, square, **case))
    more = INSTANCES - 1 if _wrong(pair, first) else 0
    return first, [_try(trial, pair, draw_arguments(sample, trial.rng, **case)) for _ in range(more)]


def _try(trial: Trial, pair: Pair, args: Args) -> _Tried:
    tape = pair.tape(args)
    dout = 1.0 if pair.loss else trial.rng.normal(size=np.shape(tape.out))
    value, cache = _forward(trial, pair, args)
    grads = _backward(trial, pair, args, dout, cache)
    return _Tried(args, dout, value, grads, pair.back(dout, cache, args))


def _forward(trial: Trial, pair: Pair, args: Args) -> tuple[Any, Any]:
    """The student's own forward; what it does wrong is charged elsewhere, so only the cache matters here."""
    written = len(trial.mutated)
    try:
        result = trial.call(pair.forward, *args.values())
    except StudentError as error:
        text = f"{pair.backward} could not be tried, since {error.text} Mend {pair.forward} first."
        raise StudentError(text, kind="not_run", line=error.line) from None
    finally:
        del trial.mutated[written:]
    if pair.split is not None:
        return pair.split(result)
    if not isinstance(result, tuple | list) or len(result) != 2:
        text = (
            f"{pair.backward} could not be tried: {pair.forward} should return (result, cache). "
            f"Mend {pair.forward} first."
        )
        raise StudentError(text, kind="not_run")
    return result[0], result[1]


def _backward(trial: Trial, pair: Pair, args: Args, dout: Any, cache: Any) -> dict[str, Any]:
    got = trial.call(pair.backward, *pair.back(dout, cache, args))
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


def _wrong(pair: Pair, tried: _Tried, own: ForwardEdit | None = None) -> dict[str, Mismatch]:
    """The gradients that are neither those of the right forward nor those of the student's own wrong one."""
    found: dict[str, Mismatch] = {}
    truths = [pair.tape(tried.args, edit).backward(tried.dout) for edit in ({own, None} if own else {None})]
    for w in pair.names(tried.args):
        gaps = [compare(f"d{w}", tried.grads.get(w), truth[w]) for truth in truths]
        if all(gap is not None for gap in gaps) and gaps[-1] is not None:
            found[w] = gaps[-1]
    return found


def _own_forward(trial: Trial, pair: Pair, tried: Sequence[_Tried]) -> ForwardEdit | None:
    """The wrong forward that the student computes, when it is an edit of the right one; None when it is right or unknown.

    Of several edits that give the student's values, the one that explains most of the gradients.
    """
    first = pair.tape(tried[0].args)
    if not trial.explain or all(compare("", t.value, pair.tape(t.args).out) is None for t in tried):
        return None
    best: tuple[int, ForwardEdit | None] = (-1, None)
    until = time.process_time() + 0.3
    for edit in forward_edits(view_of(first)):
        if time.process_time() > until:
            break
        try:
            fits = all(compare("", t.value, pair.tape(t.args, edit).out) is None for t in tried)
        except (ModelError, ValueError, IndexError, TypeError, KeyError, AttributeError):
            continue  # this edit does not fit these shapes
        if fits:
            explains = 1000 - sum(len(_wrong(pair, t, edit)) for t in tried)
            best = max(best, (explains, edit), key=lambda option: option[0])
    return best[1]


def _reasons(
    trial: Trial, pair: Pair, tried: Sequence[_Tried], bad: Mapping[str, Mismatch]
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
        )
    )
    return {w: explained(finding, why) for w, finding in found.items()}


def _on_squares(trial: Trial, pair: Pair, error: StudentError) -> Finding | None:
    """Shapes that clash hide a forgotten transpose: with square matrices the function runs and its mistake has a name."""
    if error.kind != "error" or not trial.explain or not any(word in error.text for word in _CLASH):
        return None
    try:
        tried = [_try(trial, pair, draw_arguments(pair.sample, trial.rng, True)) for _ in range(INSTANCES)]
        reasons = list(_reasons(trial, pair, tried, _wrong(pair, tried[0])).values())
    except StudentError:
        return None
    named = [r for r in reasons if r.ids]
    if not named:
        return None
    text = f"{error.text} With square matrices it runs, and there the mistake shows: {named[0].text}"
    return Finding(text, named[0].ids, "", error.line, named[0].hints, status="error")


def _late(trial: Trial, pair: Pair, first: _Tried, case: Mapping[str, Any], aspect_of: AspectOf) -> None:
    """A cache that lives outside what forward returned shows when another forward comes in between."""
    value, cache = _forward(trial, pair, first.args)
    if compare("", value, first.value) is not None:
        return  # a forward that does not repeat itself is charged where it is checked
    _forward(trial, pair, draw_arguments(pair.sample, trial.rng, **case))
    late = _Tried(first.args, first.dout, value, _backward(trial, pair, first.args, first.dout, cache))
    for w in _wrong(pair, late):
        trial.fail(
            f"d{w} is right at once, and wrong when {pair.forward} is called with other data before {pair.backward}: "
            "what backward needs must be in the cache, not in a global variable.",
            aspect=aspect_of(w, first.args),
        )


# --- trusted references -----------------------------------------------------------------------------------------------


def tape_pair(pair: Pair) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Trusted forward and backward functions that belong together, made from the model.

    Their cache is a dict of the arguments; the backward function replays the tape, so no formula of an answer is
    written down for it.
    """
    signature = inspect.Signature(list(inspect.signature(pair.model).parameters.values())[1:])

    def forward(*args: Any, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return pair.tape(dict(bound.arguments)).out, dict(bound.arguments)

    def backward(dout: Any, cache: Any) -> Any:
        grads = pair.tape(cache).backward(dout)
        if pair.takes is not None:
            return grads
        ordered = tuple(grads[w] for w in pair.names(cache))
        return ordered if len(ordered) > 1 else ordered[0]

    return forward, backward
