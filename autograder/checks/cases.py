"""One instance of a diagnosis, and an explanation that fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .editing import Edit
from .factors import Factor, factors
from .gradcheck import agrees, tolerance
from .tape import Tape
from .views import view_of

__all__ = ["RTOL", "Candidate", "Case", "largest"]

RTOL = 1e-8


class Case:
    """One instance: the right tape, the upstream gradient, and what the student got."""

    def __init__(self, tape: Tape, dout: Any, got: dict[str, Any], single: bool = False) -> None:
        self.tape, self.dout = tape, dout
        self.truth = tape.backward(dout)
        self.got = {k: np.asarray(v) for k, v in got.items() if k in self.truth}
        single = single or any(g.dtype == np.float32 for g in self.got.values())
        self.rtol = 1e-5 if single else RTOL  # computed in float32: compared at its own precision
        self.size = sum(int(n.value.size) for n in tape.nodes)
        self._factors: dict[str, tuple[float, Factor]] | None = None
        # the largest entry of each gradient: most predictions can be refused by looking at it alone
        self._top = {name: largest(g) for name, g in self.truth.items()}
        self._probe: dict[str, tuple[int, float]] = {}
        for name, g in self.got.items():
            k = int(np.argmax(np.abs(g))) if g.size else 0
            self._probe[name] = (k, float(g.flat[k]) if g.size else 0.0)

    @property
    def factors(self) -> dict[str, tuple[float, Factor]]:
        """The named constants of this instance."""
        if self._factors is None:
            self._factors = factors(self.tape.args)
            if (
                np.ndim(self.tape.outputs[0].value) == 0
                and np.ndim(self.dout) == 0
                and self.dout not in (0.0, 1.0)
            ):
                unused = Factor("1/dout", ("M13",), 0.1)
                self._factors[unused.text] = (1.0 / float(self.dout), unused)
        return self._factors

    def tol(self, name: str, predicted: Any) -> float:
        """How far a prediction may be from what the student got: 1e-8 relative, or float32's own precision."""
        got = self.got[name]
        top = max(abs(self._probe[name][1]), largest(predicted))
        return max(self.rtol * top, tolerance(predicted, got), 1e-13 * self._top[name])

    def fits(self, name: str, predicted: Any) -> bool:
        """Whether a prediction is what the student got."""
        got = self.got[name]
        predicted = np.asarray(predicted)
        if predicted.shape != got.shape:
            return False
        k, value = self._probe[name]
        near = 1e-3 * abs(value) + 1e-9 * self._top[name]
        if got.size and not abs(float(predicted.flat[k]) - value) <= near:
            return False
        with np.errstate(all="ignore"):
            gap = np.abs(got - predicted)
        return bool(np.all(gap <= self.tol(name, predicted)))

    def right(self, name: str) -> bool:
        """Whether the student's gradient is right here."""
        rtol = self.rtol if self.rtol > RTOL else 1e-9
        return agrees(self.truth[name], self.got[name], scale=largest(self.truth[name]), rtol=rtol)

    def replay(self, edit: Edit, names: frozenset[str] | None = None) -> dict[str, Any] | None:
        """The gradients of somebody who makes this mistake, of these arguments; None when it makes no sense on this tape."""
        try:
            change = edit.resolve(view_of(self.tape))
            if change is None:
                return None
            with np.errstate(all="ignore"):
                return self.tape.backward(self.dout, change, names)
        except (ValueError, IndexError, TypeError, ZeroDivisionError):
            return None


@dataclass(frozen=True)
class Candidate:
    """An explanation that holds on every instance, for some of the wrong gradients."""

    cost: float
    ids: tuple[str, ...]
    text: str  # with {q}
    names: frozenset[str]
    joint: bool = False  # it also leaves the right ones right
    evidence: str = ""
    edit: Edit | None = None
    of_forward: bool = False  # the gradient is right for a wrong forward
    factor: str = ""  # the constant, by its name, when that is all

    @property
    def rank(self) -> tuple[float, int]:
        """Likelier first: cost, and whether everything fits."""
        return (self.cost + (0.0 if self.joint else 0.2), -len(self.names))


def largest(x: Any) -> float:
    x = np.asarray(x, dtype=float)
    finite = x[np.isfinite(x)]
    return float(np.max(np.abs(finite), initial=0.0))
