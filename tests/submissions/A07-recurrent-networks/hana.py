# Truncation is not implemented: k is ignored.
# base: reference
# expect: test-rnnlm score=8.25 diagnosis=M41

# %% rnnlm
class RNNLM:
    """A recurrent language model.

    params: E (V, D), Wxh (D, H), Whh (H, H), bh (H,), Why (H, V), by (V,)
    loss_and_grads(ids_in (T, N), ids_out (T, N), h0 (N, H), k) -> (loss, grads, h_last (N, H))
    step(ids (N,), h (N, H)) -> (Z (N, V), h (N, H))
    """

    def __init__(self, V, D, H, rng):
        def draw(*shape):
            return rng.normal(size=shape) / np.sqrt(shape[0])

        self.params = {"E": rng.normal(size=(V, D)), "Wxh": draw(D, H), "Whh": draw(H, H), "bh": np.zeros(H)}
        self.params |= {"Why": draw(H, V), "by": np.zeros(V)}

    def loss_and_grads(self, ids_in, ids_out, h0, k=None):
        p, T, k = self.params, len(ids_in), None
        chunks = [slice(a, a + (k or T)) for a in range(0, T, k or T)]
        h, states, caches = h0, [], []
        for chunk in chunks:
            H, cache = rnn_forward(p["E"][ids_in[chunk]], h, p["Wxh"], p["Whh"], p["bh"])
            h = H[-1]
            states.append(H[1:])
            caches.append(cache)
        states = np.concatenate(states)
        loss, dZ = temporal_softmax_ce(states @ p["Why"] + p["by"], ids_out)
        dH = dZ @ p["Why"].T
        grads = {name: np.zeros_like(a) for name, a in p.items()}
        grads["Why"] = np.tensordot(states, dZ, axes=((0, 1), (0, 1)))
        grads["by"] = dZ.sum(axis=(0, 1))
        for chunk, cache in zip(chunks, caches):
            dX, _, *shares = rnn_backward(dH[chunk], cache)
            np.add.at(grads["E"], ids_in[chunk], dX)
            for name, share in zip(("Wxh", "Whh", "bh"), shares):
                grads[name] = grads[name] + share
        return loss, grads, h

    def step(self, ids, h):
        p = self.params
        h, _ = rnn_step_forward(p["E"][ids], h, p["Wxh"], p["Whh"], p["bh"])
        return h @ p["Why"] + p["by"], h
