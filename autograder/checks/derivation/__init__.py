"""Derivations: lines of algebra as a student types them, read without being executed, compared line by line.

check_derivation(lines, truth, variables, given=…)   credit per inference, the first wrong line, the likely slip
symbols(line)                                        which names occur, for forms that are asked for
latex(parse(line))                                   what was typed, as LaTeX
"""

from .compare import Report, check_derivation, equal
from .latex import latex
from .parser import Expression, parse, symbols

__all__ = ["Expression", "Report", "check_derivation", "equal", "latex", "parse", "symbols"]
