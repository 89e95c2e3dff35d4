# EM sums the shares instead of taking their mean, so weights do not sum to one.
# base: reference
# expect: test-interpolate score=0

# %% edit interpolate
        w = q.mean(axis=1)
# becomes
        w = q.sum(axis=1)
