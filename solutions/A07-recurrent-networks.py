# %% [markdown]
# # A07 Recurrent networks
#
# After this notebook you can derive and program backpropagation through time, train a recurrent language model, say
# why its gradients vanish or explode and what to do about it, and draw text from it.
#
# | | |
# |---|---|
# | **You need** | A02: backward passes, softmax with cross-entropy; A03: computation graphs; A04: Adam, clipping; A05: embeddings; A06: bits per token, the language Farm |
# | **Read first** | deck 004, "Recurrent Neural Network (RNN) Language Models" to "Sampling from a Language Model"; deck 002, "Exploding gradients" to the figure of the cliff |
# | **Time** | about eight hours, in twelve sections that can be done on different days; section 10 is a bonus and not counted |
# | **Points** | 100: derivations 20, code 48, experiments 14, explanations 18; bonus 6 |
#
# **How a section goes:** a small example, a picture, a derivation that you type, the code in the same letters, a
# check. A red check says what is wrong and why. Mend it and run it again as often as you like.

# %% [markdown]
# ## 0 Setup (5 minutes)
#
# Type your student id between the quotes. Your numbers, your sizes and your text are made from it.

# %% solution="student-id" keep=yes
student_id = ""

# %% locked="imports"
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # on small matrices threads mostly wait
import numpy as np

from course.graph import Var, grad
from course.losses import log_softmax, softmax
from course.optim import Flat, adamw, clip_by_global_norm, schedule, sgd
from course.toolbox.plots import curves, figure, heatmap, level
from course.toolbox.progress import progress
from course.toolbox.seeds import student_rng
from course.toolbox.tables import show_table

# %%
# Experiments need a trained network. With False they use the library where it has this
# chapter, else your functions; set it to True to use your own in any case.
USE_MINE = False

# %% [markdown]
# ## 1 One step after the other (30 minutes)
#
# After this section you have the cell that everything below is made of, and a chain of such cells.
#
# A recurrent network reads one word after the other. What it remembers is a vector $h$, the **state**. Each step mixes
# the new input with the old state:
#
# $$h_t = \tanh(x_t W_{xh} + h_{t-1} W_{hh} + b_h)$$
#
# The weights are the same at every step. So the network is one function, used again and again, and reads texts of any
# length.
#
# **Example.** One input, one unit, $W_{xh}=1$, $W_{hh}=0.5$, $b_h=0$, $h_0=0$. It reads $1, 0, 0$:
# $h_1=\tanh(1)=0.7616$, $h_2=\tanh(0.3808)=0.3634$, $h_3=\tanh(0.1817)=0.1797$. The 1 is still there, fainter at every step.

# %% locked="figure-unrolled" run=no
# The picture below; a click shows how it is drawn.
def box(ax, x, y, text, fill):
    ax.text(x, y, text, ha="center", va="center", fontsize=11, bbox={"boxstyle": "round,pad=0.45", "fc": fill, "ec": "#1a1a1a"})


def arrow(ax, start, end, text="", colour="#1a1a1a", shift=(0.0, 0.22)):
    ax.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": colour, "shrinkA": 17, "shrinkB": 17})
    middle = ((start[0] + end[0]) / 2 + shift[0], (start[1] + end[1]) / 2 + shift[1])
    ax.text(*middle, text, ha="center", va="center", fontsize=10, color=colour)


alt = "A recurrent network unrolled over three steps: inputs x1 to x3 below, states h0 to h3 in a row, outputs y1 to y3 above. The same three matrices at every step."
with figure(alt, size=(7.2, 3.4)) as (fig, ax):
    ax.set_axis_off()
    ax.set(xlim=(-0.6, 6.8), ylim=(-1.7, 1.8))
    for t in range(4):
        box(ax, 2 * t, 0, f"h{'₀₁₂₃'[t]}", "#e8f1fa")
        if t:
            arrow(ax, (2 * t - 2, 0), (2 * t, 0), "Whh")
            box(ax, 2 * t, -1.4, f"x{'₀₁₂₃'[t]}", "#fdf0e3")
            box(ax, 2 * t, 1.4, f"y{'₀₁₂₃'[t]}", "#eaf5ee")
            arrow(ax, (2 * t, -1.4), (2 * t, 0), "Wxh", shift=(0.36, 0.0))
            arrow(ax, (2 * t, 0), (2 * t, 1.4), "Why", shift=(0.36, 0.0))

# %% [markdown]
# ### One step, forward (4 points)
#
# For a batch: each row of `x` and of `h` belongs to one text. Return the new state and a cache for the way back.

# %% solution="rnn-step-forward"
def rnn_step_forward(x, h, Wxh, Whh, bh):
    """h_next = tanh(x Wxh + h Whh + bh).

    Shapes: x (N, D), h (N, H), Wxh (D, H), Whh (H, H), bh (H,)
            -> h_next (N, H), cache
    """
    ### BEGIN SOLUTION
    h_next = np.tanh(x @ Wxh + h @ Whh + bh)
    return h_next, (x, h, h_next, Wxh, Whh)
    ### END SOLUTION

# %% test="rnn-step-forward"
from autograder.assignments.a07 import check

check("rnn-step-forward")

# %% [markdown]
# ### A sequence, forward (5 points)
#
# `H` holds all states, with `h0` in front: `H[0]` is `h0`, `H[t]` the state after `t` steps. Use your `rnn_step_forward`.

# %% solution="rnn-forward"
def rnn_forward(X, h0, Wxh, Whh, bh):
    """All states of a sequence; H[0] is h0.

    Shapes: X (T, N, D), h0 (N, H), Wxh (D, H), Whh (H, H), bh (H,)
            -> H (T+1, N, H), cache
    """
    ### BEGIN SOLUTION
    H, caches = [h0], []
    for x in X:
        h, step_cache = rnn_step_forward(x, H[-1], Wxh, Whh, bh)
        H.append(h)
        caches.append(step_cache)
    return np.stack(H), caches
    ### END SOLUTION

# %% test="rnn-forward"
from autograder.assignments.a07 import check

check("rnn-forward")

# %% [markdown]
# ## 2 Every path to one weight (45 minutes)
#
# After this section you know what backpropagation through time adds up.
#
# Unrolled, the network is an ordinary computation graph (A03). Only, the same weight stands in it several times. Each use
# gives one share of its gradient, and the shares add up: fan-out, as always.
#
# **Example.** The network above, $u = W_{hh} = 0.5$, and $L = h_3$. The slopes of the three tanh are
# $s_1 = 1-h_1^2 = 0.4200$, $s_2 = 0.8679$, $s_3 = 0.9677$. The last use of $u$ gives $s_3h_2 = 0.3517$, the use before $s_3\,u\,s_2h_1 = 0.3198$,
# the first $s_3\,u\,s_2\,u\,s_1h_0 = 0$. Together $\partial L/\partial u = 0.6715$.

# %% locked="figure-paths" run=no
# The picture below; a click shows how it is drawn.
alt = "The chain h0 to h3 with loss L at the end. Three coloured paths run from L back to the three uses of u: one, two and three steps long."
with figure(alt, size=(7.2, 3.0)) as (fig, ax):
    ax.set_axis_off()
    ax.set(xlim=(-0.6, 8.6), ylim=(-2.2, 1.0))
    for t in range(4):
        box(ax, 2 * t, 0, f"h{'₀₁₂₃'[t]}", "#e8f1fa")
        arrow(ax, (2 * t, 0), (2 * t + 2, 0), f"u (use {t + 1})" if t < 3 else "", shift=(0.0, 0.35))
    box(ax, 8, 0, "L", "#fdf0e3")
    for row, (end, text, colour) in enumerate([(5, "s₃ h₂", "#0072b2"), (3, "s₃ u s₂ h₁", "#b3470f"), (1, "s₃ u s₂ u s₁ h₀", "#00795a")]):
        y = -0.65 - 0.55 * row
        ax.annotate("", (end, y), (8, y), arrowprops={"arrowstyle": "->", "color": colour, "linewidth": 2})
        ax.text(end - 0.15, y, text, ha="right", va="center", color=colour, fontsize=10)

# %% [markdown]
# ### D7.1 Every path to one weight (5 points)
#
# One unit, three steps: $a_t = w x_t + u h_{t-1}$, $h_t = \tanh a_t$. Names: `u`; `s1`, `s2`, `s3` for the slopes $1-h_t^2$; `h0`, `h1`, `h2`;
# `g` for $\partial L/\partial h_3$ when the loss looks at $h_3$ only.
#
# 1. the path to the **last** use of $u$
# 2. the path to the use before
# 3. the path to the first use
# 4. $\partial L/\partial u$
# 5. $\partial L/\partial u$ when there is a loss at **every** step: `g1`, `g2`, `g3` are what each loss gives to its own $h_t$ directly. How many paths are
#    there now?

# %% solution="derivation-d7-1"
d7_1 = [
    ### BEGIN SOLUTION
    "g*s3*h2",
    "g*s3*u*s2*h1",
    "g*s3*u*s2*u*s1*h0",
    "g*s3*h2 + g*s3*u*s2*h1 + g*s3*u*s2*u*s1*h0",
    "g3*(s3*h2 + s3*u*s2*h1 + s3*u*s2*u*s1*h0) + g2*(s2*h1 + s2*u*s1*h0) + g1*s1*h0",
    ### END SOLUTION
]

# %% test="derivation-d7-1"
from autograder.assignments.a07 import check

check("derivation-d7-1")

# %% [markdown]
# ### X7.1 Your own chain (2 points)
#
# Once with a pocket calculator: one unit, no bias, $h_0 = 0$, $h_t = \tanh(w x_t + u h_{t-1})$, and $L = \tfrac12(h_3 - y)^2$. Three digits are
# enough. `delta3` is $\partial L/\partial a_3$, and so on; remember that $w$ and $u$ are used three times.

# %% locked="numbers-x7-1"
rng = student_rng(student_id, "A07", "x7-1")
x_own = rng.choice([-1.0, -0.5, 0.5, 1.0], 3)
w_own, u_own = float(rng.choice([0.5, 0.8, 1.2])), float(rng.choice([-0.9, -0.6, 0.7, 1.1]))
y_own = float(rng.choice([-1.0, 1.0]))
print(f"x = {x_own}, w = {w_own}, u = {u_own}, y = {y_own}")

# %% solution="experiment-x7-1"
experiment_x7_1 = {
    "h1": ...,
    "h2": ...,
    "h3": ...,
    "L": ...,
    "delta3": ...,
    "delta2": ...,
    "delta1": ...,
    "dw": ...,
    "du": ...,
}
### BEGIN SOLUTION
h1 = np.tanh(w_own * x_own[0])
h2 = np.tanh(w_own * x_own[1] + u_own * h1)
h3 = np.tanh(w_own * x_own[2] + u_own * h2)
d3 = (h3 - y_own) * (1 - h3**2)
d2 = d3 * u_own * (1 - h2**2)
d1 = d2 * u_own * (1 - h1**2)
experiment_x7_1 = {"h1": h1, "h2": h2, "h3": h3, "L": (h3 - y_own) ** 2 / 2, "delta3": d3, "delta2": d2, "delta1": d1}
experiment_x7_1 |= {"dw": d1 * x_own[0] + d2 * x_own[1] + d3 * x_own[2], "du": d2 * h1 + d3 * h2}
### END SOLUTION

# %% test="experiment-x7-1"
from autograder.assignments.a07 import check

check("experiment-x7-1")

# %% [markdown]
# ## 3 Back through time (60 minutes)
#
# After this section you have backpropagation through time for whole batches.
#
# Forward, from the first step to the last; backward, from the last to the first. On the way back one array travels along: the
# gradient that step $t+1$ hands to $h_t$. Weights collect a share at every step.

# %% [markdown]
# ### D7.2 The recursion (6 points)
#
# The state $h_t$ goes to two places: to the output of step $t$, and into step $t+1$. So its gradient is a sum of two parts.
# Write $a_t$ for what stands inside the tanh, and $\delta_t = \partial L/\partial a_t$.
#
# Names, all for a batch: `dH` is what comes from the output of step $t$, `Delta_next` is $\delta_{t+1}$, `Delta` is $\delta_t$; `h` is $h_t$, `h_prev` is
# $h_{t-1}$, `x` is $x_t$; `Whh`, `Wxh`. You may use `@`, `.T`, `*`, `**` and `sum(…, axis=0)`.
#
# 1. $\partial L/\partial h_t$, both parts
# 2. $\delta_t$: line 1 through the tanh, with `h` for its slope
# 3. what step $t$ adds to $\partial L/\partial W_{hh}$, with `Delta`
# 4. what it adds to $\partial L/\partial W_{xh}$
# 5. what it adds to $\partial L/\partial b_h$
# 6. $\partial L/\partial x_t$

# %% solution="derivation-d7-2"
d7_2 = [
    ### BEGIN SOLUTION
    "dH + Delta_next @ Whh.T",
    "(dH + Delta_next @ Whh.T)*(1 - h**2)",
    "h_prev.T @ Delta",
    "x.T @ Delta",
    "sum(Delta, axis=0)",
    "Delta @ Wxh.T",
    ### END SOLUTION
]

# %% test="derivation-d7-2"
from autograder.assignments.a07 import check

check("derivation-d7-2")

# %% [markdown]
# ### One step, backward (7 points)
#
# `dh` is the gradient of the new state, with both parts already added. Give the gradients in the order of the arguments. Two
# mistakes are popular here: taking the slope from the old state instead of the new one, and writing into `dh`.

# %% solution="rnn-step-backward"
def rnn_step_backward(dh, cache):
    """The gradients of all arguments of rnn_step_forward.

    Shapes: dh (N, H), cache
            -> dx (N, D), dh_prev (N, H), dWxh (D, H), dWhh (H, H), dbh (H,)
    """
    ### BEGIN SOLUTION
    x, h, h_next, Wxh, Whh = cache
    delta = dh * (1 - h_next**2)
    return delta @ Wxh.T, delta @ Whh.T, x.T @ delta, h.T @ delta, delta.sum(axis=0)
    ### END SOLUTION

# %% test="rnn-step-backward"
from autograder.assignments.a07 import check

check("rnn-step-backward")

# %% [markdown]
# ### Backpropagation through time (9 points)
#
# `dH[t]` is what the loss gives directly to the state after step `t + 1`: the output's part, without what comes from later steps. Add the
# two parts before you call `rnn_step_backward`.

# %% solution="rnn-backward"
def rnn_backward(dH, cache):
    """The gradients of all arguments of rnn_forward, from those of the states H[1:].

    Shapes: dH (T, N, H), cache
            -> dX (T, N, D), dh0 (N, H), dWxh (D, H), dWhh (H, H), dbh (H,)
    """
    ### BEGIN SOLUTION
    dX, weights, dh_later = [], None, 0.0
    for dh, step_cache in zip(dH[::-1], cache[::-1]):
        dx, dh_later, *shares = rnn_step_backward(dh + dh_later, step_cache)
        dX.append(dx)
        weights = shares if weights is None else [total + share for total, share in zip(weights, shares)]
    return np.stack(dX[::-1]), dh_later, *weights
    ### END SOLUTION

# %% test="rnn-backward"
from autograder.assignments.a07 import check

check("rnn-backward")

# %% [markdown]
# ### Watch it flow
#
# The next cell builds the unrolled network as a computation graph with the engine of A03: no formula of this notebook is needed, a
# recurrent network *is* a computation graph with shared weights, like any other architecture. One late loss looks at the last state. The
# picture shows how large its gradient is for each unit after each step. On the page below press **Play**: it flows back from the last step to the first.

# %% locked="run-flow" run=no
# The experiment; a click shows its code.
from course.toolbox.draw import gradient_flow

rng = student_rng(student_id, "A07", "flow")
W_flow = Var(0.9 * np.linalg.qr(rng.normal(size=(8, 8)))[0])
states = [Var(np.zeros((1, 8)))]
for _ in range(16):
    states.append((states[-1] @ W_flow + rng.normal(size=(1, 8)) * 0.7).tanh())
flow = np.abs(np.stack([np.asarray(g).ravel() for g in grad((states[-1] ** 2).sum(), states[1:])], axis=1))
alt = "Heat map of the gradient sizes, units in rows, steps in columns: largest at step 16, smaller towards step 1."
with figure(alt, size=(7.2, 2.8), xlabel="step t", ylabel="unit") as (fig, ax):
    heatmap(ax, np.log10(flow + 1e-12), rows=range(1, 9), cols=range(1, 17), label="log₁₀ |∂L/∂hₜ|", values=False)
gradient_flow(flow)

# %% [markdown]
# ## 4 How far does a gradient reach? (45 minutes)
#
# After this section you can say after how many steps a recurrent network forgets to learn.
#
# A gradient that goes back $T$ steps is multiplied by one factor a step. One unit with $u = 0.5$ and slopes around $0.8$: a factor of 0.4 a step, so
# after 10 steps $0.4^{10} = 0.0001$ is left. With $u = 1.5$ and slopes near 1: $1.5^{10} = 58$, and $1.5^{100} = 4\cdot 10^{17}$.
#
# ### D7.3 A bound (4 points)
#
# Names: `u`, `h`, `h1`, `h2`, `h3`; in lines 3 and 4 `m` for the largest factor by which $W_{hh}$ can stretch a vector, `s` for the largest slope, `T`, `eps`.
#
# 1. $\partial h_t/\partial h_{t-1}$ for one unit, with `h` for $h_t$
# 2. $\partial h_3/\partial h_0$
# 3. for many units: the largest that $\lVert\partial h_T/\partial h_0\rVert$ can be
# 4. tanh has slopes up to $s = 1$. After how many steps has this bound fallen to `eps`?

# %% solution="derivation-d7-3"
d7_3 = [
    ### BEGIN SOLUTION
    "u*(1 - h**2)",
    "u*(1 - h1**2)*u*(1 - h2**2)*u*(1 - h3**2)",
    "(m*s)**T",
    "log(eps)/log(m)",
    ### END SOLUTION
]

# %% test="derivation-d7-3"
from autograder.assignments.a07 import check

check("derivation-d7-3")

# %% [markdown]
# ### X7.3 Tanh and ReLU, four sizes of the weights (2 points)
#
# The curves show the size of a gradient that starts at step 50, on its way back: each $W_{hh}$ stretches all vectors by the same factor $m$, and inputs are
# small and positive. The network is a graph of A03 again.

# %% locked="run-x7-3" run=no
# The experiment; a click shows its code.
def reach(m, activation, rng, units=16, steps=50):
    """|dL/dh_t| for t = 0 … steps, of a loss at the last step."""
    W = Var(m * np.eye(units)[rng.permutation(units)])
    chain = [Var(rng.uniform(0.0, 0.2, (1, units)))]
    for _ in range(steps):
        a = chain[-1] @ W + rng.uniform(0.0, 0.2, (1, units))
        chain.append(a.tanh() if activation == "tanh" else a.relu())
    gradients = grad((chain[-1] * rng.normal(size=(1, units))).sum(), chain)
    return np.array([np.linalg.norm(np.asarray(g)) for g in gradients])


alt = "Gradient norm against the distance from the loss. ReLU: straight lines, falling for 0.5 and 0.95, level for 1, rising for 1.5. Tanh: all of them fall."
with figure(alt, rows=2, size=(6.8, 6.6), ylabel="‖∂L/∂hₜ‖", yscale="log") as (fig, axes):
    for ax, activation in zip(axes, ("tanh", "relu")):
        rng = student_rng(student_id, "A07", "reach")
        sizes = {f"m = {m:g}": np.maximum(reach(m, activation, rng)[::-1], 1e-30) for m in (0.5, 0.95, 1.0, 1.5)}
        curves(ax, np.arange(51), sizes)
        ax.set(title={"tanh": "tanh", "relu": "ReLU"}[activation], xlabel="steps back from the loss")

# %% locked="numbers-x7-3"
rng = student_rng(student_id, "A07", "x7-3")
m_own = float(rng.choice([0.5, 0.6, 0.7, 0.8, 0.9]))
T_own = int(rng.choice([20, 30, 40]))
print(f"your factor: m = {m_own}, your length: T = {T_own}")

# %% [markdown]
# Fill in: the bound of D7.3 with $s=1$ after `T_own` steps; the smallest whole number of steps after which it is at most 0.001; the largest $m$
# for which a tanh network cannot explode. And tanh with $m = 1.5$ in your plot: does the gradient **a** grow like
# $1.5^T$, **b** grow much less or shrink, since the states saturate, **c** stay below 1 in every tanh network?

# %% solution="experiment-x7-3"
experiment_x7_3 = {
    "norm after T steps": ...,
    "steps": ...,
    "largest safe m": ...,
    "tanh, m = 1.5": ...,  # "a", "b" or "c"
}
### BEGIN SOLUTION
experiment_x7_3 = {
    "norm after T steps": m_own**T_own,
    "steps": int(np.ceil(np.log(1e-3) / np.log(m_own))),
    "largest safe m": 1.0,
    "tanh, m = 1.5": "b",
}
### END SOLUTION

# %% test="experiment-x7-3"
from autograder.assignments.a07 import check

check("experiment-x7-3")

# %% [markdown]
# Deck 002 calls ReLU a safe choice since its slope is 1 or 0. In a recurrent network slopes are not the whole story: $W_{hh}$ is multiplied in at
# every step, too.

# %% [markdown]
# ## 5 Cutting the way back (30 minutes)
#
# After this section you know what truncated backpropagation through time computes, and what it leaves out.
#
# A text of a million words cannot be unrolled as a whole. So it is cut into chunks of $k$ steps. The **state** passes from chunk to chunk; the
# **gradient** stops at the cut.
#
# **Example.** Four steps, $k = 2$, a loss at step 4 only. Its gradient reaches the uses of $u$ in steps 4 and 3. The uses in steps 2 and 1 helped
# to make $h_2$, but no gradient tells them.

# %% locked="figure-cut" run=no
# The picture below; a click shows how it is drawn.
alt = "Four states in a row, cut after the second. States pass over the cut; the gradient runs back from h4 to h2 and stops at the cut."
with figure(alt, size=(7.2, 2.2)) as (fig, ax):
    ax.set_axis_off()
    ax.set(xlim=(-0.6, 8.6), ylim=(-1.2, 0.9))
    for t in range(5):
        box(ax, 2 * t, 0, f"h{'₀₁₂₃₄'[t]}", "#e8f1fa")
        if t:
            arrow(ax, (2 * t - 2, 0), (2 * t, 0))
    for start, colour in ((8, "#d55e00"), (6, "#d55e00")):
        ax.annotate("", (start - 2 + (0.9 if start == 6 else 0), -0.6), (start, -0.6), arrowprops={"arrowstyle": "->", "color": colour, "linewidth": 2})
    ax.plot([4.9, 4.9], [-1.0, 0.8], color="#1a1a1a", linestyle=":", linewidth=2)
    ax.text(4.9, -1.15, "cut", ha="center")
    ax.text(7, -0.95, "gradient", ha="center", color="#b3470f")
    ax.text(1, 0.5, "state", ha="center")

# %% [markdown]
# ### D7.4 What truncation drops (2.5 points)
#
# Names as in D7.1, with `h3` and `s4` for one step more, and `g` for $\partial L/\partial h_4$: four steps, chunks of two, one loss at step 4.
#
# 1. the truncated $\partial L/\partial u$
# 2. the terms that are dropped
# 3. Now a loss at **every** one of $T$ steps, and $T$ a multiple of $k$: the full gradient adds up $T(T+1)/2$ paths. How many are left? Use `T`, `k`.

# %% solution="derivation-d7-4"
d7_4 = [
    ### BEGIN SOLUTION
    "g*s4*h3 + g*s4*u*s3*h2",
    "g*s4*u*s3*u*s2*h1 + g*s4*u*s3*u*s2*u*s1*h0",
    "T*(k + 1)/2",
    ### END SOLUTION
]

# %% test="derivation-d7-4"
from autograder.assignments.a07 import check

check("derivation-d7-4")

# %% [markdown]
# ## 6 The language model (70 minutes)
#
# After this section you have a recurrent language model with all its gradients, full or truncated.
#
# The state that has read $w_1 \dots w_{t-1}$ gives the probabilities of the next word $w_t$. Write $h_t$ for this state, as deck 004 does:
#
# $$p(w_1,\dots,w_T) = \prod_{t=1}^{T} p(w_t \mid h_t), \qquad h_t = f(w_{t-1},\dots,w_1)$$
#
# **Example.** Three words with probabilities 0.5, 0.25 and 0.5: together 0.0625, which is 4 bits, 1.33 bits a word.

# %% [markdown]
# ### D7.5 Which state predicts which word (1.5 points)
#
# `p1`, `p2`, `p3` are $p(w_1|h_1)$, $p(w_2|h_2)$, $p(w_3|h_3)$.
#
# 1. the probability of the three words
# 2. its negative logarithm, as a sum (nats)
# 3. bits a word, with `log(2)`

# %% solution="derivation-d7-5"
d7_5 = [
    ### BEGIN SOLUTION
    "p1*p2*p3",
    "-(log(p1) + log(p2) + log(p3))",
    "-(log(p1) + log(p2) + log(p3))/(3*log(2))",
    ### END SOLUTION
]

# %% test="derivation-d7-5"
from autograder.assignments.a07 import check

check("derivation-d7-5")

# %% [markdown]
# ### Slide error E09 (0.5 points)
#
# Deck 004 ends the product with "… $p(w_2|h_T)$". What should stand there: **a** $p(w_{T-1}|h_T)$, **b** $p(w_2|h_2)$, **c** $p(w_T|h_T)$? And which is the last word that $h_T$
# has read, in your text? (Its number.)

# %% locked="numbers-slides"
rng = student_rng(student_id, "A07", "slides")
T_e09, V_e10 = int(rng.integers(6, 13)), int(rng.choice([38, 50, 100, 1000]))
print(f"E09: a text of T = {T_e09} words.  E10: a vocabulary of V = {V_e10} words.")

# %% solution="slide-e09"
slide_e09 = {
    "last factor": ...,  # "a", "b" or "c"
    "last word read": ...,
}
### BEGIN SOLUTION
slide_e09 = {"last factor": "c", "last word read": T_e09 - 1}
### END SOLUTION

# %% test="slide-e09"
from autograder.assignments.a07 import check

check("slide-e09")

# %% [markdown]
# ### Cross-entropy over time (6 points)
#
# Scores $Z$ for every step and text, labels $y$, and a mask with 1 where a position counts and 0 where there is only padding. The loss is the **mean over
# the positions that count**, whatever $T$ and $N$ are; 0 when there are none. Nothing may overflow.
#
# **Example.** Two positions with losses 0.2 and 1.0, and a third one masked: the loss is 0.6, and `dZ` is zero at the third.

# %% solution="temporal-softmax-ce"
def temporal_softmax_ce(Z, y, mask=None):
    """L = -1/M Σ mask log softmax(Z)[y], and its gradient; M positions count.

    Shapes: Z (T, N, V), y (T, N) whole numbers, mask (T, N) of 0 and 1
            -> loss (a number, in nats), dZ (T, N, V)
    """
    ### BEGIN SOLUTION
    T, N, V = Z.shape
    mask = np.ones((T, N)) if mask is None else mask
    count = max(mask.sum(), 1)
    log_p = log_softmax(Z.reshape(T * N, V)).reshape(T, N, V)
    t, n = np.indices((T, N))
    dZ = np.exp(log_p)
    dZ[t, n, y] -= 1
    return -(log_p[t, n, y] * mask).sum() / count, dZ * (mask / count)[:, :, None]
    ### END SOLUTION

# %% test="temporal-softmax-ce"
from autograder.assignments.a07 import check

check("temporal-softmax-ce")

# %% [markdown]
# ### The model (10 points)
#
# Word ids go through an embedding $E$ (A05), the network and an output layer: $Z_t = h_t W_{hy} + b_y$. Three methods:
#
# - `RNNLM(V, D, H, rng)` sets `.params`, a dict of float arrays drawn from `rng`. A whole new dict may be put there at any time.
# - `.loss_and_grads(ids_in, ids_out, h0, k=None)`: mean loss, gradients with the keys of `params`, last state. With `k`, chunks of `k` steps, from the
#   start of the sequence: run chunk by chunk, with the loss over all of it.
# - `.step(ids, h)`: read one word in each text, return scores and new state.
#
# A word that occurs twice needs both shares of its row of $dE$: `np.add.at`.

# %% solution="rnnlm"
class RNNLM:
    """A recurrent language model.

    params: E (V, D), Wxh (D, H), Whh (H, H), bh (H,), Why (H, V), by (V,)
    loss_and_grads(ids_in (T, N), ids_out (T, N), h0 (N, H), k)
        -> (loss, grads, h_last (N, H))
    step(ids (N,), h (N, H)) -> (Z (N, V), h (N, H))
    """

    ### BEGIN SOLUTION
    def __init__(self, V, D, H, rng):
        def draw(*shape):
            return rng.normal(size=shape) / np.sqrt(shape[0])

        self.params = {"E": rng.normal(size=(V, D)), "Wxh": draw(D, H), "Whh": draw(H, H), "bh": np.zeros(H)}
        self.params |= {"Why": draw(H, V), "by": np.zeros(V)}

    def loss_and_grads(self, ids_in, ids_out, h0, k=None):
        p, T = self.params, len(ids_in)
        chunks = [slice(a, a + (k or T)) for a in range(0, T, k or T)]
        h, states, caches = h0, [], []
        for chunk in chunks:
            H, cache = rnn_forward(p["E"][ids_in[chunk]], h, p["Wxh"], p["Whh"], p["bh"])
            h = H[-1]
            states.append(H[1:])
            caches.append(cache)
        states = np.concatenate(states)
        loss, dZ = temporal_softmax_ce(states @ p["Why"] + p["by"], ids_out)
        dH = dZ @ p["Why"].T
        grads = {name: np.zeros_like(a) for name, a in p.items()}
        grads["Why"] = np.tensordot(states, dZ, axes=((0, 1), (0, 1)))
        grads["by"] = dZ.sum(axis=(0, 1))
        for chunk, cache in zip(chunks, caches):
            dX, _, *shares = rnn_backward(dH[chunk], cache)
            np.add.at(grads["E"], ids_in[chunk], dX)
            for name, share in zip(("Wxh", "Whh", "bh"), shares):
                grads[name] = grads[name] + share
        return loss, grads, h

    def step(self, ids, h):
        p = self.params
        h, _ = rnn_step_forward(p["E"][ids], h, p["Wxh"], p["Whh"], p["bh"])
        return h @ p["Why"] + p["by"], h

    ### END SOLUTION

# %% test="rnnlm"
from autograder.assignments.a07 import check

check("rnnlm")

# %% [markdown]
# ## 7 Training, and what can go wrong (70 minutes)
#
# After this section you can train a recurrent network, and keep it from falling off a cliff.
#
# ### X7.5 The cliff (2 points)
#
# The smallest recurrent network of all: one unit, no input, $h_t = \tanh(u\,h_{t-1} + b)$ from $h_0 = 0.3$ on, and $L = (h_{20} - 0.6)^2$. The loss over $u$ and $b$ is flat
# almost everywhere, with a wall in between. Two paths of gradient descent start at one point. On the page below press **Next** or **Play**, and watch the gradients and the steps at the foot of the wall.

# %% locked="run-x7-5" run=no
# The experiment; a click shows its code.
from course.toolbox.draw import descent


def cliff_loss(u, b):
    """The loss after 20 steps, for numbers or arrays."""
    h = 0.3 + 0 * (u + b)
    for _ in range(20):
        h = np.tanh(u * h + b)
    return (h - 0.6) ** 2


def descend(start, rate, threshold, steps):
    """Gradient descent with central differences -> the path (steps + 1, 2), lengths of the gradients (steps,)."""
    path, lengths = [np.array(start)], []
    for _ in range(steps):
        u, b = path[-1]
        du = cliff_loss(u + 1e-6, b) - cliff_loss(u - 1e-6, b)
        db = cliff_loss(u, b + 1e-6) - cliff_loss(u, b - 1e-6)
        g = np.array([du, db]) / 2e-6
        lengths.append(np.linalg.norm(g))
        if threshold is not None:
            g = clip_by_global_norm({"g": g}, threshold)[0]["g"]
        path.append(path[-1] - rate * g)
    return np.array(path), np.array(lengths)


start, rate = (1.4, 0.1), 0.05
walks = {"no clipping": descend(start, rate, None, 40), "clipped at 0.5": descend(start, rate, 0.5, 40)}
paths, lengths = ({name: walk[k] for name, walk in walks.items()} for k in (0, 1))
longest = {name: float(np.linalg.norm(np.diff(path, axis=0), axis=1).max()) for name, path in paths.items()}
points = np.vstack(list(paths.values()))
us, bs = np.meshgrid(*(np.linspace(x.min() - 0.08, x.max() + 0.08, 250) for x in points.T))
alt = "Loss over u and b: flat, with a steep wall. Longest steps: " + "; ".join(f"{k} {v:.2f}" for k, v in longest.items())
with figure(alt, size=(7.2, 4.2), xlabel="u", ylabel="b") as (fig, ax):
    fig.colorbar(ax.contourf(us, bs, cliff_loss(us, bs), levels=20, cmap="Greys", vmax=4.0), ax=ax, label="loss")
    for (name, path), colour, marker, at in zip(paths.items(), ("#b3470f", "#0072b2"), "os", ((-8, -3), (-8, -24))):
        ax.plot(*path.T, color=colour, marker=marker, markersize=4)
        ax.annotate(name, path[-1], at, textcoords="offset points", color=colour, fontweight="bold", ha="right")
    ax.annotate("start", start, (8, -3), textcoords="offset points", fontweight="bold")
print("longest steps:", "; ".join(f"{name} {step:.3f}" for name, step in longest.items()))
descent(cliff_loss, paths, lengths)

# %% [markdown]
# Now in numbers: the next cell prints a gradient at the foot of the wall. How long is the step of plain gradient descent, without clipping and with clipping
# to the threshold, and what is the clipped gradient?

# %% locked="numbers-x7-5"
rng = student_rng(student_id, "A07", "x7-5")
scale = float(rng.choice([20.0, 50.0, 100.0]))
g_own = scale * rng.choice([[3.0, 4.0], [-4.0, 3.0], [6.0, -8.0]])
lr_own, threshold_own = float(rng.choice([0.01, 0.02, 0.05])), float(rng.choice([1.0, 2.0, 5.0]))
print(f"gradient at the wall: {g_own}, learning rate {lr_own}, threshold {threshold_own}")

# %% solution="experiment-x7-5"
experiment_x7_5 = {
    "step without clipping": ...,  # the length of the step
    "step with clipping": ...,
    "clipped gradient": ...,  # [number, number]
}
### BEGIN SOLUTION
norm = np.linalg.norm(g_own)
experiment_x7_5 = {"step without clipping": lr_own * norm, "step with clipping": lr_own * threshold_own}
experiment_x7_5 |= {"clipped gradient": g_own * threshold_own / norm}
### END SOLUTION

# %% test="experiment-x7-5"
from autograder.assignments.a07 import check

check("experiment-x7-5")

# %% [markdown]
# In two sentences: what does the longest step of each path do in your picture, and why does clipping change the length but not the direction?

# %% [markdown] manual="response-x7-5" points=1
# Without clipping the path meets the wall, where the gradient is huge, and one step throws it far away, to the other side of the
# flat region, where it has lost all its progress. With clipping that step has at most the length rate × threshold, so the path stays near the
# wall and can follow it. All entries are multiplied by the same factor threshold/norm, so the direction stays.

# %% [markdown]
# ### Training (4 points)
#
# `batches` is a list of pairs `(ids_in, ids_out)`, pieces of one long text. The state goes on from each batch to the next, and from the last back to the
# first; zeros before the very first. One step:
#
# 1. loss and gradients of the next batch; keep the loss;
# 2. clip by the global norm of all gradients together, unless `clip` is None;
# 3. `model.params, state = optimizer(model.params, grads, state)`; `state` starts as `{}`.
#
# Use nothing of the model but `.params` and `.loss_and_grads`: the check brings a model of its own.

# %% solution="train"
def train(model, batches, optimizer, steps, clip=1.0):
    """Train with the state carried on -> the list of the losses, each before its update.

    batches: pairs ids_in (T, N), ids_out (T, N);
    optimizer(params, grads, state) -> (params, state)
    """
    ### BEGIN SOLUTION
    losses, state = [], {}
    h = np.zeros((np.shape(batches[0][0])[1], len(model.params["bh"])))
    for i in range(steps):
        ids_in, ids_out = batches[i % len(batches)]
        loss, grads, h = model.loss_and_grads(ids_in, ids_out, h)
        losses.append(loss)
        if clip is not None:
            grads, _ = clip_by_global_norm(grads, clip)
        model.params, state = optimizer(model.params, grads, state)
    return losses
    ### END SOLUTION

# %% test="train"
from autograder.assignments.a07 import check

check("train")

# %% locked="given-tools" run=no
from course.toolbox.corpora.farm import farm, oracle_logprobs, stream


def tools():
    """RNNLM and train, of the library or yours (see USE_MINE); None when neither is there yet."""
    if not USE_MINE:
        try:
            from course.rnn import RNNLM as Model
            from course.rnn import train as training

            return Model, training
        except ImportError:
            pass
    try:
        RNNLM(3, 2, 2, np.random.default_rng(0)).params.keys()
        return RNNLM, train
    except Exception:
        print("This experiment needs RNNLM and train: not answered yet.")
        return None


def flat_adamw(model, lr, weight_decay=0.0):
    """An optimiser for `train` that keeps its own state, so that training can go on after a pause."""
    flat = Flat(model.params, adamw, lr=lr, dtype=np.float32, weight_decay=weight_decay)
    model.params = flat.params

    def optimizer(params, grads, state):
        flat.step(grads)
        return flat.params, state

    optimizer.flat = flat
    return optimizer


WORDS = sorted({word for rules in farm()["rules"].values() for _, word, _ in rules})
TEXT = stream(farm(), student_rng(student_id, "A07", "farm"), 240_000)
NUMBER = {word: i for i, word in enumerate(WORDS)}
IDS = np.array([NUMBER[word] for word in TEXT])
ORACLE = -oracle_logprobs(farm(), TEXT) / np.log(2)  # bits of every word under the true law
TRAINING, VALIDATION, HELD_OUT = slice(0, 200_000), slice(200_000, 220_000), slice(220_000, 240_000)


def pieces(ids, N, T):
    """The text in N columns, cut into pieces of T steps: (ids_in, ids_out)."""
    rows = (len(ids) - 1) // (N * T) * T
    X, Y = (ids[s : s + N * rows].reshape(N, rows).T for s in (0, 1))
    return [(X[a : a + T], Y[a : a + T]) for a in range(0, rows, T)]


def word_bits(model, ids):
    """Bits of every word but the first, each given all words before it; and the states, (T, H)."""
    p = {name: np.asarray(a, np.float64) for name, a in model.params.items()}
    kept, h = [], np.zeros((1, len(p["bh"])))
    for i in ids[:-1]:
        _, h = model.step(np.array([i]), h)
        kept.append(np.asarray(h, np.float64)[0])
    log_p = log_softmax(np.array(kept) @ p["Why"] + p["by"])
    return -log_p[np.arange(len(kept)), ids[1:]] / np.log(2), np.array(kept)

# %% [markdown]
# ### X7.4 An exploding run (2 points)
#
# One small model, plain SGD, large weights $W_{hh}$ and a rate that is too large. Once nothing is clipped: the run is thrown off. Then
# the same with a **checkpoint**: every 10 steps the parameters are copied if the loss is finite and not worse than twice the best; after a bad loss
# training goes on from the last copy, clipped.

# %% locked="run-x7-4" run=no
# The experiment; a click shows its code.
def fragile(Model, seed):
    model = Model(len(WORDS), 8, 24, np.random.default_rng(seed))
    model.params = {**model.params, "Whh": 3.0 * model.params["Whh"]}
    return model


def in_blocks(model, training, batches, lr, clip, blocks):
    """Train 10 steps at a time; a block that fails gives nan."""
    losses = []
    for k in range(blocks):
        try:
            with np.errstate(all="ignore"):
                first = 10 * k % len(batches)
                block = training(model, batches[first:] + batches[:first], lambda p, g, s: sgd(p, g, s, lr), 10, clip)
        except Exception:
            block = [np.nan] * 10
        losses += [float(x) for x in block]
        yield losses


def exploding(Model, training):
    batches = pieces(IDS[:20_000], 8, 24)
    wild, curve = fragile(Model, 0), []
    for curve in in_blocks(wild, training, batches, 20.0, None, 30):
        pass
    model, kept, best, restored, mended, clip = fragile(Model, 0), None, np.inf, [], [], None
    for k in range(30):
        [block] = list(in_blocks(model, training, batches[k % len(batches) :] + batches, 20.0 if clip is None else 1.0, clip, 1))
        mended += block
        worst = max(block) if np.isfinite(block).all() else np.inf
        if worst > 2 * min(best, np.log(len(WORDS))):
            model.params, clip = {name: a.copy() for name, a in (kept or fragile(Model, 0).params).items()}, 1.0
            restored.append(10 * (k + 1))
        else:
            best, kept = min(best, *block), {name: np.array(a) for name, a in model.params.items()}
    return np.array(curve), np.array(mended), restored


if (found := tools()) is not None:
    wild, mended, restored = exploding(*found)
    alt = f"Loss over 300 steps: without clipping it jumps up to {np.nanmax(wild):.0f} nats; with a checkpoint restored after step {restored[:1]} and clipping it falls."
    with figure(alt, xlabel="step", ylabel="loss (nats)", size=(7.0, 3.4)) as (fig, ax):
        curves(ax, np.arange(300), {"not clipped": wild, "restored, clipped": mended})
        level(ax, np.log(len(WORDS)), "guessing: log V", at=0.4)
    print(f"restored after step {', '.join(map(str, restored))}")
    print(f"last loss: not clipped {wild[-1]:.2f}, restored and clipped {mended[-1]:.2f}; guessing {np.log(len(WORDS)):.2f}")

# %% [markdown]
# What do you see in your curves? Three sentences: when does the run without clipping go wrong, why does it not come back, and what do checkpoint and
# clipping each do about it?

# %% [markdown] manual="response-x7-4" points=2
# After a few steps one large gradient moves all weights far away: the loss jumps far above log V, the loss of guessing, or becomes nan.
# It stays bad because the large weights saturate the units, so the gradient that could mend them is nearly 0 or huge again, and nan
# never becomes a number again. The checkpoint brings back weights from before the jump, which no smaller rate could do afterwards; clipping
# bounds every later step, so that it does not happen again.

# %% [markdown]
# ## 8 Farm (55 minutes)
#
# After this section you have a language model that comes close to the limit that nothing can pass.
#
# Farm is the language of A06 whose entropy is known: 1.4451 bits a word. No model can need less on text that it has not seen. The best 5-gram
# with endless data needs 1.717. Your text has 240,000 words: 200,000 to train on, 20,000 for **validation**, 20,000 **held out**.
# Choose rates and steps on the validation text. The held-out text is opened once, at the end.

# %% locked="run-x7-6-rates" run=no
# The experiment; a click shows its code.
RATES = (0.0005, 0.001, 0.003, 0.005, 0.01, 0.03, 0.1, 0.3)


def try_rates(Model, training):
    """Validation bits above the source after 400 steps, for each rate."""
    batches, gaps = pieces(IDS[TRAINING], 16, 16), []
    ids, oracle = IDS[VALIDATION][:4001], ORACLE[VALIDATION][1:4001]
    for rate in progress(RATES, "learning rates", unit="rates"):
        model = Model(len(WORDS), 12, 32, np.random.default_rng(0))
        with np.errstate(all="ignore"):
            training(model, batches, flat_adamw(model, rate), 400)
            gaps.append(float(np.mean(word_bits(model, ids)[0]) - oracle.mean()))
    return np.array(gaps)


if (found := tools()) is not None:
    gaps = try_rates(*found)
    alt = f"Validation bits above the source after 400 steps against the learning rate, with a minimum of {gaps.min():.2f} at {RATES[int(gaps.argmin())]}."
    with figure(alt, xlabel="learning rate", ylabel="bits above the source", xscale="log") as (fig, ax):
        curves(ax, RATES, {"400 steps": gaps}, markers=True)
    show_table(["rate", "bits above the source"], [[f"{rate:g}", f"{gap:.3f}"] for rate, gap in zip(RATES, gaps)])

# %% [markdown]
# ### X7.6 Your model learns Farm (3 points)
#
# Choose a learning rate for 400 steps of Adam from **your** plot. The check trains *your* `RNNLM` with *your* `train` on another text with this
# rate (V = 38, D = 12, H = 32, pieces of 16 × 16), and asks for at most 0.42 bits a word above the source.

# %% solution="experiment-x7-6"
experiment_x7_6 = {
    "lr": ...,
}
### BEGIN SOLUTION
experiment_x7_6 = {"lr": 0.005}
### END SOLUTION

# %% test="experiment-x7-6"
from autograder.assignments.a07 import check

check("experiment-x7-6")

# %% [markdown]
# Now the long run: 8,000 steps of AdamW, on a falling rate. Size, rate, decay and steps were chosen on validation text. It takes some seconds with
# the library; with your own functions start with 2,000 steps. Interrupt it whenever you like (square button): run the cell again, and it
# goes on from the last checkpoint. Give `CHECKPOINT` a file name to keep it over days.

# %%
FARM_STEPS = 8000
CHECKPOINT = None  # for example "farm.npz"

# %% locked="given-farm" run=no
from pathlib import Path


class FarmRun:
    """A training run that can stop anywhere: 200 steps at a time, then a checkpoint in memory and, if asked for, in a file."""

    def __init__(self, Model, total):
        self.model = Model(len(WORDS), 32, 96, np.random.default_rng(0))
        self.optimizer = flat_adamw(self.model, 4e-3, weight_decay=0.1)
        self.total, self.done, self.curve = total, 0, []

    def save(self, path):
        part = Path(f"{path}.part.npz")
        flat = self.optimizer.flat
        np.savez(part, buffer=flat.buffer, t=flat.t, done=self.done, curve=np.array(self.curve), **flat.slots)
        part.replace(path)

    def load(self, path):
        with np.load(path, allow_pickle=False) as kept:
            flat = self.optimizer.flat
            flat.buffer[...], flat.t, self.done = kept["buffer"], int(kept["t"]), int(kept["done"])
            self.curve = [tuple(row) for row in kept["curve"]]
            for name, slot in flat.slots.items():
                slot[...] = kept[name]

    def go_on(self, training, path):
        batches = pieces(IDS[TRAINING], 16, 32)
        ids = IDS[VALIDATION][:3001]
        for block in progress(range(self.done // 200, self.total // 200), "Farm", unit="blocks"):
            self.optimizer.flat.lr = schedule(200 * block + 100, 4e-3, "cosine", total=self.total)
            first = 200 * block % len(batches)
            training(self.model, (batches[first:] + batches[:first])[:200], self.optimizer, 200)
            self.done = 200 * (block + 1)
            if block % 5 == 4 or self.done >= self.total:
                self.curve.append((self.done, float(np.mean(word_bits(self.model, ids)[0]) - ORACLE[VALIDATION][1:3001].mean())))
            if path:
                self.save(path)

# %% locked="run-x7-6" run=no
# The experiment; a click shows its code.
import time

from course.ngram import entropy_rate

FLOORS = dict(zip(range(2, 9), (1.9679, 1.9449, 1.7730, 1.7169, 1.6881, 1.6481, 1.6168)))  # h_2 … h_8 of A06

if (found := tools()) is not None:
    if globals().get("farm_run") is None or farm_run.total != FARM_STEPS:
        farm_run = FarmRun(found[0], FARM_STEPS)
        if CHECKPOINT and Path(CHECKPOINT).exists():
            farm_run.load(CHECKPOINT)
    started, before = time.perf_counter(), farm_run.done
    try:
        farm_run.go_on(found[1], CHECKPOINT)
    except KeyboardInterrupt:
        print("interrupted after", farm_run.done, "steps; run the cell again to go on")
    seconds = time.perf_counter() - started
    h = entropy_rate(farm())
    steps_done, above = np.array(farm_run.curve).reshape(-1, 2).T
    if len(above):
        alt = f"Validation bits a word against steps: from {h + above[0]:.3f} down to {h + above[-1]:.3f}; the entropy rate is {h:.4f}, the floor of all 5-grams {FLOORS[5]:.3f}."
        with figure(alt, xlabel="steps", ylabel="bits a word (validation)", size=(7.0, 4.6)) as (fig, ax):
            curves(ax, steps_done, {"RNN": h + above}, markers=True)
            for n, floor in FLOORS.items():
                if n in (2, 4, 5, 8):
                    level(ax, floor, f"no {n}-gram below {floor:.3f}", at=0.55)
                else:
                    ax.axhline(floor, color="#777777", linewidth=0.8, linestyle=(0, (1, 2)))
            level(ax, h, f"entropy rate {h:.4f}: no model below", at=0.02)
            ax.set_ylim(1.41, max(2.02, h + above.max() + 0.03))
        print(f"{(farm_run.done - before) * 512 / max(seconds, 1e-9):,.0f} words/s")

# %% [markdown]
# The curve is drawn at the level of the source: entropy rate plus what the model needs more than the true law on the same words. Now open the held-out text,
# once. The **leak detector** compares with the true law word by word: a model that is better by more than three standard errors has seen what
# it should predict.

# %% locked="run-held-out" run=no
# The experiment; a click shows its code.
from autograder.checks.rules import explain_leak

if globals().get("farm_run") is not None and farm_run.done:
    bits, held_states = word_bits(farm_run.model, IDS[HELD_OUT])
    held_words, oracle = [WORDS[i] for i in IDS[HELD_OUT]], ORACLE[HELD_OUT][1:]
    document = np.cumsum([word == "exeunt" for word in held_words[:-1]])
    leak = explain_leak(bits, oracle, document)
    print(f"held out: {bits.mean():.4f} bits a word; the source itself {oracle.mean():.4f};")
    print(f"difference {bits.mean() - oracle.mean():.4f}")
    print(leak.text or "no leak: the model is above the source")

# %% [markdown]
# One sentence each: between which two lines does your curve end, what does that say about n-grams, and why may the held-out text not be used
# for choosing the rate?

# %% [markdown] manual="response-x7-6" points=1
# It ends between the entropy rate and the floor of the 5-grams, close to the entropy rate: a network with 200,000 words beats every 5-gram
# with endless data, since it carries more than four words in its state. A rate chosen on the held-out text fits this text by chance, so its bits
# are no longer an honest estimate for new text.

# %% [markdown]
# ### X7.2 How long can it remember? (2 points)
#
# A bracket, `(` or `[`, then $d-1$ random letters, then the bracket that closes it. At distance $d$: how often does the trained network
# find the right one? The second curve is a network with gates (GRU, section 10), where the library has this chapter.

# %% locked="run-x7-2" run=no
# The experiment; a click shows its code.
def bracket_texts(rng, d, N):
    """Ids (d + 1, N): 0 or 1 opens, 4 to 6 are letters, 2 or 3 closes what 0 or 1 opened."""
    side = rng.integers(0, 2, N)
    return np.concatenate([side[None], rng.integers(4, 7, (d - 1, N)), side[None] + 2])


def remembers(Model, training, d, steps=600, **kind):
    rng = student_rng(student_id, "A07", "brackets", d)
    model = Model(7, 8, 16, np.random.default_rng(1), **kind)
    optimizer = flat_adamw(model, 1e-2)
    for _ in range(steps // 20):
        texts = [bracket_texts(rng, d, 32) for _ in range(20)]
        for text in texts:
            training(model, [(text[:-1], text[1:])], optimizer, 1)
    text = bracket_texts(rng, d, 400)
    h = np.zeros((400, 16))
    for ids in text[:-1]:
        Z, h = model.step(ids, h)
    return float(np.mean((Z[:, 3] > Z[:, 2]) == (text[-1] == 3)))


if (found := tools()) is not None:
    distances = (2, 5, 10, 15, 20, 30, 40)
    kinds = {"Elman": {}} | ({"GRU": {"cell": "gru"}} if found[0].__module__.startswith("course.") else {})
    jobs = [(name, d) for name in kinds for d in distances]
    right = {name: [] for name in kinds}
    for name, d in progress(jobs, "brackets", unit="networks"):
        right[name].append(remembers(*found, d, **kinds[name]))
    alt = "Share of right closing brackets against the distance: " + "; ".join(f"{name} {np.round(values, 2).tolist()}" for name, values in right.items())
    with figure(alt, xlabel="distance d (words)", ylabel="share of right brackets") as (fig, ax):
        curves(ax, distances, {name: values for name, values in right.items()}, markers=True)
        level(ax, 0.5, "guessing")
        ax.set_ylim(0.35, 1.05)
    show_table(["distance", *distances], [[name, *(f"{x:.2f}" for x in values)] for name, values in right.items()])

# %% [markdown]
# Explain your curve in two to four sentences with D7.3: what happens to the gradient that should tell the network about the opening bracket? If you have the second
# curve: what do gates change?

# %% [markdown] manual="response-x7-2" points=2
# The loss at the closing bracket has to send a gradient back over d steps to the opening one. Every step multiplies it by Whh and a slope
# below 1, so over ten or more steps it is so small that the noise of the letters drowns it: the network learns nothing about the bracket and
# guesses, 0.5. At short distances it is large enough. A GRU can keep its state, h' = z h with z near 1, so the factor a step is near 1
# and the gradient reaches farther.

# %% [markdown]
# ### R7.3 Units that keep a bracket in mind (4 points)
#
# In Farm every bracket that is opened is closed. Which unit of the long run knows that one is open? The next cell finds the unit whose value goes
# along best with it, and the weighted sum of all units that does (least squares, fitted on the first half of the words, drawn and counted on the second).
# On the page below the picture the slider shows any unit, on a longer piece of the text.

# %% locked="run-neuron" run=no
# The experiment; a click shows its code.
from course.toolbox.draw import read_along


def depth(words):
    """How many brackets are open after each word."""
    return np.cumsum([(word in "([") - (word in ")]") for word in words])


page = None
if globals().get("held_states") is not None:
    begin = held_words.index("exeunt") + 1  # where a document starts, no bracket is open
    read, seen = held_words[begin:-1], held_states[begin:]
    is_open, half = depth(read) > 0, len(read) // 2
    along = np.array([np.corrcoef(values, is_open)[0, 1] for values in seen.T])
    unit = int(np.abs(along).argmax())
    with_one = np.column_stack([seen, np.ones(len(seen))])
    weights = np.linalg.lstsq(with_one[:half], is_open[:half].astype(float), rcond=None)[0]
    mixed = with_one @ weights
    share = np.mean((mixed[half:] > 0.5) == is_open[half:])
    at = half + int(np.flatnonzero(is_open[half:] & ~np.roll(is_open, 1)[half:])[0])
    shown = slice(at - 5, at + 21)
    words, place = read[shown], np.arange(26)
    alt = f"Unit {unit} and a weighted sum of all units over 26 words of Farm. Correlation of the unit with 'a bracket is open': {along[unit]:.2f}; the sum is right for {100 * share:.1f} % of the words. Words: {' '.join(words)}"
    with figure(alt, size=(7.6, 3.8), ylabel="value") as (fig, ax):
        ax.fill_between(place, -1.05, 1.4, where=is_open[shown], step="mid", color="#e69f00", alpha=0.3)
        curves(ax, place, {f"unit {unit}": seen[shown, unit], "all units": mixed[shown]}, markers=True)
        ax.set_xticks(place, words, rotation=90)
        ax.set(ylim=(-1.05, 1.4))
        ax.text(0.99, 1.02, "shaded: a bracket is open", transform=ax.transAxes, ha="right", fontsize=9)
    print(f"unit {unit}: mean {seen[is_open, unit].mean():.2f} while a bracket is open, {seen[~is_open, unit].mean():.2f} else; correlation {along[unit]:.2f}")
    print(f"the weighted sum of all units tells it for {100 * share:.1f} % of the words of the second half")
    longer = slice(at - 5, at + 125)
    page = read_along(read[longer], seen[longer], is_open[longer], "a bracket is open", unit)
page

# %% [markdown]
# Interpret both lines in three to five sentences: what does the unit do at an opening bracket, in between, after the closing one, and at words that have nothing
# to do with brackets? Where is the memory? How sure are you that the network *uses* it, and what would you measure to find out?

# %% [markdown] manual="response-r7-3" points=4
# The unit goes to one side when a bracket opens, mostly stays there inside, and falls back after the closing one. But it also moves with other words, such
# as nouns and speakers, and its correlation is about 0.6: it does not mean "open" alone. The weighted sum of all units is right for nearly all words, so the memory
# is there, spread over many units. That it can be read off is no proof that the network uses it. One could push the state along this
# direction in the middle of a bracket and look whether the probability of the closing bracket falls; or count on new text.

# %% [markdown]
# ## 9 Sampling (30 minutes)
#
# After this section your network writes.
#
# Read the prefix, then draw a word from the model's probabilities, read it, draw the next, and so on. Scores are divided by a **temperature** first:
# $p \propto e^{z/\tau}$. With $\tau < 1$ the likely words win even more often: softmax is a competition, and at $\tau \to 0$ the winner takes all. At large
# $\tau$ all words become equally likely.
#
# **Example.** Scores $(2, 0)$: $p = (0.88, 0.12)$; with $\tau = 0.5$ it is $(0.98, 0.02)$, with $\tau = 2$ $(0.73, 0.27)$.

# %% [markdown]
# ### Slide error E10 (0.5 points)
#
# Deck 004's slide on sampling from the RNN still picks the die of $p(w_t|w_{t-2},w_{t-1})$. How many dice would that be with your vocabulary? And which die is right for
# the RNN: **a** $p(w_t|w_{t-1})$, **b** $p(w_t|h_t)$, **c** $p(w_t|w_t)$?

# %% solution="slide-e10"
slide_e10 = {
    "dice of the slide": ...,
    "right condition": ...,  # "a", "b" or "c"
}
### BEGIN SOLUTION
slide_e10 = {"dice of the slide": V_e10**2, "right condition": "b"}
### END SOLUTION

# %% test="slide-e10"
from autograder.assignments.a07 import check

check("slide-e10")

# %% [markdown]
# ### X7.7 Temperature (1 point)
#
# Four scores of your own. Give the probabilities at two temperatures, the entropy at $\tau=1$ in bits, and the number (from 0) of the word that wins at $\tau\to 0$.

# %% locked="numbers-x7-7"
z_own = student_rng(student_id, "A07", "x7-7").permutation([0.0, 1.0, 1.5, 3.0])
print("scores:", z_own)

# %% solution="experiment-x7-7"
experiment_x7_7 = {
    "p at 0.5": ...,  # four numbers
    "p at 2": ...,
    "bits at 1": ...,
    "word at 0": ...,
}
### BEGIN SOLUTION
p = softmax(z_own[None])[0]
experiment_x7_7 = {"p at 0.5": softmax(z_own[None] / 0.5)[0], "p at 2": softmax(z_own[None] / 2)[0]}
experiment_x7_7 |= {"bits at 1": -(p * np.log2(p)).sum(), "word at 0": int(z_own.argmax())}
### END SOLUTION

# %% test="experiment-x7-7"
from autograder.assignments.a07 import check

check("experiment-x7-7")

# %% [markdown]
# ### Drawing words (3 points)
#
# `prefix` is a list of at least one id, which the model reads from a state of zeros. Return the `n` new ids only. Use `model.step`, and draw with `rng` and
# nothing else; `.params` tells the size of the state.

# %% solution="sample"
def sample(model, prefix, n, temperature, rng):
    """Read the prefix, then draw n ids, each read in its turn -> list of n ids."""
    ### BEGIN SOLUTION
    h = np.zeros((1, len(model.params["bh"])))
    for i in prefix:
        Z, h = model.step(np.array([i]), h)
    new = []
    while len(new) < n:
        p = softmax(np.asarray(Z, float) / temperature)[0]
        new.append(int(rng.choice(len(p), p=p / p.sum())))
        Z, h = model.step(np.array(new[-1:]), h)
    return new
    ### END SOLUTION

# %% test="sample"
from autograder.assignments.a07 import check

check("sample")

# %% run=no
if globals().get("farm_run") is not None:
    try:
        rows = []
        for temperature in (0.5, 1.0, 2.0):
            ids = sample(farm_run.model, [NUMBER["anna:"]], 40, temperature, student_rng(student_id, "A07", "draw"))
            rows.append([temperature, "anna: " + " ".join(WORDS[i] for i in ids)])
        show_table(["temperature", "text"], rows)
    except Exception as error:
        print("Your sample does not work yet; come back when it does.", error)

# %% [markdown]
# ## 10 Gates (bonus, 45 minutes)
#
# After this section you know what the two best known remedies for short memories look like.
#
# Both keep an old state on a path with a factor near 1. The columns of the weights hold the gates side by side, in PyTorch's order. $\odot$ multiplies
# entry by entry. The cache is yours; it is not looked at.
#
# ### A step of a GRU (bonus, 3 points)
#
# Gates $r, z, n$: the first two are $\sigma(xW + b_x + hU + b_h)$, each with its own columns; then
#
# $$n = \tanh\big(xW_n + b_{x,n} + r\odot(hU_n + b_{h,n})\big),\qquad h' = (1-z)\odot n + z\odot h$$
#
# With $z = 1$ comes $h' = h$: the state, and its gradient, pass unchanged.

# %% solution="gru-step"
def gru_step(x, h, Wx, Wh, bx, bh):
    """One step of a GRU.

    Shapes: x (N, D), h (N, H), Wx (D, 3H), Wh (H, 3H), bx (3H,), bh (3H,)
            -> h_next (N, H), cache
    """
    ### BEGIN SOLUTION
    (xr, xz, xn), (hr, hz, hn) = (np.split(a, 3, axis=1) for a in (x @ Wx + bx, h @ Wh + bh))
    r, z = 1 / (1 + np.exp(-(xr + hr))), 1 / (1 + np.exp(-(xz + hz)))
    n = np.tanh(xn + r * hn)
    return (1 - z) * n + z * h, (x, h, r, z, n)
    ### END SOLUTION

# %% test="gru-step" bonus=3
from autograder.assignments.a07 import check

check("gru-step")

# %% [markdown]
# ### A step of an LSTM (bonus, 3 points)
#
# Gates $i, f, g, o$: $i, f, o$ are $\sigma(xW + hU + b)$ and $g$ is $\tanh(xW + hU + b)$, each with its own columns; then
#
# $$c' = f\odot c + i\odot g,\qquad h' = o\odot\tanh c'$$

# %% solution="lstm-step"
def lstm_step(x, h, c, Wx, Wh, b):
    """One step of an LSTM.

    Shapes: x (N, D), h (N, H), c (N, H), Wx (D, 4H), Wh (H, 4H), b (4H,)
            -> h_next (N, H), c_next (N, H), cache
    """
    ### BEGIN SOLUTION
    i, f, g, o = np.split(x @ Wx + h @ Wh + b, 4, axis=1)
    i, f, o = (1 / (1 + np.exp(-a)) for a in (i, f, o))
    c_next = f * c + i * np.tanh(g)
    return o * np.tanh(c_next), c_next, (x, h, c)
    ### END SOLUTION

# %% test="lstm-step" bonus=3
from autograder.assignments.a07 import check

check("lstm-step")

# %% [markdown]
# ## 11 Explain (50 minutes)
#
# After this section you know whether you have understood, because you have said it.

# %% [markdown]
# ### R7.1 What does "detach" do? (4 points)
#
# In many programs of recurrent networks one line says `state = state.detach()`, between two batches. Somebody asks: "Why is it there? I took it away,
# and training became slower and slower, then ran out of memory." Answer in four to six sentences: what the line cuts and what it does not, what happens
# without it, what it costs, and which line of your `RNNLM` or `train` corresponds to it.

# %% [markdown] manual="response-r7-1" points=4
# detach hands on the numbers of the state, but forgets how they were computed: the gradient of the next batch stops there. The state itself passes
# on, so the network still remembers the text before. Without it every batch hangs on the graph of all batches before, so each backward pass goes back
# to the very beginning: time and memory grow without end. The price is that losses after the cut cannot teach the network to store something before the
# cut. In our code the cut is that only the array h_last is passed to the next call of loss_and_grads, and that dh0 of a chunk is thrown away.

# %% [markdown]
# ### R7.2 Why by the global norm? (4 points)
#
# One could clip every entry to $[-c, c]$, or every array by its own norm. Why all gradients together by one norm? Say what happens to the direction in each case, give a
# small example in numbers, and say what clipping cannot mend.

# %% [markdown] manual="response-r7-2" points=4
# One common factor keeps the direction of the whole step: all parameters move as plain gradient descent would, only less far. Clipping entry by entry
# turns (10, 0.5) with c = 1 into (1, 0.5): the direction changes from nearly along the first axis to far from it. Clipping array by array changes the
# balance between arrays: a small gradient of one array stays as it is while another is shortened a hundredfold. So the step may even go up the hill
# in a narrow valley. Clipping bounds steps that are too long; it cannot bring back a gradient that has vanished, and it does not repair a wrong gradient or
# a rate that is too large everywhere.

# %% [markdown]
# ### Three quick questions (2 points)
#
# 1. Truncated backpropagation with $k=5$: a word 20 steps ago **a** cannot influence the prediction, **b** can influence it, but no gradient
#    teaches it to, **c** is forgotten at the cut?
# 2. Gradients of far steps vanish. What helps: **a** clipping, **b** a smaller learning rate, **c** gates?
# 3. (counts double) A friend's model reaches 1.20 bits a word on new Farm text. **a** It was trained long enough, **b** its
#    targets leak into its inputs, **c** it has enough parameters?

# %% solution="quiz-q7-1"
quiz_q7_1 = {
    "1": ...,  # "a", "b" or "c"
    "2": ...,
    "3": ...,
}
### BEGIN SOLUTION
quiz_q7_1 = {"1": "b", "2": "c", "3": "b"}
### END SOLUTION

# %% test="quiz-q7-1"
from autograder.assignments.a07 import check

check("quiz-q7-1")

# %% [markdown]
# ### Teach it back (4 points)
#
# Write the page that you would have liked to read before this notebook: backpropagation through time for two steps, with an example in numbers of your own that
# you checked, the two mistakes that are easiest to make, and how one notices them. At most 250 words.

# %% [markdown] manual="response-r7-t" points=4
# A recurrent network uses the same weights at every step. Take one unit, u = 0.5, w = 1, inputs 1 and 0, h0 = 0: h1 = tanh(1) = 0.7616,
# h2 = tanh(0.3808) = 0.3634. The loss is L = h2. Go back: slope at step 2 is 1 − 0.3634² = 0.8679, so δ2 = 0.8679. u was used there with h1: share
# 0.8679 · 0.7616 = 0.6610. To h1 goes δ2 · u = 0.4340, times its slope 0.4200: δ1 = 0.1823. w has the shares δ1 · 1 + δ2 · 0 = 0.1823,
# and u the share δ1 · h0 = 0 from step 1. Differences with h = 1e-5 give 0.6610 and 0.1823 as well.
# Easy mistakes: using the state after the step instead of the one before in the share of u (0.8679 · 0.3634 = 0.3154, seen by a gradient check of Whh
# alone), and forgetting what comes back from the step after: then the shares of early steps are missing, and all gradients are those of
# one step.

# %% [markdown]
# ## What comes next
#
# In A08 your network races against the n-grams of A06, on the same text, the same held-out words and the same clock.
