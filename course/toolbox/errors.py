"""What can go wrong, as one tree.

    CourseError
    ├── ShapeError        (ValueError)   arrays do not fit together
    ├── InputError        (ValueError)   a value is of the wrong kind or outside its range
    │   └── FormatError                  a file is broken or of another format
    ├── GraphError        (RuntimeError) a graph cannot be built or differentiated
    │   ├── FusedError                   the gradient of an operation was differentiated, but is no graph
    │   └── ChangedError                 a value was replaced after an operation had used it
    ├── MissingChapter    (ImportError)  a name belongs to a chapter that is not in this copy of the library
    └── MissingPackage    (ImportError)  an optional package is not installed

Each message is one sentence that says what was asked, what was found, where, and what to do.

Source: the course's own.
"""

from __future__ import annotations

__all__ = [
    "ChangedError", "CourseError", "FormatError", "FusedError", "GraphError", "InputError", "MissingChapter",
    "MissingPackage", "ShapeError",
]  # fmt: skip


class CourseError(Exception):
    """Anything the library reports on purpose."""


class ShapeError(CourseError, ValueError):
    """Arrays whose shapes do not fit together."""


class InputError(CourseError, ValueError):
    """A value of the wrong kind or outside its range."""


class FormatError(InputError):
    """A file that is broken or of another format."""


class GraphError(CourseError, RuntimeError):
    """A graph that cannot be built or differentiated."""


class FusedError(GraphError):
    """A gradient was differentiated whose operation computes it outside the graph."""


class ChangedError(GraphError):
    """A value was replaced between the forward and the backward pass."""


class MissingChapter(CourseError, ImportError):
    """A name of a chapter that this copy of the library does not hold."""


class MissingPackage(CourseError, ImportError):
    """An optional package that is not installed."""
