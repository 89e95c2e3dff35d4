# %% [markdown]
# # A toy assignment
# It has every kind of cell, and tests that are plain Python.

# %% solution="student-id" keep=yes
student_id = ""

# %% locked="imports"
import numpy as np

SCALE = 2.0


class Box:
    def __init__(self, value):
        self.value = value

# %% solution="double"
def double(x):
    """Twice x."""
    ### BEGIN SOLUTION
    return SCALE * np.asarray(x)
    ### END SOLUTION

# %% test="double" points=2
import numpy as np

assert np.array_equal(double(np.array([1.0, 2.0])), [2.0, 4.0]), "double([1, 2]) should be [2, 4]"
### BEGIN HIDDEN TESTS
assert np.array_equal(double(np.arange(12.0).reshape(3, 4)), 2 * np.arange(12.0).reshape(3, 4)), "double fails on a matrix"
### END HIDDEN TESTS

# %% solution="counter"
class Counter:
    """Counts up from `start`; `add` returns itself; iterating gives the numbers so far."""

    ### BEGIN SOLUTION
    def __init__(self, start=0):
        self.seen = [start]

    def add(self, n):
        self.seen.append(self.seen[-1] + n)
        return self

    def __iter__(self):
        return iter(self.seen)

    def __len__(self):
        return len(self.seen)
    ### END SOLUTION

# %% test="counter" points=3
points = 0
c = Counter(5)
if list(c.add(2)) == [5, 7]:
    points += 1
if len(c) == 2 and c.add(1).seen[-1] == 8:
    points += 1
if Counter().add(3).add(4).seen == [0, 3, 7]:
    points += 1
points

# %% solution="apply"
def apply(f, x, times):
    """f(f(…f(x)))."""
    ### BEGIN SOLUTION
    for _ in range(times):
        x = f(x)
    return x
    ### END SOLUTION

# %% test="apply" points=1
called = []


def halve(x):
    called.append(x)
    return x / 2


assert apply(halve, 8.0, 3) == 1.0 and len(called) == 3

# %% test="apply-2" bonus=1
assert apply(lambda box: box, Box(3), 2).value == 3

# %% manual="plot" points=2
### BEGIN SOLUTION
import matplotlib.pyplot as plt

plt.plot([1, 2, 4])
plt.show()
### END SOLUTION

# %% locked="slow-experiment" run=no
raise RuntimeError("skipped when grading")

# %% [markdown] manual="response" points=4
# Because a double is two times a single.
