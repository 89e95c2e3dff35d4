# Bits are nats: the division by log 2 is forgotten. What calls it is not charged again.
# base: reference
# expect: test-evaluate score=6 diagnosis=M04

# %% edit evaluate
    per_doc = [-np.asarray(model.logprobs(doc)) / np.log(2) for doc in docs]
# becomes
    per_doc = [-np.asarray(model.logprobs(doc)) for doc in docs]
