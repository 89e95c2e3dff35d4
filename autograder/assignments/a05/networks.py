"""Entries of assignment A05 for MLPTagger and BengioLM: one network, two classes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from autograder.checks.entry import Check, Entry
from autograder.checks.kinds import values
from autograder.checks.pairs import gradients
from autograder.checks.tape import record
from course.toolbox.seeds import distinct_primes

from .objects import Kind, calls_again, loss_pair, on_objects, own_loss, parameters
from .replays import explained_by, lost_rows
from .vectors import embedding

__all__ = ["ENTRIES"]

Args = dict[str, Any]


def _scores(ops: Any, params: Any, ids: Any) -> Any:
    """Z = tanh([E_1, …, E_K] W1 + b1) W2 + b2."""
    X = embedding(ops, ids, params["E"])
    A = X @ params["W1"] + params["b1"]
    H = ops.tanh(A)
    return H @ params["W2"] + params["b2"]


def _loss(ops: Any, params: Any, ids: Any, y: Any) -> Any:
    """L = −1/N Σ_n log softmax(Z_n)[y_n]."""
    Z = _scores(ops, params, ids)
    return -ops.mean(ops.pick(ops.log_softmax(Z), y))


def _loss_of_scores(Z: Any, args: Args) -> float:
    return float(
        record(lambda ops, Z, y: -ops.mean(ops.pick(ops.log_softmax(Z), y)), {"Z": Z, "y": args["y"]}).out
    )


def _shapes(V: int, C: int, d: int, H: int, K: int) -> dict[str, tuple[int, ...]]:
    return {"E": (V, d), "W1": (K * d, H), "b1": (H,), "W2": (H, C), "b2": (C,)}


def _context(params: Mapping[str, Any]) -> int:
    return int(np.shape(params["W1"])[0] // np.shape(params["E"])[1])


AGAIN = "a second call"
LARGE = 800.0  # e^800 is too large for a float
_METHODS = {"forward": ("ids",), "loss_and_grads": ("ids", "y")}
TAGGER = Kind(
    "MLPTagger",
    "V, C, d, H, K",
    lambda p: (len(p["E"]), len(p["b2"]), np.shape(p["E"])[1], len(p["b1"]), _context(p)),
    _shapes,
    _METHODS,
)
BENGIO = Kind(
    "BengioLM",
    "V, n, d, H",
    lambda p: (len(p["E"]), _context(p) + 1, np.shape(p["E"])[1], len(p["b1"])),
    lambda V, n, d, H: _shapes(V, V, d, H, n - 1),
    _METHODS,
)


def _draw(
    kind: Kind, rng: np.random.Generator, square: bool = False, N: int | None = None, shift: float = 0.0
) -> Args:
    """Parameters, ids (N, K) in which words come twice, labels y (N,); `shift` is added to all scores.

    N is never 2: a sum over the batch is told from a factor 2.
    """
    n, V, C, d, H = (4, 4, 4, 4, 4) if square else distinct_primes(rng, 5, low=3, high=13)
    n, V, K = n if N is None else N, max(V, 4), int(rng.integers(2, 4))
    params = kind.draw(rng, V, C, d, H, K) if kind is TAGGER else kind.draw(rng, V, K + 1, d, H)
    ids = rng.integers(0, V, (n, K))
    if n > 1:
        ids[-1, 0] = ids[0, 1] = ids[0, 0]
    params["b2"] = params["b2"] + shift
    return {"params": params, "ids": ids, "y": rng.integers(0, len(params["b2"]), n)}


def _draw_inputs(kind: Kind, rng: np.random.Generator, square: bool = False, N: int | None = None) -> Args:
    args = _draw(kind, rng, square, N)
    return {name: args[name] for name in ("params", "ids")}


def _entry(
    entry_id: str,
    kind: Kind,
    points: Mapping[str, float],
    sizes: tuple[int, ...],
    title: str,
    uses: tuple[str, ...] = (),
) -> Entry:
    pair = loss_pair(kind, _loss, partial(_draw, kind))
    scores = values(
        kind.of("forward"),
        partial(_draw_inputs, kind),
        lambda **args: record(_scores, args).out,
        {"scores": points["scores"]},
        pure=0.25,
        what="the scores",
        models={"scores": (_scores, lambda Z: Z)},
        cases=({}, {"N": 1}),
    )
    grads = {name: p for name, p in points.items() if name.startswith("d")}
    losses = own_loss(pair, kind, _loss_of_scores, ({}, {"N": 1}, {"shift": LARGE}))
    slopes = gradients(pair, grads, cases=({}, {"N": 1}))
    return Entry(
        entry_id,
        (
            Check({"parameters": points["parameters"]}, parameters(kind, sizes, "W1"), draws=1),
            on_objects(scores, kind),
            on_objects(Check({"loss": points["loss"]}, losses), kind),
            on_objects(explained_by(slopes, lost_rows(pair)), kind),
            Check({AGAIN: points[AGAIN]}, calls_again(kind, pair), draws=1),
        ),
        defines={kind.name: None},
        uses=uses,
        title=title,
    )


ENTRIES = [
    _entry(
        "mlp-tagger",
        TAGGER,
        {
            "parameters": 0.5,
            "scores": 1.5,
            "loss": 0.5,
            AGAIN: 0.25,
            "dE": 1.5,
            "dW1": 0.75,
            "db1": 0.5,
            "dW2": 0.75,
            "db2": 0.5,
        },
        (5, 7, 11, 13, 3),
        "The window tagger",
    ),
    _entry(
        "bengio-lm",
        BENGIO,
        {
            "parameters": 0.5,
            "scores": 1.0,
            "loss": 0.5,
            AGAIN: 0.25,
            "dE": 1.0,
            "dW1": 0.5,
            "db1": 0.25,
            "dW2": 0.5,
            "db2": 0.25,
        },
        (5, 7, 11, 3),
        "A neural language model",
        uses=("MLPTagger",),  # many derive it from that class
    ),
]
