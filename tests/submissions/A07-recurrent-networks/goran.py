# Positions of padding count in the loss and in its gradient.
# base: reference
# expect: test-temporal-softmax-ce score=4.25 diagnosis=M50

# %% temporal-softmax-ce
def temporal_softmax_ce(Z, y, mask=None):
    """L = -1/M Σ mask log softmax(Z)[y], M the number of positions that count; and its gradient.

    Shapes: Z (T, N, V), y (T, N) whole numbers, mask (T, N) of 0 and 1 -> loss (a number, in nats), dZ (T, N, V)
    """
    T, N, V = Z.shape
    mask = np.ones((T, N)) if mask is None else mask
    count = max(mask.sum(), 1)
    log_p = log_softmax(Z.reshape(T * N, V)).reshape(T, N, V)
    t, n = np.indices((T, N))
    dZ = np.exp(log_p)
    dZ[t, n, y] -= 1
    return -log_p[t, n, y].sum() / count, dZ / count
