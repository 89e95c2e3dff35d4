# %% [markdown]
# # A06 N-gram language models
#
# After this notebook you can turn counts into a language model, smooth it so that nothing is impossible, measure it in bits,
# draw text from it, and say exactly how good any n-gram model of a language can become.
#
# | | |
# |---|---|
# | **You need** | A01: softmax, logarithms; A05: vocabulary and `<unk>`; Python dicts and `Counter` |
# | **Read first** | deck 004, "Background: n-gram language models" to the sample of the "5-Gram Model"; deck 003, the page with the softmax that predicts the fraction of counts; deck 001, "One-hot vectors" |
# | **Time** | about eight hours, in nine sections that can be done on different days; the bonus is not counted |
# | **Points** | 100: derivations 22, code 46, experiments 14, explanations 18; a bonus of 4 |
#
# **How a section goes:** a small example, a picture, a derivation that you type, the code in the same letters, a check. A red
# check says what is wrong and why. Mend it and run it again as often as you like.

# %% [markdown]
# ## 0 Setup (5 minutes)
#
# Type your student id between the quotes. Your numbers, texts and grammars are made from it.

# %% solution="student-id" keep=yes
student_id = ""

# %% locked="imports"
import sys
from collections import Counter, defaultdict

import numpy as np

from course.toolbox.corpora.farm import documents, farm, oracle_logprobs, stream
from course.toolbox.corpora.text import pydoc
from course.toolbox.plots import COLOURS, curves, figure, level
from course.toolbox.progress import progress
from course.toolbox.seeds import student_rng
from course.toolbox.sliders import explore
from course.toolbox.tables import show_table

# %% [markdown]
# ## 1 From counts to probabilities (60 minutes)
#
# After this section you can cut a text into n-grams, count them, and read a probability off the counts.
#
# What is the probability of a whole sentence? Never ask for all of it at once: take the words one after the other.
# Conditional probability is defined by $p(w_2 \mid w_1) = p(w_1, w_2)/p(w_1)$.
#
# **Example.** In your diary 20 of 100 sentences begin with "the", and 5 of these go on with "cow": $p(\text{cow}\mid\text{the}) =
# 0.05/0.20 = 0.25$. So $p(\text{the cow}) = 0.20\cdot 0.25 = 0.05$.

# %% locked="figure-window" run=no
# The picture below; a click shows how it is drawn.
with figure("The sentence 'cows eat hay' with two <s> in front and one </s> behind. A window of three words slides over it: four trigrams.", size=(6.4, 2.2)) as (fig, ax):
    ax.set_axis_off()
    ax.set(xlim=(-0.6, 5.6), ylim=(-2.6, 0.6))
    for k, word in enumerate(["<s>", "<s>", "cows", "eat", "hay", "</s>"]):
        ax.text(k, 0.2, word, ha="center", va="center", bbox={"boxstyle": "round,pad=0.3", "fc": "#e8f1fa", "ec": "#1a1a1a"})
    for k in range(4):
        ax.plot([k - 0.35, k + 1.4], [-0.6 * k - 0.4] * 2, color=COLOURS[0], linewidth=6, solid_capstyle="butt")
        ax.plot([k + 1.6, k + 2.35], [-0.6 * k - 0.4] * 2, color=COLOURS[1], linewidth=6, solid_capstyle="butt")
    ax.text(5.5, -0.4, "context", color=COLOURS[0], ha="right", va="center", fontweight="bold")
    ax.text(-0.5, -2.2, "word that is predicted", color="#a04800", ha="left", va="center", fontweight="bold")

# %% [markdown]
# ### D6.1 The chain rule of probability (3 points)
#
# Names: `p1` is $p(w_1)$, `p12` is $p(w_1,w_2)$, `p2_1` is $p(w_2\mid w_1)$, `p3_12` is $p(w_3\mid w_1,w_2)$, `p3_2` is $p(w_3\mid w_2)$.
# Type each line as a string.
#
# 1. $p(w_2\mid w_1)$ from `p12` and `p1`
# 2. $p(w_1,w_2,w_3)$ as a product of three factors, nothing left out
# 3. the same in a **bigram** model, which sees one word back only
# 4. the logarithm of line 3 as a sum

# %% solution="derivation-d6-1"
d6_1 = [
    ### BEGIN SOLUTION
    "p12/p1",
    "p1*p2_1*p3_12",
    "p1*p2_1*p3_2",
    "log(p1) + log(p2_1) + log(p3_2)",
    ### END SOLUTION
]

# %% test="derivation-d6-1"
from autograder.assignments.a06 import check

check("derivation-d6-1")

# %% [markdown]
# ### N-grams of a sentence (4 points)
#
# The first words have no history, and a sentence has to stop somewhere. So a sentence gets $n-1$ marks `<s>` in front and one `</s>`
# behind. `<s>` is context only. `</s>` is predicted like a word.
#
# **Example.** `ngrams(["cows", "eat"], 2)` is `[("<s>", "cows"), ("cows", "eat"), ("eat", "</s>")]`: three n-grams, one for
# each word and one for the end.

# %% solution="ngrams"
def ngrams(sentence, n):
    """All n-grams that end in a word of the sentence or in </s>, in order, as tuples.

    ["cows", "eat"], 2 -> [("<s>", "cows"), ("cows", "eat"), ("eat", "</s>")]
    """
    ### BEGIN SOLUTION
    padded = ["<s>"] * (n - 1) + list(sentence) + ["</s>"]
    return list(zip(*(padded[k:] for k in range(n))))
    ### END SOLUTION

# %% test="ngrams"
from autograder.assignments.a06 import check

check("ngrams")

# %% [markdown]
# ### Counting without a loop (5 points)
#
# Long texts are arrays of whole numbers. List all different n-grams of such an array in sorted order (first by the first number, then by the
# second, …), with their counts. `np.unique` with `axis=0` and `return_counts=True` does most of it; your part is the table of windows.
#
# **Example.** `count([1, 2, 1, 2, 0], 2)`: the windows are 12, 21, 12, 20, so keys `[[1, 2], [2, 0], [2, 1]]` and counts `[2, 1, 1]`.

# %% solution="count"
def count(ids, n):
    """All different n-grams of a sequence, sorted, and how often each occurs.

    Shapes: ids (T,) whole numbers, n -> keys (K, n), counts (K,)
    """
    ### BEGIN SOLUTION
    ids = np.asarray(ids)
    windows = np.stack([ids[k : len(ids) - n + 1 + k] for k in range(n)], axis=1)
    return np.unique(windows, axis=0, return_counts=True)
    ### END SOLUTION

# %% test="count"
from autograder.assignments.a06 import check

check("count")

# %% [markdown]
# ### X6.1 What do cows eat? (2 points)
#
# Deck 004 learns a trigram model from eleven scraps of text. Here they are. After "cows eat" comes a die with five faces.

# %% locked="text-x6-1"
COWS = """the cows eat grass
our cows eat hay daily
factory-farm cows eat corn
on an organic farm , cows eat hay and
do your cows eat grass or corn ?
what do cows eat if they have
cows eat corn when there is no
which cows eat which foods depends
if cows eat grass
when cows eat corn their stomachs
should we let cows eat corn ?"""
cows = [line.split() for line in COWS.splitlines()]
k_cows = float(student_rng(student_id, "A06", "x6-1").choice([0.1, 0.2, 0.25, 0.5]))
print("your k for the last line:", k_cows)

# %% locked="figure-cows" run=no
# The picture below; a click shows how it is drawn.
after_eat = Counter(w for s in cows for u, v, w in zip(s, s[1:], s[2:]) if (u, v) == ("cows", "eat"))
with figure("A bar for each word after 'cows eat': corn 4, grass 3, hay 2, if 1, which 1, each of 11.", size=(5.2, 2.6), xlabel="p(word | cows eat)") as (fig, ax):
    names, heights = zip(*reversed(after_eat.most_common()))
    ax.barh(names, np.array(heights) / 11, color=COLOURS[0])
    for row, c in enumerate(heights):
        ax.text(c / 11 + 0.005, row, f"{c}/11", va="center")

# %% [markdown]
# Give the probability of "corn", the entropy of the die in bits, $H=-\sum p\log_2 p$, and its perplexity $2^H$: among how many equally
# likely words the model is in doubt.
#
# Then the vocabulary: $V$ counts the different words of the eleven lines, and `</s>` and `<unk>` as well. With your $k$ added to every count,
# $(c+k)/(c(h)+kV)$, how probable is "corn" now?

# %% solution="experiment-x6-1"
experiment_x6_1 = {
    "p(corn | cows eat)": ...,
    "bits": ...,
    "perplexity": ...,
    "V": ...,
    "p(corn | cows eat), add k": ...,
}
### BEGIN SOLUTION
p_cows = np.array([4, 3, 2, 1, 1]) / 11
bits_cows = -np.sum(p_cows * np.log2(p_cows))
V_cows = len({w for s in cows for w in s}) + 2
experiment_x6_1 = {"p(corn | cows eat)": 4 / 11, "bits": bits_cows, "perplexity": 2**bits_cows, "V": V_cows}
experiment_x6_1 |= {"p(corn | cows eat), add k": (4 + k_cows) / (11 + k_cows * V_cows)}
### END SOLUTION

# %% test="experiment-x6-1"
from autograder.assignments.a06 import check

check("experiment-x6-1")

# %% [markdown]
# ## 2 Maximum likelihood, and its trouble (60 minutes)
#
# After this section you know why counting is the best fit, and why the best fit is a bad model.
#
# **Example.** A coin shows heads 3 times in 4. With $\theta$ for heads, the probability of what happened is $\theta^3(1-\theta)$. It is 0.0625 at
# $\theta=0.5$, 0.1055 at 0.75, and 0.0729 at 0.9. The maximum stands at $3/4$: the count ratio.

# %% locked="figure-likelihood" run=no
# The picture below; a click shows how it is drawn.
with figure("The likelihood theta cubed times one minus theta, for theta from 0 to 1: one hump, with its top at 0.75.", size=(5, 2.6), xlabel="θ", ylabel="likelihood") as (fig, ax):
    theta = np.linspace(0, 1, 200)
    ax.plot(theta, theta**3 * (1 - theta), color=COLOURS[0])
    ax.plot([0.75], [0.75**3 * 0.25], "o", color=COLOURS[1])
    ax.text(0.6, 0.75**3 * 0.25, "θ = 3/4", ha="right", va="center", color="#a04800", fontweight="bold")

# %% [markdown]
# ### D6.2 Counting is maximum likelihood (5 points)
#
# Three words follow a context $c_1, c_2, c_3$ times; $\theta_1+\theta_2+\theta_3=1$. Maximise $\sum_j c_j\log\theta_j - \lambda(\sum_j\theta_j-1)$.
#
# 1. the derivative by one $\theta$, with `c`, `theta`, `lam`
# 2. the $\theta$ that makes it 0, with `c` and `lam`
# 3. $\lambda$, so that the three $\theta$ sum to 1, with `c1`, `c2`, `c3`
# 4. $\theta_1$, with `c1`, `c2`, `c3`

# %% [markdown]
# Deck 003 says that softmax gets to the same place. Now the scores $z_1, z_2, z_3$ are free, and $p_j = e^{z_j}/\sum_i e^{z_i}$.
#
# 5. the loss $L = -\sum_j c_j \log p_j$, with `z1`, `z2`, `z3` and `c1`, `c2`, `c3`
# 6. $\partial L/\partial z_1$, with `p1`, `c1` and `C` for $c_1+c_2+c_3$
# 7. the $p_1$ at which this gradient is 0
#
# So a network with a score of its own for every context and word learns the table of n-gram counts.

# %% solution="derivation-d6-2"
d6_2 = [
    ### BEGIN SOLUTION
    "c/theta - lam",
    "c/lam",
    "c1 + c2 + c3",
    "c1/(c1 + c2 + c3)",
    "(c1 + c2 + c3)*log(exp(z1) + exp(z2) + exp(z3)) - c1*z1 - c2*z2 - c3*z3",
    "C*p1 - c1",
    "c1/C",
    ### END SOLUTION
]

# %% test="derivation-d6-2"
from autograder.assignments.a06 import check

check("derivation-d6-2")

# %% [markdown]
# ### Farm, and your dialect of it
#
# From here on the text is **Farm**, a small made-up language. Three speakers take turns; nouns and verbs agree; brackets close as they opened;
# and after "eat" stands the table of deck 004. Its grammar is known, so we shall know exactly how well it can be predicted. Your dialect has
# other weights than anybody else's.

# %% locked="dialect"
dialect_rng = student_rng(student_id, "A06", "dialect")
dialect = farm(seed=int(dialect_rng.integers(2**31)))
dialect_train, dialect_held_out = stream(dialect, dialect_rng, 5000), stream(dialect, dialect_rng, 2000)
show_table([""], [[" ".join(dialect_train[:40]) + " …"]])

# %% [markdown]
# ### X6.3 What was never seen (2 points)
#
# For $n = 1,\dots,5$: which share of the n-grams of `dialect_held_out` does not occur in `dialect_train` at all? Slide the window over the plain
# lists of 5000 and 2000 tokens; no `<s>`, no `</s>`; count every position of the held-out text.
#
# And which share of the **different** contexts of four words in `dialect_train` occurs once only?

# %% solution="experiment-x6-3"
experiment_x6_3 = {
    "unseen": ...,  # five shares
    "once": ...,  # a share
}
### BEGIN SOLUTION
def windows(tokens, n):
    return list(zip(*(tokens[k:] for k in range(n))))


unseen = []
for n in range(1, 6):
    known = set(windows(dialect_train, n))
    unseen.append(np.mean([g not in known for g in windows(dialect_held_out, n)]))
four = Counter(windows(dialect_train, 4))
experiment_x6_3 = {"unseen": unseen, "once": np.mean([c == 1 for c in four.values()])}
### END SOLUTION

# %% test="experiment-x6-3"
from autograder.assignments.a06 import check

check("experiment-x6-3")

# %% [markdown]
# Each of these n-grams gets probability 0 from maximum likelihood, and one zero makes a whole text impossible. So take a little from what was
# seen, and give it to what was not. That is **smoothing**.
#
# ### D6.3 Add k (2.5 points)
#
# Pretend that each of the $V$ words was seen $k$ times before (a *prior*). Names: `c` for $c(h\,w)$, `n` for $c(h)$, `k`, `V`.
#
# 1. line 4 of D6.2, with the counts $c+k$ instead of $c$
# 2. its limit for $k\to 0$
# 3. its limit for $k\to\infty$
# 4. it is a mixture, $\lambda\,c/n + (1-\lambda)/V$; give $\lambda$

# %% solution="derivation-d6-3"
d6_3 = [
    ### BEGIN SOLUTION
    "(c + k)/(n + k*V)",
    "c/n",
    "1/V",
    "n/(n + k*V)",
    ### END SOLUTION
]

# %% test="derivation-d6-3"
from autograder.assignments.a06 import check

check("derivation-d6-3")

# %% [markdown]
# ## 3 Smoothing, and the model (120 minutes)
#
# After this section you have five smoothings, Kneser-Ney among them, which was the best one for twenty years.
#
# Add-k gives every unseen word the same. Better: ask a shorter context. **Interpolation** mixes all orders with fixed weights. **Katz**
# takes from small counts and hands it to the shorter context for unseen words. **Kneser-Ney** takes the same discount $D$ from every count and
# asks a cleverer question of the shorter context.
#
# **Example.** After "cows eat": corn 4, grass 3, hay 2, if 1, which 1. With $D = 0.75$ they keep 3.25, 2.25, 1.25, 0.25, 0.25 of 11. Freed are
# $5\cdot 0.75/11 = 0.34$, to be shared out by $q(w)$, the probability of $w$ in the shorter context.

# %% locked="figure-discount" run=no
# The picture below; a click shows how it is drawn.
with figure("Bars of the five counts 4, 3, 2, 1, 1. The top 0.75 of each is cut off; the five pieces lie on a heap of 3.75 for the lower order.", size=(5.6, 2.8), ylabel="count") as (fig, ax):
    names, heights = ["corn", "grass", "hay", "if", "which"], np.array([4, 3, 2, 1, 1])
    ax.bar(names, heights - 0.75, color=COLOURS[0])
    ax.bar(names, [0.75] * 5, bottom=heights - 0.75, color=COLOURS[1], hatch="//")
    ax.bar(["lower order"], [3.75], color=COLOURS[1], hatch="//")
    ax.text(1.4, 3.4, "D = 0.75 off each", color="#a04800", fontweight="bold")
    ax.grid(axis="x", visible=False)

# %% [markdown]
# ### D6.4 Where the discount goes (4.5 points)
#
# Three words were seen after a context, `c1`, `c2`, `c3` times, $C = c_1+c_2+c_3$. $p(w) = \max(c-D,0)/C + \lambda\,q(w)$, and $\sum_w q(w) = 1$.
#
# 1. the sum of $(c-D)/C$ over the three words, with `c1`, `c2`, `c3`, `D`, `C`
# 2. the same with `D` and `C` only
# 3. the $\lambda$ with which all probabilities sum to 1
# 4. the same $\lambda$ when `N` different words were seen
# 5. in **modified** Kneser-Ney counts of 1, 2 and 3 or more lose `D1`, `D2`, `D3`; there are `N1`, `N2`, `N3` such words. Give $\lambda$
# 6. the probability of an unseen word with `N`, `D`, `C` and `q`

# %% solution="derivation-d6-4"
d6_4 = [
    ### BEGIN SOLUTION
    "(c1 + c2 + c3 - 3*D)/C",
    "1 - 3*D/C",
    "3*D/C",
    "N*D/C",
    "(N1*D1 + N2*D2 + N3*D3)/C",
    "N*D/C*q",
    ### END SOLUTION
]

# %% test="derivation-d6-4"
from autograder.assignments.a06 import check

check("derivation-d6-4")

# %% [markdown]
# ### Which words to the left?
#
# The lower order speaks only when the higher one has not seen enough. So what matters is not how *often* a word occurs, but after how *many different*
# words: its left neighbours. **Example.** In a guide to California "Francisco" occurs 9 times, always after "San"; "cow" 4 times, after "the", "a", "black" and
# "brown". Somewhere new, "cow" is the better guess: Kneser-Ney's lower order counts 1 for "Francisco" and 4 for "cow".

# %% locked="figure-neighbours" run=no
# The picture below; a click shows how it is drawn.
with figure("Two pairs of bars. Francisco: count 9, left neighbours 1. cow: count 4, left neighbours 4.", size=(5, 2.4), xlabel="number") as (fig, ax):
    ax.barh([3.2, 1.2], [9, 4], 0.7, color="#bbbbbb")
    ax.barh([2.4, 0.4], [1, 4], 0.7, color=COLOURS[0])
    ax.set_yticks([2.8, 0.8], ["Francisco", "cow"])
    ax.text(9.1, 3.2, "count", va="center")
    ax.text(1.1, 2.4, "different left neighbours", va="center", color="#004c77", fontweight="bold")
    ax.set(xlim=(0, 10.5))
    ax.grid(axis="y", visible=False)

# %% [markdown]
# ### How `NGram` and a smoothing work together
#
# `NGram(3, mle())` gets a smoothing; `.fit(sentences)` hands it the text; `.prob(history, word)` asks it. What a smoothing *is* is up to
# you. A form that keeps all code short: a function of `(sentences, n, V)` that counts, and returns a function `p(context, word)` for contexts of
# $n-1$ words. Then `mle()` is `add_k(0)` with care for empty contexts.
#
# `tables` below does the counting for you, with your `ngrams`; Kneser-Ney, which pads differently, counts for itself.

# %% locked="given-tables"
def tables(sentences, n):
    """For each order m = 1 … n: how often every n-gram occurs, and how often every context.

    tables([["a", "b"]], 2)[1] -> ({("<s>", "a"): 1, ("a", "b"): 1, ("b", "</s>"): 1},
                                   {("<s>",): 1, ("a",): 1, ("b",): 1})
    """
    orders = []
    for m in range(1, n + 1):
        counts, totals = Counter(tuple(g) for s in sentences for g in ngrams(s, m)), Counter()
        for g, c in counts.items():
            totals[g[:-1]] += c
        orders.append((counts, totals))
    return orders

# %% [markdown]
# ### The smoothings (15 points)
#
# The rules stand in the docstrings. **Write mle and add_k first, then NGram below, and run both checks**; they stand under NGram. Then come
# back for the rest.

# %% solution="smoothing"
def add_k(k):
    """(c(h w) + k) / (c(h) + k V); 1/V after a context that never occurred."""
    ### BEGIN SOLUTION
    def smooth(sentences, n, V):
        counts, totals = tables(sentences, n)[-1]

        def p(h, w):
            bottom = totals[h] + k * V
            return (counts[h + (w,)] + k) / bottom if bottom else 0.0

        return p

    return smooth
    ### END SOLUTION


def mle():
    """c(h w) / c(h), and 0 after a context that never occurred."""
    ### BEGIN SOLUTION
    return add_k(0.0)
    ### END SOLUTION


def interpolated(lambdas):
    """Σ λ_m c(h_m w) / c(h_m) over the orders m = 1 … n.

    h_m are the last m − 1 words; lambdas[0] belongs to order 1. The weight of a context
    that never occurred passes to the next lower order.
    """
    ### BEGIN SOLUTION
    def smooth(sentences, n, V):
        orders = tables(sentences, n)

        def p(h, w):
            total = left = 0.0
            for m in range(n, 0, -1):
                counts, totals = orders[m - 1]
                context = h[n - m :]
                left += lambdas[m - 1]
                if totals[context]:
                    total, left = total + left * counts[context + (w,)] / totals[context], 0.0
            return total

        return p

    return smooth
    ### END SOLUTION


def katz():
    """Small counts are discounted, and unseen words share what is freed.

    Seen words: d_r r / c(h) with r = c(h w). d_r = 1 above r = 5, else
    ((r + 1) n_{r+1} / (r n_r) − A) / (1 − A) with A = 6 n_6 / n_1, where n_r n-grams of this
    order occur r times; where these d_r are not all in (0, 1]: (r − ½) / r.
    Unseen words: what is left, in proportion to the next lower order; below unigrams 1/V.
    Where no unseen word has a probability in the lower order, the seen ones are scaled to
    sum to 1.
    """
    ### BEGIN SOLUTION
    def discounts(counts):
        often = Counter(counts)
        n = [often[r] for r in range(7)]
        if all(n[1:]) and 6 * n[6] < n[1]:
            A = 6 * n[6] / n[1]
            d = [((r + 1) * n[r + 1] / (r * n[r]) - A) / (1 - A) for r in range(1, 6)]
            if all(0 < x <= 1 for x in d):
                return [0.0, *d, 1.0]
        return [0.0, *((r - 0.5) / r for r in range(1, 6)), 1.0]

    def smooth(sentences, n, V):
        orders, shared = [], {}
        for counts, _ in tables(sentences, n):
            followers = defaultdict(dict)
            d = discounts(counts.values())
            for g, c in counts.items():
                followers[g[:-1]][g[-1]] = c
            orders.append((followers, d))

        def p(h, w):
            followers, d = orders[len(h)]
            lower = (lambda v: p(h[1:], v)) if h else (lambda v: 1 / V)
            if h not in followers:
                return lower(w)
            seen = followers[h]
            C = sum(seen.values())
            if h not in shared:
                kept = sum(d[min(c, 6)] * c for c in seen.values()) / C
                shared[h] = kept, 1 - sum(lower(v) for v in seen)
            kept, room = shared[h]
            own = d[min(seen.get(w, 0), 6)] * seen.get(w, 0) / C
            if room < 1e-12:
                return own / kept
            return own if w in seen else (1 - kept) / room * lower(w)

        return p

    return smooth
    ### END SOLUTION


def kneser_ney(modified=True):
    """(c − D)/C + λ p(w | shorter context) in every order; below unigrams stands 1/V.

    Highest order: counts, with one <s> in front. Lower orders: how many different words stand
    to the left of an n-gram; but n-grams that begin with <s> keep their counts. <s> itself is
    no unigram. An unseen context hands over to the lower order.
    D from the n_1 … n_4 of each order, Y = n_1/(n_1 + 2 n_2). Plain: D = Y. Modified: for
    counts of 1, 2 and 3 or more D_j = j − (j + 1) Y n_{j+1}/n_j. Where n_1, n_2 (modified:
    n_3, too) is 0, or a D_j is outside [0, j]: 0.5; or 0.5, 1, 1.5.
    """
    ### BEGIN SOLUTION
    def discounts(counts):
        often = Counter(counts)
        n1, n2, n3, n4 = (often[j] for j in (1, 2, 3, 4))
        Y = n1 / (n1 + 2 * n2) if n1 and n2 else 0.5
        if not modified:
            return [0.0, Y, Y, Y]
        if n1 and n2 and n3:
            D = [0.0, 1 - 2 * Y * n2 / n1, 2 - 3 * Y * n3 / n2, 3 - 4 * Y * n4 / n3]
            if all(0 <= d <= j for j, d in enumerate(D)):
                return D
        return [0.0, 0.5, 1.0, 1.5]

    def smooth(sentences, n, V):
        text = [["<s>", *s, "</s>"] for s in sentences]
        raw = [Counter(g for t in text for g in zip(*(t[k:] for k in range(m)))) for m in range(1, n + 1)]
        orders = []
        for m in range(1, n + 1):
            counts = raw[m - 1]
            if m < n:
                left = Counter(g[1:] for g in raw[m])
                counts = Counter({g: c if g[0] == "<s>" else left[g] for g, c in counts.items()})
            counts.pop(("<s>",), None)
            D, totals, freed = discounts(counts.values()), Counter(), Counter()
            for g, c in counts.items():
                totals[g[:-1]] += c
                freed[g[:-1]] += D[min(c, 3)]
            orders.append((counts, totals, freed, D))

        def p(h, w):
            while h[:2] == ("<s>", "<s>"):
                h = h[1:]
            counts, totals, freed, D = orders[len(h)]
            lower = p(h[1:], w) if h else 1 / V
            if not totals[h]:
                return lower
            c = counts[h + (w,)]
            return (c - D[min(c, 3)] + freed[h] * lower) / totals[h]

        return p

    return smooth
    ### END SOLUTION

# %% [markdown]
# ### The model (8 points)
#
# `.vocab` is the sorted list of the words of training, `</s>` and `<unk>`; its length is $V$, and probabilities sum to one over it. Words that
# training did not have are `<unk>`. A history longer than $n-1$ words is cut; a shorter one stands at the start of a sentence, so `[]` *is* the start.
# `prob(h, "<s>")` is 0.
#
# `logprobs(sentences)` gives one natural logarithm for each word and one for each `</s>`, all sentences in one array.

# %% solution="ngram"
class NGram:
    """An n-gram model with a smoothing: model = NGram(3, mle()).fit(sentences).

    __init__(n, smoothing); fit(sentences) returns the model; vocab;
    prob(history, word) is a number; logprobs(sentences) is an array of natural logarithms,
    one for each word and each </s>
    """

    ### BEGIN SOLUTION
    def __init__(self, n, smoothing):
        self.n, self.smoothing = n, smoothing

    def fit(self, sentences):
        self.vocab = sorted({w for s in sentences for w in s} | {"</s>", "<unk>"})
        self.known = {*self.vocab, "<s>"}
        self.p = self.smoothing(sentences, self.n, len(self.vocab))
        return self

    def prob(self, history, word):
        if word == "<s>":
            return 0.0
        history = ["<s>"] * (self.n - 1) + list(history)[max(0, len(history) - self.n + 1) :]
        words = [w if w in self.known else "<unk>" for w in [*history, word]]
        return self.p(tuple(words[len(words) - self.n : -1]), words[-1])

    def logprobs(self, sentences):
        p = []
        for s in sentences:
            for i, w in enumerate([*s, "</s>"]):
                p.append(self.prob(s[max(0, i - self.n + 1) : i], w))
        with np.errstate(divide="ignore"):
            return np.log(p)
    ### END SOLUTION

# %% test="ngram"
from autograder.assignments.a06 import check

check("ngram")

# %% [markdown]
# With a model the smoothings can be checked, each by itself:

# %% test="smoothing"
from autograder.assignments.a06 import check

check("smoothing")

# %% [markdown]
# ## 4 How good is a model? (35 minutes)
#
# After this section you can measure a language model, in numbers that can be compared.
#
# A model should give high probability to text that it has not seen. Taken to logarithms and to one token, that is the **cross-entropy**
# $-\frac1T\sum_t\log_2 p(w_t\mid\dots)$, in bits per predicted token. $T$ counts every word and every `</s>`.
#
# **Example.** Four tokens get $\tfrac12, \tfrac14, \tfrac14, \tfrac12$: the bits are 1, 2, 2, 1, on average 1.5. The perplexity is $2^{1.5} = 2.83$: on average the
# model is in doubt among 2.83 words.

# %% [markdown]
# ### D6.6 Entropy, cross-entropy, perplexity (2 points)
#
# A coin falls on heads with probability `p`; the model believes `q`. In nats (`log`):
#
# 1. the cross-entropy $H(p, q)$: what the model pays on average
# 2. the entropy $H(p)$: what the best model pays
# 3. line 1 minus line 2, with one logarithm for each side of the coin: the Kullback-Leibler divergence, never negative
# 4. the perplexity, when the cross-entropy is `H` nats

# %% solution="derivation-d6-6"
d6_6 = [
    ### BEGIN SOLUTION
    "-(p*log(q) + (1 - p)*log(1 - q))",
    "-(p*log(p) + (1 - p)*log(1 - p))",
    "p*log(p/q) + (1 - p)*log((1 - p)/(1 - q))",
    "exp(H)",
    ### END SOLUTION
]

# %% test="derivation-d6-6"
from autograder.assignments.a06 import check

check("derivation-d6-6")

# %% [markdown]
# ### Cross-entropy in bits (3 points)
#
# The function takes any model that has `.logprobs`. Never multiply probabilities: a few hundred of them underflow to 0.

# %% solution="cross-entropy-bits"
def cross_entropy_bits(model, sentences):
    """−1/T Σ log₂ p over all words and all </s>, in bits per predicted token."""
    ### BEGIN SOLUTION
    return float(-np.mean(model.logprobs(sentences)) / np.log(2))
    ### END SOLUTION

# %% test="cross-entropy-bits"
from autograder.assignments.a06 import check

check("cross-entropy-bits")

# %% [markdown]
# ### Perplexity (2 points)
#
# The same number told in another way: among how many equally likely words the model is in doubt.

# %% solution="perplexity"
def perplexity(model, sentences):
    """2 to the power of the cross-entropy in bits."""
    ### BEGIN SOLUTION
    return 2.0 ** cross_entropy_bits(model, sentences)
    ### END SOLUTION

# %% test="perplexity"
from autograder.assignments.a06 import check

check("perplexity")

# %% [markdown]
# ## 5 Rolling the die (40 minutes)
#
# After this section you can draw text from a model, and find out with a number whether a sampler is right.
#
# Deck 004: take the die that belongs to the last words, roll it, write down the word, repeat. A **temperature** $\tau$ bends the die first:
# $p^{1/\tau}$, divided by its sum. Small $\tau$ makes it bold, large $\tau$ flat.
#
# **Example.** $p = (0.8, 0.2)$. With $\tau = 2$: $\sqrt{0.8} : \sqrt{0.2} = 2 : 1$, so $(0.67, 0.33)$. With $\tau = 0.5$: $0.64 : 0.04$, so $(0.94, 0.06)$.

# %% locked="widget-die" run=no
# The sliders below; a click shows how they are made.
def roll_the_die(ax, rolls, temperature, attempt):
    """Roll the bent die of "cows eat", and draw what came beside what was to be expected."""
    faces, place = ["corn", "grass", "hay", "if", "which"], np.arange(5)
    bent = (np.array([4, 3, 2, 1, 1]) / 11) ** (1 / temperature)
    bent = bent / bent.sum()
    counts = student_rng(student_id, "A06", "die", attempt).multinomial(rolls, bent)
    chi2 = np.sum((counts - rolls * bent) ** 2 / (rolls * bent))
    ax.bar(place - 0.2, counts, 0.4, color=COLOURS[0])
    ax.bar(place + 0.2, rolls * bent, 0.4, color="#bbbbbb")
    ax.set_xticks(place, faces)
    ax.set_ylim(0, 1.35 * max(counts.max(), rolls * bent.max()))
    said = f"blue: rolled {rolls} times; grey: expected; χ² = {chi2:.1f}"
    ax.text(0.01, 0.98, said, transform=ax.transAxes, va="top")
    return f"A five-sided die at temperature {temperature}: {dict(zip(faces, counts.tolist()))}; {said}."


explore(roll_the_die, ylabel="times", rolls=(200, 10, 2000, 10), temperature=(1.0, 0.2, 4.0, 0.1), attempt=(1, 1, 50, 1))

# %% [markdown]
# Move the sliders: how do the bars change with the temperature? How does $\chi^2$ behave when you change only the attempt, and when you roll ten times as often?

# %% [markdown]
# ### X6.6 Is the die right? (2 points)
#
# How far may counts stray? $\chi^2 = \sum (\text{count} - \text{expected})^2/\text{expected}$ is about 4 on average for five faces; a right die exceeds 18.5 in
# one case of a thousand. Two samplers rolled your die 600 times. Give both $\chi^2$, and the letter of the one that is wrong.

# %% locked="numbers-x6-6"
rng = student_rng(student_id, "A06", "x6-6")
p_die = rng.permutation([4, 3, 2, 1, 1]) / 11
rolled = [rng.multinomial(600, p_die), rng.multinomial(600, p_die**2 / np.sum(p_die**2))]
first = int(rng.integers(2))
rolls_A, rolls_B = rolled[first], rolled[1 - first]
print("p =", p_die.round(4), "\nA:", rolls_A, "\nB:", rolls_B)

# %% solution="experiment-x6-6"
experiment_x6_6 = {
    "chi2 of A": ...,
    "chi2 of B": ...,
    "wrong": ...,  # "A" or "B"
}
### BEGIN SOLUTION
chi2_A, chi2_B = (np.sum((counts - 600 * p_die) ** 2 / (600 * p_die)) for counts in (rolls_A, rolls_B))
experiment_x6_6 = {"chi2 of A": chi2_A, "chi2 of B": chi2_B, "wrong": "A" if chi2_A > chi2_B else "B"}
### END SOLUTION

# %% test="experiment-x6-6"
from autograder.assignments.a06 import check

check("experiment-x6-6")

# %% [markdown]
# ### Your sampler (4 points)
#
# Return a list of `n` words. Begin at the start of a sentence. When `</s>` is drawn, the next word starts a new sentence; `</s>` is neither
# listed nor counted. Draw from `rng` only.

# %% solution="sample-ngram"
def sample_ngram(model, rng, n, temperature=1.0):
    """n words, each drawn from p^(1/temperature), renormalised, after those before it."""
    ### BEGIN SOLUTION
    words, history = [], []
    while len(words) < n:
        p = np.array([model.prob(history, w) for w in model.vocab]) ** (1 / temperature)
        word = model.vocab[rng.choice(len(p), p=p / p.sum())]
        if word == "</s>":
            history = []
        else:
            words.append(word)
            history = [*history, word][-8:]
    return words
    ### END SOLUTION

# %% test="sample-ngram"
from autograder.assignments.a06 import check

check("sample-ngram")

# %% [markdown]
# ## 6 A language whose entropy you can compute (60 minutes)
#
# After this section you know the best number that any model of Farm can reach, and the best that any *n-gram* model can.
#
# A Farm grammar has rules like $A \to a\,B_1\dots B_k$: replace the symbol on top of a stack, write the token $a$, put $B_1\dots B_k$ on the stack.
# From $A$ with the token $a$ there is one rule at most. So the tokens so far fix the stack, and the top of the stack fixes the die for the next token.
#
# **Example.** $S\to \texttt a\,A\,S$ with probability $p$ or $\texttt b$; $A\to\texttt x$ with probability $q$ or $\texttt y\,A$. To write `a x a y x b`: S, A, S, A, A, S are
# expanded in turn. Each expansion writes one token, and rolls one die.

# %% locked="numbers-d6-5"
rng = student_rng(student_id, "A06", "d6-5")
p_own, q_own = float(rng.choice([0.2, 0.3, 0.4, 0.6, 0.7, 0.8])), float(rng.choice([0.25, 0.35, 0.55, 0.65, 0.75]))
own_grammar = {"start": "S", "rules": {"S": [[p_own, "a", ["A", "S"]], [1 - p_own, "b", []]], "A": [[q_own, "x", []], [1 - q_own, "y", ["A"]]]}}
print(f"p = {p_own}, q = {q_own}; three documents of your grammar:")
show_table([""], [[" ".join(document)] for document in documents(own_grammar, rng, 3)])

# %% [markdown]
# ### D6.5 The entropy of a grammar (5 points)
#
# $m_S$, $m_A$ are the expected numbers of expansions in a document; `hS`, `hA` the entropies of the two dice in bits. Every visit pays for its die once.
#
# 1. $m_S = 1 + p\,m_S$ (the start, and each `a` brings one more). Solve it, with `p`
# 2. $m_A = p\,m_S + (1-q)\,m_A$. Solve it, with `p`, `q`, `m_S`
# 3. the same with `p` and `q`
# 4. the mean length of a document
# 5. the entropy of a document, with `p`, `q`, `hS`, `hA`
# 6. bits per token: line 5 over line 4, simplified so that `hS` and `hA` stand in it once

# %% [markdown]
# With matrices it is the same for any grammar: $M_{AB}$ is the mean number of $B$ on the right-hand side of $A$, and $m = e_{start} + M^T m$, so
#
# $$m = (I - M^T)^{-1}e_{start}$$
#
# $$H = \sum_A m_A h_A,\qquad h_\infty = H\big/\sum_A m_A.$$
#
# Put in your own $p$ and $q$ as well: `d6_5_numbers`.

# %% solution="derivation-d6-5"
d6_5 = [
    ### BEGIN SOLUTION
    "1/(1 - p)",
    "p*m_S/q",
    "p/((1 - p)*q)",
    "1/(1 - p) + p/((1 - p)*q)",
    "hS/(1 - p) + hA*p/((1 - p)*q)",
    "(q*hS + p*hA)/(p + q)",
    ### END SOLUTION
]
d6_5_numbers = {
    "hS": ...,  # bits
    "length": ...,
    "bits of a document": ...,
    "bits per token": ...,
}
### BEGIN SOLUTION
h_S, h_A = (-x * np.log2(x) - (1 - x) * np.log2(1 - x) for x in (p_own, q_own))
m_S, m_A = 1 / (1 - p_own), p_own / ((1 - p_own) * q_own)
d6_5_numbers = {"hS": h_S, "length": m_S + m_A, "bits of a document": m_S * h_S + m_A * h_A}
d6_5_numbers |= {"bits per token": (m_S * h_S + m_A * h_A) / (m_S + m_A)}
### END SOLUTION

# %% test="derivation-d6-5"
from autograder.assignments.a06 import check

check("derivation-d6-5")

# %% [markdown]
# ### The entropy rate in code (5 points)
#
# A grammar is a dict: `grammar["start"]`, and `grammar["rules"][A]`, a list of `[weight, token, [B, …]]`. Weights need not sum to 1. A symbol may stand twice
# in one rule. The three formulas above are the whole function.

# %% solution="entropy-rate"
def entropy_rate(grammar):
    """h∞ = H(document) / E[length], in bits per token."""
    ### BEGIN SOLUTION
    names = list(grammar["rules"])
    M, h = np.zeros((len(names), len(names))), np.zeros(len(names))
    for i, A in enumerate(names):
        total = sum(weight for weight, _, _ in grammar["rules"][A])
        for weight, _, body in grammar["rules"][A]:
            h[i] -= weight / total * np.log2(weight / total)
            for B in body:
                M[i, names.index(B)] += weight / total
    start = np.array([A == grammar["start"] for A in names], float)
    m = np.linalg.solve(np.eye(len(names)) - M.T, start)
    return float(m @ h / m.sum())
    ### END SOLUTION

# %% test="entropy-rate"
from autograder.assignments.a06 import check

check("entropy-rate")

# %% [markdown]
# ### Bonus: the floor of an order (4 points)
#
# An n-gram model sees $n-1$ tokens back and not the stack. With all the data in the world it knows, for each context $c$, how probable each stack $s$ is:
# $\alpha_c(s) = P(\text{last tokens} = c,\ \text{stack} = s)$. What it pays is the floor $h_n = \sum_c P(c)\,H(\text{next}\mid c)$.
#
# List all stacks from the start (a finished document is followed by the next), find their long-run probabilities, and push $\alpha$ on token by token,
# $n-1$ times. Your function is tried on grammars with few stacks.

# %% solution="ngram-floor"
def ngram_floor(grammar, n):
    """h_n: bits per token of the best n-gram model with infinite data.

    The text is an unbroken stream of documents.
    """
    ### BEGIN SOLUTION
    start = (grammar["start"],)
    number, queue, moves = {start: 0}, [start], []
    for stack in queue:
        rules = grammar["rules"][stack[0]]
        total = sum(weight for weight, _, _ in rules)
        moves.append([])
        for weight, token, body in rules:
            after = (*body, *stack[1:]) or start
            if after not in number:
                number[after] = len(queue)
                queue.append(after)
            moves[-1].append((token, weight / total, number[after]))
    A = -np.eye(len(queue))
    for s, row in enumerate(moves):
        for _, p, after in row:
            A[after, s] += p
    A[-1] = 1
    alpha = {(): dict(enumerate(np.linalg.solve(A, np.eye(len(queue))[-1])))}
    for _ in range(n - 1):
        longer = defaultdict(lambda: defaultdict(float))
        for c, law in alpha.items():
            for s, mass in law.items():
                for token, p, after in moves[s]:
                    longer[(*c, token)][after] += mass * p
        alpha = longer
    bits = 0.0
    for law in alpha.values():
        joint = defaultdict(float)
        for s, mass in law.items():
            for token, p, _ in moves[s]:
                joint[token] += mass * p
        P = np.array([x for x in joint.values() if x > 0])
        bits -= P @ np.log2(P / P.sum())
    return float(bits)
    ### END SOLUTION

# %% test="ngram-floor" bonus=4
from autograder.assignments.a06 import check

check("ngram-floor")

# %% [markdown]
# ### X6.2 Towards the floor (3 points)
#
# Now the race of the smoothings, on standard Farm as one unbroken stream. The floor $h_n$ is what the best model of order $n$ pays with text without
# end: $h_1,\dots,h_8 = 4.6144$, 1.9679, 1.9449, 1.7730, 1.7169, 1.6881, 1.6481, 1.6168, and $h_\infty = 1.44509$ bits per token. They are exact; the bonus
# function above finds the same.
#
# Katz still calls some words impossible, because a context with large counts only has nothing to hand on; its curve ends there.
#
# A **leak detector** watches: whoever is better than the source itself by more than three standard errors has seen the answers.

# %% locked="run-x6-2" run=no
# The experiment; a click shows its code.
FLOORS, H_INF = [4.6144, 1.9679, 1.9449, 1.7730, 1.7169, 1.6881, 1.6481, 1.6168], 1.44509
SIZES = [1_000, 3_000, 10_000, 30_000, 100_000]
farm_rng = student_rng("", "A06", "x6-2")
farm_train = stream(farm(), farm_rng, 200_000)
farm_documents = documents(farm(), farm_rng, 110)
farm_held_out = [token for document in farm_documents for token in document]
farm_oracle = -oracle_logprobs(farm(), farm_held_out) / np.log(2)
luck = farm_oracle.mean() - H_INF  # this text is a little easier or harder than Farm is on average


def farm_bits(n, smoothing, tokens):
    """Held-out bits per token of a model of the first tokens of the stream, without luck, watched by the leak detector."""
    from autograder.checks.rules import explain_leak

    model = NGram(n, smoothing).fit([farm_train[:tokens]])
    bits = -np.asarray(model.logprobs([farm_held_out]))[:-1] / np.log(2)
    if not np.isfinite(bits).all():
        print(f"order {n}: {np.isinf(bits).sum()} of {len(bits):,} tokens were called impossible")
        return np.inf
    number = np.repeat(np.arange(len(farm_documents)), [len(document) for document in farm_documents])
    leak = explain_leak(bits, farm_oracle, number)
    if leak.text:
        print(f"LEAK in order {n}: {leak.text} {leak.evidence}")
    return float(bits.mean()) - luck


try:
    smoothers = {"add 1": lambda n: add_k(1), "add 0.01": lambda n: add_k(0.01), "Katz": lambda n: katz(), "KN": lambda n: kneser_ney(False), "modified KN": lambda n: kneser_ney()}
    smoothers |= {"interpolated": lambda n: interpolated([0.5 ** (n - 1), *(0.5 ** (n - i) for i in range(1, n))])}
    by_order = {name: [] for name in smoothers}
    for name, n in progress([(name, n) for name in smoothers for n in range(2, 6)], "smoothings", unit="models"):
        by_order[name].append(farm_bits(n, smoothers[name](n), 30_000))
    by_size = {n: [] for n in range(2, 6)}
    for n, size in progress([(n, size) for n in by_size for size in SIZES], "sizes", unit="models"):
        by_size[n].append(farm_bits(n, kneser_ney(), size))
    best = farm_bits(5, kneser_ney(), 200_000)
except Exception as error:
    print("Not everything above works yet; come back when it does.", repr(error)[:200])
else:
    print(f"modified Kneser-Ney, order 5, 200,000 tokens: {best:.4f} bits per token")
    print(f"floor of the order {FLOORS[4]}, entropy {H_INF}")
    alt = f"Above: held-out bits by order for six smoothings of 30,000 tokens, and the floors. Below: modified Kneser-Ney by training tokens; at 100,000 {({n: round(v[-1], 2) for n, v in by_size.items()})}."
    with figure(alt, rows=2, size=(7.2, 8.0), ylabel="bits per token") as (fig, (left, right)):
        left.set(xlabel="order n (30,000 tokens)", ylim=(1.4, 3.2), xticks=range(2, 9))
        orders = {**dict.fromkeys(by_order, range(2, 6)), "floor": range(2, 9)}
        curves(left, orders, {**by_order, "floor": FLOORS[1:]})
        level(left, H_INF, "entropy of Farm 1.445: no model below", at=0.3)
        right.set(xlabel="training tokens", xscale="log", ylim=(1.4, 2.6))
        curves(right, SIZES, {f"n = {n}": values for n, values in by_size.items()}, markers=True)
        for n in range(2, 6):
            right.axhline(FLOORS[n - 1], color=COLOURS[n - 2], linewidth=0.8, linestyle=(0, (2, 2)))
        level(right, H_INF, "entropy of Farm 1.445; dotted above: the floors of the orders")

# %% [markdown]
# Explain in three to five sentences: why does add-one get worse with $n$, and Kneser-Ney not? Why does every curve below bend towards its own dotted line
# and never below? Which order would you take for 1,000 tokens, which for 100,000?

# %% [markdown] manual="response-x6-2" points=3
# Add-one gives each of the V words one extra count in every context. At order 5 most contexts occur a few times only, so the added mass
# drowns what was seen; the higher n, the more. Kneser-Ney takes a fixed discount and hands it to the shorter context, so a new order can only add what it knows.
# Each curve of the lower figure falls towards the floor of its order: with more text the estimates become exact, but a model of order n
# cannot see more than n − 1 words, and h_n is what these words leave open. For 1,000 tokens order 2 is best, since longer contexts were hardly
# ever seen; for 100,000 order 5.

# %% [markdown]
# ## 7 The case of the strange sample (50 minutes)
#
# After this section you can tell from a text which model wrote it.
#
# Deck 004 prints this beside a passage of Shakespeare, under the title "5-Gram Model":
#
# > *Approacheth, denay. dungy Thither! Julius think: grant,O Yead linens, sheep's Ancient, Agreed: Petrarch plaguy Resolved pear! observingly honourest …*
#
# Nobody talks like that, and no 5-gram model either. Or does it? First, three suspects in your dialect of Farm.

# %% locked="suspects"
def write_suspects(train, rng):
    """Sixty words of a 5-gram model without smoothing, of one with add-one, and of a unigram model, in random order."""
    words, places, texts = sorted(set(train)), defaultdict(list), {}
    for i in range(4, len(train)):
        places[tuple(train[i - 4 : i])].append(i)
    for letter, writer in zip("ABC", rng.permutation(["mle", "add-one", "unigram"])):
        start = int(rng.integers(len(train) - 100))
        sample = train[start : start + 4]
        while len(sample) < 64:
            known = places.get(tuple(sample[-4:]), [])
            smooth = writer == "add-one" and rng.random() * (len(known) + len(words)) >= len(known)
            if writer == "unigram":
                sample.append(train[int(rng.integers(len(train)))])
            elif smooth or not known:
                sample.append(words[int(rng.integers(len(words)))])
            else:
                sample.append(train[known[int(rng.integers(len(known)))]])
        texts[letter] = sample[4:]
    return texts


suspect_texts = write_suspects(dialect_train, student_rng(student_id, "A06", "x6-4"))
show_table(["", "text"], [[letter, " ".join(text)] for letter, text in suspect_texts.items()])

# %% [markdown]
# ### X6.4 Who wrote it? (2 points)
#
# One text was drawn from a 5-gram model without smoothing (`"mle"`), one from a 5-gram model with one added to every count (`"add-one"`), one from a unigram model
# (`"unigram"`). Collect evidence: which share of the 5-grams of each text (56 windows of 5 words) occurs in `dialect_train`? Then look at *which* words come: as often
# as in training, or all about equally often?

# %% solution="experiment-x6-4"
experiment_x6_4 = {
    "shares": ...,  # three numbers, for A, B and C
    "A": ...,  # "mle", "add-one" or "unigram"
    "B": ...,
    "C": ...,
}
### BEGIN SOLUTION
seen_five = set(zip(*(dialect_train[k:] for k in range(5))))
shares_own = {x: np.mean([g in seen_five for g in zip(*(text[k:] for k in range(5)))]) for x, text in suspect_texts.items()}
often_own = Counter(dialect_train)
commonness = {x: np.mean([often_own[w] for w in text]) for x, text in suspect_texts.items()}
by_share = max(shares_own, key=shares_own.get)
by_words = min((x for x in "ABC" if x != by_share), key=commonness.get)
experiment_x6_4 = {"shares": list(shares_own.values())}
experiment_x6_4 |= {x: "mle" if x == by_share else "add-one" if x == by_words else "unigram" for x in "ABC"}
### END SOLUTION

# %% test="experiment-x6-4"
from autograder.assignments.a06 import check

check("experiment-x6-4")

# %% [markdown]
# ### Real text: reproduce the crime
#
# The next cell trains your models on real text, Python's own manual, and draws a sample of each. For each sample it counts: the share of its 5-grams that stand in the
# manual word for word; the share of its words that occur there at most twice; how many of its 46 words are different; and how many are among the little words that hold every
# English sentence together (*the, of, to, and …*). The last two numbers can be had for the slide as well, for the passage of Shakespeare beside the sample and for the sample itself.
#
# For comparison: of the slide's sample 66 % of the words occur at most twice in Shakespeare's plays; of running text 5 %; of a list of all his words, each once, 64 %.

# %% locked="run-x6-4" run=no
# The experiment; a click shows its code.
PASSAGE = """I tell you, friends, most charitable care have the patricians of you. For your wants, Your suffering in this dearth, you
may as well Strike at the heaven with your staves as lift them Against the Roman state, whose course will on The way it takes, cracking"""
SAMPLE = """Approacheth, denay. dungy Thither! Julius think: grant,O Yead linens, sheep's Ancient, Agreed: Petrarch plaguy Resolved pear!
observingly honourest adulteries wherever scabbard guess; affirmationhis monsieur; died. jealousy, chequins me. Daphne building. weakness:
sun- rise, cannot stays carry't, unpurposed. prophet-like drink; back-return 'gainst surmise Bridget ships? wane;"""
LITTLE = set("a an and as at be by for from have if in is it not of on or that the this to whose will with you your".split())


def in_numbers(name, words, *shares):
    """A row of the table: shares, different words, little words."""
    words = words[:46]
    little = sum(w.strip(".,;:!?").lower() in LITTLE for w in words)
    return [name, *(f"{x:.0%}" for x in shares), *[""] * (2 - len(shares)), len(set(words)), little]


manual_words = pydoc().split()[:20_000]
manual_counts = Counter(manual_words)
manual_fours, manual_fives = (Counter(zip(*(manual_words[k:] for k in range(n)))) for n in (4, 5))
once = np.mean([c == 1 for c in manual_fours.values()])
print(f"manual of Python {sys.version_info[0]}.{sys.version_info[1]}: {len(manual_counts):,} different words;")
print(f"{once:.0%} of its contexts of four words occur once\n")
drawn = {}
try:
    for name, smoothing in progress({"mle": mle(), "add-one": add_k(1), "Kneser-Ney": kneser_ney()}.items(), "samples", total=3, unit="models"):
        drawn[name] = sample_ngram(NGram(5, smoothing).fit([manual_words]), student_rng(student_id, "A06", "manual", name), 46)
except Exception as error:
    print("Not everything above works yet; come back when it does.", repr(error)[:200])
if drawn:
    show_table(["model", "text"], [[name, " ".join(text[:30]) + " …"] for name, text in drawn.items()])
rows = [in_numbers("the manual", manual_words[5000:])]
for name, text in drawn.items():
    copied = np.mean([g in manual_fives for g in zip(*(text[k:] for k in range(5)))])
    rows.append(in_numbers(f"5-gram, {name}", text, copied, np.mean([manual_counts[w] <= 2 for w in text])))
rows += [in_numbers("Shakespeare, on the slide", PASSAGE.split()), in_numbers("the slide's 5-gram model", SAMPLE.split())]
show_table(["46 words of", "copied", "rare", "different", "little"], rows)

# %% [markdown]
# ### Slide error E11 (1 point)
#
# How does a 5-gram model come to write like that? Take your vocabulary size below, and a context of four words that occurred **once** in training. With
# add-one, which share of the probability goes to words that never followed it? Give at least six digits. Then name the suspect: `"mle"`, `"add-one"` or `"unigram"`.

# %% locked="numbers-e11"
V_e11 = int(student_rng(student_id, "A06", "e11").choice([13_000, 17_000, 25_000, 32_000]))
print(f"V = {V_e11:,}")

# %% solution="slide-e11"
slide_e11 = {
    "mass of unseen words": ...,
    "slide": ...,  # who wrote the slide's sample?
}
### BEGIN SOLUTION
slide_e11 = {"mass of unseen words": (V_e11 - 1) / (1 + V_e11), "slide": "add-one"}
### END SOLUTION

# %% test="slide-e11"
from autograder.assignments.a06 import check

check("slide-e11")

# %% [markdown]
# ### X6.5 Zipf, and how memory grows (2 points)
#
# Two plots in one figure, both with logarithmic axes. Above: the counts of the words of `manual_ids` against their rank. Below: how many *different* n-grams
# the first 1,000, 2,000, 4,000, … tokens hold, for $n = 1, 2, 3, 5$. Use your `count`. Axes labelled, curves named.
# `with figure(alt, rows=2, xscale="log", yscale="log") as (fig, (above, below)):` is a start; `alt` says in words what is seen.

# %% locked="numbers-x6-5"
manual_ids = np.unique(pydoc().split()[:32_000], return_inverse=True)[1]
print(len(manual_ids), "tokens as numbers")

# %% manual="plot-x6-5" points=2
### BEGIN SOLUTION
_, word_counts = count(manual_ids, 1)
token_sizes = 1000 * 2 ** np.arange(6)
growth = {f"n = {n}": [len(count(manual_ids[:size], n)[1]) for size in token_sizes] for n in (1, 2, 3, 5)}
with figure("Word counts against rank fall on a line; different n-grams grow nearly as fast as the text for n = 5.", rows=2, xscale="log", yscale="log") as (fig, (above, below)):
    above.plot(np.arange(1, len(word_counts) + 1), np.sort(word_counts)[::-1], color=COLOURS[0])
    above.set(xlabel="rank of the word", ylabel="count")
    curves(below, token_sizes, growth, markers=True)
    below.set(xlabel="tokens", ylabel="different n-grams")
### END SOLUTION

# %% [markdown]
# ## 8 Explain (50 minutes)
#
# After this section you know whether you have understood, because you have said it.

# %% [markdown]
# ### R6.1 The verdict (4 points)
#
# Write the letter to the author of the slide: what is wrong with the "5-Gram Model", what did the model really do, and what would an honest sample of a 5-gram
# without smoothing look like? Use at least two of your own numbers.

# %% [markdown] manual="response-r6-1" points=4
# Dear author, the sample is no sample of a 5-gram in any useful sense. Two thirds of its words are rare, as in a list of all words and unlike
# running text, and of 46 words none is a little one like "the", where the passage beside it has 23. That happens when one is added to every count: after a context that occurred once, unseen words get (V − 1)/(V + 1), for my V
# 0.9999 of the mass, all alike, and so the model draws from the dictionary. Without smoothing the opposite happens: nearly all contexts of four words occur
# once, so the model has no choice and copies its training text (100 % of the 5-grams of my sample stand in the manual). With Kneser-Ney most choices fall back
# to shorter contexts, and the sample reads like short scraps of real text.

# %% [markdown]
# ### R6.2 A fair comparison (4 points)
#
# Two groups report perplexities of 38 and 51 on "the same" test set. Give four differences in how they counted that could explain it, and say for each in which direction
# it moves the number. What must be equal for a fair comparison?

# %% [markdown] manual="response-r6-2" points=4
# Vocabulary: mapping more rare words to `<unk>` makes them easy to predict, the perplexity falls. End of sentence: leaving `</s>` out changes which tokens are
# averaged; counting it in T without scoring it lowers the number. Unit: perplexity per sentence or averaged over sentences instead of one mean over all tokens; a mean of
# perplexities is larger than the perplexity of the mean. Base: mixing bits and nats, 2 to the power of nats is too small. Also words against characters.
# Equal must be: the text, the tokens that are predicted (vocabulary, `</s>`), T, and the base; and nothing of the test text may be used in training, its vocabulary included.

# %% [markdown]
# ### R6.3 Why no n-gram gets there (4 points)
#
# $h_8 = 1.617$, $h_\infty = 1.445$. Name two kinds of dependencies in Farm that no 8-gram can use, with an example of each, and say what a model would need in order to
# use them. Why do the floors fall so slowly with $n$?

# %% [markdown] manual="response-r6-3" points=4
# The next speaker follows from the last one, whose name stands ten to forty tokens back. A closing bracket has the form of the opening one, with a clause in between.
# And a verb agrees with its noun across "near the farmer that the dogs see". An 8-gram sees seven tokens and has to average over what stood before. A model would need a memory that
# keeps a little for long: who speaks, which brackets are open, singular or plural; a state that is updated token by token. The floors fall slowly because each
# further word reaches only the few dependencies that are exactly so long, while most contexts of that length occur too rarely to be learnt.

# %% [markdown]
# ### Three quick questions (2 points)
#
# 1. A model without smoothing gives one of 1000 test tokens probability 0. Its perplexity is **a** a little larger, **b** about 1000 times as large, **c** infinite?
# 2. Model A is scored without `</s>`, model B with it. May their bits per token be compared? **a** no, **b** yes, since `</s>` is no word,
#    **c** yes, since both are means per token
# 3. With more and more training text a trigram model of Farm comes ever closer to **a** $h_\infty$, **b** $h_3$, **c** $h_5$?

# %% solution="quiz-q6-1"
quiz_q6_1 = {
    "1": ...,  # "a", "b" or "c"
    "2": ...,
    "3": ...,
}
### BEGIN SOLUTION
quiz_q6_1 = {"1": "c", "2": "a", "3": "b"}
### END SOLUTION

# %% test="quiz-q6-1"
from autograder.assignments.a06 import check

check("quiz-q6-1")

# %% [markdown]
# ### Teach it back (4 points)
#
# Write the page that you would have liked to read before this notebook: Kneser-Ney smoothing for bigrams, with a text of six to ten words that you made up, one probability of a seen
# and one of an unseen word computed by hand and checked with your `NGram`, and the two mistakes that are easiest to make. At most 250 words.

# %% [markdown] manual="response-r6-t" points=4
# Text: "a b" and "a c". Bigrams: `<s> a` (2), `a b`, `a c`, `b </s>`, `c </s>` (1 each). Plain discount: n1 = 4, n2 = 1, D = 4/6. Unigrams count left neighbours: a, b, c have one,
# `</s>` two; total 5; their own discount is 3/(3 + 2·1) = 0.6, so they keep 0.08, 0.08, 0.08, 0.28, and the freed 4·0.6/5 = 0.48 is shared by the V = 5 words a, b, c, `</s>`, `<unk>`:
# 0.096 each. So q(b) = 0.176, q(`<unk>`) = 0.096. After "a" stand two different words, each once: λ = 2·(4/6)/2 = 2/3. p(b|a) = (1 − 4/6)/2 + 2/3 · 0.176 = 0.284; p(`<unk>`|a) = 2/3 · 0.096 =
# 0.064. NGram(2, kneser_ney(False)) says the same. Easy mistakes: raw counts in the unigrams (then a is as probable as `</s>`, though it only ever starts a sentence), and a weight λ
# that is not the mass that was taken: then the probabilities do not sum to 1, which one sum over the vocabulary shows.

# %% [markdown]
# ## What comes next
#
# Your best model stops at the floor of its order, because it forgets. In A07 you build a model with a memory, a recurrent network; in A08 both race, on this language, against the
# limit that you have just computed.
