"""Language models on both sides: the student's RNNLM as plain functions, and a model of ours lent to the student's loops."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from autograder.checks.entry import Check, NotAnswered, Reply, StudentError, Subject, Trial
from autograder.checks.linetrace import record_lines
from autograder.checks.local import LocalSubject
from autograder.checks.objects import call_method, theirs
from autograder.checks.own_forward import Args

__all__ = ["AGAIN", "GRADS", "LOSS", "STEP", "lent_model", "on_objects", "theirs"]

LOSS, GRADS, STEP = "RNNLM.loss_and_grads", "the gradients of RNNLM", "RNNLM.step"
AGAIN = "the second call of RNNLM.loss_and_grads"
_ARGUMENTS = {"loss_and_grads": ("ids_in", "ids_out", "h0", "k"), "step": ("ids", "h")}


class _AsFunctions:
    """A subject whose RNNLM is three functions: LOSS and STEP take the parameters first, GRADS gives its cache back.

    AGAIN is LOSS, called a second time on the same object.
    """

    def __init__(self, base: Subject) -> None:
        self.base = base
        self.rng = np.random.default_rng(0)  # what is drawn is replaced

    def _made(self, params: Mapping[str, Any]) -> Any:
        """A fresh model of the right sizes with these parameters."""
        V, D = np.shape(params["E"])
        reply = self.base.call("RNNLM", (V, D, np.shape(params["Whh"])[0], self.rng), {})
        if reply.error is not None:
            raise reply.error
        with theirs("RNNLM"):
            reply.value.params = {name: a.copy() for name, a in params.items()}
        return reply.value

    def call(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Reply:
        if name == GRADS:
            return Reply(args[1])
        if name not in (AGAIN, LOSS, STEP):
            return self.base.call(name, args, kwargs)
        params, *rest = args
        method = "step" if name == STEP else "loss_and_grads"
        try:
            model = self._made(params)
            if name == AGAIN:
                call_method(model, method, *rest)
            reply = call_method(model, method, *rest)
            with theirs("RNNLM"):
                kept = dict(model.params)
        except StudentError as error:
            return Reply(error=error)
        changed = _written_into(params, kept) or (
            (" or ".join(_ARGUMENTS[method][: len(rest)]),) if reply.changed else ()
        )
        return replace(reply, changed=changed)

    def call_many(self, name: str, calls: Sequence[Sequence[Any]]) -> list[Reply]:
        return [self.call(name, args, {}) for args in calls]

    def trace(self, name: str, args: Sequence[Any]) -> list[tuple[int, str, Any]]:
        if name not in (GRADS, LOSS, STEP) or not isinstance(self.base, LocalSubject):
            return []
        drawn: Args = args[2] if name == GRADS else {}
        method = "step" if name == STEP else "loss_and_grads"
        params, *rest = (
            args if name != GRADS else [drawn[k] for k in ("params", *_ARGUMENTS[method]) if k in drawn]
        )
        try:
            return record_lines(getattr(self._made(params), method), rest)[1]
        except Exception:  # a model that fails is reported by the check itself
            return []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.base, name)


def _written_into(before: Mapping[str, Any], after: Mapping[Any, Any]) -> tuple[str, ...]:
    """The parameters that have other numbers than before."""
    return tuple(
        f"model.params[{name!r}]"
        for name, a in before.items()
        if name in after and isinstance(after[name], np.ndarray) and not np.array_equal(after[name], a)
    )


def on_objects(check: Check) -> Check:
    """A check of the functions LOSS, GRADS and STEP, run on objects of the student's class RNNLM."""

    def run(trial: Trial) -> None:
        subject: Any = _AsFunctions(trial.subject)
        check.run(trial.seen_as(subject))

    return replace(check, run=run)


def lent_model(trial: Trial, params: Mapping[str, Any], **functions: Callable[..., Any]) -> Any:
    """A model in the student's process with these parameters, whose methods are ours: each call comes back to us.

    It is an object of the student's class where there is one, so that further attributes of that class are there, too.
    """
    sizes = (*np.shape(params["E"]), np.shape(params["Whh"])[0])
    for make in (
        lambda: trial.subject.call("RNNLM", (*sizes, np.random.default_rng(0)), {}).value,
        lambda: _bare(trial),
    ):
        try:
            model = make()
            model.params = {name: a.copy() for name, a in params.items()}
            for name, function in functions.items():
                setattr(model, name, function)
            if model.params.keys() == params.keys():
                return model
        except (NotAnswered, StudentError, AttributeError, TypeError, ValueError):
            continue
    raise StudentError("A model of the check could not be handed over.", kind="error")


def _bare(trial: Trial) -> Any:
    """An object without anything in it, on the student's side."""
    if isinstance(trial.subject, LocalSubject):
        return SimpleNamespace()
    return trial.get("__builtins__").type("Model", (), {})()
