"""The command line: `autograder build | release | check | grade | record | feedback | report | export | doctor`.

Exit codes: 0 all graded, 1 some submissions could not be graded, 2 wrong usage, 3 the environment or sandbox is not fit.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from autograder.course_folder import CourseFolder
from autograder.errors import AutograderError, UsageError
from autograder.lean import leave_out

__all__ = ["app", "main"]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Build, check and grade the assignments of the course.",
    rich_markup_mode=None,
)

CourseDir = Annotated[
    Path, typer.Option("--course-dir", help="Folder with submitted/; results and gradebook go there.")
]
Database = Annotated[
    str,
    typer.Option(
        "--db", help="URL of the gradebook, e.g. postgresql://…; SQLite in the course folder by default."
    ),
]
Json = Annotated[Path | None, typer.Option("--json", help="Write the machine-readable result to this file.")]
Students = Annotated[
    list[str] | None, typer.Option("--student", help="Only this student; may be given several times.")
]


@app.command()
def build(
    names: Annotated[list[str] | None, typer.Argument(help="Assignments; all by default.")] = None,
    course_dir: CourseDir = Path("."),
) -> None:
    """Make source notebooks and the students' release from the text sources."""
    from autograder.release.notebooks import build as build_one
    from autograder.release.source import assignments, load

    folder = CourseFolder.at(course_dir)
    for name in names or assignments(folder.solutions):
        _, release = build_one(load(folder.solutions, name), folder.built, folder.root / "notebooks")
        print(f"built {_short(release)}")


@app.command()
def release(
    names: Annotated[list[str] | None, typer.Argument(help="Assignments; all by default.")] = None,
    course_dir: CourseDir = Path("."),
    db: Database = "",
    sandbox: Annotated[
        Literal["bwrap", "none"], typer.Option(help="none: only for code that is your own.")
    ] = "bwrap",
) -> None:
    """Build, prove that the reference scores full and the blank release 0, and enter the cells into the gradebook."""
    from autograder.grading.pipeline import plan_for
    from autograder.grading.preflight import preflight
    from autograder.grading.record import Recorder
    from autograder.grading.work import all_faults
    from autograder.release.source import assignments

    folder = CourseFolder.at(course_dir, db)
    for name in names or assignments(folder.solutions):
        prepared = plan_for(folder, name, sandbox=sandbox)
        faults = partial(all_faults, prepared.plan)
        for note in preflight(prepared.plan, folder.results / name / ".preflight", faults):
            print(note)
        with Recorder(folder, name, prepared.source, prepared.release):
            print(f"released {_short(prepared.release)}")


@app.command()
def check(
    notebook: Annotated[Path, typer.Argument(help="Your notebook.")],
    json_file: Json = None,
    course_dir: CourseDir = Path("."),
) -> None:
    """Run a notebook on your own machine as grading would, without the hidden tests, and show every check."""
    from autograder.checks.panel import as_text
    from autograder.grading.local import check_notebook
    from autograder.grading.store import public

    result = check_notebook(notebook, course_dir)
    if json_file is not None:
        _write_json(json_file, {"assignment": result["assignment"], "submissions": [public(result)]})
    for cell in result["cells"]:
        print(as_text(cell))
    print(f"{result['score']:g} of {result['max_score']:g} points")
    if result["status"] == "failed":
        raise AutograderError(result["message"])


@app.command()
def grade(
    name: Annotated[str, typer.Argument(help="The assignment, e.g. A02-backprop-by-hand.")],
    course_dir: CourseDir = Path("."),
    json_file: Json = None,
    student: Students = None,
    jobs: Annotated[
        int, typer.Option(min=0, help="Submissions graded at the same time; 0: one for each core.")
    ] = 0,
    sandbox: Annotated[
        Literal["bwrap", "none"], typer.Option(help="none: only when every submission is your own.")
    ] = "bwrap",
    scheduler: Annotated[
        str, typer.Option(help="Address of a Dask scheduler; its workers execute, this process records.")
    ] = "",
    db: Database = "",
    force: Annotated[bool, typer.Option("--force", help="Grade again what has not changed.")] = False,
    execute: Annotated[
        Literal["graded", "all"], typer.Option(help="all: run cells marked run=no as well.")
    ] = "graded",
    feedback: Annotated[bool, typer.Option(help="Write feedback pages and the class report.")] = True,
) -> None:
    """Grade the submissions in submitted/, record the marks, write feedback and the class report."""
    from autograder.grading.pipeline import grade as grade_class
    from autograder.grading.store import public

    from .screen import LiveProgress, show_class

    folder = CourseFolder.at(course_dir, db)
    if json_file is not None and not os.access(json_file.absolute().parent, os.W_OK):
        raise UsageError(f"{json_file} cannot be written: its folder does not exist or is not writable.")
    with LiveProgress(name) as progress:
        results = grade_class(
            folder, name, progress,
            students=student or (), jobs=jobs, sandbox=sandbox, force=force, execute_all=execute == "all", scheduler=scheduler,
        )  # fmt: skip
    if json_file is not None:
        _write_json(json_file, {"assignment": name, "submissions": [public(r) for r in results]})
    show_class(name, results)
    if feedback:
        from autograder.report.class_report import write_report
        from autograder.report.feedback import write_feedback

        graded = {r["student"] for r in results}
        for result in _stored(folder, name):
            if result["student"] in graded:
                write_feedback(folder, result)
        print(f"Feedback: {_short(folder.feedback)}/STUDENT/{name}/{name}.html")
        print(f"Class report: {_short(write_report(folder, name, results))}")
    failed = [r for r in results if r["status"] == "failed"]
    if failed:
        for result in failed:
            print(f"not graded: {result['student']}: {result['message']}", file=sys.stderr)
        raise typer.Exit(1)


@app.command()
def record(
    name: Annotated[str, typer.Argument(help="The assignment.")],
    course_dir: CourseDir = Path("."),
    db: Database = "",
) -> None:
    """Enter stored results into the gradebook (again): after a database was away, or into a new one."""
    from autograder.grading.record import Recorder
    from autograder.grading.store import ResultStore
    from autograder.release.notebooks import build as build_one
    from autograder.release.source import load

    folder = CourseFolder.at(course_dir, db)
    built = build_one(load(folder.solutions, name), folder.built, folder.root / "notebooks")
    with Recorder(folder, name, *built) as recorder:
        count = sum(1 for result in ResultStore(folder.results, name) if recorder.record(result) is not None)
    print(f"recorded {count} submissions of {name}")


@app.command()
def feedback(
    name: Annotated[str, typer.Argument(help="The assignment.")],
    course_dir: CourseDir = Path("."),
    db: Database = "",
) -> None:
    """Write a feedback page for every graded submission, marks given by hand included."""
    from autograder.report.feedback import write_feedback

    folder = CourseFolder.at(course_dir, db)
    count = len([write_feedback(folder, result) for result in _stored(folder, name)])
    print(f"wrote {count} feedback pages to {_short(folder.feedback)}")


@app.command()
def report(
    name: Annotated[str, typer.Argument(help="The assignment.")],
    course_dir: CourseDir = Path("."),
    db: Database = "",
) -> None:
    """Write the class report: points per question, misconceptions, what waits for a mark."""
    from autograder.grading.store import without_notebooks
    from autograder.report.class_report import write_report

    folder = CourseFolder.at(course_dir, db)
    print(_short(write_report(folder, name, list(without_notebooks(_stored(folder, name))))))


@app.command()
def export(
    output: Annotated[Path, typer.Argument(help="A .csv or .json file.")],
    name: Annotated[
        list[str] | None, typer.Option("--assignment", help="Only this assignment; may be repeated.")
    ] = None,
    course_dir: CourseDir = Path("."),
    db: Database = "",
) -> None:
    """Write the marks of all graded assignments as CSV for an LMS, or as JSON."""
    from autograder.grading.store import without_notebooks
    from autograder.report.export import write_export

    folder = CourseFolder.at(course_dir, db)
    names = name or sorted(p.name for p in folder.results.glob("A*") if p.is_dir())
    if not names:
        raise UsageError(f"Nothing was graded in {folder.root} yet; run `autograder grade` first.")
    count = write_export(output, {n: list(without_notebooks(_stored(folder, n))) for n in names})
    print(f"wrote {count} rows to {output}")


@app.command()
def doctor() -> None:
    """Try every layer of the sandbox and everything that grading needs, and say what is missing."""
    from autograder.sandbox.doctor import examine

    from .screen import show_doctor

    findings = examine()
    show_doctor(findings)
    if any(not f.ok and f.needed for f in findings):
        raise typer.Exit(3)


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(help="Where the course folder of the sample class is made.")],
    name: Annotated[str, typer.Argument(help="The assignment.")] = "A02-backprop-by-hand",
) -> None:
    """Unpack a sample class: right, wrong, odd and hostile submissions of our own."""
    from autograder.sample import unpack

    count = unpack(folder, name)
    print(f"{count} submissions of {name} in {_short(folder / 'submitted')}")


def _stored(folder: CourseFolder, name: str) -> Iterator[dict[str, Any]]:
    """The results of an assignment, one after another, marks given by hand included."""
    from autograder.grading.pipeline import with_manual_marks
    from autograder.grading.record import marks_by_hand
    from autograder.grading.store import ResultStore

    store = ResultStore(folder.results, name)
    if next(iter(store), None) is None:
        raise UsageError(
            f"No stored result of {name} in {folder.results}; run `autograder grade {name}` first."
        )
    marks = marks_by_hand(folder, name)
    return (with_manual_marks(r, marks.get(r["student"], {})) for r in store)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    from autograder.files import write_atomically

    try:
        write_atomically(path.absolute(), json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from None


def _short(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def main() -> None:
    """Entry point: one sentence for what went wrong, and the exit code that belongs to it."""
    logging.basicConfig(level=logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    leave_out()
    try:
        app()
    except AutograderError as error:
        print(f"autograder: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except (KeyboardInterrupt, SystemExit) as end:
        if isinstance(end, SystemExit) and end.code != 130:  # Typer turns an interrupt into this code
            raise
        print(
            "autograder: stopped; what was graded so far is kept, and a second run does the rest.",
            file=sys.stderr,
        )
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
