"""`autograder.checks.gradcheck` and `.explain` are functions to their users and modules to Python.

Once a submodule is imported, Python binds its name in the package to the module. So these two modules can be called:
whichever of the two a user gets hold of, `gradcheck(...)` and `explain(...)` work.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

__all__ = ["callable_module"]


def callable_module(name: str, function: Callable[..., Any]) -> None:
    """Let a call of the module `name` be a call of the function of the same name in it."""
    kind = type(
        function.__name__, (ModuleType,), {"__call__": staticmethod(function), "__doc__": function.__doc__}
    )
    sys.modules[name].__class__ = kind
