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

Args = dict[str, Any]
Formula = Callable[
    ..., Any
]  # formula(o, **values); o.tanh(x) is ops.tanh(x) on the tape and x.tanh() on values


class _OnValues:
    """The functions of the tape, on values of the student's."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda x, *args, **named: getattr(x, name)(*args, **named)


# --- formulas: a, c (N, D), b (N, D) > 0, v (D,), W (D, M) ------------------------------------------------------------

WEIGHTS = "q"
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


def _early_and_late(o: Any, a: Any, b: Any) -> Any:
    c = a * b
    d = o.tanh(c)
    return o.sum(d + d * c * d)


_FORMULAS: dict[str, Formula] = {
    "an array of results": lambda o, a, b: o.exp(a) / b - a,
    "a value used often": _used_often,
    "a value used early and late": _early_and_late,
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


def _draw(rng: np.random.Generator, square: bool = False) -> Args:
    n, d, m = (3, 3, 3) if square else distinct_primes(rng, 3, high=7)
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
        # the gradient of the weights is the value of what they multiply, which is looked at elsewhere
        return {n: v.grad for n, v in made.items() if n != WEIGHTS}


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


def _weighted(formula: Formula) -> Formula:
    """The formula, multiplied by one more array q, so that other gradients than ones arrive at it."""

    def weighted(o: Any, **args: Any) -> Any:
        q = args.pop(WEIGHTS)
        return formula(o, **args) * q

    return weighted


def _drawn(formula: Formula, weighted: bool, rng: np.random.Generator, square: bool = False) -> Args:
    """Arguments of a formula, or of its weighted form."""
    args = _arguments(formula, _draw(rng, square))
    if not weighted:
        return args
    shape = np.shape(record(formula, args).out)
    return {WEIGHTS: rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape), **args}


def _operators(trial: Trial) -> None:
    """Every operation by itself: other gradients than ones tell more, ones need no product."""
    for text, formula in _OPERATORS.items():
        for shown, form in ((f"({text}) * q", _weighted(formula)), (text, formula)):
            _explained(trial, shown, form, partial(_drawn, formula, form is not formula))
            if trial.findings:
                return


def _formulas(trial: Trial) -> None:
    if _handed_on_early(trial):
        text = "The gradient of a value is handed on before all its uses have added theirs: go backwards through a topological order."
        trial.fail(Finding(text, ("M15",), hints=misconceptions.get("M15").hint(q="The gradient")))
        return
    for text, formula in _FORMULAS.items():
        _explained(trial, text, formula, partial(_drawn, formula, False))
        if trial.findings:
            return


def _handed_on_early(trial: Trial) -> bool:
    """Whether a value's own gradient is right, and what it handed on is what had arrived by then."""
    for _ in range(INSTANCES):
        args = _arguments(_early_and_late, _draw(trial.rng))
        a, b = (trial.call("Value", v.copy()) for v in args.values())
        with theirs("Value"):
            c = a * b
            d = c.tanh()
            (d + d * c * d).sum().backward()
            of_c, of_d = c.grad, d.grad
        x = args["a"] * args["b"]
        y = np.tanh(x)
        if compare("", of_d, 1 + 2 * x * y) is not None:
            return False
        # d gets 1 from the sum, and xy twice: from the last product, and through the first one
        arrived = (np.ones_like(x), x * y, 1 + x * y, 2 * x * y)
        if all(compare("", of_c, part * (1 - y * y) + y * y) is not None for part in arrived):
            return False
    return True


def _explained(trial: Trial, text: str, formula: Formula, draw: Callable[..., Args]) -> None:
    """The gradients of one formula, with an explanation of the first that is wrong; draw(rng, square) -> arguments."""
    try:
        finding = _wrong_gradient(trial, text, formula, draw, square=False)
    except StudentError as error:
        # shapes that clash hide a forgotten transpose
        known = _wrong_gradient(trial, text, formula, draw, square=True) if trial.explain else None
        if known is None or not known.ids:
            raise
        said = f"{error.text} With square matrices it runs, and there the mistake shows: {known.text}"
        finding = Finding(said, known.ids, "", error.line, known.hints, status="error")
    if finding is not None:
        trial.fail(finding)


def _wrong_gradient(
    trial: Trial, text: str, formula: Formula, draw: Callable[..., Args], square: bool
) -> Finding | None:
    tried = [_tried(trial, formula, draw(trial.rng, square))]
    args, got = tried[0]
    tape = record(formula, args, tuple(got))
    truth = tape.backward(np.ones(np.shape(tape.out)))
    bad = next((m for w in got if (m := compare(f"With {text}: {w}.grad", got[w], truth[w]))), None)
    if bad is None:
        return None
    finding = Finding(bad.text, (), bad.evidence, errors=bad.errors)
    if not trial.explain:
        return finding
    try:
        tried += [_tried(trial, formula, draw(trial.rng, square)) for _ in range(INSTANCES - 1)]
    except StudentError:
        return finding
    if all(_unweighted(formula, a, g) for a, g in tried):
        text = f"With {text}: the gradient that arrives at the operation is not used."
        return Finding(text, ("M13",), bad.evidence, hints=misconceptions.hints(("M13",), "The gradient"))
    instances = [(a, np.ones(np.shape(record(formula, a).out)), g) for a, g in tried]
    return explained(finding, courtesy(lambda: explain_arrays(formula, tuple(got), instances)))


def _unweighted(formula: Formula, args: Args, got: Mapping[str, Any]) -> bool:
    """Whether these are the gradients of somebody to whom the weights, which arrive from behind, mean nothing."""
    if WEIGHTS not in args:
        return False
    tape = record(formula, {**args, WEIGHTS: np.ones_like(args[WEIGHTS])}, tuple(got))
    return compare("", dict(got), tape.backward(np.ones(np.shape(tape.out)))) is None


def _tried(trial: Trial, formula: Formula, args: Args) -> tuple[Args, dict[str, Any]]:
    return args, _grads(trial, formula, args)


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
