# The mean of the documents' means instead of all bits over all tokens.
# base: reference
# expect: test-evaluate score=5 diagnosis=M39

# %% edit evaluate
    b = B.sum() / L.sum()
# becomes
    b = np.mean(B / L)
