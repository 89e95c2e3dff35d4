"""Chapter A04, optimisers: invariances, the flat buffer, schedules, clipping."""

import numpy as np
import pytest

from course import optim
from course.optim import (
    Flat,
    adadelta,
    adagrad,
    adam,
    adamw,
    amsgrad,
    clip_by_global_norm,
    iterate_minibatches,
    lbfgs,
    momentum,
    nesterov,
    rmsprop,
    schedule,
    sgd,
    sgd_projected,
)
from course.toolbox.errors import InputError, ShapeError

RULES = {
    "sgd": (sgd, {}, "SGD", {}),
    "momentum": (momentum, {"beta": 0.8}, "SGD", {"momentum": 0.8}),
    "nesterov": (nesterov, {"beta": 0.8}, "SGD", {"momentum": 0.8, "nesterov": True}),
    "adagrad": (adagrad, {}, "Adagrad", {}),
    "adadelta": (adadelta, {}, "Adadelta", {}),
    "rmsprop": (rmsprop, {}, "RMSprop", {}),
    "adam": (adam, {}, "Adam", {}),
    "amsgrad": (amsgrad, {"beta2": 0.5}, "Adam", {"amsgrad": True, "betas": (0.9, 0.5)}),
    "adamw": (adamw, {"weight_decay": 0.1}, "AdamW", {"weight_decay": 0.1}),
}


def problem(seed=0):
    """Parameters and the gradients of five steps."""
    rng = np.random.default_rng(seed)
    params = {"W": rng.standard_normal((5, 3)), "b": rng.standard_normal(3)}
    return params, [
        {k: rng.standard_normal(p.shape) * 10 ** rng.uniform(-3, 1) for k, p in params.items()}
        for _ in range(5)
    ]


def run(rule, params, gradients, lr, **hp):
    state = {}
    for g in gradients:
        params, state = rule(params, g, state, lr, **hp)
    return params


@pytest.mark.parametrize("name", RULES)
def test_nothing_is_changed_in_place_and_the_order_of_keys_does_not_matter(name):
    rule, hp, _, _ = RULES[name]
    params, gradients = problem()
    kept = {k: p.copy() for k, p in params.items()}
    new, state = rule(params, gradients[0], {}, 0.1, **hp)
    again = {
        k: v.copy() if isinstance(v, np.ndarray) else v for k, v in state.get("m", state.get("v", {})).items()
    }
    rule(new, gradients[1], state, 0.1, **hp)
    assert all(np.array_equal(params[k], kept[k]) for k in params)
    assert all(np.array_equal(v, state.get("m", state.get("v", {}))[k]) for k, v in again.items())
    turned = run(
        rule, dict(reversed(params.items())), [dict(reversed(g.items())) for g in gradients], 0.1, **hp
    )
    straight = run(rule, params, gradients, 0.1, **hp)
    assert all(np.array_equal(turned[k], straight[k]) for k in params)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_flat_buffer_takes_the_same_steps(name, dtype, monkeypatch):
    monkeypatch.setattr(optim, "_CHUNK", 16)  # several chunks even for few parameters
    rule, hp, _, _ = RULES[name]
    params, gradients = problem()
    flat = Flat(params, rule, lr=0.03, dtype=dtype, **hp)
    for g in gradients:
        for k, view in flat.grads.items():
            view[...] = g[k]
        flat.step()
    mine = run(rule, params, gradients, 0.03, **hp)
    for k in params:
        assert flat.params[k].dtype == dtype
        np.testing.assert_allclose(
            flat.params[k], mine[k], rtol=1e-9 if dtype == np.float64 else 1e-4, atol=1e-5
        )


def test_the_flat_buffer_clips_by_the_common_norm():
    params, gradients = problem()
    flat = Flat(params, sgd, lr=1.0)
    norm = flat.step(gradients[0], clip=0.5)
    clipped, expected_norm = clip_by_global_norm(gradients[0], 0.5)
    assert norm == pytest.approx(expected_norm)
    for k in params:
        np.testing.assert_allclose(flat.params[k], params[k] - clipped[k])
    assert flat.step(gradients[1], lr=0.0) == pytest.approx(clip_by_global_norm(gradients[1], 1.0)[1])


def test_invariances():
    params, gradients = problem()
    scaled = [{k: 1000 * v for k, v in g.items()} for g in gradients]
    for k in params:
        np.testing.assert_array_equal(
            run(momentum, params, gradients, 0.1, beta=0.0)[k], run(sgd, params, gradients, 0.1)[k]
        )
        np.testing.assert_allclose(
            run(adam, params, gradients, 0.1, eps=0.0)[k], run(adam, params, scaled, 0.1, eps=0.0)[k]
        )
        np.testing.assert_array_equal(
            run(adamw, params, gradients, 0.1, weight_decay=0.0)[k], run(adam, params, gradients, 0.1)[k]
        )
    step = np.abs(run(adam, params, gradients[:1], 0.1)["W"] - params["W"])
    np.testing.assert_allclose(
        step, 0.1, rtol=1e-4
    )  # the first step of Adam has the length of the learning rate


def test_minibatches_are_a_permutation_and_the_last_may_be_smaller():
    X, y = np.arange(23)[:, None] * np.ones(2), np.arange(23)
    batches = list(iterate_minibatches(X, y, 5, np.random.default_rng(0)))
    assert [len(b) for _, b in batches] == [5, 5, 5, 5, 3]
    seen = np.concatenate([b for _, b in batches])
    assert sorted(seen) == list(range(23)) and list(seen) != sorted(seen)
    assert all((a[:, 0] == b).all() for a, b in batches)
    assert list(iterate_minibatches(X[:0], y[:0], 5, np.random.default_rng(0))) == []


def test_projection_keeps_every_array_in_the_set():
    params, gradients = problem()
    new, state = sgd_projected(params, gradients[0], {}, 5.0, lambda p: np.clip(p, -0.1, 0.1))
    assert max(np.abs(p).max() for p in new.values()) <= 0.1 and state["t"] == 1


def test_schedules():
    assert schedule(7, 1.0, "step", every=3, factor=0.5) == 0.25
    assert [schedule(t, 2.0, "cosine", total=10) for t in (0, 5, 10, 99)] == pytest.approx(
        [2, 1, 0, 0], abs=1e-15
    )
    assert schedule(10, 3.0, "inverse", tau=5) == 1.0


def test_clipping_keeps_the_direction_and_does_nothing_below_the_threshold():
    grads = {"a": np.array([3.0, 0.0]), "b": np.array([[4.0]])}
    clipped, norm = clip_by_global_norm(grads, 1.0)
    assert norm == 5 and clipped["a"][0] == pytest.approx(0.6) and clipped["b"][0, 0] == pytest.approx(0.8)
    again, small = clip_by_global_norm(clipped, 1.0)
    assert small == pytest.approx(1.0)
    np.testing.assert_allclose(again["a"], clipped["a"])
    same, _ = clip_by_global_norm(grads, 5.0)
    assert np.array_equal(same["a"], grads["a"]) and grads["a"][0] == 3.0
    assert clip_by_global_norm({"z": np.zeros(3, np.float32)}, 1.0)[0]["z"].dtype == np.float32


def test_lbfgs_solves_a_quadratic_and_rosenbrock():
    A = np.diag([1.0, 10.0, 100.0])
    x, values = lbfgs(lambda v: (v @ A @ v / 2, A @ v), np.ones(3), steps=30)
    assert np.abs(x).max() < 1e-6 and (np.diff(values) <= 0).all()

    def rosenbrock(v):
        a, b = v
        return (1 - a) ** 2 + 100 * (b - a * a) ** 2, np.array(
            [-2 * (1 - a) - 400 * a * (b - a * a), 200 * (b - a * a)]
        )

    x, values = lbfgs(rosenbrock, np.array([-1.2, 1.0]), steps=100)
    np.testing.assert_allclose(x, [1, 1], atol=1e-5)
    assert len(values) < 60  # gradient descent needs thousands


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda p, g: adam(p, {"W": g["W"]}, {}, 0.1), r"grads has the keys \['W'\]"),
        (
            lambda p, g: adam(p, {**g, "b": g["W"]}, {}, 0.1),
            r"gradient of b has shape \(5, 3\), the parameter \(3,\)",
        ),
        (lambda p, g: Flat(p, print, lr=0.1), "is no rule of this chapter"),
        (lambda p, g: Flat(p, adam, lr=0.1, beta=0.9), r"adam has the options \['beta1'"),
        (lambda p, g: Flat(p, adam, lr=0.1).step({"W": g["b"], "b": g["b"]}), "gradient W has shape"),
        (lambda p, g: list(iterate_minibatches(p["W"], p["b"], 2, None)), r"as long as y \(3\)"),
        (lambda p, g: schedule(0, 1.0, "linear"), "'linear' with .* is not known"),
        (lambda p, g: schedule(0, 1.0, "step", every=3), "'step' with every, factor"),
    ],
)
def test_wrong_input_is_explained(call, message):
    params, gradients = problem()
    with pytest.raises((InputError, ShapeError), match=message):
        call(params, gradients[0])
