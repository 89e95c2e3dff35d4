"""Entries of assignment A02 for typed answers: experiments, errors on slides, the quiz.

Each student has other numbers. They are drawn here with the same calls as in the notebook's locked cells
("numbers-x2-1" and so on); a test runs those cells and compares.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograder.checks.entry import Check, Entry, Finding, Trial
from autograder.checks.tape import record
from autograder.checks.typed import Expression, answers
from autograder.checks.values import as_array
from course.toolbox.seeds import student_rng

__all__ = ["ENTRIES", "book_numbers", "differences", "own_numbers", "slide_numbers"]

Args = dict[str, Any]


def _rng(student_id: str, what: str) -> np.random.Generator:
    return student_rng(student_id, "A02", what)


# --- X2.1: the student's own network ----------------------------------------------------------------------------------


def own_numbers(student_id: str) -> Args:
    """x, W1, b1, W2, b2 and y of X2.1: one ReLU unit is on, the other off."""
    rng = _rng(student_id, "x2-1")
    z = np.zeros(2)
    while not (z[0] > 0.2 and z[1] < -0.2):
        x, W1, b1 = (
            rng.integers(-20, 21, 2) / 10,
            rng.integers(-10, 11, (2, 2)) / 10,
            rng.integers(-5, 6, 2) / 10,
        )
        z = x @ W1 + b1
    W2, b2, y = (
        rng.choice([-1.0, -0.5, 0.5, 1.0], 2),
        float(rng.choice([-0.5, 0.2, 0.4])),
        int(rng.integers(0, 2)),
    )
    return {"x": x, "W1": W1, "b1": b1, "W2": W2, "b2": b2, "y": y}


def _own_model(ops: Any, x: Any, W1: Any, b1: Any, W2: Any, b2: Any, y: Any, z1: Any, z2: Any) -> Any:
    # z1 and z2 are zeros that are added, so that their gradients come out under their names
    z1 = x @ W1 + b1 + z1
    z2 = ops.sum(ops.relu(z1) * W2) + b2 + z2
    return ops.softplus(z2) - y * z2


def _own(student_id: str) -> Args:
    args = own_numbers(student_id)
    x, W1, b1, W2, b2 = (args[k] for k in ("x", "W1", "b1", "W2", "b2"))
    z1 = x @ W1 + b1
    a1 = np.maximum(z1, 0.0)
    z2 = float(a1 @ W2 + b2)
    tape = record(_own_model, {**args, "z1": np.zeros(2), "z2": np.zeros(())}, ("W1", "b1", "W2", "z1", "z2"))
    g = tape.backward(1.0)
    forward = {"z1": z1, "a1": a1, "z2": z2, "yhat": 1.0 / (1.0 + np.exp(-z2)), "loss": tape.out}
    return forward | {"dz2": float(g["z2"]), "dW2": g["W2"], "dz1": g["z1"], "dW1": g["W1"], "db1": g["b1"]}


# --- X2.2: the example of deck 003 ------------------------------------------------------------------------------------


def book_numbers(student_id: str) -> Args:
    """The matrices of deck 003, its printed a, and this student's target."""
    targets = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0], [-1.0, 1.0], [0.5, 0.5], [0.0, -1.0]])
    return {
        "x": np.array([0.0, 1.0, 0.5]),
        "W1": np.array([[0.5, 0.6, -0.4], [0.4, 0.1, 0.2], [-0.7, 0.5, -0.8]]),
        "W2": np.array([[-0.5, 0.5, -0.4], [0.2, 0.6, 0.8]]),
        "W3": np.array([[0.3, -0.6], [0.9, 0.2]]),
        "a": (np.array([0.6, 0.8, -0.3]), np.array([0.6, 0.3]), np.array([-0.4, 0.8])),
        "y": targets[_rng(student_id, "x2-2").integers(6)],
    }


def _book_model(ops: Any, x: Any, y: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any) -> Any:
    h = ops.relu(W2 @ ops.relu(W1 @ x + b1) + b2)
    return 0.5 * ops.sum(ops.square(W3 @ h + b3 - y))


def _book(student_id: str) -> Args:
    n = book_numbers(student_id)
    a1, a2, a3 = n["a"]
    biases = {
        "b1": a1 - n["W1"] @ n["x"],
        "b2": a2 - n["W2"] @ np.maximum(a1, 0.0),
        "b3": a3 - n["W3"] @ np.maximum(a2, 0.0),
    }
    args = {k: n[k] for k in ("x", "y", "W1", "W2", "W3")} | biases
    grads = record(_book_model, args, ("W1", "W2", "W3")).backward(1.0)
    return biases | {f"d{k}": g for k, g in grads.items()}


# --- X2.3: the step of finite differences -----------------------------------------------------------------------------


def differences(student_id: str) -> Args:
    """What X2.3 asks for, computed here; only the errors of large steps are the same on every machine."""
    c, x0 = (float(v) for v in _rng(student_id, "x2-3").uniform([1.1, 0.5], [1.9, 0.9]))
    h = 10.0 ** -np.arange(1, 16)
    f = lambda x: np.exp(np.sin(c * x))
    slope = c * np.cos(c * x0) * f(x0)
    one, two = (f(x0 + h) - f(x0)) / h, (f(x0 + h) - f(x0 - h)) / (2 * h)
    return {"steps": h, "one-sided": np.abs(one - slope), "central": np.abs(two - slope)}


def _steps_run(trial: Trial) -> None:
    typed = trial.get("experiment_x2_3")
    right = differences(trial.student_id)
    # errors above the level of rounding agree; below it every machine has its own
    for key, large in (("one-sided", slice(0, 5)), ("central", slice(0, 3))):
        given = _given(trial, typed, key, "errors")
        if given is None:
            break
        fits = given.shape == (15,) and bool(np.all((given >= 0) & (given < 1)))
        if not fits or not np.allclose(given[large], right[key][large], rtol=1e-2):
            text = (
                "15 errors are asked for."
                if given.shape != (15,)
                else "the errors of the larger steps are not right."
            )
            trial.fail(f"experiment_x2_3[{key!r}]: {text}", aspect="errors")
            break
    for method, low, high in (("one-sided", 1e-10, 1e-6), ("central", 1e-7, 1e-3)):
        given = _given(trial, typed, f"best h, {method}", "best steps")
        if given is None:
            break
        # rounding may make one error very small by luck: the step of the smallest error that was handed in is right, too
        own = as_array(typed.get(method))
        lucky = right["steps"][int(np.argmin(own))] if own is not None and own.shape == (15,) else np.nan
        if given.shape != () or not (low < given < high or np.isclose(given, lucky, rtol=1e-6, atol=0.0)):
            trial.fail(
                f"experiment_x2_3['best h, {method}'] should be the step with the smallest error.",
                aspect="best steps",
            )
            break


def _given(trial: Trial, typed: Any, key: str, aspect: str) -> np.ndarray | None:
    """The real numbers that were typed under a key; None, with a finding, when there are none."""
    given = typed.get(key) if isinstance(typed, dict) else None
    if given is None or given is ...:
        trial.fail(Finding(f"experiment_x2_3[{key!r}] is not answered yet.", status="not_run"), aspect=aspect)
        return None
    array = as_array(given)
    if array is None or array.dtype.kind == "c":
        trial.fail(f"experiment_x2_3[{key!r}] should be numbers.", aspect=aspect)
        return None
    return array


# --- X2.4, slides, quiz -----------------------------------------------------------------------------------------------


def _shapes(student_id: str) -> Args:
    P, N, Q = (int(n) for n in _rng(student_id, "x2-4").permutation([2, 3, 5, 7])[:3])
    return {
        "dy/dx": (P, 1),
        "dyvec/dt": (1, N),
        "dyvec/dx": (P, N),
        "dy/dX": (P, Q),
        "dyvec/dx in numerator layout": (N, P),
        "chain rule": "F",
    }


_UNFIT = "Write the shapes: ∂y/∂u is a column and ∂u/∂x has a row for each entry of x; these factors do not fit in this order."
_CHAIN = {("chain rule", letter): _UNFIT for letter in "ABCE"} | {
    ("chain rule", "D"): "The factors fit, but the product is a row, and ∂y/∂x is a column."
}


def slide_numbers(student_id: str) -> Args:
    """The numbers of the slide errors E02 to E06."""
    rng = _rng(student_id, "e02")
    z = rng.choice([0.2, 0.5, 1.5, 2.0], 2, replace=False)
    delta = rng.choice([-0.3, 0.1, 0.4, 0.6], 3, replace=False)
    rng = _rng(student_id, "e03")
    y = float(rng.choice([0.6, 0.7, 0.8, 0.9]))
    dJ_da = rng.choice([-0.3, -0.1, 0.2, 0.5], 2, replace=False)
    alpha = rng.choice([-2.0, -1.0, 0.5, 1.0, 2.0], (2, 3))
    rng = _rng(student_id, "e05")
    p = rng.choice([0.1, 0.2, 0.25, 0.4, 0.5, 0.8], 4, replace=False)
    w = rng.choice([-2.0, -1.0, 0.5, 1.5, 3.0], 2, replace=False)
    a = rng.choice([-1.0, 0.0, 0.5, 1.0], 2, replace=False)
    return {"z": z, "delta": delta, "y": y, "dJ_da": dJ_da, "alpha": alpha, "p": p, "w": w, "a": a}


def _e02(student_id: str) -> Args:
    n = slide_numbers(student_id)
    return {"index of delta": "j", "index of z": "i", "dL/dW[1,0]": n["z"][1] * n["delta"][0]}


def _e03(student_id: str) -> Args:
    J = Expression("-(t*log(y) + (1 - t)*log(1 - y))", {"t": "unit", "y": "unit"})
    return {"J": J, "dJ/db as on the slide": 1.0 - slide_numbers(student_id)["y"], "one step moves b": "down"}


def _e04(student_id: str) -> Args:
    n = slide_numbers(student_id)
    return {"first j": 1, "dJ/dx_1": float(n["dJ_da"] @ n["alpha"][:, 1])}


def _e05(student_id: str) -> Args:
    p = slide_numbers(student_id)["p"]
    return {"factor": Expression("-1/n", {"n": "positive"}), "mean cross-entropy": float(-np.log(p).mean())}


def _e06(student_id: str) -> Args:
    n = slide_numbers(student_id)
    w, a = n["w"], n["a"]
    return {
        "equals w g'(a)": "db/da",
        "b": float(w @ np.tanh(a)),
        "w0 g'(a0)": float(w[0] / np.cosh(a[0]) ** 2),
        "delta, squared error": Expression("(yhat - y)*yhat*(1 - yhat)", {"yhat": "unit", "y": "unit"}),
    }


_QUIZ = {
    ("1", "b"): "The loss is a mean: ten equal terms, divided by ten.",
    ("1", "c"): "The loss is a mean: ten equal terms, divided by ten.",
    ("2", "a"): "It is the sum over examples of (probabilities − one-hot)/N, and both sum to 1 in each row.",
    ("2", "c"): "It is the sum over examples of (probabilities − one-hot)/N, and both sum to 1 in each row.",
    ("3", "b"): "Equal weights give equal values, equal δ and equal gradients, in every step.",
    ("3", "c"): "Equal weights give equal gradients, which need not be zero.",
}

_FORWARD = ("z1", "a1", "z2", "yhat", "loss")
_BACKWARD = ("dz2", "dW2", "dz1", "dW1", "db1")

ENTRIES = [
    Entry(
        "experiment-x2-1",
        (answers("experiment_x2_1", _own, points=dict.fromkeys((*_FORWARD, *_BACKWARD), 0.2)),),
        title="X2.1 Your own numbers",
    ),
    Entry(
        "experiment-x2-2",
        (
            answers(
                "experiment_x2_2",
                _book,
                points={"biases": 0.5, "dW3": 0.5, "dW2": 0.5, "dW1": 0.5},
                keys={"biases": ("b1", "b2", "b3")},
            ),
        ),
        title="X2.2 The example of deck 003",
    ),
    Entry(
        "experiment-x2-3",
        (Check({"errors": 0.5, "best steps": 0.5}, _steps_run, draws=1, hidden=False),),
        title="X2.3 How small should h be?",
    ),
    Entry(
        "experiment-x2-4",
        (
            answers(
                "experiment_x2_4",
                _shapes,
                points={
                    "dy/dx": 0.1,
                    "dyvec/dt": 0.1,
                    "dyvec/dx": 0.1,
                    "dy/dX": 0.1,
                    "dyvec/dx in numerator layout": 0.1,
                    "chain rule": 0.5,
                },
                because=_CHAIN,
            ),
        ),
        title="X2.4 Which shape has a derivative?",
    ),
    Entry(
        "slide-e02",
        (
            answers(
                "slide_e02",
                _e02,
                points={"indices": 0.5, "dL/dW[1,0]": 0.5},
                keys={"indices": ("index of delta", "index of z")},
            ),
        ),
        title="Slide error E02",
    ),
    Entry(
        "slide-e03",
        (
            answers(
                "slide_e03",
                _e03,
                points={"J": 0.5, "what it does": 0.5},
                keys={"what it does": ("dJ/db as on the slide", "one step moves b")},
            ),
        ),
        title="Slide error E03",
    ),
    Entry(
        "slide-e04",
        (answers("slide_e04", _e04, points={"first j": 0.5, "dJ/dx_1": 0.5}),),
        title="Slide error E04",
    ),
    Entry(
        "slide-e05",
        (answers("slide_e05", _e05, points={"factor": 0.25, "mean cross-entropy": 0.25}),),
        title="Slide error E05",
    ),
    Entry(
        "slide-e06",
        (
            answers(
                "slide_e06",
                _e06,
                points={"equals w g'(a)": 0.25, "numbers": 0.25, "delta, squared error": 0.5},
                keys={"numbers": ("b", "w0 g'(a0)")},
            ),
        ),
        title="Slide error E06",
    ),
    Entry(
        "quiz-q2-1",
        (
            answers(
                "quiz_q2_1",
                lambda student_id: {"1": "a", "2": "b", "3": "a"},
                points=dict.fromkeys("123", 0.5),
                because=_QUIZ,
            ),
        ),
        title="Three quick questions",
    ),
]
