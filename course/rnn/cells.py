"""Recurrent cells: one step, a whole sequence, and backpropagation through time; Elman, GRU, LSTM.

A sequence is computed from the projected inputs A = X Wx + b, which need no recurrence: one matrix product for all of
them, one for each weight gradient at the end, and in between only what has to wait for the state. All arrays of
sequences are time-major, (T, N, …). `k` cuts the gradient, not the state: none crosses from chunk to chunk of k steps.
A training loop passes the same `buffers` to every call, and the arrays of one step are written over in the next.

Source: deck 004, "Recurrent neural networks"; Elman 1990; Cho et al. 2014; Hochreiter and Schmidhuber 1997
"""

from __future__ import annotations

from typing import Any

import numpy as np

from course.toolbox.buffers import Buffers
from course.toolbox.errors import InputError
from course.toolbox.shapes import check_shapes

__all__ = [
    "CELLS", "elman_scan", "elman_scan_back", "gru_scan", "gru_scan_back", "gru_step", "gru_step_backward", "lstm_scan",
    "lstm_scan_back", "lstm_step", "lstm_step_backward", "rnn_backward", "rnn_forward", "rnn_step_backward",
    "rnn_step_forward",
]  # fmt: skip


def _cut(t: int, k: int | None) -> bool:
    """Whether a chunk ends after step t."""
    return k is not None and (t + 1) % k == 0


def check_truncation(where: str, k: int | None) -> None:
    """k is None or at least 1.

    Raises: InputError otherwise.
    """
    if k is not None and k < 1:
        raise InputError(
            f"{where}: k is {k}; gradients go back at least 1 step, or pass None for all of them."
        )


def elman_scan(A: Any, h0: Any, Wh: Any, buffers: Buffers | None = None) -> tuple[Any, Any]:
    """h_t = tanh(A_t + h_{t−1} Wh); all states from h_0 on, and the cache.

    Source: deck 004, "Recurrent neural networks"
    """
    empty = (buffers or Buffers()).empty
    H = empty("H", (len(A) + 1, *h0.shape), np.result_type(A, h0, Wh))
    H[0], W = h0, np.ascontiguousarray(Wh, H.dtype)
    for a, before, h in zip(A, H, H[1:]):
        np.dot(before, W, out=h)  # half a microsecond less than matmul
        h += a
        np.tanh(h, out=h)
    return H, (H, Wh)


def elman_scan_back(
    dH: Any, cache: Any, k: int | None = None, buffers: Buffers | None = None
) -> tuple[Any, Any, Any]:
    """δ_t = (dH_t + δ_{t+1} Whᵀ) ⊙ (1 − h_t²); gives dA = δ, dh_0 and dWh = Σ_t h_{t−1}ᵀ δ_t.

    Source: deck 003, 10.2.2
    """
    H, Wh = cache
    back, WT = np.zeros_like(H[0]), np.ascontiguousarray(Wh.T, H.dtype)
    dA = (buffers or Buffers()).empty("dA", H[1:].shape, H.dtype)
    np.multiply(H[1:], H[1:], out=dA)
    np.subtract(1, dA, out=dA)
    for t in range(len(dA) - 1, -1, -1):
        if _cut(t, k):
            back[...] = 0
        back += dH[t]
        delta = dA[t]
        delta *= back
        np.dot(delta, WT, out=back)
    return dA, back, _rows(H[:-1]).T @ _rows(dA)


def _rows(X: Any) -> Any:
    return X.reshape(-1, X.shape[-1])


def rnn_step_forward(x: Any, h: Any, Wxh: Any, Whh: Any, bh: Any) -> tuple[Any, Any]:
    """One step of Elman's network.

    h′ = tanh(x Wxh + h Whh + bh)

    Shapes: x (N, D), h (N, H), Wxh (D, H), Whh (H, H), bh (H,) -> h_next (N, H); and the cache
    Source: deck 004, "Recurrent neural networks"
    Raises: ShapeError when the arrays do not fit.
    """
    check_shapes(
        "rnn_step_forward", "x (N, D), h (N, H), Wxh (D, H), Whh (H, H), bh (H,)", x, h, Wxh, Whh, bh
    )
    H, cache = elman_scan((x @ Wxh + bh)[None], h, Whh)
    return H[1], (x, Wxh, cache)


def rnn_step_backward(dh: Any, cache: Any) -> tuple[Any, Any, Any, Any, Any]:
    """Carry a gradient back through one step.

    δ = dh ⊙ (1 − h′²);  dx = δ Wxhᵀ, dh_prev = δ Whhᵀ, dWxh = xᵀ δ, dWhh = hᵀ δ, dbh = Σ_n δ_n

    Shapes: dh (N, H); cache of rnn_step_forward -> dx (N, D), dh_prev (N, H), dWxh (D, H), dWhh (H, H), dbh (H,)
    Source: deck 003, 10.2.2
    """
    x, Wxh, inner = cache
    dA, dh_prev, dWhh = elman_scan_back(dh[None], inner)
    return dA[0] @ Wxh.T, dh_prev, x.T @ dA[0], dWhh, dA[0].sum(axis=0)


def rnn_forward(X: Any, h0: Any, Wxh: Any, Whh: Any, bh: Any) -> tuple[Any, Any]:
    """Elman's network over a sequence; H[0] is h0.

    h_t = tanh(x_t Wxh + h_{t−1} Whh + bh), t = 1 … T

    Shapes: X (T, N, D), h0 (N, H), Wxh (D, H), Whh (H, H), bh (H,) -> H (T+1, N, H); and the cache
    Source: deck 004, "Recurrent neural networks"
    Raises: ShapeError when the arrays do not fit.
    """
    check_shapes(
        "rnn_forward", "X (T, N, D), h0 (N, H), Wxh (D, H), Whh (H, H), bh (H,)", X, h0, Wxh, Whh, bh
    )
    H, cache = elman_scan(X @ Wxh + bh, h0, Whh)
    return H, (X, Wxh, cache)


def rnn_backward(dH: Any, cache: Any) -> tuple[Any, Any, Any, Any, Any]:
    """Backpropagation through time: from the gradients of the states h_1 … h_T to those of the arguments.

    δ_t = (dH_t + δ_{t+1} Whhᵀ) ⊙ (1 − h_t²);  dX_t = δ_t Wxhᵀ, dWxh = Σ_t x_tᵀ δ_t, dWhh = Σ_t h_{t−1}ᵀ δ_t

    With one more entry in front, dH[0] is a gradient of h0 itself.

    Shapes: dH (T, N, H); cache of rnn_forward -> dX (T, N, D), dh0 (N, H), dWxh (D, H), dWhh (H, H), dbh (H,)
    Source: deck 003, 10.2.2
    """
    X, Wxh, inner = cache
    extra = len(dH) - len(X)
    dA, dh0, dWhh = elman_scan_back(dH[extra:], inner)
    if extra:
        dh0 = dh0 + dH[0]
    return dA @ Wxh.T, dh0, _rows(X).T @ _rows(dA), dWhh, _rows(dA).sum(axis=0)


def gru_scan(A: Any, h0: Any, Wh: Any, bh: Any, buffers: Buffers | None = None) -> tuple[Any, Any]:
    """All states of a GRU from the projected inputs, as in `gru_step`; and the cache."""
    n, empty = h0.shape[1], (buffers or Buffers()).empty
    H = empty("H", (len(A) + 1, *h0.shape), np.result_type(A, h0, Wh))
    gates, inner = empty("gates", A.shape, H.dtype), empty("inner", H[1:].shape, H.dtype)
    H[0], B = h0, np.empty_like(A[0], dtype=H.dtype)
    half = H.dtype.type(0.5)
    for t in range(len(A)):
        np.matmul(H[t], Wh, out=B)
        B += bh
        g = gates[t]
        rz, new = g[:, : 2 * n], g[:, 2 * n :]
        np.add(A[t][:, : 2 * n], B[:, : 2 * n], out=rz)
        rz *= half  # σ(a) = (1 + tanh(a/2)) / 2
        np.tanh(rz, out=rz)
        rz *= half
        rz += half
        inner[t] = B[:, 2 * n :]
        np.multiply(g[:, :n], inner[t], out=new)
        new += A[t][:, 2 * n :]
        np.tanh(new, out=new)
        np.subtract(H[t], new, out=H[t + 1])
        H[t + 1] *= g[:, n : 2 * n]
        H[t + 1] += new
    return H, (H, Wh, gates, inner)


def gru_scan_back(
    dH: Any, cache: Any, k: int | None = None, buffers: Buffers | None = None
) -> tuple[Any, Any, Any, Any]:
    """From the gradients of the states to dA, dh_0, dWh and dbh."""
    H, Wh, gates, inner = cache
    n, empty = H.shape[2], (buffers or Buffers()).empty
    dA, dB = (empty(name, gates.shape, gates.dtype) for name in ("dA", "dB"))
    back, WT = np.zeros_like(H[0]), np.ascontiguousarray(Wh.T)
    for t in range(len(dA) - 1, -1, -1):
        if _cut(t, k):
            back[...] = 0
        r, z, new = gates[t][:, :n], gates[t][:, n : 2 * n], gates[t][:, 2 * n :]
        dh, a, b = dH[t] + back, dA[t], dB[t]
        dn = dh * (1 - z) * (1 - new * new)
        a[:, 2 * n :] = dn
        b[:, 2 * n :] = dn * r
        a[:, :n] = dn * inner[t] * r * (1 - r)
        a[:, n : 2 * n] = dh * (H[t] - new) * z * (1 - z)
        b[:, : 2 * n] = a[:, : 2 * n]
        np.matmul(b, WT, out=back)
        back += dh * z
    return dA, back, _rows(H[:-1]).T @ _rows(dB), _rows(dB).sum(axis=0)


def gru_step(x: Any, h: Any, Wx: Any, Wh: Any, bx: Any, bh: Any) -> tuple[Any, Any]:
    """One step of a gated recurrent unit; the columns hold the gates r, z, n, as in PyTorch.

    r = σ(x Wx_r + bx_r + h Wh_r + bh_r), z likewise, n = tanh(x Wx_n + bx_n + r ⊙ (h Wh_n + bh_n));
    h′ = (1 − z) ⊙ n + z ⊙ h

    Shapes: x (N, D), h (N, H), Wx (D, 3*H), Wh (H, 3*H), bx (3*H,), bh (3*H,) -> h_next (N, H); and the cache
    Source: Cho et al. 2014, in PyTorch's form
    Raises: ShapeError when the arrays do not fit.
    """
    line = "x (N, D), h (N, H), Wx (D, 3*H), Wh (H, 3*H), bx (3*H,), bh (3*H,)"
    check_shapes("gru_step", line, x, h, Wx, Wh, bx, bh)
    H, cache = gru_scan((x @ Wx + bx)[None], h, Wh, bh)
    return H[1], (x, Wx, cache)


def gru_step_backward(dh: Any, cache: Any) -> tuple[Any, Any, Any, Any, Any, Any]:
    """Carry a gradient back through one step of a GRU: dx, dh, dWx, dWh, dbx, dbh.

    Shapes: dh (N, H); cache of gru_step -> dx (N, D), dh_prev (N, H), dWx (D, 3*H), dWh (H, 3*H), dbx (3*H,), dbh (3*H,)
    """
    x, Wx, inner = cache
    dA, dh_prev, dWh, dbh = gru_scan_back(dh[None], inner)
    return dA[0] @ Wx.T, dh_prev, x.T @ dA[0], dWh, dA[0].sum(axis=0), dbh


def lstm_scan(A: Any, h0: Any, c0: Any, Wh: Any, buffers: Buffers | None = None) -> tuple[Any, Any, Any]:
    """All states and cells of an LSTM from the projected inputs, as in `lstm_step`; and the cache."""
    n, empty = h0.shape[1], (buffers or Buffers()).empty
    H = empty("H", (len(A) + 1, *h0.shape), np.result_type(A, h0, Wh))
    C, gates, tanh_c = (
        empty(name, a.shape, H.dtype) for name, a in (("C", H), ("gates", A), ("tanh_c", H[1:]))
    )
    H[0], C[0], write = h0, c0, np.empty_like(H[0])
    scale = np.repeat(np.array([0.5, 0.5, 1.0, 0.5], H.dtype), n)  # σ(a) = (1 + tanh(a/2)) / 2
    for t in range(len(A)):
        g = gates[t]
        np.matmul(H[t], Wh, out=g)
        g += A[t]
        g *= scale
        np.tanh(g, out=g)
        g *= scale
        g += 1 - scale
        np.multiply(g[:, n : 2 * n], C[t], out=C[t + 1])
        np.multiply(g[:, :n], g[:, 2 * n : 3 * n], out=write)
        C[t + 1] += write
        np.tanh(C[t + 1], out=tanh_c[t])
        np.multiply(g[:, 3 * n :], tanh_c[t], out=H[t + 1])
    return H, C, (H, C, Wh, gates, tanh_c)


def lstm_scan_back(
    dH: Any, dc: Any, cache: Any, k: int | None = None, buffers: Buffers | None = None
) -> tuple[Any, Any, Any, Any]:
    """From the gradients of the states and of the last cell to dA, dh_0, dc_0 and dWh."""
    H, C, Wh, gates, tanh_c = cache
    T, N, n = tanh_c.shape
    back, WT, dc = np.zeros_like(H[0]), np.ascontiguousarray(Wh.T), np.array(dc, H.dtype)
    dA, slope = (buffers or Buffers()).empty("dA", gates.shape, gates.dtype), np.empty_like(back)
    for t in range(T - 1, -1, -1):
        if _cut(t, k) and t + 1 < T:
            back[...] = 0
            dc[...] = 0
        g, d = gates[t], dA[t]
        i, f, new, o = (slice(m * n, (m + 1) * n) for m in range(4))
        back += dH[t]
        np.multiply(tanh_c[t], tanh_c[t], out=slope)  # dc += dh ⊙ o ⊙ (1 − tanh² c)
        np.subtract(1, slope, out=slope)
        slope *= g[:, o]
        slope *= back
        dc += slope
        np.multiply(g, g, out=d)  # the slopes of σ: g − g² (of tanh: 1 − g²) …
        np.subtract(g, d, out=d)
        np.multiply(g[:, new], g[:, new], out=slope)
        np.subtract(1, slope, out=d[:, new])
        d[:, i] *= g[:, new]  # … times the other factor of each product …
        d[:, f] *= C[t]
        d[:, new] *= g[:, i]
        d[:, o] *= tanh_c[t]
        d[:, : 3 * n].reshape(N, 3, n)[...] *= dc[:, None]  # … times what comes back
        d[:, o] *= back
        dc *= g[:, f]
        np.matmul(d, WT, out=back)
    return dA, back, dc, _rows(H[:-1]).T @ _rows(dA)


def lstm_step(x: Any, h: Any, c: Any, Wx: Any, Wh: Any, b: Any) -> tuple[Any, Any, Any]:
    """One step of a long short-term memory; the columns hold the gates i, f, g, o, as in PyTorch.

    i, f, o = σ(x Wx + h Wh + b), g = tanh(x Wx + h Wh + b), each in its columns;
    c′ = f ⊙ c + i ⊙ g;  h′ = o ⊙ tanh(c′)

    Shapes: x (N, D), h (N, H), c (N, H), Wx (D, 4*H), Wh (H, 4*H), b (4*H,) -> h_next (N, H), c_next (N, H); and the cache
    Source: Hochreiter and Schmidhuber 1997, in PyTorch's form
    Raises: ShapeError when the arrays do not fit.
    """
    line = "x (N, D), h (N, H), c (N, H), Wx (D, 4*H), Wh (H, 4*H), b (4*H,)"
    check_shapes("lstm_step", line, x, h, c, Wx, Wh, b)
    H, C, cache = lstm_scan((x @ Wx + b)[None], h, c, Wh)
    return H[1], C[1], (x, Wx, cache)


def lstm_step_backward(dh: Any, dc: Any, cache: Any) -> tuple[Any, Any, Any, Any, Any, Any]:
    """Carry the gradients of state and cell back through one step of an LSTM: dx, dh, dc, dWx, dWh, db.

    Shapes: dh (N, H), dc (N, H); cache of lstm_step -> dx (N, D), dh_prev (N, H), dc_prev (N, H)
    """
    x, Wx, inner = cache
    dA, dh_prev, dc_prev, dWh = lstm_scan_back(dh[None], dc, inner)
    return dA[0] @ Wx.T, dh_prev, dc_prev, x.T @ dA[0], dWh, dA[0].sum(axis=0)


CELLS = {"rnn": 1, "gru": 3, "lstm": 4}  # how many columns of gates each kind has for a unit
