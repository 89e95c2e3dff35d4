"""What can be seen from a wrong gradient alone: a factor, a transpose, another shape, zero, another argument's gradient."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .cases import RTOL, Candidate, Case, largest
from .factors import Factor, name_factor, ratio
from .gradcheck import tolerance
from .primitives import PRIMITIVES
from .views import view_of

__all__ = ["common_factor", "plain_candidates"]


def plain_candidates(cases: Sequence[Case], wrong: frozenset[str]) -> Iterable[Candidate]:
    """A constant factor, a transpose, another shape, zero, the gradient of another argument."""
    by_factor: dict[Factor, set[str]] = {}
    exchanged: dict[str, str] = {}
    for name in wrong:
        pairs = [(c.got[name], c.truth[name]) for c in cases]
        found = common_factor(cases, name, [c.truth[name] for c in cases])
        if found is not None:
            by_factor.setdefault(found, set()).add(name)
        if all(g.shape == t.shape[::-1] and t.ndim > 1 for g, t in pairs):
            if all(c.fits(name, c.truth[name].T) for c in cases):
                yield Candidate(0.9, ("M06",), "{q} is transposed.", frozenset((name,)), wrong == {name})
            else:
                factor = common_factor(cases, name, [c.truth[name].T for c in cases])
                if factor is not None:
                    text = f"{{q}} is transposed, and {factor.says}."
                    yield Candidate(2.0 + factor.cost, ("M06", *factor.ids), text, frozenset((name,)))
        elif all(g.size == t.size and g.shape != t.shape for g, t in pairs):  # noqa: SIM102
            if all(np.allclose(g.ravel(), t.ravel(), rtol=1e-9, atol=1e-12 * largest(t)) for g, t in pairs):
                shape, want = pairs[0][0].shape, pairs[0][1].shape
                text = f"{{q}} has the right numbers in the shape {shape}, expected {want}."
                yield Candidate(1.15, (), text, frozenset((name,)), wrong == {name})
        for other in cases[0].truth:
            if other != name and all(c.fits(name, c.truth[other]) for c in cases):
                exchanged[name] = other
        yield from _of_another_value(cases, name)
        if name == "h0" and all(_part_of_a_state(c, name) for c in cases):
            text = "{q} is a part of the gradient of a later state: what comes back from the first step is missing."
            yield Candidate(1.2, ("M45",), text, frozenset((name,)), wrong == {name})
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
    return bool(np.all(np.abs(extra - fitted) <= 1e-9 * largest(extra)))


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


def _part_of_a_state(case: Case, name: str) -> bool:
    """Whether a gradient is what one consumer of the first state after it hands back."""
    view, grads = view_of(case.tape), case.tape.sweep(case.dout)
    for group in view.sites.values():
        for i, x in enumerate(group[-1].inputs if len(group) > 1 else ()):
            g = grads[group[1].index]
            if g is None or not x.needs or not view.carried(group[1], i):
                continue
            if case.fits(name, PRIMITIVES[group[1].op or ""].vjp(group[1], i, g)):
                return True
    return False


def _same_place(case: Case, site: Any, k: int, name: str) -> bool:
    group = view_of(case.tape).sites.get(site, [])
    if not -len(group) <= k < len(group):
        return False
    g = case.tape.sweep(case.dout)[group[k].index]
    return g is not None and case.fits(name, g)


def common_factor(cases: Sequence[Case], name: str, of: Sequence[Any]) -> Factor | None:
    values = []
    for case, base in zip(cases, of):
        c = ratio(case.got[name], base, case.tol(name, base))
        if c is None:
            return None
        values.append(c)
    return name_factor(
        values, [c.factors for c in cases], rtol=max(RTOL, 100 * tolerance(1.0, cases[0].got[name]))
    )


def _factor_candidate(cases: Sequence[Case], factor: Factor, names: frozenset[str], joint: bool) -> Candidate:
    ids, text = factor.ids, f"{{q}} {factor.says}."
    value = cases[0].factors.get(factor.text, (None,))[0]
    evidence = (
        f"{factor.text} = {value:.6g} here." if value is not None and factor.text not in ("-1", "0") else ""
    )
    scalar = np.ndim(cases[0].tape.outputs[0].value) == 0
    if scalar and factor.per_element:
        ids = ("M05",)
        text = f"{{q}} is {factor.text} times what it should be: the mean runs over all elements, not over the batch."
    over = {_averaged_bias(cases, n, factor) for n in names} if factor.ids == ("M02",) else set()
    if over and "" not in over:
        where = "steps" if over == {"steps"} else "batch"
        ids = ("M07",)
        text = f"{{q}} is averaged over the {where}; it should be summed: what was repeated gets the sum."
    cost = 1.0 + factor.cost + (0.35 if factor.text == "0" and names not in ({"h0"}, {"h"}) else 0.0)
    if factor.text == "1/dout":
        text, evidence = "{q}: the gradient that comes from above is not used.", ""
    if factor.text == "0" and names == {"h0"}:
        ids, text = ("M45",), "{q} is zero: the gradient of the initial state is missing."
    if factor.text == "0" and names == {"h"}:
        ids, text = ("M45", "M41"), "{q} is zero: nothing is handed back to the state before the step."
    if factor.text == "0" and names == set(cases[0].truth) and len(names) > 1:
        ids, text = ("M13",), "{q} is zero: the gradient that comes from above is not used."
    return Candidate(cost, ids, text, names, joint, evidence, factor=factor.text)


def _averaged_bias(cases: Sequence[Case], name: str, factor: Factor) -> str:
    """Whether a bias was added to N rows, at T steps perhaps, and its gradient is divided by N, T or T N: "batch" or "steps"."""
    found = ""
    for case in cases:
        leaf = case.tape.leaves[name]
        uses = view_of(case.tape).consumers.get(leaf.index, [])
        if leaf.value.ndim > 1 or not uses or any(use.op not in ("add", "sub") for use, _ in uses):
            return ""
        rows = [np.size(use.value) / leaf.value.size for use, _ in uses]
        sizes = {rows[0]: "batch", sum(rows): "batch"} | ({len(rows): "steps"} if len(rows) > 1 else {})
        found = next((w for n, w in sizes.items() if abs(case.factors[factor.text][0] - 1 / n) < 1e-9), "")
        if not found:
            return ""
    return found
