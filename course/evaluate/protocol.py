"""The protocol of the race: bits per token, learning curves, mixtures, and what chance alone would do.

A document is a list of sentences, a sentence a list of words; `docs` is a list of documents. A model is anything with
`.logprobs(sentences)`: one logarithm, in nats, for each word and each `</s>`. Documents are independent of each other,
tokens are not, so every standard error is taken over documents.

Source: deck 004, "Which is the real Shakespeare?"; where no other is named, the course's own protocol
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import inf, isfinite, lgamma, log, log1p, nan
from typing import Any

import numpy as np

from course.embeddings import build_vocab, encode
from course.optim import Flat, adam
from course.rnn import RNNLM, batches_of, fit
from course.toolbox.errors import InputError
from course.toolbox.seeds import student_seed

__all__ = [
    "HeldOut", "Recurrent", "bits_by_dependency", "check_normalised", "evaluate", "interpolate", "leak", "learning_curve",
    "likelihood_ratio", "paired_bootstrap", "real_or_fake", "split_documents",
]  # fmt: skip

Docs = Sequence[Sequence[Sequence[str]]]
_EOS = "</s>"


def evaluate(model: Any, docs: Docs) -> dict[str, Any]:
    """Bits per predicted token, its standard error over documents, and the bits of every token in order.

    b = Σ_d B_d / Σ_d L_d,  se = √(D/(D−1) Σ_d (B_d − b L_d)²) / Σ_d L_d, for D documents of B_d bits and L_d tokens, `</s>`
    included; se is nan for a single document

    Raises: InputError when there is nothing to predict, or what the model gives are no logarithms of probabilities.
    """
    bits, document = _bits(model, docs, "evaluate")
    mean, se = _mean(bits, document, len(docs))
    return {"bits_per_token": mean, "se": se, "per_token": bits}


def _lengths(docs: Docs, where: str) -> Any:
    """The number of predicted tokens of each document."""
    if any(isinstance(s, str) for doc in docs for s in doc):
        raise InputError(
            f"{where}: a document is a list of sentences, each a list of words; wrap it as [words]."
        )
    lengths = np.array([sum(len(s) + 1 for s in doc) for doc in docs], int)
    if not lengths.sum():
        raise InputError(f"{where}: the text is empty; pass at least one document with a sentence.")
    return lengths


def _bits(model: Any, docs: Docs, where: str) -> tuple[Any, Any]:
    """The bits of every token and the number of its document."""
    lengths = _lengths(docs, where)
    bits = np.asarray(model.logprobs([s for doc in docs for s in doc]), float) / -log(2)
    if bits.shape != (lengths.sum(),):
        raise InputError(
            f"{where}: logprobs has shape {bits.shape}, but the text has {lengths.sum()} tokens, one {_EOS} a sentence among them."
        )
    if not (bits >= -1e-6).all():
        t = int(np.argmin(bits >= -1e-6))
        raise InputError(
            f"{where}: the probability of token {t} is {2 ** -bits[t]:.4g}; none is above 1. Does the softmax sum to one?"
        )
    return bits, np.repeat(np.arange(len(docs)), lengths)


def _mean(values: Any, document: Any, D: int) -> tuple[float, float]:
    """The mean over tokens and its standard error over documents."""
    mean = float(values.mean())
    if D < 2 or not isfinite(mean):
        return mean, nan
    sums, lengths = np.bincount(document, values, D), np.bincount(document, minlength=D)
    return mean, float(np.sqrt(D / (D - 1) * ((sums - mean * lengths) ** 2).sum()) / len(values))


def check_normalised(model: Any, words: Iterable[str], histories: Iterable[Sequence[str]]) -> None:
    """Look whether a model is one: Σ_w p(w | history) = 1 over its words (`<unk>` among them) and `</s>`.

    Raises: InputError that names the first history after which the sum is off by more than 1e-5.
    """
    words = [w for w in words if w != _EOS]
    for history in histories:
        texts = [[*history, w] for w in words]
        last = [model.logprobs([text])[len(history)] for text in [*texts, history]]
        total = float(np.exp(last).sum())
        if not abs(total - 1) <= 1e-5:
            raise InputError(
                f"check_normalised: after {' '.join(history)!r} the probabilities of {len(last)} words sum to {total:.6g}, "
                f"not 1; such a model cannot be compared. Are `</s>` and `<unk>` predicted, and `<s>` not?"
            )


def learning_curve(
    factory: Callable[[], Any], docs: Docs, sizes: Iterable[int], held_out: Docs
) -> list[tuple[int, float]]:
    """For each size the number of tokens trained on and the bits per token on the held-out documents.

    A fresh model is fitted to whole documents from the start until they hold `size` predicted tokens, or to all.

    Raises: InputError for a size below 1; as `evaluate`.
    """
    ends, curve = _lengths(docs, "learning_curve").cumsum(), []
    for size in sizes:
        if size < 1:
            raise InputError(f"learning_curve: a size is {size}; a model learns from at least 1 token.")
        count = min(int(np.searchsorted(ends, size)) + 1, len(ends))
        model = factory()
        model.fit([s for doc in docs[:count] for s in doc])
        curve.append((int(ends[count - 1]), evaluate(model, held_out)["bits_per_token"]))
    return curve


def bits_by_dependency(per_token: Any, labels: Sequence[Any]) -> dict[Any, tuple[float, int]]:
    """For each label the mean bits of the tokens that carry it, and their number.

    Raises: InputError when there is not one label for each token.

    >>> bits_by_dependency([1.0, 3.0, 0.5], ["verb", "verb", "food"])
    {'verb': (2.0, 2), 'food': (0.5, 1)}
    """
    if len(per_token) != len(labels):
        raise InputError(f"bits_by_dependency: there are {len(per_token)} tokens but {len(labels)} labels.")
    counts, sums = Counter(labels), dict.fromkeys(labels, 0.0)
    for bits, label in zip(per_token, labels):
        sums[label] += float(bits)
    return {label: (total / counts[label], counts[label]) for label, total in sums.items()}


def paired_bootstrap(a: Any, b: Any, rng: np.random.Generator, rounds: int = 10000) -> float:
    """The probability that two models which are equally good differ as much as these do on the same documents.

    m = mean(a − b) over documents drawn with replacement;  p = min(1, 2 (1 + min(#m ≤ 0, #m ≥ 0)) / (rounds + 1))

    Shapes: a (D,), b (D,), rng = rng, rounds = 99 -> p ()
    Source: Efron and Tibshirani 1993; Koehn 2004
    Raises: InputError when there are no documents, not the same number, or numbers that are not finite.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape or a.ndim != 1 or not len(a) or rounds < 1 or not np.isfinite(a - b).all():
        raise InputError(
            f"paired_bootstrap: a {a.shape} and b {b.shape} must hold a finite number for each of the same documents, "
            f"and rounds ({rounds}) be at least 1."
        )
    D, below, above = len(a), 0, 0
    for start in range(0, rounds, 1000):
        m = (a - b)[rng.integers(0, D, (min(1000, rounds - start), D))].mean(axis=1)
        below, above = below + int((m <= 0).sum()), above + int((m >= 0).sum())
    return min(1.0, 2 * (1 + min(below, above)) / (rounds + 1))


def interpolate(probs: Any, iterations: int = 50) -> Any:
    """The weights of a mixture of models that make a text most likely, by EM from equal weights.

    w_m ← (1/T) Σ_t w_m p_m(t) / Σ_k w_k p_k(t)

    Shapes: probs = np.abs(np.sin(draw(3, 7))), iterations = 5 -> w (3,)
    Source: Jelinek and Mercer 1980
    Raises: InputError for what are no probabilities, no tokens, or a token that no model thinks possible.
    """
    P = np.asarray(probs, float)
    if P.ndim != 2 or not P.size or not ((P >= 0) & (P <= 1 + 1e-6)).all() or not P.max(axis=0).all():
        raise InputError(
            f"interpolate: probs has shape {P.shape} and needs one row for each model, with probabilities of the same "
            f"tokens between 0 and 1, none of which is 0 in all rows."
        )
    w = np.full(len(P), 1 / len(P))
    for _ in range(iterations):
        joint = w[:, None] * P
        w = (joint / joint.sum(axis=0)).mean(axis=1)
    return w


def real_or_fake(answers: Sequence[bool], truth: Sequence[bool]) -> dict[str, float]:
    """The share of right answers, with the exact 95 % interval of Clopper and Pearson.

    low solves P(X ≥ k | p) = 0.025 and high P(X ≤ k | p) = 0.025, for X binomial and k of n answers right

    Source: deck 004, "Which is the real Shakespeare?"; Clopper and Pearson 1934
    Raises: InputError when there are no answers, or not one for each truth.
    """
    if len(answers) != len(truth) or not len(truth):
        raise InputError(f"real_or_fake: {len(answers)} answers to {len(truth)} questions; each needs one.")
    n, k = len(truth), sum(bool(a) == bool(t) for a, t in zip(answers, truth))
    return {"accuracy": k / n, "low": _lower(k, n), "high": 1 - _lower(n - k, n)}


def _lower(k: int, n: int) -> float:
    """The p at which k or more of n successes have probability 0.025, by bisection; sums are taken of logarithms."""
    if k == 0:
        return 0.0
    i = np.arange(k, n + 1)
    ways = np.array([lgamma(n + 1) - lgamma(j + 1) - lgamma(n - j + 1) for j in i])
    low, high = 0.0, 1.0
    for _ in range(60):
        p = (low + high) / 2
        if np.logaddexp.reduce(ways + i * log(p) + (n - i) * log1p(-p)) < log(0.025):
            low = p
        else:
            high = p
    return low


def likelihood_ratio(real: Any, fake: Any, texts: Iterable[Sequence[Sequence[str]]]) -> Any:
    """For each text log p_real − log p_fake, in nats: positive where the text looks real.

    A text is a list of sentences; 0 where both models think it impossible.

    Source: deck 004, "Which is the real Shakespeare?"; Neyman and Pearson 1933
    """
    pairs = [(float(np.sum(real.logprobs(t))), float(np.sum(fake.logprobs(t)))) for t in texts]
    return np.array([0.0 if max(pair) == -inf else pair[0] - pair[1] for pair in pairs])


def leak(model: Any, oracle: Any, docs: Docs) -> str:
    """What is wrong when a model beats the source itself by more than three standard errors; "" when it does not.

    The error is that of the paired difference over documents.

    Raises: InputError for fewer than two documents; as `evaluate`.
    """
    if len(docs) < 2:
        raise InputError("leak: a standard error needs at least two documents.")
    (a, document), (b, _) = _bits(model, docs, "leak"), _bits(oracle, docs, "leak")
    gap, se = _mean(a - b, document, len(docs))
    if not gap < -3 * se:
        return ""
    return (
        f"You beat the entropy of the source by {-gap:.3f} bits per token, {-gap / se if se else inf:.1f} standard errors: "
        f"impossible. The model sees its targets; shift them by one, and train on other documents than you test on."
    )


class HeldOut:
    """Documents that are to be looked at once, at the end; it counts how often they were."""

    def __init__(self, docs: Docs) -> None:
        self._docs, self.opened = list(docs), 0

    def open(self) -> list[Any]:
        """The documents; every call counts."""
        self.opened += 1
        return list(self._docs)

    @property
    def clean(self) -> bool:
        """Whether the documents were opened at most once."""
        return self.opened <= 1


def split_documents(docs: Docs, valid: float = 0.1, test: float = 0.1) -> tuple[Any, Any, HeldOut]:
    """Documents to train, to choose by, and to test with; a hash of its number decides where a document goes.

    Raises: InputError when the shares do not leave something to train with.
    """
    if min(valid, test) < 0 or not valid + test < 1:
        raise InputError(f"split_documents: shares {valid} and {test} leave nothing to train with.")
    parts: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
    for number, doc in enumerate(docs):
        u = student_seed("document", number) / 2**64
        parts[2 if u < test else 1 if u < test + valid else 0].append(doc)
    return parts[0], parts[1], HeldOut(parts[2])


class Recurrent:
    """A recurrent language model that takes part in the race: sentences in, words to ids, trained for some steps.

    It reads the sentences as one text in which `</s>` stands before, between and behind them, and remembers what it read.

    Source: deck 004, "RNN language model"
    Raises: InputError for use before `fit`, a text too short for a batch, sizes below 1.
    """

    def __init__(
        self,
        D: int,
        H: int,
        rng: np.random.Generator,
        steps: int,
        *,
        N: int = 32,
        T: int = 32,
        lr: float = 4e-3,
    ) -> None:
        self.D, self.H, self.rng, self.steps = D, H, rng, steps
        self.N, self.T, self.lr, self.stoi = N, T, lr, dict[str, int]()

    def _read(self, sentences: Iterable[Sequence[str]]) -> Any:
        return encode([_EOS, *(w for s in sentences for w in (*s, _EOS))], self.stoi)

    def fit(self, sentences: Iterable[Sequence[str]]) -> Recurrent:
        """Make the vocabulary, train in float32; returns the model."""
        sentences = list(sentences)
        self.stoi, _ = build_vocab(w for s in sentences for w in (*s, _EOS))
        self.model = RNNLM(len(self.stoi), self.D, self.H, self.rng)
        optimizer = Flat(self.model.params, adam, lr=self.lr, dtype=np.float32)
        fit(self.model, batches_of(self._read(sentences), self.N, self.T), optimizer, self.steps)
        return self

    def logprobs(self, sentences: Iterable[Sequence[str]]) -> Any:
        """The logarithms, in nats, of the probability of each word and each `</s>`. Shapes: (T,)"""
        if not self.stoi:
            raise InputError("Recurrent: the model has learnt nothing yet; call fit first.")
        ids, h, parts = self._read(sentences)[:, None], self.model.zeros(1), [np.zeros((0, 1))]
        for t in range(0, len(ids) - 1, 1000):
            here = slice(t, min(t + 1000, len(ids) - 1))
            part, h = self.model.logprobs(ids[here], ids[1:][here], h)
            parts.append(part)
        return np.concatenate(parts)[:, 0].astype(float)
