"""Proxies of objects that live in a student's process: attributes, calls and operators go there."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

from autograder.checks.entry import StudentError

__all__ = ["RemoteObject"]


class RemoteObject:
    """An object of the student's that stays on the student's side; attributes, calls and operators go there.

    Equality of two remote objects is asked over there; identity here is identity there (one object, one handle).
    """

    __slots__ = ("__weakref__", "_at", "_type")

    def __init__(self, session: Any, number: int, kind: str) -> None:
        object.__setattr__(self, "_at", (session, number))
        object.__setattr__(self, "_type", kind)

    def __del__(self) -> None:
        session, number = object.__getattribute__(self, "_at")
        session.dropped.append(number)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)  # NumPy and copy look for protocols that a proxy does not take part in
        session, _ = object.__getattribute__(self, "_at")
        return session.operate("getattr", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        _operate(self, "setattr", name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        session, number = object.__getattribute__(self, "_at")
        reply = session.call(number, args, kwargs, session.call_seconds)
        if reply.error is not None:
            raise reply.error
        return reply.value

    def __iter__(self) -> Iterator[Any]:
        iterator = _operate(self, "iter")
        while True:
            taken = _operate(iterator, "take", 1) if isinstance(iterator, RemoteObject) else None
            if not isinstance(taken, tuple) or len(taken) != 2 or not isinstance(taken[0], list):
                raise StudentError("this cannot be iterated over")
            yield from taken[0]
            if taken[1]:
                return

    def __len__(self) -> int:
        return operator.index(_operate(self, "len"))

    def __bool__(self) -> bool:
        return _operate(self, "bool") is True

    def __float__(self) -> float:
        return float(_operate(self, "float"))

    def __int__(self) -> int:
        return int(_operate(self, "int"))

    def __hash__(self) -> int:
        return hash(object.__getattribute__(self, "_at")[1])

    def __repr__(self) -> str:
        return f"<the student's {object.__getattribute__(self, '_type')}>"

    def __eq__(self, other: object) -> Any:
        return True if other is self else _operate(self, "eq", other)

    def __ne__(self, other: object) -> Any:
        return False if other is self else _operate(self, "ne", other)


def _operate(thing: RemoteObject, name: str, *args: Any) -> Any:
    session, _ = object.__getattribute__(thing, "_at")
    return session.operate(name, thing, *args)


def _add_operators() -> None:
    def forward(name: str) -> Callable[..., Any]:
        return lambda self, *args: _operate(self, name, *args)

    def reflected(name: str) -> Callable[..., Any]:
        return lambda self, other: object.__getattribute__(self, "_at")[0].operate(name, other, self)

    binary = "add sub mul truediv floordiv mod pow matmul and_ or_ xor lshift rshift".split()
    for name in binary:
        setattr(RemoteObject, f"__{name.rstrip('_')}__", forward(name))
        setattr(RemoteObject, f"__r{name.rstrip('_')}__", reflected(name))
    for name in "neg pos abs invert lt le gt ge getitem setitem delitem contains".split():
        setattr(RemoteObject, f"__{name}__", forward(name))
    # an array on the left must not take the proxy apart item by item
    RemoteObject.__array_ufunc__ = None  # type: ignore[attr-defined]


_add_operators()
