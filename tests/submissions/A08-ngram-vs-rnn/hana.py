# The labels are off by one token.
# base: reference
# expect: test-bits-by-dependency score=2.5 diagnosis=M34

# %% edit bits-by-dependency
    for bits, label in zip(per_token, labels):
# becomes
    for bits, label in zip(np.roll(per_token, 1), labels):
