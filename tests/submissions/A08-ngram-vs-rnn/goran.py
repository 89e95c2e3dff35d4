# The bootstrap draws both models apart, so documents are not paired.
# base: reference
# expect: test-paired-bootstrap score=3.5

# %% edit paired-bootstrap
    m = d[rng.integers(0, len(d), size=(rounds, len(d)))].mean(axis=1)
# becomes
    i, j = (rng.integers(0, len(d), size=(rounds, len(d))) for _ in "ab")
    m = np.asarray(a)[i].mean(axis=1) - np.asarray(b)[j].mean(axis=1)
