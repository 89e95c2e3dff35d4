"""From the bytes that a student handed in to a list of plain cells, or one sentence why that is not possible."""

from __future__ import annotations

import base64
import binascii
import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.errors import SubmissionError

__all__ = ["Cell", "find_notebook", "parse_notebook", "read_bytes"]

MAX_BYTES = 256 << 20
MAX_CELLS = 3000
MAX_SOURCE = 1 << 20
MAX_PNG = 256 << 10


@dataclass
class Cell:
    """A cell as it was handed in; all metadata but the two ids is dropped."""

    kind: str  # code | markdown | raw
    source: str
    grade_id: str = ""
    id: str = ""
    images: list[bytes] = field(default_factory=list)  # PNG outputs, for plots that are marked as submitted


def find_notebook(folder: Path, assignment: str) -> Path:
    """The notebook of a submission: the one with the right name, else the only one there is.

    Raises SubmissionError when there is none, or several and none has the right name.
    """
    right = folder / f"{assignment}.ipynb"
    if right.is_symlink() or right.exists():
        return right
    others = (
        sorted(p for p in folder.glob("*.ipynb") if not p.name.startswith(".")) if folder.is_dir() else []
    )
    if len(others) == 1:
        return others[0]
    if not others:
        raise SubmissionError(f"There is no notebook in {folder.name}: expected {assignment}.ipynb.")
    names = ", ".join(p.name for p in others[:5])
    raise SubmissionError(f"None of the notebooks {names} is called {assignment}.ipynb.")


def read_bytes(path: Path) -> bytes:
    """The file's bytes. Raises SubmissionError for links, folders, devices, empty and huge files."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        reason = "it is a link to another file" if path.is_symlink() else str(error.strerror).lower()
        raise SubmissionError(f"{path.name} cannot be read: {reason}.") from None
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode):
        os.close(fd)
        raise SubmissionError(f"{path.name} is not a file but a folder or a device; a notebook was expected.")
    with os.fdopen(fd, "rb") as handle:
        if info.st_size == 0:
            raise SubmissionError(f"{path.name} is empty: the upload may have failed.")
        if info.st_size > MAX_BYTES:
            raise SubmissionError(
                f"{path.name} has {info.st_size >> 20} MB; at most {MAX_BYTES >> 20} MB are read."
            )
        return handle.read(MAX_BYTES + 1)


def parse_notebook(data: bytes, name: str) -> list[Cell]:
    """The cells of a notebook, of format 3 or 4, with broken parts left out. Raises SubmissionError."""
    if data[:2] == b"PK":
        raise SubmissionError(f"{name} is a zip archive, not a notebook; unpack it first.")
    try:
        text = data.decode("utf-8-sig", errors="surrogatepass" if b"\\ud" in data else "replace")
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise SubmissionError(
            f"{name} is not a notebook: its JSON is broken{where}. Save and upload it again."
        ) from None
    except MemoryError:
        raise SubmissionError(f"{name} is too large to be read.") from None
    if not isinstance(content, dict):
        raise SubmissionError(f"{name} is not a notebook: it is JSON, but holds no cells.")
    cells = content.get("cells")
    if cells is None and isinstance(content.get("worksheets"), list):
        sheets = [s for s in content["worksheets"] if isinstance(s, dict)]
        cells = [c for s in sheets if isinstance(s.get("cells"), list) for c in s["cells"]]
    if not isinstance(cells, list):
        raise SubmissionError(f"{name} is not a notebook: it holds no list of cells.")
    return [cell for raw in cells[:MAX_CELLS] if (cell := _cell(raw)) is not None]


def _cell(raw: Any) -> Cell | None:
    if not isinstance(raw, dict):
        return None
    source = raw.get("source", raw.get("input", ""))
    if isinstance(source, list):
        source = "".join(s for s in source if isinstance(s, str))
    if not isinstance(source, str):
        return None
    kind = raw.get("cell_type")
    metadata = raw.get("metadata")
    info = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = info.get("grade_id") if isinstance(info, dict) else ""
    cell_id = raw.get("id")
    return Cell(
        kind if kind in ("code", "markdown", "raw") else "markdown",
        source[:MAX_SOURCE].encode("utf-8", "replace").decode(),
        grade_id[:200] if isinstance(grade_id, str) else "",
        cell_id[:200] if isinstance(cell_id, str) else "",
        _images(raw.get("outputs")),
    )


def _images(outputs: Any) -> list[bytes]:
    found: list[bytes] = []
    for output in outputs[:20] if isinstance(outputs, list) else []:
        data = output.get("data") if isinstance(output, dict) else None
        png = data.get("image/png") if isinstance(data, dict) else None
        if isinstance(png, list):
            png = "".join(p for p in png if isinstance(p, str))
        if isinstance(png, str) and len(png) < 2 * MAX_PNG:
            try:
                image = base64.b64decode(png, validate=False)
            except (binascii.Error, ValueError):
                continue
            if image[:8] == b"\x89PNG\r\n\x1a\n" and len(image) <= MAX_PNG:
                found.append(image)
    return found[:5]
