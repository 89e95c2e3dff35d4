"""A page to step through a graph: values appear one after the other, then gradients from the result back."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from course.toolbox.draw.graphs import graph_data, render_graph, title

__all__ = ["Page", "render_steps", "step_through"]


@dataclass(frozen=True)
class Page:
    """A self-contained page: `.html` is all of it, `.data` what it was made from. It needs no network."""

    html: str
    alt: str
    data: dict[str, Any]

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{escape(self.html)}" title="{escape(self.alt)}" sandbox="allow-scripts" '
            'style="width:100%;height:560px;border:1px solid #d8d8d2;background:#fff"></iframe>'
        )

    def __repr__(self) -> str:
        return f"Page: {self.alt}"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page to a file, which any browser opens."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.html)


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
    script = json.dumps(steps).replace("<", "\\u003c")
    html = _PAGE.replace("%SVG%", drawing.svg).replace("%STEPS%", script)
    return Page(html, f"Step-through of a graph in {len(steps)} steps. {drawing.alt}", data)


_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Step through a computation graph</title>
<style>body{font:16px/1.5 system-ui,sans-serif;margin:1rem;background:#fff;color:#1a1a1a}
button{font:inherit;padding:.3rem .9rem;margin-right:.4rem}#say{min-height:3em;font-weight:600}
[data-mark^=v],[data-mark^=g]{visibility:hidden}[data-mark].on{visibility:visible}
[data-mark].hot{stroke:#b3470f;stroke-width:3}text[data-mark].hot{stroke:none}</style>
<p><button id="back">Back</button><button id="next">Next</button><button id="all">Show all</button>
<span id="count"></span> (arrow keys work too)</p><p id="say" role="status" aria-live="polite"></p>%SVG%
<script>const steps=%STEPS%;let at=0;const $=i=>document.getElementById(i);
const each=(m,f)=>document.querySelectorAll('[data-mark="'+m+'"]').forEach(f);
function show(){document.querySelectorAll('[data-mark]').forEach(e=>e.classList.remove('on','hot'));
steps.slice(0,at+1).forEach(s=>s.show.forEach(m=>each(m,e=>e.classList.add('on'))));
steps[at].mark.forEach(m=>each(m,e=>e.classList.add('hot')));
$('say').textContent=steps[at].text;$('count').textContent='step '+(at+1)+' of '+steps.length;
$('back').disabled=at==0;$('next').disabled=at==steps.length-1}
function go(d){at=Math.min(Math.max(at+d,0),steps.length-1);show()}
$('next').onclick=()=>go(1);$('back').onclick=()=>go(-1);$('all').onclick=()=>go(steps.length);
addEventListener('keydown',e=>{if(e.key=='ArrowRight')go(1);if(e.key=='ArrowLeft')go(-1)});show()</script></html>
"""
