# evaluate divides the document error by the tokens as if they were independent, and the entropy forgets </s>.
# base: reference
# expect: test-evaluate score=5
# expect: test-experiment-x8-1 score=5

# %% edit evaluate
    se = np.sqrt(D / (D - 1) * ((B - b * L) ** 2).sum()) / L.sum()
# becomes
    se = np.std(np.concatenate(per_doc), ddof=1) / np.sqrt(L.sum())

# %% edit experiment-x8-1
experiment_x8_1 |= {"entropy": document_bits / (document_length + 1)}
# becomes
experiment_x8_1 |= {"entropy": document_bits / document_length}
