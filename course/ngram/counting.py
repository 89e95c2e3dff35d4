"""Counting: texts as numbers, n-grams as 64-bit keys, and a table for every order that leads on to the next.

An n-gram is stored as one integer: the index of its context (the first n − 1 words) in the table of the order below,
times the number of words, plus its last word. So keys fit 64 bits at any order, the n-grams of one context stand
together, and one search for each order finds all n-grams of a text.

Source: deck 004, "Learning an n-gram model"
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from course.toolbox.errors import InputError
from course.toolbox.shapes import check_shapes

__all__ = ["BOS", "EOS", "UNK", "Level", "Trie", "Vocabulary", "count", "ngrams"]

BOS, EOS, UNK = "<s>", "</s>", "<unk>"


def ngrams(sentence: Sequence[str], n: int) -> list[tuple[str, ...]]:
    """The n-grams that end in each word and in the end of a sentence.

    Source: deck 004, "n-gram language model"
    Raises: InputError when n is below 1.

    >>> ngrams(["cows", "eat"], 2)
    [('<s>', 'cows'), ('cows', 'eat'), ('eat', '</s>')]
    """
    _check_order("ngrams", n)
    padded = [BOS] * (n - 1) + list(sentence) + [EOS]
    return list(zip(*(padded[i:] for i in range(n))))


def count(ids: Any, n: int) -> tuple[Any, Any]:
    """All different n-grams of a sequence of ids, in order, and how often each occurs.

    Shapes: ids (T,) int < V, n = 2; gives keys (K, n), sorted, and counts (K,)
    Source: deck 004, "Learning an n-gram model"
    Raises: InputError when n is below 1, the sequence is shorter than n, or ids are no whole numbers from 0 on.

    >>> keys, counts = count(np.array([1, 2, 1, 2, 0]), 2)
    >>> keys.tolist(), counts.tolist()
    ([[1, 2], [2, 0], [2, 1]], [2, 1, 1])
    """
    _check_order("count", n)
    ids = np.asarray(ids)
    check_shapes("count", "ids (T,)", ids)
    if len(ids) < n:
        raise InputError(f"count: the sequence has {len(ids)} ids, which is shorter than the order {n}.")
    if ids.dtype.kind not in "iu" or ids.min() < 0:
        raise InputError("count: ids must be whole numbers from 0 on; map words to ids first.")
    words, at = np.unique(ids, return_inverse=True)
    starts, V, first = np.arange(len(ids) - n + 1), len(words), at
    for m in range(1, n):  # number the n-grams of each order
        _, at = np.unique(at[: len(at) - 1] * V + first[m:], return_inverse=True)
    counts = np.bincount(at)
    place = np.empty(len(counts), np.intp)
    place[at] = starts
    return ids[place[:, None] + np.arange(n)], counts


def _check_order(where: str, n: Any) -> None:
    if not isinstance(n, (int, np.integer)) or n < 1:
        raise InputError(f"{where}: the order n is {n!r}; it must be a whole number of at least 1.")


class _Numbers(dict[str, int]):
    """Words to numbers in the order of their first appearance."""

    def __missing__(self, word: str) -> int:
        self[word] = number = len(self)
        return number


class Vocabulary:
    """Words and their ids: 0 is `<s>`, then the words of training, `</s>` and `<unk>` in the order of the alphabet."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = sorted({*words, EOS, UNK} - {BOS})
        self.id = {word: i for i, word in enumerate([BOS, *self.words])}
        self.unk = self.id[UNK]

    def encode(self, sentences: Iterable[Sequence[str]], where: str) -> Any:
        """All sentences as one sequence of ids, each with `<s>` in front and `</s>` behind; new words are `<unk>`."""
        sentences = _checked(sentences, where)
        get, unk = self.id.get, self.unk
        flat = chain.from_iterable(chain((BOS,), s, (EOS,)) for s in sentences)
        ids = np.fromiter((get(w, unk) for w in flat), np.int64)
        _no_marks(where, int((ids == 0).sum()) + int((ids == self.id[EOS]).sum()), 2 * len(sentences))
        return ids

    @classmethod
    def of_sentences(cls, sentences: Iterable[Sequence[str]], where: str) -> tuple[Vocabulary, Any]:
        """The vocabulary of sentences, and the sentences as `encode` gives them."""
        sentences, numbers = _checked(sentences, where), _Numbers({BOS: 0, EOS: 1})
        flat = chain.from_iterable(chain((BOS,), s, (EOS,)) for s in sentences)
        return cls._numbered(
            numbers, [np.fromiter(map(numbers.__getitem__, flat), np.int32)], len(sentences), where
        )

    @classmethod
    def of_file(cls, path: Path, where: str) -> tuple[Vocabulary, Any]:
        """The same from a text file with one sentence a line and words between spaces."""
        numbers, parts, lines = _Numbers({BOS: 0, EOS: 1}), [], 0
        with open(path, encoding="utf-8", newline="\n") as file:
            while block := file.readlines(1 << 20):
                lines += len(block)
                words = f"{BOS} {f' {EOS} {BOS} '.join(block)} {EOS}".split()
                parts.append(np.fromiter(map(numbers.__getitem__, words), np.int32, len(words)))
        return cls._numbered(numbers, parts, lines, where)

    @classmethod
    def _numbered(
        cls, numbers: _Numbers, parts: list[Any], sentences: int, where: str
    ) -> tuple[Vocabulary, Any]:
        if not sentences:
            raise InputError(f"{where}: the corpus is empty; pass at least one sentence.")
        ids = np.concatenate(parts)
        _no_marks(where, int((ids <= 1).sum()), 2 * sentences)
        vocabulary = cls(numbers)
        return vocabulary, np.array([vocabulary.id[w] for w in numbers])[ids]


def _checked(sentences: Iterable[Sequence[str]], where: str) -> list[Sequence[str]]:
    sentences = list(sentences)
    if any(isinstance(s, str) for s in sentences):
        raise InputError(f"{where}: a sentence is a list of words, not a string; use sentence.split().")
    return sentences


def _no_marks(where: str, found: int, expected: int) -> None:
    if found != expected:
        raise InputError(
            f"{where}: the text holds {BOS} or {EOS} as words; leave them out, they are added to each sentence."
        )


@dataclass
class Level:
    """The n-grams of one order above 1, sorted: indices of contexts and suffixes in the order below, and counts."""

    key: Any  # context · (number of ids) + last word
    context: Any
    suffix: Any
    count: Any


class Trie:
    """All n-grams of orders 1 … n of a text, with their counts.

    `unigrams` are the counts by id; `levels[m]` holds the n-grams of order m + 2.
    """

    def __init__(self, size: int, unigrams: Any, levels: list[Level]) -> None:
        self.size, self.unigrams, self.levels = size, unigrams, levels
        self.n = len(levels) + 1

    @classmethod
    def of(cls, ids: Any, size: int, n: int) -> Trie:
        """Count all n-grams within the sentences of a sequence in which id 0 begins each.

        One sort for each order, or none where so few keys are possible that each can have a counter of its own.
        """
        position, levels = _positions(ids), []
        ends, at, contexts = np.arange(len(ids)), ids, size
        for m in range(1, n):
            inside = np.flatnonzero(position[ends] >= m)  # `ends`: where the n-grams of the order below end
            ends, suffix = ends[inside], at[inside]
            # the n-gram that ends one place before is the one counted just before: no sentence is entered in between
            keys = at[inside - 1] * size + ids[ends]
            key, counts, at = _number(keys, contexts * size)
            suffixes = np.empty(len(key), np.int64)
            suffixes[at] = suffix
            levels.append(Level(key, key // size, suffixes, counts))
            contexts = len(key)
        return cls(size, np.bincount(ids, minlength=size), levels)

    def find(self, m: int, context: Any, word: Any) -> Any:
        """Where context and word stand among the n-grams of order m; −1 for those that do not occur."""
        if m == 1:
            return np.broadcast_to(word, np.broadcast_shapes(np.shape(context), np.shape(word)))
        key = self.levels[m - 2].key
        if not len(key):
            return np.full(np.broadcast_shapes(np.shape(context), np.shape(word)), -1)
        wanted = np.asarray(context) * self.size + word
        place = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
        return np.where((np.asarray(context) >= 0) & (key[place] == wanted), place, -1)

    def follow(self, ids: Any) -> list[Any]:
        """For m = 0 … n: where the n-gram of the last m ids up to each place stands in order m, −1 if nowhere.

        An n-gram never reaches over the beginning of its sentence.
        """
        position, at = _positions(ids), [np.zeros(len(ids), np.int64), ids]
        for m in range(2, self.n + 1):
            before = np.where(position >= m - 1, np.roll(at[-1], 1), -1)
            at.append(self.find(m, before, ids))
        return at


def _positions(ids: Any) -> Any:
    """The place of each id in its sentence; `<s>` stands at 0."""
    starts = np.flatnonzero(ids == 0)
    return np.arange(len(ids)) - np.repeat(starts, np.diff(starts, append=len(ids)))


def _number(keys: Any, possible: int) -> tuple[Any, Any, Any]:
    """The different keys in order, their counts, and the number of each key among them."""
    if possible <= 4 * len(keys) + 1024:
        counters = np.bincount(keys, minlength=possible)
        key = np.flatnonzero(counters)
        counters_of = counters[key]
        counters[key] = np.arange(len(key))
        return key, counters_of, counters[keys]
    order = np.argsort(keys)
    ordered = keys[order]
    new = np.concatenate([np.ones(min(len(keys), 1), bool), ordered[1:] != ordered[:-1]])
    at = np.empty(len(keys), np.int64)
    at[order] = new.cumsum() - 1
    first = np.flatnonzero(new)
    return ordered[first], np.diff(first, append=len(keys)), at
