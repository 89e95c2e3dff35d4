# Kneser-Ney with raw counts in the lower orders.
# base: reference
# expect: test-smoothing score=10 diagnosis=M38

# %% edit smoothing
            if m < n:
# becomes
            if False:
