# The denominator of add-k has k where kV belongs.
# base: reference
# expect: test-smoothing score=12.5 diagnosis=M37

# %% edit smoothing
            bottom = totals[h] + k * V
# becomes
            bottom = totals[h] + k
