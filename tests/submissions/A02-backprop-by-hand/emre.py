# The derivative of the activation is forgotten in the network, though act_backward is right.
# base: reference
# expect: test-mlp-backward score=3 diagnosis=M12

# %% mlp-backward
def mlp_backward(dZ, cache):
    grads = {}
    for k in reversed(range(len(cache))):
        affine_cache, act_cache = cache[k]
        dZ, grads[f"W{k + 1}"], grads[f"b{k + 1}"] = affine_backward(dZ, affine_cache)
    return grads
