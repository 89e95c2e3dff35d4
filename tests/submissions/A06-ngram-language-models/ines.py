# Writes into the history that was passed in: the sampler suffers nothing, the caller would.
# base: reference
# expect: test-ngram score=7.5 diagnosis=M25

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
        history.append(word)
        history = history[:-1]
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
