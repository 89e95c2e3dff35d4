"""Bonus entries of assignment A09: beam search, convolution and pooling along one axis."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from autograder.checks.entry import Check, Entry, Finding, Trial
from autograder.checks.kinds import pick_first, pure_check, values
from autograder.checks.pairs import Pair, edges, gradients, tape_pair
from autograder.checks.tape import record

from ..a05.objects import make
from . import models
from .classes import SEQ2SEQ, sentences
from .models import Args
from .search import beam_search, draw_search, greedy

__all__ = ["ENTRIES"]

GREEDY, WIDE, LENGTH = "k = 1", "k = 3", "max_len"
CONV = Pair("conv1d_forward", "conv1d_backward", models.conv1d, models.draw_conv, ("X", "W", "b"))
_conv1d_forward, _conv1d_backward = tape_pair(CONV)


def _values(name: str, model: Any, sample: Any, points: Mapping[str, float], **more: Any) -> Check:
    return values(
        name,
        sample,
        lambda **args: record(model, args).out,
        points,
        what="Y",
        takes=pick_first,
        models={aspect: (model, lambda Y: Y) for aspect in points},
        **more,
    )


def _draw_beams(trial: Trial, k: int) -> tuple[Args, list[list[int]]]:
    """A model and sources where every way to keep finished sentences finds the same, and the greedy way and division by length do not."""
    if k == 1:
        args = draw_search(trial.rng, SEQ2SEQ)
        return args, greedy(**args)
    for _ in range(60):
        args = draw_search(trial.rng, SEQ2SEQ)
        found = [beam_search(**args, k=k, aside=aside) for aside in ("", "any", "finished")]
        wrong = [greedy(**args), beam_search(**args, k=k, aside="by length")]
        if found[0] == found[1] == found[2] and found[0] not in wrong:
            break
    return args, found[0]


def _beamed(trial: Trial, args: Args, k: int) -> list[list[int]]:
    model = make(trial.subject, SEQ2SEQ, args["params"])
    return sentences("beam", trial.call("beam", model, args["src"], k, args["max_len"]), args["src"].shape[1])


def _beam(trial: Trial) -> None:
    for aspect, k in ((GREEDY, 1), (WIDE, 3)):
        args, want = _draw_beams(trial, k)
        got = _beamed(trial, args, k)
        if got != want:
            text = "With k = 1 beam gives what translate gives."
            if k > 1:
                text = "The sentences are not the likeliest that a beam of 3 keeps: the score is the sum of log p."
                text = "With k = 3 only the greedy sentences are found." if got == greedy(**args) else text
            trial.fail(
                Finding(text, (), f"Expected {want[0]}, found {got[0]} for the first source."), aspect=aspect
            )
    args = draw_search(trial.rng, SEQ2SEQ, ends=False)
    got = _beamed(trial, args, 2)
    if any(len(ids) != args["max_len"] for ids in got) or {aspect for aspect, _ in trial.findings} >= {
        GREEDY,
        WIDE,
    }:
        trial.fail("Where </s> never comes a sentence has max_len ids.", aspect=LENGTH)


def _beam_reference(model: Any, src: Any, k: int, max_len: int) -> list[list[int]]:
    return beam_search(dict(model.params), src, k, max_len)


ENTRIES = [
    Entry(
        "beam",
        (pure_check({GREEDY: 1.0, WIDE: 2.25, LENGTH: 0.5}, _beam, 0.25, draws=1),),
        defines={"beam": _beam_reference},
        uses=("Seq2Seq",),
        bonus=True,
        title="Beam search",
    ),
    Entry(
        "conv1d-forward",
        (
            _values("conv1d_forward", models.conv1d, models.draw_conv, {"Y": 1.25}, pure=0.25, square=True),
            _values(
                "conv1d_forward",
                models.conv1d,
                models.draw_conv,
                {"edge cases": 0.5},
                cases=({"N": 1}, {"M": 1}),
                draws=1,
            ),
        ),
        defines={"conv1d_forward": _conv1d_forward},
        bonus=True,
        title="Convolution, forward",
    ),
    Entry(
        "conv1d-backward",
        (
            gradients(CONV, {"dX": 0.75, "dW": 0.75, "db": 0.5}, pure=0.25),
            edges(
                CONV, {"N = 1": partial(models.draw_conv, N=1), "K = L": partial(models.draw_conv, M=1)}, 0.25
            ),
        ),
        defines={"conv1d_backward": _conv1d_backward},
        uses=("conv1d_forward",),
        bonus=True,
        title="Convolution, backward",
    ),
    Entry(
        "maxpool1d",
        (
            _values("maxpool1d", models.maxpool1d, models.draw_pool, {"Y": 1.0}, pure=0.25),
            _values(
                "maxpool1d",
                models.maxpool1d,
                models.draw_pool,
                {"edge cases": 0.25},
                cases=({"k": 1}, {"k": 4, "L": 4}, {"k": 2, "L": 6}),
                draws=1,
            ),
        ),
        defines={"maxpool1d": lambda X, k: (record(models.maxpool1d, {"X": X, "k": k}).out, None)},
        bonus=True,
        title="Max pooling",
    ),
]
