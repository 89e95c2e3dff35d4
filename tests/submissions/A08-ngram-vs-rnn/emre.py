# The curve is measured on the documents that were trained on.
# base: reference
# expect: test-learning-curve score=4 diagnosis=M53

# %% learning-curve
def learning_curve(factory, docs, sizes, held_out):
    """For each size (tokens trained on, bits per token on held_out)."""
    curve = []
    for size in sizes:
        text, tokens = [], 0
        for doc in docs:
            if tokens >= size:
                break
            text += doc
            tokens += sum(len(s) + 1 for s in doc)
        model = factory()
        model.fit(text)
        curve.append((tokens, evaluate(model, [text, text])["bits_per_token"]))
    return curve
