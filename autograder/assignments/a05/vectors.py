"""Entries of assignment A05 for the embedding layer and for nearest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from autograder.checks.entry import Check, Entry, Finding, Reply, StudentError, Subject, Trial
from autograder.checks.kinds import pure_check, values
from autograder.checks.pairs import Pair, edges, gradients
from autograder.checks.tape import record
from autograder.checks.values import as_array, compare
from course.toolbox.seeds import distinct_primes

from .replays import explained_by, lost_rows

__all__ = ["ENTRIES", "embedding"]

Args = dict[str, Any]


def embedding(ops: Any, ids: Any, E: Any) -> Any:
    """Y_n = [E_ids_n1, …, E_ids_nK]."""
    rows = ops.take(E, ids)
    return ops.reshape(rows, (ids.shape[0], ids.shape[1] * E.shape[1]))


def _draw(
    rng: np.random.Generator,
    square: bool = False,
    twice: bool = True,
    N: int | None = None,
    K: int | None = None,
) -> Args:
    """ids (N, K) and E (V, d); `twice`: words come several times, in a row and in different rows, else once each."""
    n, k, v, d = (3, 3, 3, 3) if square else distinct_primes(rng, 4, high=11)
    n, k = n if N is None else N, k if K is None else K
    if not twice:
        v += n * k
        return {"ids": rng.permutation(v)[: n * k].reshape(n, k), "E": rng.normal(size=(v, d))}
    ids = rng.integers(0, v, (n, k))
    ids[-1], ids[0, -1] = ids[0], ids[0, 0]
    return {"ids": ids, "E": rng.normal(size=(v, d))}


PAIR = Pair(
    "embedding_forward",
    "embedding_backward",
    embedding,
    _draw,
    ("E",),
    split=lambda Y: (Y, None),
    back=lambda dY, cache, args: (dY, args["ids"], len(args["E"])),
)
ONCE = replace(PAIR, sample=partial(_draw, twice=False))


def _forward(ids: Any, E: Any) -> Any:
    return record(embedding, {"ids": ids, "E": E}).out


def _backward(dY: Any, ids: Any, V: int) -> Any:
    dE = np.zeros((V, dY.shape[1] // ids.shape[1]))
    np.add.at(dE, ids, np.reshape(dY, (*ids.shape, -1)))
    return dE


class _WithForward:
    """A subject whose embedding_forward is ours when the student's does not run: the backward pass needs nothing of it."""

    def __init__(self, base: Subject) -> None:
        self.base = base

    def call(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Reply:
        if name != PAIR.forward:
            return self.base.call(name, args, kwargs)
        try:
            reply = self.base.call(name, args, kwargs)
        except Exception:  # not answered
            return Reply(_forward(*args))
        return reply if reply.error is None else Reply(_forward(*args))

    def call_many(self, name: str, calls: Sequence[Sequence[Any]]) -> list[Reply]:
        if name != PAIR.forward:
            return self.base.call_many(name, calls)
        return [self.call(name, args, {}) for args in calls]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.base, name)


def _alone(check: Check) -> Check:
    """The check of embedding_backward with a forward pass that always runs."""

    def run(trial: Trial) -> None:
        subject: Any = _WithForward(trial.subject)
        check.run(trial.seen_as(subject))

    return replace(check, run=run)


def _repeats(w: str, args: Args) -> str:
    return "repeated words"


def _repeated(pair: Pair) -> Check:
    return gradients(pair, {"repeated words": 2.5}, aspect_of=_repeats)


def _values(points: Mapping[str, float], **more: Any) -> Check:
    explaining = {aspect: (embedding, lambda Y: Y) for aspect in points}
    return values("embedding_forward", _draw, _forward, points, what="Y", models=explaining, **more)


# --- nearest ----------------------------------------------------------------------------------------------------------

NAMES, COSINES, ALL = "words", "similarities", "k, one word"


def _cosines(E: Any, i: int) -> np.ndarray:
    E = np.asarray(E, dtype=float)
    norms = np.linalg.norm(E, axis=1)
    return E @ E[i] / (norms * norms[i])


def _nearest(E: Any, itos: Any, word: str, k: int = 5) -> list[tuple[str, float]]:
    i = list(itos).index(word)
    return _ranked(_cosines(E, i), itos, i, k)


def _ranked(scores: Any, itos: Any, without: int | None, k: int, order: int = -1) -> list[tuple[str, float]]:
    """The k words with the largest scores; with the smallest for order = 1."""
    places = [int(j) for j in np.argsort(order * np.asarray(scores)) if j != without]
    return [(itos[j], float(scores[j])) for j in places[:k]]


_NEAREST_SLIPS: tuple[tuple[str, Callable[[Any, Any, int, int], list[tuple[str, float]]]], ...] = (
    ("The word itself is listed: it is nearest to itself, and is left out.", lambda E, itos, i, k: _ranked(_cosines(E, i), itos, None, k)),
    ("The words are sorted by inner product: divide by both lengths.", lambda E, itos, i, k: _ranked(E @ E[i], itos, i, k)),
    ("Only the length of one vector is divided by: the cosine needs both.", lambda E, itos, i, k: _ranked(E @ E[i] / np.linalg.norm(E, axis=1), itos, i, k)),
    ("Only the length of one vector is divided by: the cosine needs both.", lambda E, itos, i, k: _ranked(E @ E[i] / np.linalg.norm(E[i]), itos, i, k)),
    ("The distances are Euclidean: the cosine is asked for.", lambda E, itos, i, k: _ranked(np.linalg.norm(E - E[i], axis=1), itos, i, k, 1)),
    ("The words are the farthest, not the nearest: sort the cosines falling.", lambda E, itos, i, k: _ranked(_cosines(E, i), itos, i, k, 1)),
    ("k − 1 words are listed.", lambda E, itos, i, k: _ranked(_cosines(E, i), itos, i, k - 1)),
    ("The list is in rising order: the nearest word comes first.", lambda E, itos, i, k: _ranked(_cosines(E, i), itos, i, k)[::-1]),
    ("1 − cosine is given: the cosine is asked for.", lambda E, itos, i, k: [(w, 1 - c) for w, c in _ranked(_cosines(E, i), itos, i, k)]),
    ("The columns of E are taken for the vectors of words.", lambda E, itos, i, k: _ranked(_cosines(E.T, i), itos, i, k)),
)  # fmt: skip


def _listed(got: Any) -> tuple[list[str], list[Any]]:
    pairs = isinstance(got, list | tuple) and all(isinstance(p, list | tuple) and len(p) == 2 for p in got)
    if not pairs or not all(isinstance(p[0], str) for p in got):
        raise StudentError("nearest should return a list of (word, similarity).", kind="failed")
    return [str(p[0]) for p in got], [p[1] for p in got]


def _check_nearest(trial: Trial) -> None:
    rng = trial.rng
    itos = [
        str(w)
        for w in rng.permutation(["<unk>", "cow", "dog", "hay", "the", "eats", "sees", "black", "sheep"])
    ]
    # lengths differ much, so that inner products rank otherwise
    E = rng.normal(size=(len(itos), 4)) * rng.uniform(0.3, 3.0, (len(itos), 1))
    i, k = int(rng.integers(len(itos))), int(rng.integers(3, 5))
    got, want = _listed(trial.call("nearest", E, itos, itos[i], k)), _listed(_nearest(E, itos, itos[i], k))
    bad = {NAMES: got[0] != want[0], COSINES: got[1] if len(got[1]) != k else compare("s", got[1], want[1])}
    own = [_cosines(E, i)[itos.index(w)] for w in got[0] if w in itos]
    if bad[NAMES] and len(own) == len(got[1]) > 0 and compare("s", got[1], own) is None:
        bad[COSINES] = None  # right for the words that are listed
    if bad[NAMES] or bad[COSINES]:
        known = (text for text, slip in _NEAREST_SLIPS if _matches(got, slip, E, itos, i, k))
        text = next(
            known, "The words are not the nearest ones." if bad[NAMES] else "The similarities are wrong."
        )
        shown = ", ".join(f"{w} {as_array(s)}" for w, s in list(zip(*got))[:3])
        for aspect in (a for a in bad if bad[a]):
            trial.fail(Finding(text, (), f"For {itos[i]!r}: {shown} …"[:200]), aspect=aspect)
        trial.fail("Not looked at as long as the words or the similarities are wrong.", aspect=ALL) if all(
            bad.values()
        ) else None
    if not bad[NAMES] and not bad[COSINES]:
        for more, count in (((1,), 1), ((), 5), ((50,), len(itos) - 1)):
            words = _listed(trial.call("nearest", E, itos, itos[i], *more))[0]
            if words != _listed(_nearest(E, itos, itos[i], count))[0]:
                said = f"With k = {more[0]}" if more else "With k left out"
                trial.fail(f"{said} {count} words are expected, the nearest first.", aspect=ALL)
                return


def _matches(got: Any, slip: Any, E: Any, itos: Any, i: int, k: int) -> bool:
    try:
        words, scores = _listed(slip(E, itos, i, k))
    except (ValueError, IndexError):
        return False
    return got[0] == words and compare("", got[1], scores) is None


ENTRIES = [
    Entry(
        "embedding-forward",
        (
            _values({"values": 2.5}, pure=0.5, square=True),
            _values({"one row, one word": 1.0}, cases=({"N": 1}, {"K": 1}), draws=1),
        ),
        {"embedding_forward": _forward},
        title="Embedding, forward",
    ),
    Entry(
        "embedding-backward",
        (
            _alone(gradients(ONCE, {"dE": 2.5}, pure=0.5, square=False)),
            _alone(
                edges(
                    ONCE,
                    {"N = 1": partial(_draw, twice=False, N=1), "K = 1": partial(_draw, twice=False, K=1)},
                    0.5,
                )
            ),
            _alone(explained_by(_repeated(PAIR), lost_rows(PAIR, _repeats))),
        ),
        {"embedding_backward": _backward},
        title="Embedding, backward",
    ),
    Entry(
        "nearest",
        (pure_check({NAMES: 1.25, COSINES: 1.0, ALL: 0.5}, _check_nearest, 0.25),),
        {"nearest": _nearest},
        title="Nearest words",
    ),
]
