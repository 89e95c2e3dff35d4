"""Entries of assignment A07 for training a language model and sampling from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograder.checks import misconceptions
from autograder.checks.entry import Check, Entry, Finding, StudentError, Trial
from autograder.checks.kinds import courtesy, explained, pure_check
from autograder.checks.rules import explain_call, explain_sample
from autograder.checks.rules.recurrent import (
    TRAINING_SLIPS,
    Law,
    right_language_model,
    right_words,
    run_training,
)
from autograder.checks.values import as_array, compare

from .models import Args, draw_params
from .objects import lent_model

__all__ = ["ENTRIES"]

# --- train ------------------------------------------------------------------------------------------------------------

LOSSES, PARAMETERS, STATE, CLIPPING = "losses", "parameters", "state carried on", "clipping"
_WAYS = "the slips of a training"  # in the memory of a run
Slip = tuple[str, tuple[str, ...], str, dict[str, Any]]  # aspect, ids, sentence, keywords of `run_training`
Way = tuple[Slip, ...]
_SAME = 1e-6  # a training that goes wrong makes much of rounding
_ASPECTS = {LOSSES: 0.75, PARAMETERS: 1.0, STATE: 0.75, CLIPPING: 1.0}


def _momentum(params: Any, grads: Any, state: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """An optimiser that remembers: v ← ½ v + g, p ← p − 0.3 v, all in `state`."""
    v = {n: 0.5 * np.asarray(state.get(n, 0.0)) + np.asarray(g) for n, g in grads.items()}
    return {n: np.asarray(p) - 0.3 * v[n] for n, p in params.items()}, v


def _draw_training(rng: np.random.Generator, clip: float | None, steps: int) -> Args:
    V, D, H, N = (int(n) for n in rng.permutation([5, 7, 3, 2]))
    V = max(V, 4)
    batches = []
    for T in (3, 4, 2):
        ids = rng.integers(0, V, (T + 1, N))
        batches.append((ids[:-1].copy(), ids[1:].copy()))
    # large scores, so that every gradient is well above the threshold
    params = {name: 2.0 * a for name, a in draw_params(rng, V, D, H).items()}
    return {"params": params, "batches": batches, "optimizer": _momentum, "steps": steps, "clip": clip}


def _remembering() -> Callable[..., Any]:
    """`right_language_model` with a memory: a right loop, and all wrong ones, ask for much the same."""
    known: dict[Any, Any] = {}

    def model(params: Any, ids_in: Any, ids_out: Any, h0: Any, k: Any = None) -> Any:
        arrays = [np.asarray(a) for a in (*params.values(), ids_in, ids_out, h0)]
        key = (tuple(params), k, *((a.shape, a.dtype.str, a.tobytes()) for a in arrays))
        if key not in known:
            known[key] = right_language_model(params, ids_in, ids_out, h0, k)
        loss, grads, h = known[key]
        return loss, {name: g.copy() for name, g in grads.items()}, h.copy()

    return model


def _trained(trial: Trial, args: Args, leave_out: bool) -> tuple[Any, Any]:
    """(losses, parameters at the end) of the student's loop on a model of ours."""
    model: Any = None

    def loss_and_grads(ids_in: Any, ids_out: Any, h0: Any, k: Any = None) -> Any:
        now = {name: np.asarray(a, float) for name, a in dict(model.params).items()}
        return args["model"](now, np.asarray(ids_in), np.asarray(ids_out), np.asarray(h0, float), k)

    model = lent_model(trial, args["params"], loss_and_grads=loss_and_grads)
    asked = [args[name] for name in ("batches", "optimizer", "steps", "clip")]
    losses = trial.call("train", model, *asked[: 3 if leave_out else 4])
    params = model.params
    if not isinstance(losses, tuple | list | np.ndarray) or not isinstance(params, dict):
        raise StudentError("train should set model.params and return a list of losses.", kind="failed")
    return list(losses), params


def _train(trial: Trial) -> None:
    # one long training; with other thresholds it is enough that the list of batches starts again
    for clip, leave_out, steps in ((0.4, False, 7), (None, False, 4), (1.0, True, 4), (50.0, False, 4)):
        args = {**_draw_training(trial.rng, clip, steps), "model": _remembering()}
        got = _trained(trial, args, leave_out)
        right = run_training(**args)
        gaps = {
            LOSSES: compare("losses", got[0], right[0]),
            PARAMETERS: compare("model.params", got[1], right[1]),
        }
        first = gaps[LOSSES] or gaps[PARAMETERS]
        if first is None:
            continue
        found = _training_slips(got, args, trial.memory.setdefault(_WAYS, []))
        for aspect, ids, text, _ in found:
            hints = misconceptions.hints(ids, "the training loop")
            trial.fail(Finding(text, ids, hints=hints), aspect=aspect)
        for aspect in () if found else _ASPECTS:
            gap = gaps.get(aspect) or first
            trial.fail(Finding(gap.text, (), gap.evidence), aspect=aspect)
        if not found:
            return


def _training_slips(got: tuple[Any, Any], args: Args, known: list[Way]) -> Way:
    """The slip, or the slips of different aspects, that give what the student got.

    Marks hang on it, so it is looked for whether or not there is time for explanations; what was `known` before is
    tried first.
    """
    told = as_array(got[0])

    def goes_on(losses: list[float]) -> bool:
        """Whether losses that began like those that were told go on like them, or like running means of them."""
        i = len(losses) - 1
        if told is None or told.ndim != 1 or not 0 < i < len(told) or not _near(told[0], losses[0]):
            return True
        return _near(told[i], losses[i]) or _near(told[i], float(np.mean(losses)))

    def gives(way: Way, what: int) -> bool:
        """Whether the losses (0) or the parameters (1) of a training with these slips are those that were got."""
        slips = {key: value for row in way for key, value in row[3].items()}
        try:
            with np.errstate(all="ignore"):
                result = run_training(**{**args, **slips}, goes_on=goes_on)
        except (ValueError, IndexError, KeyError, TypeError, ZeroDivisionError):
            return False
        return compare("", got[what], result[what], rtol=_SAME) is None

    no_clip = args["clip"] is None
    text = "With clip = None nothing is clipped." if no_clip else "The gradients are not clipped."
    rows: list[Slip] = [(aspect, *row) for aspect, some in TRAINING_SLIPS.items() for row in some]
    rows = [row for row in rows if row[0] != CLIPPING or not no_clip]
    rows.append((CLIPPING, ("M29",), text, {"clip": 1.0 if no_clip else None}))
    recording = [row for row in rows if row[0] == LOSSES]  # these change what is told, not what is done
    others = [row for row in rows if row[0] in (PARAMETERS, CLIPPING)]
    states = [row for row in rows if row[0] == STATE]
    usual = [(), *((row,) for row in (*states, *others)), *((s, row) for s in states for row in others)]
    for way in (*known, *usual):
        if gives(way, 1):
            found = next((w for w in (way, *((*way, row) for row in recording)) if gives(w, 0)), None)
            if found is not None:
                known[:] = [found]
                return found
    return ()


def _near(a: Any, b: float) -> bool:
    return compare("", a, b, rtol=_SAME) is None


def _train_reference(
    model: Any, batches: Any, optimizer: Any, steps: int, clip: float | None = 1.0
) -> list[float]:
    losses, model.params = run_training(dict(model.params), batches, optimizer, steps, clip)
    return losses


# --- sample -----------------------------------------------------------------------------------------------------------

WORDS, TEMPERATURE, GENERATOR = "reads and draws in order", "temperature", "rng"
DRAWS = 500


def _sampled(
    trial: Trial,
    step: Callable[..., Any],
    prefix: list[int],
    n: int,
    temperature: float,
    seeds: Sequence[int],
) -> list[list[int]]:
    """The ids that the student's sampler draws from a model of ours with V = 5 and H = 3, for each seed."""
    model = lent_model(trial, draw_params(np.random.default_rng(0), 5, 2, 3), step=step)
    found = []
    for seed in seeds:
        got = as_array(trial.call("sample", model, prefix, n, temperature, np.random.default_rng(seed)))
        if got is None or got.ndim != 1 or (got.size and got.dtype.kind not in "iu"):
            raise StudentError("sample should return a list of whole numbers.", kind="failed")
        found.append([int(i) for i in got])
    return found


def _words(trial: Trial) -> None:
    """A model whose next word is sure, and depends on all that was read."""
    law = Law(5)
    drawn = []
    for n in (9, 7, 1):
        prefix = [int(i) for i in trial.rng.integers(0, 5, int(trial.rng.integers(3, 6)))]
        [got] = _sampled(trial, _plain(law.step), prefix, n, 1.0, _seeds(trial, 1))
        drawn.append(({"prefix": prefix, "n": n, "law": law}, got))
    wrong = [(args, got) for args, got in drawn if got != right_words(**args)]
    if wrong:
        args, got = wrong[0]
        text = f"After the prefix {args['prefix']} the sure next ids are {right_words(**args)}, and sample gives {got}."
        why = courtesy(lambda: explain_call("sample of words", drawn, what="sample"))
        finding = Finding("sample does not follow the model.", (), text)
        trial.fail(explained(finding, why if why is not None and "fit no mistake" not in why.text else None))


def _plain(step: Callable[[Any, Any], tuple[Any, Any]]) -> Callable[..., tuple[Any, Any]]:
    """`step` for ids and states that come as lists or arrays of one row."""

    def one(ids: Any, h: Any) -> tuple[Any, Any]:
        ids, h = np.asarray(ids), np.asarray(h, float)
        if ids.shape != (1,) or h.shape != (1, 3):
            raise ValueError(
                f"model.step takes ids (1,) and h (1, H) here; it was called with {ids.shape} and {h.shape}"
            )
        return step(ids, h)

    return one


def _seeds(trial: Trial, count: int) -> list[int]:
    return [int(s) for s in trial.rng.integers(2**32, size=count)]


def _temperature(trial: Trial) -> None:
    """Independent draws from known scores, hot and cold."""
    scores = trial.rng.permutation([0.0, 0.5, 1.0, 1.5, 2.0])
    step = _plain(lambda ids, h: (scores[None], h))
    one, two = _sampled(trial, step, [0], 25, 1.0, _seeds(trial, 2))
    # short texts, since some samplers read all of the text again for each word; of one text where rng does not matter
    n, count = (25, DRAWS // 25) if one != two else (DRAWS, 1)
    for temperature in (0.5, 2.0):
        seeds, half, got = _seeds(trial, count), (count + 1) // 2, list[int]()
        # where half of the draws follow the law closely, the others are not needed
        for some in (seeds[:half], seeds[half:]):
            texts = _sampled(trial, step, [0], n, temperature, some)
            # a prefix in front, and ids that are one late, are charged elsewhere
            got += [i for text in texts for i in text[-n:][1:]]
            if len(got) < n * len(some) // 2 or not all(0 <= i < 5 for i in got):
                trial.fail("sample should return n ids, each from 0 to V − 1.")
                return
            if _follow(got, np.exp(scores / temperature)):
                break
        why = explain_sample(np.bincount(got, minlength=5), np.exp(scores), temperature)
        if why.text:
            trial.fail(explained(Finding(why.text), why))
            return


def _follow(ids: Sequence[int], law: np.ndarray) -> bool:
    """Whether draws follow a law closely: χ² is below a limit that one right sampler in twenty exceeds."""
    expected = len(ids) * law / law.sum()
    return float(np.sum((np.bincount(ids, minlength=len(law)) - expected) ** 2 / expected)) < 9


def _generator(trial: Trial) -> None:
    """The draws come from the generator that is passed: the same from equal ones, others from others."""
    seed, other = _seeds(trial, 2)
    flat = _plain(lambda ids, h: (np.zeros((1, 5)), h))
    one, two, three = _sampled(trial, flat, [1], 25, 1.0, (seed, seed, other))
    if one != two:
        trial.fail("With equal generators sample gives different ids: draw from rng, and from nothing else.")
    elif one == three:
        trial.fail("With different generators sample gives the same ids: draw from the rng that is passed.")


def _sample_reference(
    model: Any, prefix: Any, n: int, temperature: float, rng: np.random.Generator
) -> list[int]:
    h = np.zeros((1, len(model.params["bh"])))
    out: list[int] = []
    Z: Any = None
    for i in prefix:
        Z, h = model.step(np.array([i]), h)
    while len(out) < n:
        p = np.exp((np.asarray(Z, float)[0] - np.max(Z)) / temperature)
        out.append(int(rng.choice(len(p), p=p / p.sum())))
        Z, h = model.step(np.array(out[-1:]), h)
    return out


ENTRIES = [
    Entry(
        "train",
        (pure_check(_ASPECTS, _train, 0.5, draws=1),),
        defines={"train": _train_reference},
        title="Training",
    ),
    Entry(
        "sample",
        (
            Check({WORDS: 1.25}, _words, draws=1),
            Check({TEMPERATURE: 1.25}, _temperature, draws=1),
            Check({GENERATOR: 0.5}, _generator, draws=1),
        ),
        defines={"sample": _sample_reference},
        title="Sampling",
    ),
]
