# Writes into what it was given: right numbers, spoilt arguments.
# base: reference
# expect: test-affine-forward score=1.5 diagnosis=M25
# expect: test-softmax-ce score=4.5 diagnosis=M25
# expect: test-sgd-train score=3.5 diagnosis=M25

# %% affine-forward
def affine_forward(X, W, b):
    Y = X @ W + b
    b *= 2
    return Y, (X, W)

# %% softmax-ce
def softmax_ce(Z, y):
    Z = np.asarray(Z, dtype=float)
    Z -= Z.max(axis=1, keepdims=True)
    P = np.exp(Z)
    P /= P.sum(axis=1, keepdims=True)
    rows = np.arange(len(y))
    loss = np.mean(np.log(np.exp(Z).sum(axis=1)) - Z[rows, y])
    P[rows, y] -= 1
    return loss, P / len(y)

# %% sgd-train
def sgd_train(data, data_test, alpha, beta, epochs, gamma):
    J_train, J_test = np.zeros(epochs), np.zeros(epochs)
    for e in range(epochs):
        for x, y in zip(*data):
            g_alpha, g_beta = nn_backward(x, y, alpha, beta, nn_forward(x, y, alpha, beta))
            alpha -= gamma * g_alpha
            beta -= gamma * g_beta
        J_train[e] = np.mean([nn_forward(x, y, alpha, beta)["J"] for x, y in zip(*data)])
        J_test[e] = np.mean([nn_forward(x, y, alpha, beta)["J"] for x, y in zip(*data_test)])
    return alpha, beta, J_train, J_test
