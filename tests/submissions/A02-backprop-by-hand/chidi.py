# The bias gradient is averaged over the batch instead of summed.
# base: reference
# expect: test-affine-backward score=4 diagnosis=M07

# %% affine-backward
def affine_backward(dY, cache):
    X, W = cache
    return dY @ W.T, X.T @ dY, dY.mean(axis=0)
