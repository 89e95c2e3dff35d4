"""Optimisers: wrong steps, run over a few gradients.

Instances: params (dict of arrays), grads (a list of dicts, one a step), lr (a number, or one a step) and the
hyper-parameters; the result is the list of the parameters after every step (`trajectory`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .engine import register
from .slips import Row, register_slips

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
    """`update(p, g, s, lr, t, **hp) -> p` for one array, with its own state s (a dict), t from 1.

    s["place"] is the number of the array in the dict, from 0, and how many there are.
    """

    def run(params: Params, grads: Sequence[Params], lr: Any, **hp: Any) -> list[dict[str, Any]]:
        states: dict[str, dict[str, Any]] = {k: {} for k in params}
        now, found = {k: np.asarray(v, dtype=float) for k, v in params.items()}, []
        for t, g in enumerate(grads, 1):
            rate = lr[t - 1] if isinstance(lr, Sequence) else lr
            for i, k in enumerate(now):
                states[k]["place"] = (i, len(now))
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


# mix -> what the old velocity and the new gradient are multiplied by
_MIXES: dict[str, Callable[[float, float], tuple[float, float]]] = {
    "right": lambda beta, lr: (beta, 1.0),
    "damped": lambda beta, lr: (beta, 1 - beta),
    "lr": lambda beta, lr: (beta, lr),
    "swapped": lambda beta, lr: (1.0, beta),
    "forgotten": lambda beta, lr: (0.0, 1.0),
}


def _momentum(mix: str = "right", sign: float = 1.0, use: str = "new", down: float = 1.0) -> Any:
    def update(p: Any, g: Any, s: Any, lr: float, t: int, beta: float = 0.9) -> Any:
        old, own = _MIXES[mix](beta, lr)
        before = _old(s, "v", p)
        v = _keep(s, "v", old * before + sign * own * g)
        step = {
            "new": v,
            "old": before,
            "look": g + beta * v,
            "look old": g + beta * before,
            "twice": beta * v,
            "v for g": v + beta * v,
            "gradient": g,
        }[use]
        return p - down * (step if mix == "lr" else lr * step)

    return _rule(update)


# what a mean is divided by, to correct that it starts at 0
_CORRECTIONS: dict[str, Callable[[float, int], float]] = {
    "right": lambda beta, t: 1 - beta**t,
    "none": lambda beta, t: 1.0,
    "first": lambda beta, t: 1 - beta,
    "product": lambda beta, t: 1 - beta * t,
    "of step 1 only": lambda beta, t: 1 - beta if t == 1 else 1.0,
    "multiplied": lambda beta, t: 1 / (1 - beta**t),
}


# t where it grows with every array: step, number of the array, number of arrays
_CLOCKS: dict[str, Callable[[int, int, int], int]] = {
    "all": lambda t, i, n: (t - 1) * n + i + 1,
    "of one step, before": lambda t, i, n: t + i + 1,
    "of one step, after": lambda t, i, n: t + i,
}


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
        beta1, beta2 = {"both": (beta1, beta2), "swapped": (beta2, beta1), "1": (beta1, beta1), "2": (beta2, beta2)}[
            slip.get("betas", "both")
        ]  # fmt: skip
        decay = slip.get("decay", "decoupled")
        if decay == "coupled":
            g = g + weight_decay * p
        square = np.abs(g) if slip.get("power") == 1 else g * g
        m = _keep(s, "m", beta1 * _old(s, "m", p) + (1.0 if slip.get("undamped") else 1 - beta1) * g)
        rate = beta1 if slip.get("beta of v") else beta2
        v = _keep(s, "v", (1.0 if slip.get("sum") else rate) * _old(s, "v", p) + (1 - rate) * square)
        if slip.get("sum"):
            v = v / (1 - rate)
        k = _CLOCKS[slip["clock"]](t, *s["place"]) if "clock" in slip else t + slip.get("start", 0)
        of_m, of_v = {"both": (beta1, beta2), "1": (beta1, beta1), "2": (beta2, beta2)}[
            slip.get("hats", "both")
        ]
        m = m / _CORRECTIONS[slip.get("m hat", "right")](of_m, k)
        v = v / _CORRECTIONS[slip.get("v hat", "right")](of_v, k)
        if slip.get("exchanged"):
            m, v = v, np.abs(m) if slip["exchanged"] == "abs" else m
        bottom = {"out": np.sqrt(v) + eps, "in": np.sqrt(v + eps), "none": np.sqrt(v), "no root": v + eps}[
            slip.get("eps", "out")
        ]
        step = lr * m / bottom
        if decay == "decoupled":
            step = step + lr * weight_decay * p
        elif decay == "without lr":
            step = step + weight_decay * p
        elif decay == "new":
            step = step + lr * weight_decay * (p - step)
        elif decay == "sign":
            step = step - lr * weight_decay * p
        elif decay == "matrices" and p.ndim > 1:
            step = step + lr * weight_decay * p
        return p + step if slip.get("sign") else p - step

    return _rule(update)


# what is divided by the root of the accumulator, and how
_QUOTIENTS: dict[str, Callable[[Any, Any, float], Any]] = {
    "right": lambda g, s, eps: g / (np.sqrt(s) + eps),
    "no root": lambda g, s, eps: g / (s + eps),
    "in": lambda g, s, eps: g / np.sqrt(s + eps),
}


def _second(grow: Callable[..., Any], **defaults: float) -> Any:
    """Makes Adagrad and RMSprop: an accumulator s, which `grow(s, g, settings)` carries on, and p -= lr g/(√s + ε).

    Slips: grow (another accumulator), divide (a key of _QUOTIENTS), early (s is used before it grows), sign.
    """
    right = grow

    def make(
        grow: Callable[..., Any] = right, divide: str = "right", early: bool = False, sign: float = 1.0
    ) -> Any:
        def update(p: Any, g: Any, s: Any, lr: float, t: int, **hp: float) -> Any:
            hp = {**defaults, **hp}
            before = _old(s, "s", p)
            after = _keep(s, "s", grow(before, g, hp))
            return p - sign * lr * _QUOTIENTS[divide](g, before if early else after, hp["eps"])

        return _rule(update)

    return make


def _adadelta(**slip: Any) -> Any:
    def update(p: Any, g: Any, s: Any, lr: float, t: int, rho: float = 0.9, eps: float = 1e-6) -> Any:
        old, new = (1 - rho, rho) if slip.get("swapped") else (rho, 1 - rho)
        a = _keep(s, "g", old * _old(s, "g", p) + new * g * g)
        d = _old(s, "d", p)

        def dx() -> Any:
            top, bottom = np.sqrt(d + eps), np.sqrt(a + eps)
            if slip.get("eps"):
                top, bottom = np.sqrt(d) + eps, np.sqrt(a) + eps
            top, bottom = {"right": (top, bottom), "upside down": (bottom, top), "no top": (1.0, bottom)}[
                slip.get("quotient", "right")
            ]
            return top * g / bottom

        step = dx()
        kept = {"dx": step, "lr": lr * step, "g": g}[slip.get("of", "dx")]
        d = _keep(s, "d", old * d + new * kept * kept)
        if slip.get("late"):
            step = dx()
        return p - slip.get("sign", 1.0) * (step if slip.get("no lr") else lr * step)

    return _rule(update)


# fmt: off
register("sgd", [
    ("M01", "The step goes uphill: p − lr g is needed.", _rule(lambda p, g, s, lr, t: p + lr * g)),
    ("", "The learning rate is not used.", _rule(lambda p, g, s, lr, t: p - g)),
    ("M02", "The gradient is divided by the number of rows once more.", _rule(lambda p, g, s, lr, t: p - lr * g / len(p))),
    ("M03", "The step is twice what it should be.", _rule(lambda p, g, s, lr, t: p - 2 * lr * g)),
    ("M16", "The gradients of earlier steps are still in the sum: they are not zeroed.", _rule(lambda p, g, s, lr, t: p - lr * _keep(s, "g", _old(s, "g", p) + g))),
])
register_slips("momentum", _momentum, [
    ("M31", "The new gradient is multiplied by 1 − β: v = βv + g has no such factor.", {"mix": "damped"}),
    ("M31", "The velocity has the wrong sign.", {"sign": -1.0}),
    ("M31", "The step uses the old velocity, not the new one.", {"use": "old"}),
    ("M31", "The velocity is not carried on from step to step: this is plain SGD.", {"use": "gradient"}),
    ("M31", "This is Nesterov's step, with a look ahead.", {"use": "look"}),
    ("M31", "The learning rate is inside the velocity: v = βv + lr g gives another step when lr changes.", {"mix": "lr"}),
    ("M31", "The velocity is multiplied by β once more in the step.", {"use": "twice"}),
    ("M01", "The step goes uphill: p − lr v is needed.", {"down": -1.0}),
    ("M31", "β multiplies the gradient, and 1 the velocity.", {"mix": "swapped"}),
])
register_slips("nesterov", lambda use="look", **slip: _momentum(use=use, **slip), [
    ("M31", "There is no look ahead: this is plain momentum.", {"use": "new"}),
    ("M31", "The look ahead uses the old velocity, not the new one.", {"use": "look old"}),
    ("M31", "The new gradient is multiplied by 1 − β.", {"mix": "damped"}),
    ("M31", "The gradient is missing in the step: it is lr (g + βv).", {"use": "twice"}),
    ("M31", "The velocity stands where the gradient is needed in the step: it is lr (g + βv).", {"use": "v for g"}),
    ("M31", "The velocity has the wrong sign.", {"sign": -1.0}),
    ("M31", "The velocity is not carried on: this is plain SGD.", {"use": "gradient"}),
    ("M31", "The velocity is not carried on: the look ahead is that of a single step.", {"mix": "forgotten"}),
    ("M01", "The step goes uphill.", {"down": -1.0}),
])
_adagrad = _second(lambda s, g, h: s + g * g, eps=1e-10)
register_slips("adagrad", _adagrad, [
    ("M32", "g is accumulated, not g².", {"grow": lambda s, g, h: s + g}),
    ("M32", "|g| is accumulated, not g².", {"grow": lambda s, g, h: s + np.abs(g)}),
    ("M32", "Only the last g² is used: the sum is not carried on.", {"grow": lambda s, g, h: g * g}),
    ("M32", "The root of the accumulator is missing.", {"divide": "no root"}),
    ("M32", "A running mean stands where the sum of g² is needed.", {"grow": lambda s, g, h: 0.9 * s + 0.1 * g * g}),
    ("M32", "The accumulator is used before this step's g² is added.", {"early": True}),
    ("", "The squares of a whole array are summed into one number: every entry has an accumulator of its own.", {"grow": lambda s, g, h: s + np.sum(g * g)}),
    ("M30", "ε stands inside the root.", {"divide": "in"}),
    ("M01", "The step goes uphill.", {"sign": -1.0}),
])
_rmsprop = _second(lambda s, g, h: h["rho"] * s + (1 - h["rho"]) * g * g, rho=0.99, eps=1e-8)
register_slips("rmsprop", _rmsprop, [
    ("M32", "g is averaged, not g².", {"grow": lambda s, g, h: h["rho"] * s + (1 - h["rho"]) * g}),
    ("M32", "|g| is averaged, not g².", {"grow": lambda s, g, h: h["rho"] * s + (1 - h["rho"]) * np.abs(g)}),
    ("", "ρ and 1 − ρ are exchanged.", {"grow": lambda s, g, h: (1 - h["rho"]) * s + h["rho"] * g * g}),
    ("", "g² is summed, not averaged.", {"grow": lambda s, g, h: s + g * g}),
    ("", "The factor 1 − ρ is missing.", {"grow": lambda s, g, h: h["rho"] * s + g * g}),
    ("", "The factor ρ is missing.", {"grow": lambda s, g, h: s + (1 - h["rho"]) * g * g}),
    ("M32", "The root of the running mean is missing.", {"divide": "no root"}),
    ("", "The running mean is used before this step's g² is in it.", {"early": True}),
    ("", "The squares of a whole array are averaged into one number: every entry has a mean of its own.", {"grow": lambda s, g, h: h["rho"] * s + (1 - h["rho"]) * np.mean(g * g)}),
    ("M30", "ε stands inside the root.", {"divide": "in"}),
    ("M32", "Only the last g² is used: the mean is not carried on.", {"grow": lambda s, g, h: g * g}),
    ("M32", "Only (1 − ρ) g² of the last step is used: the mean is not carried on.", {"grow": lambda s, g, h: (1 - h["rho"]) * g * g}),
    ("M01", "The step goes uphill.", {"sign": -1.0}),
])
register_slips("adadelta", _adadelta, [
    ("", "Numerator and denominator are exchanged.", {"quotient": "upside down"}),
    ("", "The numerator √(E[dx²] + ε) is missing.", {"quotient": "no top"}),
    ("", "E[dx²] is formed with the step after lr, not before.", {"of": "lr"}),
    ("", "E[dx²] is formed with g² instead of dx².", {"of": "g"}),
    ("", "ρ and 1 − ρ are exchanged.", {"swapped": True}),
    ("", "The step is formed with the new E[dx²]; it needs that of the steps before.", {"late": True}),
    ("", "lr is not used.", {"no lr": True}),
    ("M30", "ε stands outside the roots.", {"eps": True}),
    ("M01", "The step goes uphill.", {"sign": -1.0}),
])
_ADAM: list[Row] = [
    ("M30", "The bias correction is missing: m/(1 − β₁ᵗ) and v/(1 − β₂ᵗ).", {"m hat": "none", "v hat": "none"}),
    ("M30", "The bias correction of v is missing.", {"v hat": "none"}),
    ("M30", "The bias correction of m is missing.", {"m hat": "none"}),
    ("M30", "t starts at 0: the first step divides by 0.", {"start": -1}),
    ("M30", "t is one too large: the first step has t = 1.", {"start": 1}),
    ("M30", "t grows with every array: it counts the steps, once for all arrays.", {"clock": "all"}),
    ("M30", "t grows within a step before each array is moved: all arrays of a step have the same t.", {"clock": "of one step, before"}),
    ("M30", "t grows within a step after each array is moved: all arrays of a step have the same t.", {"clock": "of one step, after"}),
    ("M30", "The bias correction is that of the first step for ever: t does not grow.", {"m hat": "first", "v hat": "first"}),
    ("M30", "The bias correction of m is that of the first step for ever: the exponent t is missing.", {"m hat": "first"}),
    ("M30", "The bias correction of v is that of the first step for ever: the exponent t is missing.", {"v hat": "first"}),
    ("M30", "β₁t stands where the power β₁ᵗ is needed.", {"m hat": "product"}),
    ("M30", "β₂t stands where the power β₂ᵗ is needed.", {"v hat": "product"}),
    ("M30", "βt stands where the power βᵗ is needed.", {"m hat": "product", "v hat": "product"}),
    ("M30", "The bias correction is made in the first step only.", {"m hat": "of step 1 only", "v hat": "of step 1 only"}),
    ("M30", "The bias correction multiplies by 1 − βᵗ instead of dividing.", {"m hat": "multiplied", "v hat": "multiplied"}),
    ("M30", "ε stands inside the root.", {"eps": "in"}),
    ("M30", "ε is missing.", {"eps": "none"}),
    ("M30", "The root of v̂ is missing.", {"eps": "no root"}),
    ("M30", "m and v are exchanged.", {"exchanged": True}),
    ("M30", "m and v are exchanged, with the absolute value of m under the root.", {"exchanged": "abs"}),
    ("M30", "β₁ and β₂ are exchanged.", {"betas": "swapped"}),
    ("M30", "β₁ is used for v, too: its mean is formed with β₂.", {"betas": "1"}),
    ("M30", "β₂ is used for m, too: its mean is formed with β₁.", {"betas": "2"}),
    ("M30", "v is corrected with β₁, too: its mean is formed with β₂.", {"hats": "1"}),
    ("M30", "m is corrected with β₂, too: its mean is formed with β₁.", {"hats": "2"}),
    ("M30", "The mean of v is formed with β₁ and corrected with β₂: both are β₂.", {"beta of v": True}),
    ("M32", "|g| is averaged in v, not g².", {"power": 1}),
    ("M30", "The factor 1 − β₁ is missing in m.", {"undamped": True}),
    ("", "g² is summed in v, not averaged.", {"sum": True}),
    ("M01", "The step goes uphill.", {"sign": True}),
]
register_slips("adam", _adam, _ADAM)
register_slips("adamw", _adam, [
    ("M19", "The weight decay is missing.", {"decay": "none"}),
    ("", "The decay is added to the gradient (L2), not taken off the parameter by itself.", {"decay": "coupled"}),
    ("", "The decay is not multiplied by the learning rate.", {"decay": "without lr"}),
    ("", "The decay is that of the new parameter; it should be that of the old one.", {"decay": "new"}),
    ("", "Only matrices decay; here every parameter does, biases too.", {"decay": "matrices"}),
    ("M01", "The decay has the wrong sign: it makes the parameters larger.", {"decay": "sign"}),
    *_ADAM,
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
    "adagrad": _adagrad(),
    "adadelta": _adadelta(),
    "rmsprop": _rmsprop(),
    "adam": _adam(),
    "adamw": _adam(),
    "sgd_projected": _rule(lambda p, g, s, lr, t, project: project(p - lr * g)),
}
# fmt: on
