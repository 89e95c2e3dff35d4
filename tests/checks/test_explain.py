"""Diagnosis: the name, the sentence, the evidence, the line; and silence where nothing is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autograder.checks import misconceptions
from autograder.checks.cases import Case
from autograder.checks.diagnosis import joined
from autograder.checks.errors import UsageError
from autograder.checks.explain import explain, explain_arrays, explain_forward
from autograder.checks.linetrace import record_lines
from autograder.checks.quantities import quantities
from autograder.checks.search import search
from autograder.checks.tape import record
from autograder.checks.trace import first_seen, locate

WRT = ("X", "W", "b")


def layer(ops: Any, X: Any, W: Any, b: Any) -> Any:
    Z = X @ W + b
    return ops.tanh(Z)


def draw(rng: np.random.Generator) -> dict[str, Any]:
    n, d, m = (int(p) for p in rng.permutation([2, 3, 5, 7])[:3])
    return {"X": rng.normal(size=(n, d)), "W": rng.normal(size=(d, m)), "b": rng.normal(size=m)}


def forward(X: Any, W: Any, b: Any) -> Any:
    h = np.tanh(X @ W + b)
    return h, (X, W, h)


def backward(dout: Any, cache: Any) -> Any:
    X, W, h = cache
    g = dout * (1 - h**2)
    dW = X.T @ g
    db = g.sum(axis=0)
    return g @ W.T, dW, db


def instances(change: Any, count: int = 3, seed: int = 0) -> list[Any]:
    """(args, dout, gradients) with the right gradients changed by `change(grads, args, dout)`."""
    found = []
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        args = draw(rng)
        tape = record(layer, args, WRT)
        dout = rng.normal(size=tape.out.shape)
        found.append((args, dout, change(tape.backward(dout), args, dout)))
    return found


def test_nothing_is_said_about_a_right_pair() -> None:
    why = explain(forward, backward, layer, draw, WRT)
    assert why.text == "" and why.ids == [] and not why


def test_name_sentence_evidence_line_and_hints() -> None:
    def wrong(dout: Any, cache: Any) -> Any:
        X, W, h = cache
        g = dout * (1 - h**2)
        dW = X.T @ g
        db = g.mean(axis=0)
        return g @ W.T, dW, db

    why = explain(forward, wrong, layer, draw, WRT)
    assert why.ids == ["M07"]
    assert why.text.startswith("db is averaged over the batch")
    assert "expected" in why.evidence and why.evidence.startswith("db[")
    assert why.line == wrong.__code__.co_firstlineno + 4
    assert len(why.hints) == 3 and all(h.endswith((".", "?")) for h in why.hints)


def test_an_explanation_has_to_hold_on_every_instance() -> None:
    data = instances(lambda g, a, d: {**g, "b": g["b"] * 3.0})
    assert explain_arrays(layer, WRT, data).text.startswith("db is 3 times")
    moved = [(a, d, {**g, "b": g["b"] * (1 + k)}) for k, (a, d, g) in enumerate(data)]
    why = explain_arrays(layer, WRT, moved)
    assert why.ids == [] and "no mistake that is known" in why.text


def test_every_wrong_argument_gets_its_own_explanation() -> None:
    why = explain_arrays(layer, WRT, instances(lambda g, a, d: {"X": -g["X"], "W": g["W"].T, "b": g["b"]}))
    assert set(why.ids) == {"M01", "M06"}
    assert "dX has the wrong sign" in why.text and "dW is transposed" in why.text


def test_only_asks_about_some_arguments() -> None:
    data = instances(lambda g, a, d: {"X": -g["X"], "W": g["W"].T, "b": g["b"]})
    assert explain_arrays(layer, WRT, data, only=("W",)).ids == ["M06"]
    assert explain_arrays(layer, WRT, data, only=("b",)).text == ""


def test_two_mistakes_at_once() -> None:
    def both(g: Any, a: Any, d: Any) -> Any:
        return {**g, "W": -2.0 * (a["X"].T @ d)}

    why = explain_arrays(layer, WRT, instances(both))
    assert "M12" in why.ids and {"M01", "M03"} & set(why.ids)


def test_an_unknown_mistake_is_told_as_unknown() -> None:
    why = explain_arrays(layer, WRT, instances(lambda g, a, d: {**g, "W": np.cos(g["W"])}))
    assert why.ids == [] and "no mistake that is known" in why.text and why.evidence


def test_what_cannot_be_told_apart_is_told_as_either_or() -> None:
    # two sites give the same gradient: the activation is missing in one of two equal branches
    def twice(ops: Any, x: Any) -> Any:
        return ops.tanh(x) + ops.tanh(x)

    data = []
    for k in range(3):
        x = np.random.default_rng(k).normal(size=4 + k)
        dout = np.random.default_rng(k + 9).normal(size=4 + k)
        data.append(({"x": x}, dout, {"x": dout * (1 + 1 - np.tanh(x) ** 2)}))
    assert explain_arrays(twice, ("x",), data).ids == ["M12"]


def test_gradients_that_are_no_numbers() -> None:
    assert "NoneType" in explain_arrays(layer, WRT, instances(lambda g, a, d: {**g, "W": None})).text
    why = explain_arrays(layer, WRT, instances(lambda g, a, d: {**g, "W": g["W"] * np.nan}))
    assert "nan" in why.evidence


def test_float32_gradients_are_compared_at_their_own_precision() -> None:
    single = instances(lambda g, a, d: {k: v.astype(np.float32) for k, v in g.items()})
    assert explain_arrays(layer, WRT, single).text == ""
    wrong = instances(lambda g, a, d: {k: (v * 2).astype(np.float32) for k, v in g.items()})
    assert explain_arrays(layer, WRT, wrong).ids == ["M03"]


def test_a_gradient_that_is_right_for_a_wrong_forward_is_charged_to_the_forward() -> None:
    def no_bias(X: Any, W: Any, b: Any) -> Any:
        h = np.tanh(X @ W)
        return h, (X, W, h)

    why = explain(no_bias, backward, layer, draw, WRT)
    assert why.ids == [] and why.text.startswith("The bias b is missing") and "dX" not in why.text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda h, a: -h, ["M01"]),
        (lambda h, a: h.T, ["M06"]),
        (lambda h, a: h * len(h), ["M02"]),
        (lambda h, a: np.tanh(a["X"] @ a["W"] - a["b"]), ["M01"]),
        (lambda h, a: a["X"] @ a["W"] + a["b"], []),
    ],
)
def test_a_wrong_value_is_explained(change: Any, expected: list[str]) -> None:
    data = []
    for k in range(3):
        args = draw(np.random.default_rng(k))
        data.append((args, change(record(layer, args).out, args)))
    why = explain_forward(layer, data)
    assert why.ids == expected and "no mistake that is known" not in why.text


def test_a_right_value_needs_no_explanation() -> None:
    args = draw(np.random.default_rng(0))
    assert explain_forward(layer, [(args, record(layer, args).out)]).text == ""


def test_overflow_is_named_when_inputs_are_large() -> None:
    Z = np.array([[1000.0, 0.0]])
    with np.errstate(all="ignore"):
        got = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    assert explain_forward(lambda ops, Z: ops.softmax(Z), [({"Z": Z}, got)]).ids == ["M23"]


@pytest.mark.parametrize(
    ("broken", "words", "ids"),
    [
        (lambda d, c: backward(d.__imul__(2), c), "upstream", ["M25"]),
        (lambda d, c: backward(d, c)[:2], "2 gradients", []),
        (lambda d, c: c.nothing, "AttributeError", []),
    ],
)
def test_a_broken_protocol_is_the_diagnosis(broken: Any, words: str, ids: list[str]) -> None:
    why = explain(forward, broken, layer, draw, WRT)
    assert words in why.text and why.ids == ids


def test_gradients_that_pile_up() -> None:
    total = [0.0]

    def piling(dout: Any, cache: Any) -> Any:
        dX, dW, db = backward(dout, cache)
        total[0] = total[0] + db
        return dX, dW, total[0]

    assert explain(forward, piling, layer, draw, WRT).ids == ["M16"]


def test_no_instances_is_an_error_of_the_caller() -> None:
    with pytest.raises(UsageError):
        explain_arrays(layer, WRT, [])
    with pytest.raises(UsageError):
        explain_forward(layer, [])


def test_a_search_returns_candidates_that_fit() -> None:
    data = instances(lambda g, a, d: {**g, "b": d.sum(axis=0)})
    cases = [Case(record(layer, a, WRT), d, g) for a, d, g in data]
    found = search(cases, frozenset({"b"}))
    assert found and any(c.ids == ("M12",) for c in found)


def test_lines_are_recorded_with_what_they_computed() -> None:
    def f(x: Any) -> Any:
        y = x * 2
        for _ in range(2):
            y = y + 1
        return y

    result, lines = record_lines(f, [np.ones(3)])
    first = f.__code__.co_firstlineno
    assert np.array_equal(result, np.full(3, 4.0))
    assert [(line - first, name, value[0]) for line, name, value in lines[:3]] == [
        (1, "y", 2.0),
        (3, "y", 3.0),
        (3, "y", 4.0),
    ]


def test_a_change_in_place_is_recorded() -> None:
    def f(x: Any) -> Any:
        x += 1
        return x

    _, lines = record_lines(f, {"x": np.zeros(2)})
    assert lines[0][1] == "x" and lines[0][2][0] == 1.0


def test_the_line_of_the_mistake() -> None:
    def wrong(dout: Any, cache: Any) -> Any:
        X, W, h = cache
        g = dout * (1 - h)
        return g @ W.T, X.T @ g, g.sum(axis=0)

    args = draw(np.random.default_rng(1))
    out, cache = forward(**args)
    dout = np.random.default_rng(2).normal(size=out.shape)
    got, lines = record_lines(wrong, (dout, cache))
    tape = record(layer, args, WRT)
    known = quantities(tape, dout, dict(zip(WRT, got)))
    assert locate(known, lines) == wrong.__code__.co_firstlineno + 2
    assert locate(known, record_lines(backward, (dout, cache))[1]) is None


def line_of(wrong: Any, forwards: Any = forward) -> int | None:
    """How many lines below its head the mistake in a backward function is found."""
    why = explain(forwards, wrong, layer, draw, WRT)
    assert why.text
    return None if why.line is None else why.line - wrong.__code__.co_firstlineno


def test_a_right_quantity_in_the_wrong_place_is_wrong_where_it_is_returned() -> None:
    def wrong(dout: Any, cache: Any) -> Any:
        X, _, h = cache
        g = dout * (1 - h**2)
        dW = X.T @ g
        db = g.sum(axis=0)
        return g, dW, db

    assert line_of(wrong) == 5


def test_a_sum_that_starts_from_ones_is_wrong_where_it_starts() -> None:
    def wrong(dout: Any, cache: Any) -> Any:
        X, W, h = cache
        dW = np.ones_like(W)
        g = dout * (1 - h**2)
        dW += X.T @ g
        return g @ W.T, dW, g.sum(axis=0)

    assert line_of(wrong) == 2


def test_an_array_that_is_filled_row_by_row_is_not_wrong_before_it_is_full() -> None:
    def wrong(dout: Any, cache: Any) -> Any:
        X, W, h = cache
        g, dX = dout * (1 - h**2), np.empty(X.shape)
        dX.fill(0.5)
        for n in range(len(X)):
            dX[n] = W @ g[n]
        return dX, X.T @ g, np.cos(g).sum(axis=0)

    assert line_of(wrong) == 6


def test_what_is_handed_to_a_helper_is_wrong_where_the_helper_is_called() -> None:
    def slope(h: Any) -> Any:
        return 1 - h**2

    def wrong(dout: Any, cache: Any) -> Any:
        X, W, h = cache
        good = slope(h)
        g = dout * slope(np.cos(h))
        return g @ W.T, X.T @ g, (dout * good).sum(axis=0)

    assert line_of(wrong) == 3


@pytest.mark.parametrize("formula", ["tanh(z)**2 - 1", "ones_like(z)", "float(1)", "1 - tanh(z)"])
def test_a_helper_that_returns_a_wrong_derivative_is_where_the_mistake_is(formula: str) -> None:
    def d_tanh(z: Any) -> Any:
        return eval(formula, {"z": z, **vars(np), "float": float})

    def wrong(dout: Any, z: Any) -> Any:
        return dout * d_tanh(z)

    why = explain(
        lambda z: (np.tanh(z), z), wrong, lambda ops, z: ops.tanh(z),
        lambda rng: {"z": rng.normal(size=(int(rng.integers(2, 6)), 7))}, ("z",),
    )  # fmt: skip
    assert why.text and why.line == d_tanh.__code__.co_firstlineno + 1


def test_a_helper_that_is_right_elsewhere_is_not_where_the_mistake_is() -> None:
    def sigmoid(a: Any) -> Any:
        return 1 / (1 + np.exp(-a))

    def neuron(x: Any) -> Any:
        once = sigmoid(x.sum())
        return sigmoid(once)

    drawn = [{"x": np.random.default_rng(k).normal(size=3 + k)} for k in range(3)]
    trace = record_lines(neuron, drawn[0])[1]
    why = explain_forward(
        lambda ops, x: ops.sigmoid(ops.sum(x)), [(a, neuron(**a)) for a in drawn], trace=trace
    )
    assert why.line == neuron.__code__.co_firstlineno + 2


def test_a_wrong_value_is_found_in_a_loop_and_where_it_stops_being_finite() -> None:
    def value(X: Any, W: Any, b: Any) -> Any:
        rows = []
        for x in X:
            rows.append(np.tanh(x @ W))
        return np.array(rows)

    args = draw(np.random.default_rng(3))
    got, lines = record_lines(value, args)
    assert first_seen(got, lines) == value.__code__.co_firstlineno + 4
    assert first_seen(np.array([np.nan]), [(3, "a", np.ones(2)), (5, "b", np.array([1.0, np.inf]))]) == 5
    assert first_seen(object(), lines) is None and first_seen(np.array([1j]), lines) is None


def test_the_trace_of_another_process_will_do() -> None:
    args = draw(np.random.default_rng([0, 0]))
    dout = np.random.default_rng(5).normal(size=record(layer, args).out.shape)
    tape = record(layer, args, WRT)
    got = tape.backward(dout)
    got["b"] = got["b"] * 2
    data = [(args, dout, got), *instances(lambda g, a, d: {**g, "b": g["b"] * 2}, seed=4)]
    assert explain_arrays(layer, WRT, data, trace=[(17, "db", got["b"])]).line == 17


def test_every_misconception_is_complete() -> None:
    catalogue = misconceptions.catalogue()
    assert list(catalogue) == sorted(catalogue, key=lambda k: (int(k[1:3]), k)) or set(catalogue) >= {"M07b"}
    assert set(catalogue) == {f"M{k:02d}" for k in range(1, 56)} | {"M07b"}
    for entry in catalogue.values():
        assert entry.say(q="dW").endswith(".") and len(entry.hint(q="dW")) == 3
        assert "{" not in entry.say(q="dW").replace("{t−1}", "") and entry.step.startswith("D")
        assert entry.assignments and all(a[0] == "A" for a in entry.assignments)
        assert all(alias in catalogue for alias in entry.aliases)


def test_evidence_is_shown_only_when_its_numbers_are_known() -> None:
    assert misconceptions.get("M01").show(q="dW") == ""
    assert "dW[0] is 1" in misconceptions.get("M12").show(q="dW", i="[0]", got=1, want=2)


def test_joined_words() -> None:
    assert [joined(w) for w in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
