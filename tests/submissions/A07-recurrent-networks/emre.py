# The state starts from zeros at every batch.
# base: reference
# expect: test-train score=3.25 diagnosis=M45

# %% train
def train(model, batches, optimizer, steps, clip=1.0):
    """Train with the state carried on -> the list of the losses, each before its update.

    batches: pairs ids_in (T, N), ids_out (T, N); optimizer(params, grads, state) -> (params, state)
    """
    losses, state = [], {}
    h = np.zeros((np.shape(batches[0][0])[1], len(model.params["bh"])))
    for i in range(steps):
        ids_in, ids_out = batches[i % len(batches)]
        loss, grads, _ = model.loss_and_grads(ids_in, ids_out, h)
        losses.append(loss)
        if clip is not None:
            grads, _ = clip_by_global_norm(grads, clip)
        model.params, state = optimizer(model.params, grads, state)
    return losses
