"""A07: typed answers, the numbers of the locked cells, the worked examples, and what the experiments reach."""

import re
import sys

import numpy as np
import pytest

from autograder.assignments import a07
from autograder.assignments.a07 import written
from autograder.checks.local import LocalSubject
from autograder.checks.run import Draws, run_entry
from course.graph import Var, grad

from .right_a07 import RIGHT
from .source import source
from .tables import ODD, spoilt

NAME = "A07-recurrent-networks"
TYPED = sorted(i for i, e in a07.TABLE.entries.items() if not e.defines)
VARIABLES = {i: re.sub(r"^derivation-", "", i).replace("-", "_") for i in TYPED}


@pytest.fixture(scope="module")
def names():
    return source(NAME).namespace("ada")


@pytest.mark.parametrize("student", ("", "ada", "bao", "m-123456", "zoë"))
def test_numbers_of_the_locked_cells_are_those_of_the_entries(student):
    names = source(NAME).namespace(student)
    shown = {
        **dict(zip(("x", "w", "u", "y"), (names[f"{k}_own"] for k in ("x", "w", "u", "y")))),
        **{"m": names["m_own"], "T": names["T_own"]},
    }
    for key, value in (written.own_numbers(student) | written.far_numbers(student)).items():
        assert np.array_equal(shown[key], value), key
    cliff = written.cliff_numbers(student)
    assert np.array_equal(names["g_own"], cliff["g"])
    assert (names["lr_own"], names["threshold_own"]) == (cliff["lr"], cliff["threshold"])
    assert written.slide_numbers(student) == {"T": names["T_e09"], "V": names["V_e10"]}
    assert np.array_equal(names["z_own"], written.temperature_numbers(student)["z"])


def test_students_have_different_numbers():
    ids = [str(i) for i in range(40)]
    assert len({str(written.own_numbers(i)) for i in ids}) > 25
    assert len({str(written.cliff_numbers(i)) for i in ids}) > 15


@pytest.mark.parametrize("odd", ODD)
def test_odd_answers_earn_nothing_and_break_nothing(names, odd):
    for typed in spoilt(names, VARIABLES.values(), ODD[odd]):
        for entry in TYPED:
            outcome = run_entry(a07.TABLE, a07.TABLE[entry], 1, LocalSubject(typed), [Draws("ada")])
            assert outcome.score == 0, (entry, outcome.message)


SLIPS = {
    "a path counted twice": ("derivation-d7-1", 2, "2*g*s3*u*s2*u*s1*h0", 4),
    "the first loss forgotten": ("derivation-d7-1", 4, "g3*(s3*h2 + s3*u*s2*h1 + s3*u*s2*u*s1*h0) + g2*(s2*h1 + s2*u*s1*h0)", 4),
    "the part of the next step forgotten": ("derivation-d7-2", 0, "dH", 5),
    "not transposed": ("derivation-d7-2", 0, "dH + Delta_next @ Whh", 5),
    "the slope of the old state": ("derivation-d7-2", 1, "(dH + Delta_next @ Whh.T)*(1 - h_prev**2)", 5),
    "the state after the step": ("derivation-d7-2", 2, "h.T @ Delta", 5),
    "the slope forgotten": ("derivation-d7-3", 0, "u", 3),
    "one factor only": ("derivation-d7-3", 2, "m*s", 3),
    "the wrong side of the cut": ("derivation-d7-4", 0, "g*s4*h3", 1.5),
    "too many paths": ("derivation-d7-4", 2, "T*(T + 1)/2", 2),
    "a sum of probabilities": ("derivation-d7-5", 0, "p1 + p2 + p3", 1.0),
    "nats": ("derivation-d7-5", 2, "-(log(p1) + log(p2) + log(p3))/3", 1.0),
}  # fmt: skip


@pytest.mark.parametrize("name", SLIPS)
def test_a_wrong_line_costs_its_own_points_only(names, name):
    entry, line, text, left = SLIPS[name]
    lines = list(names[VARIABLES[entry]])
    lines[line] = text
    subject = LocalSubject({**names, VARIABLES[entry]: lines})
    assert run_entry(a07.TABLE, a07.TABLE[entry], 1, subject, [Draws("ada")]).score == pytest.approx(left)


def test_derivations_are_the_gradients_of_the_chain():
    """D7.1 and X7.1 against the engine of A03."""
    n = written.own_numbers("ada")
    w, u = Var(np.array(n["w"])), Var(np.array(n["u"]))
    h = Var(np.array(0.0))
    for x in n["x"]:
        h = (w * x + u * h).tanh()
    dw, du = (float(g) for g in grad(((h - n["y"]) ** 2).sum() * 0.5, [w, u]))
    right = written._own("ada")
    assert (right["dw"], right["du"]) == (pytest.approx(dw), pytest.approx(du))


def test_the_worked_examples_are_right():
    h = [0.0]
    for x in (1.0, 0.0, 0.0):
        h.append(np.tanh(x + 0.5 * h[-1]))
    assert np.allclose(h[1:], (0.7616, 0.3634, 0.1797), atol=5e-5)
    s = 1 - np.square(h)
    assert np.allclose(s[1:], (0.4200, 0.8679, 0.9677), atol=5e-5)
    last, before = s[3] * h[2], s[3] * 0.5 * s[2] * h[1]
    assert np.allclose((last, before, last + before), (0.3517, 0.3198, 0.6715), atol=6e-5)
    p = np.exp([2.0, 0.0]) / np.exp([2.0, 0.0]).sum()
    assert np.allclose(p, (0.88, 0.12), atol=5e-3)


# --- the model learns, and what a leak looks like ---------------------------------------------------------------------


def learnt(text, lr=0.005, student="ada"):
    space = {}
    exec(compile(text, "<cell>", "exec"), space)
    subject = LocalSubject({**space, "experiment_x7_6": {"lr": lr}})
    with np.errstate(all="ignore"):
        return run_entry(a07.TABLE, a07.TABLE["experiment-x7-6"], 1, subject, [Draws(student)])


@pytest.mark.parametrize("student", [f"s{k}" for k in range(10)])
def test_the_reference_learns_farm_within_its_step_budget(student):
    assert learnt(RIGHT, student=student).score == 2


@pytest.mark.parametrize("lr", (3e-4, 0.3))
def test_a_rate_that_was_not_chosen_on_validation_text_costs_marks(lr):
    outcome = learnt(RIGHT, lr)
    assert outcome.score == 0.5 and "learning rate" in outcome.message


def test_a_model_that_sees_its_targets_is_told_that_they_leak():
    text = RIGHT.replace('rnn_forward(p["E"][ids_in], h0', 'rnn_forward(p["E"][ids_out], h0')
    outcome = learnt(text.replace("ids_in[a : a + k]", "ids_out[a : a + k]"))
    assert outcome.score == 1.5 and outcome.diagnosis == ("M48",)


def test_a_wrong_model_is_charged_where_it_is_checked():
    for old, new in (("h.T @ dz,", "0 * h.T @ dz,"), ("return dz @ Wxh.T", "1 / 0; return dz @ Wxh.T")):
        assert learnt(RIGHT.replace(old, new)).score == 2


def test_hidden_data_of_typed_answers_is_never_tried(names):
    draws = [Draws("ada"), Draws("folder-name", salt="secret", hidden=True)]
    for entry in TYPED:
        outcome = run_entry(a07.TABLE, a07.TABLE[entry], 1, LocalSubject(names), draws)
        assert outcome.score == outcome.max_score, (entry, outcome.message)


# --- the long run -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def given():
    """What the locked cells give to the experiments."""
    names = {"student_id": "ada", "USE_MINE": False}
    cells = {source(NAME).info(c).get("grade_id"): c.source for c in source(NAME).cells}
    for cell in ("imports", "given-tools", "given-farm"):
        exec(compile(cells[cell], f"<cell {cell}>", "exec"), names)
    return names


def test_a_run_that_is_interrupted_goes_on_from_its_checkpoint(given, tmp_path):
    path = tmp_path / "farm.npz"
    Model, training = given["tools"]()

    def stopped(*args):
        if farm_run.done:
            raise KeyboardInterrupt
        return training(*args)

    whole = given["FarmRun"](Model, 400)
    whole.go_on(training, None)
    farm_run = given["FarmRun"](Model, 400)
    with pytest.raises(KeyboardInterrupt):
        farm_run.go_on(stopped, path)
    assert farm_run.done == 200 and not list(tmp_path.glob("*.part*"))
    later = given["FarmRun"](Model, 400)
    later.load(path)
    assert later.done == 200
    for run in (farm_run, later):
        run.go_on(training, path)
        assert run.done == 400 and run.curve == whole.curve
        for name, a in whole.model.params.items():
            assert np.array_equal(run.model.params[name], a), name


def test_experiments_take_the_students_functions_where_the_chapter_is_missing(given, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "course.rnn", None)
    assert given["tools"]() is None and "not answered yet" in capsys.readouterr().out
    space = {}
    exec(compile(RIGHT, "<cell>", "exec"), space)
    monkeypatch.setitem(given, "RNNLM", space["RNNLM"])
    monkeypatch.setitem(given, "train", space["train"])
    assert given["tools"]() == (space["RNNLM"], space["train"])


def test_bits_of_words_are_those_of_the_library(given):
    from course.rnn import RNNLM

    ids = given["IDS"][:300]
    model = RNNLM(len(given["WORDS"]), 4, 5, np.random.default_rng(0))
    bits, states = given["word_bits"](model, ids)
    right, _ = model.logprobs(ids[:-1, None], ids[1:, None])
    assert np.allclose(bits, -right[:, 0] / np.log(2)) and states.shape == (299, 5)


def test_pieces_are_shifted_by_one_and_follow_each_other(given):
    pairs = given["pieces"](np.arange(101), 4, 5)
    assert len(pairs) == 5 and pairs[0][0].shape == (5, 4)
    assert all(np.array_equal(y, x + 1) for x, y in pairs)
    assert np.array_equal(pairs[1][0][0], pairs[0][0][-1] + 1)


# --- pictures that move -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn(given):
    """What the cells with pages leave behind."""
    names = dict(given)
    cells = {source(NAME).info(c).get("grade_id"): c.source for c in source(NAME).cells}
    for cell in ("run-flow", "run-x7-5"):
        exec(compile(cells[cell], f"<cell {cell}>", "exec"), names)
    return names


def test_the_gradient_of_the_late_loss_shrinks_on_its_way_back(drawn):
    lengths = np.linalg.norm(drawn["flow"], axis=0)
    assert drawn["flow"].shape == (8, 16) and lengths[0] < 0.2 * lengths[-1]
    page = drawn["gradient_flow"](drawn["flow"])
    assert page.html.count('"text"') == 16 and "step 16" in page.html


def test_over_the_cliff_plain_descent_is_thrown_and_clipped_descent_is_not(drawn):
    paths, longest = drawn["paths"], drawn["longest"]
    last = {name: drawn["cliff_loss"](*path[-1]) for name, path in paths.items()}
    assert longest["no clipping"] > 10 * longest["clipped at 0.5"]
    assert longest["clipped at 0.5"] <= drawn["rate"] * 0.5 + 1e-12
    assert last["no clipping"] > 0.1 > 0.01 > last["clipped at 0.5"]
    page = drawn["descent"](drawn["cliff_loss"], paths, drawn["lengths"])
    assert page.html.count('"text"') == 41 and "longest step 0.62" in page.alt
