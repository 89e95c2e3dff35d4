"""Entries of assignment A09 for the bidirectional layer.

The layers of the two directions are drawn and differentiated as flat arguments, f_Wxh, b_Wxh …; `_Grouped` hands them
to the student's functions as the two tuples of the signature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from autograder.checks.diagnosis import Diagnosis
from autograder.checks.entry import Check, Entry, Finding, Reply, StudentError, Subject, Trial
from autograder.checks.explain import explain_forward
from autograder.checks.kinds import INSTANCES, courtesy, explained, pick_first, pure_check
from autograder.checks.pairs import Pair, edges, gradients
from autograder.checks.tape import record
from autograder.checks.values import as_array, compare

from ..a05.objects import Slip, find_slip
from ..a05.replays import charged_once, explained_by, named_by, slipped, told, tries
from . import models
from .layers import LAYER_SLIPS, LayerSlip, layer_back, slip_of
from .models import LAYER, SIDES, Args

__all__ = ["ENTRIES"]


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
    layers = [tuple(grads[f"{side}_{name}"] for name in LAYER) for side in "fb"]
    return grads["X"], layers[0], layers[1]


# what a backward direction does that an edit of the tape does not do
SLIPS = (
    Slip(("M51",), "The backward direction reads X from the right, and the mask from the left.", partial(models.birnn, turned=False)),
    Slip((), "The weights of the forward direction are used in both directions.", lambda ops, X, mask, **sides: models.birnn(ops, X, mask, **{name: sides["f" + name[1:]] for name in SIDES})),
    Slip((), "The weights of the forward direction are used in both directions.", lambda ops, X, mask, **sides: models.birnn(ops, X, mask, **{name: sides["f" + name[1:] if "W" in name or "bh" in name else name] for name in SIDES})),
)  # fmt: skip


_POINTS = {"dX": 2.0, "grads_fwd": 2.25, "grads_bwd": 2.75}


def _gradients(pair: Pair) -> Check:
    return gradients(pair, _POINTS, pure=0.5, aspect_of=_direction, draws=1, square=False)


def _explained_gradients(pair: Pair) -> Check:
    """The check: one direction is explained by itself, on a smaller tape, before both are."""
    if pair.model is not models.birnn:
        return _gradients(pair)
    halves = (named_by(_gradients(_half(side))) for side in "fb")
    return explained_by(_gradients(pair), _layer_slips, *halves)


def _half(side: str) -> Pair:
    """One direction as a pair: the other half of the upstream gradient is 0."""
    names = ("X", *(f"{side}_{name}" for name in LAYER))

    def split(result: Any) -> tuple[Any, Any]:
        Y, cache = _both(result)
        return np.split(np.asarray(Y), 2, axis=2)[side == "b"], cache

    def back(dout: Any, cache: Any, args: Args) -> tuple[Any, Any]:
        parts = [dout, np.zeros_like(dout)]
        return np.concatenate(parts if side == "f" else parts[::-1], axis=2), cache

    def takes(got: Any) -> Mapping[str, Any]:
        grads = _flat_grads(got)
        return {name: grads[name] for name in names}

    model = partial(models.direction, side=side)
    return replace(PAIR, model=model, wrt=names, split=split, back=back, takes=takes)


def _states(half: Any, mask: Any, h0: Any) -> Any:
    """The states of one direction from its half of Y: at pads, where it is 0, the state before stays."""
    states = [h0]
    for h, m in zip(half, mask):
        stands = (m[:, None] > 0) | np.any(h != 0, axis=1, keepdims=True)
        states.append(np.where(stands, h, states[-1]))
    return np.stack(states)


def _side_grads(
    args: Args, Y: Any, dY: Any, side: str, turned: bool = True, pads: bool = False, **slip: Any
) -> dict[str, Any]:
    """The gradients of one direction by the right formulas from the states in Y: its part of dX, and its layer's.

    turned  dY is read from the right, too, where X is
    pads    dY at pads counts
    """
    h0, Wxh, Whh, _ = (args[f"{side}_{name}"] for name in LAYER)
    turn, half = (1, 0) if side == "f" else (-1, 1)
    X, mask = args["X"][::turn], np.asarray(args["mask"], float)[::turn]
    dY = dY if pads else dY * args["mask"][:, :, None]
    dH = np.split(dY, 2, axis=2)[half][:: turn if turned else 1]
    states = _states(np.split(np.asarray(Y, float), 2, axis=2)[half][::turn], mask, h0)
    grads = layer_back(dH, X, mask, states, Wxh, Whh, **slip)
    return {"X": grads.pop("X")[::turn], **{f"{side}_{name}": g for name, g in grads.items()}}


_SIDE_SLIPS: tuple[LayerSlip, ...] = (
    (("M51",), "dY of the backward direction is not turned round: its first step is at the end.", {"turned": False}),
    (("M50",), "dY at pads is used; it has to be ignored.", {"pads": True}),
    *LAYER_SLIPS,
)  # fmt: skip


def _layer_slips(trial: Trial) -> dict[str, Finding]:
    """What both directions do wrong that is known of a layer."""
    seen = tries(trial, PAIR)
    found: dict[str, Finding] = {}
    used: dict[str, Mapping[str, Any]] = {}
    for side, aspect in (("f", "grads_fwd"), ("b", "grads_bwd")):
        names = [f"{side}_{name}" for name in LAYER]

        def gives(slip: Mapping[str, Any], side: str = side, names: Sequence[str] = names) -> bool:
            made = ((t, _side_grads(t.args, t.tape.out, t.dout, side, **slip)) for t in seen)
            return all(compare("", t.grads[name], g[name]) is None for t, g in made for name in names)

        if gives({}):
            used[side] = {}
        elif (slip := slip_of(gives, _SIDE_SLIPS)) is not None:
            used[side] = slip[2]
            found[aspect] = told(trial, slip[1], slip[0], "The gradient", seen[0], PAIR, names[1])
    if len(used) == 2 and found:
        made = [sum(_side_grads(t.args, t.tape.out, t.dout, s, **used[s])["X"] for s in used) for t in seen]
        if all(compare("", t.grads["X"], g) is None for t, g in zip(seen, made)):
            found["dX"] = next(iter(found.values()))
    return found


def _unmasked(args: Args, Y: Any) -> Any:
    """Y; where the backward direction has read the mask from the left, with the states that stand at its pads."""
    f, b = np.split(np.asarray(Y, float), 2, axis=2)
    read = partial(models.direction, side="b", turned=False)
    if compare("", b, record(read, args).out) is None:
        b = record(partial(read, shown=False), args).out
    return np.concatenate([f, b], axis=2)


def _own_states(trial: Trial) -> bool:
    """Whether birnn_backward is right for the states that the student's own, wrong forward gave."""
    for _ in range(2):
        args = models.draw_birnn(trial.rng)
        Y, cache = _both(trial.call(PAIR.forward, *args.values()))
        out, want = as_array(Y), record(models.birnn, args).out
        if out is None or out.shape != want.shape or compare("", out, want) is None:
            return False
        dY = trial.rng.normal(size=want.shape)
        got = _flat_grads(trial.call(PAIR.backward, dY, cache))
        f, b = (_side_grads(args, _unmasked(args, out), dY, side) for side in "fb")
        truth = {**f, **b, "X": f["X"] + b["X"]}
        if compare("", {name: got.get(name) for name in truth}, truth) is not None:
            return False
    return True


def _both(result: Any) -> tuple[Any, Any]:
    return pick_first(result), result[1]


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


def _why(tried: Sequence[tuple[Args, Any]], bad: Mapping[str, Any]) -> dict[str, Diagnosis]:
    """What is known of each aspect that is wrong: a slip of both directions, or of one by itself."""
    if (slip := find_slip(SLIPS, tried)) is not None:
        return dict.fromkeys(bad, Diagnosis(list(slip.ids), slip.text))
    found: dict[str, Diagnosis] = {}
    for half, (aspect, side) in enumerate(zip(HALVES, "fb")):
        mine = [(args, np.split(np.asarray(Y), 2, axis=2)[half]) for args, Y in tried]
        asked = [a for a in (aspect, PADS) if a in bad and a not in found]
        for late in (False, True) if asked else ():
            model = partial(models.direction, side=side, late=late)
            why = courtesy(partial(explain_forward, model, mine))
            if why is not None and why.ids:
                found.update(dict.fromkeys(asked, why))
                break
    return found


def _values(trial: Trial) -> None:
    drawn = [models.draw_birnn(trial.rng) for _ in range(INSTANCES)]
    results = trial.call_many(PAIR.forward, [tuple(a.values()) for a in drawn])
    tried = [(args, pick_first(result)) for args, result in zip(drawn, results)]
    bad = _gaps(tried[0][1], tried[0][0])
    asked = {aspect: gap for aspect, gap in bad.items() if aspect not in trial.told}
    known: dict[str, Diagnosis] = {}
    with suppress(Exception):  # an explanation is a courtesy, whatever strange values come back
        known = _why(tried, asked) if asked and trial.explain else {}
    for aspect, gap in bad.items():
        finding = Finding(gap.text, (), gap.evidence, errors=gap.errors)
        trial.fail(explained(finding, known.get(aspect)), aspect=aspect)
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


def _special_gradients(pair: Pair) -> Check:
    return edges(pair, _EDGES, 1.0, aspect_of=_direction)


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
            _grouped(charged_once(slipped(_explained_gradients, PAIR, SLIPS), _own_states)),
            _grouped(charged_once(slipped(_special_gradients, PAIR, SLIPS), _own_states)),
        ),
        defines={"birnn_backward": _birnn_backward},
        uses=("birnn_forward",),
        title="Both directions, backward",
    ),
]
