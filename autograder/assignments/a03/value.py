"""Entry of assignment A03 for the class Value: operators that remember, and backward."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from autograder.checks import misconceptions
from autograder.checks.entry import Check, Entry, Finding, StudentError, Trial
from autograder.checks.explain import explain_arrays, explain_forward
from autograder.checks.kinds import INSTANCES, courtesy, explained
from autograder.checks.objects import kind_of, theirs
from autograder.checks.tape import record
from autograder.checks.values import compare
from course.toolbox.seeds import distinct_primes

__all__ = ["ENTRIES"]

Formula = Callable[
    ..., Any
]  # formula(o, **values); o.tanh(x) is ops.tanh(x) on the tape and x.tanh() on values


class _OnValues:
    """The functions of the tape, on values of the student's."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda x, *args, **named: getattr(x, name)(*args, **named)


# --- formulas: a, c (N, D), b (N, D) > 0, v (D,), W (D, M) ------------------------------------------------------------

_OPERATORS: dict[str, Formula] = {
    "a + b": lambda o, a, b: a + b,
    "a - b": lambda o, a, b: a - b,
    "a * b": lambda o, a, b: a * b,
    "a / b": lambda o, a, b: a / b,
    "a @ W": lambda o, a, W: a @ W,
    "b ** 3": lambda o, b: b**3,
    "b ** -0.5": lambda o, b: b**-0.5,
    "a.exp()": lambda o, a: o.exp(a),
    "b.log()": lambda o, b: o.log(b),
    "a.tanh()": lambda o, a: o.tanh(a),
    "a.relu()": lambda o, a: o.relu(a),
    "a.sum()": lambda o, a: o.sum(a),
    "a.sum(axis=0)": lambda o, a: o.sum(a, axis=0),
    "a.sum(axis=1)": lambda o, a: o.sum(a, axis=1),
}


def _used_often(o: Any, a: Any, b: Any) -> Any:
    c = a * b
    d = o.tanh(c)
    e = d * c
    return o.sum(e * c + d)


def _layer(o: Any, a: Any, W: Any, u: Any) -> Any:
    z = a @ W + u
    h = o.tanh(z)
    return o.sum(h * h)


def _row(o: Any, a: Any, v: Any) -> Any:
    return o.sum((a * v + v) ** 2)


_FORMULAS: dict[str, Formula] = {
    "an array of results": lambda o, a, b: o.exp(a) / b - a,
    "a value used often": _used_often,
    "a layer": _layer,
    "a row that is broadcast": _row,
}
_MIXED: dict[str, Callable[[Any, Any], Any]] = {
    "2 + a": lambda a, x: 2 + a,
    "a + 2": lambda a, x: a + 2,
    "2 - a": lambda a, x: 2 - a,
    "a - 2": lambda a, x: a - 2,
    "3 * a": lambda a, x: 3 * a,
    "a * 3": lambda a, x: a * 3,
    "2 / a": lambda a, x: 2 / a,
    "a / 2": lambda a, x: a / 2,
    "x + a": lambda a, x: x + a,
    "x - a": lambda a, x: x - a,
    "x * a": lambda a, x: x * a,
    "x / a": lambda a, x: x / a,
    "a * x": lambda a, x: a * x,
    "x.T @ a": lambda a, x: x.T @ a,
    "a @ x.T": lambda a, x: a @ x.T,
    "-a": lambda a, x: -1 * a,
}


def _draw(rng: np.random.Generator) -> dict[str, Any]:
    n, d, m = distinct_primes(rng, 3, high=7)
    away = lambda *shape: rng.uniform(0.3, 1.5, shape) * rng.choice([-1.0, 1.0], shape)
    return {"a": away(n, d), "b": rng.uniform(0.5, 2.0, (n, d)), "v": away(d), "W": away(d, m), "u": away(m)}


def _arguments(formula: Formula, everything: Mapping[str, Any]) -> dict[str, Any]:
    names = formula.__code__.co_varnames[1 : formula.__code__.co_argcount]
    return {n: everything[n] for n in names}


def _grads(trial: Trial, formula: Formula, args: Mapping[str, Any], calls: int = 1) -> dict[str, Any]:
    """The student's gradients after some calls of backward."""
    made = {n: trial.call("Value", v.copy()) for n, v in args.items()}
    with theirs("Value"):
        out = formula(_OnValues(), **made)
        for _ in range(calls):
            out.backward()
        return {n: v.grad for n, v in made.items()}


def _data(trial: Trial) -> None:
    everything = _draw(trial.rng)
    for text, formula in _OPERATORS.items():
        args = _arguments(formula, everything)
        got = _computed(trial, text, formula, args)
        if (bad := compare(f"({text}).data", got, record(formula, args).out)) is None:
            continue
        finding = Finding(bad.text, (), bad.evidence)
        if trial.explain:
            more = [_arguments(formula, _draw(trial.rng)) for _ in range(INSTANCES - 1)]
            instances = [(args, got), *((a, _computed(trial, text, formula, a)) for a in more)]
            why = courtesy(partial(explain_forward, formula, instances))
            finding = explained(finding, why)
        trial.fail(finding)
        return


def _computed(trial: Trial, text: str, formula: Formula, args: Mapping[str, Any]) -> Any:
    made = {n: trial.call("Value", v.copy()) for n, v in args.items()}
    with theirs(text):
        return formula(_OnValues(), **made).data


def _operators(trial: Trial) -> None:
    everything = _draw(trial.rng)
    _explained(trial, _OPERATORS, everything)


def _formulas(trial: Trial) -> None:
    _explained(trial, _FORMULAS, _draw(trial.rng))


def _explained(trial: Trial, formulas: Mapping[str, Formula], everything: Mapping[str, Any]) -> None:
    for text, formula in formulas.items():
        args = _arguments(formula, everything)
        tape = record(formula, args, tuple(args))
        ones = np.ones(np.shape(tape.out))
        got, truth = _grads(trial, formula, args), tape.backward(ones)
        for w in args:
            bad = compare(f"With {text}: {w}.grad", got[w], truth[w])
            if bad is None:
                continue
            finding = Finding(bad.text, (), bad.evidence, errors=bad.errors)
            trial.fail(explained(finding, _why(trial, formula, args, got) if trial.explain else None))
            return


def _why(trial: Trial, formula: Formula, args: Mapping[str, Any], got: Mapping[str, Any]) -> Any:
    tried = [(args, got)]
    try:
        for _ in range(INSTANCES - 1):
            more = _arguments(formula, _draw(trial.rng))
            tried.append((more, _grads(trial, formula, more)))
    except StudentError:
        return None
    instances = [(a, np.ones(np.shape(record(formula, a).out)), dict(g)) for a, g in tried]
    return courtesy(lambda: explain_arrays(formula, tuple(args), instances))


def _mixed(trial: Trial) -> None:
    everything = _draw(trial.rng)
    a, x = everything["b"], everything["a"]
    for text, formula in _MIXED.items():
        value = trial.call("Value", a.copy())
        with theirs(text):
            out = formula(value, x)
            if kind_of(out) in ("ndarray", "RemoteObject"):
                why = (
                    f"{text}, with an array x, gives an array of objects: NumPy takes the Value apart entry by entry. "
                    "Write __array_ufunc__ = None into the class; then NumPy leaves the operator to Value."
                )
                raise StudentError(why, kind="failed")
            data = out.data
            out.backward()
            grad = value.grad
        model = lambda ops, a, formula=formula: formula(a, x)
        tape = record(model, {"a": a}, ("a",))
        if trial.expect_close(f"({text}).data", data, tape.out) is not None:
            return
        if (
            trial.expect_close(f"With {text}: a.grad", grad, tape.backward(np.ones(np.shape(tape.out)))["a"])
            is not None
        ):
            return


def _accumulated(trial: Trial) -> None:
    args = _arguments(_used_often, _draw(trial.rng))
    fresh = trial.call("Value", args["a"].copy())
    with theirs("Value"):
        trial.expect_close("Before backward a.grad", fresh.grad, np.zeros(args["a"].shape))
    once, twice = (_grads(trial, _used_often, args, calls) for calls in (1, 2))
    for w in args:
        first = np.asarray(once[w], dtype=float)
        if not np.any(first):
            trial.fail("Not looked at as long as backward sets no gradient.")
            return
        if (bad := compare(f"After two calls of backward {w}.grad", twice[w], 2 * first)) is not None:
            text = f"{bad.text} Every call adds the fresh gradient to .grad: the second one doubles it."
            trial.fail(
                Finding(text, ("M16",), bad.evidence, hints=misconceptions.get("M16").hint(q=f"{w}.grad"))
            )
            return


ENTRIES = [
    Entry(
        "value",
        (
            Check({"data": 1.0}, _data, draws=1),
            Check({"gradients of single operations": 1.0}, _operators, draws=1),
            Check({"gradients of formulas": 1.5}, _formulas),
            Check({"numbers and arrays on either side": 0.75}, _mixed, draws=1),
            Check({"zeros at first, then sums": 0.75}, _accumulated, draws=1),
        ),
        defines={"Value": None},
        title="Values with operators",
    ),
]
