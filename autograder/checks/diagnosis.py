"""A diagnosis, and how explanations become the sentences that a student reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from . import misconceptions
from .cases import Candidate, Case
from .editing import Edit
from .factors import factors
from .tape import Tape
from .views import view_of

__all__ = ["Diagnosis", "compose", "of", "unknown"]


@dataclass(frozen=True)
class Diagnosis:
    """What was done: ids of the catalogue (empty when unknown), one sentence, one line of evidence, line, three hints."""

    ids: list[str]
    text: str
    evidence: str = ""
    line: int | None = None
    hints: tuple[str, ...] = ()
    names: tuple[str, ...] = ()  # the arguments whose gradients it is about
    edits: tuple[Edit, ...] = field(default=(), repr=False, compare=False)
    of_forward: bool = False  # the gradients are right for a wrong forward
    factors: tuple[str, ...] = ()  # constants, by name, that the gradients are off by
    # what a wrong forward computes on the way
    seen: tuple[Any, ...] = field(default=(), repr=False, compare=False)

    def __bool__(self) -> bool:
        return bool(self.text)

    def __str__(self) -> str:
        parts = [self.text, self.evidence, f"See line {self.line}." if self.line else ""]
        return " ".join(p for p in parts if p)

    def replays(self, tape: Tape, dout: Any) -> list[Any]:
        """The gradients of all values of a tape under the edits of this diagnosis: what the mistake leads to."""
        found: list[Any] = []
        for edit in self.edits:
            change = edit.resolve(view_of(tape))
            if change is not None and change.run is None:
                try:
                    found += tape.sweep(dout, change)
                except (ValueError, IndexError, TypeError):
                    continue
        table = factors(tape.args) if self.factors else {}
        for name in self.factors:
            if name in table and name != "0":
                found += [table[name][0] * g for g in tape.sweep(dout) if g is not None]
        return found

    def at(self, line: int | None) -> Diagnosis:
        """The same with a line of the student's code."""
        return replace(self, line=line)


def of(id: str, text: str = "", evidence: str = "", line: int | None = None, **values: Any) -> Diagnosis:
    """A diagnosis straight from the catalogue; `values` fill the templates (q, i, got, want, …)."""
    entry = misconceptions.get(id)
    return Diagnosis(
        [id], text or entry.say(**values), evidence or entry.show(**values), line, entry.hint(**values)
    )


def unknown(names: Iterable[str], evidence: str = "", prefix: str = "d") -> Diagnosis:
    """An honest "I do not know"."""
    names = tuple(names)
    q = joined(f"{prefix}{n}" for n in names)
    verb = "are" if len(names) > 1 else "is"
    hints = (
        f"Start with the last line that computes {q}, and compare it with the derivation step by step.",
        "Check the shapes of both factors of every product, and which operation each one undoes.",
        "Set all inputs to small whole numbers, compute by hand, and compare line by line.",
    )
    return Diagnosis(
        [], f"{q} {verb} wrong; the numbers fit no mistake that is known here.", evidence, None, hints, names
    )


def joined(words: Iterable[str]) -> str:
    """ "dX", "dX and dW", "dX, dW and db" """
    words = list(words)
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def compose(
    cases: Sequence[Case], wrong: Sequence[str], found: Sequence[Candidate], prefix: str = "d"
) -> Diagnosis:
    """One diagnosis from the explanations of a search: the likeliest for each gradient, either/or where they tie."""
    left = list(wrong)
    chosen: list[tuple[Candidate, list[Candidate], list[str]]] = []
    while left:
        usable = [c for c in found if c.names & set(left)]
        if not usable:
            break
        best = min(
            usable, key=lambda c: ((c.cost + (0.0 if c.joint else 0.2)) / len(c.names & set(left)), c.cost)
        )
        names = [n for n in left if n in best.names]
        rivals = [
            c
            for c in usable
            if c is not best
            and set(names) <= c.names
            and c.rank[0] <= best.rank[0] + 0.05
            and set(c.ids) != set(best.ids)
        ]
        chosen.append((best, rivals, names))
        left = [n for n in left if n not in names]
    if len(left) > len(wrong) - len(left):
        chosen = []  # what fits a minority by itself is more likely a part of something else
    if not chosen:
        return unknown(wrong, evidence(cases[0], wrong[0], prefix), prefix)
    sentences, ids = [], []
    for best, rivals, names in chosen:
        q = joined(f"{prefix}{n}" for n in names)
        text = _plural(best.text, names).replace("{q}", q)
        if rivals:
            other = _plural(rivals[0].text, names).replace("{q}", q)
            text = f"Either {_lower(text).rstrip('.')}, or {_lower(other)}"
        sentences.append(text)
        ids += [*best.ids, *(rivals[0].ids if rivals else ())]
    if left:
        sentences.append(unknown(left, prefix=prefix).text)
    ids = list(dict.fromkeys(ids))
    first = chosen[0]
    line = evidence(cases[0], first[2][0], prefix)
    if first[0].evidence:
        line = f"{line} {first[0].evidence}"
    return Diagnosis(
        ids,
        " ".join(sentences),
        line,
        None,
        hints(ids, joined(f"{prefix}{n}" for n in first[2]), sentences[0]),
        tuple(wrong),
        tuple(c.edit for c, _, _ in chosen if c.edit is not None),
        all(c.of_forward for c, _, _ in chosen),
        tuple(c.factor for c, _, _ in chosen if c.factor),
    )


def hints(ids: Sequence[str], q: str, sentence: str) -> tuple[str, ...]:
    """Three hints: those of the catalogue, or three general ones that end in the sentence itself."""
    return misconceptions.hints(ids, q) or (
        f"Look at the lines that compute {q}.",
        f"Write down the chain rule for {q}, one factor for each operation of the forward pass, and compare.",
        sentence,
    )


_MANY = (
    ("{q} is ", "{q} are "),
    ("{q} has ", "{q} have "),
    ("{q} holds ", "{q} hold "),
    ("{q} keeps ", "{q} keep "),
    ("what it should be", "what they should be"),
)


def _plural(text: str, names: Sequence[str]) -> str:
    if len(names) < 2:
        return text
    for one, many in _MANY:
        text = text.replace(one, many)
    return text


def _lower(text: str) -> str:
    return text if text[:2] in ("dX",) or text[:1] == "d" else text[:1].lower() + text[1:]


def evidence(case: Case, name: str, prefix: str = "d") -> str:
    """One line with numbers: the worst entry, or the shapes."""
    return compared(f"{prefix}{name}", case.got[name], case.truth[name])


def compared(q: str, got: Any, want: Any) -> str:
    """ "dW[0, 1] is 0.12, expected 0.24; …", or the shapes where they differ."""
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape:
        return f"{q} has shape {got.shape}, expected {want.shape}."
    with np.errstate(all="ignore"):
        gap = np.abs(got - want)
    gap = np.where(np.isnan(gap), np.inf, gap)
    if not gap.size:
        return ""
    at = np.unravel_index(int(np.argmax(gap)), gap.shape)
    index = f"[{', '.join(str(int(k)) for k in at)}]" if at else ""
    line = f"{q}{index} is {got[at]:.6g}, expected {want[at]:.6g}"
    wrong = int(np.sum(gap > 1e-9 * max(float(np.max(np.abs(want[np.isfinite(want)]), initial=0.0)), 1e-300)))
    return line + (f"; {wrong} of {gap.size} entries differ." if gap.size > 1 else ".")
