"""Mutants of what no tape can replay (loops, counting, sampling, classes), judged by the entries that students meet.

They stand beside the right solutions in `tests/assignments/right_aXX.py`: name -> (entry, what stands there, what is
put there, points that are left, diagnosis).
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from autograder.assignments import table
from autograder.assignments.a03 import given
from autograder.checks.local import LocalSubject
from autograder.checks.run import Draws, run_entry

from .core import Mutant, Verdict, load
from .report import Tally

__all__ = ["ASSIGNMENTS", "run_entries"]

ASSIGNMENTS = {
    "a01": "A01-neurons-and-losses",
    "a02": "A02-backprop-by-hand",
    "a03": "A03-computation-graphs",
    "a04": "A04-optimisation-and-regularisation",
    "a05": "A05-words-as-vectors",
    "a06": "A06-ngram-language-models",
    "a07": "A07-recurrent-networks",
    "a08": "A08-ngram-vs-rnn",
    "a09": "A09-bidirectional-and-seq2seq",
}


# what the notebook's locked cells give
_PRELUDE = {
    "a02": "from course.losses import bce_with_logits, cross_entropy, log_softmax, softmax\n"
    "from course.neurons import d_relu, d_sigmoid, d_tanh, relu, sigmoid, tanh\n",
    "a03": inspect.getsource(given) + "\n",
}


def _rows(module: str) -> tuple[str, dict[str, tuple[Any, ...]]]:
    """The right solution of an assignment and its mutants."""
    if module == "a02":  # its right solution is the reference in the notebook's source
        from tests.assignments.source import source
        from tests.assignments.test_a02 import MUTANTS

        answers = source(ASSIGNMENTS[module]).answers
        text = _PRELUDE[module] + "\n\n".join(
            answers[e.id] for e in table(ASSIGNMENTS[module]).entries.values() if e.defines
        )  # type: ignore[union-attr]
        cells = {
            n: (row[0], answers[row[0]], answers[row[0]].replace(row[1], row[2], 1), *row[3:])
            for n, row in MUTANTS.items()
        }
        return text, {n: row for n, row in cells.items() if row[1] in text}
    found = import_module(f"tests.assignments.right_{module}")
    return _PRELUDE.get(module, "") + found.RIGHT, found.MUTANTS


def _mutants(module: str) -> Iterator[Mutant]:
    right, rows = _rows(module)
    for name, (entry, old, new, left, diagnosis, *_) in rows.items():
        if isinstance(left, dict):  # by entry: the mistake may show in another than the one where it stands
            if not left:
                continue  # a change that is right
            entry = next(iter(left))
        wrong = right.replace(old, new, 1)
        line = next(k for k, (a, b) in enumerate(zip(right.splitlines(), wrong.splitlines()), 1) if a != b)
        yield Mutant(SimpleNamespace(name=f"{entry}: {name}", entry=entry), diagnosis or "-", wrong, line)  # type: ignore[arg-type]


def _judge(assignment: str, entry: str, source: str) -> Verdict:
    found = table(assignment)
    assert found is not None
    started = time.perf_counter()
    outcome = run_entry(
        found,
        found[entry],
        1,
        LocalSubject(load(source, f"<{entry}>")),
        [Draws("ada"), Draws("ada", "hidden", True)],
    )
    line = next((f.line for f in outcome.findings if f.line), None)
    text = outcome.message if outcome.findings else ""
    return Verdict(
        outcome.score < outcome.max_score, outcome.diagnosis, text, line, time.perf_counter() - started
    )


def run_entries(modules: tuple[str, ...] = tuple(ASSIGNMENTS)) -> list[Tally]:
    """Judge every mutant of these assignments by its entry; the right solutions of them are the variants."""
    tallies = []
    for module in modules:
        tally = Tally(f"{module} entry")
        for mutant in _mutants(module):
            tally.add(mutant, _judge(ASSIGNMENTS[module], mutant.target.entry, mutant.source))  # type: ignore[attr-defined]
        right, _ = _rows(module)
        for entry in {row[0] for row in _rows(module)[1].values()}:
            tally.variants += 1
            verdict = _judge(ASSIGNMENTS[module], entry, right)
            tally.false_alarms += verdict.caught
            if verdict.caught:
                tally.notes.append(f"FALSE    {entry}: {verdict.text[:150]}")
        tallies.append(tally)
    return tallies
