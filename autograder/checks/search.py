"""The search for an explanation: edits are replayed on several instances until one gives what the student got."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .editing import Edit, at_site, drop, together
from .edits import backward_edits
from .factors import Factor, factors, name_factor, ratio
from .gradcheck import agrees, tolerance
from .tape import Tape
from .views import view_of

__all__ = ["Candidate", "Case", "search"]

RTOL = 1e-8


class Case:
    """One instance: the right tape, the upstream gradient, and what the student got."""

    def __init__(self, tape: Tape, dout: Any, got: dict[str, Any], single: bool = False) -> None:
        self.tape, self.dout = tape, dout
        self.truth = tape.backward(dout)
        self.got = {k: np.asarray(v) for k, v in got.items() if k in self.truth}
        single = single or any(g.dtype == np.float32 for g in self.got.values())
        self.rtol = 1e-5 if single else RTOL  # computed in float32: compared at its own precision
        self.size = sum(int(n.value.size) for n in tape.nodes)
        self._factors: dict[str, tuple[float, Factor]] | None = None
        # the largest entry of each gradient: most predictions can be refused by looking at it alone
        self._top = {name: _largest(g) for name, g in self.truth.items()}
        self._probe: dict[str, tuple[int, float]] = {}
        for name, g in self.got.items():
            k = int(np.argmax(np.abs(g))) if g.size else 0
            self._probe[name] = (k, float(g.flat[k]) if g.size else 0.0)

    @property
    def factors(self) -> dict[str, tuple[float, Factor]]:
        """The named constants of this instance."""
        if self._factors is None:
            self._factors = factors(self.tape.args)
            if (
                np.ndim(self.tape.outputs[0].value) == 0
                and np.ndim(self.dout) == 0
                and self.dout not in (0.0, 1.0)
            ):
                unused = Factor("1/dout", ("M13",), 0.1)
                self._factors[unused.text] = (1.0 / float(self.dout), unused)
        return self._factors

    def tol(self, name: str, predicted: Any) -> float:
        """How far a prediction may be from what the student got: 1e-8 relative, or float32's own precision."""
        got = self.got[name]
        largest = max(abs(self._probe[name][1]), _largest(predicted))
        return max(self.rtol * largest, tolerance(predicted, got), 1e-13 * self._top[name])

    def fits(self, name: str, predicted: Any) -> bool:
        """Whether a prediction is what the student got."""
        got = self.got[name]
        predicted = np.asarray(predicted)
        if predicted.shape != got.shape:
            return False
        k, value = self._probe[name]
        near = 1e-3 * abs(value) + 1e-9 * self._top[name]
        if got.size and not abs(float(predicted.flat[k]) - value) <= near:
            return False
        with np.errstate(all="ignore"):
            gap = np.abs(got - predicted)
        return bool(np.all(gap <= self.tol(name, predicted)))

    def right(self, name: str) -> bool:
        """Whether the student's gradient is right here."""
        rtol = self.rtol if self.rtol > RTOL else 1e-9
        return agrees(self.truth[name], self.got[name], scale=_largest(self.truth[name]), rtol=rtol)

    def replay(self, edit: Edit) -> dict[str, Any] | None:
        """The gradients of somebody who makes this mistake; None when it makes no sense on this tape."""
        try:
            change = edit.resolve(view_of(self.tape))
            if change is None:
                return None
            with np.errstate(all="ignore"):
                return self.tape.backward(self.dout, change)
        except (ValueError, IndexError, TypeError, ZeroDivisionError):
            return None


@dataclass(frozen=True)
class Candidate:
    """An explanation that holds on every instance, for some of the wrong gradients."""

    cost: float
    ids: tuple[str, ...]
    text: str  # with {q}
    names: frozenset[str]
    joint: bool = False  # it also leaves the right ones right
    evidence: str = ""
    edit: Edit | None = None
    of_forward: bool = False  # the gradient is right for a wrong forward
    factor: str = ""  # the constant, by its name, when that is all

    @property
    def rank(self) -> tuple[float, int]:
        """Likelier first: cost, and whether everything fits."""
        return (self.cost + (0.0 if self.joint else 0.2), -len(self.names))


def _largest(x: Any) -> float:
    x = np.asarray(x, dtype=float)
    finite = x[np.isfinite(x)]
    return float(np.max(np.abs(finite), initial=0.0))


def search(cases: Sequence[Case], wrong: frozenset[str], seconds: float = 0.6) -> list[Candidate]:
    """Explanations for the wrong gradients, found within a time budget; several when they cannot be told apart."""
    until = time.perf_counter() + seconds
    cases = sorted(cases, key=lambda c: c.size)
    found = list(_simple(cases, wrong))
    view = view_of(cases[0].tape)
    edits = [e for e in backward_edits(view) if e.reach & wrong]
    predicted: list[tuple[Edit, dict[str, Any]]] = []
    best = _whole(found, wrong)
    for edit in edits:
        if best is not None and edit.cost > best + 0.25:
            break
        if time.perf_counter() > until:
            break
        first = cases[0].replay(edit)
        if first is None:
            continue
        predicted.append((edit, first))
        names = frozenset(n for n in wrong & edit.reach if cases[0].fits(n, first[n]))
        if names:
            found += _confirmed(cases, edit, names, wrong)
            best = _whole(found, wrong)
    left = wrong - frozenset(n for c in found for n in c.names)
    if left and left != wrong and time.perf_counter() < until:
        found += _beside(cases, found, edits, left, until)
        left -= frozenset(n for c in found for n in c.names)
    if left and time.perf_counter() < until:
        found += _scaled(cases, predicted, left)
        left -= frozenset(n for c in found for n in c.names)
    if left and time.perf_counter() < until:
        found += _along_one_path(cases, left)
        left -= frozenset(n for c in found for n in c.names)
    if left and time.perf_counter() < until:
        found += _pairs(cases, predicted, left, until)
    return found


def _whole(found: Iterable[Candidate], wrong: frozenset[str]) -> float | None:
    costs = [c.cost for c in found if c.joint and c.names == wrong]
    return min(costs) if costs else None


def _confirmed(
    cases: Sequence[Case], edit: Edit, names: frozenset[str], wrong: frozenset[str]
) -> list[Candidate]:
    """The edit as a candidate for those names for which it holds on all instances."""
    joint = True
    for case in cases:
        replayed = case.replay(edit)
        if replayed is None:
            return []
        names = frozenset(n for n in names if case.fits(n, replayed[n]))
        joint = joint and all(case.fits(n, replayed[n]) for n in case.got)
        if not names:
            return []
    return [Candidate(edit.cost, edit.ids, edit.text, names, joint, edit=edit)]


def _simple(cases: Sequence[Case], wrong: frozenset[str]) -> Iterable[Candidate]:
    """A constant factor, a transpose, another shape, zero, the gradient of another argument."""
    by_factor: dict[Factor, set[str]] = {}
    exchanged: dict[str, str] = {}
    for name in wrong:
        pairs = [(c.got[name], c.truth[name]) for c in cases]
        found = _factor(cases, name, [c.truth[name] for c in cases])
        if found is not None:
            by_factor.setdefault(found, set()).add(name)
        if all(g.shape == t.shape[::-1] and t.ndim > 1 for g, t in pairs):
            if all(c.fits(name, c.truth[name].T) for c in cases):
                yield Candidate(0.9, ("M06",), "{q} is transposed.", frozenset((name,)), wrong == {name})
            else:
                factor = _factor(cases, name, [c.truth[name].T for c in cases])
                if factor is not None:
                    text = f"{{q}} is transposed, and {_times(factor)}."
                    yield Candidate(2.0 + factor.cost, ("M06", *factor.ids), text, frozenset((name,)))
        elif all(g.size == t.size and g.shape != t.shape for g, t in pairs):  # noqa: SIM102
            if all(np.allclose(g.ravel(), t.ravel(), rtol=1e-9, atol=1e-12 * _largest(t)) for g, t in pairs):
                shape, want = pairs[0][0].shape, pairs[0][1].shape
                text = f"{{q}} has the right numbers in the shape {shape}, expected {want}."
                yield Candidate(1.15, (), text, frozenset((name,)), wrong == {name})
        for other in cases[0].truth:
            if other != name and all(c.fits(name, c.truth[other]) for c in cases):
                exchanged[name] = other
        yield from _of_another_value(cases, name)
        if all(_penalised(c, name) for c in cases):
            text = f"{{q}} contains the gradient of a penalty: {name} is not penalised."
            yield Candidate(1.0, ("M19",), text, frozenset((name,)), wrong == {name})
        leaf = [c.tape.leaves[name].value for c in cases]
        if all(c.fits(name, v) for c, v in zip(cases, leaf)):
            yield Candidate(
                1.6, (), f"{{q}} is {name} itself, not its gradient.", frozenset((name,)), wrong == {name}
            )
    if exchanged:
        order = ", ".join(f"d{b} for d{a}" for a, b in exchanged.items())
        text = f"{{q}}: the results are in another order than they should be ({order})."
        yield Candidate(
            0.8 if len(exchanged) > 1 else 1.0, (), text, frozenset(exchanged), wrong == set(exchanged)
        )
    for factor, names in by_factor.items():
        joint = names == wrong
        yield _factor_candidate(cases, factor, frozenset(names), joint)


def _penalised(case: Case, name: str) -> bool:
    """Whether what is too much in a gradient is a multiple of the argument and of its signs."""
    x, extra = (
        case.tape.leaves[name].value.ravel(),
        (case.got[name] - case.truth[name]).ravel()
        if case.got[name].shape == case.truth[name].shape
        else None,
    )
    uses = view_of(case.tape).consumers.get(case.tape.leaves[name].index, [])
    if (
        extra is None
        or x.size < 3
        or not np.any(extra)
        or any(use.op in ("abs", "square") for use, _ in uses)
    ):
        return False
    basis = np.stack([x, np.sign(x)], axis=1)
    if np.linalg.matrix_rank(basis) < 2:
        return False
    fitted = basis @ np.linalg.lstsq(basis, extra, rcond=None)[0]
    return bool(np.all(np.abs(extra - fitted) <= 1e-9 * _largest(extra)))


def _of_another_value(cases: Sequence[Case], name: str) -> Iterable[Candidate]:
    """The gradient of a value on the way stands where that of the argument is needed."""
    view, case = view_of(cases[0].tape), cases[0]
    grads = case.tape.sweep(case.dout)
    for node in case.tape.nodes:
        g = grads[node.index]
        if node.op is None or g is None or np.shape(g) != case.got[name].shape or not case.fits(name, g):
            continue
        group = view.sites.get(node.site, [])
        for back in (False, True):
            k = node.count - len(group) if back else node.count
            if all(_same_place(c, node.site, k, name) for c in cases):
                step = (
                    ""
                    if len(group) < 2
                    else " of the last step"
                    if k == -1
                    else " of the first step"
                    if k == 0
                    else " of one step"
                )
                text = (
                    f"{{q}} is the gradient of {node.text(1)}{step}: the way from there to {name} is missing."
                )
                yield Candidate(1.2, ("M45",) if name == "h0" else (), text, frozenset((name,)))
                return


def _same_place(case: Case, site: Any, k: int, name: str) -> bool:
    group = view_of(case.tape).sites.get(site, [])
    if not -len(group) <= k < len(group):
        return False
    g = case.tape.sweep(case.dout)[group[k].index]
    return g is not None and case.fits(name, g)


def _factor(cases: Sequence[Case], name: str, of: Sequence[Any]) -> Factor | None:
    values = []
    for case, base in zip(cases, of):
        c = ratio(case.got[name], base, case.tol(name, base))
        if c is None:
            return None
        values.append(c)
    return name_factor(
        values, [c.factors for c in cases], rtol=max(RTOL, 100 * tolerance(1.0, cases[0].got[name]))
    )


def _times(factor: Factor) -> str:
    return {"-1": "has the wrong sign", "0": "is zero"}.get(
        factor.text, f"is {factor.text} times what it should be"
    )


def _factor_candidate(cases: Sequence[Case], factor: Factor, names: frozenset[str], joint: bool) -> Candidate:
    ids, text = factor.ids, f"{{q}} {_times(factor)}."
    value = cases[0].factors.get(factor.text, (None,))[0]
    evidence = (
        f"{factor.text} = {value:.6g} here." if value is not None and factor.text not in ("-1", "0") else ""
    )
    scalar = np.ndim(cases[0].tape.outputs[0].value) == 0
    if scalar and factor.per_element:
        ids = ("M05",)
        text = f"{{q}} is {factor.text} times what it should be: the mean runs over all elements, not over the batch."
    if factor.ids == ("M02",) and all(_averaged_bias(cases, n, factor) for n in names):
        ids, text = (
            ("M07",),
            "{q} is averaged over the batch; it should be summed: what was repeated gets the sum.",
        )
    cost = 1.0 + factor.cost + (0.35 if factor.text == "0" and names != {"h0"} else 0.0)
    if factor.text == "1/dout":
        text, evidence = "{q}: the gradient that comes from above is not used.", ""
    if factor.text == "0" and names == {"h0"}:
        ids, text = ("M45",), "{q} is zero: the gradient of the initial state is missing."
    if factor.text == "0" and names == set(cases[0].truth) and len(names) > 1:
        ids, text = ("M13",), "{q} is zero: the gradient that comes from above is not used."
    return Candidate(cost, ids, text, names, joint, evidence, factor=factor.text)


def _averaged_bias(cases: Sequence[Case], name: str, factor: Factor) -> bool:
    """Whether a bias was added to N rows and its gradient is 1/N of what it should be."""
    for case in cases:
        leaf = case.tape.leaves[name]
        uses = view_of(case.tape).consumers.get(leaf.index, [])
        if leaf.value.ndim > 1 or not uses or any(use.op not in ("add", "sub") for use, _ in uses):
            return False
        share = leaf.value.size / np.size(uses[0][0].value)
        if abs(case.factors[factor.text][0] - share) > 1e-9:
            return False
    return True


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
                replayed = [c.replay(edit) for c in cases]
                bases = [_turn(r[name], turned) if r is not None else None for r in replayed]
                if any(b is None for b in bases):
                    continue
                factor = _factor(cases, name, bases)
                if factor is None or (factor.text == "1" and not turned):
                    continue
                one = abs((ratio(cases[0].got[name], base, np.inf) or 0.0) - 1.0) < 1e-8
                extra = " It is transposed, too." if turned else ""
                extra += "" if one else f" Beside that, {{q}} {_times(factor)}."
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
            without = [c.replay(cut) for c in cases]
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
        if np.shape(part) != got.shape or _largest(part) <= 1e-12 * _largest(case.truth[name]):
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
        pool = [e for e, _ in predicted if name in e.reach and e.cost <= 1.3 and e.ids][:60]
        for k, one in enumerate(pool):
            for two in pool[k + 1 :]:
                if time.perf_counter() > until:
                    return _cheapest(found)
                if one.site == two.site and one.reach == two.reach:
                    continue
                both = _together(one, two)
                first = cases[0].replay(both)
                if first is None or not cases[0].fits(name, first[name]):
                    continue
                if all(r is not None and c.fits(name, r[name]) for c in cases[1:] for r in [c.replay(both)]):
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
            if time.perf_counter() > until:
                return _cheapest(found)
            if not two.reach & left or two is one or two.cost > 1.6:
                continue
            both = _together(one, two)
            replayed = cases[0].replay(both)
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
