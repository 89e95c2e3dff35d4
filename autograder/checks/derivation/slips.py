"""Which slip makes a line wrong? Every small repair of the line is tried; the first that makes it right names the slip.

Where none does, two of the commonest are tried together.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .parser import Expression

__all__ = ["find_slip"]

Repair = tuple[str, ast.expr]  # sentence, repaired tree
Same = Callable[[Expression], bool]


def find_slip(
    line: Expression,
    target: Expression | None,
    variables: Mapping[str, Any],
    same: Same,
    seconds: float = 0.4,
) -> str:
    """A sentence that starts with the kind of slip ("sign: …"), or "" when no repair makes the line right.

    same   whether an expression equals what the line should equal
    target the expression that the line should follow from, if there is one: terms and factors are looked for in it
    """
    until = time.process_time() + seconds
    for text, tree in _repairs(line.tree, target.tree if target else None, variables):
        if time.process_time() > until:
            return ""
        if same(Expression(text, tree)):
            return text
    until = time.process_time() + seconds
    for first, once in _common(line.tree, variables):
        for second, twice in _common(once, variables):
            if time.process_time() > until:
                return ""
            if first < second and same(Expression(second, twice)):  # in one order only
                return f"{first.removesuffix('.')}; and {second}"
    return ""


def _common(tree: ast.expr, variables: Mapping[str, Any]) -> Iterator[Repair]:
    """The slips that come in twos: each is known by itself, and adds nothing to the line."""
    yield from _signs(tree)
    yield from _transposes(tree, variables)
    yield from _indices(tree)
    yield from _powers(tree)
    yield from _variables(tree, variables)


def _powers(tree: ast.expr) -> Iterator[Repair]:
    for node in _formulas(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            yield f"factor: the exponent of {_said(node)} should not be there.", _with(tree, node, node.left)
        if not isinstance(node, ast.Constant):
            square = ast.BinOp(node, ast.Pow(), ast.Constant(2))
            yield f"factor: {_said(node)} should have the exponent 2.", _with(tree, node, square)


def _repairs(tree: ast.expr, target: ast.expr | None, variables: Mapping[str, Any]) -> Iterator[Repair]:
    yield from _signs(tree)
    yield from _numbers(tree)
    yield from _indices(tree)
    yield from _transposes(tree, variables)
    yield from _terms(tree, target)
    yield from _factors(tree, target, variables)
    yield from _variables(tree, variables)
    yield from _functions(tree)


def _signs(tree: ast.expr) -> Iterator[Repair]:
    yield "sign: the whole line has the wrong sign.", ast.UnaryOp(ast.USub(), tree)
    for node in _formulas(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            other = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
            text = f"sign: the sign of {_said(node.right)} is wrong."
            yield text, _with(tree, node, ast.BinOp(node.left, other, node.right))
            yield (
                f"sign: the sign of {_said(node.left)} is wrong.",
                _with(tree, node.left, ast.UnaryOp(ast.USub(), node.left)),
            )
        elif isinstance(node, ast.UnaryOp):
            yield (
                f"sign: the minus before {_said(node.operand)} should not be there.",
                _with(tree, node, node.operand),
            )
        elif (
            isinstance(node, ast.Call)
            and len(node.args) == 1
            and not isinstance(node.args[0], ast.GeneratorExp)
        ):
            text = f"sign: the sign inside {_said(node)} is wrong."
            yield text, _with(tree, node.args[0], ast.UnaryOp(ast.USub(), node.args[0]))


def _numbers(tree: ast.expr) -> Iterator[Repair]:
    for c in (2.0, 0.5, 3.0, 4.0, 0.25, 1 / 3):
        word = f"1/{1 / c:g}" if c < 1 else f"{c:g}"
        yield (
            f"factor: the line should be multiplied by {word}.",
            ast.BinOp(ast.Constant(c), ast.Mult(), tree),
        )
    for node in _formulas(tree):
        if isinstance(node, ast.Constant):
            v = node.value
            if not isinstance(v, int | float):
                continue
            for new in (v + 1, v - 1, 2 * v, v / 2, 1 - v):
                text = f"factor: the number {v:g} should be {new:g}."
                yield text, _with(tree, node, ast.Constant(new))
    yield from _powers(tree)
    for node in _formulas(tree):
        if isinstance(node, ast.Constant):
            continue
        power = ast.BinOp(node, ast.Pow(), ast.UnaryOp(ast.USub(), ast.Constant(1)))
        yield f"factor: {_said(node)} should have the exponent -1.", _with(tree, node, power)
        for c in (2.0, 0.5):
            word = "2" if c > 1 else "1/2"
            text = f"factor: the factor {word} is missing before {_said(node)}."
            yield text, _with(tree, node, ast.BinOp(ast.Constant(c), ast.Mult(), node))


def _indices(tree: ast.expr) -> Iterator[Repair]:
    subscripts = [n for n in ast.walk(tree) if isinstance(n, ast.Subscript)]
    used = sorted({x.id for n in subscripts for x in ast.walk(n.slice) if isinstance(x, ast.Name)})
    for node in subscripts:
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if len(parts) == 2:
            swapped = ast.Subscript(node.value, ast.Tuple([parts[1], parts[0]], ast.Load()), ast.Load())
            yield f"wrong index: the indices of {_said(node)} are exchanged.", _with(tree, node, swapped)
        for k, part in enumerate(parts):
            if isinstance(part, ast.Name):
                for other in used:
                    if other != part.id:
                        new = [*parts[:k], ast.Name(other, ast.Load()), *parts[k + 1 :]]
                        index: ast.expr = ast.Tuple(new, ast.Load()) if len(new) > 1 else new[0]
                        text = f"wrong index: in {_said(node)} the index {part.id} should be {other}."
                        yield text, _with(tree, node, ast.Subscript(node.value, index, ast.Load()))


def _transposes(tree: ast.expr, variables: Mapping[str, Any]) -> Iterator[Repair]:
    if not any(isinstance(kind, tuple | list) and len(kind) > 1 for kind in variables.values()):
        return
    yield "missing transpose: the whole line should be transposed.", ast.Attribute(tree, "T", ast.Load())
    for node in _formulas(tree):
        if isinstance(node, ast.Attribute):
            yield f"transpose: {_said(node.value)} should not be transposed.", _with(tree, node, node.value)
        elif (
            isinstance(node, ast.Name)
            and len(variables.get(node.id, ())) > 1
            and not isinstance(variables[node.id], str)
        ):
            yield (
                f"missing transpose: {node.id} should be {node.id}.T.",
                _with(tree, node, ast.Attribute(node, "T", ast.Load())),
            )
    for node in _formulas(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            a, b = node.left, node.right
            text = f"the factors of {_said(node)} stand in the wrong order"
            yield f"wrong order: {text}.", _with(tree, node, ast.BinOp(b, node.op, a))
            for left, right in ((_t(b), _t(a)), (_t(b), a), (b, _t(a)), (_t(a), _t(b))):
                yield (
                    f"missing transpose: {text}, or are not transposed.",
                    _with(tree, node, ast.BinOp(left, node.op, right)),
                )


def _t(node: ast.expr) -> ast.expr:
    return node.value if isinstance(node, ast.Attribute) else ast.Attribute(node, "T", ast.Load())


def _terms(tree: ast.expr, target: ast.expr | None) -> Iterator[Repair]:
    for node in _formulas(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            yield f"term: {_said(node.right)} should not be there.", _with(tree, node, node.left)
            left = node.right if isinstance(node.op, ast.Add) else ast.UnaryOp(ast.USub(), node.right)
            yield f"term: {_said(node.left)} should not be there.", _with(tree, node, left)
    if target is None:
        return
    places = [n for n in _formulas(tree) if not isinstance(n, ast.Constant)]
    for term in _unique(_additive(target)):
        for place in [tree, *(p for p in places if p is not tree)]:
            for op, sign in ((ast.Add(), ""), (ast.Sub(), "-")):
                where = "" if place is tree else f" beside {_said(place)}"
                text = f"missing term: {sign}{_said(term)} is missing{where}."
                yield text, _with(tree, place, ast.BinOp(place, op, term))


def _factors(tree: ast.expr, target: ast.expr | None, variables: Mapping[str, Any]) -> Iterator[Repair]:
    for node in _formulas(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
            yield f"factor: the factor {_said(node.right)} should not be there.", _with(tree, node, node.left)
            if isinstance(node.op, ast.Mult):
                yield (
                    f"factor: the factor {_said(node.left)} should not be there.",
                    _with(tree, node, node.right),
                )
            other = ast.Div() if isinstance(node.op, ast.Mult) else ast.Mult()
            verb = "divided" if isinstance(node.op, ast.Mult) else "multiplied"
            text = f"factor: it should be {verb} by {_said(node.right)}."
            yield text, _with(tree, node, ast.BinOp(node.left, other, node.right))
    candidates: list[ast.expr] = [ast.Name(v, ast.Load()) for v in variables]
    if target is not None:
        candidates += [n for n in _formulas(target) if not isinstance(n, ast.Constant | ast.Name)]
    places = [n for n in _formulas(tree) if not isinstance(n, ast.Constant)]
    for factor in _unique(candidates)[:24]:
        for place in [tree, *(p for p in places if p is not tree)]:
            text = f"factor: the factor {_said(factor)} is missing at {_said(place)}."
            yield text, _with(tree, place, ast.BinOp(place, ast.Mult(), factor))
            text = f"factor: {_said(place)} should be divided by {_said(factor)}."
            yield text, _with(tree, place, ast.BinOp(place, ast.Div(), factor))


def _variables(tree: ast.expr, variables: Mapping[str, Any]) -> Iterator[Repair]:
    for node in _formulas(tree):
        if isinstance(node, ast.Name) and node.id in variables:
            for other in variables:
                if other != node.id:
                    text = f"wrong variable: {node.id} should be {other}."
                    yield text, _with(tree, node, ast.Name(other, ast.Load()))
    for node in _formulas(tree):
        if isinstance(node, ast.Name) and node.id in variables:
            one = ast.BinOp(ast.Constant(1), ast.Sub(), node)
            yield f"wrong variable: {node.id} should be 1 - {node.id}.", _with(tree, node, one)


_LIKE = ("sigma", "tanh", "exp", "log", "relu", "softplus", "sqrt", "square", "sign", "abs")


def _functions(tree: ast.expr) -> Iterator[Repair]:
    for node in _formulas(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
            yield f"wrong function: {node.func.id} should not be there.", _with(tree, node, node.args[0])
            for other in _LIKE:
                if other != node.func.id and not isinstance(node.args[0], ast.GeneratorExp):
                    call = ast.Call(ast.Name(other, ast.Load()), node.args, [])
                    yield f"wrong function: {node.func.id} should be {other}.", _with(tree, node, call)


def _formulas(tree: ast.AST) -> list[ast.expr]:
    """The parts of a tree that have a value of their own, from the outside in."""
    found: list[ast.expr] = []
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop(0)
        if isinstance(node, ast.BinOp):
            todo += [node.left, node.right]
        elif isinstance(node, ast.UnaryOp):
            todo.append(node.operand)
        elif isinstance(node, ast.Call):
            todo += [a.elt if isinstance(a, ast.GeneratorExp) else a for a in node.args]
        elif isinstance(node, ast.Attribute):
            todo.append(node.value)
        elif isinstance(node, ast.Compare):
            todo += [node.left, *node.comparators]
        elif isinstance(node, ast.List):
            todo += node.elts
        if isinstance(node, ast.expr) and not isinstance(node, ast.List):
            found.append(node)
    return found


def _additive(tree: ast.expr) -> list[ast.expr]:
    """The terms of sums, and the factors of products, of the formula that a line comes from."""
    found: list[ast.expr] = []
    for node in _formulas(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            found += [node.left, node.right]
    return found or _formulas(tree)


def _unique(nodes: Sequence[ast.expr]) -> list[ast.expr]:
    return list({ast.dump(n): n for n in nodes}.values())


def _with(tree: Any, old: ast.AST, new: ast.AST) -> Any:
    """A copy of the tree in which one node, this very object, is exchanged."""
    if tree is old:
        return new
    if not isinstance(tree, ast.AST):
        return tree
    changed = False
    fields = {}
    for name, value in ast.iter_fields(tree):
        if isinstance(value, ast.AST):
            fields[name] = _with(value, old, new)
            changed |= fields[name] is not value
        elif isinstance(value, list):
            fields[name] = [_with(v, old, new) for v in value]
            changed |= any(a is not b for a, b in zip(fields[name], value))
        else:
            fields[name] = value
    return type(tree)(**fields) if changed else tree


def _said(node: ast.expr) -> str:
    text = ast.unparse(ast.fix_missing_locations(node)).replace(" in _all", "")
    return text if len(text) <= 60 else text[:57] + "…"
