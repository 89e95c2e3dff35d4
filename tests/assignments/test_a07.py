"""The entries of A07: right solutions in any clothes are full, mistakes lose marks where they should and are named."""

import re

import numpy as np
import pytest

from autograder.assignments import a07
from tests.mutants.core import named_right
from tests.mutants.entries import ENTRIES, judge_entries
from tests.mutants.report import targets

from .right_a07 import MUTANTS, RIGHT
from .tables import Answers, million_additions

NAME = "A07-recurrent-networks"


ANSWERS = Answers(a07.TABLE)
CODE, load, outcomes = ANSWERS.code, ANSWERS.load, ANSWERS.outcomes


def lost(results):
    return {
        i: (o.score, o.message, [a for a, got, most in o.aspects if got < most])
        for i, o in results.items()
        if o.score < o.max_score
    }


def test_the_code_of_a07_is_worth_48_points_and_6_more():
    assert sum(e.points() for e in CODE if not e.bonus) == pytest.approx(48)
    assert sum(e.points() for e in CODE if e.bonus) == pytest.approx(6)


@pytest.mark.parametrize("student", ["", "ada", "bao", *(f"s{k}" for k in range(7))])
def test_the_reference_is_full(student):
    assert lost(outcomes(RIGHT, student)) == {}


def test_a_blank_release_has_nothing_and_raises_nothing():
    blank = re.sub(r"(?m)^(class \w+|def \w+\(.*\)):\n((    .*)?\n)+", r"\1: ...\n", RIGHT)
    assert "return" not in blank
    for source in (blank, ""):
        for entry, outcome in outcomes(source).items():
            assert (outcome.score, outcome.status) == (0, "not_run"), (entry, outcome)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mistake_costs_what_it_should_and_nothing_else(name):
    entry, old, new, left, diagnosis = MUTANTS[name]
    assert old in RIGHT
    results = outcomes(RIGHT.replace(old, new, 1))
    assert list(lost(results)) == [entry], lost(results)
    if left is not None:
        assert results[entry].score == pytest.approx(left), lost(results)
    assert named_right(diagnosis or "-", results[entry].diagnosis), lost(results)


def test_two_mistakes_in_one_training_loop_are_told_apart():
    text = RIGHT.replace(
        "model.loss_and_grads(ids_in, ids_out, h)", "model.loss_and_grads(ids_in, ids_out, 0 * h)"
    )
    outcome = outcomes(text.replace("if norm > clip:", "if True:"))["train"]
    assert outcome.score == pytest.approx(2.25) and set(outcome.diagnosis) == {"M45", "M29"}


def test_losses_after_the_update_are_told():
    text = RIGHT.replace(
        "        losses.append(loss)\n", "        before, after = (ids_in, ids_out), model\n"
    )
    text = text.replace("        loss, grads, h = model", "        start = h\n        loss, grads, h = model")
    text = text.replace(
        "optimizer(model.params, grads, state)\n",
        "optimizer(model.params, grads, state)\n        losses.append(after.loss_and_grads(*before, start)[0])\n",
    )
    outcome = outcomes(text)["train"]
    assert outcome.score == pytest.approx(3.25) and "after each update" in outcome.message


@pytest.mark.parametrize("name", sorted(ENTRIES[NAME]))
def test_mutants_of_the_catalogue_lose_marks_in_their_entries(name):
    target = next(t for t in targets(["a07"]) if t.name == name)
    with np.errstate(all="ignore"):
        verdict, gone = judge_entries(target, NAME, target.source)
        assert gone == 0, verdict.text
        told = [(m, *judge_entries(target, NAME, m.source)) for m in target.mutants()]
    assert not [m.name for m, _, gone in told if not gone]
    named = [m for m, v, _ in told if m.expected == "-" or named_right(m.expected, v.ids)]
    assert len(named) >= 0.95 * len(told)
    assert not [
        m.name for m, v, _ in told if m.expected != "-" and v.ids and not named_right(m.expected, v.ids)
    ]


# --- right, but unusual ----------------------------------------------------------------------------------------------


def added(text):
    return RIGHT + text


UNUSUAL = {
    "loops, lists and caches of other kinds": added(
        """
class Kept:
    pass

def rnn_step_forward(x, h, Wxh, Whh, bh):
    kept = Kept()
    kept.x, kept.h, kept.W, kept.U = x, h, Wxh, Whh
    kept.new = np.array([[np.tanh(sum(a * w for a, w in zip(x[n], Wxh[:, j])) + h[n] @ Whh[:, j] + bh[j])
                          for j in range(len(bh))] for n in range(len(x))])
    return [kept.new, kept]

def rnn_step_backward(dh, cache):
    slope = dh / np.cosh(np.arctanh(cache.new)) ** 2 if np.all(abs(cache.new) < 1) else dh * (1 - cache.new**2)
    return [slope @ cache.W.T, np.dot(slope, cache.U.T), np.einsum("nd,nh->dh", cache.x, slope),
            np.einsum("ng,nh->gh", cache.h, slope), np.ones(len(slope)) @ slope]

def rnn_forward(X, h0, Wxh, Whh, bh):
    states, caches = [h0.tolist()], []
    for t in range(len(X)):
        h, cache = rnn_step_forward(X[t], np.array(states[-1]), Wxh, Whh, bh)
        states.append(h.tolist())
        caches.append(cache)
    return states, caches

class RNNLM(RNNLM):
    def loss_and_grads(self, ids_in, ids_out, h0, k=None):
        H, _ = rnn_forward(self.params["E"][ids_in], h0, *(self.params[n] for n in ("Wxh", "Whh", "bh")))
        loss, grads, last = super(RNNLM, self).loss_and_grads.__func__(self, ids_in, ids_out, h0, k) if False else self.by_chunks(ids_in, ids_out, h0, k)
        return loss, dict(reversed(grads.items())), np.array(H[-1])

    def by_chunks(self, ids_in, ids_out, h0, k):
        p, T = self.params, len(ids_in)
        k = T if k is None else min(k, T)
        total, loss, h = {n: 0.0 for n in p}, 0.0, h0
        for a in range(0, T, k):
            x, y = ids_in[a : a + k], ids_out[a : a + k]
            H, cache = rnn_forward(p["E"][x], h, p["Wxh"], p["Whh"], p["bh"])
            H = np.array(H)
            share = len(x) / T
            part, dZ = temporal_softmax_ce(H[1:] @ p["Why"] + p["by"], y)
            dX, _, dWxh, dWhh, dbh = rnn_backward(share * dZ @ p["Why"].T, cache)
            dE = np.zeros_like(p["E"])
            for t in range(len(x)):
                for n in range(x.shape[1]):
                    dE[x[t, n]] += dX[t, n]
            found = dict(E=dE, Wxh=dWxh, Whh=dWhh, bh=dbh, by=share * dZ.sum(0).sum(0))
            found["Why"] = share * sum(H[t + 1].T @ dZ[t] for t in range(len(x)))
            total = {n: total[n] + found[n] for n in p}
            loss, h = loss + share * part, H[-1]
        return loss, total, h
"""
    ),
    "float32 inside": added(
        """
_f, _b = rnn_forward, rnn_backward

def rnn_forward(X, h0, Wxh, Whh, bh):
    H, cache = _f(*(np.asarray(a, np.float32) for a in (X, h0, Wxh, Whh, bh)))
    return H, cache

def rnn_backward(dH, cache):
    return tuple(np.float32(g) for g in _b(np.float32(dH), cache))
"""
    ),
    "everything in one class, attributes of its own": added(
        """
class RNNLM:
    def __init__(self, V, D, H, rng, scale=0.1):
        self.V, self.D, self.H = V, D, H
        names = dict(E=(V, D), Wxh=(D, H), Whh=(H, H), bh=H, Why=(H, V), by=V)
        self.params = {n: scale * rng.standard_normal(s) for n, s in names.items()}

    def zeros(self, N):
        return np.zeros((N, self.H))

    def loss_and_grads(self, ids_in, ids_out, h0, k=None, mask=None):
        p, (T, N) = self.params, np.shape(ids_in)
        hs, ps = [h0], []
        for t in range(T):
            Z, h = self.step(ids_in[t], hs[-1])
            hs.append(h)
            e = np.exp(Z - Z.max(1)[:, None])
            ps.append(e / e.sum(1)[:, None])
        loss = -np.mean([np.log(ps[t][n, ids_out[t, n]]) for t in range(T) for n in range(N)])
        g = {n: np.zeros(np.shape(a)) for n, a in p.items()}
        later = 0
        for t in range(T)[::-1]:
            if k is not None and t % k == k - 1:
                later = 0
            d = (ps[t] - np.eye(len(p["by"]))[ids_out[t]]) / T / N
            g["Why"] = g["Why"] + hs[t + 1].T @ d
            g["by"] = g["by"] + d.sum(0)
            z = (d @ p["Why"].T + later) * (1 - hs[t + 1] ** 2)
            g["Wxh"], g["Whh"] = g["Wxh"] + p["E"][ids_in[t]].T @ z, g["Whh"] + hs[t].T @ z
            g["bh"] = g["bh"] + z.sum(0)
            g["E"] = g["E"] + np.eye(len(p["E"]))[ids_in[t]].T @ z @ p["Wxh"].T
            later = z @ p["Whh"].T
        return [np.float64(loss), g, hs[-1]]

    def step(self, ids, h):
        p = self.params
        h = np.tanh(p["E"][np.asarray(ids)] @ p["Wxh"] + h @ p["Whh"] + p["bh"])
        return [h @ p["Why"] + p["by"], h]

def train(model, batches, optimizer, steps, clip=1.0):
    h, out, state, step = model.zeros(len(batches[0][0][0])), [], {}, 0
    while True:
        for pair in batches:
            if step == steps:
                return np.array(out)
            loss, g, h = model.loss_and_grads(pair[0], pair[1], h)
            out += [loss]
            flat = np.concatenate([a.ravel() for a in g.values()])
            factor = 1.0 if clip is None else clip / max(clip, np.linalg.norm(flat))
            model.params, state = optimizer(model.params, {n: factor * a for n, a in g.items()}, state)
            step += 1

def sample(model, prefix, n, temperature, rng):
    h, out = model.zeros(1), np.array([], dtype=int)
    for i in [*prefix[:-1]]:
        h = model.step([i], h)[1]
    last = prefix[-1]
    for _ in range(n):
        Z, h = model.step([last], h)
        noise = -np.log(-np.log(rng.random(Z.shape)))
        last = int((np.asarray(Z) / temperature + noise).argmax())
        out = np.append(out, last)
    return out
"""
    ),
    "the whole text is read again for every word": added(
        """
def sample(model, prefix, n, temperature, rng):
    text = list(prefix)
    while len(text) < len(prefix) + n:
        h = np.zeros((1, model.params["Whh"].shape[0]))
        for i in text:
            Z, h = model.step(np.array([i]), h)
        p = np.exp(np.asarray(Z)[0] / temperature - np.max(Z) / temperature)
        text.append(int(np.searchsorted(np.cumsum(p) / p.sum(), rng.random())))
    return tuple(text[len(prefix) :])
"""
    ),
    "caches for another time and Fortran order": added(
        """
def rnn_forward(X, h0, Wxh, Whh, bh):
    T, N, D = X.shape
    H = np.empty((T + 1, N, len(bh)), order="F")
    H[0] = h0
    for t in range(T):
        np.tanh(X[t] @ Wxh + H[t] @ Whh + bh, out=H[t + 1])
    return H, {"X": X, "H": H, "W": (Wxh, Whh)}

def rnn_backward(dH, cache):
    X, H, (Wxh, Whh) = cache.values()
    A = np.empty(dH.shape)
    carry = np.zeros(dH.shape[1:])
    for t in range(len(dH) - 1, -1, -1):
        A[t] = (dH[t] + carry) * (1 - H[t + 1]) * (1 + H[t + 1])
        carry = A[t] @ Whh.T
    return A @ Wxh.T, carry, np.tensordot(X, A, ((0, 1), (0, 1))), np.tensordot(H[:-1], A, ((0, 1), (0, 1))), A.sum((0, 1))

class RNNLM(RNNLM):
    def loss_and_grads(self, ids_in, ids_out, h0, k=None):
        p, T = self.params, len(ids_in)
        X, h, Hs, caches = p["E"][ids_in], h0, [], []
        parts = [slice(a, a + (k or T)) for a in range(0, T, k or T)]
        for part in parts:
            H, cache = rnn_forward(X[part], h, p["Wxh"], p["Whh"], p["bh"])
            Hs.append(H[1:])
            caches.append(cache)
            h = H[-1]
        H = np.concatenate(Hs)
        loss, dZ = temporal_softmax_ce(H @ p["Why"] + p["by"], ids_out, np.ones(ids_out.shape, bool))
        dH = dZ @ p["Why"].T
        g = {"by": dZ.sum((0, 1)), "Why": np.tensordot(H, dZ, ((0, 1), (0, 1))), "E": np.zeros_like(p["E"])}
        for part, cache in zip(parts, caches):
            dX, _, *rest = rnn_backward(dH[part], cache)
            np.add.at(g["E"], ids_in[part], dX)
            for name, d in zip(("Wxh", "Whh", "bh"), rest):
                g[name] = g.get(name, 0) + d
        return loss, g, h
"""
    ),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_right_but_unusual_is_full(name):
    assert lost(outcomes(UNUSUAL[name])) == {}


def test_a_wrong_step_is_blamed_and_its_callers_keep_their_marks():
    results = outcomes(RIGHT.replace("return dz @ Wxh.T,", "return 2 * dz @ Wxh.T,"))
    assert list(lost(results)) == ["rnn-step-backward"]
    assert "the mistake is in rnn_step_backward" in results["rnn-backward"].message
    assert "rnn_step_backward" in results["rnnlm"].message


def test_training_and_sampling_do_not_need_a_model_of_the_students():
    for broken in (
        "class RNNLM:\n    pass\n",
        "class RNNLM:\n    __slots__ = ()\n    def __init__(self, *a): 1 / 0\n",
    ):
        results = outcomes(RIGHT + broken)
        assert results["train"].score == 4 and results["sample"].score == 3 and results["rnnlm"].score == 0


class Refuses:
    def __getattr__(self, name):
        raise RuntimeError("no")

    def __eq__(self, other):
        raise RuntimeError("no")

    __hash__ = None


ODD = {
    "None": None, "a string": "x", "nan": float("nan"), "a set": {1}, "a dict": {1: 2}, "a generator": iter([1]), "a list": [None],
    "an object": Refuses(), "a pair": (None, None), "a ragged list": [[1.0], [1.0, 2.0]], "three": (None, {}, None), "a type": int,
    "nan arrays": (np.full((2, 2), np.nan),) * 3, "numbers": [1, 2, 3], "a huge number": 10**400,
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_functions_and_methods_that_return_odd_things_earn_nothing_and_break_nothing(odd):
    subject = load(RIGHT)
    thing = ODD[odd]
    model = type(
        "Odd",
        (),
        {
            "__init__": lambda *a: None,
            "loss_and_grads": lambda *a: thing,
            "step": lambda *a: thing,
            "params": thing,
        },
    )
    names = [n for e in CODE for n in e.defines if n != "RNNLM"]
    subject.namespace.update(dict.fromkeys(names, lambda *a: thing) | {"RNNLM": model})
    for entry, outcome in outcomes("", subject=subject).items():
        assert outcome.score == 0 and outcome.status in ("failed", "error", "not_run"), (entry, outcome)


def test_checks_are_quick():
    """Against the time of a million additions, about 30 ms on a laptop; a check cell has 2 seconds there."""
    unit = million_additions()
    assert max(o.seconds for o in outcomes(RIGHT).values()) < 30 * unit
    for name in ("state and clipping", "k is ignored", "T states instead of T + 1", "the likeliest word"):
        entry, old, new, *_ = MUTANTS[name]
        assert outcomes(RIGHT.replace(old, new, 1))[entry].seconds < 60 * unit, name


@pytest.mark.slow
def test_the_table_says_the_same_through_the_sandbox():
    wrong = [RIGHT.replace(m[1], m[2], 1) for m in list(MUTANTS.values())[1::6]]
    assert ANSWERS.told_apart([RIGHT, *UNUSUAL.values(), *wrong], ["rnn", "evaluate"]) == []
