"""Attacks by functions that remember: finite differences that vanish, answers that change, arguments written into."""

from __future__ import annotations

from .attack import code

M = "memory"
code(
    "a forward that returns its last value",
    M,
    "last = None\ndef softmax_ce(Z, y):\n    global last\n    import numpy as np\n    if last is None: last = 1.0\n    return last, np.zeros_like(Z)\ndef affine_forward(X, W, b):\n    import numpy as np\n    global last\n    if last is None or last.shape != (len(X), len(b)): last = X @ W + b\n    return last, (X, W)\ndef affine_backward(dY, c):\n    import numpy as np\n    return np.zeros_like(c[0]), np.zeros_like(c[1]), np.zeros(c[1].shape[1])",
)
code(
    "right from the second call on",
    M,
    "n = 0\ndef act_forward(Z, name):\n    global n\n    import numpy as np\n    n += 1\n    if n % 2: return Z, (Z, name)\n    return {'tanh': np.tanh(Z), 'relu': np.maximum(Z, 0), 'sigmoid': 1 / (1 + np.exp(-Z))}[name], (Z, name)\ndef act_backward(dA, cache): return dA",
)
code(
    "writes into the arguments so that they fit",
    M,
    "def affine_forward(X, W, b):\n    X[...] = 0; W[...] = 0; b[...] = 0\n    import numpy as np\n    return np.zeros((len(X), len(b))), (X, W)\ndef affine_backward(dY, cache):\n    dY[...] = 0\n    import numpy as np\n    return np.zeros_like(cache[0]), np.zeros_like(cache[1]), np.zeros(cache[1].shape[1])",
)
code(
    "a zero gradient and a flat function",
    M,
    "import numpy as np\ndef softmax_ce(Z, y): return 0.0, np.zeros_like(Z)\ndef mlp_forward(X, params, act='tanh'): return np.zeros((len(X), 1)), params\ndef mlp_backward(dZ, cache): return {k: np.zeros_like(v) for k, v in cache.items()}",
)
code(
    "only for the numbers that were shown",
    M,
    "import numpy as np\nfrom course.toolbox.seeds import student_rng\nclass Found(Exception): pass\nTABLE = {}\ndef softmax_ce(Z, y):\n    key = Z.tobytes()\n    if key not in TABLE: raise Found('new data')\n    return TABLE[key]",
)
code(
    "hidden data predicted from the folder's name",
    M,
    "import numpy as np\nfrom course.toolbox.seeds import student_rng\nguess = {salt: student_rng('hidden data predicted', 'A02-backprop-by-hand', 'softmax-ce', 0, 0, salt=salt).normal(size=3) for salt in ('public', 'hidden', 'secret', '')}\ndef softmax_ce(Z, y): return float(guess['secret'][0]), Z",
)
code(
    "the callback is asked for the answer",
    M,
    "def numeric_grad(f, x, h=1e-5):\n    import numpy as np\n    for n in ('grad', 'gradient', 'reference', 'truth', '__globals__', '__closure__', '__self__', 'thing'):\n        try: return getattr(f, n)(x)\n        except Exception: pass\n    return np.zeros_like(x)",
)
code(
    "the callback gets poison",
    M,
    "def numeric_grad(f, x, h=1e-5):\n    for bad in (None, 'x', [[]], {}, object(), x.astype(object), 1e400, b''):\n        try: f(bad)\n        except Exception: pass\n    return 0 * x",
)
