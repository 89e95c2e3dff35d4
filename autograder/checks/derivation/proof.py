"""A proof by SymPy that two lines are equal, where it is installed and the lines have no arrays."""

from __future__ import annotations

import ast
from typing import Any

from .parser import ALIASES, Expression

__all__ = ["proved"]


def proved(line: Expression, source: Any) -> bool | None:
    """True when SymPy shows that the difference is 0; False when it cannot; None without SymPy or with arrays."""
    try:
        import sympy
    except ImportError:
        return None
    if not isinstance(source, Expression):
        return None
    try:
        return bool(sympy.simplify(_symbolic(line.tree, sympy) - _symbolic(source.tree, sympy)) == 0)
    except NotImplementedError:
        return None


def _symbolic(node: ast.expr, sympy: Any) -> Any:
    if isinstance(node, ast.Constant):
        return sympy.nsimplify(node.value, rational=True)
    if isinstance(node, ast.Name):
        return {"pi": sympy.pi, "e": sympy.E}.get(node.id) or sympy.Symbol(node.id, real=True)
    if isinstance(node, ast.UnaryOp):
        inner = _symbolic(node.operand, sympy)
        return -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.BinOp):
        a, b = _symbolic(node.left, sympy), _symbolic(node.right, sympy)
        if isinstance(node.op, ast.MatMult):
            raise NotImplementedError
        return (
            {ast.Add: a + b, ast.Sub: a - b, ast.Mult: a * b, ast.Div: a / b}[type(node.op)]
            if not isinstance(node.op, ast.Pow)
            else a**b
        )
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and len(node.args) == 1
        and not node.keywords
    ):
        name = ALIASES.get(node.func.id, node.func.id)
        rules = {
            "exp": sympy.exp, "log": sympy.log, "sqrt": sympy.sqrt, "tanh": sympy.tanh, "sin": sympy.sin, "cos": sympy.cos,
            "sigma": lambda x: 1 / (1 + sympy.exp(-x)), "softplus": lambda x: sympy.log(1 + sympy.exp(x)), "square": lambda x: x**2,
            "abs": sympy.Abs, "sign": sympy.sign, "relu": lambda x: sympy.Max(x, 0),
        }  # fmt: skip
        if name in rules and not isinstance(node.args[0], ast.GeneratorExp):
            return rules[name](_symbolic(node.args[0], sympy))
    raise NotImplementedError
