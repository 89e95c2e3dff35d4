# A syntax error in one cell.
# base: reference
# expect: test-mlp-backward score=0 status=error

# %% mlp-backward
def mlp_backward(dZ, cache):
    grads = {}
    for affine_cache, act_cache in reversed(cache)
        dZ = act_backward(dZ, act_cache)
    return grads
