"""The usual kinds of checks, from which the entries of the assignments are built.

    values      a function's results against the right formula
    Pair        a forward/backward pair of the student's and the right forward as a tape model
    gradients   every gradient of a pair, with a diagnosis when one is wrong
    edges       the same on awkward data: one example, many, dead units, huge numbers
    loss        a function that returns a loss and its gradient together
    tape_pair   trusted functions for `Entry.defines`, made from the model

Typed work (answers, derivations) has its kinds in `typed`.
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
from .explain import Diagnosis, explain_arrays, explain_forward
from .forward_edits import ForwardEdit, forward_edits
from .tape import Tape, record
from .values import Mismatch, compare
from .views import view_of

__all__ = ["Pair", "draw_arguments", "edges", "gradients", "loss", "pick_first", "tape_pair", "values"]

INSTANCES = 3  # fresh instances that an explanation must hold on

Args = dict[str, Any]


def draw_arguments(sample: Sampler, rng: np.random.Generator, square: bool = False, **case: Any) -> Args:
    """Arguments from a sampler; a sampler that takes `square` is told when equal sizes are wanted."""
    if "square" in inspect.signature(sample).parameters:
        return sample(rng, square=square, **case)
    return sample(rng, **case)


def pick_first(result: Any) -> Any:
    """The first of the values that a function returns: what `(y, cache)` and `(loss, dZ)` are about."""
    if not isinstance(result, tuple | list) or len(result) != 2:
        found = f"{len(result)}" if isinstance(result, tuple | list) else f"one, {_kind(result)}"
        raise StudentError(f"Two values should be returned, and {found} came back.", kind="failed")
    return result[0]


def _same(result: Any) -> Any:
    return result


def _kind(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


# --- values -----------------------------------------------------------------------------------------------------------


def values(
    name: str,
    sample: Sampler,
    reference: Callable[..., Any],
    *,
    points: float | Mapping[str, float],
    aspect: str = "values",
    part: Callable[[str, Any], Any] | None = None,
    what: str | None = None,
    takes: Callable[[Any], Any] = _same,
    model: Callable[..., Any] | None = None,
    cases: Sequence[Mapping[str, Any]] = ({},),
    rtol: float | None = None,
    pure: str | None = None,
    pure_points: float = 0.0,
    draws: int = 2,
    square: bool = False,
) -> Check:
    """A function's results against `reference(**args)` on drawn arguments.

    points   of the one aspect, or of several aspects; then `part(aspect, result)` picks what each is about
    takes    what of the result is compared (`pick_first` for `(y, cache)`)
    model    the right forward as a tape model: a wrong value is then explained
    cases    keyword arguments for the sampler; every draw tries all of them
    pure     name of the aspect, worth `pure_points`, that is lost when the call writes into an argument
    """
    label = what or name
    aspects = dict(points) if isinstance(points, Mapping) else {aspect: float(points)}

    def cut(one: str, result: Any) -> Any:
        return result if part is None else part(one, result)

    def run(trial: Trial) -> None:
        for case in cases:
            args = draw_arguments(sample, trial.rng, trial.square, **case)
            between = draw_arguments(sample, trial.rng, **case)
            truth = reference(**args)
            got = takes(trial.call(name, *args.values()))
            # another call in between: a function that remembers its last result is found out
            trial.call(name, *between.values())
            again = takes(trial.call(name, *args.values()))
            for one in aspects:
                title = label if part is None else f"{label}: {one}"
                bad = compare(title, cut(one, got), cut(one, truth), rtol=rtol)
                if bad is not None:
                    finding = Finding(bad.text, (), bad.evidence, errors=bad.errors)
                    if model is not None:
                        finding = _explained(
                            finding, _why(trial, name, sample, case, args, got, model, takes)
                        )
                    trial.fail(finding, aspect=one)
                elif compare(title, cut(one, again), cut(one, truth), rtol=rtol) is not None:
                    trial.fail(f"{name} gives two different results for the same arguments.", aspect=one)

    return Check(
        aspects | ({pure: pure_points} if pure else {}),
        _guarded(run, aspects, pure),
        draws=draws,
        square=square,
        pure=pure,
    )


def _why(
    trial: Trial,
    name: str,
    sample: Sampler,
    case: Mapping[str, Any],
    args: Args,
    got: Any,
    model: Callable[..., Any],
    takes: Callable[[Any], Any],
) -> Diagnosis | None:
    instances = [(args, got)]
    try:
        for _ in range(INSTANCES - 1):
            more = draw_arguments(sample, trial.rng, **case)
            instances.append((more, takes(trial.call(name, *more.values()))))
    except StudentError:
        return None
    return explain_forward(model, instances)


# --- forward/backward pairs -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pair:
    """A forward/backward pair of the student's, and the right forward as a tape model.

    wrt      names of the arguments that backward returns gradients of, or a function of the drawn arguments
    split    what forward returns -> (value that the model computes, cache)
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

    def tape(self, args: Args) -> Tape:
        """The right forward, recorded."""
        return record(self.model, args, self.names(args))


@dataclass(frozen=True)
class _Tried:
    """One forward and one backward of the student's on one instance."""

    args: Args
    dout: Any
    value: Any
    grads: dict[str, Any]


def gradients(
    pair: Pair,
    *,
    points: Mapping[str, float],
    aspect_of: Callable[[str], str] = lambda w: f"d{w}",
    cases: Sequence[Mapping[str, Any]] = ({},),
    pure: str | None = None,
    pure_points: float = 0.0,
    draws: int = 2,
    square: bool = True,
) -> Check:
    """Every gradient of a student's pair against the replayed tape of the right forward.

    points     aspect -> points
    aspect_of  argument -> the aspect that its gradient belongs to ("dX" for "X" by default)
    cases      keyword arguments for the sampler; every draw tries all of them

    Where the student's forward is wrong, a gradient that is the right one of that wrong forward keeps its points:
    the slip is charged once, to the forward. Which forward it is, is not differenced but found by `explain_forward`.
    """

    def run(trial: Trial) -> None:
        for case in cases:
            first = _try(trial, pair, draw_arguments(pair.sample, trial.rng, trial.square, **case))
            bad = _wrong(pair, first)
            if bad:
                rest = [
                    _try(trial, pair, draw_arguments(pair.sample, trial.rng, **case))
                    for _ in range(INSTANCES - 1)
                ]
                for w, finding in _reasons(pair, [first, *rest], bad).items():
                    trial.fail(finding, aspect=aspect_of(w))
            else:
                _late(trial, pair, first, case, aspect_of)

    return Check(
        dict(points) | ({pure: pure_points} if pure else {}),
        _guarded(run, points, pure),
        draws=draws,
        square=square,
        pure=pure,
    )


def edges(
    pair: Pair,
    samples: Mapping[str, Sampler],
    *,
    points: float,
    aspect: str = "edge cases",
    kind_of: Callable[[str], str] = str,
    draws: int = 1,
) -> Check:
    """The gradients of a pair on awkward data; a kind of gradient that is wrong on ordinary data is not charged again.

    samples   what is special ("N = 1") -> sampler
    kind_of   argument -> its kind ("weights" for "W1")
    """

    def run(trial: Trial) -> None:
        usual = _try(trial, pair, draw_arguments(pair.sample, trial.rng))
        wrong = {kind_of(w) for w in _wrong(pair, usual)}
        if wrong >= {kind_of(w) for w in pair.names(usual.args)}:
            trial.fail("Not looked at as long as no gradient is right on ordinary data.", aspect=aspect)
            return
        for special, sample in samples.items():
            tried = _try(trial, pair, draw_arguments(sample, trial.rng))
            for w, mismatch in _wrong(pair, tried).items():
                if kind_of(w) not in wrong:
                    text = f"With {special}: {mismatch.text}"
                    trial.fail(Finding(text, (), mismatch.evidence, errors=mismatch.errors), aspect=aspect)

    return Check({aspect: points}, run, draws=draws)


def loss(
    name: str,
    model: Callable[..., Any],
    sample: Sampler,
    wrt: str,
    *,
    points: Mapping[str, float],
    pure: str | None = None,
    pure_points: float = 0.0,
    draws: int = 2,
    edge: Mapping[str, Sampler] | None = None,
    edge_aspect: str = "edge cases",
) -> Check:
    """A function that returns `(loss, gradient)` in one call; `points` has the aspects "loss" and "d<wrt>".

    A gradient that is right for the wrong loss that was returned with it keeps its points.
    `edge`, with points of `edge_aspect`, is tried for what is right on ordinary data.
    """
    gradient = f"d{wrt}"

    def one(trial: Trial, args: Args) -> _Tried:
        result = trial.call(name, *args.values())
        value = pick_first(result)
        return _Tried(args, 1.0, value, {wrt: result[1]})

    pair = Pair(name, name, model, sample, (wrt,), loss=True)

    def run(trial: Trial) -> None:
        first = one(trial, draw_arguments(sample, trial.rng, trial.square))
        rest = [one(trial, draw_arguments(sample, trial.rng)) for _ in range(INSTANCES - 1)]
        off = compare("the loss", first.value, pair.tape(first.args).out)
        if off is not None:
            why = explain_forward(model, [(t.args, t.value) for t in (first, *rest)])
            trial.fail(_explained(Finding(off.text, (), off.evidence), why), aspect="loss")
        bad = _wrong(pair, first)
        for finding in _reasons(pair, [first, *rest], bad).values() if bad else ():
            trial.fail(finding, aspect=gradient)
        for special, awkward in (edge or {}).items():
            tried = one(trial, draw_arguments(awkward, trial.rng))
            if off is None and (m := compare("the loss", tried.value, pair.tape(tried.args).out)) is not None:
                trial.fail(Finding(f"With {special}: {m.text}", (), m.evidence), aspect=edge_aspect)
            if not bad and (m := _wrong(pair, tried).get(wrt)) is not None:
                trial.fail(
                    Finding(f"With {special}: {m.text}", (), m.evidence, errors=m.errors), aspect=edge_aspect
                )
        if edge and off is not None and bad:
            trial.fail("Not looked at as long as nothing is right on ordinary data.", aspect=edge_aspect)

    main = {a: p for a, p in points.items() if a != edge_aspect}
    return Check(
        dict(points) | ({pure: pure_points} if pure else {}),
        _guarded(run, main, pure),
        draws=draws,
        square=True,
        pure=pure,
    )


# --- trying, comparing, explaining ------------------------------------------------------------------------------------


def _try(trial: Trial, pair: Pair, args: Args) -> _Tried:
    tape = pair.tape(args)
    dout = 1.0 if pair.loss else trial.rng.normal(size=np.shape(tape.out))
    value, cache = _forward(trial, pair, args)
    return _Tried(args, dout, value, _backward(trial, pair, args, dout, cache))


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
        text = f"{pair.backward} could not be tried: {pair.forward} should return (result, cache). Mend {pair.forward} first."
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
        found = f"{len(got)} values" if isinstance(got, tuple | list) else _kind(got)
        raise StudentError(f"{pair.backward} should return ({order}), and returns {found}.", kind="failed")
    return dict(zip(names, got))


def _wrong(pair: Pair, tried: _Tried) -> dict[str, Mismatch]:
    """The gradients that are not the right ones."""
    truth = pair.tape(tried.args).backward(tried.dout)
    found = {w: compare(f"d{w}", tried.grads.get(w), truth[w]) for w in pair.names(tried.args)}
    return {w: m for w, m in found.items() if m is not None}


def _charged(pair: Pair, tried: Sequence[_Tried], names: Sequence[str]) -> set[str]:
    """The gradients that are right for the student's own forward, where that is wrong in a way that is known.

    The wrong forward is one that is recorded with an edit, never one that is differenced: a forward that remembers
    its last value would make every difference 0.
    """
    tapes = [pair.tape(t.args) for t in tried]
    if all(compare("", t.value, tape.out) is None for t, tape in zip(tried, tapes)):
        return set()
    charged: set[str] = set()
    until = time.perf_counter() + 0.5
    for edit in forward_edits(view_of(tapes[0])):
        if time.perf_counter() > until:
            break
        edited = [_edited(pair, t.args, edit) for t in tried]
        if all(e is not None and compare("", t.value, e.out) is None for t, e in zip(tried, edited)):
            truths = [e.backward(t.dout) for t, e in zip(tried, edited) if e is not None]
            right = lambda w, truths=truths: all(
                compare("", t.grads.get(w), g[w]) is None for t, g in zip(tried, truths)
            )
            charged |= {w for w in names if right(w)}
    return charged


def _edited(pair: Pair, args: Args, edit: ForwardEdit) -> Tape | None:
    try:
        return record(pair.model, args, pair.names(args), {edit.site: edit.rewrite})
    except (ModelError, ValueError, IndexError, TypeError, KeyError, AttributeError):
        return None  # this edit does not fit these shapes


def _reasons(pair: Pair, tried: Sequence[_Tried], bad: Mapping[str, Mismatch]) -> dict[str, Finding]:
    """Why each wrong gradient is wrong; those that are right for the student's own wrong forward are left out."""
    bad = {w: m for w, m in bad.items() if w not in _charged(pair, tried, tuple(bad))}
    if not bad:
        return {}
    wrt = pair.names(tried[0].args)
    instances = [(t.args, t.dout, t.grads) for t in tried]
    findings = {}
    for w, mismatch in bad.items():
        why = explain_arrays(pair.model, wrt, instances, loss=pair.loss, only=(w,))
        plain = Finding(mismatch.text, (), mismatch.evidence, errors=mismatch.errors)
        findings[w] = _explained(plain, why)
    return findings


def _late(
    trial: Trial, pair: Pair, first: _Tried, case: Mapping[str, Any], aspect_of: Callable[[str], str]
) -> None:
    """A cache that lives outside what forward returned shows when another forward comes in between."""
    _, cache = _forward(trial, pair, first.args)
    _forward(trial, pair, draw_arguments(pair.sample, trial.rng, **case))
    late = _Tried(first.args, first.dout, None, _backward(trial, pair, first.args, first.dout, cache))
    for w in _wrong(pair, late):
        trial.fail(
            f"d{w} is right at once, and wrong when {pair.forward} is called with other data before {pair.backward}: "
            "what backward needs must be in the cache, not in a global variable.",
            aspect=aspect_of(w),
        )


def _guarded(
    run: Callable[[Trial], None], aspects: Mapping[str, float], pure: str | None
) -> Callable[[Trial], None]:
    """Leaving arguments alone earns points only when something else is right as well."""

    def guarded(trial: Trial) -> None:
        run(trial)
        if pure is not None and {a for a, _ in trial.findings} >= set(aspects):
            trial.fail("Not looked at as long as nothing else is right.", aspect=pure)

    return guarded


def _explained(finding: Finding, why: Diagnosis | None) -> Finding:
    if why is None or not why.text:
        return finding
    evidence = why.evidence or finding.evidence
    return Finding(why.text, tuple(why.ids), evidence, why.line, tuple(why.hints or ()), finding.errors)


# --- trusted references -----------------------------------------------------------------------------------------------


def tape_pair(pair: Pair) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Trusted forward and backward functions that belong together, made from the model.

    Their cache is a dict of the arguments; the backward function replays the tape, so no formula of an answer is
    written down for it.
    """
    parameters = list(inspect.signature(pair.model).parameters.values())[1:]
    signature = inspect.Signature(parameters)

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
