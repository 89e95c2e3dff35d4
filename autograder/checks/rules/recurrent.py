"""Recurrent language models: the right forward as a tape model, truncation, training, sampling, and what goes wrong in them.

rnnlm with k     args params, ids_in, ids_out, h0, k                       -> (loss, grads, h_last)
sample of words  args prefix, n, law (a `Law`)                             -> list of ids
train            `run_training` with one of `TRAINING_SLIPS`: each belongs to one aspect of a training loop
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..tape import record
from .engine import alternatives, register
from .regularisers import right_clip

__all__ = [
    "TRAINING_SLIPS",
    "Law",
    "language_model",
    "last_state",
    "right_language_model",
    "right_loss",
    "right_words",
    "run_training",
    "truncated",
]

Params = Mapping[str, Any]
Result = tuple[float, dict[str, Any], Any]


def language_model(
    ops: Any,
    params: Any,
    ids_in: Any,
    ids_out: Any,
    h0: Any,
    cuts: Any = (),
    resets: Any = (),
    only: Any = None,
) -> Any:
    """L = −1/(T N) Σ_t,n log softmax(h_t Why + by) at ids_out, h_t = tanh(E[ids_in_t] Wxh + h_{t−1} Whh + bh).

    cuts    steps that no gradient leaves on its way back;  resets  steps that start from zeros
    only    the steps whose loss counts; all of them when None
    """
    h, total = h0, 0.0
    for t in range(len(ids_in)):
        if t in resets:
            h = np.zeros(np.shape(h0))
        elif t in cuts:
            h = getattr(h, "value", h)
        x = ops.take(params["E"], ids_in[t])
        z = x @ params["Wxh"] + h @ params["Whh"] + params["bh"]
        h = ops.tanh(z)
        if only is None or t in only:
            Z = h @ params["Why"] + params["by"]
            total = total + ops.sum(ops.pick(ops.log_softmax(Z), ids_out[t]))
    loss = -(total / np.size(ids_in))
    return loss


def last_state(params: Params, ids_in: Any, h0: Any, resets: Iterable[int] = ()) -> Any:
    """The state after the last step."""
    h, resets = np.asarray(h0, float), set(resets)
    for t, ids in enumerate(ids_in):
        before = np.zeros_like(h) if t in resets else h
        h = np.tanh(np.asarray(params["E"])[ids] @ params["Wxh"] + before @ params["Whh"] + params["bh"])
    return h


def _run(params: Params, ids_in: Any, ids_out: Any, h0: Any, **more: Any) -> tuple[float, dict[str, Any]]:
    args = {"params": params, "ids_in": ids_in, "ids_out": ids_out, "h0": h0, **more}
    tape = record(language_model, args, tuple(params))
    return float(tape.out), tape.backward(1.0)


def truncated(
    params: Params, ids_in: Any, ids_out: Any, h0: Any, cuts: Iterable[int] = (), resets: Iterable[int] = ()
) -> Result:
    """Loss, gradients that do not cross the cuts, and the last state."""
    cuts, resets = set(cuts), set(resets)
    loss, grads = _run(params, ids_in, ids_out, h0, cuts=cuts, resets=resets)
    return loss, grads, last_state(params, ids_in, h0, resets)


def right_loss(params: Params, ids_in: Any, ids_out: Any, h0: Any) -> Result:
    """The right loss and last state, without gradients."""
    args = {"params": params, "ids_in": ids_in, "ids_out": ids_out, "h0": h0}
    return float(record(language_model, args).out), {}, last_state(params, ids_in, h0)


def right_language_model(params: Params, ids_in: Any, ids_out: Any, h0: Any, k: int | None = None) -> Result:
    """What `RNNLM.loss_and_grads` should return: chunks of k steps from the start, all steps when k is None."""
    return truncated(params, ids_in, ids_out, h0, range(0, len(ids_in), k) if k else ())


def lost_rows(params: Params, ids_in: Any, ids_out: Any, h0: Any) -> Any:
    """The gradient of E of somebody whose `dE[ids] += dX` keeps one occurrence of a repeated id only."""
    T, N = np.shape(ids_in)
    apart = {
        **params,
        "E": np.asarray(params["E"])[ids_in].reshape(T * N, -1),
    }  # every position has a row of its own
    dX = _run(apart, np.arange(T * N).reshape(T, N), ids_out, h0)[1]["E"]
    dE = np.zeros(np.shape(params["E"]))
    dE[np.ravel(ids_in)] = dX
    return dE


def _added(parts: Sequence[dict[str, Any]], weights: Sequence[float]) -> dict[str, Any]:
    return {name: sum(w * p[name] for w, p in zip(weights, parts)) for name in parts[0]}


def _chunks(T: int, k: int) -> list[range]:
    return [range(a, min(a + k, T)) for a in range(0, T, k)]


def _chunkwise(weigh: Callable[[int, int], float]) -> Callable[..., Result]:
    """Every chunk has a mean of its own; `weigh(length of the chunk, number of chunks)` says how they are put together."""

    def run(params: Params, ids_in: Any, ids_out: Any, h0: Any, k: int) -> Result:
        T = len(ids_in)
        chunks, cuts = _chunks(T, k), set(range(0, T, k))
        found = [_run(params, ids_in, ids_out, h0, cuts=cuts, only=set(c)) for c in chunks]
        weights = [weigh(len(c), len(chunks)) * T / len(c) for c in chunks]
        loss = sum(w * value for w, (value, _) in zip(weights, found))
        return float(loss), _added([g for _, g in found], weights), last_state(params, ids_in, h0)

    return run


def _last_chunk(params: Params, ids_in: Any, ids_out: Any, h0: Any, k: int) -> Result:
    T, loss = len(ids_in), truncated(params, ids_in, ids_out, h0)[0]
    cuts = set(range(0, T, k))
    _, grads = _run(params, ids_in, ids_out, h0, cuts=cuts, only=set(_chunks(T, k)[-1]))
    return loss, grads, last_state(params, ids_in, h0)


def _window(params: Params, ids_in: Any, ids_out: Any, h0: Any, k: int) -> Result:
    """Every loss reaches back k steps, wherever it stands."""
    T = len(ids_in)
    each = [_run(params, ids_in, ids_out, h0, cuts={t - k + 1}, only={t})[1] for t in range(T)]
    loss, _, last = truncated(params, ids_in, ids_out, h0)
    return loss, _added(each, [1.0] * T), last


def _cut_at(where: Callable[[int, int], Iterable[int]], reset: bool = False) -> Callable[..., Result]:
    def run(params: Params, ids_in: Any, ids_out: Any, h0: Any, k: int) -> Result:
        at = set(where(len(ids_in), k))
        return truncated(params, ids_in, ids_out, h0, () if reset else at, at if reset else ())

    return run


# fmt: off
register("rnnlm with k", [
    ("M41", "k is not used: this is the gradient through the whole sequence; it should stop at the cuts between chunks of k steps.", _cut_at(lambda T, k: ())),
    ("M41", "The gradient goes back one step only, whatever k is: within a chunk of k steps it has to flow.", _cut_at(lambda T, k: range(T))),
    ("M41", "The chunks are one step too long: they should have k steps.", _cut_at(lambda T, k: range(0, T, k + 1))),
    ("M41", "The chunks are one step too short: they should have k steps.", _cut_at(lambda T, k: range(0, T, max(k - 1, 1)))),
    ("M41", "The chunks are counted from the end of the sequence; they start at its beginning.", _cut_at(lambda T, k: range(T % k, T, k))),
    ("M41", "The first chunk is one step too short: cut before the steps 0, k, 2k and so on.", _cut_at(lambda T, k: range(k - 1, T, k))),
    ("M41", "Only the last k steps are connected: every chunk of k steps needs its own gradient.", _cut_at(lambda T, k: range(0, max(T - k + 1, 1)))),
    ("M41", "Every loss reaches back k steps; the sequence should be cut into chunks of k steps.", _window),
    ("M45", "The state starts from zeros in every chunk: only the gradient is cut, the state passes on.", _cut_at(lambda T, k: range(k, T, k), reset=True)),
    ("M43", "The gradients hold the contribution of the last chunk only: they are overwritten, not accumulated.", _last_chunk),
    ("M46", "The means of the chunks are added: the loss is the mean over all T · N positions.", _chunkwise(lambda length, count: 1.0)),
    ("M46", "The means of the chunks are averaged although the last chunk is shorter: the loss is the mean over all T · N positions.", _chunkwise(lambda length, count: 1.0 / count)),
])
# fmt: on


# --- training ---------------------------------------------------------------------------------------------------------


def run_training(
    params: Params,
    batches: Sequence[tuple[Any, Any]],
    optimizer: Callable[..., Any],
    steps: int,
    clip: float | None,
    *,
    state: str = "carried",
    clipped: Callable[..., Any] = right_clip,
    take: Callable[[int, int], int] = lambda i, count: i % count,
    after: bool = False,
    fresh: bool = False,
    piling: bool = False,
    uphill: bool = False,
    lost: bool = False,
    record_steps: Callable[[list[float]], list[float]] = lambda losses: losses,
    goes_on: Callable[[list[float]], bool] = lambda losses: True,
    model: Callable[..., Result] = right_language_model,
) -> tuple[list[float], dict[str, Any]]:
    """The right training loop -> (losses, parameters at the end); the keywords make it slip in the ways listed below.

    goes_on  whether to take another step after these losses
    model    loss, gradients and last state, as `right_language_model` gives them
    """
    now: dict[str, Any] = dict(params)
    h: Any = None
    kept: Any = {}
    losses: list[float] = []
    total: dict[str, Any] = {}
    for i in range(steps):
        ids_in, ids_out = batches[take(i, len(batches))]
        zeros = np.zeros((np.shape(ids_in)[1], len(now["bh"])))
        if h is None or state == "zeros" or (state == "pass" and i % len(batches) == 0):
            h = zeros
        start = h
        loss, grads, h = model(now, ids_in, ids_out, start)
        h = start if state == "first" else h
        if piling:
            total = {n: g + total.get(n, 0.0) for n, g in grads.items()}
            grads = total
        if uphill:
            grads = {n: -g for n, g in grads.items()}
        if clip is not None:
            grads, _ = clipped(grads, clip)
        new, kept = optimizer(now, grads, {} if fresh else kept)
        now = now if lost else new
        losses.append(right_loss(now, ids_in, ids_out, start)[0] if after else loss)
        if not goes_on(losses):
            break
    return record_steps(losses), now


def _running_mean(losses: list[float]) -> list[float]:
    return [float(np.mean(losses[: i + 1])) for i in range(len(losses))]


# aspect -> (ids, sentence, keywords of `run_training`)
TRAINING_SLIPS: dict[str, list[tuple[tuple[str, ...], str, dict[str, Any]]]] = {
    "state carried on": [
        (("M45",), "The state starts from zeros at every batch: hand the last state of a batch to the next one.", {"state": "zeros"}),
        (("M45",), "The state starts from zeros whenever the list of batches starts again: it is carried on over the end, too.", {"state": "pass"}),
        (("M45",), "Every batch starts from the same first state: the state that loss_and_grads returns is not used.", {"state": "first"}),
    ],
    "losses": [
        ((), "The losses are measured after each update: return the loss of each step before its update.", {"after": True}),
        ((), "Running means are returned: return the loss of each step.", {"record_steps": _running_mean}),
        (("M34",), "The first loss is missing: there should be one for each step.", {"record_steps": lambda losses: losses[1:]}),
        (("M34",), "The last loss is missing: there should be one for each step.", {"record_steps": lambda losses: losses[:-1]}),
        ((), "Only the last loss is returned: return a list with the loss of each step.", {"record_steps": lambda losses: losses[-1:]}),
    ],
    "parameters": [
        ((), "The new parameters are never put into model.params: the model stays as it was.", {"lost": True}),
        ((), "The state of the optimiser is not carried on: pass the state that it returned to its next call.", {"fresh": True}),
        (("M16",), "The gradients of earlier steps are still in the sum: take the fresh gradients of each step.", {"piling": True}),
        (("M01",), "The gradients have the wrong sign before they reach the optimiser.", {"uphill": True}),
        ((), "The first batch is used for every step: go through the list, and start again at its end.", {"take": lambda i, count: 0}),
        ((), "The last batch is used again and again after the end of the list: start again at its beginning.", {"take": lambda i, count: min(i, count - 1)}),
        ((), "The batches are taken from last to first: take them in the order of the list.", {"take": lambda i, count: (count - 1 - i) % count}),
        (("M34",), "The list is entered one batch too late: the first step takes the first batch.", {"take": lambda i, count: (i + 1) % count}),
    ],
    "clipping": [
        *((a.ids, a.text, {"clipped": a.run}) for a in alternatives("clip_by_global_norm")),
        (("M29",), "The threshold is not used: the gradients are clipped at 1, whatever clip is.", {"clipped": lambda grads, clip: right_clip(grads, 1.0)}),
    ],
}  # fmt: skip


# --- sampling ---------------------------------------------------------------------------------------------------------


class Law:
    """A toy model with one sure next word: the state counts what was read, and the word follows from all of it.

    h ← 5 h + id + 1 (mod 97, from h = 0); the scores are 0, and 60 for the word h mod V.
    """

    def __init__(self, V: int) -> None:
        self.V = V

    def step(self, ids: Any, h: Any) -> tuple[Any, Any]:
        """Scores (N, V) and the new state (N, H), whose first column counts."""
        h = np.array(h, dtype=float)
        h[:, 0] = (5 * h[:, 0] + np.asarray(ids).reshape(-1) + 1) % 97
        Z = np.zeros((len(h), self.V))
        Z[np.arange(len(h)), h[:, 0].astype(int) % self.V] = 60.0
        return Z, h

    def after(self, ids: Sequence[int], h: float = 0.0) -> tuple[int, float]:
        """The sure next word after reading some ids, and the state."""
        state = np.array([[h]])
        Z = np.zeros((1, self.V))
        for i in ids:
            Z, state = self.step([i], state)
        return int(Z[0].argmax()), float(state[0, 0])


def _continued(
    start: Callable[[list[int]], list[int]] = list,
    feed: Callable[[list[int], list[int]], int] = lambda prefix, out: out[-1],
    forget: bool = False,
    hold: bool = False,
    give: Callable[[list[int], list[int]], list[int]] = lambda prefix, out: out,
    extra: int = 0,
    head: Callable[[int, int], int] = lambda word, V: word,
) -> Callable[..., list[int]]:
    def run(prefix: list[int], n: int, law: Law) -> list[int]:
        word, h = law.after(start(prefix))
        read, out = h, list[int]()
        for _ in range(n + extra):
            out.append(head(word, law.V))
            word, h = law.after([feed(prefix, out)], 0.0 if forget else read if hold else h)
        return give(prefix, out)

    return run


right_words = _continued()

# fmt: off
_LEFT_OUT = "The prefix is read without its {}: read all of it before the first draw."
register("sample of words", [
    ("", "The prefix is part of the result: return the n new ids only.", _continued(give=lambda prefix, out: [*prefix, *out])),
    ("", "The prefix is part of the result, and n counts it: return n new ids.", _continued(give=lambda prefix, out: [*prefix, *out][: len(out)])),
    ("M34", "One id too many is returned.", _continued(extra=1)),
    ("M34", "One id too few is returned.", _continued(extra=-1)),
    ("M45", "Only the last id of the prefix is read: the state has to know all of it.", _continued(start=lambda prefix: prefix[-1:])),
    ("", _LEFT_OUT.format("last id"), _continued(start=lambda prefix: prefix[:-1])),
    ("", _LEFT_OUT.format("first id"), _continued(start=lambda prefix: prefix[1:])),
    ("", "Only the first id of the prefix is read.", _continued(start=lambda prefix: prefix[:1])),
    ("", "The prefix is read backwards.", _continued(start=lambda prefix: prefix[::-1])),
    ("M45", "The state starts from zeros at every new word: hand it on.", _continued(forget=True)),
    ("M45", "The state starts from zeros whenever model.step is called: hand it on, from the first id of the prefix.", _continued(start=lambda prefix: prefix[-1:], forget=True)),
    ("M45", "The state stays that after the prefix while words are drawn: hand it on from word to word.", _continued(hold=True)),
    ("", "The last id of the prefix is read twice.", _continued(start=lambda prefix: [*prefix, prefix[-1]])),
    ("", "The last id of the prefix is read again and again: read the id that was just drawn.", _continued(feed=lambda prefix, out: prefix[-1])),
    ("", "The first new id is read again and again: read the id that was just drawn.", _continued(feed=lambda prefix, out: out[0])),
    ("M34", "The ids are off by one.", _continued(head=lambda word, V: (word + 1) % V)),
])
# fmt: on
