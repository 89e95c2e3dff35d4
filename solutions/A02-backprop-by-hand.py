# %% [markdown]
# # A02 Backprop by hand
#
# After this notebook you can compute the gradient of a neural network by hand, write it down for a whole batch in
# matrix form, program it in NumPy, and find out with numbers whether it is right.
#
# | | |
# |---|---|
# | **You need** | A01: activations, softmax, cross-entropy; derivatives of exp, log, tanh; the matrix product |
# | **Read first** | deck 000, "Neural Network Training" to the end of "Backpropagation"; deck 001, "Training a 2-layer Network" and "Backward differentiation"; deck 002, "Chain Rule" to "Back-propagation in an MLP"; deck 003, 6.5.2 and 6.5.4; deck 004, "SGD with Backprop" and "Matrix Calculus" |
# | **Time** | about eight hours, in ten sections that can be done on different days |
# | **Points** | 100: derivations 26, code 42, experiments 14, explanations 18 |
#
# **How a section goes:** a small example, a picture, a derivation that you type, the code in the same letters, a
# check. A red check says what is wrong and why. Mend it and run it again as often as you like.

# %% [markdown]
# ## 0 Setup (5 minutes)
#
# Type your student id between the quotes. Your numbers, sizes and planted errors are made from it.

# %% solution="student-id" keep=yes
student_id = ""

# %% locked="imports"
import numpy as np

from course.losses import bce_with_logits, cross_entropy, log_softmax, softmax
from course.neurons import d_relu, d_sigmoid, d_tanh, relu, sigmoid, tanh
from course.toolbox.draw import draw_network
from course.toolbox.plots import curves, figure, heatmap
from course.toolbox.seeds import student_rng

# %%
# Experiments at the end use given gradients. Set this to True to plug in your own functions instead.
USE_MINE = False

# %% [markdown]
# ## 1 The chain rule (40 minutes)
#
# After this section you can write a derivative as a product along a path and as a sum over paths, and you know which
# shape each derivative has.
#
# A weight moves the loss through a chain of quantities: $w \to z \to y \to L$. So the slope is a product, read
# from the loss back to the weight:
#
# $$\frac{\partial L}{\partial w} = \frac{\partial L}{\partial y}\cdot\frac{\partial y}{\partial z}\cdot\frac{\partial z}{\partial w}$$
#
# **Example.** $z = wx + b$, $y = \tanh z$, $L = \tfrac12 (y-t)^2$ with $w=0.75$, $x=2$, $b=-1$, $t=1$.
# Forward: $z = 0.5$, $y = 0.4621$, $L = 0.1447$. Backward: $\partial L/\partial y = y-t = -0.5379$,
# $\partial y/\partial z = 1-y^2 = 0.7864$, $\partial z/\partial w = x = 2$.
# The product is $-0.846$: a little more $w$ means less loss.

# %% locked="figure-chain" run=no
# The picture below; a click shows how it is drawn.
with figure("A chain of boxes w, z, y, L. Below each arrow stands its derivative, read from right to left.", size=(6.6, 1.5)) as (fig, ax):
    ax.set_axis_off()
    ax.set(xlim=(-0.7, 7.3), ylim=(-0.9, 0.4))
    for k, (name, value) in enumerate([("w", 0.75), ("z", 0.5), ("y", 0.4621), ("L", 0.1447)]):
        ax.text(2.2 * k, 0, f"{name} = {value:g}", ha="center", va="center", bbox={"boxstyle": "round,pad=0.4", "fc": "#e8f1fa", "ec": "#1a1a1a"})
    for k, slope in enumerate(["∂z/∂w = x\n= 2", "∂y/∂z = 1 − y²\n= 0.7864", "∂L/∂y = y − t\n= −0.5379"]):
        ax.annotate("", (2.2 * k + 1.6, 0), (2.2 * k + 0.6, 0), arrowprops={"arrowstyle": "->", "color": "#1a1a1a"})
        ax.text(2.2 * k + 1.1, -0.58, slope, ha="center", va="center", color="#b34700")

# %% [markdown]
# ### D2.0 Three factors (2 points)
#
# Type each line as a string, the way you would type it in Python: `*` for times, `**` for powers. Use the letters
# $x$, $y$, $t$.
#
# 1. $\partial L/\partial y$
# 2. $\partial y/\partial z$, written with $y$ (not with $z$)
# 3. $\partial z/\partial w$
# 4. $\partial L/\partial w$

# %% solution="derivation-d2-0"
d2_0 = [
    ### BEGIN SOLUTION
    "y - t",
    "1 - y**2",
    "x",
    "(y - t)*(1 - y**2)*x",
    ### END SOLUTION
]

# %% test="derivation-d2-0"
from autograder.assignments.a02 import check

check("derivation-d2-0")

# %% [markdown]
# ### D2.1 Several paths (3 points)
#
# When $x$ reaches $z$ on two paths, through $y_1$ and through $y_2$, both changes add up:
#
# $$\frac{\partial z}{\partial x} = \frac{\partial z}{\partial y_1}\frac{\partial y_1}{\partial x} + \frac{\partial z}{\partial y_2}\frac{\partial y_2}{\partial x}
# \qquad\text{in general}\qquad \frac{\partial z}{\partial x} = \sum_i \frac{\partial z}{\partial y_i}\frac{\partial y_i}{\partial x}$$
#
# **Example.** $z = y_1 y_2$ with $y_1 = 3x$ and $y_2 = x^2$: $\;y_2\cdot 3 + y_1\cdot 2x = 3x^2 + 6x^2 = 9x^2$. And
# indeed $z = 3x^3$.

# %% locked="figure-paths" run=no
# The picture below; a click shows how it is drawn.
with figure("Two paths from x to z: one through y1, one through y2. Each arrow carries its derivative.", size=(5.6, 2.4)) as (fig, ax):
    ax.set_axis_off()
    ax.set(xlim=(-0.5, 4.5), ylim=(-1.5, 1.5))
    spots = {"x": (0, 0), "y₁ = 3x": (2, 1), "y₂ = x²": (2, -1), "z = y₁y₂": (4, 0)}
    for (a, b), slope in {("x", "y₁ = 3x"): "3", ("x", "y₂ = x²"): "2x", ("y₁ = 3x", "z = y₁y₂"): "y₂", ("y₂ = x²", "z = y₁y₂"): "y₁"}.items():
        (x0, y0), (x1, y1) = spots[a], spots[b]
        ax.annotate("", (x1, y1), (x0, y0), arrowprops={"arrowstyle": "->", "shrinkA": 18, "shrinkB": 28, "color": "#1a1a1a"})
        ax.text((x0 + x1) / 2, (y0 + y1) / 2 + 0.25, slope, color="#b34700", fontsize=11, ha="center")
    for name, (x, y) in spots.items():
        ax.text(x, y, name, ha="center", va="center", bbox={"boxstyle": "round,pad=0.4", "fc": "#e8f1fa", "ec": "#1a1a1a"})

# %% [markdown]
# Now yours. Lines 1 to 5 are the examples of deck 000; in line 6 the paths become a matrix.
#
# 1. $z = e^{y}$, $y = 2x$: type $\partial z/\partial x$ with $x$ only
# 2. $z = e^{y_1 y_2}$: type $\partial z/\partial y_1$ with `y1`, `y2`
# 3. the same $z$: $\partial z/\partial y_2$
# 4. with $y_1 = 2x$ and $y_2 = x^2$: the sum over both paths, with `y1`, `y2` and `x`
# 5. line 4 with $y_1$ and $y_2$ replaced, so that only $x$ is left
# 6. $y$ is a vector of 3 numbers that depends on a vector $x$ of 2 numbers. `J` is the Jacobian, $J_{ij} = \partial y_i/\partial x_j$,
#    and `g` is $\nabla_y z$. Type $\nabla_x z$ with `J`, `g`, `@` and `.T`

# %% solution="derivation-d2-1"
d2_1 = [
    ### BEGIN SOLUTION
    "2*exp(2*x)",
    "exp(y1*y2)*y2",
    "exp(y1*y2)*y1",
    "exp(y1*y2)*y2*2 + exp(y1*y2)*y1*2*x",
    "6*x**2*exp(2*x**3)",
    "J.T @ g",
    ### END SOLUTION
]

# %% test="derivation-d2-1"
from autograder.assignments.a02 import check

check("derivation-d2-1")

# %% [markdown]
# ### X2.4 Which shape has a derivative? (1 point)
#
# A derivative by a vector or of a vector is an array, and people lay it out in two ways. In **denominator layout**
# the gradient of a number has the shape of what it is taken by: $\partial y/\partial \mathbf X$ looks like $\mathbf X$. This course uses it,
# because then `W - eta * dW` always fits. In **numerator layout** everything is transposed.
#
# **Example.** $\mathbf x$ has 4 entries, $\mathbf y$ has 2. In denominator layout $\partial\mathbf y/\partial\mathbf x$ is 4 × 2:
# one row for each entry of $\mathbf x$.
#
# Run the next cell to see your sizes. Then fill in shapes as pairs `(rows, columns)`; a column vector of 4 is `(4, 1)`.

# %% locked="sizes-x2-4"
P, N, Q = (int(n) for n in student_rng(student_id, "A02", "x2-4").permutation([2, 3, 5, 7])[:3])
print(f"x is a vector of {P}, y a number, yvec a vector of {N}, X a matrix of {P} × {Q}.")

# %% [markdown]
# The last entry is the chain-rule question of deck 004. With $\mathbf u$ a vector between $\mathbf x$ and the number $y$, in denominator
# layout, is $\partial y/\partial\mathbf x$ equal to which of these?
#
# - **A** $\;\frac{\partial y}{\partial\mathbf u}\,\frac{\partial\mathbf u}{\partial\mathbf x}$
# - **B** $\;\frac{\partial y}{\partial\mathbf u}^{T}\frac{\partial\mathbf u}{\partial\mathbf x}$
# - **C** $\;\frac{\partial y}{\partial\mathbf u}\,\frac{\partial\mathbf u}{\partial\mathbf x}^{T}$
# - **D** $\;\frac{\partial y}{\partial\mathbf u}^{T}\frac{\partial\mathbf u}{\partial\mathbf x}^{T}$
# - **E** $\;\left(\frac{\partial y}{\partial\mathbf u}\,\frac{\partial\mathbf u}{\partial\mathbf x}\right)^{T}$
# - **F** none of these
#
# Write down the shapes of the factors first.

# %% solution="experiment-x2-4"
experiment_x2_4 = {
    "dy/dx": ...,  # y a number, x the vector
    "dyvec/dt": ...,  # yvec the vector, t a number
    "dyvec/dx": ...,
    "dy/dX": ...,  # X the matrix
    "dyvec/dx in numerator layout": ...,
    "chain rule": ...,  # a letter, "A" to "F"
}
### BEGIN SOLUTION
experiment_x2_4 = {
    "dy/dx": (P, 1),
    "dyvec/dt": (1, N),
    "dyvec/dx": (P, N),
    "dy/dX": (P, Q),
    "dyvec/dx in numerator layout": (N, P),
    "chain rule": "F",
}
### END SOLUTION

# %% test="experiment-x2-4"
from autograder.assignments.a02 import check

check("experiment-x2-4")

# %% [markdown]
# ## 2 Slopes without calculus (45 minutes)
#
# After this section you have a tool that finds any gradient slowly but surely, and you know how far to trust it.
#
# Move $x$ a little to both sides and look how much $f$ changes:
#
# $$f'(x) \approx \frac{f(x+h) - f(x-h)}{2h}$$
#
# **Example.** $f(x) = x^3$ at $x=2$ with $h = 0.1$: $(9.261 - 6.859)/0.2 = 12.01$. The truth is $3x^2 = 12$; the
# error is $h^2$. One side only gives $(9.261-8)/0.1 = 12.61$: sixty times worse.

# %% locked="figure-differences" run=no
# The picture below; a click shows how it is drawn.
with figure("The curve x cubed near x = 2 with h = 0.6: the line through x - h and x + h is nearly parallel to the tangent, the line through x and x + h is too steep.", size=(5.2, 3.2), xlabel="x", ylabel="f(x) = x³") as (fig, ax):
    s = np.linspace(1.1, 2.9, 100)
    ax.plot(s, s**3, color="#1a1a1a")
    ax.text(2.85, 5.5, "slope at 2: 12.00, h = 0.6", ha="right")
    for a, b, colour, name, row in [(1.4, 2.6, "#0072b2", "central: {:.2f}", 2), (2.0, 2.6, "#d55e00", "one-sided: {:.2f}", -1.5)]:
        slope = (b**3 - a**3) / (b - a)
        ax.plot(s, a**3 + slope * (s - a), color=colour, linestyle="--" if a < 2 else ":")
        ax.plot([a, b], [a**3, b**3], "o", color=colour)
        ax.text(2.85, row, name.format(slope), color=colour, ha="right", fontweight="bold")

# %% [markdown]
# ### Numerical gradient of an array (3 points)
#
# Now $x$ is an array of any shape, and $f$ takes the whole array to one number. Move one entry at a time; keep all
# others. Write the gradient into an array of the same shape.
#
# Think of two traps: the caller's `x` must be unchanged afterwards, and `x` may hold integers.

# %% solution="numeric-grad"
def numeric_grad(f, x, h=1e-5):
    """The gradient of f at x by central differences.

    f takes the whole array and returns a number.
    Shapes: x (any shape) -> gradient (the same shape)
    """
    ### BEGIN SOLUTION
    x = np.array(x, dtype=float)
    grad = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] = kept + h
        above = f(x.copy())
        x[i] = kept - h
        below = f(x.copy())
        x[i] = kept
        grad[i] = (above - below) / (2 * h)
    return grad
    ### END SOLUTION

# %% test="numeric-grad"
from autograder.assignments.a02 import check

check("numeric-grad")

# %% [markdown]
# ### X2.3 How small should h be? (3 points)
#
# Your function and your point are made from your student id. The exact slope is known.

# %% locked="function-x2-3"
c, x0 = (float(v) for v in student_rng(student_id, "A02", "x2-3").uniform([1.1, 0.5], [1.9, 0.9]))
steps = 10.0 ** -np.arange(1, 16)


def wave(x):
    return np.exp(np.sin(c * x))


true_slope = c * np.cos(c * x0) * wave(x0)
print(f"f(x) = exp(sin({c:.3f} x)) at x = {x0:.3f} has the slope {true_slope:.6f}.")

# %% [markdown]
# For each of the 15 steps in `steps`, compute the absolute error of the one-sided difference `(f(x+h) - f(x)) / h`
# and of the central difference. Give the two arrays of errors and the step with the smallest error for each.

# %% solution="experiment-x2-3"
experiment_x2_3 = {
    "one-sided": ...,  # array of 15 errors
    "central": ...,  # array of 15 errors
    "best h, one-sided": ...,
    "best h, central": ...,
}
### BEGIN SOLUTION
experiment_x2_3 = {
    "one-sided": np.abs((wave(x0 + steps) - wave(x0)) / steps - true_slope),
    "central": np.abs((wave(x0 + steps) - wave(x0 - steps)) / (2 * steps) - true_slope),
    "best h, one-sided": steps[np.argmin(np.abs((wave(x0 + steps) - wave(x0)) / steps - true_slope))],
    "best h, central": steps[np.argmin(np.abs((wave(x0 + steps) - wave(x0 - steps)) / (2 * steps) - true_slope))],
}
### END SOLUTION

# %% test="experiment-x2-3"
from autograder.assignments.a02 import check

check("experiment-x2-3")

# %% [markdown]
# Plot both errors against $h$, with logarithmic scales on both axes, labels on the axes and a name at each curve.
# `figure(alt_text, xscale="log", yscale="log", xlabel=…, ylabel=…)` and `curves(ax, steps, {"name": array, …})` do it in
# two lines.

# %% manual="plot-x2-3" points=1
### BEGIN SOLUTION
with figure(
    "Error of one-sided and central differences against the step h: both fall, then rise again.",
    xlabel="step h", ylabel="absolute error of the slope", xscale="log", yscale="log",
) as (fig, ax):
    errors = {name: np.maximum(experiment_x2_3[name], 1e-17)[::-1] for name in ("one-sided", "central")}
    curves(ax, steps[::-1], errors, markers=True)
### END SOLUTION

# %% [markdown]
# In two or three sentences: why do both curves fall at first, with which slopes, and why do they rise again?

# %% [markdown] manual="response-x2-3" points=1
# From right to left the error falls because the formula becomes more exact: like h for one-sided differences (slope 1
# in the plot), like h² for central ones (slope 2). Then it rises like 1/h: f(x+h) and f(x−h) agree in nearly all of their
# 16 digits, the subtraction leaves only rounding errors, and dividing by a small h makes them large. The best h is
# about 1e-8 for one-sided and 1e-5 to 1e-6 for central differences, whose best error is also smaller.

# %% [markdown]
# *Extra.* A step into the complex plane needs no subtraction: `f(x + 1j*h).imag / h`. With $h = 10^{-30}$ the error is at
# rounding level. Try it: `(wave(x0 + 1e-30j).imag / 1e-30) - true_slope`.

# %% [markdown]
# ## 3 One layer (50 minutes)
#
# After this section you can send a gradient backwards through an affine layer and through an activation, for a whole
# batch at once.
#
# A layer is two steps, $Z = XW + b$ and $A = g(Z)$. Each row of $X$ is one example. The backward pass gets the
# gradient of what the step returned, and gives the gradients of what the step was given. `dY` always means
# $\partial L/\partial Y$ and has the shape of `Y`.
#
# **Example.** Two examples, one input, one unit: $X = \begin{pmatrix}1\\2\end{pmatrix}$, $W = (3)$, $b = (0.5)$, so
# $Y = \begin{pmatrix}3.5\\6.5\end{pmatrix}$. Let $dY = \begin{pmatrix}0.1\\-0.4\end{pmatrix}$. Then
#
# - $dX = \begin{pmatrix}0.3\\-1.2\end{pmatrix}$: each $dY$ times the weight it went through,
# - $dW = 1\cdot 0.1 + 2\cdot(-0.4) = -0.7$: both examples pull at the same weight, so their pulls add up,
# - $db = 0.1 - 0.4 = -0.3$: the same for the bias.

# %% locked="figure-layer" run=no
# The picture below; a click shows how it is drawn.
draw_network([3, 2], names=["x", "y"], bias=True)

# %% [markdown]
# ### Affine layer, forward (2 points)
#
# Return the result and a **cache**: whatever your backward function will need. Its form is up to you.

# %% solution="affine-forward"
def affine_forward(X, W, b):
    """Y = X W + b.

    Shapes: X (N, D), W (D, M), b (M,) -> Y (N, M), cache
    """
    ### BEGIN SOLUTION
    return X @ W + b, (X, W)
    ### END SOLUTION

# %% test="affine-forward"
from autograder.assignments.a02 import check

check("affine-forward")

# %% [markdown]
# ### Affine layer, backward (5 points)
#
# Find the three formulas with the shapes alone: $dW$ is $(D, M)$, and it can only be made from $X$ $(N, D)$ and $dY$ $(N, M)$
# in one way. Check your idea on the example above.

# %% solution="affine-backward"
def affine_backward(dY, cache):
    """The gradients of X, W and b.

    Shapes: dY (N, M), cache of affine_forward -> dX (N, D), dW (D, M), db (M,)
    """
    ### BEGIN SOLUTION
    X, W = cache
    return dY @ W.T, X.T @ dY, dY.sum(axis=0)
    ### END SOLUTION

# %% test="affine-backward"
from autograder.assignments.a02 import check

check("affine-backward")

# %% [markdown]
# ### Activation, forward (2 points)
#
# An activation works on each entry alone: $A = g(Z)$. You may use the functions of A01: `sigmoid`, `tanh`, `relu`.

# %% solution="act-forward"
def act_forward(Z, name):
    """A = g(Z), entry by entry; name is "sigmoid", "tanh" or "relu".

    Shapes: Z (N, D) -> A (N, D), cache
    """
    ### BEGIN SOLUTION
    g = {"sigmoid": sigmoid, "tanh": tanh, "relu": relu}[name]
    return g(Z), (Z, name)
    ### END SOLUTION

# %% test="act-forward"
from autograder.assignments.a02 import check

check("act-forward")

# %% [markdown]
# ### Activation, backward (3 points)
#
# What works on each entry alone has a backward pass that multiplies entry by entry: $dZ = dA \odot g'(Z)$.
#
# **Example.** tanh at $z = 0.5$: $a = 0.4621$, slope $1 - a^2 = 0.7864$. With $dA = 2$ comes $dZ = 1.5729$.
#
# Two things to watch. First, *where* the slope is taken: $\sigma'(z) = \sigma(z)(1-\sigma(z))$; applying $\sigma$ once more to $a$ is a
# popular mistake. Second, the kink of ReLU: at $z = 0$ any slope from 0 to 1 is accepted (decks 000 and 001 disagree).
#
# The slopes of A01 are there: `d_sigmoid`, `d_tanh`, `d_relu`. They take $z$.

# %% solution="act-backward"
def act_backward(dA, cache):
    """dZ = dA ⊙ g′(Z).

    Shapes: dA (N, D), cache of act_forward -> dZ (N, D)
    """
    ### BEGIN SOLUTION
    Z, name = cache
    slope = {"sigmoid": d_sigmoid, "tanh": d_tanh, "relu": d_relu}[name]
    return dA * slope(Z)
    ### END SOLUTION

# %% test="act-backward"
from autograder.assignments.a02 import check

check("act-backward")

# %% [markdown]
# ## 4 The backpropagation formula (50 minutes)
#
# After this section you can derive the formula that carries δ from layer to layer, with indices and with matrices.
#
# We follow deck 000, equations (3) to (14). There $h$ is what a unit collects, $z = g(h)$ what it sends on, and
# $\delta = \partial L/\partial h$. Here is one unit with an input $z$ and weight $w$. It sends $g(h)$ to two units of the next
# layer, which collect $h_1 = w_1\,g(h) + \dots$ and $h_2 = w_2\,g(h) + \dots$
#
# **Example.** $\delta_1 = 0.5$, $\delta_2 = -0.2$, $w_1 = 2$, $w_2 = 1$, $g'(h) = 0.25$, $z = 3$. The blame that comes back is
# $0.5\cdot 2 - 0.2\cdot 1 = 0.8$; times the slope it is $\delta = 0.2$; the weight's gradient is $\delta z = 0.6$.

# %% locked="figure-delta" run=no
# The picture below; a click shows how it is drawn.
with figure("A unit h sends g(h) forward to two units h1 and h2; their deltas come back along the same weights, are added and multiplied by the slope.", size=(6.2, 3.2)) as (fig, ax):
    ax.set_axis_off()
    ax.set(xlim=(-0.6, 5.4), ylim=(-2.2, 2.0))
    spots = {"z": (0, 0), "h": (2, 0), "h₁": (4.6, 1.5), "h₂": (4.6, -1.5)}
    for a, b, there, back in [("z", "h", "w", "δ z"), ("h", "h₁", "w₁", "δ₁ w₁"), ("h", "h₂", "w₂", "δ₂ w₂")]:
        (x0, y0), (x1, y1) = spots[a], spots[b]
        for shift, colour, ends in [(0.09, "#1a1a1a", ((x1, y1), (x0, y0))), (-0.09, "#d55e00", ((x0, y0), (x1, y1)))]:
            (ex, ey), (sx, sy) = ends
            ax.annotate("", (ex, ey + shift), (sx, sy + shift), arrowprops={"arrowstyle": "->", "color": colour, "shrinkA": 16, "shrinkB": 16})
        ax.text(0.4 * x0 + 0.6 * x1, 0.4 * y0 + 0.6 * y1 + 0.3, there, ha="center", color="#1a1a1a")
        ax.text(0.4 * x0 + 0.6 * x1, 0.4 * y0 + 0.6 * y1 - 0.55, back, ha="center", color="#b34700")
    for name, (x, y) in spots.items():
        ax.text(x, y, name, ha="center", va="center", bbox={"boxstyle": "circle,pad=0.4", "fc": "#fdf0e3", "ec": "#1a1a1a"})
    ax.text(1.2, -1.3, "δ = g′(h)(δ₁w₁ + δ₂w₂)", ha="center", color="#b34700")

# %% [markdown]
# ### D2.2 From equation (6) to equation (14) (6 points)
#
# Names: `dL_dh`, `dh_dw`, `delta`, `z`; `dL_dh1`, `dL_dh2`, `dh1_dh`, `dh2_dh`, `delta1`, `delta2`, `w1`, `w2`; `gp` is $g'(h)$.
#
# 1. (6) $\partial L/\partial w$ by the chain rule, through $h$
# 2. (7) the same, with `delta` for $\partial L/\partial h$
# 3. (8), (9) the same, with $\partial h/\partial w$ worked out
# 4. (10) $\partial L/\partial h$ as a sum over the two units of the next layer
# 5. (11) the same, with `delta1`, `delta2`
# 6. (12) $\partial h_1/\partial h$ with `w1` and `gp`
# 7. (13) line 5, with (12) put in for both units
# 8. (14) line 7, with `gp` written only once, in front of the sum

# %% [markdown]
# Now the same for a batch, in matrix form: $H = ZW + b$, and `Delta` is $\partial L/\partial H$, with the shape of $H$. `Gp` is $g'$ at the
# layer that made $Z$, with the shape of $Z$. You may use `@`, `.T`, `*` and `sum(…, axis=0)`.
#
# 9. $\partial L/\partial W$: equation (9) for all weights, summed over the examples
# 10. $\partial L/\partial b$
# 11. $\partial L/\partial Z$: the sum in equation (14), for all units and examples
# 12. the `Delta` of the layer below: equation (14) complete

# %% solution="derivation-d2-2"
d2_2 = [
    ### BEGIN SOLUTION
    "dL_dh*dh_dw",
    "delta*dh_dw",
    "delta*z",
    "dL_dh1*dh1_dh + dL_dh2*dh2_dh",
    "delta1*dh1_dh + delta2*dh2_dh",
    "w1*gp",
    "delta1*w1*gp + delta2*w2*gp",
    "gp*(delta1*w1 + delta2*w2)",
    "Z.T @ Delta",
    "sum(Delta, axis=0)",
    "Delta @ W.T",
    "(Delta @ W.T)*Gp",
    ### END SOLUTION
]

# %% test="derivation-d2-2"
from autograder.assignments.a02 import check

check("derivation-d2-2")

# %% [markdown]
# ### Slide error E02 (1 point)
#
# The slides contain a few errors; in this course they have the numbers E01 to E17, and finding them is part of it.
# Deck 000 prints equation (9) as $\;\partial L/\partial W_{[i,j]} = \delta_{[l]}\times z_{[i]}$, and the text below it says "multiplying the value of
# $\delta_{[j]}$ by the value of $z_{[j]}$". One index in each is wrong. Prove it with numbers: run the cell, then compute the gradient of the
# weight from input 1 to unit 0 (counted from 0, as in Python).

# %% locked="numbers-e02"
rng = student_rng(student_id, "A02", "e02")
z_e02 = rng.choice([0.2, 0.5, 1.5, 2.0], 2, replace=False)
delta_e02 = rng.choice([-0.3, 0.1, 0.4, 0.6], 3, replace=False)
print("inputs z:", z_e02, "  deltas of the three units:", delta_e02)

# %% solution="slide-e02"
slide_e02 = {
    "index of delta": ...,  # "i", "j" or "l"
    "index of z": ...,  # "i", "j" or "l"
    "dL/dW[1,0]": ...,  # a number
}
### BEGIN SOLUTION
slide_e02 = {"index of delta": "j", "index of z": "i", "dL/dW[1,0]": z_e02[1] * delta_e02[0]}
### END SOLUTION

# %% test="slide-e02"
from autograder.assignments.a02 import check

check("slide-e02")

# %% [markdown]
# ## 5 The first δ: losses (55 minutes)
#
# After this section you know why the gradient at the output is so often "prediction minus truth".
#
# Backpropagation has to start somewhere. For the last layer, δ comes from the loss. Two outputs with their losses
# give the same simple δ.
#
# **Example.** Sigmoid output $a = 0.8$, truth $y = 1$: loss $-\ln 0.8 = 0.2231$. Raise the score $z$ by 0.01: the loss is
# 0.2211. The slope is $-0.2 = a - y$.

# %% [markdown]
# ### D2.3 Sigmoid with binary cross-entropy (2.5 points)
#
# $L = -(y\log a + (1-y)\log(1-a))$ and $a = \sigma(z)$, so $\partial a/\partial z = a(1-a)$. From deck 001, in five lines, with `a` and `y`:
#
# 1. $\partial L/\partial a$, each logarithm differentiated
# 2. the same over the common denominator `a*(1 - a)`
# 3. the same with the numerator simplified
# 4. $\partial L/\partial z$: line 3 times $\partial a/\partial z$
# 5. the same, simplified

# %% solution="derivation-d2-3"
d2_3 = [
    ### BEGIN SOLUTION
    "-(y/a - (1 - y)/(1 - a))",
    "-(y*(1 - a) - (1 - y)*a)/(a*(1 - a))",
    "(a - y)/(a*(1 - a))",
    "(a - y)/(a*(1 - a))*a*(1 - a)",
    "a - y",
    ### END SOLUTION
]

# %% test="derivation-d2-3"
from autograder.assignments.a02 import check

check("derivation-d2-3")

# %% [markdown]
# ### D2.4 Softmax with cross-entropy (3 points)
#
# Deck 002: $x \to a \to z = g(a) \to b \to \hat y = \text{softmax}(b)$. Three classes, and class 1 is the right one:
# $J = -\log\frac{e^{b_1}}{e^{b_1}+e^{b_2}+e^{b_3}}$.
#
# 1. $J$ as a difference: the logarithm of the quotient taken apart, with `b1`, `b2`, `b3`
# 2. $\partial J/\partial b_1$
# 3. $\partial J/\partial b_2$
# 4. both in one formula, with `yhat` for the probability of a class and `y` for 1 (right class) or 0: this is $\delta^w$
# 5. the gradient of a weight of that class, $b = w z + \dots$, with `yhat`, `y` and `z`
# 6. $\delta^v = \partial J/\partial a$ of one hidden unit, with `d1`, `d2`, `d3` for the three $\delta^w$, `w1`, `w2`, `w3` for its weights, and `gp` for $g'(a)$

# %% solution="derivation-d2-4"
d2_4 = [
    ### BEGIN SOLUTION
    "log(exp(b1) + exp(b2) + exp(b3)) - b1",
    "exp(b1)/(exp(b1) + exp(b2) + exp(b3)) - 1",
    "exp(b2)/(exp(b1) + exp(b2) + exp(b3))",
    "yhat - y",
    "(yhat - y)*z",
    "(d1*w1 + d2*w2 + d3*w3)*gp",
    ### END SOLUTION
]

# %% test="derivation-d2-4"
from autograder.assignments.a02 import check

check("derivation-d2-4")

# %% [markdown]
# ### Slide error E05 (0.5 points)
#
# Deck 001 calls $\sum_{i\in B}\nabla\log P(y_i|x_i)$ the gradient of the loss for a batch $B$ of $n$ examples. Two things are missing: walk
# against *this* gradient, and the likelihood falls. Give the factor that has to stand in front of the sum when the loss is the mean
# cross-entropy of the batch, and the mean cross-entropy of your batch.

# %% locked="numbers-e05-e06"
rng = student_rng(student_id, "A02", "e05")
p_e05 = rng.choice([0.1, 0.2, 0.25, 0.4, 0.5, 0.8], 4, replace=False)
w_e06 = rng.choice([-2.0, -1.0, 0.5, 1.5, 3.0], 2, replace=False)
a_e06 = rng.choice([-1.0, 0.0, 0.5, 1.0], 2, replace=False)
print("E05: probabilities of the right classes:", p_e05)
print("E06: weights w of one output:", w_e06)
print("     summed inputs a of the hidden units:", a_e06, "with g = tanh")

# %% solution="slide-e05"
slide_e05 = {
    "factor": ...,  # a string with n
    "mean cross-entropy": ...,  # a number, in nats
}
### BEGIN SOLUTION
slide_e05 = {"factor": "-1/n", "mean cross-entropy": -np.mean(np.log(p_e05))}
### END SOLUTION

# %% test="slide-e05"
from autograder.assignments.a02 import check

check("slide-e05")

# %% [markdown]
# ### Slide error E06 (1 point)
#
# Deck 002 writes $b_{nk} = \sum_j w_{kj}\,g(a_{nj}) = w_{kj}\,g'(a_{nj})$. The second equals sign is wrong: a value is not its
# derivative. Give what equals $w_{kj}\,g'(a_{nj})$, and show with the numbers printed above that $b$ is something else.
#
# The same deck says that $\delta = \hat y - y$ holds "for any GLM" (generalised linear model). It needs a loss that fits the output: give
# $\delta = \partial L/\partial b$ for a sigmoid $\hat y = \sigma(b)$ with $L = \tfrac12(\hat y - y)^2$.

# %% solution="slide-e06"
slide_e06 = {
    "equals w g'(a)": ...,  # "b", "db/da" or "db/dw"
    "b": ...,  # the number
    "w0 g'(a0)": ...,  # the number for the first hidden unit
    "delta, squared error": ...,  # a string with yhat and y
}
### BEGIN SOLUTION
slide_e06 = {"equals w g'(a)": "db/da", "b": w_e06 @ tanh(a_e06), "w0 g'(a0)": w_e06[0] * d_tanh(a_e06[0])}
slide_e06 |= {"delta, squared error": "(yhat - y)*yhat*(1 - yhat)"}
### END SOLUTION

# %% test="slide-e06"
from autograder.assignments.a02 import check

check("slide-e06")

# %% [markdown]
# ### Softmax and cross-entropy in one function (5 points)
#
# Loss and gradient share their work, so they come from one function. The loss is the **mean** over the $N$ examples. Scores
# may be huge; nothing may overflow. `log_softmax` and `softmax` of A01 are there.
#
# **Example.** $Z = (0, \ln 3)$, $y = 1$: probabilities 0.25 and 0.75, loss $-\ln 0.75 = 0.2877$, $dZ = (0.25, -0.25)$. With two such rows
# the loss is the same and each row of $dZ$ is half as large. Why?

# %% solution="softmax-ce"
def softmax_ce(Z, y):
    """Mean cross-entropy of the softmax of scores, and its gradient.

    L = -1/N Σ_n log softmax(Z_n)[y_n]
    Shapes: Z (N, C), y (N,) whole numbers 0 … C-1 -> loss (a number, in nats), dZ (N, C)
    """
    ### BEGIN SOLUTION
    rows = np.arange(len(y))
    log_p = log_softmax(Z)
    dZ = np.exp(log_p)
    dZ[rows, y] -= 1
    return -np.mean(log_p[rows, y]), dZ / len(y)
    ### END SOLUTION

# %% test="softmax-ce"
from autograder.assignments.a02 import check

check("softmax-ce")

# %% [markdown]
# ## 6 A whole network (65 minutes)
#
# After this section you have forward and backward passes for networks of any depth, and a report that says which
# gradient is wrong.
#
# The procedure of deck 000 in four steps: run forward and keep what is needed; compute δ at the output; carry it back
# with equation (14); get every weight's gradient with equation (9). Deck 003 says the same as Algorithms 6.3 and 6.4.

# %% [markdown]
# ### X2.1 Your own numbers (2 points)
#
# First once by hand, as deck 001 asks: the network has two inputs, two ReLU units and one sigmoid output,
# $z_1 = xW_1 + b_1$, $a_1 = \text{relu}(z_1)$, $z_2 = a_1 W_2 + b_2$, $\hat y = \sigma(z_2)$, with binary cross-entropy. From D2.3 you know that
# $\partial L/\partial z_2 = \hat y - y$. Use a pocket calculator; three digits are enough.

# %% locked="numbers-x2-1"
rng = student_rng(student_id, "A02", "x2-1")
z = np.zeros(2)
while not (z[0] > 0.2 and z[1] < -0.2):
    x_own = rng.integers(-20, 21, 2) / 10
    W1_own = rng.integers(-10, 11, (2, 2)) / 10
    b1_own = rng.integers(-5, 6, 2) / 10
    z = x_own @ W1_own + b1_own
W2_own = rng.choice([-1.0, -0.5, 0.5, 1.0], 2)
b2_own, y_own = float(rng.choice([-0.5, 0.2, 0.4])), int(rng.integers(0, 2))
print(f"x = {x_own}, y = {y_own}\nW1 =\n{W1_own}\nb1 = {b1_own}, W2 = {W2_own}, b2 = {b2_own}")

# %% locked="figure-x2-1" run=no
# The picture below; a click shows how it is drawn.
draw_network([2, 2, 1], weights=[W1_own, W2_own[:, None]], names=["x", "a", "ŷ"])

# %% solution="experiment-x2-1"
experiment_x2_1 = {
    "z1": ...,  # [number, number]
    "a1": ...,
    "z2": ...,  # a number
    "yhat": ...,
    "loss": ...,
    "dz2": ...,
    "dW2": ...,  # [number, number]
    "dz1": ...,
    "dW1": ...,  # [[number, number], [number, number]], rows belong to inputs
    "db1": ...,
}
### BEGIN SOLUTION
z1 = x_own @ W1_own + b1_own
a1 = relu(z1)
z2 = a1 @ W2_own + b2_own
dz2 = sigmoid(z2) - y_own
dz1 = dz2 * W2_own * d_relu(z1)
experiment_x2_1 = {"z1": z1, "a1": a1, "z2": z2, "yhat": sigmoid(z2), "loss": bce_with_logits(np.array([z2]), np.array([y_own]))}
experiment_x2_1 |= {"dz2": dz2, "dW2": dz2 * a1, "dz1": dz1, "dW1": np.outer(x_own, dz1), "db1": dz1}
### END SOLUTION

# %% test="experiment-x2-1"
from autograder.assignments.a02 import check

check("experiment-x2-1")

# %% [markdown]
# ### X2.2 The example of deck 003 (2 points)
#
# Deck 003 shows a network with $a^{(k)} = W^{(k)}h^{(k-1)} + b^{(k)}$ (columns here, weights on the left), ReLU units and linear
# outputs. The slide prints $a$ and $h$ but not the biases; they were in the picture, which is lost. The slide "Example" after
# Algorithm 6.4 is blank. You fill both.
#
# **Worked.** With target $y=(0,1)$ and $L = \tfrac12\lVert\hat y-y\rVert^2$: $g^{(3)} = \hat y - y = (-0.4, -0.2)$, so
# $dW^{(3)} = g^{(3)}h^{(2)T} = \begin{pmatrix}-0.24&-0.12\\-0.12&-0.06\end{pmatrix}$. Then $g \leftarrow W^{(3)T}g$, times the slope of ReLU, and so on.

# %% locked="numbers-x2-2"
x_book = np.array([0.0, 1.0, 0.5])
W1_book = np.array([[0.5, 0.6, -0.4], [0.4, 0.1, 0.2], [-0.7, 0.5, -0.8]])
W2_book = np.array([[-0.5, 0.5, -0.4], [0.2, 0.6, 0.8]])
W3_book = np.array([[0.3, -0.6], [0.9, 0.2]])
a1_book, a2_book, a3_book = np.array([0.6, 0.8, -0.3]), np.array([0.6, 0.3]), np.array([-0.4, 0.8])
targets = [[1.0, 0.0], [0.0, 0.0], [1.0, 1.0], [-1.0, 1.0], [0.5, 0.5], [0.0, -1.0]]
y_book = np.array(targets[student_rng(student_id, "A02", "x2-2").integers(6)])
print("your target y =", y_book)

# %% locked="figure-x2-2" run=no
# The picture below; a click shows how it is drawn.
h_book = [x_book, relu(a1_book), relu(a2_book), a3_book]
draw_network([3, 3, 2, 2], names=["x", "h1", "h2", "ŷ"], values=h_book)

# %% solution="experiment-x2-2"
experiment_x2_2 = {
    "b1": ...,  # the lost biases, [number, number, number]
    "b2": ...,
    "b3": ...,
    "dW3": ...,  # gradients for your target, in the shapes of the matrices
    "dW2": ...,
    "dW1": ...,
}
### BEGIN SOLUTION
h1, h2 = relu(a1_book), relu(a2_book)
g3 = a3_book - y_book
g2 = (W3_book.T @ g3) * d_relu(a2_book)
g1 = (W2_book.T @ g2) * d_relu(a1_book)
experiment_x2_2 = {"b1": a1_book - W1_book @ x_book, "b2": a2_book - W2_book @ h1, "b3": a3_book - W3_book @ h2}
experiment_x2_2 |= {"dW3": np.outer(g3, h2), "dW2": np.outer(g2, h1), "dW1": np.outer(g1, x_book)}
### END SOLUTION

# %% test="experiment-x2-2"
from autograder.assignments.a02 import check

check("experiment-x2-2")

# %% [markdown]
# ### Forward through any number of layers (3 points)
#
# `params` holds `"W1"`, `"b1"`, … `"WL"`, `"bL"`. The activation comes after every layer **but the last**: the output is
# scores. Use `affine_forward` and `act_forward`. If one of them is wrong, you do not lose points here for it.

# %% solution="mlp-forward"
def mlp_forward(X, params, act="tanh"):
    """A_k = g(A_{k-1} W_k + b_k) for k < L, Z = A_{L-1} W_L + b_L.

    Shapes: X (N, D), params W1 (D, D1), b1 (D1,), … -> Z (N, D_L), cache
    """
    ### BEGIN SOLUTION
    L = len(params) // 2
    A, caches = X, []
    for k in range(1, L + 1):
        Z, affine_cache = affine_forward(A, params[f"W{k}"], params[f"b{k}"])
        act_cache = None
        if k < L:
            A, act_cache = act_forward(Z, act)
        caches.append((affine_cache, act_cache))
    return Z, caches
    ### END SOLUTION

# %% test="mlp-forward"
from autograder.assignments.a02 import check

check("mlp-forward")

# %% [markdown]
# ### Backward through any number of layers (5 points)
#
# From the last layer to the first. Return a dict with the keys of `params`.

# %% solution="mlp-backward"
def mlp_backward(dZ, cache):
    """The gradients of all parameters, given that of the scores.

    Shapes: dZ (N, D_L), cache of mlp_forward -> dict "W1": (D, D1), "b1": (D1,), …
    """
    ### BEGIN SOLUTION
    grads = {}
    for k in range(len(cache), 0, -1):
        affine_cache, act_cache = cache[k - 1]
        if act_cache is not None:
            dZ = act_backward(dZ, act_cache)
        dZ, grads[f"W{k}"], grads[f"b{k}"] = affine_backward(dZ, affine_cache)
    return grads
    ### END SOLUTION

# %% test="mlp-backward"
from autograder.assignments.a02 import check

check("mlp-backward")

# %% [markdown]
# ### Gradient check report (3 points)
#
# Compare each gradient $g$ with the numerical one, $n$, by one number a name. An absolute difference will not do: $10^{-4}$ is nothing for
# gradients around 1000 and everything for gradients around $10^{-4}$. Divide by the size of the gradients. And when both are all
# zero, as for a unit that is off, the error is 0, not 0/0.
#
# **Example.** $g = (1.00, 50)$, $n = (1.01, 50)$: $\max|g-n| = 0.01$, $\max(|g|,|n|) = 50$, error 0.0002.

# %% solution="gradcheck-report"
def gradcheck_report(f, params, grads):
    """max|g - n| / max(max|g|, max|n|) for every name; 0 where both are all zero.

    f takes a dict like params and returns a number; params and grads are dicts of arrays.
    Returns a dict name -> number.
    """
    ### BEGIN SOLUTION
    report = {}
    for name, g in grads.items():
        n = numeric_grad(lambda value, name=name: f({**params, name: value}), params[name])
        size = max(np.abs(g).max(), np.abs(n).max())
        report[name] = float(np.abs(g - n).max() / size) if size > 0 else 0.0
    return report
    ### END SOLUTION

# %% test="gradcheck-report"
from autograder.assignments.a02 import check

check("gradcheck-report")

# %% [markdown]
# Now use it on your own network: every error below should be under $10^{-6}$.

# %% run=no
def try_report():
    rng = student_rng(student_id, "A02", "try")
    X, y = rng.normal(size=(5, 3)), rng.integers(0, 2, 5)
    params = {"W1": rng.normal(size=(3, 7)), "b1": rng.normal(size=7)}
    params |= {"W2": rng.normal(size=(7, 2)), "b2": rng.normal(size=2)}
    Z, cache = mlp_forward(X, params)
    loss, dZ = softmax_ce(Z, y)

    def f(p):
        return softmax_ce(mlp_forward(X, p)[0], y)[0]

    return gradcheck_report(f, params, mlp_backward(dZ, cache))


try:
    for name, error in try_report().items():
        print(f"{name}: {error:.1e}")
except Exception as error:
    print("Not everything above works yet; come back when it does.", error)

# %% [markdown]
# ## 7 The network of deck 004 (75 minutes)
#
# After this section you have trained a network with gradients that you derived yourself, one example a step.
#
# Deck 004 folds the biases into the weights: $x_0 = 1$ and $z_0 = 1$, so column 0 of $\alpha$ and entry 0 of $\beta$ are biases.
#
# $$a_j = \sum_{i=0}^M \alpha_{ji}x_i,\quad z_j = \sigma(a_j),\quad b = \sum_{j=0}^D \beta_j z_j,\quad \hat y = \sigma(b)$$
#
# **Example.** $M=D=1$, $x=2$, $\alpha=(-1, 1)$, $\beta=(0.5, 1)$, $y=1$: $a=1$, $z=(1, 0.7311)$, $b=1.2311$, $\hat y=0.7740$, $J=0.2562$.
# Backward: $\hat y-y=-0.2260$; $g_\beta=(-0.2260, -0.1652)$; $\partial J/\partial a = -0.2260\cdot 1\cdot 0.7311\cdot 0.2689=-0.0444$; $g_\alpha=(-0.0444, -0.0889)$.

# %% locked="figure-cmu" run=no
# The picture below; a click shows how it is drawn.
draw_network([3, 2, 1], names=["x", "z", "ŷ"], bias=True)

# %% [markdown]
# ### Slide error E03 (1 point)
#
# The slide has $J = y^*\log y + (1-y^*)\log(1-y)$, and SGD *subtracts* its gradient ($y^*$ is the truth, `t` below).
# Repair $J$, and find out with your number what the slide's version does.

# %% locked="numbers-e03-e04"
rng = student_rng(student_id, "A02", "e03")
y_e03 = float(rng.choice([0.6, 0.7, 0.8, 0.9]))
dJ_da_e04 = rng.choice([-0.3, -0.1, 0.2, 0.5], 2, replace=False)
alpha_e04 = rng.choice([-2.0, -1.0, 0.5, 1.0, 2.0], (2, 3))
print(f"E03: the truth is t = 1, the network says y = {y_e03}")
print(f"E04: dJ/da = {dJ_da_e04}, alpha =\n{alpha_e04}")

# %% solution="slide-e03"
slide_e03 = {
    "J": ...,  # a string with t, y, log
    "dJ/db as on the slide": ...,  # a number
    "one step moves b": ...,  # "up" or "down", with the slide's J
}
### BEGIN SOLUTION
slide_e03 = {"J": "-(t*log(y) + (1 - t)*log(1 - y))", "dJ/db as on the slide": 1 - y_e03, "one step moves b": "down"}
### END SOLUTION

# %% test="slide-e03"
from autograder.assignments.a02 import check

check("slide-e03")

# %% [markdown]
# ### D2.5 The backward table (3.5 points)
#
# With the **repaired** $J$. Names: `t`, `y`, `b`, `z`, `beta`, `a`, `alpha`, `x`; in the last line `beta1`, `z1`, `alpha1`, `beta2`, … for $D=2$ hidden units.
#
# 1. $dJ/dy$
# 2. $dJ/db$, with `y` and `t` only, simplified
# 3. $dJ/d\beta_j$, from here on built on line 2
# 4. $dJ/dz_j$
# 5. $dJ/da_j$, with `z*(1 - z)` for the slope of the sigmoid
# 6. $dJ/d\alpha_{ji}$
# 7. $dJ/dx_i$, where $x_i$ reaches $J$ through both hidden units

# %% solution="derivation-d2-5"
d2_5 = [
    ### BEGIN SOLUTION
    "-t/y + (1 - t)/(1 - y)",
    "y - t",
    "(y - t)*z",
    "(y - t)*beta",
    "(y - t)*beta*z*(1 - z)",
    "(y - t)*beta*z*(1 - z)*x",
    "(y - t)*(beta1*z1*(1 - z1)*alpha1 + beta2*z2*(1 - z2)*alpha2)",
    ### END SOLUTION
]

# %% test="derivation-d2-5"
from autograder.assignments.a02 import check

check("derivation-d2-5")

# %% [markdown]
# ### Slide error E04 (1 point)
#
# The slide's last line is $\frac{dJ}{dx_i} = \sum_{j=0}^{D}\frac{dJ}{da_j}\frac{da_j}{dx_i}$. With which $j$ must the sum begin, and what is $dJ/dx_1$ for the
# numbers printed above? (In `alpha`, row 0 belongs to hidden unit 1; column 0 holds the biases.)

# %% solution="slide-e04"
slide_e04 = {
    "first j": ...,
    "dJ/dx_1": ...,
}
### BEGIN SOLUTION
slide_e04 = {"first j": 1, "dJ/dx_1": dJ_da_e04 @ alpha_e04[:, 1]}
### END SOLUTION

# %% test="slide-e04"
from autograder.assignments.a02 import check

check("slide-e04")

# %% [markdown]
# ### D2.6 Find two planted errors (2 points)
#
# Deck 004 simplifies the derivative of $s = 1/(1+e^{-b})$ in lines (2) to (9). In your copy, **two lines are wrong**: each is different in value from
# all the right ones. Numbers find them faster than looking: put in a value of $b$.

# %% locked="lines-d2-6"
# The lines below; a click shows how they are made.
RIGHT_LINES = {
    2: "exp(-b)/(exp(-b)+1)**2",
    3: "(exp(-b)+1-1)/(exp(-b)+1+1-1)**2",
    4: "(exp(-b)+1-1)/(exp(-b)+1)**2",
    5: "(exp(-b)+1)/(exp(-b)+1)**2 - 1/(exp(-b)+1)**2",
    6: "1/(exp(-b)+1) - 1/(exp(-b)+1)**2",
    7: "1/(exp(-b)+1) - (1/(exp(-b)+1))*(1/(exp(-b)+1))",
    8: "1/(exp(-b)+1)*(1 - 1/(exp(-b)+1))",
    9: "s*(1-s)",
}


def with_two_slips(rng):
    """The lines with two of them spoilt, not next to each other."""
    lines, first = dict(RIGHT_LINES), int(rng.integers(3, 6))
    for k in (first, int(rng.integers(first + 2, 9))):
        slips = [("**2", ""), (" - ", " + "), ("+1-1", "+1"), ("exp(-b)", "exp(b)")]
        slips = [slip for slip in slips if slip[0] in lines[k]]
        lines[k] = lines[k].replace(*slips[int(rng.integers(len(slips)))], 1)
    return lines


for k, line in with_two_slips(student_rng(student_id, "A02", "d2-6")).items():
    print(f"({k})  ds/db = {line}")

# %% solution="derivation-d2-6"
d2_6 = {
    "first wrong line": ...,  # its number
    "first line mended": ...,  # a string
    "second wrong line": ...,
    "second line mended": ...,
}
### BEGIN SOLUTION
shown = with_two_slips(student_rng(student_id, "A02", "d2-6"))
first, second = (k for k in shown if shown[k] != RIGHT_LINES[k])
d2_6 = {"first wrong line": first, "first line mended": RIGHT_LINES[first]}
d2_6 |= {"second wrong line": second, "second line mended": RIGHT_LINES[second]}
### END SOLUTION

# %% test="derivation-d2-6"
from autograder.assignments.a02 import check

check("derivation-d2-6")

# %% [markdown]
# ### The network forward (3 points)
#
# One example at a time. Return a dict with the keys `x`, `a`, `z`, `b`, `yhat`, `J`; `x` and `z` begin with the 1 of the bias.

# %% solution="nn-forward"
def nn_forward(x, y, alpha, beta):
    """All quantities of the forward pass for one example; J = -(y log ŷ + (1-y) log(1-ŷ)).

    Shapes: x (M,), y 0 or 1, alpha (D, M+1), beta (D+1,)
        -> dict x (M+1,), a (D,), z (D+1,), b, yhat, J
    """
    ### BEGIN SOLUTION
    x = np.concatenate([[1.0], x])
    a = alpha @ x
    z = np.concatenate([[1.0], sigmoid(a)])
    b = float(beta @ z)
    yhat = float(sigmoid(b))
    return {"x": x, "a": a, "z": z, "b": b, "yhat": yhat, "J": -(y * np.log(yhat) + (1 - y) * np.log(1 - yhat))}
    ### END SOLUTION

# %% test="nn-forward"
from autograder.assignments.a02 import check

check("nn-forward")

# %% [markdown]
# ### The network backward (4 points)
#
# Your table D2.5 in code, from the top down. `o` is the dict of `nn_forward`. The 1 in front of $z$ has no incoming weights.

# %% solution="nn-backward"
def nn_backward(x, y, alpha, beta, o):
    """The gradients of J for one example.

    Shapes: arguments of nn_forward and its result o -> g_alpha (D, M+1), g_beta (D+1,)
    """
    ### BEGIN SOLUTION
    db = o["yhat"] - y
    z = o["z"][1:]
    da = db * beta[1:] * z * (1 - z)
    return np.outer(da, o["x"]), db * o["z"]
    ### END SOLUTION

# %% test="nn-backward"
from autograder.assignments.a02 import check

check("nn-backward")

# %% [markdown]
# ### Training (4 points)
#
# Algorithm 1 of deck 004, and the recipe behind it: data, a decision function, a loss, and small steps against the gradient.
# After each **epoch** (one pass over the training data, in the order given, one step an example), measure the mean $J$ over all
# training data and over all test data. The caller's `alpha` and `beta` stay as they were.

# %% solution="sgd-train"
def sgd_train(data, data_test, alpha, beta, epochs, gamma):
    """Stochastic gradient descent with steps of size gamma.

    Shapes: data (X (N, M), y (N,)), data_test likewise, alpha (D, M+1), beta (D+1,)
        -> alpha, beta, J_train (epochs,), J_test (epochs,)
    """
    ### BEGIN SOLUTION
    def mean_J(X, y):
        return np.mean([nn_forward(x, t, alpha, beta)["J"] for x, t in zip(X, y)])

    J_train, J_test = [], []
    for _ in range(epochs):
        for x, y in zip(*data):
            g_alpha, g_beta = nn_backward(x, y, alpha, beta, nn_forward(x, y, alpha, beta))
            alpha = alpha - gamma * g_alpha
            beta = beta - gamma * g_beta
        J_train.append(mean_J(*data))
        J_test.append(mean_J(*data_test))
    return alpha, beta, np.array(J_train), np.array(J_test)
    ### END SOLUTION

# %% test="sgd-train"
from autograder.assignments.a02 import check

check("sgd-train")

# %% [markdown]
# ## 8 Two experiments (35 minutes)
#
# After this section you have seen what one lost minus sign does, and you have watched blame move through a network.
#
# The next cell trains the network of section 7 with **given** gradients: central differences, so slow but right. With
# `USE_MINE = True` (section 0) it takes your `nn_backward` instead.

# %% locked="given-training" run=no
def packed_loss(theta, x, y, D):
    """Cross-entropy for one example, for one packed parameter vector or a stack of them."""
    alpha = theta[..., : D * (len(x) + 1)].reshape(*theta.shape[:-1], D, len(x) + 1)
    beta = theta[..., D * (len(x) + 1) :]
    hidden = sigmoid(alpha[..., 0] + alpha[..., 1:] @ x)
    score = beta[..., 0] + (beta[..., 1:] * hidden).sum(axis=-1)
    return np.logaddexp(0.0, score) - y * score


def packed_slope(theta, x, y, D):
    """Its gradient: given, or from your functions."""
    if USE_MINE:
        alpha = theta[: D * (len(x) + 1)].reshape(D, len(x) + 1)
        beta = theta[D * (len(x) + 1) :]
        try:
            g_alpha, g_beta = nn_backward(x, y, alpha, beta, nn_forward(x, y, alpha, beta))
            return np.concatenate([g_alpha.ravel(), g_beta])
        except Exception as error:
            advice = "Mend it, or set USE_MINE = False."
            raise RuntimeError(f"Your nn_forward or nn_backward fails: {error}. {advice}") from error
    moves = 1e-5 * np.eye(theta.size)
    return (packed_loss(theta + moves, x, y, D) - packed_loss(theta - moves, x, y, D)) / 2e-5


def train_packed(X, y, D, epochs, gamma, rng, sign=1.0):
    """SGD from random weights -> the parameters after each epoch, (epochs + 1, P)."""
    theta = rng.normal(size=D * (X.shape[1] + 1) + D + 1)
    history = [theta]
    for _ in range(epochs):
        for n in range(len(X)):
            theta = theta - gamma * sign * packed_slope(theta, X[n], y[n], D)
        history.append(theta)
    return np.array(history)

# %% [markdown]
# ### X2.5 Deck 004 taken at its word (3 points)
#
# Two clouds of points, ten epochs. Once $J$ has the minus (E03), once it is used exactly as printed.

# %% locked="run-x2-5" run=no
# The experiment; a click shows its code.
rng = student_rng(student_id, "A02", "x2-5")
y_clouds = np.arange(40) % 2
X_clouds = rng.normal(size=(40, 2)) + np.where(y_clouds == 1, 1.2, -1.2)[:, None]
entropies = {}
for name, sign in {"with the minus": 1.0, "as printed": -1.0}.items():
    weights = student_rng(student_id, "A02", "x2-5", "weights")
    history = train_packed(X_clouds, y_clouds, 3, 10, 0.1, weights, sign)
    losses = [packed_loss(history, x, t, 3) for x, t in zip(X_clouds, y_clouds)]
    entropies[name] = np.mean(losses, axis=0)

ends = {name: round(float(J[-1]), 2) for name, J in entropies.items()}
with figure(
    f"Mean cross-entropy over 10 epochs, at the end in nats: {ends}.",
    xlabel="epoch", ylabel="mean cross-entropy (nats)", yscale="log",
) as (fig, ax):
    ax.set_xticks(range(0, 11, 2))
    curves(ax, np.arange(11), entropies)
print("nats at the end:", ends)

# %% [markdown]
# Explain in three to five sentences: what does the network as printed learn, what does its predicted probability of the right class do,
# and why can its curve go on rising without end while the other one is bounded by 0?

# %% [markdown] manual="response-x2-5" points=3
# As printed, J is the log-likelihood, and subtracting its gradient walks downhill on the likelihood: each step makes the
# right label less probable. The network learns to answer the opposite, with growing confidence. The probability of the
# right class goes towards 0, and the cross-entropy −log p has no upper bound, so the curve rises as long as the
# weights grow. With the minus, −log p is pushed down; it cannot fall below 0, since p cannot exceed 1.

# %% [markdown]
# ### X2.6 Where is the blame? (3 points)
#
# XOR with three hidden units. The gradient of a unit's bias *is* its δ. The map shows δ for each of the four examples
# (rows), at four moments: three hidden units, then the output. Red means "should have been lower", blue "should have been higher".

# %% locked="run-x2-6" run=no
# The experiment; a click shows its code.
X_xor, y_xor = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([0, 1, 1, 0])
history = train_packed(X_xor, y_xor, 3, 1000, 0.8, student_rng(student_id, "A02", "x2-6"))
moments = [0, 50, 200, 1000]
biases = [0, 3, 6, 9]  # where the biases of the three hidden units and of the output stand
deltas = [[packed_slope(history[e], x, t, 3)[biases] for x, t in zip(X_xor, y_xor)] for e in moments]
deltas = np.round(np.hstack(deltas), 2) + 0.0
alt = "Heat map of delta: examples in rows; in columns three hidden units and the output, at four epochs."
with figure(alt, size=(8.4, 3.2)) as (fig, ax):
    names = ["a₁", "a₂", "a₃", "b"] * 4
    heatmap(ax, deltas, rows=["00", "01", "10", "11"], cols=names, signed=True, fmt="{:.2f}", label="δ")
    for k, epoch in enumerate(moments):
        ax.axvline(4 * k - 0.5, color="#1a1a1a", linewidth=2)
        ax.text(4 * k + 1.5, -0.65, f"epoch {epoch}", ha="center")
    ax.set_ylabel("example")
J_xor = np.mean([packed_loss(history, x, t, 3) for x, t in zip(X_xor, y_xor)], axis=0)
print("mean cross-entropy:", {epoch: round(float(J_xor[epoch]), 3) for epoch in moments})

# %% [markdown]
# Read your map, three to five sentences: how does δ of the output tell the sign of the error? Which hidden unit carries most of the blame at
# the start, and on what does its share depend? What happens to all δ as training succeeds (or what shows that it got stuck)?

# %% [markdown] manual="response-x2-6" points=3
# δ of the output is ŷ − y: red for the examples 00 and 11, where the output should be 0 and is too high, blue for 01 and
# 10. A hidden unit's δ is the output's δ times its outgoing weight times σ′(a): units with a large outgoing weight that are
# not saturated carry most, and a negative weight turns the colour around. As training succeeds ŷ approaches y, so all δ
# shrink towards 0 together. If it is stuck, δ of the output stays large for some examples while hidden δ are small
# or cancel over the four examples.

# %% [markdown]
# ## 9 Explain (70 minutes)
#
# After this section you know whether you have understood, because you have said it.

# %% [markdown]
# ### R2.1 Kinks (4 points)
#
# Gradient checking of a network with ReLU units sometimes reports an error although the gradient is right. Why? What does the central
# difference return exactly at the kink, what within h of it, and what would you do about it?

# %% [markdown] manual="response-r2-1" points=4
# ReLU has slope 0 on the left of 0 and slope 1 on the right, and no derivative at 0. If a unit's input lies within h of 0, the two points
# x − h and x + h lie on different sides, and the central difference returns a mixture: exactly at the kink ½, nearby
# any value between 0 and 1. The analytic gradient returns 0 or 1, so the check reports an error. Remedies: smaller h, fewer
# checked entries or other random data so that no input is near 0; compare one-sided slopes to recognise a kink and skip that entry; or
# accept any value between both slopes.

# %% [markdown]
# ### R2.2 What is δ? (4 points)
#
# Explain δ to a first-year student who knows derivatives but no neural networks: what it is for one unit, how it is found for the output, how for
# a hidden unit, and why we compute it instead of the gradient of each weight from scratch. No formula without a sentence.

# %% [markdown] manual="response-r2-2" points=4
# δ of a unit says how much the loss rises when the sum that the unit collects is raised a little: the unit's share of the
# blame. At the output it can be read off the loss: prediction minus truth. A hidden unit acts only through the units that it feeds; so it
# gets back their δ, each times the weight of the connection, added up, times how strongly the unit reacts itself
# (the slope of its activation). Once δ is known, the gradient of a weight is δ times the number that came in over that weight.
# All weights of a layer share these δ, and each layer reuses those of the layer above, so one backward pass costs
# about as much as a forward pass, instead of one pass for each weight.

# %% [markdown]
# ### R2.3 Layouts (4 points)
#
# A book writes $\nabla_x z = \left(\frac{\partial y}{\partial x}\right)^{T}\nabla_y z$, deck 004 writes $\frac{\partial z}{\partial x} = \frac{\partial y}{\partial x}\frac{\partial z}{\partial y}$. Both are right. Explain with shapes, say what each layout
# is good for, and how you notice in code that two sources use different ones.

# %% [markdown] manual="response-r2-3" points=4
# The book uses numerator layout for the Jacobian: ∂y/∂x has a row for each entry of y, so it is n × m for x with m and y
# with n entries, and it must be transposed to take the gradient (n) to a gradient (m). Deck 004 uses denominator layout: its
# ∂y/∂x is the transpose, m × n, so nothing is transposed, but the factors stand in the other order. Numerator layout keeps
# the usual order of the chain rule and of Jacobians; denominator layout gives gradients the shape of the parameter, which is
# what an update needs. In code the shapes disagree (the product raises an error), except for square matrices, where only numbers, such
# as a gradient check, show the transpose.

# %% [markdown]
# ### Three quick questions (1.5 points)
#
# 1. A batch of 10 goes through a network whose loss is the mean. All 10 examples are equal. Compared with a batch of one such example, the gradient
#    of the weights is **a** the same, **b** 10 times as large, **c** a tenth?
# 2. The last layer's bias gradient of your softmax network sums to **a** 1, **b** 0, **c** it depends?
# 3. All weights of two hidden units (in and out) start equal. After training they are **a** equal, **b** different,
#    **c** both zero?

# %% solution="quiz-q2-1"
quiz_q2_1 = {
    "1": ...,  # "a", "b" or "c"
    "2": ...,
    "3": ...,
}
### BEGIN SOLUTION
quiz_q2_1 = {"1": "a", "2": "b", "3": "a"}
### END SOLUTION

# %% test="quiz-q2-1"
from autograder.assignments.a02 import check

check("quiz-q2-1")

# %% [markdown]
# ### Teach it back (4 points)
#
# Write the page that you would have liked to read before this notebook: backpropagation for one hidden layer, with one example in numbers
# that you made up and checked with `numeric_grad`, the two mistakes that are easiest to make, and how one notices them. At most 250 words.

# %% [markdown] manual="response-r2-t" points=4
# A network with one hidden layer computes z = xW₁ + b₁, a = tanh z, ŷ = aW₂ + b₂, and the loss L = ½(ŷ − t)². Take x = 1, W₁ = 0.5,
# b₁ = 0, W₂ = 2, b₂ = 0, t = 0: z = 0.5, a = 0.462, ŷ = 0.924, L = 0.427. Go back in the same steps: ∂L/∂ŷ = ŷ − t = 0.924; the output
# weight came after a, so ∂L/∂W₂ = 0.924 · 0.462 = 0.427; the hidden value passed through W₂, so ∂L/∂a = 0.924 · 2 = 1.848; tanh has slope
# 1 − a² = 0.786, so δ = 1.454; and ∂L/∂W₁ = δ · x = 1.454. numeric_grad gives 1.4537 as well.
# Easy mistakes: forgetting the slope of the activation (the check shows 1.848 for W₁ while W₂ is right), and not summing
# the bias gradient over the batch (db has the shape of the batch instead of the bias).

# %% [markdown]
# ## What comes next
#
# You carried gradients back by hand through layers in a row. In A03 a program does it for any graph: shared weights, skip
# connections, and whatever you build. The same three rules come back: products along a path, sums over paths, each δ once.
