# Several mistakes at once: untransposed weights, a lost path, and gradients that are not scaled.
# base: reference
# expect: test-nn-backward score=2
# expect: test-mlp-backward score=3.75 diagnosis=M07
# expect: test-act-forward score=1.5

# %% nn-backward
def nn_backward(x, y, alpha, beta, o):
    db = o["yhat"] - y
    z = o["z"][1:]
    return np.outer(db * beta[1:], o["x"]), db * o["z"]

# %% mlp-backward
def mlp_backward(dZ, cache):
    grads = {}
    for k in range(len(cache), 0, -1):
        affine_cache, act_cache = cache[k - 1]
        if act_cache is not None:
            dZ = act_backward(dZ, act_cache)
        N = len(dZ)
        dZ, grads[f"W{k}"], grads[f"b{k}"] = affine_backward(dZ, affine_cache)
        grads[f"b{k}"] = grads[f"b{k}"] / N
    return grads

# %% act-forward
def act_forward(Z, name):
    if name == "sigmoid":
        return np.exp(Z) / (1 + np.exp(Z)), (Z, name)
    return {"tanh": tanh, "relu": relu}[name](Z), (Z, name)
