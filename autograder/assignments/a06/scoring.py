"""Entries of assignment A06 for cross_entropy_bits and perplexity, tried on a model of ours."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autograder.checks.entry import Entry, Trial
from autograder.checks.kinds import INSTANCES, pure_check
from autograder.checks.ruled import named
from autograder.checks.values import compare

from .objects import WORDS, GivenModel, draw_corpus

__all__ = ["ENTRIES", "right_bits"]

LONG = 3000  # tokens; a product of so many probabilities is 0 in floating point


def right_bits(model: Any, sentences: Any) -> float:
    """Bits per predicted token."""
    return float(-np.mean(model.logprobs(sentences)) / math.log(2))


def _right_perplexity(model: Any, sentences: Any) -> float:
    return float(2.0 ** right_bits(model, sentences))


def _draw(rng: np.random.Generator) -> tuple[GivenModel, list[list[str]]]:
    text = [*draw_corpus(rng, 5, words=4), [], ["zz", "a"]]
    return GivenModel(rng, WORDS[:4]), [text[int(i)] for i in rng.permutation(len(text))]


def _scored(name: str, reference: Callable[[Any, Any], float], points: dict[str, float]) -> Any:
    usual, many = points

    def one(trial: Trial, model: GivenModel, sentences: Any) -> Any:
        return trial.call(name, model, sentences)

    def split(model: GivenModel, sentences: Any) -> dict[str, Any]:
        return {"logprobs": [model.logprobs([s]) for s in sentences]}

    def run(trial: Trial) -> None:
        model, sentences = _draw(trial.rng)
        got = one(trial, model, sentences)
        bad = compare(name, got, reference(model, sentences))

        def instances() -> list[tuple[dict[str, Any], Any]]:
            more = [_draw(trial.rng) for _ in range(INSTANCES - 1)]
            return [(split(model, sentences), got), *((split(*d), one(trial, *d)) for d in more)]

        finding = None
        if bad is not None:
            call = (name, (model, sentences), got)
            finding = named(trial, usual, name, instances, bad, name, call=call)
            trial.fail(finding, aspect=usual)
        words = trial.rng.choice(WORDS[:4], size=LONG)
        long = [[str(w) for w in words]]
        got_long = one(trial, model, long)
        late = compare(name, got_long, reference(model, long), rtol=1e-9)
        if late is not None and finding is not None and finding.ids:
            trial.fail(finding, aspect=many)  # the same mistake, in other numbers
        elif late is not None:
            tried = [(split(model, long), got_long)]
            before = f"With {LONG:,} tokens: "
            call = (name, (model, long), got_long)
            finding = named(trial, many, name, lambda: tried, late, name, before=before, call=call)
            trial.fail(finding, aspect=many)

    return pure_check(points, run, 0.25)


ENTRIES = [
    Entry(
        "cross-entropy-bits",
        (_scored("cross_entropy_bits", right_bits, {"bits per token": 2.0, "long texts": 0.75}),),
        {"cross_entropy_bits": right_bits},
        title="Cross-entropy",
    ),
    Entry(
        "perplexity",
        (_scored("perplexity", _right_perplexity, {"perplexity": 1.25, "long texts": 0.5}),),
        {"perplexity": _right_perplexity},
        title="Perplexity",
    ),
]
