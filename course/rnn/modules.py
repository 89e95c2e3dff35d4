"""Recurrent layers as modules of the graph: from a sequence (T, N, D) to states (T, N, H)."""

from __future__ import annotations

from typing import Any

import numpy as np

from course.graph import lift
from course.nn import Module, Parameter
from course.rnn.cells import (
    CELLS,
    gru_step,
    gru_step_backward,
    lstm_step,
    lstm_step_backward,
    rnn_backward,
    rnn_forward,
)
from course.toolbox.errors import InputError

__all__ = ["GRU", "LSTM", "RNN"]

_rnn = lift(rnn_forward, rnn_backward)
_gru = lift(gru_step, gru_step_backward)
_lstm = lift(lstm_step, lstm_step_backward)


def _draw(kind: str, D: int, H: int, rng: np.random.Generator) -> tuple[Parameter, Parameter, Parameter]:
    G = CELLS[kind] * H
    Wx, Wh = rng.standard_normal((D, G)) / np.sqrt(D), rng.standard_normal((H, G)) / np.sqrt(H)
    return Parameter(Wx, "Wx"), Parameter(Wh, "Wh"), Parameter(np.zeros(G), "b")


def _zeros(X: Any, Wh: Parameter) -> Any:
    """The state before the first step, in the type of the weights."""
    return np.zeros((X.shape[1], Wh.shape[0]), Wh.dtype)


def _stacked(where: str, states: list[Any]) -> Any:
    if not states:
        raise InputError(f"{where}: the sequence is empty; pass at least one step.")
    return np.stack(states)


class RNN(Module):
    """Elman's layer: h_t = tanh(x_t Wxh + h_{t−1} Whh + bh).

    Source: deck 004, "Recurrent neural networks"
    """

    def __init__(self, D: int, H: int, rng: np.random.Generator) -> None:
        self.Wxh, self.Whh, self.bh = _draw("rnn", D, H, rng)

    def forward(self, X: Any, h0: Any = None) -> Any:
        """(T, N, D) -> (T, N, H)"""
        h0 = _zeros(X, self.Whh) if h0 is None else h0
        return _rnn(X, h0, self.Wxh, self.Whh, self.bh)[1:]


class GRU(Module):
    """A layer of gated recurrent units, step by step as `gru_step`.

    Source: Cho et al. 2014, in PyTorch's form
    Raises: InputError for a sequence without steps.
    """

    def __init__(self, D: int, H: int, rng: np.random.Generator) -> None:
        self.Wx, self.Wh, self.bx = _draw("gru", D, H, rng)
        self.bh = Parameter(np.zeros(3 * H), "bh")

    def forward(self, X: Any, h0: Any = None) -> Any:
        """(T, N, D) -> (T, N, H)"""
        h = _zeros(X, self.Wh) if h0 is None else h0
        states = []
        for t in range(X.shape[0]):
            h = _gru(X[t], h, self.Wx, self.Wh, self.bx, self.bh)
            states.append(h)
        return _stacked("GRU", states)


class LSTM(Module):
    """A layer of long short-term memory, step by step as `lstm_step`.

    Source: Hochreiter and Schmidhuber 1997, in PyTorch's form
    Raises: InputError for a sequence without steps.
    """

    def __init__(self, D: int, H: int, rng: np.random.Generator) -> None:
        self.Wx, self.Wh, self.b = _draw("lstm", D, H, rng)

    def forward(self, X: Any, h0: Any = None, c0: Any = None) -> Any:
        """(T, N, D) -> (T, N, H)"""
        h, c = (_zeros(X, self.Wh) if start is None else start for start in (h0, c0))
        states = []
        for t in range(X.shape[0]):
            h, c = _lstm(X[t], h, c, self.Wx, self.Wh, self.b)
            states.append(h)
        return _stacked("LSTM", states)
