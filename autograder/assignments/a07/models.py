"""The right forward formulas of assignment A07 as tape models, and samplers of arguments for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from course.toolbox.seeds import distinct_primes

__all__ = [
    "Args",
    "draw_gates",
    "draw_lm",
    "draw_params",
    "draw_scores",
    "draw_sequence",
    "draw_step",
    "gru",
    "lstm",
    "sequence",
    "step",
    "temporal_ce",
]

Args = dict[str, Any]


def step(ops: Any, x: Any, h: Any, Wxh: Any, Whh: Any, bh: Any) -> Any:
    """h′ = tanh(x Wxh + h Whh + bh)."""
    z = x @ Wxh + h @ Whh + bh
    h_next = ops.tanh(z)
    return h_next


def sequence(ops: Any, X: Any, h0: Any, Wxh: Any, Whh: Any, bh: Any) -> Any:
    """h_t = tanh(x_t Wxh + h_{t−1} Whh + bh) for t = 1 … T."""
    h, states = h0, []
    for t in range(len(X)):
        z = X[t] @ Wxh + h @ Whh + bh
        h = ops.tanh(z)
        states.append(h)
    return ops.stack(states)


def temporal_ce(ops: Any, Z: Any, y: Any, mask: Any = None) -> Any:
    """L = −1/M Σ_t,n mask_tn log softmax(Z_tn)[y_tn], M = Σ mask; 0 when M = 0."""
    mask = np.ones(np.shape(y)) if mask is None else mask
    log_p = ops.pick(ops.log_softmax(Z), y)
    loss = -(ops.sum(log_p * mask) / max(np.sum(mask), 1))
    return loss


def gru(ops: Any, x: Any, h: Any, Wx: Any, Wh: Any, bx: Any, bh: Any) -> Any:
    """r, z = σ(…), n = tanh(x Wx_n + bx_n + r ⊙ (h Wh_n + bh_n)), h′ = (1 − z) ⊙ n + z ⊙ h."""
    ax, ah = x @ Wx + bx, h @ Wh + bh
    H = h.shape[1]
    r = ops.sigmoid(ax[:, :H] + ah[:, :H])
    z = ops.sigmoid(ax[:, H : 2 * H] + ah[:, H : 2 * H])
    n = ops.tanh(ax[:, 2 * H :] + r * ah[:, 2 * H :])
    return (1 - z) * n + z * h


def lstm(ops: Any, x: Any, h: Any, c: Any, Wx: Any, Wh: Any, b: Any) -> Any:
    """i, f, o = σ(…), g = tanh(…), c′ = f ⊙ c + i ⊙ g, h′ = o ⊙ tanh c′; both states."""
    a = x @ Wx + h @ Wh + b
    H = h.shape[1]
    i, f, o = ops.sigmoid(a[:, :H]), ops.sigmoid(a[:, H : 2 * H]), ops.sigmoid(a[:, 3 * H :])
    g = ops.tanh(a[:, 2 * H : 3 * H])
    c_next = f * c + i * g
    h_next = o * ops.tanh(c_next)
    return h_next, c_next


# --- samplers: sizes are distinct primes, so that no two shapes coincide; one square instance for transposes -----------


def _weights(rng: np.random.Generator, D: int, H: int, scale: float = 1.0) -> Args:
    return {
        "Wxh": rng.normal(size=(D, H)) * scale / np.sqrt(D),
        "Whh": rng.normal(size=(H, H)) * scale / np.sqrt(H),
        "bh": rng.normal(size=H) / 2,
    }


def draw_step(
    rng: np.random.Generator,
    square: bool = False,
    N: int | None = None,
    scale: float = 1.0,
    integer: bool = False,
) -> Args:
    """x (N, D), h (N, H) and the weights of a step."""
    n, D, H = (3, 3, 3) if square else distinct_primes(rng, 3)
    n = n if N is None else N
    args = {"x": rng.normal(size=(n, D)), "h": rng.normal(size=(n, H)), **_weights(rng, D, H, scale)}
    return {name: rng.integers(-1, 2, a.shape) for name, a in args.items()} if integer else args


def draw_sequence(
    rng: np.random.Generator,
    square: bool = False,
    T: int | None = None,
    N: int | None = None,
    scale: float = 1.0,
) -> Args:
    """X (T, N, D), h0 (N, H) and the weights of a step; T is at least 5, so that cuts of every kind show."""
    sizes = (3, 3, 3, 5) if square else distinct_primes(rng, 4)
    t = min(size for size in sizes if size >= 5)
    n, D, H = (size for size in sizes if size != t)
    t, n = t if T is None else T, n if N is None else N
    return {"X": rng.normal(size=(t, n, D)), "h0": rng.normal(size=(n, H)), **_weights(rng, D, H, scale)}


def draw_scores(
    rng: np.random.Generator,
    square: bool = False,
    T: int | None = None,
    N: int | None = None,
    scale: float = 2.0,
    masked: bool = True,
    kept: float = 0.7,
) -> Args:
    """Z (T, N, V), labels y (T, N) and a mask, all of it or none; the first label is an unlikely one."""
    t, n, V = (3, 3, 3) if square else distinct_primes(rng, 3, low=3)
    t, n = t if T is None else T, n if N is None else N
    Z = rng.normal(size=(t, n, V)) * scale
    y = rng.integers(0, V, (t, n))
    y[0, 0] = int(np.argmin(Z[0, 0]))
    if not masked:
        return {"Z": Z, "y": y}
    mask = (rng.random((t, n)) < kept) * 1.0
    if kept:
        mask[0, 0], mask[-1, -1] = 1.0, 0.0
    return {"Z": Z, "y": y, "mask": mask}


def draw_params(rng: np.random.Generator, V: int, D: int, H: int) -> Args:
    """The parameters of a recurrent language model."""
    weights = _weights(rng, D, H)
    return {"E": rng.normal(size=(V, D)), **weights, "Why": rng.normal(size=(H, V)), "by": rng.normal(size=V)}


def draw_lm(
    rng: np.random.Generator,
    square: bool = False,
    T: int | None = None,
    N: int | None = None,
    k: int | None = None,
) -> Args:
    """Parameters, ids_in (T, N), ids_out (T, N) and h0 (N, H); words come twice, so that rows of E are shared."""
    t, n, V, D, H = (5, 5, 5, 5, 5) if square else distinct_primes(rng, 5, low=2, high=13)
    V, t, n = max(V, 4), min(max(t, 3), 7) if T is None else T, min(n, 5) if N is None else N
    ids = rng.integers(0, V, (t + 1, n))
    ids[1 % (t + 1), 0] = ids[0, 0]
    args = {"params": draw_params(rng, V, D, H), "ids_in": ids[:-1].copy(), "ids_out": ids[1:].copy()}
    return {**args, "h0": rng.normal(size=(n, H)) / 2, **({} if k is None else {"k": k})}


def draw_gates(rng: np.random.Generator, square: bool = False, gates: int = 3, N: int | None = None) -> Args:
    """x, h (and c), and the weights of a step with gates."""
    n, D, H = (3, 3, 3) if square else distinct_primes(rng, 3)
    n, G = n if N is None else N, gates * H
    args = {"x": rng.normal(size=(n, D)), "h": rng.normal(size=(n, H))}
    if gates == 4:
        args["c"] = rng.normal(size=(n, H))
    args |= {"Wx": rng.normal(size=(D, G)) / 2, "Wh": rng.normal(size=(H, G)) / 2}
    biases = ("b",) if gates == 4 else ("bx", "bh")
    return args | {name: rng.normal(size=G) for name in biases}
