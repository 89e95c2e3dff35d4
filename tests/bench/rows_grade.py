"""The grader against nbgrader: submissions per second, recording, feedback, building, memory."""

from __future__ import annotations

import builtins
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from functools import lru_cache
from pathlib import Path

from autograder.course_folder import KIT, CourseFolder
from autograder.grading.pipeline import grade, plan_for, silent
from autograder.grading.record import Recorder, make_gradebook
from autograder.grading.store import ResultStore
from autograder.release.notebooks import build
from autograder.release.source import load
from autograder.report.class_report import write_report
from autograder.report.feedback import feedback_page
from autograder.sample import answers_of, fill

from .harness import Figures, PeerMissing, row
from .harness import peer as module
from .processes import cpu_seconds, peak

SMALL, A02 = "A90-toy", "A02-backprop-by-hand"
SOURCES = {SMALL: KIT / "tests" / "grading" / "toy"}  # of all others: the kit's solutions


def course(root: Path, name: str, count: int) -> CourseFolder:
    """A course folder with `count` right submissions."""
    (root / "solutions").mkdir(parents=True)
    for ending in (".py", ".toml"):
        shutil.copy(SOURCES.get(name, KIT / "solutions") / f"{name}{ending}", root / "solutions")
    source, release = build(load(root / "solutions", name), root / "solutions", root / "notebooks")
    answers = answers_of(json.loads(source.read_text()))
    content = json.dumps(fill(json.loads(release.read_text()), answers, {}))
    for number in range(count):
        place = root / "submitted" / f"s{number:04d}" / name
        place.mkdir(parents=True)
        (place / f"{name}.ipynb").write_text(content)
    return CourseFolder.at(root)


def nbgrader(root: Path, *command: str) -> None:
    """A command of stock nbgrader, without our preprocessors, in a course folder."""
    (root / "nbgrader_config.py").write_text(
        "c = get_config()\nc.CourseDirectory.source_directory = 'solutions'\nc.CourseDirectory.release_directory = 'notebooks'\n"
        "c.Execute.timeout = 120\n"
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["nbgrader", *command],
        cwd=root,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PeerMissing(f"nbgrader {command[0]} failed: {done.stderr.strip().splitlines()[-1][:120]}")


def throughput(name: str, ours: int, theirs: int) -> tuple[float, float]:
    """Submissions per second of both. Both have built their release and made their gradebook before."""
    with tempfile.TemporaryDirectory() as folder:
        mine = course(Path(folder) / "ours", name, ours)
        plan_for(mine, name)
        make_gradebook(mine)
        started = time.perf_counter()
        grade(mine, name, silent(), jobs=2)
        rate = ours / (time.perf_counter() - started)
        other = course(Path(folder) / "theirs", name, theirs)
        nbgrader(other.root, "generate_assignment", name, "--force")
        started = time.perf_counter()
        nbgrader(other.root, "autograde", name, "--force")
        peer = theirs / (time.perf_counter() - started)
    return rate, peer


@row("grade-small", peer="nbgrader autograde", goal=20)
def grade_small() -> Figures:
    """100 submissions of a small notebook, graded and recorded with 2 jobs, against nbgrader on 8 of them."""
    ours, peer = throughput(SMALL, 100, 8)
    return Figures(ours, peer, "submissions/s", "more")


@row("grade-a02", peer="nbgrader autograde", goal=10)
def grade_a02() -> Figures:
    """40 submissions of A02 in full, graded and recorded with 2 jobs, against nbgrader on 5 of them."""
    ours, peer = throughput(A02, 40, 5)
    return Figures(ours, peer, "submissions/s", "more")


@row("build", peer="nbgrader generate_assignment", goal=50)
def build_one() -> Figures:
    """One release of A02 in a warm process, against nbgrader's command."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        made = course(root / "c", A02, 0)
        (made.root / "submitted").mkdir(exist_ok=True)
        times = []
        for number in range(7):
            started = time.perf_counter()
            build(load(made.root / "solutions", A02), root / f"s{number}", root / f"n{number}")
            times.append(time.perf_counter() - started)
        started = time.perf_counter()
        nbgrader(made.root, "generate_assignment", A02, "--force")
        return Figures(sorted(times)[3], time.perf_counter() - started, "s")


@lru_cache(maxsize=1)
def recording() -> tuple[float, float, float, float]:
    """Seconds for one submission: our recorder, nbgrader's SaveAutoGrades; our feedback page, nbgrader's."""
    from nbgrader.apps.api import NbGraderAPI
    from nbgrader.preprocessors import AssignLatePenalties, SaveAutoGrades
    from traitlets.config import Config

    with tempfile.TemporaryDirectory() as folder:
        made = course(Path(folder) / "c", A02, 12)
        results = grade(made, A02, silent(), jobs=2)
        prepared = plan_for(made, A02)
        store = ResultStore(made.results, A02)
        stored = [store.get(r["student"]) for r in results]
        with Recorder(made, A02, prepared.source, prepared.release) as recorder:
            times = []
            for result in stored:
                started = time.perf_counter()
                recorder.record(result, write_notebook=False)  # type: ignore[arg-type]
                times.append(time.perf_counter() - started)
        ours = sorted(times)[len(times) // 2]

        import nbformat

        theirs = []
        for result in stored[:6]:
            student = result["student"]  # type: ignore[index]
            notebook = nbformat.read(made.autograded / student / A02 / f"{A02}.ipynb", as_version=4)
            resources = {
                "nbgrader": {"notebook": A02, "assignment": A02, "student": student, "db_url": made.db_url}
            }
            started = time.perf_counter()
            for kind in (SaveAutoGrades, AssignLatePenalties):
                notebook, resources = kind().preprocess(notebook, resources)
            theirs.append(time.perf_counter() - started)

        pages = []
        for result in stored:
            started = time.perf_counter()
            feedback_page(result)  # type: ignore[arg-type]
            pages.append(time.perf_counter() - started)
        config = Config()
        config.CourseDirectory.root = str(made.root)
        api = NbGraderAPI(config=config)
        api.coursedir.root = str(made.root)
        started = time.perf_counter()
        for result in stored[:4]:
            api.generate_feedback(A02, result["student"], force=True)  # type: ignore[index]
        their_page = (time.perf_counter() - started) / 4
    return ours, sorted(theirs)[len(theirs) // 2], sorted(pages)[len(pages) // 2], their_page


@row("record", peer="nbgrader SaveAutoGrades and AssignLatePenalties", goal=10)
def record() -> Figures:
    """Marks of one A02 submission into the gradebook."""
    ours, peer, *_ = recording()
    return Figures(ours, peer, "s")


@row("record:ms", peer="15 ms", goal=1)
def record_ms() -> Figures:
    """The same in milliseconds, against the limit."""
    return Figures(recording()[0] * 1000, 15.0, "ms")


@row("feedback", peer="nbgrader generate_feedback", goal=5)
def feedback() -> Figures:
    """One feedback page of A02, both in a warm process."""
    *_, ours, peer = recording()
    return Figures(ours, peer, "s")


@row("scale", peer="100 submissions", goal=0.9)
def scale() -> Figures:
    """Submissions per second at 1,000 small submissions over that at 100."""
    rates = []
    with tempfile.TemporaryDirectory() as folder:
        for count in (100, 1000):
            made = course(Path(folder) / str(count), SMALL, count)
            make_gradebook(made)
            started = time.perf_counter()
            grade(made, SMALL, silent(), jobs=2)
            rates.append(count / (time.perf_counter() - started))
    return Figures(rates[1], rates[0], "submissions/s", "more")


@row("scale:report", peer="5 s", goal=1)
def scale_report() -> Figures:
    """The class report for 1,000 students of A02, in seconds, against the limit."""
    with tempfile.TemporaryDirectory() as folder:
        made = course(Path(folder) / "c", A02, 2)
        one = grade(made, A02, silent(), jobs=1)[0]
        results = [{**one, "student": f"s{n:04d}"} for n in range(1000)]
        started = time.perf_counter()
        write_report(made, A02, results)
        return Figures(time.perf_counter() - started, 5.0, "s")


@row("scale-cluster", peer="--jobs 2", goal=0.9)
def scale_cluster() -> Figures:
    """200 small submissions on a Dask cluster of 2 workers on this machine, against 2 jobs: submissions per second.

    Both have graded a class of four before: the workers of a cluster are there for a whole term, and nbgrader, which is
    loaded to record, is there for whoever comes second.
    """
    distributed = module("distributed")
    rates = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
    ):
        for count in (4, 200):
            for kind, options in (
                ("cluster", {"scheduler": cluster.scheduler_address}),
                ("jobs", {"jobs": 2}),
            ):
                made = course(Path(folder) / f"{kind}-{count}", SMALL, count)
                plan_for(made, SMALL)
                make_gradebook(made)
                started = time.perf_counter()
                grade(made, SMALL, silent(), **options)  # type: ignore[arg-type]
                rates[kind] = count / (time.perf_counter() - started)
    return Figures(rates["cluster"], rates["jobs"], "submissions/s", "more")


@row("heaviest", peer="10 s", goal=1)
def heaviest() -> Figures:
    """CPU seconds to grade one right submission of the heaviest assignment, the start of its sandbox included."""
    from autograder.grading.plan import Task
    from autograder.grading.work import _end, grade_one

    seconds = {}
    for source in sorted((KIT / "solutions").glob("A*.py")):
        with tempfile.TemporaryDirectory() as folder:
            made = course(Path(folder) / "c", source.stem, 1)
            plan = plan_for(made, source.stem).plan
            task = Task("s0000", made.submitted / "s0000" / source.stem, None)
            seconds[source.stem] = cpu_seconds(lambda: grade_one(task, plan))  # noqa: B023
            _end()
    worst = max(seconds, key=seconds.__getitem__)
    print(
        f"heaviest: {worst}; " + ", ".join(f"{name.split('-')[0]} {s:.2f} s" for name, s in seconds.items())
    )
    return Figures(seconds[worst], 10.0, "CPU s")


@row("grade-memory", peer="nbgrader autograde", goal=1)
def memory() -> Figures:
    """Peak resident memory of all processes while grading A02 with 2 jobs, against nbgrader autograde."""
    with tempfile.TemporaryDirectory() as folder:
        made = course(Path(folder) / "ours", A02, 8)
        make_gradebook(made)  # nbgrader's is there too
        command = [
            sys.executable,
            "-m",
            "autograder",
            "grade",
            A02,
            "--course-dir",
            str(made.root),
            "--jobs",
            "2",
        ]
        ours = peak(command, made.root, {})
        other = course(Path(folder) / "theirs", A02, 2)
        nbgrader(other.root, "generate_assignment", A02, "--force")
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        peer = peak(
            [str(Path(sys.executable).parent / "nbgrader"), "autograde", A02, "--force"],
            other.root,
            {"PATH": path},
        )
    return Figures(ours, peer, "MB")


@row("grade-overhead", peer="the same cells in one plain process", goal=1.35, goal_op="<=")
def overhead() -> Figures:
    """CPU seconds of grading one A02 submission less 30 ms, over running its cells and checks in one process."""
    from autograder.assignments import table
    from autograder.checks.local import LocalSubject
    from autograder.checks.run import Context, Draws, active
    from autograder.grading.plan import Task
    from autograder.grading.work import _end, grade_one
    from autograder.sandbox.inside.outputs import picture

    with tempfile.TemporaryDirectory() as folder:
        made = course(Path(folder) / "c", A02, 1)
        plan = plan_for(made, A02).plan
        task = Task("s0000", made.submitted / "s0000" / A02, None)
        grade_one(task, plan)  # starts the sandbox
        ours = cpu_seconds(lambda: [grade_one(task, plan) for _ in range(20)]) / 20 - 0.03
        _end()
        known = table(A02)

        class Quiet(Context):
            def show(self, outcome: object) -> None:
                return None

        builtins.display = picture  # type: ignore[attr-defined]  # plots are drawn on both sides

        def plain() -> None:
            names: dict[str, object] = {"__name__": "__main__"}
            context = Quiet(known, LocalSubject(names), [Draws(""), Draws("s0000", plan.salt, True)])  # type: ignore[arg-type]
            with active(context):
                for cell in plan.skeleton.reference():
                    if cell.role == "test" or cell.runs_there:
                        exec(compile(cell.source, cell.grade_id, "exec"), names)

        sys.stdout, saved = open(os.devnull, "w"), sys.stdout  # noqa: SIM115
        try:
            plain()
            peer = cpu_seconds(lambda: [plain() for _ in range(20)]) / 20
        finally:
            sys.stdout = saved
            del builtins.display  # type: ignore[attr-defined]
    return Figures(ours, peer, "CPU s", "more")
