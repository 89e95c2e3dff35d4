"""One student's process: a namespace, cells that run in it, and requests of the grader about what is in it.

Nothing here is trusted by the other side. The process may say what it likes; all that it can say is a value, an
error, or that an argument was changed.
"""

from __future__ import annotations

import ast
import builtins
import linecache
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

import numpy as np

from .channel import Channel, Closed, WireError
from .functions import argument_name, copied, is_stub, reachable_names, same_bits
from .guests import welcome
from .operations import OPERATIONS
from .outputs import MAX_TEXT, Capped, figures, picture, without_magics
from .wire import Guest, Handle, decode, encode

__all__ = ["Session", "TimeLimit"]

MAX_HANDLES = 100_000
MAX_SHOWN = 50  # values that one cell displays


class TimeLimit(BaseException):
    """The time for this cell or call is over."""


class Session:
    """Serves requests over a channel until the grader closes it."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.names: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
        self.handles: dict[int, Any] = {}
        self.numbers: dict[int, int] = {}  # id(object) -> handle
        self.guests: dict[int, Any] = {}
        self.before: list[dict[str, Any]] = []  # what the names were before they were bound
        self.shown: list[Any] = []  # by the cell that runs: text, and pictures as bytes
        self.sink = Capped(limit=0)  # what functions print while they are checked
        self.returned: Any = None  # by the last call
        self.timing = False
        self.asked = 0
        signal.signal(signal.SIGALRM, self._alarm)

    def serve(self) -> None:
        """Answer until the channel closes."""
        try:
            while True:
                header, body = self.channel.receive()
                self.answer(header, body)
        except Closed:
            return

    def answer(self, header: dict[str, Any], body: bytes) -> None:
        """Carry out one request and send its reply."""
        request = getattr(self, f"do_{header['op']}")
        blobs: list[bytes] = []
        try:
            reply = request(header, body, blobs)
        except WireError as error:
            blobs, reply = [], {"error": {"kind": "error", "text": str(error)}}
        self.channel.send({"op": "reply", "n": header["n"], **reply}, blobs)

    # --- cells -------------------------------------------------------------------------------------------------

    def do_exec(self, header: dict[str, Any], body: bytes, blobs: list[bytes]) -> dict[str, Any]:
        """Run the source of a cell; its printed text, figures, last value and error come back."""
        name, source = header["cell"], header["source"]
        self.shown = []
        text = Capped()
        error = None
        with redirect_stdout(text), redirect_stderr(text):
            try:
                with self._limited(header["limit"]):
                    self._run(name, source)
            except BaseException as problem:  # SystemExit and KeyboardInterrupt end the cell, not the process
                error = self._describe(problem)
        outputs: list[dict[str, Any]] = []
        if printed := text.getvalue():
            outputs.append({"type": "text", "text": printed})
        for item in self.shown + figures():
            if isinstance(item, bytes):
                outputs.append({"type": "png", "data": encode(item, blobs)})
            else:
                outputs.append({"type": "text", "text": item})
        return {"outputs": outputs, "error": error}

    def _run(self, name: str, source: str) -> None:
        filename = f"<cell {name}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        try:
            tree = ast.parse(source, filename)
        except SyntaxError:
            tree = ast.parse(without_magics(source), filename)
        last = None
        if tree.body and isinstance(tree.body[-1], ast.Expr) and not source.rstrip().endswith(";"):
            last = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
        exec(compile(tree, filename, "exec"), self.names)
        if last is not None:
            value = eval(compile(last, filename, "eval"), self.names)
            if value is not None and value is not ...:
                self.display(value)

    def display(self, *values: Any, **_: Any) -> None:
        """Show values below the cell, as `display` of a notebook does: pictures as pictures, all else as text."""
        for value in values:
            if len(self.shown) < MAX_SHOWN:
                image = picture(value)
                self.shown.append(repr(value)[:MAX_TEXT] if image is None else image)

    # --- values, calls, objects ----------------------------------------------------------------------------------

    def do_names(self, header: dict[str, Any], body: bytes, blobs: list[bytes]) -> dict[str, Any]:
        """All names that are defined, with those that are still stubs."""
        mine = [k for k in self.names if isinstance(k, str) and not k.startswith("__")]
        return {"names": mine[:5000], "stubs": [k for k in mine[:5000] if is_stub(self.names[k])]}

    def do_globals(self, header: dict[str, Any], body: bytes, blobs: list[bytes]) -> dict[str, Any]:
        """The global names that a function mentions, at any depth."""
        found = (n for n in reachable_names(self.names, header["name"]) if isinstance(n, str))
        return {"names": sorted(found)[:2000]}

    def do_get(self, header: dict[str, Any], body: bytes, blobs: list[bytes]) -> dict[str, Any]:
        """The value of a name."""
        if header["name"] not in self.names:
            return {"error": {"kind": "missing", "text": f"{header['name']} is not defined"}}
        return {"value": encode(self.names[header["name"]], blobs, self._wrap)}

    def do_call(self, header: dict[str, Any], body: bytes, blobs: list[bytes]) -> dict[str, Any]:
        """Call a function by name or handle; arguments that were written into are named in the reply."""
        args = self._decode(header["args"], body)
        kwargs = self._decode(header["kwargs"], body)
        return self._call(header["fn"], args, kwargs, header["limit"], blobs)

    def do_batch(self, header: dict[str, Any], body: bytes, blobs: list[bytes]) -> dict[str, Any]:
        """Many calls of one function in one request; `then` one of another, with the second value that the first gave."""
        calls = self._decode(header["calls"], body)
        replies: list[dict[str, Any]] = []
        first: Any = None
        for args in calls:
            reply = self._call(header["fn"], args, {}, header["limit"], blobs)
            first = first if replies else self.returned
            replies.append(reply)
            # nobody waits for the others to run out of time too
            if reply.get("error", {}).get("kind") == "timeout":
                return {"replies": replies + [reply] * (len(calls) - len(replies))}
        then = header.get("then")
        if then is None or type(first) not in (tuple, list) or len(first) != 2:
            return {"replies": replies}
        self.handles[0] = first[1]
        args = self._decode(then["args"], body)
        return {"replies": replies, "then": self._call(then["fn"], args, {}, header["limit"], blobs)}

    def _call(self, fn: Any, args: Any, kwargs: Any, limit: float, blobs: list[bytes]) -> dict[str, Any]:
        if isinstance(fn, str):
            if fn not in self.names or self.names[fn] is ...:
                return {"error": {"kind": "missing", "text": f"{fn} is not defined"}}
            function = self.names[fn]
        else:
            function = self.handles.get(fn)
        self.returned = None
        called = str(getattr(function, "__name__", fn))
        mine, named = [copied(a) for a in args], {k: copied(v) for k, v in kwargs.items()}
        try:
            with _Quiet(self), self._limited(limit):
                value = function(*mine, **named)
        except BaseException as problem:
            if is_stub(function):
                return {"error": {"kind": "missing", "text": f"{called} has no body"}}
            return {"error": self._describe(problem)}
        if value is None and is_stub(function):
            return {"error": {"kind": "missing", "text": f"{called} has no body"}}
        self.returned = value
        changed = [
            argument_name(function, i) for i, (a, m) in enumerate(zip(args, mine)) if not same_bits(a, m)
        ]
        changed += [k for k in kwargs if not same_bits(kwargs[k], named[k])]
        generators = {
            str(i): encode(m, blobs) for i, m in enumerate(mine) if isinstance(m, np.random.Generator)
        }
        generators |= {k: encode(m, blobs) for k, m in named.items() if isinstance(m, np.random.Generator)}
        try:
            with self._limited(limit):
                kept = len(blobs)
                return {"value": encode(value, blobs, self._wrap), "changed": changed, "rng": generators}
        except BaseException as problem:  # an object may do anything while it is looked at
            del blobs[kept:]
            return {"error": self._describe(problem)}

    def do_operate(self, header: dict[str, Any], body: bytes, blobs: list[bytes]) -> dict[str, Any]:
        """An attribute, item, operator, iteration step … on an object of the student's."""
        args = self._decode(header["args"], body)
        try:
            with _Quiet(self), self._limited(header["limit"]):
                value = OPERATIONS[header["name"]](*args)
                return {"value": encode(value, blobs, self._wrap)}
        except BaseException as problem:
            blobs.clear()
            return {"error": self._describe(problem)}

    def do_bind(self, header: dict[str, Any], body: bytes, blobs: list[bytes]) -> dict[str, Any]:
        """Bind names to functions of the grader's until `unbind`."""
        new = self._decode(header["names"], body)
        self.before.append({k: self.names[k] for k in new if k in self.names} | {"": list(new)})
        self.names.update(new)
        return {}

    def do_unbind(self, header: dict[str, Any], body: bytes, blobs: list[bytes]) -> dict[str, Any]:
        """Undo the last `bind`."""
        if self.before:
            old = self.before.pop()
            for name in old.pop(""):
                self.names.pop(name, None)
            self.names.update(old)
        return {}

    def do_trace(self, header: dict[str, Any], body: bytes, blobs: list[bytes]) -> dict[str, Any]:
        """(line, variable, array) of one call, to find the line of a mistake."""
        from .linetrace import record_lines

        args = self._decode(header["args"], body)
        try:
            with _Quiet(self), self._limited(header["limit"]):
                _, steps = record_lines(self.names[header["fn"]], [copied(a) for a in args])
            plain = [(int(line), str(name), value) for line, name, value in steps[:400]]
            return {"value": encode(plain, blobs)}
        except BaseException as problem:
            blobs.clear()
            return {"error": self._describe(problem)}

    def do_release(self, header: dict[str, Any], body: bytes, blobs: list[bytes]) -> dict[str, Any]:
        """The grader does not need these objects any more."""
        for number in header["handles"]:
            thing = self.handles.pop(number, None)
            self.numbers.pop(id(thing), None)
        return {}

    # --- objects that live on one side ----------------------------------------------------------------------------

    def _wrap(self, thing: Any) -> Handle | Guest:
        guest = getattr(type(thing), "_guest_id", None) if type(thing).__name__ == "_GuestStub" else None
        guest = getattr(thing, "_guest_id", guest) if callable(thing) else guest
        if isinstance(guest, int) and guest in self.guests and self.guests[guest] is thing:
            return Guest(guest)
        number = self.numbers.get(id(thing))
        if number is None:
            if len(self.handles) >= MAX_HANDLES:
                raise WireError("too many objects")
            number = len(self.handles) + 1
            while number in self.handles:
                number += 1
            self.handles[number] = thing  # the reference keeps id() unique
            self.numbers[id(thing)] = number
        return Handle(number, type(thing).__name__)

    def _unwrap(self, reference: Handle | Guest) -> Any:
        if isinstance(reference, Handle):
            return self.handles[reference.id]
        if reference.id not in self.guests:
            self.guests[reference.id] = welcome(reference, self._ask)
        return self.guests[reference.id]

    def _decode(self, data: Any, body: bytes) -> Any:
        return decode(data, body, self._unwrap)

    def _ask(self, guest: int, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call back into the grader; requests that it makes meanwhile are answered."""
        self.asked += 1
        number = self.asked
        blobs: list[bytes] = []
        data = encode((list(args), dict(kwargs)), blobs, self._wrap)
        self.channel.send({"op": "ask", "n": number, "guest": guest, "name": name, "args": data}, blobs)
        with self._untimed():
            while True:
                header, body = self.channel.receive()
                if header["op"] != "answer":
                    self.answer(header, body)
                    continue
                break
        if header.get("error") is not None:
            kind = getattr(builtins, str(header["error"].get("type")), None)
            proper = isinstance(kind, type) and issubclass(kind, Exception)
            raise (kind if proper else RuntimeError)(header["error"]["text"])  # type: ignore[misc]
        return self._decode(header["value"], body)

    # --- limits and errors ------------------------------------------------------------------------------------------

    def _alarm(self, *_: Any) -> None:
        if self.timing:
            raise TimeLimit()

    def _limited(self, seconds: float) -> _Limited:
        return _Limited(self, seconds)

    @contextmanager
    def _untimed(self) -> Iterator[None]:
        left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
        timing, self.timing = self.timing, False
        try:
            yield
        finally:
            self.timing = timing
            if timing:
                signal.setitimer(signal.ITIMER_REAL, max(left, 0.01), 0.1)

    def _describe(self, problem: BaseException) -> dict[str, Any]:
        """An exception as text, with the student's own frames only."""
        kind = "timeout" if isinstance(problem, TimeLimit) else "error"
        try:
            text = (
                "the time limit was reached" if kind == "timeout" else f"{type(problem).__name__}: {problem}"
            )
            line, lines = None, []
            if isinstance(problem, SyntaxError):
                line = problem.lineno
            for frame in traceback.extract_tb(problem.__traceback__, limit=200):
                if frame.filename.startswith("<cell "):
                    line = frame.lineno
                    lines.append(
                        f"{frame.filename[1:-1]}, line {frame.lineno}, in {frame.name}\n    {frame.line}"
                    )
            shown = "\n".join(lines[-12:] + [text])
        except BaseException:  # an exception whose text raises
            text, line, shown = f"{type(problem).__name__}", None, ""
        return {"kind": kind, "text": str(text)[:600], "line": line, "traceback": str(shown)[:4000]}


class _Limited:
    """A time limit. A class, as `_Quiet`, since every call of a check passes through both: a generator takes longer."""

    def __init__(self, session: Session, seconds: float) -> None:
        self.session, self.seconds = session, seconds

    def __enter__(self) -> None:
        self.session.timing = True
        # repeated: code that swallows the first interruption meets a second one, then the grader's own limit
        signal.setitimer(signal.ITIMER_REAL, self.seconds, 0.1)

    def __exit__(self, *_: object) -> None:
        self.session.timing = False
        signal.setitimer(signal.ITIMER_REAL, 0)


class _Quiet:
    """What is printed meanwhile leads nowhere."""

    def __init__(self, session: Session) -> None:
        if session.sink.closed:  # a student may close what is printed to
            session.sink = Capped(limit=0)
        self.sink = session.sink

    def __enter__(self) -> None:
        self.before = sys.stdout, sys.stderr
        sys.stdout = sys.stderr = self.sink

    def __exit__(self, *_: object) -> None:
        sys.stdout, sys.stderr = self.before
