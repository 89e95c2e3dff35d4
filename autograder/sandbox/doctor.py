"""`autograder doctor`: every layer of the sandbox is tried from inside, by code that does what must not work."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import UnfitError

from .inside import landlock
from .launcher import INSTALL_HINT, Sandbox, bubblewrap
from .spawner import ProcessLimits, Spawner

__all__ = ["Finding", "examine"]


@dataclass(frozen=True)
class Finding:
    """One thing that was tried."""

    what: str
    ok: bool
    detail: str
    needed: bool = True


# what a student might try, and what has to come back; each runs as a cell of its own in a fresh sandbox
PROBES = (
    ("network: no socket", "import socket; socket.socket()", "PermissionError"),
    ("processes: no fork", "import os; os.fork()", "PermissionError"),
    ("programs: none is run", "import os; os.execv('/bin/ls', ['ls'])", "PermissionError"),
    ("signals: none to others", "import os; os.kill(1, 9)", "PermissionError"),
    ("tracing: none", "import ctypes; l = ctypes.CDLL(None, use_errno=True); l.ptrace(0, 0, 0, 0); raise OSError(ctypes.get_errno(), 'ptrace')", "[Errno 1]"),
    ("files: the system is read-only", "open('/usr/x', 'w')", "OSError"),
    ("files: no home, no course folder", "import os; print(sorted(os.listdir('/home') if os.path.exists('/home') else []), os.path.exists({root!r}))", "[] False"),
    ("files: a private /tmp", "import os; print(os.listdir('/tmp'))", "[]"),
    ("processes: nobody else is seen", "import os; print(os.listdir('/proc'))", "[]"),
    ("user: not the grader's", "import os; print(os.getuid())", "65534"),
    ("grader: not importable", "import autograder.grading.store as s; print(s.__file__)", "AttributeError"),
    ("memory: limited", "bytearray(1 << 40)", "MemoryError"),
    ("time: an endless loop ends", "while True: pass", "time limit"),
)  # fmt: skip
# the namespaces leave devices writable
LANDLOCK = ("Landlock: no device is written to", "open('/dev/zero', 'wb')", "PermissionError")


def examine() -> list[Finding]:
    """Everything that grading needs, tried."""
    found = [_version("nbgrader", "0.9.6"), _version("numpy"), _version("matplotlib"), _version("jupytext")]
    alembic = shutil.which(
        "alembic", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    )
    found.append(Finding("alembic", alembic is not None, alembic or "nbgrader needs it to make a gradebook"))
    program = bubblewrap()
    if program is None:
        found.append(Finding("bubblewrap", False, INSTALL_HINT))
        return found
    found.append(Finding("bubblewrap", True, program))
    try:
        with Sandbox() as sandbox:
            found.append(
                Finding(
                    "fork server",
                    True,
                    f"Python {sandbox.versions['python']}, NumPy {sandbox.versions['numpy']}",
                )
            )
            found += [_probe(sandbox, *probe) for probe in PROBES]
            if landlock.version():
                found.append(_probe(sandbox, *LANDLOCK))
            else:
                found.append(Finding("Landlock", False, "this kernel does not offer it", needed=False))
    except UnfitError as error:
        found.append(Finding("fork server", False, str(error)))
    return found


def _probe(sandbox: Spawner, what: str, code: str, expected: str) -> Finding:
    from autograder.grading.remote import ProcessDied, RemoteSession

    session = RemoteSession(sandbox, ProcessLimits())
    try:
        outputs, error = session.execute("probe", code.replace("{root!r}", repr(os.getcwd())), 1.0)
    except ProcessDied as died:
        outputs, error = [], {"text": died.text}
    finally:
        session.close()
    said = (error or {}).get("text", "") + "".join(o.get("text", "") for o in outputs)
    if expected in said:
        return Finding(what, True, "sealed")
    return Finding(what, False, said.strip().splitlines()[-1][:80] if said.strip() else "nothing stopped it")


def _version(package: str, exactly: str = "") -> Finding:
    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return Finding(
            package,
            False,
            f"not installed: pip install '.[grade]' brings it{exactly and ' in version ' + exactly}",
        )
    return Finding(
        package,
        exactly in ("", version),
        version + (f", {exactly} is needed" if exactly not in ("", version) else ""),
    )
