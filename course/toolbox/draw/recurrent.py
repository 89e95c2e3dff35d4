"""Pages about recurrent networks: a gradient that flows back through time, steps over a cliff, units that read a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Any

import numpy as np

from course.toolbox.draw.pages import Page, as_script, stepped
from course.toolbox.draw.svg import MUTED, Canvas
from course.toolbox.errors import InputError

__all__ = ["descent", "gradient_flow", "read_along"]

_HOT = (0xB3, 0x47, 0x0F)
_PATHS = (("#b3470f", "circle"), ("#0072b2", "box"), ("#00795a", "round"))
_DECADES = 4  # from white to the darkest colour


def gradient_flow(sizes: Any) -> Page:
    """A page on which the gradient of one late loss flows back through time, column by column.

    Darker is larger, on a logarithmic scale of four decades. The first frame shows the last step only. `sizes` (H, T)
    holds |∂L/∂h_t| of every unit after every step.

    Raises: InputError when sizes is no matrix of finite numbers with at least one that is not 0.
    """
    sizes = np.abs(np.asarray(sizes, dtype=float))
    if sizes.ndim != 2 or not np.isfinite(sizes).all() or not sizes.any():
        raise InputError(
            f"gradient_flow: sizes has shape {sizes.shape}; pass a matrix (units, steps) of finite gradients."
        )
    units, T = sizes.shape
    canvas, top = Canvas(), sizes.max()
    for u, t in np.ndindex(units, T):
        x, y = 40 + 32 * t, 20 + 26 * u
        canvas.node("box", x, y, 30, 24, fill="#ffffff", colour="#c8c8c4", width=0.8)
        fill = _shade(1 + np.log10(max(sizes[u, t], 1e-300) / top) / _DECADES)
        canvas.node("box", x, y, 30, 24, fill=fill, colour="#8a8a86", width=0.8, mark=f"g{t}")
    for t in range(T):
        canvas.text(40 + 32 * t, 22 + 26 * units, str(t + 1), size=12)
    for u in range(units):
        canvas.text(16, 20 + 26 * u, str(u + 1), size=12, anchor="end")
    below = 50 + 26 * units
    canvas.text(24, below, "rows: units, columns: steps; size beside the largest:", size=12, anchor="start")
    for k in range(_DECADES + 1):
        x = 40 + 80 * k
        canvas.node("box", x, below + 24, 24, 18, fill=_shade(1 - k / _DECADES), colour="#8a8a86", width=0.8)
        canvas.text(x + 17, below + 24, f"{10.0**-k:g}", size=12, anchor="start")
    norms = np.sqrt((sizes**2).sum(axis=0))
    steps = [
        {
            "text": f"The loss looks at the state after step {T}: its gradient there has the length {norms[-1]:.3g}."
        }
    ]
    for t in range(T - 2, -1, -1):
        factor = f", {norms[t] / norms[t + 1]:.2f} times that of step {t + 2}" if norms[t + 1] else ""
        steps.append({"text": f"One step back, to step {t + 1}: length {norms[t]:.3g}{factor}."})
    data = {"kind": "flow", "sizes": sizes.tolist()}
    alt = (
        f"The gradient of one loss at step {T} flows back to step 1 over {units} units: its length goes from "
        f"{norms[-1]:.3g} to {norms[0]:.3g}."
    )
    frames = [{**step, "show": [f"g{T - 1 - k}"], "mark": []} for k, step in enumerate(steps)]
    height = 190 + 26 * units + 60
    return stepped(canvas.finish(alt, data), frames, "Backpropagation through time", alt, data, height)


def descent(
    loss: Any, paths: Mapping[str, Any], gradients: Mapping[str, Any], names: tuple[str, str] = ("u", "b")
) -> Page:
    """A page on which paths of gradient descent walk over a landscape, step by step; darker ground is a larger loss.

    `loss(u, b)` takes arrays. A path (K+1, 2) is the list of its points, `gradients` the lengths (K,) of the
    gradients that moved it.

    Source: deck 002, the figure of the cliff; Pascanu, Mikolov and Bengio (2013)

    Raises: InputError when a path has another number of steps than its gradients or than the other paths.
    """
    tracks = {name: np.asarray(path, dtype=float) for name, path in paths.items()}
    norms = {name: np.asarray(gradients[name], dtype=float) for name in tracks}
    if len({len(p) for p in tracks.values()} | {len(g) + 1 for g in norms.values()}) != 1:
        raise InputError("descent: every path needs K + 1 points, and K gradients; all paths the same K.")
    everywhere = np.vstack(list(tracks.values()))
    low, high = everywhere.min(axis=0), everywhere.max(axis=0)
    margin = 0.15 * (high - low) + 1e-3
    low, high = low - margin, high + margin
    wide, tall = 560, 300

    def place(point: Any) -> tuple[float, float]:
        u, b = (np.asarray(point) - low) / (high - low)
        return 40 + wide * float(u), 20 + tall * (1 - float(b))

    canvas = Canvas()
    _ground(canvas, loss, low, high, wide, tall)
    canvas.text(40 + wide / 2, 36 + tall, f"{names[0]}: {low[0]:.2f} … {high[0]:.2f}", size=12)
    canvas.text(40, 8, f"{names[1]}: {low[1]:.2f} (bottom) … {high[1]:.2f} (top)", size=12, anchor="start")
    for i, (name, track) in enumerate(tracks.items()):
        colour, shape = _PATHS[i % len(_PATHS)]
        size = max(11 - 4 * i, 4)  # where paths lie on each other all are seen
        canvas.node(shape, 52 + 190 * i, 58 + tall, 9, 9, fill=colour, colour=colour)
        canvas.text(62 + 190 * i, 58 + tall, name, size=13, anchor="start", colour=colour, bold=True)
        for k, point in enumerate(track):
            if k:
                canvas.line([place(track[k - 1]), place(point)], colour=colour, width=2, mark=f"g{k}")
            canvas.node(shape, *place(point), size, size, fill=colour, colour=colour, mark=f"g{k}")
    losses = {name: np.asarray(loss(*track.T), dtype=float) for name, track in tracks.items()}
    frames = [{"text": "Start: all paths begin at one point.", "show": ["g0"], "mark": []}]
    for k in range(1, len(everywhere) // len(tracks)):
        said = [
            f"{name}, gradient {norms[name][k - 1]:.2f}, step {np.linalg.norm(track[k] - track[k - 1]):.3f}, "
            f"loss {losses[name][k]:.4f}"
            for name, track in tracks.items()
        ]
        frames.append({"text": f"Step {k}: " + "; ".join(said) + ".", "show": [f"g{k}"], "mark": []})
    ends = ", ".join(
        f"{name}: longest step {_longest(t):.2f}, last loss {losses[name][-1]:.4f}"
        for name, t in tracks.items()
    )
    alt = f"Paths of gradient descent over a landscape with a steep wall. {ends}."
    data = {"kind": "descent", "paths": {name: track.tolist() for name, track in tracks.items()}}
    return stepped(canvas.finish(alt, data), frames, "Gradient descent at a cliff", alt, data, 560)


def read_along(words: Sequence[str], values: Any, marked: Any, note: str, first: int = 0) -> Page:
    """A page that colours a text by the value of one unit; a slider chooses the unit. Marked words are underlined.

    Orange is positive, blue negative, no colour 0; values beyond -1 and 1 are drawn as -1 and 1. `values` (T, H) and
    `marked` (T,) belong to the T words; `note` says what is marked.

    Raises: InputError when values or marked do not fit the words.
    """
    values, marked = np.asarray(values, dtype=float), np.asarray(marked, dtype=bool)
    if values.ndim != 2 or len(values) != len(words) or marked.shape != (len(words),) or not values.size:
        raise InputError(
            f"read_along: {len(words)} words need values ({len(words)}, units) and marked ({len(words)},); "
            f"values {values.shape}, marked {marked.shape}."
        )
    shown = np.rint(100 * np.clip(values, -1.0, 1.0)).astype(int)
    spans = " ".join(
        f"<span{' class=m' if m else ''}>{escape(word)}</span>" for word, m in zip(words, marked, strict=True)
    )
    html = _READER.replace("%LAST%", str(values.shape[1] - 1)).replace("%FIRST%", str(int(first)))
    html = html.replace("%NOTE%", escape(note)).replace("%WORDS%", spans)
    html = html.replace("%VALUES%", as_script(shown.T.tolist()))
    alt = f"A text of {len(words)} words, coloured by the value of unit {first}; a slider chooses another of {values.shape[1]} units. Underlined: {note}."
    return Page(html, alt, {"kind": "reader", "words": list(words), "note": note}, 420)


def _shade(share: float) -> str:
    share = min(max(share, 0.0), 1.0)
    return "#" + "".join(f"{round(255 + (end - 255) * share):02x}" for end in _HOT)


def _longest(track: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(track, axis=0), axis=1).max(initial=0.0))


def _ground(canvas: Canvas, loss: Any, low: Any, high: Any, wide: int, tall: int) -> None:
    """The landscape as grey boxes; neighbours in a row with one shade are one box."""
    columns, rows = 112, 60
    us = low[0] + (np.arange(columns) + 0.5) / columns * (high[0] - low[0])
    bs = high[1] - (np.arange(rows) + 0.5) / rows * (high[1] - low[1])
    ground = np.asarray(loss(*np.meshgrid(us, bs)), dtype=float)
    level = np.sqrt((ground - ground.min()) / max(float(np.ptp(ground)), 1e-300))  # shows the low ground, too
    grey = 255 - np.rint(level * 12).astype(int) * 11
    width, height = wide / columns, tall / rows
    for i, row in enumerate(grey):
        start = 0
        for value, group in groupby(row.tolist()):
            n, colour = len(list(group)), f"#{value:02x}{value:02x}{value:02x}"
            x, y = 40 + (start + n / 2) * width, 20 + (i + 0.5) * height
            canvas.node("box", x, y, n * width + 0.4, height + 0.4, fill=colour, colour=colour, width=0)
            start += n
    canvas.node("box", 40 + wide / 2, 20 + tall / 2, wide, tall, fill="none", colour=MUTED, width=1)


_READER = """<!doctype html><html lang="en"><meta charset="utf-8"><title>What a unit reads</title>
<style>:root{color-scheme:light dark}body{font:16px/2 system-ui,sans-serif;margin:1rem;color:CanvasText}p{margin:.2rem 0}
span{padding:.15em .2em;border-radius:3px}.m{text-decoration:underline;text-decoration-thickness:3px;
text-underline-offset:.25em}input{width:min(24rem,60%);vertical-align:middle}.key{font-size:13px}</style>
<p><label for="at">unit</label> <input id="at" type="range" min="0" max="%LAST%" value="%FIRST%"> <b id="say"></b></p>
<p class="key">Orange: positive, blue: negative, no colour: 0. Underlined: %NOTE%.</p><div id="text">%WORDS%</div>
<script>const v=%VALUES%,at=document.getElementById('at'),words=document.querySelectorAll('#text span');
const tint=x=>'rgba('+(x<0?'0,114,178,':'213,94,0,')+Math.abs(x)/160+')';
function show(){words.forEach((w,t)=>w.style.background=tint(v[+at.value][t]));
document.getElementById('say').textContent=at.value}
at.oninput=show;show()</script></html>
"""
