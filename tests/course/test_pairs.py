"""One test for every forward/backward pair of the library: the gradient is the derivative."""

import copy
import inspect
from functools import partial

import numpy as np
import pytest
from shape_lines import arguments, modules

from course.graph import Var, constant, grad, hessian_vector, lift
from course.toolbox.errors import FusedError
from course.toolbox.pairs import backward_of, find_pairs

PAIRS = {
    f"{module.__name__}.{name}": (forward, backward)
    for module in modules()
    for name, forward, backward in find_pairs(module)
    if backward_of(forward) is backward  # a graded form that leaves out the None of ids and masks is none
}
STEP = 2e-4  # five-point differences: the error is about STEP⁴ · f⁽⁵⁾ / 30, rounding about 1e-16 / STEP
RTOL = 2e-8
FUSED = {"course.backprop.softmax_ce"}
CONSTANTS = {"course.backprop.mlp": {0}}  # places of float arguments that have no gradient on purpose


def fresh(arg):
    """The argument, a generator as a copy in the same state: every forward pass draws the same numbers."""
    return copy.deepcopy(arg) if isinstance(arg, np.random.Generator) else arg


def outputs(forward, backward, args):
    """(list of differentiable results, cache, the result as a whole) of one forward pass."""
    asked = list(inspect.signature(backward).parameters)
    result = forward(*map(fresh, args))
    if "cache" not in asked:
        return [result], None, result
    outs, cache = result[: asked.index("cache")], result[asked.index("cache")]
    return list(outs), cache, outs[0]


def run_backward(forward, backward, douts, args, cache, out):
    """Backward with what its signature asks for, as a list of gradients in the order of forward's arguments."""
    known = {n: p.default for n, p in inspect.signature(forward).parameters.items()}
    known.update(zip(known, args), cache=cache, out=out)
    wanted = list(inspect.signature(backward).parameters)[len(douts) :]
    result = backward(*douts, *(known[n] for n in wanted if n != "need"))
    if isinstance(result, dict):  # gradients of a dict of parameters
        return [result if isinstance(a, dict) else None for a in args]
    grads = list(result) if isinstance(result, tuple | list) else [result]
    return grads + [None] * (len(args) - len(grads))


def tree(f, *things):
    """f applied to arrays that may lie in tuples and dicts."""
    if isinstance(things[0], dict):
        return {k: tree(f, *(t[k] for t in things)) for k in things[0]}
    if isinstance(things[0], tuple):
        return tuple(tree(f, *parts) for parts in zip(*things))
    return f(*things)


def total(thing) -> float:
    """The sum of the numbers in a tree."""
    parts = thing.values() if isinstance(thing, dict) else thing if isinstance(thing, tuple) else None
    return float(np.sum(thing)) if parts is None else sum(map(total, parts))


def is_floats(a) -> bool:
    return isinstance(a, np.ndarray) and a.dtype.kind == "f"


def is_tuple(a) -> bool:
    return isinstance(a, tuple) and all(map(is_floats, a))


def dot(a, b):
    return total(tree(lambda x, y: x * y, a, b))


def five_points(value):
    """The derivative of value(t) at t = 0."""
    return (8 * (value(STEP) - value(-STEP)) - (value(2 * STEP) - value(-2 * STEP))) / (12 * STEP)


def moved(args, i, direction, t):
    """The arguments with number i moved by t along a direction."""
    return [tree(lambda a, d: a + t * d, a, direction) if j == i else a for j, a in enumerate(args)]


@pytest.mark.parametrize("name", PAIRS)
def test_gradient_is_the_derivative_along_a_random_direction(name):
    forward, backward = PAIRS[name]
    rng = np.random.default_rng(7)
    for _ in range(3):
        args, _, _ = arguments(forward, rng)
        kept = [np.copy(a) if isinstance(a, np.ndarray) else a for a in args]
        outs, cache, out = outputs(forward, backward, args)
        douts = [rng.standard_normal(np.shape(o)) for o in outs]
        grads = run_backward(forward, backward, douts, args, cache, out)
        for arg, old, g in zip(args, kept, grads):
            if isinstance(arg, np.ndarray):
                assert np.array_equal(arg, old), "an argument was changed"
                assert g is None or np.shape(g) == arg.shape
        for i, (arg, g) in enumerate(zip(args, grads)):
            if g is None:
                assert not is_floats(arg) or i in CONSTANTS.get(name, ())
                continue
            direction = tree(lambda a: rng.standard_normal(np.shape(a)), arg)
            slope = five_points(partial(projected, forward, backward, args, i, direction, douts))
            assert abs(slope - dot(g, direction)) <= RTOL * max(abs(slope), 1.0), f"gradient number {i}"


def projected(forward, backward, args, i, direction, douts, t):
    outs, _, _ = outputs(forward, backward, moved(args, i, direction, t))
    return sum(dot(d, o) for d, o in zip(douts, outs))


def test_pairs_are_found():
    assert {
        "course.neurons.relu",
        "course.backprop.softmax",
        "course.backprop.affine",
        "course.backprop.mlp",
    } <= set(PAIRS)


@pytest.mark.parametrize("name", PAIRS)
def test_zero_upstream_gives_zero(name):
    forward, backward = PAIRS[name]
    args, _, _ = arguments(forward, np.random.default_rng(1))
    outs, cache, out = outputs(forward, backward, args)
    for g in run_backward(forward, backward, [np.zeros(np.shape(o)) for o in outs], args, cache, out):
        assert g is None or total(tree(np.abs, g)) == 0


@pytest.mark.parametrize("name", PAIRS)
def test_through_the_graph_first_and_second_derivatives_are_right(name):
    forward, backward = PAIRS[name]
    rng = np.random.default_rng(5)
    args, _, _ = arguments(forward, rng)
    if any(isinstance(a, dict) for a in args):
        return  # a dict of parameters is no input of an operation
    outs, _, _ = outputs(forward, backward, args)
    douts = [rng.standard_normal(np.shape(o)) for o in outs]
    flat = lambda arrays: [a for part in arrays for a in (part if isinstance(part, tuple) else (part,))]
    places = [
        i for i, a in enumerate(args) if (is_floats(a) or is_tuple(a)) and i not in CONSTANTS.get(name, ())
    ]

    def by_hand(values):
        """The gradients from backward when the arguments at `places` have these values."""
        there = list(args)
        for i, value in zip(places, values):
            there[i] = value
        _, cache, out = outputs(forward, backward, there)
        grads = run_backward(forward, backward, douts, there, cache, out)
        return np.concatenate([np.ravel(g) for g in flat(grads[i] for i in places)])

    variables = [tree(Var, args[i]) for i in places]
    result = lift(forward, backward)(
        *[variables[places.index(i)] if i in places else fresh(a) for i, a in enumerate(args)]
    )
    results = result if isinstance(result, tuple) else (result,)
    seeds = list(douts[0]) if len(results) > len(douts) else douts  # one result that is a tuple
    loss = sum(((o * d).sum() for o, d in zip(results, seeds)), constant(0.0))
    leaves = flat(variables)
    first = np.concatenate([np.ravel(g) for g in grad(loss, leaves)])
    np.testing.assert_allclose(first, by_hand([args[i] for i in places]), rtol=1e-12, atol=1e-13)

    directions = [tree(lambda a: rng.standard_normal(a.shape), args[i]) for i in places]
    try:
        second = hessian_vector(loss, leaves, flat(directions))
    except FusedError:
        assert name in FUSED or name.split(".")[1] not in ("neurons", "backprop", "graph"), (
            "backward must stay in the graph"
        )
        return
    numeric = five_points(
        lambda t: by_hand([tree(lambda a, d: a + t * d, args[i], d) for i, d in zip(places, directions)])
    )
    np.testing.assert_allclose(np.concatenate([np.ravel(h) for h in second]), numeric, rtol=1e-7, atol=1e-8)
