"""Constant factors and their names: N, 1/N, 2, ½, ln 2, a hyper-parameter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

__all__ = ["Factor", "factors", "is_size", "name_factor", "ratio"]


_PADS = "mask.sum()/mask.size"


@dataclass(frozen=True)
class Factor:
    """A constant with a name, the mistake it points to, and how far-fetched it is."""

    text: str  # "1/N"
    ids: tuple[str, ...]
    cost: float

    @property
    def says(self) -> str:
        """What it says about a quantity, as the end of a sentence."""
        if self.text == _PADS:
            return "is averaged over all positions, padding included: divide by mask.sum()"
        known = {"-1": "has the wrong sign", "0": "is zero"}
        return known.get(self.text, f"is {self.text} times what it should be")

    @property
    def per_element(self) -> bool:
        """Whether it divides by a size other than that of the batch: a mean over all elements."""
        return (
            self.ids == ("M02",)
            and self.text.startswith("1/")
            and not self.text.endswith(("/N", "/T", "shape[0]"))
        )


def sizes(args: Mapping[str, Any]) -> dict[str, float]:
    """The sizes of the data, by name: {"N": 5, "X.shape[1]": 7, …}; N is the batch, T the number of time steps."""
    found: dict[str, float] = {}
    letters = {(2, 0): "N", (3, 0): "T", (3, 1): "N", (1, 0): "N"}
    if np.ndim(args.get("W", 0)) == 3:  # a convolution: X is (N, C, L)
        letters |= {(3, 0): "N", (3, 1): "C"}
    for name, value in _arrays(args):
        for axis, n in enumerate(value.shape):
            letter = letters.get((value.ndim, axis), "") if name in ("X", "Z", "Y", "Yhat") else ""
            found.setdefault(letter or f"{name}.shape[{axis}]", float(n))
        if name == "mask":
            found["mask.sum()"] = float(value.sum())
            found[_PADS] = float(value.sum() / max(value.size, 1))
    return found


def _arrays(args: Mapping[str, Any]) -> list[tuple[str, np.ndarray]]:
    found = []
    for name, value in args.items():
        if isinstance(value, np.ndarray) and value.ndim:
            found.append((name, value))
        elif isinstance(value, Mapping):
            found += [(str(k), v) for k, v in value.items() if isinstance(v, np.ndarray) and v.ndim]
        elif isinstance(value, tuple | list):
            found += [
                (f"{name}[{i}]", v) for i, v in enumerate(value) if isinstance(v, np.ndarray) and v.ndim
            ]
    return found


def factors(args: Mapping[str, Any]) -> dict[str, tuple[float, Factor]]:
    """Every factor that has a name for these arguments: text -> (value, meaning)."""
    found: dict[str, tuple[float, Factor]] = {}

    def add(text: str, value: float, ids: tuple[str, ...], cost: float) -> None:
        if np.isfinite(value) and text not in found:
            found[text] = (value, Factor(text, ids, cost))

    add("-1", -1.0, ("M01",), 0.0)
    add("0", 0.0, (), 0.0)
    add("2", 2.0, ("M03",), 0.1)
    add("1/2", 0.5, ("M03",), 0.1)
    add("1/ln 2", 1 / math.log(2), ("M04",), 0.1)
    add("ln 2", math.log(2), ("M04",), 0.1)
    add("-2", -2.0, ("M01", "M03"), 0.5)
    add("-1/2", -0.5, ("M01", "M03"), 0.5)
    add("4", 4.0, ("M03",), 0.8)
    add("1/4", 0.25, ("M03",), 0.8)
    known = sizes(args)
    if _PADS in known:
        add(_PADS, known[_PADS], ("M50", "M02"), 0.0)
    single = list(known.items())
    for text, n in single:
        add(text, n, ("M02",), 0.1)
        add(f"1/{text}", 1 / n if n else np.inf, ("M02",), 0.1)
        add(f"-{text}", -n, ("M01", "M02"), 0.5)
        add(f"-1/{text}", -1 / n if n else np.inf, ("M01", "M02"), 0.5)
        if n > 1:
            add(f"2/{text}", 2 / n, ("M02", "M03"), 0.5)
            add(f"{text}/2", n / 2, ("M02", "M03"), 0.5)
            add(f"{text}/({text} - 1)", n / (n - 1), (), 0.5)
            add(f"({text} - 1)/{text}", (n - 1) / n, (), 0.5)
    for (a, m), (b, n) in combinations(single[:16], 2):
        add(f"{a} · {b}", m * n, ("M02",), 0.4)
        add(f"1/({a} · {b})", 1 / (m * n) if m * n else np.inf, ("M02",), 0.4)
        add(f"{a}/{b}", m / n if n else np.inf, ("M02",), 0.45)
        add(f"{b}/{a}", n / m if m else np.inf, ("M02",), 0.45)
    for name, value in _numbers(args).items():
        for text, v in (
            (name, value),
            (f"1/{name}", 1 / value if value else np.inf),
            (f"1 - {name}", 1 - value),
            (f"1/(1 - {name})", 1 / (1 - value) if value != 1 else np.inf),
        ):
            add(text, v, (), 0.3)
            add(f"-({text})", -v, ("M01",), 0.6)
    return found


def is_size(c: float, args: Mapping[str, Any]) -> bool:
    """Whether a constant is a size of the data, or a product of two: N, T · N."""
    return any(f.ids == ("M02",) and abs(v - c) <= 1e-9 * abs(c) for v, f in factors(args).values())


def _numbers(args: Mapping[str, Any]) -> dict[str, float]:
    return {
        k: float(v)
        for k, v in args.items()
        if isinstance(v, float | int | np.number) and not isinstance(v, bool)
    }


def name_factor(
    values: Sequence[float], tables: Sequence[Mapping[str, tuple[float, Factor]]], rtol: float = 1e-8
) -> Factor | None:
    """The cheapest name that the factor has on every instance; an unnamed constant when it is the same on all."""
    best: Factor | None = None
    for text, (value, factor) in tables[0].items():
        if abs(value - values[0]) > rtol * max(1.0, abs(values[0])) or (
            best is not None and factor.cost >= best.cost
        ):
            continue
        if all(
            text in table and abs(table[text][0] - c) <= rtol * max(1.0, abs(c))
            for c, table in zip(values[1:], tables[1:])
        ):
            best = factor
    if best is None and max(values) - min(values) <= rtol * max(1.0, abs(values[0])):
        best = Factor(f"{values[0]:.6g}", (), 2.0)
    return best


def ratio(got: np.ndarray, of: np.ndarray, tol: float) -> float | None:
    """The constant c with got = c · of, by least squares, or None when there is none within tol."""
    if got.shape != of.shape:
        return None
    bottom = float(np.vdot(of, of))
    if not bottom > 0.0 or not np.isfinite(bottom):
        return None
    c = float(np.vdot(of, got)) / bottom
    return c if np.all(np.abs(got - c * of) <= tol) else None
