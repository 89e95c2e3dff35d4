"""Entries of assignment A06 for typed answers: experiments, the error on a slide, the quiz.

Each student has other numbers and texts. They are made here with the same calls as in the notebook's locked cells; a
test runs those cells and compares.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograder.checks.entry import Entry
from autograder.checks.typed import answers
from course.toolbox.corpora.farm import farm, stream
from course.toolbox.seeds import student_rng

__all__ = ["COWS", "ENTRIES", "dialect_text", "die_numbers", "suspects"]

Args = dict[str, Any]
COWS = (
    "the cows eat grass",
    "our cows eat hay daily",
    "factory-farm cows eat corn",
    "on an organic farm , cows eat hay and",
    "do your cows eat grass or corn ?",
    "what do cows eat if they have",
    "cows eat corn when there is no",
    "which cows eat which foods depends",
    "if cows eat grass",
    "when cows eat corn their stomachs",
    "should we let cows eat corn ?",
)


def _rng(student_id: str, what: str) -> np.random.Generator:
    return student_rng(student_id, "A06", what)


# --- X6.1: the table of deck 004 --------------------------------------------------------------------------------------


def _cows(student_id: str) -> Args:
    k = float(_rng(student_id, "x6-1").choice([0.1, 0.2, 0.25, 0.5]))
    sentences = [line.split() for line in COWS]
    after = Counter(
        w for s in sentences for u, v, w in zip(s, s[1:], [*s[2:], "</s>"]) if (u, v) == ("cows", "eat")
    )
    p = np.array(list(after.values())) / after.total()
    V = len({w for s in sentences for w in s}) + 2
    bits = float(-(p * np.log2(p)).sum())
    return {
        "p(corn | cows eat)": after["corn"] / after.total(),
        "bits": bits,
        "perplexity": 2.0**bits,
        "V": V,
        "p(corn | cows eat), add k": (after["corn"] + k) / (after.total() + k * V),
    }


# --- X6.3: what was never seen ----------------------------------------------------------------------------------------


def dialect_text(student_id: str) -> tuple[list[str], list[str]]:
    """Training and held-out text of this student's dialect of Farm."""
    rng = _rng(student_id, "dialect")
    grammar = farm(seed=int(rng.integers(2**31)))
    return stream(grammar, rng, 5000), stream(grammar, rng, 2000)


def _slide(tokens: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(tokens[i:] for i in range(n))))


def _unseen(student_id: str) -> Args:
    train, held_out = dialect_text(student_id)
    shares = []
    for n in range(1, 6):
        known = set(_slide(train, n))
        grams = _slide(held_out, n)
        shares.append(sum(g not in known for g in grams) / len(grams))
    contexts = Counter(_slide(train, 4))
    return {"unseen": np.array(shares), "once": sum(c == 1 for c in contexts.values()) / len(contexts)}


# --- X6.4: the detective ----------------------------------------------------------------------------------------------

WRITERS = ("mle", "add-one", "unigram")


def suspects(student_id: str) -> dict[str, tuple[str, list[str]]]:
    """Letter -> (who wrote it, sixty words): a 5-gram model without smoothing, one with add-one, and a unigram model."""
    train, _ = dialect_text(student_id)
    rng = _rng(student_id, "x6-4")
    words = sorted(set(train))
    places: dict[tuple[str, ...], list[int]] = {}
    for i in range(4, len(train)):
        places.setdefault(tuple(train[i - 4 : i]), []).append(i)
    found = {}
    for letter, writer in zip("ABC", rng.permutation(WRITERS)):
        start = int(rng.integers(len(train) - 100))
        sample = train[start : start + 4]
        while len(sample) < 64:
            known = places.get(tuple(sample[-4:]), [])
            smooth = writer == "add-one" and rng.random() * (len(known) + len(words)) >= len(known)
            if writer == "unigram":
                sample.append(train[int(rng.integers(len(train)))])
            elif smooth or not known:
                sample.append(words[int(rng.integers(len(words)))])
            else:
                sample.append(train[known[int(rng.integers(len(known)))]])
        found[letter] = str(writer), sample[4:]
    return found


def _detective(student_id: str) -> Args:
    train, _ = dialect_text(student_id)
    known = set(_slide(train, 5))
    right: Args = {letter: writer for letter, (writer, _) in suspects(student_id).items()}
    shares = [np.mean([g in known for g in _slide(text, 5)]) for _, text in suspects(student_id).values()]
    return right | {"shares": np.array(shares)}


def _e11(student_id: str) -> Args:
    V = int(_rng(student_id, "e11").choice([13_000, 17_000, 25_000, 32_000]))
    return {"mass of unseen words": (V - 1) / (V + 1), "slide": "add-one"}


# --- X6.6: a die ------------------------------------------------------------------------------------------------------


def die_numbers(student_id: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The probabilities of a die, and what two samplers rolled 600 times: one is right, the other uses p²."""
    rng = _rng(student_id, "x6-6")
    p = rng.permutation([4, 3, 2, 1, 1]) / 11
    bent = p**2 / (p**2).sum()
    rolls = [rng.multinomial(600, p), rng.multinomial(600, bent)]
    first = int(rng.integers(2))
    return p, rolls[first], rolls[1 - first]


def _die(student_id: str) -> Args:
    p, A, B = die_numbers(student_id)
    chi2 = [float(((counts - 600 * p) ** 2 / (600 * p)).sum()) for counts in (A, B)]
    return {"chi2 of A": chi2[0], "chi2 of B": chi2[1], "wrong": "A" if chi2[0] > chi2[1] else "B"}


_QUIZ = {
    ("1", "a"): "log 0 is minus infinity: one impossible token is enough.",
    ("1", "b"): "log 0 is minus infinity: one impossible token is enough.",
    (
        "2",
        "b",
    ): "Without </s> the model has other things to predict: the two numbers are about different questions.",
    ("2", "c"): "A mean over other tokens is another number: </s> may be easier or harder than the words.",
    (
        "3",
        "a",
    ): "More text helps only down to the floor of the order: a 3-gram cannot see what stands farther back.",
    ("3", "c"): "That floor belongs to models that see four words back.",
}

ENTRIES = [
    Entry(
        "experiment-x6-1",
        (
            answers(
                "experiment_x6_1",
                _cows,
                points=dict.fromkeys(
                    ("p(corn | cows eat)", "bits", "perplexity", "V", "p(corn | cows eat), add k"), 0.4
                ),
            ),
        ),
        title="X6.1 What do cows eat?",
    ),
    Entry(
        "experiment-x6-3",
        (answers("experiment_x6_3", _unseen, points={"unseen": 1.5, "once": 0.5}),),
        title="X6.3 What was never seen",
    ),
    Entry(
        "experiment-x6-4",
        (
            answers(
                "experiment_x6_4",
                _detective,
                points={"shares": 0.5, "who wrote it": 1.5},
                keys={"who wrote it": ("A", "B", "C")},
            ),
        ),
        title="X6.4 Who wrote it?",
    ),
    Entry(
        "experiment-x6-6",
        (
            answers(
                "experiment_x6_6",
                _die,
                points={"chi2": 1.5, "wrong": 0.5},
                keys={"chi2": ("chi2 of A", "chi2 of B")},
            ),
        ),
        title="X6.6 Is the die right?",
    ),
    Entry(
        "slide-e11",
        (
            answers(
                "slide_e11",
                _e11,
                points={"mass of unseen words": 0.5, "slide": 0.5},
                tolerances={"mass of unseen words": 2e-5},
            ),
        ),
        title="Slide error E11",
    ),
    Entry(
        "quiz-q6-1",
        (
            answers(
                "quiz_q6_1",
                lambda student_id: {"1": "c", "2": "a", "3": "b"},
                points={"1": 0.7, "2": 0.7, "3": 0.6},
                because=_QUIZ,
            ),
        ),
        title="Three quick questions",
    ),
]
