"""The n-gram model: fitted to sentences, asked for probabilities, drawn from.

Source: deck 004, "n-gram language model", "Sampling"
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from course.ngram.counting import BOS, EOS, Trie, Vocabulary, _check_order
from course.ngram.smoothing import add_k, interpolated, katz, kneser_ney, mle
from course.toolbox.errors import InputError

__all__ = ["NGram", "cross_entropy_bits", "perplexity", "sample_ngram"]

Sentences = Iterable[Sequence[str]]
_FACTORIES: tuple[Any, ...] = (mle, add_k, interpolated, katz, kneser_ney)


class NGram:
    """A language model that looks back n − 1 words: p(w_1 … w_T) = Π_t p(w_t | w_{t−n+1} … w_{t−1}).

    A corpus is a list of sentences, a sentence a list of words. `<s>` is context only, `</s>` is predicted, unknown
    words are `<unk>`.

        model = NGram(3, kneser_ney()).fit(sentences)
        model.prob(["cows"], "eat")                 # at the start of a sentence; [] is the start itself

    Source: deck 004, "n-gram language model"
    Raises: InputError for an order below 1, a smoothing that is none, an empty corpus, or use before `fit`.
    """

    def __init__(self, n: int, smoothing: Callable[[Trie], Any]) -> None:
        _check_order("NGram", n)
        if not callable(smoothing) or smoothing in _FACTORIES:
            raise InputError(
                f"NGram: {smoothing!r} is no smoothing; use mle(), add_k(k), interpolated(lambdas), katz() or kneser_ney(), with the brackets."
            )
        self.n, self.smoothing = n, smoothing
        self.estimate: Any = None

    def fit(self, sentences: Sentences) -> NGram:
        """Count the sentences and smooth; returns the model."""
        return self._fit(*Vocabulary.of_sentences(sentences, "NGram.fit"))

    def fit_file(self, path: str | Path) -> NGram:
        """The same from a text file with one sentence a line, block by block; returns the model."""
        return self._fit(*Vocabulary.of_file(Path(path), "NGram.fit_file"))

    def _fit(self, vocabulary: Vocabulary, ids: Any) -> NGram:
        trie = Trie.of(ids, len(vocabulary.id), self.n)
        return self._set(vocabulary, trie, self.smoothing(trie))

    def _set(self, vocabulary: Vocabulary, trie: Trie, estimate: Any) -> NGram:
        self._vocabulary, self._trie, self.estimate = vocabulary, trie, estimate
        return self

    @property
    def vocab(self) -> list[str]:
        """The sorted words of training, `</s>` and `<unk>`; probabilities sum to one over it."""
        self._ready()
        return list(self._vocabulary.words)

    def _ready(self) -> None:
        if self.estimate is None:
            raise InputError("NGram: the model has no counts yet; call fit first.")

    def _after(self, history: Sequence[str]) -> tuple[list[Any], int]:
        """Where the last 0 … n − 1 words of the history stand in the tables, and how many there are."""
        self._ready()
        if isinstance(history, str):
            raise InputError("NGram: a history is a list of words, not a string; use history.split().")
        get, unk = self._vocabulary.id.get, self._vocabulary.unk
        words = [get(w, unk) for w in (history[-(self.n - 1) :] if self.n > 1 else [])]
        if len(words) < self.n - 1:
            words = [0, *words]
        contexts = [0]
        for m in range(1, min(len(words), self.n - 1) + 1):
            at: Any = words[-m]
            for k, word in enumerate(words[len(words) - m + 1 :], 2):
                at = self._trie.find(k, at, word)
            contexts.append(int(at))
        reach = len(contexts) - 1
        return contexts + [-1] * (self.n - len(contexts)), reach

    def prob(self, history: Sequence[str], word: str) -> float:
        """p(word | history); a history of less than n − 1 words stands at the start of a sentence."""
        contexts, reach = self._after(history)
        word_id = self._vocabulary.id.get(word, self._vocabulary.unk)
        return float(self.estimate(contexts, word_id, reach)) if word != BOS else 0.0

    def distribution(self, history: Sequence[str]) -> Any:
        """The probabilities of all words of `.vocab` after the history.

        Shapes: (V,)
        """
        contexts, reach = self._after(history)
        return self.estimate(contexts, np.arange(1, self._trie.size), reach)

    def logprobs(self, sentences: Sentences) -> Any:
        """The logarithms, in nats, of the probability of each word and each `</s>`; −∞ for what cannot be.

        Shapes: (T,)
        """
        self._ready()
        ids = self._vocabulary.encode(sentences, "NGram.logprobs")
        at = self._trie.follow(ids)
        here = np.flatnonzero(ids != 0)
        reach = np.minimum(
            here - np.maximum.accumulate(np.where(ids == 0, np.arange(len(ids)), 0))[here], self.n - 1
        )
        p = self.estimate([a[here - 1] for a in at[: self.n]], ids[here], reach)
        with np.errstate(divide="ignore"):
            return np.log(p)


def cross_entropy_bits(model: Any, sentences: Sentences) -> float:
    """The mean number of bits per predicted token: −(1/T) Σ_t log₂ p(w_t | history), `</s>` included.

    Source: deck 004, "n-gram language model"
    Raises: InputError when there is nothing to predict.
    """
    logprobs = model.logprobs(sentences)
    if not len(logprobs):
        raise InputError("cross_entropy_bits: the text is empty; pass at least one sentence.")
    return float(-np.mean(logprobs) / np.log(2))


def perplexity(model: Any, sentences: Sentences) -> float:
    """Two to the power of the cross-entropy in bits: among how many equally likely tokens the model is in doubt.

    Raises: as `cross_entropy_bits`.
    """
    return float(2.0 ** cross_entropy_bits(model, sentences))


def sample_ngram(model: NGram, rng: np.random.Generator, n: int, temperature: float = 1.0) -> list[str]:
    """Draw n words, each from p^(1/temperature) after the words before it; `</s>` starts a new sentence.

    `</s>` is neither counted nor listed.

    Source: deck 004, "Sampling from a language model"
    Raises: InputError for a temperature that is not positive, or when nothing can follow or sentences stay empty.
    """
    if not temperature > 0:
        raise InputError(f"sample_ngram: the temperature is {temperature}; it must be positive.")
    out, history, empty, words = list[str](), list[str](), 0, model.vocab
    while len(out) < n:
        p = model.distribution(history)
        if not p.sum() > 0:
            raise InputError(
                f"sample_ngram: the model gives no word a probability after {history[-model.n :]}."
            )
        p = (p / p.max()) ** (1 / temperature)
        ends = p.cumsum()
        word = words[int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))]
        empty = empty + 1 if word == EOS and not history else 0
        if empty > 10_000:
            raise InputError("sample_ngram: 10,000 sentences in a row were empty; the model knows no words.")
        if word == EOS:
            history = []
        else:
            out.append(word)
            history.append(word)
    return out
