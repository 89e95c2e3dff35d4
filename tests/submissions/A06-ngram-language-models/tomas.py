# Scores without </s>, one <s> for every order, and a sampler that lists </s>.
# base: reference
# expect: test-cross-entropy-bits score=0 diagnosis=M39
# expect: test-sample-ngram score=3.25

# %% cross-entropy-bits
def cross_entropy_bits(model, sentences):
    """−1/T Σ log₂ p over all words and all </s>, in bits per predicted token."""
    return float(-np.mean(np.concatenate([model.logprobs([s])[:-1] for s in sentences])) / np.log(2))

# %% edit sample-ngram
        else:
            words.append(word)
# becomes
        words.append(word)
        if word != "</s>":
