"""Checks that teach: is a gradient right, and if not, what was done; is a derivation right, and if not, where it slips.

    gradcheck(forward, backward, args, wrt)            right or wrong, with measured tolerance
    explain(forward, backward, model, sample, wrt)     the name of the mistake
    check_derivation(lines, truth, variables)          the first wrong inference

The table of an assignment is in `autograder.assignments`; what its entries are made of is in `entry` and `kinds`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .derivation import check_derivation
    from .explain import Diagnosis, explain
    from .gradcheck import Report, gradcheck

__all__ = ["Diagnosis", "Report", "check_derivation", "explain", "gradcheck"]

_HOME = {
    "Diagnosis": "explain",
    "Report": "gradcheck",
    "check_derivation": "derivation",
    "explain": "explain",
    "gradcheck": "gradcheck",
}


def __getattr__(name: str) -> Any:
    # on first use: a check cell should not wait for parts that it does not need
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
