"""Entry of assignment A06 for sample_ngram, from statistics and properties only.

`</s>` is drawn but not listed, so what can be counted is which word follows which: directly, or as the first word of a
new sentence. In a bigram model with the temperature τ, q(w|u) ∝ p(w|u)^(1/τ), that happens with the probability

    q(w|u) + q(</s>|u) q(w|start) / (1 - q(</s>|start))

A right sampler exceeds the limit for χ² with a probability of about 1e-8 for each word that goes before: less than one
false alarm in a million checks. Most samplers, right or wrong, are known by a part of the words; where those neither
follow the law closely nor are far from it, the rest is drawn.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autograder.checks import misconceptions
from autograder.checks.entry import Check, Entry, Finding, NotAnswered, StudentError, Trial
from autograder.checks.objects import attribute
from autograder.checks.rules.ngrams import right_probabilities

from .objects import GivenModel, build, differ, probabilities, texts

__all__ = ["ENTRIES"]

WORDS = ("a", "b", "c")
VOCABULARY = ("</s>", "<unk>", *WORDS)
LISTED = VOCABULARY[1:]
# words that are drawn from the student's own model, and from ours, which answers across a pipe
OWN, GIVEN = 1200, 600
FIRST = 600  # how many of them at first: each of the words that go before comes at least sixty times
CLOSE = 0.2  # of the limit for χ²: one right sampler in seven exceeds it
K = 1.5  # of add_k, so that every probability can be seen in so few draws


def _draw_text(rng: np.random.Generator) -> list[list[str]]:
    """Sentences that nearly always start with c, go on with a or b, and end after b."""
    text = [["c"] + ["a"] * int(rng.integers(1, 4)) + ["b"] for _ in range(16)]
    return [*text, ["a", "b", "a", "b"], ["b", "c", "a"], ["c", "b"]]


def _law(prob: Callable[[Any, str], float]) -> np.ndarray:
    """p(w|u) for u = start, and the listed words, in the order of VOCABULARY."""
    return np.array([[prob(h, w) for w in VOCABULARY] for h in ([], *([w] for w in LISTED))])


def _follows(q: np.ndarray, start: int = 0) -> np.ndarray:
    """What follows each listed word, over sentence ends; `start` is the row that a new sentence begins with."""
    begin = q[start, 1:] / max(1 - q[start, 0], 1e-12)
    return q[1:, 1:] + q[1:, :1] * begin


def _tempered(p: np.ndarray, power: float) -> np.ndarray:
    q = p**power
    return q / q.sum(axis=1, keepdims=True)


def _distance(counts: np.ndarray, law: np.ndarray) -> tuple[float, float]:
    """The largest χ² over the words that go before, relative to its limit; 1 or more is too much."""
    worst = (0.0, 0.0)
    for row, p in zip(counts, law):
        n = row.sum()
        if n < 60:
            continue
        expected = n * p / p.sum()
        few = expected < 12
        seen, want = np.append(row[~few], row[few].sum()), np.append(expected[~few], expected[few].sum())
        keep = want > 0
        if row[few].sum() > 0 and not want[-1] > 0:
            return math.inf, math.inf
        chi2 = float(((seen - want)[keep] ** 2 / np.maximum(want[keep], 1.0)).sum())
        limit = len(p) + 6 * math.sqrt(2 * len(p)) + 20
        worst = max(worst, (chi2 / limit, chi2))
    return worst


def _mistakes(p: np.ndarray, tau: float) -> list[tuple[str, str, np.ndarray]]:
    """(id, sentence, what follows each word) of samplers that are known to be wrong."""
    q = _tempered(p, 1 / tau)
    top, flat = (p == p.max(axis=1, keepdims=True)) * 1.0, np.ones_like(p) / p.shape[1]
    lost = np.vstack([q[:1], np.tile(q[:1], (len(q) - 1, 1))])
    open_ended = q.copy()
    open_ended[:, 0] = 0
    known = q * (np.array(VOCABULARY) != "<unk>")
    found = [
        ("M49", "The temperature is multiplied: p^(1/temperature) is asked for.", _follows(_tempered(p, tau))),
        ("M49", "The temperature is not used: p^(1/temperature), renormalised, is asked for.", _follows(p)),
        ("M49", "The most probable word is taken every time: draw from the distribution.", _follows(top)),
        ("M49", "All words are equally likely: the probabilities are not used.", _follows(flat)),
        ("", "A sentence never ends: </s> has to be drawn, too.", open_ended[1:, 1:]),
        ("", "<unk> is never drawn: it is a word of model.vocab, with a probability of its own.", _follows(known / known.sum(axis=1, keepdims=True))),
        ("", "The words before are not handed to the model: every word is drawn as at the start.", _follows(lost)),
        ("", "A new sentence does not begin at the start: after </s> the history is empty.", _follows(q, start=1)),
    ]  # fmt: skip
    return [m for m in found if not np.allclose(m[2], _follows(q))]


def _model(trial: Trial) -> tuple[Any, np.ndarray, int]:
    """A model to draw from, its law, and how many words to draw: the student's own when it is right, else ours."""
    text = _draw_text(trial.rng)
    queries = [(h, w) for h in ([], *([w] for w in LISTED), ["a", "c", "b"]) for w in VOCABULARY]
    want = np.array(right_probabilities(text, 2, ("add_k", K), queries))
    try:
        model, _ = build(trial, 2, ("add_k", K), text)
        same = differ("", probabilities(trial, model, queries), want) is None
        same = same and texts(trial, attribute(model, "vocab")) == sorted(VOCABULARY)
        if same and not trial.mutated:
            return model, want.reshape(-1, len(VOCABULARY))[:-1], OWN
    except (StudentError, NotAnswered):
        pass  # charged in `ngram`
    given = GivenModel(trial.rng, WORDS)
    return given, _law(given.prob), GIVEN


def _drawn(trial: Trial, model: Any, n: int, *temperature: float, seed: int) -> list[str]:
    """One call of the student's function; temperature is left out when none is given."""
    got = trial.call("sample_ngram", model, np.random.default_rng(seed), n, *temperature)
    words = texts(trial, got)
    if words is None:
        raise StudentError("sample_ngram should return a list of words.", kind="failed")
    return words


def _counts(words: list[str]) -> np.ndarray:
    counts = np.zeros((len(LISTED), len(LISTED)))
    at = {w: i for i, w in enumerate(LISTED)}
    for u, w in itertools.pairwise(words):
        counts[at[u], at[w]] += 1
    return counts


def _sample(trial: Trial) -> None:
    model, p, most = _model(trial)
    seed, *seeds = (int(s) for s in trial.rng.integers(2**32, size=5))
    n = min(FIRST, most)
    plain = _drawn(trial, model, n, seed=seed)
    strange = sorted(set(plain) - set(LISTED))
    if "</s>" in strange or "<s>" in strange:
        text = f"The list holds {strange[0]}: it starts or ends a sentence, and is not listed."
        trial.fail(Finding(text, ("M36",) if "<s>" in strange else ()), aspect="n words")
        plain = [w for w in plain if w in LISTED]
    elif strange:
        trial.fail(f"The list holds {strange[0]!r}, which is not in model.vocab.", aspect="n words")
    elif len(plain) != n:
        trial.fail(
            f"{n} words are asked for, and {len(plain)} came back: </s> is not counted.", aspect="n words"
        )
    elif (few := len(_drawn(trial, model, 3, seed=seeds[0]))) != 3:
        trial.fail(f"3 words are asked for, and {few} came back.", aspect="n words")
    if (strange and set(strange) - {"</s>", "<s>"}) or len(plain) < n // 3:
        for aspect in ("frequencies", "temperature", "the generator rng alone"):
            trial.fail("Not looked at as long as the list is wrong.", aspect=aspect)
        return
    wrong = _judge(trial, _counted(trial, model, plain, most, p, 1.0, seeds[1]), p, 1.0, "frequencies")
    warm = [w for w in _drawn(trial, model, n, 2.0, seed=seeds[2]) if w in LISTED]
    counts = _counted(trial, model, warm, most, p, 2.0, seeds[3])
    if not wrong or warm[: len(plain)] == plain:
        _judge(trial, counts, p, 2.0, "temperature")
    elif _distance(counts, _follows(_tempered(p, 0.5)))[0] >= 1:
        trial.fail("Not looked at as long as the frequencies are wrong.", aspect="temperature")
    first, second = (_drawn(trial, model, 40, seed=s) for s in (seed, seed + 1))
    again = _drawn(trial, model, 40, seed=seed)
    if first != again:
        text = "Two calls with generators in the same state give different words: draw from rng alone."
        trial.fail(text, aspect="the generator rng alone")
    elif first == second:
        text = "Generators in different states give the same words: draw from rng."
        trial.fail(text, aspect="the generator rng alone")


def _counted(
    trial: Trial, model: Any, words: list[str], most: int, p: np.ndarray, tau: float, seed: int
) -> np.ndarray:
    """How often the words follow each other; in doubt, and to name a mistake, of more words, up to so many."""
    counts = _counts(words)
    share = _distance(counts, _follows(_tempered(p, 1 / tau)))[0]
    missing = most - len(words)
    if missing <= 0 or share < CLOSE or (share >= 1 and not trial.explain):
        return counts
    temperature = () if tau == 1 else (tau,)
    return counts + _counts(
        [w for w in _drawn(trial, model, missing, *temperature, seed=seed) if w in LISTED]
    )


def _judge(trial: Trial, counts: np.ndarray, p: np.ndarray, tau: float, aspect: str) -> bool:
    """Whether the words do not follow each other with the right frequencies; the mistake is named if it is known."""
    share, chi2 = _distance(counts, _follows(_tempered(p, 1 / tau)))
    if share < 1:
        return False
    ids: tuple[str, ...]
    text, ids = "The words do not follow each other as often as the probabilities of the model say.", ("M49",)
    for id_, sentence, law in _mistakes(p, tau):
        if _distance(counts, law)[0] < 1:
            text, ids = sentence, ((id_,) if id_ else ())
            break
    evidence = f"χ² = {chi2:.4g} at the temperature {tau:g}, more than chance gives."
    hints = misconceptions.get("M49").hint(q="The sample") if ids else ()
    trial.fail(Finding(text, ids, evidence, hints=hints), aspect=aspect)
    return True


def _right_sample(model: Any, rng: np.random.Generator, n: int, temperature: float = 1.0) -> list[str]:
    words, history, vocabulary = list[str](), list[str](), list(model.vocab)
    while len(words) < n:
        q = np.array([model.prob(history, w) for w in vocabulary]) ** (1 / temperature)
        word = str(rng.choice(vocabulary, p=q / q.sum()))
        history = [] if word == "</s>" else [*history, word][-8:]
        words += [] if word == "</s>" else [word]
    return words


ENTRIES = [
    Entry(
        "sample-ngram",
        (
            Check(
                {"n words": 0.75, "frequencies": 1.75, "temperature": 1.0, "the generator rng alone": 0.5},
                _sample,
                draws=1,
            ),
        ),
        {"sample_ngram": _right_sample},
        uses=("NGram", "add_k"),
        title="Drawing from a model",
    ),
]
