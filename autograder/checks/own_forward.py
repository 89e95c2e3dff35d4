"""A forward/backward pair of the student's, one try of it, and the wrong forward that the student may have.

A slip is charged once: where the student's forward is wrong, a gradient that is right *for that wrong forward* keeps
its points, and so does one by the right formula with the values of that forward in it. Which forward it is, is found
among the edits of the tape, never by differencing the student's function: a forward that remembers its last value would
make every difference 0.

    Pair           a forward/backward pair of the student's and the right forward as a tape model
    Tried          one forward and one backward of the student's on one instance
    own_forward    the edit of the right forward that the student computes
    unexplained    the gradients that neither forward gives
    tape_pair      trusted functions for `Entry.defines`, made from the model
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .entry import Sampler, Trial
from .forward_edits import FORMULAS, ForwardEdit, forward_edits, recorded
from .tape import Tape, record
from .values import Mismatch, compare, forgiven
from .views import view_of

__all__ = ["Args", "Pair", "Tried", "own_forward", "tape_pair", "unexplained"]

Args = dict[str, Any]


@dataclass(frozen=True)
class Pair:
    """A forward/backward pair of the student's, and the right forward as a tape model.

    wrt      names of the arguments that backward returns gradients of, or a function of the drawn arguments
    split    what forward returns -> (value that the model computes, cache); `(value, cache)` by default
    back     (dout, cache, drawn arguments) -> positional arguments of backward
    takes    what backward returns -> dict argument -> gradient; a tuple in the order of `wrt` by default
    loss     the value is a loss: there is no upstream gradient
    cache    arguments -> the right cache, where its form is laid down: backward may be right with that one
    """

    forward: str
    backward: str
    model: Callable[..., Any]
    sample: Sampler
    wrt: Sequence[str] | Callable[[Args], Sequence[str]]
    split: Callable[[Any], tuple[Any, Any]] | None = None
    back: Callable[[Any, Any, Args], tuple[Any, ...]] = lambda dout, cache, args: (dout, cache)
    takes: Callable[[Any], Mapping[str, Any]] | None = None
    loss: bool = False
    cache: Callable[[Args], Any] | None = None

    def names(self, args: Args) -> tuple[str, ...]:
        """The arguments that gradients are asked of, for these drawn arguments."""
        return tuple(self.wrt(args) if callable(self.wrt) else self.wrt)

    def tape(self, args: Args) -> Tape:
        """The right forward, recorded."""
        return record(self.model, args, self.names(args))

    def edited(self, args: Args, edit: ForwardEdit, how: str = "edit") -> Tape | None:
        """The wrong forward that an edit makes of the right one; None when it does not fit these shapes."""
        return recorded(self.model, args, self.names(args), edit, how)


@dataclass(frozen=True)
class Tried:
    """One forward and one backward of the student's on one instance."""

    tape: Tape  # of the right forward
    dout: Any
    value: Any
    grads: dict[str, Any]
    call: tuple[Any, ...] = ()  # what backward was called with

    @property
    def args(self) -> Args:
        """What was drawn."""
        return self.tape.args

    @cached_property
    def truth(self) -> dict[str, Any]:
        """The right gradients."""
        return self.tape.backward(self.dout)

    @cached_property
    def off(self) -> Mismatch | None:
        """What is wrong with the value."""
        bad = compare("the loss", self.value, self.tape.out)
        return None if bad and forgiven(bad, self.args) else bad

    @cached_property
    def gaps(self) -> dict[str, Mismatch]:
        """What is wrong with the gradients."""
        found = {}
        for w, want in self.truth.items():
            gap = compare(f"d{w}", self.grads.get(w), want)
            if gap is not None and not forgiven(gap, self.args):
                found[w] = gap
        return found


def unexplained(pair: Pair, tried: Tried, own: ForwardEdit | None = None) -> dict[str, Mismatch]:
    """The gradients that are neither those of the right forward nor those of the student's own wrong one."""
    found = dict(tried.gaps)
    if own is None:
        return found
    for how in FORMULAS if found else ():
        tape = pair.edited(tried.args, own, how)
        truth = {} if tape is None else tape.backward(tried.dout)
        found = {
            w: m for w, m in found.items() if w not in truth or compare("", tried.grads.get(w), truth[w])
        }
    return found


def own_forward(trial: Trial, pair: Pair, tried: Sequence[Tried], kind: str = "") -> ForwardEdit | None:
    """The wrong forward that the student computes, when it is an edit of the right one; None when it is right or unknown.

    Of several edits that give the student's values, the one that explains most of the gradients. What an earlier draw
    has found out is tried first; where nothing was found, nothing is looked for again.
    """
    if not trial.thorough or not any(t.off for t in tried):
        return None

    def fits(edit: ForwardEdit) -> bool:
        tapes = (pair.edited(t.args, edit) for t in tried)
        return all(
            tape is not None and compare("", t.value, tape.out) is None for t, tape in zip(tried, tapes)
        )

    # the edits that were found so far, and the kinds of data for which nothing was found
    found, fruitless = trial.memory.setdefault(("own forward", pair.forward, pair.model), ([], set()))
    known = next((edit for edit in found if fits(edit)), None)
    if known is not None or kind in fruitless:
        return known
    best: tuple[float, ForwardEdit | None] = (-np.inf, None)
    # no limit of time: marks depend on it, and no model has more than a few hundred edits
    tried = sorted(tried, key=lambda t: sum(np.size(a) for a in t.args.values()))
    for edit in forward_edits(view_of(tried[0].tape)):
        if best[0] == 0:
            break
        if fits(edit):
            left = -float(sum(len(unexplained(pair, t, edit)) for t in tried))
            best = max(best, (left, edit), key=lambda option: option[0])
    if best[1] is None:
        fruitless.add(kind)
    else:
        found.append(best[1])
    return best[1]


def tape_pair(pair: Pair) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Trusted forward and backward functions that belong together, made from the model.

    Their cache is a dict of the arguments; the backward function replays the tape, so no formula of an answer is
    written down for it.
    """
    signature = inspect.Signature(list(inspect.signature(pair.model).parameters.values())[1:])

    def forward(*args: Any, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return pair.tape(dict(bound.arguments)).out, dict(bound.arguments)

    def backward(dout: Any, cache: Any) -> Any:
        grads = pair.tape(cache).backward(dout)
        if pair.takes is not None:
            return grads
        ordered = tuple(grads[w] for w in pair.names(cache))
        return ordered if len(ordered) > 1 else ordered[0]

    return forward, backward
