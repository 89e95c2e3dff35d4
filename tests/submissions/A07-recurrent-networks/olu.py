# dh is written into: the slope is multiplied in place.
# base: reference
# expect: test-rnn-step-backward score=6.5 diagnosis=M25

# %% rnn-step-backward
def rnn_step_backward(dh, cache):
    """The gradients of all arguments of rnn_step_forward.

    Shapes: dh (N, H), cache -> dx (N, D), dh_prev (N, H), dWxh (D, H), dWhh (H, H), dbh (H,)
    """
    x, h, h_next, Wxh, Whh = cache
    dh *= 1 - h_next**2
    delta = dh
    return delta @ Wxh.T, delta @ Whh.T, x.T @ delta, h.T @ delta, delta.sum(axis=0)
