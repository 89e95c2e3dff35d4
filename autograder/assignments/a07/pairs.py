"""Entries of assignment A07 for one step, a sequence, the loss over time, and the bonus steps with gates."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from autograder.checks.entry import Check, Entry, StudentError, Trial
from autograder.checks.kinds import pick_first, values
from autograder.checks.pairs import Pair, edges, gradients, loss, tape_pair
from autograder.checks.tape import record
from autograder.checks.values import as_array, compare

from . import models

__all__ = ["ENTRIES"]

WEIGHTS = ("Wxh", "Whh", "bh")
STEP = Pair("rnn_step_forward", "rnn_step_backward", models.step, models.draw_step, ("x", "h", *WEIGHTS))


def _states(result: Any) -> tuple[Any, Any]:
    """h_1 … h_T and the cache, of what rnn_forward returns."""
    if not isinstance(result, tuple | list) or len(result) != 2:
        text = (
            "rnn_backward could not be tried: rnn_forward should return (H, cache). Mend rnn_forward first."
        )
        raise StudentError(text, kind="not_run")
    H = as_array(result[0])
    return (None if H is None or H.ndim == 0 else H[1:]), result[1]


RNN = Pair(
    "rnn_forward", "rnn_backward", models.sequence, models.draw_sequence, ("X", "h0", *WEIGHTS), split=_states
)


def _all_states(**args: Any) -> Any:
    return np.concatenate([np.asarray(args["h0"], float)[None], record(models.sequence, args).out])


def _part(aspect: str, H: Any) -> Any:
    array = as_array(H)
    if array is None or array.ndim != 3:
        return H
    return array[:1] if aspect == FIRST else array[1:]


FIRST = "H[0] is h0"
_step_forward, _step_backward = tape_pair(STEP)


def _rnn_forward(X: Any, h0: Any, Wxh: Any, Whh: Any, bh: Any) -> tuple[Any, Any]:
    # the cache is a list with one item a step: a caller may take it apart for truncation
    H = _all_states(X=X, h0=h0, Wxh=Wxh, Whh=Whh, bh=bh)
    return H, [(x, h, Wxh, Whh, bh) for x, h in zip(np.asarray(X), H)]


def _rnn_backward(dH: Any, cache: Any) -> tuple[Any, ...]:
    X, H = (np.stack([step[i] for step in cache]) for i in (0, 1))
    args = dict(zip(("X", "h0", *WEIGHTS), (X, H[0], *cache[0][2:])))
    grads = record(models.sequence, args, tuple(args)).backward(dH)
    return tuple(grads[name] for name in args)


def _temporal_softmax_ce(Z: Any, y: Any, mask: Any = None) -> tuple[float, Any]:
    tape = record(models.temporal_ce, {"Z": Z, "y": y, "mask": mask}, ("Z",))
    return tape.out, tape.backward(1.0)["Z"]


def _finite(result: Any, shape: tuple[int, ...]) -> bool:
    """Whether a result is a finite number and a finite array of this shape."""
    if not isinstance(result, tuple | list) or len(result) != 2:
        return False
    pairs = zip((as_array(x) for x in result), ((), shape))
    return all(x is not None and x.shape == s and bool(np.all(np.isfinite(x))) for x, s in pairs)


def _nothing_left(trial: Trial) -> None:
    """0 where the mask leaves nothing; what is wrong with ordinary masks is charged there."""
    ordinary, empty = (models.draw_scores(trial.rng, kept=kept) for kept in (0.7, 0.0))
    got = trial.call_many("temporal_softmax_ce", [tuple(args.values()) for args in (ordinary, empty)])
    finite = _finite(got[1], empty["Z"].shape)
    right = compare("", got[0], _temporal_softmax_ce(**ordinary)) is None
    if not finite or (right and compare("", got[1], (0.0, np.zeros(empty["Z"].shape))) is not None):
        trial.fail("With a mask of zeros the loss is 0 and dZ is zeros: 0/0 has to be avoided.")


def _step_values(points: dict[str, float], **more: Any) -> Check:
    return values(
        "rnn_step_forward",
        models.draw_step,
        lambda **args: record(models.step, args).out,
        points,
        what="h_next",
        takes=pick_first,
        models={aspect: (models.step, lambda value: value) for aspect in points},
        **more,
    )


def _sequence_values(points: dict[str, float], **more: Any) -> Check:
    return values(
        "rnn_forward",
        models.draw_sequence,
        _all_states,
        points,
        what="H",
        takes=pick_first,
        part=_part,
        models={a: (models.sequence, lambda H: _part("states", H)) for a in points if a != FIRST},
        **more,
    )


def _gated(name: str, model: Any, gates: int, aspects: dict[str, int]) -> Entry:
    """A step with gates: its first results, one after the other, then the cache."""
    count = len(aspects)
    sample = partial(models.draw_gates, gates=gates)

    def takes(result: Any) -> tuple[Any, ...]:
        if not isinstance(result, tuple | list) or len(result) != count + 1:
            order = ", ".join([*aspects, "cache"])
            raise StudentError(f"{name} should return ({order}).", kind="failed")
        return tuple(result[:count])

    def reference(**args: Any) -> tuple[Any, ...]:
        out = record(model, args).out
        return out if isinstance(out, tuple) else (out,)

    def one(i: int) -> Any:
        def part_of(ops: Any, **args: Any) -> Any:
            out = model(ops, **args)
            return out[i] if isinstance(out, tuple) else out

        return part_of

    explaining = {a: (one(i), lambda value, i=i: value[i]) for a, i in aspects.items()}
    each = 2.0 / count
    return Entry(
        name.replace("_", "-"),
        (
            values(
                name,
                sample,
                reference,
                dict.fromkeys(aspects, each),
                pure=0.5,
                part=lambda aspect, result: result[aspects[aspect]],
                what=name,
                takes=takes,
                models=explaining,
                square=True,
            ),
            values(name, sample, reference, {"one example": 0.5}, takes=takes, cases=({"N": 1},), draws=1),
        ),
        defines={name: lambda *args: (*reference(**dict(zip(_names(sample), args))), None)},
        bonus=True,
        title=f"A step of {'an LSTM' if count == 2 else 'a GRU'}",
    )


def _names(sample: Any) -> list[str]:
    return list(sample(np.random.default_rng(0)))


ENTRIES = [
    Entry(
        "rnn-step-forward",
        (
            _step_values({"h_next": 2.5}, pure=0.5, square=True),
            _step_values({"one example, integers": 1.0}, cases=({"N": 1}, {"integer": True}), draws=1),
        ),
        defines={"rnn_step_forward": _step_forward},
        title="One step, forward",
    ),
    Entry(
        "rnn-step-backward",
        (
            gradients(
                STEP,
                {"dx": 1.5, "dh_prev": 1.5, "dWxh": 1.0, "dWhh": 1.25, "dbh": 0.75},
                pure=0.5,
                aspect_of=lambda w, args: "dh_prev" if w == "h" else f"d{w}",
            ),
            edges(
                STEP,
                {
                    "N = 1": partial(models.draw_step, N=1),
                    "N = 100": partial(models.draw_step, N=100),
                    "saturated units": partial(models.draw_step, scale=20.0),
                },
                0.5,
            ),
        ),
        defines={"rnn_step_backward": _step_backward},
        uses=("rnn_step_forward",),
        title="One step, backward",
    ),
    Entry(
        "rnn-forward",
        (
            _sequence_values({"h_1 … h_T": 3.0, FIRST: 0.5}, pure=0.5, square=True),
            _sequence_values({"one step, one example": 1.0}, cases=({"T": 1}, {"N": 1, "T": 12}), draws=1),
        ),
        defines={"rnn_forward": _rnn_forward},
        title="A sequence, forward",
    ),
    Entry(
        "rnn-backward",
        (
            gradients(RNN, {"dX": 2.0, "dh0": 1.5, "dWxh": 1.25, "dWhh": 1.75, "dbh": 1.0}, pure=0.5),
            edges(
                RNN,
                {
                    "T = 1": partial(models.draw_sequence, T=1),
                    "T = 40": partial(models.draw_sequence, T=40, N=2),
                    "N = 1": partial(models.draw_sequence, N=1),
                },
                1.0,
            ),
        ),
        defines={"rnn_backward": _rnn_backward},
        uses=("rnn_forward",),
        title="Backpropagation through time",
    ),
    Entry(
        "temporal-softmax-ce",
        (
            loss(
                "temporal_softmax_ce",
                models.temporal_ce,
                models.draw_scores,
                "Z",
                {"loss": 1.75, "dZ": 2.5, "no mask, huge scores": 0.75},
                pure=0.5,
                edge={
                    "no mask": partial(models.draw_scores, masked=False),
                    "scores around 1,000": partial(models.draw_scores, scale=1000.0),
                    "T = 1": partial(models.draw_scores, T=1, N=5),
                },
            ),
            Check({"a mask that leaves nothing": 0.5}, _nothing_left, draws=1),
        ),
        defines={"temporal_softmax_ce": _temporal_softmax_ce},
        title="Cross-entropy over time",
    ),
    _gated("gru_step", models.gru, 3, {"h": 0}),
    _gated("lstm_step", models.lstm, 4, {"h": 0, "c": 1}),
]
