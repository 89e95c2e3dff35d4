"""Optimisers: wrong steps, run over a few gradients.

Instances: params (dict of arrays), grads (a list of dicts, one a step), lr (a number, or one a step) and the
hyper-parameters; the result is the list of the parameters after every step (`trajectory`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .engine import register

__all__ = ["right_step", "trajectory"]

Params = Mapping[str, Any]


def trajectory(
    step: Callable[..., tuple[dict[str, Any], Any]],
    params: Params,
    grads: Sequence[Params],
    lr: Any,
    **more: Any,
) -> list[dict[str, Any]]:
    """The parameters after each step of an optimiser that starts with an empty state."""
    state: Any = {}
    now, found = dict(params), []
    for t, g in enumerate(grads):
        now, state = step(now, g, state, lr[t] if isinstance(lr, Sequence) else lr, **more)
        found.append(now)
    return found


def _rule(update: Callable[..., Any]) -> Callable[..., list[dict[str, Any]]]:
    """`update(p, g, s, lr, t, **hp) -> p` for one array, with its own state s (a dict), t from 1."""

    def run(params: Params, grads: Sequence[Params], lr: Any, **hp: Any) -> list[dict[str, Any]]:
        states: dict[str, dict[str, Any]] = {k: {} for k in params}
        now, found = {k: np.asarray(v, dtype=float) for k, v in params.items()}, []
        for t, g in enumerate(grads, 1):
            rate = lr[t - 1] if isinstance(lr, Sequence) else lr
            now = {
                k: update(p, np.asarray(g[k], dtype=float), states[k], rate, t, **hp) for k, p in now.items()
            }
            found.append(now)
        return found

    run.update = update  # type: ignore[attr-defined]
    return run


def right_step(name: str, **defaults: Any) -> Callable[..., tuple[dict[str, Any], dict[str, Any]]]:
    """The trusted step of an optimiser: `step(params, grads, state, lr, **settings) -> (new params, new state)`.

    defaults  the settings in the order in which they may be passed without their names
    """
    update = _RIGHT[name].update

    def step(
        params: Params, grads: Params, state: Params, lr: float, *values: Any, **settings: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        t = state.get("t", 0) + 1
        kept = {k: dict(state.get(k, {})) for k in params}
        hp = {**defaults, **dict(zip(defaults, values)), **settings}
        new = {
            k: update(np.asarray(p, dtype=float), np.asarray(grads[k], dtype=float), kept[k], lr, t, **hp)
            for k, p in params.items()
        }
        return new, {"t": t, **kept}

    return step


def _keep(s: dict[str, Any], name: str, value: Any) -> Any:
    s[name] = value
    return value


def _old(s: dict[str, Any], name: str, like: Any) -> Any:
    return s.get(name, np.zeros_like(like))


def _velocity(
    p: Any, g: Any, s: dict[str, Any], beta: float, own: float = 1.0, sign: float = 1.0
) -> tuple[Any, Any]:
    before = _old(s, "v", p)
    return before, _keep(s, "v", beta * before + sign * own * g)


def _momentum(own: Any = 1.0, sign: float = 1.0, use: str = "new") -> Any:
    def update(p: Any, g: Any, s: Any, lr: float, t: int, beta: float = 0.9) -> Any:
        before, v = _velocity(
            p, g, s, beta, 1 - beta if own == "damped" else lr if own == "lr" else own, sign
        )
        step = {
            "new": v,
            "old": before,
            "look": g + beta * v,
            "look old": g + beta * before,
            "twice": beta * v,
        }[use]
        return p - (step if own == "lr" else lr * step)

    return _rule(update)


def _adam(**slip: Any) -> Any:
    def update(
        p: Any,
        g: Any,
        s: Any,
        lr: float,
        t: int,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> Any:
        if slip.get("swapped"):
            beta1, beta2 = beta2, beta1
        decay = slip.get("decay", "decoupled")
        if decay == "coupled":
            g = g + weight_decay * p
        square = np.abs(g) if slip.get("power") == 1 else g * g
        m = _keep(s, "m", beta1 * _old(s, "m", p) + (1 - beta1 if not slip.get("undamped") else 1.0) * g)
        v = _keep(s, "v", beta2 * _old(s, "v", p) + (1 - beta2) * square)
        if slip.get("sum"):
            v = _keep(s, "v", _old(s, "vv", p) + square)
            s["vv"] = v
        k = t + slip.get("start", 0)
        if slip.get("m hat", True):
            m = m / (1 - beta1**k)
        if slip.get("v hat", True):
            v = v / (1 - beta2**k)
        if slip.get("once"):
            m, v = s["m"] / (1 - beta1), s["v"] / (1 - beta2)
        if slip.get("exchanged"):
            m, v = v, m
        bottom = {"out": np.sqrt(v) + eps, "in": np.sqrt(v + eps), "none": np.sqrt(v), "no root": v + eps}[
            slip.get("eps", "out")
        ]
        step = lr * m / bottom
        if decay == "decoupled":
            step = step + lr * weight_decay * p
        elif decay == "without lr":
            step = step + weight_decay * p
        elif decay == "new":
            moved = p - step
            return moved - lr * weight_decay * moved
        elif decay == "sign":
            step = step - lr * weight_decay * p
        return p + step if slip.get("sign") else p - step

    return _rule(update)


def _second(grow: Callable[..., Any], divide: Callable[..., Any], **defaults: float) -> Any:
    """Adagrad and RMSprop: an accumulator s and p -= lr · divide(g, s, eps)."""

    def update(p: Any, g: Any, s: Any, lr: float, t: int, **hp: float) -> Any:
        hp = {**defaults, **hp}
        a = _keep(s, "s", grow(_old(s, "s", p), g, hp))
        return p - lr * divide(g, a, hp["eps"])

    return _rule(update)


def _plain(g: Any, s: Any, eps: float) -> Any:
    return g / (np.sqrt(s) + eps)


def _adadelta(**slip: Any) -> Any:
    def update(p: Any, g: Any, s: Any, lr: float, t: int, rho: float = 0.9, eps: float = 1e-6) -> Any:
        a = _keep(s, "g", rho * _old(s, "g", p) + (1 - rho) * g * g)
        d = _old(s, "d", p)
        top, bottom = np.sqrt(d + eps), np.sqrt(a + eps)
        if slip.get("upside down"):
            top, bottom = bottom, top
        if slip.get("eps"):
            top, bottom = np.sqrt(d) + eps, np.sqrt(a) + eps
        dx = (g if slip.get("no top") else top * g) / bottom
        own = lr * dx if slip.get("after lr") else dx
        s["d"] = rho * d + (1 - rho) * (g * g if slip.get("of g") else own * own)
        return p - (dx if slip.get("no lr") else lr * dx)

    return _rule(update)


# fmt: off
_ADAGRAD = {"eps": 1e-10}
_RMSPROP = {"rho": 0.99, "eps": 1e-8}
register("sgd", [
    ("M01", "The step goes uphill: p − lr g is needed.", _rule(lambda p, g, s, lr, t: p + lr * g)),
    ("", "The learning rate is not used.", _rule(lambda p, g, s, lr, t: p - g)),
    ("M02", "The gradient is divided by the number of rows once more.", _rule(lambda p, g, s, lr, t: p - lr * g / len(p))),
    ("M03", "The step is twice what it should be.", _rule(lambda p, g, s, lr, t: p - 2 * lr * g)),
    ("M16", "The gradients of earlier steps are still in the sum: they are not zeroed.", _rule(lambda p, g, s, lr, t: p - lr * _keep(s, "g", _old(s, "g", p) + g))),
])
_PLAIN_SGD = _rule(lambda p, g, s, lr, t, beta=0.9: p - lr * g)
register("momentum", [
    ("M31", "The new gradient is multiplied by 1 − β: v = βv + g has no such factor.", _momentum(own="damped")),
    ("M31", "The velocity has the wrong sign.", _momentum(sign=-1.0)),
    ("M31", "The step uses the old velocity, not the new one.", _momentum(use="old")),
    ("M31", "The velocity is not carried on from step to step: this is plain SGD.", _PLAIN_SGD),
    ("M31", "This is Nesterov's step, with a look ahead.", _momentum(use="look")),
    ("M31", "The learning rate is inside the velocity: v = βv + lr g gives another step when lr changes.", _momentum(own="lr")),
    ("M31", "The velocity is multiplied by β once more in the step.", _momentum(use="twice")),
    ("M01", "The step goes uphill: p − lr v is needed.", _rule(lambda p, g, s, lr, t, beta=0.9: p + lr * _velocity(p, g, s, beta)[1])),
    ("M31", "β multiplies the gradient, and 1 the velocity.", _rule(lambda p, g, s, lr, t, beta=0.9: p - lr * _keep(s, "v", _old(s, "v", p) + beta * g))),
])
register("nesterov", [
    ("M31", "There is no look ahead: this is plain momentum.", _momentum()),
    ("M31", "The look ahead uses the old velocity, not the new one.", _momentum(use="look old")),
    ("M31", "The new gradient is multiplied by 1 − β.", _momentum(own="damped", use="look")),
    ("M31", "The gradient is missing in the step: it is lr (g + βv).", _momentum(use="twice")),
    ("M31", "The velocity has the wrong sign.", _momentum(sign=-1.0, use="look")),
    ("M31", "The velocity is not carried on: this is plain SGD.", _PLAIN_SGD),
    ("M01", "The step goes uphill.", _rule(lambda p, g, s, lr, t, beta=0.9: p + lr * (g + beta * _velocity(p, g, s, beta)[1]))),
])
register("adagrad", [
    ("M32", "g is accumulated, not g².", _second(lambda s, g, h: s + g, _plain, **_ADAGRAD)),
    ("M32", "|g| is accumulated, not g².", _second(lambda s, g, h: s + np.abs(g), _plain, **_ADAGRAD)),
    ("M32", "Only the last g² is used: the sum is not carried on.", _second(lambda s, g, h: g * g, _plain, **_ADAGRAD)),
    ("M32", "The root of the accumulator is missing.", _second(lambda s, g, h: s + g * g, lambda g, s, eps: g / (s + eps), **_ADAGRAD)),
    ("M32", "A running mean stands where the sum of g² is needed.", _second(lambda s, g, h: 0.9 * s + 0.1 * g * g, _plain, **_ADAGRAD)),
    ("M32", "The accumulator is used before this step's g² is added.", _rule(lambda p, g, s, lr, t, eps=1e-10: (lambda before: (_keep(s, "s", before + g * g), p - lr * g / (np.sqrt(before) + eps))[1])(_old(s, "s", p)))),
    ("M30", "ε stands inside the root.", _second(lambda s, g, h: s + g * g, lambda g, s, eps: g / np.sqrt(s + eps), **_ADAGRAD)),
    ("M01", "The step goes uphill.", _second(lambda s, g, h: s + g * g, lambda g, s, eps: -_plain(g, s, eps), **_ADAGRAD)),
])
register("rmsprop", [
    ("M32", "g is averaged, not g².", _second(lambda s, g, h: h["rho"] * s + (1 - h["rho"]) * g, _plain, **_RMSPROP)),
    ("M32", "ρ and 1 − ρ are exchanged.", _second(lambda s, g, h: (1 - h["rho"]) * s + h["rho"] * g * g, _plain, **_RMSPROP)),
    ("M32", "g² is summed, not averaged.", _second(lambda s, g, h: s + g * g, _plain, **_RMSPROP)),
    ("M32", "The factor 1 − ρ is missing.", _second(lambda s, g, h: h["rho"] * s + g * g, _plain, **_RMSPROP)),
    ("M32", "The root of the running mean is missing.", _second(lambda s, g, h: h["rho"] * s + (1 - h["rho"]) * g * g, lambda g, s, eps: g / (s + eps), **_RMSPROP)),
    ("M30", "ε stands inside the root.", _second(lambda s, g, h: h["rho"] * s + (1 - h["rho"]) * g * g, lambda g, s, eps: g / np.sqrt(s + eps), **_RMSPROP)),
    ("M32", "Only the last g² is used: the mean is not carried on.", _second(lambda s, g, h: g * g, _plain, **_RMSPROP)),
    ("M32", "Only (1 − ρ) g² of the last step is used: the mean is not carried on.", _second(lambda s, g, h: (1 - h["rho"]) * g * g, _plain, **_RMSPROP)),
    ("M01", "The step goes uphill.", _second(lambda s, g, h: h["rho"] * s + (1 - h["rho"]) * g * g, lambda g, s, eps: -_plain(g, s, eps), **_RMSPROP)),
])
register("adadelta", [
    ("M32", "Numerator and denominator are exchanged.", _adadelta(**{"upside down": True})),
    ("M32", "The numerator √(E[dx²] + ε) is missing.", _adadelta(**{"no top": True})),
    ("M32", "E[dx²] is formed with the step after lr, not before.", _adadelta(**{"after lr": True})),
    ("M32", "E[dx²] is formed with g² instead of dx².", _adadelta(**{"of g": True})),
    ("M32", "lr is not used.", _adadelta(**{"no lr": True})),
    ("M30", "ε stands outside the roots.", _adadelta(eps=True)),
])
_ADAM: list[tuple[str, str, dict[str, Any]]] = [
    ("M30", "The bias correction is missing: m/(1 − β₁ᵗ) and v/(1 − β₂ᵗ).", {"m hat": False, "v hat": False}),
    ("M30", "The bias correction of v is missing.", {"v hat": False}),
    ("M30", "The bias correction of m is missing.", {"m hat": False}),
    ("M30", "t starts at 0: the first step divides by 0.", {"start": -1}),
    ("M30", "t is one too large: the first step has t = 1.", {"start": 1}),
    ("M30", "The bias correction is that of the first step for ever: t does not grow.", {"once": True}),
    ("M30", "ε stands inside the root.", {"eps": "in"}),
    ("M30", "ε is missing.", {"eps": "none"}),
    ("M30", "The root of v̂ is missing.", {"eps": "no root"}),
    ("M30", "m and v are exchanged.", {"exchanged": True}),
    ("M30", "β₁ and β₂ are exchanged.", {"swapped": True}),
    ("M32", "|g| is averaged in v, not g².", {"power": 1}),
    ("M30", "The factor 1 − β₁ is missing in m.", {"undamped": True}),
    ("M32", "g² is summed in v, not averaged.", {"sum": True}),
    ("M01", "The step goes uphill.", {"sign": True}),
]
register("adam", [(ids, text, _adam(**slip)) for ids, text, slip in _ADAM])
register("adamw", [
    ("M19", "The weight decay is missing.", _adam(decay="none")),
    ("M30", "The decay is added to the gradient (L2), not taken off the parameter by itself.", _adam(decay="coupled")),
    ("M30", "The decay is not multiplied by the learning rate.", _adam(decay="without lr")),
    ("M30", "The decay is that of the new parameter; it should be that of the old one.", _adam(decay="new")),
    ("M01", "The decay has the wrong sign: it makes the parameters larger.", _adam(decay="sign")),
    *((ids, text, _adam(**slip)) for ids, text, slip in _ADAM),
])
register("sgd_projected", [
    ("", "The projection is missing.", _rule(lambda p, g, s, lr, t, project=None: p - lr * g)),
    ("", "The gradient is projected, not the parameter.", _rule(lambda p, g, s, lr, t, project=None: p - lr * project(g))),
    ("", "The projection comes before the step, not after it.", _rule(lambda p, g, s, lr, t, project=None: project(p) - lr * g)),
    ("", "The step is projected, not the parameter.", _rule(lambda p, g, s, lr, t, project=None: p - project(lr * g))),
    ("M01", "The step goes uphill.", _rule(lambda p, g, s, lr, t, project=None: project(p + lr * g))),
])
_RIGHT: dict[str, Any] = {
    "sgd": _rule(lambda p, g, s, lr, t: p - lr * g),
    "momentum": _momentum(),
    "nesterov": _momentum(use="look"),
    "adagrad": _second(lambda s, g, h: s + g * g, _plain, **_ADAGRAD),
    "adadelta": _adadelta(),
    "rmsprop": _second(lambda s, g, h: h["rho"] * s + (1 - h["rho"]) * g * g, _plain, **_RMSPROP),
    "adam": _adam(),
    "adamw": _adam(),
    "sgd_projected": _rule(lambda p, g, s, lr, t, project: project(p - lr * g)),
}
# fmt: on
