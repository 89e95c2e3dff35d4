"""A model of ours that the student's functions fit and score, and texts for it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

__all__ = ["Learner", "draw_docs"]

WORDS = "a b c d e f".split()


class Learner:
    """Words seen often in training get higher probabilities, and later places in a sentence lower ones.

    A second `fit` adds to what was seen, so that a model that is not fresh gives other numbers.
    """

    lent_names = ("fit", "logprobs")

    def __init__(self, impossible: str = "") -> None:
        self.seen: Counter[str] = Counter()
        self.impossible = impossible

    def fit(self, sentences: Any) -> Any:
        """Count the words; returns the model."""
        self.seen.update(w for s in sentences for w in (*s, "</s>"))
        return self

    def logprobs(self, sentences: Any) -> np.ndarray:
        """Nats of each word and each </s>."""
        places = [(w, i) for s in sentences for i, w in enumerate([*s, "</s>"])]
        nats = [0.3 + 5.0 / (2 + self.seen[w]) + 0.1 * i + 0.01 * (ord(w[0]) % 7) for w, i in places]
        return -np.array([np.inf if w == self.impossible else x for (w, _), x in zip(places, nats)])


def draw_docs(rng: np.random.Generator, count: int, longest: int = 4) -> list[list[list[str]]]:
    """Documents of one to a few sentences, one of them empty and one document much longer than the rest."""
    docs = [
        [
            [str(w) for w in rng.choice(WORDS, int(rng.integers(1, 7)))]
            for _ in range(int(rng.integers(1, longest)))
        ]
        for _ in range(count)
    ]
    docs[int(rng.integers(count))] += [[str(w) for w in rng.choice(WORDS[:2], 9)] for _ in range(3)]
    docs[int(rng.integers(count))].append([])
    return docs
