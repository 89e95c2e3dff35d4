"""A06: a right solution in the letters of the assignment, and wrong changes of it with what they leave of the points."""

RIGHT = """
from collections import Counter, defaultdict

import numpy as np


def ngrams(sentence, n):
    padded = ["<s>"] * (n - 1) + list(sentence) + ["</s>"]
    return [tuple(padded[i:i + n]) for i in range(len(sentence) + 1)]


def count(ids, n):
    windows = np.stack([ids[k:len(ids) - n + 1 + k] for k in range(n)], axis=1)
    return np.unique(windows, axis=0, return_counts=True)


def add_k(k):
    def smooth(sentences, n, V):
        counts, totals = Counter(g for s in sentences for g in ngrams(s, n)), Counter()
        for g, c in counts.items():
            totals[g[:-1]] += c

        def p(h, w):
            bottom = totals[h] + k * V
            return (counts[h + (w,)] + k) / bottom if bottom > 0 else 0.0
        return p
    return smooth


def mle():
    return add_k(0.0)


def interpolated(lambdas):
    def smooth(sentences, n, V):
        orders = []
        for m in range(1, n + 1):
            counts, totals = Counter(g for s in sentences for g in ngrams(s, m)), Counter()
            for g, c in counts.items():
                totals[g[:-1]] += c
            orders.append((counts, totals))

        def p(h, w):
            total, left = 0.0, 0.0
            for m in range(n, 0, -1):
                counts, totals = orders[m - 1]
                context = h[len(h) - m + 1:]
                left += lambdas[m - 1]
                if totals[context] > 0:
                    total += left * counts[context + (w,)] / totals[context]
                    left = 0.0
            return total
        return p
    return smooth


def good_turing(counts):
    often = Counter(counts)
    n = [often[r] for r in range(1, 7)]
    if all(n) and 6 * n[5] < n[0]:
        A = 6 * n[5] / n[0]
        d = [((r + 1) * n[r] / (r * n[r - 1]) - A) / (1 - A) for r in range(1, 6)]
        if all(0 < x <= 1 for x in d):
            return [0.0] + d + [1.0]
    return [0.0] + [(r - 0.5) / r for r in range(1, 6)] + [1.0]


def katz():
    def smooth(sentences, n, V):
        orders = []
        for m in range(1, n + 1):
            counts, totals, seen = Counter(g for s in sentences for g in ngrams(s, m)), Counter(), defaultdict(list)
            for g, c in counts.items():
                totals[g[:-1]] += c
                seen[g[:-1]].append(g[-1])
            orders.append((counts, totals, seen, good_turing(counts.values())))
        mass = {}

        def p(h, w):
            m = len(h) + 1
            counts, totals, seen, d = orders[m - 1]
            lower = (lambda v: p(h[1:], v)) if m > 1 else (lambda v: 1 / V)
            if not totals[h]:
                return lower(w)
            if h not in mass:
                kept = sum(d[min(counts[h + (v,)], 6)] * counts[h + (v,)] for v in seen[h]) / totals[h]
                mass[h] = kept, 1 - sum(lower(v) for v in seen[h])
            kept, room = mass[h]
            c = counts[h + (w,)]
            if room < 1e-12:
                return d[min(c, 6)] * c / totals[h] / kept
            return d[min(c, 6)] * c / totals[h] if c else (1 - kept) / room * lower(w)
        return p
    return smooth


def discounts(counts, modified):
    often = Counter(counts)
    n1, n2, n3, n4 = (often[j] for j in (1, 2, 3, 4))
    if not modified:
        return [0.0] + [n1 / (n1 + 2 * n2) if n1 and n2 else 0.5] * 3
    if n1 and n2 and n3:
        Y = n1 / (n1 + 2 * n2)
        D = [0.0, 1 - 2 * Y * n2 / n1, 2 - 3 * Y * n3 / n2, 3 - 4 * Y * n4 / n3]
        if all(0 <= d <= j for j, d in enumerate(D)):
            return D
    return [0.0, 0.5, 1.0, 1.5]


def kneser_ney(modified=True):
    def smooth(sentences, n, V):
        text = [["<s>"] + list(s) + ["</s>"] for s in sentences]
        raw = [Counter(tuple(t[i:i + m]) for t in text for i in range(len(t) - m + 1)) for m in range(1, n + 1)]
        orders = []
        for m in range(1, n + 1):
            counts = Counter(raw[m - 1])
            if m < n:
                counts = Counter(g[1:] for g in raw[m])
                for g, c in raw[m - 1].items():
                    if g[0] == "<s>":
                        counts[g] = c
            counts.pop(("<s>",), None)
            D = discounts(counts.values(), modified)
            totals, off = Counter(), defaultdict(float)
            for g, c in counts.items():
                totals[g[:-1]] += c
                off[g[:-1]] += D[min(c, 3)]
            orders.append((counts, totals, D, off))

        def p(h, w):
            if len(h) == n - 1 and h and h[0] == "<s>":
                while h[1:2] == ("<s>",):
                    h = h[1:]
            counts, totals, D, off = orders[len(h)]
            lower = p(h[1:], w) if h else 1 / V
            if totals[h] == 0:
                return lower
            c = counts[h + (w,)]
            return (c - D[min(c, 3)]) / totals[h] + off[h] / totals[h] * lower
        return p
    return smooth


class NGram:
    def __init__(self, n, smoothing):
        self.n, self.smoothing = n, smoothing

    def fit(self, sentences):
        self.vocab = sorted({w for s in sentences for w in s} | {"</s>", "<unk>"})
        self.p = self.smoothing(sentences, self.n, len(self.vocab))
        return self

    def prob(self, history, word):
        if word == "<s>":
            return 0.0
        known = lambda w: w if w in self.vocab or w == "<s>" else "<unk>"
        history = ["<s>"] * (self.n - 1) + list(history)
        return self.p(tuple(known(w) for w in history[len(history) - self.n + 1:]), known(word))

    def logprobs(self, sentences):
        p = [self.prob(s[:i], w) for s in sentences for i, w in enumerate(list(s) + ["</s>"])]
        with np.errstate(divide="ignore"):
            return np.log(p)


def cross_entropy_bits(model, sentences):
    return -np.mean(model.logprobs(sentences)) / np.log(2)


def perplexity(model, sentences):
    return 2 ** cross_entropy_bits(model, sentences)


def sample_ngram(model, rng, n, temperature=1.0):
    words, history = [], []
    while len(words) < n:
        p = np.array([model.prob(history, w) for w in model.vocab]) ** (1 / temperature)
        word = model.vocab[rng.choice(len(p), p=p / p.sum())]
        if word == "</s>":
            history = []
        else:
            words.append(word)
            history.append(word)
    return words


def entropy_rate(grammar):
    names = list(grammar["rules"])
    M, h = np.zeros((len(names), len(names))), np.zeros(len(names))
    for i, A in enumerate(names):
        total = sum(weight for weight, _, _ in grammar["rules"][A])
        for weight, _, body in grammar["rules"][A]:
            p = weight / total
            h[i] -= p * np.log2(p)
            for B in body:
                M[i, names.index(B)] += p
    e = np.array([A == grammar["start"] for A in names], float)
    m = np.linalg.solve(np.eye(len(names)) - M.T, e)
    return m @ h / m.sum()


def ngram_floor(grammar, n):
    start = (grammar["start"],)
    stacks, moves = {start: 0}, []
    queue = [start]
    for stack in queue:
        rules = grammar["rules"][stack[0]]
        total = sum(weight for weight, _, _ in rules)
        row = []
        for weight, token, body in rules:
            after = tuple(body) + stack[1:] or start
            if after not in stacks:
                stacks[after] = len(queue)
                queue.append(after)
            row.append((token, weight / total, stacks[after]))
        moves.append(row)
    A = np.zeros((len(queue), len(queue)))
    for s, row in enumerate(moves):
        for _, p, after in row:
            A[after, s] += p
    A -= np.eye(len(queue))
    A[-1] = 1
    pi = np.linalg.solve(A, np.eye(len(queue))[-1])
    alpha = {(): dict(enumerate(pi))}
    for _ in range(n - 1):
        longer = defaultdict(lambda: defaultdict(float))
        for c, law in alpha.items():
            for s, mass in law.items():
                for token, p, after in moves[s]:
                    longer[c + (token,)][after] += mass * p
        alpha = longer
    bits = 0.0
    for law in alpha.values():
        joint = defaultdict(float)
        for s, mass in law.items():
            for token, p, _ in moves[s]:
                joint[token] += mass * p
        P = np.array([x for x in joint.values() if x > 0])
        bits -= P @ np.log2(P / P.sum())
    return bits
"""

_KN = "return (c - D[min(c, 3)]) / totals[h] + off[h] / totals[h] * lower"
_PLAIN, _MODIFIED, _FALLBACK = 2.0, 2.25, 0.75
_NO_KN = 15 - _PLAIN - _MODIFIED - _FALLBACK
_PADDED = 'padded = ["<s>"] * (n - 1) + list(sentence) + ["</s>"]\n    return [tuple(padded[i:i + n]) for i in range(len(sentence) + 1)]'
_SLIDE = "\n    return [tuple(padded[i:i + n]) for i in range(len(padded) - n + 1)]"
_BITS = "return -np.mean(model.logprobs(sentences)) / np.log(2)"

# name -> (entry, text, replacement, points that are left of the entry, diagnosis)
MUTANTS = {
    "no <s>": ("ngrams", _PADDED, 'padded = list(sentence) + ["</s>"]' + _SLIDE, 0.75, "M36"),
    "no </s>": ("ngrams", _PADDED, 'padded = ["<s>"] * (n - 1) + list(sentence)' + _SLIDE, 0.0, "M36"),
    "one <s>": ("ngrams", _PADDED, 'padded = ["<s>"] + list(sentence) + ["</s>"]' + _SLIDE, 0.0, "M36"),
    "n times <s>": ("ngrams", _PADDED, 'padded = ["<s>"] * n + list(sentence) + ["</s>"]' + _SLIDE, 0.0, "M36"),
    "the last n-gram": ("ngrams", "range(len(sentence) + 1)", "range(len(sentence))", 0.0, "M34"),
    "a set of n-grams": ("ngrams", "return [tuple(padded[i:i + n]) for i in range(len(sentence) + 1)]", "return sorted({tuple(padded[i:i + n]) for i in range(len(sentence) + 1)})", 1.0, ""),
    "the last window": ("count", "len(ids) - n + 1 + k]", "max(len(ids) - n, 1) + k]", 0.0, "M34"),
    "counts that are not sorted": ("count", "return np.unique(windows, axis=0, return_counts=True)", "c = Counter(map(tuple, windows.tolist()))\n    return np.array(list(c)), np.array(list(c.values()))", 0.0, ""),
    "a sequence that is written into": ("count", "    windows =", "    ids += 1; ids -= 1; ids[:1] += 1\n    windows =", 0.0, ""),
    "k for kV": ("smoothing", "+ k * V\n", "+ k\n", 12.5, "M37"),
    "k in the denominator only": ("smoothing", "(counts[h + (w,)] + k) / bottom", "counts[h + (w,)] / bottom", 12.5, "M37"),
    "1 for k": ("smoothing", "    def smooth(sentences, n, V):\n        counts, totals", "    k = min(1.0, 1e9 * k)\n    def smooth(sentences, n, V):\n        counts, totals", 12.5, "M37"),
    "unseen contexts after mle": ("smoothing", "/ bottom if bottom > 0 else 0.0", "/ bottom if bottom > 0 else 1 / V", 13.0, ""),
    "divided by all n-grams": ("smoothing", "bottom = totals[h] + k", "bottom = sum(counts.values()) + k", 10.5, "M35"),
    "contexts of bare sentences": ("smoothing", "def mle():\n    return add_k(0.0)", "def mle():\n    def smooth(sentences, n, V):\n        counts = Counter(g for s in sentences for g in ngrams(s, n))\n        totals = Counter(tuple(s[i:i + n - 1]) for s in sentences for i in range(len(s) - n + 2))\n        return lambda h, w: counts[h + (w,)] / totals[h] if totals[h] else 0.0\n    return smooth", 13.0, "M35"),
    "no add-k after what was never seen": ("smoothing", "return (counts[h + (w,)] + k) / bottom if bottom > 0", "return (counts[h + (w,)] + k) / bottom if totals[h] > 0", 12.5, ""),
    "contexts at the end of a sentence": ("smoothing", "totals[g[:-1]] += c\n\n        def p(h, w):\n            bottom = totals[h]", "totals[g[:-1]] += c\n        totals[()] += len(sentences) * (n == 1)\n\n        def p(h, w):\n            bottom = totals[h]", 10.5, "M35"),
    "multiples of one discount": ("smoothing", "D = [0.0, 1 - 2 * Y * n2 / n1, 2 - 3 * Y * n3 / n2, 3 - 4 * Y * n4 / n3]", "D = [0.0, Y, 2 * Y, 3 * Y]", 15 - _MODIFIED, "M38"),
    "weights in reversed order": ("smoothing", "left += lambdas[m - 1]", "left += lambdas[-m]", 12.0, ""),
    "the weight of an unseen context is lost": ("smoothing", "left += lambdas[m - 1]", "left = lambdas[m - 1]", 13.75, "M38"),
    "1/V mixed in": ("smoothing", "            return total\n", "            return 0.5 * total + 0.5 / V\n", 12.0, ""),
    "Katz without a lower order": ("smoothing", "if c else (1 - kept) / room * lower(w)", "if c else 0.0", 13.0, "M36"),
    "Katz discounts everything": ("smoothing", "+ d + [1.0]", "+ d + [0.9]", 14.5, ""),
    "Katz is maximum likelihood": ("smoothing", "return [0.0] + d + [1.0]", "return [1.0] * 7", 14.5, ""),
    "raw counts in the lower orders": ("smoothing", "            if m < n:", "            if False:", _NO_KN, "M38"),
    "one discount": ("smoothing", "    if not modified:", "    if True:", 15 - _MODIFIED, "M38"),
    "always modified": ("smoothing", "    if not modified:", "    if False:", 15 - _PLAIN, "M38"),
    "0.75 everywhere": ("smoothing", "    if not modified:", "    return [0.0] + [0.75] * 3\n    if not modified:", _NO_KN, "M38"),
    "fallback everywhere": ("smoothing", "    if n1 and n2 and n3:", "    if False:", 15 - _MODIFIED, "M38"),
    "no factor 2": ("smoothing", "n1 / (n1 + 2 * n2) if n1", "n1 / (n1 + n2) if n1", 15 - _PLAIN, "M38"),
    "discounts outside [0, j]": ("smoothing", "        if all(0 <= d <= j for j, d in enumerate(D)):\n            return D", "        return D", 12.0, "M38"),
    "D1 for the back-off weight": ("smoothing", "off[g[:-1]] += D[min(c, 3)]", "off[g[:-1]] += D[1]", 15 - _MODIFIED, "M38"),
    "the lower order is not added": ("smoothing", _KN, "return (c - D[min(c, 3)]) / totals[h]", _NO_KN, "M38"),
    "the lower order has weight 1": ("smoothing", _KN, "return (c - D[min(c, 3)]) / totals[h] + lower", _NO_KN, "M38"),
    "the lower order for unseen words only": ("smoothing", _KN, "return (c - D[min(c, 3)]) / totals[h] if c else off[h] / totals[h] * lower", _NO_KN, "M38"),
    "unigrams not interpolated": ("smoothing", "else 1 / V\n            if totals[h] == 0", "else 0.0\n            if totals[h] == 0", _NO_KN, "M38"),
    "1/V without <unk>": ("smoothing", "else 1 / V\n            if totals[h] == 0", "else 1 / (V - 1)\n            if totals[h] == 0", _NO_KN, "M38"),
    "an unseen context gives 0": ("smoothing", "            if totals[h] == 0:\n                return lower", "            if totals[h] == 0:\n                return 0.0", _NO_KN, "M38"),
    "n-grams at the start are not raw": ("smoothing", "counts[g] = c\n            counts.pop", "counts[g] = 0\n            counts.pop", _NO_KN, "M38"),
    "<s> among the unigrams": ("smoothing", 'counts.pop(("<s>",), None)', 'counts["<s>",] = raw[0]["<s>",]', _NO_KN, "M36"),
    "vocabulary without </s>": ("ngram", '| {"</s>", "<unk>"})', '| {"<unk>"})', 4.25, "M37"),
    "vocabulary with <s>": ("ngram", '| {"</s>", "<unk>"})', '| {"</s>", "<unk>", "<s>"})', 7.0, "M36"),
    "a vocabulary that grows": ("ngram", "        p = [self.prob(s[:i]", "        self.vocab = sorted({*self.vocab, *(w for s in sentences for w in s)})\n        p = [self.prob(s[:i]", 7.0, "M39"),
    "</s> has no probability": ("ngram", 'if word == "<s>":', 'if word in ("<s>", "</s>"):', 5.25, "M36"),
    "<s> is scored": ("ngram", '[self.prob(s[:i], w) for s in sentences for i, w in enumerate(list(s) + ["</s>"])]', '[self.prob(s[: max(i - 1, 0)], w) for s in sentences for i, w in enumerate(["<s>", *s, "</s>"])]', 6.0, "M36"),
    "T too large by one a sentence": ("cross-entropy-bits", _BITS, "lp = model.logprobs(sentences)\n    return -np.sum(lp) / (len(lp) + len(sentences)) / np.log(2)", 0.0, "M39"),
    "the logarithm of a mean of perplexities": ("cross-entropy-bits", _BITS, "return np.log2(np.mean([2 ** (-np.mean(model.logprobs([s])) / np.log(2)) for s in sentences]))", 1.0, "M40"),
    "the logarithm of a mean": ("cross-entropy-bits", _BITS, "return -np.log2(np.mean(np.exp(model.logprobs(sentences))))", 0.0, "M40"),
    "fit returns nothing": ("ngram", "        return self\n", "", 7.5, ""),
    "<s> has a probability": ("ngram", '        if word == "<s>":\n            return 0.0\n', "", 7.75, "M36"),
    "short histories are not padded": ("ngram", 'history = ["<s>"] * (self.n - 1) + list(history)\n        return self.p(tuple(known(w) for w in history[len(history) - self.n + 1:])', 'history = list(history)\n        return self.p(tuple(known(w) for w in history[max(0, len(history) - self.n + 1):])', 6.75, "M36"),
    "the wrong end of the history": ("ngram", "history[len(history) - self.n + 1:]", "history[:self.n - 1]", 5.75, ""),
    "the history backwards": ("ngram", "history[len(history) - self.n + 1:]", "history[::-1][:self.n - 1]", 5.75, ""),
    "<s> behind a short history": ("ngram", 'history = ["<s>"] * (self.n - 1) + list(history)', 'pads = ["<s>"] * (self.n - 1 - len(history))\n        history = pads[:1] + list(history) + pads[1:]', 6.75, "M36"),
    "long histories are not cut": ("ngram", "history[len(history) - self.n + 1:]", "history[min(len(history), 2 * self.n - 2) - self.n + 1:]", 7.5, ""),
    "a history that grows": ("ngram", "        known = lambda", '        history += ["x"]; history = history[:-1]\n        known = lambda', 7.5, "M25"),
    "logprobs in bits": ("ngram", "return np.log(p)", "return np.log2(p)", 6.0, "M04"),
    "logprobs with base 10": ("ngram", "return np.log(p)", "return np.log10(p)", 6.0, "M39"),
    "logprobs without </s>": ("ngram", 'enumerate(list(s) + ["</s>"])', "enumerate(s)", 6.0, "M39"),
    "logprobs are probabilities": ("ngram", "return np.log(p)", "return np.array(p)", 6.0, ""),
    "cross-entropy in nats": ("cross-entropy-bits", " / np.log(2)", "", 0.0, "M04"),
    "cross-entropy per sentence": ("cross-entropy-bits", _BITS, "return -np.mean([np.mean(model.logprobs([s])) for s in sentences]) / np.log(2)", 1.0, "M39"),
    "cross-entropy without </s>": ("cross-entropy-bits", _BITS, "return -np.mean([x for s in sentences for x in model.logprobs([s])[:-1]]) / np.log(2)", 0.0, "M39"),
    "a product that underflows": ("cross-entropy-bits", _BITS, "p = np.exp(model.logprobs(sentences))\n    return -np.log2(np.prod(p)) / len(p)", 2.25, "M39"),
    "mean of perplexities": ("perplexity", "return 2 ** cross_entropy_bits(model, sentences)", "return np.mean([2 ** cross_entropy_bits(model, [s]) for s in sentences])", 0.75, "M40"),
    "mean of perplexities of sentences": ("perplexity", "return 2 ** cross_entropy_bits(model, sentences)", "return np.mean([np.exp(-np.sum(model.logprobs([s]))) for s in sentences])", 0.0, "M40"),
    "e to the power of bits, averaged": ("perplexity", "return 2 ** cross_entropy_bits(model, sentences)", "return np.mean([np.exp(cross_entropy_bits(model, [s])) for s in sentences])", 0.0, "M04"),
    "e to the power of bits": ("perplexity", "return 2 ** cross", "return np.e ** cross", 0.0, "M39"),
    "temperature multiplied": ("sample-ngram", "** (1 / temperature)", "** temperature", 3.0, "M49"),
    "temperature ignored": ("sample-ngram", "** (1 / temperature)", "", 3.0, "M49"),
    "the most probable word": ("sample-ngram", "rng.choice(len(p), p=p / p.sum())", "p.argmax()", 0.75, "M49"),
    "all words alike": ("sample-ngram", "rng.choice(len(p), p=p / p.sum())", "rng.choice(len(p))", 1.25, "M49"),
    "</s> is listed": ("sample-ngram", "            history = []\n        else:\n            words.append(word)\n            history", "            history = []\n        words.append(word)\n        if word != '</s>':\n            history", 3.25, ""),
    "</s> is counted": ("sample-ngram", "    while len(words) < n:\n", "    for _ in range(n):\n", 3.25, ""),
    "the history goes on after </s>": ("sample-ngram", "            history = []\n", "            pass\n", 2.25, ""),
    "no history": ("sample-ngram", "model.prob(history, w)", "model.prob([], w)", 1.25, ""),
    "<unk> is never drawn": ("sample-ngram", "for w in model.vocab]) ** (1 / temperature)\n", "for w in model.vocab]) ** (1 / temperature)\n        p[model.vocab.index('<unk>')] = 0\n", 3.0, ""),
    "a fixed generator": ("sample-ngram", "    words, history = [], []\n", "    words, history = [], []\n    rng = np.random.default_rng(3)\n", 3.5, ""),
    "NumPy's own generator": ("sample-ngram", "rng.choice(len(p), p=p / p.sum())", "np.random.default_rng().choice(len(p), p=p / p.sum())", 3.5, ""),
    "entropy in nats": ("entropy-rate", "np.log2(p)\n            for", "np.log(p)\n            for", 0.0, "M04"),
    "entropy of a document": ("entropy-rate", "m @ h / m.sum()", "m @ h", 1.25, ""),
    "M transposed": ("entropy-rate", "np.eye(len(names)) - M.T, e", "np.eye(len(names)) - M, e", 1.25, "M18"),
    "a nonterminal counted once": ("entropy-rate", "            for B in body:", "            for B in set(body):", 2.75, ""),
    "weights not used": ("entropy-rate", "p = weight / total\n            h", "p = 1 / len(grammar['rules'][A])\n            h", 0.0, ""),
    "a floor in nats": ("ngram-floor", "np.log2(P / P.sum())", "np.log(P / P.sum())", 0.0, "M04"),
    "codes in a base that is too small": (
        "count",
        "    return np.unique(windows, axis=0, return_counts=True)",
        "    codes = windows @ (max(ids) ** np.arange(n)[::-1])\n    _, at, counts = np.unique(codes, return_index=True, return_counts=True)\n    return windows[at], counts",
        0.75,
        "",
    ),
    "unknown words as they are": ("ngram", 'w if w in self.vocab or w == "<s>" else "<unk>"', "w", 7.0, ""),
    "a floor of another n": ("ngram-floor", "for _ in range(n - 1):", "for _ in range(n):", 0.0, "M34"),
}  # fmt: skip
