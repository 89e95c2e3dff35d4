"""The reference library of the course: every network, graph, optimiser and language model, in plain NumPy.

The chapters come in the order of the assignments, and each uses only the toolbox and earlier chapters:

    neurons, losses     A01    activations, output units, losses
    backprop            A02    finite differences, forward/backward pairs, a network trained by hand
    graph, nn           A03    variables that remember how they were computed; modules with parameters
    optim, regularize   A04    optimisers, schedules; penalties, dropout, batch normalisation
    embeddings          A05    vocabularies, features, word vectors, a tagger, a first language model
    ngram               A06    n-gram models with every smoothing, ARPA files, exact entropies
    rnn                 A07    recurrent networks and language models
    evaluate            A08    fair comparisons
    seq2seq, conv       A09    bidirectional and encoder–decoder networks, convolutions
    bridge              A10    to and from PyTorch

All public names are here too: `course.softmax`, `from course import NGram`. A chapter is loaded when a name of it is
first used. A copy made for an assignment lacks that chapter and the later ones.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from course.toolbox.errors import MissingChapter

__version__ = "0.1.0"

CHAPTERS = {
    "neurons": "abs_rect count_params d_abs_rect d_hardtanh d_leaky_relu d_prelu d_relu d_sigmoid d_softplus d_tanh "
    "hardtanh leaky_relu maxout mlp1 mlp2 neuron prelu rbf relu sigmoid softplus tanh",
    "losses": "bce_with_logits cross_entropy least_squares log_softmax mse softmax",
    "backprop": "act_backward act_forward affine_backward affine_forward gradcheck_report mlp_backward mlp_forward "
    "nn_backward nn_forward numeric_grad sgd_train softmax_ce",
    "graph": "Add Broadcast Exp Log MatMul Maxout Mul Node PReLU Pick Pow ReLU SoftmaxCE Split Sum Value Var "
    "backward_pull backward_push build_grad graph_forward lift topo_order unbroadcast",
    "nn": "Linear Module Parameter Sequential",
    "optim": "adadelta adagrad adam adamw clip_by_global_norm iterate_minibatches momentum nesterov rmsprop schedule "
    "sgd sgd_projected",
    "regularize": "BatchNorm1d Dropout batchnorm_backward batchnorm_forward dropout_backward dropout_forward penalty",
    "embeddings": "BengioLM Embedding MLPTagger build_vocab embedding_backward embedding_forward nearest ner_features "
    "one_hot sparse_features window_batch",
    "ngram": "NGram add_k count cross_entropy_bits entropy_rate interpolated katz kneser_ney mle ngram_floor ngrams "
    "perplexity sample_ngram",
    "rnn": "GRU LSTM RNN RNNLM gru_step lstm_step rnn_backward rnn_forward rnn_step_backward rnn_step_forward sample "
    "temporal_softmax_ce train",
    "evaluate": "bits_by_dependency evaluate interpolate learning_curve paired_bootstrap real_or_fake",
    "seq2seq": "BiTagger Seq2Seq beam birnn_backward birnn_forward decoder_backward decoder_forward encoder_backward "
    "encoder_forward",
    "conv": "Conv1d Conv2d MaxPool conv1d_backward conv1d_forward maxpool1d",
    "bridge": "MyReLU RNNLMTorch from_torch train_torch",
}  # the names that the assignments use; a chapter may offer more


_WRITTEN = {
    "neurons": 1, "losses": 1, "backprop": 2, "graph": 3, "nn": 3, "optim": 4, "regularize": 4, "embeddings": 5, "ngram": 6,
    "rnn": 7, "evaluate": 8, "seq2seq": 9, "conv": 9, "bridge": 10,
}  # fmt: skip


def withheld(assignment: str) -> tuple[str, ...]:
    """The chapters that students write in an assignment or later, and that its notebook has to do without.

    >>> withheld("A07-recurrent-networks")
    ('rnn', 'evaluate', 'seq2seq', 'conv', 'bridge')
    """
    number = assignment[1:3]
    return tuple(c for c, first in _WRITTEN.items() if number.isdecimal() and first >= int(number))


def _chapter(chapter: str, asked: str) -> Any:
    try:
        return importlib.import_module(f"course.{chapter}")
    except ModuleNotFoundError as error:
        if error.name != f"course.{chapter}":
            raise
        raise MissingChapter(
            f"course.{asked} belongs to the chapter {chapter!r}, which this copy of the library does not hold; "
            f"the copy for an assignment lacks the assignment's own chapter and the later ones."
        ) from None


def _present() -> list[str]:
    return [chapter for chapter in CHAPTERS if importlib.util.find_spec(f"course.{chapter}")]


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module 'course' has no attribute {name!r}")
    if name in CHAPTERS:
        return _chapter(name, name)
    home = next((chapter for chapter, names in CHAPTERS.items() if name in names.split()), None)
    chapters = [home] if home else _present()
    for chapter in chapters:
        module = _chapter(chapter, name)
        if name in module.__all__:
            return globals().setdefault(name, getattr(module, name))
    raise AttributeError(
        f"course has no name {name!r}; dir(course) lists the names of the chapters that are present."
    )


def __dir__() -> list[str]:
    present = _present()
    return sorted({"toolbox", *present, *(name for c in present for name in _chapter(c, c).__all__)})
