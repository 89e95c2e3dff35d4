"""Line by line: does each line follow from the one before, and if not, what slipped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

import numpy as np

from ..errors import ExpressionError, UsageError
from .evaluate import draw_points, evaluate, exactly, free_indices
from .latex import latex
from .parser import Expression, dump, parse
from .slips import find_slip

__all__ = ["Report", "check_derivation", "equal"]

_POINTS = 8
_EXACT_POINTS = 3
Truth = Expression | Callable[..., Any]


@dataclass
class Report:
    """What was found in a derivation; everything that is a list has one item a line."""

    credit: list[bool]
    first_wrong: int | None = None
    slip: str = ""  # about the first wrong line: "sign: …", "factor: …", "missing term: …"
    messages: list[str] = field(default_factory=list)  # "" where a line is right
    latex: list[str] = field(default_factory=list)  # "" where a line cannot be read
    proved: list[bool | None] = field(default_factory=list)  # by SymPy, where a proof was asked for

    @property
    def ok(self) -> bool:
        """True when every line earned its credit."""
        return all(self.credit)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        rows = [f"line {i + 1}: {'right' if c else self.messages[i]}" for i, c in enumerate(self.credit)]
        return "\n".join(
            rows + ([f"first wrong: line {self.first_wrong + 1}"] if self.first_wrong is not None else [])
        )


def check_derivation(
    lines: Sequence[str],
    truth: str | Callable[..., Any],
    variables: Mapping[str, Any],
    *,
    given: str | None = None,
    prove: bool = False,
    slips: bool = True,
) -> Report:
    """Compare each line with the line before; the first with `given`, or with the truth where nothing is given.

    truth      what the derivation arrives at: an expression, or a function of the variables
    variables  name -> "real" | "positive" | "unit" | a shape
    prove      ask SymPy for a proof, too, where the lines have no arrays; numbers decide in any case
    slips      look for the likely slip in a wrong line, which takes most of the time; without it only credit is judged

    A line earns its credit when it equals the line before, or the truth where the line before does not (one slip is
    charged once). A line that is the same expression tree as the one before earns nothing.

    Raises: UsageError when `truth`, `given` or `variables` cannot be used.

    >>> report = check_derivation(["(a - y)/(a*(1 - a))", "(a + y)/(a*(1 - a))"], "-(y/a - (1 - y)/(1 - a))", {"a": "unit", "y": "unit"})
    >>> report.credit, report.first_wrong, report.slip
    ([True, False], 1, 'sign: the sign of y is wrong.')
    """
    if isinstance(lines, str):
        lines = [lines]
    try:
        points = draw_points(variables, _POINTS)
        goal: Truth = parse(truth, variables) if isinstance(truth, str) else truth
        before: Expression | None = parse(given, variables) if given is not None else None
        if isinstance(goal, Expression):
            evaluate(goal, points[0])
    except ExpressionError as error:
        raise UsageError(f"check_derivation: truth, given or variables cannot be used: {error}") from None
    report = Report(
        [False] * len(lines), messages=[""] * len(lines), latex=[""] * len(lines), proved=[None] * len(lines)
    )
    for i, text in enumerate(lines):
        line: Expression | None
        try:
            line = parse(text, variables)
            report.latex[i] = latex(line)
            message, slip, follows = _judge(line, before, goal, points, variables if slips else None)
        except ExpressionError as error:
            message, slip, follows, line = error.text, "", False, None
        report.messages[i], report.credit[i] = message, follows and not message
        if not follows and report.first_wrong is None:
            report.first_wrong, report.slip = i, slip or message
        if line is not None:
            if prove and follows:
                from .proof import proved

                report.proved[i] = proved(line, before if before is not None else goal)
            before = line
    return report


def _judge(
    line: Expression,
    before: Expression | None,
    goal: Truth,
    points: Sequence[Mapping[str, Any]],
    variables: Mapping[str, Any] | None,
) -> tuple[str, str, bool]:
    """(message, slip, whether the line follows); no slip is looked for without the variables."""
    if before is not None and dump(line.tree) == dump(before.tree):
        return "It is the same as the line before; a step that changes its form is asked for.", "", True
    source: Truth = goal if before is None else before
    try:
        problem = equal(line, source, points)
    except ExpressionError as error:
        slip = _slip(line, source, points, variables)
        return f"{error.text} {_sentence(slip)}".strip(), slip, False
    if problem is None:
        return "", "", True
    if before is not None and equal(before, goal, points) is not None and equal(line, goal, points) is None:
        return "", "", True  # the slip was charged in the line before
    slip = _slip(line, source, points, variables)
    whence = "the line before" if before is not None else "what is asked for"
    return f"It does not equal {whence}: {problem} {_sentence(slip)}".strip(), slip, False


def _slip(
    line: Expression, source: Truth, points: Sequence[Mapping[str, Any]], variables: Mapping[str, Any] | None
) -> str:
    if variables is None:
        return ""

    def same(repaired: Expression) -> bool:
        try:
            return _quick(repaired, source, points) and equal(repaired, source, points) is None
        except ExpressionError:
            return False

    return find_slip(line, source if isinstance(source, Expression) else None, variables, same)


def _sentence(slip: str) -> str:
    return slip[:1].upper() + slip[1:]


def _value(source: Truth, point: Mapping[str, Any]) -> np.ndarray:
    if isinstance(source, Expression):
        return evaluate(source, point)
    return np.asarray(source(**point), dtype=float)


def _quick(line: Expression, source: Truth, points: Sequence[Mapping[str, Any]]) -> bool:
    """Whether two values agree at the first point, for the search among many repairs."""
    try:
        a, b = evaluate(line, points[0]), _value(source, points[0])
    except (ExpressionError, TypeError):
        return False
    if a.shape != b.shape or not np.all(np.isfinite(a)):
        return len(free_indices(line, points[0])) > 1 and a.size == b.size
    return _close(a, b, 1e-8)


def _close(a: np.ndarray, b: np.ndarray, rtol: float) -> bool:
    top = max(float(np.max(np.abs(a), initial=0.0)), float(np.max(np.abs(b), initial=0.0)))
    return bool(np.all(np.abs(a - b) <= rtol * top))


def equal(line: Expression, source: Truth, points: Sequence[Mapping[str, Any]]) -> str | None:
    """None when a line equals an expression or function at all points; otherwise how they differ.

    Fifty digits decide where they can be had: a difference that cancellation hides is seen, rounding is not.
    Points where neither is finite are left out. Raises: ExpressionError when the line has no value at any point.
    """
    compared = 0
    turn = _axes(line, source, points[0])
    for k, point in enumerate(points):
        a, b = _turned(evaluate(line, point), turn), _value(source, point)
        if a.shape != b.shape:
            if a.shape == b.shape[::-1]:
                return f"its shape is {a.shape}, and {b.shape} is expected: is a transpose missing?"
            return f"its shape is {a.shape}, and {b.shape} is expected."
        if not np.all(np.isfinite(b)):
            continue
        if not np.all(np.isfinite(a)):
            if k == 0 and all(not np.all(np.isfinite(evaluate(line, p))) for p in points):
                raise ExpressionError(
                    "The line has no finite value anywhere: is there a division by zero, or a log of 0?"
                )
            return "it has no finite value at a point where the other has one."
        compared += 1
        if not _close(a, b, 1e-9) or k < _EXACT_POINTS:
            exact = _exact_gap(line, source, point, turn) if isinstance(source, Expression) else None
            if exact is None and not _close(a, b, 1e-7):
                return _shown(a, b, point)
            if exact is not None and exact > 1e-20:
                return _shown(a, b, point)
    if not compared:
        raise ExpressionError("Nothing can be compared: no point gives a finite value.")
    return None


def _axes(line: Expression, source: Truth, point: Mapping[str, Any]) -> tuple[int, ...] | None:
    """The order of the line's free indices that gives the source's axes: i and j are names, not an order.

    Where both have the same free indices, or none, the order stays as it is.
    """
    free = free_indices(line, point)
    if len(free) < 2 or (isinstance(source, Expression) and free_indices(source, point) == free):
        return None
    a, b = evaluate(line, point), _value(source, point)
    rest = tuple(range(len(free), a.ndim))
    orders = [(*p, *rest) for p in permutations(range(len(free)))]
    fitting = [p for p in orders if np.transpose(a, p).shape == b.shape]
    return next((p for p in fitting if _close(np.transpose(a, p), b, 1e-7)), fitting[0] if fitting else None)


def _turned(a: np.ndarray, turn: tuple[int, ...] | None) -> np.ndarray:
    return a if turn is None else np.transpose(a, turn)


def _exact_gap(
    line: Expression, source: Expression, point: Mapping[str, Any], turn: tuple[int, ...] | None
) -> float | None:
    """The relative difference with fifty digits."""
    a, b = exactly(line, point), exactly(source, point)
    if a is None or b is None:
        return None
    a = _turned(a, turn)
    top = max((abs(x) for x in (*np.ravel(a), *np.ravel(b))), default=0)
    gap = max((abs(x - y) for x, y in zip(np.ravel(a), np.ravel(b))), default=0)
    return float(gap / top) if top else 0.0


def _shown(a: np.ndarray, b: np.ndarray, point: Mapping[str, Any]) -> str:
    at = np.unravel_index(int(np.argmax(np.abs(a - b))), a.shape) if a.shape else ()
    small = {k: f"{float(v):.3g}" for k, v in point.items() if np.ndim(v) == 0}
    where = f" at {', '.join(f'{k} = {v}' for k, v in list(small.items())[:4])}" if small else ""
    return f"it is {float(a[at]):.6g}, and {float(b[at]):.6g} is expected{where}."
