# Everything right, in other clothes: one call for all documents, plain loops, counts of documents from a multinomial.
# base: reference

# %% evaluate
def evaluate(model, docs):
    lengths = [sum(len(s) + 1 for s in doc) for doc in docs]
    bits = [-float(x) / math.log(2) for x in model.logprobs([s for doc in docs for s in doc])]
    parts, start = [], 0
    for n in lengths:
        parts.append(bits[start : start + n])
        start += n
    T, D = sum(lengths), len(docs)
    b = sum(bits) / T
    variance = sum((sum(p) - b * len(p)) ** 2 for p in parts) * D / (D - 1)
    return dict(per_token=bits, se=variance**0.5 / T, bits_per_token=np.float64(b))

# %% paired-bootstrap
def paired_bootstrap(a, b, rng, rounds=10000):
    D = len(a)
    m = rng.multinomial(D, [1 / D] * D, size=rounds) @ (np.asarray(a) - b) / D
    return np.clip(2 * (1 + np.minimum(np.sum(m <= 1e-15), np.sum(m >= -1e-15))) / (rounds + 1), 0, 1)

# %% bits-by-dependency
def bits_by_dependency(per_token, labels):
    bits, table = np.asarray(per_token), {}
    for label in set(labels):
        here = [i for i, x in enumerate(labels) if x == label]
        table[label] = [bits[here].sum() / len(here), len(here)]
    return table

# %% interpolate
def interpolate(probs, iterations=50):
    M, T = np.shape(probs)
    w = [1 / M] * M
    for _ in range(iterations):
        new = [0.0] * M
        for t in range(T):
            total = sum(w[m] * probs[m][t] for m in range(M))
            for m in range(M):
                new[m] += w[m] * probs[m][t] / total / T
        w = new
    return w
