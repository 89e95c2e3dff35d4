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

# %% experiment-x8-5
experiment_x8_5 = {
    "answers": ...,  # 20 times True or False, in the order of the texts
    "accuracy": ...,
    "low": ...,
    "high": ...,
    "judge": ...,  # 20 numbers r, in nats
    "judge's accuracy": ...,
    "right words of a fake": ...,  # mean of right_words over the texts of the writer
}
by_eye = [right_words(own_grammar, text) > 20 for text in game_texts]
ratio = [float(np.sum(five_gram.logprobs([text])) + np.sum(writer.logprobs([text]))) for text in game_texts]
experiment_x8_5 = {"answers": by_eye, **real_or_fake(by_eye, game_truth), "judge": ratio}
experiment_x8_5["judge's accuracy"] = real_or_fake([r > 0 for r in ratio], game_truth)["accuracy"]
fakes = [text for text, real in zip(game_texts, game_truth) if not real]
experiment_x8_5["right words of a fake"] = np.mean([right_words(own_grammar, text) for text in fakes])

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
