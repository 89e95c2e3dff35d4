"""How nbgrader is set up for the kit: folders, stubs, and which preprocessors its commands and formgrader use.

`nbgrader_config.py` of a course folder is two lines: `from autograder.release.settings import settings` and
`settings(get_config())`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
from nbgrader.nbgraderformat import MetadataValidator, ValidationError
from nbgrader.nbgraderformat.common import BaseMetadataValidator
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearHiddenTests,
    ClearMarkScheme,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    IncludeHeaderFooter,
    LockCells,
    NbGraderPreprocessor,
    SaveAutoGrades,
    SaveCells,
)
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

__all__ = [
    "CODE_STUB",
    "CheckMetadata",
    "KeepAnswers",
    "QuietStubs",
    "RestoreAnswers",
    "generate_preprocessors",
    "load_config",
    "settings",
]

CODE_STUB = "# YOUR CODE HERE\n..."


class KeepAnswers(NbGraderPreprocessor):
    """Runs before ClearSolutions and remembers the text of cells that are released as they stand."""

    def preprocess_cell(self, cell: Any, resources: Any, cell_index: int) -> tuple[Any, Any]:
        if cell.metadata.get("course", {}).get("keep"):
            cell.metadata["course"]["text"] = cell.source
        return cell, resources


class RestoreAnswers(NbGraderPreprocessor):
    """Runs after ClearSolutions and puts back what KeepAnswers remembered."""

    def preprocess_cell(self, cell: Any, resources: Any, cell_index: int) -> tuple[Any, Any]:
        kept = cell.metadata.get("course", {}).pop("text", None)
        if kept is not None:
            cell.source = kept
        return cell, resources


class QuietStubs(NbGraderPreprocessor):
    """Runs after ClearSolutions: a stub that stands in no function is its comment alone.

    The `...` is there to be a function's body; as the last line of a cell it would be shown as "Ellipsis".
    """

    def preprocess_cell(self, cell: Any, resources: Any, cell_index: int) -> tuple[Any, Any]:
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("solution"):
            comment = CODE_STUB.removesuffix("\n...")
            cell.source = re.sub(rf"(?m)^{re.escape(CODE_STUB)}$", comment, cell.source)
        return cell, resources


class _SchemaKept(BaseMetadataValidator):
    """Stands behind nbgrader's validator and keeps the schema's own: made anew for each cell it takes half of a build."""

    def __init__(self) -> None:
        super().__init__()
        self._kept = jsonschema.validators.validator_for(self.schema)(self.schema)

    def validate_cell(self, cell: Any) -> None:
        meta = cell.metadata.get("nbgrader")
        if meta is None:
            return
        if meta.get("schema_version") != self.schema_version or not self._kept.is_valid(meta):
            super().validate_cell(cell)  # says in nbgrader's words what is wrong


class _Metadata(MetadataValidator, _SchemaKept):
    """All checks of nbgrader's."""


class CheckMetadata(CheckCellMetadata):
    """nbgrader's check of the cells' metadata, several times as fast."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        try:
            _metadata().validate_nb(nb)
        except ValidationError:
            return super().preprocess(nb, resources)  # which reports and raises
        return nb, resources


@lru_cache(maxsize=1)
def _metadata() -> _Metadata:
    return _Metadata()


def generate_preprocessors() -> list[type[NbGraderPreprocessor]]:
    """nbgrader's list for `generate_assignment`, with answers that are meant to stay kept."""
    return [
        IncludeHeaderFooter,
        LockCells,
        KeepAnswers,
        ClearSolutions,
        QuietStubs,
        RestoreAnswers,
        ClearOutput,
        CheckMetadata,
        ComputeChecksums,
        SaveCells,
        ClearHiddenTests,
        ClearMarkScheme,
        ComputeChecksums,
        CheckMetadata,
    ]


def settings(config: Any) -> None:
    """Tell nbgrader where things are and which preprocessors to use."""
    config.CourseDirectory.source_directory = "solutions"
    config.CourseDirectory.release_directory = "notebooks"
    config.ClearSolutions.code_stub = {"python": CODE_STUB}
    config.GenerateAssignment.preprocessors = generate_preprocessors()
    config.Autograde.sanitize_preprocessors = [ClearOutput]
    config.Autograde.autograde_preprocessors = [
        "autograder.nbgrader_plugins.GradeBehindSandbox",
        SaveAutoGrades,
        "autograder.nbgrader_plugins.SaveExtraCredit",
        AssignLatePenalties,
        CheckCellMetadata,
    ]


def load_config(root: Any) -> Any:
    """Our settings, and on top of them what the course folder's own `nbgrader_config.py` says."""
    config = Config()
    settings(config)
    own = Path(root) / "nbgrader_config.py"
    if own.is_file():
        config.merge(PyFileConfigLoader(own.name, str(own.parent)).load_config())
    return config
