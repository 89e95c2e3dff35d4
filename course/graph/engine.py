"""Variables that remember how they were computed, and the way back.

A `Var` holds a value, the operation that made it and that operation's inputs. Values are computed at once and are
read-only from then on. An operation is a forward/backward pair lifted by `lift`; the engine knows no calculus, it
visits nodes in the right order and adds up what the backward halves return. Called with arrays, a backward half
gives numbers; called with variables, the same text builds more graph, which is how second derivatives come about.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from course.toolbox.errors import ChangedError, FusedError, GraphError, InputError
from course.toolbox.pairs import backward_of

__all__ = ["Node", "Op", "Pair", "SLOT", "differentiate", "lift", "topo_order"]  # fmt: skip

SLOT = object()  # stands in an Op's arguments where an input goes


class Node:
    """One node of a computation graph: an operation, its inputs and its value; a leaf has no operation.

    Source: deck 003, 6.5.1; the convention "node = variable"
    """

    __slots__ = ("__weakref__", "inputs", "name", "op", "value")

    def __init__(self, op: Any = None, inputs: Iterable[Any] = (), value: Any = None, name: str = "") -> None:
        self.op, self.inputs, self.value, self.name = op, tuple(inputs), value, name

    def __repr__(self) -> str:
        what = type(self.op).__name__ if self.op is not None else "leaf"
        return f"Node({what}{f' {self.name!r}' if self.name else ''}, value={self.value!r})"


def topo_order(out: Any) -> list[Any]:
    """All nodes below `out`, every input before its consumers, each once, `out` last; no recursion.

    Source: deck 000, "topological order"; deck 004, "Forward computation"
    """
    order: list[Any] = []
    done = set()
    stack = [out]
    while stack:
        node = stack.pop()
        if node is None:  # the inputs of the node beneath this mark are all in the order
            order.append(stack.pop())
        elif node not in done:
            done.add(node)
            if node.inputs:
                stack.append(node)
                stack.append(None)
                stack.extend(node.inputs)
            else:
                order.append(node)
    return order
