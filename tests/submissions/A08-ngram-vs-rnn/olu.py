# Guesses the twenty rounds by a coin of his own, and reports the score honestly; z with a standard error over tokens.
# base: reference
# expect: test-experiment-x8-6 score=1

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
by_eye = [len(" ".join(text)) % 2 == 0 for text in game_texts]
ratio = [float(np.sum(five_gram.logprobs([text])) - np.sum(writer.logprobs([text]))) for text in game_texts]
experiment_x8_5 = {"answers": by_eye, **real_or_fake(by_eye, game_truth), "judge": ratio}
experiment_x8_5["judge's accuracy"] = real_or_fake([r > 0 for r in ratio], game_truth)["accuracy"]
fakes = [text for text, real in zip(game_texts, game_truth) if not real]
experiment_x8_5["right words of a fake"] = np.mean([right_words(own_grammar, text) for text in fakes])

# %% experiment-x8-6
experiment_x8_6 = {
    "z": ...,  # three numbers, for A, B and C
    "leak": ...,  # "A", "B" or "C"
}
def z_of(bits):
    gap = bits - bits_source
    return gap.mean() / (gap.std() / np.sqrt(len(gap)))


z_own = [z_of(bits) for bits in (bits_A, bits_B, bits_C)]
experiment_x8_6 = {"z": z_own, "leak": "ABC"[int(np.argmin(z_own))]}
