"""Entries of assignment A05 for sparse_features, ner_features and window_batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autograder.checks import misconceptions
from autograder.checks.entry import Entry, Finding, StudentError, Trial
from autograder.checks.kinds import pure_check
from autograder.checks.ruled import ruled

__all__ = ["ENTRIES"]

Args = dict[str, Any]
WORDS = "The Dog of sees 2 near cow21 and in McDonald B-52s ÄPFEL IBM's".split()
TAGS = "DET NOUN ADP VERB NUM ADP NOUN CONJ ADP PROPN NOUN NOUN PROPN".split()


def _draw(rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """13 words and tags in a drawn order, the odd ones in the middle; two words come twice within four places."""
    usual, odd = [int(i) for i in rng.permutation(9)], [9 + int(i) for i in rng.permutation(4)]
    order = [*usual[:5], *odd, *usual[5:]]
    order[3], order[11] = order[1], order[10]
    return [WORDS[i] for i in order], [TAGS[i] for i in order]


def _at(items: list[str], i: int) -> str:
    return "<s>" if i < 0 else "</s>" if i >= len(items) else items[i]


# --- sparse features --------------------------------------------------------------------------------------------------

SINGLE, PAIRS, FIRST = "w, pw, pt", "conjunctions", "the first word"


def _sparse(tokens: Any, tags: Any, i: int) -> list[str]:
    w, pw, pt = f"w={tokens[i]}", f"pw={_at(tokens, i - 1)}", f"pt={_at(tags, i - 1)}"
    return [w, pw, pt, f"{w}&{pw}", f"{w}&{pt}"]


def _sparse_of(trial: Trial, calls: list[Any]) -> list[list[str]]:
    found = trial.call_many("sparse_features", calls)
    for got in found:
        if not isinstance(got, list | tuple) or not all(isinstance(f, str) for f in got):
            raise StudentError("sparse_features should return a list of strings.", kind="failed")
    return [sorted(str(f) for f in got) for got in found]


def _sparse_check(trial: Trial) -> None:
    tokens, tags = _draw(trial.rng)
    places = [1, 5, int(trial.rng.integers(2, len(tokens))), len(tokens) - 1]
    wrong = set()
    for i, got in zip(places, _sparse_of(trial, [(tokens, tags, i) for i in places])):
        for aspect, pair in ((SINGLE, False), (PAIRS, True)):
            mine = [f for f in got if ("&" in f) == pair]
            want = sorted(f for f in _sparse(tokens, tags, i) if ("&" in f) == pair)
            if mine != want and aspect not in wrong:
                if (
                    pair
                    and SINGLE in wrong
                    and len(mine) == 2
                    and mine == sorted(_joined([f for f in got if "&" not in f]))
                ):
                    continue  # conjunctions of what was charged already
                wrong.add(aspect)
                text, ids = _sparse_slip(tokens, tags, i, mine, want)
                hints = misconceptions.hints(ids, "the features")
                trial.fail(
                    Finding(
                        text, ids, f"At word {i}, {tokens[i]!r}: {', '.join(mine) or 'none'}.", hints=hints
                    ),
                    aspect=aspect,
                )
    _first(trial, tokens, tags, wrong)


def _joined(single: list[str]) -> list[str]:
    by = {f.split("=")[0]: f for f in single}
    return [f"{by['w']}&{by[k]}" for k in ("pw", "pt") if k in by and "w" in by]


def _sparse_slip(
    tokens: Any, tags: Any, i: int, mine: list[str], want: list[str]
) -> tuple[str, tuple[str, ...]]:
    """What was done to the features of a word: the neighbour's side, the tag's place, a name, an order."""
    behind = {"pw": f"pw={_at(tokens, i + 1)}", "pt": f"pt={_at(tags, i + 1)}"}
    own = {"pt": f"pt={tags[i]}"}
    for text, swap in (
        ("The word and tag behind are taken; p stands for previous.", behind),
        ("pt is the tag of the word itself; it is that of the word before.", own),
    ):
        changed = [_with(f, swap) for f in want]
        if mine == sorted(changed):
            return text, ("M34",)
    if mine == sorted("&".join(reversed(f.split("&"))) for f in want) and mine != want:
        return "The parts of a conjunction are in the other order: w=… comes first.", ()
    if missing := [f for f in want if f not in mine]:
        return f"Features are missing or have other names, for example {missing[0]!r}.", ()
    return "There are features too many.", ()


def _with(feature: str, swap: Mapping[str, str]) -> str:
    return "&".join(swap.get(part.split("=")[0], part) for part in feature.split("&"))


def _first(trial: Trial, tokens: Any, tags: Any, wrong: set[str]) -> None:
    if len(wrong) == 2:
        trial.fail("Not looked at as long as nothing is right inside a sentence.", aspect=FIRST)
        return
    for words, labels in ((tokens, tags), (tokens[:1], tags[:1])):
        got = _sparse_of(trial, [(words, labels, 0)])[0]
        want = _sparse(words, labels, 0)
        parts = [(SINGLE, False), (PAIRS, True)]
        if any(
            sorted(f for f in want if ("&" in f) == pair) != [f for f in got if ("&" in f) == pair]
            for aspect, pair in parts
            if aspect not in wrong
        ):
            wrapped = len(words) > 1 and any(f"pw={words[-1]}" in f for f in got)
            ids = ("M34",) if wrapped else ()
            text = "Before the first word stands <s>, as word and as tag"
            text += "; index −1 is the last word." if wrapped else "."
            trial.fail(Finding(text, ids), aspect=FIRST)
            return


# --- features for named entities --------------------------------------------------------------------------------------


def _shape(word: str) -> str:
    kinds = (("A", "Z", "X"), ("a", "z", "x"), ("0", "9", "d"))
    return "".join(next((to for low, high, to in kinds if low <= c <= high), c) for c in word)


def _ner(tokens: Any, tags: Any, i: int) -> dict[str, Any]:
    word = tokens[i]
    around = [_at(tokens, j) for j in (i - 1, i, i + 1)]
    shapes = [w if 0 <= j < len(tokens) else None for j, w in zip((i - 1, i, i + 1), around)]
    return {
        "word": word,
        "prev": around[0],
        "next": around[2],
        "ngrams": sorted({word[a:b] for a in range(len(word)) for b in range(a + 1, len(word) + 1)}),
        "pos": tags[i],
        "pos_seq": "|".join(_at(tags, j) for j in (i - 1, i, i + 1)),
        "shape": _shape(word),
        "shape_seq": "|".join(around[k] if w is None else _shape(w) for k, w in enumerate(shapes)),
        "left": sorted(set(tokens[max(0, i - 4) : i])),
        "right": sorted(set(tokens[i + 1 : i + 5])),
    }


ENDS = "first and last word"
_GROUPS = {
    "word, prev, next": ("word", "prev", "next"),
    "ngrams": ("ngrams",),
    "pos, pos_seq": ("pos", "pos_seq"),
    "shape, shape_seq": ("shape", "shape_seq"),
    "left, right": ("left", "right"),
}
_NER_POINTS = {
    "word, prev, next": 1.25,
    "ngrams": 1.5,
    "pos, pos_seq": 1.25,
    "shape, shape_seq": 2.0,
    "left, right": 1.75,
    ENDS: 1.0,
}

Slip = tuple[str, Callable[[list[str], list[str], int], Any]]
_NER_SLIPS: dict[str, tuple[Slip, ...]] = {
    "ngrams": (
        ("ngrams should be sorted and distinct: every substring once.", lambda w, t, i: [w[i][a:b] for a in range(len(w[i])) for b in range(a + 1, len(w[i]) + 1)]),
        ("ngrams lacks the word itself: it is a substring, too.", lambda w, t, i: sorted(set(_ner(w, t, i)["ngrams"]) - {w[i]})),
        ("ngrams holds the letters only: all lengths are asked for.", lambda w, t, i: sorted(set(w[i]))),
        ("ngrams lacks the letters: substrings of one letter count, too.", lambda w, t, i: [g for g in _ner(w, t, i)["ngrams"] if len(g) > 1]),
        ("ngrams lacks the substrings that end with the word: the range ends one too early.", lambda w, t, i: sorted({w[i][a:b] for a in range(len(w[i])) for b in range(a + 1, len(w[i]))})),
        ("ngrams holds the empty string.", lambda w, t, i: ["", *_ner(w, t, i)["ngrams"]]),
    ),
    "pos_seq": (("pos_seq runs over the tags: previous|current|next.", lambda w, t, i: "|".join((_at(t, i + 1), t[i], _at(t, i - 1)))),),
    "shape": (
        ("shape is collapsed: every character has its own letter.", lambda w, t, i: _collapsed(_shape(w[i]))),
        ("shape writes X and x for every letter: only A-Z and a-z are meant, others stay as they are.", lambda w, t, i: "".join("X" if c.isupper() else "x" if c.islower() else "d" if c.isdigit() else c for c in w[i])),
    ),
    "shape_seq": (("shape_seq is collapsed: every character has its own letter.", lambda w, t, i: "|".join(_collapsed(s) for s in _ner(w, t, i)["shape_seq"].split("|"))),),
    "left": (
        ("left holds the word itself: it begins one place before.", lambda w, t, i: sorted(set(w[max(0, i - 3) : i + 1]))),
        ("left holds the word itself: it begins one place before.", lambda w, t, i: sorted(set(w[max(0, i - 4) : i + 1]))),
        ("left reaches back 3 words; 4 are asked for.", lambda w, t, i: sorted(set(w[max(0, i - 3) : i]))),
        ("left reaches back 5 words; 4 are asked for.", lambda w, t, i: sorted(set(w[max(0, i - 5) : i]))),
        ("left should be sorted and distinct.", lambda w, t, i: w[max(0, i - 4) : i]),
        ("left holds tags: words are asked for.", lambda w, t, i: sorted(set(t[max(0, i - 4) : i]))),
    ),
    "right": (
        ("right holds the word itself: it begins one place behind.", lambda w, t, i: sorted(set(w[i : i + 5]))),
        ("right holds the word itself: it begins one place behind.", lambda w, t, i: sorted(set(w[i : i + 4]))),
        ("right reaches 3 words ahead; 4 are asked for.", lambda w, t, i: sorted(set(w[i + 1 : i + 4]))),
        ("right reaches 5 words ahead; 4 are asked for.", lambda w, t, i: sorted(set(w[i + 1 : i + 6]))),
        ("right should be sorted and distinct.", lambda w, t, i: w[i + 1 : i + 5]),
        ("right holds tags: words are asked for.", lambda w, t, i: sorted(set(t[i + 1 : i + 5]))),
    ),
}  # fmt: skip


def _collapsed(shape: str) -> str:
    return "".join(c for k, c in enumerate(shape) if k == 0 or shape[k - 1] != c)


def _plain(value: Any) -> Any:
    """Strings of NumPy's and tuples as strings and lists."""
    if isinstance(value, str):
        return str(value)
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def _ner_of(trial: Trial, calls: list[Any]) -> list[dict[str, Any]]:
    found = trial.call_many("ner_features", calls)
    for got in found:
        if not isinstance(got, Mapping):
            raise StudentError("ner_features should return a dict.", kind="failed")
    return [{str(k): _plain(v) for k, v in got.items()} for got in found]


def _same(got: Any, want: Any) -> bool:
    """Equality of strings and lists of strings; nothing of the student's is asked."""
    if isinstance(want, str):
        return type(got) is str and got == want
    return type(got) is list and all(type(g) is str for g in got) and got == want


def _ner_check(trial: Trial) -> None:
    tokens, tags = _draw(trial.rng)
    n = len(tokens)
    middle, ends = [5, 6, 7, 8], [0, 1, n - 2, n - 1]
    got = dict(zip([*middle, *ends], _ner_of(trial, [(tokens, tags, i) for i in [*middle, *ends]])))
    right = {i: _ner(tokens, tags, i) for i in got}
    bad = {k: [i for i in middle if not _same(got[i].get(k), right[i][k])] for k in right[0]}
    for aspect, keys in _GROUPS.items():
        for key in keys:
            if bad[key]:
                trial.fail(
                    _ner_finding(key, bad[key][0], tokens, tags, {i: got[i] for i in middle}), aspect=aspect
                )
                break
    if all(any(bad[k] for k in keys) for keys in _GROUPS.values()):
        trial.fail("Not looked at as long as nothing is right inside a sentence.", aspect=ENDS)
    for i in ends:
        for key in right[i]:
            if not bad[key] and not _same(got[i].get(key), right[i][key]):
                text = f"At word {i} of {n}: {key} should be {right[i][key]!r}, and is {str(got[i].get(key))[:60]!r}."
                said = f"{key} is wrong at an end of the sentence: outside stand <s> and </s>, as they are."
                if key in ("left", "right"):
                    said = f"{key} is wrong near an end of the sentence: fewer than 4 words are there, and a negative index counts from the end."
                trial.fail(Finding(said, (), text), aspect=ENDS)
                return
    extra = sorted(set(got[middle[0]]) - set(right[0]))
    if extra:
        trial.fail(f"ner_features has a key too many: {', '.join(extra)[:60]}.", aspect="word, prev, next")


def _ner_finding(
    key: str, i: int, tokens: list[str], tags: list[str], got: Mapping[int, Mapping[str, Any]]
) -> Finding:
    if key not in got[i]:
        return Finding(f"ner_features has no key {key!r}.")
    shown = f"At word {i}, {tokens[i]!r}: {key} should be {_ner(tokens, tags, i)[key]!r}, and is {str(got[i][key])[:80]!r}."
    for text, wrong in _NER_SLIPS.get(key, ()):
        if all(
            _same(_plain(features.get(key)), _plain(wrong(tokens, tags, j))) for j, features in got.items()
        ):
            return Finding(text, (), shown)
    return Finding(f"{key} is wrong.", (), shown)


# --- windows ----------------------------------------------------------------------------------------------------------


def _window_batch(ids: Any, k: int, pad: int) -> np.ndarray:
    padded = np.concatenate([np.full(k, pad), np.asarray(ids), np.full(k, pad)])
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * k + 1)


def _draw_windows(rng: np.random.Generator) -> Args:
    return {
        "ids": rng.integers(1, 9, int(rng.integers(6, 10))),
        "k": int(rng.integers(1, 3)),
        "pad": int(rng.choice([0, 17])),
    }


def _odd_windows(rng: np.random.Generator) -> list[Args]:
    ids = rng.integers(1, 9, 3)
    return [
        {"ids": ids, "k": 0, "pad": 0},
        {"ids": ids, "k": 4, "pad": 0},
        {"ids": ids[:1], "k": 1, "pad": 5},
    ]


ENTRIES = [
    Entry(
        "sparse-features",
        (pure_check({SINGLE: 2.0, PAIRS: 1.75, FIRST: 1.0}, _sparse_check, 0.25),),
        {"sparse_features": _sparse},
        title="Sparse features",
    ),
    Entry(
        "ner-features",
        (pure_check(_NER_POINTS, _ner_check, 0.25),),
        {"ner_features": _ner},
        title="Features for named entities",
    ),
    Entry(
        "window-batch",
        (
            ruled(
                "window_batch",
                _draw_windows,
                _window_batch,
                "windows",
                {"windows": 2.0, "k = 0, short texts": 1.0},
                {"k = 0, short texts": _odd_windows},
                pure=0.5,
            ),
        ),
        {"window_batch": _window_batch},
        title="Windows",
    ),
]
