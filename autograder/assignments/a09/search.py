"""Translations by the right model: greedy, with the slips that are recognised, and beam search as it may be done."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograder.checks.tape import record

from ..a05.objects import Kind
from . import models
from .models import Args, part

__all__ = ["GREEDY_SLIPS", "beam_search", "draw_endings", "draw_search", "greedy"]

PAD, BOS, EOS = 0, 1, 2


def draw_search(rng: np.random.Generator, kind: Kind, ends: bool = True, N: int = 3) -> Args:
    """Parameters, sources and max_len; pads and <s> are never likely, </s> is likely now and then, or never."""
    V_src, V_tgt, D, H = 7, 9, 3, 5
    params = kind.draw(rng, V_src, V_tgt, D, H)
    params["dec_Why"] *= 3.0
    params["dec_Why"][:, :2] = 0.0
    params["dec_by"][:2] = -60.0
    params["dec_by"][EOS] = 1.0 if ends else -60.0
    src = models.draw_seq2seq(rng, params, S=4, N=N)["src"]
    return {"params": params, "src": src, "max_len": 9 if ends else 4}


def draw_endings(rng: np.random.Generator, kind: Kind) -> Args:
    """The same, where something would come after </s>."""
    for _ in range(60):
        args = draw_search(rng, kind)
        ids = _likeliest(**args)
        if _said(ids) != _said(ids, stop=False):
            break
    return args


def _context(params: Any, src: Any, mask: bool = True) -> Any:
    real = np.asarray(src) != PAD if mask else np.ones(np.shape(src))
    return record(models.encoder, {"src": np.asarray(src), "mask": real, "params": part(params, "enc_")}).out


def _log_p(params: Any, context: Any, ids: Any) -> Any:
    """log p of the id that comes after each of some beginnings; ids (t, N)."""
    args = {"context": context, "y_in": np.asarray(ids), "params": part(params, "dec_")}
    Z = record(models.decoder, args).out[-1]
    return Z - np.logaddexp.reduce(Z, axis=1)[:, None]


def greedy(
    params: Any,
    src: Any,
    max_len: int,
    *,
    start: int = BOS,
    mask: bool = True,
    stop: bool = True,
    carry: bool = True,
    shown: tuple[int, ...] = (),
) -> list[list[int]]:
    """Always the likeliest next id; the keywords make it slip.

    start  what the decoder reads first; `mask`: pads are left out; `stop`: at </s>; `carry`: the state is passed on
    shown  which of <s> and </s> stand in the result
    """
    return _said(_likeliest(params, src, max_len, start, mask, carry), start, stop, shown)


def _likeliest(
    params: Any, src: Any, max_len: int, start: int = BOS, mask: bool = True, carry: bool = True
) -> Any:
    """What the decoder reads first, and the likeliest ids after it; (1 + max_len, N)."""
    context = _context(params, src, mask)
    ids = np.full((1, np.shape(src)[1]), start)
    for _ in range(max_len):
        following = _log_p(params, context, ids if carry else ids[-1:]).argmax(axis=1)
        ids = np.concatenate([ids, following[None]])
    return ids


def _said(ids: Any, start: int = BOS, stop: bool = True, shown: tuple[int, ...] = ()) -> list[list[int]]:
    """What is listed of these ids."""
    out = []
    for row in ids.T.tolist():
        said = row[1:]
        end = said.index(EOS) if stop and EOS in said else len(said)
        kept = said[: end + (EOS in shown)]
        kept = [i for i in kept if i != EOS or EOS in shown]
        out.append([start] * (BOS in shown) + kept)
    return out


GREEDY_SLIPS: tuple[tuple[tuple[str, ...], str, dict[str, Any]], ...] = (
    ((), "The result holds </s>: it ends the sentence and is not listed.", {"shown": (EOS,)}),
    ((), "The result holds <s>: it starts the decoder and is not listed.", {"shown": (BOS,)}),
    ((), "The result holds <s> and </s>: neither is listed.", {"shown": (BOS, EOS)}),
    ((), "The translation goes on after </s>: it ends there.", {"stop": False}),
    ((), "The translation goes on after </s>, and lists it: it ends there.", {"stop": False, "shown": (EOS,)}),
    (("M52",), "The decoder reads 0 first: it starts with <s>, id 1.", {"start": PAD}),
    (("M52",), "The decoder reads </s> first: it starts with <s>, id 1.", {"start": EOS}),
    (("M52",), "The encoder reads the pads of shorter sources: its state is the one at the last real token.", {"mask": False}),
    (("M45",), "Every step starts from the context: the decoder's state has to be passed on.", {"carry": False}),
)  # fmt: skip


def beam_search(params: Any, src: Any, k: int, max_len: int, aside: str = "") -> list[list[int]]:
    """The likeliest sentences among those that a beam of k keeps; the score is Σ log p.

    aside  "" finished sentences keep their place in the beam; "any" they are put aside, and the best of all is taken at
           the end; "finished" the best finished one is; "by length", wrong, the score is divided by the length
    """
    contexts = _context(params, src)
    return [_best(params, contexts[n : n + 1], k, max_len, aside) for n in range(len(contexts))]


def _best(params: Any, context: Any, k: int, max_len: int, aside: str) -> list[int]:
    live: list[tuple[float, list[int]]] = [(0.0, [BOS])]
    done: list[tuple[float, list[int]]] = []

    def rank(found: tuple[float, list[int]]) -> float:
        return found[0] / (len(found[1]) - 1) if aside == "by length" else found[0]

    for _ in range(max_len):
        if not live:
            break
        log_p = _log_p(params, np.repeat(context, len(live), axis=0), np.array([ids for _, ids in live]).T)
        grown = [(s + float(p), [*ids, v]) for (s, ids), row in zip(live, log_p) for v, p in enumerate(row)]
        if aside in ("any", "finished"):
            done += [g for g in sorted(grown, reverse=True)[: 2 * k] if g[1][-1] == EOS]
            live = sorted((g for g in grown if g[1][-1] != EOS), reverse=True)[:k]
        else:
            kept = sorted(grown + done, key=rank, reverse=True)[:k]
            done, live = [g for g in kept if g[1][-1] == EOS], [g for g in kept if g[1][-1] != EOS]
    best = max(done if aside == "finished" and done else done + live, key=rank)[1]
    return [i for i in best[1:] if i != EOS]
