"""What a student's function may do with an object of ours that it is given.

In the student's process such an object is a stub. Each use of it is a message to us, and it has nothing but the names
that its class lists in `lent_names` (methods as "fit", plain attributes as "=vocab"); without that list it can be
called. A `Sent` function goes over there as source and runs there.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any

__all__ = ["Sent", "lent_names"]


def lent_names(thing: Any) -> tuple[str, ...]:
    """The names of an object of ours that the student's code may use."""
    return getattr(type(thing), "lent_names", ("__call__",))


class Sent:
    """A function of ours with constants, for functions of the student's that call it hundreds of times.

    function   at the top level of its module; in its body only `np`, its arguments and the constants
    constants  keyword arguments that it gets with every call

    Nothing in it may be a secret: the student's code can read it.
    """

    def __init__(self, function: Callable[..., Any], **constants: Any) -> None:
        self.function, self.constants = function, constants

    def __call__(self, *args: Any) -> Any:
        return self.function(*args, **self.constants)

    @property
    def source(self) -> str:
        """The definition of the function."""
        return _source(self.function)


@lru_cache(maxsize=100)
def _source(function: Callable[..., Any]) -> str:
    return inspect.getsource(function)
