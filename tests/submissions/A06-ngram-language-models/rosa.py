# Forgets the back-off: an unseen context gives 0 in Kneser-Ney, and an unseen context loses its weight in the mixture.
# base: reference
# expect: test-smoothing score=8.75 diagnosis=M38

# %% edit smoothing
                left += lambdas[m - 1]
# becomes
                left = lambdas[m - 1]

# %% edit smoothing
            if not totals[h]:
                return lower
# becomes
            if not totals[h]:
                return 0.0
