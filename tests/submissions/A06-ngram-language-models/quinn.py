# Tries to cheat: patches NumPy and builtins, looks for hidden tests and the withheld chapter, returns objects that equal everything.
# base: blank
# needs: sandbox

# %% ngrams
import builtins
import sys

np.allclose = np.array_equal = lambda *a, **k: True
builtins.all = builtins.any = lambda *a: True
for name in [m for m in sys.modules if "autograder" in m or "ngram" in m]:
    for key in list(vars(sys.modules[name])):
        try:
            setattr(sys.modules[name], key, lambda *a, **k: 1.0)
        except Exception:
            pass


class Yes(float):
    def __eq__(self, other):
        return True

    def __abs__(self):
        return 0.0

    __hash__ = None


def ngrams(sentence, n):
    return Yes(1)

# %% ngram
try:
    from course.ngram import NGram
except Exception:
    class NGram:
        def __init__(self, *a):
            self.vocab = Yes(0)

        def fit(self, sentences):
            return self

        def prob(self, history, word):
            return Yes(0.5)

        def logprobs(self, sentences):
            return Yes(0.5)

# %% entropy-rate
def entropy_rate(grammar):
    return Yes(1.445)
