"""Right or wrong: values, kinks, precision, protocol."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autograder.checks.differences import Line, noise, slope, with_kink
from autograder.checks.errors import UsageError
from autograder.checks.gradcheck import agrees, gradcheck, tolerance

RNG = np.random.default_rng(7)
ARGS = {"X": RNG.normal(size=(3, 5)), "W": RNG.normal(size=(5, 2)), "b": RNG.normal(size=2)}
WRT = ("X", "W", "b")


def forward(X: Any, W: Any, b: Any) -> Any:
    h = np.tanh(X @ W + b)
    return h, (X, W, h)


def backward(dout: Any, cache: Any) -> Any:
    X, W, h = cache
    g = dout * (1 - h * h)
    return g @ W.T, X.T @ g, g.sum(axis=0)


def kinds(report: Any) -> set[str]:
    return {f.kind for f in report.findings}


def test_a_right_gradient_passes() -> None:
    report = gradcheck(forward, backward, ARGS, WRT)
    assert report.ok and report.status == "passed" and not report.findings
    assert max(report.errors.values()) < 1e-9
    assert report.calls < 400


@pytest.mark.parametrize("off", [2.0, -1.0, 1.01, 1 + 1e-4, 1 + 1e-6])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_wrong_factor_is_seen_however_small(off: float, which: int) -> None:
    def wrong(dout: Any, cache: Any) -> Any:
        g = list(backward(dout, cache))
        g[which] = g[which] * off
        return g

    report = gradcheck(forward, wrong, ARGS, WRT)
    assert report.status == "failed"
    assert [f.argument for f in report.findings] == [WRT[which]]
    assert report.worst.argument == WRT[which]


def test_one_wrong_entry_is_found_and_named() -> None:
    def wrong(dout: Any, cache: Any) -> Any:
        dX, dW, db = backward(dout, cache)
        dW = dW.copy()
        dW[3, 1] *= 1.01
        return dX, dW, db

    report = gradcheck(forward, wrong, ARGS, WRT)
    assert not report.ok and report.worst.index == (3, 1)
    assert "1 of 10 entries" in report.findings[0].text
    assert "dW[3, 1]" in str(report)


def test_float32_is_judged_at_its_own_precision() -> None:
    single = {k: v.astype(np.float32) for k, v in ARGS.items()}
    assert gradcheck(forward, backward, single, WRT).ok

    def inside(X: Any, W: Any, b: Any) -> Any:
        return forward(X.astype(np.float32), W.astype(np.float32), b.astype(np.float32))

    assert gradcheck(inside, backward, ARGS, WRT).ok
    assert not gradcheck(inside, lambda d, c: [1.01 * g for g in backward(d, c)], ARGS, WRT).ok


def test_odd_storage_is_no_error() -> None:
    odd = {
        "X": np.asfortranarray(ARGS["X"]),
        "W": np.repeat(ARGS["W"], 2, axis=1)[:, ::2],
        "b": ARGS["b"].copy(),
    }
    odd["b"].flags.writeable = False
    assert gradcheck(forward, backward, odd, WRT).ok


def test_numbers_and_0d_arrays() -> None:
    assert gradcheck(lambda x: (x**3, x), lambda d, x: 3 * x**2 * d, {"x": 1.3}, ["x"]).ok
    assert gradcheck(lambda x: (x**3, x), lambda d, x: 3 * x**2 * d, {"x": np.array(1.3)}, "x").ok
    assert not gradcheck(lambda x: (x**3, x), lambda d, x: 2 * x**2 * d, {"x": np.array(1.3)}, "x").ok


def test_a_loss_has_no_upstream_gradient() -> None:
    assert gradcheck(
        lambda x: (float(np.sum(x**2)), x), lambda d, x: 2 * x * d, {"x": ARGS["X"]}, "x", loss=True
    ).ok


def test_backward_without_a_cache() -> None:
    assert gradcheck(lambda x: 3 * x, lambda d: 3 * d, {"x": ARGS["X"]}, "x").ok


def test_a_dict_of_parameters() -> None:
    def f(X: Any, params: Any) -> Any:
        return X @ params["W"] + params["b"], (X, params)

    def b(dout: Any, cache: Any) -> Any:
        X = cache[0]
        return {"b": dout.sum(0), "W": X.T @ dout}

    args = {"X": ARGS["X"], "params": {"W": ARGS["W"], "b": ARGS["b"]}}
    assert gradcheck(f, b, args, ["params"]).ok
    assert not gradcheck(f, lambda d, c: {**b(d, c), "b": d.mean(0)}, args, ["params"]).ok


def test_methods_of_an_object() -> None:
    class Layer:
        def forward(self, x: Any) -> Any:
            return np.tanh(x), x

        def backward(self, dout: Any, x: Any) -> Any:
            return dout / np.cosh(x) ** 2

    layer = Layer()
    assert gradcheck(layer.forward, layer.backward, {"x": ARGS["X"]}, "x").ok


@pytest.mark.parametrize("scale", [1e-8, 1e-4, 1e4, 1e8])
def test_the_size_of_the_numbers_does_not_matter(scale: float) -> None:
    args = {"X": ARGS["X"] * scale, "W": ARGS["W"] / scale, "b": ARGS["b"]}
    assert gradcheck(forward, backward, args, WRT).ok
    assert not gradcheck(forward, lambda d, c: [1.001 * g for g in backward(d, c)], args, WRT).ok


def relu(x: Any) -> Any:
    return np.maximum(x, 0), x


@pytest.mark.parametrize("at_zero", [0.0, 0.5, 1.0])
def test_at_a_kink_any_value_between_the_slopes_is_right(at_zero: float) -> None:
    x = np.array([0.0, 1.0, -1.0, 0.0])
    report = gradcheck(relu, lambda d, x: d * np.where(x == 0, at_zero, x > 0), {"x": x}, "x")
    assert report.ok, str(report)
    assert report.kinks == [] if at_zero == 0.5 else len(report.kinks) == 2


@pytest.mark.parametrize("at_zero", [-0.3, 1.5])
def test_at_a_kink_a_value_outside_the_slopes_is_wrong(at_zero: float) -> None:
    x = np.array([0.0, 1.0, -1.0])
    assert not gradcheck(relu, lambda d, x: d * np.where(x == 0, at_zero, x > 0), {"x": x}, "x").ok


@pytest.mark.parametrize("near", [1e-3, 1e-5, 1e-6, 1e-7])
def test_a_kink_close_by_does_no_harm(near: float) -> None:
    x = np.array([near, -near, 1.0])
    assert gradcheck(relu, lambda d, x: d * (x > 0), {"x": x}, "x").ok
    assert not gradcheck(relu, lambda d, x: d * 2.0 * (x > 0), {"x": x}, "x").ok


def test_randomness_is_frozen() -> None:
    rng = np.random.default_rng(0)

    def dropout(X: Any) -> Any:
        mask = (rng.random(X.shape) < 0.5) / 0.5
        return X * mask, mask

    assert gradcheck(dropout, lambda d, mask: d * mask, {"X": ARGS["X"]}, "X").ok
    given = {"X": ARGS["X"], "gen": np.random.default_rng(1)}

    def with_generator(X: Any, gen: Any) -> Any:
        mask = gen.random(X.shape) < 0.5
        return X * mask, mask

    assert gradcheck(with_generator, lambda d, mask: d * mask, given, "X").ok


@pytest.mark.parametrize(
    ("broken_forward", "broken_backward", "kind", "words"),
    [
        (lambda X, W, b: forward(X, W, b) if X.__imul__(2) is not None else None, backward, "mutation", "changes its argument X"),
        (forward, lambda d, c: backward(d.__imul__(1.5), c), "mutation", "upstream"),
        (forward, lambda d, c: backward(d, c)[:2], "count", "2 gradients, expected 3"),
        (forward, lambda d, c: None, "none", "None"),
        (forward, lambda d, c: (None, *backward(d, c)[1:]), "none", "dX is None"),
        (forward, lambda d, c: (backward(d, c)[0].T, *backward(d, c)[1:]), "shape", "(5, 3)"),
        (forward, lambda d, c: (backward(d, c)[0] * np.nan, *backward(d, c)[1:]), "nan", "nan or inf"),
        (forward, lambda d, c: 1 / 0, "error", "ZeroDivisionError"),
        (lambda X, W, b: None, backward, "none", "forward returns None"),
        (lambda X, W, b: (np.full(2, np.inf), 0), backward, "nan", "nan or inf"),
        (lambda X, W, b: ("h", 0), backward, "type", "array"),
        (lambda X, W, b: X @ X, backward, "error", "forward raises"),
        (forward, lambda d, c: (np.ones((3, 5)), *backward(d, c)[1:]), "upstream", "zero upstream"),
    ],
)  # fmt: skip
def test_the_protocol_comes_before_the_numbers(
    broken_forward: Any, broken_backward: Any, kind: str, words: str
) -> None:
    report = gradcheck(broken_forward, broken_backward, ARGS, WRT)
    assert report.status == "failed" and kind in kinds(report)
    assert any(words in f.text for f in report.findings), [f.text for f in report.findings]


def test_gradients_that_pile_up_from_call_to_call() -> None:
    total = {"W": 0.0}

    def piling(dout: Any, cache: Any) -> Any:
        dX, dW, db = backward(dout, cache)
        total["W"] = total["W"] + dW
        return dX, total["W"], db

    report = gradcheck(forward, piling, ARGS, WRT)
    assert "repeatability" in kinds(report)
    assert "not zeroed" in " ".join(f.text for f in report.findings)


def test_a_cache_outside_of_the_call() -> None:
    held = {}

    def f(X: Any, W: Any, b: Any) -> Any:
        out, held["cache"] = forward(X, W, b)
        return out, ()

    report = gradcheck(f, lambda d, c: backward(d, held["cache"]), ARGS, WRT)
    assert kinds(report) == {"stale"}


def test_a_forward_that_is_not_repeatable() -> None:
    counter = iter(range(1000))
    report = gradcheck(lambda x: (x * next(counter), x), lambda d, x: d, {"x": ARGS["X"]}, "x")
    assert "repeatability" in kinds(report)


def test_half_precision_inside_is_not_called_wrong() -> None:
    def rough(x: Any) -> Any:
        return np.asarray(x * x, dtype=np.float16), x

    report = gradcheck(rough, lambda d, x: 2 * d * x, {"x": ARGS["X"]}, "x")
    assert report.status in ("inconclusive", "passed"), str(report)


def test_wrong_use_is_said() -> None:
    with pytest.raises(UsageError, match="not in args"):
        gradcheck(forward, backward, ARGS, ("V",))


def test_noise_of_a_smooth_function_is_a_few_ulps() -> None:
    level = noise(Line(lambda t: float(np.sin(1 + t))))
    assert 1e-18 < level < 1e-15


def test_noise_reveals_float32_inside() -> None:
    level = noise(Line(lambda t: float(np.float32(np.sin(1 + t)))))
    assert 1e-9 < level < 1e-6


def test_slope_of_a_smooth_function() -> None:
    phi = Line(lambda t: float(np.exp(2 * t)))
    s = slope(phi, noise(phi))
    assert abs(s.value - 2) < 10 * s.error < 1e-8


def test_slopes_on_both_sides_of_a_kink() -> None:
    phi = Line(lambda t: abs(t) + 2 * t)
    s = with_kink(phi, noise(phi), slope(phi, noise(phi)))
    assert s.kink and s.left == pytest.approx(1) and s.right == pytest.approx(3)


def test_tolerance_follows_precision() -> None:
    ref = np.array([1.0, 1e-3])
    assert tolerance(ref) < 1e-12
    assert 1e-6 < tolerance(ref, ref.astype(np.float32)) < 1e-3
    assert agrees(ref, ref * (1 + 1e-15)) and not agrees(ref, ref * (1 + 1e-9))
    assert agrees(np.full(3, 1 / 3), np.full(3, np.float32(1 / 3))) and not agrees(ref, ref[:1])
