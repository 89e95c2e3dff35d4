"""The entries of A08: right solutions in any clothes are full, mistakes lose marks where they should and are named."""

import re
import statistics

import numpy as np
import pytest

from autograder.assignments import a08
from autograder.assignments.a08.slips import bootstrap_law
from autograder.checks.local import LocalSubject
from tests.mutants.core import named_right
from tests.mutants.entries import ENTRIES, judge_entries
from tests.mutants.report import targets

from .right_a08 import MUTANTS, RIGHT
from .tables import Answers, lost, million_additions

LIBRARY = "from course.evaluate import bits_by_dependency, evaluate, interpolate, learning_curve, paired_bootstrap, real_or_fake\n"


ANSWERS = Answers(a08.TABLE)
load, outcomes = ANSWERS.load, ANSWERS.outcomes


def test_the_code_of_a08_is_worth_35_points():
    entries = a08.TABLE.entries.values()
    assert sum(e.points() for e in entries if e.defines) == pytest.approx(35)
    assert sum(e.points() for e in entries) == pytest.approx(67)


@pytest.mark.parametrize("student", ["", "ada", "bao", *(f"s{k}" for k in range(7))])
def test_the_reference_is_full(student):
    assert lost(outcomes(RIGHT, student)) == {}


def test_the_trusted_functions_pass_their_own_entries():
    assert lost(outcomes("", subject=LocalSubject(dict(a08.TABLE.references)))) == {}


def test_a_blank_release_has_nothing_and_raises_nothing():
    blank = re.sub(r"(?m)^(def \w+\(.*\)):\n((    .*)?\n)+", r"\1: ...\n", RIGHT)
    assert "return" not in blank
    for source in (blank, ""):
        assert all((o.score, o.status) == (0, "not_run") for o in outcomes(source).values())


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mistake_costs_what_it_should_and_nothing_else(name):
    entry, old, new, left, diagnosis, words = MUTANTS[name]
    assert old in RIGHT
    results = outcomes(RIGHT.replace(old, new), hidden=False)
    assert set(lost(results)) == {entry}, lost(results)
    assert left is None or results[entry].score == pytest.approx(left), results[entry]
    assert words in results[entry].message
    assert (diagnosis in results[entry].diagnosis) if diagnosis else not results[entry].diagnosis


def test_the_catalogue_of_mutants_loses_marks_and_is_named():
    (name,) = ENTRIES["A08-ngram-vs-rnn"]
    target = next(t for t in targets(["a06"]) if t.name == name)
    verdict, points = judge_entries(target, "A08-ngram-vs-rnn", target.source)
    assert points == 0, verdict.text
    for mutant in target.mutants():
        verdict, points = judge_entries(target, "A08-ngram-vs-rnn", mutant.source)
        assert points and named_right(mutant.expected, verdict.ids), mutant.name


UNUSUAL = {
    "the library": LIBRARY,
    "one call for all documents, plain numbers": RIGHT
    + """
def evaluate(model, docs):
    lengths = [sum(len(s) + 1 for s in doc) for doc in docs]
    nats = [-float(x) for x in model.logprobs([s for doc in docs for s in doc])]
    bits = [x / math.log(2) for x in nats]
    parts, start = [], 0
    for n in lengths:
        parts.append(bits[start : start + n])
        start += n
    T, D = sum(lengths), len(docs)
    b = sum(bits) / T
    variance = sum((sum(p) - b * len(p)) ** 2 for p in parts) * D / (D - 1)
    return dict(per_token=bits, se=variance**0.5 / T, bits_per_token=np.float64(b))
""",
    "sentence by sentence, and a chained fit": RIGHT
    + """
def learning_curve(factory, docs, sizes, held_out):
    total = np.cumsum([sum(len(s) + 1 for s in doc) for doc in docs])
    out = ()
    for size in sizes:
        last = min(np.searchsorted(total, size), len(docs) - 1)
        model = factory().fit(sum(docs[: last + 1], []))
        bits = [x for doc in held_out for s in doc for x in np.asarray(model.logprobs([s])) / -np.log(2)]
        out += ([total[last], np.mean(bits)],)
    return out
""",
    "NumPy groups and a list for the pair": RIGHT
    + """
from collections import defaultdict

def bits_by_dependency(per_token, labels):
    per_token, out = np.asarray(per_token), defaultdict(list)
    for label in sorted(set(labels), key=str):
        here = np.array([x == label for x in labels])
        out[label] = [per_token[here].sum() / here.sum(), here.sum()]
    return out
""",
    "rounds in a loop": RIGHT
    + """
def paired_bootstrap(a, b, rng, rounds=10000):
    d = [x - y for x, y in zip(a, b)]
    below = above = 0
    for _ in range(rounds):
        m = sum(rng.choice(d, len(d))) / len(d)
        below, above = below + (m <= 0), above + (m >= 0)
    return np.minimum(2 * (1 + min(below, above)) / (rounds + 1), 1)
""",
    "counts of documents from a multinomial": RIGHT
    + """
def paired_bootstrap(a, b, rng, rounds=10000):
    D = len(a)
    m = rng.multinomial(D, [1 / D] * D, size=rounds) @ (a - b) / D
    return np.clip(2 * (1 + np.minimum(np.sum(m <= 1e-15), np.sum(m >= -1e-15))) / (rounds + 1), 0, 1)
""",
    "EM in loops": RIGHT
    + """
def interpolate(probs, iterations=50):
    M, T = probs.shape
    w = [1 / M] * M
    for _ in range(iterations):
        new = [0.0] * M
        for t in range(T):
            total = sum(w[m] * probs[m, t] for m in range(M))
            for m in range(M):
                new[m] += w[m] * probs[m, t] / total / T
        w = new
    return w
""",
    "a beta distribution": RIGHT
    + """
from scipy.stats import beta

def real_or_fake(answers, truth):
    hits = np.asarray(answers) == np.asarray(truth)
    k, n = hits.sum(), hits.size
    low = beta.ppf(0.025, k, n - k + 1) if k else 0
    high = beta.ppf(0.975, k + 1, n - k) if k < n else 1
    return {"low": low, "high": high, "accuracy": hits.mean()}
""",
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_right_but_unusual_is_full(name):
    assert lost(outcomes(UNUSUAL[name])) == {}


def test_a_wrong_evaluate_is_blamed_and_the_curve_keeps_its_marks():
    results = outcomes(RIGHT.replace("/ np.log(2) for doc", "for doc"))
    assert set(lost(results)) == {"evaluate"}
    assert "the mistake is in evaluate" in results["learning-curve"].message


def test_the_law_of_the_bootstrap_counts_ties_on_both_sides():
    below, above = bootstrap_law(np.array([1.0, -1.0]))
    assert (below, above) == (0.75, 0.75)
    assert bootstrap_law(np.array([1.0, 2.0])) == (0.0, 1.0)


@pytest.mark.slow
def test_the_bootstrap_gives_no_false_alarm():
    for text in (RIGHT, UNUSUAL["counts of documents from a multinomial"]):
        for student in range(200):
            assert lost(outcomes(text, f"s{student}", only=("paired-bootstrap",))) == {}


class Refuses:
    def __getattr__(self, name):
        raise RuntimeError("no")

    def __eq__(self, other):
        raise RuntimeError("no")

    __hash__ = None


def raises(*args, **kwargs):
    raise ValueError("odd")


ODD = {
    "None": None, "a string": "x", "nan": float("nan"), "a set": {1}, "a dict": {1: 2}, "a list": [None], "a pair": (None, None),
    "a ragged list": [[1.0], [1.0, 2.0]], "an object": Refuses(), "a dict of odd things": {"bits_per_token": None, "se": "x", "per_token": Refuses()},
    "pairs of odd things": [(None, "x")] * 5, "odd numbers": {"accuracy": "1", "low": None, "high": [1]}, "minus one": -1.0,
    "a complex number": 1j, "arrays": {"accuracy": np.ones(3), "low": np.ones(3), "per_token": np.ones(3), "verb": np.ones((2, 2))},
}  # fmt: skip


@pytest.mark.parametrize("odd", [*ODD, "an error"])
def test_functions_that_return_odd_things_earn_nothing_and_break_nothing(odd):
    function = raises if odd == "an error" else lambda *a, **k: ODD[odd]
    functions = dict.fromkeys(a08.TABLE.references, function)
    for entry, outcome in outcomes("", subject=LocalSubject(functions)).items():
        assert outcome.score == 0 and outcome.status in ("failed", "error"), (entry, outcome)


def test_checks_are_quick():
    """Against the time of a million additions, about 30 ms on a laptop; a check cell has 2 seconds there."""
    unit = million_additions()
    seconds = [outcomes(RIGHT.replace(m[1], m[2], 1), only=(m[0],))[m[0]].seconds for m in MUTANTS.values()]
    assert statistics.median(seconds) < 4 * unit and max(seconds) < 40 * unit


@pytest.mark.slow
def test_the_table_says_the_same_through_the_sandbox():
    own = [
        text
        for name, text in UNUSUAL.items()
        if name not in ("the library", "a beta distribution", "rounds in a loop")
    ]
    wrong = [RIGHT.replace(m[1], m[2]) for m in list(MUTANTS.values())[::4]]
    sources = [text for text in [RIGHT, *own, *wrong] if "default_rng()" not in text]
    assert ANSWERS.told_apart(sources, ["evaluate"], messages=True) == []
