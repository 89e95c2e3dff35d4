"""A line to a fork server: student processes are asked for and ended over it.

A line that closes, or whose process dies, takes its student processes with it.
"""

from __future__ import annotations

import array
import json
import socket
from dataclasses import asdict, dataclass
from typing import Any

from autograder.errors import UnfitError

from .inside.channel import Channel

__all__ = ["ProcessLimits", "Spawner", "StudentProcess"]

STARTING = 60.0  # seconds that a fork server may take to load its packages


@dataclass(frozen=True)
class ProcessLimits:
    """What one student process may use."""

    memory_mb: int = 2048
    cpu_seconds: int = 120
    scratch_mb: int = 64


@dataclass
class StudentProcess:
    """One forked process: its channel and its number at the fork server."""

    channel: Channel
    pid: int
    link: socket.socket

    def close(self) -> None:
        self.link.close()


class Spawner:
    """A line to the fork server at `address`, which may be shared by many processes; each has a line of its own.

    Raises UnfitError, here or later, when the server is gone.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.settimeout(STARTING)
        self._versions: dict[str, str] = {}
        try:
            self._line.connect(address)
        except OSError as error:
            self._line.close()
            raise UnfitError(f"The sandbox cannot be reached: {error}. {self._said()}".strip()) from None

    def __enter__(self) -> Spawner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give up the line; its student processes are ended."""
        self._line.close()

    @property
    def versions(self) -> dict[str, str]:
        """Versions of Python and NumPy in there. Waits until the server is ready. Raises UnfitError."""
        self._wait()
        return self._versions

    def _wait(self) -> None:
        """Wait until the server has loaded its packages; its greeting is the first thing on every line."""
        if not self._versions:
            greeting = self._reply()
            if not greeting.pop("ready", False):
                raise UnfitError("The sandbox did not start.")
            self._versions = {k: str(v) for k, v in greeting.items()}

    def spawn(self, limits: ProcessLimits) -> StudentProcess:
        """A fresh process for one submission. Raises UnfitError when the server is gone."""
        self._wait()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)  # a process that does not read must not hold us
        request = json.dumps({"op": "spawn", "limits": asdict(limits)}).encode()
        fds = array.array("i", [theirs.fileno()])
        try:
            self._line.sendmsg([request], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
            return StudentProcess(Channel(ours.fileno()), self._reply()["pid"], ours)
        except OSError as error:
            ours.close()
            raise UnfitError(f"The sandbox has ended: {error}. {self._said()}".strip()) from None
        finally:
            theirs.close()

    def end(self, process: StudentProcess) -> int | None:
        """End a process and say how it ended: its exit code, minus the signal when it was killed."""
        process.close()
        try:
            self._line.sendall(json.dumps({"op": "kill", "pid": process.pid}).encode())
        except OSError as error:
            raise UnfitError(f"The sandbox has ended: {error}. {self._said()}".strip()) from None
        return self._reply()["status"]

    def _reply(self) -> dict[str, Any]:
        try:
            data = self._line.recv(1 << 16)
        except OSError as error:
            raise UnfitError(f"The sandbox does not answer: {error}. {self._said()}".strip()) from None
        if not data:
            raise UnfitError(f"The sandbox ended unexpectedly. {self._said()}".strip())
        return json.loads(data)

    def _said(self) -> str:
        """The last words of the server, where they are known."""
        return ""
