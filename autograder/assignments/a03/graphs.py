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
from autograder.checks.values import Mismatch, as_array, compare

from . import models
from .objects import TapeOp, lent_op
from .trials import Graph, draw_shared, draw_tree, tape_model
from .walks import LEAVES, Spec, named_walk

__all__ = ["ENTRIES", "topological"]

DEEP = 10_000


def _slip(text: str, ids: tuple[str, ...], q: str) -> Finding:
    return Finding(text, ids, hints=misconceptions.hints(ids, q))


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
    spec = draw_shared(trial.rng, int(trial.rng.integers(5, 25)))
    graph = Graph(trial, spec)
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
    spec = draw_shared(trial.rng, int(trial.rng.integers(5, 15)))
    graph = Graph(trial, spec, filled=False)
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
    if trial.findings:
        return
    graph.move(trial.rng)
    trial.call("graph_forward", list(graph.nodes))
    if any(compare("", node.value, value) is not None for node, value in zip(graph.nodes, graph.values)):
        text = "After the leaves have other values, a second call leaves old values in the graph: every value is computed anew."
        trial.fail(text, aspect="values")


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

    def asked(trial: Trial, graph: Graph) -> dict[int, Any]:
        got = trial.call(name, graph.nodes[-1])
        if not isinstance(got, Mapping):
            raise StudentError(
                f"{name} should return a dict of gradients, and returns a {type(got).__name__}.",
                kind="failed",
            )
        by_id = {id(node): g for node, g in got.items()}
        return {k: by_id[id(node)] for k, node in enumerate(graph.nodes) if id(node) in by_id}

    def off(graph: Graph, got: Mapping[int, Any]) -> Mismatch | None:
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

    def why(trial: Trial, spec: Spec, first: tuple[Graph, Mapping[int, Any]], bad: Mismatch) -> Finding:
        finding = Finding(bad.text, (), bad.evidence, errors=bad.errors)
        if not trial.explain:
            return finding
        tried = [first]
        for _ in range(INSTANCES - 1):
            graph = Graph(trial, spec)
            tried.append((graph, asked(trial, graph)))
        last = len(first[0].nodes) - 2
        if not any(np.any(got.get(k)) for _, got in tried for k in range(len(LEAVES))) and all(
            np.any(got.get(last)) for _, got in tried
        ):
            text = "The gradient of out reaches the node below it and no further: the nodes have to be visited from out to the leaves."
            return _slip(text, ("M15",), "The gradient")
        if (walk := named_walk(spec, [(g.values, got) for g, got in tried])) is not None:
            return _slip(walk[1], walk[0], "The gradient")
        instances = [(g.args, 1.0, {w: got.get(k) for k, w in enumerate(LEAVES)}) for g, got in tried]
        return explained(
            finding, courtesy(lambda: explain_arrays(tape_model(spec, []), LEAVES, instances, loss=True))
        )

    def aliased(trial: Trial) -> None:
        """Reshape hands on a view: a gradient that is added to in place changes that of another node, too."""
        x = trial.rng.uniform(0.5, 1.5, 5)
        leaf = trial.call("Node", None, (), x.copy(), "x")
        views = [trial.call("Node", trial.call("Reshape", (1, 5)), (leaf,), x[None].copy()) for _ in range(2)]
        ops = [TapeOp(*models.OPERATIONS[kind], {}) for kind in ("Mul", "Sum")]
        product, total = (
            lent_op(trial, op.f, lambda xs, i, G, op=op: op.bprop(list(xs), i, G)) for op in ops
        )
        square = trial.call("Node", product, tuple(views), x[None] ** 2)
        out = trial.call("Node", total, (square,), np.sum(x**2))
        got = {id(node): g for node, g in trial.call(name, out).items()}
        # with a wrong start all gradients are off by a factor, which is charged by itself
        start = as_array(got.get(id(out)))
        if any(start is not None and compare("", got.get(id(v)), 2 * start * x[None]) is None for v in views):
            text = "The gradient of a node is changed after it was handed on: += writes into an array that two nodes share. Make a new one, g = g + part."
            trial.fail(_slip(text, ("M25",), "The gradient"), aspect=_SHARED)

    def run(trial: Trial) -> None:
        shared = draw_shared(trial.rng, int(trial.rng.integers(5, 30)))
        wrong: dict[str, bool] = {}
        for aspect, spec in ((_TREE, draw_tree(trial.rng)), (_SHARED, shared)):
            graph = Graph(trial, spec)
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
            if bad is not None and aspect not in trial.told:
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
        if wrong.get(_SHARED) is False:
            aliased(trial)
        if wrong.get(_SHARED, True) and not any(a == _ONCE for a, _ in trial.findings):
            # a function that leaves edges out calls none of them too often
            trial.fail("Not looked at as long as gradients are wrong.", aspect=_ONCE)
        if wrong.get(_TREE, True):
            for aspect in (_OUT, _AGAIN):
                trial.fail("Not looked at as long as gradients are wrong.", aspect=aspect)

    return run


def _is_minus_one(got: Mapping[int, Any], graph: Graph) -> bool:
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
