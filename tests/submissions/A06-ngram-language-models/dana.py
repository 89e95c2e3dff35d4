# Sentences have no end: ngrams forgets </s>. What uses it keeps its marks.
# base: reference
# expect: test-ngrams score=0 diagnosis=M36

# %% ngrams
def ngrams(sentence, n):
    """All n-grams that end in a word of the sentence or in </s>, in order, as tuples.

    ["cows", "eat"], 2 -> [("<s>", "cows"), ("cows", "eat"), ("eat", "</s>")]
    """
    padded = ["<s>"] * (n - 1) + list(sentence)
    return list(zip(*(padded[k:] for k in range(n))))
