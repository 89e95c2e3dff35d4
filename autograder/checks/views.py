"""What can be read off a tape: its sites, which arguments a value depends on, values of one shape, names of sizes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .tape import Node, Site, Tape

__all__ = ["Ref", "View", "view_of"]

Ref = tuple[Any, ...]  # ("leaf", name), ("arg", name) or ("site", site, offset in count)


class View:
    """A tape, looked at from the outside; made once for each tape."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.sites: dict[Site, list[Node]] = {}
        self.consumers: dict[int, list[tuple[Node, int]]] = {}
        reach: list[frozenset[str]] = []
        for node in tape.nodes:
            if node.op is None:
                reach.append(frozenset((node.name,)) if node.needs and node.name else frozenset())
                continue
            if node.site:
                self.sites.setdefault(node.site, []).append(node)
            union: frozenset[str] = frozenset()
            for i, x in enumerate(node.inputs):
                self.consumers.setdefault(x.index, []).append((node, i))
                if x.needs:
                    union |= reach[x.index]
            reach.append(union)
        self.reach = reach
        # a network that reads from the right: its states are turned round, or joined with others
        self.both_ways = any(
            n.op == "concat" or (n.op == "stack" and n.inputs[0].index > n.inputs[-1].index)
            for n in tape.nodes
        )
        # the same line of a helper, reached from several places (both directions of a network)
        self.twins: dict[Any, list[Site]] = {}
        for site in self.sites:
            self.twins.setdefault(site[0], []).append(site)
        self.initial: dict[Site, Node] = {}  # site of a loop's state -> the state before the first step
        for site, i in self.loops():
            group = self.sites[site]
            self.initial[group[1].inputs[i].site] = group[0].inputs[i]

    def edge_reach(self, site: Site, i: int) -> frozenset[str]:
        """The arguments whose gradient passes along input i of a site."""
        found: frozenset[str] = frozenset()
        for node in self.sites.get(site, ()):
            if i < len(node.inputs) and node.inputs[i].needs:
                found |= self.reach[node.inputs[i].index]
        return found

    def ref(self, target: Node, seen_from: Node) -> Ref | None:
        """A name for a value that means the same on every instance, relative to a node of a loop."""
        if target.op is None:
            if target.needs:
                return ("leaf", target.name)
            return ("arg", target.name) if target.name else None
        group, here = self.sites.get(target.site, []), self.sites.get(seen_from.site, [])
        if not group:
            return None
        if len(group) == 1:
            return ("site", target.site, None)
        if len(group) != len(here) or group[target.count] is not target:
            return None
        return ("site", target.site, target.count - seen_from.count)

    def find(self, ref: Ref, seen_from: Node) -> Node | None:
        """The value behind a name; beyond the first or last step of a loop there is none."""
        if ref[0] == "leaf":
            return self.tape.leaves.get(ref[1])
        if ref[0] == "arg":
            return next((n for n in self.tape.nodes if n.op is None and n.name == ref[1]), None)
        group = self.sites.get(ref[1], [])
        if ref[2] is None:
            return group[0] if len(group) == 1 else None
        k = seen_from.count + ref[2]
        if k == -1:
            return self.initial.get(ref[1])
        return group[k] if 0 <= k < len(group) else None

    def alike(self, node: Node, value: Node) -> Iterator[tuple[Ref, Node]]:
        """Other values with the shape of `value`, named relative to `node`; nearby steps only."""
        seen: set[Ref] = set()
        shape = np.shape(value.value)
        for other in self.tape.nodes:
            if other is value or np.shape(other.value) != shape or other.value.ndim == 0:
                continue
            ref = self.ref(other, node)
            if ref is None or ref in seen or (ref[0] == "site" and ref[2] is not None and abs(ref[2]) > 1):
                continue
            if np.array_equal(other.value, value.value):
                continue
            seen.add(ref)
            yield ref, other

    def carried(self, node: Node, i: int) -> bool:
        """Whether input i of a node comes from the step before: the state of a loop."""
        x = node.inputs[i]
        return bool(x.op) and x.needs and len(self.sites.get(x.site, ())) > 1 and x.count == node.count - 1

    def loops(self) -> list[tuple[Site, int]]:
        """Inputs of sites through which the state of a loop is carried from step to step."""
        found = []
        for site, group in self.sites.items():
            if len(group) < 2:
                continue
            for i in range(len(group[-1].inputs)):
                # the first step takes the initial state, the others that of the step before
                if all(len(n.inputs) > i and self.carried(n, i) for n in group[1:]) and self._depends(
                    group[-1], i
                ):
                    found.append((site, i))
        return found

    @property
    def normalises(self) -> bool:
        """Whether means over the batch go back into a result that is not a number: batch normalisation."""
        return np.ndim(self.tape.outputs[0].value) > 0 and any(
            n.op == "mean" and n.needs and np.ndim(n.value) > 0 for n in self.tape.nodes
        )

    def _depends(self, node: Node, i: int) -> bool:
        """Whether the value carried into a node depends on the same site one step before."""
        group = self.sites[node.site]
        target = group[node.count - 1].index
        todo, seen = [node.inputs[i]], set()
        while todo:
            x = todo.pop()
            if x.index == target:
                return True
            if x.index > target and x.index not in seen:
                seen.add(x.index)
                todo.extend(x.inputs)
        return False


def view_of(tape: Tape) -> View:
    """The view of a tape, made once."""
    if tape.view is None:
        tape.view = View(tape)
    return tape.view
