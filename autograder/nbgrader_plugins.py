"""What this kit adds to nbgrader: settings, and preprocessors that nbgrader's own commands and formgrader use too.

`nbgrader_config.py` of a course folder is two lines: `from autograder.nbgrader_plugins import settings` and
`settings(get_config())`.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook
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

__all__ = ["CODE_STUB", "GradeBehindSandbox", "generate_preprocessors", "load_config", "settings"]

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


class GradeBehindSandbox(NbGraderPreprocessor):
    """In place of nbgrader's Execute: the stored result where its digests fit, else our own execution.

    nbgrader's commands run in the course folder. Marks then come from the notebook's outputs as nbgrader reads them.
    """

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        import nbformat

        from autograder.course_folder import CourseFolder
        from autograder.grading.pipeline import submissions, with_stored
        from autograder.grading.record import autograded_notebook
        from autograder.grading.store import ResultStore
        from autograder.grading.work import grade_one

        name, student = resources["nbgrader"]["assignment"], resources["nbgrader"]["student"]
        folder = CourseFolder.at(Path.cwd())
        prepared = _prepared(folder, name)
        store = ResultStore(folder.results, name)
        task = submissions(folder, name, [student])[0]
        stored = store.get(student)
        result = grade_one(with_stored(task, stored), prepared.plan)
        if result is None and stored is not None:
            result = stored
        elif result is not None:
            store.put(result)
        released = nbformat.read(prepared.release, as_version=4)["cells"]
        resources["course"] = {"result": result}
        return nbformat.reads(autograded_notebook(result or {}, released), as_version=4), resources


class SaveExtraCredit(NbGraderPreprocessor):
    """Runs after SaveAutoGrades: bonus points, which nbgrader's tests cannot give, become extra credit."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        info, result = resources["nbgrader"], resources["course"]["result"]
        with Gradebook(info["db_url"]) as book:
            for cell in result["cells"]:
                if cell["bonus"]:
                    grade = book.find_grade(
                        cell["grade_id"], info["notebook"], info["assignment"], info["student"]
                    )
                    grade.extra_credit = cell["score"] or 0.0
            book.db.commit()
        return nb, resources


@lru_cache(maxsize=4)
def _prepared(folder: Any, name: str) -> Any:
    from autograder.grading.pipeline import plan_for
    from autograder.grading.preflight import preflight

    prepared = plan_for(folder, name)
    preflight(prepared.plan, folder.results / name / ".preflight")
    return prepared


def generate_preprocessors() -> list[type[NbGraderPreprocessor]]:
    """nbgrader's list for `generate_assignment`, with answers that are meant to stay kept."""
    return [
        IncludeHeaderFooter,
        LockCells,
        KeepAnswers,
        ClearSolutions,
        RestoreAnswers,
        ClearOutput,
        CheckCellMetadata,
        ComputeChecksums,
        SaveCells,
        ClearHiddenTests,
        ClearMarkScheme,
        ComputeChecksums,
        CheckCellMetadata,
    ]


def settings(config: Any) -> None:
    """Tell nbgrader where things are and which preprocessors to use."""
    config.CourseDirectory.source_directory = "solutions"
    config.CourseDirectory.release_directory = "notebooks"
    config.ClearSolutions.code_stub = {"python": CODE_STUB}
    config.GenerateAssignment.preprocessors = generate_preprocessors()
    config.Autograde.sanitize_preprocessors = [ClearOutput]
    config.Autograde.autograde_preprocessors = [
        GradeBehindSandbox,
        SaveAutoGrades,
        SaveExtraCredit,
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
