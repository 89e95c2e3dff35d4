# Slips in derivations, a learning rate out of the air, wrong answers.
# base: reference
# expect: test-derivation-d7-1 score=4
# expect: test-derivation-d7-2 score=5
# expect: test-experiment-x7-6 score=0.5
# expect: test-experiment-x7-3 score=1.5
# expect: test-slide-e09 score=0.25
# expect: test-slide-e10 score=0.25
# expect: test-quiz-q7-1 score=1

# %% derivation-d7-1
d7_1 = [
    "g*s3*h2",
    "g*s3*u*s2*h1",
    "g*s3*u*s2*s1*h0",
    "g*s3*h2 + g*s3*u*s2*h1 + g*s3*u*s2*u*s1*h0",
    "g3*(s3*h2 + s3*u*s2*h1 + s3*u*s2*u*s1*h0) + g2*(s2*h1 + s2*u*s1*h0) + g1*s1*h0",
]

# %% derivation-d7-2
d7_2 = [
    "dH + Delta_next @ Whh.T",
    "(dH + Delta_next @ Whh.T)*(1 - h**2)",
    "h.T @ Delta",
    "x.T @ Delta",
    "sum(Delta, axis=0)",
    "Delta @ Wxh.T",
]

# %% experiment-x7-6
experiment_x7_6 = {"lr": 0.5}

# %% experiment-x7-3
experiment_x7_3 = {"norm after T steps": m_own**T_own, "steps": int(np.ceil(np.log(1e-3) / np.log(m_own)))}
experiment_x7_3 |= {"largest safe m": 1.0, "tanh, m = 1.5": "a"}

# %% slide-e09
slide_e09 = {"last factor": "c", "last word read": T_e09}

# %% slide-e10
slide_e10 = {"dice of the slide": V_e10**2, "right condition": "a"}

# %% quiz-q7-1
quiz_q7_1 = {"1": "b", "2": "c", "3": "c"}
