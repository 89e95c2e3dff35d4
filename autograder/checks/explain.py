"""What was done? The name of the mistake behind a wrong gradient or a wrong value.

    explain(forward, backward, model, sample, wrt)     calls the student's pair on fresh data
    explain_arrays(model, wrt, instances, loss=…)      the same from arrays that were obtained elsewhere
    explain_forward(model, instances)                  for a wrong value of the forward pass

An explanation is an edit of the right backward (or forward) pass that gives exactly what the student got, on every
instance. The cheapest one is told; two that cannot be told apart are told as "either … or …"; none is told as none.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import misconceptions
from .cases import Case
from .diagnosis import Diagnosis, compose, hints, unknown
from .doubles import callable_module
from .errors import UsageError
from .forward_edits import forward_gradients
from .gradcheck import consistent
from .linetrace import Line, record_lines
from .protocol import Broken, Finding, Pair, check_protocol, copied
from .quantities import quantities, value_quantities
from .search import search
from .tape import record
from .trace import locate, locate_formed, locate_gradients
from .wrong_values import explain_value, variables

__all__ = ["SECONDS", "Diagnosis", "explain", "explain_arrays", "explain_forward"]

Instance = tuple[Mapping[str, Any], Any, Mapping[str, Any]]
_AT_ONCE = ("repeatability", "random", "stale")  # protocol that makes every number meaningless
_WRONG_WAY = "M47"  # a loop that runs the wrong way computes what is wrong on other lines than its own
SECONDS = 0.8  # of CPU, for one explanation
_SEARCH, _VALUE = 0.6, 0.4  # of these, for a search among the edits of the backward or of the forward pass
_INSTANCES = 5  # an explanation has to hold on all of them


def explain(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    model: Callable[..., Any],
    sample: Callable[[np.random.Generator], Mapping[str, Any]],
    wrt: Sequence[str],
    *,
    loss: bool = False,
    seed: int = 0,
) -> Diagnosis:
    """The mistake in a forward/backward pair of the student's; `.text` is empty when nothing is wrong.

    forward, backward  as in `gradcheck`
    model              model(ops, **args): the right forward
    sample             sample(rng) -> args; sizes differ from call to call

    Raises: whatever `model` or `sample` raise.
    """
    wrt = (wrt,) if isinstance(wrt, str) else tuple(wrt)
    pair = Pair(forward, backward, wrt, loss)
    instances: list[Instance] = []
    values: list[tuple[Mapping[str, Any], Any]] = []
    with np.errstate(all="ignore"):
        for k in range(_INSTANCES):
            rng = np.random.default_rng([seed, k])
            args = dict(sample(rng))
            tape = record(model, args, wrt)
            dout = 1.0 if loss else rng.normal(size=np.shape(tape.out))
            try:
                out, cache, has_cache = pair.run(args, finite=False)
                values.append((args, out))
                instances.append((args, dout, pair.gradients(dout, cache, has_cache, args, strict=False)))
                if k == 0:
                    bad = check_protocol(pair, args, dout, instances[0][2], rng)
                    if (first := next((f for f in bad if f.kind in _AT_ONCE), None)) is not None:
                        return _protocol(first)
            except Broken as broken:
                return _protocol(broken.finding, _line_of_broken(pair, broken, args, dout))
            finally:
                pair.thaw()
        about_value = explain_forward(model, values)
        about_gradients = explain_arrays(
            model, wrt, instances, loss=loss, suspect=bool(about_value.text), single=_single(values, model)
        )
        if about_gradients.text:
            about_gradients = about_gradients.at(_line(pair, model, wrt, instances[0], about_gradients))
    if not about_value.text:
        return about_gradients
    own = about_gradients.of_forward or consistent(forward, backward, instances[0][0], wrt, loss)
    line = _line(pair, model, wrt, instances[0], about_value, forward_only=True)
    if own or not about_gradients.text:
        return about_value.at(line)
    return Diagnosis(
        list(dict.fromkeys([*about_value.ids, *about_gradients.ids])),
        f"{about_value.text} {about_gradients.text}",
        about_value.evidence,
        line or about_gradients.line,
        about_value.hints,
        about_gradients.names,
    )


def _single(values: Sequence[tuple[Mapping[str, Any], Any]], model: Callable[..., Any]) -> bool:
    """Whether forward computes in float32: by its dtype, or by values that are right to seven digits and no further."""
    for args, out in values:
        got = np.asarray(out)
        if got.dtype == np.float32:
            return True
        want = np.asarray(record(model, args).out)
        if got.shape == want.shape and got.dtype.kind == "f" and got.size:
            gap = float(np.max(np.abs(got - want))) / max(float(np.max(np.abs(want))), 1e-300)
            if 1e-10 < gap < 1e-5:
                return True
    return False


def _line_of_change(function: Callable[..., Any], args: Any, name: str) -> int | None:
    """The line that writes into an argument: where the argument's array is seen with other contents."""
    try:
        _, lines = record_lines(function, args)
    except Exception:  # a function that fails is reported elsewhere
        return None
    return next((line for line, variable, _ in lines if variable == name), None)


def _protocol(finding: Finding, line: int | None = None) -> Diagnosis:
    """A broken protocol as a diagnosis."""
    id = {"mutation": "M25", "random": "M27"}.get(finding.kind)
    if finding.kind == "repeatability" and finding.argument:
        id = "M16"
    if id is None:
        return Diagnosis(
            [], finding.text, "", line, hints([], finding.argument or "the result", finding.text)
        )
    values = {"q": f"d{finding.argument}" if id != "M25" else finding.argument}
    return Diagnosis([id], finding.text, "", line, misconceptions.get(id).hint(**values))


def _line_of_broken(pair: Pair, broken: Broken, args: Mapping[str, Any], dout: Any) -> int | None:
    if broken.finding.kind == "mutation" and broken.finding.argument == "dout":
        result = pair.forward(**{k: copied(v) for k, v in args.items()})
        cached = isinstance(result, tuple | list) and len(result) == 2
        code = getattr(pair.backward, "__code__", None)
        name = code.co_varnames[0] if code is not None and code.co_argcount else ""
        upstream = copied(np.asarray(dout, dtype=float))
        return _line_of_change(pair.backward, (upstream, result[1]) if cached else (upstream,), name)
    if broken.finding.kind == "mutation":
        return _line_of_change(pair.forward, {k: copied(v) for k, v in args.items()}, broken.finding.argument)
    return _line_of_error(broken, pair.forward, pair.backward)


def _line_of_error(broken: Broken, *functions: Any) -> int | None:
    files = {getattr(getattr(f, "__code__", None), "co_filename", None) for f in functions}
    cause = broken.__cause__
    frames = traceback.extract_tb(cause.__traceback__) if cause is not None else []
    return next((f.lineno for f in reversed(frames) if f.filename in files), None)


def _line(
    pair: Pair, model: Any, wrt: Sequence[str], instance: Instance, why: Diagnosis, forward_only: bool = False
) -> int | None:
    """Run the student's code once more under the line tracer and look where the mistake is first seen."""
    args, dout, got = instance
    try:
        tape = record(model, args, wrt)
        (result, lines) = record_lines(pair.forward, {k: copied(v) for k, v in args.items()})
        cache = result[1] if isinstance(result, tuple | list) and len(result) == 2 else None
        if forward_only:
            return locate(
                value_quantities(tape, np.asarray(result[0] if isinstance(result, tuple) else result)), lines
            )
        if _WRONG_WAY in why.ids:
            return None
        known = quantities(tape, dout, got, why.replays(tape, dout))
        if (formed := locate_formed(known, lines)) is not None:
            return formed
        _, more = record_lines(pair.backward, (dout,) if cache is None else (dout, cache))
        wrong = [got[n] for n in why.names if n in got]
        return locate_gradients(known, wrong, more, lines if pair.loss else ())
    except Exception:  # the line is a courtesy: nothing depends on it
        return None


def explain_arrays(
    model: Callable[..., Any],
    wrt: Sequence[str],
    instances: Sequence[Instance],
    *,
    loss: bool = False,
    only: Sequence[str] | None = None,
    trace: Sequence[Line] = (),
    suspect: bool = False,
    single: bool = False,
    seconds: float = SECONDS,
) -> Diagnosis:
    """The mistake behind gradients that a student obtained.

    instances  (args, dout, {argument: gradient}) for at least two fresh draws; for a loss, dout is 1.0
    only       explain these arguments; the others still help to tell explanations apart
    trace      what `linetrace.record_lines` wrote down when backward ran on the first instance: gives `.line`
    suspect    the student's forward is wrong, too: gradients that are right for it are looked for first
    single     the student computes in float32: gradients are compared at that precision
    seconds    of CPU; when they are over, what was found by then counts

    Raises: UsageError without instances.
    """
    until = time.process_time() + seconds
    if not instances:
        raise UsageError(
            "explain_arrays: at least one instance (args, dout, gradients) is needed, better three."
        )
    if (bad := _unusable(model, wrt, instances, only)) is not None:
        return bad
    cases = [
        Case(record(model, args, wrt), 1.0 if loss else dout, dict(got), single)
        for args, dout, got in instances
    ]
    names = [n for n in cases[0].truth if all(n in c.got for c in cases)]
    wrong = [n for n in names if not all(c.right(n) for c in cases)]
    asked = [n for n in wrong if only is None or n in only]
    if not asked:
        return Diagnosis([], "")
    first = cases[0]
    cases.sort(key=lambda c: all(c.right(n) for n in asked))  # evidence from an instance that shows it
    found = [] if suspect else search(cases, frozenset(wrong), min(_SEARCH, seconds))
    left = [n for n in asked if not any(n in c.names for c in found)]
    if left:
        found += forward_gradients(model, wrt, cases, frozenset(wrong), until)
        left = [n for n in asked if not any(n in c.names for c in found)]
    if left and suspect:
        found += search(cases, frozenset(wrong), min(_SEARCH, until - time.process_time()))
    why = compose(cases, asked, [c for c in found if c.names & set(asked)])
    if trace and _WRONG_WAY not in why.ids:
        known = quantities(
            first.tape, first.dout, {n: first.got[n] for n in asked}, why.replays(first.tape, first.dout)
        )
        line = locate_gradients(known, (first.got[n] for n in asked), trace)
        why = why.at(line)
    return why


def explain_forward(
    model: Callable[..., Any],
    instances: Sequence[tuple[Mapping[str, Any], Any]],
    *,
    trace: Sequence[Line] = (),
    seconds: float = SECONDS,
) -> Diagnosis:
    """The mistake behind a wrong value: instances are (args, what the student's function returned).

    trace    what `linetrace.record_lines` wrote down when the function ran on the first instance: gives `.line`
    seconds  of CPU; when they are over, what was found by then counts

    Raises: UsageError without instances.
    """
    if not instances:
        raise UsageError("explain_forward: at least one instance (args, value) is needed, better three.")
    why = explain_value(model, instances, min(_VALUE, seconds))
    if not (why.text and trace):
        return why
    args, got = instances[0]
    tape = record(model, args, variables(model, args))
    return why.at(locate(value_quantities(tape, got, why.seen), trace))


def _unusable(
    model: Callable[..., Any], wrt: Sequence[str], instances: Sequence[Instance], only: Sequence[str] | None
) -> Diagnosis | None:
    """Gradients that are no numbers: None, strings, nan."""
    args, _, got = instances[0]
    truth = record(model, args, wrt).leaves
    for name, leaf in truth.items():
        if name not in got or (only is not None and name not in only):
            continue
        for _, _, grads in instances:
            try:
                array = np.asarray(grads[name])
                if array.dtype.kind not in "biuf":
                    raise TypeError(array.dtype)
            except (TypeError, ValueError, KeyError):
                return Diagnosis(
                    [],
                    f"d{name} is {type(got[name]).__name__}, expected an array of the shape of {name}, {leaf.shape}.",
                )
            if not np.all(np.isfinite(array)):
                count = int(np.sum(~np.isfinite(array)))
                return unknown((name,), f"{count} of {array.size} entries of d{name} are nan or inf.")
    return None


callable_module(__name__, explain)
