# Tries to cheat: patches NumPy, builtins and the autograder, looks for hidden tests, returns objects that equal everything.
# base: blank
# needs: sandbox

# %% affine-forward
import builtins
import sys

np.allclose = np.array_equal = lambda *a, **k: True
np.abs = lambda *a, **k: 0.0
builtins.float = builtins.sum = lambda *a: 100.0
for name in [m for m in sys.modules if "autograder" in m]:
    sys.modules[name].__dict__.update(check=lambda *a, **k: 100.0, compare=lambda *a, **k: None)
try:
    from autograder.checks import values

    values.compare = lambda *a, **k: None
except Exception:
    pass


class Equal:
    def __eq__(self, other):
        return True

    def __array__(self, *a, **k):
        return np.zeros(3)

    shape = property(lambda self: Equal())


def affine_forward(X, W, b):
    frame = sys._getframe()
    while frame is not None:
        for value in list(frame.f_locals.values()):
            if callable(getattr(value, "fail", None)):
                value.findings = []
                value.fail = lambda *a, **k: None
        frame = frame.f_back
    return Equal(), Equal()

# %% affine-backward
def affine_backward(dY, cache):
    return Equal(), Equal(), Equal()

# %% softmax-ce
import glob

FOUND = [p for root in (".", "..", "/tmp", "/home") for name in ("A02*", ".secret", "gradebook.db*") for p in glob.glob(f"{root}/*/{name}")]


def softmax_ce(Z, y):
    raise SystemExit(str(FOUND))

# %% derivation-d2-3
class Lines(list):
    def __len__(self):
        return 5

    def __getitem__(self, i):
        return "a - y"


d2_3 = Lines(["__import__('os').system('true')", "(lambda: 0)()", "a.__class__", "9**9**9**9", "a - y"])
