"""Is this value the right one? Shapes, kinds and numbers, compared at the precision of what was handed in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Mismatch", "as_array", "compare", "forgiven"]


@dataclass(frozen=True)
class Mismatch:
    """Why a value is not the expected one."""

    text: str
    evidence: str = ""
    errors: np.ndarray | None = None  # relative error of each entry, in the shape of the value
    size: float = 0.0  # the largest entry that was wanted


def as_array(value: Any) -> np.ndarray | None:
    """The value as a plain numeric array, or None when it is not numbers (strings, None, ragged lists, objects).

    Arrays, NumPy scalars, numbers, and lists and tuples of these; an object that calls itself an array is none: to
    look into it would be to run it.
    """
    if not _is_plain(value):
        return None
    try:
        array = np.array(value, copy=True, subok=False)
    except ValueError:
        return None
    return array if array.dtype.kind in "biufc" else None


def _is_plain(value: Any, depth: int = 0) -> bool:
    if type(value) in (np.ndarray, int, float, bool, complex) or isinstance(value, np.generic):
        return True
    return type(value) in (list, tuple) and depth < 32 and all(_is_plain(v, depth + 1) for v in value)


def describe(value: Any) -> str:
    """A value in a few words: what it is and how large."""
    if value is None:
        return "None"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    array = as_array(value)
    if array is None:
        return f"a {type(value).__name__}"
    return f"the number {array.item():.6g}" if array.shape == () else f"an array of shape {array.shape}"


def precision(array: np.ndarray) -> float:
    """Relative tolerance for values that were computed in the array's own dtype.

    A chain of a few hundred rounded operations loses about √1000 ulps; half precision and less is taken as float32
    would be, so that it is found wrong. float64: 7e-12 · 1e3; float32: 1e-7 · 1e3.
    """
    kind = array.dtype
    eps = np.finfo(kind).eps if kind.kind in "fc" else np.finfo(float).eps
    return float(max(eps, np.finfo(float).eps) * 1e3) if eps < 1e-3 else 1e-4


def compare(what: str, got: Any, want: Any, *, rtol: float | None = None) -> Mismatch | None:
    """None when `got` is `want`; otherwise what is different, in one sentence.

    Dicts are compared key by key, tuples and lists of arrays item by item, numbers and arrays by shape and then by
    value: |got - want| <= rtol · max(|want|, largest |want|). NaN equals NaN, infinity equals infinity of its sign.
    `rtol` defaults to a few hundred ulps of the precision of `got`.
    """
    if isinstance(want, Mapping):
        return _compare_dict(what, got, want, rtol)
    if isinstance(want, tuple) or (
        isinstance(want, list) and any(isinstance(w, np.ndarray | tuple | Mapping) for w in want)
    ):
        if not isinstance(got, tuple | list) or len(got) != len(want):
            return Mismatch(f"{what} should be {len(want)} values, and is {describe(got)}.")
        for i, (g, w) in enumerate(zip(got, want)):
            if (bad := compare(f"{what}[{i}]", g, w, rtol=rtol)) is not None:
                return bad
        return None
    if isinstance(want, str | bytes | bool | type(None)) or as_array(want) is None:
        same = type(got) is type(want) and got == want
        return None if same else Mismatch(f"{what} should be {want!r}, and is {_short(got)}.")
    truth = np.asarray(want)
    array = as_array(got)
    if array is None:
        return Mismatch(f"{what} should be {describe(want)}, and is {describe(got)}.")
    if array.shape != truth.shape:
        return Mismatch(f"{what} has shape {array.shape}, expected {truth.shape}.")
    return _compare_numbers(what, array, truth, precision(array) if rtol is None else rtol)


def forgiven(bad: Mismatch, args: Mapping[str, Any]) -> bool:
    """Whether a mismatch is no more than a few roundings of the largest argument.

    log Σ exp z - z_y loses ulps of z, not of the result, and is right all the same.
    """
    if bad.errors is None:
        return False
    top = max(map(_largest, _arrays(args)), default=0.0)
    return bool(np.max(bad.errors) <= 8 * np.finfo(float).eps * top * max(1.0, 1.0 / (bad.size or 1.0)))


def _arrays(value: Any) -> Iterator[np.ndarray]:
    """All numbers in a value, as arrays."""
    if isinstance(value, Mapping):
        value = list(value.values())
    array = as_array(value)
    if array is not None:
        yield array
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _arrays(item)


def _largest(array: np.ndarray) -> float:
    """The largest size of a finite entry."""
    return float(np.max(np.abs(array[np.isfinite(array)]), initial=0.0))


def _compare_dict(what: str, got: Any, want: Mapping[Any, Any], rtol: float | None) -> Mismatch | None:
    if not isinstance(got, Mapping):
        return Mismatch(f"{what} should be a dict with the keys {_keys(want)}, and is {describe(got)}.")
    if missing := [k for k in want if k not in got]:
        return Mismatch(f"{what} has no key {_keys(missing)}; it has {_keys(got)}.")
    if extra := [k for k in got if k not in want]:
        return Mismatch(f"{what} has a key too many: {_keys(extra)}; expected are {_keys(want)}.")
    for key, value in want.items():
        if (bad := compare(f"{what}[{key!r}]", got[key], value, rtol=rtol)) is not None:
            return bad
    return None


def _compare_numbers(what: str, got: np.ndarray, want: np.ndarray, rtol: float) -> Mismatch | None:
    if got.size == 0:
        return None
    kind = complex if "c" in (got.dtype.kind, want.dtype.kind) else float
    got, want = got.astype(kind), want.astype(kind)
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    with np.errstate(all="ignore"):
        error = np.where(same, 0.0, np.abs(got - want) / max(_largest(want), np.finfo(float).tiny))
    error = np.where(np.isnan(error), np.inf, error)
    if not np.any(error > rtol):
        return None
    bad_values = int(np.sum(~np.isfinite(got) & ~same))
    where = np.unravel_index(int(np.argmax(error)), error.shape)
    at = "".join(f"[{', '.join(map(str, where))}]") if where else ""
    count = int(np.sum(error > rtol))
    evidence = f"{what}{at} is {got[where]:.6g}, expected {want[where]:.6g}"
    evidence += f"; {count} of {got.size} entries differ." if got.size > 1 else "."
    text = f"{what} is wrong."
    if bad_values:
        text = f"{what} holds {bad_values} value{'s' if bad_values > 1 else ''} that {'are' if bad_values > 1 else 'is'} not finite (nan or inf)."
    return Mismatch(text, evidence, np.minimum(error, 1.0), _largest(want))


def _keys(keys: Any) -> str:
    names = [str(k)[:40] for k in list(keys)[:12]]
    return ", ".join(names) + (" …" if len(keys) > 12 else "") if names else "none"


def _short(value: Any) -> str:
    text = (
        repr(value) if isinstance(value, str | bytes | int | float | bool | type(None)) else describe(value)
    )
    return text if len(text) <= 60 else text[:57] + "…"
