# A syntax error in one cell, everything else right.
# base: reference
# expect: test-paired-bootstrap score=0

# %% paired-bootstrap
def paired_bootstrap(a, b, rng, rounds=10000)
    return 1.0
