"""What a cell leaves behind: printed text up to a limit, and figures as PNG."""

from __future__ import annotations

import base64
import io
import sys
from typing import Any

__all__ = ["MAX_TEXT", "Capped", "figures", "picture", "without_magics"]

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
        images = [picture(pyplot.figure(number)) for number in pyplot.get_fignums()[:20]]
        pyplot.close("all")
    except Exception:  # a figure that cannot be closed is no figure
        pass
    return [image for image in images if image is not None]


def picture(value: Any) -> bytes | None:
    """The PNG that a notebook would show for a value: of a figure, or of what says itself how it looks.

    None for everything else, and for a picture that cannot be drawn or is too large.
    """
    figure = sys.modules.get("matplotlib.figure")
    try:
        if figure is not None and isinstance(value, figure.Figure):
            buffer = io.BytesIO()
            value.savefig(buffer, format="png", dpi=80)
            data = buffer.getvalue()
        elif hasattr(type(value), "_repr_mimebundle_"):
            bundle = value._repr_mimebundle_()
            data = (bundle[0] if isinstance(bundle, tuple) else bundle)["image/png"]
        else:
            data = value._repr_png_()
        data = base64.b64decode(data) if isinstance(data, str) else bytes(data)
    except Exception:
        return None
    return data if len(data) <= MAX_PNG else None


def without_magics(source: str) -> str:
    """Lines that only a notebook understands become comments, so that the rest of the cell counts."""
    lines = source.split("\n")
    return "\n".join("pass #" + line if line.lstrip()[:1] in ("%", "!", "?") else line for line in lines)
