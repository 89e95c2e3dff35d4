# Training never ends.
# base: reference
# expect: test-train score=0 status=timeout

# %% train
def train(model, batches, optimizer, steps, clip=1.0):
    while True:
        pass
