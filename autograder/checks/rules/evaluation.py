"""Comparing models: wrong versions.

evaluate            args bits (a list of arrays, one a document)     -> (bits per token, standard error)
bits of evaluate, se of evaluate, per_token of evaluate
                    args bits, ends (the places of </s> in all the bits)     -> one result each
bits_by_dependency  args per_token, labels                           -> dict label -> (mean, count)
interpolate         args probs (models, T), iterations               -> weights
real_or_fake        args answers, truth                              -> dict(accuracy, low, high)
sgd_train           args data, data_test, alpha, beta, epochs, gamma, forward, backward -> (alpha, beta, J_train, J_test)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..diagnosis import Diagnosis, of
from .engine import alternatives, register

__all__ = [
    "explain_leak",
    "right_dependency",
    "right_interpolate",
    "right_real_or_fake",
    "standard_error",
]


def _mean(bits: Sequence[Any]) -> float:
    return float(np.concatenate([np.asarray(b, dtype=float) for b in bits]).mean())


def standard_error(bits: Sequence[Any], b: float, biased: bool = False) -> float:
    """√(D/(D−1) Σ_d (B_d − b L_d)²) / Σ_d L_d for the bits of D documents."""
    totals, lengths = (
        np.array([float(np.sum(x)) for x in bits]),
        np.array([len(x) for x in bits], dtype=float),
    )
    D = len(bits)
    factor = 1.0 if biased else D / max(D - 1, 1)
    return math.sqrt(factor * float(np.sum((totals - b * lengths) ** 2))) / float(lengths.sum())


def _evaluate(
    mean: Callable[[Sequence[Any]], float] = _mean, error: str = "documents", factor: float = 1.0
) -> Callable[..., Any]:
    def run(bits: Sequence[Any]) -> tuple[float, float]:
        lengths = np.array([len(b) for b in bits], dtype=float)
        totals = np.array([float(np.sum(b)) for b in bits])
        tokens, D, b = np.concatenate([np.asarray(x, dtype=float) for x in bits]), len(bits), _mean(bits)
        se = {
            "documents": standard_error(bits, b),
            "tokens": float(tokens.std(ddof=1)) / math.sqrt(len(tokens)),
            "tokens, N": float(tokens.std()) / math.sqrt(len(tokens)),
            "biased": standard_error(bits, b, biased=True),
            "means": float(np.std(totals / lengths, ddof=1)) / math.sqrt(D),
            "deviation": float(tokens.std(ddof=1)),
        }[error]
        return mean(bits) * factor, se * factor

    return run


def _em(step: Callable[[Any, Any], Any], fewer: int = 0) -> Callable[..., Any]:
    def run(probs: Any, iterations: int = 50) -> Any:
        probs = np.asarray(probs, dtype=float)
        w = np.full(len(probs), 1 / len(probs))
        for _ in range(iterations - fewer):
            w = step(w, probs)
        return w

    return run


def _posterior(w: Any, probs: Any, axis: int = 0) -> Any:
    joint = w[:, None] * probs
    return joint / joint.sum(axis=axis, keepdims=True)


right_interpolate = _em(lambda w, p: _posterior(w, p).mean(axis=1))


def right_dependency(per_token: Any, labels: Sequence[Any], shift: int = 0) -> dict[Any, tuple[float, int]]:
    """label -> (mean bits, count)."""
    groups: dict[Any, list[float]] = {}
    for bits, label in zip(np.roll(per_token, shift), labels):
        groups.setdefault(label, []).append(float(bits))
    return {label: (float(np.mean(group)), len(group)) for label, group in groups.items()}


# --- real or fake -----------------------------------------------------------------------------------------------------


def _clopper_pearson(k: int, n: int, alpha: float = 0.05) -> tuple[float, float]:
    """The p at which k or more, and k or fewer, of n successes have probability α/2."""

    def tail(k: int, p: float) -> float:
        return sum(math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(k, n + 1))

    def solve(k: int, share: float) -> float:
        low, high = 0.0, 1.0
        for _ in range(60):
            p = (low + high) / 2
            low, high = (p, high) if tail(k, p) < share else (low, p)
        return low

    return solve(k, alpha / 2) if k else 0.0, solve(k + 1, 1 - alpha / 2) if k < n else 1.0


def _wald(k: int, n: int) -> tuple[float, float]:
    half = 1.959963984540054 * math.sqrt(k / n * (1 - k / n) / n)
    return k / n - half, k / n + half


def _wilson(k: int, n: int) -> tuple[float, float]:
    z2 = 1.959963984540054**2
    middle, half = (k + z2 / 2) / (n + z2), math.sqrt(z2 * (k * (n - k) / n + z2 / 4)) / (n + z2)
    return middle - half, middle + half


def _judged(
    interval: Callable[[int, int], tuple[float, float]], hits: Callable[[Any, Any], Any]
) -> Callable[..., Any]:
    def run(answers: Any, truth: Any) -> dict[str, float]:
        k, n = int(sum(map(bool, hits(answers, truth)))), len(truth)
        low, high = interval(k, n)
        return {"accuracy": k / n, "low": low, "high": high}

    return run


def _agree(answers: Any, truth: Any) -> list[bool]:
    return [bool(x) == bool(t) for x, t in zip(answers, truth)]


right_real_or_fake = _judged(_clopper_pearson, _agree)


def _train(
    order: str = "right",
    sign: float = -1.0,
    scale: float = 1.0,
    when: str = "after",
    swap: bool = False,
    epochs_off: int = 0,
) -> Any:
    """SGD on the two-layer network with slips; forward and backward are the right ones."""

    def run(
        data: Any,
        data_test: Any,
        alpha: Any,
        beta: Any,
        epochs: int,
        gamma: float,
        forward: Any,
        backward: Any,
    ) -> Any:
        a, b = np.array(alpha, dtype=float), np.array(beta, dtype=float)
        losses: tuple[list[float], list[float]] = ([], [])

        def score() -> None:
            for kept, (X, y) in zip(losses, (data_test, data) if swap else (data, data_test)):
                kept.append(float(np.mean([forward(x, t, a, b)["J"] for x, t in zip(X, y)])))

        for _ in range(epochs + epochs_off):
            if when == "before":
                score()
            X, y = data
            ga_sum, gb_sum = np.zeros_like(a), np.zeros_like(b)
            rows = list(range(len(X)))
            for k in reversed(rows) if order == "reversed" else rows:
                x, t = X[k], y[k]
                o = forward(x, t, a, b)
                ga, gb = backward(x, t, a, b, o)
                if order == "beta first":
                    b = b + sign * scale * gamma * gb
                    ga = backward(x, t, a, b, o)[0]
                    a = a + sign * scale * gamma * ga
                elif order == "alpha first":
                    a = a + sign * scale * gamma * ga
                    o = forward(x, t, a, b)
                    b = b + sign * scale * gamma * backward(x, t, a, b, o)[1]
                elif order in ("batch", "mean"):
                    ga_sum, gb_sum = ga_sum + ga, gb_sum + gb
                elif order == "alpha only":
                    a = a + sign * scale * gamma * ga
                elif order == "beta only":
                    b = b + sign * scale * gamma * gb
                elif order == "piling":
                    ga_sum, gb_sum = ga_sum + ga, gb_sum + gb
                    a, b = a + sign * gamma * ga_sum, b + sign * gamma * gb_sum
                else:
                    a, b = a + sign * scale * gamma * ga, b + sign * scale * gamma * gb
            if order in ("batch", "mean"):
                share = len(X) if order == "mean" else 1
                a, b = a + sign * gamma * ga_sum / share, b + sign * gamma * gb_sum / share
            if when == "after":
                score()
        return a, b, np.array(losses[0]), np.array(losses[1])

    return run


# fmt: off
register("evaluate", [
    ("M39", "The mean is taken document by document; it should run over all tokens.", _evaluate(lambda bits: float(np.mean([np.mean(b) for b in bits])))),
    ("M04 M39", "The result is in nats: bits are nats / ln 2.", _evaluate(factor=math.log(2))),
    ("M04 M39", "The logarithms are to base 10: bits are nats / ln 2.", _evaluate(factor=math.log10(2))),
    ("M39", "The sum is divided by the number of documents, not of tokens.", _evaluate(lambda bits: float(sum(np.sum(b) for b in bits)) / len(bits))),
    ("M40", "Perplexities are averaged.", _evaluate(lambda bits: float(np.mean(2 ** np.concatenate(bits))))),
    ("", "The standard error takes tokens as independent; documents are.", _evaluate(error="tokens")),
    ("", "The standard error takes tokens as independent; documents are.", _evaluate(error="tokens, N")),
    ("", "The factor D/(D − 1) is missing in the standard error.", _evaluate(error="biased")),
    ("", "The standard error is that of the mean of the documents' means.", _evaluate(error="means")),
    ("", "The standard deviation is returned, not the standard error.", _evaluate(error="deviation")),
])
for _i, _name in enumerate(("bits of evaluate", "se of evaluate")):
    register(_name, [(" ".join(a.ids), a.text, lambda bits, ends, a=a, i=_i: a.run(bits)[i]) for a in alternatives("evaluate")])
register("bits of evaluate", [
    ("M01", "The sign is wrong: bits are minus the logarithm.", lambda bits, ends: -_mean(bits)),
    ("M39", "The sum is divided by the number of sentences, not of tokens.", lambda bits, ends: float(np.concatenate(bits).sum()) / len(ends)),
    ("M39", "The sum is divided by the number of words: </s> is a predicted token, too.", lambda bits, ends: float(np.concatenate(bits).sum()) / (sum(map(len, bits)) - len(ends))),
    ("M39", "The bits of </s> are left out: it is a predicted token.", lambda bits, ends: float(np.delete(np.concatenate(bits), ends).mean())),
    ("M39", "The mean is taken sentence by sentence; it should run over all tokens.", lambda bits, ends: float(np.mean([part.mean() for part in np.split(np.concatenate(bits), np.asarray(ends) + 1)[:-1]]))),
    ("M40", "Perplexities are averaged before the logarithm.", lambda bits, ends: float(np.log2(np.mean(2 ** np.concatenate(bits))))),
    ("M40", "The perplexities of documents are averaged before the logarithm.", lambda bits, ends: float(np.log2(np.mean([2 ** np.mean(b) for b in bits])))),
])
register("per_token of evaluate", [
    ("M39", "The bits of </s> are missing in per_token: it is a predicted token.", lambda bits, ends: np.delete(np.concatenate(bits), ends)),
    ("M04 M39", "per_token is in nats: bits are nats / ln 2.", lambda bits, ends: np.concatenate(bits) * math.log(2)),
    ("M04 M39", "per_token is made of logarithms to base 10: bits are nats / ln 2.", lambda bits, ends: np.concatenate(bits) * math.log10(2)),
    ("M01", "per_token has the wrong sign: bits are minus the logarithm.", lambda bits, ends: -np.concatenate(bits)),
    ("M04 M39", "per_token holds the logarithms in nats as they come: bits are minus nats / ln 2.", lambda bits, ends: -np.concatenate(bits) * math.log(2)),
    ("M04", "per_token is multiplied by ln 2: divide nats by ln 2.", lambda bits, ends: np.concatenate(bits) * math.log(2) ** 2),
    ("", "per_token is one array a document: put them one behind the other.", lambda bits, ends: [np.asarray(b) for b in bits]),
    ("", "per_token is in reversed order.", lambda bits, ends: np.concatenate(bits)[::-1]),
])
register("bits_by_dependency", [
    ("", "The bits are summed, not averaged.", lambda per_token, labels: {k: (m * n, n) for k, (m, n) in right_dependency(per_token, labels).items()}),
    ("", "The sums are divided by the number of all tokens.", lambda per_token, labels: {k: (m * n / len(labels), n) for k, (m, n) in right_dependency(per_token, labels).items()}),
    ("M34", "Labels and bits are off by one.", lambda per_token, labels: right_dependency(per_token, labels, 1)),
    ("M34", "Labels and bits are off by one.", lambda per_token, labels: right_dependency(per_token, labels, -1)),
    ("", "Mean and count are exchanged.", lambda per_token, labels: {k: (n, m) for k, (m, n) in right_dependency(per_token, labels).items()}),
    ("", "The count is that of all tokens.", lambda per_token, labels: {k: (m, len(labels)) for k, (m, n) in right_dependency(per_token, labels).items()}),
    ("", "The share of the tokens is given for their number.", lambda per_token, labels: {k: (m, n / len(labels)) for k, (m, n) in right_dependency(per_token, labels).items()}),
])
register("interpolate", [
    ("", "The weights are not normalised: the posteriors are summed, not averaged.", _em(lambda w, p: _posterior(w, p).sum(axis=1))),
    ("", "The posterior is not normalised over the models.", _em(lambda w, p: (w[:, None] * p).mean(axis=1) / (w[:, None] * p).mean(axis=1).sum())),
    ("M09", "The posterior is normalised along the tokens; it has to be along the models.", _em(lambda w, p: _posterior(w, p, 1).mean(axis=1))),
    ("M09", "The posterior is normalised along the tokens and summed: it is normalised along the models, and averaged.", _em(lambda w, p: _posterior(w, p, 1).sum(axis=1))),
    ("", "The old weights are not used in the posterior.", _em(lambda w, p: (p / p.sum(axis=0)).mean(axis=1))),
    ("", "One iteration too few is made.", _em(lambda w, p: _posterior(w, p).mean(axis=1), fewer=1)),
    ("", "One iteration too many is made.", _em(lambda w, p: _posterior(w, p).mean(axis=1), fewer=-1)),
    ("", "Every token goes to the best model (hard assignment).", _em(lambda w, p: np.bincount((w[:, None] * p).argmax(axis=0), minlength=len(w)) / p.shape[1])),
])
register("real_or_fake", [
    ("", "The interval is the normal approximation p ± 1.96 √(p(1 − p)/n); the exact one is asked for.", _judged(_wald, _agree)),
    ("", "The interval is the normal approximation, cut at 0 and 1; the exact one is asked for.", _judged(lambda k, n: tuple(np.clip(_wald(k, n), 0, 1)), _agree)),
    ("", "The interval is Wilson's; the exact one is asked for.", _judged(_wilson, _agree)),
    ("", "Each tail has 5 %: a 95 % interval leaves 2.5 % on each side.", _judged(lambda k, n: _clopper_pearson(k, n, 0.1), _agree)),
    ("", "low and high are exchanged.", _judged(lambda k, n: _clopper_pearson(k, n)[::-1], _agree)),
    ("", "The answers that say True are counted, not the right ones.", _judged(_clopper_pearson, lambda answers, truth: answers)),
    ("", "Only the answers True that are right are counted: False can be right, too.", _judged(_clopper_pearson, lambda answers, truth: [x and t for x, t in zip(answers, truth)])),
    ("", "The wrong answers are counted, not the right ones.", _judged(_clopper_pearson, lambda answers, truth: [not ok for ok in _agree(answers, truth)])),
])
register("sgd_train", [
    ("M01", "The step goes uphill: the gradient is added; it has to be subtracted.", _train(sign=1.0)),
    ("M17", "beta is updated before the gradient of alpha is formed with it.", _train(order="beta first")),
    ("M17", "alpha is updated before the gradient of beta is formed.", _train(order="alpha first")),
    ("", "The losses are those before each epoch; they are asked for after it.", _train(when="before")),
    ("M53", "Training and test losses are exchanged.", _train(swap=True)),
    ("", "One step an epoch is made with the summed gradient; one example a step is asked for.", _train(order="batch")),
    ("M02", "One step an epoch is made with the mean gradient; one example a step is asked for.", _train(order="mean")),
    ("M16", "The gradients of earlier examples are still in the sum: they are not zeroed.", _train(order="piling")),
    ("", "beta is not updated.", _train(order="alpha only")),
    ("", "alpha is not updated.", _train(order="beta only")),
    ("", "The examples are taken in reversed order.", _train(order="reversed")),
    ("M03", "The step is twice what it should be.", _train(scale=2.0)),
    ("M34", "One epoch too many is made.", _train(epochs_off=1)),
    ("M34", "One epoch too few is made.", _train(epochs_off=-1)),
])
# fmt: on


def explain_leak(bits: Any, oracle: Any, documents: Any) -> Diagnosis:
    """Bits below those of the source itself: by more than three standard errors of the paired difference, it is a leak.

    bits, oracle  bits of every token under the model and under the source's own law
    documents     the number of the document that each token belongs to
    """
    gap = np.asarray(bits, dtype=float) - np.asarray(oracle, dtype=float)
    labels, where = np.unique(np.asarray(documents), return_inverse=True)
    D, T = len(labels), len(gap)
    sums, lengths = np.bincount(where, gap), np.bincount(where)
    mean = float(gap.mean())
    se = math.sqrt(D / max(D - 1, 1) * float(np.sum((sums - mean * lengths) ** 2))) / T
    if mean > -3 * se or not mean < 0:
        return Diagnosis([], "")
    line = f"{-mean:.3f} bits below the source, {-mean / max(se, 1e-12):.1f} standard errors."
    return of(
        "M48",
        "You beat the entropy of the source: impossible. Your targets are not shifted.",
        line,
        q="The model",
    )
