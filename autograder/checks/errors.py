"""What the checks raise, one tree:

    ChecksError
    ├── ModelError        a tape model cannot be recorded or replayed
    ├── UsageError        gradcheck, explain or check_derivation was called with something impossible
    └── ExpressionError   a line of a derivation cannot be read (`.column` says where, when known)

A student's mistake is never one of these: it becomes a finding of a report, except that a line of a derivation
that cannot be read is raised inside the parser and turned into a finding by `check_derivation`.
"""

from __future__ import annotations

__all__ = ["ChecksError", "ExpressionError", "ModelError", "UsageError"]


class ChecksError(Exception):
    """Everything that the checks raise on purpose."""


class ModelError(ChecksError):
    """A tape model used something that the tape does not know, or shapes that do not fit."""


class UsageError(ChecksError):
    """A check was called with arguments that make no sense together."""


class ExpressionError(ChecksError):
    """A line of algebra that cannot be read; the message is one sentence for the student."""

    def __init__(self, text: str, column: int | None = None) -> None:
        super().__init__(text)
        self.text, self.column = text, column
