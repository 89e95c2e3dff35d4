# Right, in other clothes: everything in one class, attributes of its own, Gumbel noise, other forms of the lines.
# base: reference

# %% rnnlm
class RNNLM:
    def __init__(self, V, D, H, rng, scale=0.1):
        self.V, self.D, self.H = V, D, H
        names = dict(E=(V, D), Wxh=(D, H), Whh=(H, H), bh=H, Why=(H, V), by=V)
        self.params = {n: scale * rng.standard_normal(s) for n, s in names.items()}

    def zeros(self, N):
        return np.zeros((N, self.H))

    def loss_and_grads(self, ids_in, ids_out, h0, k=None, mask=None):
        p, (T, N) = self.params, np.shape(ids_in)
        hs, ps = [h0], []
        for t in range(T):
            Z, h = self.step(ids_in[t], hs[-1])
            hs.append(h)
            e = np.exp(Z - Z.max(1)[:, None])
            ps.append(e / e.sum(1)[:, None])
        loss = -np.mean([np.log(ps[t][n, ids_out[t, n]]) for t in range(T) for n in range(N)])
        g = {n: np.zeros(np.shape(a)) for n, a in p.items()}
        later = 0
        for t in range(T)[::-1]:
            if k is not None and t % k == k - 1:
                later = 0
            d = (ps[t] - np.eye(len(p["by"]))[ids_out[t]]) / T / N
            g["Why"] = g["Why"] + hs[t + 1].T @ d
            g["by"] = g["by"] + d.sum(0)
            z = (d @ p["Why"].T + later) * (1 - hs[t + 1] ** 2)
            g["Wxh"], g["Whh"] = g["Wxh"] + p["E"][ids_in[t]].T @ z, g["Whh"] + hs[t].T @ z
            g["bh"] = g["bh"] + z.sum(0)
            g["E"] = g["E"] + np.eye(len(p["E"]))[ids_in[t]].T @ z @ p["Wxh"].T
            later = z @ p["Whh"].T
        return [np.float64(loss), g, hs[-1]]

    def step(self, ids, h):
        p = self.params
        h = np.tanh(p["E"][np.asarray(ids)] @ p["Wxh"] + h @ p["Whh"] + p["bh"])
        return [h @ p["Why"] + p["by"], h]

# %% train
def train(model, batches, optimizer, steps, clip=1.0):
    h, out, state, step = model.zeros(len(batches[0][0][0])), [], {}, 0
    while True:
        for pair in batches:
            if step == steps:
                return np.array(out)
            loss, g, h = model.loss_and_grads(pair[0], pair[1], h)
            out += [loss]
            flat = np.concatenate([a.ravel() for a in g.values()])
            factor = 1.0 if clip is None else clip / max(clip, np.linalg.norm(flat))
            model.params, state = optimizer(model.params, {n: factor * a for n, a in g.items()}, state)
            step += 1

# %% sample
def sample(model, prefix, n, temperature, rng):
    h, out = model.zeros(1), np.array([], dtype=int)
    for i in [*prefix[:-1]]:
        h = model.step([i], h)[1]
    last = prefix[-1]
    for _ in range(n):
        Z, h = model.step([last], h)
        noise = -np.log(-np.log(rng.random(Z.shape)))
        last = int((np.asarray(Z) / temperature + noise).argmax())
        out = np.append(out, last)
    return out

# %% derivation-d7-2
d7_2 = [
    "Delta_next @ Whh.T + dH",
    "dH*(1 - h*h) + (Delta_next @ Whh.T)*(1 - h**2)",
    "(Delta.T @ h_prev).T",
    "(Delta.T @ x).T",
    "sum(Delta, axis=0)",
    "(Wxh @ Delta.T).T",
]

# %% derivation-d7-3
d7_3 = ["(1 - h)*(1 + h)*u", "u**3*(1 - h1**2)*(1 - h2**2)*(1 - h3**2)", "m**T*s**T", "log(eps)/log(m)"]
