"""Is an analytic gradient right? Right, wrong, or beyond what finite differences can tell.

First the protocol (`protocol`), then one inner product by random projection for each argument, then, only for
arguments that disagree, entry by entry. The tolerance is an error estimate plus a few ulps of the precision in which
the gradient was computed, never a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .differences import EPS, Line, Slope, noise, slope, with_kink
from .doubles import callable_module
from .errors import UsageError
from .protocol import Broken, Finding, Pair, check_protocol, flat

__all__ = ["Finding", "Report", "Worst", "agrees", "gradcheck", "tolerance"]

_ENTRIES = 400  # entries of one argument that are looked at singly


@dataclass(frozen=True)
class Worst:
    """The entry that is farthest off."""

    argument: str
    index: tuple[int, ...]
    analytic: float
    numeric: float
    error: float  # relative to the largest entry of the gradient


@dataclass
class Report:
    """What gradcheck found; `str()` is for people."""

    status: str  # passed | failed | inconclusive
    findings: list[Finding] = field(default_factory=list)
    worst: Worst | None = None
    errors: dict[str, float] = field(
        default_factory=dict
    )  # argument -> relative error of its random projection
    steps: dict[str, float] = field(default_factory=dict)  # argument -> step of the differences
    kinks: list[tuple[str, tuple[int, ...]]] = field(
        default_factory=list
    )  # entries that were judged as kinks
    calls: int = 0  # evaluations of forward

    @property
    def ok(self) -> bool:
        """True when the gradient passed."""
        return self.status == "passed"

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        lines = [f"gradient check: {self.status}"]
        lines += [f"  {f.text}" for f in self.findings]
        for name, error in self.errors.items():
            lines.append(
                f"  d{name}: relative error {error:.1e} (step {self.steps.get(name, float('nan')):.0e})"
            )
        if self.worst is not None and self.worst.error > 0 and not self.ok:
            w = self.worst
            at = f"[{', '.join(map(str, w.index))}]" if w.index else ""
            lines.append(f"  worst: d{w.argument}{at} is {w.analytic:.8g}, numerically {w.numeric:.8g}")
        if self.kinks:
            lines.append(f"  at a kink, judged by one-sided slopes: {len(self.kinks)} entries")
        return "\n".join(lines)


def tolerance(
    reference: Any, submitted: Any = None, scale: float | None = None, operations: int = 0
) -> float:
    """How far a value may be off by rounding alone, absolute.

    tol = ε · (64 + 4 √operations) · max(largest |reference|, scale), and never more than 1e-8 of it for float64;
    ε is that of the submission's own precision: a float32 array, or numbers that all fit into float32.
    """
    reference = np.asarray(reference, dtype=float)
    count = operations or 16 * max(reference.size, 1)
    largest = float(np.max(np.abs(reference[np.isfinite(reference)]), initial=0.0))
    return _eps_of(submitted) * (64 + 4 * count**0.5) * max(largest, scale or 0.0)


def agrees(reference: Any, submitted: Any, scale: float | None = None, rtol: float = 0.0) -> bool:
    """Whether a submission is the reference up to rounding: same shape, nan where it is nan."""
    a, b = np.asarray(reference), np.asarray(submitted)
    if a.shape != b.shape:
        return False
    tol = max(tolerance(a, b, scale), rtol * float(np.max(np.abs(a), initial=0.0)))
    with np.errstate(all="ignore"):
        return bool(np.all((np.abs(a - b) <= tol) | (a == b) | (np.isnan(a) & np.isnan(b))))


def _eps_of(submitted: Any) -> float:
    """The precision of what was handed in; numbers that are all exact in float32 were computed in float32."""
    if submitted is None:
        return EPS
    array = np.asarray(submitted)
    if array.dtype == np.float32 or array.dtype == np.float16:
        return float(np.finfo(np.float32).eps)
    if array.dtype.kind == "f" and array.size and _few_digits(array):
        return float(np.finfo(np.float32).eps)
    return EPS


def _few_digits(array: np.ndarray) -> bool:
    with np.errstate(all="ignore"):
        short = array.astype(np.float32).astype(float)
    # whole numbers and simple fractions are exact in any precision and tell nothing
    simple = array * 4096.0 == np.rint(array * 4096.0)
    return bool(np.all(short == array) and not np.all(simple))


def gradcheck(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    args: Mapping[str, Any],
    wrt: Sequence[str],
    *,
    loss: bool = False,
    rng: np.random.Generator | None = None,
) -> Report:
    """Compare the gradients that `backward` returns with numerical ones.

    `forward(**args)` gives out or (out, cache); `backward(dout, cache)`, or `backward(dout)` where there is no cache,
    gives the gradients in the order of `wrt` (a single one may be bare). With loss=True dout is 1.0, else random.

    Raises: UsageError when `wrt` names something that is not in `args`.

    >>> report = gradcheck(lambda x: (x**3, x), lambda dout, x: 3 * x**2 * dout, {"x": np.array([1.0, 2.0])}, ["x"])
    >>> report.status
    'passed'
    >>> gradcheck(lambda x: (x**3, x), lambda dout, x: x**2 * dout, {"x": np.array([1.0, 2.0])}, ["x"]).ok
    False
    """
    wrt = (wrt,) if isinstance(wrt, str) else tuple(wrt)
    if missing := [w for w in wrt if w not in args]:
        raise UsageError(
            f"gradcheck: wrt names {', '.join(missing)}, which is not in args ({', '.join(args)})."
        )
    rng = rng if rng is not None else np.random.default_rng(0)
    pair = Pair(forward, backward, wrt, loss)
    report = Report("passed")
    with np.errstate(all="ignore"):
        try:
            out, cache, has_cache = pair.run(args)
            dout: Any = 1.0 if loss else rng.normal(size=out.shape)
            if not loss and out.dtype == np.float32:
                dout = dout.astype(np.float32)
            grads = pair.gradients(dout, cache, has_cache, args)
            report.findings += check_protocol(pair, args, np.asarray(dout) if not loss else dout, grads, rng)
        except Broken as broken:
            report.findings.append(broken.finding)
            report.status = "failed"
            return report
        finally:
            pair.thaw()
        try:
            _numbers(report, pair, dict(args), dout, grads, rng, single=out.dtype == np.float32)
        except Exception as error:  # forward failed at a neighbouring point
            report.findings.append(
                Finding("error", "", f"forward fails close to the arguments: {type(error).__name__}: {error}")
            )
        finally:
            pair.thaw()
    kinds = {f.kind for f in report.findings}
    if kinds - {"resolution"}:
        report.status = "failed"
    elif kinds:
        report.status = "inconclusive"
    return report


def consistent(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    args: Mapping[str, Any],
    wrt: Sequence[str],
    loss: bool,
) -> bool:
    """Whether backward is the gradient of forward, by one random projection for each argument: quick, for a diagnosis."""
    pair, rng, report = Pair(forward, backward, tuple(wrt), loss), np.random.default_rng(1), Report("passed")
    try:
        with np.errstate(all="ignore"):
            out, cache, has_cache = pair.run(args)
            dout: Any = 1.0 if loss else rng.normal(size=out.shape)
            grads = pair.gradients(dout, cache, has_cache, args)
            _numbers(report, pair, dict(args), dout, grads, rng, out.dtype == np.float32, entries=False)
    except Exception:  # a pair that cannot be called is not consistent
        return False
    finally:
        pair.thaw()
    return not report.findings


class _Lines:
    """Lines through the arguments, in float64, along which Σ dout · out is a function of one number."""

    def __init__(self, pair: Pair, args: Mapping[str, Any], dout: Any) -> None:
        self.pair, self.weights = pair, np.asarray(dout, dtype=float)
        self.args = {k: _double(v, k in pair.wrt) for k, v in args.items()}
        self.points = {n: np.array(v, dtype=float) for n, v in flat(pair.wrt, self.args).items()}
        self.calls = 0

    def along(self, name: str, v: np.ndarray) -> Line:
        """φ(t) with variable `name` moved by t v."""

        def phi(t: float) -> float:
            self.calls += 1
            out = self.pair.value(self._at(name, self.points[name] + t * v))
            return float(np.sum(self.weights * np.asarray(out, dtype=float)))

        return Line(phi)

    def _at(self, name: str, value: np.ndarray) -> dict[str, Any]:
        args = dict(self.args)
        if name in args and name in self.pair.wrt:
            args[name] = value if np.ndim(args[name]) or isinstance(args[name], np.ndarray) else float(value)
            return args
        for key in self.pair.wrt:
            held = args[key]
            if isinstance(held, Mapping) and name in held:
                args[key] = {**held, name: value}
            elif isinstance(held, tuple | list) and name.startswith(f"{key}["):
                i = int(name[len(key) + 1 : -1])
                args[key] = type(held)(value if k == i else x for k, x in enumerate(held))
        return args


def _double(value: Any, variable: bool) -> Any:
    if isinstance(value, np.ndarray) and (variable or value.dtype.kind == "f"):
        return value.astype(float)
    if isinstance(value, Mapping):
        return {k: _double(v, variable) for k, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_double(v, variable) for v in value)
    return float(value) if variable and isinstance(value, int) else value


def _numbers(
    report: Report,
    pair: Pair,
    args: dict[str, Any],
    dout: Any,
    grads: dict[str, np.ndarray],
    rng: np.random.Generator,
    single: bool,
    entries: bool = True,
) -> None:
    lines = _Lines(pair, args, dout)
    held = flat(pair.wrt, args)
    single = single or any(np.asarray(v).dtype == np.float32 for v in held.values())
    for name, g in grads.items():
        x = lines.points[name]
        if not x.size:
            continue
        v = rng.normal(size=x.shape) * _size(x)
        line = lines.along(name, v)
        level = noise(line)
        g = g.astype(float)
        parts = g * v
        scale = float(np.sqrt(np.sum(parts**2)))
        found = slope(line, level, scale=scale)
        ulp = np.finfo(np.float32).eps if single or _eps_of(grads[name]) > 1e-10 else EPS
        rounding = 64 * float(ulp) * float(np.sqrt(x.size)) * max(scale, abs(found.value))
        error, tol = abs(found.value - float(np.sum(parts))), 8 * found.error + rounding
        size = max(scale, abs(found.value), np.finfo(float).tiny)
        report.errors[name], report.steps[name] = error / size, found.step
        if not np.isfinite(found.value):
            report.findings.append(
                Finding(
                    "resolution", name, f"forward is not finite close to this {name}; try a smaller {name}."
                )
            )
            continue
        # a gradient that is nothing beside the value of the function is zero, as far as anybody can tell
        rough = tol > 1e-3 * size and not (scale <= 1e-12 * abs(line(0.0)) and tol <= 1e-8 * abs(line(0.0)))
        if (error > tol or rough) and not entries:
            report.findings.append(
                Finding("gradient", name, f"d{name} disagrees with the numerical gradient.")
            )
        elif error > tol or rough:
            _entries(report, lines, name, g, level, rng, float(ulp))
    report.calls = lines.calls


def _entries(
    report: Report,
    lines: _Lines,
    name: str,
    g: np.ndarray,
    level: float,
    rng: np.random.Generator,
    ulp: float,
) -> None:
    """Judge the entries of one gradient singly: wrong, at a kink, or beyond resolution."""
    x = lines.points[name]
    todo = np.arange(x.size)
    if x.size > _ENTRIES:
        todo = np.sort(rng.choice(x.size, _ENTRIES, replace=False))
    numeric = np.full(x.size, np.nan)
    wrong, unsure = [], []
    slopes: dict[int, Slope] = {}
    for k in map(int, todo):
        v = np.zeros(x.size)
        v[k] = max(abs(float(x.flat[k])), _size(x))
        line = lines.along(name, v.reshape(x.shape))
        s = slope(line, level, good=1e-9, scale=abs(float(g.flat[k]) * v[k]))
        if abs(s.value - float(g.flat[k]) * v[k]) > 8 * s.error + 64 * ulp * abs(s.value):
            s = with_kink(line, level, s)
        slopes[k] = s
        numeric[k] = s.value / v[k]
    top = max(
        float(np.nanmax(np.abs(numeric), initial=0.0)),
        float(np.max(np.abs(g), initial=0.0)),
        np.finfo(float).tiny,
    )
    worst: Worst | None = None
    for k, s in slopes.items():
        unit = max(abs(float(x.flat[k])), _size(x))
        index = tuple(int(i) for i in np.unravel_index(k, x.shape))
        tol = 8 * s.error / unit + 64 * ulp * top
        got = float(g.flat[k])
        low, high = sorted((s.left / unit, s.right / unit))
        if s.kink:
            report.kinks.append((name, index))
            off = max(low - got, got - high, 0.0)
            slack = max(tol, 1e-3 * (high - low))
        else:
            off, slack = abs(numeric[k] - got), tol
        if off > slack:
            wrong.append(k)
            if worst is None or off / top > worst.error:
                worst = Worst(name, index, got, float(numeric[k]), float(off / top))
        elif tol > 1e-3 * top and not s.kink:
            unsure.append(k)
    if wrong:
        of = f"of {x.size}" if x.size <= _ENTRIES else f"of {_ENTRIES} looked at"
        entries = "" if x.size == 1 else f" in {len(wrong)} {of} entries"
        text = f"d{name} disagrees with the numerical gradient{entries}"
        if worst is not None:
            at = f"[{', '.join(map(str, worst.index))}]" if worst.index else ""
            text += f"; d{name}{at} is {worst.analytic:.6g}, numerically {worst.numeric:.6g}"
            if report.worst is None or worst.error > report.worst.error:
                report.worst = worst
        report.findings.append(Finding("gradient", name, text + "."))
    elif unsure:
        report.findings.append(
            Finding(
                "resolution",
                name,
                f"d{name}: {len(unsure)} entries are close to the resolution of finite differences "
                f"(noise {level:.0e}); check in float64, or with larger values.",
            )
        )


def _size(x: np.ndarray) -> float:
    """The size of steps for an array: its root mean square, 1 when it is all zeros."""
    size = float(np.sqrt(np.mean(np.square(x)))) if x.size else 0.0
    return size if size > 0 else 1.0


callable_module(__name__, gradcheck)
