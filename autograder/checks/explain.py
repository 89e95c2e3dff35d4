"""What was done? The name of the mistake behind a wrong gradient or a wrong value.

    explain(forward, backward, model, sample, wrt)     calls the student's pair on fresh data
    explain_arrays(model, wrt, instances, loss=…)      the same from arrays that were obtained elsewhere
    explain_forward(model, instances)                  for a wrong value of the forward pass

An explanation is an edit of the right backward (or forward) pass that gives exactly what the student got, on every
instance. The cheapest one is told; two that cannot be told apart are told as "either … or …"; none is told as none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .diagnosis import Diagnosis, compose, unknown
from .errors import UsageError
from .forward_edits import explain_value, forward_gradients
from .search import Case, search
from .tape import record

__all__ = ["Diagnosis", "explain_arrays", "explain_forward"]

Instance = tuple[Mapping[str, Any], Any, Mapping[str, Any]]


def explain_arrays(
    model: Callable[..., Any],
    wrt: Sequence[str],
    instances: Sequence[Instance],
    *,
    loss: bool = False,
    only: Sequence[str] | None = None,
) -> Diagnosis:
    """The mistake behind gradients that a student obtained.

    instances  (args, dout, {argument: gradient}) for at least two fresh draws; for a loss, dout is 1.0
    only       explain these arguments; the others still help to tell explanations apart

    Raises: UsageError without instances.
    """
    if not instances:
        raise UsageError("explain_arrays: at least one instance (args, dout, gradients) is needed, better three.")
    if (bad := _unusable(model, wrt, instances, only)) is not None:
        return bad
    cases = [Case(record(model, args, wrt), 1.0 if loss else dout, dict(got)) for args, dout, got in instances]
    names = [n for n in cases[0].truth if all(n in c.got for c in cases)]
    wrong = [n for n in names if not all(c.right(n) for c in cases)]
    asked = [n for n in wrong if only is None or n in only]
    if not asked:
        return Diagnosis([], "")
    cases.sort(key=lambda c: all(c.right(n) for n in asked))  # evidence from an instance that shows it
    found = search(cases, frozenset(wrong))
    left = [n for n in asked if not any(n in c.names for c in found)]
    if left:
        found += forward_gradients(model, wrt, cases, frozenset(wrong))
    return compose(cases, asked, [c for c in found if c.names & set(asked)])


def explain_forward(model: Callable[..., Any], instances: Sequence[tuple[Mapping[str, Any], Any]]) -> Diagnosis:
    """The mistake behind a wrong value: instances are (args, what the student's function returned).

    Raises: UsageError without instances.
    """
    if not instances:
        raise UsageError("explain_forward: at least one instance (args, value) is needed, better three.")
    return explain_value(model, instances)


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
                array = np.asarray(grads[name], dtype=float)
            except (TypeError, ValueError, KeyError):
                return Diagnosis([], f"d{name} is {type(got[name]).__name__}, expected an array of the shape of {name}, {leaf.shape}.")
            if not np.all(np.isfinite(array)):
                count = int(np.sum(~np.isfinite(array)))
                return unknown((name,), f"{count} of {array.size} entries of d{name} are nan or inf.")
    return None


