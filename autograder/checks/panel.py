"""What a check cell shows: a compact panel as HTML and as plain text, made of the same few facts.

Both take an `Outcome` or the JSON of a graded cell, so the laptop, formgrader and the feedback page look alike. All words
have the colour of the page around them, undimmed: a panel cannot know whether the theme of JupyterLab or VS Code is dark,
and what is grey on one is invisible on the other. Only the edge and the picture have colours, seen on both.
"""

from __future__ import annotations

import html
import sys
from typing import Any

import numpy as np

from .entry import Outcome

__all__ = ["as_html", "as_text", "display", "facts", "points_of", "status_of"]

_MARK = {
    "passed": "✓",
    "failed": "✗",
    "error": "✗",
    "timeout": "✗",
    "not_run": "○",
    "manual": "✎",
    "excused": "–",
}
_WORD = {
    "passed": "passed",
    "failed": "not yet right",
    "error": "stopped with an error",
    "timeout": "out of time",
    "not_run": "not answered yet",
    "manual": "marked by hand",
    "excused": "not counted",
}
# at least 3 : 1 on white and on the dark grounds of editors
_BAD = "#d93a2f"
_EDGE = {"passed": "#2e8b3d", "failed": _BAD, "error": _BAD, "timeout": _BAD}
_CALM = "#7a8290"
_BOX = "padding:.4em .8em;margin:.3em 0;font-family:system-ui,sans-serif;font-size:14px;line-height:1.45;max-width:60em"
_CODE = "color:inherit;background:none;padding:0;white-space:normal"  # the page's own may be too pale
# the points that a check returns are for nbgrader; JupyterLab and VS Code would print them once more below the panel
_ONCE = (
    "<style>.jp-OutputArea-child:has(.course-panel)+.jp-OutputArea-executeResult,"
    ".output_container:has(.course-panel)+.output_container:has(.output-plaintext){display:none}</style>"
)
_SMALL = "font-size:13px;overflow-wrap:anywhere"


def facts(what: Outcome | dict[str, Any]) -> dict[str, Any]:
    """The facts of a panel from an outcome or from the JSON of a graded cell."""
    if isinstance(what, dict):
        aspects = [(name, got, most) for _, name, got, most in what.get("aspects", [])]
        title, status = what["grade_id"].removeprefix("test-"), status_of(what)
        message = "" if status != what["status"] else what.get("message", "")
        return {
            **what,
            "title": title,
            "status": status,
            "message": message,
            "aspects": aspects,
            "pictures": [],
        }
    return {
        "title": what.entry,
        "score": what.score,
        "max_score": what.max_score,
        "status": what.status,
        "aspects": what.aspects,
        "notes": list(what.notes),
        "message": what.message,
        "findings": [
            {
                "aspect": f.aspect,
                "text": f.text,
                "status": f.status,
                "ids": list(f.ids),
                "evidence": f.evidence,
                "line": f.line,
                "hints": list(f.hints),
            }
            for f in what.findings
        ],
        "pictures": [
            (f.aspect, f.errors) for f in what.findings if f.errors is not None and f.errors.size > 1
        ],
    }


def as_text(what: Outcome | dict[str, Any]) -> str:
    """The panel as plain text."""
    fact = facts(what)
    lines = [
        f"{_MARK.get(fact['status'], '?')} {fact['title']}: {_WORD.get(fact['status'], fact['status'])}{_points(fact)}"
    ]
    lines += [f"  {note}" for note in fact.get("notes", [])]
    for finding in _told_once(fact["findings"]):
        where = f" (line {finding['line']})" if finding.get("line") else ""
        what_lost = f"✗ {', '.join(finding['aspects'])}: " if fact["status"] != "not_run" else ""
        lines.append(f"  {what_lost}{finding['text']}{where}")
        if finding.get("evidence"):
            lines.append(f"    {finding['evidence']}")
        if finding.get("hints"):
            lines.append(f"    Hint: {finding['hints'][0]}")
    if not fact["findings"] and fact["status"] not in ("passed", "manual") and fact.get("message"):
        lines.append(f"  {fact['message']}")
    return "\n".join(lines)


def as_html(
    what: Outcome | dict[str, Any], totals: tuple[float, float] | None = None, named: bool = True
) -> str:
    """The panel as one HTML element without scripts; colours only repeat what words and signs say.

    Without a name it begins with the result: for a page whose heading is the name.
    """
    fact = facts(what)
    e = html.escape
    status = fact["status"]
    edge = _EDGE.get(status, _CALM)
    word = str(_WORD.get(status, status))
    head, rest = (str(fact["title"]), f" — {word}") if named else (word, "")
    parts = [
        f'<div class="course-panel" role="group" aria-label="{e(str(fact["title"]))}" '
        f'style="border-left:4px solid {edge};{_BOX}">',
        f"<div><b>{_MARK.get(status, '?')} {e(head)}</b>{e(rest)}{_points(fact)}</div>",
    ]
    lost = {name for name, got, most in fact["aspects"] if got < most}
    kept = {name for name, got, _ in fact["aspects"] if got}
    if lost and kept:
        chips = " · ".join(
            f'<span style="white-space:nowrap">{"✗" if got < most else "✓"} {e(name)} {got:g}/{most:g}</span>'
            for name, got, most in fact["aspects"]
        )
        parts.append(f'<div style="{_SMALL}">{chips}</div>')
    parts += [f"<div>{e(note)}</div>" for note in fact.get("notes", [])]
    for finding in _told_once(fact["findings"]):
        where = f" <i>Line {finding['line']} of your cell.</i>" if finding.get("line") else ""
        # a mistake that costs everything needs no list of what it costs
        name = (
            f"<b>{e(', '.join(finding['aspects']))}:</b> " if kept or set(finding["aspects"]) < lost else ""
        )
        text = finding["text"] if finding["text"].endswith((".", "!", "?")) else finding["text"] + "."
        parts.append(f'<div style="margin-top:.3em">{name}{e(text)}{where}</div>')
        if finding.get("evidence"):
            parts.append(f'<div style="{_SMALL}"><code style="{_CODE}">{e(finding["evidence"])}</code></div>')
        parts += [_picture(errors, name) for name, errors in fact["pictures"] if name in finding["aspects"]][
            :1
        ]
        if finding.get("hints"):
            parts.append(_hints(finding["hints"]))
    if not fact["findings"] and status not in ("passed", "manual") and fact.get("message"):
        parts.append(f"<div>{e(fact['message'])}</div>")
    if totals is not None and totals[1]:
        parts.append(
            f'<div style="{_SMALL};margin-top:.3em">So far {totals[0]:g} of {totals[1]:g} points in this notebook.</div>'
        )
    return "".join(parts) + "</div>"


def display(outcome: Outcome, totals: tuple[float, float]) -> None:
    """Show the panel: as HTML where a notebook listens, as text elsewhere."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None or not hasattr(shell, "kernel"):
        print(as_text(outcome))
        return
    from IPython.display import display as show

    show({"text/html": as_html(outcome, totals) + _ONCE, "text/plain": as_text(outcome)}, raw=True)


def status_of(cell: dict[str, Any]) -> str:
    """The status of a graded cell as people read it: what is marked by hand may also be without an answer."""
    return (
        "not_run" if cell["status"] == "manual" and cell.get("message") == "Not answered." else cell["status"]
    )


def points_of(fact: dict[str, Any]) -> str:
    """Points in words, of the facts of a panel or of the JSON of a graded cell."""
    most = f"{fact['max_score']:g} point{'' if fact['max_score'] == 1 else 's'}"
    return f"up to {most}, not marked yet" if fact["score"] is None else f"{fact['score']:g} of {most}"


def _points(fact: dict[str, Any]) -> str:
    """The points after a comma; nothing where there are none to have, as in a warm-up."""
    return f", {points_of(fact)}" if fact["max_score"] else ""


def _told_once(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Findings with the same sentence are told once, for all their aspects; of several errors the first."""
    told: dict[str, dict[str, Any]] = {}
    for finding in findings:
        key = finding["text"] if finding["status"] == "failed" else finding["status"]
        told.setdefault(key, {**finding, "aspects": []})["aspects"].append(finding["aspect"])
    return list(told.values())


def _hints(hints: list[str]) -> str:
    """Hints one inside the other: the next one is shown on request."""
    inner = ""
    for number in range(len(hints), 0, -1):
        text = html.escape(hints[number - 1])
        inner = f'<details style="margin:.15em 0 0 .6em"><summary style="cursor:pointer">Hint {number}</summary>{text}{inner}</details>'
    return inner


def _picture(errors: np.ndarray, name: str) -> str:
    """A heat map of relative errors: dark cells and crosses are wrong entries."""
    grid = np.atleast_2d(errors.reshape(errors.shape[0], -1) if errors.ndim > 1 else errors)[:24, :48]
    rows, columns = grid.shape
    size = 12
    wrong = grid > 1e-6
    boxes = []
    for i in range(rows):
        for j in range(columns):
            shade = (
                0.15 + 0.6 * float(min(1.0, max(0.0, 1 + np.log10(max(grid[i, j], 1e-12)) / 6)))
                if wrong[i, j]
                else 0.0
            )
            fill = f'fill="{_BAD}" fill-opacity="{shade:.2f}"' if wrong[i, j] else 'fill="none"'
            boxes.append(
                f'<rect x="{j * size}" y="{i * size}" width="{size}" height="{size}" {fill} stroke="#888" stroke-width=".5"/>'
            )
            if wrong[i, j]:
                x, y = j * size, i * size
                boxes.append(
                    f'<path d="M{x + 3} {y + 3}l6 6m0 -6l-6 6" stroke="currentColor" stroke-width="1"/>'
                )
    count = f"{int(wrong.sum())} of {errors.size} entries of {html.escape(name)} are wrong"
    return (
        f'<svg role="img" aria-label="{count}" width="{columns * size + 2}" height="{rows * size + 2}" '
        'style="max-width:100%;height:auto" '
        f'viewBox="-1 -1 {columns * size + 2} {rows * size + 2}"><title>{count}</title>{"".join(boxes)}</svg>'
        f'<div style="{_SMALL}">{count} (crossed out).</div>'
    )
