# The likeliest word is taken every time.
# base: reference
# expect: test-sample score=1.25 diagnosis=M49

# %% sample
def sample(model, prefix, n, temperature, rng):
    """Read the prefix, then draw n ids, each read in its turn -> list of n ids."""
    h = np.zeros((1, len(model.params["bh"])))
    for i in prefix:
        Z, h = model.step(np.array([i]), h)
    new = []
    while len(new) < n:
        p = softmax(np.asarray(Z, float) / temperature)[0]
        new.append(int(p.argmax()))
        Z, h = model.step(np.array(new[-1:]), h)
    return new
