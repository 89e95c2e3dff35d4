# Every array is clipped by its own norm.
# base: reference
# expect: test-train score=3 diagnosis=M29

# %% edit train
            grads, _ = clip_by_global_norm(grads, clip)
# becomes
            grads = {n: g * min(1.0, clip / np.linalg.norm(g)) for n, g in grads.items()}
