"""Chapter A10: to and from PyTorch.

PyTorch is imported when something here is first used; without it, one sentence says how to get it. Our matrices are
(inputs, outputs), PyTorch's are (outputs, inputs); our recurrent layer has one bias, PyTorch's has two that are added.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from course.neurons import relu, relu_backward
from course.toolbox.errors import InputError, MissingPackage, ShapeError

__all__ = ["MyReLU", "RNNLMTorch", "from_torch", "to_torch", "train_torch"]  # noqa: F822


def _torch() -> Any:
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise MissingPackage(
            "PyTorch is not installed; get it with: pip install 'backprop-course[torch]'."
        ) from error


def __getattr__(name: str) -> Any:
    if name in ("MyReLU", "RNNLMTorch"):
        return _classes()[name]
    raise AttributeError(f"course.bridge has no name {name!r}.")


def _layout(module: Any) -> dict[str, tuple[Any, ...]]:
    """Our name of every array -> the tensors of the module that are added up to it; two axes are turned round."""
    nn = _torch().nn
    if isinstance(module, nn.Linear):
        return {"W": (module.weight,), "b": (module.bias,)}
    if isinstance(module, nn.Embedding):
        return {"E": (module.weight,)}
    if isinstance(module, (nn.RNN, nn.GRU, nn.LSTM)):
        if (
            module.num_layers != 1
            or module.bidirectional
            or not module.bias
            or getattr(module, "proj_size", 0)
        ):
            raise InputError("bridge: a recurrent module must have one layer, one direction and biases.")
        names = {"RNN": ("Wxh", "Whh", "bh"), "LSTM": ("Wx", "Wh", "b"), "GRU": ("Wx", "Wh", "bx", "bh")}[
            module.mode[:4].rstrip("_")
        ]
        biases = (
            [(module.bias_ih_l0,), (module.bias_hh_l0,)]
            if len(names) == 4
            else [(module.bias_ih_l0, module.bias_hh_l0)]
        )
        return dict(zip(names, [(module.weight_ih_l0,), (module.weight_hh_l0,), *biases]))
    if isinstance(module, nn.Sequential):
        linear = [layer for layer in module if isinstance(layer, nn.Linear)]
        strange = [
            type(layer).__name__ for layer in module if layer not in linear and list(layer.parameters())
        ]
        if linear and not strange:
            return {f"{k}{i}": v for i, layer in enumerate(linear, 1) for k, v in _layout(layer).items()}
        raise InputError(
            f"bridge: a Sequential may hold Linear and activations, not {', '.join(strange) or 'nothing'}."
        )
    if isinstance(module, nn.BatchNorm1d):
        return {
            "gamma": (module.weight,),
            "beta": (module.bias,),
            "mean": (module.running_mean,),
            "var": (module.running_var,),
        }
    raise InputError(
        f"bridge: {type(module).__name__} is not known; use Linear, Sequential, RNN, LSTM, GRU, Embedding or BatchNorm1d."
    )


def _turned(name: str, array: Any) -> Any:
    return array.T if array.ndim == 2 and name != "E" else array


def from_torch(module: Any, *, batch_size: int | None = None) -> dict[str, Any]:
    """The parameters of a PyTorch module as arrays under our names; copies.

    Linear: W, b;  Sequential of Linear and activations: W1, b1, …;  RNN: Wxh, Whh, bh;  LSTM: Wx, Wh, b;
    GRU: Wx, Wh, bx, bh;  Embedding: E;  BatchNorm1d: gamma, beta, mean, var. PyTorch's running variance is the
    unbiased one: with the `batch_size` it was trained with, ours is computed from it.

    Source: deck 001, "PyTorch"
    Raises: InputError for a module that has no counterpart; MissingPackage without PyTorch.
    """
    params = {}
    for name, tensors in _layout(module).items():
        arrays = [t.detach().cpu().numpy() for t in tensors if t is not None]
        params[name] = (
            np.array(_turned(name, sum(arrays[1:], arrays[0])))
            if arrays
            else np.zeros(module.out_features, "f")
        )
    if batch_size and "var" in params:
        start = (1 - module.momentum) ** int(module.num_batches_tracked)  # what is left of the initial ones
        params["var"] = start + (params["var"] - start) * (batch_size - 1) / batch_size
    return params


def to_torch(params: Mapping[str, Any], module: Any) -> Any:
    """Write our parameters into a PyTorch module of the same kind; returns the module.

    A sum of two biases goes into the first of them.

    Raises: InputError when the names differ; ShapeError when a shape does.
    """
    torch, layout = _torch(), _layout(module)
    if set(layout) != set(params):
        raise InputError(f"to_torch: the module needs {sorted(layout)}, params has {sorted(params)}.")
    with torch.no_grad():
        for name, (first, *rest) in layout.items():
            array = _turned(name, np.asarray(params[name]))
            if first is None or array.shape != tuple(first.shape):
                raise ShapeError(
                    f"to_torch: {name} has shape {np.shape(params[name])}, which the module has no place for."
                )
            first.copy_(torch.tensor(array))
            for tensor in rest:
                tensor.zero_()
    return module


@cache
def _classes() -> dict[str, Any]:
    """The classes that are PyTorch's subclasses; they can exist only when PyTorch does."""
    torch = _torch()

    class RNNLMTorch(torch.nn.Module):  # type: ignore[misc, name-defined]
        """The recurrent language model of chapter A07 in PyTorch: embedding, tanh recurrence, output layer."""

        def __init__(self, V: int, D: int, H: int) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding(V, D)
            self.rnn = torch.nn.RNN(D, H)
            self.output = torch.nn.Linear(H, V)

        def forward(self, ids_in: Any, h0: Any) -> tuple[Any, Any]:
            """(T, N), (N, H) -> scores (T, N, V) and the last state (N, H)"""
            states, last = self.rnn(self.embedding(ids_in), h0[None])
            return self.output(states), last[0]

        def load(self, params: Mapping[str, Any]) -> Any:
            """Take over E, Wxh, Whh, bh, Why, by of an `RNNLM`; returns the model."""
            to_torch({"E": params["E"]}, self.embedding)
            to_torch({name: params[name] for name in ("Wxh", "Whh", "bh")}, self.rnn)
            to_torch({"W": params["Why"], "b": params["by"]}, self.output)
            return self

    class MyReLU(torch.autograd.Function):  # type: ignore[misc, name-defined]
        """Our rectifier as an operation of PyTorch's graph; use `MyReLU.apply(z)`."""

        @staticmethod
        def forward(ctx: Any, z: Any) -> Any:
            """max(0, z), by NumPy"""
            out = torch.from_numpy(np.asarray(relu(z.detach().cpu().numpy()))).to(z)
            ctx.save_for_backward(out)
            return out

        @staticmethod
        def backward(ctx: Any, dout: Any) -> Any:
            """The backward half of chapter A01, which runs on tensors as it does on arrays."""
            return relu_backward(dout, *ctx.saved_tensors)

    return {"MyReLU": MyReLU, "RNNLMTorch": RNNLMTorch}


def train_torch(model: Any, batches: Sequence[tuple[Any, Any]], steps: int, lr: float) -> list[float]:
    """Train an `RNNLMTorch` by SGD without clipping; the loss of every step, in nats, before its update.

    `batches` (ids_in, ids_out) of one size are cycled; the state is carried on without its history, zeros at first.

    Source: deck 001, "One training step"; chapter A07, truncated backpropagation through time
    Raises: InputError when there are no batches.
    """
    torch = _torch()
    if not batches:
        raise InputError("train_torch: there are no batches; pass at least one pair (ids_in, ids_out).")
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    tensors = [(torch.as_tensor(np.asarray(a)), torch.as_tensor(np.asarray(b))) for a, b in batches]
    weight = next(model.rnn.parameters())
    h = torch.zeros(tensors[0][0].shape[1], model.rnn.hidden_size, dtype=weight.dtype, device=weight.device)
    losses = []
    for step in range(steps):
        ids_in, ids_out = tensors[step % len(tensors)]
        optimizer.zero_grad()
        Z, last = model(ids_in, h)
        loss = torch.nn.functional.cross_entropy(Z.reshape(-1, Z.shape[-1]), ids_out.reshape(-1))
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
        h = last.detach()
    return losses
