"""Network diagrams: what is connected with what, drawn with one node for each unit or one for each layer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from course.toolbox.draw.svg import INK, MUTED, PANEL, Canvas, Drawing, short
from course.toolbox.errors import InputError

__all__ = ["draw_network", "render_network"]

_FILL = ("#e8f1fa", "#fdf0e3", "#e6f4ee")  # input, hidden, output
_MOST = 12  # units of a layer that are drawn one by one


def draw_network(
    sizes: Sequence[int],
    style: str = "units",
    *,
    names: Sequence[str] | None = None,
    labels: Sequence[Sequence[str]] | None = None,
    weights: Sequence[Any] | None = None,
    values: Sequence[Any] | None = None,
    bias: bool = False,
) -> Drawing:
    """The diagram of a fully connected feed-forward network.

    `style="units"` draws one node for each unit, `style="layers"` one for each layer with the parameters on the
    edges. Layers are called x, h1, h2, …, y unless `names` are given; `labels` name single units. `weights` (one
    matrix for each pair of layers) sets the thickness of the edges, dashed where negative, and is written on them
    when there are few. `values` (one vector for each layer) fills the units. `bias` adds a +1 unit to every layer
    but the last. Following the rules of network diagrams, the loss is never part of one.

    Source: deck 000, "Neural network"; deck 003, Fig. 6.2; deck 004, "Neural network diagram"
    Raises: InputError when sizes, names, weights or values do not fit together.

    >>> draw_network([2, 2, 1]).alt
    'Network diagram, one node per unit: layers x (2 units), h1 (2 units), y (1 unit), each fully connected to the next.'
    """
    sizes = [int(n) for n in sizes]
    if len(sizes) < 2 or min(sizes) < 1:
        raise InputError(
            f"draw_network: sizes {sizes} must list at least two layers with at least one unit each."
        )
    default = ["x", *[f"h{i}" for i in range(1, len(sizes) - 1)], "y"]
    names = list(names) if names is not None else default
    _fits("names", names, [None] * len(sizes), sizes)
    data: dict[str, Any] = {
        "kind": "network",
        "style": style,
        "sizes": sizes,
        "names": [str(n) for n in names],
        "bias": bool(bias),
    }
    if labels is not None:
        _fits("labels", labels, [(n,) for n in sizes], sizes)
        data["labels"] = [[str(t) for t in layer] for layer in labels]
    if weights is not None:
        _fits("weights", weights, list(pairwise(sizes)), sizes)
        data["weights"] = [np.asarray(W, dtype=float).tolist() for W in weights]
    if values is not None:
        _fits("values", values, [(n,) for n in sizes], sizes)
        data["values"] = [np.asarray(v, dtype=float).tolist() for v in values]
    return render_network(data)


def _fits(what: str, given: Sequence[Any], shapes: Sequence[Any], sizes: Sequence[int]) -> None:
    found = [np.shape(g) for g in given]
    if len(found) != len(shapes) or any(s is not None and s != f for s, f in zip(shapes, found)):
        raise InputError(
            f"draw_network: {what} have shapes {found}, layers of {list(sizes)} units need {list(shapes)}."
        )


def render_network(data: dict[str, Any]) -> Drawing:
    """Draw a network from its plain data, as `draw_network(…).data` holds it.

    Raises: InputError for an unknown style.
    """
    sizes, names = data["sizes"], data["names"]
    counts = ", ".join(f"{n} ({s} unit{'s' * (s != 1)})" for n, s in zip(names, sizes))
    if data["style"] == "units":
        canvas, how = _units(data), "one node per unit"
    elif data["style"] == "layers":
        canvas, how = _layers(data), "one node per layer"
    else:
        raise InputError(f"draw_network: style {data['style']!r} is unknown; use 'units' or 'layers'.")
    alt = f"Network diagram, {how}: layers {counts}, each fully connected to the next."
    if data.get("bias"):
        alt = alt[:-1] + "; every layer but the last has a bias unit +1."
    return canvas.finish(alt, data)


def _rows(size: int) -> list[int | None]:
    """The units of a layer from top to bottom; None stands for the dots in a layer too long to draw."""
    return list(range(size)) if size <= _MOST else [*range(_MOST - 2), None, size - 1]


def _fill(layer: int, count: int) -> str:
    return _FILL[0] if layer == 0 else _FILL[2] if layer == count - 1 else _FILL[1]


def _units(data: dict[str, Any]) -> Canvas:
    canvas, sizes = Canvas(), data["sizes"]
    rows = [_rows(n) for n in sizes]
    extra = [int(bool(data.get("bias"))) if i < len(sizes) - 1 else 0 for i in range(len(sizes))]
    weights = data.get("weights")
    gap_x, size = 190.0 if weights else 150.0, 38.0
    gap_y = 84.0 if weights else 72.0 if data.get("values") else 54.0  # a value stands below its unit
    top = [-(len(r) + e - 1) * gap_y / 2 for r, e in zip(rows, extra)]
    place = [
        {u: (i * gap_x, top[i] + (j + extra[i]) * gap_y) for j, u in enumerate(r)} for i, r in enumerate(rows)
    ]
    for i in range(len(sizes) - 1):
        largest = float(np.max(np.abs(weights[i]))) or 1.0 if weights else 1.0
        few = weights is not None and sizes[i] * sizes[i + 1] <= 9
        share = 1 / (sizes[i + 1] + 1) if sizes[i] > 1 else 0.6  # of the way: there edges are apart evenly
        numbers: list[tuple[float, float, str]] = []
        for u, (x0, y0) in place[i].items():
            for v, (x1, y1) in place[i + 1].items():
                if u is None or v is None:
                    continue
                w = float(weights[i][u][v]) if weights else 0.0
                canvas.line([(x0 + size / 2, y0), (x1 - size / 2, y1)], colour=MUTED if w >= 0 else "#b3470f",
                            width=0.6 + 2.6 * abs(w) / largest if weights else 0.8, dashed=w < 0)  # fmt: skip
                if few:
                    numbers.append((x0 + share * (x1 - x0), y0 + share * (y1 - y0), f"{w:.3g}"))
        if extra[i]:
            for v, (x1, y1) in place[i + 1].items():
                if v is not None:
                    canvas.line(
                        [(i * gap_x + size / 2, top[i]), (x1 - size / 2, y1)], colour=MUTED, width=0.6
                    )
        for x, y, text in numbers:  # on their edges, above all lines
            canvas.node("box", x, y, 6.5 * len(text) + 6, 15, fill=PANEL, colour=PANEL, width=0)
            canvas.text(x, y, text, size=12)
    bottom = max(y for layer in place for _, y in layer.values()) + (62 if data.get("values") else 46)
    for i, layer in enumerate(place):
        if extra[i]:
            canvas.node("box", i * gap_x, top[i], size - 6, size - 6, fill="#ffffff", dashed=True)
            canvas.text(i * gap_x, top[i], "+1")
        for u, (x, y) in layer.items():
            if u is None:
                canvas.text(x, y, "⋮", size=20)
                continue
            canvas.node("circle", x, y, size, size, fill=_fill(i, len(sizes)))
            labels = data.get("labels")
            canvas.text(
                x,
                y,
                labels[i][u] if labels else f"{data['names'][i]}{_sub(u + 1)}",
                size=12,
                italic=not labels,
            )
            if data.get("values"):
                canvas.text(x, y + size / 2 + 8, short(data["values"][i][u]), size=12, colour="#0b5394")
        canvas.text(i * gap_x, bottom, f"{data['names'][i]}: {sizes[i]}", size=12, colour=MUTED)
    return canvas


def _layers(data: dict[str, Any]) -> Canvas:
    canvas, sizes, names = Canvas(), data["sizes"], data["names"]
    gap, size = 150.0, 52.0
    for i in range(len(sizes) - 1):
        canvas.line([(i * gap + size / 2, 0), ((i + 1) * gap - size / 2, 0)], arrow=True, width=1.6)
        text = f"W{_sub(i + 1)}, b{_sub(i + 1)}" if data.get("bias") else f"W{_sub(i + 1)}"
        canvas.text((i + 0.5) * gap, -13, text, size=13, italic=True)
        canvas.text((i + 0.5) * gap, 14, f"{sizes[i]}×{sizes[i + 1]}", size=12, colour=MUTED)
    for i, name in enumerate(names):
        canvas.node("circle", i * gap, 0, size, size, fill=_fill(i, len(sizes)))
        canvas.text(i * gap, 0, name, size=15, colour=INK, italic=True)
        canvas.text(i * gap, size / 2 + 12, f"{sizes[i]} unit{'s' * (sizes[i] != 1)}", size=12, colour=MUTED)
        if data.get("values"):
            canvas.text(i * gap, size / 2 + 28, short(data["values"][i]), size=12, colour="#0b5394")
    return canvas


def _sub(n: int) -> str:
    return str(n).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
