# Nats for bits, in one function only: perplexity keeps its marks.
# base: reference
# expect: test-cross-entropy-bits score=0 diagnosis=M04

# %% cross-entropy-bits
def cross_entropy_bits(model, sentences):
    """−1/T Σ log₂ p over all words and all </s>, in bits per predicted token."""
    return float(-np.mean(model.logprobs(sentences)))
