"""Learning curves and the paired bootstrap, right and with the slips that are recognised."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = [
    "BITS", "CURVE_SLIPS", "DOCUMENTS", "TOKENS", "BootstrapSlip", "bootstrap_law", "bootstrap_mean_p", "bootstrap_p", "chance",
    "explain_bootstrap", "run_curve",
]  # fmt: skip

# --- learning curves --------------------------------------------------------------------------------------------------

DOCUMENTS, TOKENS, BITS = "whole documents", "tokens used", "bits"


def _tokens(text: Any, ends: bool = True) -> int:
    return sum(len(s) + ends for s in text)


def run_curve(
    factory: Callable[[], Any],
    docs: Any,
    sizes: Any,
    held_out: Any,
    *,
    stop: str = "reached",
    ends: bool = True,
    told: str = "tokens",
    unit: float = 1.0,
    by: str = "tokens",
    on: str = "held out",
    fresh: bool = True,
) -> list[tuple[int, float]]:
    """The learning curve: (tokens used, bits per token) for each size; the keywords make it slip.

    on     held out | training: what is scored; both: held_out is in the training text, too
    stop   reached | beyond | before | sentences | exact | all: where a training text ends
    ends   whether `</s>` counts as a token; `told`: tokens | words | size: what is returned
    """
    curve, model = [], factory()
    for size in sizes:
        model = factory() if fresh else model
        text: list[Any] = []
        if stop in ("sentences", "exact"):
            left = size
            for s in (s for doc in docs for s in doc):
                if left <= 0:
                    break
                text.append(list(s) if stop == "sentences" else list(s)[:left])
                left -= len(s) + ends
        else:
            for doc in docs:
                full = _tokens(text, ends)
                if stop == "before" and full + _tokens(doc, ends) > size:
                    break
                if stop != "all" and (full > size if stop == "beyond" else full >= size):
                    break
                text += doc
        model.fit(text + [s for doc in held_out for s in doc] if on == "both" else text)
        asked = text if on == "training" else [s for doc in held_out for s in doc]
        bits = np.append(
            np.asarray(model.logprobs(asked), dtype=float) / -math.log(2), [] if asked else np.nan
        )
        if by == "documents":
            cuts = np.cumsum([_tokens(doc) for doc in held_out])[:-1]
            score = float(np.mean([part.mean() for part in np.split(bits, cuts)]))
        else:
            score = float(bits.sum() if by == "sum" else bits.mean())
        used = {"tokens": _tokens(text, ends), "words": _tokens(text, False), "size": size}[told]
        curve.append((used, score * unit))
    return curve


CURVE_SLIPS: dict[str, tuple[tuple[tuple[str, ...], str, dict[str, Any]], ...]] = {
    DOCUMENTS: (
        ((), "The last document is left out: take documents until there are at least `size` tokens.", {"stop": "before"}),
        ((), "A document too many is taken where the tokens reach the size exactly.", {"stop": "beyond"}),
        ((), "The text is cut between sentences: take whole documents.", {"stop": "sentences"}),
        ((), "The text is cut at the size: take whole documents.", {"stop": "exact"}),
        ((), "Every model is trained with all documents: the size is not used.", {"stop": "all"}),
    ),
    TOKENS: (
        (("M39",), "</s> is not counted: it is a predicted token.", {"ends": False}),
        (("M39",), "</s> is not in the number of tokens that is returned: it is a predicted token.", {"told": "words"}),
        ((), "The size that was asked for is returned, not the number of tokens used.", {"told": "size"}),
    ),
    BITS: (
        (("M04", "M39"), "The result is in nats: bits are nats / ln 2.", {"unit": math.log(2)}),
        (("M01",), "The sign is wrong: bits are minus the logarithm.", {"unit": -1.0}),
        (("M04", "M39"), "The logarithms are to base 10: bits are nats / ln 2.", {"unit": math.log10(2)}),
        (("M53",), "The model is trained with held_out, too: what it is scored on has to be new to it.", {"on": "both"}),
        (("M53",), "The model is scored on the text that it was trained with: score it on held_out.", {"on": "training"}),
        (("M39",), "The bits are summed: divide by the number of tokens.", {"by": "sum"}),
        (("M39",), "The mean is taken document by document; it should run over all tokens.", {"by": "documents"}),
        ((), "The same model is fitted again and again: ask factory() for a fresh one each time.", {"fresh": False}),
    ),
}  # fmt: skip


# --- the paired bootstrap ---------------------------------------------------------------------------------------------


def bootstrap_law(d: Any) -> tuple[float, float]:
    """P(m ≤ 0) and P(m ≥ 0) for the mean m of a few numbers drawn with replacement, by counting all draws."""
    d = np.asarray(d, dtype=float)
    sums = np.zeros(1)
    for _ in d:
        sums = (sums[:, None] + d).ravel()
    near = 1e-12 * float(np.abs(d).max(initial=0.0))  # sums in another order differ in the last digits
    return float(np.mean(sums <= near)), float(np.mean(sums >= -near))


def bootstrap_p(a: Any, b: Any, rounds: int, rng: np.random.Generator) -> float:
    """p = min(1, 2 (1 + min(#m ≤ 0, #m ≥ 0)) / (rounds + 1)) for means m of resampled documents."""
    d = np.asarray(a, dtype=float) - np.asarray(b, dtype=float)
    m = d[rng.integers(0, len(d), (rounds, len(d)))].mean(axis=1)
    return float(min(1.0, 2 * (1 + min(int((m <= 0).sum()), int((m >= 0).sum()))) / (rounds + 1)))


def _signs(d: Any) -> tuple[float, float]:
    """P(m ≤ 0) and P(m ≥ 0) when the sign of each number is drawn, relative to the mean that was seen."""
    d = np.asarray(d, dtype=float)
    signs = np.array(np.meshgrid(*[[-1.0, 1.0]] * len(d))).reshape(len(d), -1)
    below = float(np.mean(np.abs(signs.T @ d) >= abs(d.sum()) - 1e-12))
    return below / 2, below / 2


def _unpaired(a: Any, b: Any) -> tuple[float, float]:
    """P(m ≤ 0) and P(m ≥ 0), nearly, when documents are drawn for each model by itself."""
    rng = np.random.default_rng(0)
    one, two = (
        np.asarray(x, dtype=float)[rng.integers(0, len(x), (40000, len(x)))].mean(axis=1) for x in (a, b)
    )
    return float(np.mean(one <= two)), float(np.mean(one >= two))


Counts = tuple[float, float]  # of rounds with m ≤ 0 and with m ≥ 0, as shares


def _from(lowest: Callable[[Counts], float], factor: float = 2.0) -> Callable[[Counts, int], float]:
    """p from the shares, when it is made of `lowest` of them."""
    return lambda shares, rounds: min(1.0, factor * (1 + rounds * lowest(shares)) / (rounds + 1))


_right_p = _from(min)


@dataclass(frozen=True)
class BootstrapSlip:
    """A mistake: which means are formed, and what is made of the counts."""

    text: str
    p: Callable[[Counts, int], float] = _right_p
    law: Callable[[Any, Any], Counts] | None = None  # the right one when None


_BOOTSTRAPS = (
    BootstrapSlip("The test is one-sided: the factor 2 is missing.", _from(min, 1.0)),
    BootstrapSlip("Only m ≤ 0 is counted: take the smaller of both counts.", _from(lambda c: c[0])),
    BootstrapSlip("Only m ≤ 0 is counted, and the factor 2 is missing.", _from(lambda c: c[0], 1.0)),
    BootstrapSlip("Only m ≥ 0 is counted: take the smaller of both counts.", _from(lambda c: c[1])),
    BootstrapSlip("Only m ≥ 0 is counted, and the factor 2 is missing.", _from(lambda c: c[1], 1.0)),
    BootstrapSlip("The larger of both counts is taken; it should be the smaller.", _from(max)),
    BootstrapSlip("The larger of both counts is taken, and the factor 2 is missing.", _from(max, 1.0)),
    BootstrapSlip(
        "The signs of the differences are drawn; documents should be drawn, with replacement.",
        law=lambda a, b: _signs(a - b),
    ),
    BootstrapSlip(
        "The documents of a and b are drawn apart; draw documents once and take both models' bits of them.",
        law=_unpaired,
    ),
    BootstrapSlip(
        "Documents are drawn without replacement, so that every round has the same mean.",
        law=lambda a, b: (0.0, 1.0),
    ),
    BootstrapSlip("The result is 1 − p.", lambda shares, rounds: 1 - _right_p(shares, rounds)),
)


def bootstrap_mean_p(a: Any, b: Any, rounds: int) -> float:
    """The p that the paired bootstrap gives on average."""
    return _right_p(bootstrap_law(np.asarray(a) - np.asarray(b)), rounds)


def chance(p: float, rounds: int) -> float:
    """How far from p a right result may be: passed with probability below 1e-9 (p itself is twice a share)."""
    share = max(p / 2, 1 / rounds)
    return 13.0 * math.sqrt(share * (1 - min(share, 0.5)) / rounds) + 40.0 / rounds


def explain_bootstrap(instances: Sequence[tuple[Any, Any, int, float]]) -> BootstrapSlip | None:
    """The mistake behind p-values, by what each mistake would give on average.

    instances  (a, b, rounds, the p that the student got)
    """

    def fits(slip: BootstrapSlip, a: Any, b: Any, rounds: int, p: float) -> bool:
        want = slip.p(bootstrap_law(a - b) if slip.law is None else slip.law(a, b), rounds)
        return abs(p - want) <= chance(want, rounds) / 2

    return next((slip for slip in _BOOTSTRAPS if all(fits(slip, *one) for one in instances)), None)
