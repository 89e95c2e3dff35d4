"""Entries of assignment A09 for the bidirectional layer.

The layers of the two directions are drawn and differentiated as flat arguments, f_Wxh, b_Wxh …; `_Grouped` hands them
to the student's functions as the two tuples of the signature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from autograder.checks import misconceptions
from autograder.checks.diagnosis import Diagnosis
from autograder.checks.entry import Check, Entry, Finding, Reply, StudentError, Subject, Trial
from autograder.checks.explain import explain_forward
from autograder.checks.kinds import INSTANCES, courtesy, explained, pick_first, pure_check
from autograder.checks.pairs import Pair, edges, gradients
from autograder.checks.tape import record
from autograder.checks.values import as_array, compare

from ..a05.objects import Slip, find_slip, slipped
from ..a05.replays import also_replayed
from . import models
from .models import SIDES, Args

__all__ = ["ENTRIES"]

ORDER = ("h0", "Wxh", "Whh", "bh")


class _Grouped:
    """A subject whose birnn_forward takes the layers as flat arguments."""

    def __init__(self, base: Subject) -> None:
        self.base = base

    def call(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Reply:
        return self.base.call(name, _tuples(args) if name == PAIR.forward else args, kwargs)

    def call_many(self, name: str, calls: Sequence[Sequence[Any]]) -> list[Reply]:
        return self.base.call_many(name, [_tuples(args) if name == PAIR.forward else args for args in calls])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.base, name)


def _tuples(args: Sequence[Any]) -> tuple[Any, ...]:
    X, mask, *flat = args
    return X, mask, tuple(flat[:4]), tuple(flat[4:])


def _grouped(check: Check) -> Check:
    def run(trial: Trial) -> None:
        subject: Any = _Grouped(trial.subject)
        check.run(trial.seen_as(subject))

    return replace(check, run=run)


def _flat_grads(got: Any) -> Mapping[str, Any]:
    """dX and the gradients of both layers by name."""
    ok = isinstance(got, tuple | list) and len(got) == 3
    if not ok or not all(isinstance(g, tuple | list) and len(g) == 4 for g in got[1:]):
        text = "birnn_backward should return (dX, grads_fwd, grads_bwd), each of the two being (dh0, dWxh, dWhh, dbh)."
        raise StudentError(text, kind="failed")
    return {"X": got[0], **dict(zip(SIDES, [*got[1], *got[2]]))}


PAIR = Pair(
    "birnn_forward", "birnn_backward", models.birnn, models.draw_birnn, ("X", *SIDES), takes=_flat_grads
)


def _direction(name: str, args: Args) -> str:
    return {"X": "dX", "f": "grads_fwd", "b": "grads_bwd"}[name[0]]


def _birnn_forward(X: Any, mask: Any, fwd: Any, bwd: Any) -> tuple[Any, Args]:
    args = {"X": X, "mask": mask, **dict(zip(SIDES, [*fwd, *bwd]))}
    return PAIR.tape(args).out, args


def _birnn_backward(dY: Any, cache: Args) -> tuple[Any, Any, Any]:
    grads = PAIR.tape(cache).backward(dY)
    layers = [tuple(grads[f"{side}_{name}"] for name in ORDER) for side in "fb"]
    return grads["X"], layers[0], layers[1]


# what a backward direction does that an edit of the tape does not do
SLIPS = (
    Slip(("M51",), "The backward direction reads X from the right, and the mask from the left.", partial(models.birnn, turned=False)),
    Slip((), "The weights of the forward direction are used in both directions.", lambda ops, X, mask, **sides: models.birnn(ops, X, mask, **{name: sides["f" + name[1:]] for name in SIDES})),
    Slip((), "The weights of the forward direction are used in both directions.", lambda ops, X, mask, **sides: models.birnn(ops, X, mask, **{name: sides["f" + name[1:] if "W" in name or "bh" in name else name] for name in SIDES})),
)  # fmt: skip


def _gradients(pair: Pair) -> Check:
    points = {"dX": 2.0, "grads_fwd": 2.25, "grads_bwd": 2.75}
    return gradients(pair, points, pure=0.5, aspect_of=_direction, draws=1, square=False)


def _explained_gradients(pair: Pair) -> Check:
    """The check; what has no name when zeros are put in early may have one when they are late."""
    late = [] if pair.model is not models.birnn else [models.birnn_late]
    return also_replayed(_gradients, pair, *late, sample=partial(pair.sample, pads=False))


def _layer_back(dH: Any, X: Any, mask: Any, H: Any, Wxh: Any, Whh: Any) -> tuple[Any, ...]:
    """(dX, dh0, dWxh, dWhh, dbh) by the right formulas from the states H (T+1, N, H), whatever these are."""
    dX, carried = np.zeros(X.shape), np.zeros(H[0].shape)
    grads = [np.zeros(Wxh.shape), np.zeros(Whh.shape), np.zeros(len(Whh))]
    for t in reversed(range(len(X))):
        m = mask[t][:, None]
        carried = carried + dH[t]
        dz = carried * m * (1 - H[t + 1] ** 2)
        dX[t] = dz @ Wxh.T
        for total, part in zip(grads, (X[t].T @ dz, H[t].T @ dz, dz.sum(axis=0))):
            total += part
        carried = dz @ Whh.T + carried * (1 - m)
    return dX, carried, *grads


def _states(half: Any, mask: Any, h0: Any) -> Any:
    """The states of one direction from its half of Y: at pads the state before stays."""
    states = [h0]
    for h, m in zip(half, mask):
        states.append(np.where(m[:, None] > 0, h, states[-1]))
    return np.stack(states)


def _own_states(trial: Trial) -> bool:
    """Whether birnn_backward is right for the states that the student's own, wrong forward gave."""
    for _ in range(2):
        args = models.draw_birnn(trial.rng)
        Y, cache = _both(trial.call(PAIR.forward, *args.values()))
        out, want = as_array(Y), record(models.birnn, args).out
        if out is None or out.shape != want.shape or compare("", out, want) is None:
            return False
        X, mask, H = args["X"], args["mask"], want.shape[2] // 2
        dY = trial.rng.normal(size=want.shape)
        got, truth = _flat_grads(trial.call(PAIR.backward, dY, cache)), np.zeros(X.shape)
        dY = dY * mask[:, :, None]
        for side, turn, half in (("f", 1, slice(0, H)), ("b", -1, slice(H, None))):
            h0, Wxh, Whh, _ = (args[f"{side}_{name}"] for name in ORDER)
            m = mask[::turn]
            states = _states(out[::turn, :, half].astype(float), m, h0)
            part, *layer = _layer_back(dY[::turn, :, half], X[::turn], m, states, Wxh, Whh)
            truth = truth + part[::turn]
            wants = dict(zip((f"{side}_{name}" for name in ORDER), layer))
            if compare("", {name: got.get(name) for name in wants}, wants) is not None:
                return False
        if compare("", got.get("X"), truth) is not None:
            return False
    return True


def _without_start(trial: Trial) -> set[str]:
    """The directions of which only the gradient of the initial state is wrong, because it is 0."""
    sides = {"f": "grads_fwd", "b": "grads_bwd"}
    for _ in range(2):
        args = models.draw_birnn(trial.rng)
        tape, cache = PAIR.tape(args), _both(trial.call(PAIR.forward, *args.values()))[1]
        dY = trial.rng.normal(size=np.shape(tape.out))
        got, right = _flat_grads(trial.call(PAIR.backward, dY, cache)), tape.backward(dY)
        for side in list(sides):
            h0, *others = (f"{side}_{name}" for name in ORDER)
            zero = compare("", got[h0], np.zeros_like(right[h0])) is None
            if not zero or any(compare("", got[name], right[name]) is not None for name in others):
                del sides[side]
    return set(sides.values())


def _both(result: Any) -> tuple[Any, Any]:
    return pick_first(result), result[1]


def _charged_once(check: Check) -> Check:
    """The check, without findings that only repeat what birnn_forward is charged for; a missing dh0 has its name."""

    def run(trial: Trial) -> None:
        check.run(trial)
        found = list(trial.findings)
        if not any(f.status == "failed" for _, f in found):
            return
        try:
            own = _own_states(trial)
            sides = _without_start(trial) if trial.explain and not own else set()
        except StudentError:  # a function that fails now and then: what was found stands
            return
        if own:
            trial.findings[:] = []
        elif sides:
            text = "The gradient of h0 is zero: what arrives at the first step goes on to the initial state."
            told = Finding(text, ("M45",), hints=misconceptions.hints(("M45",), "dh0"))
            trial.findings[:] = [(a, replace(told, line=f.line) if a in sides else f) for a, f in found]

    return replace(check, run=run)


# --- values -----------------------------------------------------------------------------------------------------------

HALVES, PADS = ("forward half", "backward half"), "0 at pads"
SPECIAL = "no pads, one step"


def _gaps(Y: Any, args: Args) -> dict[str, Any]:
    """What is wrong with each half at the real positions, and with the pads of a half that is right."""
    want = record(models.birnn, args).out
    array = as_array(Y)
    if array is None or array.shape != want.shape:
        return dict.fromkeys((*HALVES, PADS), compare("Y", Y, want))
    real, H = np.asarray(args["mask"])[:, :, None] > 0, want.shape[2] // 2
    found: dict[str, Any] = {}
    for aspect, half in zip(HALVES, (slice(0, H), slice(H, None))):
        mine, right = array[:, :, half], want[:, :, half]
        bad = compare(f"the {aspect} of Y", np.where(real, mine, mine.dtype.type(0)), right)
        if bad is not None:
            found[aspect] = bad
        elif (pads := compare(f"the {aspect} of Y at pads", mine, right)) is not None:
            found[PADS] = pads
    if len(found) == 2 and PADS not in found:
        found[PADS] = found[HALVES[0]]
    return found


def _values(trial: Trial) -> None:
    drawn = [models.draw_birnn(trial.rng) for _ in range(INSTANCES)]
    results = trial.call_many(PAIR.forward, [tuple(a.values()) for a in drawn])
    tried = [(args, pick_first(result)) for args, result in zip(drawn, results)]
    bad = _gaps(tried[0][1], tried[0][0])
    slip = find_slip(SLIPS, tried) if bad and trial.explain else None
    why = None if slip is None else Diagnosis(list(slip.ids), slip.text)
    for model in (models.birnn, models.birnn_late) if bad and trial.explain and slip is None else ():
        why = courtesy(partial(explain_forward, model, tried))
        if why is not None and why.ids:
            break
    for aspect, gap in bad.items():
        trial.fail(explained(Finding(gap.text, (), gap.evidence, errors=gap.errors), why), aspect=aspect)
    for case in ({"pads": False}, {"T": 1, "N": 2}, {"integer": True}, {"N": 1, "T": 6}):
        args = models.draw_birnn(trial.rng, **case)
        late = _gaps(pick_first(trial.call(PAIR.forward, *args.values())), args)
        new = [gap for aspect, gap in late.items() if aspect not in bad]
        if new or len(bad) == 3:
            special = ", ".join(f"{k} = {v}" for k, v in case.items())
            trial.fail(
                f"With {special}: {(new or list(late.values()) or [bad[PADS]])[0].text}", aspect=SPECIAL
            )
            break


_EDGES: dict[str, Callable[..., Args]] = {
    "T = 1": partial(models.draw_birnn, T=1),
    "no pads": partial(models.draw_birnn, pads=False),
    "N = 1": partial(models.draw_birnn, N=1, T=6),
}
ENTRIES = [
    Entry(
        "birnn-forward",
        (_grouped(pure_check({HALVES[0]: 2.0, HALVES[1]: 2.5, PADS: 1.0, SPECIAL: 1.0}, _values, 0.5)),),
        defines={"birnn_forward": _birnn_forward},
        title="Both directions, forward",
    ),
    Entry(
        "birnn-backward",
        (
            _grouped(_charged_once(slipped(_explained_gradients, PAIR, SLIPS))),
            _grouped(_charged_once(edges(PAIR, _EDGES, 1.0, aspect_of=_direction))),
        ),
        defines={"birnn_backward": _birnn_backward},
        uses=("birnn_forward",),
        title="Both directions, backward",
    ),
]
