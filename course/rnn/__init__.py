"""Chapter A07: recurrent networks and language models: steps, backpropagation through time, training, sampling."""

from __future__ import annotations

from course.rnn.cells import (
    gru_step,
    gru_step_backward,
    lstm_step,
    lstm_step_backward,
    rnn_backward,
    rnn_forward,
    rnn_step_backward,
    rnn_step_forward,
)
from course.rnn.model import (
    RNNLM,
    batches_of,
    fit,
    load_checkpoint,
    sample,
    save_checkpoint,
    temporal_softmax_ce,
    train,
)
from course.rnn.modules import GRU, LSTM, RNN

__all__ = [
    "GRU", "LSTM", "RNN", "RNNLM", "batches_of", "fit", "gru_step", "gru_step_backward", "load_checkpoint", "lstm_step",
    "lstm_step_backward", "rnn_backward", "rnn_forward", "rnn_step_backward", "rnn_step_forward", "sample",
    "save_checkpoint", "temporal_softmax_ce", "train",
]  # fmt: skip
