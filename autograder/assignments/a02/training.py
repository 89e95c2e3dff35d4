"""Entries of assignment A02 for numeric_grad and gradcheck_report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from autograder.checks import misconceptions
from autograder.checks.entry import Check, Entry, Finding, StudentError, Trial
from autograder.checks.kinds import pure_check
from autograder.checks.lent import Sent
from autograder.checks.values import as_array, compare
from course.toolbox.seeds import distinct_primes

from .descent import known_slip

__all__ = ["ENTRIES"]

# --- numeric_grad -----------------------------------------------------------------------------------------------------


def _bumpy(shape: tuple[int, ...], rng: np.random.Generator) -> Callable[[Any], float]:
    """f(x) = Σ c_i x_i³ + Σ x_i x_{i+1}: curved, and every entry's slope depends on its neighbour."""
    return Sent(_bumpy_value, c=rng.uniform(0.5, 2.0, shape))


def _bumpy_value(x: Any, c: np.ndarray) -> float:
    x = np.asarray(x, float)
    if x.shape != c.shape:
        raise ValueError(f"f takes the whole array of shape {c.shape} and was called with shape {x.shape}")
    flat = x.ravel()
    return float(np.sum(c * x**3) + np.sum(flat[1:] * flat[:-1]))


def _stencil(f: Callable[[Any], float], x: Any, forth: Any, back: Any, by: Any) -> np.ndarray:
    """(f(x + forth e_i) - f(x - back e_i)) / by for every unit vector e_i; numbers, or arrays with one of each entry."""
    x = np.asarray(x, float)
    basis = np.eye(x.size).reshape(x.size, *x.shape)
    return np.array([(f(x + forth * e) - f(x - back * e)) / np.sum(by * e) for e in basis]).reshape(x.shape)


def _central(f: Callable[[Any], float], x: Any, h: Any = 1e-5) -> np.ndarray:
    return _stencil(f, x, h, h, 2 * h)


def _relative(got: Any, f: Callable[[Any], float], x: np.ndarray, h: float) -> bool:
    """Whether the steps are relative to the size of each entry: that is as good."""
    steps = (h * np.maximum(1.0, np.abs(x)), h * (1.0 + np.abs(x)))
    return any(compare("", got, _central(f, x, s), rtol=1e-9) is None for s in steps)


def _not_restored(f: Callable[[Any], float], x: np.ndarray, h: float) -> np.ndarray:
    """What comes out when every entry stays at x_i - h after its turn."""
    x, grad = x.copy(), np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        grad[i] = (f(up) - f(down)) / (2 * h)
        x = down
    return grad


_SLIPS: tuple[tuple[str, tuple[str, ...], Callable[..., Any]], ...] = (
    (
        "numeric_grad takes one-sided differences, (f(x + h) - f(x)) / h: their error shrinks like h, that of central "
        "differences like h².",
        ("M54",),
        lambda f, x, h: _stencil(f, x, h, 0.0, h),
    ),
    (
        "numeric_grad takes one-sided differences, (f(x) - f(x - h)) / h: their error shrinks like h, that of central "
        "differences like h².",
        ("M54",),
        lambda f, x, h: _stencil(f, x, 0.0, h, h),
    ),
    (
        "The result is 2 × the right one: the two points are 2h apart, so the difference is divided by 2h.",
        ("M54", "M03"),
        lambda f, x, h: 2 * _central(f, x, h),
    ),
    (
        "The result is ½ × the right one: f is differenced over h only, but divided by 2h.",
        ("M54", "M03"),
        lambda f, x, h: _stencil(f, x, h, 0.0, 2 * h),
    ),
    ("The sign is wrong: it is f(x + h) - f(x - h).", ("M01",), lambda f, x, h: -_central(f, x, h)),
    (
        "The step h that was passed is not used: the result is that of another step.",
        ("M54",),
        lambda f, x, h: _central(f, x, 1e-5),
    ),
    (
        "An entry is not put back before the next one has its turn: only one entry at a time may differ from x.",
        ("M54",),
        _not_restored,
    ),
    (
        "All entries are moved at once: move one entry, keep the others.",
        ("M54",),
        lambda f, x, h: np.full(x.shape, (f(x + h) - f(x - h)) / (2 * h)),
    ),
)


def _numeric_grad_values(trial: Trial) -> None:
    slip: Callable[..., Any] | None = _central
    for shape in ((3,), (2, 3), (2, 1, 2), (1,)):
        x = trial.rng.uniform(-1.0, 1.0, shape)  # a step relative to max(1, |x|) is as good
        f = _bumpy(shape, trial.rng)
        h = float(trial.rng.uniform(0.05, 0.2))
        got = trial.call("numeric_grad", f, x, h)
        bad = compare("the gradient", got, _central(f, x, h), rtol=1e-9)
        if bad is not None and not _relative(got, f, x, h):
            line = trial.line_of("numeric_grad", (f, x, h), got)
            known = [s for s in _SLIPS if compare("", got, s[2](f, x, h), rtol=1e-9) is None]
            text, ids, slip = known[0] if known else (bad.text, (), None)
            trial.fail(
                known_slip(text, ids, bad.evidence, line=line, errors=bad.errors),
                aspect="central differences",
            )
            break
    f, x = _bumpy((5,), trial.rng), trial.rng.uniform(-1.0, 1.0, 5)
    small = trial.call("numeric_grad", f, x)
    # a formula that was charged above is not charged again, when it comes with the right step
    want = slip(f, x, 1e-5) if slip is not None else _central(f, x, 1e-5)
    if (bad := compare("With the default step the gradient", small, want, rtol=2e-9)) is not None:
        trial.fail(known_slip(bad.text, ("M54",), bad.evidence), aspect="default step")


def _numeric_grad_integers(trial: Trial) -> None:
    x = trial.rng.integers(-3, 4, size=(2, 2))
    f = _bumpy((2, 2), trial.rng)
    got = trial.call("numeric_grad", f, x)
    if (bad := compare("the gradient", got, _central(f, x), rtol=1e-3)) is None:
        return
    floats = trial.call("numeric_grad", f, x.astype(float))
    if any(
        all(compare("", value, slip(f, x.astype(float), 1e-5), rtol=1e-3) is None for value in (got, floats))
        for *_, slip in _SLIPS
    ):
        return  # a formula that is wrong with floats as well is charged above
    array, usual = as_array(got), as_array(floats)
    whole = array is not None and np.all((array == np.round(array)) | (np.abs(array) > 1e3))
    if whole and (usual is None or compare("", got, usual, rtol=1e-3) is not None):
        text = "With an array of integers the gradient is wrong: h, or the result, is rounded to whole numbers. Make a float copy first."
        hints = misconceptions.get("M26").hint(q="the gradient")
        trial.fail(Finding(text, ("M26", "M54"), bad.evidence, hints=hints))
    else:
        trial.fail(Finding(f"With an array of integers: {bad.text}", (), bad.evidence))


# --- gradcheck_report -------------------------------------------------------------------------------------------------


def _scaled_loss(scale: float, params: Mapping[str, Any]) -> Callable[[Any], float]:
    """A smooth loss of a dict of arrays; "unused" does not enter."""
    return Sent(_loss_value, scale=scale, names=sorted(params))


def _loss_value(p: Any, scale: float, names: list[str]) -> float:
    if not isinstance(p, dict) or set(p) != set(names):
        raise ValueError(f"f takes a dict with the keys {', '.join(names)}")
    total = 0.0
    for k, name in enumerate(names):
        if name != "unused":
            x = np.asarray(p[name], float)
            total += float(np.sum(np.sin(x + k)) + 0.5 * np.sum(x * x))
    return scale * total


def _scaled_grads(scale: float, params: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The exact gradient of `_scaled_loss`."""
    order = sorted(params)
    return {
        name: np.zeros_like(x) if name == "unused" else scale * (np.cos(x + order.index(name)) + x)
        for name, x in params.items()
    }


def _draw_params(rng: np.random.Generator) -> dict[str, np.ndarray]:
    D, M = distinct_primes(rng, 2, high=3)
    # values of size 1 to 2 keep every slope far from 0, so that 1 % of it is visible
    params = {"W1": (D, M), "b1": (M,), "unused": (2,)}
    return {
        name: rng.uniform(1.0, 2.0, shape) * rng.choice([-1.0, 1.0], shape) for name, shape in params.items()
    }


def _report(trial: Trial, scale: float, params: Any, grads: Any) -> dict[str, float]:
    report = trial.call("gradcheck_report", _scaled_loss(scale, params), params, grads)
    if not isinstance(report, dict) or set(report) != set(params):
        raise StudentError(
            f"gradcheck_report should return a dict with the keys of params: {', '.join(params)}.",
            kind="failed",
        )
    errors = {}
    for name, error in report.items():
        if np.ndim(error) != 0 or not isinstance(error, int | float | np.number):
            raise StudentError(f"gradcheck_report[{name!r}] should be one number.", kind="failed")
        errors[name] = float(error)
    return errors


def _gradcheck_report(trial: Trial) -> None:
    params = _draw_params(trial.rng)
    for scale in (1.0, 1e-6, 1e6):
        grads = _scaled_grads(scale, params)
        size = "" if scale == 1.0 else f" for gradients of size {scale:g}"
        errors = _report(trial, scale, params, grads)
        used = {name: e for name, e in errors.items() if name != "unused"}
        if not all(abs(e) < 1e-5 for e in used.values()):
            text = (
                f"A right gradient gets an error of {max(used.values()):.2g}{size}: it should be below 1e-5."
            )
            if scale > 1:
                text += " Divide by the size of the gradients: only relative errors are comparable."
            trial.fail(known_slip(text, ("M55",) if scale > 1 else ()), aspect="right gradients")
        if errors["unused"] != 0.0:
            text = f"Where both gradients are all 0 the error should be 0, and is {errors['unused']}: 0/0 has to be avoided."
            trial.fail(text, aspect="zero and zero")
        wrong = {name: g.copy() for name, g in grads.items()}
        for name in used:
            wrong[name].flat[np.argmax(np.abs(wrong[name]))] *= 1.01
        errors = _report(trial, scale, params, wrong)
        for error in (errors[name] for name in used):
            if not error > 1e-3:
                text = f"The largest entry of a gradient is wrong by 1 %, and the error is only {error:.2g}{size}."
                text += " An absolute error is small when the gradients are small." if scale < 1 else ""
                trial.fail(known_slip(text, ("M55",) if scale < 1 else ()), aspect="wrong gradients")


def _with_entry(f: Any, params: Any, name: str, x: Any) -> float:
    return float(f({**params, name: x}))


def _gradcheck_reference(f: Any, params: Any, grads: Any) -> dict[str, float]:
    report = {}
    for name, g in grads.items():
        n = _central(partial(_with_entry, f, params, name), params[name])
        top = max(np.max(np.abs(g)), np.max(np.abs(n)))
        report[name] = float(np.max(np.abs(g - n)) / top) if top > 0 else 0.0
    return report


ENTRIES = [
    Entry(
        "numeric-grad",
        (
            pure_check({"central differences": 1.5, "default step": 0.5}, _numeric_grad_values, 0.5),
            Check({"integer x": 0.5}, _numeric_grad_integers),
        ),
        defines={"numeric_grad": _central},
        title="Numerical gradient",
    ),
    Entry(
        "gradcheck-report",
        (
            pure_check(
                {"right gradients": 1.0, "wrong gradients": 1.0, "zero and zero": 0.5},
                _gradcheck_report,
                0.5,
                draws=1,
            ),
        ),
        defines={"gradcheck_report": _gradcheck_reference},
        title="Gradient check",
    ),
]
