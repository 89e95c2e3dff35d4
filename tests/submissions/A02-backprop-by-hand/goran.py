# The gradient of the mean loss is not divided by N.
# base: reference
# expect: test-softmax-ce score=3 diagnosis=M02

# %% softmax-ce
def softmax_ce(Z, y):
    log_p = log_softmax(Z)
    rows = np.arange(len(y))
    dZ = np.exp(log_p)
    dZ[rows, y] -= 1
    return -log_p[rows, y].mean(), dZ
