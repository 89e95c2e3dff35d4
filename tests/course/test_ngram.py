"""Counting, entropy, the n-gram model with every smoothing, sampling."""

from collections import Counter

import numpy as np
import pytest

from course.ngram import (
    NGram,
    add_k,
    count,
    cross_entropy_bits,
    document_entropy,
    entropy_rate,
    interpolated,
    katz,
    kneser_ney,
    mle,
    ngram_floor,
    ngrams,
    perplexity,
    sample_ngram,
)
from course.toolbox.corpora.farm import documents, farm, stream
from course.toolbox.errors import InputError, ShapeError

SMALL = [["a", "b", "a"], ["b", "c"], [], ["a", "b", "b", "c", "a"]]
SMOOTHINGS = {
    "mle": mle(),
    "add_k": add_k(0.5),
    "interpolated": interpolated([0.2, 0.3, 0.5]),
    "katz": katz(),
    "plain": kneser_ney(False),
    "modified": kneser_ney(),
}
FARM = documents(farm(), np.random.default_rng(0), 60)


def test_ngrams_are_padded_in_front_and_end_with_the_end():
    assert ngrams(["a"], 3) == [("<s>", "<s>", "a"), ("<s>", "a", "</s>")]
    assert ngrams([], 1) == [("</s>",)]


@pytest.mark.parametrize("n", [1, 2, 3, 6])
@pytest.mark.parametrize("high", [3, 10**12])
def test_count_is_what_a_counter_counts(n, high):
    ids = np.random.default_rng(n).integers(0, high, 400)
    expected = Counter(tuple(ids[i : i + n].tolist()) for i in range(400 - n + 1))
    keys, counts = count(ids, n)
    assert list(map(tuple, keys.tolist())) == sorted(expected)
    assert counts.tolist() == [expected[k] for k in sorted(expected)]


def test_count_refuses_what_cannot_be_counted():
    with pytest.raises(InputError, match="2 ids, which is shorter than the order 3"):
        count([0, 1], 3)
    with pytest.raises(InputError, match="at least 1"):
        count([0, 1], 0)
    with pytest.raises(InputError, match="whole numbers"):
        count([0.5, 1.0], 1)
    with pytest.raises(InputError, match="from 0 on"):
        count([0, -1], 1)
    with pytest.raises(ShapeError):
        count([[0, 1]], 1)


def test_entropy_of_farm():
    bits, length = document_entropy(farm())
    assert (round(bits, 4), round(length, 3)) == (258.2120, 178.682)
    assert entropy_rate(farm()) == pytest.approx(1.44509462, abs=5e-9)
    assert entropy_rate(farm(D=1)) == pytest.approx(1.41241718, abs=5e-9)
    assert len({round(entropy_rate(farm(seed=s)), 6) for s in range(10)}) == 10


def test_entropy_of_small_languages():
    food = {"start": "A", "rules": {"A": [[4, "corn", []], [3, "grass", []], [2, "hay", []], [1, "if", []], [1, "which", []]]}}  # fmt: skip
    assert entropy_rate(food) == pytest.approx(2.1181, abs=5e-5)
    assert ngram_floor(food, 1) == pytest.approx(ngram_floor(food, 3)) == pytest.approx(entropy_rate(food))
    unused = {"start": "A", "rules": {"A": [[1, "a", []]], "B": [[1, "b", ["B"]]]}}
    assert entropy_rate(unused) == 0.0
    with pytest.raises(InputError, match="no finite mean length"):
        entropy_rate({"start": "A", "rules": {"A": [[1, "a", ["A", "A"]], [1, "b", []]]}})
    with pytest.raises(InputError, match="different stacks"):
        ngram_floor({"start": "A", "rules": {"A": [[1, "a", ["A", "A"]], [2, "b", []]]}}, 2)
    with pytest.raises(InputError, match="at least 1"):
        ngram_floor(food, 0)


def test_floors_of_farm_fall_to_the_entropy():
    floors = [ngram_floor(farm(), n) for n in range(1, 6)]
    assert [round(h, 4) for h in floors] == [4.6144, 1.9679, 1.9449, 1.7730, 1.7169]
    assert min(floors) > entropy_rate(farm())


@pytest.mark.parametrize("name", SMOOTHINGS)
@pytest.mark.parametrize("corpus", ["small", "farm"])
def test_probabilities_sum_to_one(name, corpus):
    text = SMALL if corpus == "small" else FARM
    model = NGram(3, SMOOTHINGS[name]).fit(text)
    rng = np.random.default_rng(1)
    histories = [[], ["nowhere"], ["nowhere", "a"], model.vocab[:2]]
    histories += [rng.choice(model.vocab, size=3).tolist() for _ in range(10)]
    histories += [s[i : i + 2] for s in text[:1] for i in range(len(s) - 1)]
    for history in histories:
        p = np.array([model.prob(history, w) for w in model.vocab])
        np.testing.assert_allclose(model.distribution(history), p, rtol=1e-14, atol=0)
        assert p.min() >= 0
        assert p.sum() == pytest.approx(1, abs=1e-12) or (name == "mle" and p.sum() == 0)


@pytest.mark.parametrize("name", SMOOTHINGS)
def test_logprobs_are_those_of_prob(name):
    model = NGram(3, SMOOTHINGS[name]).fit(SMALL)
    sentences = [["a", "b"], [], ["new", "c", "a", "b", "b"]]
    one_by_one = [model.prob(s[:i], w) for s in sentences for i, w in enumerate([*s, "</s>"])]
    np.testing.assert_allclose(np.exp(model.logprobs(sentences)), one_by_one, rtol=1e-13)
    assert model.prob(["a"], "<s>") == 0


def test_hand_computed_values():
    model = NGram(2, mle()).fit([["a", "b"], ["a", "c"]])
    assert model.vocab == ["</s>", "<unk>", "a", "b", "c"]
    assert (model.prob([], "a"), model.prob(["a"], "b"), model.prob(["b"], "</s>")) == (1.0, 0.5, 1.0)
    model = NGram(2, add_k(1)).fit([["a", "b"], ["a", "c"]])
    assert model.prob(["a"], "b") == pytest.approx(2 / 7)
    assert model.prob(["zebra"], "b") == pytest.approx(1 / 5)
    model = NGram(2, interpolated([0.25, 0.75])).fit([["a", "b"], ["a", "c"]])
    assert model.prob(["a"], "b") == pytest.approx(0.25 / 6 + 0.75 / 2)
    assert model.prob(["zebra"], "b") == pytest.approx(1 / 6)


def test_kneser_ney_by_hand():
    # plain, fallback 1/2. Unigrams by left neighbours: a 1 (<s>), b 1, c 1, </s> 2; bigrams: all 1 but "<s> a" 2
    model = NGram(2, kneser_ney(False)).fit([["a", "b"], ["a", "c"]])
    d = 3 / (3 + 2 * 1)  # unigrams: n1 = 3, n2 = 1
    left = (3 * d + d) / 5
    b, D = (1 - d) / 5 + left / 5, 4 / (4 + 2 * 1)  # bigrams: n1 = 4, n2 = 1
    assert model.prob(["a"], "b") == pytest.approx((1 - D) / 2 + D * b)
    assert model.prob(["a"], "<unk>") == pytest.approx(D * left / 5)


def test_katz_keeps_large_counts():
    model, bigrams = NGram(2, katz()).fit(FARM), Counter(g for s in FARM for g in ngrams(s, 2))
    total = Counter()
    for (h, _), c in bigrams.items():
        total[h] += c
    kept = [(h, w) for (h, w), c in bigrams.items() if c > 5 and h != "<s>" and total[h] > 50]
    assert len(kept) > 50
    for h, w in kept:
        assert model.prob([h], w) == pytest.approx(bigrams[h, w] / total[h], rel=1e-9)


def test_kneser_ney_stays_above_the_floor_and_near_it():
    text = stream(farm(), np.random.default_rng(2), 60_000)
    model = NGram(3, kneser_ney()).fit([text[:50_000]])
    bits = cross_entropy_bits(model, [text[50_000:]])
    assert 1.9 < bits < 2.05  # the floor is 1.9449
    assert perplexity(model, [text[50_000:]]) == pytest.approx(2**bits)


def test_long_texts_do_not_underflow():
    model = NGram(2, add_k(0.01)).fit([["a", "b"]])
    assert np.isfinite(model.logprobs([["a", "x"] * 50_000])).all()


@pytest.mark.parametrize("n", [1, 2, 5])
def test_sampling_follows_the_probabilities(n):
    model = NGram(n, kneser_ney()).fit(SMALL)
    words = sample_ngram(model, np.random.default_rng(3), 5_000)
    assert len(words) == 5_000 and "</s>" not in words
    if n == 1:
        p = model.distribution([])[1:]
        share = np.array([words.count(w) for w in model.vocab[1:]]) / 5_000
        np.testing.assert_allclose(share, p / p.sum(), atol=0.03)


def test_a_low_temperature_takes_the_likeliest_word():
    model = NGram(2, mle()).fit([["x", "y"]] * 9 + [["x", "z"]])
    assert sample_ngram(model, np.random.default_rng(0), 6, temperature=0.02) == ["x", "y"] * 3
    assert "z" in sample_ngram(model, np.random.default_rng(0), 200)


def test_a_file_gives_the_same_model_as_its_sentences(tmp_path):
    path = tmp_path / "text.txt"
    for end in ("\n", ""):
        path.write_text("a b a\nb c\n\na b b c a" + end)
        ours = NGram(3, kneser_ney()).fit_file(path)
        np.testing.assert_array_equal(ours.logprobs(SMALL), NGram(3, kneser_ney()).fit(SMALL).logprobs(SMALL))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: NGram(0, mle()), "at least 1"),
        (lambda: NGram(2, "laplace"), "'laplace' is no smoothing"),
        (lambda: NGram(2, mle), "with the brackets"),
        (lambda: NGram(2, mle()).fit([]), "the corpus is empty"),
        (lambda: NGram(2, mle()).fit(["a b"]), "not a string"),
        (lambda: NGram(2, mle()).fit([["a", "<s>"]]), "leave them out"),
        (lambda: NGram(2, mle()).fit([["a", "</s>"]]), "leave them out"),
        (lambda: NGram(2, mle()).prob([], "a"), "call fit first"),
        (lambda: NGram(2, mle()).fit(SMALL).prob("ab", "a"), "not a string"),
        (lambda: NGram(2, interpolated([1.0])).fit(SMALL), "1 weights were given for 2 orders"),
        (lambda: interpolated([0.5, 0.6]), "sum to 1"),
        (lambda: add_k(0), "positive"),
        (lambda: cross_entropy_bits(NGram(2, mle()).fit(SMALL), []), "the text is empty"),
        (lambda: sample_ngram(NGram(2, mle()).fit(SMALL), np.random.default_rng(0), 2, 0.0), "temperature"),
        (lambda: sample_ngram(NGram(1, mle()).fit([[]]), np.random.default_rng(0), 2), "were empty"),
    ],
)
def test_bad_input_gets_a_sentence(call, words):
    with pytest.raises(InputError, match=words):
        call()
