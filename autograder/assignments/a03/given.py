"""What the locked cell of A03 gives: nodes of a computation graph, and four operations in the students' own form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

__all__ = ["Node", "Reshape", "Step", "Tanh", "Transpose"]


class Node:
    """One value of a computation graph: `op` computes it from the values of `inputs`; a leaf has no `op`."""

    def __init__(self, op: Any = None, inputs: Iterable[Any] = (), value: Any = None, name: str = "") -> None:
        self.op, self.inputs, self.value, self.name = op, tuple(inputs), value, name

    def __repr__(self) -> str:
        return f"Node({self.name or ('leaf' if self.op is None else type(self.op).__name__)})"


class Transpose:
    """Rows become columns: Y = Xᵀ."""

    def f(self, *xs: Any) -> Any:
        return xs[0].T

    def bprop(self, xs: Sequence[Any], i: int, G: Any) -> Any:
        return np.transpose(G)


class Reshape:
    """The same entries in another shape."""

    def __init__(self, shape: Any) -> None:
        self.shape = shape

    def f(self, *xs: Any) -> Any:
        return np.reshape(xs[0], self.shape)

    def bprop(self, xs: Sequence[Any], i: int, G: Any) -> Any:
        return np.reshape(G, np.shape(xs[0]))


class Step:
    """1 where x > 0, else 0; no gradient passes."""

    def f(self, *xs: Any) -> Any:
        return (np.asarray(xs[0]) > 0) * 1.0

    def bprop(self, xs: Sequence[Any], i: int, G: Any) -> Any:
        return np.zeros(np.shape(xs[0]))


class Tanh:
    """tanh x, with tanh′ = 1 - tanh²."""

    def f(self, *xs: Any) -> Any:
        return np.tanh(xs[0])

    def bprop(self, xs: Sequence[Any], i: int, G: Any) -> Any:
        return G * (1 - np.tanh(xs[0]) ** 2)
