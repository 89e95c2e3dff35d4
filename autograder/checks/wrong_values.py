"""Which wrong forward formula gives the value that the student got?"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from .cases import RTOL
from .diagnosis import Diagnosis, compared, hints, of
from .errors import ModelError
from .factors import Factor, factors, name_factor, ratio
from .forward_edits import ForwardEdit, edited_value, forward_edits, recorded
from .gradcheck import tolerance
from .primitives import sigmoid, softmax
from .tape import Tape, record
from .views import view_of

__all__ = ["explain_value", "variables"]


def explain_value(
    model: Callable[..., Any], instances: Sequence[tuple[Mapping[str, Any], Any]], seconds: float
) -> Diagnosis:
    """The edit of the forward pass that gives the student's values, on every instance."""
    until = time.process_time() + seconds
    wrt = variables(model, instances[0][0])
    tapes = [record(model, args, wrt) for args, _ in instances]
    try:
        got = [_as_value(v) for _, v in instances]
    except (TypeError, ValueError):
        return Diagnosis([], f"The result is a {type(instances[0][1]).__name__}, expected an array.")
    want = [np.asarray(t.outputs[0].value) for t in tapes]
    if any(np.any(~np.isfinite(g)) and np.all(np.isfinite(w)) for g, w in zip(got, want)):
        return _overflow(tapes, got, want)
    wrong = [k for k in range(len(got)) if not _equal(got[k], want[k])]
    if not wrong:
        return Diagnosis([], "")
    wrong.sort(
        key=lambda k: sum(np.size(n.value) for n in tapes[k].nodes)
    )  # most edits are refused by the first
    order = wrong + [k for k in range(len(got)) if k not in wrong]
    tapes, got, want = [tapes[k] for k in order], [got[k] for k in order], [want[k] for k in order]
    constants = _Constants(tapes, got)
    options = _whole_value(constants, want)
    for edit in forward_edits(view_of(tapes[0])):
        if time.process_time() > until or (options and edit.cost > min(o[0] for o in options) + 0.05):
            break
        first = edited_value(tapes[0], edit)
        if first is None or not (_equal(got[0], first) or (edit.cost < 1.3 and constants.named(first))):
            continue
        rest = [edited_value(t, edit) for t in tapes[1:]]
        values = [first, *(v for v in rest if v is not None)]
        if len(values) < len(tapes):
            continue
        if all(_equal(g, v) for g, v in zip(got, values)):
            options.append((edit.cost, edit.ids, edit.text, edit))
        elif edit.cost < 1.3 and (factor := constants.between(values)) is not None:
            text = edit.text[:-1] + f"; beside that, the result {factor.says}."
            options.append((edit.cost + 1.0 + factor.cost, (*edit.ids, *factor.ids), text, edit))
    line = compared("The result", got[0], want[0])
    if not options:
        text = "The result is wrong; the numbers fit no mistake that is known here."
        return Diagnosis([], text, line, None, hints([], "the result", line))
    options.sort(key=lambda o: o[0])
    cost, ids, text, told = options[0]
    seen = recorded(model, instances[0][0], wrt, told) if told is not None else None
    sentence = text.replace("{q}: ", "").replace("{q}", "The result")
    rivals = [o for o in options[1:] if o[0] <= cost + 0.05 and set(o[1]) != set(ids)]
    if rivals:
        second = rivals[0][2].replace("{q}: ", "").replace("{q}", "the result")
        sentence = f"either {sentence.rstrip('.')}, or {second}"
        ids = tuple(dict.fromkeys((*ids, *rivals[0][1])))
    sentence = sentence[:1].upper() + sentence[1:]
    return Diagnosis(
        list(ids),
        sentence,
        line,
        None,
        hints(list(ids), "the result", sentence),
        seen=tuple(n.value for n in seen.nodes) if seen is not None else (np.asarray(instances[0][1]),),
    )


class _Constants:
    """The named constants between a student's values and others; their tables are made when they are needed, once."""

    def __init__(self, tapes: Sequence[Tape], got: Sequence[Any]) -> None:
        self.tapes, self.got = tapes, got

    @cached_property
    def tables(self) -> list[dict[str, tuple[float, Factor]]]:
        """Name -> value, of every instance."""
        return [factors(t.args) for t in self.tapes]

    def named(self, value: np.ndarray) -> bool:
        """Whether the constant of the first instance has a name there."""
        c = self._of(self.got[0], value)
        return c is not None and any(
            abs(known - c) <= RTOL * max(1.0, abs(c)) for known, _ in self.tables[0].values()
        )

    def between(self, values: Sequence[Any]) -> Factor | None:
        """The constant with got = constant · values on all instances, if there is one with a name."""
        ratios = [self._of(g, v) for g, v in zip(self.got, values)]
        known = [c for c in ratios if c is not None]
        if len(known) < len(ratios):
            return None
        found = name_factor(known, self.tables)
        return found if found is not None and found.text != "1" and found.cost < 2 else None

    @staticmethod
    def _of(got: np.ndarray, value: np.ndarray) -> float | None:
        return ratio(got, value, max(RTOL * float(np.max(np.abs(got), initial=0.0)), 1e-300))


def variables(model: Callable[..., Any], args: Mapping[str, Any]) -> tuple[str, ...]:
    """The arguments that are arrays of real numbers: only operations on those are on the tape.

    A model may hand some of them to NumPy itself; these are left out.
    """
    names = _real_arrays(args)
    for chosen in (names, *(tuple(n for n in names if n != out) for out in names), *((n,) for n in names)):
        try:
            record(model, args, chosen)
            return chosen
        except (ModelError, TypeError, ValueError):
            continue
    return ()


def _real_arrays(args: Mapping[str, Any]) -> tuple[str, ...]:

    def real(value: Any) -> bool:
        if isinstance(value, Mapping):
            return any(real(v) for v in value.values())
        if isinstance(value, tuple | list):
            return bool(value) and all(real(v) for v in value)
        return isinstance(value, np.ndarray) and value.dtype.kind == "f"

    return tuple(name for name, value in args.items() if real(value) and name != "mask")


def _as_value(value: Any) -> np.ndarray:
    array = np.asarray(value)
    return array if array.dtype == np.float32 else np.asarray(value, dtype=float)


def _equal(got: np.ndarray, want: np.ndarray) -> bool:
    if got.shape != want.shape:
        return False
    largest = float(np.max(np.abs(want[np.isfinite(want)]), initial=0.0))
    tol = max(RTOL * 1e-2 * largest, tolerance(want, got))
    with np.errstate(all="ignore"):
        return bool(np.all((np.abs(got - want) <= tol) | (got == want) | (np.isnan(got) & np.isnan(want))))


def _overflow(tapes: Sequence[Tape], got: Sequence[Any], want: Sequence[Any]) -> Diagnosis:
    """nan or inf where the right value is finite: an exponential overflows, if the inputs are large enough."""
    tape, g, w = next((t, g, w) for t, g, w in zip(tapes, got, want) if np.any(~np.isfinite(g)))
    line = compared("The result", g, w)
    risky = any(
        n.op in ("exp", "softmax", "log_softmax", "softplus", "sigmoid", "tanh", "log") for n in tape.nodes
    )
    if risky and any(np.max(np.abs(n.value), initial=0.0) > 30 for n in tape.nodes):
        return of("M23", evidence=line, q="The result")
    text = "The result holds nan or inf."
    return Diagnosis(
        [], text, line, None, hints([], "the result", "Look for a division by 0 or a logarithm of 0.")
    )


Option = tuple[float, tuple[str, ...], str, ForwardEdit | None]


def _whole_value(constants: _Constants, want: Sequence[Any]) -> list[Option]:
    """What can be seen from the value alone: a factor, a transpose, a root, a broadcast to (N, N)."""
    options: list[Option] = []
    got = constants.got
    pairs = list(zip(got, want))
    factor = constants.between(want)
    if factor is not None:
        ids, text = factor.ids, f"{{q}} {factor.says}."
        if factor.per_element:
            ids, text = ("M05",), text[:-1] + ": the mean runs over all elements, not over the batch."
        options.append((0.9 + factor.cost, ids, text, None))
    if all(w.ndim > 1 and g.shape == w.shape[::-1] and _equal(g, w.T) for g, w in pairs):
        options.append((0.9, ("M06",), "{q} is transposed.", None))
    elif all(g.shape != w.shape and g.size == w.size and _equal(g.ravel(), w.ravel()) for g, w in pairs):
        text = f"{{q}} has the right numbers in the shape {got[0].shape}, expected {want[0].shape}."
        options.append((1.0, (), text, None))
    elif all(w.ndim == 1 and g.shape == (w.size, w.size) for g, w in pairs):
        text = f"{{q}} has the shape {got[0].shape}: an (N, 1) and an (N,) array were combined."
        options.append((1.0, ("M08",), text, None))
    for f, what in (
        (np.tanh, "tanh"), (sigmoid, "a sigmoid"), (lambda x: np.maximum(x, 0), "relu"), (np.sqrt, "a root"), (np.square, "the square"), (np.exp, "an exponential"), (np.log, "a logarithm"), (np.abs, "the absolute value"),
    ):  # fmt: skip
        with np.errstate(all="ignore"):
            if all(_equal(g, f(w)) for g, w in pairs):
                options.append((1.4, (), f"{{q}}: {what} is taken of the right result.", None))
    scores = constants.tapes[0].outputs[0].op not in ("softmax", "log_softmax")
    if scores and all(w.ndim > 1 and _equal(g, softmax(w, -1)) for g, w in pairs):
        text = "{q}: softmax is taken of the right scores; the loss and the sampler take it once more."
        options.append((1.2, ("M22",), text, None))
    return options
