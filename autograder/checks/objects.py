"""The door to objects of the student's: attributes and methods, with errors and writes detected, here or elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from .entry import NotAnswered, Reply, StudentError
from .local import LocalSubject

__all__ = ["attribute", "call_method", "is_remote", "kind_of", "theirs"]


def is_remote(thing: Any) -> bool:
    """Whether this is a proxy of an object in another process (a module of checks does not import the grader's)."""
    return hasattr(type(thing), "_at")


def kind_of(thing: Any) -> str:
    """The name of the class of an object of the student's."""
    return str(object.__getattribute__(thing, "_type") if is_remote(thing) else type(thing).__name__)


def call_method(thing: Any, method: str, *args: Any) -> Reply:
    """One call of a method on copies of the arguments. Raises NotAnswered when the object has no such method."""
    try:
        function = getattr(thing, method)
    except (AttributeError, StudentError):
        raise NotAnswered(f"Not answered yet: {kind_of(thing)} has no method {method}.") from None
    if is_remote(function):
        session, number = object.__getattribute__(function, "_at")
        reply = session.call(number, args, {}, session.call_seconds)
        if reply.error is not None:
            reply.error.text = f"{kind_of(thing)}.{method} raises {reply.error.text}"
    else:
        label = f"{kind_of(thing)}.{method}"
        reply = LocalSubject({label: function}).call(label, args, {})
    return replace(reply, changed=("xs or G" if method == "bprop" else "x",) if reply.changed else ())


@contextmanager
def theirs(what: str) -> Iterator[None]:
    """Inside: whatever the student's objects raise is reported as the student's error."""
    try:
        yield
    except (StudentError, NotAnswered):
        raise
    except Exception as error:
        raise StudentError(f"{what} raises {type(error).__name__}: {error}"[:500]) from None


def attribute(thing: Any, name: str) -> Any:
    """An attribute of an object of the student's. Raises NotAnswered when there is none, else StudentError."""
    missing = NotAnswered(f"Not answered yet: {kind_of(thing)} has no {name}.")
    try:
        with theirs(f"{kind_of(thing)}.{name}"):
            return getattr(thing, name)
    except StudentError as error:
        raise (missing if "AttributeError" in error.text else error) from None
