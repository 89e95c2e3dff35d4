"""The functions of a student's process as a subject of checks, whichever process that is at the moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from autograder.checks.entry import Reply, StudentError

from .remote import LATER, ProcessDied, RemoteSession

__all__ = ["RemoteSubject"]


class RemoteSubject:
    """The names of a student's process as a subject of checks (see `checks.entry.Subject`).

    `session` gives the process of the moment: after a death it is another one.
    """

    def __init__(self, session: Callable[[], RemoteSession], seconds: float = 5.0) -> None:
        self.session, self.seconds = session, seconds
        self.replaced: tuple[str, ...] = ()
        self.lost: dict[tuple[str, tuple[str, ...]], StudentError] = {}

    def get(self, name: str) -> Any:
        return self.session().get(name)

    def call(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Reply:
        return self._once(name, lambda: self.session().call(name, args, kwargs, self.seconds))

    def call_many(self, name: str, calls: Sequence[Sequence[Any]]) -> list[Reply]:
        replies: list[Reply] = []
        for start in range(0, len(calls), 200):
            part = calls[start : start + 200]
            got = self._once(name, lambda part=part: self.session().call_many(name, part, self.seconds))  # type: ignore[misc]
            replies += got if isinstance(got, list) else [got] * len(part)
        return replies

    def call_then(
        self, name: str, calls: Sequence[Sequence[Any]], then: str, arguments: Callable[[Any], Sequence[Any]]
    ) -> tuple[list[Reply], Reply | None]:
        """Calls of one function, and one of another with what the first gave, in one request where that can be had."""
        known = {(name, self.replaced), (then, self.replaced)} & self.lost.keys()
        try:
            args = () if known else arguments(LATER)
        except (TypeError, AttributeError):  # it takes apart what is not there yet
            args = ()
        if not args or any(isinstance(a, np.random.Generator) for a in args):
            return self.call_many(name, calls), None
        try:
            replies, last = self.session().call_then(name, calls, then, args, self.seconds)
        except ProcessDied:  # one by one it shows which of the two it was
            return self.call_many(name, calls), None
        got = self._once(name, lambda: replies)
        if not isinstance(got, list):
            return [got] * len(calls), None
        return got, None if last is None else self._once(then, lambda: last)

    def _once(self, name: str, ask: Callable[[], Any]) -> Any:
        """A function that ran out of time or killed its process is not waited for a second time."""
        key = (name, self.replaced)
        if key in self.lost:
            return Reply(error=self.lost[key])
        try:
            reply = ask()
        except ProcessDied as died:
            self.lost[key] = StudentError(f"{name}: {died.text}", kind=died.kind)
            return Reply(error=self.lost[key])
        for one in reply if isinstance(reply, list) else [reply]:
            if one.error is not None and one.error.kind == "timeout":
                self.lost[key] = StudentError(
                    f"{name} did not finish within {self.seconds:g} seconds.", kind="timeout"
                )
                return Reply(error=self.lost[key])
            if one.error is not None and not one.error.text.startswith(name):
                one.error.text = f"{name} raises {one.error.text}"
        return reply

    def globals_of(self, name: str) -> frozenset[str]:
        return self.session().globals_of(name)

    @contextmanager
    def bound(self, replacements: Mapping[str, Any]) -> Iterator[None]:
        before, self.replaced = self.replaced, tuple(sorted({*self.replaced, *replacements}))
        try:
            with self.session().bound(replacements):
                yield
        finally:
            self.replaced = before

    def trace(self, name: str, args: Sequence[Any]) -> list[tuple[int, str, Any]]:
        return self.session().trace(name, args)
