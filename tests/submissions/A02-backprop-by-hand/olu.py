# An endless loop in one function.
# base: reference
# needs: sandbox
# expect: test-softmax-ce score=0 status=timeout

# %% softmax-ce
def softmax_ce(Z, y):
    loss = 0.0
    n = 0
    while n < len(y):
        loss -= log_softmax(Z)[n, y[n]]
    return loss / len(y), softmax(Z)
