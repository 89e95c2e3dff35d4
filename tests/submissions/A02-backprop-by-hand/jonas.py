# One-sided differences, and an absolute error in the gradient check.
# base: reference
# expect: test-numeric-grad score=1.5 diagnosis=M54
# expect: test-gradcheck-report score=1 diagnosis=M55

# %% numeric-grad
def numeric_grad(f, x, h=1e-5):
    x = np.array(x, dtype=float)
    grad = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        moved = x.copy()
        moved[i] += h
        grad[i] = (f(moved) - f(x)) / h
    return grad

# %% gradcheck-report
def gradcheck_report(f, params, grads):
    report = {}
    for name in params:
        n = numeric_grad(lambda v: f({**params, name: v}), params[name])
        report[name] = np.abs(grads[name] - n).max()
    return report
