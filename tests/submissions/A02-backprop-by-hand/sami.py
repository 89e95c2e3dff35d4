# Typed work with slips: signs, a missing path, wrong indices, rounded numbers, a line copied without a change.
# base: reference
# expect: test-derivation-d2-1 score=2.5
# expect: test-derivation-d2-2 score=5
# expect: test-derivation-d2-3 score=2
# expect: test-derivation-d2-4 score=2.5
# expect: test-derivation-d2-6 score=1
# expect: test-slide-e02 score=0.5
# expect: test-slide-e04 score=0.5
# expect: test-slide-e06 score=0.25
# expect: test-quiz-q2-1 score=0.5
# expect: test-experiment-x2-1 score=1.8

# %% derivation-d2-1
d2_1 = [
    "2*exp(2*x)",
    "exp(y1*y2)*y2",
    "exp(y1*y2)*y1",
    "exp(y1*y2)*y2*2",
    "2*x**2*exp(2*x**3)",
    "J.T @ g",
]

# %% edit derivation-d2-2
    "gp*(delta1*w1 + delta2*w2)",
# becomes
    "delta1*w1*gp + delta2*w2*gp",

# %% edit derivation-d2-2
    "sum(Delta, axis=0)",
# becomes
    "sum(Delta, axis=1)",

# %% derivation-d2-3
d2_3 = [
    "-(y/a + (1 - y)/(1 - a))",
    "-(y*(1 - a) + (1 - y)*a)/(a*(1 - a))",
    "-(y - 2*a*y + a)/(a*(1 - a))",
    "-(y - 2*a*y + a)/(a*(1 - a))*a*(1 - a)",
    "-(y - 2*a*y + a)",
]

# %% derivation-d2-4
d2_4 = [
    "log(exp(b1) + exp(b2) + exp(b3)) - b1",
    "exp(b1)/(exp(b1) + exp(b2) + exp(b3)) - 1",
    "exp(b2)/(exp(b1) + exp(b2) + exp(b3))",
    "y - yhat",
    "(y - yhat)*z",
    "(d1*w1 + d2*w2 + d3*w3)*gp",
]

# %% derivation-d2-6
shown = with_two_slips(student_rng(student_id, "A02", "d2-6"))
first, second = (k for k in shown if shown[k] != RIGHT_LINES[k])
d2_6 = {
    "first wrong line": first,
    "first line mended": "exp(-b)/(1 + exp(-b))**2",
    "second wrong line": 9,
    "second line mended": "exp(b)/(1 + exp(-b))**2",
}

# %% slide-e02
slide_e02 = {"index of delta": "i", "index of z": "j", "dL/dW[1,0]": round(z_e02[1] * delta_e02[0], 3)}

# %% slide-e04
slide_e04 = {"first j": 0, "dJ/dx_1": dJ_da_e04 @ alpha_e04[:, 1]}

# %% slide-e06
slide_e06 = {"equals w g'(a)": "db/dw", "b": round(w_e06 @ tanh(a_e06), 3), "w0 g'(a0)": w_e06[0] * d_tanh(a_e06[0])}
slide_e06["delta, squared error"] = "yhat - y"

# %% quiz-q2-1
quiz_q2_1 = {"1": "b", "2": "b"}

# %% experiment-x2-1
z1 = x_own @ W1_own + b1_own
a1 = relu(z1)
z2 = a1 @ W2_own + b2_own
dz2 = sigmoid(z2) - y_own
dz1 = dz2 * W2_own
experiment_x2_1 = {"z1": list(z1), "a1": list(a1.round(3)), "z2": round(float(z2), 3), "yhat": round(float(sigmoid(z2)), 3)}
experiment_x2_1 |= {"loss": round(float(np.log(1 + np.exp((1 - 2 * y_own) * z2))), 4), "dz2": round(float(dz2), 4)}
experiment_x2_1 |= {"dW2": (dz2 * a1).tolist(), "dz1": list(dz1 * d_relu(z1)), "dW1": np.outer(x_own, dz1), "db1": dz1 * d_relu(z1)}
