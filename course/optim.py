"""Chapter A04: optimisers, schedules, minibatches, clipping.

Each rule is written once, as a kernel that updates arrays in place. As `adam(params, grads, state, lr, …)` it works on
copies of dicts of arrays. `Flat` applies it to one long buffer that holds all parameters, with a second one for all
gradients, so that clipping and the update are a few calls however many parameters there are.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from course.toolbox.buffers import Buffers
from course.toolbox.errors import InputError, ShapeError
from course.toolbox.shapes import check_shapes

__all__ = [
    "Flat", "adadelta", "adagrad", "adam", "adamw", "amsgrad", "clip_by_global_norm", "iterate_minibatches", "lbfgs",
    "momentum", "nesterov", "rmsprop", "schedule", "sgd", "sgd_projected",
]  # fmt: skip

Params = Mapping[str, Any]
Step = Callable[..., tuple[dict[str, Any], dict[str, Any]]]
_CHUNK = 16384  # entries that a kernel works on at a time, so that its intermediate results stay in the cache


def _rule(*slots: str) -> Callable[[Callable[..., None]], Step]:
    """Make a step on dicts out of a kernel(p, g, s, t, lr, …) that updates p and the arrays s[slot] in place."""

    def decorate(kernel: Callable[..., None]) -> Step:
        @functools.wraps(kernel)
        def step(params: Params, grads: Params, state: Params, *args: Any, **options: Any) -> Any:
            if set(params) != set(grads):
                raise InputError(
                    f"{kernel.__name__}: grads has the keys {sorted(grads)}, params {sorted(params)}."
                )
            t = int(state.get("t", 0)) + 1
            new: dict[str, Any] = {}
            kept: dict[str, Any] = {"t": t, **{slot: {} for slot in slots}}
            for name, p in params.items():
                g = np.asarray(grads[name])
                if g.shape != np.shape(p):
                    raise ShapeError(
                        f"{kernel.__name__}: the gradient of {name} has shape {g.shape}, the parameter {np.shape(p)}."
                    )
                new[name] = np.array(p, dtype=np.result_type(p, np.float16))
                for slot in slots:
                    kept[slot][name] = (
                        np.array(state[slot][name]) if slot in state else np.zeros_like(new[name])
                    )
                kernel(new[name], g, {slot: kept[slot][name] for slot in slots}, t, *args, **options)
            return new, kept

        own = list(inspect.signature(kernel).parameters.values())[4:]
        first = [
            inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD)
            for n in ("params", "grads", "state")
        ]
        step.__signature__ = inspect.Signature([*first, *own])  # type: ignore[attr-defined]
        step.kernel, step.slots, step.options = kernel, slots, [p.name for p in own[1:]]  # type: ignore[attr-defined]
        return step

    return decorate


def _average(mean: Any, new: Any, keep: float) -> None:
    """mean ← keep · mean + (1 − keep) · new, in place."""
    mean *= keep
    mean += (1 - keep) * new


@_rule()
def sgd(p: Any, g: Any, s: Any, t: int, lr: float) -> None:
    """Gradient descent: p ← p − lr g.

    Source: deck 001, "Gradient descent"; deck 002, "Stochastic gradient descent"
    """
    p -= lr * g


@_rule("v")
def momentum(p: Any, g: Any, s: Any, t: int, lr: float, beta: float = 0.9) -> None:
    """Momentum: v ← β v + g;  p ← p − lr v. Source: deck 002, "Momentum" """
    s["v"] *= beta
    s["v"] += g
    p -= lr * s["v"]


@_rule("v")
def nesterov(p: Any, g: Any, s: Any, t: int, lr: float, beta: float = 0.9) -> None:
    """Momentum that looks ahead: v ← β v + g;  p ← p − lr (g + β v). Source: deck 002, "NAG" """
    s["v"] *= beta
    s["v"] += g
    p -= lr * (g + beta * s["v"])


@_rule("g2")
def adagrad(p: Any, g: Any, s: Any, t: int, lr: float, eps: float = 1e-10) -> None:
    """A step for each weight that shrinks with its past gradients: s ← s + g²;  p ← p − lr g / (√s + ε).

    Source: deck 002, "Adagrad"; Duchi et al. 2011
    """
    s["g2"] += g * g
    p -= lr * g / (np.sqrt(s["g2"]) + eps)


@_rule("g2", "dx2")
def adadelta(p: Any, g: Any, s: Any, t: int, lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6) -> None:
    """Steps in the units of the weights: dx = √(E[dx²] + ε) / √(E[g²] + ε) g;  p ← p − lr dx.

    E[·] are running means with weight ρ for the past; that of dx² is the one before this step.

    Source: deck 002, "Adadelta"; Zeiler 2012
    """
    _average(s["g2"], g * g, rho)
    dx = np.sqrt(s["dx2"] + eps) / np.sqrt(s["g2"] + eps) * g
    _average(s["dx2"], dx * dx, rho)
    p -= lr * dx


@_rule("g2")
def rmsprop(p: Any, g: Any, s: Any, t: int, lr: float, rho: float = 0.99, eps: float = 1e-8) -> None:
    """Gradients divided by their running size: s ← ρ s + (1 − ρ) g²;  p ← p − lr g / (√s + ε).

    Source: deck 002, "RMSprop"
    """
    _average(s["g2"], g * g, rho)
    p -= lr * g / (np.sqrt(s["g2"]) + eps)


def _adam(p: Any, g: Any, s: Any, t: int, lr: float, beta1: float, beta2: float, eps: float) -> None:
    _average(s["m"], g, beta1)
    _average(s["v"], g * g, beta2)
    v = np.maximum(s["vmax"], s["v"], out=s["vmax"]) if "vmax" in s else s["v"]
    p -= lr / (1 - beta1**t) * s["m"] / (np.sqrt(v) / np.sqrt(1 - beta2**t) + eps)


@_rule("m", "v")
def adam(
    p: Any, g: Any, s: Any, t: int, lr: float, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
) -> None:
    """Adam: m ← β₁ m + (1 − β₁) g;  v ← β₂ v + (1 − β₂) g²;  p ← p − lr m̂ / (√v̂ + ε).

    m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ) undo the start from zero.

    Source: deck 002, "Adam"; Kingma and Ba 2015
    """
    _adam(p, g, s, t, lr, beta1, beta2, eps)


@_rule("m", "v", "vmax")
def amsgrad(
    p: Any, g: Any, s: Any, t: int, lr: float, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
) -> None:
    """Adam with the largest v so far instead of the last. Source: deck 002, extensions of Adam; Reddi et al. 2018"""
    _adam(p, g, s, t, lr, beta1, beta2, eps)


@_rule("m", "v")
def adamw(p: Any, g: Any, s: Any, t: int, lr: float, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8,
          weight_decay: float = 0.01) -> None:  # fmt: skip
    """Adam with decay of the weights apart from the gradient: p ← p − lr λ p first, then the step of Adam.

    Source: deck 002, extensions of Adam; Loshchilov and Hutter 2019
    """
    p *= 1 - lr * weight_decay
    _adam(p, g, s, t, lr, beta1, beta2, eps)


class Flat:
    """An optimiser whose parameters, gradients and moments lie in one buffer each.

    `params` is a dict of arrays or a list of `nn.Parameter`s. Afterwards `.params` and `.grads` are dicts of views into
    the buffers: a model uses `.params` as its parameters from then on and writes its gradients into `.grads`, for
    example with `np.matmul(…, out=opt.grads["Whh"])`; `step` clips and updates in place.

        opt = Flat(model.params, adam, lr=2e-3, dtype=np.float32)
        model.params = opt.params
        …                                      # a backward pass writes opt.grads
        norm = opt.step(clip=1.0)              # the norm before clipping

    `.buffers` is memory for what comes and goes in every step of the training loop.

    With parameters of `nn`, pass the gradients: `opt.step(grad(loss, opt.variables))`. To go on later, keep copies of
    `.buffer`, of the arrays in `.slots` and of `.t`.

    Raises: InputError for a rule that is none of this chapter's or an option that the rule does not have.
    """

    def __init__(self, params: Any, rule: Any, lr: float, *, dtype: Any = None, **options: float) -> None:
        if not hasattr(rule, "kernel"):
            raise InputError(f"Flat: {rule!r} is no rule of this chapter; use sgd, momentum, adam, …")
        if set(options) - set(rule.options):
            raise InputError(f"Flat: {rule.__name__} has the options {rule.options}, not {sorted(options)}.")
        self.lr, self.t, self._rule, self._options, self.buffers = lr, 0, rule, options, Buffers()
        self.variables = [] if isinstance(params, Mapping) else list(params)
        arrays = (
            dict(params) if isinstance(params, Mapping) else {str(i): p.array for i, p in enumerate(params)}
        )
        dtype = np.dtype(dtype or np.result_type(np.float16, *arrays.values()))
        align = 64 // dtype.itemsize  # every view begins at a cache line
        ends = np.cumsum([0, *(-(-np.size(a) // align) * align for a in arrays.values())])
        self.buffer, self.gradient = np.zeros(ends[-1], dtype), np.zeros(ends[-1], dtype)
        self.slots = {slot: np.zeros(ends[-1], dtype) for slot in rule.slots}
        self.params: dict[str, Any] = {}
        self.grads: dict[str, Any] = {}
        for (name, a), start in zip(arrays.items(), ends.tolist()):
            here = slice(start, start + np.size(a))
            self.params[name] = self.buffer[here].reshape(np.shape(a))
            self.grads[name] = self.gradient[here].reshape(np.shape(a))
            self.params[name][...] = a
        for variable, view in zip(self.variables, self.params.values()):
            variable.move_to(view)

    def step(self, grads: Any = None, *, lr: float | None = None, clip: float | None = None) -> float:
        """Update the parameters from `.grads`, or from the gradients given; returns their norm before clipping.

        Raises: ShapeError when a gradient does not have the shape of its parameter.
        """
        if grads is not None:
            for (name, view), g in zip(
                self.grads.items(), grads.values() if isinstance(grads, Mapping) else grads
            ):
                if np.shape(g) != view.shape:
                    raise ShapeError(
                        f"Flat.step: gradient {name} has shape {np.shape(g)}, the parameter {view.shape}."
                    )
                view[...] = g
        self.t += 1
        norm = float(np.sqrt(np.dot(self.gradient, self.gradient)))
        scale = clip / norm if clip is not None and norm > clip else 1.0
        for start in range(0, len(self.buffer), _CHUNK):
            here = slice(start, start + _CHUNK)
            g = self.gradient[here] if scale == 1.0 else self.gradient[here] * scale
            slots = {name: s[here] for name, s in self.slots.items()}
            self._rule.kernel(
                self.buffer[here], g, slots, self.t, self.lr if lr is None else lr, **self._options
            )
        for variable in self.variables:
            variable.renew()
        return norm


def iterate_minibatches(X: Any, y: Any, size: int, rng: np.random.Generator) -> Iterator[tuple[Any, Any]]:
    """The examples in random order, `size` at a time; the last batch may be smaller.

    Source: deck 002, "Mini-batch gradient descent"
    Raises: InputError when size is below 1 or X and y differ in length.
    """
    if size < 1 or len(X) != len(y):
        raise InputError(
            f"iterate_minibatches: size {size} must be at least 1, and X ({len(X)}) as long as y ({len(y)})."
        )
    order = rng.permutation(len(X))
    for start in range(0, len(X), size):
        here = order[start : start + size]
        yield X[here], y[here]


def sgd_projected(
    params: Params, grads: Params, state: Params, lr: float, project: Callable[[Any], Any]
) -> Any:
    """Gradient descent that stays in a set: p ← Π(p − lr g), for each array.

    Source: deck 002, algorithm 2
    """
    new, state = sgd(params, grads, state, lr)
    return {name: project(p) for name, p in new.items()}, state


def schedule(step: int, base: float, kind: str, **hp: float) -> float:
    """The learning rate at a step, counted from 0.

    "step" (every, factor): base factor^⌊step/every⌋;  "cosine" (total): base/2 (1 + cos(π min(step, total)/total));
    "inverse" (tau): base / (1 + step/tau)

    Source: deck 002, "Annealing"
    Raises: InputError for an unknown kind or a wrong set of options.

    >>> [schedule(t, 1.0, "step", every=2, factor=0.5) for t in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    needs = {"step": {"every", "factor"}, "cosine": {"total"}, "inverse": {"tau"}}
    if needs.get(kind) != set(hp):
        wanted = "; ".join(f"{k!r} with {', '.join(sorted(v))}" for k, v in needs.items())
        raise InputError(f"schedule: {kind!r} with {sorted(hp)} is not known; use {wanted}.")
    if kind == "step":
        return float(base * hp["factor"] ** (step // hp["every"]))
    if kind == "cosine":
        return float(base / 2 * (1 + np.cos(np.pi * min(step, hp["total"]) / hp["total"])))
    return float(base / (1 + step / hp["tau"]))


def clip_by_global_norm(grads: Params, threshold: float) -> tuple[dict[str, Any], float]:
    """Shorten all gradients together when their common norm is above the threshold; and the norm before.

    g ← g min(1, threshold / ‖g‖), ‖g‖² = Σ of all squares: the direction stays

    Source: deck 002, "Norm clipping"; Pascanu et al. 2013
    """
    norm = float(np.sqrt(sum(float(np.vdot(g, g)) for g in grads.values())))
    scale = threshold / norm if norm > threshold else 1.0
    return {name: np.asarray(g) * np.asarray(g).dtype.type(scale) for name, g in grads.items()}, norm


def lbfgs(
    f: Callable[[Any], tuple[Any, Any]], x: Any, steps: int = 50, memory: int = 10
) -> tuple[Any, list[float]]:
    """L-BFGS, for demonstration: Newton's direction from the last few gradients, with a line search.

    f gives value and gradient at a point. The search doubles and bisects the step until the value falls enough and the
    slope has flattened (weak Wolfe conditions), and ends the run where no step helps. Returns the point and the values
    on the way.

    Shapes: f = lambda x: (x @ x, 2 * x), x (D,), steps = 5 -> x (D,)
    Source: deck 002, "L-BFGS"; Nocedal and Wright 2006, algorithms 3.5 and 7.4
    """
    x = np.array(x, dtype=np.float64)
    check_shapes("lbfgs", "x (D,)", x)
    value, g = f(x)
    values, pairs = [float(value)], list[tuple[Any, Any]]()
    for _ in range(steps):
        d = -_two_loops(g, pairs)
        slope, low, high, size = float(g @ d), 0.0, np.inf, 1.0
        if slope > -1e-30:  # at a minimum, as far as numbers tell
            break
        for _ in range(60):
            new_value, new_g = f(x + size * d)
            if not new_value <= value + 1e-4 * size * slope:
                high = size
            elif new_g @ d < 0.9 * slope:
                low = size
            else:
                break
            size = (low + high) / 2 if high < np.inf else 2 * size
        else:
            break
        pairs = [*pairs, (size * d, new_g - g)][-memory:]
        x, value, g = x + size * d, new_value, new_g
        values.append(float(value))
    return x, values


def _two_loops(g: Any, pairs: list[tuple[Any, Any]]) -> Any:
    """The inverse Hessian, as the pairs of steps and gradient changes know it, times g."""
    q, alphas = g.copy(), []
    for s, y in reversed(pairs):
        alphas.append(s @ q / (s @ y))
        q -= alphas[-1] * y
    if pairs:
        s, y = pairs[-1]
        q *= s @ y / (y @ y)
    for (s, y), alpha in zip(pairs, reversed(alphas)):
        q += s * (alpha - y @ q / (s @ y))
    return q
