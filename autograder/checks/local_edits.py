"""Mistakes inside one operation: activations, softmax, indexing, reductions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .editing import Rule, called, derivative, ones
from .primitives import ELEMENTWISE, sigmoid
from .tape import Node
from .views import Ref, View, view_of

__all__ = ["elementwise_rules", "index_rules", "reduction_rules", "softmax_rules"]

# derivatives of other activations, as they are written: name, f(x, y)
_FORMULAS = {
    "sigmoid, y(1 − y)": lambda x, y: y * (1 - y),
    "tanh, 1 − y²": lambda x, y: 1 - y * y,
    "sigmoid": lambda x, y: sigmoid(x) * (1 - sigmoid(x)),
    "tanh": lambda x, y: 1 - np.tanh(x) ** 2,
    "relu": lambda x, y: (x > 0) * 1.0,
    "softplus": lambda x, y: sigmoid(x),
    "abs": lambda x, y: np.sign(x),
    "square, 2x": lambda x, y: 2 * x,
    "exp": lambda x, y: np.exp(x),
    "log, 1/x": lambda x, y: 1 / x,
    "hardtanh": lambda x, y: (np.abs(x) < 1) * 1.0,
}
# slips in the formula of the derivative itself: activation -> (text, f(x, y))
_SLIPS: dict[str, list[tuple[str, Any]]] = {
    "sigmoid": [
        ("1 − y", lambda x, y: 1 - y),
        ("y", lambda x, y: y),
        ("y(1 + y)", lambda x, y: y * (1 + y)),
        ("y(y − 1)", lambda x, y: y * (y - 1)),
        ("y²(1 − y)", lambda x, y: y * y * (1 - y)),
        ("y(1 − y)²", lambda x, y: y * (1 - y) ** 2),
        ("y(1 − y²)", lambda x, y: y * (1 - y * y)),
        ("y − 1", lambda x, y: y - 1),
        ("x(1 − y)", lambda x, y: x * (1 - y)),
        ("y(1 − x)", lambda x, y: y * (1 - x)),
    ],
    "tanh": [
        ("1 − y", lambda x, y: 1 - y),
        ("1 + y²", lambda x, y: 1 + y * y),
        ("y² − 1", lambda x, y: y * y - 1),
        ("(1 − y)²", lambda x, y: (1 - y) ** 2),
        ("y²", lambda x, y: y * y),
        ("y", lambda x, y: y),
        ("(1 − y²)²", lambda x, y: (1 - y * y) ** 2),
        ("1 − 2y", lambda x, y: 1 - 2 * y),
        ("2y", lambda x, y: 2 * y),
        ("1 − |y|", lambda x, y: 1 - np.abs(y)),
    ],
    "relu": [
        ("y", lambda x, y: y),
        ("x", lambda x, y: x),
        ("x < 0", lambda x, y: (x < 0) * 1.0),
        ("x > 1", lambda x, y: (x > 1) * 1.0),
        ("sign(x)", lambda x, y: np.sign(x)),
    ],
    "leaky_relu": [
        ("x > 0, without the slope alpha", lambda x, y: (x > 0) * 1.0),
        ("alpha everywhere", lambda x, y, alpha=0.01: alpha + 0 * x),
        ("the two sides exchanged", lambda x, y, alpha=0.01: np.where(x > 0, alpha, 1.0)),
        ("alpha·x below 0", lambda x, y, alpha=0.01: np.where(x > 0, 1.0, alpha * x)),
        ("−alpha below 0", lambda x, y, alpha=0.01: np.where(x > 0, 1.0, -alpha)),
    ],
    "hardtanh": [
        ("the value y", lambda x, y: y),
        ("|x| > 1", lambda x, y: (np.abs(x) > 1) * 1.0),
        ("x < 1", lambda x, y: (x < 1) * 1.0),
        ("x > −1", lambda x, y: (x > -1) * 1.0),
        ("0 < x < 1", lambda x, y: ((x > 0) & (x < 1)) * 1.0),
    ],
    "softplus": [
        ("the value y", lambda x, y: y),
        ("σ(−x)", lambda x, y: sigmoid(-x)),
        ("e^x", lambda x, y: np.exp(x)),
        ("σ(y)", lambda x, y: sigmoid(y)),
        ("1 − σ(x)", lambda x, y: 1 - sigmoid(x)),
        ("1 + e^x", lambda x, y: 1 + np.exp(x)),
        ("1/(1 + e^x)", lambda x, y: sigmoid(-x)),
    ],
    "abs": [("|x|", lambda x, y: y), ("x", lambda x, y: x), ("x > 0", lambda x, y: (x > 0) * 1.0)],
    "exp": [("x e^x", lambda x, y: x * y), ("e^(x − 1)", lambda x, y: y / np.e), ("x", lambda x, y: x)],
    "log": [("x", lambda x, y: x), ("1/y", lambda x, y: 1 / y), ("y", lambda x, y: y), ("1/x²", lambda x, y: 1 / x**2)],
    "sqrt": [
        ("½√x", lambda x, y: 0.5 * y),
        ("1/√x", lambda x, y: 1 / y),
        ("√x", lambda x, y: y),
        ("1/(2x)", lambda x, y: 0.5 / x),
    ],
    "square": [("x", lambda x, y: x), ("x²", lambda x, y: y), ("2", lambda x, y: 2 + 0 * x)],
    "pow": [
        ("x^p, with the exponent not reduced", lambda x, y, p=2: p * y),
        ("x^(p − 1), without the factor p", lambda x, y, p=2: x ** (p - 1)),
        ("(p − 1) x^(p − 1)", lambda x, y, p=2: (p - 1) * x ** (p - 1)),
        ("p x", lambda x, y, p=2: p * x),
        ("p x^(p + 1)", lambda x, y, p=2: p * x ** (p + 1)),
        ("the value x^p", lambda x, y, p=2: y),
    ],
}  # fmt: skip


def elementwise_rules(view: View, node: Node) -> Iterator[Rule]:
    """The derivative of an activation: missing, at the wrong place, of another one, misspelt, added, twice."""
    op, here = node.op or "", node.label
    rule = ELEMENTWISE.get(op)
    power = op == "pow"
    if rule is None and not power:
        return
    d = (lambda n: n.extra["p"] * n.inputs[0].value ** (n.extra["p"] - 1)) if power else derivative
    if op != "neg":
        yield 1.0, ("M12",), f"{{q}}: the derivative of {op} is missing (in {here}).", lambda n, i, g, vjp: g
    yield (
        1.1,
        ("M13",),
        f"{{q}}: the gradient that arrives at {here} is not used.",
        lambda n, i, g, vjp: d(n) * ones(g),
    )
    if op == "neg":
        return
    yield (
        1.9,
        (),
        f"{{q}}: the derivative of {op} is added to the gradient, not multiplied (in {here}).",
        (lambda n, i, g, vjp: g + d(n)),
    )
    yield (
        1.8,
        (),
        f"{{q}}: the derivative of {op} is multiplied twice (in {here}).",
        lambda n, i, g, vjp: g * d(n) ** 2,
    )
    yield (
        1.9,
        (),
        f"{{q}}: the gradient is divided by the derivative of {op} (in {here}).",
        lambda n, i, g, vjp: g / d(n),
    )
    if rule is not None:
        if rule.of_output is not None:
            form = rule.of_output
            yield (
                1.1,
                ("M11",),
                (
                    f"{{q}}: the derivative of {op} is formed as from the output, but with {node.inputs[0].text(1)} from before it (in {here})."
                ),
                lambda n, i, g, vjp: g * form(n.inputs[0].value),
            )
        yield (
            1.15,
            ("M11",),
            (
                f"{{q}}: the derivative of {op} is taken at the output {node.text(1)}: the activation is applied twice (in {here})."
            ),
            lambda n, i, g, vjp: g * rule.d(n.value, rule.f(n.value, **n.extra), **n.extra),
        )
        yield from _other_places(view, node)
    for text, slip in _SLIPS.get(op, ()):
        yield 1.5, (), f"{{q}}: the derivative of {op} is written as {text} (in {here}).", _slipped(slip)
    for text, slip in _FORMULAS.items():
        if not text.startswith(op):
            yield (
                1.7,
                (),
                f"{{q}}: the derivative of {text} stands where that of {op} is needed (in {here}).",
                _slipped(slip, plain=True),
            )


def _slipped(form: Any, plain: bool = False) -> Any:
    def rule(n: Node, i: int, g: Any, vjp: Any) -> Any:
        extra = n.extra if not plain and form.__defaults__ else {}
        return g * form(n.inputs[0].value, n.value, **extra)

    return rule


def _other_places(view: View, node: Node) -> Iterator[Rule]:
    rule = ELEMENTWISE[node.op or ""]
    forms = [f for f in (rule.of_output, rule.of_input) if f is not None]
    for ref, other in view.alike(node, node.inputs[0]):
        for form in forms:
            if other is node:
                continue

            def at_other(n: Node, i: int, g: Any, vjp: Any, ref: Ref = ref, form: Any = form) -> Any:
                place = view_of(n.tape).find(ref, n)
                return vjp(n, i, g) if place is None else g * form(place.value)

            text = f"{{q}}: the derivative of {node.op} is taken at {called(other, ref)} instead of its own place (in {node.label})."
            yield 1.6, ("M11",), text, at_other


def softmax_rules(node: Node) -> Iterator[Rule]:
    """The Jacobian of a softmax: the diagonal only, one of its two terms, the wrong axis."""
    log, here = node.op == "log_softmax", node.label

    def p(n: Node) -> Any:
        return np.exp(n.value) if log else n.value

    def total(n: Node, g: Any, axis: Any = None) -> Any:
        weights = np.asarray(g) if log else g * n.value
        return np.sum(weights, axis=n.extra["axis"] if axis is None else axis, keepdims=True)

    yield (
        1.0,
        ("M20",),
        f"{{q}}: only the diagonal of the Jacobian of softmax is used (in {here}).",
        ((lambda n, i, g, vjp: g * (1 - p(n))) if log else (lambda n, i, g, vjp: g * p(n) * (1 - p(n)))),
    )
    yield (
        1.2,
        ("M20",),
        f"{{q}}: the sum over the row is missing in the derivative of softmax (in {here}).",
        ((lambda n, i, g, vjp: g - p(n) * g) if log else (lambda n, i, g, vjp: g * p(n))),
    )
    if log:
        yield (
            1.0,
            ("M21",),
            f"{{q}}: the one-hot vector is not subtracted (in {here}).",
            lambda n, i, g, vjp: -p(n) * total(n, g),
        )
        yield (
            1.1,
            ("M21",),
            f"{{q}}: the one-hot vector is added, not subtracted (in {here}).",
            lambda n, i, g, vjp: -p(n) * total(n, g) - g,
        )
        yield (
            1.3,
            (),
            f"{{q}}: the probabilities are missing, only the one-hot vector is left (in {here}).",
            lambda n, i, g, vjp: g,
        )
        for axis in range(node.value.ndim):
            yield (
                1.2,
                ("M09",),
                f"{{q}}: softmax is normalised along axis {axis} (in {here}).",
                (
                    lambda n, i, g, vjp, axis=axis: (
                        g - _softmax_of(n, axis) * np.sum(g, axis=n.extra["axis"], keepdims=True)
                    )
                ),
            )
        yield (
            1.2,
            ("M22",),
            f"{{q}}: softmax is applied twice before the one-hot vector is subtracted (in {here}).",
            (lambda n, i, g, vjp: g - _again(p(n), n.extra["axis"]) * total(n, g)),
        )
        yield (
            1.4,
            (),
            f"{{q}}: e^z is used where the probabilities are needed (in {here}).",
            (lambda n, i, g, vjp: g - np.exp(n.inputs[0].value) * total(n, g)),
        )
        yield (
            1.4,
            (),
            f"{{q}}: the scores are used where the probabilities are needed (in {here}).",
            (lambda n, i, g, vjp: g - n.inputs[0].value * total(n, g)),
        )
        yield (
            1.4,
            (),
            f"{{q}}: the log-probabilities are used where the probabilities are needed (in {here}).",
            (lambda n, i, g, vjp: g - n.value * total(n, g)),
        )
        yield (
            1.5,
            (),
            f"{{q}}: the one-hot vector is not scaled like the probabilities: it is subtracted after the division (in {here}).",
            (lambda n, i, g, vjp: np.sign(g) - p(n) * total(n, g)),
        )
        yield (
            1.5,
            (),
            f"{{q}}: only the one-hot vector is scaled; the probabilities are not divided (in {here}).",
            (lambda n, i, g, vjp: g - p(n) * np.sign(total(n, g))),
        )
    else:
        yield (
            1.3,
            (),
            f"{{q}}: the factor p is missing before the bracket (in {here}).",
            lambda n, i, g, vjp: g - total(n, g),
        )
        yield (
            1.3,
            (),
            f"{{q}}: the sum is added, not subtracted (in {here}).",
            lambda n, i, g, vjp: p(n) * (g + total(n, g)),
        )
        for axis in range(node.value.ndim):
            yield (
                1.2,
                ("M09",),
                f"{{q}}: the sum in the derivative of softmax runs along axis {axis} (in {here}).",
                (lambda n, i, g, vjp, axis=axis: p(n) * (g - total(n, g, axis))),
            )
        yield (
            1.4,
            (),
            f"{{q}}: the sum in the derivative of softmax lacks the probabilities (in {here}).",
            (lambda n, i, g, vjp: p(n) * (g - np.sum(g, axis=n.extra["axis"], keepdims=True))),
        )
        yield (
            1.2,
            ("M12",),
            f"{{q}}: the derivative of softmax is missing (in {here}).",
            lambda n, i, g, vjp: g,
        )


def _softmax_of(n: Node, axis: int) -> Any:
    x = n.inputs[0].value
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _again(p: Any, axis: int) -> Any:
    e = np.exp(p)
    return e / e.sum(axis=axis, keepdims=True)


def index_rules(node: Node, i: int) -> Iterator[Rule]:
    """Rows and columns that are picked, looked up, cut out or moved: lost repetitions, off by one, wrong order."""
    op, here = node.op, node.label
    if op == "pick":
        for shift, word in ((1, "one too high"), (-1, "one too low")):
            yield (
                1.1,
                ("M21",),
                f"{{q}}: the one-hot vector has its 1 at an index that is {word} (in {here}).",
                _picked(lambda y, C, shift=shift: (y + shift) % C),
            )
            yield (
                1.1,
                ("M21",),
                f"{{q}}: the one-hot vector has its 1 at an index that is {word} (in {here}).",
                _picked(lambda y, C, shift=shift: np.clip(y + shift, 0, C - 1)),
            )
        yield (
            1.2,
            ("M21",),
            f"{{q}}: every row has its 1 at the label of the first example (in {here}).",
            _picked(lambda y, C: np.full_like(y, y.flat[0])),
        )
        yield (
            1.2,
            ("M21",),
            f"{{q}}: every row has its 1 in column 0 (in {here}).",
            _picked(lambda y, C: np.zeros_like(y)),
        )
        yield (
            1.3,
            ("M21",),
            f"{{q}}: the labels are taken in reversed order (in {here}).",
            _picked(lambda y, C: y[::-1]),
        )
        yield (
            1.3,
            ("M21",),
            f"{{q}}: the 1 stands at the largest score, not at the label (in {here}).",
            (lambda n, i, g, vjp: _scatter(n, np.argmax(n.inputs[0].value, axis=-1), g)),
        )
        yield (
            1.2,
            ("M21",),
            f"{{q}}: 1 is subtracted in all the columns y of every row (in {here}).",
            _all_columns,
        )
    elif op == "take":
        yield (
            0.9,
            ("M33",),
            "{q}: a row that occurs several times gets its last gradient only; repeated ids have to add up.",
            (lambda n, i, g, vjp: _assigned(n, g)),
        )
        yield (
            1.2,
            ("M33",),
            "{q}: a row that occurs several times gets its first gradient only; repeated ids have to add up.",
            (lambda n, i, g, vjp: _assigned(n, g, backwards=True)),
        )
        for shift, word in ((1, "one too high"), (-1, "one too low")):
            yield (
                1.1,
                ("M34",),
                f"{{q}}: every row is {word}: indices start at 0.",
                (lambda n, i, g, vjp, shift=shift: np.roll(vjp(n, i, g), shift, axis=0)),
            )
        yield 1.3, (), "{q}: the gradients of a repeated row are averaged, not added.", _averaged
    elif op == "getitem":
        for shift in (1, -1):
            yield (
                1.3,
                ("M34",),
                f"{{q}}: the slice {here} is off by one.",
                lambda n, i, g, vjp, shift=shift: np.roll(vjp(n, i, g), shift, axis=0),
            )
            if node.value.ndim > 1 or node.inputs[0].value.ndim > 1:
                yield (
                    1.3,
                    ("M34",),
                    f"{{q}}: the slice {here} is off by one.",
                    lambda n, i, g, vjp, shift=shift: np.roll(vjp(n, i, g), shift, axis=-1),
                )
    elif op in ("concat", "stack"):
        yield 1.3, (), f"{{q}}: the parts of {here} are taken apart in reversed order.", _parts_reversed
        if op == "concat":
            yield (
                1.2,
                ("M51",),
                f"{{q}}: the part is not turned round in time (in {here}).",
                lambda n, i, g, vjp: vjp(n, i, g)[::-1],
            )
    elif op == "reshape":
        yield (
            1.1,
            ("M10",),
            f"{{q}}: the reshape reads the entries in another order (in {here}).",
            (lambda n, i, g, vjp: np.reshape(np.asarray(g), np.shape(n.inputs[0].value), order="F")),
        )
        yield (
            1.2,
            ("M10",),
            f"{{q}}: axes are joined or split by a reshape that mixes them (in {here}).",
            (
                lambda n, i, g, vjp: np.reshape(
                    np.swapaxes(np.asarray(g), 0, 1) if np.ndim(g) > 1 else g, np.shape(n.inputs[0].value)
                )
            ),
        )
    elif op == "transpose":
        yield (
            1.1,
            ("M10",),
            f"{{q}}: a reshape stands where a transpose is needed (in {here}).",
            (lambda n, i, g, vjp: np.reshape(np.asarray(g), np.shape(n.inputs[0].value))),
        )
    elif op == "conv1d":
        yield 1.0, (), f"{{q}}: the kernel runs the wrong way round (in {here}).", _flipped
        yield (
            1.3,
            ("M13",),
            f"{{q}}: the gradient that arrives at {here} is not used.",
            lambda n, i, g, vjp: vjp(n, i, ones(g)),
        )
        if i == 0:
            for shift in (1, -1):
                yield (
                    1.3,
                    ("M34",),
                    f"{{q}} is shifted by one position (in {here}).",
                    lambda n, i, g, vjp, shift=shift: np.roll(vjp(n, i, g), shift, axis=-1),
                )
        else:
            yield (
                1.2,
                (),
                f"{{q}} holds the first example only (in {here}).",
                lambda n, i, g, vjp: vjp(_first(n), i, np.asarray(g)[:1]),
            )
            yield (
                1.2,
                (),
                f"{{q}} holds the last example only (in {here}).",
                lambda n, i, g, vjp: vjp(_first(n, -1), i, np.asarray(g)[-1:]),
            )


def _picked(move: Any) -> Any:
    return lambda n, i, g, vjp: _scatter(n, move(np.asarray(n.extra["y"]), n.inputs[0].value.shape[-1]), g)


def _scatter(n: Node, y: Any, g: Any) -> Any:
    full = np.zeros_like(n.inputs[0].value)
    np.put_along_axis(full, np.asarray(y)[..., None], np.asarray(g)[..., None], axis=-1)
    return full


def _all_columns(n: Node, i: int, g: Any, vjp: Any) -> Any:
    full = np.zeros_like(n.inputs[0].value)
    full[..., np.unique(np.asarray(n.extra["y"]))] = np.mean(g)
    return full


def _assigned(n: Node, g: Any, backwards: bool = False) -> Any:
    full = np.zeros_like(n.inputs[0].value)
    ids = np.asarray(n.extra["ids"]).reshape(-1)
    rows = np.asarray(g).reshape(len(ids), -1)
    for k in reversed(range(len(ids))) if backwards else range(len(ids)):
        full[ids[k]] = rows[k].reshape(full.shape[1:])
    return full


def _averaged(n: Node, i: int, g: Any, vjp: Any) -> Any:
    counts = np.bincount(np.asarray(n.extra["ids"]).reshape(-1), minlength=n.inputs[0].value.shape[0])
    return vjp(n, i, g) / np.maximum(counts, 1)[:, None]


def _parts_reversed(n: Node, i: int, g: Any, vjp: Any) -> Any:
    return vjp(n, len(n.inputs) - 1 - i, g)


def _flipped(n: Node, i: int, g: Any, vjp: Any) -> Any:
    if i == 1:
        return vjp(n, i, g)[..., ::-1]
    turned = _first(n)
    turned.inputs = (n.inputs[0], _Held(n.inputs[1].value[..., ::-1]))
    return vjp(turned, i, g)


class _Held:
    def __init__(self, value: Any) -> None:
        self.value = value


def _first(n: Node, which: int = 0) -> Any:
    stand = _Held(n.value)
    x = n.inputs[0].value
    stand.inputs = (_Held(x[:1] if which == 0 else x[-1:]), n.inputs[1])  # type: ignore[attr-defined]
    stand.extra = n.extra  # type: ignore[attr-defined]
    return stand


def reduction_rules(node: Node) -> Iterator[Rule]:
    """Sums, means, maxima: the gradient is not spread, or spread to the wrong entries."""
    op, here = node.op or "", node.label
    yield (
        1.3,
        ("M13",),
        f"{{q}}: the gradient that arrives at {here} is not used.",
        lambda n, i, g, vjp: vjp(n, i, ones(g)),
    )
    if op in ("sum", "mean"):
        cost = 1.1 if node.inputs[0].op is None else 1.6
        yield (
            cost,
            ("M07b",),
            f"{{q}} keeps the shape of the sum: it has to be spread over what was summed (in {here}).",
            (lambda n, i, g, vjp: np.asarray(g)),
        )
        yield 1.3, (), f"{{q}}: the gradient reaches the first entry only (in {here}).", _first_entry
        return
    if op == "max":
        axis = node.extra["axis"]

        def spread(n: Node, g: Any) -> Any:
            keep = n.extra["keepdims"] or axis is None
            g = np.asarray(g)
            return np.broadcast_to(g if keep else np.expand_dims(g, axis), n.inputs[0].value.shape)

        def chosen(n: Node, g: Any, at: Any) -> Any:
            x = n.inputs[0].value
            return spread(n, g) * (x == at(x, axis=axis, keepdims=True))

        yield (
            1.1,
            (),
            f"{{q}}: every entry gets the gradient; only the largest may (in {here}).",
            lambda n, i, g, vjp: spread(n, g),
        )
        yield (
            1.2,
            (),
            f"{{q}}: the smallest entry gets the gradient, not the largest (in {here}).",
            lambda n, i, g, vjp: chosen(n, g, np.min),
        )
        yield (
            1.2,
            (),
            f"{{q}}: the gradient is shared equally; the largest entry gets all of it (in {here}).",
            (lambda n, i, g, vjp: spread(n, g) * (np.size(n.value) / np.size(n.inputs[0].value))),
        )
        yield (
            1.3,
            (),
            f"{{q}}: the gradient is multiplied by the value of the maximum (in {here}).",
            lambda n, i, g, vjp: vjp(n, i, g) * n.inputs[0].value,
        )
        yield (
            1.3,
            (),
            f"{{q}}: the first entry of each group gets the gradient, not the largest (in {here}).",
            _first_of_group,
        )
    if op == "maxpool1d":
        yield (
            1.1,
            (),
            f"{{q}}: every entry of a window gets the gradient; only the largest may (in {here}).",
            _pool_all,
        )
        yield (
            1.2,
            (),
            f"{{q}}: the first entry of each window gets the gradient, not the largest (in {here}).",
            _pool_first,
        )
        yield (
            1.2,
            (),
            f"{{q}}: the gradient is shared equally in a window; the largest entry gets all of it (in {here}).",
            (lambda n, i, g, vjp: _pool_all(n, i, g, vjp) / n.extra["k"]),
        )


def _first_entry(n: Node, i: int, g: Any, vjp: Any) -> Any:
    full = np.array(vjp(n, i, g))
    axis = n.extra["axis"]
    keep = np.zeros_like(full)
    index: list[Any] = [slice(None)] * full.ndim
    for a in range(full.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis:
        index[a] = 0
    keep[tuple(index)] = full[tuple(index)]
    return keep


def _first_of_group(n: Node, i: int, g: Any, vjp: Any) -> Any:
    axis = n.extra["axis"]
    total = np.sum(vjp(n, i, g), axis=axis, keepdims=True)
    full = np.zeros_like(n.inputs[0].value)
    index: list[Any] = [slice(None)] * full.ndim
    if axis is not None:
        index[axis] = slice(0, 1)
        full[tuple(index)] = total
    return full


def _pool_all(n: Node, i: int, g: Any, vjp: Any) -> Any:
    k = n.extra["k"]
    full = np.zeros_like(n.inputs[0].value)
    full[..., : np.shape(g)[-1] * k] = np.repeat(g, k, axis=-1)
    return full


def _pool_first(n: Node, i: int, g: Any, vjp: Any) -> Any:
    k = n.extra["k"]
    full = np.zeros_like(n.inputs[0].value)
    full[..., 0 : np.shape(g)[-1] * k : k] = g
    return full
