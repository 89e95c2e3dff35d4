"""Numerical slopes with an error that is measured: noise level, step by search, kinks.

A function is looked at along a line, φ(t) = f(x + t v). Its own noise comes from a table of differences at very close
points (J. J. Moré and S. M. Wild, "Estimating computational noise", SIAM J. Sci. Comput. 33, 2011); the slope from
central differences with one Richardson step; the step is moved until rounding and truncation are about equal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np

__all__ = ["Line", "Slope", "noise", "slope", "with_kink"]

Phi = Callable[[float], float]
EPS = float(np.finfo(float).eps)


class Line:
    """φ(t) with its values remembered, so that no point is evaluated twice."""

    def __init__(self, phi: Phi) -> None:
        self._phi = phi
        self._known: dict[float, float] = {}

    def __call__(self, t: float) -> float:
        if t not in self._known:
            self._known[t] = float(self._phi(t))
        return self._known[t]

    @property
    def calls(self) -> int:
        """How many points were evaluated."""
        return len(self._known)


@dataclass(frozen=True)
class Slope:
    """φ′(0), how far it may be off, the step it was found with; left and right differ at a kink."""

    value: float
    error: float
    step: float
    left: float
    right: float
    kink: bool = False


def noise(phi: Phi, h: float = 1e-9, points: int = 7) -> float:
    """Standard deviation of the rounding noise in φ near 0.

    The k-th differences of a smooth function at close points vanish, those of noise ε do not: their mean square is
    ε² (2k)!/(k!)². Where most values are equal (a staircase: float32 inside) the points are spread until they differ.
    """
    for _ in range(6):
        ts = (np.arange(points) - points // 2) * h
        values = np.array([phi(float(t)) for t in ts])
        if not np.all(np.isfinite(values)):
            return float("inf")
        if len(np.unique(values)) >= points - 1:
            break
        h *= 30
    if len(np.unique(values)) == 1:
        # constant: the last digit of the value
        return EPS * max(float(np.max(np.abs(values))), np.finfo(float).tiny)
    table, level = values, []
    signs = []
    for k in range(1, points - 1):
        table = np.diff(table)
        level.append(float(np.sqrt(np.mean(table**2) / comb(2 * k, k))))
        signs.append(bool(np.any(table[:-1] * table[1:] < 0)))
    floor = EPS * float(np.max(np.abs(values))) / 2
    for k in range(len(level) - 2):
        three = level[k : k + 3]
        if signs[k] and max(three) <= 4 * max(min(three), np.finfo(float).tiny):
            return max(level[k + 1], floor)
    return max(min(level[2:]), floor)


def slope(phi: Phi, eps: float, start: float = 1e-2, good: float = 1e-10, scale: float = 0.0) -> Slope:
    """φ′(0) with a measured error.

    eps    noise of φ
    start  first step; it is moved up while rounding dominates and down while truncation does
    good   stop when the error is below good · max(|slope|, scale)
    """
    best: tuple[float, float, float] | None = None  # error, value, step
    tried: set[float] = set()
    h, down = start, 0
    while h not in tried and len(tried) < 12 and 1e-9 < h < 1e3:
        tried.add(h)
        d = [(phi(s) - phi(-s)) / (2 * s) for s in (h, h / 2, h / 4)]
        if not np.all(np.isfinite(d)):
            h /= 16
            continue
        one, two = (4 * d[1] - d[0]) / 3, (4 * d[2] - d[1]) / 3
        # far away the values are larger, and so is their rounding
        growth = max(1.0, (abs(phi(h)) + abs(phi(-h))) / (2 * abs(phi(0.0)) + np.finfo(float).tiny))
        truncation, rounding = abs(two - one), 2.0 * eps * growth / (h / 4)
        # two levels can agree by luck: the third keeps them honest
        truncation = max(truncation, abs(d[2] - d[1]) * 0.02)
        error = truncation + rounding
        if best is None or error < best[0]:
            best = (error, two, h)
            down = 0
        else:
            down += 1
        if error <= good * max(abs(two), scale) or down > 2:
            break
        h = h * 4 if rounding > 3 * truncation else h / 4 if truncation > 3 * rounding else h
    if best is None:
        nan = float("nan")
        return Slope(nan, float("inf"), h, nan, nan)
    error, value, step = best
    return Slope(value, error, step, value, value)


def with_kink(phi: Phi, eps: float, found: Slope, start: float = 1e-2) -> Slope:
    """The slope again, after a look for a kink at 0 or close by.

    A kink is a jump between the slopes from the left and from the right that does not shrink with the step. One that
    disappears at smaller steps lies beside 0: then the slope is the one that is seen below it. One that stays until
    rounding hides it is at 0: `left` and `right` are the slopes on its two sides.
    """
    zero = phi(0.0)
    seen: list[tuple[float, float, float, float]] = []  # step, left, right, rounding
    for k in range(8):
        h = start / 4 * 0.1**k
        # second order from one side: (4 φ(h/2) - φ(h) - 3 φ(0)) / h
        right = (4 * phi(h / 2) - phi(h) - 3 * zero) / h
        left = -(4 * phi(-h / 2) - phi(-h) - 3 * zero) / h
        seen.append((h, left, right, 16 * eps / h))
    if not np.all(np.isfinite(seen)):
        return found
    floor = 1e-6 * max(abs(found.value), *(max(abs(s[1]), abs(s[2])) for s in seen))
    jumps = [abs(right - left) for _, left, right, _ in seen]
    clear = [jump > 10 * rounding + floor for jump, (*_, rounding) in zip(jumps, seen)]
    stays = [k for k in range(len(seen) - 1) if clear[k] and clear[k + 1] and jumps[k + 1] > 0.4 * jumps[k]]
    if not stays:
        return found
    below = [
        k
        for k in range(stays[-1] + 1, len(seen))
        if not clear[k] and seen[k][3] < 1e-3 * max(jumps[j] for j in stays)
    ]
    if below:
        h, left, right, rounding = seen[below[0]]
        return Slope((left + right) / 2, abs(right - left) + rounding, h, left, right)
    # the jump's own plateau, at a step where rounding is small
    h, left, right, rounding = seen[stays[len(stays) // 2]]
    return Slope((left + right) / 2, rounding + 1e-6 * abs(right - left), h, left, right, True)
