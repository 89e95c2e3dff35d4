"""The class report: one page that says what the class understood, which mistakes it made, and what is left to do."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from autograder.course_folder import CourseFolder
from autograder.errors import UsageError
from autograder.files import write_atomically
from autograder.release.source import load

from .feedback import page
from .tasks import Task, headline, name_of, tasks_of_class

__all__ = ["questions", "write_report"]

SLOW = 4.0  # times the median


def write_report(folder: CourseFolder, name: str, results: Sequence[dict[str, Any]]) -> Path:
    """Write `reports/ASSIGNMENT.html`."""
    graded = [r for r in results if r["status"] == "graded"]
    try:
        rubrics = load(folder.solutions, name).info.get("manual", {})
    except UsageError:
        rubrics = {}
    html = page(
        "class_report.html",
        title=next((headline(r["notebook"]) for r in graded), "") or name,
        name=name,
        results=[{**r, "waiting": sum(1 for c in r["cells"] if c["score"] is None)} for r in results],
        graded=graded,
        total=len(results),
        most=max((r["max_score"] for r in results), default=0.0),
        median=median([r["score"] for r in graded]) if graded else 0.0,
        waiting=sum(1 for r in graded for c in r["cells"] if c["score"] is None),
        histogram=_histogram(
            [r["score"] for r in graded], max((r["max_score"] for r in results), default=0.0)
        ),
        questions=[{**q, "bar": _bar(q["share"] or 0.0)} for q in questions(graded)],
        misconceptions=_misconceptions(graded),
        odd=_odd(results),
        manual=_manual(graded, rubrics),
    )
    path = folder.reports / f"{name}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, html)
    return path


def questions(graded: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean, share of points, how many got all and nothing, discrimination (corrected item-total correlation).

    Answers that wait for a mark by hand are left out, and counted.
    """
    if not graded:
        return []
    totals = np.array([r["score"] for r in graded], float)
    known = tasks_of_class(graded)
    rows = []
    for i, cell in enumerate(graded[0]["cells"]):
        if cell["status"] == "excused" or cell["max_score"] <= 0:
            continue
        given = [r["cells"][i]["score"] for r in graded]
        scores = np.array([s for s in given if s is not None], float)
        rest = totals - (0.0 if cell["bonus"] else np.array([s or 0.0 for s in given], float))
        waiting = len(given) - len(scores)
        spread = len(scores) > 2 and not waiting and scores.std() > 0 and rest.std() > 0
        rows.append(
            {
                **_named(cell, known),
                "bonus": cell["bonus"],
                "most": cell["max_score"],
                "waiting": waiting,
                "mostly_waiting": waiting > len(scores),
                "mean": float(scores.mean()) if scores.size else None,
                "share": float(scores.mean() / cell["max_score"]) if scores.size else None,
                "full": int(np.sum(scores >= cell["max_score"] - 1e-9)),
                "zero": int(np.sum(scores == 0)),
                "discrimination": float(np.corrcoef(scores, rest)[0, 1]) if spread else None,
            }
        )
    return rows


def _misconceptions(graded: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    known = tasks_of_class(graded)
    who: dict[str, list[str]] = {}
    example: dict[str, dict[str, Any]] = {}
    for result in graded:
        for cell in result["cells"]:
            for finding in cell.get("findings", []):
                for number in finding["ids"]:
                    if result["student"] not in who.setdefault(number, []):
                        who[number].append(result["student"])
                    example.setdefault(number, {"example": finding["text"], **_named(cell, known)})
    order = sorted(who, key=lambda m: (-len(who[m]), m))
    return [
        {
            "id": m,
            "count": len(who[m]),
            "who": ", ".join(who[m][:6]) + (" …" if len(who[m]) > 6 else ""),
            **example[m],
        }
        for m in order
    ]


def _odd(results: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    usual = median([r["seconds"] for r in results]) if results else 0.0
    odd = []
    for result in results:
        if result["status"] == "failed":
            odd.append({"student": result["student"], "why": f"not graded: {result['message']}"})
            continue
        typed = re.search(r"student_id\s*=\s*[\"']([^\"'\n]*)[\"']", result["typed_id"])
        if typed is not None and typed[1].strip() not in ("", result["student"]):
            odd.append({"student": result["student"], "why": f"typed the id {typed[1].strip()[:40]!r}"})
        if result["seconds"] > max(SLOW * usual, 5.0):
            odd.append(
                {
                    "student": result["student"],
                    "why": f"took {result['seconds']:.1f} s, the median is {usual:.1f} s",
                }
            )
        stopped = Counter(c["status"] for c in result["cells"])["timeout"]
        if stopped:
            odd.append(
                {
                    "student": result["student"],
                    "why": f"{stopped} test{'s' if stopped > 1 else ''} ran out of time",
                }
            )
    return odd


def _manual(graded: Sequence[dict[str, Any]], rubrics: dict[str, Any]) -> list[dict[str, Any]]:
    waits = Counter(c["grade_id"] for r in graded for c in r["cells"] if c["score"] is None)
    known = tasks_of_class(graded)
    return [
        {**_named(c, known), "count": count, "rubric": rubrics.get(c["grade_id"], {}).get("rubric", [])}
        for c in (graded[0]["cells"] if graded else [])
        if (count := waits[c["grade_id"]])
    ]


def _named(cell: dict[str, Any], known: Mapping[str, Task]) -> dict[str, Any]:
    name = name_of(cell)
    return {"name": name, "title": known.get(name, Task(name, "")).title}


def _bar(share: float) -> str:
    width = 90
    return (
        f'<svg width="{width}" height="10" aria-hidden="true"><rect width="{width}" height="10" fill="none" stroke="currentColor" '
        f'stroke-opacity=".35"/><rect width="{width * min(max(share, 0), 1):.1f}" height="10" fill="var(--bar)"/></svg>'
    )


def _histogram(scores: Sequence[float], most: float) -> str:
    """Ten bins from 0 to the maximum, as SVG with the counts written out."""
    if not scores or most <= 0:
        return "<p>Nothing to show yet.</p>"
    counts, edges = np.histogram(np.clip(scores, 0, most), bins=10, range=(0, most))
    top, width, height = max(int(counts.max()), 1), 56, 120
    bars = []
    for i, count in enumerate(counts):
        tall = height * int(count) / top
        x = i * width + 4
        bars.append(
            f'<rect x="{x}" y="{24 + height - tall:.1f}" width="{width - 8}" height="{tall:.1f}" fill="var(--bar)"/>'
            f'<text x="{x + (width - 8) / 2}" y="{18 + height - tall:.1f}" text-anchor="middle">{int(count) or ""}</text>'
            f'<text x="{x - 4}" y="{height + 42}" text-anchor="middle">{edges[i]:g}</text>'
        )
    bars.append(f'<text x="{10 * width}" y="{height + 42}" text-anchor="middle">{most:g}</text>')
    words = ", ".join(f"{int(c)} from {edges[i]:g} to {edges[i + 1]:g}" for i, c in enumerate(counts) if c)
    return (
        f'<svg role="img" aria-label="Points: {words}" viewBox="-16 0 {10 * width + 34} {height + 64}" width="{10 * width + 34}" '
        f'font-size="13" fill="currentColor"><title>{words}</title>{"".join(bars)}'
        f'<text x="{5 * width}" y="{height + 60}" text-anchor="middle">points</text></svg>'
    )
