"""Chapter A08: fair comparisons of language models: the protocol of the race, and what is known about Farm texts.

The chapter bears the name of its first function, so it can be called as well: `course.evaluate(model, docs)`.
"""

import sys
from types import ModuleType
from typing import Any

from course.evaluate.farm import Oracle, dependencies, first_violation, grammaticality
from course.evaluate.protocol import (
    HeldOut,
    Recurrent,
    bits_by_dependency,
    check_normalised,
    evaluate,
    interpolate,
    leak,
    learning_curve,
    likelihood_ratio,
    paired_bootstrap,
    real_or_fake,
    split_documents,
)  # fmt: skip

__all__ = [
    "HeldOut", "Oracle", "Recurrent", "bits_by_dependency", "check_normalised", "dependencies", "evaluate",
    "first_violation", "grammaticality", "interpolate", "leak", "learning_curve", "likelihood_ratio", "paired_bootstrap",
    "real_or_fake", "split_documents",
]  # fmt: skip


class _Chapter(ModuleType):
    def __call__(self, model: Any, docs: Any) -> dict[str, Any]:
        return evaluate(model, docs)


sys.modules[__name__].__class__ = _Chapter
