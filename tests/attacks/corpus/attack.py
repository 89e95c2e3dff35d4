"""What an attack is, and how one is added to the list.

Each is put into the cell `affine-forward` of an otherwise blank notebook, or into the cells it names, or changes the
notebook itself. `score` is what the same notebook gets without the trick: 0 unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ATTACKS", "STUBS", "Attack", "code"]


@dataclass(frozen=True)
class Attack:
    """One hostile submission."""

    name: str
    family: str
    cells: dict[str, str] = field(default_factory=dict)
    change: Callable[[dict[str, Any]], Any] | None = None  # of the notebook, or bytes instead of it
    score: float = 0.0
    base: str = "blank"
    status: str = "graded"


ATTACKS: list[Attack] = []

STUBS = """
def affine_forward(X, W, b): return LIE, LIE
def affine_backward(dY, cache): return LIE, LIE, LIE
def act_forward(Z, name): return LIE, LIE
def act_backward(dA, cache): return LIE
def softmax_ce(Z, y): return LIE, LIE
def mlp_forward(X, params, act="tanh"): return LIE, LIE
def mlp_backward(dZ, cache): return LIE
def numeric_grad(f, x, h=1e-5): return LIE
def nn_forward(x, y, alpha, beta): return LIE
def nn_backward(x, y, alpha, beta, o): return LIE, LIE
def sgd_train(*a): return LIE, LIE, LIE, LIE
def gradcheck_report(f, params, grads): return LIE
"""  # every function answers with the same lie


def code(name: str, family: str, source: str, **more: Any) -> None:
    """An attack that is code in one answer cell."""
    ATTACKS.append(Attack(name, family, {"affine-forward": source}, **more))
