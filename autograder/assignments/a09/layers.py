"""The backward pass of a recurrent layer with a mask, by its formulas: from any states, and with slips.

An edit of a tape changes one edge, and with a mask a state is handed on along two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["LAYER_SLIPS", "LayerSlip", "layer_back", "slip_of"]

LayerSlip = tuple[tuple[str, ...], str, dict[str, Any]]  # ids, text, settings of layer_back


def layer_back(
    dH: Any, X: Any, mask: Any, H: Any, Wxh: Any, Whh: Any, *, arrives: Any = 0.0,
    forwards: bool = False, unmasked: str = "", stays: bool = True, hands_on: bool = True, start: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """The gradients of X, h0, Wxh, Whh and bh from those of the states H (T + 1, N, H) by the right formulas.

    arrives   what comes back into the loop before its first turn
    forwards  the loop runs from the first step to the last
    unmasked  the gradient that pads add to, or "z" for all of them
    stays     at pads the gradient of the state goes on as it is
    hands_on  at words it goes back through Whh
    start     what arrives at the first step goes on to h0
    """
    grads = {"X": np.zeros(X.shape), "Wxh": np.zeros(Wxh.shape), "Whh": np.zeros(Whh.shape), "bh": np.zeros(len(Whh))}  # fmt: skip
    carried: Any = np.zeros(H[0].shape) + arrives
    for t in range(len(X))[:: 1 if forwards else -1]:
        m = mask[t][:, None]
        carried = carried + dH[t]
        everywhere = carried * (1 - H[t + 1] ** 2)
        dz = everywhere if unmasked == "z" else everywhere * m
        of = {name: everywhere if name == unmasked else dz for name in grads}
        grads["X"][t] = of["X"] @ Wxh.T
        grads["Wxh"] += X[t].T @ of["Wxh"]
        grads["Whh"] += H[t].T @ of["Whh"]
        grads["bh"] += of["bh"].sum(axis=0)
        carried = (dz @ Whh.T if hands_on else 0.0) + (carried * (1 - m) if stays else 0.0)
    return {**grads, "h0": carried if start else np.zeros_like(carried)}


_PADS: tuple[LayerSlip, ...] = (
    (("M50",), "The mask is not used on the way back: at pads the state stays, and so does its gradient.", {"unmasked": "z", "stays": False}),
    (("M50",), "The mask is missing on the way back: pads add to the gradients of the weights.", {"unmasked": "z"}),
    *((("M50",), f"The mask is missing in d{name}: pads add to it.", {"unmasked": name}) for name in ("X", "Wxh", "Whh", "bh")),
    ((), "At pads the gradient of the state is lost: the state stays there, so its gradient goes on as it is.", {"stays": False}),
)  # fmt: skip
_TURNED = "The loop of the backward pass runs forwards through time; it has to run backwards."
LAYER_SLIPS: tuple[LayerSlip, ...] = (
    (("M45",), "The gradient of h0 is zero: what arrives at the first step goes on to the initial state.", {"start": False}),
    (("M41",), "The gradient of the state is not handed to the step before (truncation with k = 1).", {"hands_on": False}),
    (("M47",), _TURNED, {"forwards": True}),
    *_PADS,
    *((("M47", *ids), f"{_TURNED} {text}", {"forwards": True, **slip}) for ids, text, slip in _PADS),
)  # fmt: skip


def slip_of(
    gives: Callable[[Mapping[str, Any]], bool], slips: Sequence[LayerSlip] = LAYER_SLIPS
) -> LayerSlip | None:
    """The first slip with which the gradients are those that were got."""
    return next((slip for slip in slips if gives(slip[2])), None)
