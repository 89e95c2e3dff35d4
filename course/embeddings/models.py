"""Two networks over windows of words: a tagger and the first neural language model.

Both look up a vector for each word, put them side by side, and go through a tanh layer to scores:

    X = [E_1, …, E_K],  H = tanh(X W1 + b1),  Z = H W2 + b2

Source: deck 000, "Embedding Layers", Fig. 5.1; Bengio et al. 2003
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from course.backprop import affine_backward, affine_forward, softmax_ce
from course.embeddings.features import encode
from course.embeddings.layers import embedding_backward, embedding_forward
from course.losses import log_softmax
from course.neurons import tanh, tanh_backward
from course.optim import Flat, iterate_minibatches
from course.toolbox.errors import InputError, ShapeError
from course.toolbox.shapes import check_labels

__all__ = ["BengioLM", "MLPTagger", "fit_windows", "ngram_windows"]

_EOS, _UNK = "</s>", "<unk>"


class _WindowNet:
    """The network of both models: `K` ids in, scores of `C` classes out."""

    def __init__(self, V: int, C: int, d: int, H: int, K: int, rng: np.random.Generator) -> None:
        if min(V, C, d, H, K) < 1:
            raise InputError(
                f"{type(self).__name__}: {V} words, {C} classes, d {d}, H {H}, {K} ids: sizes are at least 1."
            )
        self.K = K
        self.params: dict[str, Any] = {
            "E": rng.standard_normal((V, d)),
            "W1": rng.standard_normal((K * d, H)) / np.sqrt(K * d),
            "b1": np.zeros(H),
            "W2": rng.standard_normal((H, C)) / np.sqrt(H),
            "b2": np.zeros(C),
        }

    def _run(self, ids: Any) -> tuple[Any, tuple[Any, ...]]:
        if np.ndim(ids) != 2 or np.shape(ids)[1] != self.K:
            raise ShapeError(
                f"{type(self).__name__}: ids have shape {np.shape(ids)} but each row holds {self.K} ids."
            )
        p = self.params
        A, first = affine_forward(embedding_forward(ids, p["E"]), p["W1"], p["b1"])
        H = tanh(A)
        Z, second = affine_forward(H, p["W2"], p["b2"])
        return Z, (first, H, second)

    def forward(self, ids: Any) -> Any:
        """The scores of all classes. Shapes: ids (N, K); gives Z (N, C)"""
        return self._run(ids)[0]

    def loss_and_grads(
        self, ids: Any, y: Any, *, out: Mapping[str, Any] | None = None
    ) -> tuple[float, dict[str, Any]]:
        """The mean cross-entropy in nats and the gradients of all parameters, written into `out` where it is given.

        Shapes: ids (N, K), y (N,); gives loss (), grads like params
        Raises: InputError for an empty batch or ids out of range; ShapeError when ids and y do not fit.
        """
        if not np.size(ids):
            raise InputError(f"{type(self).__name__}: the batch is empty; pass at least one window.")
        Z, (first, H, second) = self._run(ids)
        loss, dZ = softmax_ce(Z, y)
        dH, dW2, db2 = affine_backward(dZ.astype(Z.dtype, copy=False), second)
        dX, dW1, db1 = affine_backward(tanh_backward(dH, H), first)
        dE = embedding_backward(dX, ids, len(self.params["E"]))
        grads = {"E": dE, "W1": dW1, "b1": db1, "W2": dW2, "b2": db2}
        for name in out or ():
            out[name][...] = grads[name]  # type: ignore[index]
        return float(loss), grads if out is None else dict(out)


class MLPTagger(_WindowNet):
    """A tagger that sees K words: each row of ids gets scores of C tags. MLPTagger(V, C, d, H, K, rng)

    `.params` is a dict: E (V, d), W1 (K d, H), b1 (H,), W2 (H, C), b2 (C,).

    Source: deck 000, Fig. 5.1
    Raises: InputError for sizes below 1.
    """


class BengioLM(_WindowNet):
    """A language model that reads the last n − 1 words, oldest first: p(w_t | w_{t−n+1} … w_{t−1}) = softmax(Z)_{w_t}.

    `.params` is a dict: E (V, d), W1 ((n−1) d, H), b1 (H,), W2 (H, V), b2 (V,). With `itos`, the word of each id, it
    scores sentences; the list must hold `</s>` and `<unk>`. `</s>` stands before a sentence too, so that no probability
    goes to a mark that never comes.

    Source: Bengio et al. 2003, without direct connections
    Raises: InputError for n below 2, sizes below 1, or a list of words that does not fit.
    """

    def __init__(
        self, V: int, n: int, d: int, H: int, rng: np.random.Generator, itos: Sequence[str] | None = None
    ) -> None:
        if n < 2:
            raise InputError(f"BengioLM: n is {n}; the model needs at least one word of history, n = 2.")
        super().__init__(V, V, d, H, n - 1, rng)
        if itos is not None and (len(set(itos)) != V or not {_EOS, _UNK} <= set(itos)):
            raise InputError(
                f"BengioLM: itos must hold V = {V} different words, among them {_EOS} and {_UNK}; it holds "
                f"{len(set(itos))}. build_vocab over all words and one {_EOS} a sentence makes such a list."
            )
        self.stoi = None if itos is None else {word: i for i, word in enumerate(itos)}

    def logprobs(self, sentences: Iterable[Sequence[str]]) -> Any:
        """The logarithms, in nats, of the probability of each word and each `</s>`. Shapes: (T,)

        Raises: InputError when the model was made without `itos`.
        """
        if self.stoi is None:
            raise InputError("BengioLM.logprobs: the model knows ids only; make it with itos=….")
        ids, y = ngram_windows(sentences, self.stoi, self.K + 1)
        out = np.empty(len(y))
        for start in range(0, len(y), 4096):  # so that the scores of a long text need not fit into memory
            here = slice(start, start + 4096)
            logP = log_softmax(self.forward(ids[here]))
            out[here] = logP[np.arange(len(logP)), y[here]]
        return out


def ngram_windows(sentences: Iterable[Sequence[str]], stoi: Mapping[str, int], n: int) -> tuple[Any, Any]:
    """The n − 1 ids before each word and each `</s>`, (T, n − 1), and its own, (T,); before a sentence stands `</s>`.

    Source: Bengio et al. 2003
    Raises: InputError when a sentence is a string or the vocabulary lacks `</s>`.
    """
    sentences = list(sentences)
    if any(isinstance(s, str) for s in sentences) or _EOS not in stoi:
        raise InputError(
            f"ngram_windows: a sentence is a list of words, and the vocabulary must hold {_EOS}."
        )
    eos = stoi[_EOS]
    texts = [np.concatenate([np.full(n - 1, eos), encode(s, stoi), [eos]]) for s in sentences]
    rows = [np.lib.stride_tricks.sliding_window_view(text, n) for text in texts]
    both = np.concatenate(rows) if rows else np.empty((0, n), np.intp)
    return both[:, :-1], both[:, -1]


def fit_windows(
    model: _WindowNet, ids: Any, y: Any, optimizer: Flat, steps: int, size: int, rng: np.random.Generator
) -> list[float]:
    """Train in place on minibatches in random order, pass after pass; gives the loss of each step before its update.

        optimizer = Flat(model.params, adam, lr=5e-3, dtype=np.float32)
        losses = fit_windows(model, ids, y, optimizer, steps=1000, size=64, rng=rng)

    Raises: InputError when there are no examples, or a class is out of range.
    """
    if not len(ids):
        raise InputError("fit_windows: there are no windows to learn from; pass at least one.")
    y = check_labels("fit_windows", "y", y, len(model.params["b2"]))
    model.params, losses = optimizer.params, list[float]()
    while len(losses) < steps:
        for part, labels in iterate_minibatches(ids, y, size, rng):
            if len(losses) == steps:
                break
            losses.append(model.loss_and_grads(part, labels, out=optimizer.grads)[0])
            optimizer.step()
    return losses
