"""Entries of assignment A08 for bits_by_dependency, paired_bootstrap, interpolate and real_or_fake."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autograder.checks.entry import Entry, Finding, StudentError, Trial
from autograder.checks.kinds import INSTANCES, pure_check
from autograder.checks.ruled import named
from autograder.checks.rules.evaluation import right_dependency, right_interpolate, right_real_or_fake
from autograder.checks.values import Mismatch, as_array, compare

from .slips import BootstrapSlip, bootstrap_mean_p, bootstrap_p, chance, explain_bootstrap

__all__ = ["ENTRIES"]

Args = dict[str, Any]
Sample = Callable[[np.random.Generator], Args]


# --- bits by dependency -----------------------------------------------------------------------------------------------


def _draw_labels(rng: np.random.Generator) -> Args:
    labels = [
        str(x)
        for x in rng.choice(["next speaker", "food", "closing bracket", "verb"], 40, p=[0.4, 0.3, 0.2, 0.1])
    ]
    labels[:4] = ["verb", "food", "closing bracket", "next speaker"]
    return {"per_token": rng.gamma(2.0, 1.0, 40), "labels": labels}


def _column(table: Any, at: int) -> Any:
    """Means or counts of a dict of pairs."""
    return {
        k: v[at] if isinstance(v, list | tuple | np.ndarray) and len(v) == 2 else v for k, v in table.items()
    }


def _dependency(trial: Trial) -> None:
    drawn = [_draw_labels(trial.rng) for _ in range(INSTANCES)]
    few: Args = {"per_token": trial.rng.gamma(2.0, 1.0, 5), "labels": [3, 1, 3, 3, 8]}
    calls = [tuple(args.values()) for args in (*drawn, few)]
    *got, late = (
        _as_dict("bits_by_dependency", value) for value in trial.call_many("bits_by_dependency", calls)
    )
    tried = list(zip(drawn, got))
    wrong = set()
    for at, aspect in enumerate(("means", "counts")):
        want = _column(right_dependency(**drawn[0]), at)
        if (bad := compare(aspect, _column(got[0], at), want)) is not None:
            wrong.add(aspect)
            trial.fail(
                named(trial, aspect, "bits_by_dependency", lambda: tried, bad, "the table"), aspect=aspect
            )
    if len(wrong) == 2:
        trial.fail("Not looked at as long as nothing is right on ordinary data.", aspect=FEW)
    for at, aspect in enumerate(("means", "counts")):
        bad = compare(aspect, _column(late, at), _column(right_dependency(**few), at))
        if bad is not None and not wrong:
            trial.fail(f"With the labels {few['labels']}: {bad.text}", aspect=FEW)


def _as_dict(name: str, value: Any) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise StudentError(
            f"{name} should return a dict, and returns a {type(value).__name__}.", kind="failed"
        )
    return value


FEW = "labels that are numbers"


# --- paired bootstrap -------------------------------------------------------------------------------------------------

ROUNDS = 2000
CHANCE, SURE, GENERATOR = "p", "clear and no difference", "rng"


def _p(trial: Trial, a: Any, b: Any, seed: int, *rounds: int) -> float:
    value = as_array(trial.call("paired_bootstrap", a, b, np.random.default_rng(seed), *rounds))
    if value is None or value.size != 1 or value.dtype.kind == "c" or not 0 <= float(value.reshape(())) <= 1:
        raise StudentError("paired_bootstrap should return one number from 0 to 1.", kind="failed")
    return float(value.reshape(()))


def _draw_pair(rng: np.random.Generator, sign: float = 1.0) -> tuple[Any, Any]:
    """Bits of six documents under two models: documents differ much, the models a little, in favour of one."""
    base = rng.uniform(1.0, 6.0, 6)
    d = rng.normal(size=6)
    d = (d - d.mean()) / d.std() + sign * rng.uniform(0.35, 0.5)
    return base + 0.3 * d, base


def _bootstrap(trial: Trial) -> None:
    whole = np.array([2.0, 3.0, 1.0, 4.0, 2.0, 5.0])  # differences of -1, 0, 1: the mean is 0 in many rounds
    drawn = [
        _draw_pair(trial.rng),
        _draw_pair(trial.rng, -1.0),
        (whole + trial.rng.permutation([1.0, 1.0, 1.0, -1.0, 0.0, 0.0]), whole),
    ]
    tried = [(a, b, ROUNDS, _p(trial, a, b, int(trial.rng.integers(2**32)), ROUNDS)) for a, b in drawn]
    slip = None
    for a, b, rounds, got in tried:
        want = bootstrap_mean_p(a, b, rounds)
        if abs(got - want) > chance(want, rounds):
            slip = explain_bootstrap(tried)
            evidence = f"p is {got:.3g} where it is {want:.3g} on average."
            trial.fail(Finding("p is wrong." if slip is None else slip.text, (), evidence), aspect=CHANCE)
            break
    if slip is None or slip.law is None:
        _sure(trial, BootstrapSlip("") if slip is None else slip)
    _generator(trial, slip is not None)


def _sure(trial: Trial, slip: BootstrapSlip) -> None:
    """Where no draw can change the sign, and where there is no difference, p is known exactly; a slip is charged once."""
    b = trial.rng.uniform(1.0, 6.0, 7)
    gap = trial.rng.uniform(0.5, 1.0, 7)
    for a, rounds, shares, what in (
        (b - gap, (ROUNDS,), (1.0, 0.0), f"a is below b in every document and rounds is {ROUNDS}"),
        (b + gap, (), (0.0, 1.0), "a is above b in every document and rounds is left out (10,000)"),
        (b.copy(), (ROUNDS,), (1.0, 1.0), "a and b are the same"),
    ):
        want = slip.p(shares, *(rounds or (10000,)))
        got = _p(trial, a, b, int(trial.rng.integers(2**32)), *rounds)
        if compare("p", got, want, rtol=1e-9) is not None:
            right = BootstrapSlip("").p(shares, *(rounds or (10000,)))
            text = f"Where {what}, p is {right:.6g}, and {got:.6g} comes back: look at the 1 in (1 + …)/(rounds + 1), and at the limit 1."
            trial.fail(text, aspect=SURE)
            return


def _generator(trial: Trial, known: bool) -> None:
    """The draws come from the generator that is passed; five equal results by chance have a probability below 1e-6."""
    a, b = _draw_pair(trial.rng)
    seeds = [int(s) for s in trial.rng.integers(2**32, size=5)]
    first, *others = (_p(trial, a, b, seed, ROUNDS) for seed in seeds)
    again = [_p(trial, a, b, seed, ROUNDS) for seed in seeds[:3]]
    if again != [first, *others[:2]]:
        trial.fail("With equal generators p differs: draw from rng, and from nothing else.", aspect=GENERATOR)
    elif all(p == first for p in others) and not (known and first in (0.0, 1.0)):
        text = "With different generators p is the same: draw from the rng that is passed."
        trial.fail(text, aspect=GENERATOR)


# --- interpolate ------------------------------------------------------------------------------------------------------


def _draw_probs(rng: np.random.Generator, models: int = 3, iterations: int = 4, zeros: bool = False) -> Args:
    probs = rng.uniform(0.01, 1.0, (models, 17))
    if zeros:
        probs[0, ::3] = 0.0
        probs[1, 1::3] = 0.0
    return {"probs": probs, "iterations": iterations}


_SPECIAL: dict[str, tuple[Args, ...]] = {
    "iterations": ({"iterations": 1}, {"iterations": 0}, {"iterations": 200}),
    "one model, zeros": ({"models": 1}, {"models": 2, "zeros": True}),
}


def _mixture(trial: Trial) -> None:
    drawn = [_draw_probs(trial.rng, iterations=int(trial.rng.integers(3, 6))) for _ in range(INSTANCES)]
    got = trial.call_many("interpolate", [tuple(args.values()) for args in drawn])
    bad = compare("the weights", got[0], right_interpolate(**drawn[0]), rtol=1e-8)
    if bad is not None:
        tried = list(zip(drawn, got))
        trial.fail(
            named(trial, "weights", "interpolate", lambda: tried, bad, "the weights"), aspect="weights"
        )
    for aspect, cases in _SPECIAL.items():
        args = [_draw_probs(trial.rng, **case) for case in cases]
        for case, one, value in zip(
            cases, args, trial.call_many("interpolate", [tuple(a.values()) for a in args])
        ):
            if (late := compare("the weights", value, right_interpolate(**one), rtol=1e-8)) is not None:
                special = ", ".join(f"{k} = {v}" for k, v in case.items())
                trial.fail(Finding(f"With {special}: {late.text}", (), late.evidence), aspect=aspect)
                break
    probs = _draw_probs(trial.rng)["probs"]
    usual = trial.call("interpolate", probs)
    if bad is None and compare("", usual, right_interpolate(probs), rtol=1e-8) is not None:
        trial.fail("With iterations left out, 50 are made.", aspect="iterations")


# --- real or fake -----------------------------------------------------------------------------------------------------

_JUDGED = {"accuracy": 1.25, "low": 1.0, "high": 1.0}
EXTREME = "none and all right"


def _draw_answers(rng: np.random.Generator, share: float = 0.7, n: int = 0) -> Args:
    n = n or int(rng.integers(14, 30))
    truth = rng.random(n) < 0.6
    wrong = np.arange(n) >= round(share * n)
    answers = truth ^ rng.permutation(wrong)
    return {"answers": [bool(x) for x in answers], "truth": [bool(x) for x in truth]}


def _real_or_fake(trial: Trial) -> None:
    drawn = [_draw_answers(trial.rng, share) for share in (0.7, 0.85, 0.6)]
    extreme = [_draw_answers(trial.rng, share, n) for share, n in ((0.0, 12), (1.0, 15), (1.0, 1))]
    calls = [tuple(args.values()) for args in (*drawn, *extreme)]
    got = [_as_dict("real_or_fake", value) for value in trial.call_many("real_or_fake", calls)]
    tried = list(zip(drawn, got[:INSTANCES]))
    gaps = {key: [gap for args, value in tried if (gap := _gap(key, args, value))] for key in _JUDGED}
    wrong = {key: found[0] for key, found in gaps.items() if found}
    for key, bad in wrong.items():
        finding = named(
            trial, key, "real_or_fake", lambda: [(a, dict(g)) for a, g in tried], bad, "the result", 1e-4
        )
        trial.fail(finding, aspect=key)
    if len(wrong) == len(_JUDGED):
        trial.fail("Not looked at as long as nothing is right on ordinary data.", aspect=EXTREME)
    for args, value in zip(extreme, got[INSTANCES:]):
        for key in _JUDGED:
            if key not in wrong and (late := _gap(key, args, value)) is not None:
                k = right_real_or_fake(**args)["accuracy"] * len(args["truth"])
                trial.fail(f"With {k:.0f} of {len(args['truth'])} answers right: {late.text}", aspect=EXTREME)


def _gap(key: str, args: Args, got: Mapping[str, Any]) -> Mismatch | None:
    """A mismatch; bisection and tables give the ends of the interval to a few digits, and a wrong count is charged once."""
    right, n = right_real_or_fake(**args), len(args["truth"])
    value, share = as_array(got.get(key)), as_array(got.get("accuracy"))
    wants = [right[key]]
    if key != "accuracy" and share is not None and share.shape == () and 0 <= float(share) <= 1:
        own = round(float(share) * n)
        if abs(float(share) * n - own) < 1e-9:
            wants.append(right_real_or_fake([True] * own + [False] * (n - own), [True] * n)[key])
    near = value is not None and value.shape == () and any(abs(float(value) - want) < 2e-4 for want in wants)
    return None if near and key != "accuracy" else compare(key, got.get(key), wants[0])


ENTRIES = [
    Entry(
        "bits-by-dependency",
        (pure_check({"means": 2.0, "counts": 1.5, FEW: 0.5}, _dependency, 0.5),),
        defines={"bits_by_dependency": right_dependency},
        title="Where the bits are",
    ),
    Entry(
        "paired-bootstrap",
        (pure_check({CHANCE: 3.0, SURE: 2.0, GENERATOR: 1.0}, _bootstrap, 0.5, draws=1),),
        defines={"paired_bootstrap": lambda a, b, rng, rounds=10000: bootstrap_p(a, b, rounds, rng)},
        title="Paired bootstrap",
    ),
    Entry(
        "interpolate",
        (pure_check({"weights": 3.0, "iterations": 1.0, "one model, zeros": 1.0}, _mixture, 0.5),),
        defines={"interpolate": right_interpolate},
        title="Mixture weights",
    ),
    Entry(
        "real-or-fake",
        (pure_check({**_JUDGED, EXTREME: 0.75}, _real_or_fake, 0.5),),
        defines={"real_or_fake": right_real_or_fake},
        title="Real or fake",
    ),
]
