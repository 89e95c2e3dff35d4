# Functions with a memory: right on the second call, the last result kept, a cache in a global variable.
# base: reference
# expect: test-nn-forward score=2.25
# expect: test-softmax-ce score=0
# expect: test-affine-backward score=0.5

# %% nn-forward
seen = []


def nn_forward(x, y, alpha, beta):
    known = any(np.array_equal(x, s) for s in seen)
    seen.append(np.array(x))
    x = np.concatenate([[1.0], x])
    a = alpha @ x
    z = np.concatenate([[1.0], sigmoid(a)])
    b = float(beta @ z)
    yhat = float(sigmoid(b))
    J = -(y * np.log(yhat) + (1 - y) * np.log(1 - yhat))
    return {"x": x, "a": a, "z": z, "b": b, "yhat": yhat, "J": J if known else 0.0}

# %% softmax-ce
last = None


def softmax_ce(Z, y):
    global last
    if last is None:
        log_p, rows = log_softmax(Z), np.arange(len(y))
        dZ = np.exp(log_p)
        dZ[rows, y] -= 1
        last = -np.mean(log_p[rows, y]), dZ / len(y)
    return last

# %% affine-forward
KEPT = {}


def affine_forward(X, W, b):
    KEPT["X"], KEPT["W"] = X, W
    return X @ W + b, None

# %% affine-backward
def affine_backward(dY, cache):
    return dY @ KEPT["W"].T, KEPT["X"].T @ dY, dY.sum(axis=0)
