"""Drawings from pure Python: network diagrams, computation graphs, step-through pages. No program beside Python."""

from __future__ import annotations

from typing import Any

from course.toolbox.draw.network import draw_network, render_network
from course.toolbox.draw.svg import Drawing
from course.toolbox.errors import InputError

__all__ = ["Drawing", "draw_network", "render"]

_RENDERERS = {"network": render_network}


def render(data: dict[str, Any]) -> Drawing:
    """Draw again from plain data, as `.data` of a drawing holds it; text in it is escaped.

    Raises: InputError when the data does not describe a drawing.
    """
    kind = data.get("kind") if isinstance(data, dict) else None
    if kind not in _RENDERERS:
        raise InputError(
            f"render: {kind!r} is no kind of drawing; known are {', '.join(sorted(_RENDERERS))}."
        )
    try:
        return _RENDERERS[kind](data)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise InputError(
            f"render: the data of this {kind} drawing is incomplete ({error!r}); draw it anew."
        ) from error
