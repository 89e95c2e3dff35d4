"""Checkpoints: a process killed while it saves, broken and foreign files, no pickles, going on where it stopped."""

import ast
import io
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import course
from course.optim import Flat, adam
from course.rnn import RNNLM, batches_of, fit, load_checkpoint, save_checkpoint
from course.toolbox.errors import FormatError, InputError

KILLER = """
import os, random, signal, sys
import numpy as np
from course.rnn import load_checkpoint, save_checkpoint

path, way = sys.argv[1:]
save = save_checkpoint if way == "checkpoint" else lambda path, arrays: np.savez(path, **arrays)


def state(i):
    return {"W": np.full((100, 200), i), "b": np.full(7, i, np.float32), "step": np.array(i)}


def save_forever(i):
    while True:
        i += 1
        save(path, state(i))


def is_one_that_was_saved(arrays):
    return all(np.array_equal(a, arrays[name]) for name, a in state(int(arrays["step"])).items())


def kill(*_):
    os.kill(child, signal.SIGKILL)


signal.signal(signal.SIGALRM, kill)
save(path, state(0))
moments, last, halves, broken = random.Random(0), 0, 0, 0
for _ in range(60):
    child = os.fork()
    if child == 0:
        try:
            save_forever(last)
        finally:
            os._exit(1)
    signal.setitimer(signal.ITIMER_REAL, moments.uniform(0.001, 0.01))
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, status
    halves += os.path.exists(path + ".part")
    try:
        found = load_checkpoint(path)
        broken += not is_one_that_was_saved(found) or int(found["step"]) < last
        last = int(found["step"])
    except ValueError:
        broken += 1
print(last, halves, broken)
"""


def killed_often(path, way):
    """The number of the last state, how often a kill came in the middle of writing, how often the file was wrong."""
    done = subprocess.run(
        [sys.executable, "-c", KILLER, path, way],
        capture_output=True,
        text=True,
        cwd=Path(course.__file__).parent.parent,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return tuple(map(int, done.stdout.split()))


def test_who_is_killed_while_saving_leaves_a_state_that_was_saved(tmp_path):
    last, halves, broken = killed_often(str(tmp_path / "model.npz"), "checkpoint")
    assert broken == 0 and last > 0 and halves > 0
    assert {p.name for p in tmp_path.iterdir()} <= {"model.npz", "model.npz.part"}


def test_the_same_kills_break_a_file_that_is_written_in_place(tmp_path):
    _, _, broken = killed_often(str(tmp_path / "model.npz"), "in place")
    assert broken > 0


ARRAYS = {"W": np.arange(12.0).reshape(3, 4), "b": np.zeros(4, np.float32), "step": np.array(3)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.npz"


def test_arrays_come_back_with_their_types_and_a_second_save_replaces_the_first(path):
    save_checkpoint(path, {"old": np.ones(3)})
    save_checkpoint(str(path), ARRAYS)
    back = load_checkpoint(path)
    assert list(back) == list(ARRAYS) and not Path(f"{path}.part").exists()
    for name, a in ARRAYS.items():
        assert back[name].dtype == a.dtype and np.array_equal(back[name], a)


def refused(path, data):
    path.write_bytes(data)
    with pytest.raises(FormatError) as caught:
        load_checkpoint(path)
    return str(caught.value)


def test_every_beginning_of_a_file_is_refused_in_one_sentence(path):
    save_checkpoint(path, ARRAYS)
    whole = path.read_bytes()
    sentences = {refused(path, whole[:n]) for n in range(len(whole))}
    assert sentences == {f"load_checkpoint: {path} is broken or no checkpoint; take an earlier one."}


def test_a_changed_number_is_noticed(path):
    save_checkpoint(path, ARRAYS)
    whole = bytearray(path.read_bytes())
    place = whole.index(ARRAYS["W"].tobytes())
    for i in range(place, place + ARRAYS["W"].nbytes):
        changed = whole.copy()
        changed[i] ^= 1
        assert "is broken" in refused(path, bytes(changed))


def archive(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def bare_array():
    file = io.BytesIO()
    np.save(file, np.ones(3))
    return file.getvalue()


def zip_of_text():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as z:
        z.writestr("hello.txt", "hello")
    return file.getvalue()


def locked():
    """A file that says it is encrypted: one bit of the archive has changed."""
    data = bytearray(archive(W=np.ones(3)))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    return bytes(data)


FOREIGN = {
    "nothing": b"",
    "text": b"W = 3\n",
    "noise": np.random.default_rng(0).bytes(500),
    "a pickle": pickle.dumps({"W": [1.0]}),
    "objects": archive(W=np.array([{}], object)),
    "not a number": archive(W=np.array([1.0, np.nan])),
    "infinity": archive(W=np.array([np.inf])),
    "a bare array": bare_array(),
    "words": archive(W=np.array(["one"])),
    "a zip of text": zip_of_text(),
    "locked": locked(),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_file_is_refused_in_one_sentence(path, kind):
    sentence = refused(path, FOREIGN[kind])
    assert (
        sentence.startswith("load_checkpoint: ")
        and str(path) in sentence
        and "take an earlier one." in sentence
    )


class Trap:
    """An object that leaves a trace when it is unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("pack", [pickle.dumps, lambda trap: archive(W=np.array([trap], object))])
def test_a_pickle_is_never_loaded(path, pack, tmp_path):
    trace = tmp_path / "trace"
    data = pack(Trap(trace))
    refused(path, data)
    assert not trace.exists()
    if data[:2] != b"PK":
        pickle.loads(data)
        assert trace.exists()  # the trap works


def test_the_library_has_no_code_that_loads_pickles():
    for file in Path(course.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = (
                [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            assert not {"pickle", "marshal", "shelve", "joblib", "dill"} & set(names), file
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert isinstance(node.value, ast.Constant) and node.value.value is False, file


def test_numbers_that_are_not_finite_keep_the_last_file(path):
    save_checkpoint(path, ARRAYS)
    with pytest.raises(InputError, match="W holds numbers that are not finite; the last file is kept"):
        save_checkpoint(path, {"W": np.array([np.nan])})
    assert set(load_checkpoint(path)) == set(ARRAYS)


def test_training_goes_on_from_a_checkpoint_as_if_it_had_never_stopped(path):
    batches = batches_of(np.random.default_rng(1).integers(0, 7, 101), 2, 10)

    def fresh():
        model = RNNLM(7, 3, 5, np.random.default_rng(0))
        return model, Flat(model.params, adam, lr=0.01)

    model, optimizer = fresh()
    straight = fit(model, batches, optimizer, 5) + fit(model, batches, optimizer, 5)
    model, optimizer = fresh()
    first = fit(model, batches, optimizer, 5)
    slots = {f"slot.{k}": v for k, v in optimizer.slots.items()}
    save_checkpoint(path, {"buffer": optimizer.buffer, "t": optimizer.t, **slots})

    model, optimizer = fresh()
    kept = load_checkpoint(path)
    optimizer.buffer[:], optimizer.t = kept["buffer"], int(kept["t"])
    for name, slot in optimizer.slots.items():
        slot[:] = kept[f"slot.{name}"]
    assert first + fit(model, batches, optimizer, 5) == straight
