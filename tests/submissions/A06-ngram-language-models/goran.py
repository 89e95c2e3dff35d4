# Perplexity is averaged sentence by sentence.
# base: reference
# expect: test-perplexity score=0.75 diagnosis=M40

# %% perplexity
def perplexity(model, sentences):
    """2 to the power of the cross-entropy in bits."""
    return np.mean([2.0 ** cross_entropy_bits(model, [s]) for s in sentences])
