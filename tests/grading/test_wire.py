"""Frames between the processes: values survive, and nothing that arrives breaks the reader."""

import json
import os
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograder.sandbox.inside.channel import Channel, Closed, Limits, TooLong, WireError
from autograder.sandbox.inside.wire import Guest, Handle, decode, encode

from .conftest import TAGS

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=20)
)
dtypes = st.sampled_from(["b1", "i1", "<i4", "<i8", "u1", "<f4", "<f8", "<c16"])
arrays = dtypes.flatmap(
    lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)
keys = st.integers() | st.text(max_size=5) | st.tuples(st.integers(), st.text(max_size=3))
values = st.recursive(
    scalars | arrays,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
        | st.sets(st.integers(), max_size=4)
    ),
    max_leaves=12,
)


def same(a, b):
    if isinstance(a, np.ndarray):
        return (
            type(b) is np.ndarray and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
        )
    if isinstance(a, float):
        return type(b) is float and (a == b or (a != a and b != b))
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return type(b) is dict and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return type(a) is type(b) and a == b


@settings(max_examples=300, deadline=None)
@given(values)
def test_what_is_encoded_is_decoded_the_same(value):
    body = []
    try:
        data = json.loads(json.dumps(encode(value, body)))
    except WireError:
        pytest.fail("a plain value could not be sent")
    text_is_lossy = "\\ud" in repr(value)  # lone surrogates are replaced on purpose
    assert text_is_lossy or same(value, decode(data, b"".join(body)))


@settings(max_examples=500, deadline=None)
@given(
    st.recursive(
        scalars.filter(lambda x: not isinstance(x, bytes)),
        lambda x: (
            st.lists(x, max_size=4)
            | st.dictionaries(
                st.sampled_from(["$", "v", "at", "dtype", "shape", "id", "names", "x"]),
                x | st.sampled_from([*TAGS, "O"]),
                max_size=5,
            )
        ),
        max_leaves=20,
    ),
    st.binary(max_size=64),
)
def test_anything_else_is_refused_with_a_wire_error(data, body):
    try:
        decode(data, body, lambda reference: reference)
    except WireError:
        return
    assert data is None or isinstance(data, bool | int | float | str | dict)


def test_words_of_numpy_arrive_as_words():
    words = np.array(["cow", "überall"])
    assert decode(encode(list(words), []), b"") == ["cow", "überall"]
    assert decode(encode({words[0]: 1}, []), b"") == {"cow": 1}


def test_generators_objects_and_numpy_scalars_cross():
    rng = np.random.default_rng(7)
    rng.random(3)
    body = []
    data = encode(
        {
            "rng": rng,
            "h": Handle(3, "Node"),
            "g": Guest(4),
            "n": np.float32(2),
            "e": ...,
            "r": range(2, 9, 3),
        },
        body,
    )
    back = decode(data, b"".join(body), lambda reference: reference)
    assert back["rng"].random() == rng.random()
    assert back["h"] == Handle(3, "Node") and back["g"] == Guest(4)
    assert type(back["n"]) is np.float32 and back["e"] is ... and back["r"] == range(2, 9, 3)


@pytest.mark.parametrize(
    "lie",
    [
        {"$": "nd", "dtype": "<f8", "shape": [1 << 40], "at": [0, 8]},
        {"$": "nd", "dtype": "<f8", "shape": [2], "at": [0, 8]},
        {"$": "nd", "dtype": "|O", "shape": [1], "at": [0, 8]},
        {"$": "nd", "dtype": "<f8", "shape": [-1], "at": [0, 8]},
        {"$": "nd", "dtype": "<f8", "shape": [1], "at": [0, 1 << 60]},
        {"$": "nd", "dtype": "|b1", "shape": [8], "at": [0, 8]},
        {"$": "nd", "dtype": "<f8", "shape": [0, 1 << 63], "at": [0, 0]},
        {"$": "nd", "dtype": "<f8", "shape": [0, 1 << 62, 1 << 62], "at": [8, 0]},
        {"$": "d", "v": [[{"$": "l", "v": []}, 1]]},
        {"$": "rng", "v": ["0x1", "0x1", "0x5", "0x0"]},
        {"$": "__class__"},
        [1, 2],
    ],
)
def test_a_lying_array_or_container_is_refused(lie):
    with pytest.raises(WireError):
        decode(lie, b"\x07" * 8, lambda reference: reference)


def test_a_list_that_holds_itself_cannot_be_sent():
    loop = []
    loop.append(loop)
    with pytest.raises(WireError):
        encode(loop, [])


def nested(depth):
    data = {"$": "l", "v": []}
    for _ in range(depth):
        data = {"$": "l", "v": [data]}
    return data


def test_deep_nesting_is_refused():
    with pytest.raises(WireError):
        decode(nested(100), b"")


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", Closed),
        (b"\x00\x00", Closed),
        (struct.pack(">II", 1 << 31, 0), WireError),
        (struct.pack(">II", 4, 0) + b"nope", WireError),
        (struct.pack(">II", 2, 0) + b"[]", WireError),
        (struct.pack(">II", 3, 0) + b"9" * 3, WireError),
        (struct.pack(">II", 5010, 0) + b'{"n":' + b"9" * 5004 + b"}", WireError),
        (struct.pack(">II", 100, 0) + b"{}", Closed),
    ],
)
def test_broken_frames_are_refused(raw, error):
    read, write = os.pipe()
    os.write(write, raw)
    os.close(write)
    try:
        with pytest.raises(error):
            Channel(read, Limits(header=10_000)).receive(1)
    finally:
        os.close(read)


def test_a_silent_peer_is_not_waited_for():
    read, write = os.pipe()
    try:
        with pytest.raises(TooLong):
            Channel(read).receive(0.05)
    finally:
        os.close(read)
        os.close(write)
