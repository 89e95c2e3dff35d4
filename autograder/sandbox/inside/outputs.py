"""What a cell leaves behind: printed text up to a limit, and figures as PNG."""

from __future__ import annotations

import io
import sys

__all__ = ["MAX_TEXT", "Capped", "figures", "without_magics"]

MAX_TEXT = 64 << 10  # characters of printed output of one cell
MAX_PNG = 256 << 10


class Capped(io.StringIO):
    """Collects text up to a limit and forgets the rest."""

    def __init__(self, limit: int = MAX_TEXT) -> None:
        super().__init__()
        self.limit, self.written = limit, 0

    def write(self, text: str) -> int:
        room = self.limit - self.written
        if room > 0:
            super().write(text[:room])
            self.written += min(room, len(text))
            if len(text) > room:
                super().write("\n… the rest of the output is left out\n")
        return len(text)


def figures() -> list[bytes]:
    """Open figures as PNG, closed afterwards; none when matplotlib was not used."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return []
    images = []
    try:
        for number in pyplot.get_fignums()[:20]:
            buffer = io.BytesIO()
            pyplot.figure(number).savefig(buffer, format="png", dpi=80)
            if buffer.tell() <= MAX_PNG:
                images.append(buffer.getvalue())
        pyplot.close("all")
    except Exception:  # a figure that cannot be drawn is no figure
        return images
    return images


def without_magics(source: str) -> str:
    """Lines that only a notebook understands become comments, so that the rest of the cell counts."""
    lines = source.split("\n")
    return "\n".join("pass #" + line if line.lstrip()[:1] in ("%", "!", "?") else line for line in lines)
