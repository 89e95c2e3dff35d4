# Leaves the process in the middle of a function.
# base: reference
# needs: sandbox
# expect: test-act-forward score=0
# expect: test-act-backward score=0

# %% act-forward
import os


def act_forward(Z, name):
    if name not in ("sigmoid", "tanh"):
        os._exit(0)
    os._exit(0)
