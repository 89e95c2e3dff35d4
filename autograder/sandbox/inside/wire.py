"""Values that cross between the grader and a student's process: JSON and raw array bytes, never pickle.

Both sides use this file. Whoever reads trusts nothing: depth, counts, dtypes and shapes are checked before memory is
taken, and what arrives has exact built-in types. Objects of the other side are never rebuilt: they are `Handle`s (an
object that lives over there) or `Guest`s (an object of ours that they may call back).
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import numpy as np

from .channel import Limits, WireError

__all__ = ["Guest", "Handle", "decode", "encode"]

DTYPES = {name: np.dtype(name) for name in "|b1 |i1 <i2 <i4 <i8 |u1 <u2 <u4 <u8 <f2 <f4 <f8 <c8 <c16".split()}
_DICTS = frozenset((dict, OrderedDict, defaultdict, Counter))
_LIMITS = Limits()


@dataclass(frozen=True)
class Handle:
    """An object of the student's: it stays where it is and is named by a number."""

    id: int
    type: str = "object"


@dataclass(frozen=True)
class Guest:
    """An object of the grader's: the student's side sees a stub; only these names work, each call comes back to us.

    With `source`, the definition of a function, the student's side makes that function, and nothing comes back.
    """

    id: int
    names: tuple[str, ...] = ("__call__",)
    source: str = ""
    constants: dict[str, Any] = field(default_factory=dict)  # keyword arguments of that function


def encode(value: Any, body: list[bytes], wrap: Callable[[Any], Any] | None = None) -> Any:
    """A value as JSON with the bytes of arrays appended to `body`.

    `wrap` turns what has no value form into a Handle or a Guest. Raises WireError when there is no `wrap`, when
    containers are nested too deep or contain themselves, and for arrays of objects, text or dates.
    """
    return _Encoder(body, wrap).put(value, 0)


class _Encoder:
    def __init__(self, body: list[bytes], wrap: Callable[[Any], Any] | None) -> None:
        self.body, self.wrap, self.count = body, wrap, 0
        self.at = sum(map(len, body))
        self.limits = _LIMITS

    def put(self, value: Any, depth: int) -> Any:
        self.count += 1
        if self.count > self.limits.values:
            raise WireError("a container contains itself or holds too many values")
        if depth > self.limits.depth - 4:
            return self._refer(value)
        kind = type(value)
        if kind is np.ndarray:
            return self._array("nd", value)
        if value is None or kind is bool:
            return value
        if kind is tuple or kind is list:
            return {"$": "l" if kind is list else "t", "v": [self.put(v, depth + 1) for v in list(value)]}
        if kind in _DICTS:
            return {
                "$": "d",
                "v": [[self.put(k, depth + 1), self.put(v, depth + 1)] for k, v in list(value.items())],
            }
        if kind is str or isinstance(value, np.str_):  # np.unique and arrays of words give np.str_
            text = str.__str__(value)
            # lone surrogates cannot be written as UTF-8; they become question marks
            return text if text.isascii() else text.encode("utf-8", "replace").decode()
        if isinstance(value, np.generic):
            return self._array("ns", np.asarray(value))
        if isinstance(value, bool):
            return bool(value)
        if isinstance(value, int):
            number = int.__index__(value)
            if -(1 << 63) <= number < 1 << 63:
                return number
            if number.bit_length() > 1 << 16:
                raise WireError("an integer with more than 65536 bits")
            return {"$": "int", "v": hex(number)}
        if isinstance(value, float):
            real = float.__add__(value, 0.0)
            return real if math.isfinite(real) else {"$": "f", "v": repr(real)}
        if isinstance(value, complex):
            return {"$": "c", "v": [repr(value.real), repr(value.imag)]}
        if isinstance(value, str):
            return self.put(str.__str__(value), depth)
        if isinstance(value, (bytes, bytearray)):
            return {"$": "b", "at": self._bytes(bytes(value))}
        # a named tuple is its values as a result, and an object inside a container (a cache must come back as it was)
        if depth == 0 and isinstance(value, tuple):
            return {"$": "t", "v": [self.put(v, 1) for v in list(value)]}
        if kind is set or kind is frozenset:
            return {"$": "s" if kind is set else "fs", "v": [self.put(v, depth + 1) for v in list(value)]}
        if kind is slice:
            return {"$": "sl", "v": [self.put(v, depth + 1) for v in (value.start, value.stop, value.step)]}
        if kind is range:
            return {"$": "r", "v": [self.put(v, depth + 1) for v in (value.start, value.stop, value.step)]}
        if value is Ellipsis:
            return {"$": "e"}
        if isinstance(value, np.random.Generator) and type(value.bit_generator) is np.random.PCG64:
            state = value.bit_generator.state
            numbers = [state["state"]["state"], state["state"]["inc"], state["has_uint32"], state["uinteger"]]
            return {"$": "rng", "v": [hex(int(v)) for v in numbers]}
        return self._refer(value)

    def _refer(self, value: Any) -> Any:
        reference = value if isinstance(value, Handle | Guest) else self.wrap(value) if self.wrap else None
        if isinstance(reference, Handle):
            return {"$": "h", "id": reference.id, "type": reference.type[:80]}
        if isinstance(reference, Guest):
            names = list(reference.names)
            told = (
                {"source": reference.source, "constants": self.put(reference.constants, 0)}
                if reference.source
                else {}
            )
            return {"$": "g", "id": reference.id, "names": names, **told}
        raise WireError(f"a value of type {type(value).__name__[:60]} cannot be sent")

    def _array(self, tag: str, array: np.ndarray) -> Any:
        name = array.dtype.str
        if name not in DTYPES:  # the other byte order, or nothing that can be sent
            swapped = array.dtype.newbyteorder("<")
            name = swapped.str
            if name not in DTYPES:
                return self._refer(array)
            array = array.astype(swapped)
        return {"$": tag, "dtype": name, "shape": list(array.shape), "at": self._bytes(array.tobytes())}

    def _bytes(self, data: bytes) -> list[int]:
        start = self.at
        self.body.append(data)
        self.at += len(data)
        return [start, len(data)]


def decode(
    data: Any,
    body: bytes,
    unwrap: Callable[[Handle | Guest], Any] | None = None,
    limits: Limits | None = None,
) -> Any:
    """The value behind `encode`'s JSON, of exact built-in types. Raises WireError for anything unexpected."""
    try:
        return _Decoder(body, unwrap, limits or _LIMITS).get(data, 0)
    except (ArithmeticError, MemoryError, RecursionError, TypeError, ValueError) as error:
        # whatever else can be wrong with what somebody else has written
        raise WireError(f"a value that cannot be read: {type(error).__name__}: {str(error)[:100]}") from None


class _Decoder:
    def __init__(self, body: bytes, unwrap: Callable[[Handle | Guest], Any] | None, limits: Limits) -> None:
        self.body, self.unwrap, self.limits, self.count = body, unwrap, limits, 0

    def get(self, data: Any, depth: int) -> Any:
        self.count += 1
        if depth > self.limits.depth or self.count > self.limits.values:
            raise WireError("a message is nested too deep or holds too many values")
        if data is None or type(data) in (bool, int, float, str):
            return data
        if type(data) is not dict:
            raise WireError("a bare JSON list where a value was expected")
        tag = data.get("$")
        reader = _READERS.get(tag) if type(tag) is str else None
        if reader is None:
            raise WireError(f"unknown kind of value {str(tag)[:20]!r}")
        return reader(self, data, depth + 1)

    def _items(self, data: dict[str, Any], count: int | None = None) -> list[Any]:
        items = data.get("v")
        if type(items) is not list or (count is not None and len(items) != count):
            raise WireError("a container without its items")
        return items

    def _place(self, data: dict[str, Any]) -> tuple[int, int]:
        """Where in the body it begins and how many bytes it has."""
        at = data.get("at")
        if not _sizes(at) or len(at) != 2:
            raise WireError("an array without its place in the body")
        start, count = at
        if start + count > len(self.body):
            raise WireError("an array that reaches beyond the message")
        return start, count

    def _get_nd(self, data: dict[str, Any], depth: int) -> np.ndarray:
        dtype, shape = data.get("dtype"), data.get("shape")
        kind = DTYPES.get(dtype) if type(dtype) is str else None
        if kind is None:
            raise WireError(f"an array of dtype {str(dtype)[:20]!r} is not allowed")
        if not _sizes(shape) or len(shape) > 16:
            raise WireError("an array without a shape")
        start, count = self._place(data)
        if math.prod(shape) * kind.itemsize != count:
            raise WireError(f"an array of shape {tuple(shape)} with {count} bytes")
        if kind.kind == "b" and self.body[start : start + count].strip(b"\x00\x01"):
            raise WireError("a boolean array that holds other bytes than 0 and 1")
        return np.ndarray(shape, kind, self.body, start).copy()

    def _get_ns(self, data: dict[str, Any], depth: int) -> Any:
        array = self._get_nd(data, depth)
        if array.shape != ():
            raise WireError("a NumPy scalar with a shape")
        return array[()]

    def _get_int(self, data: dict[str, Any], depth: int) -> int:
        return _hex(data.get("v"))

    def _get_f(self, data: dict[str, Any], depth: int) -> float:
        if data.get("v") not in ("inf", "-inf", "nan"):
            raise WireError("a number that is none")
        return float(data["v"])

    def _get_c(self, data: dict[str, Any], depth: int) -> complex:
        parts = self._items(data, 2)
        if any(type(p) is not str or len(p) > 30 for p in parts):
            raise WireError("a complex number that is none")
        try:
            return complex(float(parts[0]), float(parts[1]))
        except ValueError:
            raise WireError("a complex number that is none") from None

    def _get_b(self, data: dict[str, Any], depth: int) -> bytes:
        start, count = self._place(data)
        return self.body[start : start + count]

    def _get_t(self, data: dict[str, Any], depth: int) -> tuple[Any, ...]:
        return tuple([self.get(v, depth) for v in self._items(data)])

    def _get_l(self, data: dict[str, Any], depth: int) -> list[Any]:
        return [self.get(v, depth) for v in self._items(data)]

    def _get_s(self, data: dict[str, Any], depth: int) -> set[Any]:
        return {self._key(v, depth) for v in self._items(data)}

    def _get_fs(self, data: dict[str, Any], depth: int) -> frozenset[Any]:
        return frozenset(self._get_s(data, depth))

    def _get_d(self, data: dict[str, Any], depth: int) -> dict[Any, Any]:
        result = {}
        for pair in self._items(data):
            if type(pair) is not list or len(pair) != 2:
                raise WireError("a dict without pairs")
            result[self._key(pair[0], depth)] = self.get(pair[1], depth)
        return result

    def _get_sl(self, data: dict[str, Any], depth: int) -> slice:
        return slice(*(self.get(v, depth) for v in self._items(data, 3)))

    def _get_r(self, data: dict[str, Any], depth: int) -> range:
        parts = [self.get(v, depth) for v in self._items(data, 3)]
        if any(type(p) is not int for p in parts) or parts[2] == 0:
            raise WireError("a range without numbers")
        return range(*parts)

    def _get_e(self, data: dict[str, Any], depth: int) -> Any:
        return ...

    def _get_rng(self, data: dict[str, Any], depth: int) -> np.random.Generator:
        state, inc, has, last = (_hex(v) for v in self._items(data, 4))
        if not (0 <= state < 1 << 128 and 0 <= inc < 1 << 128 and has in (0, 1) and 0 <= last < 1 << 32):
            raise WireError("a generator with an impossible state")
        bits = np.random.PCG64()
        bits.state = {
            "bit_generator": "PCG64",
            "state": {"state": state, "inc": inc},
            "has_uint32": has,
            "uinteger": last,
        }
        return np.random.Generator(bits)

    def _get_h(self, data: dict[str, Any], depth: int) -> Any:
        number, name = data.get("id"), data.get("type")
        if type(number) is not int or type(name) is not str:
            raise WireError("a handle without a number")
        return self._refer(Handle(number, name[:80]))

    def _get_g(self, data: dict[str, Any], depth: int) -> Any:
        number, names = data.get("id"), data.get("names")
        if type(number) is not int or type(names) is not list or any(type(n) is not str for n in names):
            raise WireError("a guest without a number")
        source, constants = data.get("source", ""), self.get(data.get("constants", _NOTHING), depth)
        if type(source) is not str or type(constants) is not dict:
            raise WireError("a guest without a source")
        return self._refer(Guest(number, tuple(names), source, constants))

    def _refer(self, reference: Handle | Guest) -> Any:
        if self.unwrap is None:
            raise WireError("an object where a value was expected")
        return self.unwrap(reference)

    def _key(self, data: Any, depth: int) -> Any:
        key = self.get(data, depth)
        try:
            hash(key)
        except TypeError:
            raise WireError("a dict or set with a key that cannot be one") from None
        return key


_NOTHING = {"$": "d", "v": []}
_READERS = {name[5:]: reader for name, reader in vars(_Decoder).items() if name.startswith("_get_")}


def _sizes(data: Any) -> TypeGuard[list[int]]:
    """Whether it is a list of whole numbers that are not negative."""
    if type(data) is not list:
        return False
    for value in data:  # noqa: SIM110  (all() over a generator takes three times as long, and arrays are many)
        if type(value) is not int or value < 0:
            return False
    return True


def _hex(text: Any) -> int:
    if type(text) is not str or len(text) > (1 << 14) + 8:
        raise WireError("an integer that is none")
    try:
        return int(text, 16)
    except ValueError:
        raise WireError("an integer that is none") from None
