# A syntax error in one cell.
# base: reference
# expect: test-entropy-rate score=0 status=error

# %% edit entropy-rate
    for i, A in enumerate(names):
# becomes
    for i, A in enumerate(names)
