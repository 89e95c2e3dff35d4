# One discount for all counts, and logprobs to base 2.
# base: reference
# expect: test-smoothing score=12.75 diagnosis=M38
# expect: test-ngram score=6 diagnosis=M04

# %% edit smoothing
        if not modified:
# becomes
        if True:

# %% edit ngram
            return np.log(p)
# becomes
            return np.log2(p)
