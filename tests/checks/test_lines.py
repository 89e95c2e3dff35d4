"""In which line of a student's function the mistake is, and that no line is said where none can be told."""

from typing import Any

import numpy as np
import pytest

from autograder.checks.explain import explain, explain_forward
from autograder.checks.linetrace import record_lines
from autograder.checks.trace import first_seen

WRT = ("X", "W", "V")
SIZES = (2, 3, 5, 7)


def two_layers(ops: Any, X: Any, W: Any, V: Any) -> Any:
    return ops.tanh(X @ W) @ V


def draw(rng: np.random.Generator) -> dict[str, Any]:
    n, d, h, c = (int(s) for s in rng.permutation(SIZES))
    return {"X": rng.normal(size=(n, d)), "W": rng.normal(size=(d, h)), "V": rng.normal(size=(h, c))}


def forward(X: Any, W: Any, V: Any) -> Any:
    A = np.tanh(X @ W)
    return A @ V, (X, W, V, A)


def line_of(backward: Any) -> int | None:
    """How many lines below its head the mistake in a backward function is found."""
    why = explain(forward, backward, two_layers, draw, WRT)
    assert why.text
    return None if why.line is None else why.line - backward.__code__.co_firstlineno


def test_a_right_quantity_under_another_name_is_the_mistake_not_what_is_formed_with_it() -> None:
    def wrong(dY: Any, cache: Any) -> Any:
        X, W, V, A = cache
        dA = dY @ V.T
        dV = A.T @ dY
        dZ = dA
        dX = dZ @ W.T
        return dX, X.T @ dZ, dV

    assert line_of(wrong) == 4


def test_a_local_derivative_in_the_place_of_a_gradient_is_found_where_it_is_put_there() -> None:
    def wrong(dY: Any, cache: Any) -> Any:
        X, W, _, A = cache
        dZ = 1 - A**2
        dV = A.T @ dY
        dX = dZ @ W.T
        return dX, X.T @ dZ, dV

    assert line_of(wrong) == 2


def test_a_factor_is_found_where_it_comes_in_not_where_the_tape_has_its_first_wrong_gradient() -> None:
    def wrong(dY: Any, cache: Any) -> Any:
        X, W, V, A = cache
        dA = 2 * dY @ V.T
        dV = A.T @ dY
        dZ = dA * (1 - A**2)
        return dZ @ W.T, X.T @ dZ, dV

    assert line_of(wrong) == 2


def test_sums_of_right_parts_are_not_strange() -> None:
    def wrong(dY: Any, cache: Any) -> Any:
        X, W, V, A = cache
        dZ = dY @ V.T * (1 - A**2)
        dW = np.zeros_like(W)
        for n in range(len(X)):
            dW += np.outer(X[n], dZ[n])
        dV = A.T @ dY
        return dZ @ W.T, dW, np.cos(dV)

    assert line_of(wrong) == 7


def test_what_is_put_into_a_variable_of_zeros_is_wrong_there_not_where_it_is_returned() -> None:
    def wrong(dY: Any, cache: Any) -> Any:
        _, W, V, A = cache
        dW = np.zeros_like(W)
        dV = A.T @ dY
        dZ = dY @ V.T * (1 - A**2)
        dX = dZ @ W.T
        return dX, dW, dV

    assert line_of(wrong) == 2


def test_an_upstream_gradient_under_another_name_is_wrong_where_it_gets_it() -> None:
    def layer(ops: Any, X: Any, b: Any) -> Any:
        return 2 * X + b

    def wrong(dY: Any, cache: Any) -> Any:
        db = dY
        dX = 2 * dY
        return dX, db

    why = explain(
        lambda X, b: (2 * X + b, (X, b)), wrong, layer,
        lambda rng: {"X": rng.normal(size=(int(rng.integers(2, 6)), 7)), "b": rng.normal(size=7)}, ("X", "b"),
    )  # fmt: skip
    assert why.names == ("b",) and why.line == wrong.__code__.co_firstlineno + 1


def test_no_line_is_said_where_all_results_are_zero() -> None:
    def wrong(dY: Any, cache: Any) -> Any:
        X, W, V, A = cache
        dZ = 0 * A
        dV = 0 * V
        dX = dZ @ W.T
        return dX, X.T @ dZ, dV

    assert line_of(wrong) is None


def test_a_gradient_that_forward_forms_is_looked_for_there() -> None:
    def loss(ops: Any, X: Any, t: Any) -> Any:
        return ops.sum((X - t) ** 2) / 2

    def formed(X: Any, t: Any) -> Any:
        d = X - t
        value = (d**2).sum() / 2
        wrong = np.cos(d)
        return value, wrong

    why = explain(
        formed, lambda dout, d: dout * d, loss,
        lambda rng: {"X": rng.normal(size=(int(rng.integers(2, 6)), 7)), "t": rng.normal(size=7)}, ("X",), loss=True,
    )  # fmt: skip
    assert why.line == formed.__code__.co_firstlineno + 3


def test_a_wrong_helper_is_the_place_although_its_value_is_known_from_elsewhere() -> None:
    def tanh(z: Any) -> Any:
        return np.exp(-np.abs(z))

    def wrong(X: Any, W: Any, V: Any) -> Any:
        A = tanh(X @ W)
        return A @ V

    drawn = [draw(np.random.default_rng(k)) for k in range(3)]
    trace = record_lines(wrong, drawn[0])[1]
    why = explain_forward(two_layers, [(args, wrong(**args)) for args in drawn], trace=trace)
    assert why.text and why.line == tanh.__code__.co_firstlineno + 1


def test_of_a_wrong_value_that_grows_in_a_loop_no_line_is_said() -> None:
    def wrong(x: Any) -> Any:
        rate = 0.3
        for _ in range(4):
            x = x - rate * x
        return x

    x = np.array([1.0, 2.0])
    assert first_seen(wrong(x), record_lines(wrong, [x])[1]) is None


@pytest.mark.parametrize(
    "name", ["", "return of ", "return of f", "return of f:", "return of f:9", ")", "return of <x>:2"]
)
def test_odd_names_in_a_trace_are_no_harm(name: str) -> None:
    trace = [
        (9, name, np.arange(3.0)),
        (10, name, "text"),
        (11, name, np.array(["a"])),
        (12, name, np.arange(3.0)),
    ]
    assert first_seen(np.arange(3.0), trace) in (None, 9)  # type: ignore[arg-type]
    assert first_seen(np.ones(2), trace) is None  # type: ignore[arg-type]


def test_a_second_name_of_an_argument_is_recorded_and_what_is_unpacked_is_not() -> None:
    def f(x: Any, cache: Any) -> Any:
        _, b = cache
        y = x
        return y, [b, 3]

    x, cache = np.ones(3), (np.zeros(2), np.arange(2.0))
    first = f.__code__.co_firstlineno
    names = [(line - first, name) for line, name, _ in record_lines(f, [x, cache])[1]]
    returned = f"return of f:{first}"
    assert names == [(2, "y"), (3, f"{returned}[0]"), (3, f"{returned}[1][0]"), (3, f"{returned}[1][1]")]
