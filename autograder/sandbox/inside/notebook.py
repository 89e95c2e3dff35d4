"""What a notebook offers beyond plain Python: `display` without an import, and an `IPython` to import it from.

There is no kernel here. What is displayed goes to the session, as text or as a picture; whatever else is imported from
`IPython.display` (HTML, Markdown, clear_output, …) is accepted, so that an answer's cell does not fail on it.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

__all__ = ["offer"]


def offer(display: Callable[..., None]) -> None:
    """Make `display` known where a notebook makes it known."""
    builtins.display = display  # type: ignore[attr-defined]
    package, module = ModuleType("IPython"), ModuleType("IPython.display")
    package.__path__ = []
    package.version_info = (9, 0, 0)  # type: ignore[attr-defined]  # Matplotlib asks
    package.get_ipython = lambda: None  # type: ignore[attr-defined]
    package.display = module  # type: ignore[attr-defined]
    module.display = display  # type: ignore[attr-defined]
    module.__getattr__ = _accepted  # type: ignore[method-assign]
    sys.modules |= {"IPython": package, "IPython.display": module}


def _accepted(name: str) -> Callable[..., Any]:
    """A function or a class of `IPython.display`, by name: it takes anything, and shows as its name."""
    if name.startswith("_"):
        raise AttributeError(name)

    def describe(self: object) -> str:
        return f"<{name}, not shown when the notebook is graded>"

    return type(name, (), {"__init__": lambda self, *_, **__: None, "__repr__": describe})
