"""Operations: what a forward/backward pair becomes in a graph."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

import course.backprop  # noqa: F401  (it marks the backward halves of the losses, which `pair_of` has to find)
from course.graph.engine import Node
from course.toolbox.errors import FusedError, GraphError, InputError
from course.toolbox.pairs import backward_of

__all__ = ["SLOT", "Bundle", "LeavesGraph", "Op", "Pack", "Pair", "Variable", "made", "pair_of"]

SLOT = object()  # stands among the arguments of an Op where an input goes


class Variable(Node):
    """A node that is computed at once and keeps what backward needs; `var.Var` adds the operators.

    `used` are the values that the operation was given, `cache` is what forward kept, `flow` a gradient on its way.
    """

    __slots__ = ("_grad", "cache", "flow", "used")
    constant = False  # a constant gets no gradient
    keeps = True  # whether `backward` stores the gradient here
    value: Any
    wrap: Any = None  # array or tuple of variables -> variable, anything else -> None; set by `var`
    kind: type  # the class of results


class Bundle(Variable):
    """Several results or inputs as one node; its value is a tuple, its gradient a tuple or a dict with some places."""

    __slots__ = ()
    keeps = False


def made(
    kind: type, op: Any, inputs: Sequence[Any], used: Sequence[Any], value: Any, cache: Any = None
) -> Any:
    """A new variable; from here on nobody may write into its value."""
    node: Any = object.__new__(kind)
    if type(value) is np.ndarray:
        value.flags.writeable = False
    elif type(value) is np.float64:
        value = float(value)  # Python's own floats are several times faster
    node.op, node.inputs, node.used, node.value, node.cache = op, inputs, used, value, cache
    node.name, node._grad, node.flow = "", None, None
    return node


class Pair:
    """A forward/backward pair, looked at once: what backward asks for. Calling it with variables makes a new one."""

    def __init__(
        self, forward: Callable[..., Any], backward: Callable[..., Any] | None, name: str = ""
    ) -> None:
        self.forward, self.backward = forward, backward
        self.name = name or forward.__name__.removesuffix("_forward").strip("_")
        known = inspect.signature(forward).parameters
        self.names = list(known)
        self.defaults = {n: p.default for n, p in known.items() if p.default is not p.empty}
        asked = list(inspect.signature(backward).parameters) if backward else ["dout"]
        self.need = "need" in asked
        asked = [n for n in asked if n != "need"]
        self.cached = "cache" in asked or (len(asked) == 2 and asked[1] not in (*self.names, "out"))
        self.outputs = len(asked) - 1 if self.cached else 1
        strange = [n for n in asked[1:] if n not in (*self.names, "out")]
        if not asked or (strange and not self.cached):
            raise GraphError(
                f"lift: the backward of {self.name} asks for {strange}; after the gradient it may ask for arguments of "
                f"{forward.__name__} ({', '.join(self.names)}), for out, or for one cache."
            )
        self.plan = [] if self.cached else [-1 if n == "out" else self.names.index(n) for n in asked[1:]]
        self.plain = Op(self, [SLOT] * len(self.names))

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Apply the pair; arrays among the arguments become constants, everything else is fixed in the operation."""
        if options or len(args) != len(self.names):
            args = self.bind(args, options)
        inputs = [a if isinstance(a, Variable) else Variable.wrap(a) for a in args]
        if None not in inputs:
            return self.plain(*inputs)
        op = Op(self, [a if x is None else SLOT for a, x in zip(args, inputs)])
        return op(*(x for x in inputs if x is not None))

    def bind(self, args: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, ...]:
        """The arguments in the order of forward, defaults filled in."""
        bound = {**self.defaults, **dict(zip(self.names, args)), **options}
        if len(args) > len(self.names) or set(bound) != set(self.names):
            raise InputError(
                f"{self.name}: takes {', '.join(self.names)}; got {len(args)} arguments in order and {sorted(options)}."
            )
        return tuple(bound[n] for n in self.names)

    def run(self, args: Sequence[Any]) -> tuple[Any, Any]:
        """What forward computes, and its cache; several results are a tuple."""
        result = self.forward(*args)
        if not self.cached:
            return result, None
        if not isinstance(result, (tuple, list)) or len(result) <= self.outputs:
            raise GraphError(
                f"{self.name}: its backward asks for {self.outputs} gradient(s) and a cache, so forward must return "
                f"{self.outputs} result(s) and the cache; it returned {type(result).__name__}."
            )
        return (result[0] if self.outputs == 1 else tuple(result[: self.outputs])), result[self.outputs]

    def gradients(self, g: Any, args: Sequence[Any], out: Any, kept: Any, need: Sequence[bool]) -> list[Any]:
        """What backward returns, one gradient or None for each argument of forward."""
        if self.backward is None:
            return [None] * len(args)
        asked = [kept] if self.cached else [args[k] if k >= 0 else out for k in self.plan]
        gs = [g] if self.outputs == 1 else [np.zeros_like(y) if dy is None else dy for y, dy in zip(out, g)]
        grads = self.backward(*gs, *asked, need=need) if self.need else self.backward(*gs, *asked)
        grads = list(grads) if isinstance(grads, (tuple, list)) else [grads]
        return grads if len(grads) == len(args) else grads + [None] * (len(args) - len(grads))


@cache
def pair_of(f: Callable[..., Any]) -> Pair:
    """The pair that a function of the library belongs to; without a backward half it has no gradient."""
    return Pair(getattr(f, "__wrapped__", f), backward_of(f))


class Op:
    """A pair as the operation of a node, with those arguments filled in that are no nodes.

    The filled-in arguments are attributes too, under the names that forward gives them. `f` and `bprop` are what the
    algorithms of `engine` ask for; both run forward anew.
    """

    def __init__(self, pair: Pair, args: Sequence[Any]) -> None:
        self.pair, self.args, self.name = pair, args, pair.name
        self.places = [i for i, a in enumerate(args) if a is SLOT]
        self.plain = len(self.places) == len(args)
        shortcut = self.plain and pair.backward is not None and pair.plan == self.places and not pair.need
        self.direct = pair.backward if shortcut else None  # backward(g, *inputs) is all there is to do
        self.by_out = len(args) == 1 and pair.plan == [-1] and not pair.need  # backward(g, out) is
        if not self.plain:
            self.__dict__.update((n, a) for n, a in zip(pair.names, args) if a is not SLOT)

    def __repr__(self) -> str:
        fixed = ", ".join(f"{n}={a!r}" for n, a in zip(self.pair.names, self.args) if a is not SLOT)
        return self.name + (f"({fixed})" if fixed else "")

    def __call__(self, *inputs: Any) -> Any:
        """A new variable: the operation applied to variables, computed at once; a tuple of them for several results."""
        used = [x.value for x in inputs]
        value, kept = self.pair.run(self.full(used))
        kind = next((x.kind for x in inputs if not x.constant), inputs[0].kind)
        if type(value) is not tuple:
            return made(kind, self, inputs, used, value, kept)
        node = made(Bundle, self, inputs, used, value, kept)
        return tuple(made(kind, _Part(i), (node,), (value,), part) for i, part in enumerate(value))

    def full(self, xs: Sequence[Any]) -> Sequence[Any]:
        """All arguments of forward: the inputs where they belong, the fixed ones between them."""
        if self.plain:
            return xs
        rest = iter(xs)
        return [next(rest) if a is SLOT else a for a in self.args]

    def f(self, *xs: Any) -> Any:
        """The value of the operation for these inputs."""
        return self.pair.run(self.full(xs))[0]

    def bprop(self, xs: Sequence[Any], i: int, G: Any) -> Any:
        """The gradient of input number i, when G is the gradient of the value."""
        args, need = self.full(xs), [k == self.places[i] for k in range(len(self.args))]
        return self.pair.gradients(G, args, *self.pair.run(args), need)[self.places[i]]

    def pull(self, node: Any, g: Any, live: Any, graph: bool) -> list[Any]:
        """The gradients of all inputs of a node, as arrays or as variables."""
        if self.by_out and not graph:
            only: Any = self.pair.backward(g, node.value)  # type: ignore[misc]
            return list(only) if isinstance(only, (tuple, list)) else [only]
        need = [not x.constant and (live is None or x in live) for x in node.inputs]
        if type(g) is dict:
            g = tuple(g.get(i) for i in range(len(node.value)))
        if self.plain and not graph:
            return self.pair.gradients(g, node.used, node.value, node.cache, need)
        if not self.plain:
            rest = iter(need)
            need = [a is SLOT and next(rest) for a in self.args]
        if graph:
            grads = self._graph_gradients(node, g, need)
        else:
            grads = self.pair.gradients(g, self.full(node.used), node.value, node.cache, need)
        return [grads[i] for i in self.places]

    def _graph_gradients(self, node: Any, g: Any, need: Sequence[bool]) -> list[Any]:
        """Backward once more, on variables; where its text leaves the graph, on arrays, closed to further derivatives."""
        inputs = [_argument(x) for x in node.inputs]
        known = (
            {id(a): a for a in self.args}
            | {id(u): x for u, x in zip(node.used, inputs)}
            | {id(node.value): node}
        )
        try:
            kept = _into_graph(node.cache, known)
            out = node.value if type(node.value) is tuple else node
            grads = self.pair.gradients(g, self.full(inputs), out, kept, need)
        except LeavesGraph:
            several = type(g) is tuple
            numbers = tuple(None if p is None else p.value for p in g) if several else g.value
            closed = _Closed(
                self.name, (*(p for p in (g if several else [g]) if p is not None), *node.inputs)
            )
            grads = self.pair.gradients(numbers, self.full(node.used), node.value, node.cache, need)
            return [tuple(map(closed, d)) if type(d) is tuple else closed(d) for d in grads]
        return [
            d if d is None or isinstance(d, (Variable, tuple)) else Variable.wrap(np.asarray(d))
            for d in grads
        ]


class LeavesGraph(GraphError):
    """A text that was given variables asked for plain numbers."""


def _argument(x: Any) -> Any:
    """What a backward half gets for an input: the variable, its parts, or the plain value where there are only ids."""
    if isinstance(x.op, Pack):
        return x.inputs
    return x.value if x.constant and getattr(x.value, "dtype", np.dtype(float)).kind in "biuSU" else x


def _into_graph(thing: Any, known: dict[int, Any]) -> Any:
    """A cache with variables in place of the arrays that forward was given or returned."""
    if id(thing) in known:
        return known[id(thing)]
    if isinstance(thing, (tuple, list)):
        return tuple(_into_graph(t, known) for t in thing)
    if isinstance(thing, dict):
        return {k: _into_graph(t, known) for k, t in thing.items()}
    if thing is None or isinstance(thing, (bool, int, str, np.integer, np.bool_, slice)):
        return thing
    if isinstance(thing, np.ndarray) and thing.dtype.kind in "biuSU":
        return thing
    raise LeavesGraph("the cache holds numbers that were computed from the inputs")


class Pack:
    """Several variables as one whose value is a tuple; its gradient is a tuple too."""

    name, direct = "pack", staticmethod(lambda g, *xs: g)

    def pull(self, node: Any, g: Any, live: Any, graph: bool) -> Any:
        """The gradient is a tuple already."""
        return g


class _Part:
    """One of several results."""

    direct = None

    def __init__(self, i: int) -> None:
        self.i, self.name = i, f"part {i}"

    def pull(self, node: Any, g: Any, live: Any, graph: bool) -> Any:
        """The gradient at its place among those of all results."""
        return ({self.i: g},)


class _Closed:
    """The operation of a gradient that was computed outside the graph."""

    direct = None

    def __init__(self, name: str, inputs: Sequence[Any]) -> None:
        self.name, self.inputs = f"gradient of {name}", inputs

    def __call__(self, value: Any) -> Any:
        return None if value is None else made(Variable.kind, self, self.inputs, (), value)

    def pull(self, node: Any, g: Any, live: Any, graph: bool) -> Any:
        """Refused."""
        raise FusedError(
            f"the {self.name} is no graph, so it cannot be differentiated again; its backward must use only operators, "
            f"methods and course functions on what it is given, and cache nothing but arguments and the result."
        )
