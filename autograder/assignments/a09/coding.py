"""Entries of assignment A09 for the encoder and the decoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from autograder.checks.entry import Check, Entry, Finding, StudentError, Trial
from autograder.checks.kinds import pick_first, values
from autograder.checks.own_forward import Tried
from autograder.checks.pairs import Pair, edges, gradients, tape_pair
from autograder.checks.tape import record
from autograder.checks.values import as_array, compare

from ..a05.objects import Slip
from ..a05.replays import also_replayed, charged_once, explained_by, lost_rows, slipped, slips_of, told, tries
from . import models
from .layers import layer_back, slip_of
from .models import Args

__all__ = ["DECODER", "ENCODER", "ENTRIES"]


def _as_dict(grads: Any) -> Mapping[str, Any]:
    if not isinstance(grads, dict):
        raise StudentError(
            f"The gradients should be a dict, and are a {type(grads).__name__}.", kind="failed"
        )
    return grads


def _with_context(got: Any) -> Mapping[str, Any]:
    if not isinstance(got, tuple | list) or len(got) != 2:
        raise StudentError("decoder_backward should return (dcontext, grads).", kind="failed")
    return {"context": got[0], **_as_dict(got[1])}


def _names(args: Args) -> tuple[str, ...]:
    return tuple(args["params"])


ENCODER = Pair(
    "encoder_forward", "encoder_backward", models.encoder, models.draw_encoder, _names, takes=_as_dict
)
DECODER = Pair(
    "decoder_forward",
    "decoder_backward",
    models.decoder,
    models.draw_decoder,
    lambda args: ("context", *_names(args)),
    takes=_with_context,
)
_encoder_forward, _encoder_backward = tape_pair(ENCODER)
_decoder_forward, _decoder_flat = tape_pair(DECODER)


def _decoder_backward(dZ: Any, cache: Any) -> tuple[Any, Any]:
    grads = dict(_decoder_flat(dZ, cache))
    return grads.pop("context"), grads


def _forward(
    pair: Pair, points: Mapping[str, float], what: str, slips: Sequence[Slip] = (), **more: Any
) -> Check:
    check = values(
        pair.forward,
        pair.sample,
        lambda **args: record(pair.model, args).out,
        points,
        what=what,
        takes=pick_first,
        models={aspect: (pair.model, lambda value: value) for aspect in points},
        **more,
    )
    return explained_by(check, slips_of(pair.forward, pair.sample, slips, tuple(points), pick_first))


def _aspect(name: str, args: Args) -> str:
    return "dWhy, dby" if name in ("Why", "by") else f"d{name}"


def _encoder_gradients(pair: Pair) -> Check:
    return gradients(pair, {"dE": 1.25, "dWxh": 1.0, "dWhh": 1.25, "dbh": 0.75}, pure=0.5)


def _layer_slips(trial: Trial) -> dict[str, Finding]:
    """What the encoder's backward pass does wrong that is known of a layer."""
    seen = tries(trial, ENCODER)

    def gives(slip: Mapping[str, Any]) -> bool:
        forms = (True, False)
        return any(
            all(compare("", t.grads, _encoder_grads(t, f, **slip)) is None for t in seen) for f in forms
        )

    if (slip := slip_of(gives)) is None:
        return {}
    known = told(trial, slip[1], slip[0], "The gradient", seen[0], ENCODER, "Wxh")
    return {f"d{w}": known for w in seen[0].gaps}


def _encoder_grads(tried: Tried, last: bool, **slip: Any) -> dict[str, Any]:
    """The encoder's gradients by the formulas of a layer; `last`: dcontext is that of the last state, else it comes first."""
    src, mask, params = tried.args["src"], np.asarray(tried.args["mask"], float), tried.args["params"]
    states = np.stack(record(models.encoder_states, tried.args).out)
    H, dH = np.concatenate([np.zeros_like(states[:1]), states]), np.zeros(states.shape)
    X, arrives = params["E"][src], 0.0 if last else tried.dout
    dH[-1] = tried.dout if last else 0.0
    grads = layer_back(dH, X, mask, H, params["Wxh"], params["Whh"], arrives=arrives, **slip)
    dE = np.zeros(params["E"].shape)
    np.add.at(dE, src, grads["X"])
    return {"E": dE, **{w: grads[w] for w in ("Wxh", "Whh", "bh")}}


def _explained_encoder(pair: Pair) -> Check:
    check = also_replayed(_encoder_gradients, pair, sample=partial(pair.sample, pads=False))
    return explained_by(check, _layer_slips, lost_rows(pair))


def _decoder_gradients(pair: Pair) -> Check:
    """What a cut through time takes from the context, too, is told as that cut."""
    points = {
        "dcontext": 1.75, "dE": 0.75, "dWxh": 0.5, "dWch": 0.75, "dWhh": 0.75, "dbh": 0.5, "dWhy, dby": 0.75,
    }  # fmt: skip
    check = gradients(pair, points, pure=0.25, aspect_of=_aspect)

    def run(trial: Trial) -> None:
        check.run(trial)
        trial.findings[:] = [
            (aspect, replace(f, ids=("M41",)) if "truncation with k" in f.text else f)
            for aspect, f in trial.findings
        ]

    return replace(check, run=run)


def _own_states(trial: Trial) -> bool:
    """Whether decoder_backward is right for the states that the student's own, wrong forward gave."""
    for _ in range(2):
        args = models.draw_decoder(trial.rng)
        while args["params"]["Why"].shape[0] > args["params"]["Why"].shape[1]:  # Z has to tell the states
            args = models.draw_decoder(trial.rng)
        result, params = trial.call(DECODER.forward, *args.values()), args["params"]
        Z, right = as_array(pick_first(result)), DECODER.tape(args).out
        if Z is None or Z.shape != right.shape or compare("", Z, right) is None:
            return False
        states = (Z - params["by"]) @ np.linalg.pinv(params["Why"])
        if compare("", states @ params["Why"] + params["by"], Z, rtol=1e-8) is not None:
            return False
        tape = record(partial(models.decoder, states=states), args, DECODER.names(args))
        dZ = trial.rng.normal(size=Z.shape)
        got = _with_context(trial.call(DECODER.backward, dZ, result[1]))
        if compare("", dict(got), tape.backward(dZ), rtol=1e-8) is not None:
            return False
    return True


Sampler = Callable[..., Args]
_SHORT: dict[str, Sampler] = {
    "one token": partial(models.draw_encoder, T=1),
    "no pads": partial(models.draw_encoder, pads=False),
    "N = 1": partial(models.draw_encoder, N=1, T=6),
}
_FEW: dict[str, Sampler] = {
    "T = 1": partial(models.draw_decoder, T=1),
    "N = 1": partial(models.draw_decoder, N=1, T=6),
}

# --- forward passes that no edit of a tape gives ------------------------------------------------------------------------


def _reads_context(steps: Callable[[int], bool]) -> Callable[..., Any]:
    """A decoder that adds the context in some of its steps only."""
    return lambda ops, context, y_in, params: models.decoder(ops, context, y_in, params, adds=steps)


def _of_states(pick: Callable[[Any, list[Any], Any], Any]) -> Callable[..., Any]:
    """An encoder whose context is something else than its last state: `pick(ops, states, mask)`."""
    return lambda ops, src, mask, params: pick(ops, models.encoder_states(ops, src, mask, params), mask)


def _at_last_but_one(ops: Any, states: list[Any], mask: Any) -> Any:
    """The state before the last real word; 0 where there is one word."""
    lengths = np.sum(np.asarray(mask) > 0, axis=0)
    found = 0.0 * states[0]
    for s, h in enumerate(states):
        found = found + h * (lengths == s + 2)[:, None]
    return found


DECODER_SLIPS = (
    Slip(("M52",), "The context enters the first step only: it is added in every step.", _reads_context(lambda t: t == 0)),
    Slip((), "The context enters no step: it is the initial state, and is added in every step, too.", _reads_context(lambda t: False)),
    Slip((), "The context is missing in the first step: it is added in every step.", _reads_context(lambda t: t > 0)),
    Slip((), "Z_t is formed with the state before the step; h_t comes first.", partial(models.decoder, early=True)),
)  # fmt: skip
ENCODER_SLIPS = (
    Slip((), "The context is the mean of the states; it is the last one.", _of_states(lambda ops, states, mask: ops.mean(ops.stack(states), axis=0))),
    Slip((), "The context is the sum of the states; it is the last one.", _of_states(lambda ops, states, mask: ops.sum(ops.stack(states), axis=0))),
    Slip((), "The encoder starts from ones; its first state is 0.", partial(models.encoder, start=1.0)),
    Slip((), "The context is the first state; it is the last one.", _of_states(lambda ops, states, mask: states[0])),
    Slip(("M52",), "Where the last word is a pad the context is 0: it is the state at the last real word.", _of_states(lambda ops, states, mask: states[-1] * np.asarray(mask)[-1][:, None])),
    Slip((), "The context is the state before the last real word.", _of_states(_at_last_but_one)),
)  # fmt: skip

ENTRIES = [
    Entry(
        "encoder-forward",
        (
            _forward(ENCODER, {"context": 3.25}, "the context", ENCODER_SLIPS, pure=0.5, square=True),
            _forward(
                ENCODER,
                {"no pads, one token": 1.25},
                "the context",
                ENCODER_SLIPS,
                cases=({"pads": False}, {"T": 1}, {"N": 1, "T": 6}),
                draws=1,
            ),
        ),
        defines={"encoder_forward": _encoder_forward},
        title="Encoder, forward",
    ),
    Entry(
        "encoder-backward",
        (
            slipped(_explained_encoder, ENCODER, ENCODER_SLIPS),
            slipped(lambda pair: edges(pair, _SHORT, 0.75), ENCODER, ENCODER_SLIPS),
        ),
        defines={"encoder_backward": _encoder_backward},
        uses=("encoder_forward",),
        title="Encoder, backward",
    ),
    Entry(
        "decoder-forward",
        (
            _forward(DECODER, {"scores": 3.5}, "Z", DECODER_SLIPS, pure=0.5, square=True),
            _forward(
                DECODER,
                {"one step, one sequence": 1.0},
                "Z",
                DECODER_SLIPS,
                cases=({"T": 1}, {"N": 1, "T": 7}),
                draws=1,
            ),
        ),
        defines={"decoder_forward": _decoder_forward},
        title="Decoder, forward",
    ),
    Entry(
        "decoder-backward",
        (
            charged_once(
                slipped(
                    lambda pair: explained_by(_decoder_gradients(pair), lost_rows(pair, _aspect)),
                    DECODER,
                    DECODER_SLIPS,
                ),
                _own_states,
            ),
            charged_once(edges(DECODER, _FEW, 0.5, aspect_of=_aspect), _own_states),
        ),
        defines={"decoder_backward": _decoder_backward},
        uses=("decoder_forward",),
        title="Decoder, backward",
    ),
]
