# dh is written into: the slope is multiplied in place.
# base: reference
# expect: test-rnn-step-backward score=6.5 diagnosis=M25

# %% edit rnn-step-backward
    delta = dh * (1 - h_next**2)
# becomes
    dh *= 1 - h_next**2
    delta = dh
