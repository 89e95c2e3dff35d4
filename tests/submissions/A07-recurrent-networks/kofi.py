# A word that occurs twice keeps one of its shares in dE.
# base: reference
# expect: test-rnnlm score=9 diagnosis=M33

# %% edit rnnlm
            np.add.at(grads["E"], ids_in[chunk], dX)
# becomes
            grads["E"][ids_in[chunk]] += dX
