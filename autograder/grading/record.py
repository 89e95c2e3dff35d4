"""The one writer: marks into the gradebook, autograded notebooks into their folder, one transaction a submission.

Everything goes through nbgrader's public `Gradebook`, in one database session. Marks given by hand are never touched.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from autograder.course_folder import CourseFolder
from autograder.errors import UnfitError, UsageError
from autograder.files import write_atomically

__all__ = ["Recorder", "autograded_notebook", "escape_markdown", "make_gradebook", "marks_by_hand"]

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\x1b\[[0-9;]*[A-Za-z]")
_LINK = re.compile(
    r"(\]\(\s*<?\s*|^\s*\[[^\]]*\]:\s*<?\s*)([a-z][a-z0-9+.\s-]*:)", re.IGNORECASE | re.MULTILINE
)


def make_gradebook(folder: CourseFolder) -> None:
    """Let nbgrader make the gradebook when there is none.

    Raises UnfitError when the database cannot be opened or written.
    """
    with _database_errors(folder.db_url):
        _open(folder)[0].close()


def _open(folder: CourseFolder) -> tuple[Any, Any]:
    """nbgrader's Gradebook and configuration."""
    from nbgrader.api import Gradebook

    from autograder.release.settings import load_config

    _alembic_on_path()
    config = load_config(folder.root)
    book = Gradebook(folder.db_url, config.CourseDirectory.get("course_id") or "default_course")
    _stamp(book)
    return book, config


def _stamp(book: Any) -> None:
    """Write the schema's version if it is missing: nbgrader does so last, and a kill before it would be for good."""
    from nbgrader.api import get_alembic_version
    from sqlalchemy import inspect, text

    with book.engine.begin() as connection:
        if not inspect(connection).has_table("alembic_version"):
            connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        elif connection.execute(text("SELECT count(*) FROM alembic_version")).scalar():
            return
        version = {"version": get_alembic_version()}
        connection.execute(text("INSERT INTO alembic_version VALUES (:version)"), version)


class Recorder:
    """An open gradebook for one assignment. Use as a context manager.

    Raises UsageError when cells were added or removed while submissions exist, UnfitError when the database cannot be
    opened or written.
    """

    def __init__(self, folder: CourseFolder, assignment: str, source: Path, release: Path) -> None:
        self.folder, self.assignment, self.source = folder, assignment, source
        self.released: list[dict[str, Any]] = json.loads(release.read_text(encoding="utf-8"))["cells"]

    def __enter__(self) -> Recorder:
        with _database_errors(self.folder.db_url):
            self.gradebook, self.config = _open(self.folder)
            self._describe_assignment()
        return self

    def __exit__(self, *_: object) -> None:
        self.gradebook.close()

    def _describe_assignment(self) -> None:
        """The assignment's cells as nbgrader's own SaveCells writes them, when they are not there yet."""
        import nbformat
        from nbgrader.preprocessors import SaveCells

        book = self.gradebook
        book.update_or_create_assignment(self.assignment)
        notebook = nbformat.read(self.source, as_version=4)
        saver = SaveCells(config=self.config)
        resources = {
            "nbgrader": {
                "notebook": self.assignment,
                "assignment": self.assignment,
                "db_url": self.folder.db_url,
            }
        }
        try:
            saver.preprocess(notebook, resources)
        except RuntimeError as error:
            if "submissions" not in str(error):
                raise
            raise UsageError(
                f"Cells of {self.assignment} were added or removed while marked submissions are in the gradebook. "
                f"Restore the cells, or start a new gradebook with --db."
            ) from None
        book.db.expire_all()
        described = book.find_notebook(self.assignment, self.assignment)
        self.names = {
            c.id: c.name for c in (*described.grade_cells, *described.solution_cells, *described.task_cells)
        }

    def record(self, result: dict[str, Any], *, write_notebook: bool = True) -> dict[str, float | None]:
        """Write one result; marks given by hand, by grade id, come back.

        A second call with the same result changes nothing.
        """
        with _database_errors(self.folder.db_url):
            manual = self._marks(result)
        if write_notebook:
            self._write_notebook(result)
        return manual

    def _marks(self, result: dict[str, Any]) -> dict[str, float | None]:
        book = self.gradebook
        try:
            submission = self._submission(result["student"], result["timestamp"])
            notebook = next(n for n in submission.notebooks if n.name == self.assignment)
            cells = {c["grade_id"]: c for c in result["cells"]}
            for grade in notebook.grades:
                cell = cells.get(self.names[grade.cell_id])
                if cell is None:
                    continue
                if cell["bonus"]:
                    grade.auto_score, grade.extra_credit = 0.0, cell["score"] or 0.0
                elif cell["status"] == "excused":
                    grade.auto_score = 0.0
                else:
                    grade.auto_score = cell["score"]
                # as nbgrader: what a person has marked is looked at again after a regrade
                grade.needs_manual_grade = grade.manual_score is not None or grade.auto_score is None
            silent = {
                c["grade_id"] for c in result["cells"] if c["manual"] and c["message"] == "Not answered."
            }
            for comment in notebook.comments:
                comment.auto_comment = "No response." if self.names[comment.cell_id] in silent else None
            marks = {
                self.names[g.cell_id]: g.manual_score for g in notebook.grades if g.manual_score is not None
            }
            self._penalty(submission, notebook)
            book.db.commit()
            return marks
        except BaseException:
            book.db.rollback()
            raise

    def _submission(self, student: str, timestamp: str | None) -> Any:
        """The gradebook's submission, made when it is not there."""
        from nbgrader.api import MissingEntry
        from nbgrader.utils import parse_utc

        try:
            submission = self.gradebook.find_submission(self.assignment, student)
        except MissingEntry:
            with _uncommitted(self.gradebook.db):
                self.gradebook.update_or_create_student(student)
                submission = self.gradebook.add_submission(self.assignment, student)
        if timestamp:
            submission.timestamp = parse_utc(timestamp)
        return submission

    def _penalty(self, submission: Any, notebook: Any) -> None:
        """Late penalties as nbgrader defines them, by the plugin that the course's configuration names."""
        from nbgrader.preprocessors import AssignLatePenalties

        notebook.late_submission_penalty = None
        if submission.total_seconds_late > 0:
            assigner = AssignLatePenalties(config=self.config)
            assigner.init_plugin()
            self.gradebook.db.flush()
            self.gradebook.db.refresh(notebook)
            late = submission.total_seconds_late
            penalty = assigner.plugin_inst.late_submission_penalty(
                submission.student.id, notebook.score, late
            )
            if penalty is not None:
                notebook.late_submission_penalty = assigner._check_late_penalty(notebook, penalty)

    def _write_notebook(self, result: dict[str, Any]) -> None:
        place = self.folder.autograded / result["student"] / self.assignment
        try:
            place.mkdir(parents=True, exist_ok=True)
            write_atomically(place / f"{self.assignment}.ipynb", autograded_notebook(result, self.released))
            if result["timestamp"]:
                write_atomically(place / "timestamp.txt", result["timestamp"])
        except OSError as error:
            raise UnfitError(
                f"{place} cannot be written: {error.strerror}. Marks recorded so far are safe."
            ) from None


def marks_by_hand(folder: CourseFolder, assignment: str) -> dict[str, dict[str, float | None]]:
    """Marks that people gave, by student and grade id; none when there is no gradebook yet."""
    from nbgrader.api import Gradebook, MissingEntry

    if not folder.has_gradebook:
        return {}
    with _database_errors(folder.db_url), Gradebook(folder.db_url) as book:
        try:
            notebooks = book.find_notebook(assignment, assignment).submissions
        except MissingEntry:
            return {}
        return {
            n.student.id: {g.name: g.manual_score for g in n.grades if g.manual_score is not None}
            for n in notebooks
        }


def autograded_notebook(result: dict[str, Any], released: Sequence[dict[str, Any]]) -> str:
    """The notebook that formgrader shows: given cells as released, the student's text escaped, our output only."""
    from autograder.checks.panel import as_html, as_text

    given = {c["metadata"]["nbgrader"]["grade_id"]: c for c in released if "nbgrader" in c["metadata"]}
    by_id = {c.get("id"): c for c in released}
    marks = {c["grade_id"]: c for c in result["cells"]}
    notebook = result["notebook"]
    if not notebook:
        notebook = [
            {"role": "text" if "nbgrader" not in c["metadata"] else "", "kind": c["cell_type"], "id": c["id"], "source": "",
             "grade_id": c["metadata"].get("nbgrader", {}).get("grade_id", ""), "outputs": [], "error": None}
            for c in released
        ]  # fmt: skip
    cells = []
    for cell in notebook:
        model = given.get(cell["grade_id"]) if cell["grade_id"] else by_id.get(cell["id"])
        source = _CONTROL.sub("", cell["source"])
        theirs = cell["role"] in ("solution", "manual", "extra")
        if cell["kind"] == "markdown" and theirs:
            source = escape_markdown(source)
        if cell["role"] == "test" and model is not None:
            source = "".join(model["source"])  # without hidden tests
        metadata = json.loads(json.dumps(model["metadata"])) if model is not None else {}
        metadata.pop("course", None)
        fresh: dict[str, Any] = {
            "cell_type": cell["kind"],
            "id": cell["id"] or cell["grade_id"],
            "metadata": metadata,
            "source": source.splitlines(keepends=True),
        }
        if cell["kind"] == "code":
            fresh |= {"execution_count": None, "outputs": [_output(o) for o in cell["outputs"]]}
            if cell["error"] is not None:
                fresh["outputs"].append(_error_output(cell["error"]))
            mark = marks.get(cell["grade_id"])
            if cell["role"] == "test" and mark is not None:
                panel = {"text/html": as_html(mark).splitlines(keepends=True), "text/plain": as_text(mark)}
                fresh["outputs"] = [
                    {"output_type": "display_data", "data": panel, "metadata": {}},
                    {
                        "output_type": "execute_result",
                        "execution_count": 1,
                        "data": {"text/plain": repr(float(0.0 if mark["bonus"] else mark["score"] or 0.0))},
                        "metadata": {},
                    },
                ]
        cells.append(fresh)
    if result["status"] == "failed":
        note = escape_markdown(f"**This submission could not be graded.** {result['message']}")
        cells.insert(0, {"cell_type": "markdown", "id": "not-graded", "metadata": {}, "source": [note]})
    document = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    # without indentation, which takes eight times as long
    return json.dumps(document, ensure_ascii=False, sort_keys=True) + "\n"


def escape_markdown(text: str) -> str:
    """A student's markdown without markup of its own: tags become text, links keep http, https and mailto only."""

    def harmless(match: re.Match[str]) -> str:
        scheme = re.sub(r"\s", "", match[2]).lower()
        return match[0] if scheme in ("http:", "https:", "mailto:") else f"{match[1]}#"

    return _LINK.sub(harmless, _CONTROL.sub("", text).replace("&", "&amp;").replace("<", "&lt;"))


def _output(output: dict[str, Any]) -> dict[str, Any]:
    if output["type"] == "png":
        alt = "plot as submitted, not drawn again" if output.get("as_submitted") else "plot"
        return {
            "output_type": "display_data",
            "data": {"image/png": output["png"], "text/plain": alt},
            "metadata": {},
        }
    return {
        "output_type": "stream",
        "name": "stdout",
        "text": _CONTROL.sub("", output["text"]).splitlines(keepends=True),
    }


def _error_output(error: dict[str, Any]) -> dict[str, Any]:
    text = _CONTROL.sub("", error.get("traceback") or error["text"])
    name = error["text"].split(":")[0][:60]
    return {"output_type": "error", "ename": name, "evalue": error["text"], "traceback": text.splitlines()}


@contextlib.contextmanager
def _uncommitted(db: Any) -> Iterator[None]:
    """nbgrader commits after each step: within, steps only reach the database's transaction, and the caller commits.

    Nobody sees a submission without marks, and the disk is waited for once instead of three times.
    """
    db.commit = db.flush
    try:
        with db.no_autoflush:  # a submission that is half made is not written while its cells are looked up
            yield
    finally:
        del db.commit


def _alembic_on_path() -> None:
    """nbgrader calls `alembic` by its bare name when it makes a database: it lies beside our interpreter."""
    here = str(Path(sys.executable).parent)
    parts = os.environ.get("PATH", "").split(os.pathsep)
    if here not in parts:
        os.environ["PATH"] = os.pathsep.join([here, *parts])


@contextlib.contextmanager
def _database_errors(url: str) -> Iterator[None]:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        place = re.sub(r"//[^@/]*@", "//…@", url)
        raise UnfitError(
            f"The gradebook {place} cannot be used: {reason}. Results are kept in results/; "
            f"run `autograder record` when it is there again."
        ) from None
