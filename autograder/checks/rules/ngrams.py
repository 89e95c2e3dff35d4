"""Counting, smoothing and scoring: wrong versions.

ngrams               args sentence, n                             -> list of tuples
logprobs             args logprobs, as for cross_entropy_bits     -> array; mistakes in probabilities are in `smoothings`
entropy_rate         args grammar                                 -> number
cross_entropy_bits, perplexity    args logprobs (a list of arrays, one a sentence, in nats, with </s> last) -> number
count                args ids, n                                  -> (keys, counts)
one_hot, window_batch, sample     below
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..diagnosis import Diagnosis, of
from .engine import register
from .smoothings import padded, right_probabilities, slide

__all__ = ["explain_probabilities", "explain_sample", "right_entropy_rate", "right_probabilities"]


def _flat(logprobs: Sequence[Any]) -> Any:
    return np.concatenate([np.asarray(s, dtype=float) for s in logprobs])


def _without_end(logprobs: Sequence[Any]) -> Any:
    return np.concatenate([np.asarray(s, dtype=float)[:-1] for s in logprobs])


# fmt: off
# nats per token, and the factor of bits: a slip in either, or one in both
_MEANS: list[tuple[str, str, Callable[..., float]]] = [
    ("", "", lambda logprobs: -_flat(logprobs).mean()),
    ("M39", "</s> is not scored: every sentence ends with a prediction of </s>.", lambda logprobs: -_without_end(logprobs).mean()),
    ("M39", "</s> is scored, but not counted in T.", lambda logprobs: -_flat(logprobs).sum() / len(_without_end(logprobs))),
    ("M39", "</s> is counted in T, but not scored.", lambda logprobs: -_without_end(logprobs).sum() / len(_flat(logprobs))),
    ("M39", "T is one too large for every sentence: <s> is not predicted, </s> is counted once.", lambda logprobs: -_flat(logprobs).sum() / (len(_flat(logprobs)) + len(logprobs))),
    ("M39", "The sum is divided by the number of sentences, not of tokens.", lambda logprobs: -_flat(logprobs).sum() / len(logprobs)),
    ("M39", "The mean is taken sentence by sentence; long sentences have to count more.", lambda logprobs: -np.mean([np.mean(s) for s in logprobs])),
    ("M39", "The sum is not divided by the number of tokens.", lambda logprobs: -_flat(logprobs).sum()),
    ("M40", "The probabilities are averaged; the mean is that of their logarithms.", lambda logprobs: -math.log(np.exp(_flat(logprobs)).mean())),
]
_BITS: list[tuple[str, str, float]] = [
    ("", "", 1 / math.log(2)),
    ("M04 M39", "The result is in nats: bits are nats / ln 2.", 1.0),
    ("M39 M04", "Nats are multiplied by ln 2; bits are nats / ln 2.", math.log(2)),
    ("M39", "The logarithm has base 10.", 1 / math.log(10)),
    ("M01", "The sign is wrong: −1/T Σ log₂ p.", -1 / math.log(2)),
]
_POWERS: list[tuple[str, str, Callable[[float], float]]] = [
    ("", "", math.exp),
    ("M39 M04", "The base is mixed: 2 is raised to nats.", lambda nats: 2**nats),
    ("M39 M04", "The base is mixed: e is raised to bits.", lambda nats: math.exp(nats / math.log(2))),
    ("M01", "The sign of the exponent is wrong.", lambda nats: math.exp(-nats)),
    ("M39", "This is the cross-entropy in bits; the perplexity is 2 to that power.", lambda nats: nats / math.log(2)),
    ("M39", "This is the cross-entropy in nats; the perplexity is e to that power.", lambda nats: nats),
]
# what is averaged after the exponential
_AVERAGED: list[tuple[str, str, Callable[..., Any]]] = [
    ("M40", "The perplexities of the sentences are averaged; the exponential comes after the mean over all tokens.", lambda logprobs: [-np.mean(s) for s in logprobs]),
    ("M40", "1/p is averaged over the tokens; the exponential comes after the mean of the logarithms.", lambda logprobs: -_flat(logprobs)),
    ("M40 M39", "Sums over sentences are raised and averaged; the exponential comes after the mean over all tokens.", lambda logprobs: [-np.sum(s) for s in logprobs]),
]
_UNDERFLOW = ("M39", "A product of probabilities underflows to 0: add logarithms.", lambda logprobs: math.inf)


def _pairs(first: Sequence[tuple[str, str, Any]], second: Sequence[tuple[str, str, Any]], join: Callable[[Any, Any], Any]) -> list[tuple[str, str, Any]]:
    """Rows with a slip of one table, then with one of each."""
    rows = [(f"{a[0]} {b[0]}", f"{a[1]} {b[1]}".strip(), join(a[2], b[2])) for a in first for b in second if a[1] or b[1]]
    alone = {row[1] for row in (*first, *second)}
    return sorted(rows, key=lambda row: row[1] not in alone)


register("cross_entropy_bits", [
    *_pairs(_MEANS, _BITS, lambda mean, factor: lambda logprobs: mean(logprobs) * factor),
    *((ids, text, lambda logprobs, each=each: math.log2(np.mean(np.exp(each(logprobs))))) for ids, text, each in _AVERAGED),
    _UNDERFLOW,
])
register("perplexity", [
    *_pairs(_MEANS, _POWERS, lambda mean, power: lambda logprobs: power(mean(logprobs))),
    *_pairs(_AVERAGED, _POWERS[:3], lambda each, power: lambda logprobs: np.mean([power(x) for x in each(logprobs)])),
    _UNDERFLOW,
])
register("logprobs", [
    ("", "These are probabilities; logarithms are asked for.", lambda logprobs: np.exp(_flat(logprobs))),
    ("M04 M39", "These are logarithms to base 2; natural logarithms (nats) are asked for.", lambda logprobs: _flat(logprobs) / math.log(2)),
    ("M39", "These are logarithms to base 10; natural logarithms (nats) are asked for.", lambda logprobs: _flat(logprobs) / math.log(10)),
    ("M01", "The sign is wrong: logarithms of probabilities are negative.", lambda logprobs: -_flat(logprobs)),
    ("M39", "</s> is left out: there is one logarithm for each word and one for each </s>.", _without_end),
    ("M36", "<s> is scored, too: it is context only.", lambda logprobs: np.concatenate([[-np.inf, *s] for s in logprobs])),
    ("", "There is one sum for each sentence; one logarithm for each word and each </s> is asked for.", lambda logprobs: [float(np.sum(s)) for s in logprobs]),
    ("", "There is one sum for the whole text; one logarithm for each word and each </s> is asked for.", lambda logprobs: float(_flat(logprobs).sum())),
])
register("count", [
    ("M34", "The last n-gram is missing: a sequence of T ids has T - n + 1 n-grams.", lambda ids, n: _counted(_windows_of(ids, n)[:-1])),
    ("M34", "The first n-gram is missing.", lambda ids, n: _counted(_windows_of(ids, n)[1:])),
    ("M34", "The n-grams have n + 1 ids.", lambda ids, n: _counted(_windows_of(ids, n + 1))),
    ("", "The sequence goes on at its beginning: n-grams reach over the end.", lambda ids, n: _counted(_windows_of(np.append(ids, ids[: n - 1]), n))),
    ("", "n-grams overlap: one begins at every id, not at every n-th.", lambda ids, n: _counted(_windows_of(ids, n)[::n])),
    ("", "The counts are all 1: they are the different n-grams, not how often each occurs.", lambda ids, n: (_counted(_windows_of(ids, n))[0], np.ones(len(_counted(_windows_of(ids, n))[1]), int))),
    ("", "The n-grams are in the order of their counts; sorted are the ids.", lambda ids, n: tuple(x[np.argsort(-_counted(_windows_of(ids, n))[1], kind="stable")] for x in _counted(_windows_of(ids, n)))),
    ("", "The n-grams are in the order of their first appearance; they have to be sorted.", lambda ids, n: tuple(x[np.argsort(np.unique(_windows_of(ids, n), axis=0, return_index=True)[1])] for x in _counted(_windows_of(ids, n)))),
    ("", "keys and counts are exchanged.", lambda ids, n: _counted(_windows_of(ids, n))[::-1]),
    ("M06", "The keys are transposed: an n-gram is a row.", lambda ids, n: (_counted(_windows_of(ids, n))[0].T, _counted(_windows_of(ids, n))[1])),
])
register("entropy_rate", [
    ("M04 M39", "The result is in nats; bits are asked for.", lambda grammar: _visits(grammar, lambda m, h: m @ h / m.sum()) * math.log(2)),
    ("", "This is the entropy of a document; per token it is divided by the mean length of a document.", lambda grammar: _visits(grammar, lambda m, h: m @ h)),
    ("", "This is the mean length of a document.", lambda grammar: _visits(grammar, lambda m, h: m.sum())),
    ("", "The entropies of the nonterminals are averaged as if all were visited equally often.", lambda grammar: _visits(grammar, lambda m, h: h.mean())),
    ("", "This is the entropy of the start symbol alone.", lambda grammar: _visits(grammar, lambda m, h: h, steps=0)),
    ("", "A nonterminal that stands twice in a rule is counted once.", lambda grammar: _visits(grammar, lambda m, h: m @ h / m.sum(), once=True)),
    ("M18", "M is transposed: m = (I - Mᵀ)⁻¹ e, with M_AB the number of B in the rules of A.", lambda grammar: _visits(grammar, lambda m, h: m @ h / m.sum(), turned=True)),
    ("", "The rules of a nonterminal are taken as equally likely: their weights are not used.", lambda grammar: _visits(grammar, lambda m, h: m @ h / m.sum(), uniform=True)),
    ("M01", "The sign is wrong: H = -Σ p log₂ p.", lambda grammar: -_visits(grammar, lambda m, h: m @ h / m.sum())),
])
register("ngrams", [
    ("M36", "There is no <s> in front.", lambda sentence, n: slide(padded(sentence, n, bos=0), n)),
    ("M36", "There is no </s> behind.", lambda sentence, n: slide(padded(sentence, n, eos=0), n)),
    ("M36", "There is neither <s> in front nor </s> behind.", lambda sentence, n: slide(list(sentence), n)),
    ("M36", "There is one <s> in front, whatever n is; n − 1 are needed.", lambda sentence, n: slide(padded(sentence, n, bos=1), n)),
    ("M36", "There are n times <s> in front: <s> itself is predicted.", lambda sentence, n: slide(padded(sentence, n, bos=n), n)),
    ("M36", "There are n − 1 times </s> behind; one is needed.", lambda sentence, n: slide(padded(sentence, n, eos=n - 1), n)),
    ("M34", "The last n-gram is missing: the range ends one too early.", lambda sentence, n: slide(padded(sentence, n), n)[:-1]),
    ("M34", "The first n-gram is missing.", lambda sentence, n: slide(padded(sentence, n), n)[1:]),
    ("", "Every n-gram is listed once only: repetitions count.", lambda sentence, n: list(dict.fromkeys(slide(padded(sentence, n), n)))),
    ("M34", "The tuples have n − 1 words.", lambda sentence, n: slide(padded(sentence, n), n - 1)),
    ("M34", "The tuples have n + 1 words.", lambda sentence, n: slide(padded(sentence, n + 1), n + 1)),
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


def _windows_of(ids: Any, n: int) -> Any:
    return np.lib.stride_tricks.sliding_window_view(np.asarray(ids), n)


def _counted(keys: Any) -> tuple[Any, Any]:
    return np.unique(keys, axis=0, return_counts=True)


def _visits(
    grammar: Any,
    result: Callable[[Any, Any], Any],
    steps: int | None = None,
    once: bool = False,
    turned: bool = False,
    uniform: bool = False,
) -> float:
    """`result` of expected visits m and entropies h of the nonterminals, with slips; steps = 0: h of the start alone."""
    names = list(grammar["rules"])
    M, h = np.zeros((len(names), len(names))), np.zeros(len(names))
    for i, A in enumerate(names):
        p = np.array([1.0 if uniform else weight for weight, _, _ in grammar["rules"][A]])
        p = p / p.sum()
        h[i] = -(p * np.log2(p)).sum()
        for q, (_, _, body) in zip(p, grammar["rules"][A]):
            for B in set(body) if once else body:
                M[i, names.index(B)] += q
    start = names.index(grammar["start"])
    if steps == 0:
        return float(h[start])
    m = np.linalg.solve(np.eye(len(names)) - (M if turned else M.T), np.eye(len(names))[start])
    return float(result(m, h))


def right_entropy_rate(grammar: Any) -> float:
    """h∞ in bits per token, m = (I - Mᵀ)⁻¹ e_start, h∞ = m·h / Σ m; every nonterminal can be reached."""
    return _visits(grammar, lambda m, h: m @ h / m.sum())


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
        if smoothing == "interpolated":
            return of(
                "M36", f"{lost}: with weights that sum to 1 the probabilities after a context do, too.", line
            )
        found = of("M38", text, line)
        return found if smoothing == "kneser_ney" else replace(found, ids=["M38", "M36"])
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
