"""Slips in the derivative of one activation, as data: the formula of another one, or its own, misspelt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .primitives import sigmoid

__all__ = ["FORMULAS", "SLIPS", "SLIP_IDS"]

# fmt: off
# the derivative of another activation, as it is written: f(x, y)
FORMULAS: dict[str, Callable[..., Any]] = {
    "sigmoid, y(1 − y),": lambda x, y: y * (1 - y),
    "tanh, 1 − y²,": lambda x, y: 1 - y * y,
    "sigmoid": lambda x, y: sigmoid(x) * (1 - sigmoid(x)),
    "tanh": lambda x, y: 1 - np.tanh(x) ** 2,
    "relu": lambda x, y: (x > 0) * 1.0,
    "softplus": lambda x, y: sigmoid(x),
    "abs": lambda x, y: np.sign(x),
    "square, 2x,": lambda x, y: 2 * x,
    "exp": lambda x, y: np.exp(x),
    "log, 1/x,": lambda x, y: 1 / x,
    "hardtanh": lambda x, y: (np.abs(x) < 1) * 1.0,
}

SLIP_IDS = {
    ("sigmoid", "y(y − 1)"): "M01", ("tanh", "y² − 1"): "M01", ("square", "x"): "M03", ("sqrt", "1/√x"): "M03", ("relu", "2 where x > 0"): "M03",
}
# slips in the formula of a derivative: operation -> [(as it was written, f(x, y))]
SLIPS: dict[str, list[tuple[str, Callable[..., Any]]]] = {
    "sigmoid": [
        ("1 − y", lambda x, y: 1 - y), ("y", lambda x, y: y), ("y(1 + y)", lambda x, y: y * (1 + y)),
        ("y(y − 1)", lambda x, y: y * (y - 1)), ("y²(1 − y)", lambda x, y: y * y * (1 - y)),
        ("y(1 − y)²", lambda x, y: y * (1 - y) ** 2), ("y(1 − y²)", lambda x, y: y * (1 - y * y)),
        ("y − 1", lambda x, y: y - 1), ("x(1 − y)", lambda x, y: x * (1 - y)), ("y(1 − x)", lambda x, y: y * (1 - x)),
        ("1 − y²", lambda x, y: 1 - y * y), ("1 − 2y", lambda x, y: 1 - 2 * y), ("e^(−x)", lambda x, y: np.exp(-x)),
        ("y²", lambda x, y: y * y), ("1/(1 + e^x)", lambda x, y: 1 - y), ("e^(−x)/(1 + e^(−x))", lambda x, y: 1 - y),
    ],
    "tanh": [
        ("1 − y", lambda x, y: 1 - y), ("1 + y²", lambda x, y: 1 + y * y), ("y² − 1", lambda x, y: y * y - 1),
        ("(1 − y)²", lambda x, y: (1 - y) ** 2), ("y²", lambda x, y: y * y), ("y", lambda x, y: y),
        ("1 − 2y", lambda x, y: 1 - 2 * y), ("2y", lambda x, y: 2 * y), ("1 − |y|", lambda x, y: 1 - np.abs(y)),
        ("y(1 − y)", lambda x, y: y * (1 - y)), ("1 + y", lambda x, y: 1 + y), ("1 − y³", lambda x, y: 1 - y**3),
        ("√(1 − y²)", lambda x, y: np.sqrt(1 - y * y)),
    ],
    "relu": [
        ("y", lambda x, y: y), ("x", lambda x, y: x), ("x < 0", lambda x, y: (x < 0) * 1.0),
        ("x > 1", lambda x, y: (x > 1) * 1.0), ("sign(x)", lambda x, y: np.sign(x)),
    ],
    "leaky_relu": [
        ("x > 0, without the slope alpha", lambda x, y, alpha=0.01: (x > 0) * 1.0),
        ("alpha everywhere", lambda x, y, alpha=0.01: alpha + 0 * x),
        ("the two sides exchanged", lambda x, y, alpha=0.01: np.where(x > 0, alpha, 1.0)),
        ("alpha·x below 0", lambda x, y, alpha=0.01: np.where(x > 0, 1.0, alpha * x)),
        ("−alpha below 0", lambda x, y, alpha=0.01: np.where(x > 0, 1.0, -alpha)),
        ("1 + alpha above 0", lambda x, y, alpha=0.01: np.where(x > 0, 1.0 + alpha, alpha)),
    ],
    "hardtanh": [
        ("the value y", lambda x, y: y), ("|x| > 1", lambda x, y: (np.abs(x) > 1) * 1.0), ("x < 1", lambda x, y: (x < 1) * 1.0),
        ("x > −1", lambda x, y: (x > -1) * 1.0), ("0 < x < 1", lambda x, y: ((x > 0) & (x < 1)) * 1.0),
        ("1 everywhere", lambda x, y: np.ones_like(x)),
    ],
    "softplus": [
        ("the value y", lambda x, y: y), ("σ(−x)", lambda x, y: sigmoid(-x)), ("e^x", lambda x, y: np.exp(x)),
        ("σ(y)", lambda x, y: sigmoid(y)), ("1 + e^x", lambda x, y: 1 + np.exp(x)),
    ],
    "abs": [("|x|", lambda x, y: y), ("x", lambda x, y: x), ("x > 0", lambda x, y: (x > 0) * 1.0)],
    "exp": [("x e^x", lambda x, y: x * y), ("e^(x − 1)", lambda x, y: y / np.e), ("x", lambda x, y: x), ("1/x", lambda x, y: 1 / x)],
    "log": [("x", lambda x, y: x), ("1/y", lambda x, y: 1 / y), ("y", lambda x, y: y), ("1/x²", lambda x, y: 1 / x**2)],
    "sqrt": [
        ("½√x", lambda x, y: 0.5 * y), ("1/√x", lambda x, y: 1 / y), ("√x", lambda x, y: y), ("1/(2x)", lambda x, y: 0.5 / x),
    ],
    "square": [("x", lambda x, y: x), ("x²", lambda x, y: y), ("2", lambda x, y: 2 + 0 * x)],
    "pow": [
        ("p x^p, with the exponent not reduced", lambda x, y, p=2: p * y),
        ("x^(p − 1), without the factor p", lambda x, y, p=2: x ** (p - 1)),
        ("(p − 1) x^(p − 1)", lambda x, y, p=2: (p - 1) * x ** (p - 1)), ("p x", lambda x, y, p=2: p * x),
        ("p x^(p + 1)", lambda x, y, p=2: p * x ** (p + 1)), ("the value x^p", lambda x, y, p=2: y),
        ("(p − 1) x^p", lambda x, y, p=2: (p - 1) * y), ("p x^(p − 2)", lambda x, y, p=2: p * x ** (p - 2)),
    ],
}
# fmt: on
