"""The gradient check against those of PyTorch, JAX and CS231n: time, wrong gradients missed, right ones rejected."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np

from autograder.checks.gradcheck import gradcheck
from autograder.checks.protocol import Broken, Pair, flat
from autograder.checks.tape import record
from autograder.checks.values import compare
from course import rnn
from tests.bench.harness import Figures, Race, peer, row
from tests.mutants.core import Target, load
from tests.mutants.report import targets

V, D, H, T, N = 13, 5, 11, 7, 3
NAMES = ("E", "Wxh", "Whh", "bh", "Why", "by")
Case = tuple[Pair, dict[str, Any]]


@row("gradcheck", peer="torch.autograd.gradcheck", goal=1)
def gradcheck_of_a_language_model() -> Race:
    """All gradients of an RNN language model (V 13, D 5, H 11, T 7, batch 3), in full: checks per second."""
    torch = peer("torch")
    rng = np.random.default_rng(0)
    model = rnn.RNNLM(V, D, H, rng)
    params = {name: a.copy() for name, a in model.params.items()}
    ids = rng.integers(0, V, (2, T, N))
    zeros = np.zeros((N, H))

    def forward(**given: Any) -> tuple[float, Any]:
        model.params = given
        loss, grads, _ = model.loss_and_grads(ids[0], ids[1], zeros)
        return loss, grads

    def backward(dloss: Any, grads: Any) -> tuple[Any, ...]:
        return tuple(dloss * grads[name] for name in NAMES)

    theirs = tuple(torch.tensor(params[name], requires_grad=True) for name in NAMES)
    ids_in, ids_out = torch.tensor(ids[0]), torch.tensor(ids[1])

    def loss(E: Any, Wxh: Any, Whh: Any, bh: Any, Why: Any, by: Any) -> Any:
        h, states = torch.zeros(N, H, dtype=torch.float64), []
        for x in E[ids_in] @ Wxh + bh:
            h = torch.tanh(x + h @ Whh)
            states.append(h)
        Z = torch.stack(states) @ Why + by
        return torch.nn.functional.cross_entropy(Z.reshape(-1, V), ids_out.reshape(-1))

    def run() -> None:
        if not torch.autograd.gradcheck(loss, theirs):
            raise AssertionError("torch.autograd.gradcheck rejects its own gradients")

    def ours() -> None:
        if not gradcheck(forward, backward, params, NAMES, loss=True).ok:
            raise AssertionError("gradcheck rejects right gradients")

    return Race(ours, run, 1, "checks/s", rounds=11)


# --- the rules of the others, on NumPy functions ----------------------------------------------------------------------


def _vector(pair: Pair, args: Mapping[str, Any]) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """All variables as one vector, and the function of it."""
    variables = {n: np.asarray(v, float) for n, v in flat(pair.wrt, args).items()}
    x = np.concatenate([v.ravel() for v in variables.values()]) if variables else np.zeros(0)

    def f(x: np.ndarray) -> np.ndarray:
        parts, start = {}, 0
        for name, v in variables.items():
            parts[name] = x[start : start + v.size].reshape(v.shape)
            start += v.size
        return np.asarray(pair.value(_filled(pair.wrt, args, parts)), float)

    return x, f


def _filled(wrt: tuple[str, ...], args: Mapping[str, Any], parts: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with their variables replaced, in the containers in which they came."""
    new = dict(args)
    for name in wrt:
        value = args[name]
        if isinstance(value, Mapping):
            new[name] = {k: parts[str(k)] for k in value}
        elif name in parts:
            new[name] = parts[name]
        else:
            new[name] = type(value)(parts[f"{name}[{i}]"] for i in range(len(value)))
    return new


def _analytic(pair: Pair, args: Mapping[str, Any], dout: Any) -> np.ndarray:
    _, kept, has_cache = pair.run(args)
    grads = pair.gradients(dout, kept, has_cache, args)
    return np.concatenate([np.ravel(g) for g in grads.values()])


def _dout(pair: Pair, args: Mapping[str, Any], rng: np.random.Generator) -> Any:
    return 1.0 if pair.loss else rng.normal(size=np.shape(pair.value(args)))


def _slopes(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, dout: Any, h: float) -> np.ndarray:
    """Central differences of the projection on dout, entry by entry."""
    out = np.empty_like(x)
    for i in range(x.size):
        step = np.zeros_like(x)
        step[i] = h
        out[i] = np.sum((f(x + step) - f(x - step)) * dout) / (2 * h)
    return out


def by_ours(pair: Pair, args: Mapping[str, Any], rng: np.random.Generator) -> bool:
    """Our own check; a right gradient that it calls inconclusive is not called wrong."""
    report = gradcheck(pair.forward, pair.backward, args, pair.wrt, loss=pair.loss, rng=rng)
    return report.status != "failed"


def by_torch(pair: Pair, args: Mapping[str, Any], rng: np.random.Generator) -> bool:
    """torch.autograd.gradcheck itself, with its default step and tolerances, on a Function made of the pair."""
    torch = peer("torch")
    variables = {n: np.asarray(v, float) for n, v in flat(pair.wrt, args).items()}

    class Wrapped(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *xs: Any) -> Any:
            given = {n: x.detach().numpy().copy() for n, x in zip(variables, xs)}
            ctx.args = _filled(pair.wrt, args, given)
            out, ctx.kept, ctx.has_cache = pair.run(ctx.args)
            return torch.tensor(np.asarray(out, float))

        @staticmethod
        def backward(ctx: Any, dout: Any) -> Any:
            g = float(dout) if pair.loss else dout.numpy().copy()
            grads = pair.gradients(g, ctx.kept, ctx.has_cache, ctx.args)
            return tuple(torch.tensor(np.asarray(grads[n], float)) for n in variables)

    inputs = tuple(torch.tensor(v, requires_grad=True) for v in variables.values())
    return bool(torch.autograd.gradcheck(Wrapped.apply, inputs, raise_exception=False))


def by_jax(pair: Pair, args: Mapping[str, Any], rng: np.random.Generator) -> bool:
    """The rule of jax.test_util.check_vjp: one random tangent and cotangent, x ± 1e-4 tangent, tolerances 1e-5."""
    x, f = _vector(pair, args)
    tangent, dout = rng.normal(size=x.shape), rng.normal(size=np.shape(pair.value(args)))
    numeric = np.sum((f(x + 1e-4 * tangent) - f(x - 1e-4 * tangent)) * 0.5e4 * dout)
    dout = float(dout) if pair.loss else dout
    return bool(np.allclose(tangent @ _analytic(pair, args, dout), numeric, rtol=1e-5, atol=1e-5))


def by_cs231n(pair: Pair, args: Mapping[str, Any], rng: np.random.Generator) -> bool:
    """The rule of the CS231n notes: central differences with step 1e-5, largest relative error below 1e-7."""
    x, f = _vector(pair, args)
    dout = _dout(pair, args, rng)
    numeric, analytic = _slopes(f, x, dout, 1e-5), _analytic(pair, args, dout)
    error = np.abs(numeric - analytic) / np.maximum(1e-8, np.abs(numeric) + np.abs(analytic))
    return bool(np.max(error, initial=0.0) < 1e-7)


RULES = {"ours": by_ours, "torch": by_torch, "jax": by_jax, "cs231n": by_cs231n}


# --- cases ------------------------------------------------------------------------------------------------------------


def _cases(target: Target, source: str, seed: int) -> Case:
    space = load(source, f"<{target.name}>")
    args = target.sample(np.random.default_rng(seed))
    wrt = target.names(args) if target.names is not None else target.wrt
    return Pair(space["forward"], space["backward"], tuple(wrt), target.loss), args


def _gradient_targets() -> Iterator[Target]:
    for target in targets():
        if isinstance(target, Target) and target.wrt and "backward" in target.source:
            yield target


def _is_wrong(target: Target, pair: Pair, args: Mapping[str, Any]) -> bool:
    """Whether forward is right and some gradient is not, by the replayed tape; other mistakes are no gradient check's."""
    dout = _dout(pair, args, np.random.default_rng(0))
    tape = record(target.model, args, flat(pair.wrt, args).keys() if target.names is None else pair.wrt)
    try:
        out, kept, has_cache = pair.run(args)
        if compare("", out, tape.out) is not None:
            return False
        grads = pair.gradients(dout, kept, has_cache, args)
    except Broken:
        return False
    truth = tape.backward(dout)
    return any(compare("", grads[name], truth[name]) is not None for name in grads)


def _accepts(rule: Callable[..., bool], pair: Pair, args: Mapping[str, Any], seed: int) -> bool:
    try:
        return rule(pair, args, np.random.default_rng([seed, 1]))
    except Broken:
        return False


@cache
def verdicts() -> tuple[dict[str, int], int, dict[str, int], int]:
    """Wrong gradients that each rule accepts, of how many; right variants that each rejects, of how many runs."""
    missed, wrong = dict.fromkeys(RULES, 0), 0
    alarms, right = dict.fromkeys(RULES, 0), 0
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for target in _gradient_targets():
            for mutant in target.mutants():
                pair, args = _cases(target, mutant.source, 0)
                if not _is_wrong(target, pair, args):
                    continue
                wrong += 1
                for name, rule in RULES.items():
                    missed[name] += _accepts(rule, pair, args, 0)
            for source in target.right():
                for seed in range(3):
                    pair, args = _cases(target, source, seed)
                    right += 1
                    for name, rule in RULES.items():
                        alarms[name] += not _accepts(rule, pair, args, seed)
    return missed, wrong, alarms, right


def _share(kind: int, name: str) -> Figures:
    """Mistakes per thousand of ours and theirs; one is added to both counts, so that none can be divided by."""
    peer("torch")
    counts, total = verdicts()[2 * kind : 2 * kind + 2]
    return Figures((counts["ours"] + 1) / total * 1000, (counts[name] + 1) / total * 1000, "per 1000")


def _register(name: str, title: str) -> None:
    @row(f"gradcheck-misses:{name}", peer=title, goal=1)
    def misses() -> Figures:
        """Wrong gradients that are accepted, plus one, of a thousand."""
        return _share(0, name)

    @row(f"gradcheck-false-alarms:{name}", peer=title, goal=1.001)
    def false_alarms() -> Figures:
        """Right gradients that are rejected, plus one, of a thousand."""
        return _share(1, name)


@row("gradcheck-misses", peer="none", goal=0, goal_op="<=")
def our_misses() -> Figures:
    """Wrong gradients that our check accepts, of all mutants with a wrong gradient."""
    peer("torch")
    return Figures(verdicts()[0]["ours"], 1, "misses", "more")


@row("gradcheck-false-alarms", peer="1 in 1000", goal=1, goal_op="<=")
def our_false_alarms() -> Figures:
    """Right gradients that our check rejects, per thousand runs."""
    peer("torch")
    *_, alarms, total = verdicts()
    return Figures(1000 * alarms["ours"] / total, 1, "per 1000", "more")


for _name, _title in (
    ("torch", "torch.autograd.gradcheck"),
    ("jax", "JAX's check_grads rule"),
    ("cs231n", "CS231n's rule"),
):
    _register(_name, _title)
