# An endless loop in one function.
# base: reference
# needs: sandbox
# expect: test-count score=0 status=timeout

# %% count
def count(ids, n):
    found = {}
    i = 0
    while i < len(ids):
        found[tuple(ids[i : i + n])] = 1
    return found
