"""The functions of a notebook on the student's own machine, called directly, with mutation and blame detected."""

from __future__ import annotations

import copy
import dis
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from .entry import NotAnswered, Reply, StudentError
from .linetrace import record_lines

__all__ = ["LocalSubject", "copied", "global_names", "is_stub", "same_bits"]

_IDLE = {"RESUME", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "NOP", "PUSH_NULL", "COPY_FREE_VARS"}


class LocalSubject:
    """A namespace as a subject of checks (see `entry.Subject`)."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace

    def get(self, name: str) -> Any:
        if name not in self.namespace or self.namespace[name] is ...:
            raise NotAnswered(f"Not answered yet: {name} is not defined. Run the cell above first if you have written it.")
        return self.namespace[name]

    def call(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Reply:
        function = self.get(name)
        mine, named = [copied(a) for a in args], {k: copied(v) for k, v in kwargs.items()}
        try:
            value = function(*mine, **named)
        except Exception as error:
            if is_stub(function):
                raise NotAnswered(f"Not answered yet: {name} has no body.") from None
            return Reply(error=_as_student_error(name, function, error))
        if value is None and is_stub(function):
            raise NotAnswered(f"Not answered yet: {name} has no body.")
        changed = [_argument(function, i) for i, (a, m) in enumerate(zip(args, mine)) if not same_bits(a, m)]
        changed += [k for k in kwargs if not same_bits(kwargs[k], named[k])]
        return Reply(value, changed=tuple(changed))

    def call_many(self, name: str, calls: Sequence[Sequence[Any]]) -> list[Reply]:
        return [self.call(name, args, {}) for args in calls]

    def globals_of(self, name: str) -> frozenset[str]:
        return global_names(self.namespace.get(name))

    @contextmanager
    def bound(self, replacements: Mapping[str, Any]) -> Iterator[None]:
        missing = object()
        before = {name: self.namespace.get(name, missing) for name in replacements}
        self.namespace.update(replacements)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is missing:
                    self.namespace.pop(name, None)
                else:
                    self.namespace[name] = value

    def trace(self, name: str, args: Sequence[Any]) -> list[tuple[int, str, Any]]:
        try:
            return record_lines(self.get(name), [copied(a) for a in args])[1]
        except Exception:  # a function that fails is reported by the check itself
            return []


def copied(value: Any) -> Any:
    """A copy deep enough that writing into it leaves the original alone; objects and functions are shared."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {k: copied(v) for k, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(copied(v) for v in value)
    return copy.deepcopy(value) if isinstance(value, np.random.Generator) else value


def same_bits(a: Any, b: Any) -> bool:
    """Whether two values made by `copied` are still bit for bit the same."""
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same_bits(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return isinstance(b, list | tuple) and len(a) == len(b) and all(map(same_bits, a, b))
    return True


def is_stub(function: Any) -> bool:
    """Whether a function's body is empty (`...`, `pass`, a docstring): the release before it is answered.

    >>> def blank(x): "What it does."; ...
    >>> is_stub(blank), is_stub(lambda x: x)
    (True, False)
    """
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
            todo.extend(v for v in vars(item).values() if isinstance(v, FunctionType | staticmethod | classmethod | property))
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


def _argument(function: Any, position: int) -> str:
    code = getattr(function, "__code__", None)
    if isinstance(code, CodeType) and position < code.co_argcount:
        return code.co_varnames[position]
    return f"number {position + 1}"


def _as_student_error(name: str, function: Any, error: Exception) -> StudentError:
    filename = getattr(getattr(function, "__code__", None), "co_filename", None)
    frames = traceback.extract_tb(error.__traceback__)
    line = next((f.lineno for f in reversed(frames) if f.filename == filename), None)
    text = f"{name} raises {type(error).__name__}: {error}"
    if isinstance(error, NameError) and frames and frames[-1].filename == filename:
        text += ". Run the cell that defines it first."
    return StudentError(text[:500], line=line, traceback="".join(traceback.format_exception(error))[-4000:])
