# %% [markdown]
# # A00 Warm-up
#
# After these 15 minutes you can run a check and read what it says, tell shapes and axes apart, and translate between
# the notations of the five decks. Nothing here counts.

# %% [markdown]
# ## How this works (3 minutes)
#
# - **Text cells** explain. **Grey cells that are locked** bring data; run them, leave them.
# - **Answer cells** say `# YOUR CODE HERE`. Replace that line and the `...` below it. Some hold a form: fill in each `...`.
# - **Check cells** come right after. Run one: passed ✓, not yet right ✗ or not answered yet ○. The same checks mark your
#   work later, with other numbers of the same kind.
# - **Folded cells** end in •••. Run them like any other; a click shows the code.
# - Run a cell with Shift+Enter. If something behaves strangely: *Kernel → Restart and Run All*.
#
# Check as often as you like; a check never changes your work.

# %% [markdown]
# ## Your own numbers (1 minute)
#
# Type your student id between the quotes. It becomes a **seed**, and the seed becomes your data. So your numbers are yours,
# and the same on every machine.

# %% solution="student-id" keep=yes
student_id = ""

# %% locked="imports"
import numpy as np

from course.toolbox.plots import figure
from course.toolbox.seeds import distinct_primes, student_rng, student_seed

print("your seed:", student_seed(student_id, "A00"))
print("your first random numbers:", student_rng(student_id, "A00").integers(0, 100, 5))

# %% [markdown]
# ### Your seed
#
# Your first answer: the last three digits of your seed, as a number. Then run the check below it.

# %% solution="my-seed"
my_seed = {"seed": ...}
### BEGIN SOLUTION
my_seed = {"seed": student_seed(student_id, "A00") % 1000}
### END SOLUTION

# %% test="my-seed" points=0
from autograder.assignments.a00 import check

check("my-seed")

# %% [markdown]
# ## A wrong cell (3 minutes)
#
# ### Each row minus its mean
#
# The next function should subtract from each row its own mean: $(1, 3)$ becomes $(-1, 1)$. It is **wrong on purpose**. Run
# both cells and read the diagnosis: which quantity, what is wrong with it, one line of numbers, and hints that open on demand. Then
# mend the line, and run both cells again.

# %% solution="centre-rows"
def centre_rows(X):
    """Each row minus its mean.

    Shapes: X (N, D) -> (N, D)
    """
    return X - X.mean(axis=0)

### BEGIN SOLUTION
def centre_rows(X):
    """Each row minus its mean."""
    return X - X.mean(axis=1, keepdims=True)
### END SOLUTION

# %% test="centre-rows" points=0
from autograder.assignments.a00 import check

check("centre-rows")

# %% [markdown]
# ## Shapes (4 minutes)
#
# Rows are examples: `X` has shape `(N, D)`, with N examples of D numbers. Sizes in checks are different **primes**, such
# as 5 and 7, so a transposed or wrongly summed array cannot fit by chance.
#
# NumPy lines up shapes from the right. `(5, 7) + (7,)` adds the vector to every row. `(5, 7) + (5,)` is an error.
# The trap: `(5, 1) + (5,)` gives `(5, 5)`, without any error.

# %% locked="shapes"
N, D = distinct_primes(student_rng(student_id, "A00", "shapes"), 2, low=3, high=7)
X = np.arange(N * D).reshape(N, D)
print("X has shape", X.shape)
print("sum over axis 0, down the columns:", X.sum(axis=0).shape)
print("sum over axis 1, along the rows:  ", X.sum(axis=1).shape)
print("(N, 1) - (N,):                    ", (np.ones((N, 1)) - np.ones(N)).shape, "- the trap")

# %% locked="figure-axes" run=no
# The picture below; a click shows how it is drawn.
with figure("A grid of 3 rows and 5 columns. An arrow down the side is labelled axis 0, an arrow along the top axis 1.", size=(4.6, 2.4)) as (fig, ax):
    ax.set_axis_off()
    ax.set(xlim=(-1.6, 5.2), ylim=(-3.2, 1.0))
    for row in range(3):
        for col in range(5):
            ax.text(col, -row, f"X[{row},{col}]", ha="center", va="center", fontsize=9, bbox={"fc": "#e8f1fa", "ec": "#555555"})
    for tip, name, place in [((4.4, 0.6), "axis 1: along a row", (1.9, 0.78)), ((-0.75, -2.4), "axis 0", (-1.25, -1))]:
        ax.annotate("", tip, (-0.75, 0.6), arrowprops={"arrowstyle": "->", "color": "#d55e00"})
        ax.text(*place, name, ha="center", color="#b34700", fontsize=9)
    ax.text(2, -2.8, "shape (3, 5)", ha="center")

# %% [markdown]
# ### A vector added to every row
#
# Now write two functions. Neither may change the array that it is given: the caller still needs it.

# %% solution="add-bias"
def add_bias(X, b):
    """b added to every row of X.

    Shapes: X (N, D), b (D,) -> (N, D)
    """
    ### BEGIN SOLUTION
    return X + b
    ### END SOLUTION

# %% test="add-bias" points=0
from autograder.assignments.a00 import check

check("add-bias")

# %% [markdown]
# ### The sum of each row

# %% solution="row-sums"
def row_sums(X):
    """The sum of each row.

    Shapes: X (N, D) -> (N,)
    """
    ### BEGIN SOLUTION
    return X.sum(axis=1)
    ### END SOLUTION

# %% test="row-sums" points=0
from autograder.assignments.a00 import check

check("row-sums")

# %% [markdown]
# ## Rosetta: five decks, one notation (3 minutes)
#
# | | the decks say | this course says |
# |---|---|---|
# | C1 | "parents" of a node: those that use it (000), or those it is made from (003) | **inputs** and **consumers** |
# | C2 | slope of ReLU at 0: 0 (000), 1 (001) | 0; a check accepts all from 0 to 1 |
# | C3 | nodes of a graph: operations (000, 004), or values (001, 003) | one graph, drawn in each style |
# | C4 | gradients as rows with a transpose (003), or as columns (004) | a gradient has the **shape of its parameter** |
# | C5 | $h = xW$ with rows (000), $h = Wx$ with columns (001 to 003) | rows: `X @ W + b` |
# | C6 | $h$ before the activation (000, backpropagation), or after it (elsewhere) | `pre` and `out` |
# | C7 | the first word is number 1 (001) | the first index is 0 |
# | C8 | penalty $\lambda w^2$ (003), or $\tfrac12\lambda w^2$ | ½, and a check names the factor 2 |
# | C9 | nats, or bits; perplexity of either | nats; `base=2` where bits are meant |
#
# The next cell tries what can be tried with numbers.

# %% locked="rosetta"
rng = student_rng(student_id, "A00", "rosetta")
x, W, w, h = rng.normal(size=3), rng.normal(size=(2, 3)), 1.5, 1e-6
relu = lambda z: max(z, 0.0)
tried = {
    "C2 the central difference of ReLU at 0 is between 0 and 1": 0 <= (relu(h) - relu(-h)) / (2 * h) <= 1,
    "C4 the gradient of a sum of 2 x 3 weights is 2 x 3": np.ones_like(W).shape == W.shape,
    "C5 W x as a column is x W.T as a row": np.allclose(W @ x, x @ W.T),
    "C7 word number 1 has index 0": ["the", "black", "dog"].index("the") == 0,
    "C8 the slope of w**2 / 2 is w": abs(((w + h) ** 2 - (w - h) ** 2) / (4 * h) - w) < 1e-6,
    "C9 one bit is 0.693 nats, and the perplexity is the same": np.isclose(2.0**3, np.exp(3 * np.log(2))),
}
for claim, holds in tried.items():
    print("✓" if holds else "✗", claim)

# %% [markdown]
# ### Four translations
#
# The third: how many bits are 0.6931 nats? The fourth: a slide of deck 000 speaks of the "parents" of a
# node; type `"inputs"` or `"consumers"`.

# %% solution="quiz-q0-1"
quiz_q0_1 = {
    "word number 5": ...,  # its index in Python
    "gradient of lambda * w**2": ...,  # a string with lambda_ and w
    "bits": ...,
    "inputs or consumers": ...,
}
### BEGIN SOLUTION
quiz_q0_1 = {"word number 5": 4, "gradient of lambda * w**2": "2*lambda_*w", "bits": 1.0, "inputs or consumers": "consumers"}
### END SOLUTION

# %% test="quiz-q0-1" points=0
from autograder.assignments.a00 import check

check("quiz-q0-1")

# %% [markdown]
# ## To read comfortably (1 minute)
#
# - **Larger text:** Ctrl and + in the browser, or *Settings → Theme → Increase Code Font Size*.
# - **Dark or high contrast:** *Settings → Theme*. Figures keep a light ground and stay readable on both.
# - **Without colour:** checks say ✓, ✗ and ○ in words; lines in plots differ in their dashes and carry their names.
# - **Screen reader:** every figure has a text alternative, and every panel a label. *Settings → Accessibility* and keyboard
#   shortcuts (press H in command mode) work as usual.
# - **Without a mouse:** Enter edits a cell, Esc leaves it, arrow keys move, Shift+Enter runs.
#
# **What comes next:** A01, one neuron.
