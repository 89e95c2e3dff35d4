# The model reads the words that it should predict.
# base: reference
# expect: test-rnnlm score=8 diagnosis=M48
# expect: test-experiment-x7-6 score=1.5 diagnosis=M48

# %% edit rnnlm
            H, cache = rnn_forward(p["E"][ids_in[chunk]], h, p["Wxh"], p["Whh"], p["bh"])
# becomes
            H, cache = rnn_forward(p["E"][ids_out[chunk]], h, p["Wxh"], p["Whh"], p["bh"])

# %% edit rnnlm
            np.add.at(grads["E"], ids_in[chunk], dX)
# becomes
            np.add.at(grads["E"], ids_out[chunk], dX)
