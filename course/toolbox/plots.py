"""One plain style for every plot of the course, and the two kinds of plot that come back most.

White ground and dark ink, so a plot can be read on a light and on a dark page; colours that colour-blind readers
can tell apart, and line styles that differ as well; text of 9 points and more; labels beside the lines instead of a
legend; a text alternative with every figure. Matplotlib is imported when the first figure is made, and its global
state stays as it was.

    with figure("Loss falls from 2.3 to 0.1 nats in 200 steps.", xlabel="steps", ylabel="loss (nats)") as (fig, ax):
        curves(ax, steps, {"tanh": a, "relu": b})
"""

from __future__ import annotations

import base64
import builtins
import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from course.toolbox.errors import InputError

__all__ = ["COLOURS", "Figure", "curves", "figure", "heatmap", "level"]

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")  # Okabe and Ito
_DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 2)),
    (0, (1, 1.4)),
    (0, (6, 2, 1, 2)),
    (0, (8, 3)),
    (0, (3, 1.5)),
    (0, (2, 2, 6, 2)),
)
_INK = "#1a1a1a"
_STYLE = {
    "figure.facecolor": "white", "axes.facecolor": "white", "savefig.facecolor": "white", "figure.dpi": 110,
    "text.color": _INK, "axes.labelcolor": _INK, "axes.edgecolor": "#555555", "xtick.color": _INK, "ytick.color": _INK,
    "font.size": 10, "axes.titlesize": 11, "axes.labelsize": 10, "xtick.labelsize": 9, "ytick.labelsize": 9,
    "legend.fontsize": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
    "grid.color": "#dddddd", "grid.linewidth": 0.7, "lines.linewidth": 1.8, "axes.axisbelow": True,
}  # fmt: skip


def _styled() -> contextlib.AbstractContextManager[None]:
    context: contextlib.AbstractContextManager[None] = import_module("matplotlib").rc_context(_STYLE)
    return context


class Figure:
    """A figure with its text alternative; use it in a `with`, unpack it as `fig, ax`, or let a cell show it."""

    def __init__(
        self,
        alt: str,
        rows: int,
        cols: int,
        size: tuple[float, float],
        labels: Mapping[str, str],
        show: bool = True,
    ) -> None:
        if not alt.strip():
            raise InputError(
                "figure: the text alternative is empty; say in one sentence what the plot shows."
            )
        self.fig: Any
        self.alt = alt
        self.show = show
        self._styled = contextlib.ExitStack()
        with _styled():
            self.fig = import_module("matplotlib.figure").Figure(figsize=size, layout="constrained")
            import_module("matplotlib.backends.backend_agg").FigureCanvasAgg(self.fig)
            self.ax: Any = self.fig.subplots(rows, cols)
            for ax in np.ravel(self.ax):
                ax.set(**labels)

    def __enter__(self) -> tuple[Any, Any]:
        self._styled.enter_context(_styled())
        return self.fig, self.ax

    def __exit__(self, kind: Any, *rest: Any) -> None:
        self._styled.close()
        display = getattr(builtins, "display", None)  # where a notebook runs
        if kind is None and display is not None and self.show:
            display(self)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.fig, self.ax))

    def png(self) -> bytes:
        """The picture as the bytes of a PNG file that holds the text alternative as its description."""
        out = io.BytesIO()
        with _styled():
            self.fig.savefig(out, format="png", metadata={"Description": self.alt})
        return out.getvalue()

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        picture = base64.b64encode(self.png()).decode("ascii")
        return {"image/png": picture, "text/plain": self.alt}, {"image/png": {"alt": self.alt}}


def figure(
    alt: str,
    rows: int = 1,
    cols: int = 1,
    *,
    size: tuple[float, float] | None = None,
    show: bool = True,
    **labels: str,
) -> Figure:
    """A new figure in the style of the course; `alt` says in words what it shows.

    `labels` (title, xlabel, ylabel, xscale, …) go to every axes. In a notebook the figure is shown when the `with`
    block ends without an error, unless `show` is False. A figure of several columns is not much wider than the text
    column of a notebook, which would shrink it and its letters.

    Raises: InputError when the text alternative is empty.
    """
    return Figure(alt, rows, cols, size or (5.6 if cols == 1 else 4.3 * cols, 3.5 * rows), labels, show)


def _darker(colour: str) -> str:
    """The colour for text: two thirds as bright, for enough contrast with white."""
    return "#" + "".join(f"{int(colour[i : i + 2], 16) * 2 // 3:02x}" for i in (1, 3, 5))


def curves(ax: Any, x: Any, series: Mapping[str, Any], *, markers: bool = False) -> None:
    """Draw one line for each entry of `series`, each with its own colour, line style and a label at its end.

    `x` is shared by all lines, or a dict with the keys of `series`. Labels are moved apart where lines end close
    together.
    """
    ends = []
    for i, (name, y) in enumerate(series.items()):
        xs, ys = np.asarray(x[name] if isinstance(x, Mapping) else x), np.asarray(y, dtype=float)
        colour = COLOURS[i % len(COLOURS)]
        ax.plot(
            xs,
            ys,
            color=colour,
            linestyle=_DASHES[i % len(_DASHES)],
            marker="o" if markers else None,
            markersize=3.5,
        )
        finite = np.flatnonzero(np.isfinite(ys))
        if finite.size:
            ends.append((xs[finite[-1]], ys[finite[-1]], name, colour))
    ax.margins(x=0.02)
    ax.autoscale_view()
    left, points = ax.get_xlim()[0], 72 / ax.figure.dpi
    lowest = -np.inf
    for x_end, y_end, name, colour in sorted(ends, key=lambda e: e[1]):
        at = float(ax.transData.transform((left, y_end))[1]) * points
        lowest = max(at, lowest + 11)
        ax.annotate(
            name, (x_end, y_end), (6, lowest - at), textcoords="offset points", color=_darker(colour), va="center",
            fontsize=9, fontweight="bold", annotation_clip=False,
        )  # fmt: skip


def level(ax: Any, y: float, text: str, at: float = 0.01) -> None:
    """A thin horizontal line at y with its name above it: a floor, a limit, a target.

    The name begins at the share `at` of the width; choose it where no curve runs.
    """
    ax.axhline(y, color="#555555", linewidth=1, linestyle=(0, (2, 2)))
    ax.annotate(
        text, (at, y), (0, 3), xycoords=("axes fraction", "data"), textcoords="offset points", fontsize=9
    )


def heatmap(
    ax: Any,
    M: Any,
    *,
    rows: Sequence[str] | None = None,
    cols: Sequence[str] | None = None,
    label: str = "",
    signed: bool = False,
    values: bool | None = None,
    fmt: str = "{:.2g}",
) -> None:
    """Draw a matrix as a grid of colours with a labelled scale, and its numbers in the cells when there is room.

    `signed` centres a two-sided scale at 0; otherwise the scale runs from the smallest to the largest value.

    Raises: InputError when M is not a matrix.
    """
    M = np.asarray(M, dtype=float)
    if M.ndim != 2 or not M.size:
        raise InputError(f"heatmap: M has shape {M.shape}; pass a matrix with at least one entry.")
    top = float(np.nanmax(np.abs(M))) or 1.0
    span = {"vmin": -top, "vmax": top, "cmap": "RdBu_r"} if signed else {"cmap": "cividis"}
    image = ax.imshow(M, aspect="auto", interpolation="nearest", **span)
    ax.grid(False)
    for axis, names in ((ax.xaxis, cols), (ax.yaxis, rows)):
        if names is not None:
            axis.set_ticks(range(len(names)), labels=[str(n) for n in names])
    ax.figure.colorbar(image, ax=ax, label=label)
    if values if values is not None else M.size <= 120:
        for (i, j), value in np.ndenumerate(M):
            r, g, b, _ = image.cmap(image.norm(value))
            dark = 0.299 * r + 0.587 * g + 0.114 * b < 0.5
            ax.text(
                j,
                i,
                fmt.format(value),
                ha="center",
                va="center",
                fontsize=9,
                color="white" if dark else "black",
            )
