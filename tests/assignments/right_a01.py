"""A01: right activations in the letters of the assignment, and wrong changes of them with what they leave of the points."""

RIGHT = """
import numpy as np

def sigmoid(z):
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(z, float)))

def d_sigmoid(z):
    s = sigmoid(z)
    return s * (1 - s)

def tanh(z):
    return np.tanh(np.asarray(z, float))

def d_tanh(z):
    return 1 - np.tanh(np.asarray(z, float)) ** 2

def hardtanh(z):
    return np.clip(np.asarray(z, float), -1.0, 1.0)

def d_hardtanh(z):
    return np.where(np.abs(z) < 1, 1.0, 0.0)

def relu(z):
    return np.maximum(np.asarray(z, float), 0.0)

def d_relu(z):
    return np.where(np.asarray(z) > 0, 1.0, 0.0)

def leaky_relu(z, alpha=0.01):
    z = np.array(z, float)
    return np.where(z > 0, z, alpha * z)

def d_leaky_relu(z, alpha=0.01):
    return np.where(np.asarray(z) > 0, 1.0, alpha)

def softplus(z):
    return np.logaddexp(0.0, z)

def d_softplus(z):
    return sigmoid(z)

def abs_rect(z):
    return np.abs(np.asarray(z, float))

def d_abs_rect(z):
    return np.sign(np.asarray(z, float))
"""

MUTANTS = {
    "relu' is 2 at 0": ("activations", "np.where(np.asarray(z) > 0, 1.0, 0.0)", "np.where(np.asarray(z) == 0, 2.0, np.asarray(z) > 0)", 9.5, "M24"),
    "hardtanh' is -1 at its corners": ("activations", "np.where(np.abs(z) < 1, 1.0, 0.0)", "np.where(np.abs(z) == 1, -1.0, np.abs(z) < 1)", 9.5, "M24"),
    "abs' is 3 at 0": ("activations", "np.sign(np.asarray(z, float))", "np.where(np.asarray(z) == 0, 3.0, np.sign(np.asarray(z, float)))", 9.5, "M24"),
    "leaky relu keeps whole numbers whole": ("activations", "    z = np.array(z, float)\n    return np.where(z > 0, z, alpha * z)", "    z = np.array(z)\n    out = z.copy()\n    out[z <= 0] = (alpha * z)[z <= 0]\n    return out", 9.25, "M26"),
    "sigmoid of whole numbers is whole": ("activations", "return 0.5 * (1 + np.tanh(0.5 * np.asarray(z, float)))", "out = np.zeros_like(np.asarray(z))\n    out[...] = 0.5 * (1 + np.tanh(0.5 * np.asarray(z, float)))\n    return out", 9.25, "M26"),
    "softplus overflows": ("activations", "np.logaddexp(0.0, z)", "np.log(1 + np.exp(z))", 9.25, "M23"),
    "sigmoid' at the output": ("activations", "    s = sigmoid(z)\n", "    s = sigmoid(sigmoid(z))\n", 9.25, "M11"),
    "tanh' without the square": ("activations", "1 - np.tanh(np.asarray(z, float)) ** 2", "1 - np.tanh(np.asarray(z, float))", 9.25, ""),
}  # fmt: skip
