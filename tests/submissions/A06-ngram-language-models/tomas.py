# Scores without </s>, one <s> for every order, and a sampler that lists </s>.
# base: reference
# expect: test-cross-entropy-bits score=0 diagnosis=M39
# expect: test-sample-ngram score=3.25 diagnosis=M36

# %% cross-entropy-bits
def cross_entropy_bits(model, sentences):
    """−1/T Σ log₂ p over all words and all </s>, in bits per predicted token."""
    return float(-np.mean(np.concatenate([model.logprobs([s])[:-1] for s in sentences])) / np.log(2))

# %% sample-ngram
def sample_ngram(model, rng, n, temperature=1.0):
    """n words, each drawn from p^(1/temperature), renormalised, after the words before it."""
    words, history = [], []
    while len(words) < n:
        p = np.array([model.prob(history, w) for w in model.vocab]) ** (1 / temperature)
        word = model.vocab[rng.choice(len(p), p=p / p.sum())]
        if word == "</s>":
            history = []
        words.append(word)
        if word != "</s>":
            history = [*history, word][-8:]
    return words
