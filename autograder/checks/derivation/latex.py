"""What the student typed, as LaTeX."""

from __future__ import annotations

import ast

from .parser import ALIASES, Expression

__all__ = ["latex"]

_GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "lambda", "mu", "nu", "xi", "pi", "rho", "sigma",
    "tau", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Sigma", "Phi", "Psi", "Omega",
}  # fmt: skip
_FUNCTIONS = {
    "exp": r"\exp",
    "log": r"\log",
    "tanh": r"\tanh",
    "sin": r"\sin",
    "cos": r"\cos",
    "sigma": r"\sigma",
    "max": r"\max",
    "min": r"\min",
}
_COMPARE = {ast.Lt: "<", ast.LtE: r"\le", ast.Gt: ">", ast.GtE: r"\ge", ast.Eq: "=", ast.NotEq: r"\ne"}
_SUM, _PRODUCT, _UNARY, _POWER, _ATOM = 1, 2, 3, 4, 5


def latex(expression: Expression) -> str:
    r"""LaTeX of an expression, with the brackets that mathematics needs.

    >>> from autograder.checks.derivation.parser import parse
    >>> latex(parse("-(y/a - (1-y)/(1-a))"))
    '-\\left(\\frac{y}{a} - \\frac{1 - y}{1 - a}\\right)'
    """
    return _tex(expression.tree)[0]


def _name(name: str) -> str:
    if name == "yhat":
        return r"\hat{y}"
    stem, _, below = name.partition("_")
    digits = stem.rstrip("0123456789")
    if not below and digits and digits != stem:
        stem, below = digits, stem[len(digits) :]
    shown = f"\\{stem}" if stem in _GREEK else stem if len(stem) == 1 else rf"\mathrm{{{stem}}}"
    return f"{shown}_{{{below}}}" if below else shown


def _wrap(node: ast.expr, at_least: int) -> str:
    text, level = _tex(node)
    return text if level >= at_least else rf"\left({text}\right)"


def _tex(node: ast.expr) -> tuple[str, int]:
    """(text, how tightly it binds)."""
    if isinstance(node, ast.Constant):
        return f"{node.value:g}" if isinstance(node.value, int | float) else "", _ATOM
    if isinstance(node, ast.Name):
        return _name(node.id), _ATOM
    if isinstance(node, ast.UnaryOp):
        return ("-" if isinstance(node.op, ast.USub) else "+") + _wrap(node.operand, _PRODUCT), _UNARY
    if isinstance(node, ast.BinOp):
        return _operation(node)
    if isinstance(node, ast.Attribute):
        return _wrap(node.value, _ATOM) + r"^{\top}", _POWER
    if isinstance(node, ast.Subscript):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        below = ",".join(":" if isinstance(p, ast.Slice) else _tex(p)[0] for p in parts)
        return f"{{{_wrap(node.value, _ATOM)}}}_{{{below}}}", _ATOM
    if isinstance(node, ast.List):
        return rf"\left[{_tex(node.elts[0])[0]}\right]", _ATOM
    if isinstance(node, ast.Compare):
        return f"{_tex(node.left)[0]} {_COMPARE[type(node.ops[0])]} {_tex(node.comparators[0])[0]}", 0
    if isinstance(node, ast.Call):
        return _call(node)
    return r"\text{?}", _ATOM


def _operation(node: ast.BinOp) -> tuple[str, int]:
    op = node.op
    if isinstance(op, ast.Add | ast.Sub):
        sign = "+" if isinstance(op, ast.Add) else "-"
        right = _wrap(node.right, _SUM if sign == "+" else _PRODUCT)
        return f"{_wrap(node.left, _SUM)} {sign} {right}", _SUM
    if isinstance(op, ast.Div):
        return rf"\frac{{{_tex(node.left)[0]}}}{{{_tex(node.right)[0]}}}", _UNARY
    if isinstance(op, ast.Pow):
        return f"{_wrap(node.left, _ATOM)}^{{{_tex(node.right)[0]}}}", _POWER
    sign = r" \cdot " if isinstance(op, ast.Mult) else r"\, "
    return _wrap(node.left, _PRODUCT) + sign + _wrap(node.right, _UNARY), _PRODUCT


def _call(node: ast.Call) -> tuple[str, int]:
    name = ALIASES.get(getattr(node.func, "id", ""), getattr(node.func, "id", ""))
    first = node.args[0]
    if isinstance(first, ast.GeneratorExp):
        below = ",".join(g.target.id for g in first.generators if isinstance(g.target, ast.Name))
        sign = r"\sum" if name == "sum" else rf"\operatorname{{{name}}}"
        return f"{sign}_{{{below}}} {_wrap(first.elt, _PRODUCT)}", _SUM
    inside = ", ".join(_tex(a)[0] for a in node.args)
    if name == "sqrt":
        return rf"\sqrt{{{inside}}}", _ATOM
    if name == "abs":
        return rf"\left|{inside}\right|", _ATOM
    if name == "transpose":
        return _wrap(first, _ATOM) + r"^{\top}", _POWER
    if name == "ind":
        return rf"\mathbf{{1}}\left[{inside}\right]", _ATOM
    shown = _FUNCTIONS.get(name, rf"\operatorname{{{name}}}")
    return rf"{shown}\left({inside}\right)", _ATOM
