"""The entries of A05: right solutions in any clothes are full, mistakes lose marks where they should and are named."""

import re
import statistics

import numpy as np
import pytest

from autograder.assignments import a05
from autograder.checks.local import LocalSubject
from tests.mutants.core import named_right
from tests.mutants.entries import ENTRIES, judge_entries
from tests.mutants.report import targets

from .right_a05 import MUTANTS, RIGHT
from .tables import Answers, lost, million_additions

NAME = "A05-words-as-vectors"
NETWORKS = ("mlp-tagger", "bengio-lm")
LIBRARY = """
from course.embeddings import BengioLM, MLPTagger, build_vocab, embedding_backward, embedding_forward
from course.embeddings import nearest, ner_features, one_hot, sparse_features, window_batch
"""


ANSWERS = Answers(a05.TABLE)
load, outcomes = ANSWERS.load, ANSWERS.outcomes


def test_the_code_of_a05_is_worth_50_points():
    assert sum(e.points() for e in a05.TABLE.entries.values()) == pytest.approx(50)


@pytest.mark.parametrize("student", ["", "ada", "bao", *(f"s{k}" for k in range(7))])
def test_the_reference_is_full(student):
    assert lost(outcomes(RIGHT, student)) == {}


def test_the_trusted_functions_pass_their_own_entries():
    functions = dict(a05.TABLE.references)
    only = [e.id for e in a05.TABLE.entries.values() if e.id not in NETWORKS]
    assert lost(outcomes("", subject=LocalSubject(functions), only=only)) == {}


def test_a_blank_release_has_nothing_and_raises_nothing():
    blank = re.sub(r"(?m)^(class \w+.*|def \w+\(.*\)):\n((    .*)?\n)+", r"\1: ...\n", RIGHT)
    assert "return" not in blank
    blank = blank.replace("class BengioLM(MLPTagger)", "class BengioLM")
    for source in (blank, ""):
        for entry, outcome in outcomes(source).items():
            assert (outcome.score, outcome.status) == (0, "not_run"), (entry, outcome)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mistake_costs_what_it_should_and_nothing_else(name):
    entry, old, new, left, diagnosis, words = MUTANTS[name]
    assert old in RIGHT
    text = RIGHT.replace(old, new)
    results = outcomes(text, hidden=False)
    missing = lost(results)
    if entry == "mlp-tagger":  # the other class is made of this one
        missing.pop("bengio-lm", None)
    assert set(missing) == {entry}, missing
    assert left is None or results[entry].score == pytest.approx(left), results[entry]
    assert words in results[entry].message
    assert (diagnosis in results[entry].diagnosis) if diagnosis else not results[entry].diagnosis, missing


SLOW = ("mlp-tagger",)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in ENTRIES[NAME]]
)
def test_the_catalogue_of_mutants_loses_marks_and_is_named(name):
    target = next(t for t in targets(["a05", "a06"]) if t.name == name)
    with np.errstate(all="ignore"):
        verdict, points = judge_entries(target, NAME, target.source)
        assert points == 0, verdict.text
        told = [(m, *judge_entries(target, NAME, m.source)) for m in target.mutants()]
    assert not [m.name for m, _, points in told if not points]
    assert not [(m.name, v.text) for m, v, _ in told if v.ids and not named_right(m.expected, v.ids)]
    assert not [
        (m.name, v.text) for m, v, _ in told if m.expected != "-" and not named_right(m.expected, v.ids)
    ]


UNUSUAL = {
    "the library": LIBRARY,
    "tuples, float32, loops": RIGHT
    + """
def build_vocab(tokens, min_count=1):
    stoi = {"<unk>": 0}
    counts = {}
    for t in tokens:
        counts[t] = counts.get(t, 0) + 1
    for n in sorted(set(counts.values()), reverse=True):
        for w in sorted(w for w in counts if counts[w] == n and n >= min_count):
            stoi.setdefault(w, len(stoi))
    return [stoi, tuple(stoi)]

def one_hot(ids, V):
    return [[int(i == v) for v in range(V)] for i in ids]

def window_batch(ids, k, pad):
    return [[int(ids[j]) if 0 <= j < len(ids) else pad for j in range(i - k, i + k + 1)] for i in range(len(ids))]
""",
    "one-hot times E": RIGHT
    + """
def embedding_forward(ids, E):
    hot = np.eye(len(E))[ids]
    return np.asfortranarray(np.hstack([hot[:, k] @ E for k in range(ids.shape[1])]))

def embedding_backward(dY, ids, V):
    hot = np.eye(V)[ids]
    return np.einsum("nkv,nkd->vd", hot, dY.reshape(*ids.shape, -1))
""",
    "float32 inside": RIGHT
    + """
def embedding_backward(dY, ids, V):
    dE = np.zeros((V, dY.shape[1] // ids.shape[1]), np.float32)
    for n, row in enumerate(ids):
        for part, i in zip(np.split(dY[n].astype(np.float32), len(row)), row):
            dE[i] += part
    return dE
""",
    "features from sets, NumPy strings": RIGHT
    + """
def sparse_features(tokens, tags, i):
    words, labels = np.array(["<s>", *tokens]), np.array(["<s>", *tags])
    base = {"w=": words[i + 1], "pw=": words[i], "pt=": labels[i]}
    found = [k + v for k, v in base.items()]
    return tuple(reversed(found + [np.str_(found[0] + "&" + f) for f in found[1:]]))
""",
    "features with regular expressions, other order of keys": RIGHT
    + """
import re

def ner_features(tokens, tags, i):
    def shape_of(w):
        return re.sub("[0-9]", "d", re.sub("[a-z]", "x", re.sub("[A-Z]", "X", w))) if w not in ("<s>", "</s>") else w
    def around(items):
        return [items[j] if 0 <= j < len(items) else "<s>" if j < 0 else "</s>" for j in (i - 1, i, i + 1)]
    w = tokens[i]
    out = dict(right=tuple(sorted({t for t in tokens[i + 1:][:4]})), left=sorted({t for t in tokens[:i][-4:]}))
    out["shape_seq"] = "|".join(map(shape_of, around(tokens)))
    out["shape"], out["pos"], out["pos_seq"] = shape_of(w), tags[i], "|".join(around(tags))
    out["prev"], out["word"], out["next"] = around(tokens)
    out["ngrams"] = sorted(set(w[a:a + n] for n in range(1, len(w) + 1) for a in range(len(w) - n + 1)))
    return out
""",
    "networks without helpers, grads in another order": RIGHT
    + """
class BengioLM:
    def __init__(self, V, n, d, H, rng):
        self.params = dict(b2=np.zeros(V), W2=0.1 * rng.random((H, V)), b1=rng.normal(size=H), W1=0.1 * rng.random(((n - 1) * d, H)), E=rng.random((V, d)))

    def forward(self, ids):
        p = self.params
        rows = [p["E"][ids[:, k]] for k in range(ids.shape[1])]
        self.X = np.concatenate(rows, axis=1)
        self.H = np.tanh(np.einsum("nd,dh->nh", self.X, p["W1"]) + p["b1"])
        return self.H.dot(p["W2"]) + p["b2"]

    def loss_and_grads(self, ids, y):
        Z, p = self.forward(ids), self.params
        P = np.exp(Z - np.logaddexp.reduce(Z, axis=1)[:, None])
        dZ = (P - np.eye(len(p["E"]))[y]) / len(y)
        dA = dZ @ p["W2"].T / np.cosh(np.arctanh(self.H)) ** 2
        dX = np.split(dA @ p["W1"].T, ids.shape[1], axis=1)
        dE = sum(np.eye(len(p["E"]))[ids[:, k]].T @ dX[k] for k in range(ids.shape[1]))
        loss = np.float64(np.mean([-np.log(P[n, y[n]]) for n in range(len(y))]))
        return [loss, {"E": dE, "b1": dA.sum(0), "b2": dZ.sum(0), "W1": self.X.T @ dA, "W2": self.H.T @ dZ}]
""",
    "nearest with normalised rows": RIGHT
    + """
def nearest(E, itos, word, k=5):
    U = E / np.sqrt((E * E).sum(axis=1, keepdims=True))
    found = sorted(((float(u @ U[itos.index(word)]), w) for u, w in zip(U, itos) if w != word), reverse=True)
    return [[w, s] for s, w in found][:k]
""",
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_right_but_unusual_is_full(name):
    assert lost(outcomes(UNUSUAL[name])) == {}


def test_a_wrong_embedding_is_blamed_and_the_networks_keep_their_marks():
    results = outcomes(
        RIGHT.replace("np.add.at(dE, ids, dY.reshape(N, K, -1))", "dE[ids] += dY.reshape(N, K, -1)")
    )
    assert set(lost(results)) == {"embedding-backward"}
    assert "the mistake is in embedding_backward" in results["mlp-tagger"].message


def test_a_backward_pass_is_tried_without_a_forward_pass():
    text = RIGHT.replace("    return E[ids].reshape(len(ids), -1)\n", "    raise ValueError\n")
    assert "embedding-backward" not in lost(outcomes(text))


class Refuses:
    def __getattr__(self, name):
        raise RuntimeError("no")

    def __eq__(self, other):
        raise RuntimeError("no")

    __hash__ = None


ODD = {
    "None": None, "a string": "x", "nan": float("nan"), "a set": {1}, "a dict": {1: 2}, "a list": [None], "a pair": (None, None),
    "a ragged list": [[1.0], [1.0, 2.0]], "an object": Refuses(), "odd features": {"word": Refuses(), "ngrams": [Refuses()], "left": None},
    "an odd vocabulary": ({1: Refuses()}, ["b", "a"]), "pairs": [("a", None), ("b", "x")], "strings": ["w=", "x"],
}  # fmt: skip


@pytest.mark.parametrize("odd", [*ODD, "an error"])
def test_functions_and_methods_that_return_odd_things_earn_nothing_and_break_nothing(odd):
    def function(*args, **kwargs):
        if odd == "an error":
            raise ValueError("odd")
        return ODD[odd]

    names = {"__init__": lambda self, *a: None, "forward": function, "loss_and_grads": function, "params": {}}
    functions = dict.fromkeys(a05.TABLE.references, function)
    functions |= dict.fromkeys(["MLPTagger", "BengioLM"], type("Odd", (), names))
    for entry, outcome in outcomes("", subject=LocalSubject(functions)).items():
        assert outcome.score == 0 and outcome.status in ("failed", "error"), (entry, outcome)


def test_checks_are_quick():
    """Against the time of a million additions, about 30 ms on a laptop; a check cell has 2 seconds there."""
    unit = million_additions()
    seconds = [outcomes(RIGHT.replace(m[1], m[2], 1), only=(m[0],))[m[0]].seconds for m in MUTANTS.values()]
    assert statistics.median(seconds) < 4 * unit and max(seconds) < 40 * unit


@pytest.mark.slow
def test_the_table_says_the_same_through_the_sandbox():
    # the library is withheld there
    own = [text for name, text in UNUSUAL.items() if name != "the library"]
    assert (
        ANSWERS.told_apart(
            [RIGHT, *own, *(RIGHT.replace(m[1], m[2]) for m in list(MUTANTS.values())[::4])], ["embeddings"]
        )
        == []
    )
