"""Writing files so that a crash, a kill or a full disk never leaves half of one."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["write_atomically"]


def write_atomically(path: Path, data: str | bytes, mode: int = 0o644) -> None:
    """Write a file whole or not at all: a crash or a full disk leaves the old one."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    raw = data.encode("utf-8") if isinstance(data, str) else data
    try:
        with open(partial, "wb") as handle:
            handle.write(raw)
            handle.flush()
            os.fsync(handle.fileno())
        partial.chmod(mode)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
