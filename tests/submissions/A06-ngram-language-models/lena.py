# Half finished: counting and the first two smoothings, then time was up.
# base: blank
# expect: test-derivation-d6-1 score=3
# expect: test-ngrams score=4
# expect: test-count score=5
# expect: test-smoothing score=4.5
# expect: test-ngram score=8
# expect: test-cross-entropy-bits score=3

# %% derivation-d6-1
d6_1 = [
    "p12/p1",
    "p1*p2_1*p3_12",
    "p1*p2_1*p3_2",
    "log(p1) + log(p2_1) + log(p3_2)",
]

# %% ngrams
def ngrams(sentence, n):
    """All n-grams that end in a word of the sentence or in </s>, in order, as tuples.

    ["cows", "eat"], 2 -> [("<s>", "cows"), ("cows", "eat"), ("eat", "</s>")]
    """
    padded = ["<s>"] * (n - 1) + list(sentence) + ["</s>"]
    return list(zip(*(padded[k:] for k in range(n))))

# %% count
def count(ids, n):
    """All different n-grams of a sequence, sorted, and how often each occurs.

    Shapes: ids (T,) whole numbers, n -> keys (K, n), counts (K,)
    """
    ids = np.asarray(ids)
    windows = np.stack([ids[k : len(ids) - n + 1 + k] for k in range(n)], axis=1)
    return np.unique(windows, axis=0, return_counts=True)

# %% ngram
class NGram:
    """An n-gram model with a smoothing: model = NGram(3, mle()).fit(sentences).

    __init__(n, smoothing); fit(sentences) returns the model; vocab; prob(history, word) is a number;
    logprobs(sentences) is an array of natural logarithms, one for each word and each </s>
    """

    def __init__(self, n, smoothing):
        self.n, self.smoothing = n, smoothing

    def fit(self, sentences):
        self.vocab = sorted({w for s in sentences for w in s} | {"</s>", "<unk>"})
        self.known = {*self.vocab, "<s>"}
        self.p = self.smoothing(sentences, self.n, len(self.vocab))
        return self

    def prob(self, history, word):
        if word == "<s>":
            return 0.0
        history = ["<s>"] * (self.n - 1) + list(history)[max(0, len(history) - self.n + 1) :]
        words = [w if w in self.known else "<unk>" for w in [*history, word]]
        return self.p(tuple(words[len(words) - self.n : -1]), words[-1])

    def logprobs(self, sentences):
        p = []
        for s in sentences:
            for i, w in enumerate([*s, "</s>"]):
                p.append(self.prob(s[max(0, i - self.n + 1) : i], w))
        with np.errstate(divide="ignore"):
            return np.log(p)

# %% cross-entropy-bits
def cross_entropy_bits(model, sentences):
    """−1/T Σ log₂ p over all words and all </s>, in bits per predicted token."""
    return float(-np.mean(model.logprobs(sentences)) / np.log(2))

# %% smoothing
def add_k(k):
    """(c(h w) + k) / (c(h) + k V); 1/V after a context that never occurred."""
    def smooth(sentences, n, V):
        counts, totals = Counter(g for s in sentences for g in ngrams(s, n)), Counter()
        for g, c in counts.items():
            totals[g[:-1]] += c

        def p(h, w):
            bottom = totals[h] + k * V
            return (counts[h + (w,)] + k) / bottom if bottom else 0.0

        return p

    return smooth


def mle():
    """c(h w) / c(h), and 0 after a context that never occurred."""
    return add_k(0.0)



def interpolated(lambdas):
    ...


def katz():
    ...


def kneser_ney(modified=True):
    ...
