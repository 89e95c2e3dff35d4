# Bits are nats: the division by log 2 is forgotten. What calls it is not charged again.
# base: reference
# expect: test-evaluate score=6 diagnosis=M04

# %% evaluate
def evaluate(model, docs):
    """dict(bits_per_token, se, per_token) of a model on documents.

    Shapes: docs is a list of documents, a document a list of sentences; per_token (T,) bits in order
    """
    per_doc = [-np.asarray(model.logprobs(doc)) for doc in docs]
    B, L, D = np.array([b.sum() for b in per_doc]), np.array([len(b) for b in per_doc]), len(docs)
    b = B.sum() / L.sum()
    se = np.sqrt(D / (D - 1) * ((B - b * L) ** 2).sum()) / L.sum()
    return {"bits_per_token": b, "se": se, "per_token": np.concatenate(per_doc)}
