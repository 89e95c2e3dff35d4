"""Entries of assignment A06 for entropy_rate and ngram_floor: languages whose entropy is known exactly."""

from __future__ import annotations

import math
from collections import defaultdict
from functools import partial
from typing import Any

import numpy as np

from autograder.checks.entry import Check, Entry, Finding, Trial
from autograder.checks.kinds import INSTANCES, pure_check
from autograder.checks.ruled import first_bad, named
from autograder.checks.rules.ngrams import right_entropy_rate
from autograder.checks.values import compare
from course.toolbox.corpora.farm import farm

__all__ = ["ENTRIES"]

Grammar = dict[str, Any]


def _die(rng: np.random.Generator) -> Grammar:
    """One nonterminal and no recursion: every document is one token."""
    weights = [int(w) for w in rng.permutation([1, 2, 3, 5, 7])[: int(rng.integers(3, 6))]]
    return {"start": "A", "rules": {"A": [[w, t, []] for w, t in zip(weights, "pqrst")]}}


def _small(rng: np.random.Generator) -> Grammar:
    """Four nonterminals, one of them twice in a rule; documents end, and all stacks are finite in number."""
    w = [int(x) for x in rng.integers(1, 9, 9)]
    return {
        "start": "S",
        "rules": {
            "C": [[w[0], "p", []], [w[1] + 8, "q", []], [2, "r", []]],
            "S": [[w[2], "a", ["B", "B"]], [w[3], "b", ["B", "C", "S"]], [w[4] + 9, "c", ["B"]]],
            "D": [[w[5], "u", []], [w[6] + 5, "v", ["C"]]],
            "B": [[w[7], "x", ["C", "D", "C"]], [w[8] + 4, "y", []]],
        },
    }


def _dialect(rng: np.random.Generator) -> Grammar:
    return farm(seed=int(rng.integers(2**31)))


_DRAWN = {"one die": _die, "small grammars": _small, "a dialect of Farm": _dialect}


def _entropy_rate(trial: Trial) -> None:
    for aspect, draw in _DRAWN.items():
        grammars = [draw(trial.rng) for _ in range(INSTANCES if aspect == "small grammars" else 1)]
        tried = [
            ({"grammar": g}, v)
            for g, v in zip(grammars, trial.call_many("entropy_rate", [(g,) for g in grammars]))
        ]
        bad, wrong = first_bad("entropy_rate", tried, right_entropy_rate, rtol=1e-8)
        if bad is not None:
            finding = named(
                trial,
                aspect,
                "entropy_rate",
                partial(list, tried),
                bad,
                "entropy_rate",
                before=f"For {aspect}: ",
                call=("entropy_rate", *wrong),
            )
            trial.fail(finding, aspect=aspect)


# --- floors -----------------------------------------------------------------------------------------------------------


def _moves(grammar: Grammar) -> list[list[tuple[str, float, int]]]:
    """For every stack, numbered from the start's: (token, probability, next stack); a document follows a document."""
    start = (grammar["start"],)
    number, found = {start: 0}, [start]
    table = []
    for stack in found:
        rules = grammar["rules"][stack[0]]
        row = []
        for weight, token, body in rules:
            after = (*body, *stack[1:]) or start
            if after not in number:
                number[after] = len(found)
                found.append(after)
            row.append((token, weight / sum(w for w, _, _ in rules), number[after]))
        table.append(row)
    return table


def _ngram_floor(grammar: Grammar, n: int) -> float:
    """h_n = Σ_c P(c) H(next | c), with the stacks in their stationary law."""
    moves = _moves(grammar)
    P = np.zeros((len(moves), len(moves)))
    for s, row in enumerate(moves):
        for _, p, after in row:
            P[s, after] += p
    P = P.T - np.eye(len(moves))
    P[-1] = 1.0
    pi = np.linalg.solve(P, np.eye(len(moves))[-1])
    alpha: dict[Any, dict[int, float]] = {(): dict(enumerate(pi))}
    for _ in range(n - 1):
        longer: dict[Any, dict[int, float]] = defaultdict(lambda: defaultdict(float))
        for c, stacks in alpha.items():
            for s, mass in stacks.items():
                for token, p, after in moves[s]:
                    longer[(*c, token)][after] += mass * p
        alpha = longer
    total = 0.0
    for stacks in alpha.values():
        law: dict[str, float] = defaultdict(float)
        for s, mass in stacks.items():
            for token, p, _ in moves[s]:
                law[token] += mass * p
        joint = np.array([p for p in law.values() if p > 0])
        total -= float((joint * np.log2(joint / joint.sum())).sum())
    return total


def _finite(rng: np.random.Generator) -> Grammar:
    """A grammar with few stacks, in which a nonterminal decides far from its cause."""
    w = [int(x) for x in rng.integers(1, 6, 6)]
    return {
        "start": "S",
        "rules": {
            "S": [[w[0], "a", ["M", "X"]], [w[1], "b", ["M", "Y"]], [w[2], "c", []]],
            "M": [[w[3], "m", []], [w[4], "n", ["K"]]],
            "K": [[1, "k", []], [w[5], "l", []]],
            "X": [[1, "x", []]],
            "Y": [[3, "y", []], [1, "z", []]],
        },
    }


def _floors(trial: Trial) -> None:
    small, large = _finite(trial.rng), farm(seed=int(trial.rng.integers(2**31)), D=1)
    line: int | None = None
    for aspect, calls in {
        "n = 1": [(small, 1), (large, 1)],
        "small grammars": [(small, n) for n in (2, 3, 4)],
        "a dialect of Farm": [(large, 2), (large, 3)],
    }.items():
        for (grammar, n), got in zip(calls, trial.call_many("ngram_floor", calls)):
            what, right = f"ngram_floor for n = {n}", _ngram_floor(grammar, n)
            if (bad := compare(what, got, right, rtol=1e-7)) is not None:
                text, ids = _slip_of_floor(got, right, grammar, n) if trial.explain else ("", ())
                if line is None and grammar is small:  # with a large one it takes a second
                    line = trial.line_of("ngram_floor", (grammar, n), got)
                finding = Finding(f"{what}: {text}" if text else bad.text, ids, bad.evidence, line)
                trial.fail(finding, aspect=aspect)
                break


def _slip_of_floor(got: Any, right: float, grammar: Grammar, n: int) -> tuple[str, tuple[str, ...]]:
    """What was done, when it is known."""
    for text, ids, wrong in (
        ("the result is in nats; bits are asked for.", ("M04",), lambda: right * math.log(2)),
        ("the sign is wrong: H = -Σ p log₂ p.", ("M01",), lambda: -right),
        (
            "this is the floor for n + 1: n - 1 tokens go before.",
            ("M34",),
            lambda: _ngram_floor(grammar, n + 1),
        ),
        (
            "this is the floor for n - 1: n - 1 tokens go before.",
            ("M34",),
            lambda: _ngram_floor(grammar, n - 1),
        ),
    ):
        if (n > 1 or "n - 1: n" not in text) and compare("", got, wrong(), rtol=1e-7) is None:
            return text, ids
    return "", ()


ENTRIES = [
    Entry(
        "entropy-rate",
        (
            pure_check(
                {"one die": 1.0, "small grammars": 2.25, "a dialect of Farm": 1.5},
                _entropy_rate,
                0.25,
                draws=1,
            ),
        ),
        {"entropy_rate": right_entropy_rate},
        title="The entropy of a grammar",
    ),
    Entry(
        "ngram-floor",
        (Check({"n = 1": 1.0, "small grammars": 1.5, "a dialect of Farm": 1.5}, _floors, draws=1),),
        {"ngram_floor": _ngram_floor},
        bonus=True,
        title="What no n-gram model can beat",
    ),
]
