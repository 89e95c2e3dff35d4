# A syntax error in one cell.
# base: reference
# expect: test-entropy-rate score=0 status=error

# %% entropy-rate
def entropy_rate(grammar):
    """h∞ = H(document) / E[length], in bits per token."""
    names = list(grammar["rules"])
    M, h = np.zeros((len(names), len(names))), np.zeros(len(names))
    for i, A in enumerate(names)
        total = sum(weight for weight, _, _ in grammar["rules"][A])
        for weight, _, body in grammar["rules"][A]:
            h[i] -= weight / total * np.log2(weight / total)
            for B in body:
                M[i, names.index(B)] += weight / total
    start = np.array([A == grammar["start"] for A in names], float)
    m = np.linalg.solve(np.eye(len(names)) - M.T, start)
    return float(m @ h / m.sum())
