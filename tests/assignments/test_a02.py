"""A02: known mistakes lose marks where they should and nowhere else; odd values cannot break a check."""

import re

import numpy as np
import pytest

from autograder.assignments.a02 import derivations, models, written
from autograder.checks.derivation import check_derivation
from autograder.checks.local import LocalSubject
from autograder.checks.run import Draws, run_entry
from autograder.checks.tape import record
from autograder.sample import read_sample

from .source import KIT, source

NAME = "A02-backprop-by-hand"

# name -> (answer cell, text, replacement, points that are left of the test cells concerned, diagnosis)
MUTANTS = {
    "the sign of dZ": ("softmax-ce", "dZ / len(y)", "-dZ / len(y)", {"softmax-ce": 3}, "M01"),
    "dW divided by N": ("affine-backward", "X.T @ dY,", "X.T @ dY / len(X),", {"affine-backward": 3.5}, "M02"),
    "the difference over h": ("numeric-grad", "/ (2 * h)", "/ h", {"numeric-grad": 1.5}, "M54"),
    "a loss in bits": ("softmax-ce", "-np.mean(", "-np.mean(1 / np.log(2) * ", {"softmax-ce": 3.5}, "M04"),
    "a mean over all elements": (
        "softmax-ce", "-np.mean(log_p[rows, y])", "-np.sum(log_p[rows, y]) / Z.size", {"softmax-ce": 3.5}, "M05",
    ),
    "dW transposed": ("affine-backward", "X.T @ dY", "dY.T @ X", {"affine-backward": 3.5}, "M06"),
    "db not summed": ("affine-backward", "dY.sum(axis=0)", "dY", {"affine-backward": 4}, "M07"),
    "db over the wrong axis": ("affine-backward", "dY.sum(axis=0)", "dY.sum(axis=1)", {"affine-backward": 4}, "M09"),
    "sigmoid' at the output": (
        "act-backward", "slope(Z)", "slope(sigmoid(Z) if name == 'sigmoid' else Z)", {"act-backward": 2}, "M11",
    ),
    "tanh' forgotten": ("act-backward", "slope(Z)", "(1 if name == 'tanh' else slope(Z))", {"act-backward": 2}, "M12"),
    "the upstream gradient ignored": ("act-backward", "dA * slope(Z)", "slope(Z)", {"act-backward": 0}, "M13"),
    "twice the gradient": ("act-backward", "dA * slope(Z)", "2 * dA * slope(Z)", {"act-backward": 0}, "M03"),
    "the gradient from above ignored": (
        "mlp-backward", "act_backward(dZ, act_cache)", "act_backward(np.ones_like(dZ), act_cache)", {"mlp-backward": 3}, "M13",
    ),
    "g_alpha transposed": ("nn-backward", 'np.outer(da, o["x"])', 'np.outer(o["x"], da)', {"nn-backward": 2}, "M06"),
    "alpha moved first": (
        "sgd-train",
        "alpha = alpha - gamma * g_alpha\n",
        "alpha = alpha - gamma * g_alpha\n            g_beta = nn_backward(x, y, alpha, beta, nn_forward(x, y, alpha, beta))[1]\n",
        {"sgd-train": 2.5},
        "M17",
    ),
    "the slope of the hidden units forgotten": (
        "nn-backward", "beta[1:] * z * (1 - z)", "beta[1:]", {"nn-backward": 2}, "M12",
    ),
    "one-hot at the wrong index": ("softmax-ce", "dZ[rows, y] -= 1", "dZ[rows, y - 1] -= 1", {"softmax-ce": 3}, "M21"),
    "softmax twice": (
        "softmax-ce", "log_p = log_softmax(Z)", "log_p = log_softmax(softmax(Z))", {"softmax-ce": 3.5}, "M22",
    ),
    "overflow": (
        "softmax-ce",
        "log_p = log_softmax(Z)",
        "np.seterr(all='ignore'); log_p = np.log(np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True))",
        {"softmax-ce": 4},
        "M23",
    ),
    "an argument written into": ("affine-forward", "return X", "X -= 1; X += 1; b += 1; return X", {"affine-forward": 0}, ""),
    "upstream written into": (
        "affine-backward", "X, W = cache\n", "X, W = cache\n    dY *= 1.0; dY[0] += 0; dY += 1; dY -= 1\n", {"affine-backward": 4.5}, "M25",
    ),
    "integers stay integers": (
        "numeric-grad", "np.array(x, dtype=float)\n    grad = np.zeros_like(x)", "np.array(x)\n    grad = np.zeros(x.shape)",
        {"numeric-grad": 2.5}, "M26",
    ),
    "x not put back": ("numeric-grad", "        x[i] = kept\n", "", {"numeric-grad": 1.5}, "M54"),
    "x of the caller moved": (
        "numeric-grad", "x = np.array(x, dtype=float)", "x = np.asarray(x, dtype=float)", {}, "",
    ),
    "h ignored": ("numeric-grad", "    x = np.array(x", "    h = 1e-5\n    x = np.array(x", {"numeric-grad": 1.5}, "M54"),
    "h far too small": ("numeric-grad", "    x = np.array(x", "    h = h * 1e-8\n    x = np.array(x", {"numeric-grad": 0}, "M54"),
    "an absolute error": ("gradcheck-report", "np.abs(g - n).max() / size", "np.abs(g - n).max()", {"gradcheck-report": 1}, "M55"),
    "zero divided by zero": (
        "gradcheck-report", "if size > 0 else 0.0", "if size > 0 else float('nan')", {"gradcheck-report": 2.5}, "",
    ),
    "an activation after the last layer": (
        "mlp-forward", "return Z, caches", "return act_forward(Z, act)[0], caches", {"mlp-forward": 0}, "",
    ),
    "an activation too many in the cache": ("mlp-forward", "if k < L:", "if k <= L:", {"mlp-backward": 0}, ""),
    "the bias of the last layer forgotten": (
        "mlp-forward", 'params[f"b{k}"])', 'params[f"b{k}"] * (k < L))', {"mlp-forward": 0}, "",
    ),
    "no biases": ("mlp-forward", 'params[f"b{k}"])', '0 * params[f"b{k}"])', {"mlp-forward": 0}, ""),
    "always tanh": ("mlp-forward", "act_forward(Z, act)", 'act_forward(Z, "tanh")', {"mlp-forward": 0.5}, ""),
    "J without its minus": ("nn-forward", '"J": -(', '"J": (', {"nn-forward": 2.25}, "M01"),
    "no 1 in front of z": (
        "nn-forward", "z = np.concatenate([[1.0], sigmoid(a)])", "z = np.concatenate([[0.0], sigmoid(a)])", {"nn-forward": 0}, "",
    ),
    "gradient ascent": ("sgd-train", "    def mean_J", "    gamma = -gamma\n\n    def mean_J", {"sgd-train": 2.5}, "M01"),
    "J summed": (
        "sgd-train", "J_train.append(mean_J(*data))", "J_train.append(mean_J(*data) * len(data[0]))", {"sgd-train": 3}, "M02",
    ),
    "beta moved first": (
        "sgd-train",
        "            alpha = alpha - gamma * g_alpha\n            beta = beta - gamma * g_beta\n",
        "            o = nn_forward(x, y, alpha, beta)\n            beta = beta - gamma * g_beta\n            alpha = alpha - gamma * nn_backward(x, y, alpha, beta, o)[0]\n",
        {"sgd-train": 2.5},
        "M17",
    ),
    "gradients that pile up": (
        "sgd-train",
        "    for _ in range(epochs):\n        for x, y in zip(*data):\n            g_alpha, g_beta = nn_backward(x, y, alpha, beta, nn_forward(x, y, alpha, beta))\n",
        "    total = [0.0, 0.0]\n    for _ in range(epochs):\n        for x, y in zip(*data):\n            g_alpha, g_beta = total = [a + b for a, b in zip(total, nn_backward(x, y, alpha, beta, nn_forward(x, y, alpha, beta)))]\n",
        {"sgd-train": 2.5},
        "M16",
    ),
    "steps twice too long": (
        "sgd-train", "    def mean_J", "    gamma = 2 * gamma\n\n    def mean_J", {"sgd-train": 2.5}, "M03",
    ),
    "steps divided by N": (
        "sgd-train", "    def mean_J", "    gamma = gamma / len(data[0])\n\n    def mean_J", {"sgd-train": 2.5}, "M02",
    ),
    "the test set is trained on": (
        "sgd-train", "in zip(*data):", "in [*zip(*data), *zip(*data_test)]:", {"sgd-train": 2.5}, "M53",
    ),
    "W not transposed where it is square": (
        "affine-backward",
        "dY @ W.T",
        "dY @ (W if W.shape[0] == W.shape[1] else W.T)",
        {"affine-backward": 3.5},
        "M18",
    ),
    "W not transposed where it is square, and db averaged": (
        "affine-backward",
        "dY @ W.T, X.T @ dY, dY.sum(axis=0)",
        "dY @ (W if W.shape[0] == W.shape[1] else W.T), X.T @ dY, dY.mean(axis=0)",
        {"affine-backward": 2.5},
        "M18",
    ),
    "dW of the last example": (
        "affine-backward",
        "    return dY @ W.T, X.T @ dY,",
        "    for x, d in zip(X, dY):\n        dW = np.outer(x, d)\n    return dY @ W.T, dW,",
        {"affine-backward": 3.5},
        "M14",
    ),
    "dA written into where relu is off": (
        "act-backward",
        "    return dA * slope(Z)",
        "    if name == 'relu':\n        dA[Z <= 0] = 0\n        return dA\n    return dA * slope(Z)",
        {"act-backward": 2.5},
        "M25",
    ),
    "the last layer has an activation, too": (
        "mlp-forward",
        "        if k < L:\n            A, act_cache = act_forward(Z, act)\n",
        "        Z, act_cache = A, _ = act_forward(Z, act)\n",
        {"mlp-forward": 0.0},
        "",
    ),
    "1 behind x instead of in front": ("nn-forward", "[[1.0], x]", "[x, [1.0]]", {"nn-forward": 0.0}, ""),
    "J of the training data twice": (
        "sgd-train", "J_test.append(mean_J(*data_test))", "J_test.append(mean_J(*data))", {"sgd-train": 3}, "",
    ),
}  # fmt: skip


def mutated(cell, old, new):
    text = source(NAME).answers[cell]
    assert old in text, f"{cell} holds no {old!r}"
    return {cell: text.replace(old, new, 1)}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mistake_costs_what_it_should_and_nothing_else(name):
    cell, old, new, left, diagnosis = MUTANTS[name]
    with np.errstate(all="ignore"):
        outcomes = source(NAME).grade("ada", mutated(cell, old, new))
    lost = {t.removeprefix("test-"): o.score for t, o in outcomes.items() if o.score < o.max_score}
    messages = {t: o.message for t, o in outcomes.items() if o.score < o.max_score}
    assert lost == pytest.approx(left), messages
    if diagnosis:
        assert diagnosis in outcomes[f"test-{cell}"].diagnosis, messages


# --- odd values -------------------------------------------------------------------------------------------------------


class Refuses:
    """Raises whatever is done to it."""

    def __getattr__(self, name):
        raise RuntimeError("no")

    def __array__(self, *args, **kwargs):
        raise RuntimeError("no")

    def __eq__(self, other):
        raise RuntimeError("no")

    __hash__ = None


ODD = {
    "None": None,
    "a string": "1.0",
    "nan": float("nan"),
    "a huge number": 10**400,
    "complex": np.array([1 + 2j, 3.0]),
    "objects": np.array([None, "x"], dtype=object),
    "an empty array": np.zeros((0, 3)),
    "a ragged list": [[1.0], [2.0, 3.0]],
    "a dict": {1: 2, None: 3},
    "a set": {1, 2},
    "an ellipsis": ...,
    "bytes": b"abc",
    "a function": len,
    "a generator": (i for i in range(3)),
    "something that refuses": Refuses(),
    "two Nones": (None, None),
    "three strings": ("a", "b", "c"),
    "four odd things": (Refuses(), [], {}, "x"),
    "nan arrays": (np.full((2, 2), np.nan), np.full((2, 2), np.nan)),
    "a very deep list": [[[[[[[[[[[[1]]]]]]]]]]]],
}
FUNCTIONS = sorted(n for e in source(NAME).table.entries.values() for n in e.defines)
TYPED = sorted(i for i, e in source(NAME).table.entries.items() if not e.defines)


def outcomes_with(names, **values):
    subject = LocalSubject({**names, **values})
    table = source(NAME).table
    draws = [Draws("ada"), Draws("ada", salt="s", hidden=True)]
    return {e.id: run_entry(table, e, 1, subject, draws) for e in table.entries.values()}


@pytest.fixture(scope="module")
def right_names():
    return source(NAME).namespace("ada")


@pytest.mark.parametrize("odd", ODD)
def test_functions_that_return_odd_things_earn_nothing_and_break_nothing(right_names, odd):
    with np.errstate(all="ignore"):
        outcomes = outcomes_with(right_names, **{name: lambda *a, **k: ODD[odd] for name in FUNCTIONS})
    for entry_id, outcome in outcomes.items():
        if source(NAME).table[entry_id].defines:
            assert outcome.score == 0, (entry_id, outcome.message)
            assert outcome.status in ("failed", "error", "not_run")
        else:
            assert outcome.score == outcome.max_score


@pytest.mark.parametrize("odd", ODD)
def test_odd_answers_earn_nothing_and_break_nothing(right_names, odd):
    variables = {i: re.sub(r"^(derivation|test)-", "", i).replace("-", "_") for i in TYPED}
    outcomes = outcomes_with(right_names, **{name: ODD[odd] for name in variables.values()})
    for entry_id in TYPED:
        assert outcomes[entry_id].score == 0, (entry_id, outcomes[entry_id].message)


@pytest.mark.parametrize("odd", ODD)
def test_odd_things_inside_answers_earn_nothing_and_break_nothing(right_names, odd):
    changed = {}
    for entry_id in TYPED:
        name = re.sub(r"^derivation-", "", entry_id).replace("-", "_")
        old = right_names[name]
        changed[name] = [ODD[odd]] * len(old) if isinstance(old, list) else dict.fromkeys(old, ODD[odd])
    outcomes = outcomes_with(right_names, **changed)
    for entry_id in TYPED:
        assert outcomes[entry_id].score == 0, (entry_id, outcomes[entry_id].message)


# --- the entries themselves -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("student", ("", "ada", "bao", "m-123456", "zoë"))
def test_numbers_of_the_locked_cells_are_those_of_the_entries(student):
    names = source(NAME).namespace(student)
    own, book, slides = (
        f(student) for f in (written.own_numbers, written.book_numbers, written.slide_numbers)
    )
    for key in ("x", "W1", "b1", "W2", "b2", "y"):
        assert np.array_equal(names[f"{key}_own"], own[key])
    for key in ("x", "W1", "W2", "W3", "y"):
        assert np.array_equal(names[f"{key}_book"], book[key])
    for mine, theirs in {"z": "z_e02", "delta": "delta_e02", "y": "y_e03", "dJ_da": "dJ_da_e04"}.items():
        assert np.array_equal(names[theirs], slides[mine])
    for mine, theirs in {"alpha": "alpha_e04", "p": "p_e05", "w": "w_e06", "a": "a_e06"}.items():
        assert np.array_equal(names[theirs], slides[mine])
    shown = names["with_two_slips"](names["student_rng"](student, "A02", "d2-6"))
    assert shown == derivations.with_two_slips(student)
    assert names["RIGHT_LINES"] == derivations.RIGHT_LINES


def test_the_lines_of_the_sigmoid_are_all_equal():
    for k in range(2, 9):
        report = check_derivation([derivations.RIGHT_LINES[k]], derivations.RIGHT_LINES[2], {"b": "real"})
        assert report.ok, k


@pytest.mark.parametrize("student", range(60))
def test_two_lines_are_planted_and_wrong_in_value(student):
    shown = derivations.with_two_slips(str(student))
    changed = [k for k in shown if shown[k] != derivations.RIGHT_LINES[k]]
    assert len(changed) == 2 and changed[1] - changed[0] >= 2 and changed[1] <= 8
    for k in changed:
        assert not check_derivation([shown[k]], derivations.RIGHT_LINES[2], {"b": "real"}).ok


def test_students_have_different_planted_errors_and_numbers():
    ids = [str(i) for i in range(40)]
    assert len({str(derivations.with_two_slips(i)) for i in ids}) > 20
    assert len({str(written.own_numbers(i)) for i in ids}) == 40


@pytest.mark.parametrize("student", range(0, 40))
def test_the_best_steps_of_finite_differences_are_near_where_theory_has_them(student):
    right = written.differences(str(student))
    assert 1e-11 < right["steps"][np.argmin(right["one-sided"])] < 1e-6
    assert 1e-9 < right["steps"][np.argmin(right["central"])] < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("block", range(4))
def test_right_answers_are_right_for_a_hundred_students(block):
    unusual = read_sample(KIT / "tests" / "submissions" / NAME / "bao.py").cells
    for student in range(25 * block, 25 * block + 25):
        for cells in ({}, unusual):
            outcomes = source(NAME).grade(f"s{student}", cells)
            lost = {t: o.message for t, o in outcomes.items() if o.score < o.max_score}
            assert not lost, student


def test_the_numbers_of_deck_003_come_out():
    n = written.book_numbers("ada") | {"y": np.array([0.0, 1.0])}
    a1, a2, a3 = n["a"]
    g3 = a3 - n["y"]
    g2 = (n["W3"].T @ g3) * (a2 > 0)
    g1 = (n["W2"].T @ g2) * (a1 > 0)
    assert np.allclose(a1 - n["W1"] @ n["x"], (0.2, 0.6, -0.4))
    assert np.allclose(np.outer(g3, np.maximum(a2, 0)), [[-0.24, -0.12], [-0.12, -0.06]])
    assert np.allclose(np.outer(g2, np.maximum(a1, 0)), [[-0.18, -0.24, 0], [0.12, 0.16, 0]])
    assert np.allclose(np.outer(g1, n["x"]), [[0, 0.19, 0.095], [0, -0.03, -0.015], [0, 0, 0]])


def test_the_worked_example_of_the_cmu_network_is_right():
    args = {"x": np.array([2.0]), "y": 1, "alpha": np.array([[-1.0, 1.0]]), "beta": np.array([0.5, 1.0])}
    tape = record(models.nn, args, ("alpha", "beta"))
    grads = tape.backward(1.0)
    assert tape.out == pytest.approx(0.2562, abs=5e-5)
    assert np.allclose(grads["beta"], (-0.2260, -0.1652), atol=5e-5)
    assert np.allclose(grads["alpha"], [[-0.0444, -0.0889]], atol=5e-5)


def test_a_wrong_helper_is_blamed_and_its_caller_keeps_its_marks():
    cells = mutated("affine-backward", "X.T @ dY", "2 * X.T @ dY")
    outcomes = source(NAME).grade("ada", cells)
    assert outcomes["test-mlp-backward"].score == 5
    assert "the mistake is in affine_backward" in outcomes["test-mlp-backward"].message


def test_a_backward_pass_without_its_forward_is_not_run_and_names_it():
    outcomes = source(NAME).grade(
        "ada", {"affine-forward": "def affine_forward(X, W, b):\n    return X @ W + b"}
    )
    outcome = outcomes["test-affine-backward"]
    assert (outcome.score, outcome.status) == (0, "not_run")
    assert "Mend affine_forward first" in outcome.message


def test_hidden_data_shows_no_numbers():
    fit = "def row(X, W, b): pass\n" + source(NAME).answers["affine-forward"]
    shown = source(NAME).grade(
        "ada", {"affine-forward": fit.replace("X @ W + b", "X @ W + b * (X.sum() < 1e9)")}
    )
    assert shown["test-affine-forward"].score == 2
    wrong = source(NAME).grade("ada", mutated("affine-forward", "X @ W + b", "X @ W"), hidden=False)
    assert any(f.evidence for f in wrong["test-affine-forward"].findings)


def test_answers_are_judged_for_the_id_that_was_typed():
    src = source(NAME)
    subject = LocalSubject(src.namespace("typed-id"))
    entry = src.table["experiment-x2-1"]
    draws = [Draws("typed-id"), Draws("folder-name", salt="secret", hidden=True)]
    assert run_entry(src.table, entry, 1, subject, draws).score == 2
    assert run_entry(src.table, entry, 1, subject, [Draws("folder-name")]).score < 1
