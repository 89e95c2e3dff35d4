"""Operation classes of the student's, seen as pairs of functions; and operations of ours lent to their graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autograder.checks import misconceptions
from autograder.checks.entry import Check, Finding, Reply, Subject, Trial
from autograder.checks.linetrace import record_lines
from autograder.checks.objects import call_method, is_remote
from autograder.checks.protocol import copied
from autograder.checks.tape import record

__all__ = ["TapeOp", "lent_op", "named_for_graphs", "through"]


class TapeOp:
    """A trusted operation in the students' form, made from a tape model.

    names     the model's arguments that are inputs of the operation
    settings  its other arguments; they are attributes, too
    """

    def __init__(self, model: Any, names: Sequence[str], settings: Mapping[str, Any]) -> None:
        self._model, self._names, self._settings = model, tuple(names), dict(settings)
        vars(self).update(settings)

    def f(self, *xs: Any) -> Any:
        """The value of the operation."""
        return record(self._model, {**dict(zip(self._names, xs)), **self._settings}).out

    def bprop(self, xs: Sequence[Any], i: int, G: Any) -> Any:
        """The gradient of input number i, in an array of its own."""
        args = {**dict(zip(self._names, xs)), **self._settings}
        return np.array(record(self._model, args, self._names).backward(G)[self._names[i]])


def lent_op(trial: Trial, f: Any, bprop: Any) -> Any:
    """An operation in the student's process whose methods are ours: every call of them comes back to us."""
    op = trial.call("Tanh")
    op.f, op.bprop = f, bprop
    return op


class _OpSubject:
    """An operation class as two functions: `Mul.f(*inputs, *settings)` and `Mul.bprop(op, xs, G)`, all gradients."""

    def __init__(self, base: Subject, name: str, inputs: int) -> None:
        self.base, self.name, self.inputs = base, name, inputs

    def call(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Reply:
        if name == f"{self.name}.f":
            made = self.base.call(self.name, args[self.inputs :], kwargs)
            if made.error is not None:
                return made
            reply = call_method(made.value, "f", *args[: self.inputs])
            return replace(reply, value=(reply.value, made.value))
        op, xs, G = args
        replies = [call_method(op, "bprop", list(xs), i, G) for i in range(self.inputs)]
        error = next((r.error for r in replies if r.error is not None), None)
        changed = next((r.changed for r in replies if r.changed), ())
        return Reply(tuple(r.value for r in replies), error, changed)

    def call_many(self, name: str, calls: Sequence[Sequence[Any]]) -> list[Reply]:
        return [self.call(name, args, {}) for args in calls]

    def trace(self, name: str, args: Sequence[Any]) -> list[tuple[int, str, Any]]:
        try:
            if name == f"{self.name}.f":
                op = self.base.call(self.name, args[self.inputs :], {}).value
                calls = [(op.f, args[: self.inputs])]
            else:
                op, xs, G = args
                calls = [(op.bprop, (list(xs), i, G)) for i in range(self.inputs)]
            if is_remote(op):
                return []
            return [
                step for function, given in calls for step in record_lines(function, list(copied(given)))[1]
            ]
        except Exception:  # an operation that fails is reported by the check itself
            return []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.base, name)


def named_for_graphs(check: Check) -> Check:
    """The check with M07 told as M07b: in a graph every operand may be broadcast, not only a bias."""

    def run(trial: Trial) -> None:
        try:
            check.run(trial)
        finally:
            trial.findings[:] = [(aspect, _as_broadcast(finding)) for aspect, finding in trial.findings]

    return replace(check, run=run)


def _as_broadcast(finding: Finding) -> Finding:
    if "M07" not in finding.ids:
        return finding
    ids = tuple("M07b" if i == "M07" else i for i in finding.ids)
    return replace(finding, ids=ids, hints=misconceptions.get("M07b").hint(q="the gradient"))


def through(check: Check, name: str, inputs: int, pure: str | None = None) -> Check:
    """A check of two functions, run on the methods of an operation class.

    pure  the aspect that a write into an argument costs, where the check has none of its own
    """

    def run(trial: Trial) -> None:
        subject: Any = _OpSubject(trial.subject, name, inputs)
        check.run(trial.seen_as(subject))

    return replace(check, run=run, pure=pure or check.pure)
