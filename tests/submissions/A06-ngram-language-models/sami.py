# Typed work with slips: a sign, a missing factor, natural logarithms, a guess.
# base: reference
# expect: test-derivation-d6-1 score=2.25
# expect: test-derivation-d6-2 score=4.25
# expect: test-derivation-d6-4 score=4
# expect: test-derivation-d6-5 score=3.5
# expect: test-experiment-x6-1 score=1.2
# expect: test-slide-e11 score=0.5
# expect: test-quiz-q6-1 score=1.3

# %% derivation-d6-1
d6_1 = ["p12/p1", "p1*p2_1*p3_12", "p1*p2_1*p3_12", "log(p1) + log(p2_1) + log(p3_12)"]

# %% edit derivation-d6-2
    "C*p1 - c1",
# becomes
    "c1 - C*p1",

# %% derivation-d6-4
d6_4 = ["(c1 + c2 + c3 - 3*D)/C", "1 - 3*D/C", "3*D/C", "D/C", "(N1*D1 + N2*D2 + N3*D3)/C", "D/C*q"]

# %% derivation-d6-5
d6_5 = ["1/(1 - p)", "p*m_S/q", "p/((1 - p)*q)", "1/(1 - p) + p/((1 - p)*q)", "hS/(1 - p) + hA*p/((1 - p)*q)", "(q*hS + p*hA)/(p + q)"]
d6_5_numbers = {"length": 1 / (1 - p_own) + p_own / ((1 - p_own) * q_own), "hS": -p_own * np.log(p_own) - (1 - p_own) * np.log(1 - p_own)}

# %% experiment-x6-1
experiment_x6_1 = {"p(corn | cows eat)": 4 / 11, "bits": 1.4681, "perplexity": 4.341, "V": len({w for s in cows for w in s}) + 2}

# %% slide-e11
slide_e11 = {"mass of unseen words": 1.0, "slide": "add-one"}

# %% quiz-q6-1
quiz_q6_1 = {"1": "b", "2": "a", "3": "b"}
