"""The right forward formulas of assignment A09 as tape models, and samplers of arguments for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from course.toolbox.seeds import distinct_primes

__all__ = [
    "LAYER", "SIDES", "Args", "birnn", "bitagger", "bitagger_scores", "conv1d", "decoder", "direction", "draw_birnn", "draw_conv", "draw_decoder",
    "draw_encoder", "draw_pool", "draw_seq2seq", "draw_tagger", "encoder", "encoder_states", "masked_ce", "maxpool1d", "part", "seq2seq",
]  # fmt: skip

Args = dict[str, Any]
LAYER = ("h0", "Wxh", "Whh", "bh")
SIDES = tuple(f"{side}_{name}" for side in "fb" for name in LAYER)


def _run(ops: Any, xs: Any, masks: Any, h: Any, Wxh: Any, Whh: Any, bh: Any) -> list[Any]:
    """The states after each step; where the mask is 0 the state stays as it is."""
    states = []
    for x, mask in zip(xs, masks):
        m = mask[:, None]
        z = x @ Wxh + h @ Whh + bh
        h = ops.tanh(z) * m + h * (1 - m)
        states.append(h)
    return states


def direction(
    ops: Any, X: Any, mask: Any, side: str, late: bool = False, turned: bool = True, shown: bool = True, **layers: Any,
) -> Any:  # fmt: skip
    """The states of one side, "f" from the left, "b" from the right, in the order of X and 0 at pads.

    late    the zeros at pads are put in at the end: a slip gives other numbers there
    turned  the side from the right reads the mask from the right, too
    shown   else the states stand at pads as well
    """
    turn = 1 if side == "f" else -1
    mask = np.asarray(mask, dtype=float)
    read = list(mask)[:: turn if turned else 1]
    states = _run(ops, list(X)[::turn], read, *(layers[f"{side}_{name}"] for name in LAYER))
    if shown and not late:
        states = [h * m[:, None] for h, m in zip(states, list(mask)[::turn])]
    Y = ops.stack(states[::turn])
    return Y * mask[:, :, None] if late and shown else Y


def birnn(ops: Any, X: Any, mask: Any, **more: Any) -> Any:
    """Y_t = [f_t, b_t]; the layers, and what `direction` takes besides."""
    return ops.concat([direction(ops, X, mask, "f", **more), direction(ops, X, mask, "b", **more)], axis=2)


def masked_ce(ops: Any, Z: Any, y: Any, mask: Any) -> Any:
    """L = −1/M Σ_t,n mask_tn log softmax(Z_tn)[y_tn], M = Σ mask."""
    log_p = ops.pick(ops.log_softmax(Z), y)
    return -(ops.sum(log_p * mask) / np.sum(mask))


def bitagger_scores(ops: Any, params: Any, ids: Any, mask: Any) -> Any:
    """Z_t = [f_t, b_t] Why + by over `birnn` of the words' vectors; both initial states are 0."""
    X = ops.take(params["E"], ids)
    h0 = np.zeros((ids.shape[1], params["f_bh"].shape[0]))
    sides: Args = {name: h0 if name.endswith("h0") else params[name] for name in SIDES}
    Y = birnn(ops, X, mask, **sides)
    return Y @ params["Why"] + params["by"]


def bitagger(ops: Any, params: Any, ids: Any, tags: Any, mask: Any) -> Any:
    """The mean loss over the real positions."""
    return masked_ce(ops, bitagger_scores(ops, params, ids, mask), tags, mask)


def encoder_states(ops: Any, src: Any, mask: Any, params: Any, start: float = 0.0) -> list[Any]:
    """h_s = tanh(E[src_s] Wxh + h_{s−1} Whh + bh) from h_0 = 0, or another number; at pads the state stays."""
    h0 = np.full((src.shape[1], params["bh"].shape[0]), start)
    X = ops.take(params["E"], src)
    return _run(ops, list(X), list(mask), h0, params["Wxh"], params["Whh"], params["bh"])


def encoder(ops: Any, src: Any, mask: Any, params: Any, start: float = 0.0) -> Any:
    """The state at the last real word."""
    return encoder_states(ops, src, mask, params, start)[-1]


def decoder(
    ops: Any,
    context: Any,
    y_in: Any,
    params: Any,
    states: Any = None,
    adds: Callable[[int], bool] = lambda t: True,
    early: bool = False,
) -> Any:
    """h_t = tanh(E[y_t] Wxh + c Wch + h_{t−1} Whh + bh) from h_0 = c, Z_t = h_t Why + by.

    states  values that stand in the place of the right h_1 … h_T
    adds    the steps in which the context is added; `early`: Z_t is formed with h_{t−1}
    """
    h, out = context, []
    for t, x in enumerate(list(ops.take(params["E"], y_in))):
        before, z = h, x @ params["Wxh"]
        if adds(t):
            z = z + context @ params["Wch"]
        z = z + h @ params["Whh"] + params["bh"]
        h = ops.tanh(z)
        if states is not None:
            h.value = states[t]
        out.append((before if early else h) @ params["Why"] + params["by"])
    return ops.stack(out)


def part(params: Mapping[str, Any], prefix: str) -> Args:
    """The parameters with a prefix, without it."""
    return {name.removeprefix(prefix): a for name, a in params.items() if name.startswith(prefix)}


def seq2seq(ops: Any, params: Any, src: Any, tgt: Any) -> Any:
    """The decoder reads tgt[:-1] after the encoder's context and is to say tgt[1:]; the mean over real targets."""
    context = encoder(ops, src, src != 0, part(params, "enc_"))
    Z = decoder(ops, context, tgt[:-1], part(params, "dec_"))
    return masked_ce(ops, Z, tgt[1:], (tgt[1:] != 0) * 1.0)


def conv1d(ops: Any, X: Any, W: Any, b: Any) -> Any:
    """Y_nfl = b_f + Σ_c Σ_k X_nc,l+k W_fck."""
    return ops.conv1d(X, W) + ops.reshape(b, (-1, 1))


def maxpool1d(ops: Any, X: Any, k: int) -> Any:
    """Y_ncl = max_{j<k} X_nc,kl+j."""
    return ops.maxpool1d(X, k)


# --- samplers: sizes are distinct primes, so that no two shapes coincide; one square instance for transposes -----------


def _sizes(rng: np.random.Generator, count: int, square: bool, high: int = 7) -> tuple[int, ...]:
    return (4,) * count if square else distinct_primes(rng, count, high=high)


def _mask(rng: np.random.Generator, T: int, N: int, pads: bool = True) -> np.ndarray:
    """Lengths from 1 to T; one sequence is full, another is not."""
    lengths = rng.integers(1, T + 1, N)
    lengths[-1] = max(T - 1, 1)
    lengths[0] = T
    return (np.arange(T)[:, None] < (lengths if pads else np.full(N, T))) * 1.0


def _weights(rng: np.random.Generator, D: int, H: int) -> Args:
    return {
        "Wxh": rng.normal(size=(D, H)) / np.sqrt(D),
        "Whh": rng.normal(size=(H, H)) / np.sqrt(H),
        "bh": rng.normal(size=H) / 2,
    }


def draw_birnn(
    rng: np.random.Generator,
    square: bool = False,
    T: int = 3,
    N: int | None = None,
    pads: bool = True,
    integer: bool = False,
) -> Args:
    """X (T, N, D), mask (T, N) and the layers of both directions, flat."""
    n, D, H = _sizes(rng, 3, square)
    n = n if N is None else N
    mask = _mask(rng, T, n, pads)
    args: Args = {"X": rng.normal(size=(T, n, D)), "mask": mask.astype(int) if integer else mask}
    for side in "fb":
        layer = {"h0": rng.normal(size=(n, H)) / 2, **_weights(rng, D, H)}
        args |= {f"{side}_{name}": layer[name] for name in LAYER}
    return args


def draw_ids(rng: np.random.Generator, V: int, mask: Any) -> np.ndarray:
    """Words, some of them several times, in one step and in different ones, with 0 at pads."""
    ids = rng.integers(1, V, mask.shape)
    ids[-1, 0] = ids[0, :2] = ids[0, 0]
    return np.where(mask > 0, ids, 0)


def draw_tagger(rng: np.random.Generator, params: Args, T: int = 3, N: int = 3, pads: bool = True) -> Args:
    """ids (T, N), tags (T, N), mask for these parameters; tags at pads are 0."""
    mask = _mask(rng, T, N, pads)
    tags = rng.integers(0, len(params["by"]), (T, N))
    ids = draw_ids(rng, len(params["E"]), mask)
    return {"params": params, "ids": ids, "tags": np.where(mask > 0, tags, 0), "mask": mask}


def _length(rng: np.random.Generator, T: int | None) -> int:
    """T, or 3 or 4: a cut after k steps is told from a first step that is left out by lengths that differ."""
    return int(rng.integers(3, 5)) if T is None else T


def draw_encoder(
    rng: np.random.Generator,
    square: bool = False,
    T: int | None = None,
    N: int | None = None,
    pads: bool = True,
) -> Args:
    """src (S, N), mask (S, N) of integers, parameters."""
    n, V, D, H = _sizes(rng, 4, square)
    n, V, T = n if N is None else N, max(V, 4), _length(rng, T)
    mask = _mask(rng, T, n, pads).astype(int)
    params = {"E": rng.normal(size=(V, D)), **_weights(rng, D, H)}
    return {"src": draw_ids(rng, V, mask), "mask": mask, "params": params}


def draw_decoder(
    rng: np.random.Generator, square: bool = False, T: int | None = None, N: int | None = None
) -> Args:
    """context (N, H), y_in (T, N) with <s> first, parameters."""
    n, V, D, H = _sizes(rng, 4, square)
    n, V, T = n if N is None else N, max(V, 4), _length(rng, T)
    y_in = rng.integers(0, V, (T, n))
    y_in[0] = 1
    y_in[-1, 0] = y_in[0, 0]
    params = {
        "E": rng.normal(size=(V, D)),
        "Wch": rng.normal(size=(H, H)) / np.sqrt(H),
        **_weights(rng, D, H),
        "Why": rng.normal(size=(H, V)),
        "by": rng.normal(size=V),
    }
    return {"context": rng.normal(size=(n, H)) / 2, "y_in": y_in, "params": params}


def draw_seq2seq(rng: np.random.Generator, params: Args, S: int = 3, T: int = 4, N: int = 3) -> Args:
    """src (S, N) and tgt (T, N): <s>, words, </s>, pads."""
    src = draw_ids(rng, len(params["enc_E"]), _mask(rng, S, N))
    mask = _mask(rng, T - 1, N)
    words = rng.integers(3, len(params["dec_by"]), (T - 1, N))
    words[-1, 0] = words[0, 0]
    lengths = np.maximum(mask.sum(axis=0).astype(int), 2)
    places = np.arange(T - 1)[:, None]
    tail = np.where(places < lengths - 1, words, np.where(places == lengths - 1, 2, 0))
    return {"params": params, "src": src, "tgt": np.concatenate([np.ones((1, N), int), tail])}


def draw_conv(rng: np.random.Generator, square: bool = False, N: int | None = None, M: int = 5) -> Args:
    """X (N, C, L), W (F, C, K), b (F,), with M = L − K + 1."""
    n, C, F, K = (3, 3, 3, 3) if square else distinct_primes(rng, 4, high=7)
    n, K = n if N is None else N, min(K, 3)
    return {"X": rng.normal(size=(n, C, M + K - 1)), "W": rng.normal(size=(F, C, K)), "b": rng.normal(size=F)}


def draw_pool(rng: np.random.Generator, k: int | None = None, L: int = 11) -> Args:
    """X (N, C, L) and k; L is no multiple of k."""
    N, C = distinct_primes(rng, 2, high=5)
    return {"X": rng.normal(size=(N, C, L)), "k": int(rng.integers(2, 5)) if k is None else k}
