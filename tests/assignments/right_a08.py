"""Right solutions of A08 in the letters of the notebook, and mistakes in them."""

RIGHT = """
import math

import numpy as np


def evaluate(model, docs):
    per_doc = [-np.asarray(model.logprobs(doc)) / np.log(2) for doc in docs]
    B, L, D = np.array([b.sum() for b in per_doc]), np.array([len(b) for b in per_doc]), len(docs)
    b = B.sum() / L.sum()
    se = np.sqrt(D / (D - 1) * ((B - b * L) ** 2).sum()) / L.sum()
    return {"bits_per_token": b, "se": se, "per_token": np.concatenate(per_doc)}


def learning_curve(factory, docs, sizes, held_out):
    curve = []
    for size in sizes:
        text, tokens = [], 0
        for doc in docs:
            if tokens >= size:
                break
            text += doc
            tokens += sum(len(s) + 1 for s in doc)
        model = factory()
        model.fit(text)
        curve.append((tokens, evaluate(model, held_out)["bits_per_token"]))
    return curve


def bits_by_dependency(per_token, labels):
    found = {}
    for bits, label in zip(per_token, labels):
        found.setdefault(label, []).append(bits)
    return {label: (np.mean(group), len(group)) for label, group in found.items()}


def paired_bootstrap(a, b, rng, rounds=10000):
    d = np.asarray(a) - np.asarray(b)
    m = d[rng.integers(0, len(d), size=(rounds, len(d)))].mean(axis=1)
    fewer = min((m <= 0).sum(), (m >= 0).sum())
    return min(1.0, 2 * (1 + fewer) / (rounds + 1))


def interpolate(probs, iterations=50):
    w = np.full(len(probs), 1 / len(probs))
    for _ in range(iterations):
        q = w[:, None] * probs
        q = q / q.sum(axis=0)
        w = q.mean(axis=1)
    return w


def real_or_fake(answers, truth):
    n = len(truth)
    k = sum(a == t for a, t in zip(answers, truth))

    def at_least(k, p):
        return sum(math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(k, n + 1))

    def solve(k, share):
        low, high = 0.0, 1.0
        for _ in range(50):
            p = (low + high) / 2
            if at_least(k, p) < share:
                low = p
            else:
                high = p
        return low

    low = solve(k, 0.025) if k > 0 else 0.0
    high = solve(k + 1, 0.975) if k < n else 1.0
    return {"accuracy": k / n, "low": low, "high": high}
"""

# what is wrong: entry, old, new, marks that are left, id, words of the message
MUTANTS = {
    "nats per token": ("evaluate", "/ np.log(2) for doc", "for doc", 6.0, "M04", "in nats"),
    "nats only in the mean": ("evaluate", '"bits_per_token": b', '"bits_per_token": b * np.log(2)', 5.0, "M04", "in nats"),
    "mean of means": ("evaluate", "b = B.sum() / L.sum()", "b = np.mean(B / L)", 5.0, "M39", "document by document"),
    "bits a document": ("evaluate", "b = B.sum() / L.sum()", "b = B.sum() / D", 5.0, "M39", "number of documents"),
    "wrong sign": ("evaluate", "[-np.asarray", "[np.asarray", 6.0, "M01", "sign"),
    "biased": ("evaluate", "D / (D - 1) * ", "", 5.0, None, "D/(D − 1)"),
    "sentences for tokens": ("evaluate", "\"bits_per_token\": b,", "\"bits_per_token\": B.sum() / sum(len(doc) for doc in docs),", 5.0, "M39", "number of sentences"),
    "ends left out": ("evaluate", "    B, L, D", "    ends = [np.cumsum([len(s) + 1 for s in doc]) - 1 for doc in docs]\n    per_doc = [np.delete(b, e) for b, e in zip(per_doc, ends)]\n    B, L, D", 6.0, "M39", "</s>"),
    "base 10": ("evaluate", "-np.asarray(model.logprobs(doc)) / np.log(2)", "-np.asarray(model.logprobs(doc)) / np.log(10)", 6.0, "M04", "base 10"),
    "perplexities": ("evaluate", "\"bits_per_token\": b,", "\"bits_per_token\": np.log2(np.mean(2.0 ** np.concatenate(per_doc))),", 5.0, "M40", "Perplexities"),
    "tokens independent": ("evaluate", "se = np", "se = np.std(np.concatenate(per_doc), ddof=1) / np.sqrt(L.sum()) #", 5.0, None, "independent"),
    "of documents' means": ("evaluate", "se = np", "se = np.std(B / L, ddof=1) / np.sqrt(D) #", 5.0, None, "documents' means"),
    "one array a document": ("evaluate", "np.concatenate(per_doc)}", "per_doc}", 6.0, None, "one array a document"),
    "an impossible word is dropped": ("evaluate", "for doc in docs]", "for doc in docs]\n    per_doc = [np.where(np.isinf(b), 0, b) for b in per_doc]", 7.0, None, "infinite"),
    "a document too few": ("learning-curve", "if tokens >= size:", "if tokens + sum(len(s) + 1 for s in doc) > size:", 4.5, None, "left out"),
    "a document too many": ("learning-curve", "if tokens >= size:", "if tokens > size:", 4.5, None, "too many"),
    "no </s>": ("learning-curve", "len(s) + 1 for", "len(s) for", 5.0, "M39", "</s> is not counted"),
    "the size, not the tokens": ("learning-curve", "append((tokens,", "append((size,", 5.0, None, "tokens used"),
    "all documents": ("learning-curve", "if tokens >= size:", "if False:", 4.5, None, "size is not used"),
    "scored on training": ("learning-curve", "evaluate(model, held_out)", "evaluate(model, [text, text])", 4.0, "M53", "trained with"),
    "trained with held_out": ("learning-curve", "model.fit(text)", "model.fit(text + [s for d in held_out for s in d])", 4.0, "M53", "new to it"),
    "one model": ("learning-curve", "        model = factory()\n", "        model = factory() if not curve else model\n", 4.0, None, "again and again"),
    "nats in the curve": ("learning-curve", '["bits_per_token"]))', '["bits_per_token"] * np.log(2)))', 4.0, "M04", "nats"),
    "cut and nats": ("learning-curve", "if tokens >= size:\n                break\n            text", "if tokens > size:\n                break\n            text", 4.5, None, "too many"),
    "sums": ("bits-by-dependency", "np.mean(group)", "np.sum(group)", 2.5, None, "summed"),
    "over all tokens": ("bits-by-dependency", "np.mean(group)", "np.sum(group) / len(labels)", 2.5, None, "all tokens"),
    "off by one": ("bits-by-dependency", "zip(per_token, labels)", "zip(np.roll(per_token, 1), labels)", 2.5, "M34", "off by one"),
    "exchanged": ("bits-by-dependency", "(np.mean(group), len(group))", "(len(group), np.mean(group))", 0.0, None, "exchanged"),
    "one-sided": ("paired-bootstrap", "2 * (1 + fewer)", "(1 + fewer)", 3.5, None, "one-sided"),
    "one count": ("paired-bootstrap", "min((m <= 0).sum(), (m >= 0).sum())", "(m <= 0).sum()", 3.5, None, "smaller of both"),
    "larger": ("paired-bootstrap", "min((m <= 0)", "max((m <= 0)", 3.5, None, "larger"),
    "apart": ("paired-bootstrap", "m = d[rng.integers(0, len(d), size=(rounds, len(d)))].mean(axis=1)", "i = lambda: rng.integers(0, len(d), size=(rounds, len(d)))\n    m = np.asarray(a)[i()].mean(axis=1) - np.asarray(b)[i()].mean(axis=1)", 3.5, None, "apart"),
    "signs": ("paired-bootstrap", "m = d[rng.integers(0, len(d), size=(rounds, len(d)))].mean(axis=1)", "m = (d * rng.choice([-1, 1], size=(rounds, len(d)))).mean(axis=1)\n    return min(1.0, 2 * (1 + min((m <= -abs(d.mean()) + 1e-12).sum(), (m >= abs(d.mean()) - 1e-12).sum())) / (rounds + 1))", 3.5, None, "signs"),
    "no plus one": ("paired-bootstrap", "(1 + fewer) / (rounds + 1)", "fewer / rounds", 4.5, None, "1 in"),
    "above 1": ("paired-bootstrap", "return min(1.0, 2 * (1 + fewer) / (rounds + 1))", "return min(1.0, 2 * (1 + fewer) / (rounds + 1)) if fewer < rounds else 0.5", 4.5, None, "limit 1"),
    "own generator": ("paired-bootstrap", "d = np", "rng = np.random.default_rng(0)\n    d = np", 5.5, None, "rng that is passed"),
    "fresh generator": ("paired-bootstrap", "d = np", "rng = np.random.default_rng()\n    d = np", 5.5, None, "nothing else"),
    "sum": ("interpolate", "q.mean(axis=1)", "q.sum(axis=1)", None, None, "not normalised"),
    "no prior": ("interpolate", "q = w[:, None] * probs", "q = 1.0 * probs", None, None, "old weights"),
    "too few": ("interpolate", "range(iterations)", "range(iterations - 1)", None, None, "too few"),
    "always 50": ("interpolate", "range(iterations)", "range(50)", None, None, "weights"),
    "not over models": ("interpolate", "q = q / q.sum(axis=0)\n        w = q.mean(axis=1)", "w = q.mean(axis=1)\n        w = w / w.sum()", None, None, "over the models"),
    "along the tokens": ("interpolate", "q = q / q.sum(axis=0)", "q = q / q.sum(axis=1, keepdims=True)", None, "M09", "along the models"),
    "written into": ("interpolate", "    w = np.full", "    probs /= probs.sum(axis=0)\n    w = np.full", 5.0, "M25", "changes its argument"),
    "normal": ("real-or-fake", "    return {\"accuracy\"", "    low, high = k / n - 1.96 * math.sqrt(k / n * (1 - k / n) / n), k / n + 1.96 * math.sqrt(k / n * (1 - k / n) / n)\n    return {\"accuracy\"", 2.5, None, "normal approximation"),
    "90 %": ("real-or-fake", "0.025) if", "0.05) if", 3.5, None, "low is wrong"),
    "counts True": ("real-or-fake", "a == t for", "a for", 3.25, None, "that say True"),
    "counts wrong ones": ("real-or-fake", "a == t for", "a != t for", 3.25, None, "wrong answers"),
    "no answer right": ("real-or-fake", "if k > 0 else 0.0", "if k > 0 else 0.1", 3.75, None, "With 0 of 12"),
}  # fmt: skip
