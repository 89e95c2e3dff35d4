# Slips on paper: a wrong derivative, nats for the judge, two wrong crosses.
# base: reference
# expect: test-derivation-d8-1 score=2.5
# expect: test-experiment-x8-5 score=2
# expect: test-quiz-q8-1 score=2
# expect: test-slide-round-0 score=0.5

# %% derivation-d8-1
d8_1 = [
    "w*p + (1 - w)*q",
    "w*p/(w*p + (1 - w)*q)",
    "1/(w*p + (1 - w)*q)",
    "w*(1 - w)*(p - q)/(w*p + (1 - w)*q)",
    "(w*p1/(w*p1 + (1 - w)*q1) + w*p2/(w*p2 + (1 - w)*q2))/2",
    "-log(w)",
]

# %% edit experiment-x8-5
ratio = [float(np.sum(five_gram.logprobs([text])) - np.sum(writer.logprobs([text]))) for text in game_texts]
# becomes
ratio = [float(np.sum(five_gram.logprobs([text])) + np.sum(writer.logprobs([text]))) for text in game_texts]

# %% quiz-q8-1
quiz_q8_1 = {
    "1": ...,  # "a", "b" or "c"
    "2": ...,
    "3": ...,
}
quiz_q8_1 = {"1": "a", "2": "c", "3": "b"}

# %% slide-round-0
slide_round_0 = {
    "real": ...,  # "a" or "b"
    "low": ...,
}
slide_round_0 = {"real": "b", "low": 0.0}
