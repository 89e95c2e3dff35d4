"""Running an entry: what is run again for causes and with trusted helpers, and what that may not change."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from autograder.assignments import a02
from autograder.checks import run
from autograder.checks.entry import Check, Entry, Table, Trial
from autograder.checks.explain import explain_arrays
from autograder.checks.local import LocalSubject
from autograder.checks.run import Draws, Outcome, run_entry

PARTS = ("sum", "product", "kept")


def entry_of(asked: Counter[str], **more: Any) -> Entry:
    """An entry with three parts, which counts how often each is looked at; `kept` depends on `product`."""

    def run(trial: Trial) -> None:
        a, b = trial.rng.normal(size=(2, 3))
        for part, want in (("sum", a + b), ("product", a * b)):
            if trial.wants(part):
                asked[part] += 1
                trial.expect_close(part, trial.call(part, a, b), want, aspect=part)
        if trial.wants("kept"):
            asked["kept"] += 1
            trial.expect(trial.get("state") == [], "Something is kept.", aspect="kept")

    return Entry("both", (Check(dict.fromkeys(PARTS, 1.0), run, **more),), {"sum": None, "product": None})


RIGHT = """
state = []
def helper(x): return x
def sum(a, b): return a + b
def product(a, b): return a * b
"""


def outcome(asked: Counter[str], old: str = "", new: str = "") -> Outcome:
    names: dict[str, Any] = {}
    exec(RIGHT.replace(old, new), names)
    table = Table("T", [entry_of(asked), Entry("helper", (), {"helper": lambda x: x})])
    return run_entry(
        table, table["both"], 1, LocalSubject(names), [Draws("ada"), Draws("ada", "hidden", True)]
    )


def lost(found: Outcome) -> list[str]:
    return [aspect for aspect, got, _ in found.aspects if not got]


def test_what_is_right_is_looked_at_once_for_every_draw() -> None:
    asked = Counter[str]()
    assert outcome(asked).status == "passed"
    assert asked == dict.fromkeys(PARTS, 4)


def test_what_is_lost_is_not_looked_at_in_later_draws() -> None:
    asked = Counter[str]()
    assert lost(outcome(asked, "a * b", "a / b")) == ["product"]
    assert asked == {"sum": 4, "product": 1, "kept": 4}


def test_with_a_helper_only_what_is_lost_is_run_again() -> None:
    asked = Counter[str]()
    assert lost(outcome(asked, "a * b", "helper(a / b)")) == ["product"]
    # once to see it, once with the trusted helper, once for the cause; the others in the four draws
    assert asked == {"sum": 4, "product": 3, "kept": 4}


def test_a_helper_that_is_wrong_is_blamed() -> None:
    found = outcome(
        Counter(),
        "return x\ndef sum(a, b): return a + b",
        "return 2 * x\ndef sum(a, b): return helper(a + b)",
    )
    assert lost(found) == [] and "the mistake is in helper" in found.message


def test_an_argument_that_is_changed_by_one_part_stays_charged_to_another() -> None:
    asked = Counter[str]()
    found = outcome(asked, "return a * b", "p = helper(a * b); a += 1; return p")
    assert lost(found) == ["sum"] and found.diagnosis == ("M25",)
    assert asked["product"] > 4  # looked at whatever was asked for


def test_a_part_with_a_generator_of_its_own_changes_nothing_for_the_others() -> None:
    one, two = (Trial(LocalSubject({}), np.random.default_rng(5)) for _ in range(2))
    one.drawing().rng.normal(size=100)
    two.drawing()
    assert one.rng.random() == two.rng.random()
    assert one.drawing().findings is one.findings


def layer(ops: Any, x: Any, W: Any) -> Any:
    return ops.tanh(x @ W)


def without_slope(rng: np.random.Generator) -> tuple[dict[str, Any], Any, dict[str, Any]]:
    args = {"x": rng.normal(size=(3, 5)), "W": rng.normal(size=(5, 2))}
    dout = rng.normal(size=(3, 2))
    return args, dout, {"x": dout @ args["W"].T, "W": args["x"].T @ dout}


def test_a_cause_is_looked_for_as_long_as_there_is_time() -> None:
    instances = [without_slope(np.random.default_rng(k)) for k in range(3)]
    assert explain_arrays(layer, ("x", "W"), instances).ids == ["M12"]
    late = explain_arrays(layer, ("x", "W"), instances, seconds=0.0)
    assert late.text and not late.ids


def test_without_time_for_causes_the_marks_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
import numpy as np
def affine_forward(X, W, b): return X @ W + b, (X, W)
def affine_backward(dY, cache): return dY @ cache[1].T, cache[0].T @ dY / len(dY), dY.sum(axis=0)
"""

    def outcome() -> Outcome:
        names: dict[str, Any] = {}
        exec(code, names)
        entry = a02.TABLE["affine-backward"]
        return run_entry(a02.TABLE, entry, 1, LocalSubject(names), [Draws("ada")])

    named = outcome()
    monkeypatch.setattr(run, "EXPLAINING", 1e-9)
    plain = outcome()
    assert named.diagnosis == ("M02",) and plain.diagnosis == ()
    assert named.aspects == plain.aspects and lost(plain)
