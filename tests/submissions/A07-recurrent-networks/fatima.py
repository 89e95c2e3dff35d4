# Every array is clipped by its own norm.
# base: reference
# expect: test-train score=3 diagnosis=M29

# %% train
def train(model, batches, optimizer, steps, clip=1.0):
    """Train with the state carried on -> the list of the losses, each before its update.

    batches: pairs ids_in (T, N), ids_out (T, N); optimizer(params, grads, state) -> (params, state)
    """
    losses, state = [], {}
    h = np.zeros((np.shape(batches[0][0])[1], len(model.params["bh"])))
    for i in range(steps):
        ids_in, ids_out = batches[i % len(batches)]
        loss, grads, h = model.loss_and_grads(ids_in, ids_out, h)
        losses.append(loss)
        if clip is not None:
            grads = {n: g * min(1.0, clip / np.linalg.norm(g)) for n, g in grads.items()}
        model.params, state = optimizer(model.params, grads, state)
    return losses
