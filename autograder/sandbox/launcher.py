"""Starts the fork server behind bubblewrap.

What the server can see is built here, piece by piece: the interpreter and its standard library without site-packages,
NumPy and Matplotlib with what they need, the runtime of `inside/`, and the chapters of `course` that the assignment
allows. Nothing else of the disk exists in there: no home, no gradebook, no solutions, no other submission.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from autograder.errors import UnfitError

from .spawner import Spawner

__all__ = ["Sandbox", "bubblewrap"]

INSTALL_HINT = (
    "Install bubblewrap (Debian and Ubuntu: apt-get install bubblewrap; Fedora: dnf install bubblewrap; "
    "conda: conda install -c conda-forge bubblewrap)"
)


def bubblewrap() -> str | None:
    """The path of bwrap, or None."""
    return shutil.which("bwrap") or shutil.which("bwrap", path=str(Path(sys.prefix) / "bin"))


class Sandbox(Spawner):
    """A fork server that is started here and ends with us. Use as a context manager; `kind` is "bwrap" or "none".

    The server loads its packages while we go on; what needs it waits. Other processes reach it at `address`. Raises
    UnfitError when the sandbox cannot be had: nothing is run without it unless kind="none" was asked for.
    """

    def __init__(
        self,
        *,
        withheld: Iterable[str] = (),
        packages: Sequence[str] = ("numpy", "matplotlib"),
        kind: str = "bwrap",
    ) -> None:
        self.kind = kind
        self._versions = {}
        self._server: subprocess.Popen[bytes] | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed in close())
        self._folder = tempfile.TemporaryDirectory(prefix="course-kit-")
        try:
            program = bubblewrap() if kind == "bwrap" else None
            if kind == "bwrap" and program is None:
                raise UnfitError(f"The sandbox is not there: bwrap was not found. {INSTALL_HINT}.")
            kit = Path(self._folder.name) / "kit"
            site = _packages(packages)
            _lay_out(kit, set(withheld), site)
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
                # beside the kit, not in it: this folder is ours alone, and not to be seen from inside
                address = f"{self._folder.name}/door"
                try:
                    door.bind(address)
                except OSError as error:  # longer than the address of a socket may be
                    raise UnfitError(
                        f"The sandbox cannot listen at {address}: {error}. Set TMPDIR to a folder with a short path."
                    ) from None
                door.listen(64)
                self._start(kit, site, program, door.fileno())
            super().__init__(address)
        except BaseException:
            self._end_server()
            raise

    def _start(self, kit: Path, site: dict[str, Path], program: str | None, fd: int) -> None:
        boot = "import sys; sys.path[:0] = {paths!r}; sys.argv = {argv!r}; from inside.forkserver import main; main()"
        python = _interpreter()
        environment = {
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "PYTHONHASHSEED": "0",
            "MPLCONFIGDIR": "/tmp/mpl" if self.kind == "bwrap" else str(kit / "mpl"),
            "HOME": "/tmp",
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "MPLBACKEND": "Agg",
        }
        if program is not None:
            code = boot.format(paths=["/kit", "/kit/site"], argv=["forkserver", str(fd)])
            command = [program, *_bwrap_arguments(kit, site, environment), python, "-ISBc", code]
        else:
            paths = [str(kit), *dict.fromkeys(str(p.parent) for p in site.values())]
            code = boot.format(paths=paths, argv=["forkserver", str(fd), "--bare"])
            command = [python, "-ISBc", code]
        self._server = subprocess.Popen(
            command,
            pass_fds=[fd],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            cwd="/",
            start_new_session=True,
        )

    def _said(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").strip().splitlines()
            return f"It said: {lines[-1][:300]}" if lines else ""
        return ""

    def close(self) -> None:
        """End the server and every process that it started."""
        super().close()
        self._end_server()

    def _end_server(self) -> None:
        if self._server is not None:
            try:
                self._server.wait(
                    timeout=2 if self._versions else 0
                )  # one that nobody used is not waited for
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        self._server = None
        self._errors.close()
        self._folder.cleanup()


def _interpreter() -> str:
    """The real interpreter, not the virtual environment's link to it: the environment stays outside."""
    return os.path.realpath(sys.executable)


def _lay_out(kit: Path, withheld: set[str], site: dict[str, Path]) -> None:
    """The runtime and the allowed chapters, as source, and places for the packages, in a folder of their own."""
    here = Path(__file__).parent
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(here / "inside", kit / "inside", ignore=ignore)
    shutil.copy(here.parent / "checks" / "linetrace.py", kit / "inside" / "linetrace.py")
    course = find_spec("course")
    if course is None or not course.submodule_search_locations:
        raise UnfitError("The library `course` is not installed: run `pip install .` in the kit's folder.")
    names = {f"{w}.py" for w in withheld} | withheld
    shutil.copytree(
        course.submodule_search_locations[0],
        kit / "course",
        ignore=lambda folder, files: {
            f for f in files if f == "__pycache__" or (Path(folder).name == "course" and f in names)
        },
    )
    (kit / "mpl").mkdir()
    (kit / "site").mkdir()
    for name, place in site.items():
        (kit / "site" / name).mkdir() if place.is_dir() else (kit / "site" / name).touch()
    for path in [kit, *kit.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def _packages(names: Sequence[str]) -> dict[str, Path]:
    """Top-level files and folders of the packages and of all that they need: name -> place."""
    found: dict[str, Path] = {}
    todo, seen = list(names), set()
    while todo:
        name = todo.pop().lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        try:
            package = distribution(name)
        except PackageNotFoundError:
            if name in names:
                raise UnfitError(
                    f"{name} is not installed; the notebooks need it. Run `pip install {name}`."
                ) from None
            continue
        record = package.read_text("RECORD")  # read as text: `package.files` makes an object for each file
        files = record.splitlines() if record else [str(f) for f in package.files or ()]
        for top in sorted({re.split("[/,]", line, maxsplit=1)[0] for line in files}):
            if top in ("..", "__pycache__", "") or top.endswith((".dist-info", ".pth")):
                continue
            found[top] = Path(str(package.locate_file(top))).resolve()
        for line in package.requires or ():
            if "extra ==" not in line:
                todo.append(
                    line.split(";")[0].strip().split(" ")[0].split("[")[0].rstrip("<>=!~0123456789.,")
                )
    return found


def _bwrap_arguments(kit: Path, site: dict[str, Path], environment: dict[str, str]) -> list[str]:
    base = Path(_interpreter()).parent.parent
    library = base / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    arguments = [
        "--unshare-all", "--unshare-user", "--uid", "65534", "--gid", "65534", "--hostname", "sandbox",
        "--die-with-parent", "--new-session", "--cap-drop", "ALL",
    ]  # fmt: skip
    for place in (
        "/usr",
        "/lib",
        "/lib64",
        "/bin",
        "/etc/ld.so.cache",
        "/etc/ld.so.conf",
        "/etc/ld.so.conf.d",
    ):
        arguments += ["--ro-bind-try", place, place]
    if not str(base).startswith("/usr"):
        arguments += ["--ro-bind", str(base), str(base)]
    # packages of the machine are none of the student's business: the grader itself may be one of them
    hidden = [library / "site-packages", Path("/usr/lib/python3/dist-packages"), Path("/usr/local/lib")]
    hidden += [Path("/usr/src"), Path("/usr/share/doc")]
    for folder in hidden:
        if folder.is_dir() and not str(base).startswith(str(folder)):
            arguments += ["--tmpfs", str(folder)]
    arguments += ["--ro-bind", str(kit), "/kit"]
    for name, source in site.items():
        arguments += ["--ro-bind", str(source), f"/kit/site/{name}"]
    arguments += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--chdir", "/tmp"]
    # the roots that bubblewrap makes are shared by all submissions: nobody writes there
    arguments += ["--remount-ro", "/dev", "--remount-ro", "/", "--clearenv"]
    for key, value in environment.items():
        arguments += ["--setenv", key, value]
    return [*arguments, "--"]
