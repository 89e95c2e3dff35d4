"""Mistakes of loops and of shared values: truncation, one step only, the wrong direction, mixed axes, an overwritten gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from .editing import Edit, at_site, drop
from .primitives import ELEMENTWISE, PRIMITIVES
from .tape import Node, Replay, Site, Tape
from .views import View, view_of

__all__ = [
    "carried_edits",
    "last_output_edits",
    "leaf_edits",
    "loop_edits",
    "mixed_edits",
    "shared_edits",
    "turned_edits",
    "window_edits",
]

_POINTWISE = {"add", "sub", "mul", "div", "neg", "pow", "log", "exp", "square", "sqrt"}
_LONGEST = 12  # truncation lengths that are tried


def loop_edits(view: View, site: Site, i: int, reach: frozenset[str]) -> Iterator[Edit]:
    """The gradient of the state is cut: at every step, every k steps, or all but the last k."""
    longest = len(view.sites[site])
    state = view.sites[site][-1].inputs[i].text(1)
    text = f"{{q}}: the gradient of {state} is not handed to the step before (truncation with k = 1)."
    yield Edit(
        0.9, ("M41",), text, at_site(site, i, drop, lambda n, size: n.count > 0), reach, site, f"{i}.all"
    )
    for k in range(2, min(longest, _LONGEST)):

        def cut(n: Node, size: int, k: int = k) -> bool:
            return n.count > 0 and n.count % k == 0

        def back(n: Node, size: int, k: int = k) -> bool:
            return n.count > 0 and (size - n.count) % k == 0

        def tail(n: Node, size: int, k: int = k) -> bool:
            return n.count == size - k

        for r in range(1, k if k < 4 else 1):

            def late(n: Node, size: int, k: int = k, r: int = r) -> bool:
                return n.count > 0 and n.count % k == r

            text = f"{{q}} is a truncated gradient with k = {k} whose first cut is before step {r}: chunks start at step 0."
            yield Edit(1.2, ("M41",), text, at_site(site, i, drop, late), reach, site, f"{i}.{k}+{r}")

        text = f"{{q}} is the truncated gradient with k = {k}: nothing is handed back across the cuts."
        yield Edit(1.1, ("M41",), text, at_site(site, i, drop, cut), reach, site, f"{i}.{k}")
        text = f"{{q}} is a truncated gradient with k = {k} whose chunks are counted from the end; they start at step 0."
        yield Edit(1.15, ("M41",), text, at_site(site, i, drop, back), reach, site, f"{i}.{k}")
        text = f"{{q}} is a truncated gradient: only the last k = {k} steps are connected."
        yield Edit(1.2, ("M41",), text, at_site(site, i, drop, tail), reach, site, f"{i}.{k}")


def leaf_edits(view: View, site: Site, i: int) -> Iterator[Edit]:
    """A value that every step of a loop uses gets the contribution of one step, or lacks one."""
    group = view.sites[site]
    if len(group) < 2 or len(group[0].inputs) <= i or group[0].inputs[i] is not group[-1].inputs[i]:
        return
    x, here = group[0].inputs[i], group[-1].label
    if not x.needs:
        return
    reach = view.reach[x.index]
    for which, word in ((0, "first"), (-1, "last")):

        def others(n: Node, size: int, which: int = which) -> bool:
            return n.count != which % size

        def this(n: Node, size: int, which: int = which) -> bool:
            return n.count == which % size

        ids = ("M52",) if x.name == "context" else ("M43",)
        text = f"{{q}} holds the contribution of the {word} step only: it is overwritten, not accumulated ({here})."
        yield Edit(0.95, ids, text, at_site(site, i, drop, others), reach, site, f"{i}.only{which}")
        text = f"{{q}}: the contribution of the {word} step is missing ({here})."
        yield Edit(
            1.3,
            ids if x.name == "context" else (),
            text,
            at_site(site, i, drop, this),
            reach,
            site,
            f"{i}.not{which}",
        )

    def mean(n: Node, i: int, g: Any, vjp: Any) -> Any:
        return vjp(n, i, g) / len(view_of(n.tape).sites[site])

    text = f"{{q}} is averaged over the steps; the contributions are summed ({here})."
    bias = ("M07",) if np.ndim(x.value) <= 1 else ()
    yield Edit(1.2, (*bias, "M46"), text, at_site(site, i, mean), reach, site)


def window_edits(view: View) -> Iterator[Edit]:
    """The gradient of every single state goes k steps back, and no further."""
    for site, i in view.loops():
        stacks = [n for n in view.tape.outputs if n.op == "stack"]
        for k in range(2, min(len(view.sites[site]), _LONGEST) if stacks else 0):

            def resolve(v: View, site: Site = site, i: int = i, k: int = k) -> Replay:
                return Replay(run=lambda tape, dout: _window(tape, dout, v.sites[site], i, k))

            text = (
                f"{{q}} is a truncated gradient: that of every state goes back k = {k} steps, and no further."
            )
            yield Edit(1.45, ("M41",), text, resolve, view.edge_reach(site, i), site)


def _window(tape: Tape, dout: Any, group: list[Node], i: int, k: int) -> dict[str, Any]:
    """The gradient of each state by itself, cut k steps before it; all of them summed."""
    total: dict[str, Any] = {}
    for t in range(len(group)):
        one = np.zeros_like(dout)
        one[t] = dout[t]
        cut = {(n.index, i): drop for n in group if 0 < n.count == t - k + 1}
        for name, g in tape.backward(one, Replay(cut)).items():
            total[name] = total[name] + g if name in total else g
    return total


def turned_edits(view: View) -> Iterator[Edit]:
    """The loop of the backward pass runs forwards through time: every step hands its gradient to the step after."""
    for site, i in view.loops():

        def resolve(v: View, site: Site = site, i: int = i) -> Replay | None:
            group = v.sites.get(site, [])
            return Replay(run=lambda tape, dout: _forwards(tape, dout, group, i)) if len(group) > 1 else None

        text = "{q}: the loop of the backward pass runs forwards through time; it has to run backwards."
        yield Edit(1.4, ("M47",), text, resolve, view.edge_reach(site, i), site)


def _forwards(tape: Tape, dout: Any, group: list[Node], i: int) -> dict[str, Any]:
    """Backward through a loop whose steps are visited in the order of the forward pass.

    The gradient carried out of step t enters step t + 1. Each sweep settles one step more.
    """
    state_of = {n.count - 1: n.inputs[i].index for n in group[1:]}  # step -> node of the state after it
    states = view_of(tape).sites[group[-1].inputs[i].site]
    state_of[len(group) - 1] = states[-1].index
    first = group[0].inputs[i]
    carried: dict[int, Any] = {}

    def collect(n: Node, g: Any) -> Any:
        carried[n.count] = PRIMITIVES[n.op or ""].vjp(n, i, g)
        return g

    def hand_on(n: Node, i: int, g: Any, vjp: Any) -> Any:
        return carried.get(len(group) - 1) if n.count == 0 and first.needs else None

    def inject(t: int) -> Any:
        def change(n: Node, g: Any) -> Any:
            return g + carried[t - 1] if t - 1 in carried else g

        return change

    edges = {(n.index, i): hand_on for n in group}
    nodes: dict[int, Any] = {index: inject(t) for t, index in state_of.items() if t > 0}
    nodes |= {n.index: collect for n in group}
    result: dict[str, Any] = {}
    for _ in range(len(group) + 1):
        result = tape.backward(dout, Replay(edges, nodes))
    return result


def mixed_edits(view: View, site: Site, i: int) -> Iterator[Edit]:
    """What all steps use gets its gradient from two flattened arrays, one of them (T, N), the other (N, T)."""
    group = view.sites[site]
    x, op = group[-1].inputs[i], group[-1].op
    if len(group) < 2 or (op, i) not in (("matmul", 1), ("take", 0)) or not x.needs or not x.name:
        return
    if x.op is not None or any(use.site != site for use, _ in view.consumers[x.index]):
        return

    def mixed(turned: bool) -> Callable[[Tape, Any], Any]:
        def gradient(tape: Tape, g: Any) -> Any:
            steps = [n for n in view_of(tape).sites.get(site, ()) if tape.now[n.index] is not None]
            grads = np.stack([tape.now[n.index] for n in steps])
            if op == "take":
                factor = np.stack([np.asarray(n.extra["ids"]) for n in steps])
            else:
                factor = np.stack([n.inputs[0].value for n in steps])
            pair = (np.swapaxes(factor, 0, 1), grads) if turned else (factor, np.swapaxes(grads, 0, 1))
            left, right = (a.reshape(a.shape[0] * a.shape[1], *a.shape[2:]) for a in pair)
            if op != "take":
                return left.T @ right
            full = np.zeros_like(g)
            np.add.at(full, left, right)
            return full

        return gradient

    text = f"{{q}}: time steps and sequences are mixed up: one factor is flattened as (T, N), the other as (N, T) ({group[-1].label})."
    for turned in (False, True):
        replay = Replay(leaves={x.name: mixed(turned)})
        yield Edit(1.2, ("M10",), text, partial(_whatever, replay), frozenset((x.name,)), site)


def _whatever(replay: Replay, view: View) -> Replay:
    """A replay that means the same on every tape."""
    return replay


def carried_edits(view: View, site: Site, i: int, reach: frozenset[str]) -> Iterator[Edit]:
    """A state has two gradients, its own and that of the step after; one of them skips the derivative of the state."""
    state = view.sites[site][-1].inputs[i]
    if state.op not in ELEMENTWISE:
        return

    def resolve(skips: bool) -> Callable[[View], Replay | None]:
        def run(v: View) -> Replay:
            carried: dict[int, Any] = {}

            def arrive(n: Node, i: int, g: Any, vjp: Any) -> Any:
                carried[n.inputs[i].index] = vjp(n, i, g)
                return carried[n.inputs[i].index]

            def hand_on(n: Node, i: int, g: Any, vjp: Any) -> Any:
                late = carried.get(n.index, 0.0)
                return vjp(n, i, g - late) + late if skips else vjp(n, i, late * np.ones_like(g)) + g - late

            edges: dict[tuple[int, int], Any] = {(n.index, i): arrive for n in v.sites.get(site, ())}
            return Replay({**edges, **{(n.index, 0): hand_on for n in v.sites.get(state.site, ())}})

        return run

    for skips, which in ((True, "that comes from the step after"), (False, "of its own output")):
        text = f"{{q}}: the derivative of {state.op} is missing in the part of the gradient of {state.text(1)} {which} (in {state.label})."
        yield Edit(1.25, ("M12",), text, resolve(skips), reach, site)


def last_output_edits(view: View, site: Site) -> Iterator[Edit]:
    """Of the gradients of all states that a loop gives back, that of the last one alone is used."""
    node = view.sites[site][-1]
    if node.op != "stack" or node not in view.tape.outputs:
        return

    def resolve(v: View) -> Replay | None:
        stack = v.sites.get(site, [None])[-1]
        return (
            None if stack is None else Replay({(stack.index, k): drop for k in range(len(stack.inputs) - 1)})
        )

    text = "{q}: of the gradients of the states only that of the last one is used; every step adds its own."
    reach = frozenset[str]().union(*(view.edge_reach(site, i) for i in range(len(node.inputs))))
    yield Edit(1.25, ("M13",), text, resolve, reach, site)


def shared_edits(view: View) -> Iterator[Edit]:
    """A value with several uses gets the gradient of one of them, or lacks one."""
    for node in view.tape.nodes:
        if not node.needs or node.count > 0:
            continue
        uses = [(c, i) for c, i in view.consumers.get(node.index, ()) if c.site]
        places = list(dict.fromkeys((c.site, i) for c, i in uses))
        if len(places) < 2:
            continue
        name, reach = node.name or node.text(1), view.reach[node.index]

        def uses_it(i: int, node: Node = node) -> Callable[[Node, int], bool]:
            return lambda n, size: (
                n.inputs[i].site == node.site and (node.op is not None or n.inputs[i].name == node.name)
            )

        for site, i in places:
            here = next(c for c, k in uses if c.site == site and k == i).label
            ids = _shared_ids(view, node, site, i)
            text = f"{{q}}: {name} is used {len(places)} times; the gradient that comes back from {here} is missing."
            yield Edit(1.0, ids, text, at_site(site, i, drop, uses_it(i)), reach, site)
            if len(places) > 2:
                rest = tuple(p for p in places if p != (site, i))

                def only(v: View, rest: tuple[tuple[Site, int], ...] = rest) -> Replay | None:
                    return Replay(
                        {(n.index, k): drop for s, k in rest for n in v.sites.get(s, ()) if uses_it(k)(n, 0)}
                    )

                text = f"{{q}}: {name} is used {len(places)} times; only the gradient that comes back from {here} is kept."
                yield Edit(1.1, ids, text, only, reach, site)


def _shared_ids(view: View, node: Node, site: Site, i: int) -> tuple[str, ...]:
    if node.name == "context":
        return ("M52",)
    cuts = [repr(c.extra["index"]) for c, _ in view.consumers[node.index] if c.op == "getitem"]
    if len(cuts) == len(view.consumers[node.index]) == len(set(cuts)):
        return ()  # parts of one array, each used once
    consumer = view.sites[site][0]
    if (
        node.op is not None
        and len(view.sites.get(node.site, ())) > 1
        and view.carried(view.sites[site][-1], i)
    ):
        return ("M41",)
    if (
        node.op is None
        and consumer.op in ("abs", "square")
        and len({c.op for c, _ in view.consumers[node.index]}) > 1
    ):
        return ("M19",)
    if consumer.op in ("mul", "div", "sub", "add") and any(
        x.op is None and not x.needs for x in consumer.inputs
    ):
        return ()  # a term with a label or another constant: a part of a formula is missing, not a use of the value
    # uses that meet again inside one formula (y log ŷ + (1 − y) log(1 − ŷ)) are no fan-out that a student sees
    formula = node.op is not None and all(c.op in _POINTWISE for c, _ in view.consumers[node.index])
    through_mean = consumer.op == "mean" or any(
        c.op == "mean" for c, _ in view.consumers.get(consumer.index, ())
    )
    if through_mean and np.ndim(view.tape.outputs[0].value) > 0:
        return ("M28",)
    return () if formula else ("M14",)
