"""A08: the student's dialect of Farm, what the curves and tables of X8.1 and X8.2 are, and what follows from own functions."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autograder.checks.entry import Check, NotAnswered, StudentError, Trial
from autograder.checks.rules.evaluation import right_dependency
from autograder.checks.typed import answers
from autograder.checks.values import as_array
from course.ngram import NGram, document_entropy, kneser_ney
from course.toolbox.corpora.farm import documents, farm, oracle_logprobs
from course.toolbox.seeds import student_rng

from .models import Learner

__all__ = [
    "alike", "answers_or_theirs", "curve", "flat", "own_texts", "part", "source_bits", "student_numbers", "their_curve",
    "their_where", "where",
]  # fmt: skip

Args = dict[str, Any]
SIZES = (1000, 5000, 30000)


def student_numbers(student_id: str, what: str) -> np.random.Generator:
    """The generator of one locked cell."""
    return student_rng(student_id, "A08", what)


def answers_or_theirs(
    variable: str,
    truth: Callable[[str], Args],
    theirs: Callable[[Trial], Args],
    **how: Any,
) -> Check:
    """As `answers`; what follows rightly from the student's own functions is right as well: a slip is charged once."""
    strict = answers(variable, truth, **how)

    def run(trial: Trial) -> None:
        first = trial.apart(trial.rng)
        strict.run(first)
        wrong = {aspect for aspect, finding in first.findings if finding.status != "not_run"}
        if wrong:
            second = trial.apart(trial.rng)
            own = alike(truth(trial.student_id), theirs, trial)
            answers(variable, lambda _: own, **how).run(second)
            wrong &= {aspect for aspect, _ in second.findings}
        for aspect, finding in first.findings:
            if finding.status == "not_run" or aspect in wrong:
                trial.fail(finding, aspect=aspect)

    return Check(strict.aspects, run, draws=1, hidden=False)


def alike(truth: Args, theirs: Callable[[Trial], Args], trial: Trial) -> Args:
    """The truth, with the student's own results where they are numbers of the same shape."""
    try:
        found = theirs(trial)
    except (StudentError, NotAnswered):
        return truth
    own = dict(truth)
    for key, value in found.items():
        array = as_array(value)
        if array is not None and array.dtype.kind in "biuf" and array.shape == np.shape(truth[key]):
            own[key] = array.astype(float)
    return own


class _Lent:
    """A model of ours for the student's evaluate and learning_curve."""

    lent_names = Learner.lent_names

    def __init__(self, n: int, source: Any = None) -> None:
        self.n, self.source = n, source

    def fit(self, sentences: Any) -> Any:
        self.model = NGram(self.n, kneser_ney()).fit(sentences)
        return self

    def logprobs(self, sentences: Any) -> Any:
        if self.source is not None:
            return -math.log(2) * source_bits(self.source, [sentences])
        return np.asarray(self.model.logprobs(sentences))


def part(value: Any, key: Any) -> Any:
    """An entry of what a student's function returned; None when there is none."""
    try:
        return value[key]
    except Exception:
        return None


# --- X8.1, X8.2: the student's dialect --------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4)
def own_texts(student_id: str) -> Args:
    """The dialect, its training and its held-out documents."""
    rng = student_numbers(student_id, "own")
    grammar = farm(seed=int(rng.integers(2**32)))
    docs = [[document] for document in documents(grammar, rng, 250)]
    return {"grammar": grammar, "train": docs[:220], "held": docs[220:]}


def flat(docs: Any) -> list[Any]:
    return [s for doc in docs for s in doc]


def source_bits(grammar: Any, docs: Any) -> np.ndarray:
    """Bits of every token of whole documents under the true law; `</s>` is certain."""
    parts = [np.append(oracle_logprobs(grammar, s), 0.0) for s in flat(docs)]
    return -np.concatenate(parts) / math.log(2)


def _model_bits(n: int, train: Any, docs: Any) -> Any:
    model = NGram(n, kneser_ney()).fit(flat(train))
    return -np.asarray(model.logprobs(flat(docs))) / math.log(2)


def _prefix(train: Any, size: int) -> tuple[list[Any], int]:
    """Whole documents from the start until they hold `size` tokens, and how many they hold."""
    total = np.cumsum([sum(len(s) + 1 for s in doc) for doc in train])
    last = min(int(np.searchsorted(total, size)), len(train) - 1)
    return train[: last + 1], int(total[last])


@functools.lru_cache(maxsize=4)
def curve(student_id: str) -> Args:
    own = own_texts(student_id)
    used = [_prefix(own["train"], size) for size in SIZES]
    curves = {n: [float(_model_bits(n, docs, own["held"]).mean()) for docs, _ in used] for n in (2, 4)}
    bits, length = document_entropy(own["grammar"])
    return {
        "tokens": [tokens for _, tokens in used],
        "2-gram": curves[2],
        "4-gram": curves[4],
        "entropy": bits / (length + 1),
        "source": float(source_bits(own["grammar"], own["held"]).mean()),
        "order for 1000 tokens": 2 if curves[2][0] < curves[4][0] else 4,
    }


def their_curve(trial: Trial) -> Args:
    own = own_texts(trial.student_id)
    found: Args = {}
    for n in (2, 4):
        curve = trial.call("learning_curve", lambda n=n: _Lent(n), own["train"], SIZES, own["held"])
        found["tokens"], found[f"{n}-gram"] = ([part(part(curve, i), k) for i in range(3)] for k in (0, 1))
    scored = trial.call("evaluate", _Lent(0, own["grammar"]), own["held"])
    found["source"] = part(scored, "bits_per_token")
    two, four = (as_array(found[f"{n}-gram"]) for n in (2, 4))
    if two is not None and four is not None and two.dtype.kind == four.dtype.kind == "f":
        found["order for 1000 tokens"] = 2 if two[0] < four[0] else 4
    return found


def _kind(word: str) -> str:
    if word in (")", "]"):
        return "closing bracket"
    if word.endswith(":"):
        return "speaker"
    return "food" if word in ("corn", "grass", "hay") else "other"


def _labels(docs: Any) -> list[str]:
    return [_kind(word) for s in flat(docs) for word in (*s, "</s>")]


@functools.lru_cache(maxsize=4)
def where(student_id: str) -> Args:
    own = own_texts(student_id)
    bits = source_bits(own["grammar"], own["held"]), _model_bits(4, own["train"], own["held"])
    return _split([right_dependency(b, _labels(own["held"])) for b in bits])


def _split(tables: Any) -> Args:
    """What the source and the model pay for each kind, and where the difference lies."""
    source, model = tables
    lost = {kind: (model[kind][0] - source[kind][0]) * model[kind][1] for kind in source}
    return {kind: [t[kind][0] for t in tables] for kind in ("closing bracket", "speaker", "food")} | {
        "share of brackets and speakers": (lost["closing bracket"] + lost["speaker"]) / sum(lost.values())
    }


def their_where(trial: Trial) -> Args:
    own = own_texts(trial.student_id)
    model = _Lent(4)
    model.fit(flat(own["train"]))
    tables = []
    for one in (_Lent(0, own["grammar"]), model):
        scored = trial.call("evaluate", one, own["held"])
        tables.append(
            trial.call("bits_by_dependency", part(scored, "per_token"), tuple(_labels(own["held"])))
        )
    try:
        return _split(tables)
    except Exception:
        return {}
