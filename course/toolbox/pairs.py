"""Forward/backward pairs: how they are named, found, and handed to a graph.

A pair is two functions of one module: `f` (or `f_forward`) computes, `f_backward` carries a gradient back. What
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

__all__ = ["backward_of", "differentiable", "find_pairs"]

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


def backward_of(f: Callable[..., Any]) -> Callable[..., Any] | None:
    """The backward half that stands beside f in its module, or None."""
    name = f.__name__.removesuffix("_forward").rstrip("_") + "_backward"
    return getattr(sys.modules.get(f.__module__), name, None)


def find_pairs(module: ModuleType) -> list[tuple[str, Callable[..., Any], Callable[..., Any]]]:
    """All pairs that a module defines itself, as (name, forward, backward), in order of name.

    A function counts as a backward half when its name ends in `_backward` and its first argument is a gradient:
    a name that starts with `d`.
    """
    found = []
    for name, backward in sorted(vars(module).items()):
        if not name.endswith("_backward") or getattr(backward, "__module__", None) != module.__name__:
            continue
        first = next(iter(inspect.signature(backward).parameters), "")
        stem = name.removesuffix("_backward")
        forward = next(
            (getattr(module, n) for n in (f"{stem}_forward", stem, f"{stem}_") if hasattr(module, n)), None
        )
        if first.startswith("d") and callable(forward):
            found.append((stem, forward, backward))
    return found
