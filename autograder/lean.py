"""What libraries would load and nobody here uses."""

from __future__ import annotations

import sys

__all__ = ["without_address_grammar"]


def without_address_grammar() -> None:
    """Call before nbformat is imported: jsonschema would load a grammar of international addresses, for a second and in
    20 MB; no notebook has one."""
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
