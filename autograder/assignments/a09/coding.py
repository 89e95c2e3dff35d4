"""Entries of assignment A09 for the encoder and the decoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from autograder.checks.entry import Check, Entry, StudentError, Trial
from autograder.checks.kinds import pick_first, values
from autograder.checks.pairs import Pair, edges, gradients, tape_pair
from autograder.checks.tape import record

from ..a05.replays import also_replayed
from . import models
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


def _forward(pair: Pair, points: Mapping[str, float], what: str, **more: Any) -> Check:
    return values(
        pair.forward,
        pair.sample,
        lambda **args: record(pair.model, args).out,
        points,
        what=what,
        takes=pick_first,
        models={aspect: (pair.model, lambda value: value) for aspect in points},
        **more,
    )


def _aspect(name: str, args: Args) -> str:
    return "dWhy, dby" if name in ("Why", "by") else f"d{name}"


def _encoder_gradients(pair: Pair) -> Check:
    return gradients(pair, {"dE": 1.25, "dWxh": 1.0, "dWhh": 1.25, "dbh": 0.75}, pure=0.5)


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


Sampler = Callable[..., Args]
_SHORT: dict[str, Sampler] = {
    "one token": partial(models.draw_encoder, T=1),
    "no pads": partial(models.draw_encoder, pads=False),
    "N = 1": partial(models.draw_encoder, N=1, T=6),
}

ENTRIES = [
    Entry(
        "encoder-forward",
        (
            _forward(ENCODER, {"context": 3.25}, "the context", pure=0.5, square=True),
            _forward(
                ENCODER,
                {"no pads, one token": 1.25},
                "the context",
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
            also_replayed(
                _encoder_gradients,
                ENCODER,
                partial(models.encoder, piecewise=True),
                sample=partial(models.draw_encoder, pads=False),
            ),
            edges(ENCODER, _SHORT, 0.75),
        ),
        defines={"encoder_backward": _encoder_backward},
        uses=("encoder_forward",),
        title="Encoder, backward",
    ),
    Entry(
        "decoder-forward",
        (
            _forward(DECODER, {"scores": 3.5}, "Z", pure=0.5, square=True),
            _forward(
                DECODER, {"one step, one sequence": 1.0}, "Z", cases=({"T": 1}, {"N": 1, "T": 7}), draws=1
            ),
        ),
        defines={"decoder_forward": _decoder_forward},
        title="Decoder, forward",
    ),
    Entry(
        "decoder-backward",
        (
            also_replayed(_decoder_gradients, DECODER, partial(models.decoder, piecewise=False)),
            edges(
                DECODER,
                {"T = 1": partial(models.draw_decoder, T=1), "N = 1": partial(models.draw_decoder, N=1, T=6)},
                0.5,
                aspect_of=_aspect,
            ),
        ),
        defines={"decoder_backward": _decoder_backward},
        uses=("decoder_forward",),
        title="Decoder, backward",
    ),
]
