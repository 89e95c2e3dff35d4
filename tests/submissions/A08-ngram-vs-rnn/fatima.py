# EM sums the shares instead of taking their mean, so weights do not sum to one.
# base: reference
# expect: test-interpolate score=0

# %% interpolate
def interpolate(probs, iterations=50):
    """The weights of a mixture by EM.

    Shapes: probs (models, T) probabilities of the same tokens -> weights (models,)
    """
    w = np.full(len(probs), 1 / len(probs))
    for _ in range(iterations):
        q = w[:, None] * probs
        q = q / q.sum(axis=0)
        w = q.sum(axis=1)
    return w
