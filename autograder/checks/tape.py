"""A tiny tape: a right forward formula is recorded once, its backward pass is replayed, also with edits.

    def model(ops, X, W, b):
        return ops.tanh(X @ W + b)

    tape = record(model, {"X": X, "W": W, "b": b}, ("X", "W", "b"))
    tape.out                    the value
    tape.backward(dout)         {"X": dX, "W": dW, "b": db}
    tape.backward(dout, edit)   the gradients that somebody gets who makes the mistake `edit`

Every operation has a site: the place in the model's code where it was called. The steps of a loop share a site and
differ in `count`; so "the derivative of tanh is missing" is one edit, however many steps or layers there are, and the
site means the same on every fresh instance, whatever its sizes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import CodeType, FrameType
from typing import Any

import numpy as np

from . import primitives
from .errors import ModelError
from .naming import index_text, named_place
from .primitives import ELEMENTWISE, PRIMITIVES
from .sweeps import Replay, Sweep

__all__ = ["Node", "Ops", "Replay", "Site", "Tape", "record"]

Site = tuple[Any, ...]
_OWN_FILES = {__file__, primitives.__file__}
# where an operation was called -> its site, its name, and the code, which lives as long as its number stands here
_PLACES: dict[tuple[int, ...], tuple[Site, str | None, list[CodeType]]] = {}
_MOST_PLACES = 5000
_SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "matmul": "@"}


class Node:
    """One recorded value: an argument (op is None) or the result of a primitive."""

    __slots__ = ("count", "extra", "index", "inputs", "name", "needs", "op", "site", "tape", "value")
    __array_ufunc__ = None  # so that ndarray @ node asks the node

    def __init__(
        self, tape: Tape, value: Any, op: str | None = None, inputs: tuple[Node, ...] = (), extra: Any = None
    ) -> None:
        self.tape, self.value, self.op, self.inputs, self.extra = tape, value, op, inputs, extra or {}
        self.needs = False
        for x in inputs:  # a loop, since a tape has thousands of nodes
            if x.needs:
                self.needs = True
                break
        self.index = len(tape.nodes)
        self.name: str | None = None
        self.site: Site = ()
        self.count = 0
        tape.nodes.append(self)

    # what models use
    shape = property(lambda self: np.shape(self.value))
    ndim = property(lambda self: np.ndim(self.value))
    size = property(lambda self: np.size(self.value))
    T = property(lambda self: self.tape.ops.transpose(self))

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterable[Node]:
        return (self[i] for i in range(len(self.value)))

    def __getitem__(self, index: Any) -> Node:
        return self.tape.apply("getitem", (self,), {"index": index})

    def __neg__(self) -> Node:
        return self.tape.apply("neg", (self,))

    def __pow__(self, p: float) -> Node:
        return self.tape.apply("pow", (self,), {"p": p})

    def sum(self, axis: Any = None, keepdims: bool = False) -> Node:
        return self.tape.ops.sum(self, axis, keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Node:
        return self.tape.ops.mean(self, axis, keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Node:
        return self.tape.ops.max(self, axis, keepdims)

    def reshape(self, *shape: Any) -> Node:
        return self.tape.ops.reshape(self, shape[0] if len(shape) == 1 else shape)

    def __repr__(self) -> str:
        return f"<{self.text()} {np.shape(self.value)}>"

    def text(self, depth: int = 2) -> str:
        """The formula of this value in the letters of the model, shortened: "X @ W + b"."""
        if self.op is None or (self.name and depth < 2):
            return self.name or (f"{self.value:.6g}" if np.ndim(self.value) == 0 else "constant")
        parts = [x.text(depth - 1) if depth > 0 else (x.name or "…") for x in self.inputs]
        if self.op in _SYMBOLS:
            tight = self.op in ("mul", "div", "matmul")
            parts = [f"({p})" if tight and (" + " in p or " - " in p) else p for p in parts]
            return f" {_SYMBOLS[self.op]} ".join(parts)
        if self.op == "neg":
            return f"-{parts[0]}"
        if self.op == "pow":
            return f"({parts[0]})**{self.extra['p']}"
        if self.op == "getitem":
            return f"{parts[0]}[{index_text(self.extra['index'])}]"
        if self.op == "pick":
            return f"{parts[0]} at y"
        return f"{self.op}({', '.join(parts)})"

    @property
    def label(self) -> str:
        """Name and formula: "Z = X @ W + b", or the formula alone."""
        return f"{self.name} = {self.text()}" if self.name and self.op else self.text()


def _binary(op: str) -> tuple[Callable[[Node, Any], Node], Callable[[Node, Any], Node]]:
    return (
        lambda self, other: self.tape.apply(op, (self, other)),
        lambda self, other: self.tape.apply(op, (other, self)),
    )


for _name, _op in (("add", "add"), ("sub", "sub"), ("mul", "mul"), ("truediv", "div"), ("matmul", "matmul")):
    _forth, _back = _binary(_op)
    setattr(Node, f"__{_name}__", _forth)
    setattr(Node, f"__r{_name}__", _back)


class Ops:
    """The functions that a model may use, beside operators and slices."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape

    def sum(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return self._tape.apply("sum", (x,), {"axis": axis, "keepdims": keepdims})

    def mean(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return self._tape.apply("mean", (x,), {"axis": axis, "keepdims": keepdims})

    def max(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return self._tape.apply("max", (x,), {"axis": axis, "keepdims": keepdims})

    def softmax(self, x: Any, axis: int = -1) -> Any:
        return self._tape.apply("softmax", (x,), {"axis": axis})

    def log_softmax(self, x: Any, axis: int = -1) -> Any:
        return self._tape.apply("log_softmax", (x,), {"axis": axis})

    def take(self, E: Any, ids: Any) -> Any:
        return self._tape.apply("take", (E,), {"ids": np.asarray(ids)})

    def pick(self, Z: Any, y: Any) -> Any:
        return self._tape.apply("pick", (Z,), {"y": np.asarray(y)})

    def concat(self, xs: Sequence[Any], axis: int = 0) -> Any:
        return self._tape.apply("concat", tuple(xs), {"axis": axis})

    def stack(self, xs: Sequence[Any], axis: int = 0) -> Any:
        return self._tape.apply("stack", tuple(xs), {"axis": axis})

    def reshape(self, x: Any, shape: Any) -> Any:
        return self._tape.apply("reshape", (x,), {"shape": shape})

    def transpose(self, x: Any, axes: Any = None) -> Any:
        return self._tape.apply("transpose", (x,), {"axes": axes})

    def conv1d(self, X: Any, W: Any, b: Any = None) -> Any:
        y = self._tape.apply("conv1d", (X, W))
        return y if b is None else y + self.reshape(b, (-1, 1))

    def maxpool1d(self, X: Any, k: int) -> Any:
        return self._tape.apply("maxpool1d", (X,), {"k": k})

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        return self._tape.apply("where", (a, b), {"condition": np.asarray(condition)})

    def leaky_relu(self, x: Any, alpha: Any = 0.01) -> Any:
        if isinstance(alpha, Node) or np.ndim(alpha):
            return self._tape.apply("prelu", (x, alpha))
        return self._tape.apply("leaky_relu", (x,), {"alpha": alpha})

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in ELEMENTWISE:
            known = ", ".join(sorted([*ELEMENTWISE, *(n for n in vars(Ops) if not n.startswith("_"))]))
            raise ModelError(f"The tape has no operation {name!r}; it has {known}, operators and slices.")
        return lambda x: self._tape.apply(name, (x,))


class Tape:
    """A recorded forward pass. `rewrite` maps a site to f(tape, op, inputs, extra) -> Node, to record another one.

    Without `keep` nothing is recorded: operations are carried out on arrays, and the tape has its outputs only.
    """

    def __init__(self, rewrite: Mapping[Site, Callable[..., Any]] | None = None, keep: bool = True) -> None:
        self.keep = keep
        self.nodes: list[Node] = []
        self.ops = Ops(self)
        self.leaves: dict[str, Node] = {}
        self.constants: dict[int, str] = {}  # id of an argument's array -> its name
        self.args: dict[str, Any] = {}
        self.rewrite = dict(rewrite or {})
        self.root: FrameType | None = None
        self.outputs: tuple[Node, ...] = ()
        self.many = False
        self.starts: dict[Site, Node] = {}  # for rewritten loops: what the first step took
        self._counts: dict[Site, int] = {}
        self.now: list[Any] = []  # the gradients of all nodes so far, during a backward pass
        self.view: Any = None  # what is read off the tape (`views.view_of`)
        self._last: Sweep | None = None  # the last backward pass without edits

    @property
    def out(self) -> Any:
        """The value of the model: an array, a float, or a tuple of them."""
        values = tuple(float(n.value) if np.ndim(n.value) == 0 else n.value for n in self.outputs)
        return values if self.many else values[0]

    def apply(self, op: str, inputs: tuple[Any, ...], extra: dict[str, Any] | None = None) -> Any:
        """Record one primitive; called by operators and by `ops`."""
        if not self.keep:
            return _computed(op, [np.asarray(x, dtype=float) for x in inputs], extra or {})
        site, name = self._site()
        nodes = tuple([x if isinstance(x, Node) else self.constant(x) for x in inputs])
        count = self._counts.get(site, 0)
        self._counts[site] = count + 1
        change = self.rewrite.get(site)
        node = change(self, op, nodes, extra or {}) if change is not None else self.plain(op, nodes, extra)
        node.site, node.count = site, count
        node.name = name or node.name
        return node

    def plain(self, op: str, inputs: tuple[Node, ...], extra: dict[str, Any] | None = None) -> Node:
        """A new node for a primitive, without site and without rewriting."""
        extra = extra or {}
        value = _computed(op, [x.value for x in inputs], extra)
        return Node(self, np.asarray(value), op, inputs, extra)

    def constant(self, value: Any) -> Node:
        """A value without gradient: a number or an array of the model's."""
        node = Node(self, np.asarray(value, dtype=float))
        base = value if getattr(value, "base", None) is None else value.base
        node.name = self.constants.get(id(value)) or self.constants.get(id(base))
        if (
            node.name is None
            and "mask" in self.args
            and node.value.ndim
            and bool((node.value * node.value == node.value).all())
        ):
            node.name = "mask"  # one minus the mask, its steps as a column, …
        return node

    def leaf(self, name: str, value: Any) -> Node:
        """A value whose gradient is wanted."""
        node = Node(self, np.array(value, dtype=float))
        node.name, node.needs = name, True
        self.leaves[name] = node
        return node

    def _site(self) -> tuple[Site, str | None]:
        frame: FrameType | None = sys._getframe(2)
        codes: list[CodeType] = []
        key: list[int] = []  # of numbers, since it takes long to hash code
        while frame is not None and frame is not self.root:
            codes.append(frame.f_code)
            key += (id(frame.f_code), frame.f_lasti)
            frame = frame.f_back
        found = _PLACES.get(tuple(key))
        if found is None:
            if len(_PLACES) > _MOST_PLACES:
                _PLACES.clear()
            found = _PLACES[tuple(key)] = (*named_place(codes, key[1::2], _OWN_FILES), codes)
        return found[:2]

    def backward(
        self, dout: Any = 1.0, edit: Replay | None = None, names: frozenset[str] | None = None
    ) -> dict[str, Any]:
        """The gradient of Σ dout · out with respect to every argument of `wrt`, or what an edit makes of it.

        names  the arguments that are asked for, when not all of them are
        """
        if edit is not None and edit.run is not None:
            return edit.run(self, dout)
        grads = self.sweep(dout, edit, names)
        result = {}
        for name, node in self.leaves.items():
            if names is not None and name not in names:
                continue
            g = grads[node.index]
            g = np.zeros_like(node.value) if g is None else np.asarray(g)
            if edit is not None and name in edit.leaves:
                g = edit.leaves[name](self, g)
            result[name] = g
        return result

    def sweep(
        self, dout: Any = 1.0, edit: Replay | None = None, names: frozenset[str] | None = None
    ) -> list[Any]:
        """The gradient of every node, in the order of the tape (None where nothing arrives)."""
        if self._last is None or not self._last.starts_from(dout):
            self._last = Sweep(self, dout)
        if edit is None:
            return self._last.grads
        return self._last.edited(self, edit, names)


def _computed(op: str, values: Sequence[Any], extra: Mapping[str, Any]) -> Any:
    try:
        return PRIMITIVES[op].f(*values, **extra)
    except (ValueError, TypeError, IndexError) as error:
        shapes = ", ".join(str(np.shape(x)) for x in values)
        raise ModelError(f"The model cannot compute {op} of shapes {shapes}: {error}") from None


def record(
    model: Callable[..., Any],
    args: Mapping[str, Any],
    wrt: Sequence[str] | None = None,
    rewrite: Mapping[Site, Callable[..., Any]] | None = None,
) -> Tape:
    """Run `model(ops, **args)` on the tape.

    Arguments in `wrt` become variables; an argument that is a dict or a tuple of arrays becomes variables when its
    own name, or one of its keys, is in `wrt`: they are called by their keys, or `name[0]`, `name[1]` …. All other
    arguments (labels, masks, strings, numbers) are passed as they are. Without `wrt` only the value is computed.

    Raises: ModelError when the model uses what the tape does not have, or shapes that do not fit.
    """
    tape = Tape(rewrite, keep=wrt is not None)
    tape.args = dict(args)
    wanted = set(wrt or ())
    given: dict[str, Any] = {}
    for name, value in args.items():
        if isinstance(value, Mapping) and (name in wanted or wanted & set(value)):
            given[name] = {
                k: tape.leaf(str(k), v) if name in wanted or k in wanted else v for k, v in value.items()
            }
        elif isinstance(value, tuple | list) and name in wanted:
            given[name] = type(value)(tape.leaf(f"{name}[{i}]", v) for i, v in enumerate(value))
        elif name in wanted:
            given[name] = tape.leaf(name, value)
        else:
            if isinstance(value, np.ndarray):
                tape.constants[id(value)] = name
            given[name] = value
    tape.root = sys._getframe()
    with np.errstate(all="ignore"):
        out = model(tape.ops, **given)
    tape.root = None
    tape.many = isinstance(out, tuple | list)
    outs = tuple(out) if tape.many else (out,)
    tape.outputs = tuple(x if isinstance(x, Node) else tape.constant(x) for x in outs)
    return tape
