"""Entry of assignment A03 for build_grad: gradients as graphs, so that they can be recomputed and differentiated.

What a graph of the student's computes is found out by going through its nodes: an operation with a name of the
assignment is computed by ours, from the settings that it keeps, and only further operations by their own `f`. So a
wrong `f` costs nothing here.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from autograder.checks.entry import Check, Entry, Finding, NotAnswered, StudentError, Trial
from autograder.checks.explain import explain_arrays
from autograder.checks.kinds import INSTANCES, courtesy, explained
from autograder.checks.objects import call_method, kind_of, theirs
from autograder.checks.tape import record
from autograder.checks.values import as_array, compare
from course.toolbox.seeds import distinct_primes

from . import models
from .graphs import topological

__all__ = ["ENTRIES"]

Formula = Callable[..., Any]  # formula(o, **leaves), where o("Add", x, y) applies an operation

FIRST, VALUES, SECOND, AGAIN, UNUSED = (
    "first derivatives", "values of the result", "second derivatives", "a leaf changes", "a leaf that is not used",
)  # fmt: skip


def _powers(o: Any, x: Any, y: Any) -> Any:
    cubes = o("Mul", o("Pow", x, 3), y)
    return o("Sum", o("Add", o("Add", cubes, o("Pow", y, 1)), o("Mul", x, x)))


def _network(o: Any, X: Any, W: Any, b: Any) -> Any:
    z = o("Add", o("MatMul", X, W), b)
    return o("Sum", o("Mul", o("Tanh", z), z))


def _functions(o: Any, x: Any, y: Any) -> Any:
    return o("Sum", o("Mul", o("Exp", o("Mul", x, y)), o("Log", y)))


def _axes(o: Any, X: Any, v: Any) -> Any:
    columns = o("Sum", o("Mul", X, X), 0)
    wide = o("Broadcast", o("Mul", columns, v), np.shape(_value(X)))
    return o("Sum", o("Mul", o("ReLU", X), wide))


def _value(x: Any) -> Any:
    return x.value if hasattr(x, "value") else x


def _draw(formula: Formula, rng: np.random.Generator) -> dict[str, Any]:
    n, d, m = distinct_primes(rng, 3, high=5)
    away = lambda *shape: rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape)
    if formula is _network:
        return {"X": away(n, d), "W": away(d, m), "b": away(m)}
    if formula is _axes:
        return {"X": away(n, d), "v": away(d)}
    return {"x": away(n, d), "y": rng.uniform(0.5, 1.5, (n, d))}


def _model(formula: Formula) -> Formula:
    """The formula as a tape model."""
    return lambda ops, **leaves: formula(lambda name, *xs: models.OPERATIONS[name][0](ops, *xs), **leaves)


class _Built:
    """A formula as a graph of the student's operations, with values."""

    def __init__(self, trial: Trial, formula: Formula) -> None:
        self.trial, self.formula = trial, formula
        self.args = _draw(formula, trial.rng)
        self.leaves = {w: self.node(None, (), v.copy(), w) for w, v in self.args.items()}
        self.out = formula(self.apply, **self.leaves)

    def node(self, op: Any, inputs: tuple[Any, ...], value: Any, name: str = "") -> Any:
        return self.trial.call("Node", op, inputs, value, name)

    def apply(self, name: str, *xs: Any) -> Any:
        """A node for an operation; its value is ours."""
        model, inputs = models.OPERATIONS[name]
        parents, settings = xs[: len(inputs)], xs[len(inputs) :]
        value = model(_tape_ops(), *(np.asarray(x.value) for x in parents), *settings)
        return self.node(self.trial.call(name, *settings), parents, _value(value))

    def grads(self, out: Any, wrt: Mapping[str, Any]) -> dict[str, Any]:
        """What build_grad returns for `out`, by name."""
        got = self.trial.call("build_grad", out, list(wrt.values()))
        if not isinstance(got, list | tuple) or len(got) != len(wrt):
            text = f"build_grad should return a list of {len(wrt)} nodes, one for each of wrt"
            found = f"{len(got)} items" if isinstance(got, list | tuple) else f"a {type(got).__name__}"
            raise StudentError(f"{text}, and returns {found}.", kind="failed")
        return dict(zip(wrt, got))


def _tape_ops() -> Any:
    return record(lambda ops: ops.sum(np.zeros(1)), {}).ops


def _computed(node: Any) -> Any:
    """What a graph computes from the values of its leaves."""
    values: dict[Any, Any] = {}
    with theirs("A node of the result of build_grad"):
        for one in topological(node):
            xs = [values[x] for x in one.inputs]
            values[one] = _applied(one.op, xs) if one.op is not None else as_array(one.value)
            if values[one] is None:
                raise StudentError(
                    "A node in the result of build_grad has no numbers as its value.", kind="failed"
                )
    return values[node]


def _applied(op: Any, xs: list[Any]) -> Any:
    name = kind_of(op)
    if name in models.OPERATIONS:
        return _named(name, op, xs)
    reply = call_method(op, "f", *xs)
    if reply.error is not None:
        raise reply.error
    return as_array(reply.value)


def _named(name: str, op: Any, xs: list[Any]) -> Any:
    given = {s: getattr(op, s) for s in models.settings(name)}
    model, inputs = models.OPERATIONS[name]
    return np.asarray(record(model, {**dict(zip(inputs, xs)), **given}).out)


def _first(trial: Trial) -> None:
    for formula in (_powers, _network, _functions, _axes):
        built = _Built(trial, formula)
        got = built.grads(built.out, built.leaves)
        truth = record(_model(formula), built.args, tuple(built.args)).backward(1.0)
        numbers = {w: _computed(node) for w, node in got.items()}
        bad = {w: m for w in got if (m := compare(f"The gradient of {w}", numbers[w], truth[w])) is not None}
        gaps = {w: compare(f"The .value of the gradient of {w}", n.value, numbers[w]) for w, n in got.items()}
        told = [gap for gap in gaps.values() if gap is not None]
        for m in list(bad.values())[:1]:
            finding = Finding(m.text, (), m.evidence, errors=m.errors)
            # with wrong values a shape may have been read off a wrong value: no cause can be told
            why = _why(trial, built, numbers) if trial.explain and not told else None
            trial.fail(explained(finding, why), aspect=FIRST)
        for gap in told[:1]:
            trial.fail(
                Finding(f"{gap.text} The values of the new nodes are set, too.", (), gap.evidence),
                aspect=VALUES,
            )
        _recomputed(trial, built, got, spoilt=bool(bad))
    if any(aspect == FIRST for aspect, _ in trial.findings):
        trial.fail("Not looked at as long as gradients are wrong.", aspect=VALUES)


def _why(trial: Trial, built: _Built, numbers: Mapping[str, Any]) -> Any:
    instances = [(built.args, 1.0, dict(numbers))]
    try:
        for _ in range(INSTANCES - 1):
            other = _Built(trial, built.formula)
            more = {w: _computed(node) for w, node in other.grads(other.out, other.leaves).items()}
            instances.append((other.args, 1.0, more))
    except StudentError:
        return None
    return courtesy(lambda: explain_arrays(_model(built.formula), tuple(built.args), instances, loss=True))


def _recomputed(trial: Trial, built: _Built, got: Mapping[str, Any], spoilt: bool) -> None:
    """After a leaf has another value the graph of the gradient gives the gradient there."""
    if spoilt:
        trial.fail("Not looked at as long as gradients are wrong.", aspect=AGAIN)
        return
    args = {w: v * trial.rng.uniform(0.7, 1.3, v.shape) for w, v in built.args.items()}
    for w, leaf in built.leaves.items():
        leaf.value = args[w].copy()
    truth = record(_model(built.formula), args, tuple(args)).backward(1.0)
    for w, node in got.items():
        if compare("", _computed(node), truth[w]) is not None:
            text = (
                f"After the leaves have other values, the graph of the gradient of {w} gives a wrong gradient: "
                "it holds numbers where it needs the nodes of the graph."
            )
            trial.fail(text, aspect=AGAIN)


def _second(trial: Trial) -> None:
    for formula in (_powers, _network, _functions):
        built = _Built(trial, formula)
        for w, node in built.grads(built.out, built.leaves).items():
            number = _computed(node)
            right = record(_model(formula), built.args, tuple(built.args)).backward(1.0)[w]
            if compare("", number, right) is not None:
                trial.fail("Not looked at as long as first derivatives are wrong.")
                return
            total = built.node(trial.call("Sum"), (node,), float(np.sum(number)))
            again = built.grads(total, built.leaves)
            truth = _slopes(formula, built.args, w)
            for v, second in again.items():
                what = f"The gradient of {v} of the sum of the gradient of {w}"
                got = _computed(second)
                if (bad := compare(what, got, truth[v], rtol=1e-6)) is not None:
                    trial.fail(Finding(bad.text, (), bad.evidence))
                    return


def _slopes(formula: Formula, args: Mapping[str, Any], w: str, h: float = 1e-3) -> dict[str, Any]:
    """∂/∂v Σ (∂out/∂w) for every v: since derivatives commute, the slope of ∂out/∂v when all of w moves together."""

    def grads(t: float) -> dict[str, Any]:
        moved = {**args, w: args[w] + t}
        return record(_model(formula), moved, tuple(moved)).backward(1.0)

    def central(step: float) -> dict[str, Any]:
        up, down = grads(step), grads(-step)
        return {v: (up[v] - down[v]) / (2 * step) for v in up}

    wide, near = central(h), central(h / 2)
    return {v: (4 * near[v] - wide[v]) / 3 for v in wide}


def _unused(trial: Trial) -> None:
    built = _Built(trial, _powers)
    stranger = built.node(None, (), trial.rng.normal(size=(2, 3)), "stranger")
    node = built.grads(built.out, {**built.leaves, "stranger": stranger})["stranger"]
    with theirs("The gradient of a leaf that is not used"):
        trial.expect_close("The gradient of a leaf that is not used", _computed(node), np.zeros((2, 3)))
        trial.expect(node.op is None, "The gradient of a leaf that is not used should be a leaf of zeros.")


def _forgiving(run: Callable[[Trial], None]) -> Callable[[Trial], None]:
    """The check, tried once more with our `f` in the student's classes: a wrong `f` is charged where it is checked."""

    def attempt(trial: Trial, rng: np.random.Generator) -> tuple[Trial, Exception | None]:
        inner = trial.apart(rng)
        try:
            run(inner)
        except (StudentError, NotAnswered) as error:
            return inner, error
        return inner, None

    def guarded(trial: Trial) -> None:
        same = copy.deepcopy(trial.rng)
        tried, error = attempt(trial, trial.rng)
        if tried.findings or isinstance(error, StudentError):
            with _right_values(trial):
                again, other = attempt(trial, same)
            if other is None and (error is not None or len(again.findings) < len(tried.findings)):
                tried, error = again, other
        trial.findings += tried.findings
        if error is not None:
            raise error

    return guarded


@contextmanager
def _right_values(trial: Trial) -> Iterator[None]:
    """Inside: the students' operations of the assignment compute with our `f`."""
    before: list[tuple[Any, Any]] = []
    settings: dict[str, tuple[Any, ...]] = {"Pow": (2,), "Broadcast": ((1,),)}
    try:
        for name in USES:
            try:
                made = trial.call(name, *settings.get(name, ()))
            except (StudentError, NotAnswered):
                continue
            # a method can be put back as it was; what is no method, or is missing, is left alone
            if kind_of(getattr(made, "f", None)) == "method":
                kind = trial.get(name)
                before.append((kind, kind.f))
                kind.f = _our_f(name)
        yield
    finally:
        for kind, f in before:
            kind.f = f


def _our_f(name: str) -> Callable[..., Any]:
    def f(self: Any, *xs: Any) -> Any:
        return _named(name, self, list(xs))

    return f


USES = ("Add", "Mul", "MatMul", "Pow", "Exp", "Log", "ReLU", "Sum", "Broadcast")
ENTRIES = [
    Entry(
        "build-grad",
        (
            Check({FIRST: 2.0, VALUES: 0.5, AGAIN: 1.0}, _forgiving(_first)),
            Check({SECOND: 2.0}, _forgiving(_second)),
            Check({UNUSED: 0.5}, _forgiving(_unused), draws=1),
        ),
        defines={"build_grad": None},
        uses=USES,
        title="Gradients as graphs",
    ),
]
