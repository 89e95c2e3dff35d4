"""From counts to probabilities: maximum likelihood, add-k, interpolation, Katz, and (modified) Kneser–Ney.

A smoothing is a function from a `Trie` to an estimate, which gives the probabilities of words after contexts. There
are two kinds of estimates: those that look up counts, and tables with back-off weights as ARPA files hold them.

Source: Chen and Goodman 1998; Katz 1987; Heafield et al. 2013 (lmplz)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from course.ngram.counting import Trie
from course.toolbox.errors import InputError

__all__ = ["Backoff", "Estimate", "add_k", "interpolated", "katz", "kneser_ney", "mle"]

Estimate = Callable[[list[Any], Any, Any], Any]
Smoothing = Callable[[Trie], Estimate]


def mle() -> Smoothing:
    """Maximum likelihood: p(w|h) = c(h w) / c(h); 0 after a context that never occurred.

    Source: deck 004, "Learning an n-gram model"
    """
    return _ratio(0.0)


def add_k(k: float) -> Smoothing:
    """A count of k on top for every word: p(w|h) = (c(h w) + k) / (c(h) + k V).

    Raises: InputError unless k is positive.
    """
    if not 0 < k < np.inf:
        raise InputError(f"add_k: k is {k}; it must be a positive number.")
    return _ratio(float(k))


def _ratio(k: float) -> Smoothing:
    def smooth(trie: Trie) -> Estimate:
        V, totals = trie.size - 1, _totals(trie)

        def estimate(contexts: list[Any], words: Any, reach: Any) -> Any:
            p = np.zeros(np.broadcast_shapes(np.shape(reach), np.shape(words)))
            for m in range(1, trie.n + 1):
                hit, total = _counts(trie, totals, m, contexts[m - 1], words)
                ratio = (hit + k) / np.maximum(total + k * V, 1e-300)
                p = np.where(np.asarray(reach) == m - 1, ratio, p)
            return np.where(np.asarray(words) == 0, 0.0, p)

        return estimate

    return smooth


def interpolated(lambdas: Sequence[float]) -> Smoothing:
    """A mixture of all orders: p(w|h) = Σ_m λ_m c(h_m w) / c(h_m), h_m the last m − 1 words of h.

    The weight of a context that never occurred passes to the next lower order; so does that of a context that would
    reach over the beginning of the sentence.

    Raises: InputError unless the weights are not negative and sum to 1; when fitted, unless there is one per order.
    """
    weights = np.array(lambdas, float)
    if weights.ndim != 1 or not (weights >= 0).all() or abs(weights.sum() - 1) > 1e-9:
        raise InputError(f"interpolated: the weights {list(lambdas)} must not be negative and must sum to 1.")

    def smooth(trie: Trie) -> Estimate:
        if len(weights) != trie.n:
            raise InputError(
                f"interpolated: {len(weights)} weights were given for {trie.n} orders; give one for each."
            )
        totals = _totals(trie)

        def estimate(contexts: list[Any], words: Any, reach: Any) -> Any:
            p, left = np.asarray(0.0), np.asarray(0.0)
            for m in range(trie.n, 0, -1):
                hit, total = _counts(trie, totals, m, contexts[m - 1], words)
                seen = (np.asarray(reach) >= m - 1) & (total > 0)
                left = left + weights[m - 1]
                p = p + np.where(seen, left * hit / np.maximum(total, 1), 0.0)
                left = np.where(seen, 0.0, left)
            return np.where(np.asarray(words) == 0, 0.0, p)

        return estimate

    return smooth


def _totals(trie: Trie) -> list[Any]:
    """For each order, how often each context occurs before a word."""
    size = trie.size
    totals = [np.array([trie.unigrams[1:].sum()])]
    for level in trie.levels:
        totals.append(np.bincount(level.context, level.count, minlength=size))
        size = len(level.key)
    return totals


def _counts(trie: Trie, totals: list[Any], m: int, context: Any, words: Any) -> tuple[Any, Any]:
    """c(h w) and c(h) in order m."""
    at = trie.find(m, context, words)
    counts = trie.unigrams if m == 1 else trie.levels[m - 2].count
    hit = np.where(at >= 0, counts[at], 0) if len(counts) else np.zeros(np.shape(at))
    total = np.where(np.asarray(context) >= 0, totals[m - 1][context], 0.0)
    return hit, total


@dataclass
class Backoff:
    """A table of probabilities p[m − 1] of all n-grams of order m, and back-off weights γ[m] of those of order m.

    p(w|h) = p(h w) where the table has h w, else γ(h) p(w|h′), h′ the context without its first word;
    γ of a context that is not in the table is 1. γ[0] is not used.
    """

    trie: Trie
    p: list[Any]
    gamma: list[Any]
    discounts: list[Any] = field(default_factory=list)

    def __call__(self, contexts: list[Any], words: Any, reach: Any) -> Any:
        p = self.p[0][words]
        for m in range(2, self.trie.n + 1):
            context = np.asarray(contexts[m - 1])
            at = self.trie.find(m, context, words)
            if len(self.gamma[m - 1]):
                p = np.where(context >= 0, self.gamma[m - 1][context], 1.0) * p
            if len(self.p[m - 1]):
                p = np.where(at >= 0, self.p[m - 1][at], p)
        return p


def kneser_ney(modified: bool = True) -> Smoothing:
    """Kneser–Ney as lmplz computes it: counts less a discount, and what that leaves goes to the lower order.

    p(w|h) = (a(h w) − D(a(h w))) / a(h) + γ(h) p(w|h′),  γ(h) = Σ_w D(a(h w)) / a(h),  below unigrams p = 1/V

    a is the count in the highest order; below, the number of different words to the left, but the count again for
    n-grams that begin with `<s>`. D is one number for a = 1, 2 and above each (modified), or one for all.

    Source: Kneser and Ney 1995; Chen and Goodman 1998; Heafield et al. 2013
    """

    def smooth(trie: Trie) -> Estimate:
        adjusted = _adjusted(trie)
        discounts = [_discounts(a, modified) for a in adjusted]
        off = [D[np.minimum(a, 3)] for D, a in zip(discounts, adjusted)]
        total, V = adjusted[0].sum(), trie.size - 1
        first = (adjusted[0] - off[0]) / total + off[0].sum() / total / V
        first[0] = 0.0
        p, gamma = [first], [np.ones(1)]
        for level, a, d in zip(trie.levels, adjusted[1:], off[1:]):
            size = len(p[-1])
            sums = np.bincount(level.context, a, minlength=size)
            weights = np.bincount(level.context, d, minlength=size) / np.maximum(sums, 1)
            weights[sums == 0] = 1.0
            p.append((a - d) / sums[level.context] + weights[level.context] * p[-1][level.suffix])
            gamma.append(weights)
        return Backoff(trie, p, gamma, discounts)

    return smooth


def _adjusted(trie: Trie) -> list[Any]:
    raw = [trie.unigrams, *(level.count for level in trie.levels)]
    begins, out = np.arange(trie.size) == 0, []
    for m in range(trie.n):
        if m:
            begins = begins[trie.levels[m - 1].context]
        if m == trie.n - 1:
            out.append(raw[m].copy())
        else:
            left = np.bincount(trie.levels[m].suffix, minlength=len(raw[m]))
            out.append(np.where(begins, raw[m], left))
    out[0][0] = 0  # <s> is never predicted
    return out


def _discounts(a: Any, modified: bool) -> Any:
    """D for counts 0, 1, 2 and above, from how many n-grams have the counts 1 to 4."""
    n1, n2, n3, n4 = (int((a == j).sum()) for j in (1, 2, 3, 4))
    if modified:
        if n1 and n2 and n3:
            Y = n1 / (n1 + 2 * n2)
            D = np.array([0.0, 1 - 2 * Y * n2 / n1, 2 - 3 * Y * n3 / n2, 3 - 4 * Y * n4 / n3])
            if (D >= 0).all() and (np.arange(4) >= D).all():
                return D
        return np.array([0.0, 0.5, 1.0, 1.5])
    d = n1 / (n1 + 2 * n2) if n1 and n2 else 0.5
    return np.array([0.0, d, d, d])


def katz() -> Smoothing:
    """Katz: counts up to 5 are discounted by Good and Turing's estimate, the mass goes to words that were not seen.

    p(w|h) = d_r r / c(h) for r = c(h w) > 0, else α(h) p(w|h′), with d_r = 1 above r = 5; where no unseen word has a
    probability in the lower order, the seen ones are scaled to sum to one. Below unigrams p = 1/V.

    d_r = (r*/r − A) / (1 − A), r* = (r + 1) n_{r+1}/n_r, A = 6 n_6/n_1; where that is not between 0 and 1 for every r,
    d_r = (r − ½)/r.

    Source: Katz 1987
    """

    def smooth(trie: Trie) -> Estimate:
        V, counts = trie.size - 1, np.where(np.arange(trie.size) == 0, 0, trie.unigrams)
        zeros = np.zeros(trie.size, np.int64)
        lower = np.where(np.arange(trie.size) == 0, 0.0, 1 / V)
        first, alpha = _katz_order(counts, zeros, lower, 1)
        p = [np.where(counts > 0, first, alpha[0] * lower)]
        gamma = [np.ones(1)]
        for level in trie.levels:
            seen, alpha = _katz_order(level.count, level.context, p[-1][level.suffix], len(p[-1]))
            p.append(seen)
            gamma.append(alpha)
        return Backoff(trie, p, gamma)

    return smooth


def _katz_order(counts: Any, context: Any, lower: Any, size: int) -> tuple[Any, Any]:
    """Probabilities of the n-grams of one order, and α of their contexts."""
    d = np.concatenate([[0.0], _good_turing(counts), [1.0]])[np.minimum(counts, 6)]
    total = np.bincount(context, counts, minlength=size)
    p = d * counts / np.maximum(total, 1)[context]
    mass = np.bincount(context, p, minlength=size)
    room = 1 - np.bincount(context, lower * (counts > 0), minlength=size)  # what unseen words have below
    closed = (room < 1e-12) & (total > 0)
    p = np.where(closed[context], p / np.maximum(mass, 1e-300)[context], p)
    alpha = np.where(closed, 1.0, np.maximum(1 - mass, 0.0) / np.maximum(room, 1e-12))
    alpha[np.abs(1 - mass) < 1e-14] = 0.0
    return p, np.where(total > 0, alpha, 1.0)


def _good_turing(counts: Any) -> Any:
    n = np.array([(counts == r).sum() for r in range(1, 7)], float)
    r = np.arange(1, 6)
    if (n[:5] > 0).all():
        A = 6 * n[5] / n[0]
        if A < 1:
            d = ((r + 1) * n[1:] / (r * n[:5]) - A) / (1 - A)
            if ((d > 0) & (d <= 1)).all():
                return d
    return (r - 0.5) / r
