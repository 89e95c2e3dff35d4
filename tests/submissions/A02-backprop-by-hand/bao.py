# Right but unusual: loops, einsum, a class for a cache, recursion, closures, lists for tuples, float32 inside.
# base: reference

# %% numeric-grad
def numeric_grad(f, x, h=1e-5):
    shape = np.shape(x)
    flat = [float(v) for v in np.ravel(x)]

    def slope(i):
        right = np.array(flat[:i] + [flat[i] + h] + flat[i + 1 :]).reshape(shape)
        left = np.array(flat[:i] + [flat[i] - h] + flat[i + 1 :]).reshape(shape)
        return (f(right) - f(left)) / (2 * h)

    return np.array(list(map(slope, range(len(flat))))).reshape(shape)

# %% affine-forward
class Layer:
    def __init__(self, X, W):
        self.X, self.W = X, W


def affine_forward(X, W, b):
    Y = np.empty((X.shape[0], W.shape[1]))
    for n in range(X.shape[0]):
        for m in range(W.shape[1]):
            Y[n, m] = sum(X[n, d] * W[d, m] for d in range(X.shape[1])) + b[m]
    return [Y, Layer(X, W)]

# %% affine-backward
def affine_backward(dY, cache):
    dX = np.einsum("nm,dm->nd", dY, cache.W)
    dW = sum(np.outer(x, d) for x, d in zip(cache.X, dY))
    return [dX, dW, np.ones(len(dY)) @ dY]

# %% act-forward
def act_forward(Z, name):
    if name == "relu":
        return Z * (Z >= 0), lambda dA: np.where(Z >= 0, dA, 0.0)
    if name == "tanh":
        A = 2 * sigmoid(2 * Z) - 1
        return A, lambda dA: dA * (1 + A) * (1 - A)
    A = 0.5 * (1 + np.tanh(Z / 2))
    return A, lambda dA: dA * A * sigmoid(-Z)

# %% act-backward
def act_backward(dA, cache):
    return cache(dA)

# %% softmax-ce
def softmax_ce(Z, y):
    Z = np.asarray(Z, dtype=np.float32)
    N, C = Z.shape
    onehot = np.eye(C, dtype=np.float32)[y]
    shifted = Z - Z.max(axis=1, keepdims=True)
    logsum = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = np.float32((onehot * (logsum - shifted)).sum() / N)
    return loss, (np.exp(shifted - logsum) - onehot) / np.float32(N)

# %% mlp-forward
def mlp_forward(X, params, act="tanh", k=1):
    Z, affine = affine_forward(X, params["W%d" % k], params["b%d" % k])
    if "W%d" % (k + 1) not in params:
        return Z, (affine, None, None)
    A, activation = act_forward(Z, act)
    out, rest = mlp_forward(A, params, act, k + 1)
    return out, (affine, activation, rest)

# %% mlp-backward
def mlp_backward(dZ, cache):
    def down(cache, k):
        affine, activation, rest = cache
        if rest is None:
            dA, grads = dZ, {}
        else:
            dA, grads = down(rest, k + 1)
            dA = act_backward(dA, activation)
        dX, grads["W%d" % k], grads["b%d" % k] = affine_backward(dA, affine)
        return dX, grads

    return down(cache, 1)[1]

# %% nn-forward
def nn_forward(x, y, alpha, beta):
    x = np.append(1.0, x)
    a = np.array([sum(w * v for w, v in zip(row, x)) for row in alpha])
    z = np.append(1.0, 1 / (1 + np.exp(-a)))
    b = np.dot(beta, z)
    yhat = 1 / (1 + np.exp(-b))
    return dict(a=a, z=z, b=b, yhat=yhat, x=x, J=-np.log(yhat) if y == 1 else -np.log(1 - yhat))

# %% nn-backward
def nn_backward(x, y, alpha, beta, o):
    dJ_dy = -y / o["yhat"] + (1 - y) / (1 - o["yhat"])
    dJ_db = dJ_dy * np.exp(-o["b"]) / (np.exp(-o["b"]) + 1) ** 2
    g_alpha = np.zeros(alpha.shape)
    for j in range(alpha.shape[0]):
        dJ_da = dJ_db * beta[j + 1] * o["z"][j + 1] * (1 - o["z"][j + 1])
        for i in range(alpha.shape[1]):
            g_alpha[j, i] = dJ_da * o["x"][i]
    return [g_alpha, np.array([dJ_db * z for z in o["z"]])]

# %% sgd-train
def sgd_train(data, data_test, alpha, beta, epochs, gamma):
    if epochs == 0:
        return alpha, beta, np.zeros(0), np.zeros(0)
    theta = [np.array(alpha), np.array(beta)]
    for x, y in zip(data[0], data[1]):
        grads = nn_backward(x, y, *theta, nn_forward(x, y, *theta))
        theta = [t - gamma * g for t, g in zip(theta, grads)]
    J = [np.average([nn_forward(x, y, *theta)["J"] for x, y in zip(*d)]) for d in (data, data_test)]
    a, b, train, test = sgd_train(data, data_test, *theta, epochs - 1, gamma)
    return [a, b, np.append(J[0], train), np.append(J[1], test)]

# %% gradcheck-report
def gradcheck_report(f, params, grads):
    def relative(name):
        g, n = grads[name], numeric_grad(lambda v: f(dict(params, **{name: v})), params[name])
        return np.linalg.norm(g - n) / ((np.linalg.norm(g) + np.linalg.norm(n)) or 1.0)

    return {name: relative(name) for name in params}

# %% derivation-d2-3
d2_3 = [
    "-(y/a) + (1-y)/(1-a)",
    "(-y + y*a + a - y*a)/(a - a**2)",
    "(a - y)/(a*(1-a))",
    "((a - y)/(a*(1-a)))*(a - a**2)",
    "-(y - a)",
]

# %% derivation-d2-5
d2_5 = [
    "(y - t)/(y*(1 - y))",
    "-t + y",
    "z*(y - t)",
    "beta*y - beta*t",
    "(y*beta - t*beta)*(z - z**2)",
    "x*(y - t)*beta*(z - z**2)",
    "(y - t)*beta1*z1*(1 - z1)*alpha1 + (y - t)*beta2*z2*(1 - z2)*alpha2",
]

# %% slide-e05
slide_e05 = {"factor": "-(1)/n", "mean cross-entropy": round(float(np.mean(-np.log(p_e05))), 3)}
