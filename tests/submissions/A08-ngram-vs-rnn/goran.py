# The bootstrap draws both models apart, so documents are not paired.
# base: reference
# expect: test-paired-bootstrap score=3.5

# %% paired-bootstrap
def paired_bootstrap(a, b, rng, rounds=10000):
    """The p value of the difference of two models on the same documents.

    Shapes: a (D,), b (D,) -> p, a number
    """
    d = np.asarray(a) - np.asarray(b)
    i, j = (rng.integers(0, len(d), size=(rounds, len(d))) for _ in "ab")
    m = np.asarray(a)[i].mean(axis=1) - np.asarray(b)[j].mean(axis=1)
    fewer = min((m <= 0).sum(), (m >= 0).sum())
    return min(1.0, 2 * (1 + fewer) / (rounds + 1))
