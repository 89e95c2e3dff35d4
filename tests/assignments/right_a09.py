"""Right solutions of A09 in the letters of the notebook, and mistakes in them."""

RIGHT = """
import numpy as np


def run(X, mask, h0, Wxh, Whh, bh):
    H = [h0]
    for x, m in zip(X, mask):
        new = np.tanh(x @ Wxh + H[-1] @ Whh + bh)
        H.append(np.where(m[:, None] > 0, new, H[-1]))
    return np.stack(H)


def back(dH, X, mask, H, Wxh, Whh):
    dX, dh = np.zeros(X.shape), np.zeros(H[0].shape)
    dWxh, dWhh, dbh = np.zeros(Wxh.shape), np.zeros(Whh.shape), np.zeros(len(Whh))
    for t in reversed(range(len(X))):
        m = mask[t][:, None]
        dh = dh + dH[t]
        dz = dh * m * (1 - H[t + 1] ** 2)
        dX[t] = dz @ Wxh.T
        dWxh += X[t].T @ dz
        dWhh += H[t].T @ dz
        dbh += dz.sum(axis=0)
        dh = dz @ Whh.T + dh * (1 - m)
    return dX, (dh, dWxh, dWhh, dbh)


def birnn_forward(X, mask, fwd, bwd):
    F = run(X, mask, *fwd)
    B = run(X[::-1], mask[::-1], *bwd)
    Y = np.concatenate([F[1:], B[1:][::-1]], axis=2) * mask[:, :, None]
    return Y, (X, mask, F, B, fwd, bwd)


def birnn_backward(dY, cache):
    X, mask, F, B, fwd, bwd = cache
    dY = dY * mask[:, :, None]
    H = F.shape[2]
    dX, grads_fwd = back(dY[:, :, :H], X, mask, F, fwd[1], fwd[2])
    dXb, grads_bwd = back(dY[::-1, :, H:], X[::-1], mask[::-1], B, bwd[1], bwd[2])
    return dX + dXb[::-1], grads_fwd, grads_bwd


def masked_ce(Z, y, mask):
    t, n = np.indices(y.shape)
    log_p = Z - Z.max(axis=2, keepdims=True)
    log_p = log_p - np.log(np.exp(log_p).sum(axis=2, keepdims=True))
    dZ = np.exp(log_p)
    dZ[t, n, y] -= 1
    return -(log_p[t, n, y] * mask).sum() / mask.sum(), dZ * mask[:, :, None] / mask.sum()


class BiTagger:
    def __init__(self, V, C, D, H, rng):
        def draw(*shape):
            return rng.normal(size=shape) / np.sqrt(shape[0])

        self.params = {"E": rng.normal(size=(V, D)), "Why": draw(2 * H, C), "by": np.zeros(C)}
        for s in ("f_", "b_"):
            self.params |= {s + "Wxh": draw(D, H), s + "Whh": draw(H, H), s + "bh": np.zeros(H)}

    def run(self, ids, mask):
        p = self.params
        h0 = np.zeros((ids.shape[1], len(p["f_bh"])))
        sides = [(h0, p[s + "Wxh"], p[s + "Whh"], p[s + "bh"]) for s in ("f_", "b_")]
        Y, cache = birnn_forward(p["E"][ids], mask, *sides)
        return Y, cache

    def forward(self, ids, mask):
        return self.run(ids, mask)[0] @ self.params["Why"] + self.params["by"]

    def loss_and_grads(self, ids, tags, mask):
        p = self.params
        Y, cache = self.run(ids, mask)
        loss, dZ = masked_ce(Y @ p["Why"] + p["by"], tags, mask)
        dX, gf, gb = birnn_backward(dZ @ p["Why"].T, cache)
        g = {"Why": np.einsum("tnh,tnc->hc", Y, dZ), "by": dZ.sum(axis=(0, 1)), "E": np.zeros_like(p["E"])}
        np.add.at(g["E"], ids, dX)
        for s, layer in (("f_", gf), ("b_", gb)):
            g |= {s + "Wxh": layer[1], s + "Whh": layer[2], s + "bh": layer[3]}
        return loss, g


def encoder_forward(src, mask, params):
    X = params["E"][src]
    h0 = np.zeros((src.shape[1], len(params["bh"])))
    H = run(X, mask, h0, params["Wxh"], params["Whh"], params["bh"])
    return H[-1], (src, X, mask, H, params)


def encoder_backward(dcontext, cache):
    src, X, mask, H, params = cache
    dH = np.zeros(H[1:].shape)
    dH[-1] = dcontext
    dX, (_, dWxh, dWhh, dbh) = back(dH, X, mask, H, params["Wxh"], params["Whh"])
    dE = np.zeros_like(params["E"])
    np.add.at(dE, src, dX)
    return {"E": dE, "Wxh": dWxh, "Whh": dWhh, "bh": dbh}


def decoder_forward(context, y_in, params):
    p, H, Z = params, [context], []
    for y in y_in:
        H.append(np.tanh(p["E"][y] @ p["Wxh"] + context @ p["Wch"] + H[-1] @ p["Whh"] + p["bh"]))
        Z.append(H[-1] @ p["Why"] + p["by"])
    return np.stack(Z), (context, y_in, p, H)


def decoder_backward(dZ, cache):
    context, y_in, p, H = cache
    g = {k: np.zeros_like(v) for k, v in p.items()}
    dc, dh = np.zeros_like(context), np.zeros_like(context)
    for t in reversed(range(len(y_in))):
        g["Why"] += H[t + 1].T @ dZ[t]
        g["by"] += dZ[t].sum(axis=0)
        da = (dZ[t] @ p["Why"].T + dh) * (1 - H[t + 1] ** 2)
        g["Wxh"] += p["E"][y_in[t]].T @ da
        g["Wch"] += context.T @ da
        g["Whh"] += H[t].T @ da
        g["bh"] += da.sum(axis=0)
        np.add.at(g["E"], y_in[t], da @ p["Wxh"].T)
        dc += da @ p["Wch"].T
        dh = da @ p["Whh"].T
    return dc + dh, g


class Seq2Seq:
    def __init__(self, V_src, V_tgt, D, H, rng):
        shapes = {"enc_E": (V_src, D), "enc_Wxh": (D, H), "enc_Whh": (H, H), "enc_bh": (H,)}
        shapes |= {"dec_E": (V_tgt, D), "dec_Wxh": (D, H), "dec_Wch": (H, H), "dec_Whh": (H, H)}
        shapes |= {"dec_bh": (H,), "dec_Why": (H, V_tgt), "dec_by": (V_tgt,)}
        self.params = {name: 0.3 * rng.normal(size=shape) for name, shape in shapes.items()}

    def part(self, prefix):
        return {name[4:]: a for name, a in self.params.items() if name.startswith(prefix)}

    def loss_and_grads(self, src, tgt):
        context, read = encoder_forward(src, (src != 0) * 1.0, self.part("enc_"))
        Z, written = decoder_forward(context, tgt[:-1], self.part("dec_"))
        loss, dZ = masked_ce(Z, tgt[1:], (tgt[1:] != 0) * 1.0)
        dcontext, g = decoder_backward(dZ, written)
        grads = {"dec_" + name: a for name, a in g.items()}
        grads |= {"enc_" + name: a for name, a in encoder_backward(dcontext, read).items()}
        return loss, grads

    def translate(self, src, max_len):
        context, _ = encoder_forward(src, (src != 0) * 1.0, self.part("enc_"))
        p, h, y = self.part("dec_"), context, np.full(src.shape[1], 1)
        out, open_ = [[] for _ in y], [True for _ in y]
        for _ in range(max_len):
            h = np.tanh(p["E"][y] @ p["Wxh"] + context @ p["Wch"] + h @ p["Whh"] + p["bh"])
            y = (h @ p["Why"] + p["by"]).argmax(axis=1)
            for n, i in enumerate(y):
                open_[n] = open_[n] and i != 2
                if open_[n]:
                    out[n].append(int(i))
        return out


def beam(model, src, k, max_len):
    p, out = model.part("dec_"), []
    for n in range(src.shape[1]):
        one = src[:, n : n + 1]
        context, _ = encoder_forward(one, (one != 0) * 1.0, model.part("enc_"))
        beams = [(0.0, [1])]
        for _ in range(max_len):
            new = []
            for score, ids in beams:
                if ids[-1] == 2:
                    new.append((score, ids))
                    continue
                z = decoder_forward(context, np.array(ids)[:, None], p)[0][-1, 0]
                log_p = z - np.logaddexp.reduce(z)
                new += [(score + log_p[v], ids + [v]) for v in range(len(z))]
            beams = sorted(new, reverse=True)[:k]
        out.append([i for i in beams[0][1][1:] if i != 2])
    return out


def conv1d_forward(X, W, b):
    K = W.shape[2]
    M = X.shape[2] - K + 1
    Y = np.stack([np.einsum("nck,fck->nf", X[:, :, l : l + K], W) for l in range(M)], axis=2)
    return Y + b[:, None], (X, W)


def conv1d_backward(dY, cache):
    X, W = cache
    K = W.shape[2]
    dX, dW = np.zeros_like(X), np.zeros_like(W)
    for l in range(dY.shape[2]):
        dX[:, :, l : l + K] += np.einsum("nf,fck->nck", dY[:, :, l], W)
        dW += np.einsum("nf,nck->fck", dY[:, :, l], X[:, :, l : l + K])
    return dX, dW, dY.sum(axis=(0, 2))


def maxpool1d(X, k):
    N, C, L = X.shape
    blocks = X[:, :, : L // k * k].reshape(N, C, L // k, k)
    return blocks.max(axis=3), (X.shape, blocks.argmax(axis=3))
"""

# what is wrong: entry, old, new, marks that are left (None: less than all), id, words of the message
MUTANTS = {
    "not turned back": ("birnn-forward", "B[1:][::-1]]", "B[1:]]", None, "M51", ""),
    "values at pads": ("birnn-forward", "axis=2) * mask[:, :, None]", "axis=2)", 6.0, "M50", ""),
    "one set of weights": ("birnn-forward", "B = run(X[::-1], mask[::-1], *bwd)", "B = run(X[::-1], mask[::-1], bwd[0], *fwd[1:])", None, None, "both directions"),
    "no dh0": ("birnn-backward", "return dX, (dh, dWxh, dWhh, dbh)", "return dX, (0 * dh, dWxh, dWhh, dbh)", None, "M45", "initial state"),
    "mask read from the left": ("birnn-forward", "X[::-1], mask[::-1], ", "X[::-1], mask, ", None, "M51", "the mask from the left"),
    "halves exchanged": ("birnn-forward", "[F[1:], B[1:][::-1]]", "[B[1:][::-1], F[1:]]", None, None, ""),
    "not turned in backward": ("birnn-backward", "back(dY[::-1, :, H:]", "back(dY[:, :, H:]", None, "M51", ""),
    "dX of one direction": ("birnn-backward", "return dX + dXb[::-1],", "return dX,", 6.5, "M14", ""),
    "dX not turned back": ("birnn-backward", "dX + dXb[::-1]", "dX + dXb", 6.5, "M51", ""),
    "dY at pads": ("birnn-backward", "    dY = dY * mask[:, :, None]\n", "", None, "M50", ""),
    "order of gradients": ("birnn-backward", "[::-1], grads_fwd, grads_bwd", "[::-1], grads_bwd, grads_fwd", 3.5, None, ""),
    "pads in the loss": ("bitagger", 'masked_ce(Y @ p["Why"] + p["by"], tags, mask)', 'masked_ce(Y @ p["Why"] + p["by"], tags, np.ones(mask.shape))', None, "M50", ""),
    "divided by all positions": ("bitagger", "loss, dZ = masked_ce(Y @ p[\"Why\"] + p[\"by\"], tags, mask)", "loss, dZ = masked_ce(Y @ p[\"Why\"] + p[\"by\"], tags, mask)\n        loss, dZ = loss * mask.mean(), dZ * mask.mean()", 6.0, "M46", "number of all"),
    "gradients of the call before": ("bitagger", "        return loss, g\n", "        for k, old in getattr(self, \"kept\", {}).items():\n            g[k] = g[k] + old\n        self.kept = g\n        return loss, g\n", 6.25, "M16", "sum of both calls"),
    "duplicates lost": ("bitagger", 'np.add.at(g["E"], ids, dX)', 'g["E"][ids] += dX', 5.75, "M33", ""),
    "bias over time": ("bitagger", '"by": dZ.sum(axis=(0, 1))', '"by": dZ.sum(axis=0)', 5.75, "M07", ""),
    "state at a pad": ("encoder-forward", "H = run(X, mask, h0,", "H = run(X, np.ones(mask.shape), h0,", None, "M52", ""),
    "first state": ("encoder-forward", "return H[-1], (src", "return H[1], (src", None, None, ""),
    "encoder duplicates, step by step": ("encoder-backward", "    np.add.at(dE, src, dX)\n", "    for t, ids in enumerate(src):\n        dE[ids] += dX[t]\n", 4.25, "M33", ""),
    "two steps back": ("encoder-backward", "    dX, (_, dWxh, dWhh, dbh) = back(dH, X, mask, H, params[\"Wxh\"], params[\"Whh\"])\n", "    k = max(len(src) - 2, 0)\n    late, (_, dWxh, dWhh, dbh) = back(dH[k:], X[k:], mask[k:], H[k:], params[\"Wxh\"], params[\"Whh\"])\n    dX = np.concatenate([np.zeros((k, *X.shape[1:])), late])\n", None, "M41", ""),
    "encoder duplicates": ("encoder-backward", "np.add.at(dE, src, dX)", "dE[src] += dX", 4.25, "M33", ""),
    "no context in the steps": ("decoder-forward", ' + context @ p["Wch"] + H[-1]', " + H[-1]", None, None, ""),
    "h_0 is 0": ("decoder-forward", "p, H, Z = params, [context], []", "p, H, Z = params, [np.zeros_like(context)], []", None, "M52", ""),
    "context of the first step": ("decoder-backward", "return dc + dh, g", "return dh, g", 4.75, "M52", ""),
    "without h_0": ("decoder-backward", "return dc + dh, g", "return dc, g", 4.75, "M52", ""),
    "h_t for h_t-1": ("decoder-backward", 'g["Whh"] += H[t].T @ da', 'g["Whh"] += H[t + 1].T @ da', 5.75, "M42", ""),
    "context in the first step only": ("decoder-forward", '+ context @ p["Wch"] + H[-1]', '+ (context @ p["Wch"] if len(H) == 1 else 0.0) + H[-1]', None, "M52", "first step only"),
    "the state before": ("decoder-forward", 'Z.append(H[-1] @', 'Z.append(H[-2] @', None, None, "before the step"),
    "starts from ones": ("encoder-forward", 'h0 = np.zeros((src.shape[1], len(params["bh"])))', 'h0 = np.ones((src.shape[1], len(params["bh"])))', None, None, "starts from ones"),
    "mean of the states": ("encoder-forward", "return H[-1], (src", "return H[1:].mean(axis=0), (src", None, None, "mean"),
    "divided by the batch": ("bitagger", "loss, dZ = masked_ce(Y @ p[\"Why\"] + p[\"by\"], tags, mask)", "loss, dZ = masked_ce(Y @ p[\"Why\"] + p[\"by\"], tags, mask)\n        loss, dZ = loss * mask.sum() / mask.shape[1], dZ * mask.sum() / mask.shape[1]", 6.0, "M46", "batch size"),
    "reads 2 first": ("seq2seq", "decoder_forward(context, tgt[:-1]", "decoder_forward(context, np.concatenate([2 * tgt[:1], tgt[1:-1]])", None, "M52", "</s> first"),
    "context cut off": ("seq2seq", "encoder_backward(dcontext, read)", "encoder_backward(0 * dcontext, read)", 4.75, None, "handed to encoder_backward"),
    "not shifted": ("seq2seq", "decoder_forward(context, tgt[:-1]", "decoder_forward(context, tgt[1:]", None, "M48", ""),
    "pads counted": ("seq2seq", "masked_ce(Z, tgt[1:], (tgt[1:] != 0) * 1.0)", "masked_ce(Z, tgt[1:], np.ones(tgt[1:].shape))", None, "M50", ""),
    "all targets in the denominator": ("seq2seq", "loss, dZ = masked_ce(Z, tgt[1:], (tgt[1:] != 0) * 1.0)", "loss, dZ = masked_ce(Z, tgt[1:], (tgt[1:] != 0) * 1.0)\n        loss, dZ = loss * (tgt[1:] != 0).mean(), dZ * (tgt[1:] != 0).mean()", 4.75, "M46", "number of all"),
    "starts with 0": ("seq2seq", "np.full(src.shape[1], 1)", "np.full(src.shape[1], 0)", 4.75, "M52", "starts with <s>"),
    "goes on": ("seq2seq", "open_[n] and i != 2", "i != 2", 4.75, None, "goes on"),
    "state not carried": ("seq2seq", 'h = np.tanh(p["E"][y] @ p["Wxh"] + context @ p["Wch"] + h @', 'h = np.tanh(p["E"][y] @ p["Wxh"] + context @ p["Wch"] + context @', 4.75, "M45", "passed on"),
    "reads pads": ("seq2seq", 'context, _ = encoder_forward(src, (src != 0) * 1.0, self', 'context, _ = encoder_forward(src, np.ones(src.shape), self', 4.75, "M52", "pads"),
    "greedy beam": ("beam", "[:k]\n", "[:1]\n", 1.75, None, "greedy"),
    "by length": ("beam", "beams = sorted(new, reverse=True)[:k]", "beams = sorted(new, key=lambda b: b[0] / (len(b[1]) - 1), reverse=True)[:k]", None, None, ""),
    "turned filter": ("conv1d-forward", '"nck,fck->nf", X[:, :, l : l + K], W)', '"nck,fck->nf", X[:, :, l : l + K], W[:, :, ::-1])', None, None, ""),
    "no overlap": ("conv1d-backward", "dX[:, :, l : l + K] +=", "dX[:, :, l : l + K] =", 1.75, "M14", ""),
    "filter's bias averaged": ("conv1d-backward", "return dX, dW, dY.sum(axis=(0, 2))", "return dX, dW, dY.sum(axis=2).mean(axis=0)", 2.0, "M02", "1/N"),
    "mean pool": ("maxpool1d", "blocks.max(axis=3)", "blocks.mean(axis=3)", 0.0, None, ""),
    "rest kept": ("maxpool1d", "    blocks = X", "    L = L + -L % k\n    X = np.pad(X, ((0, 0), (0, 0), (0, L - X.shape[2])), constant_values=-9.0)\n    blocks = X", 0.25, None, ""),
}  # fmt: skip
