"""Entry of assignment A06 for the smoothings, tried through the student's own NGram.

A model that forgets `</s>` is wrong in every probability; that is charged once, in `ngram`: here such a model is
compared with what is right for a text without `</s>`, one whose `.vocab` lacks words with what is right for its V, and
one that looks at other words of the history with what is right for those.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from autograder.checks.entry import Check, Entry, Finding, NotAnswered, StudentError, Trial
from autograder.checks.kinds import INSTANCES
from autograder.checks.objects import attribute
from autograder.checks.ruled import named
from autograder.checks.rules import explain_probabilities
from autograder.checks.values import Mismatch

from .cases import Case, Smoothing, ask_case, draw_case, fitted, part_of, some, words_of
from .objects import build, differ, probabilities, texts

__all__ = ["ENTRIES", "FACTORIES"]

FACTORIES = ("mle", "add_k", "interpolated", "katz", "kneser_ney")


def _draw_mle(rng: np.random.Generator) -> Case:
    return draw_case(rng, ("mle",), int(rng.integers(3, 5)))


def _draw_add_k(rng: np.random.Generator) -> Case:
    return draw_case(rng, ("add_k", float(np.round(rng.uniform(0.1, 0.9), 2))), int(rng.integers(3, 5)))


def _weights(rng: np.random.Generator) -> Smoothing:
    return ("interpolated", [float(x) for x in rng.dirichlet([3.0, 2.0, 2.0])])


def _draw_mixture(rng: np.random.Generator) -> Case:
    return draw_case(rng, _weights(rng), 3, unseen=False)


def _draw_unseen_mixture(rng: np.random.Generator) -> Case:
    return draw_case(rng, _weights(rng), 3, sentences=5, unseen=True)


def _how_often(case: Case, n: int) -> Counter[int]:
    """How many of the n-grams within the sentences occur once, twice, …"""
    texts = [("<s>", *s, "</s>") for s in case.sentences]
    return Counter(Counter(t[i : i + n] for t in texts for i in range(len(t) - n + 1)).values())


def _has_discounts(case: Case) -> bool:
    """Whether the highest order of the text has discounts of its own; the lower ones are what they are."""
    return all(_how_often(case, 3)[j] for j in (1, 2, 3, 4))


def _draw_kneser_ney(modified: bool) -> Callable[[np.random.Generator], Case]:
    def draw(rng: np.random.Generator) -> Case:
        case = draw_case(rng, ("kneser_ney", modified), 3, sentences=30)
        while not _has_discounts(case):
            case = draw_case(rng, ("kneser_ney", modified), 3, sentences=30)
        return case

    return draw


def _draw_small_kneser_ney(modified: bool) -> Callable[[np.random.Generator], Case]:
    return lambda rng: draw_case(rng, ("kneser_ney", modified), 2, sentences=2)


def _draw_odd_kneser_ney(rng: np.random.Generator) -> Case:
    """A text whose pairs have a second discount below 0: n_3 is large beside n_2."""
    while True:
        case = draw_case(rng, ("kneser_ney", True), 2, sentences=6)
        n1, n2, n3 = (_how_often(case, 2)[j] for j in (1, 2, 3))
        if n1 and n2 and 3 * n3 * n1 > 2 * n2 * (n1 + 2 * n2):
            return case


_FALLBACK = "kneser_ney, fallback discounts"
_DRAWN: dict[str, tuple[str, Callable[[np.random.Generator], Case]]] = {
    "mle": ("ngram_prob of queries", _draw_mle),
    "add_k": ("ngram_prob of queries", _draw_add_k),
    "interpolated": ("interpolated", _draw_mixture),
    "interpolated, unseen contexts": ("interpolated", _draw_unseen_mixture),
    "kneser_ney(modified=False)": ("kneser_ney", _draw_kneser_ney(False)),
    "kneser_ney(modified=True)": ("kneser_ney", _draw_kneser_ney(True)),
}


def _off(trial: Trial, case: Case, model: Any, got: Any) -> Mismatch | None:
    """What is wrong with the student's probabilities, beside what is charged in `ngram`: no </s>, a vocabulary that lacks words."""
    bad = case.mismatch(got, want := case.want())
    if bad is None or case.mismatch(got, case.want(eos=0)) is None or case.cut(got):
        return None
    end = np.array([w == "</s>" for _, w in case.queries])
    if not np.any(got[end]) and differ("", got, np.where(end, 0.0, want)) is None:
        return None  # prob gives </s> nothing, whatever the counts are
    try:
        listed = texts(trial, attribute(model, "vocab"))
    except (NotAnswered, StudentError):  # charged in `ngram`
        return bad
    less = 0 if listed is None else len(words_of(case.sentences)) + 2 - len(set(listed))
    if less and listed is not None and "</s>" not in listed:  # it may be taken for an unknown word
        taken = replace(case, queries=[(h, "<unk>" if w == "</s>" else w) for h, w in case.queries])
        bad = None if any(not case.mismatch(got, taken.want(less=k)) for k in (0, less)) else bad
    return None if bad and less and case.mismatch(got, case.want(less=less)) is None else bad


def _smoothing(trial: Trial) -> None:
    for aspect, (rule, draw) in _DRAWN.items():
        part, decides = trial.drawing(), trial.wants(_FALLBACK) and aspect.startswith("kneser_ney")
        part_of(trial, aspect, partial(_smoothed, part, aspect, rule, draw), always=decides)
    lost = {aspect for aspect, _ in trial.findings}
    right = [modified for modified in (False, True) if f"kneser_ney(modified={modified})" not in lost]
    for modified in right:
        for draw in (_draw_small_kneser_ney(modified), *([_draw_odd_kneser_ney] if modified else [])):
            part = trial.drawing()
            part_of(trial, _FALLBACK, partial(_smoothed, part, _FALLBACK, "kneser_ney", draw))
    if not right:
        blank = all(finding.status == "not_run" for _, finding in trial.findings)
        text = "Not looked at as long as kneser_ney is wrong on longer texts."
        trial.fail(Finding(text, status="not_run" if blank else "failed"), aspect=_FALLBACK)
    for aspect in ("mle", "add_k"):
        part = trial.drawing()
        if aspect not in lost and trial.wants(aspect):
            with suppress(NotAnswered, StudentError):  # charged in `ngram`
                _denominators(part, aspect)


_AT_THE_START = (
    "Short histories are at the start of a sentence: either the contexts with <s> are missing in the denominators, "
    "or the n-grams with <s> are not counted."
)


def _denominators(trial: Trial, aspect: str) -> None:
    """With n = 1 and at the start of a sentence: a wrong sum is the denominator's; what is wrong in both costs `ngram`."""
    rule, draw_long = _DRAWN[aspect]

    def draw(rng: np.random.Generator, n: int) -> Case:
        text, smoothing = (full := draw_long(rng)).sentences, full.smoothing
        histories = [[], *([w] for w in words_of(text))][: 1 if n == 1 else None]
        return Case(text, n, smoothing, [(h, w) for h in histories for w in [*words_of(text), "</s>"]])

    for n in (1, 3):
        case = draw(trial.rng, n)
        model = fitted(trial, case)
        got = probabilities(trial, model, case.queries)
        bad = _off(trial, case, model, got)
        if bad is None:
            continue

        def instances(case: Case = case, got: Any = got) -> list[tuple[dict[str, Any], Any]]:
            more = [draw(trial.rng, case.n) for _ in range(INSTANCES - 1)]
            return [case.args(got), *(c.args(ask_case(trial, c)) for c in more)]

        if _scaled(case, got):
            trial.fail(named(trial, aspect, rule, instances, bad, aspect), aspect=aspect)
            return
        if _beside_is_right(trial, case):
            trial.fail(Finding(f"{bad.text} {_AT_THE_START}", ("M35", "M36"), bad.evidence), aspect=aspect)
            return


def _scaled(case: Case, got: Any) -> bool:
    want = case.want()
    return case.mismatch(case.rescaled(got, want), want) is None


def _beside_is_right(trial: Trial, case: Case) -> bool:
    """Whether the other one of mle and add_k is right there, but for its denominators: then NGram is."""
    other = replace(case, smoothing=("mle",) if case.smoothing[0] == "add_k" else ("add_k", 0.4))
    return _scaled(other, ask_case(trial, other))


def _smoothed(trial: Trial, aspect: str, rule: str, draw: Callable[[np.random.Generator], Case]) -> None:
    case = draw(trial.rng)
    model = fitted(trial, case)
    got = probabilities(trial, model, case.queries)
    bad = _off(trial, case, model, got)
    if bad is None:
        return

    def instances() -> list[tuple[dict[str, Any], Any]]:
        more = [draw(trial.rng) for _ in range(INSTANCES - 1)]
        return [case.args(got), *(c.args(ask_case(trial, c)) for c in more)]

    finding = named(trial, aspect, rule, instances, bad, case.smoothing[0])
    if not finding.ids and finding.text == bad.text and trial.explain:
        h = case.queries[0][0]
        total = sum(p for p, (context, _) in zip(got, case.queries) if context == h)
        why = explain_probabilities(total, case.smoothing[0])
        if why.text:
            finding = Finding(why.text, tuple(why.ids), f"{bad.evidence} {why.evidence}", hints=why.hints)
    trial.fail(finding, aspect=aspect)


# --- Katz, by its properties ------------------------------------------------------------------------------------------


def _good_turing_fits(counts: Sequence[int]) -> bool:
    """Whether Good and Turing's discounts exist for counts of 1 to 5."""
    n = [sum(c == r for c in counts) for r in range(1, 7)]
    if not all(n) or 6 * n[5] >= n[0]:
        return False
    A = 6 * n[5] / n[0]
    return all(0 < ((r + 1) * n[r] / (r * n[r - 1]) - A) / (1 - A) < 1 for r in range(1, 6))


def _draw_katz(rng: np.random.Generator) -> tuple[list[list[str]], Counter[tuple[str, ...]]]:
    """A text whose pairs have discounts, and the counts of its pairs."""
    words = [f"w{i}" for i in range(24)]
    p = 1 / np.arange(1, len(words) + 1)
    while True:
        text = [[words[i] for i in row] for row in rng.choice(len(words), size=(60, 7), p=p / p.sum())]
        pairs = Counter[tuple[str, ...]](g for s in text for g in zip(["<s>", *s], [*s, "</s>"]))
        if _good_turing_fits(list(pairs.values())):
            return text, pairs


def _katz(trial: Trial) -> None:
    text, pairs = _draw_katz(trial.rng)
    words = words_of(text)
    often = sorted({h for (h, _), c in pairs.items() if c > 5 and h != "<s>"})
    histories = [(h,) for h in dict.fromkeys([*some(trial.rng, often, 4), *some(trial.rng, words, 3)])]
    vocabulary = [*words, "</s>", "<unk>"]
    queries = [(h, w) for h in histories for w in vocabulary]
    model, _ = build(trial, 2, ("katz",), text)
    p = probabilities(trial, model, queries)
    near = 1e-9 if p.dtype == np.float64 else 1e-4
    p = p.reshape(len(histories), len(vocabulary))
    totals = p.sum(axis=1)
    bad = [k for k, total in enumerate(totals) if not abs(total - 1) < near or not (p[k] >= 0).all()]
    ends = [query for query in queries if query[1] == "</s>"]
    if (
        bad and not p[:, len(words)].any()
    ):  # </s> gets nothing: from every smoothing? Then it is charged in `ngram`
        bad = bad if probabilities(trial, build(trial, 2, ("mle",), text)[0], ends).any() else []
    if bad:  # a vocabulary of another size gets another share of 1/V, and is charged in `ngram`, too
        listed = texts(trial, attribute(model, "vocab")) or vocabulary
        less = len(vocabulary) - len(set(listed))
        shares = totals - less * p[:, -1]
        excused = less and ("</s>" not in listed or (np.abs(shares - 1) < near).all())
        bad = [] if excused and (p >= 0).all() else bad
    if bad:
        why = explain_probabilities(float(totals[bad[0]]), "katz")
        text_ = why.text or "katz: there are probabilities below 0."
        trial.fail(Finding(text_, tuple(why.ids), why.evidence, hints=why.hints), aspect="katz sums to one")
    if not ((p >= 0) & (p <= 1)).all():
        trial.fail("katz: there are values that are no probabilities.")
        return
    followers, inside = Counter[str](), Counter[str]()
    for (h, w), c in pairs.items():
        followers[h] += c
        inside[h] += c * (w != "</s>")
    for k, (h,) in enumerate(histories):
        unseen = [w for w in words if not pairs[h, w]]
        for w in vocabulary if unseen else []:
            got, wants = p[k, vocabulary.index(w)], [pairs[h, w] / c for c in (followers[h], inside[h]) if c]
            if w != "</s>" and pairs[h, w] > 5 and not any(abs(got - want) < near for want in wants):
                plain = Case(text, 2, ("mle",), queries)
                with suppress(NotAnswered, StudentError):
                    if plain.cut(ask_case(trial, plain)):  # other words of the history: charged in `ngram`
                        return
                text_ = "katz: counts above 5 are not discounted, they keep c(h w)/c(h)."
                note = f"p({w}|{h}) is {got:.6g}, expected {pairs[h, w]}/{followers[h]}."
                trial.fail(Finding(text_, (), note), aspect="katz keeps counts above 5")
        if unseen and not min(p[k, vocabulary.index(w)] for w in unseen) > 0:
            text_ = "katz: a word that never followed the context gets nothing; it should get a share of what was taken off."
            trial.fail(text_, aspect="katz, unseen words")


SMOOTHING = Check(
    {
        "mle": 2.0,
        "add_k": 2.5,
        "interpolated": 1.75,
        "interpolated, unseen contexts": 1.25,
        "kneser_ney(modified=False)": 2.0,
        "kneser_ney(modified=True)": 2.25,
        _FALLBACK: 0.75,
    },
    _smoothing,
)
KATZ = Check(
    {"katz sums to one": 1.5, "katz keeps counts above 5": 0.5, "katz, unseen words": 0.5}, _katz, draws=1
)

ENTRIES = [
    Entry("smoothing", (SMOOTHING, KATZ), dict.fromkeys(FACTORIES), uses=("NGram",), title="Smoothing"),
]
