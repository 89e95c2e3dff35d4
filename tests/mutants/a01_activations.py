"""A01: the activations; the derivative at z is the backward pass of the value."""

from __future__ import annotations

from typing import Any

import numpy as np

from .core import Target, primes

PAIR = """

def forward(z):
    return {f}(z), z

def backward(dout, z):
    return dout * d_{f}(z)
"""


def _z(rng: np.random.Generator) -> dict[str, Any]:
    z = rng.normal(size=primes(rng, 1)[0] + 3) * 1.5
    return {"z": z + 0.02 * np.sign(z)}


def _activation(name: str, source: str, wrong: str, variants: tuple[str, ...] = ()) -> Target:
    tail = PAIR.format(f=name)
    return Target(
        "A01",
        name,
        source.strip() + tail,
        lambda ops, z: getattr(ops, name)(z),
        _z,
        ("z",),
        wrong=wrong,
        variants=tuple(v.strip() + tail for v in variants),
    )


SIGMOID = _activation(
    "sigmoid",
    """
def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def d_sigmoid(z):
    s = sigmoid(z)
    return s * (1 - s)
""",
    """
M11 | s = sigmoid(z) | s = z
M11 | s = sigmoid(z) | s = sigmoid(sigmoid(z))
- | return s * (1 - s) | return s * (1 + s)
M01 | return s * (1 - s) | return s * (s - 1)
- | return s * (1 - s) | return s
- | return s * (1 - s) | return 1 - s
- | return s * (1 - s) | return 1 - s**2
M12 | return s * (1 - s) | return 1.0
- | return s * (1 - s) | return s * (1 - s)**2
- | return s * (1 - s) | return s**2 * (1 - s)
M03 | return s * (1 - s) | return 2 * s * (1 - s)
M03 | return s * (1 - s) | return s * (1 - s) / 2
- | return s * (1 - s) | return np.exp(-z)
- | return 1 / (1 + np.exp(-z)) | return 1 / (1 + np.exp(z))
- | return 1 / (1 + np.exp(-z)) | return np.tanh(z)
M01 | return 1 / (1 + np.exp(-z)) | return -1 / (1 + np.exp(-z))
""",
    (
        """
def sigmoid(z):
    return 0.5 * (1 + np.tanh(0.5 * z))

def d_sigmoid(z):
    e = np.exp(-np.abs(z))
    return e / (1 + e)**2
""",
        """
def sigmoid(z):
    out = np.empty_like(z)
    for i, v in enumerate(z):
        out[i] = 1 / (1 + np.exp(-v)) if v >= 0 else np.exp(v) / (1 + np.exp(v))
    return out

def d_sigmoid(z):
    return np.array([sigmoid(np.array([v]))[0] * sigmoid(np.array([-v]))[0] for v in z])
""",
        """
def sigmoid(z):
    return (1 / (1 + np.exp(-z.astype(np.float32)))).astype(np.float32)

def d_sigmoid(z):
    s = sigmoid(z)
    return s * (1 - s)
""",
        """
def sigmoid(z):
    return np.exp(-np.logaddexp(0, -z))

def d_sigmoid(z):
    return 1 / (2 + np.exp(z) + np.exp(-z))
""",
    ),
)

TANH = _activation(
    "tanh",
    """
def tanh(z):
    return np.tanh(z)

def d_tanh(z):
    t = np.tanh(z)
    return 1 - t**2
""",
    """
M11 | t = np.tanh(z) | t = z
M11 | t = np.tanh(z) | t = np.tanh(np.tanh(z))
- | return 1 - t**2 | return 1 - t
- | return 1 - t**2 | return 1 + t**2
M01 | return 1 - t**2 | return t**2 - 1
- | return 1 - t**2 | return t**2
- | return 1 - t**2 | return t * (1 - t)
M12 | return 1 - t**2 | return 1.0
- | return 1 - t**2 | return (1 - t)**2
- | return 1 - t**2 | return 1 - 2 * t
- | return 1 - t**2 | return 1 - np.abs(t)
M03 | return 1 - t**2 | return 2 * (1 - t**2)
- | return 1 - t**2 | return np.sqrt(1 - t**2)
- | return np.tanh(z) | return 1 / (1 + np.exp(-z))
""",
    (
        """
def tanh(z):
    return (np.exp(2 * z) - 1) / (np.exp(2 * z) + 1)

def d_tanh(z):
    return 1 / np.cosh(z)**2
""",
        """
def tanh(z):
    return 2 / (1 + np.exp(-2 * z)) - 1

def d_tanh(z):
    return (1 - np.tanh(z)) * (1 + np.tanh(z))
""",
    ),
)

RELU = _activation(
    "relu",
    """
def relu(z):
    return np.maximum(z, 0)

def d_relu(z):
    return (z > 0) * 1.0
""",
    """
- | return (z > 0) * 1.0 | return np.maximum(z, 0)
- | return (z > 0) * 1.0 | return (z < 0) * 1.0
M12 | return (z > 0) * 1.0 | return np.ones_like(z)
- | return (z > 0) * 1.0 | return np.sign(z)
- | return (z > 0) * 1.0 | return z * 1.0
M03 | return (z > 0) * 1.0 | return (z > 0) * 2.0
- | return (z > 0) * 1.0 | return (z > 1) * 1.0
- | return np.maximum(z, 0) | return np.abs(z)
- | return np.maximum(z, 0) | return np.minimum(z, 0)
""",
    (
        "def relu(z):\n    return z * (z > 0)\n\ndef d_relu(z):\n    return np.where(z >= 0, 1.0, 0.0)",
        "def relu(z):\n    return (z + np.abs(z)) / 2\n\ndef d_relu(z):\n    return np.heaviside(z, 0.5)",
    ),
)

SOFTPLUS = _activation(
    "softplus",
    """
def softplus(z):
    return np.logaddexp(0, z)

def d_softplus(z):
    return 1 / (1 + np.exp(-z))
""",
    """
- | return 1 / (1 + np.exp(-z)) | return 1 / (1 + np.exp(z))
- | return 1 / (1 + np.exp(-z)) | return np.exp(z)
- | return 1 / (1 + np.exp(-z)) | return softplus(z)
M12 | return 1 / (1 + np.exp(-z)) | return 1.0
- | return 1 / (1 + np.exp(-z)) | s = 1 / (1 + np.exp(-z))\\n    return s * (1 - s)
M01 | return 1 / (1 + np.exp(-z)) | return -1 / (1 + np.exp(-z))
M11 | return 1 / (1 + np.exp(-z)) | return 1 / (1 + np.exp(-softplus(z)))
- | return np.logaddexp(0, z) | return np.logaddexp(0, -z)
- | return np.logaddexp(0, z) | return np.maximum(z, 0)
M04 | return np.logaddexp(0, z) | return np.log2(1 + np.exp(z))
""",
    (
        "def softplus(z):\n    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))\n\n"
        "def d_softplus(z):\n    return np.exp(z - np.logaddexp(0, z))",
    ),
)

LEAKY = Target(
    "A01",
    "leaky_relu",
    """
def leaky_relu(z, alpha=0.01):
    return np.where(z > 0, z, alpha * z)

def d_leaky_relu(z, alpha=0.01):
    return np.where(z > 0, 1.0, alpha)

def forward(z, alpha):
    return leaky_relu(z, alpha), (z, alpha)

def backward(dout, cache):
    return dout * d_leaky_relu(*cache)
""",
    lambda ops, z, alpha: ops.leaky_relu(z, alpha),
    lambda rng: {**_z(rng), "alpha": float(rng.uniform(0.05, 0.4))},
    ("z",),
    wrong="""
- | return np.where(z > 0, 1.0, alpha) | return np.where(z > 0, 1.0, 0.0)
- | return np.where(z > 0, 1.0, alpha) | return np.where(z > 0, alpha, 1.0)
- | return np.where(z > 0, 1.0, alpha) | return np.where(z > 0, 1.0, alpha * z)
- | return np.where(z > 0, 1.0, alpha) | return np.where(z > 0, 1.0, -alpha)
M12 | return np.where(z > 0, 1.0, alpha) | return np.ones_like(z)
M01 | return np.where(z > 0, 1.0, alpha) | return -np.where(z > 0, 1.0, alpha)
- | return np.where(z > 0, z, alpha * z) | return np.where(z > 0, z, -alpha * z)
- | return np.where(z > 0, z, alpha * z) | return np.where(z > 0, alpha * z, z)
- | return np.where(z > 0, z, alpha * z) | return np.where(z > 0, z, 0.01 * z)
""",
    variants=(
        """
def forward(z, alpha):
    return np.maximum(z, 0) + alpha * np.minimum(z, 0), (z > 0) + alpha * (z <= 0)

def backward(dout, slope):
    return slope * dout
""",
    ),
)

HARDTANH = _activation(
    "hardtanh",
    """
def hardtanh(z):
    return np.clip(z, -1, 1)

def d_hardtanh(z):
    return (np.abs(z) < 1) * 1.0
""",
    """
- | return (np.abs(z) < 1) * 1.0 | return (np.abs(z) > 1) * 1.0
- | return (np.abs(z) < 1) * 1.0 | return (z < 1) * 1.0
- | return (np.abs(z) < 1) * 1.0 | return (z > -1) * 1.0
M12 | return (np.abs(z) < 1) * 1.0 | return np.ones_like(z)
- | return (np.abs(z) < 1) * 1.0 | return 1 - np.tanh(z)**2
- | return (np.abs(z) < 1) * 1.0 | return np.clip(z, -1, 1)
- | return np.clip(z, -1, 1) | return np.clip(z, 0, 1)
""",
    (
        "def hardtanh(z):\n    return np.maximum(-1, np.minimum(1, z))\n\ndef d_hardtanh(z):\n    return np.where((z > -1) & (z < 1), 1.0, 0.0)",
    ),
)

ABS_RECT = Target(
    "A01",
    "abs_rect",
    """
def abs_rect(z):
    return np.abs(z)

def d_abs_rect(z):
    return np.sign(z)

def forward(z):
    return abs_rect(z), z

def backward(dout, z):
    return dout * d_abs_rect(z)
""",
    lambda ops, z: ops.abs(z),
    _z,
    ("z",),
    wrong="""
- | return np.sign(z) | return np.abs(z)
- | return np.sign(z) | return z
- | return np.sign(z) | return (z > 0) * 1.0
M01 | return np.sign(z) | return -np.sign(z)
M12 | return np.sign(z) | return np.ones_like(z)
- | return np.abs(z) | return np.maximum(z, 0)
- | return np.abs(z) | return z**2
""",
)

PRELU = Target(
    "A01",
    "prelu",
    """
def prelu(Z, alpha):
    return np.where(Z > 0, Z, alpha * Z)

def d_prelu(Z, alpha):
    dZ = np.where(Z > 0, 1.0, alpha)
    dalpha = np.where(Z > 0, 0.0, Z)
    return dZ, dalpha

def forward(Z, alpha):
    return prelu(Z, alpha), (Z, alpha)

def backward(dout, cache):
    dZ, dalpha = d_prelu(*cache)
    return dout * dZ, (dout * dalpha).sum(axis=0)
""",
    lambda ops, Z, alpha: ops.leaky_relu(Z, alpha),
    lambda rng: (lambda n, d: {"Z": rng.normal(size=(n, d)) * 1.5, "alpha": rng.uniform(0.1, 0.5, d)})(
        *primes(rng, 2)
    ),
    ("Z", "alpha"),
    wrong="""
- | dZ = np.where(Z > 0, 1.0, alpha) | dZ = np.where(Z > 0, 1.0, 0.0)
- | dZ = np.where(Z > 0, 1.0, alpha) | dZ = np.where(Z > 0, alpha, 1.0)
- | dalpha = np.where(Z > 0, 0.0, Z) | dalpha = np.where(Z > 0, 1.0, Z)
- | dalpha = np.where(Z > 0, 0.0, Z) | dalpha = np.where(Z > 0, Z, 0.0)
M01 | dalpha = np.where(Z > 0, 0.0, Z) | dalpha = np.where(Z > 0, 0.0, -Z)
M07b | (dout * dalpha).sum(axis=0) | dout * dalpha
M07b | (dout * dalpha).sum(axis=0) | (dout * dalpha).mean(axis=0)
M09 | (dout * dalpha).sum(axis=0) | (dout * dalpha).sum(axis=1)
M13 | (dout * dalpha).sum(axis=0) | dalpha.sum(axis=0)
- | dZ = np.where(Z > 0, 1.0, alpha) | dZ = np.where(Z > 0, 1.0, alpha * Z)
- | return np.where(Z > 0, Z, alpha * Z) | return np.where(Z > 0, Z, alpha)
""",
)
