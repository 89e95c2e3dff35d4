# Right but unusual: smoothings as tuples, a trie of dicts for counts, lists for arrays, NumPy strings, single precision in logprobs.
# base: reference

# %% ngrams
def ngrams(sentence, n):
    found, window = [], ["<s>"] * (n - 1)
    for word in [*sentence, "</s>"]:
        found.append((*window, word))
        window = [*window, word][1:] if n > 1 else []
    return tuple(found)

# %% count
def count(ids, n):
    found = {}
    for i in range(len(ids) - n + 1):
        key = tuple(int(v) for v in ids[i : i + n])
        found[key] = found.get(key, 0) + 1
    return [list(key) for key in sorted(found)], [found[key] for key in sorted(found)]

# %% edit smoothing
            return (c - D[min(c, 3)] + freed[h] * lower) / totals[h]

        return p

    return smooth
# becomes
            return (c - D[min(c, 3)] + freed[h] * lower) / totals[h]

        return p

    return smooth


makers = {"add_k": add_k, "interpolated": interpolated, "katz": katz, "kneser_ney": kneser_ney}


def mle():
    return ("add_k", 0.0)


def add_k(k):
    return ("add_k", k)


def interpolated(lambdas):
    return ("interpolated", lambdas)


def katz():
    return "katz"


def kneser_ney(modified=True):
    return ["kneser_ney", modified]

# %% edit ngram
        self.n, self.smoothing = n, smoothing
# becomes
        kind, *settings = [smoothing] if isinstance(smoothing, str) else smoothing
        self.n, self.smoothing = n, makers[kind](*settings)

# %% edit ngram
        self.vocab = sorted({w for s in sentences for w in s} | {"</s>", "<unk>"})
# becomes
        self.vocab = list(np.unique([*(w for s in sentences for w in s), "</s>", "<unk>"]))

# %% edit ngram
            return np.log(p)
# becomes
            return list(np.log(np.array(p, dtype=np.float32)))

# %% edit sample-ngram
        word = model.vocab[rng.choice(len(p), p=p / p.sum())]
# becomes
        word = rng.choice(model.vocab, p=p / p.sum())
