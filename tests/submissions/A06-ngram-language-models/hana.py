# The temperature is multiplied.
# base: reference
# expect: test-sample-ngram score=3 diagnosis=M49

# %% sample-ngram
def sample_ngram(model, rng, n, temperature=1.0):
    """n words, each drawn from p^(1/temperature), renormalised, after the words before it."""
    words, history = [], []
    while len(words) < n:
        p = np.array([model.prob(history, w) for w in model.vocab]) ** temperature
        word = model.vocab[rng.choice(len(p), p=p / p.sum())]
        if word == "</s>":
            history = []
        else:
            words.append(word)
            history = [*history, word][-8:]
    return words
