"""Drawings as SVG text: a few primitives, and the object that a notebook shows.

A drawing stands on its own light panel with dark ink, so it can be read on a light and on a dark page. It also
keeps the plain data it was made from (lists, dicts, strings, numbers), so that it can be stored, sent and drawn
again by someone who does not trust the sender: all text is escaped, every number is formatted here.
"""

from __future__ import annotations

import math
import os
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

__all__ = ["Canvas", "Drawing", "number", "short"]

INK, MUTED, PANEL = "#1a1a1a", "#5b6470", "#fcfcfa"
FONT = "ui-sans-serif, 'DejaVu Sans', Arial, sans-serif"


@dataclass(frozen=True)
class Drawing:
    """A finished drawing: `.svg` is its text, `.alt` says in words what it shows, `.data` is what it was made from."""

    svg: str
    alt: str
    data: dict[str, Any] = field(default_factory=dict)

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"Drawing: {self.alt}"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the drawing to a file, which any browser opens."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.svg)


def number(x: float) -> str:
    """A coordinate with at most one digit behind the point; what is not finite becomes 0."""
    x = float(x)
    return f"{x:.1f}".rstrip("0").rstrip(".") if math.isfinite(x) else "0"


def short(value: Any, width: int = 14) -> str:
    """A value in a few characters: a number, a short vector, or the shape of a larger array in brackets.

    >>> short(2.0), short([1.0, -0.25]), short([[1.0] * 9] * 9)
    ('2', '[1, -0.25]', '(9×9)')
    """
    if value is None:
        return ""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        return textwrap.shorten(str(value), width, placeholder="…")
    if array.ndim == 0:
        return f"{float(array):.4g}"
    text = "[" + ", ".join(f"{float(v):.3g}" for v in array.ravel()[:5]) + "]"
    return (
        text
        if array.ndim == 1 and len(text) <= width and array.size < 5
        else "(" + "×".join(map(str, array.shape)) + ")"
    )


class Canvas:
    """Collects the parts of a drawing in user units and knows how large it has become."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._x: list[float] = []
        self._y: list[float] = []

    def _seen(self, *points: tuple[float, float]) -> None:
        for x, y in points:
            self._x.append(x)
            self._y.append(y)

    def line(self, points: Sequence[tuple[float, float]], *, arrow: bool = False, colour: str = MUTED, width: float = 1.2,
             dashed: bool = False, mark: str = "") -> None:  # fmt: skip
        """A line through two points, or a smooth curve through four."""
        self._seen(*points)
        (x0, y0), *rest = points
        path = f"M{number(x0)} {number(y0)}" + ("L" if len(rest) == 1 else "C")
        path += " ".join(f"{number(x)} {number(y)}" for x, y in rest)
        extra = (' marker-end="url(#tip)"' if arrow else "") + (' stroke-dasharray="5 3"' if dashed else "")
        self.parts.append(
            f'<path d="{path}" fill="none" stroke="{escape(colour)}" stroke-width="{number(width)}"{extra}{_mark(mark)}/>'
        )

    def node(self, shape: str, x: float, y: float, w: float, h: float, *, fill: str = "#ffffff", colour: str = INK,
             width: float = 1.4, dashed: bool = False, mark: str = "") -> None:  # fmt: skip
        """A circle, ellipse, box or rounded box with its centre at x, y."""
        self._seen((x - w / 2, y - h / 2), (x + w / 2, y + h / 2))
        style = f'fill="{escape(fill)}" stroke="{escape(colour)}" stroke-width="{number(width)}"{_mark(mark)}'
        style += ' stroke-dasharray="4 3"' if dashed else ""
        if shape in ("circle", "oval"):
            body = f'<ellipse cx="{number(x)}" cy="{number(y)}" rx="{number(w / 2)}" ry="{number(h / 2)}" {style}/>'
        else:
            round_ = 7 if shape == "round" else 0
            body = (
                f'<rect x="{number(x - w / 2)}" y="{number(y - h / 2)}" width="{number(w)}" height="{number(h)}" '
                f'rx="{round_}" {style}/>'
            )
        self.parts.append(body)

    def text(self, x: float, y: float, text: str, *, size: float = 13, anchor: str = "middle", colour: str = INK,
             italic: bool = False, bold: bool = False, mark: str = "") -> None:  # fmt: skip
        """One line of text whose middle line is at y."""
        wide = 0.6 * size * len(text)
        left = {"start": x, "middle": x - wide / 2, "end": x - wide}[anchor]
        self._seen((left, y - size), (left + wide, y + size / 2))
        style = (
            (' font-style="italic"' if italic else "") + (' font-weight="600"' if bold else "") + _mark(mark)
        )
        self.parts.append(
            f'<text x="{number(x)}" y="{number(y + 0.35 * size)}" font-size="{number(size)}" text-anchor="{anchor}" '
            f'fill="{escape(colour)}" stroke="{PANEL}" stroke-width="2.5" paint-order="stroke"{style}>{escape(text)}</text>'
        )

    def finish(self, alt: str, data: dict[str, Any], margin: float = 14) -> Drawing:
        """Put everything on its panel, with a title that screen readers speak."""
        x0, y0 = min(self._x, default=0) - margin, min(self._y, default=0) - margin
        w, h = max(self._x, default=0) + margin - x0, max(self._y, default=0) + margin - y0
        box = " ".join(map(number, (x0, y0, w, h)))
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(alt)}" viewBox="{box}" '
            f'width="{number(w)}" height="{number(h)}" style="max-width:100%;height:auto" font-family="{FONT}">'
            f"<title>{escape(alt)}</title>"
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            f'orient="auto-start-reverse"><path d="M0 0.5L8 4L0 7.5z" fill="{MUTED}"/></marker></defs>'
            f'<rect x="{number(x0)}" y="{number(y0)}" width="{number(w)}" height="{number(h)}" rx="6" fill="{PANEL}" '
            'stroke="#d8d8d2"/>'
        )
        return Drawing(head + "".join(self.parts) + "</svg>", alt, data)


def _mark(mark: str) -> str:
    return f' data-mark="{escape(mark)}"' if mark else ""
