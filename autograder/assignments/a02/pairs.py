"""Entries of assignment A02 for the forward/backward pairs: affine, activation, softmax with loss, MLP, the CMU network."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from autograder.checks.entry import Check, Entry, StudentError, Trial
from autograder.checks.kinds import pick_first, values
from autograder.checks.pairs import Pair, edges, gradients, loss, tape_pair
from autograder.checks.tape import record
from autograder.checks.values import as_array, compare

from . import models

__all__ = ["ENTRIES"]

AFFINE = Pair("affine_forward", "affine_backward", models.affine, models.draw_affine, ("X", "W", "b"))
ACT = Pair("act_forward", "act_backward", models.act, models.draw_act, ("Z",))
ACTS = ("sigmoid", "tanh", "relu")


def _as_dict(grads: Any) -> Mapping[str, Any]:
    if not isinstance(grads, dict):
        raise StudentError(
            f"mlp_backward should return a dict, and returns a {type(grads).__name__}.", kind="failed"
        )
    return grads


MLP = Pair("mlp_forward", "mlp_backward", models.mlp, models.draw_mlp, models.mlp_names, takes=_as_dict)


def _nn_value(o: Any) -> tuple[Any, Any]:
    if not isinstance(o, dict) or "J" not in o:
        text = "nn_backward could not be tried: nn_forward should return a dict with the key J. Mend nn_forward first."
        raise StudentError(text, kind="not_run")
    return o["J"], o


NN = Pair(
    "nn_forward",
    "nn_backward",
    models.nn,
    models.draw_nn,
    ("alpha", "beta"),
    split=_nn_value,
    back=lambda dout, o, args: (args["x"], args["y"], args["alpha"], args["beta"], o),
    loss=True,
    cache=lambda args: _nn_reference(**args),
)


def _nn_reference(x: Any, y: Any, alpha: Any, beta: Any) -> dict[str, Any]:
    """All the quantities of the forward pass, from the model's parts."""
    x1 = np.concatenate([[1.0], np.asarray(x, float)])
    a = np.asarray(alpha) @ x1
    z = np.concatenate([[1.0], 1.0 / (1.0 + np.exp(-a))])
    b = float(np.asarray(beta) @ z)
    J = float(np.logaddexp(0.0, b) - y * b)
    return {"x": x1, "a": a, "z": z, "b": b, "yhat": float(1.0 / (1.0 + np.exp(-b))), "J": J}


def _nn_backward_reference(x: Any, y: Any, alpha: Any, beta: Any, o: Any) -> tuple[Any, Any]:
    args = {"x": x, "y": y, "alpha": alpha, "beta": beta}
    grads = record(models.nn, args, NN.names(args)).backward(1.0)
    return grads["alpha"], grads["beta"]


def _softmax_ce_reference(Z: Any, y: Any) -> tuple[float, Any]:
    tape = record(models.softmax_ce, {"Z": Z, "y": y}, ("Z",))
    return tape.out, tape.backward(1.0)["Z"]


# --- checks that the kinds do not have --------------------------------------------------------------------------------


def _dead_units(trial: Trial) -> None:
    """ReLU units that are off pass nothing on; exactly at 0 anything between 0 and the upstream gradient is right."""
    Z = models.draw_act(trial.rng, name="relu")["Z"]
    Z[:, 0] = -1e3 * np.abs(Z[:, 0])
    Z[0, 1:] = 0.0
    dA = trial.rng.normal(size=Z.shape)
    result = trial.call("act_forward", Z, "relu")
    if not isinstance(result, tuple | list) or len(result) != 2:
        text = (
            "act_backward could not be tried: act_forward should return (A, cache). Mend act_forward first."
        )
        raise StudentError(text, kind="not_run")
    got = as_array(trial.call("act_backward", dA, result[1]))
    want = np.where(Z > 0, dA, 0.0)
    if got is not None and got.shape == Z.shape:
        at_kink = (Z == 0) & (got >= np.minimum(0.0, dA)) & (got <= np.maximum(0.0, dA))
        want = np.where(at_kink, got, want)
    if (bad := compare("dZ", got, want)) is not None:
        trial.fail(f"Where a ReLU unit is off (Z <= 0): {bad.text}")


def _kind_of(name: str, args: models.Args) -> str:
    layer = "last layer" if int(name[1:]) == len(args["params"]) // 2 else "hidden layers"
    return f"{layer}: {'weights' if name[0] == 'W' else 'biases'}"


def _nn_part(aspect: str, o: Any) -> Any:
    if not isinstance(o, dict):
        raise StudentError(
            f"nn_forward should return a dict, and returns a {type(o).__name__}.", kind="failed"
        )
    keys = {"hidden layer": ("x", "a", "z"), "output": ("b", "yhat"), "loss": ("J",)}[aspect]
    return {k: o[k] for k in keys if k in o}


_affine_forward, _affine_backward = tape_pair(AFFINE)
_act_forward, _act_backward = tape_pair(ACT)
_mlp_forward, _mlp_backward = tape_pair(MLP)
_DEPTHS = ({"layers": 2, "act": "tanh"}, {"layers": 3, "act": "relu"}, {"layers": 4, "act": "sigmoid"})


def _forward(pair: Pair, points: dict[str, float], what: str, sample: Any = None, **more: Any) -> Check:
    """The value of a pair's forward pass."""
    right = lambda **args: record(pair.model, args).out
    explaining = {aspect: (pair.model, lambda value: value) for aspect in points}
    return values(
        pair.forward,
        sample or pair.sample,
        right,
        points,
        what=what,
        takes=pick_first,
        models=explaining,
        **more,
    )


ENTRIES = [
    Entry(
        "affine-forward",
        (
            _forward(AFFINE, {"values": 1.0}, "Y", pure=0.5, square=True),
            _forward(
                AFFINE, {"one example, integers": 0.5}, "Y", cases=({"N": 1}, {"integer": True}), draws=1
            ),
        ),
        defines={"affine_forward": _affine_forward},
        title="Affine layer, forward",
    ),
    Entry(
        "affine-backward",
        (
            gradients(AFFINE, {"dX": 1.5, "dW": 1.5, "db": 1.0}, pure=0.5),
            edges(AFFINE, {f"N = {n}": partial(models.draw_affine, N=n) for n in (1, 200)}, 0.5),
        ),
        defines={"affine_backward": _affine_backward},
        uses=("affine_forward",),
        title="Affine layer, backward",
    ),
    Entry(
        "act-forward",
        (
            *(_forward(ACT, {name: 0.5}, "A", partial(models.draw_act, name=name)) for name in ACTS),
            _forward(
                ACT,
                {"huge Z": 0.5},
                "A",
                partial(models.draw_act, scale=800.0),
                cases=tuple({"name": name} for name in ACTS),
                draws=1,
            ),
        ),
        defines={"act_forward": _act_forward},
        title="Activation, forward",
    ),
    Entry(
        "act-backward",
        (
            *(
                gradients(
                    ACT,
                    {name: 0.5 if name == "relu" else 1.0},
                    aspect_of=lambda w, args: args["name"],
                    cases=({"name": name},),
                )
                for name in ACTS
            ),
            Check({"dead units": 0.5}, _dead_units, draws=1),
        ),
        defines={"act_backward": _act_backward},
        uses=("act_forward",),
        title="Activation, backward",
    ),
    Entry(
        "softmax-ce",
        (
            loss(
                "softmax_ce",
                models.softmax_ce,
                models.draw_softmax_ce,
                "Z",
                {"loss": 1.5, "dZ": 2.0, "huge scores": 1.0},
                pure=0.5,
                edge={
                    "scores around 1,000": partial(models.draw_softmax_ce, scale=1000.0),
                    "N = 1": partial(models.draw_softmax_ce, N=1),
                    "N = 100": partial(models.draw_softmax_ce, N=100),
                },
            ),
        ),
        defines={"softmax_ce": _softmax_ce_reference},
        title="Softmax with cross-entropy",
    ),
    Entry(
        "mlp-forward",
        (
            _forward(MLP, {"scores": 2.0}, "Z", cases=_DEPTHS, pure=0.5),
            _forward(
                MLP,
                {"one layer, one example": 0.5},
                "Z",
                cases=({"layers": 1}, {"layers": 2, "N": 1}),
                draws=1,
            ),
        ),
        defines={"mlp_forward": _mlp_forward},
        title="MLP, forward",
    ),
    Entry(
        "mlp-backward",
        (
            gradients(
                MLP,
                {
                    "last layer: weights": 1.0,
                    "last layer: biases": 0.5,
                    "hidden layers: weights": 1.25,
                    "hidden layers: biases": 0.75,
                },
                pure=0.5,
                aspect_of=_kind_of,
                cases=_DEPTHS,
            ),
            edges(
                MLP,
                {
                    "one layer": partial(models.draw_mlp, layers=1),
                    "N = 1": partial(models.draw_mlp, N=1),
                    "N = 100": partial(models.draw_mlp, N=100),
                    "a hidden layer that is off": models.dead_mlp,
                },
                1.0,
                aspect_of=_kind_of,
            ),
        ),
        defines={"mlp_backward": _mlp_backward},
        uses=("mlp_forward",),
        title="MLP, backward",
    ),
    Entry(
        "nn-forward",
        (
            values(
                "nn_forward",
                models.draw_nn,
                _nn_reference,
                {"hidden layer": 1.0, "output": 0.75, "loss": 0.75},
                pure=0.5,
                part=_nn_part,
                models={
                    "hidden layer": (models.nn_hidden, lambda o: np.asarray(o["z"])[1:]),
                    "output": (models.nn_output, lambda o: o["yhat"]),
                    "loss": (models.nn, lambda o: o["J"]),
                },
                what="o",
                draws=4,
                square=True,
            ),
        ),
        defines={"nn_forward": _nn_reference},
        title="The CMU network, forward",
    ),
    Entry(
        "nn-backward",
        (
            gradients(
                NN, {"g_alpha": 2.0, "g_beta": 1.5}, pure=0.5, aspect_of=lambda w, args: f"g_{w}", draws=4
            ),
        ),
        defines={"nn_backward": _nn_backward_reference},
        uses=("nn_forward",),
        title="The CMU network, backward",
    ),
]
