"""Objects of the grader's on the student's side: stubs that ask over there, and functions that run here."""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any

import numpy as np

from .wire import Guest

__all__ = ["welcome"]


def welcome(guest: Guest, ask: Callable[..., Any]) -> Any:
    """What the student's code gets for an object of the grader's; `ask(id, name, args, kwargs)` is a call over there."""
    return _sent(guest) if guest.source else _stub(guest, ask)


def _sent(guest: Guest) -> Any:
    """A function of the grader's that runs here."""
    names: dict[str, Any] = {"np": np}
    # its annotations are not looked up: compile() passes on this file's own `from __future__ import annotations`
    code = compile(guest.source, "<the grader>", "exec")
    exec(code, names)
    function = names[next(c.co_name for c in code.co_consts if isinstance(c, CodeType))]

    def sent(*args: Any) -> Any:
        return function(*args, **guest.constants)

    sent._guest_id = guest.id  # type: ignore[attr-defined]
    return sent


def _stub(guest: Guest, ask: Callable[..., Any]) -> Any:
    """The student's side of an object of the grader's: only the listed names exist, each a call over there."""
    if guest.names == ("__call__",):

        def trusted(*args: Any, **kwargs: Any) -> Any:
            return ask(guest.id, "__call__", args, kwargs)

        trusted._guest_id = guest.id  # type: ignore[attr-defined]
        return trusted

    def method(name: str) -> Callable[..., Any]:
        return lambda self, *args, **kwargs: ask(guest.id, name, args, kwargs)

    def getter(name: str) -> property:
        return property(lambda self: ask(guest.id, f"={name}", (), {}))

    members: dict[str, Any] = {"_guest_id": guest.id, "__slots__": ()}
    for name in guest.names:
        members[name.lstrip("=")] = getter(name[1:]) if name.startswith("=") else method(name)
    return type("_GuestStub", (), members)()
