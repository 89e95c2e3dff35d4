"""A plain progress bar for loops that take more than two seconds.

It writes to a terminal or a notebook and stays silent everywhere else, so logs and graded output hold no bars. A
notebook shows what goes to stderr as an alarm, so there the bar goes to stdout.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TextIO, TypeVar

__all__ = ["progress"]

T = TypeVar("T")


def progress(
    items: Iterable[T],
    what: str = "",
    total: int | None = None,
    unit: str = "steps",
    *,
    after: float = 2.0,
    every: float = 0.2,
    stream: TextIO | None = None,
    live: bool | None = None,
) -> Iterator[T]:
    """Yield the items and draw a bar once the loop has run for `after` seconds.

    `total` defaults to len(items); without it the bar shows a count. `live` forces the bar on or off; by default it
    is on when the stream is a terminal or the cell output of a notebook. The last line stays, and says how long it took.

    >>> sum(progress([1, 2, 3], "adding"))
    6
    """
    stream = stream or (sys.stdout if _in_notebook(sys.stdout) else sys.stderr)
    if total is None and hasattr(items, "__len__"):
        total = len(items)  # type: ignore[arg-type]
    if not (_is_watched(stream) if live is None else live):
        yield from items
        return
    start = shown = time.monotonic()
    done, width = 0, 0  # a shorter line leaves no rest of a longer one behind
    try:
        for item in items:
            yield item
            done += 1
            now = time.monotonic()
            if now - start >= after and now - shown >= every:
                shown, line = now, _line(what, done, total, now - start, unit)
                stream.write("\r" + line.ljust(width))
                stream.flush()
                width = max(width, len(line))
    finally:
        if width:
            stream.write("\r" + _line(what, done, total, time.monotonic() - start, unit).ljust(width) + "\n")
            stream.flush()


def _is_watched(stream: TextIO) -> bool:
    return _in_notebook(stream) or (hasattr(stream, "isatty") and stream.isatty())


def _in_notebook(stream: TextIO) -> bool:
    return type(stream).__module__.startswith("ipykernel")


def _line(what: str, done: int, total: int | None, seconds: float, unit: str) -> str:
    """At most about 70 characters, so that it fits on one line of a narrow window."""
    rate = done / seconds if seconds > 0 else 0.0
    label = f"{what} " if what else ""
    if not total:
        return f"{label}{done:,} {unit}, {seconds:.1f} s"
    share = min(done / total, 1.0)
    full = int(share * 20)
    left = f", {(total - done) / rate:.0f} s left" if rate and done < total else ""
    return f"{label}[{'#' * full}{'.' * (20 - full)}] {share:.0%} of {total:,} {unit}, {seconds:.1f} s{left}"
