# Guesses the twenty rounds by a coin of his own, and reports the score honestly; z with a standard error over tokens.
# base: reference
# expect: test-experiment-x8-6 score=1

# %% edit experiment-x8-5
by_eye = [right_words(own_grammar, text) > 20 for text in game_texts]
# becomes
by_eye = [len(" ".join(text)) % 2 == 0 for text in game_texts]

# %% edit experiment-x8-6
    sums, lengths = np.bincount(number_own, gap - gap.mean()), np.bincount(number_own)
    return gap.mean() / (np.sqrt(len(sums) / (len(sums) - 1) * (sums**2).sum()) / lengths.sum())
# becomes
    return gap.mean() / (gap.std() / np.sqrt(len(gap)))
