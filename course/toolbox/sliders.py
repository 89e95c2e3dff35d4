"""Sliders above a picture: change a number, and Python draws the picture anew.

The picture is an ordinary output of the cell: it stays in the saved notebook, and without a kernel, without ipywidgets
or in a terminal the first one is there, with its text alternative.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from course.toolbox.errors import InputError
from course.toolbox.plots import Figure, figure

__all__ = ["explore"]

# JupyterLab would show an error or a broken link in place of sliders whose kernel is gone; this output hides itself
_WITHOUT_KERNEL = """<style>.jp-OutputArea-child:has(.course-sliders){display:none}
.jp-OutputArea-child:has(+ .jp-OutputArea-child .course-sliders):has(
.jp-OutputArea-output.jupyter-widgets,.jupyter-widgets-disconnected){
& > .jp-OutputArea-output{display:none} &::after{content:"Run this cell to change the picture with sliders.";
font-family:var(--jp-content-font-family);font-size:var(--jp-content-font-size1);padding:4px}}
</style><i class="course-sliders"></i>"""
Range = tuple[float, float, float, float]


def explore(
    draw: Callable[..., str],
    size: tuple[float, float] = (5.6, 3.0),
    *,
    xlabel: str = "",
    ylabel: str = "",
    **ranges: Range,
) -> None:
    """A picture with a slider for each number that it depends on: `rolls=(start, lowest, highest, step)`.

    `draw(ax, rolls=…)` draws into empty axes and returns the text alternative of what it drew. Whole numbers stay whole.

    Raises: InputError when a start lies outside its range.
    """
    for name, (start, low, high, _) in ranges.items():
        if not low <= start <= high:
            raise InputError(f"explore: {name} starts at {start}, outside {low} … {high}.")

    def picture(values: dict[str, float]) -> Figure:
        drawn = figure("not drawn yet", size=size, show=False, xlabel=xlabel, ylabel=ylabel)
        with drawn as (_, ax):
            drawn.alt = draw(ax, **values)
        return drawn

    first = picture({name: start for name, (start, *_) in ranges.items()})
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None:
        return
    show = import_module("IPython.display").display
    knobs = _knobs(ranges) if hasattr(shell, "kernel") else {}
    if knobs:
        box = import_module("ipywidgets").VBox(list(knobs.values()))
        view = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
        words = f"Sliders for {', '.join(knobs)}; they move while the notebook runs."
        show({"application/vnd.jupyter.widget-view+json": view, "text/plain": words}, raw=True)
        show({"text/html": _WITHOUT_KERNEL, "text/plain": ""}, raw=True)
    shown = show(first, display_id=True)

    def again(_: Any) -> None:
        shown.update(picture({name: knob.value for name, knob in knobs.items()}))

    for knob in knobs.values():
        knob.observe(again, names="value")


def _knobs(ranges: dict[str, Range]) -> dict[str, Any]:
    """A slider for each range; none where ipywidgets is not installed."""
    try:
        widgets = import_module("ipywidgets")
    except ImportError:
        return {}
    knobs = {}
    for name, (start, low, high, step) in ranges.items():
        kind = (
            widgets.IntSlider
            if all(isinstance(x, int) for x in (start, low, high, step))
            else widgets.FloatSlider
        )
        style = {"description_width": "8em"}
        knobs[name] = kind(
            value=start, min=low, max=high, step=step, description=name.replace("_", " "), style=style
        )
    return knobs
