"""The grader's end of a student's process: requests, proxies of objects that live there, guests that live here.

What arrives is a value of exact built-in types, a `RemoteObject`, or a `StudentError`; anything else ends the process.
"""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from autograder.checks.entry import NotAnswered, Reply, StudentError
from autograder.checks.lent import Sent, lent_names
from autograder.sandbox.inside.channel import Closed, TooLong, WireError
from autograder.sandbox.inside.wire import Guest, Handle, decode, encode
from autograder.sandbox.spawner import ProcessLimits, Spawner

from .proxies import RemoteObject

__all__ = ["LATER", "ProcessDied", "RemoteSession"]

LATER = object()  # see `RemoteSession.call_then`

GRACE = 1.5  # seconds beyond a time limit before the process is ended from outside
MAX_ASKS = 200_000  # callbacks of one request


class ProcessDied(StudentError):
    """The student's process ended or had to be ended; another one has to take over."""


class RemoteSession:
    """One student process: cells run in it, and its objects are reached through it."""

    def __init__(
        self, sandbox: Spawner, limits: ProcessLimits, call_seconds: float = 5.0, deadline: float = math.inf
    ) -> None:
        """`deadline`, on the monotonic clock, is when the submission's time is over: no request is made after it."""
        self.sandbox, self.call_seconds, self.deadline = sandbox, call_seconds, deadline
        self.process = sandbox.spawn(limits)
        self.number = 0
        self.dead: str | None = None
        self.objects: weakref.WeakValueDictionary[int, RemoteObject] = weakref.WeakValueDictionary()
        self.dropped: list[int] = []
        self.guests: dict[int, Any] = {}  # what is lent stays alive, so that id() is unique
        self.guest_of: dict[int, int] = {}  # id(object) -> its number
        self.request("names", 20.0)  # the process is there and confined

    def close(self) -> None:
        """End the process and everything in it."""
        if self.process is not None:
            self.sandbox.end(self.process)
            self.process = None  # type: ignore[assignment]
            self.dead = self.dead or "it was ended"

    def execute(
        self, cell: str, source: str, limit: float
    ) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        """Run a cell; its outputs and its error, if any. Raises ProcessDied."""
        header, body = self.request("exec", limit, cell=cell, source=source, limit=limit)
        outputs = []
        listed = header.get("outputs")
        for item in listed[:100] if isinstance(listed, list) else []:
            if not isinstance(item, dict):
                continue
            if item.get("type") == "text" and isinstance(item.get("text"), str):
                outputs.append({"type": "text", "text": item["text"][: 64 << 10]})
            elif item.get("type") == "png":
                try:
                    data = decode(item.get("data"), body)
                except WireError:
                    continue
                if isinstance(data, bytes) and data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) <= 256 << 10:
                    outputs.append({"type": "png", "png": data})
        error = header.get("error")
        return outputs, _error_fields(error) if error is not None else None

    def names(self) -> set[str]:
        """The names that are defined."""
        header, _ = self.request("names", self.call_seconds)
        return {n for n in _strings(header.get("names"))} - {n for n in _strings(header.get("stubs"))}

    def globals_of(self, name: str) -> frozenset[str]:
        """The global names that the code of a function mentions, at any depth."""
        header, _ = self.request("globals", self.call_seconds, name=name)
        return frozenset(_strings(header.get("names")))

    def get(self, name: str) -> Any:
        """The value of a name, or a proxy. Raises NotAnswered."""
        return self._value(*self.request("get", self.call_seconds, name=name))

    def call(self, fn: str | int, args: Sequence[Any], kwargs: Mapping[str, Any], limit: float) -> Reply:
        """Call a function by name or by handle."""
        blobs: list[bytes] = []
        fields = {"args": self._encode(list(args), blobs), "kwargs": self._encode(dict(kwargs), blobs)}
        header, body = self.request("call", limit, blobs, fn=fn, limit=limit, **fields)
        reply = self._reply(header, body)
        self._move_generators(header.get("rng"), body, args, kwargs)
        return reply

    def call_many(self, fn: str | int, calls: Sequence[Sequence[Any]], limit: float) -> list[Reply]:
        """Many calls in one request."""
        return self.call_then(fn, calls, None, (), limit)[0]

    def call_then(
        self,
        fn: str | int,
        calls: Sequence[Sequence[Any]],
        then: str | int | None,
        args: Sequence[Any],
        limit: float,
    ) -> tuple[list[Reply], Reply | None]:
        """Many calls, and one of another function, in one request.

        In its arguments LATER stands for the second value that the first call gives; where it gives no two values, there
        is no reply to it.
        """
        blobs: list[bytes] = []
        data = self._encode([list(c) for c in calls], blobs)
        more = {} if then is None else {"then": {"fn": then, "args": self._encode(list(args), blobs)}}
        seconds = limit * max(1, len(calls) + len(more))
        header, body = self.request("batch", seconds, blobs, fn=fn, calls=data, limit=limit, **more)
        replies, last = header.get("replies"), header.get("then")
        if (
            not isinstance(replies, list)
            or len(replies) != len(calls)
            or not all(isinstance(r, dict) for r in replies)
            or not isinstance(last, dict | None)
        ):
            raise self._violation("a batch with another number of replies")
        return [self._reply(r, body) for r in replies], None if last is None else self._reply(last, body)

    def operate(self, name: str, *args: Any) -> Any:
        """An operation on objects of the student's (see `operations.OPERATIONS`)."""
        blobs: list[bytes] = []
        header, body = self.request(
            "operate",
            self.call_seconds,
            blobs,
            name=name,
            limit=self.call_seconds,
            args=self._encode(list(args), blobs),
        )
        return self._value(header, body)

    def trace(self, name: str, args: Sequence[Any]) -> list[tuple[int, str, Any]]:
        """(line, variable, array) of one call; empty when it fails."""
        blobs: list[bytes] = []
        try:
            data = self._encode(list(args), blobs)
            header, body = self.request(
                "trace", self.call_seconds, blobs, fn=name, args=data, limit=self.call_seconds
            )
            steps = self._value(header, body)
        except (StudentError, NotAnswered):
            return []
        if not isinstance(steps, list):
            return []
        return [
            s
            for s in steps
            if isinstance(s, tuple) and len(s) == 3 and type(s[0]) is int and type(s[1]) is str
        ]

    @contextmanager
    def bound(self, replacements: Mapping[str, Callable[..., Any]]) -> Iterator[None]:
        """Inside: the student's code sees these names bound to our functions."""
        blobs: list[bytes] = []
        data = self._encode(dict(replacements), blobs)
        self.request("bind", self.call_seconds, blobs, names=data)
        try:
            yield
        finally:
            if self.dead is None:
                self.request("unbind", self.call_seconds)

    # --- requests and replies ------------------------------------------------------------------------------------

    def request(
        self, op: str, seconds: float, blobs: list[bytes] | None = None, **fields: Any
    ) -> tuple[dict[str, Any], bytes]:
        """Send a request, serve callbacks until its reply is there. Raises ProcessDied."""
        if self.dead is not None:
            raise ProcessDied(f"The process of this notebook has ended: {self.dead}.")
        if time.monotonic() > self.deadline:
            raise ProcessDied("The time for this notebook was over.", kind="timeout")
        if self.dropped and op != "release":
            gone, self.dropped = self.dropped, []
            self.request("release", 5.0, handles=gone)
        self.number += 1
        number, asks = self.number, 0
        channel = self.process.channel
        # for the request as a whole, however many callbacks it makes
        ends = time.monotonic() + seconds + GRACE
        try:
            channel.send({"op": op, "n": number, **fields}, blobs, seconds + GRACE)
            while True:
                header, body = channel.receive(min(ends, self.deadline) - time.monotonic())
                if header.get("op") == "reply" and header.get("n") == number:
                    return header, body
                if header.get("op") == "refused" and number == 1:
                    # only before the first line of a student's code: nothing of theirs can say this
                    self._end(f"the sandbox refused: {header.get('text')}")
                    from autograder.errors import UnfitError

                    raise UnfitError(
                        f"The sandbox could not be put up around a process: {str(header.get('text'))[:300]}"
                    )
                asks += 1
                if header.get("op") != "ask" or asks > MAX_ASKS:
                    raise WireError("a message that was not asked for")
                started = time.monotonic()
                self._serve(header, body)
                ends += time.monotonic() - started  # our own time is not the student's
        except TooLong:
            self._end("it did not come back within the time limit")
            raise ProcessDied(
                "The time limit was reached, and the process had to be ended.", kind="timeout"
            ) from None
        except Closed:
            self._end("it ended by itself or was ended by the system (out of memory, or an exit)")
            raise ProcessDied(
                "The process ended in the middle: an exit, a crash, or no memory left."
            ) from None
        except WireError as error:
            raise self._violation(str(error)) from None

    def _violation(self, why: str) -> ProcessDied:
        self._end(f"it sent something that is not a reply ({why})")
        return ProcessDied(f"The process sent something that cannot be used: {why}.")

    def _end(self, why: str) -> None:
        self.dead = why
        process, self.process = self.process, None  # type: ignore[assignment]
        if process is not None:
            self.sandbox.end(process)

    def _serve(self, header: dict[str, Any], body: bytes) -> None:
        number, name = header.get("guest"), header.get("name")
        mine = self.guests.get(number) if type(number) is int else None
        data = decode(header.get("args"), body, self._unwrap)
        if mine is None or name not in lent_names(mine) or not isinstance(data, tuple) or len(data) != 2:
            raise WireError("a callback to something that was not lent")
        args, kwargs = data
        if (
            not isinstance(args, list)
            or not isinstance(kwargs, dict)
            or any(type(k) is not str for k in kwargs)
        ):
            raise WireError("a callback without arguments")
        blobs: list[bytes] = []
        answer: dict[str, Any]
        try:
            if name == "__call__":
                value = mine(*args, **kwargs)
            elif name.startswith("="):
                value = getattr(mine, name[1:])
            else:
                value = getattr(mine, name)(*args, **kwargs)
            answer = {"value": self._encode(value, blobs)}
        except (ProcessDied, WireError):
            raise
        except Exception as error:
            blobs, answer = [], {"error": {"type": type(error).__name__, "text": str(error)[:300]}}
        self.process.channel.send({"op": "answer", "n": header.get("n"), **answer}, blobs, GRACE)

    def _reply(self, header: dict[str, Any], body: bytes) -> Reply:
        error = header.get("error")
        if error is not None:
            fields = _error_fields(error)
            if fields["kind"] == "missing":
                raise NotAnswered(f"Not answered yet: {fields['text']}.")
            return Reply(error=StudentError(**fields))
        try:
            value = decode(header.get("value"), body, self._unwrap)
        except WireError as problem:
            raise self._violation(str(problem)) from None
        changed = tuple(n[:60] for n in _strings(header.get("changed")))[:20]
        return Reply(value, changed=changed)

    def _value(self, header: dict[str, Any], body: bytes) -> Any:
        reply = self._reply(header, body)
        if reply.error is not None:
            raise reply.error
        return reply.value

    def _move_generators(
        self, states: Any, body: bytes, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> None:
        """A generator that was passed has been drawn from over there: ours moves on as well."""
        if not isinstance(states, dict):
            return
        ours = {str(i): a for i, a in enumerate(args)} | dict(kwargs)
        for key, data in states.items():
            mine = ours.get(key)
            if isinstance(mine, np.random.Generator):
                theirs = decode(data, body)
                if isinstance(theirs, np.random.Generator):
                    mine.bit_generator.state = theirs.bit_generator.state

    def _encode(self, value: Any, blobs: list[bytes]) -> Any:
        return encode(value, blobs, self._wrap)

    def _wrap(self, thing: Any) -> Handle | Guest:
        if isinstance(thing, RemoteObject):
            session, number = object.__getattribute__(thing, "_at")
            if session is not self:
                raise ProcessDied("This object lived in a process that has ended.")
            return Handle(number)
        if thing is LATER:
            return Handle(0)
        number = self.guest_of.setdefault(id(thing), len(self.guests) + 1)
        self.guests[number] = thing
        if isinstance(thing, Sent):
            return Guest(number, lent_names(thing), thing.source, thing.constants)
        return Guest(number, lent_names(thing))

    def _unwrap(self, reference: Handle | Guest) -> Any:
        if isinstance(reference, Guest):
            if reference.id not in self.guests:
                raise WireError("a guest that was never lent")
            return self.guests[reference.id]
        found = self.objects.get(reference.id)
        if found is None:
            found = self.objects[reference.id] = RemoteObject(self, reference.id, reference.type)
        return found


def _error_fields(error: Any) -> dict[str, Any]:
    """An error report from over there, with every field of the type and size that we expect."""
    if not isinstance(error, dict):
        return {"text": "an error without a description", "kind": "error"}
    kind, text, line, trace = (error.get(k) for k in ("kind", "text", "line", "traceback"))
    return {
        "kind": kind if kind in ("error", "timeout", "missing") else "error",
        "text": (text if isinstance(text, str) else "an error without a description")[:600],
        "line": line if type(line) is int and 0 < line < 100_000 else None,
        "traceback": (trace if isinstance(trace, str) else "")[:4000],
    }


def _strings(items: Any) -> list[str]:
    return [s for s in items[:5000] if isinstance(s, str)] if isinstance(items, list) else []
