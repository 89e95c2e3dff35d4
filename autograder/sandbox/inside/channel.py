"""Frames over a file descriptor: a JSON header and raw bytes.

    frame   = u32 length of header | u32 length of body | header (JSON, UTF-8) | body (the arrays' bytes, one after another)
    message = a dict with "op" and "n" (a running number; a reply carries the number of its request)

Both sides use this file. Whoever reads checks the lengths before memory is taken.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import time
from dataclasses import dataclass
from select import select
from typing import Any

__all__ = ["Channel", "Closed", "Limits", "TooLong", "WireError"]

_HEAD = struct.Struct(">II")


class WireError(Exception):
    """What arrived is not a message: wrong lengths, unknown tags, a dtype or shape that is not allowed."""


class Closed(WireError):
    """The other side is gone."""


class TooLong(WireError):
    """The other side did not answer in time."""


@dataclass(frozen=True)
class Limits:
    """Caps on what is read. Bytes of header and body of one message, nesting, number of values."""

    header: int = 8 << 20
    body: int = 128 << 20
    depth: int = 40
    values: int = 200_000


class Channel:
    """Frames over a file descriptor, read and written whole.

    With a timeout, the descriptor must not block: a peer that stops reading would hold the writer for ever.
    """

    def __init__(self, fd: int, limits: Limits | None = None) -> None:
        self.fd, self.limits = fd, limits or Limits()
        self._ahead = b""  # read with the last frame, and not yet asked for

    def send(
        self, header: dict[str, Any], body: list[bytes] | None = None, timeout: float | None = None
    ) -> None:
        """Write one frame within `timeout` seconds. Raises Closed when nobody reads any more, or TooLong."""
        deadline = None if timeout is None else time.monotonic() + timeout
        text = _WRITER.encode(header).encode()
        blob = b"".join(body or ())
        view = memoryview(_HEAD.pack(len(text), len(blob)) + text + blob)
        while True:
            try:
                view = view[os.write(self.fd, view) :]
            except BlockingIOError:
                pass
            except OSError as error:
                raise Closed(f"the channel is closed: {error}") from None
            if not view:
                return
            if deadline is not None:
                left = deadline - time.monotonic()
                if left <= 0 or not select([], [self.fd], [], left)[1]:
                    raise TooLong("what was sent is not read")

    def receive(self, timeout: float | None = None) -> tuple[dict[str, Any], bytes]:
        """Read one frame within `timeout` seconds. Raises Closed, TooLong or WireError."""
        deadline = None if timeout is None else time.monotonic() + timeout
        n_header, n_body = _HEAD.unpack(self._read(_HEAD.size, deadline))
        if n_header > self.limits.header or n_body > self.limits.body:
            raise WireError(f"a message of {n_header + n_body} bytes is larger than allowed")
        text = self._read(n_header, deadline)
        body = self._read(n_body, deadline)
        try:
            header = _READER.decode(text.decode())
        except (ValueError, RecursionError) as error:
            raise WireError(f"the header of a message is not JSON: {str(error)[:80]}") from None
        if not isinstance(header, dict):
            raise WireError("the header of a message is not a dict")
        return header, body

    def _read(self, count: int, deadline: float | None) -> bytes:
        """The next `count` bytes. What a small frame holds is read in one go: a system call costs as much as an array."""
        parts, found = [self._ahead], len(self._ahead)
        while found < count:
            if deadline is not None:
                left = deadline - time.monotonic()
                if left <= 0 or not select([self.fd], [], [], left)[0]:
                    raise TooLong("no answer in time")
            try:
                part = os.read(self.fd, min(max(count - found, 1 << 16), 1 << 20))
            except OSError as error:
                raise Closed(f"the channel is closed: {error}") from None
            if not part:
                raise Closed("the channel is closed")
            parts.append(part)
            found += len(part)
        data = b"".join(parts) if len(parts) > 1 else parts[0]
        self._ahead = data[count:]
        return data[:count]


def _small_int(text: str) -> int:
    if len(text) > 4300:
        raise ValueError("an integer with too many digits")
    return int(text)


# newer Pythons refuse such integers by themselves: reading 10^6 digits takes seconds
_READER = json.JSONDecoder(parse_int=int if hasattr(sys, "get_int_max_str_digits") else _small_int)
_WRITER = json.JSONEncoder(separators=(",", ":"))
