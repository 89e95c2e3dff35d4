# Only the first section, and the one formula of the derivation that is easy.
# base: blank
# expect: test-evaluate score=7.5
# expect: test-derivation-d8-1 score=0.5

# %% evaluate
def evaluate(model, docs):
    """dict(bits_per_token, se, per_token) of a model on documents.

    Shapes: docs is a list of documents, a document a list of sentences; per_token (T,) bits in order
    """
    per_doc = [-np.asarray(model.logprobs(doc)) / np.log(2) for doc in docs]
    B, L, D = np.array([b.sum() for b in per_doc]), np.array([len(b) for b in per_doc]), len(docs)
    b = B.sum() / L.sum()
    se = np.sqrt(D / (D - 1) * ((B - b * L) ** 2).sum()) / L.sum()
    return {"bits_per_token": b, "se": se, "per_token": np.concatenate(per_doc)}

# %% derivation-d8-1
d8_1 = ["w*p + (1 - w)*q"]
