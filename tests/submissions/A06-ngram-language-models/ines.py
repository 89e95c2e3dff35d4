# Writes into the history that was passed in: the sampler suffers nothing, the caller would.
# base: reference
# expect: test-ngram score=7.5 diagnosis=M25

# %% edit ngram
            return 0.0
# becomes
            return 0.0
        history.append(word)
        history = history[:-1]
