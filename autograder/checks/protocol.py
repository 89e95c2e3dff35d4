"""Calling a forward/backward pair, and what it must keep to before any number is compared."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Broken", "Finding", "Pair", "check_protocol", "flat", "same"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: its kind, the argument it concerns ("" for the call as a whole), one sentence."""

    kind: str
    argument: str
    text: str


class Broken(Exception):
    """The pair cannot be checked further."""

    def __init__(self, kind: str, text: str, argument: str = "") -> None:
        super().__init__(text)
        self.finding = Finding(kind, argument, text)


def flat(wrt: Sequence[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of `wrt` one by one: those of a dict by its keys, those of a tuple as name[0], name[1] …"""
    out: dict[str, Any] = {}
    for name in wrt:
        value = values[name]
        if isinstance(value, Mapping):
            out.update({str(k): v for k, v in value.items()})
        elif isinstance(value, tuple) or (
            isinstance(value, list) and any(isinstance(v, np.ndarray) for v in value)
        ):
            out.update({f"{name}[{i}]": v for i, v in enumerate(value)})
        else:
            out[name] = value
    return out


def same(a: Any, b: Any) -> bool:
    """Bit for bit the same arrays, in containers too; other objects count as the same."""
    if isinstance(a, np.ndarray):
        return (
            isinstance(b, np.ndarray)
            and a.dtype == b.dtype
            and a.shape == b.shape
            and a.tobytes() == b.tobytes()
        )
    if isinstance(a, Mapping):
        return isinstance(b, Mapping) and set(a) == set(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return isinstance(b, list | tuple) and len(a) == len(b) and all(map(same, a, b))
    return True


def _alike(a: Any, b: Any) -> bool:
    """The same numbers, whether they come as numbers, lists or arrays."""
    try:
        return same(np.asarray(a), np.asarray(b))
    except ValueError:
        return False


def copied(value: Any) -> Any:
    """A copy that keeps dtype, memory order and strides as far as a copy can; read-only arrays stay read-only."""
    if isinstance(value, np.ndarray):
        fresh = value.copy(order="K")
        if not value.flags.contiguous and value.ndim and value.size:
            fresh = np.repeat(fresh, 2, axis=-1)[..., ::2]
        fresh.flags.writeable = value.flags.writeable
        return fresh
    if isinstance(value, Mapping):
        return {k: copied(v) for k, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(copied(v) for v in value)
    return copy.deepcopy(value) if isinstance(value, np.random.Generator | np.random.RandomState) else value


@dataclass
class Pair:
    """A forward and a backward function, called on copies, with frozen randomness."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    wrt: tuple[str, ...]
    loss: bool = False
    _frozen: list[tuple[Any, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._frozen = [(g, g.bit_generator.state) for g in _generators(self.forward)]
        public = any(_mentions(f, "random") for f in (self.forward, self.backward))
        self._global = np.random.get_state() if public else None
        self._frozen += [(g, g.bit_generator.state) for g in _generators(self.backward)]

    @property
    def draws(self) -> bool:
        """Whether the functions can reach a random generator."""
        return bool(self._frozen) or self._global is not None

    def thaw(self) -> None:
        """Put every generator that the functions can reach back to where it was."""
        for generator, state in self._frozen:
            generator.bit_generator.state = state
        if self._global is not None:
            np.random.set_state(self._global)

    def run(self, args: Mapping[str, Any], finite: bool = True) -> tuple[np.ndarray, Any, bool]:
        """(out, cache, whether there is a cache) of one call. Raises: Broken."""
        mine = {k: copied(v) for k, v in args.items()}
        self.thaw()
        try:
            result = self.forward(**mine)
        except Exception as error:
            raise Broken("error", f"forward raises {type(error).__name__}: {error}") from error
        for name in args:
            if not same(args[name], mine[name]):
                text = f"forward changes its argument {name}: the caller's array has other numbers after the call."
                raise Broken("mutation", text, name)
        has_cache = isinstance(result, tuple | list) and len(result) == 2
        out, cache = (result[0], result[1]) if has_cache else (result, None)
        if out is None:
            raise Broken("none", "forward returns None; is a return missing?")
        try:
            array = np.asarray(out)
            if array.dtype.kind not in "biuf":
                raise TypeError(f"dtype {array.dtype}")
        except Exception as error:
            raise Broken(
                "type", f"forward returns {type(out).__name__}, expected an array ({error})."
            ) from error
        if finite and not np.all(np.isfinite(array)):
            raise Broken(
                "nan", f"forward returns {int(np.sum(~np.isfinite(array)))} values that are nan or inf."
            )
        return array, cache, has_cache

    def value(self, args: Mapping[str, Any]) -> np.ndarray:
        """The value only, for differences."""
        self.thaw()
        result = self.forward(
            **{k: copied(v) if isinstance(v, np.random.Generator) else v for k, v in args.items()}
        )
        return np.asarray(result[0] if isinstance(result, tuple | list) and len(result) == 2 else result)

    def gradients(
        self, dout: Any, cache: Any, has_cache: bool, args: Mapping[str, Any], strict: bool = True
    ) -> dict[str, Any]:
        """What backward returns, by variable; `strict` wants finite numbers in the right shape. Raises: Broken."""
        mine = copied(dout)
        try:
            got = self.backward(mine, cache) if has_cache else self.backward(mine)
        except Exception as error:
            raise Broken("error", f"backward raises {type(error).__name__}: {error}") from error
        if not same(dout, mine):
            raise Broken("mutation", "backward changes the upstream gradient that it is given.", "dout")
        names = ", ".join(f"d{n}" for n in self.wrt)
        if got is None:
            raise Broken("none", f"backward returns None, expected {names}; is a return missing?")
        if len(self.wrt) == 1 and not (isinstance(got, tuple | list) and len(got) == 1):
            got = (got,)
        if isinstance(got, Mapping) and set(self.wrt) <= set(got):
            got = tuple(got[n] for n in self.wrt)
        if not isinstance(got, tuple | list) or len(got) != len(self.wrt):
            n = len(got) if isinstance(got, tuple | list) else 1
            raise Broken(
                "count", f"backward returns {n} gradient{'s' * (n != 1)}, expected {len(self.wrt)}: {names}."
            )
        by_name = dict(zip(self.wrt, got))
        for name in self.wrt:
            if isinstance(args[name], Mapping) and (
                not isinstance(by_name[name], Mapping) or set(by_name[name]) != set(args[name])
            ):
                keys = ", ".join(map(str, args[name]))
                raise Broken("count", f"d{name} should be a dict with the keys {keys}.", name)
        if not strict:
            return flat(self.wrt, by_name)
        values = flat(self.wrt, args)
        return {n: _as_gradient(n, g, values[n]) for n, g in flat(self.wrt, by_name).items()}


def _as_gradient(name: str, g: Any, value: Any) -> np.ndarray:
    if g is None:
        raise Broken("none", f"d{name} is None.", name)
    try:
        array = np.array(g)
    except Exception as error:
        raise Broken("type", f"d{name} is not an array: {error}", name) from error
    if array.dtype.kind not in "biuf":
        raise Broken("type", f"d{name} has dtype {array.dtype}, expected real numbers.", name)
    if array.shape != np.shape(value):
        raise Broken(
            "shape",
            f"d{name} has shape {array.shape}, expected the shape of {name}, {np.shape(value)}.",
            name,
        )
    if not np.all(np.isfinite(array)):
        raise Broken(
            "nan", f"d{name} holds {int(np.sum(~np.isfinite(array)))} values that are nan or inf.", name
        )
    return array


def check_protocol(
    pair: Pair, args: Mapping[str, Any], dout: Any, first: Mapping[str, np.ndarray], rng: np.random.Generator
) -> list[Finding]:
    """Repeatability, a cache that is its own, accumulation from call to call, zero upstream."""
    findings: list[Finding] = []
    again, cache, has_cache = pair.run(args, finite=False)
    out, _, _ = pair.run(args, finite=False)
    if not same(again, out):
        findings.append(
            Finding("repeatability", "", "forward gives two different results for the same arguments.")
        )
        return findings
    if has_cache:
        twice = pair.gradients(dout, cache, has_cache, args, strict=False)
        thrice = pair.gradients(dout, cache, has_cache, args, strict=False)
        frozen = []
        for _ in range(2):
            pair.thaw()
            frozen.append(pair.gradients(dout, cache, has_cache, args, strict=False))
        for name, g in first.items():
            if not (_alike(g, twice[name]) and _alike(g, thrice[name])):
                text = f"d{name} is different when backward is called again with the same arguments"
                ratio = _ratio(thrice[name], first[name])
                if pair.draws and _alike(frozen[0][name], frozen[1][name]):
                    findings.append(Finding("random", name, f"{text}: backward draws random numbers anew."))
                    continue
                text += f": {ratio:.3g} times the first result" if ratio else ""
                findings.append(
                    Finding("repeatability", name, f"{text}: the gradients of earlier calls are not zeroed.")
                )
        other = {k: _moved(v, rng) for k, v in args.items()}
        try:
            pair.run(other, finite=False)
        except Broken:
            return findings
        if not findings:
            stale = pair.gradients(dout, cache, has_cache, args, strict=False)
            for name, g in first.items():
                if not _alike(g, stale[name]):
                    text = f"d{name} changes when forward is called with other data before backward: it does not use its own cache."
                    findings.append(Finding("stale", name, text))
    if not pair.loss and not findings:
        _, cache, has_cache = pair.run(args, finite=False)
        for name, g in pair.gradients(np.zeros_like(dout), cache, has_cache, args, strict=False).items():
            if np.any(g):
                text = f"d{name} is not zero for a zero upstream gradient: the upstream gradient is not used everywhere."
                findings.append(Finding("upstream", name, text))
    return findings


def _ratio(a: Any, b: Any) -> float | None:
    try:
        a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    except (TypeError, ValueError):
        return None
    if a.shape != b.shape:
        return None
    top = float(np.max(np.abs(b), initial=0.0))
    if not top:
        return None
    at = np.unravel_index(int(np.argmax(np.abs(b))), b.shape)
    ratio = float(a[at] / b[at])
    return ratio if np.allclose(a, ratio * b, rtol=1e-6, atol=1e-9 * top) else None


def _moved(value: Any, rng: np.random.Generator) -> Any:
    """Other data of the same kind: floating-point arrays are changed, all else stays."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return (value * rng.uniform(0.5, 0.9, size=value.shape) + 0.01).astype(value.dtype)
    if isinstance(value, Mapping):
        return {k: _moved(v, rng) for k, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_moved(v, rng) for v in value)
    return value


def _generators(fn: Any) -> list[np.random.Generator]:
    """The generators that a function can reach: by closure, defaults, globals that it names, or its object."""
    code = getattr(fn, "__code__", None) or getattr(getattr(fn, "__func__", None), "__code__", None)
    reach: list[Any] = [c.cell_contents for c in getattr(fn, "__closure__", None) or () if _filled(c)]
    reach += list(getattr(fn, "__defaults__", None) or ())
    if code is not None:
        space = getattr(fn, "__globals__", {})
        reach += [space[n] for n in code.co_names if n in space]
    owner = getattr(fn, "__self__", None)
    reach += list(getattr(owner, "__dict__", {}).values())
    return [r for r in reach if isinstance(r, np.random.Generator)]


def _mentions(fn: Any, name: str) -> bool:
    """Whether a function, or one of its file that it calls, looks up a name: np.random is expensive to freeze."""
    todo, seen = [getattr(fn, "__func__", fn)], set()
    while todo:
        f = todo.pop()
        code = getattr(f, "__code__", None)
        if code is None:
            return True  # not written in Python: who knows
        if code in seen:
            continue
        seen.add(code)
        if name in code.co_names:
            return True
        space = getattr(f, "__globals__", {})
        near = [space[n] for n in code.co_names if n in space] + [
            c.cell_contents for c in f.__closure__ or () if _filled(c)
        ]
        todo += [
            g for g in near if getattr(getattr(g, "__code__", None), "co_filename", None) == code.co_filename
        ]
    return False


def _filled(cell: Any) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True
