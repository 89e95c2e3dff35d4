"""Forward/backward pairs: how they are named, found, and handed to a graph.

A pair is two functions: `f` (or `f_forward`) computes, `f_backward` carries a gradient back; they stand in one module,
or a later chapter marks its function as the backward half of an earlier one (`backward_half`). What
backward needs besides the upstream gradient stands in its signature: names of forward's arguments, `out` for
forward's result, or one `cache` that forward returned beside its result. Gradients come in the order of forward's
arguments, None for what has none; missing ones at the end count as None.

A backward may take `need`, one bool for each argument of forward, and leave out the work that is not needed.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar, cast

__all__ = ["backward_half", "backward_of", "differentiable", "find_pairs"]

F = TypeVar("F", bound=Callable[..., Any])


def differentiable(f: F) -> F:
    """Mark the forward half of a pair: called with graph variables, it becomes one operation of the graph.

    With arrays and numbers it is the plain function. A variable says by its class attribute `__lift__` how a pair
    becomes an operation, so a chapter of formulas needs to know nothing of graphs.
    """

    @functools.wraps(f)
    def call(*args: Any, **options: Any) -> Any:
        for arg in args:
            if type(arg) in (tuple, list) and arg:
                arg = next((a for a in arg if hasattr(type(a), "__lift__")), None)
            lift = getattr(type(arg), "__lift__", None)
            if lift is not None:
                return lift(call)(*args, **options)
        return f(*args, **options)

    return cast(F, call)


def backward_half(f: Callable[..., Any]) -> Callable[[F], F]:
    """Mark the backward half of a function that a chapter before this one defines."""

    def mark(backward: F) -> F:
        _ELSEWHERE[f] = backward
        return backward

    return mark


_ELSEWHERE: dict[Callable[..., Any], Callable[..., Any]] = {}


def backward_of(f: Callable[..., Any]) -> Callable[..., Any] | None:
    """The backward half of f: the one marked as such, or the one beside f in its module; None without either."""
    if f in _ELSEWHERE:
        return _ELSEWHERE[f]
    name = f.__name__.removesuffix("_forward").rstrip("_") + "_backward"
    return getattr(sys.modules.get(f.__module__), name, None)


def find_pairs(module: ModuleType) -> list[tuple[str, Callable[..., Any], Callable[..., Any]]]:
    """All pairs whose backward half a module defines, as (name, forward, backward), in order of name.

    A function counts as a backward half when its name ends in `_backward` and its first argument is a gradient:
    a name that starts with `d`.
    """
    elsewhere = {backward: f for f, backward in _ELSEWHERE.items()}
    found = []
    for name, backward in sorted(vars(module).items()):
        if not name.endswith("_backward") or getattr(backward, "__module__", None) != module.__name__:
            continue
        stem = name.removesuffix("_backward")
        beside = (getattr(module, n, None) for n in (f"{stem}_forward", stem, f"{stem}_"))
        forward = elsewhere.get(backward) or next((f for f in beside if callable(f)), None)
        if forward is not None and next(iter(inspect.signature(backward).parameters), "").startswith("d"):
            found.append((stem, forward, backward))
    return found
