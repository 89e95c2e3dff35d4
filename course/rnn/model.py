"""The recurrent language model: forward, backpropagation through time, training, sampling, checkpoints.

Source: deck 004, "RNN language model", "Sampling"; deck 002, "Norm clipping"
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from course.backprop import softmax_ce
from course.embeddings import sum_by_id
from course.losses import softmax
from course.optim import Flat, clip_by_global_norm
from course.rnn.cells import (
    CELLS,
    _rows,
    check_truncation,
    elman_scan,
    elman_scan_back,
    gru_scan,
    gru_scan_back,
    lstm_scan,
    lstm_scan_back,
)
from course.toolbox.buffers import Buffers
from course.toolbox.errors import FormatError, InputError, ShapeError
from course.toolbox.shapes import check_labels, check_shapes

__all__ = [
    "RNNLM", "batches_of", "fit", "load_checkpoint", "sample", "save_checkpoint", "temporal_softmax_ce", "train",
]  # fmt: skip

Batches = Sequence[tuple[Any, Any]]


def temporal_softmax_ce(Z: Any, y: Any, mask: Any = None) -> tuple[Any, Any]:
    """The mean cross-entropy over the positions of sequences that the mask leaves, and its gradient.

    L = −(1/M) Σ_{t,n: mask} log softmax(Z_tn)_{y_tn}, M the number of such positions; 0 when there are none

    Shapes: Z (T, N, V), y (T, N) int < V -> loss (), dZ (T, N, V)
    Source: deck 004, "RNN language model"
    Raises: ShapeError, InputError for ids outside 0 … V − 1.
    """
    check_shapes("temporal_softmax_ce", "Z (T, N, V), y (T, N)", Z, y)
    Z, flat = np.asarray(Z), np.reshape(y, -1)
    if mask is None:
        loss, dZ = softmax_ce(_rows(Z), flat)
        return loss, dZ.reshape(Z.shape)
    check_shapes("temporal_softmax_ce", "Z (T, N, V), mask (T, N)", Z, mask)
    kept, dZ = np.flatnonzero(mask), np.zeros((flat.size, Z.shape[2]), np.result_type(Z, np.float16))
    if not len(kept):
        return 0.0, dZ.reshape(Z.shape)
    loss, dZ[kept] = softmax_ce(_rows(Z)[kept], flat[kept])
    return loss, dZ.reshape(Z.shape)


class RNNLM:
    """A language model that reads one token after the other: h_t = tanh(E[w_t] Wxh + h_{t−1} Whh + bh), Z_t = h_t Why + by.

    softmax(Z_t) are the probabilities of the next token. `.params` is a dict: E (V, D), Wxh (D, H), Whh (H, H), bh (H,),
    Why (H, V), by (V,). With cell="gru" it holds Wx, Wh, bx, bh instead of Wxh, Whh, bh, with cell="lstm" Wx, Wh, b; the
    state of an LSTM is h and c side by side, (N, 2H).

    Source: deck 004, "RNN language model"
    Raises: InputError for an unknown cell or sizes below 1; for ids outside 0 … V − 1 or weights that are not finite.
    """

    def __init__(self, V: int, D: int, H: int, rng: np.random.Generator, cell: str = "rnn") -> None:
        if cell not in CELLS or min(V, D, H) < 1:
            raise InputError(
                f"RNNLM: cell {cell!r}, V {V}, D {D}, H {H}: cells are {', '.join(CELLS)}, sizes at least 1."
            )
        G = CELLS[cell] * H

        def draw(a: int, b: int) -> Any:
            return rng.standard_normal((a, b)) / np.sqrt(a)

        wx, wh, *biases = {
            "rnn": ("Wxh", "Whh", "bh"),
            "gru": ("Wx", "Wh", "bx", "bh"),
            "lstm": ("Wx", "Wh", "b"),
        }[cell]
        self.cell, self._names = cell, (wx, wh, *biases)
        self.params: dict[str, Any] = {"E": rng.standard_normal((V, D)), wx: draw(D, G), wh: draw(H, G)}
        self.params.update({b: np.zeros(G) for b in biases}, Why=draw(H, V), by=np.zeros(V))

    def zeros(self, N: int) -> Any:
        """The state before the first token, (N, H), or (N, 2H) for an LSTM."""
        H, _ = self.params["Why"].shape
        return np.zeros((N, 2 * H if self.cell == "lstm" else H), self.params["Why"].dtype)

    def _scan(self, ids: Any, h0: Any, buffers: Buffers | None = None) -> tuple[Any, Any, Any]:
        """All states (T + 1, N, H), the state to go on with, and the cache."""
        p, (wx, wh, b, *more) = self.params, self._names
        V = len(p["E"])
        ids = check_labels("RNNLM", "ids", ids, V)
        if np.shape(h0) != (ids.shape[1], self.zeros(1).shape[1]):
            raise ShapeError(
                f"RNNLM: the state has shape {np.shape(h0)}, but there are {ids.shape[1]} sequences."
            )
        if ids.size >= V:  # project every word once, then gather
            words = p["E"] @ p[wx] + p[b]
            A = (buffers or Buffers()).empty("A", (*ids.shape, words.shape[1]), words.dtype)
            np.take(words, ids, axis=0, out=A, mode="clip")  # ids were checked; the other modes copy
        else:
            A = p["E"][ids] @ p[wx] + p[b]
        if self.cell == "lstm":
            n = h0.shape[1] // 2
            H, C, cache = lstm_scan(A, h0[:, :n], h0[:, n:], p[wh], buffers)
            return H, np.concatenate([H[-1], C[-1]], axis=1), cache
        if self.cell == "gru":
            H, cache = gru_scan(A, h0, p[wh], p[more[0]], buffers)
        else:
            H, cache = elman_scan(A, h0, p[wh], buffers)
        return H, H[-1].copy(), cache

    def step(self, ids: Any, h: Any) -> tuple[Any, Any]:
        """Read one token of each sequence: scores of the next tokens and the new states.

        Shapes: ids (N,), h (N, H); gives Z (N, V), h (N, H)
        """
        H, last, _ = self._scan(np.asarray(ids)[None], h)
        return H[1] @ self.params["Why"] + self.params["by"], last

    def logprobs(self, ids_in: Any, ids_out: Any, h0: Any = None) -> tuple[Any, Any]:
        """log p of every target, in nats, and the last state.

        Shapes: ids_in (T, N), ids_out (T, N); gives (T, N), h (N, H)
        """
        H, last, _ = self._scan(np.asarray(ids_in), self.zeros(np.shape(ids_in)[1]) if h0 is None else h0)
        P = softmax(_rows(H[1:]) @ self.params["Why"] + self.params["by"])
        if not np.isfinite(P).all():
            raise InputError("RNNLM.logprobs: some weights are not finite; go back to an earlier checkpoint.")
        with np.errstate(divide="ignore"):
            picked = np.log(
                P[np.arange(len(P)), check_labels("RNNLM", "ids_out", ids_out, P.shape[1]).ravel()]
            )
        return picked.reshape(np.shape(ids_in)), last

    def loss_and_grads(
        self,
        ids_in: Any,
        ids_out: Any,
        h0: Any,
        k: int | None = None,
        *,
        out: Mapping[str, Any] | None = None,
        buffers: Buffers | None = None,
    ) -> tuple[float, dict[str, Any], Any]:
        """The mean loss in nats, the gradients of all parameters, and the state after the last token.

        With k, gradients go back through chunks of k steps only; the state passes on. The gradients are written into
        the arrays of `out`, what comes and goes into `buffers`.

        Shapes: ids_in (T, N), ids_out (T, N), h0 (N, H); gives loss (), grads like params, h_last (N, H)
        Raises: InputError, before anything is computed, for ids out of range, a wrong k, or an empty batch.
        """
        check_shapes("RNNLM.loss_and_grads", "ids_in (T, N), ids_out (T, N)", ids_in, ids_out)
        check_truncation("RNNLM.loss_and_grads", k)
        if not np.size(ids_in):
            raise InputError("RNNLM.loss_and_grads: the batch is empty; pass at least one token.")
        p, (wx, wh, b, *more) = self.params, self._names
        g = {name: np.empty_like(a) for name, a in p.items()} if out is None else dict(out)
        ids_in = check_labels("RNNLM", "ids_in", ids_in, len(p["E"]))
        H, last, cache = self._scan(ids_in, h0, buffers)
        states = _rows(H[1:])
        Z = states @ p["Why"]
        Z += p["by"]
        loss, dZ = softmax_ce(Z, np.reshape(ids_out, -1))
        if not np.isfinite(loss):
            raise InputError(
                "RNNLM.loss_and_grads: the loss is not a finite number; some weights are not finite or far too large. "
                "Go back to an earlier checkpoint and take a smaller learning rate or clip the gradients."
            )
        dZ = dZ.astype(Z.dtype, copy=False)
        np.matmul(states.T, dZ, out=g["Why"])
        np.matmul(np.ones(len(dZ), dZ.dtype), dZ, out=g["by"])  # faster than a sum over the first axis
        dH = (dZ @ p["Why"].T).reshape(H[1:].shape)
        if self.cell == "rnn":
            dA, _, g[wh][...] = elman_scan_back(dH, cache, k, buffers)
        elif self.cell == "gru":
            dA, _, g[wh][...], g[more[0]][...] = gru_scan_back(dH, cache, k, buffers)
        else:
            dA, _, _, g[wh][...] = lstm_scan_back(dH, np.zeros_like(H[0]), cache, k, buffers)
        dP = sum_by_id(_rows(dA), ids_in.ravel(), len(p["E"]))  # gradient of E Wx + b, word by word
        np.sum(dP, axis=0, out=g[b])
        np.matmul(p["E"].T, dP, out=g[wx])
        np.matmul(dP, p[wx].T, out=g["E"])
        return float(loss), g, last


def batches_of(ids: Any, N: int, T: int) -> list[tuple[Any, Any]]:
    """A text cut into N parallel sequences, and those into pieces of T steps: (ids_in, ids_out), targets shifted by one.

    Piece after piece, every sequence goes on where it stopped, so that the state can be carried over.

    Raises: InputError when the text is shorter than N T + 1, or N or T below 1.
    """
    if N < 1 or T < 1:
        raise InputError(f"batches_of: N is {N} and T is {T}; there is at least 1 sequence of 1 step.")
    ids = np.asarray(ids)
    pieces = (len(ids) - 1) // (N * T)
    if pieces < 1:
        raise InputError(
            f"batches_of: {len(ids)} ids do not fill {N} sequences of {T} steps; {N * T + 1} are needed."
        )
    rows = pieces * T
    X, Y = (ids[s : s + N * rows].reshape(N, rows).T for s in (0, 1))
    return [(X[i : i + T].copy(), Y[i : i + T].copy()) for i in range(0, rows, T)]


def _carried(model: RNNLM, batches: Batches, steps: int, where: str) -> Iterator[tuple[Any, Any]]:
    if not len(batches):
        raise InputError(f"{where}: there are no batches; pass at least one pair (ids_in, ids_out).")
    if len({np.shape(a)[1] for a, _ in batches}) > 1:
        raise InputError(
            f"{where}: the batches hold different numbers of sequences, so the state cannot be carried on."
        )
    if hasattr(model, "params") and "by" in model.params:  # every batch is looked at before any work is done
        for pair in batches:
            for name, ids in zip(("ids_in", "ids_out"), pair):
                check_labels(where, name, ids, len(model.params["by"]))
    for i in range(steps):
        yield batches[i % len(batches)]


def train(
    model: RNNLM, batches: Batches, optimizer: Callable[..., Any], steps: int, clip: float | None = 1.0
) -> list[float]:
    """Train by truncated backpropagation through time; gives the loss of each step, in nats, before its update.

    The batches are cycled and the state is carried on from each to the next, zeros first. `optimizer(params, grads,
    state)` gives new parameters and state, for example `partial(adam, lr=1e-3)`; `clip` bounds the norm of all gradients.

    Source: deck 002, "Norm clipping"; deck 004, "RNN language model"
    Raises: InputError when there are no batches or their widths differ.
    """
    h, state, losses = None, dict[str, Any](), []
    for ids_in, ids_out in _carried(model, batches, steps, "train"):
        loss, grads, h = model.loss_and_grads(
            ids_in, ids_out, model.zeros(np.shape(ids_in)[1]) if h is None else h
        )
        losses.append(loss)
        if clip is not None:
            grads, _ = clip_by_global_norm(grads, clip)
        model.params, state = optimizer(model.params, grads, state)
    return losses


def fit(
    model: RNNLM, batches: Batches, optimizer: Flat, steps: int, clip: float | None = 1.0, h: Any = None
) -> list[float]:
    """As `train`, in place: gradients are written into the flat buffer of the optimiser, which updates it as a whole.

        optimizer = Flat(model.params, adam, lr=2e-3, dtype=np.float32)
        losses = fit(model, batches, optimizer, steps=1000)

    Raises: as `train`.
    """
    model.params, losses = optimizer.params, list[float]()
    for ids_in, ids_out in _carried(model, batches, steps, "fit"):
        h = model.zeros(np.shape(ids_in)[1]) if h is None else h
        loss, _, h = model.loss_and_grads(ids_in, ids_out, h, out=optimizer.grads, buffers=optimizer.buffers)
        losses.append(loss)
        optimizer.step(clip=clip)
    return losses


def sample(
    model: Any, prefix: Iterable[int], n: int, temperature: float, rng: np.random.Generator
) -> list[int]:
    """Read a prefix, then draw n ids, each read in its turn: p ∝ exp(z / temperature).

    Source: deck 004, "Sampling from an RNN language model"
    Raises: InputError for an empty prefix or a temperature that is not positive.
    """
    ids = [int(i) for i in prefix]
    if not ids or not temperature > 0:
        raise InputError(
            f"sample: the prefix has {len(ids)} ids and the temperature is {temperature}; both must be positive."
        )
    h, out = (
        np.zeros((1, len(model.params["Why"]))) if not hasattr(model, "zeros") else model.zeros(1),
        list[int](),
    )
    for i in ids:
        Z, h = model.step(np.array([i]), h)
    while len(out) < n:
        ends = softmax(np.asarray(Z, np.float64) / temperature)[0].cumsum()
        if not np.isfinite(ends[-1]):
            raise InputError("sample: the model's scores are not finite numbers; load an earlier checkpoint.")
        out.append(int(np.searchsorted(ends, rng.random() * ends[-1], side="right")))
        Z, h = model.step(np.array(out[-1:]), h)
    return out


def save_checkpoint(path: str | Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays by name into one file; who is killed while writing leaves the old file as it was.

    The arrays go into a file beside it, which takes the place of the old one when all is on the disk.

    Raises: InputError when an array holds numbers that are not finite.
    """
    for name, a in arrays.items():
        if name == "file" or np.asarray(a).dtype.kind not in "biuf":
            raise InputError(
                f'save_checkpoint: {name} cannot be saved: arrays hold numbers, and none is called "file".'
            )
        if not np.isfinite(a).all():
            raise InputError(
                f"save_checkpoint: {name} holds numbers that are not finite; the last file is kept."
            )
    part = Path(f"{path}.part")
    with open(part, "wb") as file:
        np.savez(file, **{name: np.asarray(a) for name, a in arrays.items()})  # type: ignore[arg-type]
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """The arrays of a checkpoint.

    Raises: FormatError when the file is broken, no checkpoint, or holds numbers that are not finite.
    """
    with open(path, "rb") as raw:
        try:
            with np.load(raw, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            numbers = all(a.dtype.kind in "biuf" for a in arrays.values())
        except Exception as error:  # bytes that are no archive make NumPy and zipfile raise almost anything
            raise FormatError(
                f"load_checkpoint: {path} is broken or no checkpoint; take an earlier one."
            ) from error
    if not numbers:
        raise FormatError(f"load_checkpoint: {path} holds things that are no numbers; take an earlier one.")
    for name, a in arrays.items():
        if not np.isfinite(a).all():
            raise FormatError(
                f"load_checkpoint: {name} in {path} holds numbers that are not finite; take an earlier one."
            )
    return arrays
