"""A08: typed answers, the numbers of the locked cells, the worked examples, the walker of the notebook, and what the race reaches."""

import contextlib
import io
import re

import numpy as np
import pytest

from autograder.assignments import a08
from autograder.assignments.a08 import dialect, written
from autograder.checks.local import LocalSubject
from autograder.checks.run import Draws, run_entry
from course.evaluate import Oracle, dependencies, evaluate, first_violation, interpolate, real_or_fake
from course.ngram import NGram, document_entropy, entropy_rate, kneser_ney, ngram_floor, sample_ngram
from course.toolbox.corpora.farm import documents, farm

from .right_a08 import RIGHT
from .source import source
from .tables import ODD, spoilt

NAME = "A08-ngram-vs-rnn"
TYPED = sorted(i for i, e in a08.TABLE.entries.items() if not e.defines)
VARIABLES = {i: re.sub(r"^derivation-", "", i).replace("-", "_") for i in TYPED}


@pytest.fixture(scope="module")
def names():
    return source(NAME).namespace("ada")


def run(names, entry, student="ada"):
    return run_entry(a08.TABLE, a08.TABLE[entry], 1, LocalSubject(names), [Draws(student)])


@pytest.mark.parametrize("student", ("", "ada", "m-123456", "zoë"))
def test_texts_and_numbers_of_the_locked_cells_are_those_of_the_entries(student):
    names, own = source(NAME).namespace(student), dialect.own_texts(student)
    assert (own["grammar"], own["train"], own["held"]) == tuple(
        names[f"own_{k}"] for k in ("grammar", "train", "held")
    )
    assert tuple(written.cost_numbers(student).values()) == tuple(names[f"{k}_own"] for k in "VDH")
    shown = [names[k] for k in ("words_own", "characters_own", "word_bits", "char_bits")]
    assert list(written.unit_numbers(student).values()) == shown
    assert (written.game(student)["texts"], written.game(student)["truth"]) == (
        names["game_texts"],
        names["game_truth"],
    )
    leak = written.leak_numbers(student)
    assert np.array_equal(leak["source"], names["bits_source"])
    assert np.array_equal(leak["number"], names["number_own"])
    for letter, i in zip("ABC", leak["order"]):
        assert np.array_equal(leak["models"][i], names[f"bits_{letter}"])


def test_students_have_different_dialects():
    assert len({dialect.curve(str(i))["entropy"] for i in range(12)}) == 12


def test_one_model_leaks_one_was_lucky_and_one_is_honest_for_everybody():
    for i in range(30):
        low, middle, high = sorted(written._leak(str(i))["z"])
        assert low < -8 and -3 < middle < 0 < high


@pytest.mark.parametrize("odd", ODD)
def test_odd_answers_earn_nothing_and_break_nothing(names, odd):
    for typed in spoilt(names, VARIABLES.values(), ODD[odd]):
        for entry in TYPED:
            outcome = run(typed, entry)
            assert outcome.score == 0, (entry, outcome.message)


SLIPS = {
    "the second model is forgotten": (0, "w*p", 2.5),
    "the share of the other model": (1, "(1 - w)*q/(w*p + (1 - w)*q)", 2.5),
    "only one part of the slope": (2, "p/(w*p + (1 - w)*q)", 2.5),
    "the difference of the share is copied": (3, "w*p/(w*p + (1 - w)*q) - w", 2.5),
    "a sum instead of a mean": (4, "w*p1/(w*p1 + (1 - w)*q1) + w*p2/(w*p2 + (1 - w)*q2)", 2.5),
    "what is paid has the wrong sign": (5, "log(w)", 2.5),
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_wrong_line_costs_its_own_points_only(names, name):
    line, text, left = SLIPS[name]
    lines = list(names["d8_1"])
    lines[line] = text
    outcome = run({**names, "d8_1": lines}, "derivation-d8-1")
    assert outcome.score == pytest.approx(left), outcome.message


def test_a_line_of_the_derivation_is_what_em_does():
    p, q, w = np.array([[0.9, 0.1, 0.5], [0.1, 0.3, 0.5]])[0], np.array([0.1, 0.3, 0.5]), 0.5
    assert interpolate(np.array([p, q]), 1)[0] == pytest.approx(np.mean(w * p / (w * p + (1 - w) * q)))
    assert np.mean(w * p / (w * p + (1 - w) * q)) == pytest.approx(0.55)


def with_slip(names, old, new):
    """The reference's answers, computed again by functions with a slip."""
    assert old in RIGHT
    space = dict(names)
    exec(compile(RIGHT.replace(old, new), "<cell>", "exec"), space)
    for entry in ("experiment-x8-1", "experiment-x8-2", "experiment-x8-5"):
        exec(compile(source(NAME).answers[entry], "<cell>", "exec"), space)
    return space


def test_a_slip_in_a_function_is_not_charged_again_in_the_experiments(names):
    for old, new in (
        ("/ np.log(2) for doc", "for doc"),
        ("b = B.sum() / L.sum()", "b = np.mean(B / L)"),
        ("zip(per_token, labels)", "zip(np.roll(per_token, 1), labels)"),
        ("if k > 0 else 0.0", "if k > 0 else 0.1"),
        ("0.025) if", "0.05) if"),
    ):
        space = with_slip(names, old, new)
        for entry in ("experiment-x8-1", "experiment-x8-2", "experiment-x8-5"):
            outcome = run(space, entry)
            assert outcome.score == outcome.max_score, (old, entry, outcome.message)


def test_numbers_that_no_function_of_the_student_gives_are_wrong(names):
    wrong = {**names["experiment_x8_1"], "2-gram": [2.0, 1.9, 1.8]}
    assert run({**names, "experiment_x8_1": wrong}, "experiment-x8-1").score == 4.5
    swapped = {**names["experiment_x8_2"], "food": names["experiment_x8_2"]["food"][::-1]}
    assert run({**names, "experiment_x8_2": swapped}, "experiment-x8-2").score == 3.75
    better = {**names["experiment_x8_5"], "accuracy": 0.5}
    assert run({**names, "experiment_x8_5": better}, "experiment-x8-5").score == 2.5


def test_any_twenty_answers_are_accepted_with_their_own_interval(names):
    truth = names["game_truth"]
    for answers in ([True] * 20, truth, [not t for t in truth], np.array(truth)):
        typed = {**names["experiment_x8_5"], "answers": answers, **real_or_fake(answers, truth)}
        assert run({**names, "experiment_x8_5": typed}, "experiment-x8-5").score == 4
    for answers in ([True] * 19, ["True"] * 20, 20):
        typed = {**names["experiment_x8_5"], "answers": answers}
        assert run({**names, "experiment_x8_5": typed}, "experiment-x8-5").score == 2.5


def test_the_worked_examples_are_right():
    b = 12 / 6
    assert np.sqrt(2 * ((2 - 2 * b) ** 2 + (10 - 4 * b) ** 2)) / 6 == pytest.approx(0.67, abs=5e-3)
    d = np.array([-2, -1, 1])
    sums = [d[i] + d[j] + d[k] for i in range(3) for j in range(3) for k in range(3)]
    assert (len(sums), sum(s >= 0 for s in sums)) == (27, 7)
    score = real_or_fake([True] * 15 + [False] * 5, [True] * 20)
    assert (score["low"], score["high"]) == (pytest.approx(0.509, abs=5e-4), pytest.approx(0.913, abs=5e-4))
    assert real_or_fake([True], [True])["low"] == pytest.approx(0.025)


# --- the cells that are not needed for marks --------------------------------------------------------------------------


def cells(names, *ids):
    """Run locked cells of the notebook in `names` -> what they print."""
    by_id = {source(NAME).info(c).get("grade_id"): c.source for c in source(NAME).cells}
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        for i in ids:
            exec(compile(by_id[i], f"<cell {i}>", "exec"), names)
    return out.getvalue()


@pytest.fixture(scope="module")
def race(names):
    space = dict(names)
    cells(space, "given-race", "given-racer", "given-dependencies")
    return space


def test_the_walker_of_the_notebook_says_what_the_library_says(race):
    rng = np.random.default_rng(0)
    docs = [[d] for d in documents(farm(), rng, 30)]
    names = {"verb, 1 word later": "verb 1 later", "verb, 2–4 later": "verb 2-4 later", "verb, 5–8 later": "verb 5-8 later"}  # fmt: skip
    names["verb, 9+ later"] = "verb 9+ later"
    got = [names.get(label, label) for label in race["dependency_labels"](farm(), docs)]
    assert got == dependencies(farm(), [d[0] for d in docs])
    model = NGram(3, kneser_ney()).fit([d[0] for d in docs])
    for _ in range(20):
        text = sample_ngram(model, rng, 40)
        seen, _ = race["walk"](farm(), text)
        found = first_violation(farm(), text)
        assert len(seen) == (len(text) if found is None else found[0])


def test_the_limits_of_the_race_are_exact(race):
    bits, length = document_entropy(farm())
    assert race["ENTROPY"] == pytest.approx(bits / (length + 1))
    assert race["ENTROPY"] * (length + 1) / length == pytest.approx(entropy_rate(farm()))
    for n in (2, 3, 4, 5):
        exact = ngram_floor(farm(), n) * length / (length + 1)
        assert race["FLOORS"][n] == pytest.approx(exact, abs=6e-5)


def test_the_parts_are_disjoint_and_enough(race):
    sizes = [
        sum(len(s) + 1 for doc in docs for s in doc)
        for docs in (race["TRAIN"], race["VALID"], race["TEST"]._docs)
    ]
    assert sum(sizes) == sum(len(s) + 1 for doc in race["FARM_DOCS"] for s in doc)
    assert sizes[0] > 200_000 and min(sizes[1:]) > 10_000


def test_the_leak_detector_of_the_race_hears_a_model_that_is_too_good(race):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert race["watch"]("too good", 0.9 * race["VALID_SOURCE"])
        assert not race["watch"]("honest", race["VALID_SOURCE"] + 0.01)
    assert out.getvalue().startswith("LEAK, too good") and "honest" not in out.getvalue()


def test_a_test_set_that_was_opened_twice_has_lost_its_badge(race):
    closed = race["ClosedTest"]([1])
    assert closed.open() == [1] and "once" in closed.badge
    closed.open()
    assert "lost" in closed.badge and "2 times" in closed.badge


def small(race, plan=((4e-3, 40),), **how):
    return race["Racer"](
        race["first_tokens"](race["TRAIN"], 3000), plan, D=8, H=16, N=8, T=8, block=10, **how
    )


def test_a_racer_goes_on_from_its_checkpoint_as_if_nothing_had_happened(race, tmp_path):
    valid = race["VALID"][0]
    whole = small(race).go_on(valid)
    half = small(race)
    half.rates = half.rates[:20]
    half.go_on(valid, path=tmp_path / "race.npz")
    again = small(race).load(tmp_path / "race.npz")
    assert again.done == 20
    again.go_on(valid)
    assert again.done == whole.done == 40
    assert np.allclose(again.curve[:, 0], whole.curve[:, 0])
    # the state of the text is not kept over a block, so that a block can be done again after an interruption
    assert np.array_equal(again.flat.buffer, whole.flat.buffer)


def test_an_interrupted_racer_goes_on_where_it_stopped(race, monkeypatch):
    calls, fit = [], race["fit"]

    def interrupted(*args):
        calls.append(args[3])
        if len(calls) == 3:
            raise KeyboardInterrupt
        return fit(*args)

    monkeypatch.setitem(race, "fit", interrupted)
    racer = small(race)
    with pytest.raises(KeyboardInterrupt):
        racer.go_on(race["VALID"][0])
    assert racer.done == 20 and len(racer.curve) == 2
    assert racer.go_on(race["VALID"][0]).done == 40 and len(racer.curve) == 4
    assert len(calls) == 5
    assert racer.go_on(race["VALID"][0]).done == 40 and len(calls) == 5  # running the cell again is harmless


def test_a_racer_stops_early_and_goes_back_to_its_best(race):
    valid = [s for doc in race["VALID"][:5] for s in doc]
    racer = small(race, ((0.05, 400),)).go_on(valid, patience=3).use_best()
    assert racer.done < 400
    assert -np.mean(racer.logprobs(valid)) / np.log(2) == pytest.approx(racer.curve[:, 2].min(), rel=1e-5)


def test_what_a_racer_says_about_a_document_does_not_depend_on_other_documents(race):
    racer = small(race).go_on(race["VALID"][0])
    texts = [s for doc in race["VALID"][:3] for s in doc]
    assert np.allclose(racer.logprobs(texts), np.concatenate([racer.logprobs([s]) for s in texts]))


def test_a_racer_sums_to_one_over_its_words(race):
    racer = small(race).go_on(race["VALID"][0])
    texts = [["anna:", "the", word] for word in racer.words]
    last = [racer.logprobs([text])[2] for text in texts]
    assert np.exp(last).sum() == pytest.approx(1, abs=1e-5)


def test_experiments_say_what_is_missing_when_functions_are_not_answered(race):
    space = dict(race)
    cells(space, "given-race")  # its functions look names up where they were made
    space["USE_MINE"] = True
    for name in ("evaluate", "learning_curve", "bits_by_dependency", "interpolate", "paired_bootstrap"):
        space[name] = lambda *a, **k: None
    network = small(race)
    space |= {"network": network, "networks": dict.fromkeys(race["SIZES"], network), "kn_order": [2] * 7}
    said = cells(space, "run-x8-1", "run-x8-2", "run-mixture", "run-test")
    assert said.count("come back when their checks are green") == 4
    assert space["TEST"].opened == 0


@pytest.mark.slow
def test_the_race_reaches_what_it_promises(race):
    """200,000 tokens of Farm: Kneser-Ney 1.765 and the network 1.48 bits per token of the stream; no floor is broken but by the network."""
    space = dict(race)
    cells(space, "run-race")
    oracle = evaluate(Oracle(farm()), space["VALID"])["bits_per_token"]
    stream = (document_entropy(farm())[1] + 1) / document_entropy(farm())[1]
    luck = oracle - space["ENTROPY"]
    kn = min(
        evaluate(NGram(n, kneser_ney()).fit(space["first_tokens"](space["TRAIN"], 200_000)), space["VALID"])[
            "bits_per_token"
        ]
        for n in range(2, 7)
    )
    network = evaluate(space["network"], space["VALID"])["bits_per_token"]
    assert (kn - luck) * stream <= 1.765
    assert (network - luck) * stream <= 1.48
    assert network > oracle and kn - luck > space["FLOORS"][5]
