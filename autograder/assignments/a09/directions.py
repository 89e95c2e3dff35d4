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

from autograder.checks.entry import Check, Entry, Finding, Reply, StudentError, Subject, Trial
from autograder.checks.explain import explain_forward
from autograder.checks.kinds import INSTANCES, courtesy, explained, pick_first, pure_check
from autograder.checks.pairs import Pair, edges, gradients
from autograder.checks.tape import record
from autograder.checks.values import as_array, compare

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


def _either(check_of: Callable[[Pair], Check]) -> Check:
    """A check of the gradients; what has no name when zeros are put in early may have one when they are late."""
    early, late = check_of(PAIR), check_of(replace(PAIR, model=models.birnn_late))

    def run(trial: Trial) -> None:
        early.run(trial)
        found = [finding for _, finding in trial.findings]
        if not trial.explain or not found or any(f.ids for f in found):
            return
        kept, trial.findings[:] = list(trial.findings), []
        late.run(trial)
        if not any(f.ids for _, f in trial.findings):
            trial.findings[:] = kept

    return replace(early, run=run)


def _gradients(pair: Pair) -> Check:
    points = {"dX": 2.0, "grads_fwd": 2.25, "grads_bwd": 2.75}
    return gradients(pair, points, pure=0.5, aspect_of=_direction, draws=1, square=False)


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
    why = None
    for model in (models.birnn, models.birnn_late) if bad and trial.explain else ():
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
            _grouped(_either(_gradients)),
            _grouped(
                edges(
                    PAIR,
                    {
                        "T = 1": partial(models.draw_birnn, T=1),
                        "no pads": partial(models.draw_birnn, pads=False),
                        "N = 1": partial(models.draw_birnn, N=1, T=6),
                    },
                    1.0,
                    aspect_of=_direction,
                )
            ),
        ),
        defines={"birnn_backward": _birnn_backward},
        uses=("birnn_forward",),
        title="Both directions, backward",
    ),
]
