"""Where is the mistake? The first line of a recorded run whose array is no longer a known quantity.

`linetrace.record_lines` writes down (line, variable, array) of one run of the student's function; here the arrays are
compared with what the tape knows: values, gradients, local derivatives. Known means equal up to a factor, a transpose
or a slice in time. A mistake may be older than what shows it: a right quantity under another name (dZ = dA), a factor, a
sum that starts from ones, a helper that is called with the wrong thing. Of what cannot be told no line is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .linetrace import Line
from .quantities import Quantities, and_steps, equal
from .values import as_array

__all__ = ["first_seen", "locate", "locate_formed", "locate_gradients"]

_RETURN = re.compile(r"return of (\w+):(\d{1,6})")  # not of what stands within a line, <listcomp>


def locate(known: Quantities, trace: Sequence[Line]) -> int | None:
    """The line where the mistake is first seen, or None.

    It is the first line that gives an array which only the mistake gives, or an array of more than one number that is
    not known up to a factor and a transpose. Where every value that the mistake spoils is known, only these are looked for.
    """
    found = _find(known, trace, not known.explained)
    return _made(known, trace) if found is None else found[0]


def locate_gradients(
    known: Quantities, wrong: Iterable[Any], trace: Sequence[Line], before: Sequence[Line] = ()
) -> int | None:
    """As `locate`, for a backward pass with these wrong results; they may be right quantities in the wrong place.

    before  the lines of a right forward pass that forms gradients
    """
    line, table = locate(known, trace), _Table(known.known)
    for one in map(np.asarray, wrong) if line is None else ():
        # of what is wrong only the helpers' results: the others are right quantities here
        alone = replace(known, result=(one,), explained=True)
        if line is None and (before or table.has(one, scaled=False)):
            line = _made(alone, [*before, *trace])
        line = line or locate(alone, trace)
    return line


def locate_formed(known: Quantities, trace: Sequence[Line]) -> int | None:
    """As `locate`, for a right forward pass that may form the gradients: what is strange counts from there on."""
    found = _find(known, trace, False)
    if found is None:
        return None
    line, k = found
    return locate(known, trace[: k + 1]) or line


def _find(known: Quantities, trace: Sequence[Line], curious: bool) -> tuple[int, int] | None:
    """The line of the mistake, and the number of the record that shows it; only the curious mind what is unknown."""
    table, bad = _Table(known.known), _Table(known.wrong)
    # a right quantity in the place of the result is wrong where it is returned, not where it is computed
    results = [r for r in known.result if not known.holds(r)]
    whole, steps = _Table(results, steps=False), _Table(results)

    def spoilt(value: np.ndarray) -> bool:
        if value.size == 0:
            return False
        plain = np.all(value == value.flat[0]) if value.size > 1 else float(value.flat[0]) in (0.0, 1.0)
        if plain:  # zeros, to begin with
            return False
        if whole.has(value, scaled=False):
            return True
        wrong = bad.has(value, scaled=False) or steps.has(value, scaled=False)
        return wrong and not table.has(value, scaled=False)

    def strange(k: int, value: np.ndarray) -> bool:
        varied = value.dtype.kind == "f" and value.size > 1 and bool(np.any(value != value.flat[0]))
        if varied and value.ndim == 3 and all(table.has(v, scaled=True) or not np.any(v) for v in value):
            return False  # some time steps of it
        return varied and not table.has(value, scaled=True) and not _unfinished(trace, k, table)

    shapes = {np.shape(a) for a in known.known}
    odd = {r.shape for r in known.result if r.ndim and shapes and r.shape not in shapes}
    for k, (line, _, value) in enumerate(trace):
        if value.shape in odd:
            return line, k
        if not curious and known.explained and value.ndim == 3 and any(map(spoilt, value[:64])):
            return line, k  # an array of all time steps is filled step by step
        if (wrong := spoilt(value)) or (curious and strange(k, value)):
            named = _Table(known.named)
            earlier = _started_wrong(trace, k, table) or _displaced(trace, k, known)
            earlier = earlier or _scaled(trace, k, known, table)
            inside = _helper(trace, k, bad) if wrong else None
            if known.result and not known.explained:
                inside = inside or _helpers_value(trace, k, named)
            return earlier or inside or _caller(trace, k, named) or line, k
    return None


def _helper(trace: Sequence[Line], k: int, bad: _Table) -> int | None:
    """The line on which a helper returned what makes a value wrong, just before: a local derivative, perhaps."""
    line, _, whole = trace[k]
    before, _, value = trace[k - 1] if k else trace[k]
    if before == line or not _is_return(trace[k - 1]) or value.size not in (1, whole.size):
        return None
    return before if bad.has(value if value.size > 1 else np.full(whole.shape, value), scaled=False) else None


def _caller(trace: Sequence[Line], k: int, right: _Table) -> int | None:
    """The line that calls a helper which is right for other arrays."""
    begins = {int(m[2]): m[1] for _, name, _ in trace if (m := _RETURN.match(name))}
    begin = max((b for b in begins if b <= trace[k][0]), default=None)
    if begin is None:
        return None
    calls: list[list[int]] = []  # what each call of the helper returned
    for n, (_, name, _) in enumerate(trace):
        if (m := _RETURN.match(name)) and int(m[2]) == begin:
            if not calls or calls[-1][-1] != n - 1:
                calls.append([])
            calls[-1].append(n)
    this = next((call for call in calls if call[-1] >= k), [len(trace) - 1])
    for call in calls:
        between = trace[min(call[0], this[0]) + 1 : max(call[0], k) + 1]
        again = call is not this and any(name.startswith(f"{begins[begin]}(") for _, name, _ in between)
        if again and all(right.has(trace[n][2], scaled=False) for n in call) and this[-1] + 1 < len(trace):
            return trace[this[-1] + 1][0]
    return None


def _displaced(trace: Sequence[Line], k: int, known: Quantities) -> int | None:
    """The line, before the first strange one, that put a right quantity in the place of another: dZ = dA."""
    for wrong in known.displaced:
        same = [n for n in range(k) if equal(trace[n][2], wrong) and _is_assigned(trace[n])]
        if len({trace[n][0] for n in same}) > known.computed(wrong):
            return trace[same[-1]][0]
    return None


def _scaled(trace: Sequence[Line], k: int, known: Quantities, table: _Table) -> int | None:
    """The line, before the first strange one, that brought a constant factor in."""
    for line, _, value in trace[:k]:
        varied = value.size > 1 and np.ptp(value) and not table.has(value, scaled=False)
        if varied and any(table.has(value / c, scaled=False) for c in known.factors):
            return line
    return None


def _started_wrong(trace: Sequence[Line], k: int, table: _Table) -> int | None:
    """The line that made an array of ones, or of another constant, which no right solution has: it had to be 0."""
    for line, name, start in trace[:k]:
        constant = start.size > 1 and np.any(start) and not np.ptp(start) and not name.endswith(")")
        if constant and start.shape == trace[k][2].shape and not table.has(start, scaled=False):
            return line
    return None


def _helpers_value(trace: Sequence[Line], k: int, named: _Table) -> int | None:
    """The line, before the first strange one, on which a helper returned what has no name in the formula."""
    for line, name, value in trace[:k]:
        result = name.startswith("return of ") and name.count("[") < 2  # not a part of a cache
        parts = value if value.ndim == 3 else (value,)
        if result and value.size > 1 and np.ptp(value) and not all(named.has(p, scaled=False) for p in parts):
            return line
    return None


def first_seen(value: Any, trace: Sequence[Line]) -> int | None:
    """The line that first gives a wrong result; of one with nan or inf, the line where such a value first appears.

    None where a variable gets several values on that line, in a loop: the mistake may lie long before it.
    """
    wrong = as_array(value)
    if wrong is None or wrong.dtype.kind == "c":
        return None
    wrong = wrong.astype(float)
    trace = [at for at in trace if isinstance(at[2], np.ndarray) and at[2].dtype.kind in "fiu"]
    if not np.all(np.isfinite(wrong)):
        return next((line for line, _, v in trace if not np.all(np.isfinite(v))), None)
    known = Quantities((), (), (wrong,), True)
    found = _find(known, trace, False)
    if found is None:
        return _made(known, trace)
    line, k = found
    return line if [at[:2] for at in trace].count(trace[k][:2]) == 1 else None


def _made(known: Quantities, trace: Sequence[Line]) -> int | None:
    """The line of a result which says nothing earlier: 0, 1, an argument, a right quantity in the wrong place.

    It is the line that gave a variable this value last. It is the one that returned it where no variable had it, where
    it is right in the variable that has it, or where the right value was there as well.
    """
    zeros = sum(not np.any(wrong) for wrong, _ in known.pairs)
    for wrong in known.result:
        if zeros > 1 and not np.any(wrong):
            continue  # what makes several results 0 is elsewhere
        same = [k for k, (_, _, v) in enumerate(trace) if equal(v, wrong)]
        if known.argument(wrong):  # that it is handed on is right
            same = [k for k in same if not trace[k][1].endswith(")")]
        end = len(
            same
        )  # from there on it is handed on: returned, put into a variable by who called, returned
        while end and (_is_return(trace[same[end - 1]]) or (end > 1 and _is_return(trace[same[end - 2]]))):
            end -= 1
        if end == len(same):
            continue
        right = [r for w, r in known.pairs if equal(w, wrong)]
        there = any(equal(v, r) for _, name, v in trace for r in right if not name.endswith(")"))
        if end and not there and (wrong.size == 1 or end > known.computed(wrong)):
            return trace[same[end - 1]][0]
        returned = same[end]
        return _helper(trace, returned, _Table(known.wrong)) or trace[returned][0]
    return None


def _is_assigned(line: Line) -> bool:
    """Whether it is the value of a variable, not what was handed to a function or returned."""
    return not line[1].endswith(")") and not _is_return(line)


def _is_return(line: Line) -> bool:
    """Whether it is what a function returned."""
    return line[1].startswith("return of ")


def _unfinished(trace: Sequence[Line], k: int, table: _Table) -> bool:
    """Whether an array is being filled entry by entry, or is a sum that is right in the end, or whose new part is known."""
    _, name, value = trace[k]
    after = [v for _, other, v in trace[k + 1 :] if other == name and v.shape == value.shape]
    past = [v for _, other, v in trace[:k] if other == name and v.shape == value.shape]
    if past and table.has(value - past[-1], scaled=False):
        return True
    if not after:
        return False
    if past and table.has(after[-1], scaled=False):
        return True
    same = after[0] == value
    if not np.any(same & (value != 0)) or np.all(same):
        return False
    return not np.any(value[~same]) or table.has(after[-1], scaled=True)


class _Table:
    """Arrays, looked up by content: any orientation, with or without a factor; of arrays of all time steps each step."""

    def __init__(self, arrays: Iterable[np.ndarray], steps: bool = True) -> None:
        rows: dict[int, list[np.ndarray]] = {}
        for whole in arrays:
            for a in and_steps(whole) if steps else (whole,):
                if a.size and np.all(np.isfinite(a)):
                    rows.setdefault(a.size, []).append(np.ravel(a).astype(float))
                    if a.ndim > 1:
                        rows[a.size] += [np.ravel(a.T).astype(float), np.ravel(a[::-1]).astype(float)]
        self.by_size = {size: np.array(several) for size, several in rows.items()}
        self.norms = {size: np.sum(matrix * matrix, axis=1) for size, matrix in self.by_size.items()}

    def has(self, value: np.ndarray, scaled: bool) -> bool:
        v = np.ravel(value).astype(float)
        if v.size not in self.by_size or not np.all(np.isfinite(v)):
            return False
        matrix, norms = self.by_size[v.size], self.norms[v.size]
        tol = (1e-6 if value.dtype == np.float32 else 1e-9) * max(float(np.max(np.abs(v))), 1e-300)
        if not scaled:
            return bool(np.any(np.max(np.abs(matrix - v), axis=1) <= tol))
        usable = norms > 0
        factors = (matrix[usable] @ v) / norms[usable]
        gap = np.max(np.abs(factors[:, None] * matrix[usable] - v), axis=1, initial=0.0)
        return bool(np.any(gap <= tol))
