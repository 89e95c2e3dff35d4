# The curve is measured on the documents that were trained on.
# base: reference
# expect: test-learning-curve score=4 diagnosis=M53

# %% edit learning-curve
        curve.append((tokens, evaluate(model, held_out)["bits_per_token"]))
# becomes
        curve.append((tokens, evaluate(model, [text, text])["bits_per_token"]))
