# The mean of the documents' means instead of all bits over all tokens.
# base: reference
# expect: test-evaluate score=5 diagnosis=M39

# %% evaluate
def evaluate(model, docs):
    """dict(bits_per_token, se, per_token) of a model on documents.

    Shapes: docs is a list of documents, a document a list of sentences; per_token (T,) bits in order
    """
    per_doc = [-np.asarray(model.logprobs(doc)) / np.log(2) for doc in docs]
    B, L, D = np.array([b.sum() for b in per_doc]), np.array([len(b) for b in per_doc]), len(docs)
    b = np.mean(B / L)
    se = np.sqrt(D / (D - 1) * ((B - b * L) ** 2).sum()) / L.sum()
    return {"bits_per_token": b, "se": se, "per_token": np.concatenate(per_doc)}
