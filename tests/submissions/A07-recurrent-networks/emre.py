# The state starts from zeros at every batch.
# base: reference
# expect: test-train score=3.25 diagnosis=M45

# %% edit train
        loss, grads, h = model.loss_and_grads(ids_in, ids_out, h)
# becomes
        loss, grads, _ = model.loss_and_grads(ids_in, ids_out, h)
