"""A05, A06, A08: counting, n-gram probabilities, scores, windows, evaluation; SGD of A02."""

from __future__ import annotations

from typing import Any

import numpy as np

from .a06_smoothings import SMOOTHINGS, WORDS, draw_text
from .rules import RuleTarget


def _query(kind: Any) -> Any:
    def sample(rng: np.random.Generator) -> dict[str, Any]:
        corpus = draw_text(rng)
        n = int(rng.integers(2, 4))
        text = ["<s>"] * (n - 1) + corpus[0] + ["</s>"]
        queries = []
        for k in range(len(text) - n + 1):
            queries.append(
                (
                    [w for w in text[k : k + n - 1] if w != "<s>"] if k < n - 1 else text[k : k + n - 1],
                    text[k + n - 1],
                )
            )
        queries += [(["a"] * (n - 1), w) for w in (*WORDS, "</s>", "zz")]
        queries += [(["zz"] * (n - 1), "a")] if kind[0] == "add_k" else []
        smoothing = (kind[0], float(rng.uniform(0.2, 0.8))) if kind[0] == "add_k" else kind
        return {"sentences": corpus, "n": n, "smoothing": smoothing, "queries": queries}

    return sample


NGRAM = """
from collections import Counter

def fit(sentences, n):
    grams, contexts = Counter(), Counter()
    for s in sentences:
        t = ['<s>'] * (n - 1) + s + ['</s>']
        for i in range(len(t) - n + 1):
            grams[tuple(t[i:i + n])] += 1
            contexts[tuple(t[i:i + n - 1])] += 1
    vocab = {w for s in sentences for w in s} | {'</s>', '<unk>'}
    return grams, contexts, vocab

def prob(model, n, k, history, word):
    grams, contexts, vocab = model
    h = ['<s>'] * (n - 1) + [w if w in vocab or w == '<s>' else '<unk>' for w in history]
    h = tuple(h[len(h) - n + 1:])
    word = word if word in vocab else '<unk>'
    bottom = contexts[h] + k * len(vocab)
    return (grams[h + (word,)] + k) / bottom if bottom else 0.0

def forward(sentences, n, smoothing, queries):
    k = smoothing[1] if smoothing[0] == 'add_k' else 0.0
    model = fit(sentences, n)
    return [prob(model, n, k, h, w) for h, w in queries]
"""
CONTEXTS = "contexts[tuple(t[i:i + n - 1])] += 1"


def _scores(rng: np.random.Generator) -> dict[str, Any]:
    return {"logprobs": [np.log(rng.uniform(0.02, 0.9, rng.integers(2, 9))) for _ in range(6)]}


def _network(rng: np.random.Generator) -> dict[str, Any]:
    m, d = 2, 3
    X, T = rng.normal(size=(6, m)), rng.normal(size=(4, m))
    return {
        "data": (X, rng.integers(0, 2, 6)), "data_test": (T, rng.integers(0, 2, 4)), "alpha": rng.normal(size=(d, m + 1)),
        "beta": rng.normal(size=d + 1), "epochs": 3, "gamma": float(rng.uniform(0.1, 0.5)),
    }  # fmt: skip


SGD = """
def sig(v):
    return 1 / (1 + np.exp(-v))

def nn_forward(x, y, alpha, beta):
    x = np.append(1.0, x)
    z = np.append(1.0, sig(alpha @ x))
    yhat = sig(beta @ z)
    return dict(x=x, z=z, yhat=yhat, J=-(y * np.log(yhat) + (1 - y) * np.log(1 - yhat)))

def nn_backward(x, y, alpha, beta, o):
    d = o['yhat'] - y
    s = o['z'][1:]
    return np.outer(d * beta[1:] * s * (1 - s), o['x']), d * o['z']

def sgd_train(data, data_test, alpha, beta, epochs, gamma):
    J_train, J_test = [], []
    for epoch in range(epochs):
        for x, y in zip(*data):
            o = nn_forward(x, y, alpha, beta)
            g_alpha, g_beta = nn_backward(x, y, alpha, beta, o)
            alpha = alpha - gamma * g_alpha
            beta = beta - gamma * g_beta
        J_train.append(np.mean([nn_forward(x, y, alpha, beta)['J'] for x, y in zip(*data)]))
        J_test.append(np.mean([nn_forward(x, y, alpha, beta)['J'] for x, y in zip(*data_test)]))
    return alpha, beta, np.array(J_train), np.array(J_test)

forward = sgd_train
"""
STEP = "alpha = alpha - gamma * g_alpha\\n            beta = beta - gamma * g_beta"


def _right_network(args: dict[str, Any]) -> dict[str, Any]:
    space: dict[str, Any] = {"np": np}
    exec(SGD, space)
    return args | {"forward": space["nn_forward"], "backward": space["nn_backward"]}


TARGETS = [
    *SMOOTHINGS,
    RuleTarget(
        "A06",
        "ngrams",
        """
def ngrams(sentence, n):
    t = ['<s>'] * (n - 1) + list(sentence) + ['</s>']
    return [tuple(t[i:i + n]) for i in range(len(t) - n + 1)]

forward = ngrams
""",
        lambda: None,
        lambda rng: {"sentence": draw_text(rng, 1)[0] + ["a", "b", "a", "b"], "n": int(rng.integers(2, 5))},
        wrong="""
M36 | ['<s>'] * (n - 1) + | []  +
M36 | + ['</s>'] | + []
M36 | ['<s>'] * (n - 1) + list(sentence) + ['</s>'] | list(sentence)
M36 | ['<s>'] * (n - 1) | ['<s>']
M36 | ['<s>'] * (n - 1) | ['<s>'] * n
M36 | ['</s>'] | ['</s>'] * (n - 1)
M34 | range(len(t) - n + 1) | range(len(t) - n)
M34 | range(len(t) - n + 1) | range(1, len(t) - n + 1)
- | return [tuple(t[i:i + n]) for i in range(len(t) - n + 1)] | return list(dict.fromkeys(tuple(t[i:i + n]) for i in range(len(t) - n + 1)))
M34 | t[i:i + n] | t[i:i + n - 1] | range(len(t) - n + 1) | range(len(t) - n + 2)
""",
        variants=(
            "def forward(sentence, n):\n    out, window = [], ['<s>'] * (n - 1)\n    for w in [*sentence, '</s>']:\n        out.append((*window, w))\n"
            "        window = [*window, w][1:] if n > 1 else []\n    return out\n",
        ),
        rule="ngrams",
    ),
    RuleTarget(
        "A06",
        "ngram with mle",
        NGRAM,
        lambda: None,
        _query(("mle",)),
        wrong=f"""
M36 | + s + ['</s>'] | + s
M36 | ['<s>'] * (n - 1) + s | ['<s>'] + s
M35 | {CONTEXTS} | pass\\n        for i in range(len(s) - n + 2):\\n            contexts[tuple(s[i:i + n - 1])] += 1
M35 | bottom = contexts[h] + | bottom = sum(grams.values()) +
""",
        rule="ngram_prob of queries",
    ),
    RuleTarget(
        "A06",
        "ngram with add-k",
        NGRAM,
        lambda: None,
        _query(("add_k",)),
        wrong=f"""
M37 | k * len(vocab) | k
M37 | k * len(vocab) | len(vocab)
M37 | k * len(vocab) | 0
M37 | {{'</s>', '<unk>'}} | {{'</s>'}} | word if word in vocab else | word if word in vocab | '<unk>'\\n    bottom | 1\\n    word = word if word in vocab else '<unk>'\\n    bottom
M37 | k * len(vocab) | k * (len(vocab) + 1)
M37 | k * len(vocab) | k * len(grams)
M37 | (grams[h + (word,)] + k) | grams[h + (word,)]
M35 | {CONTEXTS} | pass\\n        for i in range(len(s) - n + 2):\\n            contexts[tuple(s[i:i + n - 1])] += 1
M36 | + s + ['</s>'] | + s
""".replace(
            "M37 | {'</s>', '<unk>'} | {'</s>'} | word if word in vocab else | word if word in vocab | '<unk>'\\n    bottom | 1\\n    word = word if word in vocab else '<unk>'\\n    bottom\n",
            "",
        ),
        rule="ngram_prob of queries",
    ),
    RuleTarget(
        "A06",
        "cross_entropy_bits",
        """
def cross_entropy_bits(logprobs):
    every = np.concatenate(logprobs)
    return -every.mean() / np.log(2)

forward = cross_entropy_bits
""",
        lambda: None,
        _scores,
        wrong="""
M04 | -every.mean() / np.log(2) | -every.mean()
M04 | -every.mean() / np.log(2) | -every.mean() * np.log(2)
M39 | np.log(2) | np.log(10)
M01 | -every | every
M39 | np.concatenate(logprobs) | np.concatenate([s[:-1] for s in logprobs])
M39 | -every.mean() | -every.sum() / sum(len(s) - 1 for s in logprobs)
M39 | -every.mean() | -every.sum() / len(logprobs)
M39 | -every.mean() | -np.mean([s.mean() for s in logprobs])
M39 | -every.mean() | -every.sum()
""",
        variants=(
            "def forward(logprobs):\n    total = sum(float(x) for s in logprobs for x in s)\n    return -total / sum(map(len, logprobs)) / np.log(2)\n",
        ),
        rule="cross_entropy_bits",
    ),
    RuleTarget(
        "A06",
        "perplexity",
        """
def perplexity(logprobs):
    every = np.concatenate(logprobs)
    return np.exp(-every.mean())

forward = perplexity
""",
        lambda: None,
        _scores,
        wrong="""
M40 | np.exp(-every.mean()) | np.mean([np.exp(-s.mean()) for s in logprobs])
M40 | np.exp(-every.mean()) | np.exp(-every).mean()
M39,M04 | np.exp(-every.mean()) | 2 ** (-every.mean())
M39,M04 | np.exp(-every.mean()) | np.exp(-every.mean() / np.log(2))
M39 | -every.mean() | -np.mean([s.mean() for s in logprobs])
M39 | np.concatenate(logprobs) | np.concatenate([s[:-1] for s in logprobs])
M01 | -every.mean() | every.mean()
M39 | np.exp(-every.mean()) | -every.mean()
M39 | -every.mean() | -every.sum() / len(logprobs)
M39 | np.exp(-every.mean()) | 1 / (np.prod(np.exp(every)) * 0)
""",
        rule="perplexity",
    ),
    RuleTarget(
        "A05",
        "one_hot",
        "def one_hot(ids, V):\n    out = np.zeros((len(ids), V))\n    out[np.arange(len(ids)), ids] = 1\n    return out\n\nforward = one_hot\n",
        lambda: None,
        lambda rng: {"ids": rng.integers(1, 6, 5), "V": 7},
        wrong="""
M34 | ids] = 1 | ids - 1] = 1
M34 | ids] = 1 | ids + 1] = 1
M06 | return out | return out.T
""",
        rule="one_hot",
    ),
    RuleTarget(
        "A05",
        "window_batch",
        """
def window_batch(ids, k, pad):
    long = np.concatenate([np.full(k, pad), ids, np.full(k, pad)])
    return np.stack([long[i:i + 2 * k + 1] for i in range(len(ids))])

forward = window_batch
""",
        lambda: None,
        lambda rng: {"ids": rng.integers(1, 9, 7), "k": 2, "pad": 0},
        wrong="""
M34 | long[i:i + 2 * k + 1] | np.append(long, pad)[i + 1:i + 2 * k + 2]
- | return np.stack([long[i:i + 2 * k + 1] for i in range(len(ids))]) | return np.stack([long[i:i + 2 * k + 1][::-1] for i in range(len(ids))])
- | np.concatenate([np.full(k, pad), ids, np.full(k, pad)]) | np.concatenate([ids[-k:], ids, ids[:k]])
- | np.concatenate([np.full(k, pad), ids, np.full(k, pad)]) | np.pad(ids, k, mode='edge')
M06 | for i in range(len(ids))]) | for i in range(len(ids))], axis=1)
""",
        rule="window_batch",
    ),
    RuleTarget(
        "A08",
        "evaluate",
        """
def evaluate(bits):
    L = np.array([len(b) for b in bits])
    B = np.array([b.sum() for b in bits])
    mean = B.sum() / L.sum()
    D = len(bits)
    se = np.sqrt(D / (D - 1) * ((B - mean * L)**2).sum()) / L.sum()
    return mean, se

forward = evaluate
""",
        lambda: None,
        lambda rng: {"bits": [rng.gamma(2, 1, rng.integers(3, 12)) for _ in range(5)]},
        wrong="""
M39 | return mean, se | return np.mean(B / L), se
M39 | return mean, se | return B.sum() / D, se
M04 | return mean, se | return mean * np.log(2), se * np.log(2)
M40 | return mean, se | return np.mean(2**np.concatenate(bits)), se
- | D / (D - 1) * | 1 *
- | return mean, se | return mean, np.concatenate(bits).std(ddof=1) / np.sqrt(L.sum())
- | return mean, se | return mean, np.std(B / L, ddof=1) / np.sqrt(D)
- | return mean, se | return mean, np.concatenate(bits).std(ddof=1)
""",
        rule="evaluate",
    ),
    RuleTarget(
        "A08",
        "interpolate",
        """
def interpolate(probs, iterations=50):
    w = np.full(len(probs), 1 / len(probs))
    for _ in range(iterations):
        q = w[:, None] * probs
        q = q / q.sum(axis=0)
        w = q.mean(axis=1)
    return w

forward = interpolate
""",
        lambda: None,
        lambda rng: {"probs": rng.uniform(0.01, 1, (3, 17)), "iterations": 4},
        wrong="""
- | w = q.mean(axis=1) | w = q.sum(axis=1)
- | q = w[:, None] * probs | q = probs
- | range(iterations) | range(iterations - 1)
- | q = q / q.sum(axis=0)\\n        w = q.mean(axis=1) | w = q.mean(axis=1)\\n        w = w / w.sum()
""",
        rule="interpolate",
    ),
    RuleTarget(
        "A02",
        "sgd_train",
        SGD,
        lambda: None,
        _network,
        wrong=f"""
M01 | alpha - gamma | alpha + gamma | beta - gamma | beta + gamma
M17 | g_alpha, g_beta = nn_backward(x, y, alpha, beta, o)\\n            {STEP} | g_alpha, g_beta = nn_backward(x, y, alpha, beta, o)\\n            beta = beta - gamma * g_beta\\n            g_alpha, _ = nn_backward(x, y, alpha, beta, o)\\n            alpha = alpha - gamma * g_alpha
M03 | alpha - gamma | alpha - 2 * gamma | beta - gamma | beta - 2 * gamma
M53 | zip(*data)]))\\n        J_test | zip(*data_test)]))\\n        J_test | zip(*data_test)]))\\n    return | zip(*data)]))\\n    return
- | beta = beta - gamma * g_beta | pass
- | alpha = alpha - gamma * g_alpha | pass
M34 | range(epochs) | range(epochs + 1)
- | for x, y in zip(*data):\\n | for x, y in reversed(list(zip(*data))):\\n
""",
        rule="sgd_train",
        extra=_right_network,
    ),
]
