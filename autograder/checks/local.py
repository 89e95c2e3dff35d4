"""The functions of a notebook on the student's own machine, called directly, with mutation and blame detected."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

from autograder.sandbox.inside.functions import (
    argument_name,
    attributes_of,
    copied,
    is_stub,
    reachable_names,
    same_bits,
)
from course import CHAPTERS

from .entry import NotAnswered, Reply, StudentError
from .linetrace import record_lines

__all__ = ["LocalSubject"]


class LocalSubject:
    """A namespace as a subject of checks (see `entry.Subject`).

    withheld  chapters of the library that are not there when the notebook is graded: what uses one does not count here
              either
    """

    def __init__(self, namespace: dict[str, Any], withheld: Sequence[str] = ()) -> None:
        self.namespace, self.withheld = namespace, tuple(withheld)
        self.borrowed: dict[str, str] = {}  # name -> what it uses of these chapters

    def get(self, name: str) -> Any:
        if name in self.borrowed:
            raise NotAnswered(
                f"{name} uses {self.borrowed[name]}, which is not there when your notebook is graded: write it yourself."
            )
        if name not in self.namespace or self.namespace[name] is ...:
            raise NotAnswered(
                f"Not answered yet: {name} is not defined. Run the cell above first if you have written it."
            )
        return self.namespace[name]

    def call(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Reply:
        return self._reply(name, self.get(name), args, kwargs)

    def _reply(self, name: str, function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Reply:
        mine, named = [copied(a) for a in args], {k: copied(v) for k, v in kwargs.items()}
        try:
            value = function(*mine, **named)
        except Exception as error:
            if is_stub(function):
                raise NotAnswered(f"Not answered yet: {name} has no body.") from None
            return Reply(error=_as_student_error(name, function, error))
        if value is None and is_stub(function):
            raise NotAnswered(f"Not answered yet: {name} has no body.")
        if all(map(same_bits, args, mine)) and not kwargs:
            return Reply(value)
        changed = [
            argument_name(function, i) for i, (a, m) in enumerate(zip(args, mine)) if not same_bits(a, m)
        ]
        changed += [k for k in kwargs if not same_bits(kwargs[k], named[k])]
        return Reply(value, changed=tuple(changed))

    def call_many(self, name: str, calls: Sequence[Sequence[Any]]) -> list[Reply]:
        function = self.get(name)
        return [self._reply(name, function, args, {}) for args in calls]

    def globals_of(self, name: str) -> frozenset[str]:
        found = reachable_names(self.namespace, name)
        self.borrowed.pop(name, None)
        if used := self._used(name, found):
            self.borrowed[name] = used
        return found

    def _used(self, name: str, found: Iterable[str]) -> str:
        """What of the withheld chapters the code of a function mentions."""
        offered = {n for chapter in self.withheld for n in (chapter, *CHAPTERS[chapter].split())}
        for mentioned in (name, *sorted(found)):
            value = self.namespace.get(mentioned)
            if isinstance(value, ModuleType):
                home = value.__name__
            elif isinstance(value, FunctionType | type):
                home = f"{value.__module__}.{value.__name__}"
            elif mentioned in self.namespace:
                home = f"{type(value).__module__}.{type(value).__name__}"
            else:
                home = mentioned  # of an import within the function
            package, *inside = home.split(".")
            if package == "course" and inside and inside[0] in self.withheld:
                return home
            if not isinstance(value, FunctionType) or "course" not in found:
                continue
            if used := sorted(attributes_of(value, "course") & offered):
                return f"course.{used[0]}"
        return ""

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


def _as_student_error(name: str, function: Any, error: Exception) -> StudentError:
    filename = getattr(getattr(function, "__code__", None), "co_filename", None)
    frames = traceback.extract_tb(error.__traceback__)
    line = next((f.lineno for f in reversed(frames) if f.filename == filename), None)
    text = f"{name} raises {type(error).__name__}: {error}"
    if isinstance(error, NameError) and frames and frames[-1].filename == filename:
        text += ". Run the cell that defines it first."
    return StudentError(text[:500], line=line, traceback="".join(traceback.format_exception(error))[-4000:])
