"""The student's models, here or in another process; and a model of ours that the student's functions are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograder.checks.entry import Finding, Reply, StudentError, Trial
from autograder.checks.local import LocalSubject
from autograder.checks.objects import attribute, is_remote, kind_of
from autograder.checks.values import Mismatch, as_array, compare

__all__ = [
    "GivenModel",
    "Queries",
    "ask",
    "build",
    "differ",
    "draw_corpus",
    "probabilities",
    "texts",
]

Queries = Sequence[tuple[Sequence[str], str]]
WORDS = "a b c d e f g".split()


def draw_corpus(
    rng: np.random.Generator, sentences: int, words: int = 5, longest: int = 7
) -> list[list[str]]:
    """Sentences of letters, some frequent and some rare; every letter occurs."""
    p = np.array([0.38, 0.22, 0.16, 0.1, 0.07, 0.05, 0.02][:words])
    ends = np.cumsum(rng.integers(1, longest + 1, sentences)).tolist()
    drawn = [WORDS[i] for i in rng.choice(words, size=ends[-1], p=p / p.sum())]
    text = [drawn[start:end] for start, end in zip([0, *ends], ends)]
    for w in WORDS[:words]:
        if not any(w in s for s in text):
            text[int(rng.integers(sentences))].append(w)
    return text


def ask(trial: Trial, thing: Any, method: str, calls: Sequence[Sequence[Any]]) -> list[Any]:
    """Many calls of a method of the student's in two requests. Raises StudentError, NotAnswered."""
    label, function = f"{kind_of(thing)}.{method}", attribute(thing, method)
    replies: list[Reply] = []
    for part in (calls[:1], *(calls[k : k + 200] for k in range(1, len(calls), 200))):
        replies += _batch(trial, label, function, part)
        error = next((r.error for r in replies if r.error is not None), None)
        if error is not None:
            raise error
    trial.mutated += [_written(label)] if any(r.changed for r in replies) else []
    return [reply.value for reply in replies]


def _batch(trial: Trial, label: str, function: Any, calls: Sequence[Sequence[Any]]) -> list[Reply]:
    if not is_remote(function):
        return LocalSubject({label: function}).call_many(label, calls)
    # a method that ran out of time is not waited for a second time: the subject remembers it, as it does functions
    lost: dict[Any, StudentError] = getattr(trial.subject, "lost", {})
    key = (label, getattr(trial.subject, "replaced", ()))
    if key in lost:
        raise lost[key]
    session, number = object.__getattribute__(function, "_at")
    replies: list[Reply] = session.call_many(number, calls, session.call_seconds)
    for reply in replies:
        if reply.error is not None:
            reply.error.text = f"{label} raises {reply.error.text}"
            if reply.error.kind == "timeout":
                lost[key] = reply.error
    return replies


def _written(label: str) -> Finding:
    text = f"{label} changes its argument: the list that the caller passed in is another one after the call."
    hints = (
        "Look for +=, append, insert and extend on a sentence or a history.",
        "history + [word] makes a new list; history += [word] changes the caller's.",
        "Work on a copy: list(history).",
    )
    return Finding(text, ("M25",), hints=hints)


def build(trial: Trial, n: int, smoothing: Sequence[Any], sentences: Any) -> tuple[Any, Any]:
    """A model of the student's, fitted, and what fit returned; smoothing is ("add_k", 0.5) and the like."""
    kind, *settings = smoothing
    model = trial.call("NGram", n, trial.call(kind, *settings))
    returned = ask(trial, model, "fit", [(sentences,)])[0]
    return (returned if kind_of(returned) == kind_of(model) else model), returned


def probabilities(trial: Trial, model: Any, queries: Queries) -> np.ndarray:
    """prob(history, word) of the student's model for all queries, in its own precision. Raises StudentError."""
    found = []
    for value in ask(trial, model, "prob", [(list(h), w) for h, w in queries]):
        number = as_array(value)
        if number is None or number.size != 1 or number.dtype.kind == "c":
            kind = "None" if value is None else f"a {kind_of(value)}"
            raise StudentError(f"prob should return a number, and returns {kind}.", kind="failed")
        found.append(number.reshape(()))
    return np.array(found)


def differ(what: str, got: Any, want: Any) -> Mismatch | None:
    """As `compare`, to 1e-9, or less for single precision: smoothed probabilities are sums of many terms."""
    array = as_array(got)
    single = array is not None and array.dtype == np.float32
    return compare(what, got, want, rtol=1e-4 if single else 1e-9)


def texts(trial: Trial, value: Any) -> list[str] | None:
    """The strings of a list, tuple or array of the student's, NumPy's strings included; None when it is none."""
    if not isinstance(value, list | tuple) and kind_of(value) != "ndarray":
        return None
    found = []
    for item in value:
        # a string of NumPy's crosses as an array without axes
        plain = ask(trial, item, "item", [()])[0] if is_remote(item) and kind_of(item) == "ndarray" else item
        if not isinstance(plain, str):
            return None
        found.append(str(plain))
    return found


class GivenModel:
    """A model of ours for functions that take one: every probability depends on the word before."""

    lent_names = ("prob", "logprobs", "=vocab", "=n")

    def __init__(self, rng: np.random.Generator, words: Sequence[str], n: int = 2) -> None:
        self.n = n
        self.vocab = sorted([*words, "</s>", "<unk>"])
        self._p = {h: rng.dirichlet(np.full(len(self.vocab), 2.0)) + 0.02 for h in ["<s>", *self.vocab]}
        self._p = {h: p / p.sum() for h, p in self._p.items()}
        self._at = {w: i for i, w in enumerate(self.vocab)}

    def prob(self, history: Sequence[str], word: str) -> float:
        """p(word | last word of the history)."""
        if word == "<s>":
            return 0.0
        last = history[-1] if len(history) else "<s>"
        return float(self._p[last if last in self._p else "<unk>"][self._at.get(word, self._at["<unk>"])])

    def logprobs(self, sentences: Any) -> np.ndarray:
        """Nats of each word and each </s>."""
        # the last word of a history is enough, and a long text has long histories
        return np.log([self.prob([u], w) for s in sentences for u, w in zip(["<s>", *s], [*s, "</s>"])])
