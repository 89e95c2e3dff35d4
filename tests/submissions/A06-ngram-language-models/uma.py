# A probability that never comes: an endless loop in a method of the model. The sampler is tried with another model.
# base: reference
# needs: sandbox
# expect: test-smoothing score=0 status=timeout
# expect: test-ngram score=0 status=timeout

# %% edit ngram
    def prob(self, history, word):
# becomes
    def prob(self, history, word):
        while len(history) >= 0:
            pass
