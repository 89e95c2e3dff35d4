# An endless loop in the bootstrap; what does not need it is kept.
# base: reference
# expect: test-paired-bootstrap score=0

# %% paired-bootstrap
def paired_bootstrap(a, b, rng, rounds=10000):
    while True:
        rounds += 1
