"""The entries of A09: right solutions in any clothes are full, mistakes lose marks where they should and are named."""

import re
import statistics

import numpy as np
import pytest

from autograder.assignments import a09
from autograder.checks.local import LocalSubject
from tests.mutants.core import named_right
from tests.mutants.entries import ENTRIES, judge_entries
from tests.mutants.report import targets

from .right_a09 import MUTANTS, RIGHT
from .tables import Answers, lost, million_additions

NAME = "A09-bidirectional-and-seq2seq"
CLASSES = ("bitagger", "seq2seq", "beam")  # a beam needs the class
LIBRARY = """
from course.conv import conv1d_backward, conv1d_forward, maxpool1d
from course.seq2seq import BiTagger, Seq2Seq, beam, birnn_backward, birnn_forward
from course.seq2seq import decoder_backward, decoder_forward, encoder_backward, encoder_forward
"""


ANSWERS = Answers(a09.TABLE)
load, outcomes = ANSWERS.load, ANSWERS.outcomes


def test_the_code_of_a09_is_worth_50_points_and_a_bonus_of_10():
    worth = {
        bonus: sum(e.points() for e in a09.TABLE.entries.values() if e.bonus is bonus)
        for bonus in (False, True)
    }
    assert worth == {False: pytest.approx(50), True: pytest.approx(10)}


@pytest.mark.parametrize("student", ["", "ada", "bao", *(f"s{k}" for k in range(7))])
def test_the_reference_is_full(student):
    assert lost(outcomes(RIGHT, student)) == {}


def test_the_trusted_functions_pass_their_own_entries():
    functions = dict(a09.TABLE.references)
    only = [e.id for e in a09.TABLE.entries.values() if e.id not in CLASSES]
    assert lost(outcomes("", subject=LocalSubject(functions), only=only)) == {}


def test_a_blank_release_has_nothing_and_raises_nothing():
    blank = re.sub(r"(?m)^(class \w+|def \w+\(.*\)):\n((    .*)?\n)+", r"\1: ...\n", RIGHT)
    assert "return" not in blank
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
    assert set(missing) == {entry}, missing
    assert left is None or results[entry].score == pytest.approx(left), results[entry]
    assert words in results[entry].message
    assert (diagnosis in results[entry].diagnosis) if diagnosis else not results[entry].diagnosis, missing


@pytest.mark.parametrize(
    ("old", "new", "diagnosis", "words"),
    [
        ("reversed(range(len(X)))", "range(len(X))", ("M47",), "forwards through time"),
        ("dz = dh * m * (", "dz = dh * (", ("M50",), "pads add"),
        ("dz @ Whh.T + dh * (1 - m)", "dz @ Whh.T", (), "At pads the gradient of the state is lost"),
        ("dbh += dz.sum(axis=0)", "dbh += (dh * (1 - H[t + 1] ** 2)).sum(axis=0)", ("M50",), "dbh"),
    ],
)
def test_a_slip_in_the_loop_of_a_masked_layer_is_named_wherever_it_is_used(old, new, diagnosis, words):
    results = outcomes(RIGHT.replace(old, new), hidden=False, only=["birnn-backward", "encoder-backward"])
    for entry, outcome in results.items():
        assert outcome.score < outcome.max_score, entry
        assert (outcome.diagnosis, words in outcome.message) == (diagnosis, True), (entry, outcome.message)


SLOW = ("birnn", "decoder")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in ENTRIES[NAME]]
)
def test_the_catalogue_of_mutants_loses_marks_and_is_named(name):
    target = next(t for t in targets(["a09"]) if t.name == name)
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
    "sequence by sequence, without pads": RIGHT
    + """
def encoder_forward(src, mask, params):
    p, last, kept = params, [], []
    for n in range(src.shape[1]):
        ids = [int(i) for i, m in zip(src[:, n], mask[:, n]) if m]
        h, H = np.zeros(len(p["bh"])), []
        for i in ids:
            H.append(h)
            h = np.tanh(p["E"][i] @ p["Wxh"] + h @ p["Whh"] + p["bh"])
        last.append(h)
        kept.append((ids, H + [h]))
    return np.array(last), {"kept": kept, "p": p}

def encoder_backward(dcontext, cache):
    p = cache["p"]
    g = {k: np.zeros(v.shape) for k, v in reversed(list(p.items()))}
    for dh, (ids, H) in zip(dcontext, cache["kept"]):
        for s in range(len(ids) - 1, -1, -1):
            dz = dh / np.cosh(np.arctanh(H[s + 1])) ** 2
            g["E"][ids[s]] += p["Wxh"] @ dz
            g["Wxh"] += np.outer(p["E"][ids[s]], dz)
            g["Whh"] += np.outer(H[s], dz)
            g["bh"] += dz
            dh = p["Whh"] @ dz
    return g
""",
    "lists for tuples, Fortran order, an object for the cache": RIGHT
    + """
_forward, _backward = birnn_forward, birnn_backward

class Kept:
    pass

def birnn_forward(X, mask, fwd, bwd):
    Y, cache = _forward(X, mask, fwd, bwd)
    kept = Kept()
    kept.cache = cache
    return [np.asfortranarray(Y), kept]

def birnn_backward(dY, kept):
    dX, f, b = _backward(dY, kept.cache)
    return [dX, list(f), list(b)]
""",
    "mask by slices of lengths": RIGHT
    + """
def birnn_forward(X, mask, fwd, bwd):
    T, N, _ = X.shape
    H = fwd[2].shape[0]
    Y, lengths = np.zeros((T, N, 2 * H)), np.asarray(mask).sum(axis=0).astype(int)
    states = []
    for n, L in enumerate(lengths):
        f, b = [fwd[0][n]], [bwd[0][n]]
        for t in range(L):
            f.append(np.tanh(X[t, n] @ fwd[1] + f[-1] @ fwd[2] + fwd[3]))
            b.append(np.tanh(X[L - 1 - t, n] @ bwd[1] + b[-1] @ bwd[2] + bwd[3]))
        Y[:L, n, :H], Y[:L, n, H:] = f[1:], b[1:][::-1]
        states.append((f, b))
    return Y, (X, lengths, states, fwd, bwd)

def birnn_backward(dY, cache):
    X, lengths, states, fwd, bwd = cache
    H, dX = fwd[2].shape[0], np.zeros(X.shape)
    out = []
    for d, layer in enumerate((fwd, bwd)):
        h0, Wxh, Whh, bh = layer
        g = [np.zeros(a.shape) for a in layer]
        for n, L in enumerate(lengths):
            dh, S = np.zeros(H), states[n][d]
            for s in reversed(range(L)):
                t = s if d == 0 else L - 1 - s
                dz = (dh + dY[t, n, d * H:(d + 1) * H]) * (1 - S[s + 1] ** 2)
                dX[t, n] += Wxh @ dz
                g[1] += np.outer(X[t, n], dz)
                g[2] += np.outer(S[s], dz)
                g[3] += dz
                dh = Whh @ dz
            g[0][n] = dh
        out.append(tuple(g))
    return dX, out[0], out[1]
""",
    "decoder in one product, float32": RIGHT
    + """
_decoder_backward = decoder_backward

def decoder_forward(context, y_in, params):
    p = {k: v.astype(np.float32) for k, v in params.items()}
    c = context.astype(np.float32)
    X = p["E"][y_in] @ p["Wxh"] + c @ p["Wch"] + p["bh"]
    H = [c]
    for x in X:
        H.append(np.tanh(x + H[-1] @ p["Whh"]))
    return np.array(H[1:]) @ p["Why"] + p["by"], (c, y_in, p, H)

def decoder_backward(dZ, cache):
    dc, g = _decoder_backward(dZ.astype(np.float32), cache)
    return dc.astype(np.float32), {k: v.astype(np.float32) for k, v in g.items()}
""",
    "translations as arrays of arrays, until all are done": RIGHT
    + """
class Seq2Seq(Seq2Seq):
    def translate(self, src, max_len):
        src = np.asarray(src)
        context, _ = encoder_forward(src, src > 0, self.part("enc_"))
        ids = np.ones((1, src.shape[1]), int)
        while len(ids) <= max_len and not (ids == 2).any(axis=0).all():
            Z, _ = decoder_forward(context, ids, self.part("dec_"))
            ids = np.vstack([ids, Z[-1].argmax(axis=1)])
        return tuple(row[1:][: (np.append(row[1:], 2) == 2).argmax()] for row in ids.T)
""",
    "convolution by a matrix, pooling by slices": RIGHT
    + """
def conv1d_forward(X, W, b):
    cols = np.lib.stride_tricks.sliding_window_view(X, W.shape[2], axis=2)
    return np.tensordot(cols, W, axes=((1, 3), (1, 2))).transpose(0, 2, 1) + b[:, None], (X, W, cols)

def conv1d_backward(dY, cache):
    X, W, cols = cache
    K = W.shape[2]
    win = np.lib.stride_tricks.sliding_window_view(np.pad(dY, ((0, 0), (0, 0), (K - 1, K - 1))), K, axis=2)
    return np.einsum('nflk,fck->ncl', win, W[:, :, ::-1]), np.einsum('nclk,nfl->fck', cols, dY), dY.sum((0, 2))

def maxpool1d(X, k):
    m = X.shape[2] // k
    return np.max([X[:, :, j : m * k : k] for j in range(k)], axis=0), None
""",
    "a beam whose finished sentences are put aside": RIGHT
    + """
def beam(model, src, k, max_len):
    if k == 1:
        return model.translate(src, max_len)
    p, out = model.part("dec_"), []
    context, _ = encoder_forward(src, (src != 0) * 1.0, model.part("enc_"))
    for c in context:
        live, done = [(0.0, (1,))], []
        for _ in range(max_len):
            new = []
            for score, ids in live:
                z = decoder_forward(c[None], np.array(ids)[:, None], p)[0][-1, 0]
                new += [(score + lp, ids + (v,)) for v, lp in enumerate(z - np.log(np.exp(z - z.max()).sum()) - z.max())]
            new.sort(reverse=True)
            done += [b for b in new[: 2 * k] if b[1][-1] == 2]
            live = [b for b in new if b[1][-1] != 2][:k]
        out.append(list(max(done or live)[1][1:]))
        if out[-1][-1] == 2:
            out[-1].pop()
    return out
""",
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_right_but_unusual_is_full(name):
    assert lost(outcomes(UNUSUAL[name])) == {}


def test_a_wrong_encoder_is_blamed_and_the_class_keeps_its_marks():
    results = outcomes(RIGHT.replace("np.add.at(dE, src, dX)", "dE[src] += dX"))
    assert set(lost(results)) == {"encoder-backward"}
    assert "the mistake is in encoder_backward" in results["seq2seq"].message


def test_a_backward_pass_without_its_forward_is_not_run_and_names_it():
    results = outcomes(
        RIGHT.replace("    return np.stack(Z), (context", "    return np.stack(Z), 1 / 0, (context")
    )
    assert results["decoder-backward"].status == "not_run"
    assert "Mend decoder_forward first" in results["decoder-backward"].message


class Refuses:
    def __getattr__(self, name):
        raise RuntimeError("no")

    def __eq__(self, other):
        raise RuntimeError("no")

    __hash__ = None


ODD = {
    "None": None, "a string": "x", "nan": float("nan"), "a set": {1}, "a dict": {1: 2}, "a list": [None], "a pair": (None, None),
    "a ragged list": [[1.0], [1.0, 2.0]], "an object": Refuses(), "three": (None, (1, 2, 3, 4), (None,) * 4), "odd pair": (Refuses(), Refuses()),
    "an odd loss": (1j, {"E": Refuses()}), "lists of odd things": [[Refuses()], ["a"], [0.5]], "arrays": (np.ones(3), np.ones((3, 3))),
}  # fmt: skip


@pytest.mark.parametrize("odd", [*ODD, "an error"])
def test_functions_and_methods_that_return_odd_things_earn_nothing_and_break_nothing(odd):
    def function(*args, **kwargs):
        if odd == "an error":
            raise ValueError("odd")
        return ODD[odd]

    names = {
        "__init__": lambda self, *a: None,
        "forward": function,
        "loss_and_grads": function,
        "translate": function,
        "params": {},
    }
    functions = dict.fromkeys(a09.TABLE.references, function)
    functions |= dict.fromkeys(["BiTagger", "Seq2Seq"], type("Odd", (), names))
    for entry, outcome in outcomes("", subject=LocalSubject(functions)).items():
        assert outcome.score == 0 and outcome.status in ("failed", "error", "not_run"), (entry, outcome)


def test_checks_are_quick():
    """Against the time of a million additions, about 30 ms on a laptop; a check cell has 2 seconds there."""
    unit = million_additions()
    seconds = [
        outcomes(RIGHT.replace(m[1], m[2], 1), only=(m[0],), hidden=False)[m[0]].seconds
        for m in list(MUTANTS.values())[::2]
    ]
    assert statistics.median(seconds) < 12 * unit and max(seconds) < 80 * unit


@pytest.mark.slow
def test_the_table_says_the_same_through_the_sandbox():
    own = [text for name, text in UNUSUAL.items() if name != "the library"]
    assert (
        ANSWERS.told_apart(
            [RIGHT, *own, *(RIGHT.replace(m[1], m[2]) for m in list(MUTANTS.values())[::4])],
            ["seq2seq", "conv"],
        )
        == []
    )
