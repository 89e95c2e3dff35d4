# evaluate divides the document error by the tokens as if they were independent, and the entropy forgets </s>.
# base: reference
# expect: test-evaluate score=5
# expect: test-experiment-x8-1 score=5

# %% evaluate
def evaluate(model, docs):
    """dict(bits_per_token, se, per_token) of a model on documents.

    Shapes: docs is a list of documents, a document a list of sentences; per_token (T,) bits in order
    """
    per_doc = [-np.asarray(model.logprobs(doc)) / np.log(2) for doc in docs]
    B, L, D = np.array([b.sum() for b in per_doc]), np.array([len(b) for b in per_doc]), len(docs)
    b = B.sum() / L.sum()
    se = np.std(np.concatenate(per_doc), ddof=1) / np.sqrt(L.sum())
    return {"bits_per_token": b, "se": se, "per_token": np.concatenate(per_doc)}

# %% experiment-x8-1
experiment_x8_1 = {
    "tokens": ...,  # three numbers: the tokens really trained on
    "2-gram": ...,  # three numbers: bits per token on own_held
    "4-gram": ...,
    "entropy": ...,  # of the dialect, bits per predicted token
    "source": ...,  # bits per token of the source itself on own_held
    "order for 1000 tokens": ...,  # 2 or 4
}
own_curves = {n: learning_curve(lambda: NGram(n, kneser_ney()), own_train, (1000, 5000, 30000), own_held) for n in (2, 4)}
bits_2, bits_4 = ([bits for _, bits in own_curves[n]] for n in (2, 4))
document_bits, document_length = document_entropy(own_grammar)
experiment_x8_1 = {"tokens": [tokens for tokens, _ in own_curves[2]], "2-gram": bits_2, "4-gram": bits_4}
experiment_x8_1 |= {"entropy": document_bits / document_length}
experiment_x8_1 |= {"source": evaluate(Source(own_grammar), own_held)["bits_per_token"]}
experiment_x8_1 |= {"order for 1000 tokens": 2 if bits_2[0] < bits_4[0] else 4}
