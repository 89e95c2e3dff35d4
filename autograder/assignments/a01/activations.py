"""Entries of assignment A01 for the activation functions and their derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from autograder.checks.entry import Check, Entry, Finding, StudentError, Trial
from autograder.checks.explain import Diagnosis, explain_arrays, explain_forward
from autograder.checks.kinds import INSTANCES, courtesy, explained
from autograder.checks.tape import record
from autograder.checks.values import as_array, compare
from course.toolbox.seeds import distinct_primes

__all__ = ["ENTRIES"]

Model = Callable[..., Any]

# name -> (right forward, kinks)
ACTIVATIONS: dict[str, tuple[Model, tuple[float, ...]]] = {
    "sigmoid": (lambda ops, z: ops.sigmoid(z), ()),
    "tanh": (lambda ops, z: ops.tanh(z), ()),
    "hardtanh": (lambda ops, z: ops.hardtanh(z), (-1.0, 1.0)),
    "relu": (lambda ops, z: ops.relu(z), (0.0,)),
    "leaky_relu": (lambda ops, z, alpha=0.01: ops.leaky_relu(z, alpha), (0.0,)),
    "softplus": (lambda ops, z: ops.softplus(z), ()),
    "abs_rect": (lambda ops, z: ops.abs(z), (0.0,)),
}
_HUGE = np.array([-1e4, -800.0, -40.0, 0.5, 40.0, 800.0, 1e4])


def _activation(name: str, *args: Any) -> Any:
    model = ACTIVATIONS[name][0]
    return record(partial(model, **({"alpha": args[1]} if len(args) > 1 else {})), {"z": args[0]}).out


def _slope(name: str, *args: Any) -> Any:
    model = ACTIVATIONS[name][0]
    z = np.asarray(args[0], float)
    tape = record(partial(model, **({"alpha": args[1]} if len(args) > 1 else {})), {"z": z}, ("z",))
    return tape.backward(np.ones(z.shape))["z"]


def _draw_z(name: str, trial: Trial) -> tuple[Any, ...]:
    """Numbers on all parts of the function, away from its kinks; leaky_relu with and without its alpha."""
    z = trial.rng.uniform(-3.0, 3.0, distinct_primes(trial.rng, 2, high=7))
    for kink in ACTIVATIONS[name][1]:
        z = np.where(np.abs(z - kink) < 0.05, z + 0.1, z)
    return (
        (z, float(trial.rng.uniform(0.05, 0.4)))
        if name == "leaky_relu" and trial.rng.random() < 0.5
        else (z,)
    )


def _activation_values(trial: Trial) -> None:
    for name in ACTIVATIONS:
        args = _draw_z(name, trial)
        for each, right in ((name, _activation), (f"d_{name}", _slope)):
            try:
                bad = compare(each, trial.call(each, *args), right(name, *args))
            except StudentError as error:
                trial.fail(Finding(error.text, line=error.line, status="error"), aspect=each)
                continue
            if bad is not None:
                finding = Finding(bad.text, (), bad.evidence, errors=bad.errors)
                if trial.explain and each not in trial.told:
                    finding = explained(finding, courtesy(partial(_why, trial, name, each)))
                trial.fail(finding, aspect=each)
            if trial.mutated:
                trial.fail(trial.mutated[0], aspect=each)
                trial.mutated.clear()
                trial.memory["M25"] = True


def _why(trial: Trial, name: str, each: str) -> Diagnosis:
    """The mistake in an activation, or in its derivative: the gradient of its sum."""
    drawn = [_draw_z(name, trial) for _ in range(INSTANCES)]
    drawn.sort(key=len)  # the trace belongs to the first
    named = [dict(zip(("z", "alpha"), args)) for args in drawn]
    got = trial.call_many(each, drawn)
    lines = trial.subject.trace(each, drawn[0])
    model = ACTIVATIONS[name][0]
    if each == name:
        found = explain_forward(model, list(zip(named, got)), trace=lines)
        return replace(found, text=found.text.replace("The result", name))
    instances = [(args, np.ones(args["z"].shape), {"z": g}) for args, g in zip(named, got)]
    return explain_arrays(model, ("z",), instances, trace=lines)


def _usually_right(trial: Trial, each: str, name: str) -> bool:
    """Whether an activation, or its derivative, is right at ordinary places."""
    z = np.array([0.31, -0.42, 1.7, -1.4, 2.3, -2.6])
    right = _activation(name, z) if each == name else _slope(name, z)
    return compare("", trial.call(each, z), right) is None


def _activation_edges(trial: Trial) -> None:
    whole = trial.rng.integers(2, 9, 3) * np.array([-1, 1, 1])
    for name, (_, kinks) in ACTIVATIONS.items():
        for z in (_HUGE, whole, 0.37):
            for each, want in ((name, _activation(name, z)), (f"d_{name}", _slope(name, z))):
                if not _usually_right(trial, each, name):
                    continue  # charged where it is looked at
                if (bad := compare(each, trial.call(each, z), want)) is not None:
                    kind = (
                        "z = ±10,000" if z is _HUGE else "whole numbers" if z is whole else "a single number"
                    )
                    ids = ("M23",) if "not finite" in bad.text else ("M26",) if z is whole else ()
                    line = trial.line_of(each, (z,), trial.call(each, z))
                    finding = Finding(f"With {kind}: {bad.text}", ids, bad.evidence, line)
                    trial.fail(finding, aspect="huge, whole, single z")
        for kink in kinks if _usually_right(trial, f"d_{name}", name) else ():
            ends = _slope(name, np.array([kink - 1e-9, kink + 1e-9]))
            got = as_array(trial.call(f"d_{name}", np.array([kink])))
            if got is None or got.shape != (1,) or not min(ends) <= got[0] <= max(ends):
                text = f"d_{name} at its kink {kink:g} should lie between its two slopes, {min(ends):g} and {max(ends):g}."
                trial.fail(Finding(text, ("M24",)), aspect="kinks")


_EACH = {n: p for name in ACTIVATIONS for n, p in ((name, 0.5), (f"d_{name}", 0.75))}
_DEFINED = {name: partial(_activation, name) for name in ACTIVATIONS} | {
    f"d_{name}": partial(_slope, name) for name in ACTIVATIONS
}


ENTRIES = [
    Entry(
        "activations",
        (
            Check(_EACH, _activation_values),
            Check({"huge, whole, single z": 0.75, "kinks": 0.5}, _activation_edges, draws=1),
        ),
        _DEFINED,
        title="Activations and their derivatives",
    ),
]
