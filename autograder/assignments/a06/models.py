"""Entry of assignment A06 for the model itself, with mle and add_k; one of them that is wrong is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from autograder.checks import misconceptions
from autograder.checks.entry import Entry, Finding, NotAnswered, StudentError, Trial
from autograder.checks.kinds import INSTANCES, pure_check
from autograder.checks.objects import attribute
from autograder.checks.ruled import named

from .cases import Case, Smoothing, ask_case, contexts, part_of, words_of
from .objects import Queries, ask, build, differ, draw_corpus, probabilities, texts
from .smoothing import FACTORIES

__all__ = ["ENTRIES"]

_SHORT, _LONG, _NEW = "short histories", "long histories", "unknown words"
_END, _START = "</s> is predicted", "<s> is never predicted"
_RULE = "ngram_prob of queries"


@dataclass(frozen=True)
class _Usable:
    """A fitted model, and what it is compared with."""

    model: Any
    eos: int | None  # 0 where sentences have no </s>; None where the model is wrong after full histories
    loose: bool = False  # the denominators are wrong, which is charged in `smoothing`: all else is looked at
    why: str = ""  # what prob does with full histories, when that is what is wrong


def _usable(trial: Trial, n: int, text: list[list[str]]) -> dict[Smoothing, _Usable]:
    """The models with mle and add_k; a smoothing that is wrong is left out as long as the other one is right."""
    found: dict[Smoothing, _Usable] = {}
    last: Exception | None = None
    seen, other = contexts(text, n - 1)
    for smoothing in (("mle",), ("add_k", 0.4)):
        queries = [(h, w) for h in (*seen[:4], *other[:2]) for w in [*words_of(text), "</s>"]]
        case = Case(text, n, smoothing, queries)
        try:
            model, returned = build(trial, n, smoothing, text)
            got = probabilities(trial, model, queries)
        except (StudentError, NotAnswered) as error:
            if isinstance(error, StudentError) and error.kind == "timeout":
                raise
            last = error
            continue
        found[smoothing] = _compared(case, model, got)
        if returned is not model:
            slip = "fit returns the model itself, so that model = NGram(3, mle()).fit(sentences) works: return self."
            trial.fail(slip, aspect="fit returns the model")
    if not found and last is not None:
        raise last
    good = {smoothing: use for smoothing, use in found.items() if use.eos is not None}
    return {smoothing: use for smoothing, use in good.items() if not use.loose} or good or found


def _compared(case: Case, model: Any, got: Any) -> _Usable:
    for eos in (1, 0):
        if differ("", got, case.want(eos)) is None:
            return _Usable(model, eos)
    for eos in (1, 0):
        if differ("", case.rescaled(got, want := case.want(eos)), want) is None:
            return _Usable(model, eos, loose=True)
    return _Usable(model, None, why=case.cut(got))


def _ngram(trial: Trial) -> None:
    n = int(trial.rng.integers(3, 5))
    text = draw_corpus(trial.rng, 12)
    usable = _usable(trial, n, text)
    words = words_of(text)
    vocabulary = [*words, "</s>", "<unk>"]
    part_of(trial, ".vocab", lambda: _vocab(trial, next(iter(usable.values())).model, sorted(vocabulary)))
    full = contexts(text, n - 1)[0][:3]
    asked: dict[str, tuple[Queries, Queries | None]] = {  # and queries that have the same answers
        _END: ([(h, "</s>") for h in full], None),
        _SHORT: ([(h, w) for h in ([], *([w] for w in words)) for w in vocabulary], None),
        _LONG: (
            [(("zz", *h[::-1], "b", *h), w) for h in full for w in vocabulary],
            [(h, w) for h in full for w in vocabulary],
        ),
        _NEW: (
            [(h, "zz") for h in full] + [(["zz"] * (n - 1), w) for w in (*vocabulary, "zz")],
            [(h, "<unk>") for h in full] + [(["<unk>"] * (n - 1), w) for w in (*vocabulary, "<unk>")],
        ),
        _START: ([(h, "<s>") for h in ([], *full)], None),
    }
    left_out = _alone(trial, [(Case(text, n, s, asked[_SHORT][0]), use) for s, use in usable.items()])
    for smoothing, use in usable.items():
        for aspect, (queries, twins) in asked.items():
            if aspect == _SHORT and smoothing == left_out:
                continue
            case = Case(text, n, smoothing, queries)
            to = replace(use, loose=True) if aspect == _SHORT else use
            part_of(trial, aspect, partial(_answers, trial, aspect, case, to, twins))
        if use.eos is not None:
            flat = Case(text, 1, smoothing, [(h, w) for h in ([], ["b", "a"]) for w in vocabulary])
            unigrams = replace(use, model=build(trial, 1, smoothing, text)[0], loose=True)
            # at the start of a sentence longer n-grams may be right: that rules out what would spoil them, too
            again = Case(text, n, smoothing, list(asked[_SHORT][0]))
            part_of(trial, _LONG, partial(_answers, trial, _LONG, flat, unigrams, None, again))
            part_of(trial, _NEW, partial(_literal_unknowns, trial, n, text, smoothing, use))
    scored = trial.wants(".vocab")  # what is scored may enter the vocabulary
    part_of(trial, "logprobs", lambda: _logprobs(trial, n, text, usable), always=scored)
    part_of(trial, ".vocab", lambda: _vocab_stays(trial, [use.model for use in usable.values()], words))


def _alone(trial: Trial, tried: Sequence[tuple[Case, _Usable]]) -> Smoothing | None:
    """The one of two smoothings that is wrong where the other is right, but for its denominators: it costs `smoothing`."""
    wrong = []
    for case, use in tried:
        try:
            got, want = probabilities(trial, use.model, case.queries), case.want(use.eos or 0)
        except (StudentError, NotAnswered):  # reported where the aspect is looked at
            return None
        if use.eos is None or case.mismatch(case.rescaled(got, want), want) is not None:
            wrong.append(case.smoothing)
    return wrong[0] if len(wrong) == 1 and len(tried) == 2 else None


def _literal_unknowns(
    trial: Trial, n: int, text: list[list[str]], smoothing: Smoothing, use: _Usable
) -> None:
    """A text in which <unk> itself stands: unknown words get its counts."""
    text = _with_unknowns(text)
    full = [h for h in contexts(text, n - 1)[0] if "<unk>" in h][:3]
    renamed = [tuple("zz" if w == "<unk>" else w for w in h) for h in full]
    case = Case(text, n, smoothing, [(h, w) for h in (*full, *renamed) for w in [*words_of(text), "zz"]])
    _answers(trial, _NEW, case, replace(use, model=build(trial, n, smoothing, text)[0]), None)


def _with_unknowns(text: list[list[str]]) -> list[list[str]]:
    """The text with <unk> in place of its first word in the alphabet, a frequent one."""
    return [["<unk>" if w == words_of(text)[0] else w for w in s] for s in text]


def _vocab(trial: Trial, model: Any, want: list[str]) -> None:
    got = texts(trial, attribute(model, "vocab"))
    if got is None:
        trial.fail(".vocab should be a list of words.", aspect=".vocab")
    elif got != want:
        extra, missing = sorted(set(got) - set(want)), sorted(set(want) - set(got))
        text = ".vocab is the words of training, </s> and <unk>, sorted"
        text += f": {', '.join(missing)} is missing" if missing else ""
        text += f": {', '.join(extra)} does not belong to it" if extra else ""
        ids = ("M36", "M37") if {"<s>", "</s>"} & {*extra, *missing} else ("M37",) if missing else ()
        trial.fail(Finding(f"{text}.", ids), aspect=".vocab")


def _vocab_stays(trial: Trial, models: Sequence[Any], words: Sequence[str]) -> None:
    """No word of a text that is only scored enters the vocabulary."""
    for model in models:
        late = set(texts(trial, attribute(model, "vocab")) or ()) - {*words, "</s>", "<unk>", "<s>"}
        if late:
            text = f".vocab holds {min(late)} after logprobs: words of held-out text do not belong to it."
            hints = misconceptions.get("M39").hint(q=".vocab")
            trial.fail(Finding(text, ("M39",), hints=hints), aspect=".vocab")
            return


def _answers(
    trial: Trial,
    aspect: str,
    case: Case,
    use: _Usable,
    twins: Queries | None,
    also: Case | None = None,
) -> None:
    """`also` is a further case that an explanation has to hold on, where it is answered right."""
    model, eos = use.model, use.eos
    got = probabilities(trial, model, case.queries)
    if aspect == _START:
        slip = Finding("prob(history, '<s>') should be 0: <s> is context only.", ("M36",))
        if np.any(got != 0):
            trial.fail(slip, aspect=aspect)
        return
    if eos is None and (twins is None or not np.isfinite(got).all()):
        text = (
            "Not looked at as long as neither mle nor add_k is right after full histories: mend them first."
        )
        trial.fail(use.why or text, aspect=aspect)
        return
    want = (
        probabilities(trial, model, twins)
        if eos is None and twins is not None
        else case.want(1 if aspect == _END else eos or 0)
    )
    bad = case.mismatch(got, want)
    if bad is None or (use.loose and case.mismatch(case.rescaled(got, want), want) is None):
        return
    end = np.array([w == "</s>" for _, w in case.queries])
    silent = not got[end].any() and differ("", got, np.where(end, 0.0, want)) is None
    if silent and "</s>" in (texts(trial, attribute(model, "vocab")) or ()):
        text = "prob(history, '</s>') is 0 after every history: the end of a sentence is predicted, too."
        hints = misconceptions.get("M36").hint(q="the probability of </s>")
        trial.fail(Finding(text, ("M36",), bad.evidence, hints=hints), aspect=aspect)
        return

    def instances() -> list[tuple[dict[str, Any], Any]]:
        found = [case.args(got)]
        for _ in range(INSTANCES - 1):
            text = draw_corpus(trial.rng, 12)
            text = _with_unknowns(text) if "<unk>" in words_of(case.sentences) else text
            again = Case(text, case.n, case.smoothing, [(h, w) for h, w in case.queries])
            found.append(again.args(ask_case(trial, again)))
        right = also is not None and also.mismatch(told := ask_case(trial, also), also.want(eos or 0)) is None
        return found + ([also.args(told)] if also is not None and right else [])

    finding = named(trial, aspect, _RULE, instances, bad, "p", before=f"{aspect}, with ")
    if aspect == _SHORT and finding.text.endswith(bad.text):
        text = "A short history stands at the start of a sentence: n - 1 times <s> go before its first word."
        finding = replace(finding, text=f"{finding.text} {text}", ids=("M36",))
    trial.fail(finding, aspect=aspect)


def _logprobs(trial: Trial, n: int, text: list[list[str]], usable: dict[Smoothing, _Usable]) -> None:
    other = [["a", "zz", "b"], [], ["b"], *draw_corpus(trial.rng, 3)]
    for smoothing, use in usable.items():
        model = use.model
        sentences = text if smoothing == ("mle",) else other
        queries = [(s[:i], w) for s in sentences for i, w in enumerate([*s, "</s>"])]
        got = ask(trial, model, "logprobs", [(sentences,)])[0]
        with np.errstate(divide="ignore"):
            want = np.log(Case(text, n, smoothing, queries).want())
            bad = differ("logprobs", got, want)
            if bad is None:
                continue
            # what is wrong in prob is charged there
            own = np.log(np.maximum(probabilities(trial, model, queries), 0.0))
        if differ("logprobs", got, own) is None:
            continue
        ends = np.cumsum([len(s) + 1 for s in sentences])[:-1]
        options = [w for w in (want, own) if np.isfinite(w).all()]
        for truth in options or [want]:
            instances = [({"logprobs": np.split(truth, ends)}, got)]
            finding = named(trial, "logprobs", "logprobs", lambda i=instances: i, bad, "logprobs")
            if finding.text != bad.text:
                break
        trial.fail(finding, aspect="logprobs")
        return


MODEL = pure_check(
    {
        ".vocab": 1.0,
        "fit returns the model": 0.5,
        _END: 1.0,
        _SHORT: 1.25,
        _LONG: 0.5,
        _NEW: 1.0,
        _START: 0.25,
        "logprobs": 2.0,
    },
    _ngram,
    0.5,
)

ENTRIES = [Entry("ngram", (MODEL,), {"NGram": None}, uses=FACTORIES, title="The n-gram model")]
