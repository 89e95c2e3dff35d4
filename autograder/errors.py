"""What can go wrong with a course folder, an assignment or the machine, and the exit code that says so.

AutograderError            exit code
├── UsageError             2  the command was given something it cannot work with
├── UnfitError             3  the sandbox or the environment is not fit; nothing was graded
└── SubmissionError        1  one submission cannot be graded; the others go on
"""

from __future__ import annotations

__all__ = ["AutograderError", "SubmissionError", "UnfitError", "UsageError"]


class AutograderError(Exception):
    """One clear sentence: what was wrong, where, what to do."""

    exit_code = 1


class UsageError(AutograderError):
    """Bad input of whoever typed the command."""

    exit_code = 2


class UnfitError(AutograderError):
    """The machine lacks something; grading would be unsafe or would give everybody a zero."""

    exit_code = 3


class SubmissionError(AutograderError):
    """This submission cannot be graded."""
