"""A page to step through a graph: values appear one after the other, then gradients from the result back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from course.toolbox.draw.graphs import graph_data, render_graph, title
from course.toolbox.draw.pages import Page, stepped

__all__ = ["render_steps", "step_through"]


def step_through(out: Any, style: str = "goldberg", *, grads: Mapping[Any, Any] | None = None) -> Page:
    """A page that computes the graph below a node step by step, forwards and then, if gradients are there, back.

    Source: deck 001, "Backward pass"; deck 003, 6.5

    Raises: InputError as `draw_graph`.
    """
    return render_steps({**graph_data(out, style, grads=grads), "kind": "steps"})


def render_steps(data: dict[str, Any]) -> Page:
    """The page from its plain data."""
    nodes = data["nodes"]
    steps: list[dict[str, Any]] = [{"text": "Leaves have their values.", "show": [], "mark": []}]
    for i, node in enumerate(nodes):
        if node["op"]:
            names = ", ".join(title(nodes, x) for x in node["inputs"])
            text = f"Forward: {title(nodes, i)} is {node['op']} of {names}" + (
                f", which is {node['value']}." if node["value"] else "."
            )
            steps.append(
                {"text": text, "show": [f"v{i}"], "mark": [f"n{i}", *(f"e{x}-{i}" for x in node["inputs"])]}
            )
    known = [i for i, node in enumerate(nodes) if node["grad"] not in ("", "not computed yet")]
    for i in reversed(known):
        users = [j for j, node in enumerate(nodes) if i in node["inputs"]]
        from_ = " and ".join(title(nodes, j) for j in users)
        text = f"Backward: the gradient of {title(nodes, i)} is {nodes[i]['grad']}" + (
            f", collected from {from_}." if users else ", by definition."
        )
        steps.append({"text": text, "show": [f"g{i}"], "mark": [f"n{i}", *(f"e{i}-{j}" for j in users)]})
    if not known:
        steps.append(
            {
                "text": "Gradients are not computed yet: call backward, then draw again.",
                "show": [],
                "mark": [],
            }
        )
    leaves = [f"v{i}" for i, node in enumerate(nodes) if not node["op"]]
    steps[0]["show"] = leaves
    drawing = render_graph({**data, "kind": "graph"})
    alt = f"Step-through of a graph in {len(steps)} steps. {drawing.alt}"
    return stepped(drawing, steps, "Step through a computation graph", alt, data)
