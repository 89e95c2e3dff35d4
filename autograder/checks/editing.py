"""What an edit is made of: the edit itself, rules for one edge, and the tools to apply a rule at a site."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .tape import Node, Replay, Site
from .views import Ref, View, view_of

__all__ = ["EdgeRule", "Edit", "at_site", "called", "drop", "exchanged", "together"]

EdgeRule = Callable[
    [Node, int, Any, Any], Any
]  # (node, input, gradient of the node, vjp) -> gradient for the input


@dataclass(frozen=True)
class Edit:
    """A mistake: how likely (low cost), its ids, the sentence, and what it does to a tape.

    `text` holds {q}, the gradients that are wrong; `resolve` finds the places on the tape of any instance.
    """

    cost: float
    ids: tuple[str, ...]
    text: str
    resolve: Callable[[View], Replay | None]
    reach: frozenset[str]  # the arguments whose gradient it changes
    site: Site = ()
    kind: str = ""  # the same for the same mistake at another site

    def say(self, q: str) -> str:
        """The sentence about the gradients q."""
        return self.text.replace("{q}", q)


def at_site(
    site: Site, i: int, rule: EdgeRule, keep: Callable[[Node, int], bool] | None = None
) -> Callable[[View], Replay | None]:
    """A resolver: the rule at input i of every node of a site, or of those that `keep(node, how many)` says."""

    def resolve(view: View) -> Replay | None:
        group = view.sites.get(site)
        if not group:
            return None
        return Replay({(n.index, i): rule for n in group if keep is None or keep(n, len(group))})

    return resolve


def together(edits: Sequence[Edit]) -> Callable[[View], Replay | None]:
    """A resolver that applies several edits at once; None when they touch the same edge."""

    def resolve(view: View) -> Replay | None:
        joined = Replay()
        for edit in edits:
            part = edit.resolve(view)
            if part is None or part.run or set(part.edges) & set(joined.edges):
                return None
            joined.edges.update(part.edges)
            joined.nodes.update(part.nodes)
            joined.leaves.update(part.leaves)
        return joined

    return resolve


def drop(node: Node, i: int, g: Any, vjp: Any) -> Any:
    """The edge that is not there."""
    return None


def called(node: Node, ref: Ref) -> str:
    """A value's name in a sentence, with its step when it is a neighbour in time."""
    name = node.name or node.text(1)
    if ref[0] == "site" and ref[2] is not None and ref[2] != 0:
        return f"{name} of the step {'after' if ref[2] > 0 else 'before'}"
    return name


def exchanged(ref: Ref) -> EdgeRule:
    """The operation's own rule with its other operand exchanged for the value `ref`."""

    def rule(n: Node, i: int, g: Any, vjp: Any) -> Any:
        other = view_of(n.tape).find(ref, n)
        if other is None:
            return vjp(n, i, g)
        swapped = _Stand()
        swapped.op, swapped.extra, swapped.value = n.op, n.extra, n.value
        swapped.inputs = tuple(other if k == 1 - i else x for k, x in enumerate(n.inputs))
        return vjp(swapped, i, g)

    return rule


class _Stand:
    """Stands in for a node in its own rule."""

    op: Any
    extra: Any
    value: Any
    inputs: tuple[Any, ...]
