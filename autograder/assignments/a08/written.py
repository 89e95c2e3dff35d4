"""Entries of assignment A08 for typed answers: experiments, the game, the slide, the quiz.

Each student has a dialect of Farm. Texts and numbers are drawn here with the same calls as in the notebook's locked
cells ("numbers-x8-1" and so on); a test runs those cells and compares.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from autograder.checks.entry import Check, Entry, Finding, Trial
from autograder.checks.rules.evaluation import right_real_or_fake, standard_error
from autograder.checks.typed import answers
from autograder.checks.values import compare
from course.ngram import NGram, kneser_ney, ngrams, sample_ngram
from course.toolbox.corpora.farm import oracle_logprobs, stream
from course.toolbox.errors import InputError

from .dialect import (
    alike,
    answers_or_theirs,
    curve,
    flat,
    own_texts,
    part,
    source_bits,
    student_numbers,
    their_curve,
    their_where,
    where,
)

__all__ = ["ENTRIES", "cost_numbers", "game", "leak_numbers", "unit_numbers"]

Args = dict[str, Any]


# --- X8.3, X8.4: sizes and units --------------------------------------------------------------------------------------


def cost_numbers(student_id: str) -> Args:
    """The sizes of the network of X8.3."""
    rng = student_numbers(student_id, "x8-3")
    return {
        "V": int(rng.integers(40, 200)),
        "D": int(rng.choice([16, 24, 32])),
        "H": int(rng.choice([48, 64, 96])),
    }


@functools.lru_cache(maxsize=4)
def _cost(student_id: str) -> Args:
    V, D, H = cost_numbers(student_id).values()
    parameters = V * D + D * H + H * H + H + H * V + V
    sentences = flat(own_texts(student_id)["train"])
    grams = sum(len({g for s in sentences for g in ngrams(s, n)}) for n in (1, 2, 3))
    return {
        "parameters": parameters,
        "bytes of the network": 4 * parameters,
        "n-grams": grams,
        "bytes of the trigram": 12 * grams,
    }


def unit_numbers(student_id: str) -> Args:
    """Characters and words of a text, the bits a word of one model, the bits a character of the other."""
    rng = student_numbers(student_id, "x8-4")
    words = int(rng.integers(800, 1200)) * 10
    return {
        "words": words,
        "characters": int(words * rng.uniform(5.2, 6.4)),
        "word_bits": round(float(rng.uniform(8.0, 10.5)), 2),
        "char_bits": round(float(rng.uniform(1.4, 1.9)), 2),
    }


def _units(student_id: str) -> Args:
    n = unit_numbers(student_id)
    own = n["word_bits"] * n["words"] / n["characters"]
    return {
        "bits a character": own,
        "better": "word" if own < n["char_bits"] else "character",
        "perplexity a word": 2 ** (n["char_bits"] * n["characters"] / n["words"]),
    }


# --- X8.5: which is the real text? ------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4)
def game(student_id: str) -> Args:
    """Twenty texts of 25 words, which of them are real, and the models of the judge."""
    own = own_texts(student_id)
    rng = student_numbers(student_id, "x8-5")
    writer, other = (NGram(n, kneser_ney()).fit(flat(own["train"])) for n in (3, 5))
    truth = [bool(x) for x in rng.permutation(20) < 10]
    texts = [stream(own["grammar"], rng, 25) if real else sample_ngram(writer, rng, 25) for real in truth]
    return {"texts": texts, "truth": truth, "writer": writer, "other": other}


def _right_words(grammar: Any, text: Any) -> int:
    """How many words stand before the first one that the grammar cannot write."""
    for length in range(1, len(text) + 1):
        try:
            oracle_logprobs(grammar, text[:length])
        except InputError:
            return length - 1
    return len(text)


@functools.lru_cache(maxsize=4)
def _judged(student_id: str) -> Args:
    g, grammar = game(student_id), own_texts(student_id)["grammar"]
    ratio = [float(np.sum(g["other"].logprobs([t])) - np.sum(g["writer"].logprobs([t]))) for t in g["texts"]]
    return {
        "judge": ratio,
        "judge's accuracy": float(np.mean([(r > 0) == real for r, real in zip(ratio, g["truth"])])),
        "right words of a fake": float(
            np.mean([_right_words(grammar, t) for t, real in zip(g["texts"], g["truth"]) if not real])
        ),
    }


def _game(trial: Trial) -> None:
    """The student's own answers, whatever they are, and what follows from them."""
    typed = trial.get("experiment_x8_5")
    typed = typed if isinstance(typed, Mapping) else {}
    given = typed.get("answers")
    own = list(given) if isinstance(given, list | tuple | np.ndarray) else []
    if len(own) != 20 or not all(isinstance(x, bool | np.bool_) for x in own):
        blank = given is None or given is ... or all(x is ... for x in own)
        text = "experiment_x8_5['answers'] should be a list of 20 values, True for real or False."
        wrong = Finding(
            text if not blank else "experiment_x8_5['answers'] is not answered yet.",
            status="not_run" if blank else "failed",
        )
        trial.fail(wrong, aspect=_OWN)
        return
    mine, truth = [bool(x) for x in own], game(trial.student_id)["truth"]
    right = right_real_or_fake(mine, truth)
    theirs = alike(right, lambda t: {k: part(t.call("real_or_fake", mine, truth), k) for k in right}, trial)
    for key in ("accuracy", "low", "high"):
        if typed.get(key) is None or typed.get(key) is ...:
            trial.fail(
                Finding(f"experiment_x8_5[{key!r}] is not answered yet.", status="not_run"), aspect=_OWN
            )
            continue
        what = f"experiment_x8_5[{key!r}]"
        bad = compare(what, typed[key], right[key], rtol=5e-3)
        if bad is not None and compare(what, typed[key], theirs[key], rtol=5e-3) is not None:
            trial.fail(f"{bad.text} It has to fit your own answers.", aspect=_OWN)


_OWN = "accuracy and interval"


# --- X8.6: the leak ---------------------------------------------------------------------------------------------------


def leak_numbers(student_id: str) -> Args:
    """Bits of every token under the source and under three models, and the number of each token's document."""
    own, rng = own_texts(student_id), student_numbers(student_id, "x8-6")
    source = source_bits(own["grammar"], own["held"])
    number = np.repeat(np.arange(len(own["held"])), [len(s) + 1 for s in flat(own["held"])])
    luck = rng.normal(0.0, 0.02, len(own["held"]))[number]
    models = [
        source + rng.gamma(1.0, 0.03, len(source)),
        source + luck - luck.mean() - 0.004,
        np.where(rng.random(len(source)) < 0.15, 0.2 * source, source + 0.02),
    ]
    return {"source": source, "number": number, "models": models, "order": rng.permutation(3)}


@functools.lru_cache(maxsize=4)
def _leak(student_id: str) -> Args:
    n = leak_numbers(student_id)
    cuts = np.flatnonzero(np.diff(n["number"])) + 1
    z = []
    for bits in n["models"]:
        gap = bits - n["source"]
        z.append(float(gap.mean()) / standard_error(np.split(gap, cuts), float(gap.mean())))
    in_order = [z[i] for i in n["order"]]
    return {"z": in_order, "leak": "ABC"[int(np.argmin(in_order))]}


# --- slide, quiz ------------------------------------------------------------------------------------------------------

_QUIZ = {
    ("1", "a"): "A low training loss may be learnt by heart; what counts is text that was not trained on.",
    ("1", "c"): "One of the two numbers is an estimate for new text.",
    ("2", "a"): "With fewer words in the vocabulary more of the text is <unk>, which is easy to predict.",
    ("2", "b"): "They do not predict the same things; the number cannot be compared.",
    ("3", "a"): "h_5 is what the four words before leave open, however often they were counted.",
    ("3", "c"): "It falls towards h_5, but how near it is depends on the data.",
}

ENTRIES = [
    Entry(
        "experiment-x8-1",
        (
            answers_or_theirs(
                "experiment_x8_1",
                curve,
                their_curve,
                points={"tokens": 1.0, "2-gram": 1.5, "4-gram": 1.5, "entropy": 1.0, "source": 0.5}
                | {"order for 1000 tokens": 0.5},
                rtol=2e-3,
                tolerances={"tokens": 0.0, "order for 1000 tokens": 0.0},
            ),
        ),
        title="X8.1 Curves of your dialect",
    ),
    Entry(
        "experiment-x8-2",
        (
            answers_or_theirs(
                "experiment_x8_2",
                where,
                their_where,
                points={"closing bracket": 1.25, "speaker": 1.25, "food": 1.25}
                | {"share of brackets and speakers": 1.25},
                rtol=1e-2,
            ),
        ),
        title="X8.2 Where the bits are",
    ),
    Entry(
        "experiment-x8-3",
        (
            answers(
                "experiment_x8_3",
                _cost,
                points=dict.fromkeys(
                    ("parameters", "bytes of the network", "n-grams", "bytes of the trigram"), 1.0
                ),
                rtol=1e-9,
            ),
        ),
        title="X8.3 Bytes",
    ),
    Entry(
        "experiment-x8-4",
        (
            answers(
                "experiment_x8_4",
                _units,
                points={"bits a character": 1.0, "better": 1.0, "perplexity a word": 1.0},
                rtol=1e-2,
            ),
        ),
        title="X8.4 Words against characters",
    ),
    Entry(
        "experiment-x8-5",
        (
            Check({_OWN: 1.5}, _game, draws=1, hidden=False),
            answers(
                "experiment_x8_5",
                _judged,
                points={"judge": 1.5, "judge's accuracy": 0.5, "right words of a fake": 0.5},
                rtol=1e-2,
            ),
        ),
        title="X8.5 Which is the real text?",
    ),
    Entry(
        "experiment-x8-6",
        (answers("experiment_x8_6", _leak, points={"z": 2.0, "leak": 1.0}, rtol=1e-2),),
        title="X8.6 The leak",
    ),
    Entry(
        "slide-round-0",
        (
            answers(
                "slide_round_0",
                lambda student_id: {"real": "b", "low": 0.025},
                points={"real": 0.5, "low": 0.5},
                because={
                    ("real", "a"): "Does any speech of VIOLA's have an end that belongs to its beginning?"
                },
            ),
        ),
        title="Round 0: the slide",
    ),
    Entry(
        "quiz-q8-1",
        (
            answers(
                "quiz_q8_1",
                lambda student_id: {"1": "b", "2": "c", "3": "b"},
                points=dict.fromkeys("123", 1.0),
                because=_QUIZ,
            ),
        ),
        title="Three quick questions",
    ),
]
