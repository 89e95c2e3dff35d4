"""Entry of assignment A07 for the language model: parameters, loss, gradients, truncation, one step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from autograder.checks import misconceptions
from autograder.checks.diagnosis import Diagnosis
from autograder.checks.entry import Check, Entry, Finding, StudentError, Trial
from autograder.checks.kinds import INSTANCES, courtesy, explained, values
from autograder.checks.objects import theirs
from autograder.checks.pairs import Pair, edges, gradients
from autograder.checks.rules import explain_call
from autograder.checks.rules.recurrent import (
    language_model,
    last_state,
    lost_rows,
    right_language_model,
    right_loss,
)
from autograder.checks.values import Mismatch, as_array, compare

from .models import Args, draw_lm, draw_params
from .objects import AGAIN, GRADS, LOSS, STEP, on_objects

__all__ = ["ENTRIES", "three"]


def three(result: Any) -> tuple[Any, Any, Any]:
    """(loss, grads, h_last) of what loss_and_grads returns."""
    if not isinstance(result, tuple | list) or len(result) != 3:
        raise StudentError("RNNLM.loss_and_grads should return (loss, grads, h_last).", kind="failed")
    return result[0], _as_dict(result[1]), result[2]


def _loss_and_grads(result: Any) -> tuple[Any, Any]:
    return three(result)[:2]


def _as_dict(grads: Any) -> Mapping[str, Any]:
    if not isinstance(grads, dict):
        raise StudentError(
            f"The gradients should be a dict, and are a {type(grads).__name__}.", kind="failed"
        )
    return grads


LM = Pair(
    LOSS,
    GRADS,
    language_model,
    draw_lm,
    lambda args: tuple(args["params"]),
    split=_loss_and_grads,
    back=lambda dout, cache, args: (dout, cache, args),
    takes=_as_dict,
    loss=True,
)


Result = tuple[Any, Any, Any]
RECURRENT = ("E", "Wxh", "Whh", "bh")  # the parameters whose gradients come through time

# --- RNNLM ------------------------------------------------------------------------------------------------------------


_MIX = "inputs and targets that are mixed up"  # in the memory of a run
# inputs and targets that somebody mixes up -> the sentence
_MIXED = (
    (
        "ids_out",
        "ids_out",
        "The model reads ids_out, the words that it should predict: it has to read ids_in.",
    ),
    ("ids_in", "ids_in", "The model is asked for ids_in, the words that it reads: its targets are ids_out."),
    ("ids_out", "ids_in", "ids_in and ids_out are exchanged: the model reads ids_in and predicts ids_out."),
)


def _state_after(ops: Any, params: Any, ids_in: Any, ids_out: Any, h0: Any) -> Any:
    h = h0
    for ids in ids_in:
        h = ops.tanh(ops.take(params["E"], ids) @ params["Wxh"] + h @ params["Whh"] + params["bh"])
    return h


def _values_of_loss() -> Check:
    """The loss and the last state; mixed-up inputs and targets are no edit of a tape, so they are looked for first."""
    at = {"loss": 0, "h_last": 2}
    check = values(
        LOSS,
        draw_lm,
        right_loss,
        {"loss": 1.0, "h_last": 0.5},
        pure=0.5,
        part=lambda aspect, result: result[at[aspect]],
        what="the result",
        takes=three,
        models={
            "loss": (language_model, lambda result: result[0]),
            "h_last": (_state_after, lambda result: result[2]),
        },
        cases=({}, {"N": 1}, {"T": 1}),
    )

    def run(trial: Trial) -> None:
        text = _mixed_up(trial)
        before = trial.explain_until
        trial.explain_until = 0.0 if text else before
        check.run(trial)
        trial.explain_until = before
        zero = "h_last is zero: it is the state after the last step, for the next chunk to go on from."
        trial.findings[:] = [
            (
                a,
                replace(f, text=zero, ids=("M45",))
                if f.text == "The result is zero." and a == "h_last"
                else f,
            )
            for a, f in trial.findings
        ]
        if text:
            leak = Finding(text, ("M48",), hints=misconceptions.get("M48").hint(q="the loss"))
            trial.findings[:] = [(a, leak if a == "loss" else finding) for a, finding in trial.findings]

    return replace(check, run=run)


def _mixed_up(trial: Trial) -> str:
    """What is said of inputs and targets that are mixed up; nothing when they are not. Looked for once in a run."""
    if _MIX in trial.memory:
        return str(trial.memory[_MIX])
    tried: list[tuple[Args, Any]] = []

    def gives(read: str, wanted: str) -> bool:
        for k in range(INSTANCES):
            if k == len(tried):
                args = draw_lm(trial.rng)
                tried.append((args, three(trial.call(LOSS, *args.values()))[0]))
            a, got = tried[k]
            if compare("", got, right_loss(a["params"], a[read], a[wanted], a["h0"])[0]) is not None:
                return False
        return True

    rows = (text for read, wanted, text in _MIXED if gives(read, wanted))
    trial.memory[_MIX] = "" if gives("ids_in", "ids_out") else next(rows, "")
    return str(trial.memory[_MIX])


def _draw_alike(rng: np.random.Generator, **sizes: Any) -> Args:
    """Inputs that are their own targets: mixed up, they stay the same."""
    args = draw_lm(rng, **sizes)
    return {**args, "ids_out": args["ids_in"].copy()}


def _by_mix(make: Callable[[Pair, Callable[..., Args]], Check]) -> Check:
    """A check of gradients; where inputs and targets are mixed up, which the loss was charged for, on data where both agree."""
    usual, alike = (make(replace(LM, sample=draw), draw) for draw in (draw_lm, _draw_alike))
    return replace(usual, run=lambda trial: (alike if _mixed_up(trial) else usual).run(trial))


def _step_reference(params: Any, ids: Any, h: Any) -> tuple[Any, Any]:
    h = last_state(params, ids[None], h)
    return h @ params["Why"] + params["by"], h


def _draw_step(rng: np.random.Generator) -> Args:
    args = draw_lm(rng, T=1)
    return {"params": args["params"], "ids": args["ids_in"][0], "h": args["h0"]}


def _pair_of(what: str, result: Any) -> tuple[Any, Any]:
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise StudentError(f"{what} should return (Z, h).", kind="failed")
    return result[0], result[1]


def _scores_of_step(ops: Any, params: Any, ids: Any, h: Any) -> Any:
    x = ops.take(params["E"], ids)
    h_next = ops.tanh(x @ params["Wxh"] + h @ params["Whh"] + params["bh"])
    return h_next @ params["Why"] + params["by"]


def _steps_are_right() -> Check:
    takes = partial(_pair_of, STEP)
    models = {"step": (_scores_of_step, lambda result: result[0])}
    return values(STEP, _draw_step, _step_reference, {"step": 1.0}, what="(Z, h)", takes=takes, models=models)


def _parameters(trial: Trial) -> None:
    """The constructor draws parameters of the right names, shapes and kind, from the generator that it is given."""
    V, D, H = (int(n) for n in trial.rng.permutation([5, 7, 11]))
    want = {name: np.shape(a) for name, a in draw_params(np.random.default_rng(0), V, D, H).items()}
    seed = int(trial.rng.integers(2**32))
    drawn = []
    for start in (seed, seed, seed + 1):
        model = trial.call("RNNLM", V, D, H, np.random.default_rng(start))
        params = getattr(model, "params", None)
        if not isinstance(params, dict) or set(params) != set(want):
            keys = ", ".join(want)
            trial.fail(f"RNNLM(V, D, H, rng).params should be a dict with the keys {keys}.")
            return
        for name, shape in want.items():
            array = as_array(params[name])
            if array is None or array.shape != shape:
                found = "no array" if array is None else f"of shape {array.shape}"
                trial.fail(f"With V = {V}, D = {D}, H = {H} params[{name!r}] is {found}, expected {shape}.")
                return
            if array.dtype.kind != "f" or not np.all(np.isfinite(array)):
                trial.fail(f"params[{name!r}] should hold finite floats.")
                return
        drawn.append({name: np.array(a) for name, a in params.items()})
    if not all(np.array_equal(drawn[0][n], drawn[1][n]) for n in want):
        trial.fail(
            "Two models made with generators of the same seed have different parameters: draw from rng only."
        )
    elif np.array_equal(drawn[0]["Whh"], drawn[2]["Whh"]):
        trial.fail("Two models made with different generators have the same Whh: draw it from rng.")
    else:
        _read_at_every_call(trial)


def _read_at_every_call(trial: Trial) -> None:
    """A whole new dict may be assigned to `.params` between two calls."""
    old, new = draw_lm(trial.rng), draw_lm(trial.rng, T=3)
    old["params"] = {name: a + 1.0 for name, a in new["params"].items()}
    rest = tuple(new.values())[1:]
    V, D = new["params"]["E"].shape
    model = trial.call("RNNLM", V, D, len(new["params"]["bh"]), np.random.default_rng(0))
    with theirs("RNNLM"):
        model.params = dict(old["params"])
        before = model.loss_and_grads(*rest)
        model.params = {name: a.copy() for name, a in new["params"].items()}
        after = model.loss_and_grads(*rest)
        fresh = trial.call("RNNLM", V, D, len(new["params"]["bh"]), np.random.default_rng(0))
        fresh.params = {name: a.copy() for name, a in new["params"].items()}
        want = fresh.loss_and_grads(*rest)
    three(before)
    if compare("", three(after)[0], three(want)[0]) is not None:
        trial.fail(
            "After a new dict was assigned to model.params the loss is that of the old one: read self.params at every call."
        )


def _truncation(trial: Trial) -> None:
    """Every k from 1 to beyond T; where the full gradient is wrong already, chunk by chunk against the student's own."""
    T = 4
    args = draw_lm(trial.rng, T=T)
    full = three(trial.call(LOSS, *args.values()))
    if compare("", full[0], right_loss(**args)[0]) is not None:  # is h0 not used? That is charged elsewhere
        args["h0"] = np.zeros_like(args["h0"])
        full = three(trial.call(LOSS, *args.values()))
    plain = (args["params"], args["ids_in"], args["ids_out"], args["h0"])
    ks = (*range(1, T + 1), T + 3, None)
    got = [three(result) for result in trial.call_many(LOSS, [(*plain, k) for k in ks])]
    right = right_language_model(*plain)
    wanted = {k: right if k is None or k >= T else right_language_model(*plain, k) for k in ks}
    # what is wrong in the full gradient is charged there
    sound = [n for n in RECURRENT if compare("", full[1].get(n), right[1][n]) is None]
    for k, result in zip(ks, got):
        gap = _gap(result, wanted[k], full, right, sound)
        if gap is None and not sound:
            gap = _gap_of_chunks(trial, got[0], result, full, args, k)
        if gap is None:
            continue
        finding = Finding(f"With k = {k}: {gap.text}", (), gap.evidence, errors=gap.errors)
        all_sound = len(sound) == len(RECURRENT)
        why = courtesy(lambda: _why_truncated(trial)) if trial.explain and all_sound else None
        trial.fail(explained(finding, why))
        return


def _gap(got: Result, want: Result, full: Result, right: Result, sound: Sequence[str]) -> Mismatch | None:
    """What is wrong with a truncated result, of what is right in the full one."""
    for what, i in (("the loss", 0), ("h_last", 2)):
        if compare("", full[i], right[i]) is None and (gap := compare(what, got[i], want[i])) is not None:
            return gap
    return compare("the gradients", {n: got[1].get(n) for n in sound}, {n: want[1][n] for n in sound})


def _gap_of_chunks(
    trial: Trial, of_one: Result, result: Result, full: Result, args: Args, k: int | None
) -> Mismatch | None:
    """Where no full gradient is right: the result should be made of the student's own results for the chunks."""
    one = right_language_model(args["params"], args["ids_in"], args["ids_out"], args["h0"], 1)
    if all(compare("", of_one[1].get(n), one[1][n]) is None for n in RECURRENT):
        return None  # chunks of one step are right: the slip is in the loop over time
    T, h, parts = len(args["ids_in"]), args["h0"], []
    if k is None or k >= T:
        parts = [(1.0, full)]
    size = T if k is None else k
    for a in range(0, 0 if parts else T, size):
        chunk = (args["params"], args["ids_in"][a : a + size], args["ids_out"][a : a + size], h)
        parts.append((len(chunk[1]) / T, three(trial.call(LOSS, *chunk))))
        h = parts[-1][1][2]
    gap: Mismatch | None = None
    for weights in ([w for w, _ in parts], [1.0] * len(parts)):
        try:
            own = {
                n: sum(w * np.asarray(p[1][n], float) for w, (_, p) in zip(weights, parts)) for n in RECURRENT
            }
        except (KeyError, TypeError, ValueError):
            return Mismatch("the gradients are no arrays of the shapes of the parameters.")
        gap = compare("the gradients", {n: result[1].get(n) for n in RECURRENT}, own)
        if gap is None:
            break
    return gap


def _why_truncated(trial: Trial) -> Diagnosis:
    # T is not a multiple of k, so that the last chunk is a short one
    drawn = [draw_lm(trial.rng, T=7, k=k) for k in (2, 3, 2)]
    return explain_call(
        "rnnlm with k", [(a, three(trial.call(LOSS, *a.values()))) for a in drawn], what="the gradients"
    )


def _gradients_of_all(pair: Pair, draw: Callable[..., Args]) -> Check:
    """Every gradient; in dE also the rows that a repeated word loses, which no tape of single steps replays."""
    points = {"dE": 1.0, "dWxh": 0.75, "dWhh": 1.0, "dbh": 0.5, "dWhy": 0.75, "dby": 0.5}
    check = gradients(pair, points, square=False)

    def run(trial: Trial) -> None:
        until, trial.explain_until = trial.explain_until, 0.0
        state = trial.rng.bit_generator.state
        check.run(trial)
        trial.explain_until = until
        lost = {aspect for aspect, _ in trial.findings}
        if not lost:
            _piled(trial, draw)
        elif trial.explain and "dE" in lost and _loses_rows(trial, draw):
            known = _known("M33", "dE")
            trial.findings[:] = [(a, known if a == "dE" else finding) for a, finding in trial.findings]
        elif trial.explain:
            trial.findings.clear()
            trial.memory.pop(("wrong", LM.backward), None)
            trial.rng.bit_generator.state = state
            check.run(trial)

    return replace(check, run=run)


def _one_of_each(pair: Pair, draw: Callable[..., Args]) -> Check:
    samples = {"N = 1": partial(draw, N=1), "T = 1": partial(draw, T=1)}
    return edges(pair, samples, 0.25, aspect="one of each")


def _known(id: str, q: str) -> Finding:
    """A mistake of the catalogue, in its own words."""
    known = misconceptions.get(id)
    return Finding(known.say(q=q), (id,), hints=known.hint(q=q))


def _piled(trial: Trial, draw: Callable[..., Args]) -> None:
    """Gradients that are right at the first call of an object, and wrong at the second."""
    args = draw(trial.rng)
    first, second = (three(trial.call(name, *args.values()))[1] for name in (LOSS, AGAIN))
    for name, g in first.items():
        if (bad := compare(f"d{name}", second.get(name), g)) is not None:
            text = f"At the second call of loss_and_grads of the same object {bad.text}"
            twice = compare("", second.get(name), 2 * np.asarray(g)) is None
            trial.fail(
                _known("M16", f"d{name}") if twice else Finding(text, (), bad.evidence), aspect=f"d{name}"
            )


def _loses_rows(trial: Trial, draw: Callable[..., Args]) -> bool:
    """Whether dE, on its own, is what `dE[ids] += dX` gives."""
    for _ in range(INSTANCES):
        args = draw(trial.rng, T=7, N=3)
        got = three(trial.call(LOSS, *args.values()))[1].get("E")
        if compare("", got, lost_rows(**args)) is not None:
            return False
    return True


ENTRIES = [
    Entry(
        "rnnlm",
        (
            Check({"parameters": 0.5}, _parameters, draws=1),
            on_objects(_values_of_loss()),
            on_objects(_by_mix(_gradients_of_all)),
            on_objects(_by_mix(_one_of_each)),
            on_objects(Check({"truncation": 1.75}, _truncation, draws=1)),
            on_objects(_steps_are_right()),
        ),
        defines={"RNNLM": None},
        title="The recurrent language model",
    ),
]
