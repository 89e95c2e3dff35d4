"""Computation graphs in the four styles of the decks, from any nodes that have `op`, `inputs`, `value` and `name`.

    goldberg   ovals are operations, shaded boxes parameters, bare text constants; shapes above the nodes   (deck 000)
    book       circles are variables, the operation is written beside them                                 (deck 003)
    cmu        boxes hold the function that is computed, the variable's name stands outside                 (deck 004)
    torch      boxes are backward functions, from the result down to the leaves that collect gradients      (deck 001)

Gradients come from `grads` (a dict by node) or from the nodes' own; before a backward pass each says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from course.toolbox.draw.svg import INK, MUTED, Canvas, Drawing, short
from course.toolbox.errors import InputError

__all__ = ["draw_graph", "graph_data", "place", "render_graph", "title"]

_SIGNS = {
    "add": "+", "sub": "−", "mul": "×", "div": "÷", "matmul": "@", "power": "^", "sum": "Σ", "transpose": "ᵀ",
    "greater": ">", "getitem": "[ ]",
}  # fmt: skip
STYLES = ("goldberg", "book", "cmu", "torch")
_VALUE, _GRAD = "#0b5394", "#a33d00"
_MOST = 120


def draw_graph(
    out: Any, style: str = "goldberg", *, grads: Mapping[Any, Any] | None = None, values: bool = True
) -> Drawing:
    """The graph below a node as a drawing, with values, gradients and shapes.

    Source: deck 000, Fig. 5.1; deck 003, Fig. 6.8; deck 004, "Computation graph"; deck 001, "Graph in PyTorch"
    Raises: InputError for an unknown style or a graph too large to be read.
    """
    return render_graph(graph_data(out, style, grads=grads, values=values))


def graph_data(
    out: Any, style: str = "goldberg", *, grads: Mapping[Any, Any] | None = None, values: bool = True
) -> dict[str, Any]:
    """What a drawing of the graph needs, as plain data: strings, numbers, lists and dicts.

    Raises: InputError when the graph has more nodes than can be read.
    """
    order = _order(out)
    if len(order) > _MOST:
        raise InputError(
            f"draw_graph: the graph has {len(order)} nodes, more than the {_MOST} that can be read; draw a part."
        )
    number = {id(node): i for i, node in enumerate(order)}
    asked = grads is not None or any(getattr(node, "_grad", None) is not None for node in order)
    nodes = []
    for node in order:
        g = grads.get(node) if grads is not None else getattr(node, "_grad", None)
        constant = bool(getattr(node, "constant", False))
        nodes.append({
            "op": _operation(node.op), "name": str(node.name or ""), "constant": constant,
            "inputs": [number[id(x)] for x in node.inputs],
            "value": short(node.value) if values else "",
            "shape": "×".join(map(str, np.shape(node.value))) if _is_numeric(node.value) else "",
            "grad": "" if constant or not values else short(g) if g is not None else "" if asked else "not computed yet",
        })  # fmt: skip
    return {"kind": "graph", "style": style, "nodes": nodes}


def _is_numeric(value: Any) -> bool:
    return value is not None and not isinstance(value, tuple)


def _order(out: Any) -> list[Any]:
    """Inputs before consumers, without recursion; nodes are told apart by identity."""
    order, met, stack = [], set(), [(out, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif id(node) not in met:
            met.add(id(node))
            stack.append((node, True))
            stack.extend((x, False) for x in reversed(node.inputs))
    return order


def _operation(op: Any) -> str | None:
    if op is None:
        return None
    name = str(getattr(op, "name", "") or type(op).__name__)
    sign = _SIGNS.get(name.lower(), name)
    return (
        f"{sign}{op.p:g}"
        if isinstance(getattr(op, "p", None), (int, float)) and sign in ("^", "Pow")
        else sign
    )


def place(
    nodes: list[dict[str, Any]],
) -> tuple[list[tuple[float, float]], dict[tuple[int, int], list[tuple[float, float]]]]:
    """Rank and position of every node, and the bends of edges that pass a rank.

    Ranks are longest paths from the leaves; a leaf stands one rank before its first consumer. Within a rank, nodes
    are ordered by the mean position of their neighbours, a few times over.
    """
    rank = [0] * len(nodes)
    for i, node in enumerate(nodes):
        rank[i] = max((rank[x] + 1 for x in node["inputs"]), default=0)
    for i, node in enumerate(nodes):
        users = [rank[j] for j, other in enumerate(nodes) if i in other["inputs"]]
        if not node["inputs"] and users:
            rank[i] = min(users) - 1
    rows: list[list[Any]] = [[] for _ in range(max(rank) + 1)]
    for i in range(len(nodes)):
        rows[rank[i]].append(i)
    near: dict[Any, list[Any]] = {i: [] for i in range(len(nodes))}
    chains: dict[tuple[int, int], list[Any]] = {}
    for j, node in enumerate(nodes):
        for i in dict.fromkeys(node["inputs"]):
            bends = [(i, j, r) for r in range(rank[i] + 1, rank[j])]
            for bend in bends:
                rows[bend[2]].append(bend)
                near[bend] = []
            chains[i, j] = bends
            for a, b in pairwise([i, *bends, j]):
                near[a].append(b)
                near[b].append(a)
    at: dict[Any, float] = {}
    for row in rows:
        at.update((thing, k - (len(row) - 1) / 2) for k, thing in enumerate(row))
    for sweep in range(8):
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            wish = {t: float(np.mean([at[n] for n in near[t]])) if near[t] else at[t] for t in row}
            row.sort(key=wish.__getitem__)
            spot = -np.inf
            for t in row:
                spot = at[t] = max(wish[t], spot + 1)
            shift = float(np.mean([wish[t] - at[t] for t in row]))
            for t in row:
                at[t] += shift
    return [(rank[i], at[i]) for i in range(len(nodes))], {
        edge: [(b[2], at[b]) for b in bends] for edge, bends in chains.items()
    }


def render_graph(data: dict[str, Any]) -> Drawing:
    """Draw a graph from its plain data, as `draw_graph(…).data` holds it.

    Raises: InputError for an unknown style.
    """
    style, nodes = data["style"], data["nodes"]
    if style not in STYLES:
        raise InputError(f"draw_graph: style {style!r} is unknown; use one of {', '.join(STYLES)}.")
    spots, bends = place(nodes)
    across, along = {"goldberg": (150, -92), "book": (104, 150), "cmu": (96, 160), "torch": (240, -72)}[style]
    sideways = style in ("book", "cmu")
    canvas = Canvas()

    def xy(spot: tuple[float, float]) -> tuple[float, float]:
        return (spot[0] * along, spot[1] * across) if sideways else (spot[1] * across, spot[0] * along)

    for (i, j), between in bends.items():
        points = [xy(spots[i]), *map(xy, between), xy(spots[j])]
        twice = nodes[j]["inputs"].count(i)
        _edge(
            canvas,
            points,
            _half(style, nodes[i]),
            _half(style, nodes[j]),
            sideways,
            style == "torch",
            twice,
            f"e{i}-{j}",
        )
    for i, node in enumerate(nodes):
        _DRAW[style](canvas, i, node, *xy(spots[i]))
    return canvas.finish(f"Computation graph, {style} style: {'; '.join(_sentences(nodes))}.", data)


def _half(style: str, node: dict[str, Any]) -> tuple[float, float]:
    """Half the width and height of a node's shape."""
    text = node["op"] or node["name"] or node["value"]
    wide = max(20.0, 4.2 * len(text) + 10)
    if style == "torch":
        return (72.0 if node["op"] or not node["constant"] else wide, 15.0)
    return {"goldberg": (wide, 17.0), "book": (22.0, 22.0), "cmu": (max(26.0, wide), 17.0)}[style]


def _edge(canvas: Canvas, points: list[tuple[float, float]], start: tuple[float, float], end: tuple[float, float],
          sideways: bool, backwards: bool, times: int, mark: str) -> None:  # fmt: skip
    """A smooth line through the bends, from border to border; twice for an input that is used twice."""
    (x0, y0), (x1, y1) = points[0], points[-1]
    if sideways:
        points[0], points[-1] = (x0 + start[0], y0), (x1 - end[0], y1)
    else:
        points[0], points[-1] = (x0, y0 - start[1]), (x1, y1 + end[1])
    for k in range(times):
        aside = 9.0 * (k - (times - 1) / 2)
        line = [(x, y + aside) if sideways else (x + aside, y) for x, y in points]
        if backwards:
            line.reverse()
        for n, (a, b) in enumerate(pairwise(line)):
            middle = ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
            turns = (
                [(middle[0], a[1]), (middle[0], b[1])] if sideways else [(a[0], middle[1]), (b[0], middle[1])]
            )
            canvas.line([a, *turns, b], arrow=n == len(line) - 2, mark=mark)


def _numbers(
    canvas: Canvas, i: int, node: dict[str, Any], x: float, y: float, anchor: str = "middle"
) -> None:
    """Value and gradient beneath one another, each with its own colour and sign."""
    if node["value"] and (node["op"] or node["name"]):
        canvas.text(x, y, f"= {node['value']}", size=12, anchor=anchor, colour=_VALUE, mark=f"v{i}")
    if node["grad"]:
        canvas.text(x, y + 14, f"∂ {node['grad']}", size=12, anchor=anchor, colour=_GRAD, mark=f"g{i}")


def _goldberg(canvas: Canvas, i: int, node: dict[str, Any], x: float, y: float) -> None:
    w, h = _half("goldberg", node)
    if node["op"]:
        canvas.node("oval", x, y, 2 * w, 2 * h, mark=f"n{i}")
    elif not node["constant"]:
        canvas.node("box", x, y, 2 * w, 2 * h, fill="#dfe3e8", mark=f"n{i}")
    canvas.text(x, y, node["op"] or node["name"] or node["value"], size=14)
    if node["shape"]:
        canvas.text(x + w + 4, y - 14, node["shape"], size=12, anchor="start", colour=MUTED)
    value = "" if node["value"] == f"({node['shape']})" else node["value"]
    _numbers(canvas, i, {**node, "value": value}, x + w + 4, y + 1, "start")


def _book(canvas: Canvas, i: int, node: dict[str, Any], x: float, y: float) -> None:
    canvas.node("circle", x, y, 44, 44, fill="#ffffff" if node["op"] else "#eef3f8", mark=f"n{i}")
    canvas.text(
        x,
        y,
        node["name"] or (f"u{i}" if node["op"] else node["value"]),
        size=13,
        italic=bool(node["name"] or node["op"]),
    )
    if node["op"]:
        canvas.text(x, y - 32, node["op"], size=13, colour=INK, bold=True)
    _numbers(canvas, i, node, x, y + 31)


def _cmu(canvas: Canvas, i: int, node: dict[str, Any], x: float, y: float) -> None:
    w, h = _half("cmu", node)
    canvas.node("box", x, y, 2 * w, 2 * h, fill="#ffffff" if node["op"] else "#eef3f8", mark=f"n{i}")
    inside = node["op"] or (node["value"] if len(node["value"]) < 8 else f"({node['shape']})")
    canvas.text(x, y, inside, size=13)
    canvas.text(x, y - h - 9, node["name"] or (f"u{i}" if node["op"] else ""), size=12, italic=True)
    _numbers(canvas, i, {**node, "value": "" if inside == node["value"] else node["value"]}, x, y + h + 9)


def _torch(canvas: Canvas, i: int, node: dict[str, Any], x: float, y: float) -> None:
    w, h = _half("torch", node)
    words = {sign: name for name, sign in _SIGNS.items()}
    if node["op"]:
        name = words.get(node["op"].rstrip("0123456789.-") or node["op"], node["op"])
        text, fill = f"{name.title().replace(' ', '')}Backward", "#ffffff"
    else:
        text = node["value"] if node["constant"] else f"AccumulateGrad {node['name']}".rstrip()
        fill = "#e4f0e6"
    if node["op"] or not node["constant"]:
        canvas.node("round", x, y, 2 * w, 2 * h, fill=fill, mark=f"n{i}")
    canvas.text(x, y, text, size=12)
    _numbers(canvas, i, node, x + w + 4, y - 6, "start")


_DRAW = {"goldberg": _goldberg, "book": _book, "cmu": _cmu, "torch": _torch}


def title(nodes: list[dict[str, Any]], i: int) -> str:
    """What a node is called in a sentence: its name, its number, or the value of a constant."""
    node = nodes[i]
    return str(node["name"] or (f"u{i}" if node["op"] else node["value"] or f"leaf {i}"))


def _sentences(nodes: list[dict[str, Any]]) -> Iterator[str]:
    """The graph in words, node by node; constants only where they are used."""
    for i, node in enumerate(nodes):
        made = (
            f" is {node['op']} of {', '.join(title(nodes, x) for x in node['inputs'])}" if node["op"] else ""
        )
        if made or not node["constant"]:
            value = f" = {node['value']}" if node["value"] else ""
            yield title(nodes, i) + made + value + (f", gradient {node['grad']}" if node["grad"] else "")
