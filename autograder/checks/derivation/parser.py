"""Reading a line of algebra: a whitelist over Python's syntax tree, nothing is ever executed.

What can be written: numbers, names, + - * / ** (or ^), @ for matrix products, w[k, j], W.T, comparisons as indicator
functions ((z > 0) is 0 or 1, [z > 0] too), functions such as exp(x), sum(w[k, j]*delta[k] for k) for an index sum,
and the usual letters of print: σ, ·, −, ², ᵀ.
"""

from __future__ import annotations

import ast
import difflib
import functools
import re
import warnings
from collections.abc import Collection
from dataclasses import dataclass

from ..errors import ExpressionError

__all__ = ["ALIASES", "FUNCTIONS", "Expression", "dump", "parse", "symbols"]

MAX_LENGTH = 2000  # characters of a line
MAX_NESTING = 40  # brackets within brackets
MAX_NODES = 600
MAX_EXPONENT = 50
MAX_NUMBER = 1e12

FUNCTIONS = {
    "abs": 1, "cos": 1, "diag": 1, "dot": 2, "exp": 1, "ind": 1, "log": 1, "log2": 1, "logsoftmax": 1, "max": 0, "mean": 1,
    "min": 0, "norm": 1, "outer": 2, "relu": 1, "sigma": 1, "sign": 1, "sin": 1, "softmax": 1, "softplus": 1, "sqrt": 1,
    "square": 1, "sum": 1, "tanh": 1, "trace": 1, "transpose": 1, "where": 3,
}  # fmt: skip
ALIASES = {
    "1": "ind", "I": "ind", "indicator": "ind", "ln": "log", "log_softmax": "logsoftmax", "logistic": "sigma", "matmul": "dot",
    "maximum": "max", "minimum": "min", "sgn": "sign", "sigmoid": "sigma", "T": "transpose", "zeta": "softplus",
}  # fmt: skip
_LETTERS = {
    "−": "-", "–": "-", "·": "*", "×": "*", "⋅": "*", "∗": "*", "⊙": "*", "∘": "*", "÷": "/", "^": "**", "²": "**2",
    "³": "**3", "ᵀ": ".T", "σ": "sigma", "Σ": "sum", "√": "sqrt", "≥": ">=", "≤": "<=", "≠": "!=", "ζ": "zeta",
    "ŷ": "yhat", "’": "'", "“": '"', "”": '"', "\u00a0": " ", "½": "(1/2)",
}  # fmt: skip
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.MatMult)
_COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)


@dataclass(frozen=True)
class Expression:
    """A line that could be read: its text and its tree of whitelisted nodes."""

    text: str
    tree: ast.expr

    @functools.cached_property
    def names(self) -> frozenset[str]:
        """Variables and indices that occur, without the functions and without the indices that a sum binds."""
        found, called, bound = set(), set(), set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                called.add(id(node.func))
            elif isinstance(node, ast.comprehension) and isinstance(node.target, ast.Name):
                bound.add(node.target.id)
        uncalled = {n.id for n in ast.walk(self.tree) if isinstance(n, ast.Name) and id(n) not in called}
        return frozenset((found & uncalled) - bound - {"_all"})

    @functools.cached_property
    def indices(self) -> frozenset[str]:
        """Names that stand in square brackets, and those that a sum runs over."""
        found = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Subscript):
                found |= {n.id for n in ast.walk(node.slice) if isinstance(n, ast.Name)}
            elif isinstance(node, ast.comprehension) and isinstance(node.target, ast.Name):
                found.add(node.target.id)
        return frozenset(found)

    @functools.cached_property
    def subscripts(self) -> tuple[tuple[str, tuple[str | None, ...]], ...]:
        """Every array that stands with indices: its name, and the index on each axis (None where it is no name)."""
        found = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
                parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
                found.append((node.value.id, tuple(p.id if isinstance(p, ast.Name) else None for p in parts)))
        return tuple(found)


def parse(text: str, known: Collection[str] | None = None) -> Expression:
    """Read one line; with `known`, every variable must be one of these.

    Raises: ExpressionError with one sentence that says what cannot be read.

    >>> parse("-(y/a + (y-1)/(1-a))").names == {"a", "y"}
    True
    >>> parse("__import__('os')")
    Traceback (most recent call last):
    ...
    autograder.checks.errors.ExpressionError: Quotation marks cannot be part of a formula.
    """
    if not isinstance(text, str):
        raise ExpressionError(f"A line should be a string in quotes, and this is a {type(text).__name__}.")
    expression = _read(text) if len(text) <= MAX_LENGTH else _too_long(text)
    if known is not None:
        _check_names(expression, known)
    return expression


def _too_long(text: str) -> Expression:
    raise ExpressionError(f"The line has {len(text)} characters; at most {MAX_LENGTH} are read.")


@functools.lru_cache(maxsize=512)
def _read(text: str) -> Expression:
    source = _prepared(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source, mode="eval").body
    except SyntaxError as error:
        raise ExpressionError(_syntax(source, error), error.offset) from None
    except (RecursionError, MemoryError, ValueError):
        raise ExpressionError(
            "The formula is nested too deeply to be read; write it in several lines."
        ) from None
    if sum(1 for _ in ast.walk(tree)) > MAX_NODES * 3:
        raise ExpressionError("The formula is too long to be read; write it in several lines.")
    _allow(tree, 0)
    return Expression(text, tree)


def _prepared(text: str) -> str:
    """The text as Python would write it."""
    if not text.strip():
        raise ExpressionError("The line is empty.")
    if '"' in text or "'" in text or "`" in text:
        raise ExpressionError("Quotation marks cannot be part of a formula.")
    source = re.sub(r"[ \t\r\n]+", " ", text).strip()
    for letter, plain in _LETTERS.items():
        source = source.replace(letter, plain)
    if odd := sorted({c for c in source if ord(c) > 126 and not c.isalpha()}):
        raise ExpressionError(f"The sign {odd[0]!r} cannot be read here.")
    depth = deepest = 0
    for c in source:
        depth += (c in "([{") - (c in ")]}")
        deepest = max(deepest, depth)
        if depth < 0:
            raise ExpressionError("There is a closing bracket without an opening one.")
    if depth:
        raise ExpressionError(f"{depth} bracket{'s are' if depth > 1 else ' is'} not closed.")
    if deepest > MAX_NESTING:
        raise ExpressionError(f"Brackets are nested {deepest} deep; at most {MAX_NESTING} can be read.")
    parts = re.split(r"(?<![=<>!])=(?!=)", re.sub(r"axis\s*=", "axis§", source))
    if len(parts) > 2:
        raise ExpressionError("There is more than one = in the line; write one step per line.")
    source = parts[-1].strip().replace("axis§", "axis=")
    if not source:
        raise ExpressionError("Nothing stands on the right of the = sign.")
    # an index sum: "for k" and "for k in range(n)" both mean every value of k
    source = re.sub(r"\bfor\s+(\w+)(?:\s+in\s+range\([^()]*\))?", r"for \1 in _all", source)
    return re.sub(r"\b1\s*\(\s*(?=[^()]*[<>]|[^()]*==)", "ind(", source)


def _syntax(source: str, error: SyntaxError) -> str:
    at = (error.offset or 1) - 1
    near = source[max(0, at - 6) : at + 6].strip()
    if re.search(r"[\w)]\s+[\w(]", source) or re.search(r"\d[A-Za-z(]|\)[\w(]", source):
        return f"The formula cannot be read near “{near}”: is a * for a product missing?"
    return f"The formula cannot be read near “{near}”."


def _allow(node: ast.AST, depth: int) -> None:
    """Raise unless every node is on the whitelist."""
    if depth > 4 * MAX_NESTING:
        raise ExpressionError("The formula is nested too deeply to be read; write it in several lines.")
    below: list[ast.AST] = []
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise ExpressionError(f"{node.value!r} cannot be part of a formula.")
        if abs(node.value) > MAX_NUMBER:
            raise ExpressionError("A number is too large; at most 10^12 can be read.")
    elif isinstance(node, ast.Name):
        if node.id.startswith("__"):
            raise ExpressionError(f"The name {node.id} cannot be used.")
    elif isinstance(node, ast.BinOp):
        if not isinstance(node.op, _OPERATORS):
            raise ExpressionError(
                f"The operator {_sign(node.op)} cannot be used here; there are + - * / ** and @."
            )
        if isinstance(node.op, ast.Pow):
            _allow_exponent(node.right)
        below = [node.left, node.right]
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        below = [node.operand]
    elif isinstance(node, ast.Compare):
        if len(node.ops) != 1 or not isinstance(node.ops[0], _COMPARISONS):
            raise ExpressionError("Only single comparisons such as (z > 0) can be used.")
        below = [node.left, node.comparators[0]]
    elif isinstance(node, ast.List) and len(node.elts) == 1 and isinstance(node.elts[0], ast.Compare):
        below = [node.elts[0]]
    elif isinstance(node, ast.Attribute):
        if node.attr != "T":
            raise ExpressionError(f"“.{node.attr}” cannot be used; only .T, the transpose, can.")
        below = [node.value]
    elif isinstance(node, ast.Subscript):
        below = [node.value, *_index_parts(node.slice)]
    elif isinstance(node, ast.Call):
        below = _allow_call(node)
    else:
        raise ExpressionError(f"{_what(node)} cannot be part of a formula.")
    for child in below:
        _allow(child, depth + 1)


def _allow_exponent(node: ast.expr) -> None:
    for part in ast.walk(node):
        if (
            isinstance(part, ast.Constant)
            and isinstance(part.value, int | float)
            and abs(part.value) > MAX_EXPONENT
        ):
            raise ExpressionError(
                f"The exponent {part.value:g} is too large; at most {MAX_EXPONENT} can be read."
            )
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Pow):
            raise ExpressionError("A power in an exponent cannot be read.")


def _index_parts(node: ast.expr) -> list[ast.AST]:
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    for p in parts:
        if isinstance(p, ast.Slice) and p.lower is None and p.upper is None and p.step is None:
            continue
        inside = [n for n in ast.walk(p) if not isinstance(n, ast.Load | ast.Add | ast.Sub | ast.BinOp)]
        if not all(
            isinstance(n, ast.Name) or (isinstance(n, ast.Constant) and isinstance(n.value, int))
            for n in inside
        ):
            raise ExpressionError("In square brackets only indices can stand: w[k, j], h[t-1], x[0].")
    return [p for p in parts if not isinstance(p, ast.Slice)]


def _allow_call(node: ast.Call) -> list[ast.AST]:
    if not isinstance(node.func, ast.Name):
        raise ExpressionError(
            "Only named functions such as exp(x) can be called; is a * missing before a bracket?"
        )
    name = ALIASES.get(node.func.id, node.func.id)
    if name not in FUNCTIONS:
        close = difflib.get_close_matches(name, [*FUNCTIONS, *ALIASES], 1)
        hint = f" Did you mean {close[0]}?" if close else " For a product write *."
        raise ExpressionError(f"There is no function {node.func.id} here.{hint}")
    for k in node.keywords:
        if (
            k.arg != "axis"
            or name not in ("sum", "mean", "max", "softmax", "logsoftmax")
            or not _whole(k.value)
        ):
            raise ExpressionError(
                f"{name} cannot take {k.arg}=…; only axis=0 or axis=1 can be given to sum and mean."
            )
    if len(node.args) == 1 and isinstance(node.args[0], ast.GeneratorExp):
        inner = node.args[0]
        if name not in ("sum", "max", "mean") or any(
            g.ifs or not isinstance(g.target, ast.Name) for g in inner.generators
        ):
            raise ExpressionError("An index sum is written sum(w[k, j]*d[k] for k).")
        if any(not (isinstance(g.iter, ast.Name) and g.iter.id == "_all") for g in inner.generators):
            raise ExpressionError(
                "An index sum is written sum(w[k, j]*d[k] for k); k runs over all its values."
            )
        return [inner.elt]
    count = FUNCTIONS[name]
    if (
        count
        and len(node.args) != count
        and not (name in ("sum", "mean") and len(node.args) == 2 and _whole(node.args[1]))
    ):
        raise ExpressionError(
            f"{node.func.id} takes {count} argument{'s' * (count > 1)}, and {len(node.args)} are given."
        )
    if not node.args:
        raise ExpressionError(f"{node.func.id} needs at least one argument.")
    return list(node.args)


def _whole(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
    return isinstance(node, ast.Constant) and node.value in (0, 1, 2)


def _sign(op: ast.operator) -> str:
    signs = {"Mod": "%", "FloorDiv": "//", "BitAnd": "&", "BitOr": "|", "LShift": "<<", "RShift": ">>"}
    return signs.get(type(op).__name__, type(op).__name__)


def _what(node: ast.AST) -> str:
    words = {
        "Lambda": "A lambda",
        "IfExp": "An if",
        "Dict": "A dict",
        "Set": "A set",
        "ListComp": "A list",
        "List": "A list",
    }
    words |= {
        "Tuple": "A comma",
        "BoolOp": "and/or",
        "NamedExpr": "An assignment",
        "Starred": "A star",
        "Await": "await",
    }
    return words.get(type(node).__name__, type(node).__name__)


def _check_names(expression: Expression, known: Collection[str]) -> None:
    for name in sorted(expression.names):
        if name in known or name in expression.indices or name in ("pi", "e"):
            continue
        close = difflib.get_close_matches(name, list(known), 1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise ExpressionError(
            f"The name {name} is not known here; known are {', '.join(sorted(known))}.{hint}"
        )


def dump(tree: ast.AST) -> str:
    """A text that is the same for equal trees: brackets and spaces of the source do not count, names of functions do not differ."""
    return ast.dump(_Plain().visit(ast.parse(ast.unparse(tree), mode="eval").body))


class _Plain(ast.NodeTransformer):
    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = ALIASES.get(node.id, node.id) if node.id not in ("T", "I") else node.id
        return node


def symbols(line: str) -> frozenset[str]:
    """The names that occur in a line: variables, indices and functions (under their usual name, too).

    >>> sorted(symbols("a*(1-a)*exp(x)"))
    ['a', 'exp', 'x']
    """
    try:
        tree = parse(line).tree
    except ExpressionError:
        return frozenset()
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} - {"_all"}
    return frozenset(names | {ALIASES[n] for n in names if n in ALIASES and n not in ("T", "I")})
