"""Entries of assignment A04 for the optimisers: five steps against the definition, settings, states, arguments unchanged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autograder.checks.entry import Check, Entry, Finding, StudentError, Trial
from autograder.checks.kinds import INSTANCES, courtesy, explained, pure_check
from autograder.checks.rules import trajectory
from autograder.checks.rules.optimisers import right_step
from autograder.checks.rules.slips import explain_slips
from autograder.checks.values import Mismatch, as_array, compare
from course.toolbox.seeds import distinct_primes

__all__ = ["ENTRIES"]

Args = dict[str, Any]
STEPS, DEFAULTS, RUNS = "five steps", "settings left out", "two runs at once"


def _settings(rng: np.random.Generator, name: str) -> Args:
    """Settings that are not the usual ones, so that one that is ignored is seen."""
    rho, small = float(rng.uniform(0.6, 0.95)), {"eps": 1e-2}
    betas = {"beta1": rho, "beta2": float(rng.uniform(0.8, 0.99))}
    table: dict[str, Args] = {
        "momentum": {"beta": rho},
        "nesterov": {"beta": rho},
        "adagrad": small,
        "adadelta": {"rho": rho, "eps": 1e-3},
        "rmsprop": {"rho": rho, **small},
        "adam": {**betas, **small},
        "adamw": {**betas, **small, "weight_decay": float(rng.uniform(0.05, 0.3))},
        "sgd_projected": {"project": _ball},
    }
    return table.get(name, {})


_USUAL: dict[str, Args] = {
    "momentum": {"beta": 0.9},
    "nesterov": {"beta": 0.9},
    "adagrad": {"eps": 1e-10},
    "adadelta": {"rho": 0.9, "eps": 1e-6},
    "rmsprop": {"rho": 0.99, "eps": 1e-8},
    "adam": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    "adamw": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01},
}


def _ball(w: Any) -> Any:
    """Back onto the ball of radius 1."""
    return np.asarray(w) / max(1.0, float(np.linalg.norm(w)))


def _draw(rng: np.random.Generator, name: str, size: float = 1.0) -> Args:
    """params, the gradients of five steps, a learning rate for each step, settings."""
    n, d = distinct_primes(rng, 2, high=5)
    shapes = {"W1": (n, d), "b1": (d,), "W2": (d, n)}
    away = lambda shape: size * rng.uniform(0.3, 2.0, shape) * rng.choice([-1.0, 1.0], shape)
    return {
        "params": {k: rng.normal(size=s) for k, s in shapes.items()},
        "grads": [{str(k): away(shapes[str(k)]) for k in rng.permutation(list(shapes))} for _ in range(5)],
        "lr": [float(x) for x in rng.uniform(0.01, 0.3, 5)],
        **_settings(rng, name),
    }


def _step(trial: Trial, name: str) -> Callable[..., tuple[Any, Any]]:
    """The student's step; what it returns is looked at before it is passed on."""

    def step(params: Any, grads: Any, state: Any, lr: float, **settings: Any) -> tuple[Any, Any]:
        got = trial.call(name, params, grads, state, lr, **settings)
        if not isinstance(got, tuple | list) or len(got) != 2:
            raise StudentError(f"{name} should return (new params, new state).", kind="failed")
        if not isinstance(got[0], Mapping) or set(got[0]) != set(params):
            keys = ", ".join(params)
            raise StudentError(
                f"The new params of {name} should be a dict with the keys {keys}.", kind="failed"
            )
        return got[0], got[1]

    return step


def _first_gap(got: Sequence[Any], want: Sequence[Any]) -> Mismatch | None:
    for t, (g, w) in enumerate(zip(got, want), 1):
        for key in w:
            if (gap := compare(f"After step {t} {key}", g[key], w[key])) is not None:
                return gap
    return None


def _five_steps(name: str) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        mine, right = _step(trial, name), right_step(name)
        instances = [_draw(trial.rng, name) for _ in range(INSTANCES)]
        got = [trajectory(mine, **instances[0])]
        gap = _first_gap(got[0], trajectory(right, **instances[0]))
        if gap is not None:
            finding = Finding(gap.text, (), gap.evidence, errors=gap.errors)
            if trial.explain:
                got += [trajectory(mine, **args) for args in instances[1:]]
                why = courtesy(lambda: explain_slips(name, list(zip(instances, got)), what="the step"))
                finding = replace(explained(finding, why), line=_line(trial, name, instances[0], got[0][0]))
            trial.fail(finding, aspect=STEPS)

    return run


def _line(trial: Trial, name: str, args: Args, after: Mapping[str, Any]) -> int | None:
    """The line that makes the parameters after the first step, where these are wrong."""
    settings = _settings_of(args)
    first = (args["params"], args["grads"][0], {}, args["lr"][0], *settings.values())
    right = trajectory(right_step(name), args["params"], args["grads"][:1], args["lr"], **settings)[0]
    wrong = next((after[k] for k in right if compare("", after[k], right[k]) is not None), None)
    return None if wrong is None else trial.line_of(name, first, wrong)


def _settings_of(args: Args) -> Args:
    return {k: v for k, v in args.items() if k not in ("params", "grads", "lr")}


def _left_out(name: str) -> Callable[[Trial], None]:
    """Settings that are left out have the values of the signature; compared with the student's own steps."""

    def run(trial: Trial) -> None:
        mine = _step(trial, name)
        for size in (1.0, 1e-7):
            args = _draw(trial.rng, name, size)
            for key in _USUAL[name]:
                del args[key]
            bare, told = trajectory(mine, **args), trajectory(mine, **args, **_USUAL[name])
            if size == 1.0 and all(compare("", p, args["params"][k]) is None for k, p in bare[0].items()):
                trial.fail("Not looked at as long as the parameters do not move.")
                return
            if any(_moved(a, b, args["params"]) for a, b in zip(bare, told)):
                usual = ", ".join(f"{k} = {v:g}" for k, v in _USUAL[name].items())
                trial.fail(f"With its settings left out {name} takes another step than with {usual}.")
                return

    return run


def _moved(one: Mapping[str, Any], two: Mapping[str, Any], start: Mapping[str, Any]) -> bool:
    """Whether two results differ by more than a millionth of what was added, which is small beside the parameters."""
    for key, before in start.items():
        a, b = as_array(one[key]), as_array(two[key])
        if a is None or b is None or a.shape != before.shape or b.shape != before.shape:
            return True
        if a.dtype == b.dtype == np.float64 and compare("", a - before, b - before, rtol=1e-6) is not None:
            return True
        if compare("", a, b) is not None:
            return True
    return False


def _two_runs(name: str) -> Callable[[Trial], None]:
    """What an optimiser remembers is in the state: two runs that take turns do not disturb each other."""

    def run(trial: Trial) -> None:
        mine = _step(trial, name)
        one, two = (_draw(trial.rng, name) for _ in range(2))
        two["params"] = {f"{k}x": v for k, v in two["params"].items()} | one["params"]
        two["grads"] = [{f"{k}x": v for k, v in g.items()} | one["grads"][0] for g in two["grads"]]
        alone = trajectory(mine, **one)
        if all(compare("", p, one["params"][k]) is None for k, p in alone[0].items()):
            trial.fail("Not looked at as long as the parameters do not move.")
            return
        settings = _settings_of(one)
        a, b = one["params"], two["params"]
        state_a: Any = {}
        state_b: Any = {}
        for t in range(5):
            a, state_a = mine(a, one["grads"][t], state_a, one["lr"][t], **settings)
            b, state_b = mine(b, two["grads"][t], state_b, two["lr"][t], **settings)
        if compare("", a, alone[-1]) is not None:
            text = f"Two runs of {name} that take turns disturb each other: what is remembered has to be in the state, not in a global variable or a default argument."
            trial.fail(Finding(text, ("M16",)))

    return run


def _entry(grade_id: str, name: str, points: float, title: str) -> Entry:
    usual = _USUAL.get(name)
    rest = 0.5 + (0.75 if usual else 0.0)
    checks = [pure_check({STEPS: points - rest}, _five_steps(name), 0.5)]
    if usual:
        checks += [
            Check({DEFAULTS: 0.5}, _left_out(name), draws=1),
            Check({RUNS: 0.25}, _two_runs(name), draws=1),
        ]
    reference = right_step(name, **(usual or ({"project": None} if name == "sgd_projected" else {})))
    return Entry(grade_id, tuple(checks), defines={name: reference}, title=title)


ENTRIES = [
    _entry("sgd", "sgd", 1.5, "Gradient descent"),
    _entry("momentum", "momentum", 3.0, "Momentum"),
    _entry("nesterov", "nesterov", 3.0, "Nesterov's momentum"),
    _entry("adagrad", "adagrad", 2.5, "Adagrad"),
    _entry("adadelta", "adadelta", 3.0, "Adadelta"),
    _entry("rmsprop", "rmsprop", 2.5, "RMSprop"),
    _entry("adam", "adam", 4.0, "Adam"),
    _entry("adamw", "adamw", 3.5, "AdamW"),
    _entry("sgd-projected", "sgd_projected", 2.0, "Projected gradient descent"),
]
