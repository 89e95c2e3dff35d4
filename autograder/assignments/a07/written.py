"""Entries of assignment A07 for typed answers: experiments, errors on slides, the quiz.

Each student has other numbers. They are drawn here with the same calls as in the notebook's locked cells
("numbers-x7-1" and so on); a test runs those cells and compares.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograder.checks.entry import Check, Entry, Finding, NotAnswered, StudentError, Trial
from autograder.checks.objects import theirs
from autograder.checks.rules import explain_leak
from autograder.checks.rules.optimisers import right_step
from autograder.checks.tape import record
from autograder.checks.typed import answers
from autograder.checks.values import as_array
from course.toolbox.corpora.farm import farm, oracle_logprobs, stream
from course.toolbox.seeds import student_rng

from . import lm, training

__all__ = ["ENTRIES", "cliff_numbers", "far_numbers", "own_numbers", "slide_numbers", "temperature_numbers"]

Args = dict[str, Any]


def _rng(student_id: str, what: str) -> np.random.Generator:
    return student_rng(student_id, "A07", what)


# --- X7.1: the student's own chain ------------------------------------------------------------------------------------


def own_numbers(student_id: str) -> Args:
    """x_1 … x_3, w, u and y of X7.1: a network with one unit and h_0 = 0."""
    rng = _rng(student_id, "x7-1")
    x = rng.choice([-1.0, -0.5, 0.5, 1.0], 3)
    w, u = float(rng.choice([0.5, 0.8, 1.2])), float(rng.choice([-0.9, -0.6, 0.7, 1.1]))
    return {"x": x, "w": w, "u": u, "y": float(rng.choice([-1.0, 1.0]))}


def _chain(ops: Any, x: Any, w: Any, u: Any, y: Any, zeros: Any) -> Any:
    h: Any = 0.0
    for t in range(3):
        a = w * x[t] + u * h + zeros[t]  # zeros, so that the gradient of each sum comes out under a name
        h = ops.tanh(a)
    return 0.5 * ops.square(h - y)


def _own(student_id: str) -> Args:
    n = own_numbers(student_id)
    h, states = 0.0, []
    for x in n["x"]:
        h = math.tanh(n["w"] * x + n["u"] * h)
        states.append(h)
    tape = record(_chain, {**n, "zeros": np.zeros(3)}, ("w", "u", "zeros"))
    g = tape.backward(1.0)
    deltas = {f"delta{t}": float(g["zeros"][t - 1]) for t in (3, 2, 1)}
    found = {f"h{t}": states[t - 1] for t in (1, 2, 3)}
    return found | {"L": tape.out} | deltas | {"dw": float(g["w"]), "du": float(g["u"])}


# --- X7.3, X7.5, X7.7 -------------------------------------------------------------------------------------------------


def far_numbers(student_id: str) -> Args:
    """The factor m of X7.3 and the length T."""
    rng = _rng(student_id, "x7-3")
    return {"m": float(rng.choice([0.5, 0.6, 0.7, 0.8, 0.9])), "T": int(rng.choice([20, 30, 40]))}


def _far(student_id: str) -> Args:
    n = far_numbers(student_id)
    reach = math.ceil(math.log(1e-3) / math.log(n["m"]))
    return {
        "norm after T steps": n["m"] ** n["T"],
        "steps": reach,
        "largest safe m": 1.0,
        "tanh, m = 1.5": "b",
    }


_FAR = {
    ("tanh, m = 1.5", "a"): "Look at the curve: large states saturate, and 1 − h² pulls the product down.",
    (
        "tanh, m = 1.5",
        "c",
    ): "Look at the curve: the bound of D7.3 says how large it can be, not how large it is.",
}


def cliff_numbers(student_id: str) -> Args:
    """The gradient at the cliff, the learning rate and the threshold of X7.5."""
    rng = _rng(student_id, "x7-5")
    scale = float(rng.choice([20.0, 50.0, 100.0]))
    gradient = scale * rng.choice([[3.0, 4.0], [-4.0, 3.0], [6.0, -8.0]])
    return {
        "g": gradient,
        "lr": float(rng.choice([0.01, 0.02, 0.05])),
        "threshold": float(rng.choice([1.0, 2.0, 5.0])),
    }


def _cliff(student_id: str) -> Args:
    n = cliff_numbers(student_id)
    norm = float(np.sqrt(np.sum(n["g"] ** 2)))
    return {
        "step without clipping": n["lr"] * norm,
        "step with clipping": n["lr"] * n["threshold"],
        "clipped gradient": n["g"] * n["threshold"] / norm,
    }


def temperature_numbers(student_id: str) -> Args:
    """Four scores of X7.7."""
    return {"z": _rng(student_id, "x7-7").permutation([0.0, 1.0, 1.5, 3.0])}


def _softmax(z: Any) -> Any:
    e = np.exp(z - np.max(z))
    return e / e.sum()


def _temperature(student_id: str) -> Args:
    z = temperature_numbers(student_id)["z"]
    p = _softmax(z)
    return {
        "p at 0.5": _softmax(z / 0.5),
        "p at 2": _softmax(z / 2.0),
        "bits at 1": float(-np.sum(p * np.log2(p))),
        "word at 0": int(np.argmax(z)),
    }


# --- X7.6: the student's functions learn Farm -------------------------------------------------------------------------

STEPS, HIDDEN_UNITS, EMBEDDING = 400, 32, 12
# the reference's bits above the source after this budget, 0.29 to 0.34 over texts, and 0.08
LIMIT = 0.42
_BITS, _LEAK = "bits after 400 steps", "not below the source"


def _farm_text(rng: np.random.Generator, tokens: int) -> tuple[Any, Any, int]:
    """ids, the bits of every token under the source's own law, and the size of the vocabulary."""
    grammar = farm()
    words = sorted({word for rules in grammar["rules"].values() for _, word, _ in rules})
    text = stream(grammar, rng, tokens)
    ids = np.array([words.index(word) for word in text])
    return ids, -oracle_logprobs(grammar, text) / np.log(2), len(words)


def _learns(trial: Trial) -> None:
    typed = trial.get("experiment_x7_6")
    lr = typed.get("lr") if isinstance(typed, dict) else None
    if lr is None or lr is ...:
        for aspect in (_BITS, _LEAK):
            trial.fail(Finding("experiment_x7_6['lr'] is not answered yet.", status="not_run"), aspect=aspect)
        return
    rate = as_array(lr)
    if rate is None or rate.shape != () or not 0 < float(rate.real) < 10:
        trial.fail("experiment_x7_6['lr'] should be a positive number.")
        return
    try:
        bits, oracle = _after_training(trial, float(rate.real))
    except (StudentError, NotAnswered):
        if _charged_elsewhere(trial):
            return
        raise
    chunks = np.repeat(np.arange(len(bits)), len(oracle) // len(bits))
    leak = explain_leak(np.repeat(bits, len(oracle) // len(bits)), oracle, chunks)
    if leak.text:
        trial.fail(Finding(leak.text, tuple(leak.ids), leak.evidence, hints=leak.hints), aspect=_LEAK)
    gap = float(np.mean(bits) - np.mean(oracle))
    if not gap <= LIMIT and not _charged_elsewhere(trial):
        text = (
            f"After {STEPS} steps with this learning rate the model needs {gap:.2f} bits a token more than the source on text "
            f"that it has not seen; at most {LIMIT:g} are asked for. Choose another rate on the validation text."
        )
        trial.fail(text, aspect=_BITS)


def _after_training(trial: Trial, lr: float) -> tuple[np.ndarray, np.ndarray]:
    """Bits a token of each piece of 60 held-out tokens under the student's model, and of every token under the source."""
    N, T, held = 16, 16, 2400
    ids, oracle, V = _farm_text(trial.rng, 60 * N * T + held + 1)
    columns = ids[: 60 * N * T].reshape(N, -1).T
    batches = [(columns[a : a + T], columns[a + 1 : a + T + 1]) for a in range(0, len(columns) - T, T)]
    model = trial.call("RNNLM", V, EMBEDDING, HIDDEN_UNITS, np.random.default_rng(0))
    adam = right_step("adam", beta1=0.9, beta2=0.999, eps=1e-8)
    state: Any = {}

    def optimizer(params: Any, grads: Any, _: Any) -> tuple[Any, Any]:
        nonlocal state
        new, state = adam(params, grads, state, lr)
        return new, {}

    some = 20  # steps of one call: each has its own time limit
    for start in range(0, STEPS, some):
        trial.call(
            "train", model, [batches[i % len(batches)] for i in range(start, start + some)], optimizer, some
        )
    text, h, bits = ids[-held - 1 :, None], np.zeros((1, HIDDEN_UNITS)), []
    for a in range(0, held, 60):
        with theirs("RNNLM.loss_and_grads"):
            result = model.loss_and_grads(text[a : a + 60], text[a + 1 : a + 61], h)
        loss, _, h = lm.three(result)
        value = as_array(loss)
        if value is None or value.shape != () or as_array(h) is None:
            raise StudentError("RNNLM.loss_and_grads should return (loss, grads, h_last).", kind="failed")
        bits.append(float(value.real) / np.log(2))
    return np.array(bits), oracle[-held:]


def _charged_elsewhere(trial: Trial) -> bool:
    """Whether RNNLM or train fail their own checks: that is charged there."""
    for entry in (*lm.ENTRIES, *(e for e in training.ENTRIES if e.id == "train")):
        for check in entry.checks:
            inner = Trial(trial.subject, np.random.default_rng(0), explain_until=0.0)
            try:
                check.run(inner)
            except (StudentError, NotAnswered):
                return True
            if inner.findings:
                return True
    return False


# --- slides, quiz -----------------------------------------------------------------------------------------------------


def slide_numbers(student_id: str) -> Args:
    """The length of the sentence of E09 and the size of the vocabulary of E10."""
    rng = _rng(student_id, "slides")
    return {"T": int(rng.integers(6, 13)), "V": int(rng.choice([38, 50, 100, 1000]))}


def _e09(student_id: str) -> Args:
    return {"last factor": "c", "last word read": slide_numbers(student_id)["T"] - 1}


def _e10(student_id: str) -> Args:
    return {"dice of the slide": slide_numbers(student_id)["V"] ** 2, "right condition": "b"}


_E09 = {
    ("last factor", "a"): "Which word does the state after w_1 … w_{T−1} predict?",
    ("last factor", "b"): "p(w_2|h_2) stands in the product already.",
}
_E10 = {
    ("right condition", "a"): "That is the trigram model again.",
    ("right condition", "c"): "The word itself is not known before it is drawn.",
}
_QUIZ = {
    ("1", "a"): "Truncation cuts gradients; states pass on.",
    ("1", "c"): "Truncation cuts gradients; states pass on.",
    (
        "2",
        "a",
    ): "With m < 1 every path shrinks: clipping makes large gradients smaller, never small ones larger.",
    ("2", "b"): "A smaller rate makes all steps smaller, near ones and far ones alike.",
    ("3", "a"): "Nothing can be below the entropy of the source, however long one trains.",
    ("3", "c"): "Nothing can be below the entropy of the source, however many parameters there are.",
}

ENTRIES = [
    Entry(
        "experiment-x7-1",
        (
            answers(
                "experiment_x7_1",
                _own,
                points=dict.fromkeys(("h1", "h2", "h3", "L", "delta3", "delta2", "delta1"), 0.2)
                | {"dw": 0.3, "du": 0.3},
                rtol=1e-2,
            ),
        ),
        title="X7.1 Your own chain",
    ),
    Entry(
        "experiment-x7-3",
        (
            answers(
                "experiment_x7_3",
                _far,
                points=dict.fromkeys(("norm after T steps", "steps", "largest safe m", "tanh, m = 1.5"), 0.5),
                tolerances={"steps": 0.0},
                because=_FAR,
            ),
        ),
        title="X7.3 How far does a gradient reach?",
    ),
    Entry(
        "experiment-x7-5",
        (
            answers(
                "experiment_x7_5",
                _cliff,
                points={"step without clipping": 0.25, "step with clipping": 0.25, "clipped gradient": 0.5},
            ),
        ),
        title="X7.5 The cliff",
    ),
    Entry(
        "experiment-x7-6",
        (Check({_BITS: 1.5, _LEAK: 0.5}, _learns, draws=1, hidden=False),),
        title="X7.6 Your model learns Farm",
    ),
    Entry(
        "experiment-x7-7",
        (
            answers(
                "experiment_x7_7",
                _temperature,
                points=dict.fromkeys(("p at 0.5", "p at 2", "bits at 1", "word at 0"), 0.25),
                rtol=1e-2,
            ),
        ),
        title="X7.7 Temperature",
    ),
    Entry(
        "slide-e09",
        (answers("slide_e09", _e09, points={"last factor": 0.25, "last word read": 0.25}, because=_E09),),
        title="Slide error E09",
    ),
    Entry(
        "slide-e10",
        (
            answers(
                "slide_e10", _e10, points={"dice of the slide": 0.25, "right condition": 0.25}, because=_E10
            ),
        ),
        title="Slide error E10",
    ),
    Entry(
        "quiz-q7-1",
        (
            answers(
                "quiz_q7_1",
                lambda student_id: {"1": "b", "2": "c", "3": "b"},
                points={"1": 0.5, "2": 0.5, "3": 1.0},
                because=_QUIZ,
            ),
        ),
        title="Three quick questions",
    ),
]
