"""The catalogue of mistakes, read from `misconceptions.toml`: sentence, evidence and hints of every id."""

from __future__ import annotations

import functools
import string
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover
    import tomli as tomllib

__all__ = ["Misconception", "catalogue", "get", "hints", "same"]


@dataclass(frozen=True)
class Misconception:
    """One entry of the catalogue; `text`, `evidence` and `hints` are templates."""

    id: str
    title: str
    text: str
    evidence: str
    hints: tuple[str, str, str]
    step: str
    assignments: tuple[str, ...]
    aliases: tuple[str, ...] = ()

    def say(self, **values: Any) -> str:
        """The sentence, with what is known filled in.

        >>> get("M12").say(q="dW")
        'dW: the derivative of the activation is missing.'
        """
        return _fill(self.text, values)

    def show(self, **values: Any) -> str:
        """The line of evidence, or nothing when a number that it needs is not known."""
        needed = {name for _, name, _, _ in string.Formatter().parse(self.evidence) if name}
        return _fill(self.evidence, values) if needed <= set(values) else ""

    def hint(self, **values: Any) -> tuple[str, str, str]:
        """The three hints, from "where to look" to "what the line should do"."""
        one, two, three = (_fill(h, values) for h in self.hints)
        return one, two, three


class _Blank(dict):
    def __missing__(self, key: str) -> str:
        return {"q": "the result", "site": "this line"}.get(key, "…")


def _fill(template: str, values: dict[str, Any]) -> str:
    return template.format_map(_Blank(values))


@functools.lru_cache(maxsize=1)
def catalogue() -> dict[str, Misconception]:
    """All misconceptions by id, in the order of the file.

    >>> len(catalogue())
    56
    """
    with Path(__file__).with_name("misconceptions.toml").open("rb") as file:
        raw = tomllib.load(file)
    return {
        key: Misconception(
            id=key,
            title=entry["title"],
            text=entry["text"],
            evidence=entry["evidence"],
            hints=tuple(entry["hints"]),
            step=entry["step"],
            assignments=tuple(entry["assignments"]),
            aliases=tuple(entry.get("aliases", ())),
        )
        for key, entry in raw.items()
    }


def get(id: str) -> Misconception:
    """One misconception. Raises: KeyError when there is no such id."""
    return catalogue()[id]


def same(a: str, b: str) -> bool:
    """Whether two ids name the same mistake, by their aliases.

    >>> same("M44", "M11"), same("M11", "M44"), same("M01", "M02")
    (True, True, False)
    """
    known = catalogue()
    return a == b or (a in known and b in known[a].aliases) or (b in known and a in known[b].aliases)


def hints(ids: Sequence[str], q: str) -> tuple[str, ...]:
    """The hints of the first misconception that is named; none when none is."""
    return get(ids[0]).hint(q=q) if ids else ()
