"""What can be learnt about a student's function without running it, and copies of arguments that betray a write."""

from __future__ import annotations

import copy
import dis
from collections.abc import Mapping
from itertools import pairwise
from types import CodeType, FunctionType
from typing import Any

import numpy as np

__all__ = [
    "argument_name",
    "attributes_of",
    "copied",
    "global_names",
    "is_stub",
    "reachable_names",
    "same_bits",
]

_IDLE = {"RESUME", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "NOP", "PUSH_NULL", "COPY_FREE_VARS"}
_PLAIN, _SEQUENCES = (str, bytes, int, float, complex, type(None)), (list, tuple)
_FIXED = frozenset((*_PLAIN, bool))  # nobody can write into these
_BARE_CLASS = {"__module__", "__doc__", "__dict__", "__weakref__", "__firstlineno__", "__static_attributes__"}


def copied(value: Any) -> Any:
    """A copy deep enough that writing into it leaves the original alone; objects and functions are shared."""
    kind = type(value)
    if kind in _FIXED:
        return value
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {k: copied(v) for k, v in value.items()}
    if kind is list or kind is tuple:
        return value[:] if _FIXED.issuperset(map(type, value)) else kind([copied(v) for v in value])
    return copy.deepcopy(value) if isinstance(value, np.random.Generator) else value


def same_bits(a: Any, b: Any) -> bool:
    """Whether two values made by `copied` are still bit for bit the same."""
    if a is b:
        return True
    if isinstance(a, np.ndarray):
        return (
            isinstance(b, np.ndarray)
            and a.shape == b.shape
            and a.dtype == b.dtype
            and a.tobytes() == b.tobytes()
        )
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same_bits(a[k], b[k]) for k in a)
    if isinstance(a, _SEQUENCES):
        return isinstance(b, _SEQUENCES) and len(a) == len(b) and all(map(same_bits, a, b))
    if isinstance(a, _PLAIN):
        return type(a) is type(b) and (a == b or a != a)
    return True


def is_stub(function: Any) -> bool:
    """Whether the body of a function or class is empty (`...`, `pass`, a docstring): the release before it is answered.

    >>> def blank(x): "What it does."; ...
    >>> is_stub(blank), is_stub(lambda x: x)
    (True, False)
    """
    if isinstance(function, type):
        return function.__bases__ == (object,) and not set(vars(function)) - _BARE_CLASS
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType):
        return False
    return code.co_consts in ((None,), (function.__doc__, None)) and all(
        i.opname in _IDLE for i in dis.get_instructions(code)
    )


def global_names(thing: Any) -> frozenset[str]:
    """The names that the code of a function, or of the methods of a class, may look up globally."""
    found: set[str] = set()
    todo: list[Any] = [thing]
    while todo:
        item = todo.pop()
        if isinstance(item, type):
            todo.extend(
                v
                for v in vars(item).values()
                if isinstance(v, FunctionType | staticmethod | classmethod | property)
            )
        elif isinstance(item, staticmethod | classmethod):
            todo.append(item.__func__)
        elif isinstance(item, property):
            todo.extend(f for f in (item.fget, item.fset) if f is not None)
        elif isinstance(item, FunctionType):
            todo.append(item.__code__)
        elif isinstance(item, CodeType):
            found.update(item.co_names)
            todo.extend(c for c in item.co_consts if isinstance(c, CodeType))
    return frozenset(found)


def attributes_of(function: Any, name: str) -> frozenset[str]:
    """The attributes of a global name that the code of a function looks up: `course.softmax` -> softmax."""
    found: set[str] = set()
    todo = [getattr(function, "__code__", None)]
    while todo:
        code = todo.pop()
        if not isinstance(code, CodeType):
            continue
        todo.extend(code.co_consts)
        steps = [i for i in dis.get_instructions(code) if i.opname not in _IDLE]
        for first, second in pairwise(steps):
            if (
                first.opname.startswith("LOAD_")
                and first.argval == name
                and second.opname.startswith("LOAD_")
            ):
                found.add(str(second.argval))
    return frozenset(found)


def reachable_names(namespace: Mapping[str, Any], name: str) -> frozenset[str]:
    """The global names that the code behind a name mentions, through other functions of the namespace too."""
    seen: set[str] = set()
    todo = [name]
    while todo:
        found = global_names(namespace.get(todo.pop())) - seen
        seen |= found
        todo.extend(found & namespace.keys())
    return frozenset(seen)


def argument_name(function: Any, position: int) -> str:
    """The name of a positional argument, for messages."""
    code = getattr(function, "__code__", None)
    if isinstance(code, CodeType) and position < code.co_argcount:
        return code.co_varnames[position]
    return f"number {position + 1}"
