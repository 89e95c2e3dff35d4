"""The usual kinds of checks, from which the entries of the assignments are built.

values     a function's results against the right forward formula
gradients  a forward/backward pair's gradients, one aspect for each argument, with a diagnosis when one is wrong
answers    numbers, strings and choices that a student typed
derivation lines of algebra, credit per inference
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .entry import Check, Finding, Sampler, StudentError, Trial
from .explain import Diagnosis, explain_arrays, explain_forward
from .tape import record
from .values import compare

__all__ = ["answers", "derivation", "draw_arguments", "gradients", "pick_first", "values"]

INSTANCES = 3  # fresh instances that an explanation must hold on


def draw_arguments(sample: Sampler, rng: np.random.Generator, square: bool = False) -> dict[str, Any]:
    """Arguments from a sampler; a sampler that takes `square` is told when equal sizes are wanted."""
    if "square" in inspect.signature(sample).parameters:
        return sample(rng, square=square)
    return sample(rng)


def pick_first(result: Any) -> Any:
    """The first of the values that a function returns: what `(y, cache)` and `(loss, dZ)` are about."""
    if not isinstance(result, tuple | list) or len(result) < 2:
        raise StudentError(
            f"two values were expected, (result, cache), and one came back: {type(result).__name__}."
        )
    return result[0]


def values(
    name: str,
    sample: Sampler,
    reference: Callable[..., Any],
    *,
    points: float,
    aspect: str = "values",
    what: str | None = None,
    takes: Callable[[Any], Any] = lambda result: result,
    model: Callable[..., Any] | None = None,
    rtol: float | None = None,
    pure: str | None = None,
    pure_points: float = 0.0,
    draws: int = 2,
    square: bool = False,
) -> Check:
    """A function's results against `reference(**args)` on drawn arguments.

    takes    what of the result is compared (`pick_first` for `(y, cache)`)
    model    the right forward as a tape model: a wrong value is then explained
    pure     name of the aspect, worth `pure_points`, that is lost when the call writes into an argument
    """
    label = what or name

    def run(trial: Trial) -> None:
        args = draw_arguments(sample, trial.rng, trial.square)
        got = takes(trial.call(name, *args.values()))
        again = takes(trial.call(name, *args.values()))
        bad = compare(label, got, reference(**args), rtol=rtol)
        if bad is not None:
            finding = Finding(bad.text, (), bad.evidence, errors=bad.errors)
            if model is not None:
                finding = _explained(finding, _why_forward(trial, name, sample, args, got, model, takes))
            trial.fail(finding, aspect=aspect)
        elif compare(label, again, got, rtol=0.0) is not None:
            trial.fail(f"{name} gives two different results for the same arguments.", aspect=aspect)

    aspects = {aspect: points} | ({pure: pure_points} if pure else {})
    return Check(aspects, run, draws=draws, square=square, pure=pure)


def gradients(
    forward: str,
    backward: str,
    model: Callable[..., Any],
    sample: Sampler,
    *,
    points: Mapping[str, float],
    takes: Callable[[Any], Mapping[str, Any]] | None = None,
    pure: str | None = None,
    pure_points: float = 0.0,
    draws: int = 2,
) -> Check:
    """Every gradient of a student's pair against the replayed tape of the right forward, one aspect for each.

    points   argument -> points; the aspects are called "dX", "dW", …
    takes    turns what backward returns into a dict argument -> gradient; a tuple in the order of `points` by default
    """
    wrt = tuple(points)

    def instance(trial: Trial, args: dict[str, Any]) -> tuple[dict[str, Any], Any, dict[str, Any]]:
        tape = record(model, args, wrt)
        dout = trial.rng.normal(size=np.shape(tape.out))
        cache = _forward(trial, forward, args)
        got = trial.call(backward, dout, cache)
        return args, dout, _by_name(backward, got, wrt, takes)

    def run(trial: Trial) -> None:
        args = draw_arguments(sample, trial.rng, trial.square)
        first = instance(trial, args)
        tape = record(model, args, wrt)
        truth = tape.backward(first[1])
        bad = {w: m for w in wrt if (m := compare(f"d{w}", first[2][w], truth[w])) is not None}
        if bad:
            more = [instance(trial, draw_arguments(sample, trial.rng)) for _ in range(INSTANCES - 1)]
            for w, mismatch in bad.items():
                finding = Finding(mismatch.text, (), mismatch.evidence, errors=mismatch.errors)
                why = explain_arrays(model, wrt, [first, *more], loss=False, only=(w,))
                trial.fail(_explained(finding, why), aspect=f"d{w}")
            return
        # a cache that lives outside what forward returned shows when another forward comes in between
        cache = _forward(trial, forward, args)
        _forward(trial, forward, draw_arguments(sample, trial.rng))
        late = _by_name(backward, trial.call(backward, first[1], cache), wrt, takes)
        for w in wrt:
            if compare(f"d{w}", late[w], truth[w]) is not None:
                trial.fail(
                    f"d{w} is right at once, and wrong when {forward} is called with other data before {backward}: "
                    "what backward needs must be in the cache, not in a global variable.",
                    aspect=f"d{w}",
                )

    aspects = {f"d{w}": p for w, p in points.items()} | ({pure: pure_points} if pure else {})
    return Check(aspects, run, draws=draws, square=True, pure=pure)


def answers(
    variable: str,
    truth: Callable[[Trial], Mapping[str, Any]],
    *,
    points: Mapping[str, float],
    rtol: float = 5e-3,
    because: Mapping[tuple[str, Any], str] | None = None,
) -> Check:
    """A dict that the student typed, key by key: numbers within rounding, strings and choices exactly.

    because  (key, wrong answer) -> the sentence that says why it is not that
    """

    def run(trial: Trial) -> None:
        typed = trial.get(variable)
        right = truth(trial)
        for key in points:
            given = typed.get(key) if isinstance(typed, dict) else None
            if given is None or given is ...:
                trial.fail(Finding(f"{variable}[{key!r}] is not answered yet.", status="not_run"), aspect=key)
                continue
            want = right[key]
            if isinstance(want, str):
                if not isinstance(given, str) or given.strip().casefold() != want.casefold():
                    answer = given.strip() if isinstance(given, str) else given
                    reason = (because or {}).get((key, answer)) if isinstance(answer, str) else None
                    trial.fail(
                        f"{variable}[{key!r}] is not right." + (f" {reason}" if reason else ""), aspect=key
                    )
            elif (bad := compare(f"{variable}[{key!r}]", given, want, rtol=rtol)) is not None:
                # the text only: the evidence would give the answer away
                trial.fail(bad.text, aspect=key)

    return Check(dict(points), run, draws=1, hidden=False)


def derivation(
    variable: str,
    truth: str,
    variables: Mapping[str, Any],
    *,
    given: str,
    points: Sequence[float],
    must: Mapping[int, Sequence[str]] | None = None,
    must_not: Mapping[int, Sequence[str]] | None = None,
) -> Check:
    """Lines of algebra in a list called `variable`: line k earns its points when it equals line k − 1.

    must / must_not  line -> symbols that its form has to use, or may not use any more
    """
    from .derivation import check_derivation, symbols

    names = [f"line {i + 1}" for i in range(len(points))]

    def run(trial: Trial) -> None:
        lines = trial.get(variable)
        if not isinstance(lines, list | tuple) or not all(isinstance(x, str) for x in lines):
            trial.fail(
                f"{variable} should be a list of {len(points)} strings, one line of the derivation each."
            )
            return
        lines = [x[:10_000] for x in lines[: len(points)]]
        if not any(x.strip() for x in lines):
            trial.fail(Finding(f"{variable} is not answered yet.", status="not_run"))
            return
        report = check_derivation(lines, truth, dict(variables), given=given)
        for i, name in enumerate(names):
            if i >= len(lines) or not lines[i].strip():
                trial.fail(
                    Finding(f"{variable}: line {i + 1} is not written yet.", status="not_run"), aspect=name
                )
            elif not report.credit[i]:
                text = report.slip if i == report.first_wrong and report.slip else report.messages[i]
                trial.fail(f"{variable}, line {i + 1}: {text}", aspect=name)
            else:
                used = symbols(lines[i])
                if absent := [s for s in (must or {}).get(i, ()) if s not in used]:
                    trial.fail(
                        f"{variable}, line {i + 1} is true, but is asked for in terms of {', '.join(absent)}.",
                        aspect=name,
                    )
                elif present := [s for s in (must_not or {}).get(i, ()) if s in used]:
                    trial.fail(
                        f"{variable}, line {i + 1} is true, but should not contain {', '.join(present)} any more.",
                        aspect=name,
                    )

    return Check(dict(zip(names, map(float, points))), run, draws=1, hidden=False)


def _forward(trial: Trial, forward: str, args: Mapping[str, Any]) -> Any:
    try:
        result = trial.call(forward, *args.values())
    except StudentError as error:
        raise StudentError(
            f"Could not be tried: {error.text} Mend {forward} first.", kind="not_run", line=error.line
        ) from None
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise StudentError(
            f"Could not be tried: {forward} should return (result, cache). Mend {forward} first.",
            kind="not_run",
        )
    return result[1]


def _by_name(
    backward: str, got: Any, wrt: Sequence[str], takes: Callable[[Any], Mapping[str, Any]] | None
) -> dict[str, Any]:
    if takes is not None:
        return dict(takes(got))
    if len(wrt) == 1 and not (isinstance(got, tuple | list) and len(got) == 1):
        return {wrt[0]: got}
    if not isinstance(got, tuple | list) or len(got) != len(wrt):
        order = ", ".join(f"d{w}" for w in wrt)
        found = f"{len(got)} values" if isinstance(got, tuple | list) else type(got).__name__
        raise StudentError(f"{backward} should return ({order}), and returns {found}.", kind="failed")
    return dict(zip(wrt, got))


def _why_forward(
    trial: Trial,
    name: str,
    sample: Sampler,
    args: dict[str, Any],
    got: Any,
    model: Callable[..., Any],
    takes: Callable[[Any], Any],
) -> Diagnosis | None:
    instances = [(args, got)]
    try:
        for _ in range(INSTANCES - 1):
            more = draw_arguments(sample, trial.rng)
            instances.append((more, takes(trial.call(name, *more.values()))))
    except StudentError:
        return None
    return explain_forward(model, instances)


def _explained(finding: Finding, why: Diagnosis | None) -> Finding:
    if why is None or not why.text:
        return finding
    return Finding(
        why.text,
        tuple(why.ids),
        why.evidence or finding.evidence,
        why.line,
        tuple(why.hints or ()),
        finding.errors,
    )
