"""The search for an explanation: edits are replayed on several instances until one gives what the student got."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .cases import Candidate, Case, largest
from .editing import Edit, at_site, drop, together
from .edits import backward_edits
from .factors import name_factor, ratio
from .plain import common_factor, plain_candidates
from .views import view_of

__all__ = ["search"]


def search(cases: Sequence[Case], wrong: frozenset[str], seconds: float = 0.6) -> list[Candidate]:
    """Explanations for the wrong gradients, found within a time budget; several when they cannot be told apart."""
    until = time.process_time() + seconds
    cases = sorted(cases, key=lambda c: c.size)
    found = list(plain_candidates(cases, wrong))
    view = view_of(cases[0].tape)
    edits = [e for e in backward_edits(view) if e.reach & wrong]
    predicted: list[tuple[Edit, dict[str, Any]]] = []
    best = _whole(found, wrong)
    for edit in edits:
        if best is not None and edit.cost > best + 0.25:
            break
        if time.process_time() > until:
            break
        first = cases[0].replay(edit, wrong)
        if first is None:
            continue
        predicted.append((edit, first))
        names = frozenset(n for n in wrong & edit.reach if cases[0].fits(n, first[n]))
        if names:
            found += _confirmed(cases, edit, names, wrong)
            best = _whole(found, wrong)
    left = wrong - frozenset(n for c in found for n in c.names)
    if left and left != wrong and time.process_time() < until:
        found += _beside(cases, found, edits, left, until)
        left -= frozenset(n for c in found for n in c.names)
    if left and time.process_time() < until:
        found += _scaled(cases, predicted, left)
        left -= frozenset(n for c in found for n in c.names)
    if left and time.process_time() < until:
        found += _along_one_path(cases, left)
        left -= frozenset(n for c in found for n in c.names)
    if left and time.process_time() < until:
        found += _pairs(cases, predicted, left, until)
    return found


def _whole(found: Iterable[Candidate], wrong: frozenset[str]) -> float | None:
    costs = [c.cost for c in found if c.joint and c.names == wrong]
    return min(costs) if costs else None


def _confirmed(
    cases: Sequence[Case], edit: Edit, names: frozenset[str], wrong: frozenset[str]
) -> list[Candidate]:
    """The edit as a candidate for those names for which it holds on all instances."""
    for case in cases[1:]:  # that it holds on the first is known
        replayed = case.replay(edit, wrong)
        names = frozenset(n for n in names if replayed is not None and case.fits(n, replayed[n]))
        if not names:
            return []
    joint = True
    for case in cases:
        replayed = case.replay(edit)
        if replayed is None:
            return []
        joint = joint and all(case.fits(n, replayed[n]) for n in case.got)
    return [Candidate(edit.cost, edit.ids, edit.text, names, joint, edit=edit)]


def _scaled(
    cases: Sequence[Case], predicted: Sequence[tuple[Edit, dict[str, Any]]], left: frozenset[str]
) -> list[Candidate]:
    """An edit, and a constant factor or a transpose on top of it."""
    found: list[Candidate] = []
    for edit, first in predicted:
        if edit.cost > 1.3:
            continue  # a rare slip and a factor on top of it explain too much
        for name in left & edit.reach:
            for turned in (False, True):
                base = _turn(first[name], turned)
                if base is None or ratio(cases[0].got[name], base, cases[0].tol(name, base)) is None:
                    continue
                replayed = [c.replay(edit, left) for c in cases]
                bases = [_turn(r[name], turned) if r is not None else None for r in replayed]
                if any(b is None for b in bases):
                    continue
                factor = common_factor(cases, name, bases)
                if factor is None or (factor.text == "1" and not turned):
                    continue
                one = abs((ratio(cases[0].got[name], base, np.inf) or 0.0) - 1.0) < 1e-8
                extra = " It is transposed, too." if turned else ""
                extra += "" if one else f" Beside that, {{q}} {factor.says}."
                ids = (*edit.ids, *(("M06",) if turned else ()), *(() if one else factor.ids))
                cost = edit.cost + 1.0 + (0.0 if one else factor.cost)
                found.append(Candidate(cost, ids, edit.text + extra, frozenset((name,)), left == {name}))
    return _cheapest(found)


def _turn(x: Any, turned: bool) -> Any:
    if not turned:
        return x
    return np.asarray(x).T if np.ndim(x) > 1 else None


def _along_one_path(cases: Sequence[Case], left: frozenset[str]) -> list[Candidate]:
    """student = gradient + (c − 1) · (what comes along one edge): the unknown c by least squares."""
    view = view_of(cases[0].tape)
    found: list[Candidate] = []
    for site, group in view.sites.items():
        for i in range(len(group[-1].inputs)):
            reach = view.edge_reach(site, i)
            if not reach & left:
                continue
            cut = Edit(1.5, (), "", at_site(site, i, drop), reach, site)
            without = [c.replay(cut, left) for c in cases]
            if any(w is None for w in without):
                continue
            for name in reach & left:
                values = _solve(cases, without, name)
                factor = name_factor(values, [c.factors for c in cases]) if values is not None else None
                if factor is None or factor.text == "1":
                    continue
                way = {"0": "is missing", "-1": "has the wrong sign"}.get(
                    factor.text, f"is {factor.text} times what it should be"
                )
                text = f"{{q}}: the part that comes back through {group[-1].label} {way}."
                found.append(
                    Candidate(1.5 + factor.cost, factor.ids, text, frozenset((name,)), left == {name})
                )
    return _cheapest(found)


def _solve(cases: Sequence[Case], without: Sequence[Any], name: str) -> list[float] | None:
    values = []
    for case, rest in zip(cases, without):
        part = case.truth[name] - rest[name]
        got = case.got[name]
        if np.shape(part) != got.shape or largest(part) <= 1e-12 * largest(case.truth[name]):
            return None
        c = ratio(got - rest[name], part, case.tol(name, case.truth[name]))
        if c is None or abs(c - 1.0) < 1e-9:
            return None
        values.append(c)
    return values


def _pairs(
    cases: Sequence[Case],
    predicted: Sequence[tuple[Edit, dict[str, Any]]],
    left: frozenset[str],
    until: float,
) -> list[Candidate]:
    """Two mistakes at once: edits at different edges, both applied in one replay."""
    found: list[Candidate] = []
    for name in left:
        only = frozenset((name,))
        pool = [e for e, _ in predicted if name in e.reach and e.cost <= 1.3 and e.ids][:60]
        for k, one in enumerate(pool):
            for two in pool[k + 1 :]:
                if time.process_time() > until:
                    return _cheapest(found)
                if one.site == two.site and one.reach == two.reach:
                    continue
                both = _together(one, two)
                first = cases[0].replay(both, only)
                if first is None or not cases[0].fits(name, first[name]):
                    continue
                if all(
                    r is not None and c.fits(name, r[name]) for c in cases[1:] for r in [c.replay(both, only)]
                ):
                    found.append(
                        Candidate(both.cost, both.ids, both.text, frozenset((name,)), left == {name})
                    )
            if found:
                break
    return _cheapest(found)


def _beside(
    cases: Sequence[Case],
    known: Sequence[Candidate],
    edits: Sequence[Edit],
    left: frozenset[str],
    until: float,
) -> list[Candidate]:
    """A second mistake beside one that explains the other gradients."""
    first = [c.edit for c in known if c.edit is not None]
    found: list[Candidate] = []
    for one in sorted({id(e): e for e in first}.values(), key=lambda e: e.cost)[:3]:
        for two in edits:
            if time.process_time() > until:
                return _cheapest(found)
            if not two.reach & left or two is one or two.cost > 1.6:
                continue
            both = _together(one, two)
            replayed = cases[0].replay(both, left)
            names = frozenset(n for n in left if replayed is not None and cases[0].fits(n, replayed[n]))
            if names:
                found += _confirmed(cases, both, names, left)
    return _cheapest(found)


def _together(one: Edit, two: Edit) -> Edit:
    ids = tuple(dict.fromkeys((*one.ids, *two.ids)))
    text = f"{one.text} And {two.text.removeprefix('{q}: ')}"
    return Edit(one.cost + two.cost + 0.5, ids, text, together((one, two)), one.reach | two.reach)


def _cheapest(found: list[Candidate]) -> list[Candidate]:
    """For every gradient the cheapest explanation, with those that cost about the same."""
    kept = []
    for c in found:
        rivals = [o for o in found if o.names & c.names]
        if c.cost <= min(o.cost for o in rivals) + 0.05:
            kept.append(c)
    return kept
