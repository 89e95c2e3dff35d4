"""Chapter A03 and later: modules with parameters, put together from the graph.

A module holds parameters and other modules as attributes (or in lists) and computes in `forward`; plain functions
serve as activations. Parameters are graph variables, so any forward can be differentiated:

    model = Sequential(Linear(784, 256, rng), relu, Linear(256, 10, rng))
    loss = cross_entropy(model(X), y)             # a graph variable
    grads = grad(loss, model.parameters())        # arrays, one for each parameter; or loss.backward() and p.grad
    optimizer.step(grads)                         # optim.Flat(model.parameters(), adam, lr=1e-3)

Nothing is cached on a module: a layer may be used twice, parameters may be shared, and `parameters()` lists each
once. To write a module of a later chapter, derive from `Module`, make `Parameter`s in `__init__` from an `rng` that is
passed in, and call lifted pairs (`course.graph.lift`) in `forward`; name arrays that are state but no parameters
(dicts of arrays) in the class attribute `buffers`. Modules of later chapters are offered here too, when present:
Dropout, BatchNorm1d, Embedding, RNN, LSTM, GRU, Conv1d, Conv2d, MaxPool.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from course import neurons
from course.backprop import affine_backward, affine_forward
from course.graph import Var, lift
from course.toolbox.errors import InputError, MissingChapter, ShapeError

__all__ = ["RBF", "Linear", "Maxout", "Module", "PReLU", "Parameter", "Sequential", "Skip", "affine"]

affine = lift(affine_forward, affine_backward)

_LATER = {
    "BatchNorm1d": "regularize", "Conv1d": "conv", "Conv2d": "conv", "Dropout": "regularize", "Embedding": "embeddings",
    "GRU": "rnn", "LSTM": "rnn", "MaxPool": "conv", "RNN": "rnn",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"course.nn has no name {name!r}.")
    try:
        return getattr(importlib.import_module(f"course.{_LATER[name]}"), name)
    except ModuleNotFoundError as error:
        raise MissingChapter(
            f"nn.{name} belongs to the chapter {_LATER[name]!r}, which this copy of the library does not hold."
        ) from error


class Parameter(Var):
    """A variable that training changes. Its value is a read-only view of `.array`, renewed at every change.

    Because the view is renewed, a graph that was built before the change refuses to run backwards after it.
    """

    __slots__ = ("array",)

    def __init__(self, value: Any, name: str = "") -> None:
        super().__init__(0.0, name)
        self.move_to(np.array(value, dtype=np.result_type(value, np.float16) if np.ndim(value) else None))

    def move_to(self, array: Any) -> None:
        """Use this array from now on, for example a slice of a larger one; its numbers become the value."""
        self.array = array
        self.renew()

    def renew(self) -> None:
        """Show what has been written into `.array`."""
        self.value = self.array.view()
        self.value.flags.writeable = False

    def assign(self, value: Any) -> None:
        """Write new numbers of the same shape.

        Raises: ShapeError when the shape differs.
        """
        if np.shape(value) != self.array.shape:
            raise ShapeError(
                f"{self.name or 'parameter'}: has shape {self.array.shape}, not {np.shape(value)}."
            )
        self.array[...] = value
        self.renew()


class Module:
    """Something with parameters that can be called; derive from it and write `forward`."""

    training = True
    buffers: tuple[str, ...] = ()  # names of attributes that are dicts of arrays and belong to the state

    def forward(self, *args: Any) -> Any:
        """What the module computes."""
        raise NotImplementedError(f"{type(self).__name__} has no forward; write one.")

    def __call__(self, *args: Any) -> Any:
        return self.forward(*args)

    def _parts(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """This module and all below it with their names, and all parameters, in the order of their making."""
        yield prefix, self
        for name, thing in vars(self).items():
            things = enumerate(thing) if isinstance(thing, (list, tuple)) else [(None, thing)]
            for i, part in things:
                full = f"{prefix}{name}" if i is None else f"{prefix}{name}.{i}"
                if isinstance(part, Parameter):
                    yield full, part
                elif isinstance(part, Module):
                    yield from part._parts(f"{full}.")

    def named_parameters(self) -> dict[str, Parameter]:
        """All parameters by name; a shared one under each of its names."""
        return {name: part for name, part in self._parts() if isinstance(part, Parameter)}

    def parameters(self) -> list[Parameter]:
        """All parameters, each once."""
        return list(dict.fromkeys(self.named_parameters().values()))

    def _state(self) -> Iterator[tuple[str, Any, Any]]:
        """Name, holder and key of every buffer."""
        for prefix, part in self._parts():
            for attribute in part.buffers if isinstance(part, Module) else ():
                for key in getattr(part, attribute):
                    yield f"{prefix}{attribute}.{key}", getattr(part, attribute), key

    def state_dict(self) -> dict[str, Any]:
        """Copies of all parameters and buffers by name: all that is needed to go on later."""
        arrays = {name: p.array for name, p in self.named_parameters().items()}
        arrays.update((name, holder[key]) for name, holder, key in self._state())
        return {name: np.array(a) for name, a in arrays.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` has saved; nothing changes when something does not fit.

        Raises: InputError when names are missing or unknown or numbers are not finite; ShapeError for a wrong shape.
        """
        mine = self.state_dict()
        if set(mine) != set(state):
            raise InputError(
                f"load_state_dict: missing {sorted(set(mine) - set(state))}, unknown {sorted(set(state) - set(mine))}; "
                f"the model that is loaded must be built like the one that was saved."
            )
        for name, old in mine.items():
            if np.shape(state[name]) != old.shape:
                raise ShapeError(
                    f"load_state_dict: {name} has shape {old.shape}, not {np.shape(state[name])}."
                )
            if not np.isfinite(state[name]).all():
                raise InputError(
                    f"load_state_dict: {name} holds numbers that are not finite; load an earlier state."
                )
        for name, p in self.named_parameters().items():
            p.assign(state[name])
        for name, holder, key in self._state():
            holder[key] = np.array(state[name], dtype=holder[key].dtype)

    def train(self, mode: bool = True) -> Module:
        """Behave as in training from now on (dropout on, statistics of the batch); returns the module."""
        for _, part in self._parts():
            if isinstance(part, Module):
                part.training = mode
        return self

    def eval(self) -> Module:
        """Behave as when the model is used; returns the module."""
        return self.train(False)

    def astype(self, dtype: Any) -> Module:
        """Keep all parameters in this type of numbers, for example float32 for speed; returns the module."""
        for p in self.parameters():
            p.move_to(p.array.astype(dtype))
        return self


class Linear(Module):
    """A fully connected layer, y = x W + b, for inputs (N, d_in) and (T, N, d_in).

    W is drawn from a normal distribution with standard deviation `scale`, 1/√d_in by default; b starts at zero.

    Source: deck 000, "Fully connected layer"
    """

    def __init__(
        self, d_in: int, d_out: int, rng: np.random.Generator, *, scale: float | None = None
    ) -> None:
        self.W = Parameter(rng.standard_normal((d_in, d_out)) * (d_in**-0.5 if scale is None else scale), "W")
        self.b = Parameter(np.zeros(d_out), "b")

    def forward(self, x: Any) -> Any:
        """(…, d_in) -> (…, d_out)"""
        if x.ndim <= 2:
            return affine(x, self.W, self.b)
        rows = affine(x.reshape(-1, x.shape[-1]), self.W, self.b)
        return rows.reshape(*x.shape[:-1], rows.shape[-1])


class Sequential(Module):
    """Layers one after the other; a layer is a module or any function, such as `relu`."""

    def __init__(self, *layers: Callable[[Any], Any]) -> None:
        self.layers = list(layers)

    def forward(self, x: Any) -> Any:
        """The last layer of … of the first layer of x."""
        for layer in self.layers:
            x = layer(x)
        return x


class Skip(Module):
    """A skip connection around a module or function: y = x + f(x).

    Source: deck 003, 6.4.2
    """

    def __init__(self, inner: Callable[[Any], Any]) -> None:
        self.inner = inner

    def forward(self, x: Any) -> Any:
        """x + f(x)"""
        return x + self.inner(x)


class PReLU(Module):
    """A rectifier with a learned slope for each of D units.

    Source: deck 003, 6.3.1
    """

    def __init__(self, D: int, alpha: float = 0.25) -> None:
        self.alpha = Parameter(np.full(D, alpha), "alpha")

    def forward(self, Z: Any) -> Any:
        """(N, D) -> (N, D)"""
        return neurons.prelu(Z, self.alpha)


class Maxout(Module):
    """Units that take the largest of k linear functions of the input.

    Source: deck 003, 6.3.1
    """

    def __init__(self, d_in: int, d_out: int, k: int, rng: np.random.Generator) -> None:
        self.linear, self.k = Linear(d_in, d_out * k, rng), k

    def forward(self, x: Any) -> Any:
        """(N, d_in) -> (N, d_out)"""
        return neurons.maxout(self.linear(x), self.k)


class RBF(Module):
    """Radial basis function units with learned centres and widths.

    Source: deck 003, 6.3.3
    """

    def __init__(self, D: int, K: int, rng: np.random.Generator, sigma: float = 1.0) -> None:
        self.C = Parameter(rng.standard_normal((D, K)), "C")
        self.sigma = Parameter(np.full(K, sigma), "sigma")

    def forward(self, X: Any) -> Any:
        """(N, D) -> (N, K)"""
        return neurons.rbf(X, self.C, self.sigma)
