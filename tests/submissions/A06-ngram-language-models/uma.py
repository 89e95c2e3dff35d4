# A probability that never comes: an endless loop in a method of the model. The sampler is tried with another model.
# base: reference
# needs: sandbox
# expect: test-smoothing score=0 status=timeout
# expect: test-ngram score=0 status=timeout

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
        while len(history) >= 0:
            pass
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
