# The temperature is multiplied.
# base: reference
# expect: test-sample-ngram score=3 diagnosis=M49

# %% edit sample-ngram
        p = np.array([model.prob(history, w) for w in model.vocab]) ** (1 / temperature)
# becomes
        p = np.array([model.prob(history, w) for w in model.vocab]) ** temperature
