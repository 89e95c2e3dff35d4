"""Nothing is lost when the machine fails: a full disk, a read-only folder, a locked gradebook, a database that goes away."""

import contextlib
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
from autograder.errors import AutograderError, UnfitError
from autograder.grading.pipeline import grade, silent
from autograder.grading.record import make_gradebook
from tests.bench.processes import family

from .conftest import KIND, NAME, ToyCourse
from .test_pipeline import CLASS, marks, stored

pytestmark = pytest.mark.slow
root_only = pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="needs to mount")


def fill(course):
    for student, cells in CLASS.items():
        course.hand_in(student, **cells)
    return course


def run(root, **options):
    return grade(CourseFolder.at(root, options.pop("db", "")), NAME, silent(), sandbox=KIND, **options)


@pytest.fixture
def undisturbed(tmp_path):
    course = fill(ToyCourse(tmp_path / "undisturbed"))
    shutil.copy("/dev/null", course.root / ".secret")
    (course.root / ".secret").write_text("0123456789abcdef0123456789abcdef\n")
    run(course.root, jobs=1)
    return course


def beside(undisturbed, root):
    """The same course at another place."""
    course = fill(ToyCourse(root))
    shutil.copy(undisturbed.root / ".secret", course.root / ".secret")
    return course


def mount(place, *options):
    place.mkdir(exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(place)],
        check=False,
        capture_output=True,
    )
    if done.returncode:
        pytest.skip("mounting is not allowed here")


@root_only
def test_a_full_disk_stops_grading_and_a_second_run_completes(undisturbed, tmp_path):
    disk = tmp_path / "disk"
    mount(disk, "size=600k")
    try:
        course = beside(undisturbed, disk / "course")
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        ballast = disk / "ballast"
        ballast.write_bytes(b"x" * max(0, free - 40_000))
        with pytest.raises((AutograderError, OSError)):
            run(course.root, jobs=2)
        ballast.unlink()
        subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
        for path in course.root.rglob("*.json"):
            assert path.read_text().endswith("}\n"), f"{path} was left half written"
        run(course.root, jobs=2)
        assert stored(course.root) == stored(undisturbed.root)
        assert marks(course.root / "gradebook.db") == marks(undisturbed.root / "gradebook.db")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


@root_only
def test_a_read_only_folder_is_refused_in_one_sentence(undisturbed, tmp_path):
    disk = tmp_path / "disk"
    mount(disk, "size=20m")
    try:
        course = beside(undisturbed, disk / "course")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        done = subprocess.run(
            [sys.executable, "-m", "autograder", "grade", NAME, "--course-dir", str(course.root), "--sandbox", KIND],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert (
            done.returncode == 2 and "cannot be written to" in done.stderr and "Traceback" not in done.stderr
        )
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def test_a_locked_gradebook_stops_recording_and_nothing_is_lost(undisturbed, tmp_path):
    course = beside(undisturbed, tmp_path / "course")
    run(course.root, students=["ada"], jobs=1)
    lock = sqlite3.connect(course.root / "gradebook.db", isolation_level=None)
    lock.execute("begin exclusive")
    with pytest.raises(UnfitError, match="locked"):
        run(course.root, jobs=1)
    lock.execute("rollback")
    lock.close()
    run(course.root, jobs=1)
    assert stored(course.root) == stored(undisturbed.root)
    assert marks(course.root / "gradebook.db") == marks(undisturbed.root / "gradebook.db")


@pytest.mark.parametrize("left", ["DROP TABLE alembic_version", "DELETE FROM alembic_version"])
def test_a_gradebook_whose_making_was_cut_off_is_completed(tmp_path, left):
    folder = CourseFolder.at(ToyCourse(tmp_path / "course").root)
    make_gradebook(folder)
    with contextlib.closing(sqlite3.connect(folder.root / "gradebook.db")) as book, book:
        (whole,) = book.execute("SELECT version_num FROM alembic_version")
        book.execute(left)
    make_gradebook(folder)
    with contextlib.closing(sqlite3.connect(folder.root / "gradebook.db")) as book:
        assert book.execute("SELECT version_num FROM alembic_version").fetchall() == [whole]


@pytest.fixture
def postgres(tmp_path):
    """A real PostgreSQL server on a socket of its own; yields its address and a switch."""
    pytest.importorskip("psycopg2")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if not found or os.geteuid() != 0:
        pytest.skip("a PostgreSQL server is not installed, or cannot be run as another user")
    home = Path("/var/tmp") / f"pg-{os.getpid()}"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    shutil.chown(home, "postgres")

    def as_postgres(*command):
        return subprocess.run(
            ["runuser", "-u", "postgres", "--", *map(str, command)], check=True, capture_output=True, cwd="/"
        )

    as_postgres(found[0] / "initdb", "-D", home / "data", "-A", "trust", "-E", "UTF8")

    def start():
        options = f"-k {home} -c listen_addresses= -c fsync=off"
        as_postgres(
            found[0] / "pg_ctl", "-D", home / "data", "-w", "-l", home / "log", "-o", options, "start"
        )

    def stop():
        as_postgres(found[0] / "pg_ctl", "-D", home / "data", "-m", "immediate", "stop")

    start()
    as_postgres(found[0] / "createdb", "-h", home, "grades")
    yield f"postgresql+psycopg2://postgres@/grades?host={home}", start, stop
    subprocess.run(
        [
            "runuser",
            "-u",
            "postgres",
            "--",
            str(found[0] / "pg_ctl"),
            "-D",
            str(home / "data"),
            "-m",
            "immediate",
            "stop",
        ],
        check=False,
        capture_output=True,
    )
    shutil.rmtree(home, ignore_errors=True)


def rows(url):
    from nbgrader.api import Gradebook

    with Gradebook(url) as book:
        return sorted(
            (n.student.id, g.name, g.auto_score, g.manual_score, g.extra_credit, bool(g.needs_manual_grade))
            for n in book.find_notebook(NAME, NAME).submissions
            for g in n.grades
        )


def test_postgresql_holds_the_same_marks_and_may_go_away(undisturbed, tmp_path, postgres):
    url, start, stop = postgres
    course = beside(undisturbed, tmp_path / "course")
    wanted = rows(f"sqlite:///{undisturbed.root / 'gradebook.db'}")
    run(course.root, jobs=2, db=url)
    assert rows(url) == wanted

    class Disaster:
        count = 0

        def start(self, what, total): ...

        def note(self, text): ...

        def done(self, student, problem):
            self.count += 1
            if self.count == 2:
                stop()

    shutil.rmtree(course.root / "results")
    with pytest.raises(UnfitError, match="autograder record"):
        grade(CourseFolder.at(course.root, url), NAME, Disaster(), sandbox=KIND, jobs=1)
    start()
    run(course.root, jobs=2, db=url)
    assert rows(url) == wanted and stored(course.root) == stored(undisturbed.root)


def test_an_interrupt_while_a_result_is_written_waits_until_it_is_written(undisturbed, tmp_path):
    course = beside(undisturbed, tmp_path / "course")

    written = []

    class Impatient:
        def start(self, what, total): ...

        def note(self, text): ...

        def done(self, student, problem):
            signal.raise_signal(signal.SIGINT)
            written.append(student)

    with pytest.raises(KeyboardInterrupt):
        grade(CourseFolder.at(course.root), NAME, Impatient(), sandbox=KIND, jobs=1)
    assert [*stored(course.root)] == [f"{written[0]}.json"] and len(written) == 1
    assert not (course.root / "gradebook.db").exists()  # recorded when all are graded
    run(course.root)
    assert stored(course.root) == stored(undisturbed.root)


def running(course, **started):
    """The grader on a class of eighty, in the middle of it."""
    for number in range(80):
        course.hand_in(f"extra{number}")
    victim = subprocess.Popen(
        [sys.executable, "-m", "autograder", "grade", NAME, "--course-dir", str(course.root), "--sandbox", KIND],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **started,
    )  # fmt: skip
    for _ in range(600):  # not while Python is still loading
        if list((course.root / "results" / NAME).glob("*.json")):
            break
        time.sleep(0.1)
    return victim


def alive(pid):
    """Whether there is such a process, and it is not just waiting for its end to be noticed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found in /proc")
def test_when_the_grader_is_killed_all_that_it_started_ends(undisturbed, tmp_path):
    victim = running(beside(undisturbed, tmp_path / "course"))
    started = set(family(victim.pid)) - {victim.pid}
    assert len(started) >= 4
    victim.kill()
    victim.wait()
    for _ in range(60):
        if not any(map(alive, started)):
            break
        time.sleep(0.5)
    assert not [pid for pid in started if alive(pid)]
    victim.communicate()


def test_the_first_interrupt_ends_the_run_with_a_sentence_and_no_process_is_left(undisturbed, tmp_path):
    victim = running(beside(undisturbed, tmp_path / "course"), start_new_session=True)
    os.killpg(victim.pid, signal.SIGINT)
    _, stderr = victim.communicate(timeout=60)
    assert victim.returncode == 130
    assert "a second run does the rest" in stderr and "Traceback" not in stderr
    for _ in range(60):  # the last helpers of the standard library notice a moment later
        left = subprocess.run(
            ["pgrep", "-s", str(victim.pid)], check=False, capture_output=True, text=True
        ).stdout.split()
        if not left:
            break
        time.sleep(0.5)
    assert left == []
