"""Graphs: wrong versions of `unbroadcast`; args G and shape, the result is an array."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..diagnosis import Diagnosis
from .engine import explain_call, register

__all__ = ["explain_unbroadcast"]

Reduce = Callable[..., Any]


def _reduced(leading: Reduce = np.sum, ones: Reduce = np.sum, keep: bool = True) -> Callable[..., Any]:
    """The gradient of a stretched operand, with ways to get rid of the leading axes and of the axes of size 1."""

    def run(G: Any, shape: tuple[int, ...]) -> Any:
        extra = np.ndim(G) - len(shape)
        G = leading(G, axis=tuple(range(extra))) if extra else G
        axes = tuple(i for i, n in enumerate(shape) if n == 1 and G.shape[i] != 1)
        return ones(G, axis=axes, keepdims=keep) if axes else G

    return run


def _first(G: Any, axis: tuple[int, ...], keepdims: bool = False) -> Any:
    """The first entry along some axes."""
    for k in sorted(axis, reverse=True):
        G = np.take(G, [0] if keepdims else 0, axis=k)
    return G


def _as_it_is(G: Any, axis: tuple[int, ...], keepdims: bool = False) -> Any:
    return G


def _only_first_axis(G: Any, axis: tuple[int, ...], keepdims: bool = False) -> Any:
    return np.sum(G, axis=axis[0], keepdims=keepdims)


# fmt: off
register("unbroadcast", [
    ("M07b", "Nothing is summed: the result keeps the shape of G.", lambda G, shape: G),
    ("M07b", "A mean stands where the sum over the repeated axes is needed.", _reduced(np.mean, np.mean)),
    ("M07b", "A mean stands where the sum over the leading axes is needed.", _reduced(leading=np.mean)),
    ("M07b", "A mean stands where the sum over the axes of size 1 is needed.", _reduced(ones=np.mean)),
    ("M07b", "One copy is taken where the sum over all copies is needed.", _reduced(_first, _first)),
    ("M07b", "The first copy along the leading axes is taken; their sum is needed.", _reduced(leading=_first)),
    ("M07b", "The first copy along the axes of size 1 is taken; their sum is needed.", _reduced(ones=_first)),
    ("M07b", "The axes of size 1 are not summed.", _reduced(ones=_as_it_is)),
    ("M07b", "Only one of several leading axes is summed.", _reduced(leading=_only_first_axis)),
    ("M07b", "The axes of size 1 are summed and then lost: keepdims=True is missing.", _reduced(keep=False)),
    ("M07b", "The leading axes are not summed.", _reduced(leading=_as_it_is)),
    ("M07b", "The leading axes are not summed.", lambda G, shape: _reduced()(G, shape) if np.ndim(G) == len(shape) else G),
])
# fmt: on


def explain_unbroadcast(instances: Sequence[tuple[Mapping[str, Any], Any]]) -> Diagnosis:
    """The mistake behind results of `unbroadcast`."""
    return explain_call("unbroadcast", instances, what="the gradient")
