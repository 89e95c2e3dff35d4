# The labels are off by one token.
# base: reference
# expect: test-bits-by-dependency score=2.5 diagnosis=M34

# %% bits-by-dependency
def bits_by_dependency(per_token, labels):
    """dict label -> (mean bits, count).

    Shapes: per_token (T,), labels: a list of T labels
    """
    found = {}
    for bits, label in zip(np.roll(per_token, 1), labels):
        found.setdefault(label, []).append(bits)
    return {label: (np.mean(group), len(group)) for label, group in found.items()}
