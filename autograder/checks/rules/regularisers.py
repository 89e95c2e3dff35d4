"""Clipping, schedules, batch normalisation and dropout: wrong versions.

clip_by_global_norm   args grads, threshold                     -> (grads, norm)
clip_by_global_norm of queries  args grads, thresholds          -> list of (grads, norm)
schedule              args step, base, kind and its settings    -> number
schedule of queries   args queries, a list of (step, base, kind, settings)  -> list of numbers
batchnorm_forward     args X, gamma, beta, state, train, eps, momentum -> (Y, new state)
dropout               `explain_dropout`, from statistics
penalty               args params, l1, l2                       -> (value, grads)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..diagnosis import Diagnosis, of
from .engine import register, register_many
from .slips import register_slips

__all__ = ["explain_dropout", "right_batchnorm", "right_clip", "right_penalty", "right_schedule"]

Grads = Mapping[str, Any]


def _unbiased(column: Any) -> Any:
    """The variance with N − 1."""
    return np.var(column, ddof=1)


def _norm(grads: Grads) -> float:
    return math.sqrt(sum(float(np.sum(np.square(g))) for g in grads.values()))


def _scaled(grads: Grads, factor: float) -> dict[str, Any]:
    return {k: g * factor for k, g in grads.items()}


def _own(g: Any, threshold: float) -> Any:
    return g * min(1.0, threshold / max(float(np.linalg.norm(g)), 1e-300))


def _when(
    grads: Grads, threshold: float, norm: float, told: float | None = None
) -> tuple[dict[str, Any], float]:
    """Clipped by another norm than the right one."""
    return _scaled(grads, min(1.0, threshold / norm) if norm else 1.0), norm if told is None else told


def _schedule(**instead: Callable[..., float]) -> Callable[..., float]:
    right: dict[str, Callable[..., float]] = {
        "step": lambda step, base, every, factor: base * factor ** (step // every),
        "cosine": lambda step, base, total: base / 2 * (1 + math.cos(math.pi * min(step, total) / total)),
        "inverse": lambda step, base, tau: base / (1 + step / tau),
    }
    return lambda step, base, kind, **hp: (instead.get(kind) or right[kind])(step, base, **hp)


# how the running statistics are mixed: what the old ones and those of the batch are multiplied by
_MIXES: dict[str, Callable[[float], tuple[float, float]]] = {
    "right": lambda momentum: (momentum, 1 - momentum),
    "swapped": lambda momentum: (1 - momentum, momentum),
    "last": lambda momentum: (0.0, 1.0),
    "sum": lambda momentum: (momentum, 1.0),
    "never": lambda momentum: (1.0, 0.0),
}
# what the deviation is formed of
_ROOTS: dict[str, Callable[[Any, float], Any]] = {
    "right": lambda var, eps: np.sqrt(var + eps),
    "eps outside": lambda var, eps: np.sqrt(var) + eps,
    "no eps": lambda var, eps: np.sqrt(var),
    "no root": lambda var, eps: var + eps,
}


def _batchnorm(
    ddof: int = 0, root: str = "right", mix: str = "right", mixed: tuple[str, ...] = ("mean", "var"), kept: Callable[[Any], Any] = np.var,
    test: tuple[str, ...] = (), always: bool = False, axis: int = 0, old: bool = False,
) -> Callable[..., Any]:  # fmt: skip
    """Batch normalisation with slips: (Y, new state).

    mixed   the running statistics that `mix` is about
    kept    the spread of a column that goes into the running statistics
    test    the statistics that are those of the batch in evaluation
    old     the running statistics are used in training
    """

    def run(
        X: Any,
        gamma: Any,
        beta: Any,
        state: Grads,
        train: bool = True,
        eps: float = 1e-5,
        momentum: float = 0.9,
    ) -> tuple[Any, dict[str, Any]]:
        keep = axis == 1
        batch = {"mean": X.mean(axis=axis, keepdims=keep), "var": X.var(axis=axis, ddof=ddof, keepdims=keep)}
        ours = ("mean", "var") if train and not old else () if train else test
        used = {k: batch[k] if k in ours else state[k] for k in batch}
        new = dict(state)
        if train or always:
            fresh = {"mean": X.mean(axis=0), "var": np.apply_along_axis(kept, 0, X)}
            for k, value in fresh.items():
                before, own = _MIXES[mix if k in mixed else "right"](momentum)
                new[k] = before * state[k] + own * value
        return gamma * (X - used["mean"]) / _ROOTS[root](used["var"], eps) + beta, new

    return run


def _penalty(
    biases: bool = False,
    half: float = 0.5,
    slope: float = 1.0,
    l1_slope: Callable[[Any], Any] = np.sign,
    drop: str = "",
    root: bool = False,
    mean: bool = False,
    size: Callable[[Any], Any] = np.abs,
) -> Any:
    """The penalty with slips: (value, gradients)."""

    def run(params: Grads, l1: float = 0.0, l2: float = 0.0) -> tuple[float, dict[str, Any]]:
        a, b = (0.0 if drop == "l1" else l1), (0.0 if drop == "l2" else l2)
        total, grads = 0.0, {}
        for k, W in params.items():
            if not biases and not k.startswith("W"):
                continue
            count, squares = W.size if mean else 1, float((W**2).sum())
            total += (a * float(size(W).sum()) + half * b * (math.sqrt(squares) if root else squares)) / count
            grads[k] = (a * l1_slope(W) + slope * b * W) / count
        return total, grads

    return run


# fmt: off
register("clip_by_global_norm", [
    ("M29", "Every entry is clipped by itself: the direction of the gradient changes.", lambda grads, threshold: ({k: np.clip(g, -threshold, threshold) for k, g in grads.items()}, _norm(grads))),
    ("M29", "Every array is clipped by its own norm: the direction of the whole gradient changes.", lambda grads, threshold: ({k: _own(g, threshold) for k, g in grads.items()}, _norm(grads))),
    ("M29", "The gradients are rescaled always, also when their norm is below the threshold.", lambda grads, threshold: (_scaled(grads, threshold / _norm(grads)), _norm(grads))),
    ("M29", "The norms of the arrays are added; the squares have to be added, and a root taken.", lambda grads, threshold: _when(grads, threshold, sum(float(np.linalg.norm(g)) for g in grads.values()))),
    ("M29", "The root is missing: the squared norm is compared with the threshold.", lambda grads, threshold: _when(grads, threshold, _norm(grads) ** 2)),
    ("M29", "The largest absolute value is used instead of the norm.", lambda grads, threshold: _when(grads, threshold, max(float(np.abs(g).max()) for g in grads.values()))),
    ("M29", "The norm that is returned is the one after clipping.", lambda grads, threshold: _when(grads, threshold, _norm(grads), min(_norm(grads), threshold))),
    ("M29", "The gradients are divided by their norm, without the threshold.", lambda grads, threshold: (_scaled(grads, 1 / _norm(grads) if _norm(grads) > threshold else 1.0), _norm(grads))),
    ("M29", "The gradients are not clipped at all.", lambda grads, threshold: (dict(grads), _norm(grads))),
    ("M29", "The factor is upside down: threshold / norm is needed.", lambda grads, threshold: (_scaled(grads, _norm(grads) / threshold if _norm(grads) > threshold else 1.0), _norm(grads))),
    ("M29", "The mean of the squares is used instead of their sum.", lambda grads, threshold: _when(grads, threshold, _norm(grads) / math.sqrt(sum(g.size for g in grads.values())))),
    ("M29", "The squares of each array are averaged; they have to be summed.", lambda grads, threshold: _when(grads, threshold, math.sqrt(sum(float(np.mean(np.square(g))) for g in grads.values())))),
    ("M29", "Gradients above the threshold are set to zero.", lambda grads, threshold: (_scaled(grads, 0.0 if _norm(grads) > threshold else 1.0), _norm(grads))),
])
register("schedule", [
    ("M34", "Steps are counted from 1; the first step is 0.", lambda step, base, kind, **hp: _schedule()(step + 1, base, kind, **hp)),
    ("", "The exponent is step / every, without rounding down.", _schedule(step=lambda step, base, every, factor: base * factor ** (step / every))),
    ("", "The factor is applied at every step.", _schedule(step=lambda step, base, every, factor: base * factor**step)),
    ("", "The factor is multiplied by the number of drops instead of being raised to it.", _schedule(step=lambda step, base, every, factor: base * factor * (step // every) if step >= every else base)),
    ("", "The cosine goes on after `total` steps: min(step, total) is needed.", _schedule(cosine=lambda step, base, total: base / 2 * (1 + math.cos(math.pi * step / total)))),
    ("M03", "The factor ½ of the cosine schedule is missing.", _schedule(cosine=lambda step, base, total: base * (1 + math.cos(math.pi * min(step, total) / total)))),
    ("", "π is missing in the cosine.", _schedule(cosine=lambda step, base, total: base / 2 * (1 + math.cos(min(step, total) / total)))),
    ("", "1 + cos is needed, not cos alone.", _schedule(cosine=lambda step, base, total: base * math.cos(math.pi * min(step, total) / total))),
    ("", "step is multiplied by tau, not divided.", _schedule(inverse=lambda step, base, tau: base / (1 + step * tau))),
    ("", "The 1 in 1/(1 + step/tau) is missing.", _schedule(inverse=lambda step, base, tau: base * tau / max(step, 1e-300))),
    ("", "The root of the inverse schedule is not asked for.", _schedule(inverse=lambda step, base, tau: base / math.sqrt(1 + step / tau))),
])
register_slips("batchnorm_forward", _batchnorm, [
    ("M28", "The variance is divided by N − 1; batch normalisation divides by N.", {"ddof": 1}),
    ("M28", "ε stands outside the root: √(σ² + ε) is needed.", {"root": "eps outside"}),
    ("M28", "The statistics of the batch are used when train is False; the running ones are needed.", {"test": ("mean", "var")}),
    ("M28", "The mean of the batch is used when train is False; the running one is needed.", {"test": ("mean",)}),
    ("M28", "The variance of the batch is used when train is False; the running one is needed.", {"test": ("var",)}),
    ("M28", "momentum and 1 − momentum are exchanged in the running statistics.", {"mix": "swapped"}),
    ("M28", "The running variance is the unbiased one, with N − 1.", {"kept": _unbiased}),
    ("M28", "The variance is divided by N − 1, for the batch and for the running statistics.", {"ddof": 1, "kept": _unbiased}),
    ("M28", "The running variance is made of deviations: their squares are needed.", {"kept": np.std}),
    ("M28", "The running statistics are those of the last batch only.", {"mix": "last"}),
    ("M28", "The running statistics are never updated.", {"mix": "never"}),
    ("M28", "The factor 1 − momentum is missing in the running statistics.", {"mix": "sum"}),
    *(("M28", f"{text} in the running {long}.", {"mix": mix, "mixed": (short,)})
      for short, long in (("mean", "mean"), ("var", "variance"))
      for mix, text in (("swapped", "momentum and 1 − momentum are exchanged"), ("last", "Only the last batch is"), ("never", "No batch is taken up"), ("sum", "The factor 1 − momentum is missing"))),
    ("M53 M28", "The running statistics are updated in evaluation, too.", {"always": True}),
    ("M28", "ε is missing.", {"root": "no eps"}),
    ("M28", "The root of the variance is missing.", {"root": "no root"}),
    ("M28", "The running statistics are used in training; those of the batch are needed.", {"old": True}),
    ("M09", "The statistics are taken along the features, not along the batch.", {"axis": 1}),
])
register_slips("penalty", _penalty, [
    ("M19", "Biases are penalised, too: only keys that start with W are.", {"biases": True}),
    ("M03", "The gradient of l2/2 ΣW² is l2 W, without a factor 2.", {"slope": 2.0}),
    ("M03", "The ½ of the L2 penalty is missing in the value.", {"half": 1.0}),
    ("M03", "The L2 penalty is l2 ΣW²: the ½ is missing in value and gradient.", {"half": 1.0, "slope": 2.0}),
    ("M03", "The gradient of the L2 penalty is half of what it should be.", {"slope": 0.5}),
    ("M19", "The L1 penalty is missing.", {"drop": "l1"}),
    ("M19", "The L2 penalty is missing.", {"drop": "l2"}),
    ("M05", "The penalty is averaged over the entries of an array; it is their sum.", {"mean": True}),
    ("", "|W| stands where sign(W) is needed in the gradient.", {"l1_slope": np.abs}),
    ("", "The gradient of l1 Σ|W| is l1 sign(W): the sign is missing.", {"l1_slope": np.ones_like}),
    ("", "The entries are summed in the L1 penalty; their absolute values are needed.", {"size": np.asarray}),
    ("", "A root is taken of ΣW².", {"root": True}),
])
# fmt: on

right_batchnorm, right_penalty, right_schedule = _batchnorm(), _penalty(), _schedule()


def right_clip(grads: Grads, threshold: float) -> tuple[dict[str, Any], float]:
    """g · min(1, threshold / norm) for every array, with one norm for all of them, and that norm."""
    return _when(grads, threshold, _norm(grads))


register_many(
    "clip_by_global_norm of queries",
    "clip_by_global_norm",
    lambda grads, thresholds: [{"grads": grads, "threshold": t} for t in thresholds],
)
register_many(
    "schedule of queries",
    "schedule",
    lambda queries: [{"step": step, "base": base, "kind": kind, **hp} for step, base, kind, hp in queries],
)


def explain_dropout(
    X: Any, p: float, trained: Sequence[Any], evaluated: Any, pairs: Sequence[tuple[Any, Any, Any]] = ()
) -> Diagnosis:
    """Dropout from what it does: X has no zeros and at least 1,000 entries.

    trained    outputs of two training calls on X
    evaluated  the output of a call with train=False
    pairs      (Y, dY, dX): an output, an upstream gradient without zeros, and the gradient that came back for it
    """
    X = np.asarray(X, dtype=float)
    if not np.array_equal(evaluated, X):
        dropped = np.mean(np.asarray(evaluated) == 0)
        if dropped > 0.01:
            return of(
                "M27",
                "Dropout is active when train is False: the input has to pass unchanged.",
                f"{dropped:.0%} of the entries are 0.",
            )
        ratio = float(np.median(np.asarray(evaluated) / X))
        return of(
            "M27",
            f"With train=False the input is multiplied by {ratio:.3g}; inverted dropout leaves it unchanged.",
        )
    Y = np.asarray(trained[0], dtype=float)
    kept = Y != 0
    share, scale = float(np.mean(kept)), float(np.median((Y / X)[kept])) if kept.any() else 0.0
    noise = 5 * math.sqrt(max(p * (1 - p), 1e-12) / X.size)
    line = (
        f"{1 - share:.1%} of the entries are dropped and the others are multiplied by {scale:.4g}; p = {p:g}."
    )
    if X.ndim == 2 and len(X) > 2 and np.all(kept == kept[0]) and 0 < share < 1:
        return of("M27", "All rows have the same mask: every entry is drawn by itself.", line)
    if X.ndim == 2 and X.shape[1] > 2 and np.all(kept == kept[:, :1]) and 0 < share < 1:
        return of("M27", "Whole rows are dropped: every entry is drawn by itself.", line)
    if abs(share - (1 - p)) > noise and abs(share - p) <= noise:
        return of("M27", "p and 1 − p are exchanged: p is the probability of dropping.", line)
    if abs(share - (1 - p)) > noise:
        return of("M27", "The share of dropped entries is not p.", line)
    if abs(scale - 1 / (1 - p)) > 1e-6:
        for value, text in (
            (1.0, "The kept entries are not divided by 1 − p."),
            (1 / p if p else math.inf, "The kept entries are divided by p, not by 1 − p."),
            (1 - p, "The kept entries are multiplied by 1 − p, not divided."),
        ):
            if abs(scale - value) < 1e-6:
                return of("M27", text, line)
        return of("M27", "The kept entries have the wrong scale: 1/(1 − p) is needed.", line)
    if len(trained) > 1 and np.array_equal(trained[0], trained[1]):
        return of(
            "M27", "Two calls give the same mask: the generator that is passed in has to be used.", line
        )
    for out, dY, dX in pairs:
        on, back = np.asarray(out) != 0, np.asarray(dX, dtype=float)
        if back.shape != on.shape:
            continue
        if not np.array_equal(back != 0, on):
            text = (
                "The gradient passes everywhere: the mask is missing in the backward pass."
                if np.all(back != 0)
                else ("The backward pass draws a new mask: it has to use the one of the forward pass.")
            )
            return of("M27", text, "Zeros of Y and of dX are not at the same places.")
        c = float(np.median((back / np.asarray(dY))[on])) if on.any() else 1.0
        if abs(c - 1 / (1 - p)) > 1e-6:
            return of(
                "M27",
                "The backward pass lacks the factor 1/(1 − p).",
                f"dX / dY is {c:.4g} where Y is not 0, expected {1 / (1 - p):.4g}.",
            )
    return Diagnosis([], "")
