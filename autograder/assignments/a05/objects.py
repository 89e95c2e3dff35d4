"""Classes with parameters, of the student's, as plain functions: the parameters come first, then the method's arguments.

Kind          a class: its constructor, its parameters, its methods
on_objects    a check of those functions, run on objects of the class
parameters    the check of the constructor
own_loss      the check of the loss: right, or right for the student's own scores
calls_again   the check that an object gives the same gradients once more, and keeps its parameters
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from autograder.checks import misconceptions
from autograder.checks.entry import Check, Finding, Reply, StudentError, Subject, Trial
from autograder.checks.explain import explain_forward
from autograder.checks.kinds import INSTANCES, courtesy, explained, pick_first
from autograder.checks.linetrace import record_lines
from autograder.checks.local import LocalSubject
from autograder.checks.objects import call_method, theirs
from autograder.checks.pairs import Pair
from autograder.checks.protocol import copied
from autograder.checks.tape import record
from autograder.checks.values import Mismatch, as_array, compare

__all__ = [
    "Kind",
    "Slip",
    "calls_again",
    "find_slip",
    "loss_of",
    "loss_pair",
    "make",
    "on_objects",
    "own_loss",
    "parameters",
]


Args = dict[str, Any]


@dataclass(frozen=True)
class Slip:
    """A wrong forward pass, as a tape model: gradients that are right for it keep their points."""

    ids: tuple[str, ...]
    text: str
    model: Callable[..., Any]


@dataclass(frozen=True)
class Kind:
    """A class of the student's with `.params`.

    letters  what the constructor takes before rng: "V, C, d, H, K"
    sizes    a dict of parameters -> those numbers
    shapes   those numbers -> dict name -> shape
    methods  method -> names of its arguments among the drawn ones
    """

    name: str
    letters: str
    sizes: Callable[[Mapping[str, Any]], tuple[int, ...]]
    shapes: Callable[..., dict[str, tuple[int, ...]]]
    methods: Mapping[str, tuple[str, ...]]

    def of(self, method: str) -> str:
        """The name of a method as a function."""
        return f"{self.name}.{method}"

    @property
    def grads(self) -> str:
        """The function that gives the gradients that loss_and_grads returned."""
        return f"the gradients of {self.name}"

    def draw(self, rng: np.random.Generator, *sizes: int) -> dict[str, np.ndarray]:
        """Parameters of ordinary size, biases too."""
        return {
            name: rng.normal(size=shape)
            * (0.5 if len(shape) == 1 else 1.0 if name.endswith("E") else shape[0] ** -0.5)
            for name, shape in self.shapes(*sizes).items()
        }


def make(subject: Subject, kind: Kind, params: Mapping[str, Any]) -> Any:
    """A fresh object of the student's, of the right sizes and with these parameters. Raises: StudentError."""
    reply = subject.call(kind.name, (*kind.sizes(params), np.random.default_rng(0)), {})
    if reply.error is not None:
        raise reply.error
    with theirs(kind.name):
        reply.value.params = {name: a.copy() for name, a in params.items()}
    return reply.value


class _AsFunctions:
    """A subject in which the methods of a class are functions."""

    def __init__(self, base: Subject, kind: Kind) -> None:
        self.base, self.kind = base, kind

    def call(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Reply:
        if name == self.kind.grads:
            return Reply(args[1])
        method = name.removeprefix(f"{self.kind.name}.")
        if method == name or method not in self.kind.methods:
            return self.base.call(name, args, kwargs)
        params, *rest = args
        try:
            thing = make(self.base, self.kind, params)
            reply = call_method(thing, method, *rest)
            with theirs(self.kind.name):
                kept = dict(thing.params)
        except StudentError as error:
            return Reply(error=error)
        changed = tuple(
            f"{self.kind.name}.params[{name!r}]"
            for name, a in params.items()
            if isinstance(kept.get(name), np.ndarray) and not np.array_equal(kept[name], a)
        )
        if reply.changed and not changed:
            changed = (" or ".join(self.kind.methods[method][: len(rest)]),)
        return replace(reply, changed=changed)

    def call_many(self, name: str, calls: Sequence[Sequence[Any]]) -> list[Reply]:
        return [self.call(name, args, {}) for args in calls]

    def trace(self, name: str, args: Sequence[Any]) -> list[tuple[int, str, Any]]:
        if name != self.kind.grads or not isinstance(self.base, LocalSubject):
            return []
        try:
            drawn: Args = args[2]
            function = make(self.base, self.kind, drawn["params"]).loss_and_grads
            return record_lines(
                function, [copied(drawn[k]) for k in self.kind.methods["loss_and_grads"] if k in drawn]
            )[1]
        except Exception:  # an object that fails is reported by the check itself
            return []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.base, name)


def on_objects(check: Check, kind: Kind) -> Check:
    """A check of the functions of a kind, run on objects of the student's."""

    def run(trial: Trial) -> None:
        subject: Any = _AsFunctions(trial.subject, kind)
        check.run(trial.seen_as(subject))

    return replace(check, run=run)


def _split(kind: Kind, result: Any) -> tuple[Any, Any]:
    """(loss, grads) of what loss_and_grads returns."""
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise StudentError(f"{kind.of('loss_and_grads')} should return (loss, grads).", kind="failed")
    return result[0], result[1]


def _as_dict(grads: Any) -> Mapping[str, Any]:
    if not isinstance(grads, dict):
        raise StudentError(
            f"The gradients should be a dict, and are a {type(grads).__name__}.", kind="failed"
        )
    return grads


def loss_pair(kind: Kind, model: Callable[..., Any], sample: Callable[..., Args]) -> Pair:
    """loss_and_grads as a pair: the loss is the forward pass, the dict of gradients what comes back."""

    return Pair(
        kind.of("loss_and_grads"),
        kind.grads,
        model,
        sample,
        lambda args: tuple(args["params"]),
        split=partial(_split, kind),
        back=lambda dout, cache, args: (dout, cache, args),
        takes=_as_dict,
        loss=True,
    )


def parameters(kind: Kind, sizes: Sequence[int], matrix: str) -> Callable[[Trial], None]:
    """The constructor draws parameters of the right names, shapes and kind, from the generator that it is given.

    sizes   different numbers, handed to the constructor in random order
    matrix  a parameter that has to be drawn
    """

    def run(trial: Trial) -> None:
        numbers = [int(n) for n in trial.rng.permutation(sizes)]
        want = kind.shapes(*numbers)
        seed = int(trial.rng.integers(2**32))
        drawn = []
        for start in (seed, seed, seed + 1):
            thing = trial.call(kind.name, *numbers, np.random.default_rng(start))
            with theirs(kind.name):
                params = getattr(thing, "params", None)
            if not isinstance(params, dict) or set(params) != set(want):
                trial.fail(
                    f"{kind.name}({kind.letters}, rng).params should be a dict with the keys {', '.join(want)}."
                )
                return
            for name, shape in want.items():
                array = as_array(params[name])
                if array is None or array.shape != shape:
                    found = "no array" if array is None else f"of shape {array.shape}"
                    given = ", ".join(f"{a} = {n}" for a, n in zip(kind.letters.split(", "), numbers))
                    trial.fail(f"With {given} params[{name!r}] is {found}, expected {shape}.")
                    return
                if array.dtype.kind != "f" or not np.all(np.isfinite(array)):
                    trial.fail(f"params[{name!r}] should hold finite floats.")
                    return
            drawn.append({name: np.array(a) for name, a in params.items()})
        if not all(np.array_equal(drawn[0][n], drawn[1][n]) for n in want):
            trial.fail(
                "Two objects made with generators of the same seed have different parameters: draw from rng only."
            )
        elif np.array_equal(drawn[0][matrix], drawn[2][matrix]):
            trial.fail(
                f"Two objects made with different generators have the same {matrix}: draw it from rng."
            )

    return run


def loss_of(trial: Trial, pair: Pair, case: Mapping[str, Any]) -> tuple[Args, Any]:
    """Drawn arguments and the student's loss."""
    args = pair.sample(trial.rng, **case)
    result = trial.call(pair.forward, *args.values())
    return args, pick_first(result) if pair.split is None else pair.split(result)[0]


def find_slip(slips: Sequence[Slip], tried: Sequence[tuple[Args, Any]]) -> Slip | None:
    """The slip that gives all of these results."""
    for slip in slips:
        if all(compare("", got, record(slip.model, args).out) is None for args, got in tried):
            return slip
    return None


def own_loss(
    pair: Pair,
    kind: Kind,
    of_scores: Callable[[Any, Args], float],
    cases: Sequence[Mapping[str, Any]] = ({},),
    slips: Sequence[Slip] = (),
) -> Callable[[Trial], None]:
    """The loss is right, or right for the scores that the student's own forward gives: those are charged elsewhere.

    A case with `shift` moves all scores by so much that e^score overflows: the loss has to be finite, no more.
    """

    def is_own(trial: Trial, args: Args, got: Any) -> bool:
        """Whether the loss is that of the scores of the student's own forward."""
        if "forward" not in kind.methods:
            return False
        rest = [args[name] for name in kind.methods["forward"]]
        scores = as_array(trial.call(kind.of("forward"), args["params"], *rest))
        try:
            return compare("", got, of_scores(scores, args)) is None
        except Exception:  # scores of a strange shape
            return False

    def finding(trial: Trial, case: Mapping[str, Any], first: tuple[Args, Any], bad: Mismatch) -> Finding:
        plain = Finding(bad.text, (), bad.evidence)
        if not trial.explain:
            return plain
        tried = [first, *(loss_of(trial, pair, case) for _ in range(INSTANCES - 1))]
        slip = find_slip(slips, tried)
        if slip is not None:
            hints = misconceptions.hints(slip.ids, "the loss")
            return Finding(slip.text, slip.ids, bad.evidence, hints=hints)
        return explained(plain, courtesy(lambda: explain_forward(pair.model, tried)))

    def run(trial: Trial) -> None:
        for case in cases:
            args, got = loss_of(trial, pair, case)
            bad = compare("the loss", got, record(pair.model, args).out)
            if "shift" in case:
                array = as_array(got)
                if array is not None and array.dtype.kind == "f" and not np.all(np.isfinite(array)):
                    text = f"the loss is {array} when the scores are large: the largest of a row is subtracted before exp."
                    hints = misconceptions.get("M23").hint(q="the loss")
                    trial.fail(Finding(text, ("M23",), hints=hints))
                continue
            if bad is not None and not is_own(trial, args, got):
                trial.fail(finding(trial, case, (args, got), bad))
                return

    return run


def calls_again(kind: Kind, pair: Pair) -> Callable[[Trial], None]:
    """Two calls of loss_and_grads on one object give the same gradients, and leave its parameters as they are."""

    def run(trial: Trial) -> None:
        args = pair.sample(trial.rng)
        thing = make(trial.subject, kind, args["params"])
        replies = [
            call_method(thing, "loss_and_grads", *(args[name] for name in kind.methods["loss_and_grads"]))
            for _ in range(2)
        ]
        if (error := next((r.error for r in replies if r.error is not None), None)) is not None:
            raise error
        with theirs(kind.name):
            now = dict(thing.params)
        if compare("", {name: now.get(name) for name in args["params"]}, args["params"]) is not None:
            text = f"{kind.of('loss_and_grads')} changes the parameters of the object: the step is the optimiser's."
            trial.fail(Finding(text, ("M17",), hints=misconceptions.get("M17").hint(q="params")))
            return
        first, second = (_as_dict(_split(kind, r.value)[1]) for r in replies)
        known = {
            name: a for name, g in first.items() if name in args["params"] and (a := as_array(g)) is not None
        }
        if not any(np.any(a) for a in known.values()):
            trial.fail("Not looked at as long as all gradients are 0.")
            return
        off = [name for name in known if compare("", second.get(name), known[name]) is not None]
        if not off:
            return
        if all(compare("", second.get(name), 2.0 * known[name]) is None for name in off):
            text = "A second call on the same object returns the sum of both calls: the gradients start from 0 each time."
            trial.fail(Finding(text, ("M16",), hints=misconceptions.get("M16").hint(q="the gradients")))
        else:
            trial.fail(
                f"Two calls of {kind.of('loss_and_grads')} with the same arguments give different gradients."
            )

    return run
