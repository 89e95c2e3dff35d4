"""Right solutions of A07 in the letters of the notebook, and mistakes in them."""

RIGHT = """
import numpy as np


def rnn_step_forward(x, h, Wxh, Whh, bh):
    h_next = np.tanh(x @ Wxh + h @ Whh + bh)
    return h_next, (x, h, h_next, Wxh, Whh)


def rnn_step_backward(dh, cache):
    x, h, h_next, Wxh, Whh = cache
    dz = dh * (1 - h_next**2)
    return dz @ Wxh.T, dz @ Whh.T, x.T @ dz, h.T @ dz, dz.sum(axis=0)


def rnn_forward(X, h0, Wxh, Whh, bh):
    H, caches = [h0], []
    for x in X:
        h, cache = rnn_step_forward(x, H[-1], Wxh, Whh, bh)
        H.append(h)
        caches.append(cache)
    return np.stack(H), caches


def rnn_backward(dH, cache):
    dX, total, dh = [], None, 0.0
    for dh_t, step in zip(dH[::-1], cache[::-1]):
        dx, dh, *weights = rnn_step_backward(dh_t + dh, step)
        dX.append(dx)
        total = weights if total is None else [a + b for a, b in zip(total, weights)]
    return np.stack(dX[::-1]), dh, *total


def temporal_softmax_ce(Z, y, mask=None):
    T, N, V = Z.shape
    mask = np.ones((T, N)) if mask is None else mask
    count = max(mask.sum(), 1)
    shifted = Z - Z.max(axis=2, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=2, keepdims=True))
    t, n = np.indices((T, N))
    dZ = np.exp(log_p)
    dZ[t, n, y] -= 1
    return -(log_p[t, n, y] * mask).sum() / count, dZ * mask[:, :, None] / count


class RNNLM:
    def __init__(self, V, D, H, rng):
        def draw(*shape):
            return rng.normal(size=shape) / np.sqrt(shape[0])

        self.params = {"E": rng.normal(size=(V, D)), "Wxh": draw(D, H), "Whh": draw(H, H), "bh": np.zeros(H)}
        self.params |= {"Why": draw(H, V), "by": np.zeros(V)}

    def loss_and_grads(self, ids_in, ids_out, h0, k=None):
        p, T = self.params, len(ids_in)
        grads = {name: np.zeros_like(a) for name, a in p.items()}
        H, caches = rnn_forward(p["E"][ids_in], h0, p["Wxh"], p["Whh"], p["bh"])
        loss, dZ = temporal_softmax_ce(H[1:] @ p["Why"] + p["by"], ids_out)
        grads["Why"] = np.einsum("tnh,tnv->hv", H[1:], dZ)
        grads["by"] = dZ.sum(axis=(0, 1))
        dH = dZ @ p["Why"].T
        k = k or T
        for a in range(0, T, k):
            dX, _, dWxh, dWhh, dbh = rnn_backward(dH[a : a + k], caches[a : a + k])
            np.add.at(grads["E"], ids_in[a : a + k], dX)
            grads["Wxh"] = grads["Wxh"] + dWxh
            grads["Whh"] = grads["Whh"] + dWhh
            grads["bh"] = grads["bh"] + dbh
        return loss, grads, H[-1]

    def step(self, ids, h):
        p = self.params
        h, _ = rnn_step_forward(p["E"][ids], h, p["Wxh"], p["Whh"], p["bh"])
        return h @ p["Why"] + p["by"], h


def train(model, batches, optimizer, steps, clip=1.0):
    losses, state = [], {}
    h = np.zeros((batches[0][0].shape[1], len(model.params["bh"])))
    for i in range(steps):
        ids_in, ids_out = batches[i % len(batches)]
        loss, grads, h = model.loss_and_grads(ids_in, ids_out, h)
        losses.append(loss)
        if clip is not None:
            norm = np.sqrt(sum((g**2).sum() for g in grads.values()))
            if norm > clip:
                grads = {name: g * (clip / norm) for name, g in grads.items()}
        model.params, state = optimizer(model.params, grads, state)
    return losses


def sample(model, prefix, n, temperature, rng):
    h = np.zeros((1, len(model.params["bh"])))
    for i in prefix:
        Z, h = model.step(np.array([i]), h)
    new = []
    for _ in range(n):
        p = np.exp((Z[0] - Z[0].max()) / temperature)
        new.append(int(rng.choice(len(p), p=p / p.sum())))
        Z, h = model.step(np.array([new[-1]]), h)
    return new


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def gru_step(x, h, Wx, Wh, bx, bh):
    (xr, xz, xn), (hr, hz, hn) = (np.split(a, 3, axis=1) for a in (x @ Wx + bx, h @ Wh + bh))
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    n = np.tanh(xn + r * hn)
    return (1 - z) * n + z * h, None


def lstm_step(x, h, c, Wx, Wh, b):
    i, f, g, o = np.split(x @ Wx + h @ Wh + b, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c, None
"""

# name -> (entry, text, replacement, points that are left, diagnosis); nothing else may lose marks
MUTANTS = {
    "one step: no tanh in the result": (
        "rnn-step-forward",
        "return h_next, (x",
        "return x @ Wxh + h @ Whh + bh, (x",
        0,
        "",
    ),
    "one step: dh changed in place": (
        "rnn-step-backward", "    dz = dh * (1 - h_next**2)", "    dh *= 1 - h_next**2\n    dz = dh", 6.5, "M25",
    ),
    "one step: h instead of h_next": ("rnn-step-backward", "(1 - h_next**2)", "(1 - h**2)", 0, "M11"),
    "one step: dWhh with the new state": ("rnn-step-backward", "h.T @ dz,", "h_next.T @ dz,", 5.75, "M42"),
    "one step: no way back to h": ("rnn-step-backward", "dz @ Whh.T,", "np.zeros_like(h),", 5.5, "M45"),
    "T states instead of T + 1": ("rnn-forward", "return np.stack(H), caches", "return np.stack(H[1:]), caches", 0, ""),
    "zeros in front": ("rnn-forward", "return np.stack(H), caches", "return np.stack([0 * h0, *H[1:]]), caches", 4.5, ""),
    "no gradient from the step after": ("rnn-backward", "(dh_t + dh, step)", "(dh_t, step)", 0, "M41"),
    "weights of the last step seen only": (
        "rnn-backward", "total = weights if total is None else [a + b for a, b in zip(total, weights)]", "total = weights", 5, "M43",
    ),
    "each gradient goes two steps back": (
        "rnn-backward",
        "    for dh_t, step in zip(dH[::-1], cache[::-1]):\n        dx, dh, *weights = rnn_step_backward(dh_t + dh, step)\n        dX.append(dx)\n        total = weights if total is None else [a + b for a, b in zip(total, weights)]\n    return np.stack(dX[::-1]), dh, *total",
        "    dX = [0.0] * len(dH)\n    total, dh0 = [0.0, 0.0, 0.0], 0.0\n    for t in range(len(dH)):\n        dh = dH[t]\n        for s in range(t, max(t - 2, -1), -1):\n            dx, dh, *weights = rnn_step_backward(dh, cache[s])\n            dX[s] = dX[s] + dx\n            total = [a + b for a, b in zip(total, weights)]\n            dh0 = dh0 + dh * (s == 0)\n    return np.stack(dX), dh0, *total",
        0,
        "M41",
    ),
    "dbh averaged over the steps": ("rnn-backward", "dh, *total", "dh, *total[:2], total[2] / len(dH)", 8, "M07"),
    "X read from its end": ("rnn-forward", "for x in X:", "for x in X[::-1]:", None, ""),
    "zeros for the last state": ("rnnlm", "return loss, grads, H[-1]", "return loss, grads, 0 * H[-1]", 9.5, "M45"),
    "the state is not used in a step": ("rnnlm", "h, _ = rnn_step_forward(p[\"E\"][ids], h,", "h, _ = rnn_step_forward(p[\"E\"][ids], 0 * h,", 9, "M45"),
    "every step of the sampler from zeros": ("sample", "model.step(np.array([i]), h)", "model.step(np.array([i]), 0 * h)", None, "M45"),
    "dX in the order of the way back": ("rnn-backward", "np.stack(dX[::-1])", "np.stack(dX)", 7, ""),
    "dh0 is zero": ("rnn-backward", "np.stack(dX[::-1]), dh, *total", "np.stack(dX[::-1]), 0 * dh, *total", 7.5, "M45"),
    "loops forwards": (
        "rnn-backward", "zip(dH[::-1], cache[::-1])", "list(zip(dH, cache))", 0, "M47",
    ),
    "padding counted in the loss": (
        "temporal-softmax-ce", "-(log_p[t, n, y] * mask).sum() / count", "-log_p[t, n, y].sum() / count", 4.25, "M50",
    ),
    "padding counted in dZ": ("temporal-softmax-ce", "dZ * mask[:, :, None] / count", "dZ / count", 3.5, "M50"),
    "divided by all positions": ("temporal-softmax-ce", "count = max(mask.sum(), 1)", "count = T * N", 0.5, "M46"),
    "nothing left, and 0/0": ("temporal-softmax-ce", "count = max(mask.sum(), 1)", "count = mask.sum()", 5.5, ""),
    "overflow": (
        "temporal-softmax-ce", "shifted = Z - Z.max(axis=2, keepdims=True)", "shifted = Z", 5.25, "M23",
    ),
    "lost rows of E": ("rnnlm", "np.add.at(grads[\"E\"], ids_in[a : a + k], dX)", "grads[\"E\"][ids_in[a : a + k]] += dX", 9, "M33"),
    "k is ignored": ("rnnlm", "        k = k or T\n", "        k = T\n", 8.25, "M41"),
    "k one too large": ("rnnlm", "k = k or T\n", "k = k + 1 if k else T\n", 8.25, "M41"),
    "the last state before the last": ("rnnlm", "return loss, grads, H[-1]", "return loss, grads, H[-2]", 9.5, ""),
    "the words are their own targets": ("rnnlm", '+ p["by"], ids_out)', '+ p["by"], ids_in)', 9, "M48"),
    "h0 is not used": ("rnnlm", "        p, T = self.params, len(ids_in)", "        p, T, h0 = self.params, len(ids_in), 0 * h0", 8, "M45"),
    "by averaged": ("rnnlm", "dZ.sum(axis=(0, 1))", "dZ.mean(axis=(0, 1))", 9.5, "M07"),
    "step gives probabilities": ("rnnlm", 'return h @ p["Why"] + p["by"], h\n', 'q = np.exp(h @ p["Why"] + p["by"])\n        return q / q.sum(axis=1, keepdims=True), h\n', 9, "M22"),
    "by is not summed over time": ("rnnlm", "dZ.sum(axis=(0, 1))", "dZ.sum(axis=1)", 9.5, ""),
    "parameters kept from the start": (
        "rnnlm", "        p, T = self.params, len(ids_in)", "        self.first = getattr(self, 'first', self.params)\n        p, T = self.first, len(ids_in)", 9.5, "",
    ),
    "zeros for biases are shared": ("rnnlm", '"by": np.zeros(V)}', '"by": np.zeros(H)}', 9.5, ""),
    "step writes no new state": ("rnnlm", 'return h @ p["Why"] + p["by"], h\n', 'return h @ p["Why"], h\n', 9, ""),
    "the generator is not used": ("rnnlm", "        def draw(*shape):", "        rng = np.random.default_rng(0)\n\n        def draw(*shape):", 9.5, ""),
    "parameters written into": ("rnnlm", "        p, T = self.params, len(ids_in)", "        p, T = self.params, len(ids_in)\n        p['bh'] += 1e-14", 9.5, "M25"),
    "no bias, in the forward pass": ("rnn-step-forward", "h @ Whh + bh)", "h @ Whh)", None, ""),
    "no bias, in every clothes": ("rnn-forward", "h, cache = rnn_step_forward(x, H[-1], Wxh, Whh, bh)", "h, cache = rnn_step_forward(x, H[-1], Wxh, Whh, 0 * bh)", None, ""),
    "every step from h0": ("rnn-forward", "rnn_step_forward(x, H[-1],", "rnn_step_forward(x, h0,", None, "M45"),
    "a mean over pads": ("temporal-softmax-ce", "count = max(mask.sum(), 1)", "count = T * N", None, "M50"),
    "gradients of all calls": (
        "rnnlm",
        "        grads = {name: np.zeros_like(a) for name, a in p.items()}",
        "        grads = self.kept = getattr(self, 'kept', None) or {name: np.zeros_like(a) for name, a in p.items()}",
        None,
        "M16",
    ),
    "state held while drawing": ("sample", "Z, h = model.step(np.array([new[-1]]), h)", "Z, _ = model.step(np.array([new[-1]]), h)", 1.75, "M45"),
    "state not carried on": ("train", "loss, grads, h = model.loss_and_grads(ids_in, ids_out, h)", "loss, grads, _ = model.loss_and_grads(ids_in, ids_out, 0 * h)", 3.25, "M45"),
    "state starts again with the list": ("train", "    ids_in, ids_out = batches[i % len(batches)]", "    ids_in, ids_out = batches[i % len(batches)]\n        h = h * (i % len(batches) > 0)", 3.25, "M45"),
    "clipped entry by entry": ("train", "g * (clip / norm) for", "np.clip(g, -clip, clip) for", 3, "M29"),
    "clipped array by array": ("train", "g * (clip / norm) for", "g * min(1, clip / np.sqrt((g**2).sum())) for", 3, "M29"),
    "always rescaled": ("train", "if norm > clip:", "if True:", 3, "M29"),
    "never clipped": ("train", "if norm > clip:", "if False:", 3, "M29"),
    "clips although None": ("train", "        if clip is not None:", "        clip = clip or 1.0\n        if True:", 3, "M29"),
    "another default": ("train", "steps, clip=1.0)", "steps, clip=None)", 3, "M29"),
    "running means": ("train", "    return losses\n", "    return [sum(losses[: i + 1]) / (i + 1) for i in range(steps)]\n", 3.25, ""),
    "gradients pile up": ("train", "        losses.append(loss)\n", "        losses.append(loss)\n        old = grads = {n: g + (old[n] if i else 0) for n, g in grads.items()}\n", 3, "M16"),
    "optimiser forgets": ("train", "model.params, state = optimizer(model.params, grads, state)", "model.params, _ = optimizer(model.params, grads, {})", 3, ""),
    "update lost": ("train", "model.params, state = optimizer(model.params, grads, state)", "_, state = optimizer(model.params, grads, state)", 3, ""),
    "first batch only": ("train", "batches[i % len(batches)]", "batches[0]", 3, ""),
    "stops at the end of the list": ("train", "for i in range(steps):", "for i in range(min(steps, len(batches))):", 0, ""),
    "state and clipping": ("train", "model.loss_and_grads(ids_in, ids_out, h)", "model.loss_and_grads(ids_in, ids_out, 0 * h)", None, "M45"),
    "the likeliest word": ("sample", "int(rng.choice(len(p), p=p / p.sum()))", "int(p.argmax())", 1.25, "M49"),
    "temperature multiplied": ("sample", "/ temperature)", "* temperature)", 1.75, "M49"),
    "temperature ignored": ("sample", "/ temperature)", "/ 1.0)", 1.75, "M49"),
    "uniform draws": ("sample", "rng.choice(len(p), p=p / p.sum())", "rng.choice(len(p))", 0.5, "M49"),
    "prefix in the result": ("sample", "    return new\n", "    return list(prefix) + new\n", None, ""),
    "last word of the prefix only": ("sample", "    for i in prefix:", "    for i in prefix[-1:]:", 1.75, "M45"),
    "state lost": ("sample", "np.array([new[-1]]), h)", "np.array([new[-1]]), 0 * h)", 1.75, "M45"),
    "reads the prefix for ever": ("sample", "np.array([new[-1]]), h)", "np.array([prefix[-1]]), h)", 1.75, ""),
    "one word too few": ("sample", "for _ in range(n):", "for _ in range(n - 1):", 1.75, "M34"),
    "a generator of its own": ("sample", "    new = []\n", "    new = []\n    rng = np.random.default_rng(0)\n", 2.5, ""),
    "the global generator": ("sample", "int(rng.choice(len(p), p=p / p.sum()))", "int(np.random.choice(len(p), p=p / p.sum()))", 2.5, ""),
    "gates z and 1 - z exchanged": ("gru-step", "(1 - z) * n + z * h", "z * n + (1 - z) * h", 0, ""),
    "reset gate inside": ("gru-step", "xn + r * hn", "xn + hn", 0, ""),
    "gates in another order": ("lstm-step", "i, f, g, o = np.split", "i, f, o, g = np.split", 0, ""),
    "no tanh at the output": ("lstm-step", "sigmoid(o) * np.tanh(c), c", "sigmoid(o) * c, c", 1.5, ""),
}  # fmt: skip
