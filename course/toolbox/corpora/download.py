"""Texts from the network, fetched once and kept: checked by SHA-256, and never half a file under the name of a whole one.

A download goes into a file of its own beside the final one and takes its name only when the checksum is right. Whoever
is killed while downloading leaves nothing that would be used.

Source: the course's own.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from course.toolbox.errors import CourseError, FormatError, InputError
from course.toolbox.progress import progress

__all__ = ["cache_folder", "download"]

_BLOCK = 1 << 16
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def cache_folder() -> Path:
    """Where downloads are kept: $COURSE_DATA, or backprop-course in the user's cache folder."""
    named = os.environ.get("COURSE_DATA")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "backprop-course"


def download(
    url: str,
    sha256: str,
    folder: str | Path | None = None,
    *,
    timeout: float = 30.0,
    limit: int = 100_000_000,
) -> Path:
    """The path of a file that was fetched from `url`, now or in an earlier call, and has this checksum.

    `timeout` is in seconds without a byte, `limit` in bytes. Without a network, put the file at the path that the
    message names.

    Raises: InputError for an address that is not https (plain http is for this machine only) or no checksum;
    CourseError when the server cannot be reached or breaks off; FormatError for a wrong checksum or a file too large.
    """
    _check_address(url)
    wanted = sha256.lower()
    if len(wanted) != 64 or set(wanted) - set("0123456789abcdef"):
        raise InputError(f"download: sha256 is {sha256!r}; a checksum is 64 hexadecimal digits.")
    name = Path(urllib.parse.unquote(urllib.parse.urlsplit(url).path)).name or "text"
    path = Path(folder or cache_folder()) / f"{wanted[:12]}-{name}"
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == wanted:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            found = _fetch(url, file, timeout, limit, path)
            file.flush()
            os.fsync(file.fileno())
        if found != wanted:
            raise FormatError(
                f"download: what {url} sent has the SHA-256 {found}, not {wanted}; it was thrown away. The text may have "
                f"changed there; look whether the address and the checksum are those of the course."
            )
        os.replace(part, path)
    finally:
        Path(part).unlink(missing_ok=True)
    return path


def _fetch(url: str, file: Any, timeout: float, limit: int, path: Path) -> str:
    """Write the body of the answer into a file; its SHA-256."""
    handlers: list[Any] = [_Redirects()]
    if urllib.parse.urlsplit(url).hostname in _LOOPBACK:
        handlers.append(urllib.request.ProxyHandler({}))
    digest, size = hashlib.sha256(), 0
    try:
        with urllib.request.build_opener(*handlers).open(url, timeout=timeout) as answer:
            length = int(answer.headers.get("Content-Length") or 0)
            blocks = -(-length // _BLOCK) or None
            for block in progress(
                iter(lambda: answer.read(_BLOCK), b""), path.name[13:], blocks, "blocks of 64 kB"
            ):
                size += len(block)
                if size > limit:
                    raise FormatError(
                        f"download: {url} sends more than {limit} bytes; pass a larger limit if that is right."
                    )
                digest.update(block)
                file.write(block)
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, CourseError):
            raise
        why = getattr(error, "reason", None) or str(error) or type(error).__name__
        raise CourseError(
            f"download: {url} could not be fetched: {why}. Try again, or save the file as {path} by hand."
        ) from error
    if length and size != length:
        raise CourseError(
            f"download: {url} broke off after {size} of {length} bytes; nothing was kept. Try again."
        )
    return digest.hexdigest()


def _check_address(url: str) -> None:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme != "http" or parts.hostname not in _LOOPBACK:
        raise InputError(
            f"download: {url!r} is no https address; texts come over https, or from this machine."
        )


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a server's advice to look elsewhere, but not away from https."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
