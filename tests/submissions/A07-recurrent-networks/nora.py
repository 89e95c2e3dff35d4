# A syntax error in one cell.
# base: reference
# expect: test-rnn-backward score=0

# %% edit rnn-backward
    for dh, step_cache in zip(dH[::-1], cache[::-1]):
# becomes
    for dh, step_cache in zip(dH[::-1], cache[::-1])
