"""Entries of assignment A03 for graphs of nodes: topological order, the way forwards, two ways back.

The graphs are made of the given `Node` and of operations of ours, so that a wrong operation of the student's costs
nothing here, and so that calls can be counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autograder.checks import misconceptions
from autograder.checks.entry import Check, Entry, Finding, StudentError, Trial
from autograder.checks.explain import explain_arrays
from autograder.checks.kinds import INSTANCES, courtesy, explained
from autograder.checks.tape import Tape, record
from autograder.checks.values import Mismatch, as_array, compare
from course.toolbox.seeds import distinct_primes

from . import models
from .objects import TapeOp, lent_op

__all__ = ["ENTRIES", "topological"]

DEEP = 10_000
Spec = Sequence[tuple[str, tuple[int, ...]]]  # operation and numbers of its inputs, after the leaves
LEAVES = ("a", "b", "c")


def _slip(text: str, ids: tuple[str, ...], q: str) -> Finding:
    return Finding(text, ids, hints=misconceptions.hints(ids, q))


# --- graphs to try ----------------------------------------------------------------------------------------------------


def _draw_shared(rng: np.random.Generator, inner: int) -> Spec:
    """A graph in which values are used several times: x · x, a diamond, and what chance adds; ends in a sum."""
    steps: list[tuple[str, tuple[int, ...]]] = [
        ("Mul", (0, 1)),
        ("Mul", (3, 3)),
        ("Tanh", (3,)),
        ("Add", (4, 5)),
    ]
    while len(steps) < inner:
        size = len(LEAVES) + len(steps)
        kind = str(rng.choice(["Add", "Mul", "Tanh", "Tanh"]))
        steps.append(
            (kind, tuple(int(i) for i in rng.integers(max(0, size - 6), size, 1 + (kind != "Tanh"))))
        )
    return _closed(steps)


def _draw_tree(rng: np.random.Generator) -> Spec:
    """A graph in which every value is used once."""
    order = [int(i) for i in rng.permutation(3)]
    first, second = (str(k) for k in rng.permutation(["Mul", "Add"]))
    return _closed([("Tanh", (order[0],)), (first, (3, order[1])), ("Tanh", (4,)), (second, (order[2], 5))])


def _closed(steps: Sequence[tuple[str, tuple[int, ...]]]) -> Spec:
    """The graph with all loose ends added up, and a sum at the end."""
    used = {i for _, inputs in steps for i in inputs}
    loose = [i for i in range(len(LEAVES) + len(steps)) if i not in used]
    closed = list(steps)
    last = loose[-1]
    for i in loose[-2::-1]:
        closed.append(("Add", (last, i)))
        last = len(LEAVES) + len(closed) - 1
    return [*closed, ("Sum", (last,))]


def _model(spec: Spec, nodes: list[Any]) -> Callable[..., Any]:
    """The graph as a tape model; the nodes of the tape are noted in the order of the graph."""

    def graph(ops: Any, a: Any, b: Any, c: Any) -> Any:
        found = [a, b, c]
        for kind, inputs in spec:
            found.append(models.OPERATIONS[kind][0](ops, *(found[i] for i in inputs)))
        nodes[:] = found
        return found[-1]

    return graph


class _Graph:
    """One graph in the student's process, made of lent operations whose calls are counted, and the truth about it."""

    def __init__(self, trial: Trial, spec: Spec, *, filled: bool = True) -> None:
        n = distinct_primes(trial.rng, 1, low=3, high=11)[0]
        self.args = {w: trial.rng.uniform(0.5, 1.5, n) * trial.rng.choice([-1.0, 1.0], n) for w in LEAVES}
        tape_nodes: list[Any] = []
        self.tape: Tape = record(_model(spec, tape_nodes), self.args, LEAVES)
        sweep = self.tape.sweep(1.0)
        self.values = [np.asarray(t.value) for t in tape_nodes]
        self.grads = [sweep[t.index] for t in tape_nodes]
        self.calls: dict[tuple[int, int], int] = {}
        self.nodes = [trial.call("Node", None, (), self.args[w].copy(), w) for w in LEAVES]
        for k, (kind, inputs) in enumerate(spec, len(LEAVES)):
            value = self.values[k].copy() if filled else None
            parents = tuple(self.nodes[i] for i in inputs)
            self.nodes.append(trial.call("Node", self._op(trial, kind, k), parents, value, f"n{k}"))

    def _op(self, trial: Trial, kind: str, k: int) -> Any:
        op = TapeOp(*models.OPERATIONS[kind], {})

        def bprop(xs: Any, i: int, G: Any) -> Any:
            self.calls[k, i] = self.calls.get((k, i), 0) + 1
            if self.calls[k, i] > 200:
                raise RuntimeError("bprop is called over and over again for the same edge")
            return op.bprop(list(xs), i, G)

        return lent_op(trial, op.f, bprop)

    def name(self, k: int) -> str:
        """What the node is called in messages."""
        return f"the leaf {LEAVES[k]}" if k < len(LEAVES) else f"node n{k}"


# --- topo_order, graph_forward ----------------------------------------------------------------------------------------


def topological(out: Any) -> list[Any]:
    """All nodes below `out`, inputs first; the trusted order."""
    order: list[Any] = []
    seen: set[Any] = set()
    todo: list[tuple[Any, bool]] = [(out, False)]
    while todo:
        node, done = todo.pop()
        if done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            todo.append((node, True))
            todo += [(x, False) for x in node.inputs]
    return order


def _listed(trial: Trial, nodes: Sequence[Any], out: Any) -> list[int]:
    """The numbers of the nodes that topo_order lists; -1 for what is none of ours."""
    got = trial.call("topo_order", out)
    if not isinstance(got, list | tuple):
        raise StudentError(
            f"topo_order should return a list of nodes, and returns a {type(got).__name__}.", kind="failed"
        )
    number = {id(node): k for k, node in enumerate(nodes)}
    return [number.get(id(node), -1) for node in got]


def _topo_order(trial: Trial) -> None:
    spec = _draw_shared(trial.rng, int(trial.rng.integers(5, 25)))
    graph = _Graph(trial, spec)
    order = _listed(trial, graph.nodes, graph.nodes[-1])
    missing = [graph.name(k) for k in range(len(graph.nodes)) if k not in order]
    if missing or -1 in order:
        text = (
            f"{missing[0]} is missing in the list"
            if missing
            else "the list holds something that is no node below out"
        )
        trial.fail(f"topo_order: {text}.", aspect="every node")
    if len(set(order) - {-1}) < 2:
        trial.fail("Not looked at as long as no node is listed.", aspect="each once")
    if len(set(order)) < len(order):
        text = "topo_order lists a node twice: a node that is met again has been listed already."
        trial.fail(_slip(text, ("M15",), "the order"), aspect="each once")
    _inputs_first(trial, spec, order)


def _inputs_first(trial: Trial, spec: Spec, order: Sequence[int]) -> None:
    place: dict[int, int] = {}
    for position, k in enumerate(order):
        place.setdefault(k, position)
    pairs = [
        (i, k) for k, (_, inputs) in enumerate(spec, len(LEAVES)) for i in inputs if i in place and k in place
    ]
    late = [place[i] > place[k] for i, k in pairs]
    if not pairs or any(late):
        text = "topo_order lists a node before one of its inputs: a node comes after all its inputs have been listed."
        if late and all(late):
            text = "topo_order lists the consumers before their inputs: it is the other way round."
        trial.fail(_slip(text, ("M15",), "the order"), aspect="inputs first")


def _deep_chain(trial: Trial) -> None:
    nodes = [trial.call("Node", None, (), 1.0)]
    op = trial.call("Tanh")
    for _ in range(DEEP):
        nodes.append(trial.call("Node", op, (nodes[-1],), 1.0))
    try:
        order = _listed(trial, nodes, nodes[-1])
    except StudentError as error:
        if "Recursion" not in error.text:
            raise
        text = f"topo_order fails on a chain of {DEEP:,} nodes: Python allows about 1,000 calls inside each other. Keep a list of what is still to do instead."
        trial.fail(Finding(text, line=error.line))
        return
    trial.expect(order == list(range(DEEP + 1)), f"The order of a chain of {DEEP:,} nodes is wrong.")


def _graph_forward(trial: Trial) -> None:
    spec = _draw_shared(trial.rng, int(trial.rng.integers(5, 15)))
    graph = _Graph(trial, spec, filled=False)
    got = trial.call("graph_forward", list(graph.nodes))
    reached = [node.value for node in graph.nodes]
    bad = [compare(f"The value of {graph.name(k)}", v, graph.values[k]) for k, v in enumerate(reached)]
    for aspect, gaps in (("leaves", bad[: len(LEAVES)]), ("values", bad[len(LEAVES) :])):
        if (first := next((gap for gap in gaps if gap is not None), None)) is not None:
            trial.fail(Finding(first.text, (), first.evidence), aspect=aspect)
    if all(v is None for v in reached[len(LEAVES) :]):
        trial.fail("Not looked at as long as no value is set.", aspect="leaves")
    # a value that is wrong was charged above: here it only has to be handed back
    wanted = graph.values[-1] if bad[-1] is None or reached[-1] is None else reached[-1]
    trial.expect_close("What graph_forward returns", got, wanted, aspect="the last value")


def _forward(nodes: Sequence[Any]) -> Any:
    for node in nodes:
        if node.op is not None:
            node.value = node.op.f(*(x.value for x in node.inputs))
    return nodes[-1].value


# --- backward ---------------------------------------------------------------------------------------------------------

_TREE, _SHARED, _OUT, _AGAIN, _ONCE = (
    "chains and trees",
    "values used several times",
    "out itself",
    "a second call",
    "once for every edge",
)


def _backward(name: str) -> Callable[[Trial], None]:
    """The checks of backward_pull or backward_push."""

    def asked(trial: Trial, graph: _Graph) -> dict[int, Any]:
        got = trial.call(name, graph.nodes[-1])
        if not isinstance(got, Mapping):
            raise StudentError(
                f"{name} should return a dict of gradients, and returns a {type(got).__name__}.",
                kind="failed",
            )
        by_id = {id(node): g for node, g in got.items()}
        return {k: by_id[id(node)] for k, node in enumerate(graph.nodes) if id(node) in by_id}

    def off(graph: _Graph, got: Mapping[int, Any]) -> Mismatch | None:
        """The first wrong gradient below out, from the leaves up; a wrong start at out is charged by itself."""
        start = as_array(got.get(len(graph.nodes) - 1))
        scale = float(start) if start is not None and start.shape == () and start != 0 else 1.0
        for k, right in enumerate(graph.grads[:-1]):
            want = scale * right
            if k not in got:
                return Mismatch(f"The dict of {name} has no gradient for {graph.name(k)}.")
            if (bad := compare(f"The gradient of {graph.name(k)}", got[k], want)) is not None:
                return bad
        return None

    def why(trial: Trial, spec: Spec, first: tuple[_Graph, Mapping[int, Any]], bad: Mismatch) -> Finding:
        finding = Finding(bad.text, (), bad.evidence, errors=bad.errors)
        if not trial.explain:
            return finding
        tried = [first]
        for _ in range(INSTANCES - 1):
            graph = _Graph(trial, spec)
            tried.append((graph, asked(trial, graph)))
        last = len(first[0].nodes) - 2
        if not any(np.any(got.get(k)) for _, got in tried for k in range(len(LEAVES))) and all(
            np.any(got.get(last)) for _, got in tried
        ):
            text = "The gradient of out reaches the node below it and no further: the nodes have to be visited from out to the leaves."
            return _slip(text, ("M15",), "The gradient")
        instances = [(g.args, 1.0, {w: got.get(k) for k, w in enumerate(LEAVES)}) for g, got in tried]
        return explained(
            finding, courtesy(lambda: explain_arrays(_model(spec, []), LEAVES, instances, loss=True))
        )

    def run(trial: Trial) -> None:
        shared = _draw_shared(trial.rng, int(trial.rng.integers(5, 30)))
        wrong: dict[str, bool] = {}
        for aspect, spec in ((_TREE, _draw_tree(trial.rng)), (_SHARED, shared)):
            graph = _Graph(trial, spec)
            try:
                got = asked(trial, graph)
            except StudentError as error:
                if aspect == _TREE:
                    raise
                trial.fail(Finding(error.text, line=error.line, status="error"), aspect=_SHARED)
                break
            often = [edge for edge, n in graph.calls.items() if n > 1]
            again = asked(trial, graph)
            bad = off(graph, got)
            wrong[aspect] = bad is not None
            if bad is not None:
                trial.fail(why(trial, spec, (graph, got), bad), aspect=aspect)
            if (
                first := compare("The gradient of out", got.get(len(graph.nodes) - 1), np.float64(1.0))
            ) is not None:
                text = f"{first.text} d out/d out is 1, and stands in the dict, too."
                trial.fail(
                    Finding(text, ("M01",) if _is_minus_one(got, graph) else (), first.evidence), aspect=_OUT
                )
            if _differ(got, again):
                text = f"A second call of {name} gives other gradients than the first: every call starts from nothing."
                trial.fail(_slip(text, ("M16",), "The gradient"), aspect=_AGAIN)
            if often:
                text = f"bprop of {graph.name(often[0][0])} is called several times for the same input: every edge is walked once."
                trial.fail(_slip(text, ("M15",), "The gradient"), aspect=_ONCE)
        if wrong.get(_SHARED, True) and not any(a == _ONCE for a, _ in trial.findings):
            # a function that leaves edges out calls none of them too often
            trial.fail("Not looked at as long as gradients are wrong.", aspect=_ONCE)
        if wrong.get(_TREE, True):
            for aspect in (_OUT, _AGAIN):
                trial.fail("Not looked at as long as gradients are wrong.", aspect=aspect)

    return run


def _is_minus_one(got: Mapping[int, Any], graph: _Graph) -> bool:
    return compare("", got.get(len(graph.nodes) - 1), np.float64(-1.0)) is None


def _differ(one: Mapping[int, Any], two: Mapping[int, Any]) -> bool:
    return one.keys() != two.keys() or any(compare("", two[k], np.asarray(one[k])) is not None for k in one)


def _push(out: Any) -> dict[Any, Any]:
    grads = {out: np.ones_like(out.value, dtype=float)}
    for node in reversed(topological(out)):
        xs = [x.value for x in node.inputs]
        for i, x in enumerate(node.inputs):
            part = node.op.bprop(xs, i, grads[node])
            grads[x] = grads[x] + part if x in grads else part
    return grads


_BACK = {_TREE: 1.0, _SHARED: 1.5, _OUT: 1.0, _AGAIN: 0.5, _ONCE: 1.0}

ENTRIES = [
    Entry(
        "topo-order",
        (
            Check({"every node": 0.5, "each once": 1.0, "inputs first": 1.5}, _topo_order),
            Check({"10,000 nodes deep": 1.0}, _deep_chain, draws=1, hidden=False),
        ),
        defines={"topo_order": topological},
        title="Topological order",
    ),
    Entry(
        "graph-forward",
        (Check({"values": 1.0, "leaves": 0.5, "the last value": 0.5}, _graph_forward),),
        defines={"graph_forward": _forward},
        title="Forward through a graph",
    ),
    *(
        Entry(
            grade_id,
            (Check(_BACK, _backward(name)),),
            defines={name: _push},
            title=f"Backward through a graph, version {version}",
        )
        for grade_id, name, version in (
            ("backward-pull", "backward_pull", "A"),
            ("backward-push", "backward_push", "B"),
        )
    ),
]
