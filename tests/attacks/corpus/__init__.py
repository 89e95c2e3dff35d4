"""The attacks: what a student might put into an answer cell, and what that must be worth; one module a family."""

from . import breaking, looking, lying, markup, memory, notebook, patching, protocol
from .attack import ATTACKS, Attack

__all__ = ["ATTACKS", "FAMILIES", "Attack"]

FAMILIES = (patching, lying, memory, protocol, looking, breaking, notebook, markup)
