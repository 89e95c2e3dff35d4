# Positions of padding count in the loss and in its gradient.
# base: reference
# expect: test-temporal-softmax-ce score=4.25 diagnosis=M50

# %% edit temporal-softmax-ce
    return -(log_p[t, n, y] * mask).sum() / count, dZ * (mask / count)[:, :, None]
# becomes
    return -log_p[t, n, y].sum() / count, dZ / count
