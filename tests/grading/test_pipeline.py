"""A class from submissions to gradebook: resumed, repeated, killed, and agreed with nbgrader's own commands."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autograder.course_folder import CourseFolder
from autograder.grading import pipeline, schedule
from autograder.grading.pipeline import grade, silent
from autograder.grading.record import Recorder, escape_markdown
from autograder.grading.store import ResultStore

from .conftest import KIND, NAME

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::UserWarning", "ignore::ResourceWarning"
)

CLASS = {
    "ada": {},
    "bao": {"double": "def double(x):\n    return 3 * x"},
    "chidi": {"double": "def double(x:"},
    "dora": {"apply": "import os\ndef apply(f, x, times):\n    os._exit(0)"},
}


@pytest.fixture
def filled(course):
    for student, cells in CLASS.items():
        course.hand_in(student, **cells)
    course.hand_in("blank", course.notebook(blank=True))
    course.hand_in("broken", b"{")
    return course


def marks(database):
    with sqlite3.connect(database) as book:
        rows = book.execute(
            "select student.id, base_cell.name, auto_score, manual_score, extra_credit, needs_manual_grade from grade"
            " join submitted_notebook on grade.notebook_id = submitted_notebook.id"
            " join submitted_assignment on submitted_notebook.assignment_id = submitted_assignment.id"
            " join student on submitted_assignment.student_id = student.id"
            " join base_cell on grade.cell_id = base_cell.id order by 1, 2"
        )
        return rows.fetchall()


def stored(root):
    """Results byte for byte, without times."""
    found = {}
    for path in sorted((root / "results" / NAME).glob("*.json")):
        content = json.loads(path.read_text())
        content["seconds"] = 0
        for cell in content["cells"]:
            cell["seconds"] = 0
        found[path.name] = json.dumps(content, sort_keys=True)
    return found


def run(course, **options):
    return grade(CourseFolder.at(course.root), NAME, silent(), sandbox=KIND, **options)


def test_a_class_is_graded_recorded_and_found_unchanged(filled, monkeypatch):
    results = {r["student"]: r for r in run(filled, jobs=2)}
    assert {s: r["score"] for s, r in results.items()} == {
        "ada": 6, "bao": 4, "blank": 0, "broken": 0, "chidi": 4, "dora": 5,
    }  # fmt: skip
    assert results["ada"]["max_score"] == 12 and results["ada"]["bonus"] == 1
    assert results["broken"]["status"] == "failed" and "broken" in results["broken"]["message"]
    rows = {(student, cell): rest for student, cell, *rest in marks(filled.root / "gradebook.db")}
    assert rows["ada", "test-double"] == [2, None, None, 0]
    assert rows["ada", "test-apply-2"] == [0, None, 1, 0]
    assert rows["ada", "response"] == [None, None, None, 1]
    assert rows["blank", "response"] == [0, None, None, 0]
    graded = json.loads((filled.root / "autograded" / "bao" / NAME / f"{NAME}.ipynb").read_text())
    results_of = {
        c["metadata"].get("nbgrader", {}).get("grade_id"): c.get("outputs") for c in graded["cells"]
    }
    last = results_of["test-double"][-1]
    assert last["output_type"] == "execute_result" and last["data"] == {"text/plain": "0.0"}
    assert "HIDDEN" not in json.dumps(graded) and "arange(12.0)" not in json.dumps(graded)

    before, book = stored(filled.root), marks(filled.root / "gradebook.db")
    again = {r["student"]: r["score"] for r in run(filled, jobs=1)}
    assert again == {s: r["score"] for s, r in results.items()}
    assert stored(filled.root) == before and marks(filled.root / "gradebook.db") == book


def test_how_many_at_once_does_not_change_a_byte(filled):
    run(filled, jobs=1)
    one = stored(filled.root)
    shutil.rmtree(filled.root / "results")
    run(filled, jobs=8)
    assert stored(filled.root) == one


def test_only_what_changed_is_graded_again(filled):
    run(filled, jobs=1)
    path = filled.root / "results" / NAME / "ada.json"
    old = path.stat().st_mtime_ns
    filled.hand_in("bao")
    results = {r["student"]: r["score"] for r in run(filled, jobs=1)}
    assert results["bao"] == 6 and path.stat().st_mtime_ns == old


def test_one_changed_test_cell_is_the_only_one_that_runs_again(filled, monkeypatch):
    from autograder.grading import execute, work

    folder = CourseFolder.at(filled.root)
    store = ResultStore(filled.root / "results", NAME)

    def regrade():
        task = pipeline.with_stored(pipeline.submissions(folder, NAME, ["ada"])[0], store.get("ada"))
        return work.grade_one(task, pipeline.plan_for(folder, NAME, sandbox=KIND).plan)

    store.put(regrade())
    assert regrade() is None
    source = filled.root / "solutions" / f"{NAME}.py"
    source.write_text(
        source.read_text().replace("double fails on a matrix", "double fails on a matrix, look")
    )
    ran, real = [], execute._test
    monkeypatch.setattr(execute, "_test", lambda cell, *rest: (ran.append(cell.grade_id), real(cell, *rest)))
    result = regrade()
    work._end()
    assert ran == ["test-double"] and result["score"] == 6
    assert [c["score"] for c in result["cells"]][1:4] == [3, 1, 1]


def test_a_mistake_of_the_graders_own_costs_one_submission_its_result_and_not_the_run(filled, monkeypatch):
    from autograder.grading import work

    plan = pipeline.plan_for(CourseFolder.at(filled.root), NAME, sandbox=KIND).plan
    task = pipeline.submissions(CourseFolder.at(filled.root), NAME, ["ada"])[0]
    monkeypatch.setattr(work, "_execute", lambda *_: 1 // 0)
    result = work.grade_one(task, plan)
    assert result["status"] == "failed" and "ZeroDivisionError" in result["message"]
    assert "grade it by hand" in result["message"]
    monkeypatch.undo()
    again = work.grade_one(pipeline.with_stored(task, result), plan)
    work._end()
    assert again["score"] == 6


def test_marks_given_by_hand_survive_a_regrade(filled):
    from nbgrader.api import Gradebook

    run(filled, jobs=1)
    with Gradebook(f"sqlite:///{filled.root / 'gradebook.db'}") as book:
        book.find_grade("response", NAME, NAME, "ada").manual_score = 3.5
        book.find_grade("test-double", NAME, NAME, "bao").manual_score = 1.0
        book.db.commit()
    results = {r["student"]: r for r in run(filled, jobs=1, force=True)}
    assert results["ada"]["score"] == 9.5 and results["bao"]["score"] == 5
    cells = {c["grade_id"]: c for c in results["ada"]["cells"]}
    assert cells["response"]["score"] == 3.5 and cells["plot"]["score"] is None


def test_a_result_is_one_transaction_for_a_new_student_too(filled):
    from sqlalchemy import event

    result = run(filled, jobs=1, students=["ada"])[0]
    folder = CourseFolder.at(filled.root)
    prepared = pipeline.plan_for(folder, NAME, sandbox=KIND)
    with Recorder(folder, NAME, prepared.source, prepared.release) as recorder:
        commits = []
        event.listen(recorder.gradebook.engine, "commit", commits.append)
        recorder.record({**result, "student": "new"})
        assert len(commits) == 1
        recorder.record({**result, "student": "new"})
        assert len(commits) == 2
    book = marks(filled.root / "gradebook.db")
    assert [row[1:] for row in book if row[0] == "new"] == [row[1:] for row in book if row[0] == "ada"]


def test_late_submissions_get_nbgraders_penalty(filled):
    from nbgrader.api import Gradebook

    (filled.root / "submitted" / "ada" / NAME / "timestamp.txt").write_text("2026-03-02 10:00:00 UTC")
    (filled.root / "submitted" / "bao" / NAME / "timestamp.txt").write_text("not a date")
    (filled.root / "nbgrader_config.py").write_text(
        "from nbgrader.plugins import LateSubmissionPlugin\n"
        "class Tenth(LateSubmissionPlugin):\n"
        "    def late_submission_penalty(self, student_id, score, total_seconds_late):\n"
        "        return score / 10 if total_seconds_late > 0 else None\n"
        "c = get_config()\nc.AssignLatePenalties.plugin_class = Tenth\n"
    )
    run(filled, jobs=1)
    with Gradebook(f"sqlite:///{filled.root / 'gradebook.db'}") as book:
        book.update_or_create_assignment(NAME, duedate="2026-03-01 10:00:00 UTC")
    run(filled, jobs=1, force=True)
    with Gradebook(f"sqlite:///{filled.root / 'gradebook.db'}") as book:
        late = {
            s.student.id: s.notebooks[0].late_submission_penalty for s in book.assignment_submissions(NAME)
        }
    assert late["ada"] == pytest.approx(0.7) and late["bao"] is None


def test_an_extension_and_a_resubmission_count_as_nbgrader_counts_them(filled):
    from datetime import timedelta

    from nbgrader.api import Gradebook

    url = f"sqlite:///{filled.root / 'gradebook.db'}"
    place = filled.root / "submitted" / "bao" / NAME
    (filled.root / "nbgrader_config.py").write_text(
        "from nbgrader.plugins import LateSubmissionPlugin\n"
        "class All(LateSubmissionPlugin):\n"
        "    def late_submission_penalty(self, student_id, score, total_seconds_late):\n"
        "        return score\n"
        "c = get_config()\nc.AssignLatePenalties.plugin_class = All\n"
    )
    (place / "timestamp.txt").write_text("2026-03-01 09:00:00 UTC")
    run(filled, jobs=1)

    def state():
        with Gradebook(url) as book:
            one = book.find_submission(NAME, "bao")
            return one.score, one.notebooks[0].late_submission_penalty, one.total_seconds_late, one.extension

    with Gradebook(url) as book:
        book.update_or_create_assignment(NAME, duedate="2026-03-01 10:00:00 UTC")
    assert state()[0] == 5 and state()[2] == 0  # in time, with a mistake
    filled.hand_in("bao")
    (place / "timestamp.txt").write_text("2026-03-02 10:00:00 UTC")
    run(filled, jobs=1)
    assert state()[1:3] == (7, 86400)  # right now, but a day late: the penalty takes all
    with Gradebook(url) as book:
        book.update_or_create_submission(NAME, "bao", extension=timedelta(days=2))
    run(filled, jobs=1, force=True)
    score, penalty, late, extension = state()
    assert (score, penalty, late) == (7, None, 0) and extension == timedelta(days=2)


def test_a_worker_that_dies_is_replaced_and_the_class_goes_on(filled, monkeypatch, tmp_path):
    real = schedule.ProcessPoolExecutor

    class Mortal(real):
        """The first worker that gets bao's submission dies with it, twice."""

        def submit(self, fn, task):
            counter = tmp_path / "deaths"
            deaths = len(counter.read_text()) if counter.exists() else 0
            if getattr(task, "student", "") == "bao" and deaths < 2:
                counter.write_text("x" * (deaths + 1))
                return super().submit(os._exit, 1)
            return super().submit(fn, task)

    monkeypatch.setattr(schedule, "ProcessPoolExecutor", Mortal)
    results = {r["student"]: r["score"] for r in run(filled, jobs=2)}
    assert results == {"ada": 6, "bao": 4, "blank": 0, "broken": 0, "chidi": 4, "dora": 5}


def test_a_submission_that_always_kills_its_worker_is_reported(filled, monkeypatch):
    real = schedule.ProcessPoolExecutor

    class Deadly(real):
        def submit(self, fn, task):
            deadly = getattr(task, "student", "") == "bao"
            return super().submit(os._exit, 1) if deadly else super().submit(fn, task)

    monkeypatch.setattr(schedule, "ProcessPoolExecutor", Deadly)
    results = {r["student"]: r for r in run(filled, jobs=2)}
    assert results["bao"]["status"] == "failed" and "by hand" in results["bao"]["message"]
    assert results["ada"]["score"] == 6


@pytest.mark.slow
def test_a_cluster_gives_the_same_bytes_and_survives_a_lost_worker(filled):
    distributed = pytest.importorskip("distributed")
    run(filled, jobs=1)
    one = stored(filled.root)
    shutil.rmtree(filled.root / "results")
    for number in range(10):
        filled.hand_in(f"extra{number}")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as cluster:

        class Killer:
            count = 0

            def start(self, what, total): ...

            def note(self, text): ...

            def done(self, student, problem):
                self.count += 1
                if self.count == 3:
                    os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)

        folder = CourseFolder.at(filled.root)
        results = grade(folder, NAME, Killer(), sandbox=KIND, scheduler=cluster.scheduler_address)
    assert len(results) == 16
    assert {k: v for k, v in stored(filled.root).items() if not k.startswith("extra")} == one


@pytest.mark.slow
def test_a_submission_that_kills_the_workers_of_a_cluster_is_reported_and_costs_the_others_nothing(
    filled, monkeypatch
):
    distributed = pytest.importorskip("distributed")
    for number in range(60):
        filled.hand_in(f"extra{number:02}")
    real = schedule._grade_all

    def deadly(tasks, plan):
        return os._exit(1) if any(t.student == "bao" for t in tasks) else real(tasks, plan)

    monkeypatch.setattr(schedule, "_grade_all", deadly)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as cluster:
        graded = run(filled, scheduler=cluster.scheduler_address)
    results = {r["student"]: r for r in graded}
    assert results["bao"]["status"] == "failed" and "by hand" in results["bao"]["message"]
    assert len(results) == 66 and {r["score"] for s, r in results.items() if s.startswith("extra")} == {6}


@pytest.mark.slow
def test_killing_the_grader_at_any_moment_loses_and_doubles_nothing(filled, tmp_path):
    program = [
        sys.executable,
        "-m",
        "autograder",
        "grade",
        NAME,
        "--course-dir",
        str(filled.root),
        "--sandbox",
        KIND,
    ]
    subprocess.run(program, check=False, capture_output=True)
    undisturbed, book = stored(filled.root), marks(filled.root / "gradebook.db")
    started = time.monotonic()
    for name in ("results", "autograded"):
        shutil.rmtree(filled.root / name)
    subprocess.run(program, check=False, capture_output=True)
    span = time.monotonic() - started
    kills = int(os.environ.get("KILLS", "20"))
    for attempt in range(kills):
        for name in ("results", "autograded", "feedback", "reports"):
            shutil.rmtree(filled.root / name, ignore_errors=True)
        (filled.root / "gradebook.db").unlink(missing_ok=True)
        victim = subprocess.Popen(
            program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        # spread over all phases, from the first import to the last page
        time.sleep(span * (attempt + 0.5) / kills)
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
        done = subprocess.run(program, check=False, capture_output=True, text=True)
        assert done.returncode == 1, done.stderr  # 1: the broken submission
        assert stored(filled.root) == undisturbed and marks(filled.root / "gradebook.db") == book
    assert not list(filled.root.rglob("*.part"))


@pytest.mark.slow
def test_nbgraders_own_commands_agree(filled):
    run(filled, jobs=2)
    ours = marks(filled.root / "gradebook.db")
    kit = Path(__file__).parents[2]
    shutil.copy(kit / "nbgrader_config.py", filled.root)
    shutil.rmtree(filled.root / "submitted" / "broken")  # nbgrader stops at a file that is not JSON
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    options = {"cwd": filled.root, "env": environment, "capture_output": True, "text": True}
    for again in (False, True):  # with stored results, then without
        if again:
            shutil.rmtree(filled.root / "results")
        done = subprocess.run(["nbgrader", "autograde", NAME, "--force"], check=False, **options)
        assert done.returncode == 0, done.stderr
        assert marks(filled.root / "gradebook.db") == ours
    done = subprocess.run(["nbgrader", "generate_feedback", NAME, "--force"], check=False, **options)
    assert done.returncode == 0, done.stderr
    page = (filled.root / "feedback" / "bao" / NAME / f"{NAME}.html").read_text()
    assert "double([1, 2]) should be [2, 4]" in page and "HIDDEN" not in page


def test_markdown_of_students_loses_its_markup():
    text = escape_markdown(
        "<script>x</script> [a](javascript:alert(1)) [b](https://x.org) ![c](data:text/html,x) a < b\n[d]: vbscript:x"
    )
    assert "<" not in text and "javascript:" not in text and "data:" not in text and "vbscript:" not in text
    assert "[b](https://x.org)" in text
