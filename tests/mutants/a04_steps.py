"""A04: optimisers, clipping, schedules, batch normalisation with its running statistics, penalties."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograder.checks.rules import trajectory

from .core import primes
from .rules import RuleTarget


def _steps(**hyper: Any) -> Any:
    def sample(rng: np.random.Generator) -> dict[str, Any]:
        n, d = primes(rng, 2, high=5)
        shapes = {"W1": (n, d), "b1": (d,)}
        args: dict[str, Any] = {"params": {k: rng.normal(size=s) for k, s in shapes.items()}}
        args["grads"] = [{k: rng.normal(size=s) for k, s in shapes.items()} for _ in range(5)]
        args["lr"] = [float(x) for x in rng.uniform(0.01, 0.3, 5)]
        return args | {k: float(rng.uniform(*v)) if isinstance(v, tuple) else v for k, v in hyper.items()}

    return sample


def _run(name: str) -> Any:
    return lambda space, args: trajectory(space[name], **args)


def _optimiser(
    name: str, source: str, wrong: str, variants: tuple[str, ...] = (), **hyper: Any
) -> RuleTarget:
    return RuleTarget(
        "A04",
        name,
        source,
        lambda: None,
        _steps(**hyper),
        wrong=wrong,
        variants=variants,
        rule=name,
        result=_run(name),
    )


TARGETS = [
    _optimiser(
        "sgd",
        """
def sgd(params, grads, state, lr):
    new = {k: params[k] - lr * grads[k] for k in params}
    return new, state
""",
        """
M01 | params[k] - lr * grads[k] | params[k] + lr * grads[k]
- | params[k] - lr * grads[k] | params[k] - grads[k]
M02 | params[k] - lr * grads[k] | params[k] - lr * grads[k] / len(grads[k])
M03 | params[k] - lr * grads[k] | params[k] - 2 * lr * grads[k]
""",
        ("def sgd(params, grads, state, lr):\n    out = {}\n    for k, p in params.items():\n        q = p.copy()\n        q -= lr * grads[k]\n        out[k] = q\n    return out, {}\n",),
    ),
    _optimiser(
        "momentum",
        """
def momentum(params, grads, state, lr, beta=0.9):
    new, velocity = {}, {}
    for k in params:
        v = beta * state.get(k, 0.0) + grads[k]
        new[k] = params[k] - lr * v
        velocity[k] = v
    return new, velocity
""",
        """
M31 | + grads[k] | + (1 - beta) * grads[k]
M31 | + grads[k] | - grads[k]
M01 | params[k] - lr * v | params[k] + lr * v
M31 | velocity[k] = v | velocity[k] = 0.0
M31 | params[k] - lr * v | params[k] - lr * (grads[k] + beta * v)
M31 | + grads[k] | + lr * grads[k] | params[k] - lr * v | params[k] - v
M31 | params[k] - lr * v | params[k] - lr * beta * v
M31 | params[k] - lr * v | params[k] - lr * state.get(k, 0.0)
M31 | beta * state.get(k, 0.0) + grads[k] | state.get(k, 0.0) + beta * grads[k]
""",
        beta=(0.5, 0.95),
    ),
    _optimiser(
        "nesterov",
        """
def nesterov(params, grads, state, lr, beta=0.9):
    new, velocity = {}, {}
    for k in params:
        old = state.get(k, 0.0)
        v = beta * old + grads[k]
        new[k] = params[k] - lr * (grads[k] + beta * v)
        velocity[k] = v
    return new, velocity
""",
        """
M31 | (grads[k] + beta * v) | v
M31 | (grads[k] + beta * v) | (grads[k] + beta * old)
M31 | (grads[k] + beta * v) | (beta * v)
M31 | v = beta * old + grads[k] | v = beta * old + (1 - beta) * grads[k]
M31 | velocity[k] = v | velocity[k] = 0.0 | (grads[k] + beta * v) | grads[k]
M01 | params[k] - lr | params[k] + lr
""",
        beta=(0.5, 0.95),
    ),
    _optimiser(
        "adagrad",
        """
def adagrad(params, grads, state, lr, eps=1e-10):
    new, sums = {}, {}
    for k in params:
        sums[k] = state.get(k, 0.0) + grads[k]**2
        new[k] = params[k] - lr * grads[k] / (np.sqrt(sums[k]) + eps)
    return new, sums
""",
        """
M32 | grads[k]**2 | grads[k]
M32 | grads[k]**2 | np.abs(grads[k])
M32 | state.get(k, 0.0) + grads[k]**2 | grads[k]**2
M32 | np.sqrt(sums[k]) + eps | sums[k] + eps
M30 | np.sqrt(sums[k]) + eps | np.sqrt(sums[k] + eps)
M01 | params[k] - lr | params[k] + lr
M32 | state.get(k, 0.0) + grads[k]**2 | 0.9 * state.get(k, 0.0) + 0.1 * grads[k]**2
""",
        eps=1e-2,
    ),
    _optimiser(
        "rmsprop",
        """
def rmsprop(params, grads, state, lr, rho=0.99, eps=1e-8):
    new, means = {}, {}
    for k in params:
        means[k] = rho * state.get(k, 0.0) + (1 - rho) * grads[k]**2
        new[k] = params[k] - lr * grads[k] / (np.sqrt(means[k]) + eps)
    return new, means
""",
        """
M32 | (1 - rho) * grads[k]**2 | (1 - rho) * grads[k]
- | rho * state.get(k, 0.0) + (1 - rho) * grads[k]**2 | (1 - rho) * state.get(k, 0.0) + rho * grads[k]**2
- | rho * state.get(k, 0.0) + (1 - rho) * grads[k]**2 | state.get(k, 0.0) + grads[k]**2
- | (1 - rho) * grads[k]**2 | grads[k]**2
M32 | np.sqrt(means[k]) + eps | means[k] + eps
M30 | np.sqrt(means[k]) + eps | np.sqrt(means[k] + eps)
M32 | return new, means | return new, {}
M01 | params[k] - lr | params[k] + lr
""",
        rho=(0.6, 0.95),
        eps=1e-2,
    ),
    _optimiser(
        "adadelta",
        """
def adadelta(params, grads, state, lr=1.0, rho=0.9, eps=1e-6):
    new, out = {}, {}
    for k, p in params.items():
        g = grads[k]
        a, d = state.get(k, (0.0, 0.0))
        a = rho * a + (1 - rho) * g**2
        dx = np.sqrt(d + eps) / np.sqrt(a + eps) * g
        d = rho * d + (1 - rho) * dx**2
        new[k] = p - lr * dx
        out[k] = (a, d)
    return new, out
""",
        """
- | np.sqrt(d + eps) / np.sqrt(a + eps) * g | np.sqrt(a + eps) / np.sqrt(d + eps) * g
- | (1 - rho) * dx**2 | (1 - rho) * (lr * dx)**2
- | (1 - rho) * dx**2 | (1 - rho) * g**2
- | p - lr * dx | p - dx
- | np.sqrt(d + eps) / np.sqrt(a + eps) * g | g / np.sqrt(a + eps)
M30 | np.sqrt(d + eps) / np.sqrt(a + eps) * g | (np.sqrt(d) + eps) / (np.sqrt(a) + eps) * g
""",
        rho=(0.6, 0.95),
        eps=1e-3,
    ),
    _optimiser(
        "adam",
        """
def adam(params, grads, state, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state.get('t', 0) + 1
    out, new = {'t': t}, {}
    for k, p in params.items():
        g = grads[k]
        m, v = state.get(k, (0.0, 0.0))
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        mhat = m / (1 - beta1**t)
        vhat = v / (1 - beta2**t)
        new[k] = p - lr * mhat / (np.sqrt(vhat) + eps)
        out[k] = (m, v)
    return new, out
""",
        """
M30 | mhat = m / (1 - beta1**t) | mhat = m | vhat = v / (1 - beta2**t) | vhat = v
M30 | mhat = m / (1 - beta1**t) | mhat = m
M30 | vhat = v / (1 - beta2**t) | vhat = v
M30 | t = state.get('t', 0) + 1 | t = state.get('t', 1) + 1
M30 | t = state.get('t', 0) + 1 | t = 1
M30 | np.sqrt(vhat) + eps | np.sqrt(vhat + eps)
M30 | np.sqrt(vhat) + eps | np.sqrt(vhat)
M30 | np.sqrt(vhat) + eps | vhat + eps
M30 | mhat / (np.sqrt(vhat) + eps) | vhat / (np.sqrt(mhat) + eps)
M30 | beta1 * m + (1 - beta1) * g | beta2 * m + (1 - beta2) * g | v = beta2 * v + (1 - beta2) * g**2 | v = beta1 * v + (1 - beta1) * g**2 | beta1**t | beta2**t | v / (1 - beta2**t) | v / (1 - beta1**t)
M32 | (1 - beta2) * g**2 | (1 - beta2) * np.abs(g)
M30 | (1 - beta1) * g | g
M01 | p - lr * mhat | p + lr * mhat
M30 | out, new = {'t': t}, {} | out, new = {'t': t}, {}\\n    t = t - 1
""",
        beta1=(0.6, 0.95),
        beta2=(0.8, 0.99),
        eps=1e-2,
    ),
    _optimiser(
        "adamw",
        """
def adamw(params, grads, state, lr, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
    t = state.get('t', 0) + 1
    out, new = {'t': t}, {}
    for k, p in params.items():
        g = grads[k]
        m, v = state.get(k, (0.0, 0.0))
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        step = lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
        new[k] = p - step - lr * weight_decay * p
        out[k] = (m, v)
    return new, out
""",
        """
- | g = grads[k] | g = grads[k] + weight_decay * p | - lr * weight_decay * p | - 0
- | lr * weight_decay * p | weight_decay * p
M19 | - lr * weight_decay * p | - 0
- | new[k] = p - step - lr * weight_decay * p | p = p - step\\n        new[k] = p - lr * weight_decay * p
M01 | - lr * weight_decay * p | + lr * weight_decay * p
M30 | m / (1 - beta1**t) | m | v / (1 - beta2**t) | v
M30 | np.sqrt(v / (1 - beta2**t)) + eps | np.sqrt(v / (1 - beta2**t) + eps)
""",
        beta1=(0.6, 0.95),
        beta2=(0.8, 0.99),
        eps=1e-2,
        weight_decay=(0.05, 0.3),
    ),
    RuleTarget(
        "A04",
        "clip",
        """
def clip_by_global_norm(grads, threshold):
    norm = np.sqrt(sum((g**2).sum() for g in grads.values()))
    scale = min(1.0, threshold / norm)
    return {k: g * scale for k, g in grads.items()}, float(norm)

def forward(grads, thresholds):
    return [clip_by_global_norm(grads, t) for t in thresholds]
""",
        lambda: None,
        lambda rng: {
            "grads": {k: rng.normal(size=s) for k, s in (("W", (3, 5)), ("b", (2,)))},
            "thresholds": [0.5, 1.5, 20.0],
        },
        wrong="""
M29 | return {k: g * scale for k, g in grads.items()} | return {k: np.clip(g, -threshold, threshold) for k, g in grads.items()}
M29 | return {k: g * scale for k, g in grads.items()} | return {k: g * min(1.0, threshold / np.linalg.norm(g)) for k, g in grads.items()}
M29 | scale = min(1.0, threshold / norm) | scale = threshold / norm
M29 | norm = np.sqrt(sum((g**2).sum() for g in grads.values())) | norm = sum(np.linalg.norm(g) for g in grads.values())
M29 | norm = np.sqrt(sum((g**2).sum() for g in grads.values())) | norm = sum((g**2).sum() for g in grads.values())
M29 | norm = np.sqrt(sum((g**2).sum() for g in grads.values())) | norm = max(np.abs(g).max() for g in grads.values())
M29 | float(norm) | float(min(norm, threshold))
M29 | scale = min(1.0, threshold / norm) | scale = 1 / norm if norm > threshold else 1.0
M29 | scale = min(1.0, threshold / norm) | scale = 1.0
M29 | scale = min(1.0, threshold / norm) | scale = 0.0 if norm > threshold else 1.0
""",
        rule="clip_by_global_norm of queries",
    ),
    RuleTarget(
        "A04",
        "schedule",
        """
def schedule(step, base, kind, **hp):
    if kind == 'step':
        return base * hp['factor'] ** (step // hp['every'])
    if kind == 'cosine':
        return base / 2 * (1 + np.cos(np.pi * min(step, hp['total']) / hp['total']))
    return base / (1 + step / hp['tau'])

def forward(queries):
    return [float(schedule(*q[:3], **q[3])) for q in queries]
""",
        lambda: None,
        lambda rng: {
            "queries": [
                *((int(s), 0.3, "step", {"every": 7, "factor": 0.6}) for s in (0, 5, 9, 20)),
                *((int(s), 0.3, "cosine", {"total": 30}) for s in (0, 5, 17, 44)),
                *((int(s), 0.3, "inverse", {"tau": 11.0}) for s in rng.integers(1, 40, 3)),
            ]
        },
        wrong="""
M34 | def schedule(step, base, kind, **hp): | def schedule(step, base, kind, **hp):\\n    step = step + 1
- | (step // hp['every']) | (step / hp['every'])
- | (step // hp['every']) | step
- | min(step, hp['total']) | step
M03 | base / 2 * | base *
- | np.pi * | 1 *
- | step / hp['tau'] | step * hp['tau']
- | return base / (1 + step / hp['tau']) | return base / np.sqrt(1 + step / hp['tau'])
""",
        rule="schedule of queries",
    ),
    RuleTarget(
        "A04",
        "batchnorm with running statistics",
        """
def batchnorm_forward(X, gamma, beta, state, train=True, eps=1e-5, momentum=0.9):
    if train:
        mean, var = X.mean(axis=0), X.var(axis=0)
        new = {'mean': momentum * state['mean'] + (1 - momentum) * mean,
               'var': momentum * state['var'] + (1 - momentum) * var}
    else:
        mean, var, new = state['mean'], state['var'], state
    return gamma * (X - mean) / np.sqrt(var + eps) + beta, None, new

def forward(**args):
    Y, _, new = batchnorm_forward(**args)
    return Y, new
""",
        lambda: None,
        lambda rng: (
            lambda n, d, train: {
                "X": rng.normal(size=(n + 2, d)) * 2 + 1, "gamma": rng.uniform(0.5, 2, d), "beta": rng.normal(size=d),
                "state": {"mean": rng.normal(size=d), "var": rng.uniform(0.5, 2, d)}, "train": train, "eps": 1e-3, "momentum": 0.8,
            }
        )(*primes(rng, 2), bool(rng.random() < 0.5)),
        wrong="""
M28 | X.var(axis=0)\\n | X.var(axis=0, ddof=1)\\n
M28 | np.sqrt(var + eps) | (np.sqrt(var) + eps)
M28 | mean, var, new = state['mean'], state['var'], state | mean, var, new = X.mean(axis=0), X.var(axis=0), state
M28 | momentum * state['mean'] + (1 - momentum) * mean | (1 - momentum) * state['mean'] + momentum * mean | momentum * state['var'] + (1 - momentum) * var | (1 - momentum) * state['var'] + momentum * var
M28 | (1 - momentum) * var} | (1 - momentum) * X.var(axis=0, ddof=1)}
M28 | momentum * state['mean'] + (1 - momentum) * mean | mean | momentum * state['var'] + (1 - momentum) * var | var
M28 | np.sqrt(var + eps) | np.sqrt(var)
M28 | np.sqrt(var + eps) | (var + eps)
""",
        rule="batchnorm_forward",
    ),
    RuleTarget(
        "A04",
        "penalty of a dict",
        """
def penalty(params, l1=0.0, l2=0.0):
    value, grads = 0.0, {}
    for k, W in params.items():
        if k.startswith('W'):
            value += l1 * np.abs(W).sum() + l2 / 2 * (W**2).sum()
            grads[k] = l1 * np.sign(W) + l2 * W
    return value, grads

forward = penalty
""",
        lambda: None,
        lambda rng: {
            "params": {"W1": rng.normal(size=(3, 2)), "b1": rng.normal(size=2), "W2": rng.normal(size=(2, 5))},
            "l1": float(rng.uniform(0.1, 1)), "l2": float(rng.uniform(0.1, 1)),
        },
        wrong="""
M19 | if k.startswith('W'): | if True:
M03 | + l2 * W | + 2 * l2 * W
M03 | l2 / 2 * (W**2).sum() | l2 * (W**2).sum()
M03 | l2 / 2 * (W**2).sum() | l2 * (W**2).sum() | + l2 * W | + 2 * l2 * W
M19 | l1 * np.abs(W).sum() + | 0 + | l1 * np.sign(W) + | 0 +
M19 | + l2 / 2 * (W**2).sum() | + 0 | + l2 * W | + 0
- | np.sign(W) | np.abs(W)
""",
        rule="penalty",
    ),
]  # fmt: skip
