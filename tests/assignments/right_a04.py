"""A04: a right solution in the letters of the assignment, and wrong changes of it with what they leave of the points."""

RIGHT = """
import numpy as np

def sgd(params, grads, state, lr):
    return {k: p - lr * grads[k] for k, p in params.items()}, {}

def momentum(params, grads, state, lr, beta=0.9):
    v = {k: beta * state.get(k, 0.0) + grads[k] for k in params}
    return {k: p - lr * v[k] for k, p in params.items()}, v

def nesterov(params, grads, state, lr, beta=0.9):
    v = {k: beta * state.get(k, 0.0) + grads[k] for k in params}
    return {k: p - lr * (grads[k] + beta * v[k]) for k, p in params.items()}, v

def adagrad(params, grads, state, lr, eps=1e-10):
    s = {k: state.get(k, 0.0) + grads[k] ** 2 for k in params}
    return {k: p - lr * grads[k] / (np.sqrt(s[k]) + eps) for k, p in params.items()}, s

def adadelta(params, grads, state, lr=1.0, rho=0.9, eps=1e-6):
    new, after = {}, {}
    for k, p in params.items():
        s, d = state.get(k, (0.0, 0.0))
        s = rho * s + (1 - rho) * grads[k] ** 2
        dx = np.sqrt(d + eps) / np.sqrt(s + eps) * grads[k]
        after[k] = (s, rho * d + (1 - rho) * dx**2)
        new[k] = p - lr * dx
    return new, after

def rmsprop(params, grads, state, lr, rho=0.99, eps=1e-8):
    s = {k: rho * state.get(k, 0.0) + (1 - rho) * grads[k] ** 2 for k in params}
    return {k: p - lr * grads[k] / (np.sqrt(s[k]) + eps) for k, p in params.items()}, s

def adam(params, grads, state, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state.get("t", 0) + 1
    new, after = {}, {"t": t}
    for k, p in params.items():
        m, v = state.get(k, (0.0, 0.0))
        m = beta1 * m + (1 - beta1) * grads[k]
        v = beta2 * v + (1 - beta2) * grads[k] ** 2
        mhat, vhat = m / (1 - beta1**t), v / (1 - beta2**t)
        new[k] = p - lr * mhat / (np.sqrt(vhat) + eps)
        after[k] = (m, v)
    return new, after

def adamw(params, grads, state, lr, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
    new, state = adam(params, grads, state, lr, beta1, beta2, eps)
    return {k: p - lr * weight_decay * params[k] for k, p in new.items()}, state

def iterate_minibatches(X, y, size, rng):
    order = rng.permutation(len(X))
    for start in range(0, len(X), size):
        rows = order[start:start + size]
        yield X[rows], y[rows]

def sgd_projected(params, grads, state, lr, project):
    return {k: project(p - lr * grads[k]) for k, p in params.items()}, state

def schedule(step, base, kind, **hp):
    if kind == "step":
        return base * hp["factor"] ** (step // hp["every"])
    if kind == "cosine":
        return base / 2 * (1 + np.cos(np.pi * min(step, hp["total"]) / hp["total"]))
    return base / (1 + step / hp["tau"])

def penalty(params, l1=0.0, l2=0.0):
    value, grads = 0.0, {}
    for k, W in params.items():
        if k.startswith("W"):
            value += l1 * np.abs(W).sum() + l2 / 2 * (W**2).sum()
            grads[k] = l1 * np.sign(W) + l2 * W
    return value, grads

def dropout_forward(X, p, rng, train=True):
    if not train:
        return X.copy(), np.ones_like(X)
    if p == 1:
        return np.zeros_like(X), np.zeros_like(X)
    scale = (rng.random(X.shape) >= p) / (1 - p)
    return X * scale, scale

def dropout_backward(dY, cache):
    return dY * cache

def batchnorm_forward(X, gamma, beta, state, train=True, eps=1e-5, momentum=0.9):
    if train:
        mean, var = X.mean(axis=0), X.var(axis=0)
        new = {"mean": momentum * state["mean"] + (1 - momentum) * mean, "var": momentum * state["var"] + (1 - momentum) * var}
    else:
        mean, var, new = state["mean"], state["var"], state
    std = np.sqrt(var + eps)
    xhat = (X - mean) / std
    return gamma * xhat + beta, (xhat, std, gamma, train), new

def batchnorm_backward(dY, cache):
    xhat, std, gamma, train = cache
    dgamma, dbeta = (dY * xhat).sum(axis=0), dY.sum(axis=0)
    dxhat = dY * gamma
    if not train:
        return dxhat / std, dgamma, dbeta
    dX = (dxhat - dxhat.mean(axis=0) - xhat * (dxhat * xhat).mean(axis=0)) / std
    return dX, dgamma, dbeta

def clip_by_global_norm(grads, threshold):
    norm = np.sqrt(sum((g**2).sum() for g in grads.values()))
    scale = threshold / norm if norm > threshold else 1.0
    return {k: g * scale for k, g in grads.items()}, float(norm)
"""

# name -> (entry, text, replacement, points that are left of the entry, diagnosis)
# fmt: off
MUTANTS = {
    "sgd: uphill": ("sgd", "p - lr * grads[k] for k, p in params.items()}, {}", "p + lr * grads[k] for k, p in params.items()}, {}", 0.0, "M01"),
    "sgd: in place": ("sgd", "    return {k: p - lr * grads[k] for k, p in params.items()}, {}", "    for k in params:\n        params[k] -= lr * grads[k]\n    return params, {}", 1.0, "M25"),
    "momentum: damped": ("momentum", "0.0) + grads[k] for k in params}\n    return {k: p - lr * v[k]", "0.0) + (1 - beta) * grads[k] for k in params}\n    return {k: p - lr * v[k]", 0.75, "M31"),
    "momentum: not carried on": ("momentum", "return {k: p - lr * v[k] for k, p in params.items()}, v", "return {k: p - lr * v[k] for k, p in params.items()}, {}", 0.75, "M31"),
    "momentum: a global velocity": ("momentum", "    v = {k: beta * state.get(k, 0.0) + grads[k] for k in params}\n    return {k: p - lr * v[k] for k, p in params.items()}, v", "    if not state:\n        V.clear()\n    for k in params:\n        V[k] = beta * V.get(k, 0.0) + grads[k]\n    return {k: p - lr * V[k] for k, p in params.items()}, {'on': 1}\n\nV = {}", 2.75, "M16"),
    "momentum: another default": ("momentum", "def momentum(params, grads, state, lr, beta=0.9)", "def momentum(params, grads, state, lr, beta=0.99)", 2.5, ""),
    "momentum: state written into": ("momentum", "    v = {k: beta * state.get(k, 0.0) + grads[k] for k in params}\n    return {k: p - lr * v[k]", "    v = state\n    v.update({k: beta * state.get(k, 0.0) + grads[k] for k in params})\n    return {k: p - lr * v[k]", 2.5, "M25"),
    "nesterov: plain": ("nesterov", "(grads[k] + beta * v[k])", "v[k]", 0.75, "M31"),
    "adagrad: last only": ("adagrad", "state.get(k, 0.0) + grads[k] ** 2", "grads[k] ** 2", 0.75, "M32"),
    "adagrad: another default": ("adagrad", "lr, eps=1e-10", "lr, eps=1e-8", 2.0, ""),
    "rmsprop: rho is ignored": ("rmsprop", "(params, grads, state, lr, rho=0.99, eps=1e-8):\n", "(params, grads, state, lr, rho=0.99, eps=1e-8):\n    rho = 0.99\n", 0.75, ""),
    "adadelta: after lr": ("adadelta", "(1 - rho) * dx**2", "(1 - rho) * (lr * dx) ** 2", 0.75, ""),
    "adam: t of all arrays together": ("adam", "    for k, p in params.items():\n        m, v = state", "    for k, p in params.items():\n        t += 1\n        m, v = state", 0.75, "M30"),
    "adam: v corrected with beta1": ("adam", "v / (1 - beta2**t)", "v / (1 - beta1**t)", 0.75, "M30"),
    "nesterov: velocity for the gradient": ("nesterov", "(grads[k] + beta * v[k])", "(v[k] + beta * v[k])", 0.75, "M31"),
    "clip: mean of squares": ("clip-by-global-norm", "(g**2).sum()", "(g**2).mean()", 0.0, "M29"),
    "adam: product for the power": ("adam", "(1 - beta1**t)", "(1 - beta1 * t)", 0.75, "M30"),
    "adam: no correction of m, and the root over all": ("adam", "m / (1 - beta1**t), v / (1 - beta2**t)\n        new[k] = p - lr * mhat / (np.sqrt(vhat) + eps)", "m, v / (1 - beta2**t)\n        new[k] = p - lr * mhat / np.sqrt(vhat + eps)", 0.75, "M30"),
    "adadelta: lr forgotten": ("adadelta", "new[k] = p - lr * dx", "new[k] = p - dx", 0.75, ""),
    "adadelta: the new mean of the steps": ("adadelta", "        after[k] = (s, rho * d + (1 - rho) * dx**2)\n", "        d = rho * d + (1 - rho) * dx**2\n        after[k] = (s, d)\n        dx = np.sqrt(d + eps) / np.sqrt(s + eps) * grads[k]\n", 0.75, ""),
    "adam: no correction": ("adam", "m / (1 - beta1**t), v / (1 - beta2**t)", "m, v", 0.75, "M30"),
    "adamw: coupled": ("adamw", "new, state = adam(params, grads, state,", "new, state = adam(params, {k: g + weight_decay * params[k] for k, g in grads.items()}, state,", 0.75, ""),
    "adamw: no decay": ("adamw", "p - lr * weight_decay * params[k]", "p", 0.75, "M19"),
    "minibatches: old order": ("iterate-minibatches", "rng.permutation(len(X))", "np.arange(len(X))", 2.25, ""),
    "minibatches: with replacement": ("iterate-minibatches", "rng.permutation(len(X))", "rng.integers(0, len(X), len(X))", 2.25, ""),
    "minibatches: numpy's own generator": ("iterate-minibatches", "rng.permutation(len(X))", "np.random.permutation(len(X))", 2.25, ""),
    "minibatches: the batches are shuffled": ("iterate-minibatches", "rng.permutation(len(X))", "np.concatenate([*rng.permutation(np.arange(len(X) // size * size).reshape(-1, size)), np.arange(len(X) // size * size, len(X))])", 2.25, ""),
    "minibatches: the first rows stay": ("iterate-minibatches", "rng.permutation(len(X))", "np.concatenate([np.arange(3), 3 + rng.permutation(len(X) - 3)])", 2.25, ""),
    "minibatches: last missing": ("iterate-minibatches", "range(0, len(X), size)", "range(0, len(X) - size + 1, size)", 2.0, ""),
    "minibatches: labels unshuffled": ("iterate-minibatches", "yield X[rows], y[rows]", "yield X[rows], y[start:start + size]", 2.25, ""),
    "minibatches: X is shuffled where it stands": ("iterate-minibatches", "        yield X[rows], y[rows]", "        if start == 0:\n            X[:], y[:] = X[order], y[order]\n        yield X[start:start + size].copy(), y[start:start + size].copy()", 2.25, "M25"),
    "minibatches: a seed of its own": ("iterate-minibatches", "rng.permutation(len(X))", "np.random.default_rng(0).permutation(len(X))", 2.25, ""),
    "projected: not at all": ("sgd-projected", "project(p - lr * grads[k])", "p - lr * grads[k]", 0.0, ""),
    "projected: too early": ("sgd-projected", "project(p - lr * grads[k])", "project(p) - lr * grads[k]", 0.0, ""),
    "schedule: cosine goes on": ("schedule", "min(step, hp[\"total\"])", "step", 2.0, ""),
    "schedule: from 1": ("schedule", "def schedule(step, base, kind, **hp):\n", "def schedule(step, base, kind, **hp):\n    step += 1\n", 0.0, "M34"),
    "penalty: biases": ("penalty", "if k.startswith(\"W\"):", "if True:", 0.0, "M19"),
    "penalty: twice the slope": ("penalty", "+ l2 * W\n", "+ 2 * l2 * W\n", 1.75, "M03"),
    "penalty: mean": ("penalty", "value += l1 * np.abs(W).sum() + l2 / 2 * (W**2).sum()\n            grads[k] = l1 * np.sign(W) + l2 * W", "value += l1 * np.abs(W).mean() + l2 / 2 * (W**2).mean()\n            grads[k] = (l1 * np.sign(W) + l2 * W) / W.size", 0.0, "M05"),
    "penalty: slope 1": ("penalty", "l1 * np.sign(W)", "l1", 1.75, ""),
    "dropout: not scaled": ("dropout-forward", "(rng.random(X.shape) >= p) / (1 - p)", "(rng.random(X.shape) >= p) * 1.0", 1.5, "M27"),
    "dropout: p exchanged": ("dropout-forward", "(rng.random(X.shape) >= p) / (1 - p)", "(rng.random(X.shape) < p) / (1 - p)", 1.0, "M27"),
    "dropout: one mask for all rows": ("dropout-forward", "(rng.random(X.shape) >= p) / (1 - p)", "(rng.random(X.shape[1]) >= p) / (1 - p) * np.ones_like(X)", 1.5, "M27"),
    "dropout: numpy's own generator": ("dropout-forward", "rng.random(X.shape)", "np.random.random(X.shape)", 1.5, ""),
    "dropout: active in evaluation": ("dropout-forward", "    if not train:\n        return X.copy(), np.ones_like(X)\n", "", 2.5, "M27"),
    "dropout: draws in evaluation": ("dropout-forward", "    if not train:", "    rng.random(3)\n    if not train:", 3.25, "M27"),
    "dropout: p = 1 divides by zero": ("dropout-forward", "    if p == 1:\n        return np.zeros_like(X), np.zeros_like(X)\n", "", 3.0, "M27"),
    "dropout: no mask backward": ("dropout-backward", "    return dY * cache", "    return dY", 0.5, "M27"),
    "dropout: unscaled backward": ("dropout-backward", "    return dY * cache", "    return dY * (cache > 0)", 0.5, "M27"),
    "dropout: a global mask": ("dropout-backward", "    return X * scale, scale\n\ndef dropout_backward(dY, cache):\n    return dY * cache", "    KEEP['m'] = scale\n    return X * scale, None if train else 1.0\n\nKEEP = {}\ndef dropout_backward(dY, cache):\n    return dY * (KEEP['m'] if cache is None else cache)", 0.5, "M27"),
    "batchnorm: N - 1": ("batchnorm-forward", "mean, var = X.mean(axis=0), X.var(axis=0)", "mean, var = X.mean(axis=0), X.var(axis=0, ddof=1)", 0.75, "M28"),
    "batchnorm: momentum exchanged": ("batchnorm-forward", "momentum * state[\"mean\"] + (1 - momentum) * mean, \"var\": momentum * state[\"var\"] + (1 - momentum) * var", "(1 - momentum) * state[\"mean\"] + momentum * mean, \"var\": (1 - momentum) * state[\"var\"] + momentum * var", 2.25, "M28"),
    "batchnorm: batch in evaluation": ("batchnorm-forward", "mean, var, new = state[\"mean\"], state[\"var\"], state", "mean, var, new = X.mean(axis=0), X.var(axis=0), state", 2.5, "M28"),
    "batchnorm: mean of the batch in evaluation": ("batchnorm-forward", "mean, var, new = state[\"mean\"], state", "mean, var, new = X.mean(axis=0), state", 2.5, "M28"),
    "batchnorm: running mean exchanged": ("batchnorm-forward", "{\"mean\": momentum * state[\"mean\"] + (1 - momentum) * mean", "{\"mean\": (1 - momentum) * state[\"mean\"] + momentum * mean", 2.25, "M28"),
    "batchnorm: statistics are constants": ("batchnorm-backward", "dX = (dxhat - dxhat.mean(axis=0) - xhat * (dxhat * xhat).mean(axis=0)) / std", "dX = dxhat / std", 2.25, "M28"),
    "batchnorm: the variance is a constant": ("batchnorm-backward", " - xhat * (dxhat * xhat).mean(axis=0)", "", 2.25, "M28"),
    "batchnorm: dbeta averaged": ("batchnorm-backward", "(dY * xhat).sum(axis=0), dY.sum(axis=0)", "(dY * xhat).sum(axis=0), dY.mean(axis=0)", 3.0, "M07"),
    "batchnorm: training slope in evaluation": ("batchnorm-backward", "    if not train:\n        return dxhat / std, dgamma, dbeta\n", "", 3.25, ""),
    "clip: every entry": ("clip-by-global-norm", "{k: g * scale for k, g in grads.items()}", "{k: np.clip(g, -threshold, threshold) for k, g in grads.items()}", 1.0, "M29"),
    "clip: norm afterwards": ("clip-by-global-norm", "float(norm)", "float(min(norm, threshold))", 1.5, "M29"),
    "clip: zero over zero": ("clip-by-global-norm", "{k: g * scale for k, g in grads.items()}", "{k: g / norm * min(norm, threshold) for k, g in grads.items()}", 1.0, "M29"),
}
# fmt: on
