# W is not transposed on the way back through the CMU network's twin, and dW comes out transposed.
# base: reference
# expect: test-affine-backward score=3.5 diagnosis=M06

# %% affine-backward
def affine_backward(dY, cache):
    X, W = cache
    return dY @ W.T, dY.T @ X, dY.sum(axis=0)
