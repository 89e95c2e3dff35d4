"""What libraries would load and nobody here uses: memory and time that grading does without."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["leave_out"]


def leave_out() -> None:
    """Call in a process of our own before nbgrader and nbformat are imported.

    jsonschema would load a grammar of international addresses, for a second and in 20 MB; no notebook has one. nbgrader
    would load its extensions of the Jupyter server, with the server and a web client, in another 20 MB.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    if not any(isinstance(finder, _NoServer) for finder in sys.meta_path):
        sys.meta_path.insert(0, _NoServer())


class _NoServer:
    """Finds `nbgrader.server_extensions` and all below it: empty modules, each name in them is None."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if not f"{name}.".startswith("nbgrader.server_extensions."):
            return None
        return ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = ModuleType(spec.name, "Left out while grading.")
        module.__getattr__ = _nothing  # type: ignore[method-assign]
        return module

    def exec_module(self, module: ModuleType) -> None:
        return None


def _nothing(name: str) -> None:
    if name.startswith("__"):
        raise AttributeError(name)
