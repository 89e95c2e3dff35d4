"""Preprocessors for nbgrader's own `autograde` and formgrader, so that they agree with `autograder grade`."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder.course_folder import CourseFolder
from autograder.grading.pipeline import plan_for, submissions, with_stored
from autograder.grading.preflight import preflight
from autograder.grading.record import autograded_notebook
from autograder.grading.store import ResultStore
from autograder.grading.work import all_faults, grade_one

__all__ = ["GradeBehindSandbox", "SaveExtraCredit"]


class GradeBehindSandbox(NbGraderPreprocessor):
    """In place of nbgrader's Execute: the stored result where its digests fit, else our own execution.

    nbgrader's commands run in the course folder. Marks then come from the notebook's outputs as nbgrader reads them.
    """

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:

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

    prepared = plan_for(folder, name)
    preflight(prepared.plan, folder.results / name / ".preflight", partial(all_faults, prepared.plan))
    return prepared
