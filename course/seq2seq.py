"""Chapter A09: reading in both directions, and from one sequence to another by an encoder and a decoder.

Ids: 0 is padding, 1 is `<s>`, 2 is `</s>`. Sequences of different length stand in one array (T, N), and a mask of 0
and 1 says what is real. Both directions are the recurrent layer of chapter A07: the real positions are put first, in
the order in which they are read, so that padding comes after everything that counts and no gradient returns from it.

    model = Seq2Seq(V_src, V_tgt, 32, 96, rng)
    optimizer = Flat(model.params, adam, lr=2e-3)
    model.params = optimizer.params
    for src, tgt in batches:
        loss, grads = model.loss_and_grads(src, tgt)
        optimizer.step(grads, clip=1.0)
    model.translate(src, max_len=20)

Source: deck 004, "Bidirectional RNN", "Sequence to Sequence Model"; Schuster and Paliwal 1997; Cho et al. 2014; Sutskever et al. 2014
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from course.embeddings import sum_by_id
from course.losses import log_softmax
from course.rnn.cells import _rows, elman_scan, elman_scan_back, rnn_backward, rnn_forward
from course.rnn.model import temporal_softmax_ce
from course.toolbox.errors import InputError
from course.toolbox.pairs import backward_half
from course.toolbox.shapes import check_labels, check_shapes

__all__ = [
    "BOS", "EOS", "PAD", "BiTagger", "Seq2Seq", "beam", "birnn_backward", "birnn_forward", "decoder_backward",
    "decoder_forward", "encoder_backward", "encoder_forward",
]  # fmt: skip

PAD, BOS, EOS = 0, 1, 2

Params = Mapping[str, Any]
Layer = tuple[Any, Any, Any, Any]


def _drawn(rng: np.random.Generator, **shapes: tuple[int, ...]) -> dict[str, Any]:
    """Embeddings of standard deviation 1, matrices of 1/√rows, biases of zero."""
    if min(min(shape) for shape in shapes.values()) < 1:
        raise InputError(f"seq2seq: sizes must be at least 1; the shapes would be {shapes}.")
    return {
        name: np.zeros(shape) if len(shape) == 1 else rng.standard_normal(shape) / (1 if name.endswith("E") else np.sqrt(shape[0]))
        for name, shape in shapes.items()
    }  # fmt: skip


def _part(params: Params, prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): a for name, a in params.items() if name.startswith(prefix)}


def _reading_order(real: Any, backwards: bool = False) -> Any:
    """For each sequence its positions in the order of reading, those of padding at the end; (T, N)."""
    if not backwards:
        return np.argsort(~real, axis=0, kind="stable")
    return len(real) - 1 - np.argsort(~real[::-1], axis=0, kind="stable")


def _place(A: Any, order: Any, real: Any) -> Any:
    """What was computed in the order of reading, at its positions; 0 at padding."""
    out = np.empty_like(A)
    np.put_along_axis(out, order[..., None], A, axis=0)
    return np.where(real[..., None], out, 0)


def _gather(X: Any, order: Any, real: Any) -> Any:
    """The entries in the order of reading, 0 for padding."""
    return np.take_along_axis(np.where(real[..., None], X, 0), order[..., None], axis=0)


def birnn_forward(X: Any, mask: Any, fwd: Layer, bwd: Layer) -> tuple[Any, Any]:
    """Two Elman layers over a sequence, one from each end; `fwd` and `bwd` are (h0, Wxh, Whh, bh).

    f_t = tanh(x_t Wxh + f_{t−1} Whh + bh), b_t = tanh(x_t Wxh′ + b_{t+1} Whh′ + bh′);  y_t = [f_t, b_t], 0 at padding

    Where the mask is 0 the state passes unchanged.

    Shapes: X (T, N, D), mask (T, N) 0/1, fwd = (draw(N, H), draw(D, H), draw(H, H), draw(H)),
        bwd = (draw(N, H), draw(D, H), draw(H, H), draw(H)) -> Y (T, N, 2*H); and the cache
    Source: deck 004, "Bidirectional RNN"; Schuster and Paliwal 1997
    Raises: ShapeError when the arrays do not fit.
    """
    check_shapes("birnn_forward", "X (T, N, D), mask (T, N)", X, mask)
    real, halves, kept = np.asarray(mask) != 0, [], []
    for layer, backwards in ((fwd, False), (bwd, True)):
        order = _reading_order(real, backwards)
        H, cache = rnn_forward(_gather(X, order, real), *layer)
        halves.append(_place(H[1:], order, real))
        kept.append((order, cache))
    return np.concatenate(halves, axis=2), (real, kept)


def birnn_backward(dY: Any, cache: Any) -> tuple[Any, Layer, Layer]:
    """Carry a gradient back through both directions; what dY holds at padding is ignored.

    dX is the sum over the directions; the gradients of each direction are (dh0, dWxh, dWhh, dbh).

    Shapes: dY (T, N, 2*H); cache of birnn_forward -> dX (T, N, D), grads_fwd, grads_bwd
    """
    real, kept = cache
    dX, grads = 0, []
    for dH, (order, inner) in zip(np.split(np.asarray(dY), 2, axis=2), kept):
        dx, *layer = rnn_backward(_gather(dH, order, real), inner)
        dX = dX + _place(dx, order, real)
        grads.append(tuple(layer))
    return dX, grads[0], grads[1]


@backward_half(birnn_forward)
def _birnn_graph_backward(dY: Any, cache: Any) -> tuple[Any, None, Layer, Layer]:
    """`birnn_backward` with None for the mask, as graphs want it."""
    dX, fwd, bwd = birnn_backward(dY, cache)
    return dX, None, fwd, bwd


class BiTagger:
    """A label for each word, from the words on both sides: y = [f_t, b_t] Why + by over `birnn_forward`.

    `.params`: E (V, D), f_Wxh, f_Whh, f_bh, b_Wxh, b_Whh, b_bh, Why (2H, C), by (C,); both initial states are zero.

    Source: deck 004, "Bidirectional RNN"
    Raises: InputError for sizes below 1, and for ids outside 0 … V − 1 that the mask leaves.
    """

    def __init__(self, V: int, C: int, D: int, H: int, rng: np.random.Generator) -> None:
        sides = {f"{s}_{k}": v for s in "fb" for k, v in (("Wxh", (D, H)), ("Whh", (H, H)), ("bh", (H,)))}
        self.params = _drawn(rng, E=(V, D), **sides, Why=(2 * H, C), by=(C,))

    def _forward(self, ids: Any, mask: Any) -> tuple[Any, Any]:
        p = self.params
        ids = _real_ids("BiTagger", "ids", ids, mask, len(p["E"]))
        zeros = np.zeros((ids.shape[1], len(p["f_bh"])), p["f_bh"].dtype)
        layers = [(zeros, *(p[side + name] for name in ("Wxh", "Whh", "bh"))) for side in ("f_", "b_")]
        Y, cache = birnn_forward(p["E"][ids], mask, *layers)
        return Y @ p["Why"] + p["by"], (ids, Y, cache)

    def forward(self, ids: Any, mask: Any) -> Any:
        """Scores of the labels. Shapes: ids (T, N), mask (T, N); gives (T, N, C)"""
        return self._forward(ids, mask)[0]

    def loss_and_grads(self, ids: Any, tags: Any, mask: Any) -> tuple[float, dict[str, Any]]:
        """The mean loss over the real positions, in nats, and the gradients of all parameters.

        Shapes: ids (T, N), tags (T, N), mask (T, N); gives loss (), grads like params
        """
        p = self.params
        Z, (ids, Y, cache) = self._forward(ids, mask)
        loss, dZ = _finite_loss("BiTagger", Z, tags, mask)
        dX, fwd, bwd = birnn_backward(dZ @ p["Why"].T, cache)
        grads = {"E": sum_by_id(_rows(dX), ids.ravel(), len(p["E"])), "Why": _rows(Y).T @ _rows(dZ)}
        for side, layer in (("f_", fwd), ("b_", bwd)):
            grads.update(zip((f"{side}Wxh", f"{side}Whh", f"{side}bh"), layer[1:]))
        grads["by"] = _rows(dZ).sum(axis=0)
        return loss, {name: grads[name] for name in p}


def _real_ids(where: str, name: str, ids: Any, mask: Any, V: int) -> Any:
    """The ids, 0 at padding, once they are found to be in range."""
    check_shapes(where, f"{name} (T, N), mask (T, N)", ids, mask)
    return check_labels(where, name, np.where(np.asarray(mask) != 0, ids, 0), V)


def _finite_loss(where: str, Z: Any, y: Any, mask: Any) -> tuple[float, Any]:
    loss, dZ = temporal_softmax_ce(Z, y, mask)
    if not np.isfinite(loss):
        raise InputError(
            f"{where}: the loss is not a finite number; some weights are not finite or far too large. "
            f"Go back to earlier weights and take a smaller learning rate or clip the gradients."
        )
    return float(loss), dZ.astype(Z.dtype, copy=False)


def encoder_forward(src: Any, mask: Any, params: Params) -> tuple[Any, Any]:
    """Read a sequence; its meaning is the state after the last real token.

    h_s = tanh(E[src_s] Wxh + h_{s−1} Whh + bh), h_0 = 0, padding left out

    Shapes: src (S, N) int < V, mask (S, N) 0/1, params = dict(E=draw(V, D), Wxh=draw(D, H), Whh=draw(H, H), bh=draw(H))
        -> context (N, H); and the cache
    Source: deck 004, "Sequence to Sequence Model"; Cho et al. 2014
    Raises: ShapeError when the arrays do not fit; InputError for ids outside 0 … V − 1.
    """
    E, Wxh, Whh, bh = (params[name] for name in ("E", "Wxh", "Whh", "bh"))
    ids = _real_ids("encoder_forward", "src", src, mask, len(E))
    real = np.asarray(mask) != 0
    ids = np.take_along_axis(ids, _reading_order(real), axis=0)
    H, inner = rnn_forward(E[ids], np.zeros((ids.shape[1], len(bh)), bh.dtype), Wxh, Whh, bh)
    last = real.sum(axis=0), np.arange(ids.shape[1])
    return H[last], (ids, last, H.shape, len(E), inner)


def encoder_backward(dcontext: Any, cache: Any) -> dict[str, Any]:
    """Carry a gradient back from the last real state through the sequence.

    Shapes: dcontext (N, H); cache of encoder_forward -> a dict with the keys and shapes of params
    """
    ids, last, shape, V, inner = cache
    dH = np.zeros(shape, np.result_type(dcontext))
    dH[last] = dcontext
    dX, _, dWxh, dWhh, dbh = rnn_backward(dH, inner)
    return {"E": sum_by_id(_rows(dX), ids.ravel(), V), "Wxh": dWxh, "Whh": dWhh, "bh": dbh}


def _decode(context: Any, h0: Any, y: Any, p: Params) -> tuple[Any, Any, Any]:
    """Scores (T, N, V), all states from h0 on, and the cache of the scan."""
    ids = check_labels("decoder_forward", "y_in", y, len(p["E"]))
    H, inner = elman_scan(p["E"][ids] @ p["Wxh"] + (context @ p["Wch"] + p["bh"]), h0, p["Whh"])
    return H[1:] @ p["Why"] + p["by"], H, (ids, inner)


def decoder_forward(context: Any, y_in: Any, params: Params) -> tuple[Any, Any]:
    """Write a sequence: the context is the first state and an input of every step; y_in starts with `<s>`.

    h_0 = c, h_t = tanh(E[y_t] Wxh + c Wch + h_{t−1} Whh + bh);  Z_t = h_t Why + by

    Shapes: context (N, H), y_in (T, N) int < V, params = dict(E=draw(V, D), Wxh=draw(D, H), Wch=draw(H, H),
        Whh=draw(H, H), bh=draw(H), Why=draw(H, V), by=draw(V)) -> Z (T, N, V); and the cache
    Source: deck 004, "Sequence to Sequence Model"; Cho et al. 2014; Sutskever et al. 2014
    Raises: ShapeError when the arrays do not fit; InputError for ids outside 0 … V − 1.
    """
    names = "E (V, D), Wxh (D, H), Wch (H, H), Whh (H, H), bh (H,), Why (H, V), by (V,)"
    arrays = [params[name] for name in ("E", "Wxh", "Wch", "Whh", "bh", "Why", "by")]
    check_shapes("decoder_forward", f"context (N, H), y_in (T, N), {names}", context, y_in, *arrays)
    Z, H, scanned = _decode(context, context, y_in, params)
    return Z, (context, H, scanned, params)


def decoder_backward(dZ: Any, cache: Any) -> tuple[Any, dict[str, Any]]:
    """Carry a gradient back through the decoder; every step and the first state ask something of the context.

    dc = δ_{h_0} + (Σ_t δ_t) Wchᵀ, dWch = cᵀ Σ_t δ_t;  the rest as in `rnn_backward`

    Shapes: dZ (T, N, V); cache of decoder_forward -> dcontext (N, H), grads like params
    """
    context, H, (ids, inner), p = cache
    dA, dh0, dWhh = elman_scan_back(dZ @ p["Why"].T, inner)
    rows, total = _rows(dA), dA.sum(axis=0)
    dP = sum_by_id(rows, ids.ravel(), len(p["E"]))  # gradient of E Wxh, word by word
    grads = {
        "E": dP @ p["Wxh"].T, "Wxh": p["E"].T @ dP, "Wch": context.T @ total, "Whh": dWhh, "bh": total.sum(axis=0),
        "Why": _rows(H[1:]).T @ _rows(dZ), "by": _rows(dZ).sum(axis=0),
    }  # fmt: skip
    return dh0 + total @ p["Wch"].T, grads


@backward_half(decoder_forward)
def _decoder_graph_backward(dZ: Any, cache: Any) -> tuple[Any, None, dict[str, Any]]:
    """`decoder_backward` with None for the ids, as graphs want it."""
    dcontext, grads = decoder_backward(dZ, cache)
    return dcontext, None, grads


class Seq2Seq:
    """From a sequence to another through one vector: an encoder, and a decoder that starts from its last state.

    `.params` are those of `encoder_forward` with the prefix enc_ and those of `decoder_forward` with dec_.

    Source: deck 004, "Sequence to Sequence Model"
    Raises: InputError for sizes below 1, for ids out of range, for targets of less than two tokens, and for weights that
    are not finite.
    """

    def __init__(self, V_src: int, V_tgt: int, D: int, H: int, rng: np.random.Generator) -> None:
        self.params = _drawn(
            rng, enc_E=(V_src, D), enc_Wxh=(D, H), enc_Whh=(H, H), enc_bh=(H,), dec_E=(V_tgt, D), dec_Wxh=(D, H),
            dec_Wch=(H, H), dec_Whh=(H, H), dec_bh=(H,), dec_Why=(H, V_tgt), dec_by=(V_tgt,),
        )  # fmt: skip

    def loss_and_grads(self, src: Any, tgt: Any) -> tuple[float, dict[str, Any]]:
        """The mean loss over the real target tokens, in nats, and the gradients of all parameters.

        The decoder reads tgt[:-1] and is to say tgt[1:].

        Shapes: src (S, N), tgt (T, N); gives loss (), grads like params
        """
        src, tgt = np.asarray(src), np.asarray(tgt)
        check_shapes("Seq2Seq.loss_and_grads", "src (S, N), tgt (T, N)", src, tgt)
        if len(tgt) < 2:
            raise InputError(
                f"Seq2Seq.loss_and_grads: tgt has {len(tgt)} tokens; it holds at least <s> and </s>."
            )
        context, read = encoder_forward(src, src != PAD, _part(self.params, "enc_"))
        Z, written = decoder_forward(context, tgt[:-1], _part(self.params, "dec_"))
        loss, dZ = _finite_loss("Seq2Seq.loss_and_grads", Z, tgt[1:], tgt[1:] != PAD)
        dcontext, dec = decoder_backward(dZ, written)
        enc = encoder_backward(dcontext, read)
        return loss, {n: (enc if n.startswith("enc_") else dec)[n[4:]] for n in self.params}

    def translate(self, src: Any, max_len: int) -> list[list[int]]:
        """For each source the ids of its translation, always the likeliest next one, without `<s>` and `</s>`.

        Shapes: src (S, N); gives N lists of at most max_len ids
        """
        return beam(self, src, 1, max_len)


def beam(model: Any, src: Any, k: int, max_len: int) -> list[list[int]]:
    """Translate by keeping the k likeliest beginnings at every step; the score is Σ_t log p(y_t), without division by length.

    Finished sentences keep their score and their place. A score only falls, so a source is done when its best is finished.

    Shapes: model = Seq2Seq(V, V, D, H, rng), src (S, N) int < V, k = 2, max_len = 4; gives N lists of at most max_len
        ids, without `<s>` and `</s>`
    Source: deck 004, "Sequence to Sequence Model"; Sutskever et al. 2014
    Raises: InputError for k or max_len below 1 and for scores that are not finite.
    """
    if k < 1 or max_len < 1:
        raise InputError(f"beam: k is {k} and max_len is {max_len}; both are at least 1.")
    src, p = np.asarray(src), _part(model.params, "dec_")
    context, _ = encoder_forward(src, src != PAD, _part(model.params, "enc_"))
    N, V = len(context), len(p["by"])
    context = np.repeat(context, k, axis=0)
    h, ids = context, np.full((N * k, 1), BOS)
    score = np.tile(
        np.where(np.arange(k) == 0, 0.0, -np.inf), (N, 1)
    )  # one beginning, then its continuations
    for _ in range(max_len):
        Z, H, _ = _decode(context, h, ids[None, :, -1], p)
        if not np.isfinite(Z).all():
            raise InputError("beam: the model's scores are not finite numbers; load earlier weights.")
        logp, done = log_softmax(Z[0]), ids[:, -1] == EOS
        logp[done] = np.where(np.arange(V) == EOS, 0, -np.inf)
        total = (score[:, :, None] + logp.reshape(N, k, V)).reshape(N, -1)
        best = np.argsort(-total, axis=1, kind="stable")[:, :k]
        score = np.take_along_axis(total, best, axis=1)
        parent = (np.arange(N)[:, None] * k + best // V).ravel()
        h, ids = H[1][parent], np.column_stack([ids[parent], best.ravel() % V])
        if (ids[::k, -1] == EOS).all():
            break
    return [[int(i) for i in row[: np.argmax(np.append(row, EOS) == EOS)]] for row in ids[::k, 1:]]
