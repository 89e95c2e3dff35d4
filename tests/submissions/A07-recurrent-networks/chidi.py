# The share of Whh is formed with the state after the step.
# base: reference
# expect: test-rnn-step-backward score=5.75 diagnosis=M42

# %% rnn-step-backward
def rnn_step_backward(dh, cache):
    """The gradients of all arguments of rnn_step_forward.

    Shapes: dh (N, H), cache -> dx (N, D), dh_prev (N, H), dWxh (D, H), dWhh (H, H), dbh (H,)
    """
    x, h, h_next, Wxh, Whh = cache
    delta = dh * (1 - h_next**2)
    return delta @ Wxh.T, delta @ Whh.T, x.T @ delta, h_next.T @ delta, delta.sum(axis=0)
