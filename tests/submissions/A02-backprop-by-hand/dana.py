# The derivative of the sigmoid is taken at the output: it is applied to a value that is already σ(z).
# base: reference
# expect: test-act-backward score=2 diagnosis=M11

# %% act-forward
def act_forward(Z, name):
    A = {"sigmoid": sigmoid, "tanh": tanh, "relu": relu}[name](Z)
    return A, (A, Z, name)

# %% act-backward
def act_backward(dA, cache):
    A, Z, name = cache
    if name == "sigmoid":
        return dA * d_sigmoid(A)
    return dA * (1 - A**2 if name == "tanh" else Z > 0)
