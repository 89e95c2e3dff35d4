"""Mutants at random: one small change of the syntax tree of a right solution, wherever one is possible."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from .core import Mutant, Target, Verdict, load, right_line

__all__ = ["Random", "Summary", "judge_random", "random_mutants", "same_function"]

_OTHER_FUNCTION = {
    "tanh": ("sin", "arctan"), "exp": ("expm1", "cosh"), "log": ("log1p", "log2"), "sum": ("mean", "max"), "mean": ("sum", "max"),
    "max": ("min", "mean"), "maximum": ("minimum",), "zeros_like": ("ones_like",), "abs": ("sign",), "sign": ("abs",), "sqrt": ("square",),
}  # fmt: skip
_OTHER_OPERATOR = {
    ast.Add: (ast.Sub, ast.Mult), ast.Sub: (ast.Add, ast.Mult), ast.Mult: (ast.Div, ast.Add), ast.Div: (ast.Mult,), ast.Pow: (ast.Mult,),
}  # fmt: skip
_OTHER_COMPARISON = {ast.Gt: ast.Lt, ast.Lt: ast.Gt, ast.GtE: ast.Lt, ast.LtE: ast.Gt, ast.Eq: ast.NotEq}


@dataclass(frozen=True)
class Random:
    """What became of a random mutant."""

    mutant: Mutant
    verdict: Verdict
    equivalent: bool  # not caught, and shown to compute the same

    @property
    def missed(self) -> bool:
        """Whether it is wrong and nobody said so."""
        return not (self.verdict.caught or self.equivalent)


class Summary:
    """What became of random mutants, in numbers."""

    def __init__(self, found: Sequence[Random]) -> None:
        caught = [r for r in found if r.verdict.caught]
        near = [right_line(r.mutant, r.verdict) for r in caught]
        self.drawn, self.caught, self.line = len(found), len(caught), sum(near)
        self.equivalent = sum(r.equivalent for r in found)
        self.named = sum(r.verdict.named for r in caught)
        told = sum(r.verdict.named or line for r, line in zip(caught, near))
        self.name_or_line = told / max(len(caught), 1)
        self.missed = [r.mutant.name for r in found if r.missed]

    def row(self) -> str:
        return (
            f"{'random':10} drawn: {self.drawn}, shown to be equivalent: {self.equivalent}, caught: {self.caught}, "
            f"named: {self.named}, line found: {self.line}; a name or the line: {100 * self.name_or_line:.1f} %"
        )


def random_mutants(targets: Sequence[Target], count: int, seed: int = 0) -> list[Mutant]:
    """A sample of all single changes of the sources of functions that a tape can replay."""
    found = [m for target in targets if type(target) is Target for m in _changes(target)]
    order = np.random.default_rng(seed).permutation(len(found))
    return [found[k] for k in order[:count]]


def judge_random(mutant: Mutant, seed: int = 0) -> Random:
    """Run the checks; a mutant that is not caught has to be equivalent."""
    with np.errstate(all="ignore"):
        verdict = mutant.target.judge(mutant.source, seed)
        return Random(mutant, verdict, not verdict.caught and same_function(mutant))


def same_function(mutant: Mutant, draws: int = 12) -> bool:
    """Whether a mutant gives the same values and gradients as the original on fresh data."""
    spaces = [
        load(s, f"<{mutant.target.name} {k}>") for k, s in enumerate((mutant.target.source, mutant.source))
    ]
    for k in range(draws):
        results = []
        for space in spaces:
            rng = np.random.default_rng([77, k])
            args = mutant.target.sample(rng)
            try:
                out = space["forward"](**args)
                if "backward" in space:
                    value = np.asarray(out[0])
                    dout = 1.0 if mutant.target.loss else np.random.default_rng(k).normal(size=value.shape)
                    results.append((value, space["backward"](dout, out[1])))
                else:
                    results.append((out,))
            except Exception as error:
                results.append((repr(error),))
        if not _alike(*results):
            return False
    return True


def _alike(a: object, b: object) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_alike(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(_alike(x, y) for x, y in zip(a, b))
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    return x.shape == y.shape and bool(np.allclose(x, y, rtol=1e-9, atol=1e-12))


def _changes(target: Target) -> Iterator[Mutant]:
    tree = ast.parse(target.source)
    wrappers = {"forward", "backward"}
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef) or (function.name in wrappers and len(tree.body) > 3):
            continue
        names = sorted(
            {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        )
        for node in ast.walk(function):
            for change in _variants(node, names):
                changed = deepcopy(tree)
                _replace(changed, node, change)
                ast.fix_missing_locations(changed)
                yield Mutant(target, "?", _rendered(target.source, changed, node), getattr(node, "lineno", 1))


def _rendered(source: str, changed: ast.AST, node: ast.AST) -> str:
    """The changed source with its lines where they were, so that line numbers keep their meaning."""
    new = ast.unparse(changed).splitlines()
    old = ast.unparse(ast.parse(source)).splitlines()
    lines = source.splitlines()
    spots = [k for k, (a, b) in enumerate(zip(old, new)) if a != b]
    code = [k for k, text in enumerate(lines) if text.strip() and not text.strip().startswith("#")]
    plain = [k for k, text in enumerate(old) if text.strip()]
    if len(old) != len(new) or len(code) != len(plain):
        return "\n".join(new) + "\n"
    for k in spots:
        lines[code[plain.index(k)]] = new[k]
    return "\n".join(lines) + "\n"


def _variants(node: ast.AST, names: Sequence[str]) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp):
        for other in _OTHER_OPERATOR.get(type(node.op), ()):
            yield ast.BinOp(node.left, other(), node.right)
        if isinstance(node.op, ast.MatMult):
            yield ast.BinOp(node.right, node.op, node.left)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield node.operand
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield node.value
    elif isinstance(node, ast.Attribute) and node.attr in _OTHER_FUNCTION and isinstance(node.ctx, ast.Load):
        for other in _OTHER_FUNCTION[node.attr]:
            if not (isinstance(node.value, ast.Name) and node.value.id == "np") and not hasattr(
                np.ndarray, other
            ):
                continue
            yield ast.Attribute(node.value, other, node.ctx)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int) and not isinstance(node.value, bool):
        yield ast.Constant(node.value + 1)
        if node.value:
            yield ast.Constant(node.value - 1)
    elif isinstance(node, ast.Constant) and isinstance(node.value, float):
        yield ast.Constant(node.value * 2 + 0.5)
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in _OTHER_COMPARISON:
        yield ast.Compare(node.left, [_OTHER_COMPARISON[type(node.ops[0])]()], node.comparators)
    elif isinstance(node, ast.AugAssign):
        yield ast.Assign([node.target], node.value, lineno=node.lineno)
        yield ast.AugAssign(node.target, ast.Sub() if isinstance(node.op, ast.Add) else ast.Add(), node.value)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
        near = names.index(node.id)
        for other in {names[near - 1], names[(near + 1) % len(names)]} - {node.id}:
            yield ast.Name(other, node.ctx)
    elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and len(node.value.elts) > 2:
        first, second, *rest = node.value.elts
        yield ast.Return(ast.Tuple([second, first, *rest], ast.Load()))


def _replace(tree: ast.AST, old: ast.AST, new: ast.AST) -> None:
    """Put `new` where a copy of `old` stands: found by position and kind."""
    place = (
        type(old),
        getattr(old, "lineno", 0),
        getattr(old, "col_offset", 0),
        getattr(old, "end_col_offset", 0),
        ast.dump(old),
    )
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            items = value if isinstance(value, list) else [value]
            for k, item in enumerate(items):
                if isinstance(item, ast.AST) and place == (
                    type(item), getattr(item, "lineno", 0), getattr(item, "col_offset", 0), getattr(item, "end_col_offset", 0), ast.dump(item),
                ):  # fmt: skip
                    if isinstance(value, list):
                        value[k] = new
                    else:
                        setattr(parent, name, new)
                    return
