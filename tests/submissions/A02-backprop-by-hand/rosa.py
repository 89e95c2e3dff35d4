# Forward slips with gradients that fit them: a sum for the mean, no bias. Each slip is charged once.
# base: reference
# expect: test-softmax-ce score=3.5 diagnosis=M02
# expect: test-affine-forward score=0

# %% softmax-ce
def softmax_ce(Z, y):
    rows = np.arange(len(y))
    log_p = log_softmax(Z)
    dZ = np.exp(log_p)
    dZ[rows, y] -= 1
    return -log_p[rows, y].sum(), dZ

# %% affine-forward
def affine_forward(X, W, b):
    return X @ W, (X, W)
