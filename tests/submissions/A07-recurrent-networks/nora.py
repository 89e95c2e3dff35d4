# A syntax error in one cell.
# base: reference
# expect: test-rnn-backward score=0

# %% rnn-backward
def rnn_backward(dH, cache):
    """The gradients of all arguments of rnn_forward, from those of the states H[1:].

    Shapes: dH (T, N, H), cache -> dX (T, N, D), dh0 (N, H), dWxh (D, H), dWhh (H, H), dbh (H,)
    """
    dX, weights, dh_later = [], None, 0.0
    for dh, step_cache in zip(dH[::-1], cache[::-1])
        dx, dh_later, *shares = rnn_step_backward(dh + dh_later, step_cache)
        dX.append(dx)
        weights = shares if weights is None else [total + share for total, share in zip(weights, shares)]
    return np.stack(dX[::-1]), dh_later, *weights
