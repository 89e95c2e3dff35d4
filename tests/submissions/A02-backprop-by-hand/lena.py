# Half finished: the first three sections and the layer, then time was up.
# base: blank
# expect: test-derivation-d2-0 score=2
# expect: test-derivation-d2-1 score=2.5
# expect: test-experiment-x2-4 score=0.5
# expect: test-numeric-grad score=3
# expect: test-affine-forward score=2
# expect: test-affine-backward score=5
# expect: test-act-forward score=2
# expect: test-act-backward score=2 diagnosis=M12
# expect: test-quiz-q2-1 score=1

# %% derivation-d2-0
d2_0 = ["y - t", "1 - y**2", "x", "(y - t)*(1 - y**2)*x"]

# %% derivation-d2-1
d2_1 = ["2*exp(2*x)", "y2*exp(y1*y2)", "y1*exp(y1*y2)", "2*y2*exp(y1*y2) + 2*x*y1*exp(y1*y2)", "6*x**2*exp(2*x**3)"]

# %% experiment-x2-4
experiment_x2_4 = {
    "dy/dx": (P, 1),
    "dyvec/dt": (1, N),
    "dyvec/dx": (P, N),
    "dy/dX": (P, Q),
    "dyvec/dx in numerator layout": (N, P),
    "chain rule": "D",
}

# %% numeric-grad
def numeric_grad(f, x, h=1e-5):
    x = np.array(x, dtype=float)
    grad = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = h
        grad[i] = (f(x + step) - f(x - step)) / (2 * h)
    return grad

# %% affine-forward
def affine_forward(X, W, b):
    return X @ W + b, (X, W)

# %% affine-backward
def affine_backward(dY, cache):
    X, W = cache
    return dY @ W.T, X.T @ dY, dY.sum(0)

# %% act-forward
def act_forward(Z, name):
    if name == "sigmoid":
        A = sigmoid(Z)
    elif name == "tanh":
        A = tanh(Z)
    else:
        A = relu(Z)
    return A, (A, name)

# %% act-backward
def act_backward(dA, cache):
    A, name = cache
    if name == "sigmoid":
        return dA * A * (1 - A)
    if name == "relu":
        return dA * (A > 0)
    return dA  # tanh: to do

# %% quiz-q2-1
quiz_q2_1 = {"1": "a", "2": "b", "3": "c"}
