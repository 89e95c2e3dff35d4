"""The entries of A06: right solutions in any clothes are full, mistakes lose marks where they should and are named."""

import re
from collections import Counter

import numpy as np
import pytest

import course.ngram
from autograder.assignments import a06
from autograder.assignments.a06 import written
from autograder.assignments.a06.objects import draw_corpus
from autograder.checks.local import LocalSubject
from autograder.checks.rules.ngrams import right_probabilities
from autograder.checks.run import Draws, run_entry

from ..mutants.core import named_right
from ..mutants.entries import judge_entries
from ..mutants.report import targets
from .right_a06 import MUTANTS, RIGHT
from .tables import Answers, million_additions

ANSWERS = Answers(a06.TABLE, "import numpy as np")
CODE, load, outcomes = ANSWERS.code, ANSWERS.load, ANSWERS.outcomes
NAMES = [n for e in CODE for n in e.defines]


def lost(results):
    return {
        i: (o.message, [a for a, got, most in o.aspects if got < most])
        for i, o in results.items()
        if o.score < o.max_score
    }


def replaced(*pairs):
    text = RIGHT
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def test_the_code_of_a06_is_worth_46_points_and_a_bonus_of_4():
    assert sum(e.points() for e in CODE if not e.bonus) == pytest.approx(46)
    assert [e.points() for e in CODE if e.bonus] == [4]


@pytest.mark.parametrize("student", ["", "ada", "bao", *(f"s{k}" for k in range(7))])
def test_the_reference_is_full(student):
    assert lost(outcomes(RIGHT, student)) == {}


@pytest.mark.parametrize("student", ["ada", "bao"])
def test_the_library_is_full(student):
    subject = LocalSubject({n: getattr(course.ngram, n) for n in NAMES})
    assert lost(outcomes("", student, subject=subject)) == {}


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_the_trusted_probabilities_are_those_of_the_library(n):
    rng = np.random.default_rng(n)
    for sentences in (2, 5, 20, 40):
        text = draw_corpus(rng, sentences)
        weights = rng.dirichlet(np.ones(n)).tolist()
        for kind, *settings in (
            ("mle",),
            ("add_k", 0.3),
            ("interpolated", weights),
            ("kneser_ney", True),
            ("kneser_ney", False),
        ):
            model = course.ngram.NGram(n, getattr(course.ngram, kind)(*settings)).fit(text)
            histories = [[str(w) for w in rng.choice(model.vocab[2:], size=n - 1)] for _ in range(8)]
            queries = [(h, w) for h in histories for w in model.vocab]
            want = [model.prob(h, w) for h, w in queries]
            got = right_probabilities(text, n, (kind, *settings), queries)
            np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-15)


def test_references_stand_in_for_the_functions():
    subject = load(RIGHT)
    subject.namespace.update(a06.TABLE.references)
    assert lost(outcomes("", subject=subject)) == {}


def test_a_blank_release_has_nothing_and_raises_nothing():
    blank = re.sub(r"(?m)^(class \w+|def \w+\(.*\)):\n((    .*)?\n)+", r"\1: ...\n", RIGHT)
    assert "return" not in blank
    for text in (blank, ""):
        for entry, outcome in outcomes(text).items():
            assert (outcome.score, outcome.status) == (0, "not_run"), (entry, outcome)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mistake_costs_what_it_should_and_nothing_else(name):
    entry, old, new, left, diagnosis = MUTANTS[name]
    results = outcomes(replaced((old, new)))
    expected = left if isinstance(left, dict) else {entry: left}
    assert {i: round(results[i].score, 2) for i in lost(results)} == expected, lost(results)
    assert (diagnosis in results[entry].diagnosis) if diagnosis else not results[entry].diagnosis, lost(
        results
    )


UNUSUAL = {
    "smoothings as tuples": RIGHT
    + """
_makers = {"mle": mle, "add_k": add_k, "interpolated": interpolated, "katz": katz, "kneser_ney": kneser_ney}
_makers["mle"] = lambda: _makers["add_k"](0.0)
def mle(): return ("mle",)
def add_k(k): return ("add_k", k)
def interpolated(lambdas): return ["interpolated", list(lambdas)]
def katz(): return "katz"
def kneser_ney(modified=True): return {"kneser_ney": modified}
_Plain = NGram
class NGram(_Plain):
    def __init__(self, n, smoothing):
        if isinstance(smoothing, dict):
            smoothing = list(smoothing.items())[0]
        kind, *settings = [smoothing] if isinstance(smoothing, str) else smoothing
        super().__init__(n, _makers[kind](*settings))
""",
    "smoothings as classes": RIGHT
    + """
class Smoothing:
    def __init__(self, make, *settings):
        self.make, self.settings = make, settings
    def __call__(self, sentences, n, V):
        self.p = self.make(*self.settings)(sentences, n, V)
        return self.p
_mle, _add_k, _interpolated, _katz, _kneser_ney = mle, add_k, interpolated, katz, kneser_ney
mle, add_k, interpolated = lambda: Smoothing(_mle), lambda k: Smoothing(_add_k, k), lambda lambdas: Smoothing(_interpolated, lambdas)
katz, kneser_ney = lambda: Smoothing(_katz), lambda modified=True: Smoothing(_kneser_ney, modified)
""",
    "NumPy's strings": replaced(
        ('sorted({w for s in sentences for w in s} | {"</s>", "<unk>"})', 'list(np.unique([w for s in sentences for w in s] + ["</s>", "<unk>"]))'),
        ("word = model.vocab[rng.choice(len(p), p=p / p.sum())]", "word = rng.choice(model.vocab, p=p / p.sum())"),
    ),
    "single precision": replaced(
        ("            return np.log(p)", "            return np.log(np.array(p, dtype=np.float32))"),
        ("return self.p(", "return np.float32(self.p("), ("+ 1:]), known(word))", "+ 1:]), known(word)))"),
    ),
    "lists, loops and plain Python": RIGHT
    + """
import math
def ngrams(sentence, n):
    out, window = [], ["<s>"] * (n - 1)
    for w in [*sentence, "</s>"]:
        out.append([*window, w])
        window = [*window, w][1:] if n > 1 else []
    return tuple(map(tuple, out))
def count(ids, n):
    ids = [int(i) for i in ids]
    counts = {}
    for i in range(len(ids) - n + 1):
        key = tuple(ids[i:i + n])
        counts[key] = counts.get(key, 0) + 1
    return [sorted(counts), [counts[k] for k in sorted(counts)]]
def cross_entropy_bits(model, sentences):
    total, T = 0.0, 0
    for s in sentences:
        for x in model.logprobs([s]):
            total, T = total - float(x), T + 1
    return total / T / math.log(2)
def perplexity(model, sentences):
    return math.exp(-math.fsum(model.logprobs(sentences)) / sum(len(s) + 1 for s in sentences))
""",
    "inverse of the distribution function, logarithms": RIGHT
    + """
def sample_ngram(model, rng, n, temperature=1.0):
    words, history = [], []
    vocabulary = list(model.vocab)
    while True:
        if len(words) == n:
            return words
        z = np.log([model.prob(history, w) for w in vocabulary]) / temperature
        q = np.exp(z - z.max()).cumsum()
        w = vocabulary[int(np.searchsorted(q, rng.random() * q[-1]))]
        if w == "</s>":
            history.clear()
            continue
        words.append(w)
        history = (history + [w])[-(model.n - 1):]
""",
    "expectations by recursion, visits by iteration": RIGHT
    + """
def entropy_rate(grammar):
    rules = grammar["rules"]
    m, total = dict.fromkeys(rules, 0.0), dict.fromkeys(rules, 0.0)
    m[grammar["start"]] = 1.0
    while sum(m.values()) > 1e-13:
        following = dict.fromkeys(rules, 0.0)
        for A, visits in m.items():
            total[A] += visits
            weights = sum(rule[0] for rule in rules[A])
            for weight, _, body in rules[A]:
                for B in body:
                    following[B] += visits * weight / weights
        m = following
    H = 0.0
    for A, visits in total.items():
        p = np.array([rule[0] for rule in rules[A]], float)
        p /= p.sum()
        H -= visits * np.sum(p * np.log2(p))
    return np.float64(H / sum(total.values()))
""",
    "a model that is made anew by fit, with vocab as a property": RIGHT
    + """
class NGram(NGram):
    def fit(self, sentences):
        words = sorted({w for s in sentences for w in s} | {"</s>", "<unk>"})
        self._words, self.p = tuple(words), self.smoothing(list(sentences), self.n, len(words))
        return self
    @property
    def vocab(self):
        return list(self._words)
    def logprobs(self, sentences):
        return [float(np.log(self.prob(list(s[:i]), w))) if self.prob(list(s[:i]), w) else -np.inf for s in sentences for i, w in enumerate([*s, "</s>"])]
""",
}  # fmt: skip


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_right_but_unusual_is_full(name):
    assert lost(outcomes(UNUSUAL[name])) == {}


def test_callers_of_a_wrong_function_keep_their_marks():
    results = outcomes(replaced(('padded = ["<s>"] * (n - 1) +', 'padded = ["<s>"] * n +')))
    assert set(lost(results)) == {"ngrams"}
    assert "the mistake is in ngrams" in results["smoothing"].message
    results = outcomes(replaced((" / np.log(2)", "")))
    assert set(lost(results)) == {"cross-entropy-bits"}
    assert "the mistake is in cross_entropy_bits" in results["perplexity"].message


def test_a_sampler_keeps_its_marks_with_a_wrong_model():
    results = outcomes(
        RIGHT
        + "\nclass NGram:\n    def __init__(self, n, smoothing):\n        raise RuntimeError('broken')\n"
    )
    assert set(lost(results)) == {"smoothing", "ngram"}
    assert results["smoothing"].score == results["ngram"].score == 0


ODD = {
    "None": None, "a string": "x", "nan": float("nan"), "a set": {1}, "a dict": {1: 2}, "a generator": iter([1]), "a list": [None],
    "an object": object(), "a pair": (None, None), "a ragged list": [[1.0], [1.0, 2.0]], "strings": ["a", "b"], "infinity": np.inf,
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_functions_and_methods_that_return_odd_things_earn_nothing_and_break_nothing(odd):
    def answer(*args):
        return ODD[odd]

    methods = {"__init__": lambda self, *args: None, "fit": answer, "prob": answer, "logprobs": answer, "vocab": property(answer)}  # fmt: skip
    for model in (type("NGram", (), methods), answer):
        subject = LocalSubject({**dict.fromkeys(NAMES, answer), "NGram": model})
        for entry, outcome in outcomes("", subject=subject).items():
            assert outcome.score == 0 and outcome.status in ("failed", "error", "not_run"), (entry, outcome)


TYPED = sorted(i for i, e in a06.TABLE.entries.items() if not e.defines)


@pytest.mark.parametrize("odd", ODD)
def test_odd_answers_earn_nothing_and_break_nothing(odd):
    names = {i.removeprefix("derivation-").replace("-", "_"): ODD[odd] for i in TYPED}
    subject = LocalSubject({**names, "d6_5_numbers": ODD[odd]})
    for entry in TYPED:
        assert run_entry(a06.TABLE, a06.TABLE[entry], 1, subject, [Draws("ada")]).score == 0


@pytest.mark.parametrize("student", ["", "ada", "bao", *(f"s{k}" for k in range(20))])
def test_the_three_suspects_can_be_told_apart(student):
    """The one without smoothing copies; of the others, add-one draws rare words as often as frequent ones."""
    train, _ = written.dialect_text(student)
    often, fives = Counter(train), set(zip(*(train[k:] for k in range(5))))
    texts = dict(written.suspects(student).values())
    copied = {w: np.mean([g in fives for g in zip(*(t[k:] for k in range(5)))]) for w, t in texts.items()}
    assert copied["mle"] > 0.9 > 0.5 > max(copied["add-one"], copied["unigram"])
    assert sum(often[w] for w in texts["add-one"]) < sum(often[w] for w in texts["unigram"])


def test_frequencies_are_judged_without_false_alarms():
    """A right sampler passes for 25 ids; how unlikely a false alarm is, is derived at the limit."""
    subject = load(RIGHT)
    for k in range(25):
        assert lost(outcomes("", f"id{k}", subject=subject, only=("sample-ngram",))) == {}


def test_checks_are_quick():
    """Against the time of a million additions, about 30 ms on a laptop; a check cell has 2 seconds there."""
    unit = million_additions()
    right = [o.seconds for o in outcomes(RIGHT, hidden=False).values()]
    wrong = [
        outcomes(replaced(m[1:3]), hidden=False, only=(m[0],))[m[0]].seconds
        for m in list(MUTANTS.values())[::3]
    ]
    assert max(right) < 20 * unit and max(wrong) < 40 * unit


def test_mutants_lose_marks_in_their_entries_and_none_is_named_wrong():
    target = next(t for t in targets(["a06"]) if t.name == "ngrams")
    assert judge_entries(target, "A06-ngram-language-models", target.source)[1] == 0
    for mutant in target.mutants():
        verdict, points = judge_entries(target, "A06-ngram-language-models", mutant.source)
        assert points > 0 and (not verdict.ids or named_right(mutant.expected, verdict.ids)), mutant.name


@pytest.mark.slow
def test_the_table_says_the_same_through_the_sandbox():
    wrong = [RIGHT.replace(old, new) for _, old, new, _, _ in list(MUTANTS.values())[::9]]
    assert ANSWERS.told_apart([RIGHT, *list(UNUSUAL.values())[:5], *wrong], ["ngram"]) == []
