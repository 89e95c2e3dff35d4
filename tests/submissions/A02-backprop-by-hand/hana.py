# The one-hot 1 is subtracted one class too far: labels counted from 1.
# base: reference
# expect: test-softmax-ce score=3 diagnosis=M21

# %% softmax-ce
def softmax_ce(Z, y):
    N, C = Z.shape
    log_p = log_softmax(Z)
    dZ = softmax(Z)
    dZ[np.arange(N), (y + 1) % C] -= 1
    return -log_p[np.arange(N), y].mean(), dZ / N
