"""Fair comparisons: means and errors, curves, mixtures, intervals, the oracle, leaks, dependencies, judges, bad input."""

import numpy as np
import pytest

from course import evaluate as ev
from course.ngram import NGram, document_entropy, kneser_ney, sample_ngram
from course.toolbox.corpora.farm import documents, farm, oracle_logprobs, stream
from course.toolbox.errors import InputError

FARM = farm()
DOCS = [[d] for d in documents(FARM, np.random.default_rng(0), 150)]
ORACLE = ev.Oracle(FARM)


def rng(seed=0):
    return np.random.default_rng(seed)


class Fixed:
    """A model that gives these bits."""

    def __init__(self, bits):
        self.bits = bits

    def logprobs(self, sentences):
        return -np.asarray(self.bits, float) * np.log(2)


class Scaled:
    """A model that is as sure as the oracle, times a factor."""

    def __init__(self, factor):
        self.factor = factor

    def logprobs(self, sentences):
        return ORACLE.logprobs(sentences) * self.factor


def test_the_mean_is_taken_over_tokens_and_its_error_over_documents():
    docs = [[["a"], ["b"]], [["a", "b"]], []]
    result = ev.evaluate(Fixed([1, 2, 3, 0, 1, 2, 6]), docs)
    assert result["bits_per_token"] == pytest.approx(15 / 7)
    B, L, b = np.array([6, 9, 0]), np.array([4, 3, 0]), 15 / 7
    assert result["se"] == pytest.approx(np.sqrt(3 / 2 * ((B - b * L) ** 2).sum()) / 7)
    assert result["per_token"].tolist() == [1, 2, 3, 0, 1, 2, 6]
    assert np.isnan(ev.evaluate(Fixed([1, 2]), [[["a"]]])["se"])


def test_a_token_that_was_impossible_costs_infinitely_many_bits():
    result = ev.evaluate(Fixed([1, np.inf, 1, 1]), [[["a"]], [["a"]]])
    assert result["bits_per_token"] == np.inf and np.isnan(result["se"])


def test_documents_add_up():
    one, two = ev.evaluate(ORACLE, DOCS[:40]), ev.evaluate(ORACLE, DOCS[40:])
    both, n = ev.evaluate(ORACLE, DOCS), len(one["per_token"])
    np.testing.assert_array_equal(both["per_token"], [*one["per_token"], *two["per_token"]])
    share = n / len(both["per_token"])
    mean = share * one["bits_per_token"] + (1 - share) * two["bits_per_token"]
    assert both["bits_per_token"] == pytest.approx(mean)


def test_the_standard_error_is_the_spread_of_repeated_experiments():
    means, errors = [], []
    for seed in range(60):
        result = ev.evaluate(ORACLE, [[d] for d in documents(FARM, rng(seed), 30)])
        means.append(result["bits_per_token"])
        errors.append(result["se"])
    assert np.std(means) == pytest.approx(np.mean(errors), rel=0.3)  # the spread itself is known to 9 %
    bits, length = document_entropy(FARM)
    assert abs(np.mean(means) - bits / (length + 1)) < 4 * np.mean(errors) / np.sqrt(60)


def test_the_oracle_sums_to_one_and_ends_with_certainty():
    document = DOCS[0][0]
    words = {t for rules in FARM["rules"].values() for _, t, _ in rules}
    open_end = ev.Oracle(FARM, stream=True)
    for t in (0, 1, 5, 20):
        total = 0.0
        for word in words:
            try:
                total += np.exp(open_end.logprobs([[*document[:t], word]])[t])
            except InputError:
                continue
        assert total == pytest.approx(1.0)
    np.testing.assert_array_equal(ORACLE.logprobs([document]), [*oracle_logprobs(FARM, document), 0.0])
    text = stream(FARM, rng(1), 400)
    np.testing.assert_array_equal(open_end.logprobs([text])[:-1], oracle_logprobs(FARM, text))
    assert ORACLE.logprobs([]).shape == (0,)


def test_a_model_whose_probabilities_do_not_sum_to_one_is_named():
    model = NGram(3, kneser_ney()).fit(DOCS[0])
    ev.check_normalised(model, model.vocab, [[], DOCS[0][0][:3], ["never", "seen"]])
    uniform = Fixed([2.0, 2.0])  # four words with a quarter each, and </s> with another one
    with pytest.raises(InputError, match=r"after .a. the probabilities of 5 words sum to 1\.25, not 1"):
        ev.check_normalised(uniform, ["a", "b", "c", "<unk>", "</s>"], [["a"]])
    ev.check_normalised(uniform, ["a", "b", "</s>", "<unk>"], [["a"]])


def test_a_curve_takes_whole_documents_until_there_are_enough_tokens():
    seen = []

    class Counting:
        def fit(self, sentences):
            seen.append(sentences)

        def logprobs(self, sentences):
            return np.full(sum(len(s) + 1 for s in sentences), -len(seen[-1]) * np.log(2))

    docs = [[["a"], ["b"]], [["c", "d"]], [["e"]]]  # 4, 3 and 2 tokens
    curve = ev.learning_curve(Counting, docs, [1, 4, 5, 9, 100], [[["a"]]])
    assert curve == [(4, 2.0), (4, 2.0), (7, 3.0), (9, 4.0), (9, 4.0)]
    assert seen[2] == [["a"], ["b"], ["c", "d"]]


def test_more_text_gives_fewer_bits_but_never_fewer_than_the_oracle():
    curve = ev.learning_curve(lambda: NGram(3, kneser_ney()), DOCS[:120], [500, 20_000], DOCS[120:])
    assert curve[0][1] > curve[1][1] > ev.evaluate(ORACLE, DOCS[120:])["bits_per_token"]
    assert curve[0][0] >= 500


def test_bootstrap_is_the_formula_and_symmetric():
    a, b = rng(1).standard_normal((2, 9))
    draws = rng(5).integers(0, 9, (500, 9))
    m = (a - b)[draws].mean(axis=1)
    p = min(1, 2 * (1 + min((m <= 0).sum(), (m >= 0).sum())) / 501)
    assert ev.paired_bootstrap(a, b, rng(5), 500) == p == ev.paired_bootstrap(b, a, rng(5), 500)
    assert ev.paired_bootstrap(a, a, rng(5), 100) == 1.0
    assert ev.paired_bootstrap(a, a + 1, rng(5), 2999) == pytest.approx(2 / 3000)


def test_bootstrap_is_calibrated_where_the_models_are_equally_good():
    r = rng(3)
    p = [ev.paired_bootstrap(r.standard_normal(60), r.standard_normal(60), r, 199) for _ in range(400)]
    assert np.mean(np.array(p) < 0.1) == pytest.approx(0.1, abs=0.06)  # standard error 0.015
    assert np.mean(p) == pytest.approx(0.5, abs=0.08)


def test_the_mixture_is_at_least_as_good_as_its_best_part_and_no_step_helps():
    P = rng(2).uniform(0.01, 1, (3, 400)) * np.array([[1.0], [0.5], [0.9]])
    bits = lambda w: -np.log2(w @ P).mean()
    w = ev.interpolate(P, 2000)
    assert w.sum() == pytest.approx(1) and (w >= 0).all()
    assert bits(w) <= min(bits(e) for e in np.eye(3))
    gain = (P / (w @ P)).mean(axis=1)  # 1 for every model that is used, not more for the others
    assert gain.max() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(ev.interpolate(P, 0), [1 / 3] * 3)
    falling = [bits(ev.interpolate(P, k)) for k in range(6)]
    assert falling == sorted(falling, reverse=True)
    assert ev.interpolate(np.array([[0.5, 0.5], [0.5, 0.5]])).tolist() == [0.5, 0.5]


def test_the_interval_is_that_of_the_beta_distribution():
    beta = pytest.importorskip("scipy.stats").beta
    for n in (1, 2, 20, 137, 5000):
        for k in sorted({0, 1, n // 3, n // 2, n - 1, n}):
            truth = [True] * n
            result = ev.real_or_fake([True] * k + [False] * (n - k), truth)
            assert result["accuracy"] == k / n
            low = beta.ppf(0.025, k, n - k + 1) if k else 0.0
            high = beta.ppf(0.975, k + 1, n - k) if k < n else 1.0
            assert (result["low"], result["high"]) == pytest.approx((low, high), rel=1e-9, abs=1e-12)
    mixed = ev.real_or_fake([True, False, 1, 0], [True, True, True, False])
    assert mixed["accuracy"] == 0.75


SENTENCE = (
    "anna: the cow near the dogs that the farmer sees eats corn , and ( the cows sleep ) . / exeunt".split()
)


def test_dependencies_of_a_sentence():
    labels = dict(zip(SENTENCE, ev.dependencies(FARM, [SENTENCE])))
    assert len(ev.dependencies(FARM, [SENTENCE, SENTENCE])) == 2 * len(SENTENCE) + 2
    assert {w: x for w, x in labels.items() if x != "other"} == {
        "sees": "verb 1 later", "eats": "verb 5-8 later", "corn": "food", "sleep": "verb 1 later",
        ")": "closing bracket", "exeunt": "next speaker",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("between", "label"),
    [
        ("", "1"),
        ("near the dogs", "2-4"),
        ("that the farmer sees", "5-8"),
        ("that the farmer near the dogs sees", "5-8"),
        ("that the black farmer near the dogs sees", "9+"),
    ],
)
def test_the_distance_of_a_verb_is_counted_from_its_noun(between, label):
    text = f"anna: the cow {between} sleeps , . / exeunt".split()
    assert ev.dependencies(FARM, [text])[text.index("sleeps")] == f"verb {label} later"


def test_bits_sit_where_memory_is_needed():
    sentences = [s for doc in DOCS for s in doc]
    labels = ev.dependencies(FARM, sentences)
    oracle = ev.bits_by_dependency(ev.evaluate(ORACLE, DOCS)["per_token"], labels)
    model = NGram(3, kneser_ney()).fit(d for d in documents(FARM, rng(9), 200))
    trigram = ev.bits_by_dependency(ev.evaluate(model, DOCS)["per_token"], labels)
    assert sum(n for _, n in oracle.values()) == len(labels)
    assert set(oracle) == {"closing bracket", "next speaker", "food", "other"} | {
        f"verb {reach} later" for reach in ("1", "2-4", "5-8", "9+")
    }
    assert oracle["closing bracket"][0] == 0 and trigram["closing bracket"][0] > 1
    assert oracle["next speaker"][0] == pytest.approx(0.503, abs=0.08)
    assert oracle["food"][0] == pytest.approx(2.118, abs=0.15) == trigram["food"][0]
    assert trigram["verb 9+ later"][0] > oracle["verb 9+ later"][0] + 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("anna: the cow eats corn , . / ben: the", None),
        ("anna: the cow eats corn , . / exeunt ben: the cow", None),
        ("anna: the cow near the dogs eat corn", (6, "agreement")),
        ("anna: ( the cow sleeps ]", (5, "bracket")),
        ("anna: [ the cow sleeps . /", (5, "bracket")),
        ("anna: the cow sleeps )", (4, "bracket")),
        ("anna: the cow sleeps , . / carl:", (7, "speaker")),
        ("anna: the the", (2, "other")),
        ("cow", (0, "other")),
        ("", None),
    ],
)
def test_the_first_violation_is_found_and_named(text, expected):
    assert ev.first_violation(FARM, text.split()) == expected


def test_the_report_tells_samples_of_the_grammar_from_those_of_a_model():
    right = ev.grammaticality(FARM, [stream(FARM, rng(i), 300) for i in range(10)])
    assert right["right"] == 1 and right["kinds"] == {} and np.isnan(right["first"])
    model = NGram(3, kneser_ney()).fit(d for doc in DOCS for d in doc)
    report = ev.grammaticality(FARM, [sample_ngram(model, rng(i), 300) for i in range(20)])
    assert report["right"] < 0.2 and report["first"] < 150
    assert sum(report["kinds"].values()) == round(20 * (1 - report["right"])) and "bracket" in report["kinds"]


def test_who_beats_the_source_has_a_leak_and_who_does_not_has_none():
    words = ev.leak(Scaled(0.9), ORACLE, DOCS)
    assert words.startswith("You beat the entropy of the source by 0.14") and "shift them by one" in words
    assert ev.leak(ORACLE, ORACLE, DOCS) == ev.leak(Scaled(1.1), ORACLE, DOCS) == ""
    honest = NGram(5, kneser_ney()).fit(documents(FARM, rng(8), 300))
    assert ev.leak(honest, ORACLE, DOCS) == ""
    assert "inf standard errors" in ev.leak(Fixed([1, 1] * 2), Fixed([2, 2] * 2), [[["a"]], [["a"]]])


def test_a_small_advantage_by_chance_is_no_leak():
    lucky = Fixed([1.0, 1.0, 2.0, 0.9])
    assert ev.leak(lucky, Fixed([1.1, 1.1, 1.5, 1.3]), [[["a"]], [["b"]]]) == ""


def test_the_likelihood_ratio_knows_the_real_text():
    model = NGram(2, kneser_ney()).fit(d for doc in DOCS for d in doc)
    real = [[stream(FARM, rng(i), 100)] for i in range(15)]
    fake = [[sample_ngram(model, rng(i), 100)] for i in range(15)]
    other = NGram(5, kneser_ney()).fit(documents(FARM, rng(7), 300))
    ratio = ev.likelihood_ratio(other, model, real + fake)
    result = ev.real_or_fake(list(ratio > 0), [True] * 15 + [False] * 15)
    assert result["accuracy"] > 0.8 and result["low"] > 0.5
    never = Fixed([np.inf])
    assert ev.likelihood_ratio(never, never, real[:1]).tolist() == [0.0]
    assert ev.likelihood_ratio(never, model, real[:1]).tolist() == [-np.inf]
    assert ev.likelihood_ratio(never, model, []).shape == (0,)


def test_held_out_documents_count_how_often_they_are_opened():
    train, valid, test = ev.split_documents(list(range(2000)))
    assert test.opened == 0 and test.clean
    held = test.open()
    assert test.clean and test.open() == held and test.opened == 2 and not test.clean
    assert sorted([*train, *valid, *held]) == list(range(2000))
    assert 140 < len(held) < 260 and 140 < len(valid) < 260
    longer = ev.split_documents(list(range(3000)))
    assert longer[0][: len(train)] == train  # a document stays where it is


def test_a_recurrent_model_takes_part_in_the_race():
    sentences = [["a", "b", "c"], ["b", "c", "a", "b"]] * 60
    model = ev.Recurrent(4, 16, rng(), 150, N=4, T=10, lr=0.02).fit(sentences)
    assert ev.evaluate(model, [sentences[:10]])["bits_per_token"] < 0.3
    ev.check_normalised(model, model.stoi, [[], ["b", "c"]])
    whole = model.logprobs([["a", "b"]] * 700)  # longer than what is scored at a time
    ids = np.array([model.stoi[w] for w in ["</s>", *["a", "b", "</s>"] * 700]])[:, None]
    at_once, _ = model.model.logprobs(ids[:-1], ids[1:])
    np.testing.assert_allclose(whole, at_once[:, 0], rtol=1e-5)
    assert model.logprobs([]).shape == (0,)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ev.evaluate(ORACLE, []), "the text is empty"),
        (lambda: ev.evaluate(ORACLE, [[], []]), "the text is empty"),
        (lambda: ev.evaluate(ORACLE, [["the", "cow"]]), "wrap it as"),
        (lambda: ev.evaluate(Fixed([1]), [[["a"]]]), "has shape \\(1,\\), but the text has 2 tokens"),
        (lambda: ev.evaluate(Fixed([1, -1]), [[["a"]]]), "the probability of token 1 is 2;"),
        (lambda: ev.evaluate(Fixed([np.nan, 1]), [[["a"]]]), "the probability of token 0 is nan"),
        (lambda: ev.learning_curve(dict, DOCS, [0], DOCS), "a size is 0"),
        (lambda: ev.learning_curve(dict, [], [1], DOCS), "the text is empty"),
        (lambda: ev.bits_by_dependency([1.0], []), "1 tokens but 0 labels"),
        (lambda: ev.paired_bootstrap([1.0], [1.0, 2.0], rng()), "each of the same documents"),
        (lambda: ev.paired_bootstrap([], [], rng()), "each of the same documents"),
        (lambda: ev.paired_bootstrap([1.0], [np.inf], rng()), "finite number"),
        (lambda: ev.interpolate([0.5, 0.5]), "one row for each model"),
        (lambda: ev.interpolate([[0.5, 1.5]]), "between 0 and 1"),
        (lambda: ev.interpolate([[0.5, 0.0], [0.5, 0.0]]), "0 in all rows"),
        (lambda: ev.interpolate(np.ones((2, 0))), "one row for each model"),
        (lambda: ev.real_or_fake([], []), "0 answers to 0 questions"),
        (lambda: ev.real_or_fake([True], []), "1 answers to 0 questions"),
        (lambda: ev.leak(ORACLE, ORACLE, DOCS[:1]), "at least two documents"),
        (lambda: ev.Oracle({"start": "A", "rules": {}}), "the start 'A' has no rules"),
        (lambda: ORACLE.logprobs([["cow"]]), "token 0, 'cow', cannot stand"),
        (lambda: ORACLE.logprobs([["anna:", "the"]]), "sentence 0 is no whole document"),
        (lambda: ORACLE.logprobs([DOCS[0][0] * 2]), "no whole document"),
        (lambda: ORACLE.logprobs([[]]), "no whole document"),
        (lambda: ev.dependencies(FARM, [["cow"]]), "token 0, 'cow', cannot stand"),
        (lambda: ev.grammaticality(FARM, []), "there are no samples"),
        (lambda: ev.split_documents([], 0.5, 0.5), "leave nothing to train with"),
        (lambda: ev.Recurrent(2, 2, rng(), 1).logprobs([["a"]]), "call fit first"),
        (lambda: ev.Recurrent(2, 2, rng(), 1).fit([["a"]]), "do not fill 32 sequences"),
    ],
)
def test_bad_input_gets_a_sentence(call, words):
    with pytest.raises(InputError, match=words):
        call()
