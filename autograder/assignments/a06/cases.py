"""Texts, and what models of them are asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from autograder.checks.entry import Finding, NotAnswered, StudentError, Trial
from autograder.checks.rules.ngrams import right_probabilities
from autograder.checks.values import Mismatch

from .objects import Queries, build, differ, draw_corpus, probabilities

__all__ = [
    "CUTS",
    "Case",
    "Smoothing",
    "ask_case",
    "contexts",
    "draw_case",
    "fitted",
    "part_of",
    "some",
    "words_of",
]

Smoothing = tuple[Any, ...]
Cut = Callable[[tuple[str, ...]], tuple[str, ...]]

# what prob looks up in place of a full history, whatever the smoothing
CUTS: dict[str, Cut] = {
    "prob looks at the beginning of the padded history, which is <s>; it has to look at the last n - 1 words.": lambda h: (
        ("<s>",) * len(h)
    ),
    "prob leaves the last word of the history out; the last n - 1 words go before.": lambda h: (
        "<s>",
        *h[:-1],
    ),
    "prob reads the history backwards: the last word before comes last.": lambda h: h[::-1],
}


@dataclass(frozen=True)
class Case:
    """A text, a model and what it is asked."""

    sentences: list[list[str]]
    n: int
    smoothing: Smoothing
    queries: Queries

    def want(self, eos: int = 1, less: int = 0, cut: Cut = lambda h: h) -> np.ndarray:
        """The right probabilities, or those of a text without </s>, of a vocabulary that lacks words, of other histories."""
        queries = [(cut(tuple(h)), w) for h, w in self.queries]
        return np.array(right_probabilities(self.sentences, self.n, self.smoothing, queries, eos, less))

    def cut(self, got: Any) -> str:
        """What prob does with full histories when that, and nothing else, is wrong; else nothing."""
        for text, cut in CUTS.items():
            other = any(cut(tuple(h)) != tuple(h) for h, _ in self.queries)
            if other and differ("", got, self.want(cut=cut)) is None:
                return text
        return ""

    def rescaled(self, got: Any, want: Any) -> np.ndarray:
        """The probabilities with every context's scaled to the right sum: what a wrong denominator leaves right."""
        at = np.unique([str(h) for h, _ in self.queries], return_inverse=True)[1]
        sums, right = np.bincount(at, got), np.bincount(at, want)
        return np.asarray(got * np.divide(right, sums, out=np.ones_like(sums), where=sums > 0)[at])

    def mismatch(self, got: Any, want: Any) -> Mismatch | None:
        """None when the probabilities are the wanted ones; else the one that is farthest off."""
        bad = differ("p", got, want)
        if bad is None:
            return None
        gap = np.abs(np.asarray(got, dtype=float) - want)
        worst = int(np.argmax(np.where(np.isnan(gap), np.inf, gap)))
        history, word = self.queries[worst]
        what = f"p({word} | {' '.join(history) or 'start'})"
        evidence = (
            f"With {self.smoothing[0]}, n = {self.n}: {what} is {got[worst]:.6g}, expected {want[worst]:.6g}."
        )
        return Mismatch(f"{self.smoothing[0]}: {bad.text}", evidence, bad.errors)

    def args(self, got: Any) -> tuple[dict[str, Any], Any]:
        """The case and what the student got, as the rules take them."""
        return {
            "sentences": self.sentences, "n": self.n, "smoothing": self.smoothing, "queries": self.queries,
        }, list(got)  # fmt: skip


def words_of(sentences: Sequence[Sequence[str]]) -> list[str]:
    """The different words, sorted."""
    return sorted({w for s in sentences for w in s})


def contexts(
    sentences: Sequence[Sequence[str]], length: int
) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Histories of so many training words: those that occur before something, and those that do not."""
    seen = {tuple(s[i - length : i]) for s in sentences for i in range(length, len(s) + 1)}
    return sorted(seen), [h for h in product(words_of(sentences), repeat=length) if h not in seen]


def some(rng: np.random.Generator, items: Sequence[Any], most: int) -> list[Any]:
    """Some of the items, drawn without repetition."""
    return [items[int(i)] for i in rng.permutation(len(items))[:most]]


def draw_case(
    rng: np.random.Generator, smoothing: Smoothing, n: int, sentences: int = 14, unseen: bool | None = None
) -> Case:
    """A drawn text, and all words after histories of it; `unseen`: histories that never occur, or only others."""
    text = draw_corpus(rng, sentences, words=5 if n < 4 else 4)
    seen, other = contexts(text, n - 1)
    histories = (some(rng, seen, 8) if not unseen else []) + (
        some(rng, other, 5) if unseen is not False else []
    )
    queries = [(h, w) for h in histories for w in [*words_of(text), "</s>", "<unk>"]]
    return Case(text, n, smoothing, queries)


def part_of(trial: Trial, aspect: str, run: Callable[[], None], *, always: bool = False) -> None:
    """Run a part of a check where somebody reads what it finds, or `always`: an error costs its aspect alone."""
    if not trial.wants(aspect) and not always:
        return
    try:
        run()
    except NotAnswered as blank:
        trial.fail(Finding(str(blank), status="not_run"), aspect=aspect)
    except StudentError as error:
        if error.kind == "timeout":
            raise
        status = error.kind if error.kind in ("failed", "not_run") else "error"
        trial.fail(Finding(error.text, line=error.line, status=status), aspect=aspect)


def ask_case(trial: Trial, case: Case) -> Any:
    """The student's probabilities for a case."""
    return probabilities(trial, fitted(trial, case), case.queries)


def fitted(trial: Trial, case: Case) -> Any:
    """The student's model of a case."""
    return build(trial, case.n, case.smoothing, case.sentences)[0]
