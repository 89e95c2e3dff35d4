"""Targets that no tape can replay: their mutants are judged by rules."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.checks.rules import explain_call
from autograder.checks.values import compare

from .core import Target, Verdict, load

__all__ = ["RuleTarget"]


@dataclass(frozen=True, kw_only=True)
class RuleTarget(Target):
    """A function whose mistakes are wrong versions of it.

    rule    the name that the rules know it by
    result  result(functions of a source, drawn arguments) -> what is compared, in the form of the rules
    extra   further arguments of the rules, made from the drawn ones
    """

    rule: str = ""
    result: Callable[[dict[str, Any], dict[str, Any]], Any] = lambda space, args: space["forward"](**args)
    extra: Callable[[dict[str, Any]], dict[str, Any]] = lambda args: args

    def judge(self, source: str, seed: int = 0) -> Verdict:
        """Run the function beside the right one, and ask the rules."""
        started = time.perf_counter()
        own, right = load(source, f"<{self.name}>"), load(self.source, f"<{self.name}, right>")
        instances, caught = [], False
        for k in range(3):
            args = self.sample(np.random.default_rng([seed, k]))
            with np.errstate(all="ignore"):
                want = self.result(right, args)
                try:
                    got = self.result(own, args)
                except Exception as error:
                    return Verdict(
                        True,
                        (),
                        f"raises {type(error).__name__}: {error}",
                        None,
                        time.perf_counter() - started,
                    )
            caught = caught or compare("", got, want, rtol=1e-9) is not None
            instances.append((self.extra(args), got))
        if not caught:
            return Verdict(False, seconds=time.perf_counter() - started)
        why = explain_call(self.rule, instances)
        return Verdict(True, tuple(why.ids), why.text, why.line, time.perf_counter() - started)
