"""Entries of assignment A03 for the operations: the value, the gradient of every input, arguments unchanged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from autograder.checks import misconceptions
from autograder.checks.entry import Check, Entry, Finding, Sampler, Trial
from autograder.checks.kinds import pick_first, values
from autograder.checks.pairs import Pair, gradients
from autograder.checks.tape import record
from autograder.checks.values import Mismatch, as_array, compare

from . import models
from .objects import TapeOp, through

__all__ = ["ENTRIES"]

Cases = Sequence[Mapping[str, Any]]


def _pair(name: str, sample: Sampler) -> Pair:
    model, inputs = models.OPERATIONS[name]
    back = lambda dout, op, args: (op, [args[w] for w in inputs], dout)
    return Pair(f"{name}.f", f"{name}.bprop", model, sample, inputs, back=back)


def _entry(
    grade_id: str,
    name: str,
    sample: Sampler,
    f: float,
    grads: Mapping[str, float],
    *,
    aspect_of: Callable[[str, models.Args], str] | None = None,
    cases: Cases = ({},),
    square: bool = True,
    more: Sequence[Check] = (),
) -> Entry:
    """The checks of one operation: `f` points for the value, `grads` for gradients, ¼ for arguments unchanged."""
    model, inputs = models.OPERATIONS[name]
    pair = _pair(name, sample)
    only = next(iter(grads))
    right = lambda **args: record(model, args).out
    value = values(
        f"{name}.f",
        sample,
        right,
        {"f": f},
        what=f"the value of {name}",
        takes=pick_first,
        models={"f": (model, lambda v: v)},
        cases=cases,
        square=square,
    )
    slopes = gradients(
        pair, grads, pure=0.25, aspect_of=aspect_of or (lambda w, args: only), cases=cases, square=square
    )
    checks = (through(value, name, len(inputs), pure="f"), through(slopes, name, len(inputs)), *more)

    def reference(*given: Any, **named: Any) -> TapeOp:
        return TapeOp(model, inputs, {**dict(zip(models.settings(name), given)), **named})

    return Entry(grade_id, checks, defines={name: reference}, title=f"Operation {name}")


def _size_of(w: str, args: models.Args) -> str:
    full = np.broadcast_shapes(*(np.shape(v) for v in args.values()))
    return "operands of full size" if np.shape(args[w]) == full else "broadcast operands"


def _at_zero(trial: Trial) -> None:
    """ReLU units that are off pass nothing on; exactly at 0 anything between 0 and G is right."""
    x = models.draw_x(trial.rng)["x"]
    x[0], x[:, 0] = 0.0, -1e3 * np.abs(x[:, 0]) - 1.0
    G = trial.rng.normal(size=x.shape)
    op = trial.call("ReLU.f", x)[1]
    got = as_array(trial.call("ReLU.bprop", op, [x], G)[0])
    want = np.where(x > 0, G, 0.0)
    if got is not None and got.shape == x.shape:
        between = (x == 0) & (got >= np.minimum(0.0, G)) & (got <= np.maximum(0.0, G))
        want = np.where(between, got, want)
    trial.expect_close("Where x is 0 or a unit is off: the gradient", got, want)


def _ties(trial: Trial) -> None:
    """Where the largest column is not unique, its gradient may be shared in any way, but only among the largest."""
    n, m, k = 4, 3, 3
    Z = trial.rng.integers(0, 2, (n, m * k)).astype(float)
    G = trial.rng.uniform(0.5, 2.0, (n, m))
    op = trial.call("Maxout.f", Z, k)[1]
    got = as_array(trial.call("Maxout.bprop", op, [Z], G)[0])
    if got is None or got.shape != Z.shape:
        trial.expect_close("The gradient", got, Z)
        return
    groups, share = Z.reshape(n, m, k), got.reshape(n, m, k)
    top = groups == groups.max(axis=2, keepdims=True)
    text = "Where several columns are the largest, only these may get a gradient."
    if trial.expect(bool(np.all((share == 0) | top)), text):
        bad = compare("The sum of the shares", share.sum(axis=2), G)
        text = "Where several columns are the largest, their shares have to add up to G, and none may be negative."
        trial.expect(bad is None and bool(np.all(share >= -1e-12)), text)


def _huge(trial: Trial) -> None:
    """Scores around 1,000, for what is right on ordinary scores."""

    def gaps(shift: float) -> list[Mismatch | None]:
        Z, y = models.draw_labelled(trial.rng, shift).values()
        loss, op = trial.call("SoftmaxCE.f", Z, y)
        slope = trial.call("SoftmaxCE.bprop", op, [Z], 1.0)[0]
        tape = record(models.softmax_ce, {"Z": Z, "y": y}, ("Z",))
        return [compare("the loss", loss, tape.out), compare("dZ", slope, tape.backward(1.0)["Z"])]

    ordinary = gaps(0.0)
    if all(gap is not None for gap in ordinary):
        trial.fail("Not looked at as long as nothing is right on ordinary scores.")
        return
    for before, gap in zip(ordinary, gaps(1000.0)):
        if before is None and gap is not None:
            ids = ("M23",) if "not finite" in gap.text else ()
            hints = misconceptions.get("M23").hint(q="the result") if ids else ()
            trial.fail(Finding(f"With scores around 1,000: {gap.text}", ids, gap.evidence, hints=hints))


ENTRIES = [
    *(
        _entry(
            grade_id,
            name,
            models.draw_two,
            0.25,
            {"operands of full size": 0.5, "broadcast operands": 0.5},
            aspect_of=_size_of,
            cases=tuple({"second": s} for s in ("full", "row", "column", "number")),
        )
        for grade_id, name in (("op-add", "Add"), ("op-mul", "Mul"))
    ),
    _entry(
        "op-matmul",
        "MatMul",
        models.draw_matmul,
        0.25,
        {"gradient of the left factor": 0.5, "gradient of the right factor": 0.5},
        aspect_of=lambda w, args: f"gradient of the {'left' if w == 'A' else 'right'} factor",
    ),
    _entry(
        "op-pow",
        "Pow",
        models.draw_pow,
        0.5,
        {"gradient": 0.75},
        cases=tuple({"p": p} for p in (3, 2.5, -1, 1, 0)),
        square=False,
    ),
    _entry("op-exp", "Exp", models.draw_x, 0.25, {"gradient": 0.5}),
    _entry("op-log", "Log", partial(models.draw_x, low=0.3), 0.25, {"gradient": 0.5}),
    _entry(
        "op-relu",
        "ReLU",
        models.draw_x,
        0.25,
        {"gradient": 0.25},
        more=(through(Check({"units that are off": 0.25}, _at_zero, draws=1), "ReLU", 1),),
    ),
    _entry(
        "op-prelu",
        "PReLU",
        models.draw_prelu,
        0.5,
        {"gradient of Z": 0.5, "gradient of alpha": 0.75},
        aspect_of=lambda w, args: f"gradient of {w}",
    ),
    _entry(
        "op-maxout",
        "Maxout",
        models.draw_maxout,
        0.5,
        {"gradient": 0.75},
        square=False,
        more=(through(Check({"ties": 0.5}, _ties, draws=1), "Maxout", 1),),
    ),
    _entry("op-pick", "Pick", models.draw_pick, 0.5, {"gradient": 0.75}),
    _entry(
        "op-sum",
        "Sum",
        models.draw_sum,
        0.5,
        {"all entries": 0.5, "one axis": 0.75},
        aspect_of=lambda w, args: "all entries" if args["axis"] is None else "one axis",
        cases=tuple({"axis": axis} for axis in (None, 0, 1)),
    ),
    _entry(
        "op-broadcast",
        "Broadcast",
        models.draw_broadcast,
        0.5,
        {"gradient": 0.75},
        cases=tuple({"to": to} for to in ("rows", "columns", "number")),
    ),
    _entry(
        "op-softmax-ce",
        "SoftmaxCE",
        models.draw_labelled,
        0.5,
        {"gradient": 0.75},
        square=False,
        more=(through(Check({"huge scores": 0.5}, _huge, draws=1), "SoftmaxCE", 1),),
    ),
    _entry(
        "op-split",
        "Split",
        models.draw_split,
        0.5,
        {"part 0": 0.5, "part 1": 0.75},
        aspect_of=lambda w, args: f"part {args['part']}",
        cases=tuple({"axis": axis, "part": part} for axis in (0, 1) for part in (0, 1)),
        square=False,
    ),
]
