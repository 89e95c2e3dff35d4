# Truncation is not implemented: k is ignored.
# base: reference
# expect: test-rnnlm score=8.25 diagnosis=M41

# %% edit rnnlm
        p, T = self.params, len(ids_in)
# becomes
        p, T, k = self.params, len(ids_in), None
