"""Counting, smoothing and scoring: wrong versions.

ngrams               args sentence, n                             -> list of tuples
ngram_prob           args sentences, n, smoothing, history, word  -> probability; smoothing is ("mle",) or ("add_k", k)
ngram_prob of queries   the same with queries, a list of (history, word)  -> list of probabilities
cross_entropy_bits, perplexity    args logprobs (a list of arrays, one a sentence, in nats, with </s> last) -> number
count                args ids, n                                  -> (keys, counts)
one_hot, window_batch, sample     below
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..diagnosis import Diagnosis, of
from .engine import register, register_many

__all__ = ["explain_probabilities", "explain_sample"]

BOS, EOS, UNK = "<s>", "</s>", "<unk>"


def _slide(tokens: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]


def _padded(sentence: Sequence[str], n: int, bos: int | None = None, eos: int = 1) -> list[str]:
    return [BOS] * (n - 1 if bos is None else bos) + list(sentence) + [EOS] * eos


def _prob(**slip: Any) -> Callable[..., float]:
    """MLE or add-k with slips in padding, vocabulary and denominator."""

    def run(
        sentences: Sequence[Sequence[str]],
        n: int,
        smoothing: tuple[Any, ...],
        history: Sequence[str],
        word: str,
    ) -> float:
        bos, eos = slip.get("bos"), slip.get("eos", 1)
        text = [_padded(s, n, bos, eos) for s in sentences]
        if slip.get("stream"):
            text = [[t for s in text for t in s]]
        grams = Counter(g for s in text for g in _slide(s, n))
        words = {w for s in sentences for w in s}
        vocabulary = words | {EOS, UNK}
        for change in slip.get("vocabulary", ()):
            vocabulary = vocabulary - {change[1:]} if change[0] == "-" else vocabulary | {change[1:]}
        h = [w if w in words or w == BOS else UNK for w in history]
        h = ([BOS] * (n - 1) + h)[-(n - 1) :] if n > 1 else []
        w = word if word in words or word == EOS else UNK
        top = grams[(*h, w)]
        if slip.get("contexts"):
            where = sentences if slip["contexts"] == "bare" else text
            bottom = (
                Counter(g for t in where for g in _slide(t, n - 1))[tuple(h)]
                if n > 1
                else sum(map(len, text))
            )
        else:
            bottom = sum(c for g, c in grams.items() if g[:-1] == tuple(h))
        if slip.get("bottom"):
            bottom = slip["bottom"](bottom, grams)
        k = float(smoothing[1]) if smoothing[0] == "add_k" else 0.0
        if slip.get("k"):
            k = slip["k"](k)
        extra = {
            "kV": k * len(vocabulary),
            "k": k,
            "V": float(len(vocabulary)),
            "none": 0.0,
            "types": k * len(grams),
        }[slip.get("extra", "kV")]
        total = bottom + (extra if smoothing[0] == "add_k" else 0.0)
        value = (top + (0.0 if slip.get("no k") else k)) / total if total else 0.0
        return math.log(value) if slip.get("log") and value > 0 else value

    return run


def _flat(logprobs: Sequence[Any]) -> Any:
    return np.concatenate([np.asarray(s, dtype=float) for s in logprobs])


def _without_end(logprobs: Sequence[Any]) -> Any:
    return np.concatenate([np.asarray(s, dtype=float)[:-1] for s in logprobs])


# fmt: off
_BITS: list[tuple[str, str, Callable[..., float]]] = [
    ("M04 M39", "The result is in nats: bits are nats / ln 2.", lambda logprobs: -_flat(logprobs).mean()),
    ("M39 M04", "Nats are multiplied by ln 2; bits are nats / ln 2.", lambda logprobs: -_flat(logprobs).mean() * math.log(2)),
    ("M39", "The logarithm has base 10.", lambda logprobs: -_flat(logprobs).mean() / math.log(10)),
    ("M01", "The sign is wrong: −1/T Σ log₂ p.", lambda logprobs: _flat(logprobs).mean() / math.log(2)),
    ("M39", "</s> is not scored: every sentence ends with a prediction of </s>.", lambda logprobs: -_without_end(logprobs).mean() / math.log(2)),
    ("M39", "</s> is scored, but not counted in T.", lambda logprobs: -_flat(logprobs).sum() / len(_without_end(logprobs)) / math.log(2)),
    ("M39", "</s> is counted in T, but not scored.", lambda logprobs: -_without_end(logprobs).sum() / len(_flat(logprobs)) / math.log(2)),
    ("M39", "The sum is divided by the number of sentences, not of tokens.", lambda logprobs: -_flat(logprobs).sum() / len(logprobs) / math.log(2)),
    ("M39", "The mean is taken sentence by sentence; long sentences have to count more.", lambda logprobs: -np.mean([np.mean(s) for s in logprobs]) / math.log(2)),
    ("M39", "The sum is not divided by the number of tokens.", lambda logprobs: -_flat(logprobs).sum() / math.log(2)),
]
register("cross_entropy_bits", _BITS)
register("perplexity", [
    ("M40", "The perplexities of the sentences are averaged; the exponential comes after the mean over all tokens.", lambda logprobs: np.mean([math.exp(-np.mean(s)) for s in logprobs])),
    ("M40", "1/p is averaged over the tokens; the exponential comes after the mean of the logarithms.", lambda logprobs: np.mean(np.exp(-_flat(logprobs)))),
    ("M39 M04", "The base is mixed: 2 is raised to nats.", lambda logprobs: 2 ** (-_flat(logprobs).mean())),
    ("M39 M04", "The base is mixed: e is raised to bits.", lambda logprobs: math.exp(-_flat(logprobs).mean() / math.log(2))),
    ("M39", "The mean is taken sentence by sentence; long sentences have to count more.", lambda logprobs: math.exp(-np.mean([np.mean(s) for s in logprobs]))),
    ("M39", "</s> is not scored.", lambda logprobs: math.exp(-_without_end(logprobs).mean())),
    ("M39", "</s> is scored, but not counted in T.", lambda logprobs: math.exp(-_flat(logprobs).sum() / len(_without_end(logprobs)))),
    ("M39", "The sum is divided by the number of sentences, not of tokens.", lambda logprobs: math.exp(-_flat(logprobs).sum() / len(logprobs))),
    ("M01", "The sign of the exponent is wrong.", lambda logprobs: math.exp(_flat(logprobs).mean())),
    ("M39", "This is the cross-entropy in bits; the perplexity is 2 to that power.", lambda logprobs: -_flat(logprobs).mean() / math.log(2)),
    ("M39", "This is the cross-entropy in nats; the perplexity is e to that power.", lambda logprobs: -_flat(logprobs).mean()),
    ("M39", "A product of probabilities underflows to 0: add logarithms.", lambda logprobs: math.inf),
])
register("ngrams", [
    ("M36", "There is no <s> in front.", lambda sentence, n: _slide(_padded(sentence, n, bos=0), n)),
    ("M36", "There is no </s> behind.", lambda sentence, n: _slide(_padded(sentence, n, eos=0), n)),
    ("M36", "There is neither <s> in front nor </s> behind.", lambda sentence, n: _slide(list(sentence), n)),
    ("M36", "There is one <s> in front, whatever n is; n − 1 are needed.", lambda sentence, n: _slide(_padded(sentence, n, bos=1), n)),
    ("M36", "There are n times <s> in front: <s> itself is predicted.", lambda sentence, n: _slide(_padded(sentence, n, bos=n), n)),
    ("M36", "There are n − 1 times </s> behind; one is needed.", lambda sentence, n: _slide(_padded(sentence, n, eos=n - 1), n)),
    ("M34", "The last n-gram is missing: the range ends one too early.", lambda sentence, n: _slide(_padded(sentence, n), n)[:-1]),
    ("M34", "The first n-gram is missing.", lambda sentence, n: _slide(_padded(sentence, n), n)[1:]),
    ("", "Every n-gram is listed once only: repetitions count.", lambda sentence, n: list(dict.fromkeys(_slide(_padded(sentence, n), n)))),
    ("M34", "The tuples have n − 1 words.", lambda sentence, n: _slide(_padded(sentence, n), n - 1)),
    ("M34", "The tuples have n + 1 words.", lambda sentence, n: _slide(_padded(sentence, n + 1), n + 1)),
])
register("ngram_prob", [
    ("M35", "The denominator counts the context wherever it stands, also at the end, where nothing follows.", _prob(contexts=True)),
    ("M35", "Contexts are counted in the bare sentences: those at the start, with <s>, are missing.", _prob(contexts="bare")),
    ("M36", "Sentences have no </s> at their end.", _prob(eos=0)),
    ("M35", "Without </s> the last context of a sentence is counted, and nothing follows it.", _prob(contexts=True, eos=0)),
    ("M36", "Sentences have one <s> in front, whatever n is.", _prob(bos=1)),
    ("M36", "<s> is predicted: there are n times <s> in front.", _prob(bos=None, stream=True)),
    ("M36", "Sentences have n times <s> in front: <s> itself is counted.", _prob(contexts=True, stream=True)),
    ("M37", "The denominator of add-k has k instead of kV.", _prob(extra="k")),
    ("M37", "The denominator of add-k has V instead of kV.", _prob(extra="V")),
    ("M37", "The denominator of add-k lacks kV.", _prob(extra="none")),
    ("M37", "V lacks <unk>.", _prob(vocabulary=("-<unk>",))),
    ("M37", "V lacks </s>.", _prob(vocabulary=("-</s>",))),
    ("M37", "V lacks <unk> and </s>.", _prob(vocabulary=("-<unk>", "-</s>"))),
    ("M37", "V contains <s>, which is never predicted.", _prob(vocabulary=("+<s>",))),
    ("M37", "V is the number of different n-grams, not of words.", _prob(extra="types")),
    ("M37", "1 is added instead of k.", _prob(k=lambda k: 1.0 if k else 0.0)),
    ("M37", "k is added in the denominator only.", _prob(**{"no k": True})),
    ("M35", "The count is divided by all n-grams, not by those of this context.", _prob(bottom=lambda b, grams: sum(grams.values()))),
    ("", "The logarithm of the probability is returned.", _prob(log=True)),
])
register("one_hot", [
    ("M34", "The 1 stands one column too far to the right.", lambda ids, V: np.roll(np.eye(V)[np.asarray(ids)], 1, axis=1)),
    ("M34", "The 1 stands one column too far to the left.", lambda ids, V: np.roll(np.eye(V)[np.asarray(ids)], -1, axis=1)),
    ("M06", "The result is transposed.", lambda ids, V: np.eye(V)[np.asarray(ids)].T),
])
register("window_batch", [
    ("M34", "The window is shifted by one to the right.", lambda ids, k, pad: _windows(ids, k, pad, 1)),
    ("M34", "The window is shifted by one to the left.", lambda ids, k, pad: _windows(ids, k, pad, -1)),
    ("", "The window is read from right to left.", lambda ids, k, pad: _windows(ids, k, pad)[:, ::-1]),
    ("", "The sequence goes on at its other end instead of being padded.", lambda ids, k, pad: np.stack([np.roll(ids, -d) for d in range(-k, k + 1)], axis=1)),
    ("", "The ends are repeated instead of being padded.", lambda ids, k, pad: _windows(np.asarray(ids), k, None)),
    ("M06", "The result is transposed.", lambda ids, k, pad: _windows(ids, k, pad).T),
])
# fmt: on

register_many(
    "ngram_prob of queries",
    "ngram_prob",
    lambda sentences, n, smoothing, queries: [
        {"sentences": sentences, "n": n, "smoothing": smoothing, "history": h, "word": w} for h, w in queries
    ],
)


def _windows(ids: Any, k: int, pad: int | None, shift: int = 0) -> Any:
    ids = np.asarray(ids)
    reach = k + abs(shift)
    ends = np.full(reach, pad) if pad is not None else None
    long = np.concatenate([ends, ids, ends]) if ends is not None else np.pad(ids, reach, mode="edge")
    return np.stack(
        [long[reach + shift + d : reach + shift + d + len(ids)] for d in range(-k, k + 1)], axis=1
    )


def explain_probabilities(total: float, smoothing: str, context_seen: bool = True) -> Diagnosis:
    """What a sum of probabilities over the vocabulary that is not 1 says about a smoothing."""
    line = f"The probabilities after this context sum to {total:.6g}."
    if abs(total - 1) < 1e-9 or (smoothing == "mle" and not context_seen and total == 0):
        return Diagnosis([], "")
    if smoothing == "add_k":
        text = "The probabilities do not sum to 1: the denominator of add-k needs k for every word of the vocabulary."
        return of("M37", text, line)
    if smoothing in ("kneser_ney", "katz", "interpolated"):
        lost = "Mass is lost" if total < 1 else "There is too much mass"
        text = f"{lost}: what is discounted has to come back through the lower order, in unseen contexts too."
        return of("M38" if smoothing == "kneser_ney" else "M36", text, line)
    return of("M35" if total < 1 else "M36", evidence=line, q="The probability")


def explain_sample(counts: Any, p: Any, temperature: float = 1.0) -> Diagnosis:
    """Whether frequencies are those of p^(1/temperature), renormalised; if not, of what else they are.

    counts  how often each token was drawn (sum at least about 1,000)
    p       the model's probabilities, all positive
    """
    counts, p = np.asarray(counts, dtype=float), np.asarray(p, dtype=float)
    n, V = float(counts.sum()), len(p)
    limit = V + 6 * math.sqrt(2 * V) + 20

    def chi2(q: Any) -> float:
        q = q / q.sum()
        return float(np.sum((counts - n * q) ** 2 / np.maximum(n * q, 1e-9)))

    right = p ** (1 / temperature)
    found = chi2(right)
    line = f"χ² = {found:.4g} for {n:.0f} draws, expected below {limit:.4g}."
    if found < limit:
        return Diagnosis([], "")
    if counts.max() == n:
        text = (
            "The most probable token is taken every time: draw from the distribution."
            if counts.argmax() == p.argmax()
            else ("The same token comes every time.")
        )
        return of("M49", text, line)
    for q, text in (
        (p**temperature, "The temperature is multiplied: scores are divided by it, p^(1/temperature)."),
        (p, "The temperature is not used."),
        (np.ones(V), "All tokens are equally likely: the probabilities are not used."),
        (np.roll(right, 1), "The tokens are off by one."),
        (np.roll(right, -1), "The tokens are off by one."),
        (1 / right, "The sign of the scores is wrong: rare tokens come most often."),
    ):
        if chi2(q) < limit:
            return of("M34" if "off by one" in text else "M49", text, line)
    return of("M49", evidence=line, q="The sample")
