"""What a student's process cannot do, tried from inside."""

import contextlib
import multiprocessing
import os
import time

import numpy as np
import pytest

from autograder.checks.entry import NotAnswered, StudentError
from autograder.checks.lent import Sent
from autograder.errors import UnfitError
from autograder.grading.remote import ProcessDied, RemoteSession
from autograder.sandbox.doctor import examine
from autograder.sandbox.inside import landlock
from autograder.sandbox.inside.confine import FILTERED, Unconfined
from autograder.sandbox.launcher import Sandbox, bubblewrap
from autograder.sandbox.spawner import ProcessLimits, Spawner
from tests.bench.processes import family

from .conftest import KIND

needs_bwrap = pytest.mark.skipif(bubblewrap() is None, reason="bubblewrap is not installed")
LIMITS = ProcessLimits(memory_mb=1024)


@pytest.fixture
def session(sandbox):
    running = RemoteSession(sandbox, LIMITS, 1.0)
    yield running
    running.close()


def said(session, code):
    outputs, error = session.execute("probe", code, 2.0)
    return "".join(o.get("text", "") for o in outputs) + (error or {}).get("text", "")


@needs_bwrap
def test_the_doctor_finds_every_layer_in_place():
    assert [f.what for f in examine() if f.needed and not f.ok] == []


@needs_bwrap
@pytest.mark.parametrize("call", sorted(FILTERED))
def test_filtered_system_calls_are_refused(session, call):
    number = FILTERED[call][0 if os.uname().machine == "x86_64" else 1]
    if number is None:
        pytest.skip("does not exist on this machine")
    code = f"import ctypes\nl = ctypes.CDLL(None, use_errno=True)\nprint(l.syscall({number}, -1, 0, 0, 0, 0), ctypes.get_errno())"
    assert said(session, code).strip() == "-1 1"


@needs_bwrap
def test_nothing_of_the_graders_is_visible(session, tmp_path):
    (tmp_path / "gradebook.db").write_text("x")
    secrets = [
        str(tmp_path),
        os.path.dirname(os.path.dirname(os.path.dirname(__file__))),
        os.path.expanduser("~/.ssh"),
        "/etc/shadow",
    ]
    text = said(
        session,
        f"import os\nprint([p for p in {secrets!r} if os.path.exists(p)], sorted(os.environ), os.listdir('/'))",
    )
    assert (
        text.startswith("[] ")
        and "gradebook" not in text
        and "work" not in text.split("]")[-2].split("[")[-1]
    )
    assert "SECRET" not in text and "TOKEN" not in text


@needs_bwrap
def test_withheld_chapters_do_not_exist_inside(session):
    text = said(
        session,
        "import course, pathlib, glob\nprint(sorted(glob.glob(course.__path__[0] + '/**/*backprop*', recursive=True)))\nimport course.backprop",
    )
    assert text.startswith("[]") and "ModuleNotFoundError" in text


def test_two_submissions_do_not_see_each_other(sandbox):
    first, second = RemoteSession(sandbox, LIMITS), RemoteSession(sandbox, LIMITS)
    try:
        said(first, "open('/tmp/note', 'w').write('answer')\nimport builtins\nbuiltins.note = 1")
        assert said(second, "import os, builtins\nprint(hasattr(builtins, 'note'))").strip() == "False"
        if sandbox.kind == "bwrap":
            assert (
                said(
                    second,
                    "import os\nprint(os.listdir('/tmp'), os.listdir('/proc'), os.listdir('/dev/shm'))",
                ).strip()
                == "[] [] []"
            )
    finally:
        first.close()
        second.close()


@needs_bwrap
def test_a_flood_of_files_fills_only_a_scratch_of_its_own(session):
    text = said(
        session,
        "n = 0\ntry:\n    while True:\n        open(f'/tmp/{n}', 'w').write('x' * 10**6)\n        n += 1\nexcept OSError as e:\n    print(n, type(e).__name__)",
    )
    count, kind = text.split()
    assert kind == "OSError" and int(count) < 200


needs_landlock = pytest.mark.skipif(not landlock.version(), reason="this kernel does not offer Landlock")
WRITES = """
import os
os.mkdir('/tmp/a'); open('/tmp/a/b', 'w').write('x'); os.rename('/tmp/a/b', '/tmp/c'); os.symlink('/tmp/c', '/tmp/d')
os.truncate('/tmp/c', 0); os.unlink('/tmp/d'); os.rmdir('/tmp/a'); open('/dev/null', 'w').write('x'); os.remove('/tmp/c')
print(len(os.listdir('/usr')) > 0, len(open(os.__file__).read()) > 0)
"""


@needs_bwrap
@needs_landlock
def test_landlock_leaves_writing_in_the_scratch_and_takes_the_devices(session):
    assert said(session, WRITES).strip() == "True True"
    assert "PermissionError" in said(session, "open('/dev/zero', 'wb')")
    assert "PermissionError" in said(session, "import fcntl; fcntl.ioctl(open('/dev/null'), 0x5401)")


@needs_landlock
def test_landlock_holds_without_namespaces_too():
    place = f"/var/tmp/of-a-student-{os.getpid()}"
    with Sandbox(kind="none") as bare:
        session = RemoteSession(bare, LIMITS)
        assert "PermissionError" in said(session, f"open({place!r}, 'w')")
        session.close()
    assert not os.path.exists(place)


def test_a_kernel_without_landlock_goes_without_and_one_that_refuses_it_runs_nothing(monkeypatch):
    monkeypatch.setattr(landlock, "version", lambda: 0)
    landlock.restrict()
    monkeypatch.setattr(landlock, "version", lambda: 3)
    monkeypatch.setattr(landlock, "CREATE_RULESET", 100_000)
    with pytest.raises(Unconfined, match="Landlock refuses"):
        landlock.restrict()


def test_threads_that_outlive_the_cell_do_not_stop_the_session(session):
    said(
        session,
        "import threading, time\ndef f():\n    while True: time.sleep(0.01)\nfor _ in range(5): threading.Thread(target=f).start()",
    )
    assert said(session, "1 + 1") == "2"


def test_a_process_that_does_not_come_back_is_ended_and_said_so(sandbox):
    session = RemoteSession(sandbox, LIMITS, 0.2)
    session.execute(
        "a",
        "import signal\ndef f():\n    signal.signal(signal.SIGALRM, signal.SIG_IGN)\n    while True: pass",
        1.0,
    )
    started = time.monotonic()
    with pytest.raises(ProcessDied, match="time limit"):
        session.call("f", (), {}, 0.2)
    assert time.monotonic() - started < 10 and session.dead
    with pytest.raises(ProcessDied):
        session.get("f")


FORGED = {
    "a reply of its own": "os.write(0, frame({'op': 'reply', 'n': 10**6, 'value': 1}))",
    "not JSON": "os.write(0, struct.pack('>II', 4, 0) + b'nope')",
    "a giant": "os.write(0, struct.pack('>II', 2**31, 2**31))",
    "a guest that was not lent": "os.write(0, frame({'op': 'ask', 'n': 1, 'guest': 9, 'name': '__call__', 'args': {'$': 't', 'v': []}}))",
    "a flood": "os.write(0, b'\\x00' * 10**6)",
    "a name of Python's": "os.write(0, frame({'op': 'ask', 'n': 1, 'guest': 1, 'name': '__class__', 'args': {'$': 't', 'v': []}}))",
}


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_message_ends_the_process_and_nothing_else(sandbox, case):
    session = RemoteSession(sandbox, LIMITS, 1.0)
    helper = "import os, json, struct\ndef frame(m):\n    d = json.dumps(m).encode()\n    return struct.pack('>II', len(d), 0) + d\n"
    with pytest.raises((ProcessDied, StudentError)):
        session.execute("forge", helper + FORGED[case], 1.0)
        session.get("frame")
    assert session.dead
    other = RemoteSession(sandbox, LIMITS)
    assert said(other, "1 + 1") == "2"
    other.close()


def weighed(x, c):
    return np.asarray(x) * c


def test_values_objects_generators_and_callbacks_cross(session):
    session.execute(
        "a",
        "import numpy as np\n"
        "class Node:\n    def __init__(self, v): self.v = v\n    def __add__(self, o): return Node(self.v + o.v)\n    def __matmul__(self, o): return (self, o)\n"
        "def make(v): return Node(v)\n"
        "def draw(rng): return rng.random(3)\n"
        "def twice(f, x): return f(f(x))\n"
        "def count():\n    n = 0\n    while True:\n        yield n\n        n += 1\n"
        "def use(thing): return thing.step(2), thing.rate, hasattr(thing, 'secret')\n"
        "def same(thing): return thing\n"
        "def inplace(x, d): x += 1; d['k'][0] = 5; return x\n",
        1.0,
    )
    a, b = session.get("make")(1), session.get("make")(2)
    total = a + b
    assert total.v == 3 and (a @ b)[0] is a
    rng, mine = np.random.default_rng(5), np.random.default_rng(5)
    assert np.array_equal(session.call("draw", (rng,), {}, 1).value, mine.random(3))
    assert rng.random() == mine.random()
    assert session.call("twice", (lambda x: x * 3, 2), {}, 1).value == 18
    assert [n for n, _ in zip(session.get("count")(), range(3))] == [0, 1, 2]

    class Thing:
        lent_names = ("step", "=rate")
        rate, secret = 0.5, 42

        def step(self, n):
            return n + 1

    assert session.call("use", (Thing(),), {}, 1).value == (3, 0.5, False)
    sent = Sent(weighed, c=np.array([1.0, 10.0]))
    assert session.call("twice", (sent, np.ones(2)), {}, 1).value.tolist() == sent(sent(np.ones(2))).tolist()
    assert session.call("same", (sent,), {}, 1).value is sent
    x, d = np.zeros(2), {"k": np.zeros(1)}
    reply = session.call("inplace", (x, d), {}, 1)
    assert reply.changed == ("x", "d") and not x.any() and not d["k"].any()
    with pytest.raises(NotAnswered):
        session.get("nothing")


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def members(server):
    """The processes below a fork server, as the machine sees them."""
    return {p for p in family(server._server.pid) if alive(p)}


def busy(address, started):
    """A worker process: it starts an endless loop in a student's process, and waits to be killed."""
    session = RemoteSession(Spawner(address), LIMITS)
    session.execute(
        "c",
        "def f():\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass",
        2.0,
    )
    started.send(True)
    session.call("f", [], {}, 60.0)


def test_what_a_killed_worker_started_ends_with_it_and_the_others_go_on():
    with Sandbox(kind=KIND) as server:
        session = RemoteSession(server, LIMITS, 2.0)
        before = members(server)
        there, here = multiprocessing.Pipe()
        worker = multiprocessing.get_context("spawn").Process(target=busy, args=(server.address, here))
        worker.start()
        assert there.poll(30)
        time.sleep(0.2)
        assert members(server) > before
        worker.kill()
        worker.join()
        deadline = time.monotonic() + 10
        while members(server) != before and time.monotonic() < deadline:
            time.sleep(0.05)
        assert members(server) == before
        assert session.execute("c", "print(6 * 7)", 2.0)[0][0]["text"] == "42\n"
        session.close()


def test_a_server_that_is_killed_is_reported_as_unfit():
    server = Sandbox(kind=KIND)
    session = RemoteSession(server, LIMITS, 2.0)
    line = Spawner(server.address)
    for pid in members(server):
        with contextlib.suppress(ProcessLookupError):  # the first one takes the others with it
            os.kill(pid, 9)
    with pytest.raises(UnfitError, match="sandbox"):  # not the student's fault
        session.execute("c", "1", 2.0)
    with pytest.raises(UnfitError, match="sandbox"):
        line.spawn(LIMITS)
    with pytest.raises(UnfitError, match="cannot be reached"):
        Spawner(server.address)
    line.close()
    server.close()


def test_a_temporary_folder_with_a_long_path_is_named(tmp_path, monkeypatch):
    deep = tmp_path / ("x" * 120)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with pytest.raises(UnfitError, match="Set TMPDIR"):
        Sandbox(kind="none")
    assert list(deep.iterdir()) == []


def test_no_sandbox_no_grading(monkeypatch):
    monkeypatch.setattr("autograder.sandbox.launcher.bubblewrap", lambda: None)
    with pytest.raises(UnfitError, match="bubblewrap"):
        Sandbox()
