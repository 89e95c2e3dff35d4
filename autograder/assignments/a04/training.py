"""Entries of assignment A04 for minibatches, schedules and clipping."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import islice, pairwise
from typing import Any

import numpy as np

from autograder.checks import misconceptions
from autograder.checks.entry import Check, Entry, Finding, NotAnswered, StudentError, Trial
from autograder.checks.kinds import INSTANCES, courtesy, explained, pure_check
from autograder.checks.rules import explain_call
from autograder.checks.rules.regularisers import right_clip, right_schedule
from autograder.checks.values import as_array, compare

__all__ = ["ENTRIES"]

# --- minibatches ------------------------------------------------------------------------------------------------------

ONCE, PAIRS, SIZES, ORDER = "every row once", "X and y belong together", "sizes", "a new order"


EPOCHS = 7  # a row that stands at the same place in all of them is no accident: n rows, chance n^-5 < 1e-7
# pairs of neighbours that stay together in these epochs: 7 are expected, more than 30 have a chance below 1e-10
TOGETHER = 30


def _batches(trial: Trial, X: Any, y: Any, size: int, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """The student's batches as pairs of arrays."""
    found = []
    rng = np.random.default_rng(seed)
    made = trial.call("iterate_minibatches", X, y, size, rng)
    if made is None:
        raise StudentError(
            "iterate_minibatches should yield pairs (X[i], y[i]), and returns None.", kind="failed"
        )
    try:
        for item in made:
            pair = item if isinstance(item, tuple | list) and len(item) == 2 else (None, None)
            rows, labels = as_array(pair[0]), as_array(pair[1])
            if (
                rows is None
                or labels is None
                or rows.shape[1:] != X.shape[1:]
                or labels.shape != rows.shape[:1]
            ):
                raise StudentError("iterate_minibatches should yield pairs (X[i], y[i]).", kind="failed")
            found.append((rows, labels))
            if len(found) > len(X):
                break
    except (StudentError, NotAnswered):
        raise
    except Exception as error:
        raise StudentError(f"iterate_minibatches raises {type(error).__name__}: {error}"[:500]) from None
    if not found:
        raise StudentError("iterate_minibatches yields no batch.", kind="failed")
    return found


def _minibatches(trial: Trial) -> None:
    n, size = int(trial.rng.integers(26, 34)), int(trial.rng.integers(4, 7))
    n += n % size == 0  # the last batch is smaller
    X, y = trial.rng.normal(size=(n, 3)), np.arange(n)
    row = {X[k].tobytes(): k for k in range(n)}
    orders = []
    seeds = [int(seed) for seed in trial.rng.integers(2**32, size=EPOCHS)]
    for seed in seeds:
        batches = _batches(trial, X, y, size, seed)
        rows = [row.get(x.tobytes(), -1) for xs, _ in batches for x in xs]
        labels = [int(label) for _, ys in batches for label in ys]
        orders.append(rows)
        if sorted(rows) != list(range(n)):
            lost = len(set(range(n)) - set(rows))
            text = f"Every row should come once in an epoch; {lost} of {n} do not come"
            smaller = lost == n % size and len(set(rows)) == len(rows)
            trial.fail(f"{text}: the last, smaller batch is missing." if smaller else f"{text}.", aspect=ONCE)
        if rows != labels:
            text = "A row of X comes with the label of another row: X and y have to be taken with the same order."
            trial.fail(text, aspect=PAIRS)
        sizes = [len(xs) for xs, _ in batches]
        count = -(-n // size) if len(set(rows)) == n else len(sizes)
        if sizes[:-1] != [size] * (len(sizes) - 1) or sizes[-1] > size or len(sizes) != count:
            trial.fail(
                f"The batches have {sizes[:8]} rows; all but the last should have {size}.", aspect=SIZES
            )
        if trial.findings and len(orders) > 1:
            break
    _unchanged(trial)
    if (slip := _order_slip(orders, n)) is not None:
        trial.fail(slip, aspect=ORDER)
        return
    repeated = [row.get(x.tobytes(), -1) for xs, _ in _batches(trial, X, y, size, seeds[0]) for x in xs]
    if repeated != orders[0]:
        text = (
            "The same generator gives two different orders: draw the permutation from the rng that is passed."
        )
        trial.fail(text, aspect=ORDER)


def _order_slip(orders: list[list[int]], n: int) -> str | None:
    """What is wrong with the orders of the rows in several epochs."""
    if len(set(orders[0])) < n // 2:
        return "Not looked at as long as rows are missing."
    if all(order == list(range(n)) for order in orders):
        return "The rows come in their old order: draw a permutation from rng."
    if all(order == orders[0] for order in orders):
        return "Every epoch has the same order: draw the permutation from the rng that is passed."
    if len(orders) < EPOCHS:  # other things are wrong, and told
        return None
    if sum(b == a + 1 for order in orders for a, b in pairwise(order)) > TOGETHER:
        return "Neighbouring rows stay together: the rows have to be shuffled, not only the batches."
    if any(len(set(places)) == 1 for places in zip(*orders)):
        return "Some rows stand at the same place in every epoch: all rows have to be shuffled."
    return None


class _Rows:
    """Rows that notice when they are written into.

    What a generator does to its arguments it does after the call, when nobody compares them any more.
    """

    lent_names = ("__len__", "__getitem__", "__setitem__", "=shape", "=ndim", "=size", "=dtype")

    def __init__(self, rows: np.ndarray) -> None:
        self.rows, self.written = rows, False
        self.shape, self.ndim, self.size, self.dtype = rows.shape, rows.ndim, rows.size, str(rows.dtype)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        return self.rows[index].copy()

    def __setitem__(self, index: Any, value: Any) -> None:
        self.written = True
        self.rows[index] = value


def _unchanged(trial: Trial) -> None:
    """What a generator writes into X or y is charged as what a function writes into an argument."""
    if trial.mutated:
        return
    given = {"X": _Rows(trial.rng.normal(size=(9, 2))), "y": _Rows(np.arange(9))}
    with (
        warnings.catch_warnings(),
        suppress(Exception),
    ):  # what needs a real array fails here, and is tried with one
        warnings.simplefilter("ignore")
        list(islice(trial.call("iterate_minibatches", *given.values(), 4, np.random.default_rng(0)), 9))
    if (name := next((name for name, rows in given.items() if rows.written), None)) is not None:
        text = f"iterate_minibatches changes its argument {name}: the array that the caller passed in has other numbers after the loop."
        trial.mutated.append(Finding(text, ("M25",), hints=misconceptions.hints(("M25",), name)))


def _one_batch(trial: Trial) -> None:
    X, y = trial.rng.normal(size=(5, 2)), np.arange(5)
    sizes = [len(xs) for xs, _ in _batches(trial, X, y, 8)]
    trial.expect(
        sizes == [5], f"With fewer rows than `size` there is one batch of all rows; there are {sizes}."
    )


def _minibatches_reference(X: Any, y: Any, size: int, rng: np.random.Generator) -> Iterator[tuple[Any, Any]]:
    order = rng.permutation(len(X))
    return iter([(X[order[k : k + size]], y[order[k : k + size]]) for k in range(0, len(X), size)])


# --- schedules --------------------------------------------------------------------------------------------------------


def _queries(rng: np.random.Generator, kind: str) -> list[tuple[int, float, str, dict[str, Any]]]:
    base = float(rng.uniform(0.05, 0.5))
    if kind == "step":
        every, hp = 7, {"every": 7, "factor": float(rng.uniform(0.3, 0.8))}
        return [(t, base, kind, hp) for t in (0, 3, every - 1, every, 2 * every + 1)]
    if kind == "cosine":
        total = int(rng.integers(20, 40))
        return [(t, base, kind, {"total": total}) for t in (0, 1, total // 2, total, total + 9)]
    tau = float(rng.uniform(5, 20))
    return [(t, base, kind, {"tau": tau}) for t in (0, 1, 8, 50)]


def _schedule(kind: str) -> Check:
    def asked(trial: Trial, queries: Any) -> list[Any]:
        return [trial.call("schedule", step, base, kind, **hp) for step, base, kind, hp in queries]

    def run(trial: Trial) -> None:
        queries = _queries(trial.rng, kind)
        got = asked(trial, queries)
        for query, value in zip(queries, got):
            step, base, _, hp = query
            right = right_schedule(step, base, kind, **hp)
            bad = compare(f"The rate of {kind!r} at step {step}", value, right)
            number = as_array(value)
            # a rate that has come down to 0 is measured against the first one
            if bad is None or (
                number is not None and number.shape == () and abs(number - right) < 1e-12 * base
            ):
                continue
            finding = Finding(bad.text, (), bad.evidence)
            if trial.explain:
                more = [_queries(trial.rng, kind) for _ in range(INSTANCES - 1)]
                instances = [
                    ({"queries": q}, g) for q, g in [(queries, got), *((q, asked(trial, q)) for q in more)]
                ]
                why = courtesy(partial(explain_call, "schedule of queries", instances, what="the rate"))
                finding = explained(finding, why)
            trial.fail(finding)
            return

    return Check({f"kind {kind!r}": 1.0}, run)


# --- clipping ---------------------------------------------------------------------------------------------------------


def _draw_grads(rng: np.random.Generator) -> dict[str, Any]:
    grads = {k: rng.normal(size=s) for k, s in (("W", (3, 5)), ("b", (2,)), ("E", (4, 2)))}
    norm = right_clip(grads, 1.0)[1]
    return {"grads": grads, "thresholds": [0.3 * norm, 0.9 * norm, norm, 2.5 * norm]}


def _clipped(trial: Trial, grads: Mapping[str, Any], threshold: float) -> tuple[Any, Any]:
    got = trial.call("clip_by_global_norm", grads, threshold)
    if not isinstance(got, tuple | list) or len(got) != 2:
        raise StudentError("clip_by_global_norm should return (grads, norm).", kind="failed")
    return got[0], got[1]


def _clip(trial: Trial) -> None:
    first = _draw_grads(trial.rng)
    got = [_clipped(trial, first["grads"], t) for t in first["thresholds"]]
    want = [right_clip(first["grads"], t) for t in first["thresholds"]]
    gaps = {
        "gradients": next((m for g, w in zip(got, want) if (m := compare("The clipped", g[0], w[0]))), None),
        "norm": next((m for g, w in zip(got, want) if (m := compare("The norm", g[1], w[1]))), None),
    }
    if any(gaps.values()):
        why = None
        if trial.explain:
            more = [_draw_grads(trial.rng) for _ in range(INSTANCES - 1)]
            instances = [(first, got)]
            instances += [(a, [_clipped(trial, a["grads"], t) for t in a["thresholds"]]) for a in more]
            why = courtesy(lambda: explain_call("clip_by_global_norm of queries", instances, what="the norm"))
        for aspect, gap in gaps.items():
            if gap is not None:
                trial.fail(explained(Finding(gap.text, (), gap.evidence), why), aspect=aspect)
        return
    zero = {"W": np.zeros((2, 3)), "b": np.zeros(2)}
    clipped, norm = _clipped(trial, zero, 1.0)
    if compare("", clipped, zero) is not None or compare("", norm, 0.0) is not None:
        text = "With gradients that are all 0 the result should be these zeros and the norm 0: 0/0 has to be avoided."
        trial.fail(
            Finding(text, ("M29",), hints=misconceptions.get("M29").hint(q="The gradients")),
            aspect="gradients",
        )


ENTRIES = [
    Entry(
        "iterate-minibatches",
        (
            Check({ONCE: 0.75, PAIRS: 0.75, SIZES: 0.5, ORDER: 0.75}, _minibatches),
            Check({"fewer rows than a batch": 0.25}, _one_batch, draws=1),
        ),
        defines={"iterate_minibatches": _minibatches_reference},
        title="Minibatches",
    ),
    Entry(
        "schedule",
        tuple(_schedule(kind) for kind in ("step", "cosine", "inverse")),
        defines={"schedule": right_schedule},
        title="Learning rate schedules",
    ),
    Entry(
        "clip-by-global-norm",
        (pure_check({"gradients": 1.0, "norm": 0.5}, _clip, 0.5),),
        defines={"clip_by_global_norm": right_clip},
        title="Clipping by the global norm",
    ),
]
