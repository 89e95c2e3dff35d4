"""Entries of assignment A05 for build_vocab and one_hot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autograder.checks import misconceptions
from autograder.checks.entry import Entry, Finding, StudentError, Trial
from autograder.checks.kinds import pure_check
from autograder.checks.ruled import ruled

__all__ = ["ENTRIES"]

Args = dict[str, Any]
UNK = "<unk>"
ORDER, THRESHOLD, UNKNOWN, IDS = "words and order", "min_count", "<unk>", "stoi"


def _build_vocab(tokens: Any, min_count: int = 1) -> tuple[dict[str, int], list[str]]:
    counts = Counter(tokens)
    words = sorted((w for w in counts if counts[w] >= min_count and w != UNK), key=lambda w: (-counts[w], w))
    itos = [UNK, *words]
    return {w: i for i, w in enumerate(itos)}, itos


def _draw_tokens(rng: np.random.Generator) -> list[str]:
    """Words whose order of first occurrence, alphabet and counts all differ, with ties among the counts."""
    words = [
        str(w) for w in rng.permutation(["dog", "sees", "cow", "the", "black", "zebra", "eats", "hay", "and"])
    ]
    counts = [6, 4, 4, 4, 2, 2, 2, 1, 1]
    text = [w for w, n in zip(words, counts) for _ in range(n)]
    return [str(w) for w in rng.permutation(text)]


# how words may be ordered: (sentence, (counts, words in the order of the text) -> words)
_ORDERS: tuple[tuple[str, Callable[[Any, list[str]], list[str]]], ...] = (
    ("The words are in alphabetical order: the count comes first.", lambda c, w: sorted(w)),
    ("Words of equal count are in the order of the text: they should be in alphabetical order.", lambda c, w: sorted(w, key=lambda x: -c[x])),
    ("The words are in the order of the text: sort by count falling, then by alphabet.", lambda c, w: w),
    ("The counts rise: the most frequent word comes first.", lambda c, w: sorted(w, key=lambda x: (c[x], x))),
    ("Words of equal count are in reversed alphabetical order.", lambda c, w: sorted(sorted(w, reverse=True), key=lambda x: -c[x])),
)  # fmt: skip
_THRESHOLDS: tuple[tuple[str, tuple[str, ...], Callable[[int, int], bool]], ...] = (
    ("A word that occurs min_count times is left out: at least min_count is enough.", ("M34",), lambda n, least: n > least),
    ("min_count is not used: rarer words become <unk>.", (), lambda n, least: True),
    ("The words that are rare are kept, the others left out.", (), lambda n, least: n < least),
)  # fmt: skip


def _asked(trial: Trial, *args: Any) -> tuple[Mapping[Any, Any], list[str]]:
    got = trial.call("build_vocab", *args)
    if not isinstance(got, list | tuple) or len(got) != 2:
        raise StudentError("build_vocab should return (stoi, itos).", kind="failed")
    stoi, itos = got
    if (
        not isinstance(stoi, Mapping)
        or not isinstance(itos, list | tuple)
        or not all(isinstance(w, str) for w in itos)
    ):
        raise StudentError("build_vocab should return a dict of ids and a list of words.", kind="failed")
    return stoi, [str(w) for w in itos]


def _words(itos: Sequence[str]) -> list[str]:
    return [w for w in itos if w != UNK]


def _vocab(trial: Trial) -> None:
    tokens = _draw_tokens(trial.rng)
    counts, told = Counter(tokens), list(dict.fromkeys(tokens))
    stoi, itos = _asked(trial, tokens)
    if _words(itos) != _build_vocab(tokens)[1][1:]:
        text = "Not every word of the text is in the vocabulary once, and no other."
        if set(_words(itos)) == set(told):
            known = [sentence for sentence, order in _ORDERS if order(counts, told) == _words(itos)]
            text = (known or ["The order of the words is wrong: by count falling, then by alphabet."])[0]
        trial.fail(Finding(text, (), f"itos begins with {itos[:5]}."), aspect=ORDER)
    least = int(trial.rng.integers(2, 4))
    _, fewer = _asked(trial, tokens, least)
    if set(_words(fewer)) != {w for w, n in counts.items() if n >= least}:
        _tell_threshold(trial, fewer, counts, least)
    _unknown(trial, itos)
    if dict(stoi) != {w: i for i, w in enumerate(itos)}:
        ids: tuple[str, ...] = ()
        text = "stoi does not give the place of each word in itos: stoi[itos[i]] is i."
        if dict(stoi) == {w: i for i, w in enumerate(itos, 1)}:
            text, ids = "The ids in stoi start at 1; the place of '<unk>' in itos is 0.", ("M34",)
        trial.fail(Finding(text, ids, hints=misconceptions.hints(ids, "stoi")), aspect=IDS)


def _tell_threshold(trial: Trial, itos: Sequence[str], counts: Mapping[str, int], least: int) -> None:
    text = f"With min_count = {least} other words are kept than those that occur at least {least} times."
    found: tuple[str, ...] = ()
    for sentence, names, keeps in _THRESHOLDS:
        if set(_words(itos)) == {w for w, n in counts.items() if keeps(n, least)}:
            text, found = sentence, names
            break
    hints = misconceptions.hints(found, "the vocabulary")
    trial.fail(Finding(text, found, hints=hints), aspect=THRESHOLD)


def _unknown(trial: Trial, itos: Sequence[str]) -> None:
    """<unk> is word 0, once, whether it stands in the text or not."""
    if list(itos[:1]) != [UNK]:
        trial.fail(
            Finding("itos[0] should be '<unk>', the word for all unknown ones.", ("M37",)), aspect=UNKNOWN
        )
        return
    tokens = [UNK, "a", UNK, "b", "a", UNK]
    _, late = _asked(trial, tokens)
    _, empty = _asked(trial, [])
    if late.count(UNK) != 1 or late[:1] != [UNK]:
        trial.fail(
            "A '<unk>' that stands in the text is not listed again: it is word 0 already.", aspect=UNKNOWN
        )
    elif empty != [UNK]:
        trial.fail("The vocabulary of an empty text is ['<unk>'].", aspect=UNKNOWN)


def _one_hot(ids: Any, V: int) -> np.ndarray:
    out = np.zeros((len(ids), V))
    out[np.arange(len(ids)), ids] = 1.0
    return out


def _draw_ids(rng: np.random.Generator) -> Args:
    return {"ids": rng.integers(0, 7, 5), "V": 7}


def _few_ids(rng: np.random.Generator) -> list[Args]:
    first = {"ids": np.array([0, 6, 6]), "V": 7}
    return [
        first,
        {"ids": np.array([2]), "V": 3},
        {"ids": np.array([0]), "V": 1},
        {"ids": np.arange(4), "V": 4},
    ]


ENTRIES = [
    Entry(
        "build-vocab",
        (pure_check({ORDER: 2.0, THRESHOLD: 1.25, UNKNOWN: 1.0, IDS: 0.5}, _vocab, 0.25),),
        {"build_vocab": _build_vocab},
        title="A vocabulary",
    ),
    Entry(
        "one-hot",
        (
            ruled(
                "one_hot",
                _draw_ids,
                _one_hot,
                "rows",
                {"rows": 1.5, "first and last id, one id": 0.5},
                {"first and last id, one id": _few_ids},
                pure=0.5,
            ),
        ),
        {"one_hot": _one_hot},
        title="One-hot rows",
    ),
]
