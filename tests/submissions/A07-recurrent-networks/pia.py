# Leaves the process in the middle of a function.
# base: reference
# needs: sandbox
# expect: test-sample score=0

# %% sample
import os


def sample(model, prefix, n, temperature, rng):
    os._exit(0)
