"""Entries of assignment A08 for evaluate and learning_curve, tried with a model of ours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from autograder.checks import misconceptions
from autograder.checks.entry import Entry, Finding, StudentError, Trial
from autograder.checks.kinds import INSTANCES, pure_check
from autograder.checks.ruled import named
from autograder.checks.rules.evaluation import standard_error
from autograder.checks.values import Mismatch, as_array, compare

from .models import Learner, draw_docs
from .slips import BITS, CURVE_SLIPS, DOCUMENTS, TOKENS, run_curve

__all__ = ["ENTRIES"]

IMPOSSIBLE = "impossible words"
_KEYS = ("bits_per_token", "se", "per_token")


# --- evaluate ---------------------------------------------------------------------------------------------------------


def _bits(model: Any, docs: Any) -> list[np.ndarray]:
    """The bits of every document."""
    lengths = [sum(len(s) + 1 for s in doc) for doc in docs]
    bits = np.asarray(model.logprobs([s for doc in docs for s in doc]), dtype=float) / -math.log(2)
    return np.split(bits, np.cumsum(lengths)[:-1])


def _evaluate(model: Any, docs: Any) -> dict[str, Any]:
    bits = _bits(model, docs)
    tokens = np.concatenate(bits)
    mean = float(tokens.mean())
    return {"bits_per_token": mean, "se": standard_error(bits, mean), "per_token": tokens}


def _scored(trial: Trial, impossible: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
    """The bits of drawn documents and the places of </s> in them, and what the student's function says about them."""
    model = Learner(impossible)
    model.fit(draw_docs(trial.rng, 3)[0])
    docs = draw_docs(trial.rng, 6)
    if impossible:
        docs[2].append([impossible])
    got = trial.call("evaluate", model, docs)
    if not isinstance(got, Mapping):
        text = f"evaluate should return a dict with the keys {', '.join(_KEYS)}, and returns a {type(got).__name__}."
        raise StudentError(text, kind="failed")
    ends = np.cumsum([len(s) + 1 for doc in docs for s in doc]) - 1
    return {"bits": _bits(model, docs), "ends": ends}, dict(got)


def _split_like(bits: list[np.ndarray], ends: np.ndarray, per_token: Any) -> list[np.ndarray] | None:
    """The student's bits of every document, with those of </s> or without them."""
    own, lengths = as_array(per_token), np.array([len(b) for b in bits])
    if own is None or own.ndim != 1:
        return None
    documents = np.searchsorted(np.cumsum(lengths) - 1, ends)
    for counts in (lengths, lengths - np.bincount(documents, minlength=len(bits))):
        if len(own) == counts.sum():
            return np.split(own.astype(float), np.cumsum(counts)[:-1])
    return None


def _evaluation_gaps(bits: list[np.ndarray], ends: np.ndarray, got: Mapping[str, Any]) -> dict[str, Mismatch]:
    """What is wrong; what follows rightly from the student's own bits and mean is not charged again."""
    wanted = [bits]
    if (own := _split_like(bits, ends, got.get("per_token"))) is not None:
        wanted.append(own)
    means = [float(np.concatenate(w).mean()) for w in wanted]
    if (mean := as_array(got.get("bits_per_token"))) is not None and mean.shape == ():
        own_means = [*means, float(mean)]
    else:
        own_means = means
    options: dict[str, list[Any]] = {
        "per_token": [np.concatenate(bits)],
        "bits_per_token": means,
        "se": [standard_error(w, b) for w in wanted for b in own_means],
    }
    found = {}
    for key, wants in options.items():
        if key not in got:
            found[key] = Mismatch(f"evaluate returns no {key!r}.")
            continue
        gaps = [compare(key, got[key], want, rtol=1e-8) for want in wants]
        if all(gaps) and gaps[0] is not None:
            found[key] = gaps[0]
    return found


def _check_evaluate(trial: Trial) -> None:
    drawn, got = _scored(trial)
    bad = _evaluation_gaps(**drawn, got=got)
    more = [_scored(trial) for _ in range(INSTANCES - 1)] if bad and trial.explain else []
    for key, gap in bad.items():
        tried = [(args, g.get(key)) for args, g in [(drawn, got), *more]]
        rule = "bits of evaluate" if key == "bits_per_token" else f"{key} of evaluate"
        trial.fail(named(trial, key, rule, lambda tried=tried: tried, gap, key), aspect=key)
    if "bits_per_token" in bad and "per_token" in bad:
        trial.fail("Not looked at as long as no bits are right on ordinary data.", aspect=IMPOSSIBLE)
        return
    with np.errstate(all="ignore"):
        _, got = _scored(trial, impossible="zz")
    value = as_array(got.get("bits_per_token"))
    if "bits_per_token" not in bad and (value is None or value.shape != () or abs(float(value)) != math.inf):
        trial.fail("With a word of probability 0 the bits per token are infinite.", aspect=IMPOSSIBLE)


# --- learning curves --------------------------------------------------------------------------------------------------


def _learning_curve(factory: Any, docs: Any, sizes: Any, held_out: Any) -> list[tuple[int, float]]:
    return run_curve(factory, docs, sizes, held_out)


def _pairs(got: Any) -> tuple[Any, Any]:
    """The tokens and the bits of a curve."""
    ok = isinstance(got, list | tuple) and all(isinstance(p, list | tuple) and len(p) == 2 for p in got)
    if not ok:
        text = "learning_curve should return a list of (tokens used, bits per token)."
        raise StudentError(text, kind="failed")
    return [p[0] for p in got], [p[1] for p in got]


def _check_curve(trial: Trial) -> None:
    docs, held_out = draw_docs(trial.rng, 9), draw_docs(trial.rng, 4)
    ends = np.cumsum([sum(len(s) + 1 for s in doc) for doc in docs])
    # inside a document, at the end of one exactly, nearly all, and more than there is
    sizes = [2, int(ends[2]), int(ends[4]) + 1, int(ends[6]) - 1, int(ends[-1]) + 50]
    got = _pairs(trial.call("learning_curve", Learner, docs, sizes, held_out))
    curve = partial(run_curve, Learner, docs, sizes, held_out)
    right = _pairs(curve())
    bad = {
        TOKENS: compare("tokens used", got[0], right[0]),
        BITS: compare("bits", got[1], right[1], rtol=1e-8),
    }
    if not any(bad.values()):
        return
    found = _curve_slips(got, curve)
    for aspect, ids, text in found:
        hints = misconceptions.hints(ids, "the learning curve")
        trial.fail(Finding(text, ids, hints=hints), aspect=aspect)
    if found:
        return
    for aspect in (DOCUMENTS, TOKENS, BITS):
        gap = bad[TOKENS if aspect == DOCUMENTS else aspect]
        if gap is not None:
            trial.fail(Finding(gap.text, (), gap.evidence, errors=gap.errors), aspect=aspect)


def _curve_slips(got: tuple[Any, Any], curve: Any) -> list[tuple[str, tuple[str, ...], str]]:
    """The slip, or the two slips of different aspects, that give what the student got."""

    def gives(**slip: Any) -> bool:
        tokens, bits = _pairs(curve(**slip))
        return compare("", got[0], tokens) is None and compare("", got[1], bits, rtol=1e-8) is None

    rows = [(aspect, *row) for aspect, table in CURVE_SLIPS.items() for row in table]
    if (one := next((row for row in rows if gives(**row[3])), None)) is not None:
        return [one[:3]]
    for i, one in enumerate(rows):
        for two in rows[i + 1 :]:
            if one[0] != two[0] and gives(**{**one[3], **two[3]}):
                return [one[:3], two[:3]]
    return []


ENTRIES = [
    Entry(
        "evaluate",
        (
            pure_check(
                {"bits_per_token": 2.5, "se": 2.5, "per_token": 1.5, IMPOSSIBLE: 0.5}, _check_evaluate, 0.5
            ),
        ),
        defines={"evaluate": _evaluate},
        title="Bits per token",
    ),
    Entry(
        "learning-curve",
        (pure_check({DOCUMENTS: 2.0, TOKENS: 1.5, BITS: 2.5}, _check_curve, 0.5),),
        defines={"learning_curve": _learning_curve},
        title="Learning curve",
    ),
]
