"""The table of mutants: how many are caught, named, located; and how many right solutions are left in peace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib import import_module

from .core import Mutant, Target, Verdict, named_right, right_line

__all__ = ["Tally", "run", "targets"]

MODULES = ("a01", "a02", "a03", "a04", "a04_steps", "a05", "a06", "a07", "a09")


def targets(modules: Sequence[str] = MODULES) -> list[Target]:
    """All targets, in the order of the course."""
    found = []
    for name in modules:
        found += import_module(f"tests.mutants.{name}").TARGETS
    return found


@dataclass
class Tally:
    """Counts of one assignment, or of all."""

    name: str
    mutants: int = 0
    caught: int = 0
    catalogue: int = 0  # mutants that the catalogue has a name for
    right: int = 0
    wrong: int = 0
    unknown: int = 0
    line: int = 0
    line_wrong: int = 0
    name_or_line: int = 0
    variants: int = 0
    false_alarms: int = 0
    seconds: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, mutant: Mutant, verdict: Verdict) -> None:
        self.mutants += 1
        self.seconds.append(verdict.seconds)
        self.caught += verdict.caught
        near = right_line(mutant, verdict)
        self.line += near
        self.line_wrong += verdict.line is not None and not near
        ok = named_right(mutant.expected, verdict.ids) and (bool(verdict.ids) or verdict.named)
        named_wrong = bool(verdict.ids) and not named_right(mutant.expected, verdict.ids)
        if mutant.expected != "-":
            self.catalogue += 1
        self.right += ok
        self.wrong += named_wrong
        self.unknown += not ok and not named_wrong
        self.name_or_line += ok or near
        if not verdict.caught or named_wrong or not (ok or near) or (not ok and mutant.expected != "-"):
            verdict_line = f" line {verdict.line}" if verdict.line else " no line"
            state = (
                "MISSED"
                if not verdict.caught
                else "WRONG"
                if named_wrong
                else "unknown"
                if not ok
                else "no line"
            )
            self.notes.append(
                f"{state:8} {mutant.name:44} {','.join(verdict.ids):10} {verdict.text[:150]}{verdict_line}"
            )

    def merge(self, other: Tally) -> None:
        for name in (
            "mutants",
            "caught",
            "catalogue",
            "right",
            "wrong",
            "unknown",
            "line",
            "line_wrong",
            "name_or_line",
            "variants",
            "false_alarms",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.seconds += other.seconds

    def row(self) -> str:
        times = sorted(self.seconds) or [0.0]
        return (
            f"{self.name:10} mutants: {self.mutants}, caught: {self.caught}, named right: {self.right}, named wrong: {self.wrong}, "
            f"unknown: {self.unknown}, line found: {self.line}; right variants: {self.variants}, false alarms: {self.false_alarms}"
            f"   (median {times[len(times) // 2] * 1e3:.0f} ms, worst {times[-1] * 1e3:.0f} ms)"
        )


def run(
    chosen: Iterable[Target], seeds: Sequence[int] = (0,), variant_seeds: Sequence[int] = (0,)
) -> list[Tally]:
    """Judge every mutant and every variant of the targets, assignment by assignment."""
    tallies: dict[str, Tally] = {}
    for target in chosen:
        tally = tallies.setdefault(target.assignment, Tally(target.assignment))
        for mutant in target.mutants():
            for seed in seeds:
                tally.add(mutant, target.judge(mutant.source, seed))
        for k, source in enumerate(target.right()):
            tally.variants += k > 0
            for seed in variant_seeds:
                verdict = target.judge(source, seed)
                if verdict.caught:
                    tally.false_alarms += 1
                    tally.notes.append(
                        f"FALSE    {target.name} variant {k} seed {seed}: {verdict.text[:150]}"
                    )
    return list(tallies.values())
