"""Entry of assignment A03 for unbroadcast: leading axes, axes of size 1, both, neither."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autograder.checks.entry import Entry, Finding, Trial
from autograder.checks.kinds import courtesy, explained, pure_check
from autograder.checks.primitives import unbroadcast
from autograder.checks.rules.graphs import explain_unbroadcast
from autograder.checks.values import Mismatch, compare
from course.toolbox.seeds import distinct_primes

from . import models

__all__ = ["ENTRIES"]


def _draw_stretched(rng: np.random.Generator, lost: str = "rows") -> models.Args:
    n, d, m = distinct_primes(rng, 3, high=7)
    full, shape = {
        "nothing": ((n, d), (n, d)),
        "rows": ((n, d), (d,)),
        "columns": ((n, d), (n, 1)),
        "one row": ((n, d), (1, d)),
        "everything": ((n, d), ()),
        "two axes": ((n, m, d), (d,)),
        "both": ((n, m, d), (m, 1)),
        "all ones": ((n, d), (1, 1)),
    }[lost]
    return {"G": rng.normal(size=full), "shape": shape}


def _unbroadcast(aspects: Mapping[str, Sequence[str]]) -> Callable[[Trial], None]:
    """Aspect by aspect: which axes are lost."""

    def run(trial: Trial) -> None:
        instances: list[tuple[Mapping[str, Any], Any]] = []
        wrong: dict[str, Mismatch] = {}
        for aspect, cases in aspects.items():
            for lost in cases:
                args = _draw_stretched(trial.rng, lost)
                got = trial.call("unbroadcast", *args.values())
                instances.append((args, got))
                bad = compare("The result of unbroadcast", got, unbroadcast(*args.values()))
                if bad is not None:
                    wrong.setdefault(aspect, bad)
        for aspect, bad in wrong.items():
            finding = Finding(bad.text, (), bad.evidence)
            if trial.explain:
                finding = explained(finding, courtesy(lambda: explain_unbroadcast(instances)))
            trial.fail(finding, aspect=aspect)

    return run


_LOST = {
    "leading axes": ("rows", "two axes", "everything"),
    "axes of size 1": ("columns", "one row", "all ones"),
    "both, and neither": ("both", "nothing"),
}

ENTRIES = [
    Entry(
        "unbroadcast",
        (
            pure_check(
                {"leading axes": 1.0, "axes of size 1": 1.0, "both, and neither": 0.5},
                _unbroadcast(_LOST),
                0.5,
            ),
        ),
        defines={"unbroadcast": unbroadcast},
        title="Sums back to a shape",
    ),
]
