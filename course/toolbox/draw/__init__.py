"""Drawings from pure Python: network diagrams, computation graphs, step-through pages. No program beside Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from course.toolbox.draw.graphs import draw_graph, render_graph
from course.toolbox.draw.network import draw_network, render_network
from course.toolbox.draw.pages import Page
from course.toolbox.draw.recurrent import descent, gradient_flow, read_along
from course.toolbox.draw.steps import render_steps, step_through
from course.toolbox.draw.svg import Drawing
from course.toolbox.errors import InputError

__all__ = [
    "Drawing",
    "Page",
    "descent",
    "draw_graph",
    "draw_network",
    "gradient_flow",
    "read_along",
    "render",
    "step_through",
]

_RENDERERS: dict[str, Callable[[dict[str, Any]], Drawing | Page]] = {
    "graph": render_graph,
    "network": render_network,
    "steps": render_steps,
}


def render(data: dict[str, Any]) -> Drawing | Page:
    """Draw again from plain data, as `.data` of a drawing holds it; text in it is escaped.

    Raises: InputError when the data does not describe a drawing.
    """
    kind = data.get("kind") if isinstance(data, dict) else None
    if kind not in _RENDERERS:
        raise InputError(f"render: {kind!r} is no kind of drawing; known are {', '.join(_RENDERERS)}.")
    try:
        return _RENDERERS[kind](data)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"render: the data of this {kind} is incomplete ({error!r}); draw it anew."
        ) from error
