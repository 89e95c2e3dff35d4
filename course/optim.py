"""Chapter A04: optimisers, schedules, minibatches, clipping.

Each rule is written once, as a kernel that updates arrays in place. `sgd`, `adam`, … apply it to copies of dicts of
arrays; `Flat` applies it to one long buffer that holds all parameters, with a second one for all gradients, so that
clipping and the update are a few calls however many parameters there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from course.toolbox.errors import InputError, ShapeError
from course.toolbox.shapes import check_shapes

__all__ = [
    "Flat", "adadelta", "adagrad", "adam", "adamw", "clip_by_global_norm", "iterate_minibatches", "lbfgs", "momentum",
    "nesterov", "rmsprop", "schedule", "sgd", "sgd_projected",
]  # fmt: skip

Params = Mapping[str, Any]
Stepped = tuple[dict[str, Any], dict[str, Any]]
_CHUNK = 16384  # entries that a kernel works on at a time, so that its intermediate results stay in the cache


def _sgd(p: Any, g: Any, s: Any, t: int, lr: float) -> None:
    p -= lr * g


def _momentum(p: Any, g: Any, s: Any, t: int, lr: float, beta: float) -> None:
    v = s["v"]
    v *= beta
    v += g
    p -= lr * v


def _nesterov(p: Any, g: Any, s: Any, t: int, lr: float, beta: float) -> None:
    v = s["v"]
    v *= beta
    v += g
    p -= lr * (g + beta * v)


def _adagrad(p: Any, g: Any, s: Any, t: int, lr: float, eps: float) -> None:
    s["g2"] += g * g
    p -= lr * g / (np.sqrt(s["g2"]) + eps)


def _average(mean: Any, new: Any, keep: float) -> None:
    """mean ← keep · mean + (1 − keep) · new, in place."""
    mean *= keep
    mean += (1 - keep) * new


def _adadelta(p: Any, g: Any, s: Any, t: int, lr: float, rho: float, eps: float) -> None:
    _average(s["g2"], g * g, rho)
    dx = np.sqrt(s["dx2"] + eps) / np.sqrt(s["g2"] + eps) * g
    _average(s["dx2"], dx * dx, rho)
    p -= lr * dx


def _rmsprop(p: Any, g: Any, s: Any, t: int, lr: float, rho: float, eps: float) -> None:
    _average(s["g2"], g * g, rho)
    p -= lr * g / (np.sqrt(s["g2"]) + eps)


def _adam(p: Any, g: Any, s: Any, t: int, lr: float, beta1: float, beta2: float, eps: float) -> None:
    _average(s["m"], g, beta1)
    _average(s["v"], g * g, beta2)
    v = s["v"]
    if "vmax" in s:
        v = np.maximum(s["vmax"], v, out=s["vmax"])
    p -= lr / (1 - beta1**t) * s["m"] / (np.sqrt(v) / np.sqrt(1 - beta2**t) + eps)


def _adamw(
    p: Any, g: Any, s: Any, t: int, lr: float, beta1: float, beta2: float, eps: float, weight_decay: float
) -> None:
    p *= 1 - lr * weight_decay
    _adam(p, g, s, t, lr, beta1, beta2, eps)


def _step(
    kernel: Any, slots: Sequence[str], params: Params, grads: Params, state: Params, lr: float, **hp: float
) -> Stepped:
    """One step of a kernel on copies of everything."""
    if set(params) != set(grads):
        raise InputError(
            f"step: grads has the keys {sorted(grads)}, params has {sorted(params)}; they must agree."
        )
    t = int(state.get("t", 0)) + 1
    new: dict[str, Any] = {}
    kept: dict[str, Any] = {"t": t, **{slot: {} for slot in slots}}
    for name, p in params.items():
        g = np.asarray(grads[name])
        if g.shape != np.shape(p):
            raise ShapeError(
                f"step: the gradient of {name} has shape {g.shape}, the parameter {np.shape(p)}."
            )
        new[name] = np.array(p, dtype=np.result_type(p, np.float16))
        for slot in slots:
            kept[slot][name] = np.array(state[slot][name]) if slot in state else np.zeros_like(new[name])
        kernel(new[name], g, {slot: kept[slot][name] for slot in slots}, t, lr, **hp)
    return new, kept


def sgd(params: Params, grads: Params, state: Params, lr: float) -> Stepped:
    """Gradient descent: p ← p − lr g.

    Source: deck 001, "Gradient descent"; deck 002, "Stochastic gradient descent"
    """
    return _step(_sgd, (), params, grads, state, lr)


def momentum(params: Params, grads: Params, state: Params, lr: float, beta: float = 0.9) -> Stepped:
    """Momentum: v ← β v + g;  p ← p − lr v.

    Source: deck 002, "Momentum"
    """
    return _step(_momentum, ("v",), params, grads, state, lr, beta=beta)


def nesterov(params: Params, grads: Params, state: Params, lr: float, beta: float = 0.9) -> Stepped:
    """Momentum that looks ahead: v ← β v + g;  p ← p − lr (g + β v).

    Source: deck 002, "NAG"; Sutskever et al. 2013
    """
    return _step(_nesterov, ("v",), params, grads, state, lr, beta=beta)


def adagrad(params: Params, grads: Params, state: Params, lr: float, eps: float = 1e-10) -> Stepped:
    """A step for each weight that shrinks with its past gradients: s ← s + g²;  p ← p − lr g / (√s + ε).

    Source: deck 002, "Adagrad"; Duchi et al. 2011
    """
    return _step(_adagrad, ("g2",), params, grads, state, lr, eps=eps)


def adadelta(
    params: Params, grads: Params, state: Params, lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6
) -> Stepped:
    """Steps in the units of the weights: dx = √(E[dx²] + ε) / √(E[g²] + ε) g;  p ← p − lr dx.

    E[·] are running means with weight ρ for the past; that of dx² is the one before this step.

    Source: deck 002, "Adadelta"; Zeiler 2012
    """
    return _step(_adadelta, ("g2", "dx2"), params, grads, state, lr, rho=rho, eps=eps)


def rmsprop(
    params: Params, grads: Params, state: Params, lr: float, rho: float = 0.99, eps: float = 1e-8
) -> Stepped:
    """Gradients divided by their running size: s ← ρ s + (1 − ρ) g²;  p ← p − lr g / (√s + ε).

    Source: deck 002, "RMSprop"
    """
    return _step(_rmsprop, ("g2",), params, grads, state, lr, rho=rho, eps=eps)


def adam(params: Params, grads: Params, state: Params, lr: float, beta1: float = 0.9, beta2: float = 0.999,
         eps: float = 1e-8, amsgrad: bool = False) -> Stepped:  # fmt: skip
    """Adam: m ← β₁ m + (1 − β₁) g;  v ← β₂ v + (1 − β₂) g²;  p ← p − lr m̂ / (√v̂ + ε).

    m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ) undo the start from zero. With `amsgrad` the largest v so far is used.

    Source: deck 002, "Adam" and its extensions; Kingma and Ba 2015; Reddi et al. 2018
    """
    slots = ("m", "v", "vmax") if amsgrad else ("m", "v")
    return _step(_adam, slots, params, grads, state, lr, beta1=beta1, beta2=beta2, eps=eps)


def adamw(params: Params, grads: Params, state: Params, lr: float, beta1: float = 0.9, beta2: float = 0.999,
          eps: float = 1e-8, weight_decay: float = 0.01) -> Stepped:  # fmt: skip
    """Adam with decay of the weights apart from the gradient: p ← p − lr λ p first, then the step of Adam.

    Source: deck 002, extensions of Adam; Loshchilov and Hutter 2019
    """
    hp = {"beta1": beta1, "beta2": beta2, "eps": eps, "weight_decay": weight_decay}
    return _step(_adamw, ("m", "v"), params, grads, state, lr, **hp)


_RULES: dict[Any, tuple[Any, tuple[str, ...], dict[str, float]]] = {
    sgd: (_sgd, (), {}),
    momentum: (_momentum, ("v",), {"beta": 0.9}),
    nesterov: (_nesterov, ("v",), {"beta": 0.9}),
    adagrad: (_adagrad, ("g2",), {"eps": 1e-10}),
    adadelta: (_adadelta, ("g2", "dx2"), {"rho": 0.9, "eps": 1e-6}),
    rmsprop: (_rmsprop, ("g2",), {"rho": 0.99, "eps": 1e-8}),
    adam: (_adam, ("m", "v"), {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}),
    adamw: (_adamw, ("m", "v"), {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01}),
}


class Flat:
    """An optimiser whose parameters, gradients and moments lie in one buffer each.

    `params` is a dict of arrays or a list of `nn.Parameter`s. Afterwards `.params` and `.grads` are dicts of views into
    the buffers: a model uses `.params` as its parameters from then on and writes its gradients into `.grads`, for
    example with `np.matmul(…, out=opt.grads["Whh"])`; `step` clips and updates in place.

        opt = Flat(model.params, adam, lr=2e-3, dtype=np.float32)
        model.params = opt.params
        …                                      # a backward pass writes opt.grads
        norm = opt.step(clip=1.0)              # the norm before clipping

    With parameters of `nn`, pass the gradients: `opt.step(grad(loss, opt.variables))`.

    Raises: InputError for a rule that is none of this chapter's or an option that the rule does not have.
    """

    def __init__(
        self, params: Any, rule: Callable[..., Any], lr: float, *, dtype: Any = None, **options: float
    ) -> None:
        if rule not in _RULES:
            raise InputError(f"Flat: the rule must be one of {', '.join(f.__name__ for f in _RULES)}.")
        self._kernel, slots, defaults = _RULES[rule]
        if set(options) - set(defaults):
            raise InputError(
                f"Flat: {rule.__name__} has the options {sorted(defaults)}, not {sorted(options)}."
            )
        self.lr, self.t, self._options = lr, 0, {**defaults, **options}
        self.variables = [] if isinstance(params, Mapping) else list(params)
        arrays = (
            dict(params)
            if isinstance(params, Mapping)
            else {str(i): p.array for i, p in enumerate(self.variables)}
        )
        dtype = np.dtype(dtype or np.result_type(np.float16, *arrays.values()))
        align = 64 // dtype.itemsize  # every view begins at a cache line
        sizes = [-(-np.size(a) // align) * align for a in arrays.values()]
        self.buffer, self.gradient = np.zeros(sum(sizes), dtype), np.zeros(sum(sizes), dtype)
        self.slots = {slot: np.zeros(sum(sizes), dtype) for slot in slots}
        self.params: dict[str, Any] = {}
        self.grads: dict[str, Any] = {}
        start = 0
        for (name, a), size in zip(arrays.items(), sizes):
            here = slice(start, start + np.size(a))
            self.params[name] = self.buffer[here].reshape(np.shape(a))
            self.grads[name] = self.gradient[here].reshape(np.shape(a))
            self.params[name][...] = a
            start += size
        for variable, view in zip(self.variables, self.params.values()):
            variable.move_to(view)

    def step(self, grads: Any = None, *, lr: float | None = None, clip: float | None = None) -> float:
        """Update the parameters from `.grads`, or from the gradients given; returns their norm before clipping.

        Raises: ShapeError when a gradient does not have the shape of its parameter.
        """
        if grads is not None:
            given = grads.values() if isinstance(grads, Mapping) else grads
            for (name, view), g in zip(self.grads.items(), given):
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
            self._kernel(self.buffer[here], g, slots, self.t, self.lr if lr is None else lr, **self._options)
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
) -> Stepped:
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
    """L-BFGS, for demonstration: Newton's direction from the last few gradients, with a backtracking line search.

    f gives value and gradient at a point. The search halves the step until the value falls enough (Armijo); it ends
    early where no step helps. Returns the point and the values on the way.

    Shapes: f = lambda x: (x @ x, 2 * x), x (D,), steps = 5 -> x (D,)
    Source: deck 002, "L-BFGS"; Nocedal and Wright 2006, algorithm 7.4
    """
    x = np.array(x, dtype=np.float64)
    check_shapes("lbfgs", "x (D,)", x)
    value, g = f(x)
    values, pairs = [float(value)], list[tuple[Any, Any]]()
    for _ in range(steps):
        d = -_two_loops(g, pairs)
        slope, size = float(g @ d), 1.0
        while size > 1e-12 and not f(x + size * d)[0] <= value + 1e-4 * size * slope:
            size /= 2
        if size <= 1e-12:
            break
        new_value, new_g = f(x + size * d)
        s, y = size * d, new_g - g
        if s @ y > 1e-12 * (y @ y):  # curvature that is not positive would spoil the direction
            pairs = [*pairs, (s, y)][-memory:]
        x, value, g = x + s, new_value, new_g
        values.append(float(value))
    return x, values


def _two_loops(g: Any, pairs: Sequence[tuple[Any, Any]]) -> Any:
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
