# What comes back from the step after is dropped: truncation with k = 1.
# base: reference
# expect: test-rnn-backward score=0 diagnosis=M41

# %% edit rnn-backward
        dx, dh_later, *shares = rnn_step_backward(dh + dh_later, step_cache)
# becomes
        dx, dh_later, *shares = rnn_step_backward(dh, step_cache)
