# The normal approximation for the interval.
# base: reference
# expect: test-real-or-fake score=2.5

# %% real-or-fake
def real_or_fake(answers, truth):
    n = len(truth)
    rate = sum(a == t for a, t in zip(answers, truth)) / n
    half = 1.96 * math.sqrt(rate * (1 - rate) / n)
    return {"accuracy": rate, "low": rate - half, "high": rate + half}
