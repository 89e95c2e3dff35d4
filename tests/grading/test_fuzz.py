"""The protocol driven from the student's side by a liar: whatever arrives, the grader answers with a result or an end."""

import json
import resource
import socket
import struct
import threading
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.checks.entry import NotAnswered, StudentError
from autograder.grading.remote import RemoteSession
from autograder.sandbox.inside.channel import Channel
from autograder.sandbox.inside.wire import encode
from autograder.sandbox.spawner import ProcessLimits

from .conftest import TAGS

MESSAGES = 100_000
MEMORY = 192 << 20  # bytes that the grader may grow by while it is lied to
SECONDS = 5.0  # for one session


class Counting(Channel):
    """A channel that counts the messages that were looked at, good or bad."""

    received = 0

    def receive(self, timeout=None):
        Counting.received += 1
        return super().receive(timeout)


class Liar:
    """A sandbox whose processes have said everything that they will ever say."""

    def __init__(self, said, silent=True):
        self.said, self.silent = frame({"op": "reply", "n": 1, "names": [], "stubs": []}) + said, silent

    def spawn(self, limits):
        self.ours, theirs = socket.socketpair()
        self.ours.setblocking(False)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        theirs.settimeout(1)
        theirs.sendall(self.said)
        if self.silent:
            theirs.shutdown(socket.SHUT_WR)
        self.theirs = theirs
        self.channel = Counting(self.ours.fileno())
        return self

    def end(self, process):
        self.ours.close()
        self.theirs.close()


def frame(header, body=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack(">II", len(text), len(body)) + text + body


def talk(said, turns=4):
    """A session with a liar: calls, operations and questions until it is over; the seconds that it took."""
    started = time.monotonic()
    liar = Liar(said)
    try:
        session = RemoteSession(liar, ProcessLimits(), call_seconds=0.2, deadline=time.monotonic() + SECONDS)
    except StudentError:
        return time.monotonic() - started
    lent = lambda x: x + 1
    for turn in range(turns):
        try:
            if turn % 4 == 0:
                reply = session.call("f", [np.ones(3), lent], {}, 0.2)
                assert reply.error is None or isinstance(reply.error, StudentError)
            elif turn % 4 == 1:
                session.call_many("f", [[1], [2.0]], 0.2)
            elif turn % 4 == 2:
                outputs, error = session.execute("cell", "x = 1", 0.2)
                assert isinstance(outputs, list) and (error is None or isinstance(error, dict))
            else:
                session.get("x")
                session.names()
        except (StudentError, NotAnswered):
            continue
    session.close()
    return time.monotonic() - started


def grown():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


numbers = st.integers(-3, 9) | st.integers() | st.floats()
words = st.sampled_from([*TAGS, "|O", "reply", "ask"])
junk = st.recursive(
    st.none() | st.booleans() | numbers | words | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["$", "v", "at", "dtype", "shape", "id", "type", "names", "kind", "text", "line", "data", "args"]), inner, max_size=5
    ),
    max_leaves=12,
)  # fmt: skip
headers = st.fixed_dictionaries(
    {"op": st.sampled_from(["reply", "reply", "reply", "ask", "refused", "exec", ""]), "n": st.integers(0, 8) | junk},
    optional={"value": junk, "error": junk, "replies": st.lists(junk, max_size=3) | junk, "outputs": junk, "names": junk, "stubs": junk,
              "changed": junk, "rng": junk, "guest": st.integers(0, 3) | junk, "name": st.sampled_from(["__call__", "x", "__class__"]) | junk,
              "args": junk, "text": junk},
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(st.lists(st.tuples(headers, st.binary(max_size=40)), min_size=1, max_size=10))
def test_made_up_messages_end_in_a_result_or_an_end(messages):
    assert talk(b"".join(frame(h, b) for h, b in messages)) < SECONDS


def right_replies():
    """Honest answers to what `talk` asks, and some callbacks, as material for mutations."""
    frames = []
    for n in range(2, 8):
        body = []
        value = encode({"x": np.arange(6.0).reshape(2, 3), "y": [1, "two", (3.0, None)]}, body)
        reply = {
            "op": "reply",
            "n": n,
            "value": value,
            "changed": [],
            "rng": {},
            "outputs": [{"type": "text", "text": "hi"}],
        }
        frames.append(frame(reply | {"replies": [{"value": value}, {"value": 1}]}, b"".join(body)))
        args = encode(([1.5], {}), [])
        frames.append(frame({"op": "ask", "n": n, "guest": 1, "name": "__call__", "args": args}))
    return frames


def mutated(data, rng):
    """One frame with something wrong: bits, lengths, numbers, cuts, repetitions."""
    kind = rng.integers(7)
    data = bytearray(data)
    if kind == 0:  # bits anywhere
        for at in rng.integers(0, len(data), rng.integers(1, 5)):
            data[at] ^= 1 << rng.integers(8)
    elif kind == 1:  # text of the header only
        at = int(rng.integers(8, max(9, len(data) - 48)))
        data[at] = int(rng.choice(list(b'0123456789{}[]":,-eE.nul')))
    elif kind == 2:
        del data[rng.integers(len(data)) :]
    elif kind == 3:
        data[rng.integers(0, 8)] = int(rng.integers(256))
    elif kind == 4:
        at = rng.integers(len(data))
        data[at:at] = rng.bytes(rng.integers(1, 20))
    elif kind == 5:
        digits = [i for i, b in enumerate(data[8:], 8) if 48 <= b <= 57]
        data[int(rng.choice(digits))] = int(rng.integers(48, 58))
    return bytes(data)


@pytest.mark.slow
def test_a_hundred_thousand_broken_messages_do_not_hurt():
    rng = np.random.default_rng(0)
    material, before, Counting.received = right_replies(), grown(), 0
    while Counting.received < MESSAGES:
        count = int(rng.integers(1, 33))
        chosen = [material[i] for i in rng.integers(0, len(material), count)]
        if rng.random() < 0.5:  # honest answers in order, until one is not
            chosen[: len(material) // 2] = material[::2][: len(chosen)]
        broken = rng.random(len(chosen)) < rng.choice([0.05, 0.5, 1.0])
        assert talk(b"".join(mutated(f, rng) if b else f for f, b in zip(chosen, broken)), turns=8) < SECONDS
    assert grown() - before < MEMORY


def test_a_peer_that_never_reads_does_not_hold_the_grader():
    class Deaf(Liar):
        def spawn(self, limits):
            process = super().spawn(limits)
            self.ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
            return process

    session = RemoteSession(Deaf(b""), ProcessLimits(), call_seconds=0.1)
    started = time.monotonic()
    with pytest.raises(StudentError, match=r"time limit|ended"):
        session.call("f", [np.zeros(4_000_000)], {}, 0.1)
    assert time.monotonic() - started < 4


def test_callbacks_without_end_run_into_the_limit_of_the_request():
    liar = Liar(b"", silent=False)
    session = RemoteSession(liar, ProcessLimits(), call_seconds=0.1)
    ask = frame({"op": "ask", "n": 2, "guest": 1, "name": "__call__", "args": encode(([1.5], {}), [])})
    over = threading.Event()

    def keep_asking():
        while not over.wait(0.02):
            try:
                liar.theirs.sendall(ask)
            except OSError:
                return

    asking = threading.Thread(target=keep_asking)
    asking.start()
    started = time.monotonic()
    try:
        with pytest.raises(StudentError, match="time limit"):
            session.call("f", [lambda x: x], {}, 0.1)
    finally:
        over.set()
        asking.join()
    assert time.monotonic() - started < 4
