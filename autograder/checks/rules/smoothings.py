"""Probabilities of n-gram models: right ones, and those that the usual mistakes give.

ngram_prob                   args sentences, n, smoothing, history, word; smoothing is ("mle",) or ("add_k", k)
ngram_prob of queries        the same with queries, a list of (history, word)  -> list of probabilities
interpolated, kneser_ney     the same, with smoothing ("interpolated", lambdas) or ("kneser_ney", modified)
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .engine import register

__all__ = ["BOS", "EOS", "UNK", "padded", "right_probabilities", "slide"]

Corpus = Sequence[Sequence[str]]
Queries = Sequence[tuple[Sequence[str], str]]
BOS, EOS, UNK = "<s>", "</s>", "<unk>"


def slide(tokens: Sequence[str], n: int) -> list[tuple[str, ...]]:
    """All windows of n tokens."""
    return [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]


def padded(sentence: Sequence[str], n: int, bos: int | None = None, eos: int = 1) -> list[str]:
    """A sentence with n - 1 (or `bos`) times `<s>` in front, and `eos` times `</s>` behind."""
    return [BOS] * (n - 1 if bos is None else bos) + list(sentence) + [EOS] * eos


def _probs(**slip: Any) -> Callable[..., list[float]]:
    """MLE or add-k, at all queries (history, word), with slips in padding, vocabulary and denominator."""

    def run(sentences: Corpus, n: int, smoothing: tuple[Any, ...], queries: Queries) -> list[float]:
        bos, eos = slip.get("bos"), slip.get("eos", 1)
        text = [padded(s, n, bos, eos) for s in sentences]
        if slip.get("stream"):
            text = [[t for s in text for t in s]]
        grams = Counter(g for s in text for g in slide(s, n))
        words = {w for s in sentences for w in s}
        vocabulary = words | {EOS, UNK}
        for change in slip.get("vocabulary", ()):
            vocabulary = vocabulary - {change[1:]} if change[0] == "-" else vocabulary | {change[1:]}
        bottoms = Counter[tuple[str, ...]]()
        if slip.get("contexts") and n > 1:
            where = sentences if slip["contexts"] == "bare" else text
            bottoms.update(g for t in where for g in slide(t, n - 1))
        elif slip.get("contexts"):
            bottoms[()] = sum(len(t) + (slip["contexts"] == "windows") for t in text)
        else:
            for g, c in grams.items():
                bottoms[g[:-1]] += c
        k = float(smoothing[1]) if smoothing[0] == "add_k" else 0.0
        if slip.get("k"):
            k = slip["k"](k)
        V = len(vocabulary) - slip.get("V", 0)
        extra = {
            "kV": k * V,
            "k": k,
            "V": float(V),
            "none": 0.0,
            "types": k * len(grams),
        }[slip.get("extra", "kV")]

        def prob(history: Sequence[str], word: str) -> float:
            known = words | ({*history, word} if slip.get("as is") else set())
            h = [w if w in known or w == BOS else UNK for w in history]
            pads = 0 if slip.get("short") else n - 1
            h = ([BOS] * pads + h)[-(n - 1) :] if n > 1 else []
            w = word if word in known or (word == EOS and not slip.get("unknown end")) else UNK
            bottom: float = bottoms[tuple(h)]
            if slip.get("bottom"):
                bottom = slip["bottom"](bottom, grams)
            total = bottom + (extra if smoothing[0] == "add_k" else 0.0)
            total = 0.0 if slip.get("seen only") and not bottom else total
            value = (grams[(*h, w)] + (0.0 if slip.get("no k") else k)) / total if total else 0.0
            return math.log(value) if slip.get("log") and value > 0 else value

        return [prob(h, w) for h, w in queries]

    return run


def _mixtures(**slip: Any) -> Callable[..., list[float]]:
    """Interpolation of all orders, after histories of n − 1 training words, with slips in the weights."""

    def run(sentences: Corpus, n: int, smoothing: tuple[Any, ...], queries: Queries) -> list[float]:
        grams = [
            Counter(g for s in sentences for g in slide(padded(s, m, eos=slip.get("eos", 1)), m))
            for m in range(1, n + 1)
        ]
        bottoms = [Counter[tuple[str, ...]]() for _ in grams]
        for table, bottom in zip(grams, bottoms):
            for g, c in table.items():
                bottom[g[:-1]] += c
        weights = list(smoothing[1])[::-1] if slip.get("reversed") else list(smoothing[1])
        V = len({w for s in sentences for w in s} | {EOS, UNK})

        def prob(history: Sequence[str], word: str) -> float:
            p = left = used = 0.0
            for m in range(n, 0, -1):
                context = tuple(history[len(history) - m + 1 :])
                left = weights[m - 1] + (0.0 if slip.get("lost") or slip.get("spread") else left)
                if bottom := bottoms[m - 1][context]:
                    p, used, left = p + left * grams[m - 1][(*context, word)] / bottom, used + left, 0.0
                    if slip.get("stops"):
                        break
            if slip.get("uniform"):
                p = (p + 1 / V) / 2
            return p / used if slip.get("spread") and used else p

        return [prob(h, w) for h, w in queries]

    return run


def _kneser_ney(**slip: Any) -> Callable[..., list[float]]:
    """(Modified) Kneser–Ney as lmplz has it, with slips in counts, discounts and back-off."""

    def run(sentences: Corpus, n: int, smoothing: tuple[Any, ...], queries: Queries) -> list[float]:
        pads = n - 1 if slip.get("pads") else 1
        text = [padded(s, n, bos=pads, eos=slip.get("eos", 1)) for s in sentences]
        raw = [Counter(g for s in text for g in slide(s, m)) for m in range(1, n + 1)]
        V = len({w for s in sentences for w in s} | {EOS, UNK}) - slip.get("V", 0)
        modified = bool(slip.get("modified", smoothing[1]))
        counts, off = [], []
        for m, table in enumerate(raw, 1):
            a: dict[tuple[str, ...], int] = dict(table)
            if m < n and not slip.get("raw"):
                left = Counter(g[1:] for g in raw[m])
                a = {g: c if g[0] == BOS and not slip.get("start") else left[g] for g, c in table.items()}
            if not slip.get("<s> predicted"):
                a = {g: c for g, c in a.items() if g[-1] != BOS}
            counts.append(a)
            off.append(
                _discounts(table.values() if slip.get("raw discounts") else a.values(), modified, slip)
            )
        if slip.get("one order"):
            off = [off[-1]] * n
        sums = [Counter[tuple[str, ...]]() for _ in counts]
        given_back = [defaultdict[tuple[str, ...], float](float) for _ in counts]
        for m, a in enumerate(counts):
            for g, c in a.items():
                sums[m][g[:-1]] += raw[m][g] if slip.get("raw sums") else c
                given_back[m][g[:-1]] += off[m][1 if slip.get("first D") else min(c, 3)]

        def prob(context: tuple[str, ...], word: str) -> float:
            m = len(context)
            total = sums[m][context]
            if not m and slip.get("no 1/V"):
                return (
                    counts[0].get((word,), 0)
                    - (0.0 if slip["no 1/V"] == "whole" else off[0][min(counts[0].get((word,), 0), 3)])
                ) / total
            lower = prob(context[1:], word) if m else 1 / V
            if not total:
                return 0.0 if slip.get("stuck") else lower
            c = counts[m].get((*context, word), 0)
            weight = slip.get("weight", given_back[m][context] / total)
            if slip.get("seen only") and c:
                weight = 0.0
            return (c - off[m][min(c, 3)]) / total + weight * lower

        return [prob(tuple(h), w) for h, w in queries]

    return run


def _discounts(counts: Iterable[int], modified: bool, slip: Mapping[str, Any]) -> list[float]:
    """What is taken off counts of 0, 1, 2, and 3 or more."""
    often = Counter(counts)
    n1, n2, n3, n4 = (often[j] for j in (1, 2, 3, 4))
    if slip.get("D"):
        return [0.0, *slip["D"]]
    if not modified:
        return [0.0, *[n1 / (n1 + slip.get("two", 2) * n2) if n1 and n2 else 0.5] * 3]
    if slip.get("multiples") and n1 and n2:
        return [0.0, *(j * n1 / (n1 + 2 * n2) for j in (1, 2, 3))]
    if n1 and n2 and n3:
        Y = n1 / (n1 + slip.get("two", 2) * n2)
        D = [1 - 2 * Y * n2 / n1, 2 - 3 * Y * n3 / n2, 3 - 4 * Y * n4 / n3]
        if all(0 <= d <= j for j, d in enumerate(D, 1)) or slip.get("no fallback"):
            return [0.0, *D]
    return [0.0, 0.5, 1.0, 1.5]


def right_probabilities(
    sentences: Corpus, n: int, smoothing: tuple[Any, ...], queries: Queries, eos: int = 1, less: int = 0
) -> list[float]:
    """The probabilities that the assignment asks for, in the order of the queries (history, word).

    smoothing  ("mle",), ("add_k", k), ("interpolated", lambdas) or ("kneser_ney", modified); for the last two, histories
               are n − 1 words of training
    eos        0 for a text whose sentences have no `</s>`
    less       how many words the vocabulary lacks
    """
    kind = {"interpolated": _mixtures, "kneser_ney": _kneser_ney}.get(smoothing[0], _probs)
    return kind(eos=eos, V=less)(sentences, n, smoothing, queries)


# fmt: off
_PROBS: list[tuple[str, str, Callable[..., list[float]]]] = [
    ("M35", "The denominator counts the context wherever it stands, also at the end, where nothing follows.", _probs(contexts=True)),
    ("M35", "Contexts are counted in the bare sentences: those at the start, with <s>, are missing.", _probs(contexts="bare")),
    ("M35", "The denominator counts one context too many in every sentence: the one at its end, where nothing follows.", _probs(contexts="windows")),
    ("", "Unknown words are looked up as they are; they have to be taken for <unk>.", _probs(**{"as is": True})),
    ("M36", "Sentences have no </s> at their end.", _probs(eos=0)),
    ("M36", "A short history is not padded: it stands at the start of a sentence, after <s>.", _probs(short=True)),
    ("M37", "</s> is not in the vocabulary: it is taken for an unknown word.", _probs(**{"unknown end": True})),
    ("M37", "V lacks </s>, which is taken for an unknown word.", _probs(vocabulary=("-</s>",), **{"unknown end": True})),
    ("M35", "Without </s> the last context of a sentence is counted, and nothing follows it.", _probs(contexts=True, eos=0)),
    ("M36", "Sentences have one <s> in front, whatever n is.", _probs(bos=1)),
    ("M36", "<s> is predicted: there are n times <s> in front.", _probs(bos=None, stream=True)),
    ("M36", "Sentences have n times <s> in front: <s> itself is counted.", _probs(contexts=True, stream=True)),
    ("M37", "The denominator of add-k has k instead of kV.", _probs(extra="k")),
    ("M37", "The denominator of add-k has V instead of kV.", _probs(extra="V")),
    ("M37", "The denominator of add-k lacks kV.", _probs(extra="none")),
    ("M37", "V lacks <unk>.", _probs(vocabulary=("-<unk>",))),
    ("M37", "V lacks </s>.", _probs(vocabulary=("-</s>",))),
    ("M37", "V lacks <unk> and </s>.", _probs(vocabulary=("-<unk>", "-</s>"))),
    ("M37", "V contains <s>, which is never predicted.", _probs(vocabulary=("+<s>",))),
    ("M37", "V is the number of different n-grams, not of words.", _probs(extra="types")),
    ("M37", "1 is added instead of k.", _probs(k=lambda k: 1.0 if k else 0.0)),
    ("", "After a context that was never seen add-k gives 0; it is k/(kV) there, 1/V for every word.", _probs(**{"seen only": True})),
    ("M37", "k is added in the denominator only.", _probs(**{"no k": True})),
    ("M35", "The count is divided by all n-grams, not by those of this context.", _probs(bottom=lambda b, grams: sum(grams.values()))),
    ("", "The logarithm of the probability is returned.", _probs(log=True)),
]
register("ngram_prob of queries", _PROBS)
register("ngram_prob", [(ids, text, lambda run=run, history=(), word="", **args: run(queries=[(history, word)], **args)[0]) for ids, text, run in _PROBS])
register("interpolated", [
    ("", "The weights are in reversed order: lambdas[0] belongs to unigrams.", _mixtures(reversed=True)),
    ("M38 M36", "The weight of a context that was never seen is lost, and the probabilities do not sum to 1; it passes to the next lower order.", _mixtures(lost=True)),
    ("", "The weights of contexts that were seen are scaled to sum to one; the weight of an unseen context passes to the next lower order.", _mixtures(spread=True)),
    ("", "1/V is mixed in: order 0 is not used.", _mixtures(uniform=True)),
    ("", "Only the highest order whose context was seen is used.", _mixtures(stops=True)),
    ("M36", "Sentences have no </s> at their end.", _mixtures(eos=0)),
])
_KN: list[tuple[str, str, dict[str, Any]]] = [
    ("M38", "The lower orders use raw counts; they should count the different left neighbours of an n-gram.", {"raw": True}),
    ("M38", "One discount is used for all counts; modified Kneser-Ney has one for counts of 1, of 2, and of 3 and more.", {"modified": False}),
    ("M38", "The discounts for counts of 2 and of 3 or more are multiples of the first; each has a formula of its own.", {"multiples": True}),
    ("M38", "Three discounts are used; with modified=False there is one.", {"modified": True}),
    ("M38", "The discounts of the highest order are used in all orders; every order has its own.", {"one order": True}),
    ("M38", "The discounts come from raw counts; in the lower orders they come from the numbers of left neighbours.", {"raw discounts": True}),
    ("M38", "The discount is 0.75 everywhere; it is computed from how many n-grams have the counts 1, 2, 3 and 4.", {"D": [0.75] * 3}),
    ("M38", "The fallback discounts are used everywhere; they are for orders whose own cannot be computed.", {"D": [0.5, 1.0, 1.5]}),
    ("M38", "The fallback discount is used everywhere; it is for orders whose own cannot be computed.", {"D": [0.5] * 3}),
    ("M38", "The discount lacks the factor 2: n1/(n1 + 2 n2).", {"two": 1}),
    ("M38", "A discount outside [0, j] is used; there the fallback 0.5, 1, 1.5 is asked for.", {"no fallback": True}),
    ("M38", "The back-off weight takes D1 for every n-gram of the context; it should add up what was really taken off.", {"first D": True}),
    ("M38", "The lower order is not added at all: what was discounted is lost.", {"weight": 0.0}),
    ("M38", "The lower order is added with weight 1; its weight is the mass that was taken off.", {"weight": 1.0}),
    ("M38", "The lower order is added for unseen words only; in interpolated Kneser-Ney it is added for all.", {"seen only": True}),
    ("M38", "The unigrams are not discounted and not interpolated with 1/V: <unk> gets nothing.", {"no 1/V": "whole"}),
    ("M38", "The unigrams are discounted, but not interpolated with 1/V: mass is lost.", {"no 1/V": "lost"}),
    ("M38", "V lacks <unk> in the 1/V below the unigrams.", {"V": 1}),
    ("M38 M37", "V contains <s> in the 1/V below the unigrams; <s> is never predicted.", {"V": -1}),
    ("M38", "V lacks <unk> and </s> in the 1/V below the unigrams.", {"V": 2}),
    ("M38", "After a context that was never seen the result is 0; the lower order takes over with weight 1.", {"stuck": True}),
    ("M38", "The lower orders divide by raw counts of the context; the numbers of left neighbours have to be summed.", {"raw sums": True}),
    ("M38", "n-grams that start with <s> have no left neighbour: they keep their raw counts.", {"start": True}),
    ("M38", "With n - 1 times <s> in front, the n-grams at the start get <s> as a left neighbour; one <s> is used here, and n-grams that start with it keep their raw counts.", {"start": True, "pads": True}),
    ("M38", "There are n - 1 times <s> in front; Kneser-Ney as lmplz has it uses one.", {"pads": True}),
    ("M36 M38", "<s> is counted among the unigrams: it is never predicted.", {"<s> predicted": True}),
    ("M36", "Sentences have no </s> at their end.", {"eos": 0}),
]
register("kneser_ney", [(ids, text, _kneser_ney(**slip)) for ids, text, slip in _KN])
# fmt: on
