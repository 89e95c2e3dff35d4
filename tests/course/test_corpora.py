"""The artificial language: what it writes, its dialects, its oracle, and broken grammars."""

from itertools import pairwise

import numpy as np
import pytest

from course.toolbox.corpora.farm import check_grammar, documents, farm, oracle_logprobs, stream
from course.toolbox.errors import InputError


def test_food_after_eat_has_the_probabilities_of_the_slide():
    assert [(w, t) for w, t, _ in farm()["rules"]["FOOD"]] == [
        (4, "corn"),
        (3, "grass"),
        (2, "hay"),
        (1, "if"),
        (1, "which"),
    ]


def test_documents_end_once_and_names_rotate():
    for document in documents(farm(), np.random.default_rng(0), 20):
        assert document.index("exeunt") == len(document) - 1
        names = [t for t in document if t.endswith(":")]
        order = ["anna:", "ben:", "carl:"]
        assert all(order.index(b) == (order.index(a) + 1) % 3 for a, b in pairwise(names))
        assert document.count("(") == document.count(")")


def test_the_same_seed_gives_the_same_text_and_dialects_differ():
    one, two = (stream(farm(), np.random.default_rng(5), 500) for _ in range(2))
    assert one == two and len(one) == 500
    assert farm(seed=1) == farm(seed=1) != farm(seed=2)
    ratios = {
        new[0] / old[0]
        for A, rules in farm()["rules"].items()
        for new, old in zip(farm(seed=1)["rules"][A], rules)
    }
    assert ratios == {3.0, 4.0, 5.0}


def test_oracle_knows_the_law_of_every_token():
    text = stream(farm(), np.random.default_rng(1), 20_000)
    logp = oracle_logprobs(farm(), text)
    assert np.exp(logp[0]) == pytest.approx(1 / 3)
    after_eats = [np.exp(logp[t]) for t in range(1, len(text)) if text[t - 1] == "eats" and text[t] == "corn"]
    assert after_eats and np.allclose(after_eats, 4 / 11)
    assert -logp.mean() / np.log(2) == pytest.approx(1.44509, abs=0.04)  # standard error 0.009


@pytest.mark.parametrize(
    ("grammar", "words"),
    [
        ({"start": "A"}, "keys 'start' and 'rules'"),
        ({"start": "B", "rules": {"A": [[1, "a", []]]}}, "start 'B' has no rules"),
        ({"start": "A", "rules": {"A": []}}, "A has no rules"),
        ({"start": "A", "rules": {"A": [[0, "a", []]]}}, "weight 0"),
        ({"start": "A", "rules": {"A": [[float("nan"), "a", []]]}}, "weight nan"),
        ({"start": "A", "rules": {"A": [[1, "a", ["B"]]]}}, "names B"),
        ({"start": "A", "rules": {"A": [[1, "a", []], [1, "a", ["A"]]]}}, "two rules with the same token"),
    ],
)
def test_broken_grammars_are_named(grammar, words):
    with pytest.raises(InputError, match=words):
        check_grammar(grammar)


def test_text_that_the_grammar_cannot_write_is_refused():
    with pytest.raises(InputError, match="token 1, 'corn', cannot stand after 'anna:'"):
        oracle_logprobs(farm(), ["anna:", "corn"])
    with pytest.raises(InputError, match="D is 1 or 2"):
        farm(D=3)
