"""The entries of A03: right solutions in any clothes are full, mistakes lose marks where they should and are named."""

import inspect
import re
import statistics

import pytest

from autograder.assignments import a03
from autograder.assignments.a03 import given

from .right_a03 import MUTANTS, RIGHT
from .tables import Answers, million_additions

GIVEN = "import numpy as np\n" + inspect.getsource(given).split('"Transpose"]\n')[1]
GIVEN = "from collections.abc import Iterable, Sequence\nfrom typing import Any\n" + GIVEN


ANSWERS = Answers(a03.TABLE, GIVEN)
load, outcomes = ANSWERS.load, ANSWERS.outcomes


def lost(results):
    return {
        i: (o.message, [a for a, got, most in o.aspects if got < most])
        for i, o in results.items()
        if o.score < o.max_score
    }


def test_the_code_of_a03_is_worth_52_points():
    assert sum(e.points() for e in a03.TABLE.entries.values()) == pytest.approx(52)


@pytest.mark.parametrize("student", ["", "ada", "bao", *(f"s{k}" for k in range(7))])
def test_the_reference_is_full(student):
    assert lost(outcomes(RIGHT, student)) == {}


def test_a_blank_release_has_nothing_and_raises_nothing():
    blank = re.sub(r"(?m)^(class \w+|def \w+\(.*\)):\n((    .*)?\n)+", r"\1: ...\n", RIGHT)
    assert "return" not in blank
    for entry, outcome in outcomes(blank).items():
        assert (outcome.score, outcome.status) == (0, "not_run"), (entry, outcome)
    assert all(o.status == "not_run" and o.score == 0 for o in outcomes("").values())


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mistake_costs_what_it_should_and_nothing_else(name):
    entry, old, new, left, diagnosis = MUTANTS[name]
    assert old in RIGHT
    results = outcomes(RIGHT.replace(old, new, 1), hidden=False)
    assert {i: round(results[i].score, 2) for i in lost(results)} == {entry: left}, lost(results)
    assert (diagnosis in results[entry].diagnosis) if diagnosis else not results[entry].diagnosis, lost(
        results
    )


def replaced(*pairs):
    text = RIGHT
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def added(text):
    return RIGHT + text


UNUSUAL = {
    "recursion on the way back": added(
        """
def backward_pull(out):
    users = {}
    for n in topo_order(out):
        for i, x in enumerate(n.inputs):
            users.setdefault(x, []).append((n, i))
    known = {out: np.float64(1)}
    def gradient(n):
        if n not in known:
            known[n] = 0
            for u, i in users[n]:
                known[n] = known[n] + u.op.bprop(tuple(x.value for x in u.inputs), i, gradient(u))
        return known[n]
    return {n: gradient(n) for n in topo_order(out)}
"""
    ),
    "a tuple of nodes, by counting consumers": added(
        """
def topo_order(out):
    waiting, todo = {out: 0}, [out]
    while todo:
        for x in todo.pop().inputs:
            if x not in waiting:
                waiting[x] = 0
                todo.append(x)
            waiting[x] += 1
    ready, order = [out], []
    while ready:
        n = ready.pop()
        order.append(n)
        for x in n.inputs:
            waiting[x] -= 1
            if waiting[x] == 0:
                ready.append(x)
    return tuple(reversed(order))
"""
    ),
    "a defaultdict and arrays for the start": added(
        """
from collections import defaultdict
def backward_push(out):
    grads = defaultdict(float)
    grads[out] = np.ones_like(out.value)
    for n in topo_order(out)[::-1]:
        for i in range(len(n.inputs)):
            grads[n.inputs[i]] += n.op.bprop([x.value for x in n.inputs], i, grads[n])
    return dict(grads)
"""
    ),
    "what f computed is kept in the operation": added(
        """
class Exp:
    def f(self, x):
        self.out = np.exp(x)
        return self.out
    def bprop(self, xs, i, G):
        return G * (self.out if hasattr(self, "out") else np.exp(xs[0]))
class SoftmaxCE:
    def __init__(self, y):
        self.y = list(y)
    def f(self, Z):
        return float(np.mean([np.logaddexp.reduce(z) - z[k] for z, k in zip(Z, self.y)]))
    def bprop(self, xs, i, G):
        P = np.exp(xs[0] - np.logaddexp.reduce(xs[0], axis=1)[:, None])
        return G / len(P) * (P - np.eye(P.shape[1])[self.y])
"""
    ),
    "static methods, loops, einsum": added(
        """
class MatMul:
    f = staticmethod(np.matmul)
    @staticmethod
    def bprop(xs, i, G):
        return np.einsum("nm,dm->nd", G, xs[1]) if i == 0 else np.einsum("nd,nm->dm", xs[0], G)
class Pick:
    def __init__(self, ids):
        self.ids = ids
    def f(self, Z):
        return [z[k] for z, k in zip(Z, self.ids)]
    def bprop(self, xs, i, G):
        return [[g if c == k else 0.0 for c in range(xs[0].shape[1])] for g, k in zip(G, self.ids)]
class Maxout:
    def __init__(self, k):
        self.k = k
    def f(self, Z):
        return np.max([Z[:, j :: self.k] for j in range(self.k)], axis=0)
    def bprop(self, xs, i, G):
        groups = xs[0].reshape(len(G), -1, self.k)
        top = groups == groups.max(axis=2, keepdims=True)
        return (top / top.sum(axis=2, keepdims=True) * G[:, :, None]).reshape(xs[0].shape)
"""
    ),
    "float32 inside": added(
        """
class Add:
    def f(self, a, b):
        return np.float32(a) + np.float32(b)
    def bprop(self, xs, i, G):
        return unbroadcast(np.float32(G), np.shape(xs[i]))
class Log:
    def f(self, a):
        return np.log(a.astype(np.float32))
    def bprop(self, xs, i, G):
        return (G / xs[0]).astype(np.float32)
"""
    ),
    "ReLU with slope 1 at zero, Split by slices, Fortran order": added(
        """
class ReLU:
    def f(self, x):
        return np.where(x < 0, 0.0, x)
    def bprop(self, xs, i, G):
        return np.asfortranarray(np.where(xs[0] < 0, 0.0, G))
class Split:
    def __init__(self, at, axis=0, part=0):
        self.at, self.axis, self.part = at, axis, part
        piece = slice(None, at) if part == 0 else slice(at, None)
        self.where = (slice(None),) * axis + (piece,)
    def f(self, x):
        return x[self.where]
    def bprop(self, xs, i, G):
        dx = 0 * xs[0]
        dx[self.where] += G
        return dx
"""
    ),
    "further operations of one's own": replaced(
        (
            "class Value:",
            "class Neg:\n    def f(self, *xs):\n        return -xs[0]\n    def bprop(self, xs, i, G):\n        return -G\n\nclass Value:",
        ),
        ("node(Mul(), number(-1.0, x), node(Mul(), n, n))", "node(Neg(), node(Mul(), n, n))"),
        (
            "    if isinstance(op, Transpose):",
            "    if isinstance(op, Neg):\n        return node(Neg(), g)\n    if isinstance(op, Transpose):",
        ),
    ),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_right_but_unusual_is_full(name):
    assert lost(outcomes(UNUSUAL[name])) == {}


def test_a_wrong_unbroadcast_is_blamed_and_operations_keep_their_marks():
    results = outcomes(
        replaced(("G = G.sum(axis=tuple(range(extra)))", "G = G.mean(axis=tuple(range(extra)))"))
    )
    assert set(lost(results)) == {"unbroadcast"}
    assert "the mistake is in unbroadcast" in results["op-mul"].message


class Refuses:
    def __getattr__(self, name):
        raise RuntimeError("no")

    def __eq__(self, other):
        raise RuntimeError("no")

    __hash__ = None


ODD = {
    "None": None, "a string": "x", "nan": float("nan"), "a set": {1}, "a dict": {1: 2}, "a generator": iter([1]), "a list": [None],
    "an object": Refuses(), "a pair": (None, None), "a ragged list": [[1.0], [1.0, 2.0]],
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_functions_and_methods_that_return_odd_things_earn_nothing_and_break_nothing(odd):
    subject = load(RIGHT)
    odd_class = type(
        "Odd", (), {"__init__": lambda *a, **k: None, "f": lambda *a: ODD[odd], "bprop": lambda *a: ODD[odd]}
    )
    functions = ("topo_order", "graph_forward", "backward_pull", "backward_push", "unbroadcast", "build_grad")
    subject.namespace.update(dict.fromkeys(functions, lambda *a: ODD[odd]))
    classes = [n for e in a03.TABLE.entries.values() for n in e.defines if n not in functions]
    subject.namespace.update({n: odd_class for n in classes})
    for entry, outcome in outcomes("", subject=subject).items():
        assert outcome.score == 0 and outcome.status in ("failed", "error", "not_run"), (entry, outcome)


def test_checks_are_quick():
    """Against the time of a million additions, about 30 ms on a laptop; a check cell has 2 seconds there."""
    unit = million_additions()
    right = [o.seconds for o in outcomes(RIGHT).values()]
    wrong = [
        outcomes(RIGHT.replace(m[1], m[2], 1), only=(m[0],))[m[0]].seconds
        for m in list(MUTANTS.values())[::6]
    ]
    assert max(right) < 40 * unit and statistics.median(wrong) < 4 * unit and max(wrong) < 40 * unit


@pytest.mark.slow
def test_the_table_says_the_same_through_the_sandbox():
    sources = [
        RIGHT,
        *UNUSUAL.values(),
        *(RIGHT.replace(m[1], m[2], 1) for m in list(MUTANTS.values())[1::8]),
    ]
    assert ANSWERS.told_apart(sources, ["graph"]) == []
