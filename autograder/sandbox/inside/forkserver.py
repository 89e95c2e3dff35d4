"""A warm process that hands out copies of itself, one for each submission.

    python -m inside.forkserver FD [--bare]

NumPy, Matplotlib and the chapters that the assignment allows are loaded once; a fork costs a millisecond or two. Each
copy gets namespaces, limits and a system call filter of its own before the first line of a student's code runs. FD
is a listening socket. On each connection {"op": "spawn", "limits": {…}} with one descriptor attached starts a session
on that descriptor, {"op": "kill", "pid": …} ends one; when it closes, its sessions are ended, and when the first one
closes, the server ends. `--bare` leaves the namespaces out.
"""

from __future__ import annotations

import array
import contextlib
import gc
import json
import os
import pkgutil
import random
import signal
import socket
import sys
import traceback
from importlib import import_module, resources
from importlib.machinery import ModuleSpec
from select import select
from types import ModuleType
from typing import Any

import numpy as np

from . import confine, landlock, notebook
from .channel import Channel
from .outputs import figures
from .session import Session

__all__ = ["main"]


def main() -> None:
    """Serve until the process that started us hangs up."""
    door = socket.socket(fileno=int(sys.argv[1]))
    bare = "--bare" in sys.argv
    _warm_up()
    sys.meta_path.insert(0, _NoGrader())
    greeting = {"ready": True, "python": sys.version.split()[0], "numpy": np.__version__}
    owner, _ = door.accept()
    _send(owner, greeting)
    running: dict[socket.socket, set[int]] = {owner: set()}
    gc.collect()
    gc.freeze()  # a collection in a copy would write to, and so copy, every page that is shared
    while owner in running:
        for ready in select([door, *running], [], [])[0]:
            if ready is door:
                line, _ = door.accept()
                running[line] = set()
                _send(line, greeting)
            elif not _serve(ready, running[ready], bare):
                for pid in running.pop(ready):
                    _kill(pid)
                ready.close()
    for pids in running.values():
        for pid in pids:
            _kill(pid)


def _serve(line: socket.socket, mine: set[int], bare: bool) -> bool:
    """Answer one request; False when the line is closed."""
    message, fds = _receive(line)
    if message is None:
        return False
    if message["op"] == "spawn":
        pid = _spawn(fds[0], message["limits"], bare)
        os.close(fds[0])
        mine.add(pid)
        return _send(line, {"pid": pid})
    pid = message["pid"]
    status = None
    if pid in mine:
        mine.discard(pid)
        status = _kill(pid)
    return _send(line, {"status": status})


def _send(line: socket.socket, reply: dict[str, Any]) -> bool:
    try:
        line.sendall(json.dumps(reply).encode())
    except OSError:
        return False
    return True


def _kill(pid: int) -> int:
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _warm_up() -> None:
    """Load here, once, what a copy would otherwise load for itself, in time and in memory of its own."""
    import course

    resources.files(course)  # corpora are read this way
    for chapter in pkgutil.walk_packages(course.__path__, "course."):
        with contextlib.suppress(ImportError):  # of a chapter or a package that is not there
            import_module(chapter.name)
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt

        # figures with everything that looks for fonts or builds a parser: in each copy that would take longer than its tests
        plt.figure()
        plt.plot([1, 10], [1, 10], label="$x_1^2$")
        plt.xscale("log")
        plt.title("warm")
        plt.legend()
        figures()
        from course.toolbox.plots import figure

        figure("warm", xlabel="x", xscale="log").png()
    except ImportError:
        pass
    # linear algebra and random numbers start up when they are first used
    np.linalg.norm(np.random.default_rng(0).normal(size=(3, 3)) @ np.ones((3, 3)))
    np.random.seed(0)


def _receive(line: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    ints = array.array("i")
    try:
        data, ancillary, _, _ = line.recvmsg(1 << 16, socket.CMSG_LEN(ints.itemsize))
    except OSError:
        return None, []
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            ints.frombytes(payload[: len(payload) - len(payload) % ints.itemsize])
    return (json.loads(data) if data else None), list(ints)


def _spawn(fd: int, limits: dict[str, Any], bare: bool) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        os.closerange(3, fd)  # the lines of the grader's processes
        os.closerange(fd + 1, 4096)
        os.setpgid(0, 0)
        if bare:
            _student(fd, limits, bare)
        confine.die_with_parent()
        confine.own_namespaces(limits.get("scratch_mb", 64))
        _wait_for(_fork_into(lambda: _wait_for(_fork_into(lambda: _student(fd, limits, bare)), fd)), fd)
    except BaseException:
        _refuse(fd)
    os._exit(99)


def _fork_into(job: Any) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            confine.die_with_parent()
            job()
        finally:
            os._exit(99)
    return pid


def _wait_for(pid: int, fd: int) -> None:
    """Pass on how the only child ended; everything else that it left in the namespace dies with us."""
    os.close(fd)
    while True:
        ended, status = os.wait()
        if ended == pid:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


def _student(fd: int, limits: dict[str, Any], bare: bool) -> None:
    try:
        _settle(fd, limits, bare)
    except BaseException:
        _refuse(fd)
        os._exit(98)
    session = Session(Channel(0))
    notebook.offer(session.display)
    session.serve()
    os._exit(0)


def _settle(fd: int, limits: dict[str, Any], bare: bool) -> None:
    os.dup2(fd, 0)  # the channel is descriptor 0; 1 and 2 lead nowhere
    null = os.open("/dev/null", os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os.closerange(3, 4096)
    random.seed(0)
    np.random.seed(0)
    os.umask(0o077)
    confine.limit_resources(limits["memory_mb"], limits["cpu_seconds"])
    if sys.platform == "linux":
        if not bare:
            confine.drop_privileges()
        confine.forbid_new_privileges()
        landlock.restrict()
        confine.filter_system_calls()


def _refuse(fd: int) -> None:
    """Say why no session starts, so that the grader stops instead of giving a zero."""
    reason = traceback.format_exc(limit=1).strip().splitlines()[-1]
    for target in (0, fd):
        try:
            Channel(target).send({"op": "refused", "n": 0, "text": reason[:500]})
            return
        except Exception:
            continue


class _NoGrader:
    """`import autograder` inside: checks do nothing here, they run when grading."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name.split(".")[0] != "autograder":
            return None
        return ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = ModuleType(spec.name, "Checks run when the notebook is graded.")
        module.__getattr__ = lambda name: _nothing if not name.startswith("__") else _missing(name)  # type: ignore[method-assign]
        module.__path__ = []
        return module

    def exec_module(self, module: ModuleType) -> None:
        return None


def _nothing(*args: Any, **kwargs: Any) -> float:
    return 0.0


def _missing(name: str) -> Any:
    raise AttributeError(name)


if __name__ == "__main__":
    main()
