"""Pages that show a drawing step by step: buttons, a slider and the arrow keys move; no network, no kernel is needed.

A page is dark where the notebook around it is: JupyterLab and VS Code say so on their body, and a frame takes the colour
scheme of its element. In a browser of its own it is as the system prefers. Drawings keep their light card.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from course.toolbox.draw.svg import Drawing

__all__ = ["Page", "as_script", "stepped"]


@dataclass(frozen=True)
class Page:
    """A self-contained page: `.html` is all of it, `.data` what it was made from. It needs no network.

    Where a notebook is not trusted, and so shows no frames, it says what the page would show.
    """

    html: str
    alt: str
    data: dict[str, Any]
    height: int = 560

    def _repr_html_(self) -> str:
        return (
            f'{_AROUND}<iframe class="course-page" srcdoc="{escape(self.html)}" title="{escape(self.alt)}" '
            f'sandbox="allow-scripts" style="height:{self.height}px"></iframe>'
            f'<p class="course-page-words">{escape(self.alt)} Run the cell to see the page.</p>'
        )

    def __repr__(self) -> str:
        return f"Page: {self.alt}"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page to a file, which any browser opens."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.html)


# what follows the style is for readers whose notebook drops styles and frames
_AROUND = """<style>.course-page{box-sizing:border-box;display:block;width:100%;border:1px solid #8888}
[data-jp-theme-light=true] .course-page,.vscode-light .course-page,.vscode-high-contrast-light .course-page{color-scheme:light}
[data-jp-theme-light=false] .course-page,.vscode-dark .course-page,.vscode-high-contrast:not(.vscode-high-contrast-light) .course-page{color-scheme:dark}
.course-page-words{display:none}</style>"""


def as_script(data: Any) -> str:
    """Plain data as it may stand inside a script of a page."""
    return json.dumps(data).replace("<", "\\u003c")


def stepped(
    drawing: Drawing,
    steps: Sequence[Mapping[str, Any]],
    title: str,
    alt: str,
    data: dict[str, Any],
    height: int = 560,
) -> Page:
    """A page that walks through a drawing.

    A step has `text`; `show`, the marks of the drawing that appear with it; and `mark`, those that stand out in it.
    Marks that begin with v or g are hidden until they are shown.
    """
    html = _PAGE.replace("%TITLE%", escape(title)).replace("%LAST%", str(len(steps) - 1))
    html = html.replace("%SVG%", drawing.svg).replace("%STEPS%", as_script(list(steps)))
    return Page(html, alt, data, height)


_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>%TITLE%</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:1rem;color:CanvasText}
button{font:inherit;padding:.2rem .8rem;margin:0 .4rem .3rem 0}input{vertical-align:middle;width:min(9rem,30%)}
#say{min-height:3em;margin:.3rem 0;font-weight:600}p{margin:.3rem 0}
[data-mark^=v],[data-mark^=g]{visibility:hidden}[data-mark].on{visibility:visible}
[data-mark].hot{stroke:#b3470f;stroke-width:3}text[data-mark].hot{stroke:none}</style>
<p><button id="back">Back</button><button id="next">Next</button><button id="play">Play</button>
<button id="all">Show all</button><input id="at" type="range" min="0" max="%LAST%" value="0" aria-label="step">
<span id="count"></span></p><p id="say" role="status" aria-live="polite"></p>%SVG%
<script>const steps=%STEPS%;let at=0,run=null;const $=i=>document.getElementById(i);
const each=(m,f)=>document.querySelectorAll('[data-mark="'+m+'"]').forEach(f);
function show(){document.querySelectorAll('[data-mark]').forEach(e=>e.classList.remove('on','hot'));
steps.slice(0,at+1).forEach(s=>s.show.forEach(m=>each(m,e=>e.classList.add('on'))));
steps[at].mark.forEach(m=>each(m,e=>e.classList.add('hot')));
$('say').textContent=steps[at].text;$('count').textContent='step '+(at+1)+' of '+steps.length;$('at').value=at;
$('back').disabled=at==0;$('next').disabled=at==steps.length-1}
function go(d){at=Math.min(Math.max(at+d,0),steps.length-1);show()}
function stop(){clearInterval(run);run=null;$('play').textContent='Play'}
$('play').onclick=()=>{if(run)return stop();if(at==steps.length-1)at=-1;$('play').textContent='Stop';go(1);
run=setInterval(()=>{go(1);if(at==steps.length-1)stop()},700)};
$('next').onclick=()=>go(1);$('back').onclick=()=>go(-1);$('all').onclick=()=>go(steps.length);
$('at').oninput=e=>go(+e.target.value-at);
addEventListener('keydown',e=>{if(e.target.id=='at')return;
if(e.key=='ArrowRight')go(1);if(e.key=='ArrowLeft')go(-1)});show()</script></html>
"""
