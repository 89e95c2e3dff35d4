"""Right solutions of A05 in the letters of the notebook, and mistakes in them."""

RIGHT = """
from collections import Counter

import numpy as np


def build_vocab(tokens, min_count=1):
    counts = Counter(t for t in tokens if t != "<unk>")
    words = sorted((w for w in counts if counts[w] >= min_count), key=lambda w: (-counts[w], w))
    itos = ["<unk>"] + words
    return {w: i for i, w in enumerate(itos)}, itos


def one_hot(ids, V):
    return np.eye(V)[ids]


def embedding_forward(ids, E):
    return E[ids].reshape(len(ids), -1)


def embedding_backward(dY, ids, V):
    N, K = ids.shape
    dE = np.zeros((V, dY.shape[1] // K))
    np.add.at(dE, ids, dY.reshape(N, K, -1))
    return dE


def sparse_features(tokens, tags, i):
    w = "w=" + tokens[i]
    pw = "pw=" + (tokens[i - 1] if i > 0 else "<s>")
    pt = "pt=" + (tags[i - 1] if i > 0 else "<s>")
    return [w, pw, pt, w + "&" + pw, w + "&" + pt]


def shape(word):
    return "".join(
        "X" if "A" <= c <= "Z" else "x" if "a" <= c <= "z" else "d" if "0" <= c <= "9" else c for c in word
    )


def ner_features(tokens, tags, i):
    word = tokens[i]
    words, labels = ["<s>", *tokens, "</s>"], ["<s>", *tags, "</s>"]
    shapes = ["<s>", *(shape(t) for t in tokens), "</s>"]
    return {
        "word": word,
        "prev": words[i],
        "next": words[i + 2],
        "ngrams": sorted({word[a:b] for a in range(len(word)) for b in range(a + 1, len(word) + 1)}),
        "pos": tags[i],
        "pos_seq": "|".join(labels[i : i + 3]),
        "shape": shape(word),
        "shape_seq": "|".join(shapes[i : i + 3]),
        "left": sorted(set(tokens[max(0, i - 4) : i])),
        "right": sorted(set(tokens[i + 1 : i + 5])),
    }


def window_batch(ids, k, pad):
    long = np.concatenate([np.full(k, pad), ids, np.full(k, pad)])
    return np.stack([long[i : i + 2 * k + 1] for i in range(len(ids))])


class MLPTagger:
    def __init__(self, V, C, d, H, K, rng):
        self.params = {
            "E": rng.normal(size=(V, d)),
            "W1": rng.normal(size=(K * d, H)) / np.sqrt(K * d),
            "b1": np.zeros(H),
            "W2": rng.normal(size=(H, C)) / np.sqrt(H),
            "b2": np.zeros(C),
        }

    def forward(self, ids):
        return self.run(ids)[0]

    def run(self, ids):
        p = self.params
        X = embedding_forward(ids, p["E"])
        H = np.tanh(X @ p["W1"] + p["b1"])
        return H @ p["W2"] + p["b2"], X, H

    def loss_and_grads(self, ids, y):
        p, N = self.params, len(ids)
        Z, X, H = self.run(ids)
        log_p = Z - Z.max(axis=1, keepdims=True)
        log_p = log_p - np.log(np.exp(log_p).sum(axis=1, keepdims=True))
        loss = -log_p[np.arange(N), y].mean()
        dZ = np.exp(log_p)
        dZ[np.arange(N), y] -= 1
        dZ /= N
        dA = (dZ @ p["W2"].T) * (1 - H**2)
        grads = {"W2": H.T @ dZ, "b2": dZ.sum(axis=0), "W1": X.T @ dA, "b1": dA.sum(axis=0)}
        grads["E"] = embedding_backward(dA @ p["W1"].T, ids, len(p["E"]))
        return loss, grads


class BengioLM(MLPTagger):
    def __init__(self, V, n, d, H, rng):
        MLPTagger.__init__(self, V, V, d, H, n - 1, rng)


def nearest(E, itos, word, k=5):
    i = itos.index(word)
    norms = np.linalg.norm(E, axis=1)
    cosines = E @ E[i] / (norms * norms[i])
    order = [j for j in np.argsort(-cosines) if j != i]
    return [(itos[j], cosines[j]) for j in order[:k]]
"""

# what is wrong: entry, old, new, marks that are left (None: less than all), id, words of the message
MUTANTS = {
    "alphabet only": ("build-vocab", "key=lambda w: (-counts[w], w)", "", 3.0, None, "alphabetical"),
    "ties by place": ("build-vocab", "(-counts[w], w)", "-counts[w]", 3.0, None, "order of the text"),
    "rising": ("build-vocab", "(-counts[w], w)", "(counts[w], w)", 3.0, None, "counts rise"),
    "more than min_count": ("build-vocab", ">= min_count", "> min_count", 1.75, "M34", "at least"),
    "no threshold": ("build-vocab", " if counts[w] >= min_count", "", 3.75, None, "not used"),
    "no <unk>": ("build-vocab", '["<unk>"] + words', "words", 4.0, "M37", "itos[0]"),
    "<unk> twice": ("build-vocab", ' if t != "<unk>"', "", 4.0, None, "not listed again"),
    "stoi from 1": ("build-vocab", "enumerate(itos)", "enumerate(itos, 1)", 4.5, "M34", "start at 1"),
    "one column too far": ("one-hot", "np.eye(V)[ids]", "np.roll(np.eye(V)[ids], 1, axis=1)", 0.0, "M34", "too far"),
    "transposed": ("one-hot", "np.eye(V)[ids]", "np.eye(V)[ids].T", 0.0, "M06", "transposed"),
    "order of dimensions": ("embedding-forward", "E[ids].reshape(len(ids), -1)", "E[ids].transpose(0, 2, 1).reshape(len(ids), -1)", None, "M10", ""),
    "gradients of the call before": ("mlp-tagger", "        grads[\"E\"] = embedding_backward(dA @ p[\"W1\"].T, ids, len(p[\"E\"]))\n", "        grads[\"E\"] = embedding_backward(dA @ p[\"W1\"].T, ids, len(p[\"E\"]))\n        for k, g in getattr(self, \"kept\", {}).items():\n            grads[k] = grads[k] + g\n        self.kept = grads\n", 6.75, "M16", "sum of both calls"),
    "a step on the way": ("mlp-tagger", "        return loss, grads", "        self.params = {k: p[k] - 0.1 * g for k, g in grads.items()}\n        return loss, grads", 6.75, "M17", "changes the parameters"),
    "probabilities": ("mlp-tagger", "        return self.run(ids)[0]\n", "        e = np.exp(self.run(ids)[0])\n        return e / e.sum(axis=1, keepdims=True)\n", None, "M22", "oftmax"),
    "exp overflows": ("mlp-tagger", "log_p = Z - Z.max(axis=1, keepdims=True)", "log_p = Z", 6.5, "M23", "largest of a row"),
    "sum of words": ("embedding-forward", "E[ids].reshape(len(ids), -1)", "E[ids].sum(axis=1)", None, None, "expected"),
    "+= at repeated words": ("embedding-backward", "np.add.at(dE, ids, dY.reshape(N, K, -1))", "dE[ids] += dY.reshape(N, K, -1)", 3.5, "M33", ""),
    "+= column by column": ("embedding-backward", "    np.add.at(dE, ids, dY.reshape(N, K, -1))\n", "    for k, part in enumerate(np.split(dY, K, axis=1)):\n        dE[ids[:, k]] += part\n", 3.5, "M33", ""),
    "+= row by row": ("embedding-backward", "    np.add.at(dE, ids, dY.reshape(N, K, -1))\n", "    for n in range(N):\n        dE[ids[n]] += dY[n].reshape(K, -1)\n", 3.5, "M33", ""),
    "= column by column": ("embedding-backward", "    np.add.at(dE, ids, dY.reshape(N, K, -1))\n", "    for k, part in enumerate(np.split(dY, K, axis=1)):\n        dE[ids[:, k]] = part\n", 3.5, "M33", ""),
    "duplicates lost, and not divided by N": ("mlp-tagger", "        dZ /= N\n        dA = (dZ @ p[\"W2\"].T) * (1 - H**2)\n        grads = {\"W2\": H.T @ dZ, \"b2\": dZ.sum(axis=0), \"W1\": X.T @ dA, \"b1\": dA.sum(axis=0)}\n        grads[\"E\"] = embedding_backward(dA @ p[\"W1\"].T, ids, len(p[\"E\"]))\n", "        dA = (dZ @ p[\"W2\"].T) * (1 - H**2)\n        grads = {\"W2\": H.T @ dZ, \"b2\": dZ.sum(axis=0), \"W1\": X.T @ dA, \"b1\": dA.sum(axis=0), \"E\": 0 * p[\"E\"]}\n        grads[\"E\"][ids] += (dA @ p[\"W1\"].T).reshape(*ids.shape, -1)\n", 3.0, "M33", "row is overwritten"),
    "= at repeated words": ("embedding-backward", "np.add.at(dE, ids, dY.reshape(N, K, -1))", "dE[ids] = dY.reshape(N, K, -1)", 3.5, "M33", ""),
    "averaged": ("embedding-backward", "return dE", "return dE / N", None, "M02", ""),
    "mixed": ("embedding-backward", "dY.reshape(N, K, -1)", "dY.reshape(N, -1, K).transpose(0, 2, 1)", None, "M10", ""),
    "ids - 1": ("embedding-backward", "np.add.at(dE, ids,", "np.add.at(dE, ids - 1,", None, "M34", ""),
    "own tag": ("sparse-features", 'tags[i - 1] if', 'tags[i] if', None, "M34", "tag of the word itself"),
    "behind": ("sparse-features", 'tokens[i - 1] if i > 0 else "<s>"', 'tokens[i + 1] if i + 1 < len(tokens) else "</s>"', None, None, ""),
    "the last word before the first": ("sparse-features", 'if i > 0 else "<s>"', "", 4.0, "M34", "index −1"),
    "no conjunctions": ("sparse-features", ', w + "&" + pw, w + "&" + pt]', "]", 3.25, None, "missing"),
    "turned conjunctions": ("sparse-features", 'w + "&" + pw, w + "&" + pt', 'pw + "&" + w, pt + "&" + w', 3.25, None, "other order"),
"collapsed": ("ner-features", '"shape": shape(word)', '"shape": "".join(c for k, c in enumerate(shape(word)) if shape(word)[k - 1 : k] != c)', 7.0, None, "shape is collapsed"),
    "three words": ("ner-features", "max(0, i - 4) : i]", "max(0, i - 3) : i]", 7.25, None, "reaches back 3"),
    "itself": ("ner-features", "tokens[i + 1 : i + 5]", "tokens[i : i + 5]", 7.25, None, "word itself"),
    "not distinct": ("ner-features", "sorted(set(tokens[max(0, i - 4) : i]))", "tokens[max(0, i - 4) : i]", 7.25, None, "sorted and distinct"),
    "wraps": ("ner-features", "tokens[max(0, i - 4) : i]", "tokens[i - 4 : i]", 8.0, None, "end of the sentence"),
    "letters of all alphabets": ("ner-features", '"X" if "A" <= c <= "Z"', '"X" if c.isupper()', 7.0, None, "only A-Z"),
    "no word": ("ner-features", "for b in range(a + 1, len(word) + 1)", "for b in range(a + 1, len(word))", 7.5, None, "one too early"),
    "n-grams twice": ("ner-features", "sorted({word[a:b] for a in range(len(word)) for b in range(a + 1, len(word) + 1)})", "[word[a:b] for a in range(len(word)) for b in range(a + 1, len(word) + 1)]", 7.5, None, "distinct"),
    "no </s>": ("ner-features", '["<s>", *tokens, "</s>"]', '["<s>", *tokens, "<s>"]', 8.0, None, "end of the sentence"),
    "shapes of marks": ("ner-features", '["<s>", *(shape(t) for t in tokens), "</s>"]', '[shape(t) for t in words]', 8.0, None, "end of the sentence"),
    "tags of others": ("ner-features", '"|".join(labels[i : i + 3])', '"|".join(labels[i : i + 3][::-1])', 7.75, None, "pos_seq"),
    "no key": ("ner-features", '        "pos": tags[i],\n', "", 7.75, None, "no key"),
    "shifted": ("window-batch", "long[i : i + 2 * k + 1]", "np.append(long, pad)[i + 1 : i + 2 * k + 2]", 0.0, "M34", "shifted"),
    "repeated ends": ("window-batch", "np.concatenate([np.full(k, pad), ids, np.full(k, pad)])", "np.pad(ids, k, mode='edge')", 0.0, None, "repeated"),
    "biases one-dimensional": ("mlp-tagger", '"b1": np.zeros(H)', '"b1": np.zeros((1, H))', 6.5, None, "expected"),
    "own seed": ("mlp-tagger", "        self.params = {", "        rng = np.random.default_rng(0)\n        self.params = {", 6.5, None, "different generators"),
    "itself first": ("nearest", " if j != i]", "]", None, None, "itself"),
    "inner product": ("nearest", "E @ E[i] / (norms * norms[i])", "E @ E[i]", None, None, "inner product"),
    "farthest": ("nearest", "np.argsort(-cosines)", "np.argsort(cosines)", None, None, "farthest"),
}  # fmt: skip
