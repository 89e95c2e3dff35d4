"""Entries of assignment A06 for ngrams and count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograder.checks.entry import Entry, StudentError, Trial
from autograder.checks.kinds import INSTANCES, pure_check
from autograder.checks.ruled import first_bad, named
from autograder.checks.values import compare

from .objects import draw_corpus

__all__ = ["ENTRIES"]

Args = dict[str, Any]


def _ngrams(sentence: Any, n: int) -> list[tuple[str, ...]]:
    padded = ["<s>"] * (n - 1) + list(sentence) + ["</s>"]
    return [tuple(padded[i : i + n]) for i in range(len(sentence) + 1)]


def _count(ids: Any, n: int) -> tuple[Any, Any]:
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(ids), n)
    return np.unique(windows, axis=0, return_counts=True)


def _listed(got: Any) -> list[tuple[Any, ...]]:
    """What ngrams returned as a list of tuples. Raises StudentError."""
    if not isinstance(got, list | tuple):
        text = f"ngrams should return a list of tuples, and returns a {type(got).__name__}: list(…) makes a list of it."
        raise StudentError(text, kind="failed")
    if not all(isinstance(g, list | tuple) for g in got):
        raise StudentError("ngrams should return a list of tuples of words.", kind="failed")
    return [tuple(str(w) if isinstance(w, str) else w for w in g) for g in got]


def _pair(got: Any) -> tuple[Any, Any]:
    if not isinstance(got, list | tuple) or len(got) != 2:
        raise StudentError("count should return (keys, counts).", kind="failed")
    return got[0], got[1]


def _draw_sentence(rng: np.random.Generator) -> Args:
    return {"sentence": [*draw_corpus(rng, 1)[0], "a", "b", "a", "b"], "n": int(rng.integers(2, 5))}


def _draw_ids(rng: np.random.Generator) -> Args:
    """Ids from 0, where the codes of two n-grams meet in a base that is too small, or others, not one after the other."""
    ids = rng.integers(0, 4, int(rng.integers(30, 60)))
    return {"ids": ids if rng.random() < 0.5 else ids * 3 + 2, "n": int(rng.integers(2, 4))}


def _try(
    name: str,
    sample: Callable[[np.random.Generator], Args],
    reference: Callable[..., Any],
    take: Callable[[Any], Any],
    special: dict[str, list[Args]],
    usual: str,
) -> Callable[[Trial], None]:
    """The check of a function of (text, n): ordinary data with an explanation, and special data."""

    def run(trial: Trial) -> None:
        drawn = [sample(trial.rng) for _ in range(INSTANCES)]
        tried = [
            (args, take(got))
            for args, got in zip(drawn, trial.call_many(name, [tuple(a.values()) for a in drawn]))
        ]
        bad, wrong = first_bad(name, tried, reference)
        if bad is not None:
            finding = named(trial, usual, name, lambda: tried, bad, name, call=(name, *wrong))
            trial.fail(finding, aspect=usual)
        for aspect, cases in special.items():
            for args in cases:
                got = take(trial.call(name, *args.values()))
                if (late := compare(name, got, reference(**args))) is not None:
                    trial.fail(f"With n = {args['n']} and {_shown(args)}: {late.text}", aspect=aspect)
                    break

    return run


def _shown(args: Args) -> str:
    text = next(iter(args.values()))
    if isinstance(text, list):
        return f"the sentence {text}"
    return f"ids up to {text.max()}" if len(text) > 9 else f"the ids {text.tolist()}"


_LARGE = np.array([900, 7, 900, 7, 12, 900, 7, 12, 3, 900, 7, 12])
_SHORT: dict[str, list[Args]] = {
    "n = 1": [{"sentence": ["a", "b", "a"], "n": 1}],
    "short and empty sentences": [{"sentence": s, "n": n} for s in ([], ["a"], ["a", "b"]) for n in (2, 4)],
}
_SPECIAL: dict[str, list[Args]] = {
    "n = 1": [{"ids": np.array([3, 0, 3, 3, 1]), "n": 1}],
    "one n-gram, large ids": [
        {"ids": np.array([5, 2, 4]), "n": 3},
        {"ids": np.array([0, 0, 0, 0]), "n": 2},
        {"ids": np.array([0, 1, 1, 0, 1, 0, 0, 1]), "n": 2},
        {"ids": _LARGE, "n": 4},
    ],
}

ENTRIES = [
    Entry(
        "ngrams",
        (
            pure_check(
                {"n-grams": 2.5, "n = 1": 0.5, "short and empty sentences": 0.75},
                _try("ngrams", _draw_sentence, _ngrams, _listed, _SHORT, "n-grams"),
                0.25,
            ),
        ),
        {"ngrams": _ngrams},
        title="n-grams of a sentence",
    ),
    Entry(
        "count",
        (
            pure_check(
                {"keys and counts": 3.25, "n = 1": 0.5, "one n-gram, large ids": 1.0},
                _try("count", _draw_ids, _count, _pair, _SPECIAL, "keys and counts"),
                0.25,
            ),
        ),
        {"count": _count},
        title="Counting n-grams of numbers",
    ),
]
