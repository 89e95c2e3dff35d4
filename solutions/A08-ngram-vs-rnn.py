# %% [markdown]
# # A08 The race: n-grams against a recurrent network
#
# After this notebook you can compare two language models fairly, say how sure you are, show where the bits go, and judge a comparison
# that somebody else made.
#
# | | |
# |---|---|
# | **You need** | A06: n-grams, Kneser-Ney, bits per token, the entropy of Farm; A07: the recurrent language model; A04: early stopping |
# | **Read first** | deck 004, "Sampling from a Language Model" and "Which is the real Shakespeare?!"; deck 002, the figure of overfitting |
# | **Time** | about eight hours, in eleven sections that can be done on different days; what is called optional is not counted |
# | **Points** | 100: code and its derivation 38, experiments 37, explanations 25 |
#
# **How a section goes:** a small example, a picture, the code, a check, an experiment. A red check says what is wrong and why. Mend it and run it
# again as often as you like.

# %% [markdown]
# ## 0 Setup (5 minutes)
#
# Type your student id between the quotes. Your dialect of Farm is made from it.

# %% solution="student-id" keep=yes
student_id = ""

# %% locked="imports"
import math
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")  # on small matrices threads mostly wait
import numpy as np

from course.ngram import NGram, count, document_entropy, kneser_ney, ngrams, sample_ngram
from course.toolbox.corpora.farm import documents, farm, oracle_logprobs, stream
from course.toolbox.errors import InputError
from course.toolbox.plots import COLOURS, curves, figure, level
from course.toolbox.progress import progress
from course.toolbox.seeds import student_rng, student_seed
from course.toolbox.tables import show_table

# %%
# The experiments use the functions of this notebook. With False they take the library's where
# it has this chapter, else yours; set it to True to use your own in any case.
USE_MINE = False

# %% [markdown]
# ## 1 The rules of the race (45 minutes)
#
# After this section you have one number for a model, and you know how far to trust it.
#
# Two models are compared on **the same tokens**, with the same vocabulary, and both predict every `</s>`. Three sets of documents: **train** to learn,
# **validation** to choose by, **test** to report. The test documents are opened once.
#
# A document is a list of sentences. Documents are independent of each other; words in one document are not. So luck is counted in documents.
#
# **Example.** Two documents: $L = (2, 4)$ tokens cost $B = (2, 10)$ bits. The mean is $b = 12/6 = 2$ bits a token, not the mean of 1 and 2.5. The documents are
# off by $B_d - bL_d = (-2, 2)$. So $se = \sqrt{\tfrac{2}{1}(4+4)}/6 = 0.67$ bits.

# %% locked="figure-protocol" run=no
# The picture below; a click shows how it is drawn.
alt = "A row of documents; a hash of its number sends each to train, validation or test. Train: learn. Validation: choose. Test: opened once, at the end."
with figure(alt, size=(7.6, 2.2)) as (fig, ax):
    ax.set_axis_off()
    ax.set(xlim=(-0.6, 24), ylim=(-1.7, 1.9))
    for number in range(24):
        part = student_seed("document", number) / 2**64
        at = 2 if part < 0.2 else 1 if part < 0.4 else 0
        ax.bar(number, 1, 0.8, color=COLOURS[at])
        ax.text(number, 0.5, number, ha="center", va="center", fontsize=9, color="black" if at else "white")
    for at, text in enumerate(("train: learn", "validation: choose n, steps, weights", "test: open once, report")):
        ax.text((0, 5.6, 16.5)[at], -0.9, text, color=("#004c77", "#8e3e00", "#00694d")[at], fontsize=10, fontweight="bold")
    ax.text(0, 1.45, "documents; a hash of the number decides", fontsize=10)

# %% [markdown]
# ### Bits per token (7.5 points)
#
# With $B_d$ bits and $L_d$ tokens in document $d$, of $D$ documents:
#
# $$b = \frac{\sum_d B_d}{\sum_d L_d},\qquad se = \frac{\sqrt{\frac{D}{D-1}\sum_d (B_d - b\,L_d)^2}}{\sum_d L_d}$$
#
# `model.logprobs(sentences)` gives natural logarithms, one for each word and each `</s>`. A word that the model calls impossible costs `inf` bits; that is not
# to be hidden.

# %% solution="evaluate"
def evaluate(model, docs):
    """dict(bits_per_token, se, per_token) of a model on documents.

    Shapes: docs is a list of documents, a document a list of sentences;
            per_token (T,) bits in order
    """
    ### BEGIN SOLUTION
    per_doc = [-np.asarray(model.logprobs(doc)) / np.log(2) for doc in docs]
    B, L, D = np.array([b.sum() for b in per_doc]), np.array([len(b) for b in per_doc]), len(docs)
    b = B.sum() / L.sum()
    se = np.sqrt(D / (D - 1) * ((B - b * L) ** 2).sum()) / L.sum()
    return {"bits_per_token": b, "se": se, "per_token": np.concatenate(per_doc)}
    ### END SOLUTION

# %% test="evaluate"
from autograder.assignments.a08 import check

check("evaluate")

# %% [markdown]
# ## 2 Could it be chance? (40 minutes)
#
# After this section you can say how likely it is that the better model was only lucky.
#
# Both models read the same documents. Hard documents are hard for both, so look at the **differences** $d_i = a_i - b_i$, document by document. Then play the
# test set again, ten thousand times: draw $D$ documents with replacement, and look whether the mean difference keeps its sign.
#
# **Example.** $d = (-0.2, -0.1, 0.1)$: of the 27 ways to draw three, 7 have a mean of 0 or more. So the sign is far from sure.

# %% locked="figure-bootstrap" run=no
# The picture below; a click shows how it is drawn.
rng = np.random.default_rng(0)
shown = rng.normal(size=20)
shown = 0.15 * (shown - shown.mean()) / shown.std() - 0.05
means = shown[rng.integers(0, 20, (10_000, 20))].mean(axis=1)
alt = f"Histogram of 10,000 means of resampled differences, around {shown.mean():.2f} bits; {np.mean(means >= 0):.1%} of them are 0 or above."
with figure(alt, xlabel="mean difference a − b of the resampled documents (bits)", ylabel="rounds", size=(6.4, 3.0)) as (fig, ax):
    edges = np.arange(-0.20, 0.1201, 0.008)
    ax.hist(means[means < 0], edges, color=COLOURS[0])
    ax.hist(means[means >= 0], edges, color=COLOURS[1])
    ax.axvline(0, color="#555555", linewidth=1)
    ax.text(0.03, 400, f"{np.sum(means >= 0)} of 10,000 rounds\nat 0 or above", fontsize=9)

# %% [markdown]
# ### The paired bootstrap (6.5 points)
#
# `a` and `b` hold the bits per token of each document under two models. In each round $m$ is the mean of $a-b$ over $D$ documents drawn with replacement. Then
#
# $$p = \min\Bigl(1,\; \frac{2\,\bigl(1 + \min(\#\{m\le 0\},\, \#\{m\ge 0\})\bigr)}{\text{rounds}+1}\Bigr)$$
#
# The 2 is there because either model could have been the better one. Draw from `rng` and nothing else.

# %% solution="paired-bootstrap"
def paired_bootstrap(a, b, rng, rounds=10000):
    """The p value of the difference of two models on the same documents.

    Shapes: a (D,), b (D,) -> p, a number
    """
    ### BEGIN SOLUTION
    d = np.asarray(a) - np.asarray(b)
    m = d[rng.integers(0, len(d), size=(rounds, len(d)))].mean(axis=1)
    fewer = min((m <= 0).sum(), (m >= 0).sum())
    return min(1.0, 2 * (1 + fewer) / (rounds + 1))
    ### END SOLUTION

# %% test="paired-bootstrap"
from autograder.assignments.a08 import check

check("paired-bootstrap")

# %% [markdown]
# ## 3 Learning curves (85 minutes)
#
# After this section you know which model to take for how much text.
#
# A model that wins with 1,000 words may lose with 100,000. One number hides that; a curve shows it: bits on held-out documents against the tokens trained on.
#
# **Example.** Documents of 40, 70 and 90 tokens, size 100: the first two are taken, 110 tokens. Whole documents only, and at least as many tokens as asked for.

# %% [markdown]
# ### Your curve (6.5 points)
#
# `factory()` makes a fresh model with `.fit(sentences)` and `.logprobs(sentences)`. For each size take whole documents from the start until they hold at least `size`
# tokens (all of them if there are too few); each sentence has one `</s>`. Never train a model a second time: make a new one. Use your `evaluate`.

# %% solution="learning-curve"
def learning_curve(factory, docs, sizes, held_out):
    """For each size (tokens trained on, bits per token on held_out)."""
    ### BEGIN SOLUTION
    curve = []
    for size in sizes:
        text, tokens = [], 0
        for doc in docs:
            if tokens >= size:
                break
            text += doc
            tokens += sum(len(s) + 1 for s in doc)
        model = factory()
        model.fit(text)
        curve.append((tokens, evaluate(model, held_out)["bits_per_token"]))
    return curve
    ### END SOLUTION

# %% test="learning-curve"
from autograder.assignments.a08 import check

check("learning-curve")

# %% [markdown]
# ### X8.1 Curves of your dialect (6 points)
#
# Your dialect of Farm: 220 documents to train on, 30 held out; each document is one sentence. Use modified Kneser-Ney, orders 2 and 4, at 1,000, 5,000 and 30,000 tokens.
# `Source(own_grammar)` is a model that cannot be beaten: the true law itself.
#
# `document_entropy(grammar)` gives the bits and the mean length of a document. With its `</s>`, a document has one token more to predict, which costs nothing.

# %% locked="numbers-x8-1"
rng = student_rng(student_id, "A08", "own")
own_grammar = farm(seed=int(rng.integers(2**32)))
own_docs = [[document] for document in documents(own_grammar, rng, 250)]
own_train, own_held = own_docs[:220], own_docs[220:]


class Source:
    """The best possible model of whole documents: the law of the grammar itself; </s> is certain."""

    def __init__(self, grammar):
        self.grammar = grammar

    def logprobs(self, sentences):
        return np.concatenate([np.append(oracle_logprobs(self.grammar, s), 0.0) for s in sentences])


show_table([""], [[" ".join(own_train[0][0][:30]) + " …"]])

# %% solution="experiment-x8-1"
experiment_x8_1 = {
    "tokens": ...,  # three numbers: the tokens really trained on
    "2-gram": ...,  # three numbers: bits per token on own_held
    "4-gram": ...,
    "entropy": ...,  # of the dialect, bits per predicted token
    "source": ...,  # bits per token of the source itself on own_held
    "order for 1000 tokens": ...,  # 2 or 4
}
### BEGIN SOLUTION
own_curves = {n: learning_curve(lambda: NGram(n, kneser_ney()), own_train, (1000, 5000, 30000), own_held) for n in (2, 4)}
bits_2, bits_4 = ([bits for _, bits in own_curves[n]] for n in (2, 4))
document_bits, document_length = document_entropy(own_grammar)
experiment_x8_1 = {"tokens": [tokens for tokens, _ in own_curves[2]], "2-gram": bits_2, "4-gram": bits_4}
experiment_x8_1 |= {"entropy": document_bits / (document_length + 1)}
experiment_x8_1 |= {"source": evaluate(Source(own_grammar), own_held)["bits_per_token"]}
experiment_x8_1 |= {"order for 1000 tokens": 2 if bits_2[0] < bits_4[0] else 4}
### END SOLUTION

# %% test="experiment-x8-1"
from autograder.assignments.a08 import check

check("experiment-x8-1")

# %% [markdown]
# ### The runners
#
# Now standard Farm, the same for everybody: its entropy is 1.4371 bits per predicted token. The network is A07's, with AdamW and three falling rates, chosen on
# validation text: it trains on 200,000 tokens for 9,000 steps. Interrupt it whenever you like (square button) and run the cell again: it goes on from
# its last checkpoint. With a file name it even does so tomorrow.

# %%
CHECKPOINT = None  # for example "race.npz"

# %% locked="given-race" run=no
from importlib import import_module
from pathlib import Path

from autograder.checks.rules import explain_leak
from course.optim import Flat, adamw
from course.rnn import RNNLM, batches_of, fit, load_checkpoint, save_checkpoint


def tool(name):
    """A function of this notebook: the library's where it has this chapter, else yours (see USE_MINE)."""
    if not USE_MINE:
        try:
            return getattr(import_module("course.evaluate"), name)
        except ImportError:
            pass
    return globals()[name]


def not_yet(error):
    print("This experiment needs functions from above; come back when their checks are green.", repr(error)[:160])


class ClosedTest:
    """The test documents, and how often they were opened."""

    def __init__(self, docs):
        self._docs, self.opened = docs, 0

    def open(self):
        self.opened += 1
        return self._docs

    @property
    def badge(self):
        return "clean test: opened once" if self.opened == 1 else f"the badge 'clean test' is lost: opened {self.opened} times"


FARM_DOCS = [[document] for document in documents(farm(), student_rng("", "A08", "farm"), 2500)]
share = [student_seed("document", number) / 2**64 for number in range(2500)]
TRAIN = [doc for doc, u in zip(FARM_DOCS, share) if u >= 0.1]
VALID = [doc for doc, u in zip(FARM_DOCS, share) if 0.06 <= u < 0.1]
TEST = ClosedTest([doc for doc, u in zip(FARM_DOCS, share) if u < 0.06])
VALID_TEXT = [s for doc in VALID for s in doc]
VALID_SOURCE = -Source(farm()).logprobs(VALID_TEXT) / np.log(2)  # bits of every token under the true law
VALID_NUMBER = np.repeat(np.arange(len(VALID)), [sum(len(s) + 1 for s in doc) for doc in VALID])
FARM_BITS, FARM_LENGTH = document_entropy(farm())
ENTROPY = FARM_BITS / (FARM_LENGTH + 1)
# h_2 … h_8 of the unbroken stream (see A06), for documents: one free token more
FLOORS = dict(zip(range(2, 9), np.array([1.9679, 1.9449, 1.7730, 1.7169, 1.6881, 1.6481, 1.6168]) * FARM_LENGTH / (FARM_LENGTH + 1)))
SIZES = (300, 1_000, 3_000, 10_000, 30_000, 100_000, 200_000)


def watch(name, per_token):
    """The leak detector: says so when a model is better on validation text than the source itself."""
    said = explain_leak(per_token, VALID_SOURCE, VALID_NUMBER)
    if said.text:
        print(f"LEAK, {name}: {said.text}\n{said.evidence}")
    return bool(said.text)


def first_tokens(docs, size):
    """The sentences of whole documents from the start that hold at least `size` tokens."""
    ends = np.cumsum([sum(len(s) + 1 for s in doc) for doc in docs])
    return [s for doc in docs[: int(np.searchsorted(ends, size)) + 1] for s in doc]

# %% locked="given-racer" run=no
class Racer:
    """A recurrent model in the race: `go_on` trains block by block, keeps the best state on validation text, and can be interrupted."""

    def __init__(self, sentences, plan, D=32, H=96, N=32, T=32, block=600, decay=0.05):
        words = sorted({w for s in sentences for w in s} | {"</s>", "<unk>"})
        self.words, self.number = words, {w: i for i, w in enumerate(words)}
        self.model = RNNLM(len(words), D, H, np.random.default_rng(0))
        self.flat = Flat(self.model.params, adamw, lr=1.0, dtype=np.float32, weight_decay=decay)
        self.model.params = self.flat.params
        self.batches, self.block = batches_of(self.read(sentences), N, T), block
        self.before = self.read([sentences[0][-300:]])[:-1, None]  # read before every sentence: no text begins from nothing
        self.rates = np.concatenate([np.full(steps, lr) for lr, steps in plan])
        self.done, self.best, self.kept, self.curve = 0, np.inf, self.flat.buffer.copy(), np.zeros((0, 4))

    def read(self, sentences):
        unknown = self.number["<unk>"]
        return np.array([self.number.get(w, unknown) for w in ["</s>", *(w for s in sentences for w in (*s, "</s>"))]])

    def logprobs(self, sentences):
        _, start = self.model.logprobs(self.before, self.before)  # only the state is of interest
        ids = (self.read([s])[:, None] for s in sentences)
        return np.concatenate([self.model.logprobs(i[:-1], i[1:], start)[0][:, 0] for i in ids]).astype(float)

    def go_on(self, valid, patience=None, path=None, name="network"):
        """Train on; rows of `curve` are steps, training bits, validation bits, seconds. Stops early after `patience` blocks without a gain."""
        for start in progress(range(self.done, len(self.rates), self.block), name, unit="blocks"):
            if patience and len(self.curve) > patience and self.curve[-patience:, 2].min() > self.best:
                break
            begun, turn = time.perf_counter(), start % len(self.batches)
            self.flat.lr = self.rates[start]
            todo = min(self.block, len(self.rates) - start)
            losses = fit(self.model, self.batches[turn:] + self.batches[:turn], self.flat, todo)
            before = self.curve[-1, 3] if len(self.curve) else 0.0
            row = (start + todo, np.mean(losses) / np.log(2), -np.mean(self.logprobs(valid)) / np.log(2), before + time.perf_counter() - begun)
            self.curve, self.done = np.vstack([self.curve, row]), start + todo
            if row[2] < self.best:
                self.best, self.kept = row[2], self.flat.buffer.copy()
            if path:
                state = {"buffer": self.flat.buffer, "kept": self.kept, "t": self.flat.t, "done": self.done, "curve": self.curve, "best": self.best}
                save_checkpoint(path, {**state, **self.flat.slots})
        return self

    def load(self, path):
        """Go back to a checkpoint."""
        state = load_checkpoint(path)
        self.flat.buffer[...], self.flat.t, self.done = state["buffer"], int(state["t"]), int(state["done"])
        self.kept, self.curve, self.best = state["kept"], state["curve"], float(state["best"])
        for slot, values in self.flat.slots.items():
            values[...] = state[slot]
        return self

    def use_best(self):
        self.flat.buffer[...] = self.kept
        return self

# %% locked="run-race" run=no
# The experiment; a click shows its code.
if globals().get("network") is None:
    network = Racer(first_tokens(TRAIN, 200_000), ((4e-3, 5400), (1e-3, 2400), (2e-4, 1200)))
    if CHECKPOINT and Path(CHECKPOINT).exists():
        network.load(CHECKPOINT)
try:
    network.go_on(VALID_TEXT, path=CHECKPOINT, name="200,000 tokens")
except KeyboardInterrupt:
    print("interrupted after", network.done, "steps; run the cell again to go on")
else:
    network.use_best()
    rate = network.done * network.batches[0][0].size / network.curve[-1, 3]
    print(f"best on validation text: {network.best:.4f} bits per token; entropy {ENTROPY:.4f}")
    print(f"{network.curve[-1, 3]:.0f} s of training, {rate:,.0f} tokens/s")

# %% [markdown]
# ### Too little text (deck 002, the figure of overfitting)
#
# First the danger: the same network on 3,000 tokens, and nobody stops it. The training bits fall below the entropy of the source: the network learns its text by heart. The
# validation bits turn round. **Early stopping** keeps the state with the best validation bits. In the race every network is stopped like that.

# %% locked="run-overfit" run=no
# The experiment; a click shows its code.
overfit = Racer(first_tokens(TRAIN, 3_000), ((4e-3, 900),), N=8, T=16, block=60).go_on(VALID_TEXT[:60], name="3,000 tokens")
steps, train_bits, valid_bits, _ = overfit.curve.T
best = int(valid_bits.argmin())
alt = f"Training bits fall to {train_bits[-1]:.2f}, below the entropy {ENTROPY:.2f}; validation bits fall to {valid_bits[best]:.2f} at step {steps[best]:.0f} and rise to {valid_bits[-1]:.2f}."
with figure(alt, xlabel="step", ylabel="bits per token", size=(6.6, 3.4)) as (fig, ax):
    curves(ax, steps, {"validation": valid_bits, "training": train_bits})
    level(ax, ENTROPY, f"entropy {ENTROPY:.4f}")
    ax.plot(steps[best], valid_bits[best], "o", color=COLOURS[0])
    ax.annotate("stop here", (steps[best], valid_bits[best]), (-4, 9), textcoords="offset points", fontsize=9)

# %% [markdown]
# ### The race
#
# Kneser-Ney with the best order of 2 to 6, and the network with early stopping, both chosen on validation text, from 300 to 200,000 tokens. Dotted: the floors $h_2 \dots h_8$, the
# best that *any* n-gram model can do with endless text. Section 5 adds a third curve.

# %% locked="run-x8-1" run=no
# The experiment; a click shows its code.
def network_for(size):
    """A network for so many tokens, stopped early."""
    if size == SIZES[-1]:
        return network
    N, T = (8, 16) if size < 10_000 else (16, 32)
    plan = ((4e-3, min(1600, 300 + size // 30)), (1e-3, 300))
    return Racer(first_tokens(TRAIN, size), plan, N=N, T=T, block=50 if size < 10_000 else 100).go_on(VALID_TEXT[:60], patience=4, name=f"{size:,} tokens").use_best()


if globals().get("networks") is None:
    networks = {}
for size in SIZES:  # what is there already is kept when the cell is run again
    if size not in networks:
        networks[size] = network_for(size)
try:
    curve_tool, evaluate_tool = tool("learning_curve"), tool("evaluate")
    by_order = {}
    for n in progress(range(2, 7), "Kneser-Ney", unit="orders"):
        by_order[n] = [bits for _, bits in curve_tool(lambda: NGram(n, kneser_ney()), TRAIN, SIZES, VALID)]
    source_bits = evaluate_tool(Source(farm()), VALID)
    luck = source_bits["bits_per_token"] - ENTROPY  # the validation text is a little harder or easier than Farm is on average
    kn_bits = np.min(list(by_order.values()), axis=0) - luck
    kn_order = [min(by_order, key=lambda n: by_order[n][i]) for i in range(len(SIZES))]
    rnn_results = [evaluate_tool(networks[size], VALID) for size in SIZES]
    rnn_bits = np.array([result["bits_per_token"] for result in rnn_results]) - luck
    leaks = [watch(f"network, {size:,} tokens", result["per_token"]) for size, result in zip(SIZES, rnn_results)]
except Exception as error:
    not_yet(error)
else:
    alt = f"Bits against training tokens: n-gram from {kn_bits[0]:.2f} down to {kn_bits[-1]:.3f}, network from {rnn_bits[0]:.2f} down to {rnn_bits[-1]:.3f}; the entropy is {ENTROPY:.3f}."
    with figure(alt, xlabel="training tokens", ylabel="bits per token (validation)", xscale="log", size=(7.4, 6.2)) as (fig, ax):
        curves(ax, SIZES, {"Kneser-Ney": kn_bits, "network": rnn_bits}, markers=True)
        for n, floor in FLOORS.items():
            ax.axhline(floor, color="#777777", linewidth=0.8, linestyle=(0, (1, 2)))
            if n in (2, 4, 5, 8):
                ax.annotate(f"no {n}-gram below {floor:.3f}", (0.01, floor), (0, 2), xycoords=("axes fraction", "data"), textcoords="offset points", fontsize=9)
        level(ax, ENTROPY, f"entropy {ENTROPY:.4f}: no model below")
        ax.set_ylim(1.38, max(kn_bits[0], rnn_bits[0]) + 0.1)
    rows = [[f"{size:,}", f"{kn:.3f}", n, f"{rnn:.3f}"] for size, kn, n, rnn in zip(SIZES, kn_bits, kn_order, rnn_bits)]
    show_table(["tokens", "Kneser-Ney", "best order", "network"], rows)

# %% [markdown]
# ### Explain X8.1 (3 points)
#
# In four to six sentences: where do the curves cross, and why is the n-gram better on the left? Which floor does the network pass, and what does that prove? Why does the best
# order change?

# %% [markdown] manual="response-x8-1" points=3
# The curves cross between 300 and 1,000 tokens. With 300 tokens the n-gram is better: its counts need only a few examples and Kneser-Ney falls
# back to short contexts, while the network has many parameters and begins to learn by heart before it has found the rules. From about 10,000 tokens on the network
# lies below what the n-gram reaches with 200,000; at the end it is near 1.46, below the floor of the 8-grams, 1.608. No 8-gram can ever get there, however much
# text it counts, so the network uses more than seven words. The best order grows with the text: long contexts pay only once they have been seen several times.

# %% [markdown]
# ## 4 Where the bits are (45 minutes)
#
# After this section you can say not only who is better, but at which words.
#
# The mean over all tokens hides where a model fails. So give each token a label, and take the mean for each label.
#
# **Example.** Bits $(1, 3, 0.5)$ with labels *verb*, *verb*, *food*: verb 2.0 (2 tokens), food 0.5 (1 token).

# %% [markdown]
# ### Bits by dependency (4.5 points)
#
# For each label: the mean of the bits of its tokens, and how many tokens these are. Labels may be any strings, in any order.

# %% solution="bits-by-dependency"
def bits_by_dependency(per_token, labels):
    """dict label -> (mean bits, count).

    Shapes: per_token (T,), labels: a list of T labels
    """
    ### BEGIN SOLUTION
    found = {}
    for bits, label in zip(per_token, labels):
        found.setdefault(label, []).append(bits)
    return {label: (np.mean(group), len(group)) for label, group in found.items()}
    ### END SOLUTION

# %% test="bits-by-dependency"
from autograder.assignments.a08 import check

check("bits-by-dependency")

# %% [markdown]
# ### X8.2 In your dialect (5 points)
#
# A 4-gram with modified Kneser-Ney, trained on all of `own_train`, against the source, on `own_held`. For each label: `[bits of the source, bits of the 4-gram]`.
# Last: of all the bits that the 4-gram pays more than the source, which share is paid at brackets and speakers?

# %% locked="numbers-x8-2"
def kind(word):
    """A label for a word of Farm."""
    if word in (")", "]"):
        return "closing bracket"
    if word.endswith(":"):
        return "speaker"
    return "food" if word in ("corn", "grass", "hay") else "other"


own_labels = [kind(word) for doc in own_held for sentence in doc for word in (*sentence, "</s>")]

# %% solution="experiment-x8-2"
experiment_x8_2 = {
    "closing bracket": ...,  # [source, 4-gram]
    "speaker": ...,
    "food": ...,
    "share of brackets and speakers": ...,  # from 0 to 1
}
### BEGIN SOLUTION
own_4gram = NGram(4, kneser_ney()).fit([s for doc in own_train for s in doc])
own_tables = [bits_by_dependency(evaluate(model, own_held)["per_token"], own_labels) for model in (Source(own_grammar), own_4gram)]
experiment_x8_2 = {label: [table[label][0] for table in own_tables] for label in ("closing bracket", "speaker", "food")}
paid_more = {label: (own_tables[1][label][0] - bits) * number for label, (bits, number) in own_tables[0].items()}
experiment_x8_2["share of brackets and speakers"] = (paid_more["closing bracket"] + paid_more["speaker"]) / sum(paid_more.values())
### END SOLUTION

# %% test="experiment-x8-2"
from autograder.assignments.a08 import check

check("experiment-x8-2")

# %% [markdown]
# ### All three, by dependency and distance
#
# The grammar knows what each word depends on. A stack of open symbols says since when a verb waits for its noun; that gives a distance. Where no memory is needed (food), all
# models pay the same.

# %% locked="given-dependencies" run=no
def walk(grammar, tokens):
    """For each token the symbol that it expands and since when that waits, up to the first impossible token; and the stack there."""
    bodies = {A: {token: body for _, token, body in rules} for A, rules in grammar["rules"].items()}
    seen, stack = [], []
    for t, token in enumerate(tokens):
        stack = stack or [(grammar["start"], t)]
        A, since = stack[-1]
        if token not in bodies[A]:
            break
        seen.append(stack.pop())
        stack += [(B, since if B == A else t) for B in reversed(bodies[A][token])]
    return seen, stack


def dependency(A, word, distance):
    if A.startswith(("VS", "VP")) and word not in ("near", "that"):
        return "verb, 1 word later" if distance == 1 else "verb, 2–4 later" if distance < 5 else "verb, 5–8 later" if distance < 9 else "verb, 9+ later"
    return {"RP": "closing bracket", "RB": "closing bracket", "NEXT": "next speaker", "FOOD": "food"}.get(A.rstrip("012"), "other")


def dependency_labels(grammar, docs):
    labels = []
    for sentence in (s for doc in docs for s in doc):
        seen, _ = walk(grammar, sentence)
        labels += [dependency(A, word, t - since) for t, (word, (A, since)) in enumerate(zip(sentence, seen))] + ["other"]
    return labels

# %% locked="run-x8-2" run=no
# The experiment; a click shows its code.
try:
    evaluate_tool, table_tool = tool("evaluate"), tool("bits_by_dependency")
    kn5 = NGram(5, kneser_ney()).fit(first_tokens(TRAIN, 200_000))
    runners = {"source": Source(farm()), "5-gram": kn5, "network": network}
    labels = dependency_labels(farm(), VALID)
    per_token = {name: evaluate_tool(model, VALID)["per_token"] for name, model in runners.items()}
    tables = {name: table_tool(bits, labels) for name, bits in per_token.items()}
    leaks = [watch(name, bits) for name, bits in per_token.items()]
    kinds = ["food", "verb, 1 word later", "verb, 2–4 later", "verb, 5–8 later", "verb, 9+ later", "next speaker", "closing bracket", "other"]
    shown = {name: [table[k][0] for k in kinds] for name, table in tables.items()}
except Exception as error:
    not_yet(error)
else:
    alt = "Mean bits by dependency for source, 5-gram and network: " + "; ".join(f"{k}: " + ", ".join(f"{shown[name][i]:.2f}" for name in shown) for i, k in enumerate(kinds))
    with figure(alt, xlabel="bits per token", size=(7.4, 4.2)) as (fig, ax):
        for at, (name, values) in enumerate(shown.items()):
            ax.plot(values, np.arange(len(kinds)) + 0.18 * (1 - at), "os^"[at], color=COLOURS[(6, 1, 0)[at]], markersize=7, label=name)
        ax.set_yticks(range(len(kinds)), [f"{k} ({tables['source'][k][1]:,})" for k in kinds])
        ax.invert_yaxis()
        ax.legend(loc="upper right")
        ax.set_xlim(-0.1, None)

# %% [markdown]
# ## 5 Two heads (50 minutes)
#
# After this section you can mix models, and find the weights.
#
# A mixture $wp + (1-w)q$ gives each token the weighted mean of the probabilities of two models. It is a model again. Does it beat both?
#
# **Example.** $w=\tfrac12$, three tokens, $p=(0.9, 0.1, 0.5)$, $q=(0.1, 0.3, 0.5)$. Shares of $p$ in the mixture: $0.9, 0.25, 0.5$. Their mean, $0.55$, is the next $w$. Again and
# again: that is **EM**.

# %% [markdown]
# ### D8.1 The weights of a mixture (3 points)
#
# Names: `p`, `q` for what two models give to a token, `w` for the weight of the first.
#
# 1. the probability of the token under the mixture
# 2. the share that the first model has in line 1
# 3. the derivative of the logarithm of line 1 by $w$
# 4. line 2 minus $w$, as one fraction: it is line 3 times $w(1-w)$, so EM goes where the slope points
# 5. two tokens, `p1`, `q1`, `p2`, `q2`: the next weight
# 6. the second model says $q = 0$. How many nats more than the first alone does the mixture pay for the token?

# %% solution="derivation-d8-1"
d8_1 = [
    ### BEGIN SOLUTION
    "w*p + (1 - w)*q",
    "w*p/(w*p + (1 - w)*q)",
    "(p - q)/(w*p + (1 - w)*q)",
    "w*(1 - w)*(p - q)/(w*p + (1 - w)*q)",
    "(w*p1/(w*p1 + (1 - w)*q1) + w*p2/(w*p2 + (1 - w)*q2))/2",
    "-log(w)",
    ### END SOLUTION
]

# %% test="derivation-d8-1"
from autograder.assignments.a08 import check

check("derivation-d8-1")

# %% [markdown]
# ### Weights by EM (5.5 points)
#
# For any number of models: $w_m \leftarrow \frac1T\sum_t \dfrac{w_m\,p_m(t)}{\sum_k w_k\,p_k(t)}$, from equal weights. The sum below is over models, the mean over tokens.

# %% solution="interpolate"
def interpolate(probs, iterations=50):
    """The weights of a mixture by EM.

    Shapes: probs (models, T) probabilities of the same tokens -> weights (models,)
    """
    ### BEGIN SOLUTION
    w = np.full(len(probs), 1 / len(probs))
    for _ in range(iterations):
        q = w[:, None] * probs
        q = q / q.sum(axis=0)
        w = q.mean(axis=1)
    return w
    ### END SOLUTION

# %% test="interpolate"
from autograder.assignments.a08 import check

check("interpolate")

# %% [markdown]
# ### The third curve
#
# Weights are found on one half of the validation text, bits are measured on the other. With a weight chosen on the same tokens, a mixture can never look worse than its best
# model; on other tokens it could.

# %% locked="run-mixture" run=no
# The experiment; a click shows its code.
class Mixture:
    """A weighted mean of models."""

    def __init__(self, models, weights):
        self.models, self.weights = models, weights

    def logprobs(self, sentences):
        return np.log(self.weights @ np.exp([m.logprobs(sentences) for m in self.models]))


try:
    weigh, evaluate_tool = tool("interpolate"), tool("evaluate")
    half = len(VALID) // 2
    mixed, weight_of_network = {name: [] for name in ("Kneser-Ney", "network", "mixture")}, []
    for size, n in zip(SIZES, kn_order):
        pair = [NGram(n, kneser_ney()).fit(first_tokens(TRAIN, size)), networks[size]]
        probs = np.exp([m.logprobs([s for doc in VALID[:half] for s in doc]) for m in pair])
        mixture = Mixture(pair, np.asarray(weigh(probs)))
        weight_of_network.append(float(mixture.weights[1]))
        for name, model in zip(mixed, (*pair, mixture)):
            mixed[name].append(evaluate_tool(model, VALID[half:])["bits_per_token"] - evaluate_tool(Source(farm()), VALID[half:])["bits_per_token"])
except Exception as error:
    not_yet(error)
else:
    alt = "Bits above the source against training tokens for n-gram, network and mixture; weight of the network: " + ", ".join(f"{w:.2f}" for w in weight_of_network)
    with figure(alt, xlabel="training tokens", ylabel="bits above the source", xscale="log", yscale="log", size=(7.2, 3.8)) as (fig, ax):
        curves(ax, SIZES, mixed, markers=True)
    rows = [[f"{size:,}", f"{w:.2f}"] for size, w in zip(SIZES, weight_of_network)]
    show_table(["tokens", "weight of the network"], rows)

# %% [markdown]
# ## 6 What does it cost? (30 minutes)
#
# After this section you can say what a bit costs in seconds and in bytes.
#
# An n-gram model counts once: a fraction of a second. The network reads the text dozens of times. In memory it is the other way round: every new n-gram needs a place, while
# the network has as many parameters as on the first day.
#
# ### X8.3 Bytes (4 points)
#
# A network with embeddings $E$ $(V,D)$, $W_{xh}$, $W_{hh}$, $b_h$, $W_{hy}$ $(H,V)$, $b_y$, four bytes a number. A trigram model of `own_train`, with all *different* n-grams of orders 1, 2 and 3
# (`ngrams` of A06 for each sentence), twelve bytes for each.

# %% locked="numbers-x8-3"
rng = student_rng(student_id, "A08", "x8-3")
V_own, D_own, H_own = int(rng.integers(40, 200)), int(rng.choice([16, 24, 32])), int(rng.choice([48, 64, 96]))
print(f"V = {V_own}, D = {D_own}, H = {H_own}")

# %% solution="experiment-x8-3"
experiment_x8_3 = {
    "parameters": ...,
    "bytes of the network": ...,
    "n-grams": ...,
    "bytes of the trigram": ...,
}
### BEGIN SOLUTION
parameters = V_own * D_own + D_own * H_own + H_own * H_own + H_own + H_own * V_own + V_own
different = sum(len({g for doc in own_train for s in doc for g in ngrams(s, n)}) for n in (1, 2, 3))
experiment_x8_3 = {"parameters": parameters, "bytes of the network": 4 * parameters}
experiment_x8_3 |= {"n-grams": different, "bytes of the trigram": 12 * different}
### END SOLUTION

# %% test="experiment-x8-3"
from autograder.assignments.a08 import check

check("experiment-x8-3")

# %% locked="run-x8-3" run=no
# The experiment; a click shows its code.
cost = {}
race_text = first_tokens(TRAIN, 200_000)
race_ids = np.unique([w for s in race_text for w in (*s, "</s>")], return_inverse=True)[1]
for n in progress(range(2, 9), "Kneser-Ney", unit="orders"):
    begun = time.perf_counter()
    model = NGram(n, kneser_ney()).fit(race_text)
    seconds = time.perf_counter() - begun
    stored = 12 * sum(len(count(race_ids, m)[1]) for m in range(1, n + 1))
    cost[n] = seconds, stored, -np.mean(model.logprobs(VALID_TEXT)) / np.log(2)
network_bytes = 4 * sum(a.size for a in network.model.params.values())
steps, _, valid_bits, seconds = network.curve.T
alt = f"Above: bits against seconds of training; n-grams take {cost[2][0]:.2f} to {cost[8][0]:.2f} s, the network {seconds[-1]:.0f} s. Below: bits against bytes; n-grams {cost[2][1]:,} to {cost[8][1]:,}, the network {network_bytes:,}."
with figure(alt, rows=2, size=(7.2, 8.0), ylabel="bits per token (validation)", xscale="log") as (fig, (left, right)):
    for ax, at in ((left, 0), (right, 1)):
        ax.plot([c[at] for c in cost.values()], [c[2] for c in cost.values()], "s", color=COLOURS[1])
        for n, shift in {2: (6, 4), 5: (-14, -14), 8: (-14, 8)}.items():
            ax.annotate(f"{n}-gram", (cost[n][at], cost[n][2]), shift, textcoords="offset points", fontsize=9, color="#8e3e00")
        level(ax, ENTROPY, f"entropy {ENTROPY:.4f}: no model below")
        for n, floor in FLOORS.items():
            ax.axhline(floor, color="#777777", linewidth=0.8, linestyle=(0, (1, 2)))
            if n in (2, 5, 8):
                ax.annotate(f"no {n}-gram below {floor:.3f}", (0.3, floor), (0, 2), xycoords=("axes fraction", "data"), textcoords="offset points", fontsize=9)
        ax.set_ylim(1.4, 2.05)
    left.plot(seconds, valid_bits, "-o", color=COLOURS[0], markersize=3.5)
    left.annotate("network", (seconds[-1], valid_bits[-1]), (-20, 10), textcoords="offset points", fontsize=9, color="#004c77")
    right.plot(network_bytes, valid_bits.min(), "o", color=COLOURS[0])
    right.annotate("network", (network_bytes, valid_bits.min()), (6, 4), textcoords="offset points", fontsize=9, color="#004c77")
    left.set(xlabel="seconds of training (this machine)")
    right.set(xlabel="bytes of the model")

# %% [markdown]
# ### Explain X8.3 (2 points)
#
# Two or three sentences: you have one second of computing time; you have 100 kilobytes. Which model do you take in each case, read from your figure?

# %% [markdown] manual="response-x8-3" points=2
# With one second the network is at about 1.6 bits, already below every n-gram; with a tenth of a second only the n-grams are there, and the 5-gram
# is the best of them. With 100 kilobytes I take the network: it has about 70 kilobytes at 1.46 bits, while a 4-gram
# of 65 kilobytes has 1.78, and a 5-gram needs 200 kilobytes for 1.75.

# %% [markdown]
# ## 7 Real text (35 minutes)
#
# After this section you know that the winner depends on the text, the unit and the budget.
#
# Farm is small and strict. Now Python's manual, character by character: 465,000 characters, 90 % to train, 10 % held out. The budget is that of a student: a few seconds. With tiny-Shakespeare in a
# file (`SHAKESPEARE = "input.txt"`) both texts are used; its Kneser-Ney of order 7 needs about 2.19 bits a character.

# %%
SHAKESPEARE = None  # for example "input.txt"
CHARACTER_STEPS = 800  # 30 times as many cost minutes, and are worth it

# %% locked="run-x8-4" run=no
# The experiment; a click shows its code.
from course.toolbox.corpora.text import pydoc, read_text

texts = {"Python's manual": pydoc()} | ({"Shakespeare": read_text(SHAKESPEARE)} if SHAKESPEARE else {})
for title, text in texts.items():
    cut = len(text) * 9 // 10
    learn, tenth = list(text[:cut]), list(text[cut:])
    held = tenth[:20_000]  # what the network can read in a moment
    models = {n: NGram(n, kneser_ney()).fit([learn]) for n in progress((2, 3, 4, 7), "Kneser-Ney", unit="orders")}
    by_order = {n: float(-np.mean(m.logprobs([held])[:-1]) / np.log(2)) for n, m in models.items()}
    characters = Racer([learn], ((4e-3, CHARACTER_STEPS * 3 // 4), (1e-3, CHARACTER_STEPS // 4)), H=128, block=max(1, CHARACTER_STEPS // 8), decay=0.01)
    characters.go_on([held], name=title)
    steps, _, bits, seconds = characters.curve.T
    alt = f"{title}: bits a character of the network fall from {bits[0]:.2f} to {bits[-1]:.2f} in {seconds[-1]:.0f} s; Kneser-Ney of order 7 has {by_order[7]:.2f}."
    with figure(alt, xlabel="steps of the network (1,024 characters each)", ylabel="bits per character (held out)", size=(7.0, 4.0), title=title) as (fig, ax):
        curves(ax, steps, {"network": bits}, markers=True)
        for n, value in by_order.items():
            level(ax, value, f"Kneser-Ney, order {n}: {value:.2f}", at=0.6)
    rows = [[f"Kneser-Ney, order {n}", f"{v:.3f}"] for n, v in by_order.items()]
    show_table([title, "bits per character"], [*rows, [f"network, after {seconds[-1]:.0f} s", f"{bits[-1]:.3f}"]])
    print(f"order 7 on the whole tenth: {-np.mean(models[7].logprobs([tenth])[:-1]) / np.log(2):.3f} bits per character")

# %% [markdown]
# ### X8.4 Words against characters (3 points)
#
# One model reads words and needs `word_bits` a word, one reads characters and needs `char_bits` a character, on the same text. The numbers cannot be compared before both are per
# character: bits of the whole text, divided by the characters.

# %% locked="numbers-x8-4"
rng = student_rng(student_id, "A08", "x8-4")
words_own = int(rng.integers(800, 1200)) * 10
characters_own = int(words_own * rng.uniform(5.2, 6.4))
word_bits, char_bits = round(float(rng.uniform(8.0, 10.5)), 2), round(float(rng.uniform(1.4, 1.9)), 2)
print(f"{words_own} words, {characters_own} characters; {word_bits} bits a word, {char_bits} bits a character")

# %% solution="experiment-x8-4"
experiment_x8_4 = {
    "bits a character": ...,  # of the model that reads words
    "better": ...,  # "word" or "character"
    "perplexity a word": ...,  # of the model that reads characters
}
### BEGIN SOLUTION
own_bits = word_bits * words_own / characters_own
experiment_x8_4 = {"bits a character": own_bits, "better": "word" if own_bits < char_bits else "character"}
experiment_x8_4 |= {"perplexity a word": 2 ** (char_bits * characters_own / words_own)}
### END SOLUTION

# %% test="experiment-x8-4"
from autograder.assignments.a08 import check

check("experiment-x8-4")

# %% [markdown]
# ### Explain X8.4 (3 points)
#
# On the manual the n-gram wins. Counting stores a string after one look, and most of what decides the next character stands just before it; a network moves tens of thousands of weights towards the
# same string in small steps, and your budget pays for few. On Farm the network wins. Explain in three or four sentences with your numbers: what is different in the two texts? What in the budget? What would you
# expect with a hundred times the steps and a larger network?

# %% [markdown] manual="response-x8-4" points=3
# The manual repeats long strings word for word, and most of what decides the next character stands in the six before: a 7-gram stores these strings at once. The network has to squeeze
# thousands of words and their spelling into 128 units by small steps; in a few seconds it reads the text about twice, and is no better than a short n-gram. Farm has 38 words and a few strict
# rules over long distances, which no n-gram can see and which fit into a small state. With a hundred times the steps and a larger network the network should pass the n-gram on Shakespeare, as
# published results show, because it can share what it learns between contexts; whether on the manual depends on how much text there is.

# %% [markdown]
# ## 8 Which is the real text? (60 minutes)
#
# After this section you can tell real text from samples, by eye and by a number, and say how sure you are.
#
# ### Round 0: the slide (1 point)
#
# Deck 004 shows two texts and asks which is the real Shakespeare. **a** "VIOLA: Why, Salisbury must find his flesh and thought That which I am not aps, not a man and in fire …";
# **b** "CHARLES: Marry, do I, sir; and I came to acquaint you with a matter. I am given, sir, secretly to understand that your younger brother Orlando hath a disposition to come
# in disguised …"
#
# Suppose you are right, once. The exact 95 % interval for your rate goes from where to 1? It is the rate at which one right answer of one still has probability 0.025.

# %% solution="slide-round-0"
slide_round_0 = {
    "real": ...,  # "a" or "b"
    "low": ...,
}
### BEGIN SOLUTION
slide_round_0 = {"real": "b", "low": 0.025}
### END SOLUTION

# %% test="slide-round-0"
from autograder.assignments.a08 import check

check("slide-round-0")

# %% [markdown]
# ### The score and its interval (4.5 points)
#
# One right answer proves nothing. With $k$ right of $n$, the exact interval of Clopper and Pearson holds every rate $p$ that is not ruled out: `low` solves
# $P(X\ge k) = 0.025$, `high` solves $P(X\le k) = 0.025$, for $X$ binomial. With $k=0$, `low` is 0; with $k=n$, `high` is 1. Halve an interval 50 times to solve.
#
# **Example.** 15 of 20: accuracy 0.75, from 0.509 to 0.913: just better than a coin.

# %% solution="real-or-fake"
def real_or_fake(answers, truth):
    """dict(accuracy, low, high): the share of right answers with its exact 95 % interval.

    answers, truth: lists of True (real) and False (fake)
    """
    ### BEGIN SOLUTION
    n = len(truth)
    k = sum(a == t for a, t in zip(answers, truth))

    def at_least(k, p):
        return sum(math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(k, n + 1))

    def solve(k, share):
        low, high = 0.0, 1.0
        for _ in range(50):
            p = (low + high) / 2
            if at_least(k, p) < share:
                low = p
            else:
                high = p
        return low

    low = solve(k, 0.025) if k > 0 else 0.0
    high = solve(k + 1, 0.975) if k < n else 1.0
    return {"accuracy": k / n, "low": low, "high": high}
    ### END SOLUTION

# %% test="real-or-fake"
from autograder.assignments.a08 import check

check("real-or-fake")

# %% [markdown]
# ### X8.5 Twenty rounds (4 points)
#
# Twenty texts of your dialect; some are real, some were drawn from a trigram model (`writer`). Answer first, by eye. Then let the **likelihood-ratio judge** answer: for each text
# $r = \log p_{\text{5-gram}} - \log p_{\text{writer}}$ over all its tokens (take `logprobs([text])` as it is, `</s>` included); real if $r > 0$. Hint for the eye: agreement, brackets, whose turn it is.

# %% locked="numbers-x8-5"
rng = student_rng(student_id, "A08", "x8-5")
writer, five_gram = (NGram(n, kneser_ney()).fit([s for doc in own_train for s in doc]) for n in (3, 5))
game_truth = [bool(x) for x in rng.permutation(20) < 10]
game_texts = [stream(own_grammar, rng, 25) if real else sample_ngram(writer, rng, 25) for real in game_truth]


def right_words(grammar, text):
    """How many words stand before the first one that the grammar cannot write."""
    for length in range(1, len(text) + 1):
        try:
            oracle_logprobs(grammar, text[:length])
        except InputError:
            return length - 1
    return len(text)


show_table(["", "text"], [[number, " ".join(text)] for number, text in enumerate(game_texts)])

# %% [markdown]
# Your score is yours: any twenty answers earn the points, if accuracy and interval fit them. The truth is in `game_truth`; look at it afterwards.

# %% solution="experiment-x8-5"
experiment_x8_5 = {
    "answers": ...,  # 20 times True or False, in the order of the texts
    "accuracy": ...,
    "low": ...,
    "high": ...,
    "judge": ...,  # 20 numbers r, in nats
    "judge's accuracy": ...,
    "right words of a fake": ...,  # mean of right_words over the texts of the writer
}
### BEGIN SOLUTION
by_eye = [right_words(own_grammar, text) > 20 for text in game_texts]
ratio = [float(np.sum(five_gram.logprobs([text])) - np.sum(writer.logprobs([text]))) for text in game_texts]
experiment_x8_5 = {"answers": by_eye, **real_or_fake(by_eye, game_truth), "judge": ratio}
experiment_x8_5["judge's accuracy"] = real_or_fake([r > 0 for r in ratio], game_truth)["accuracy"]
fakes = [text for text, real in zip(game_texts, game_truth) if not real]
experiment_x8_5["right words of a fake"] = np.mean([right_words(own_grammar, text) for text in fakes])
### END SOLUTION

# %% test="experiment-x8-5"
from autograder.assignments.a08 import check

check("experiment-x8-5")

# %% [markdown]
# ### Side by side, and a report on grammar
#
# First a text of the source, one of the 5-gram and one of the network. Then 200 samples of the source, 200 of the 5-gram and 100 of the slower network are read
# by the grammar (a stack is all it needs): how many break no rule in 60 words, after how many right words comes the first slip, and of which kind is it?

# %% locked="run-x8-5" run=no
# The experiment; a click shows its code.
from collections import Counter

from course.rnn import sample


def violation(grammar, text):
    """The kind of the first violation, or None."""
    seen, stack = walk(grammar, text)
    if len(seen) == len(text):
        return None
    (A, _), word = stack[-1], text[len(seen)]
    other = {"VS": "VP", "VP": "VS"}.get(A[:2], "none")
    if any(B.startswith(other) and word in {r[1] for r in rules} for B, rules in grammar["rules"].items()):
        return "agreement"
    if A in ("RP", "RB") or word in (")", "]"):
        return "bracket"
    return "speaker" if word.endswith(":") else "other"


def network_text(rng, length):
    """`length` words of the network, from the start of a document; </s> is not listed."""
    ids = sample(network.model, [*network.before[:, 0], network.number["</s>"]], length + 8, 1.0, rng)
    return [network.words[i] for i in ids if network.words[i] != "</s>"][:length]


rng = student_rng(student_id, "A08", "samples")
five = NGram(5, kneser_ney()).fit(race_text)
writers = {"source": lambda n: stream(farm(), rng, n), "5-gram": lambda n: sample_ngram(five, rng, n), "network": lambda n: network_text(rng, n)}
samples = {name: [write(60) for _ in range(200 if name != "network" else 100)] for name, write in progress(writers.items(), "samples", total=3, unit="writers")}
show_table(["writer", "text"], [[name, " ".join(group[0][:34]) + " …"] for name, group in samples.items()])
KINDS_OF_SLIPS = ("agreement", "bracket", "speaker", "other")
rows = []
for name, group in samples.items():
    slips = [violation(farm(), text) for text in group]
    places = [len(walk(farm(), text)[0]) for text, slip in zip(group, slips) if slip]
    before = f"{np.mean(places):.1f}" if places else ""
    counted = Counter(slips)
    rows.append([name, f"{counted[None] / len(slips):.0%}", before, *(counted[kind] for kind in KINDS_OF_SLIPS)])
show_table(["writer", "no slip", "right words", *KINDS_OF_SLIPS], rows)

# %% [markdown]
# **Optional:** a second game, 21 texts of standard Farm, by source, 5-gram and network. Type your answers into `my_answers` and run both cells again. Is the network harder to catch? The judge
# compares network and 5-gram.

# %%
my_answers = []  # 21 times "source", "5-gram" or "network"

# %% locked="run-game-2" run=no
# The experiment; a click shows its code.
order = student_rng(student_id, "A08", "game 2").permutation(21)
rounds = [(name, samples[name][k + 1][:25]) for name in samples for k in range(7)]
rounds = [rounds[i] for i in order]
show_table(["", "text"], [[number, " ".join(text)] for number, (_, text) in enumerate(rounds)])
try:
    score = tool("real_or_fake")
    if len(my_answers) == 21:
        print("you:", score([a == name for a, (name, _) in zip(my_answers, rounds)], [True] * 21))
    for name in ("5-gram", "network"):
        texts = [(True, t) for t in samples["source"][:100]] + [(False, t) for t in samples[name][:100]]
        judged = [np.sum(network.logprobs([t])[:-1]) > np.sum(five.logprobs([t])[:-1]) for _, t in texts]
        result = score([bool(x) for x in judged], [real for real, _ in texts])
        print(f"judge, source against {name}: {result['accuracy']:.2f} ({result['low']:.2f} to {result['high']:.2f})")
except Exception as error:
    not_yet(error)

# %% [markdown]
# ## 9 The leak detector, and the test (35 minutes)
#
# After this section you can tell a success from an accident.
#
# What would be too good? On Farm nothing can be better than the source, up to luck. The **leak detector** takes the differences model minus source, token by token, their mean $g$, and
# its standard error over documents, as in `evaluate`. $z = g/se < -3$: the model has seen what it should predict.

# %% locked="run-x8-6" run=no
# The experiment; a click shows its code.
shifted = RNNLM(len(network.words), 32, 96, np.random.default_rng(0))
flat = Flat(shifted.params, adamw, lr=4e-3, dtype=np.float32)
fit(shifted, [(ids_in, ids_in) for ids_in, _ in network.batches], flat, 150)  # the bug: the targets are the inputs
ids = network.read(VALID_TEXT)[1:, None]
leaky = -shifted.logprobs(ids, ids)[0][:, 0].astype(float) / np.log(2)
print(f"targets not shifted, 150 steps: {leaky.mean():.3f} bits per token; the source {VALID_SOURCE.mean():.3f}")
caught = watch("the shifted model", leaky)
print("the network of the race:", "leaks" if watch("network", -network.logprobs(VALID_TEXT) / np.log(2)) else "no leak")

# %% [markdown]
# ### X8.6 Which one leaks? (3 points)
#
# Three models on your held-out text. `bits_A`, `bits_B`, `bits_C`, `bits_source` hold the bits of every token, `number_own` the number of its document. Compute $z$ for each. One of them leaks; one
# was only lucky.

# %% locked="numbers-x8-6"
rng = student_rng(student_id, "A08", "x8-6")
bits_source = -Source(own_grammar).logprobs([s for doc in own_held for s in doc]) / np.log(2)
number_own = np.repeat(np.arange(len(own_held)), [len(s) + 1 for doc in own_held for s in doc])
lucky = rng.normal(0.0, 0.02, len(own_held))[number_own]
three = [
    bits_source + rng.gamma(1.0, 0.03, len(bits_source)),
    bits_source + lucky - lucky.mean() - 0.004,
    np.where(rng.random(len(bits_source)) < 0.15, 0.2 * bits_source, bits_source + 0.02),
]
bits_A, bits_B, bits_C = (three[i] for i in rng.permutation(3))

# %% solution="experiment-x8-6"
experiment_x8_6 = {
    "z": ...,  # three numbers, for A, B and C
    "leak": ...,  # "A", "B" or "C"
}
### BEGIN SOLUTION
def z_of(bits):
    gap = bits - bits_source
    sums, lengths = np.bincount(number_own, gap - gap.mean()), np.bincount(number_own)
    return gap.mean() / (np.sqrt(len(sums) / (len(sums) - 1) * (sums**2).sum()) / lengths.sum())


z_own = [z_of(bits) for bits in (bits_A, bits_B, bits_C)]
experiment_x8_6 = {"z": z_own, "leak": "ABC"[int(np.argmin(z_own))]}
### END SOLUTION

# %% test="experiment-x8-6"
from autograder.assignments.a08 import check

check("experiment-x8-6")

# %% [markdown]
# ### The test is opened
#
# Everything is chosen: the order, the steps, the weights. Now the test documents, once. The cell keeps its result, so you may run it again. If you train again and open again,
# the badge is lost: the second time you would know what to choose.

# %% locked="run-test" run=no
# The experiment; a click shows its code.
try:
    if globals().get("final") is None:
        evaluate_tool, bootstrap = tool("evaluate"), tool("paired_bootstrap")
        probs = np.exp([m.logprobs(VALID_TEXT) for m in (kn5, network)])
        runners = {"source": Source(farm()), "5-gram": kn5, "network": network, "mixture": Mixture([kn5, network], np.asarray(tool("interpolate")(probs)))}
        [evaluate_tool(model, VALID[:3])["se"] for model in runners.values()]  # fails here, before the test is opened
        test_docs = TEST.open()
        final = {name: evaluate_tool(model, test_docs) for name, model in runners.items()}
        ends = np.cumsum([sum(len(s) + 1 for s in doc) for doc in test_docs])[:-1]
        per_doc = {name: np.array([part.mean() for part in np.split(result["per_token"], ends)]) for name, result in final.items()}
        p_values = {pair: bootstrap(per_doc[pair[0]], per_doc[pair[1]], student_rng("", "A08", "test")) for pair in (("network", "5-gram"), ("mixture", "network"))}
except Exception as error:
    not_yet(error)
else:
    rows = []
    for name, result in final.items():
        above = result["bits_per_token"] - final["source"]["bits_per_token"]
        rows.append([name, f"{result['bits_per_token']:.4f}", f"{result['se']:.4f}", f"{above:.4f}"])
    show_table(["model", "bits per token", "standard error", "above the source"], rows)
    for (name, other), p in p_values.items():
        print(f"{name} against {other}: p = {p:.4f}")
    print(TEST.badge)

# %% [markdown]
# ## 10 Explain (60 minutes)
#
# After this section you know whether you have understood, because you have said it.

# %% [markdown]
# ### R8.1 What does the network know that the 5-gram cannot? (8 points)
#
# Half a page, with at least four of your own numbers: the gap in all, where it is and where it is not, which dependency needs how much memory, what the samples show, and what the network
# still gets wrong. Say how sure the difference is.

# %% [markdown] manual="response-r8-1" points=8
# On the test text the 5-gram needs about 1.75 bits per token, the network 1.46, the source 1.43; the difference of 0.29 bits is many standard errors, and no round of the paired bootstrap
# changed its sign (p = 0.0002). A 5-gram sees four words. At food, which depends on the verb just before, both are as good as the source (2.2 bits against 2.15). At a closing bracket the source pays 0,
# the 5-gram 2.6 bits, since the opening one stands further back than four words and it does not know whether one is open; the network pays about 0.05: it keeps the bracket in its state. At the next
# speaker the source pays 0.5 bits, the 5-gram 1.9, nearly log2 3 and more, since the last name stands 10 to 40 words back; the network about 0.7. Verbs directly after the noun cost the same for all; 5 to 8 words later the
# 5-gram pays 4.0 bits against 2.1 of the source, because "near the cow" hides the number of the subject; the network 2.2. The samples agree: all of the 5-gram's texts of 60 words break a rule, mostly
# a bracket, the speaker or agreement, and a third of the network's. The network is still 0.02 bits above the source, mostly at long distances: over nine words it pays more than the source, so its memory fades. It is
# not magic either: with 300 tokens the n-gram was better.

# %% [markdown]
# ### R8.2 A referee's report (7 points)
#
# A paper says: *"We compare our RNN with a trigram model. The RNN is trained on all 500 documents of the corpus, with the 2,000 most frequent words; rarer ones are* `<unk>`*. The trigram uses all 14,000 words. We tried 40
# learning rates and report the run with the lowest test perplexity, on 50 documents drawn from the corpus. Perplexity, averaged over sentences: RNN 41.3, trigram 118.7.* `</s>` *is predicted by the
# trigram only. The RNN's training loss is also lower, which confirms that it generalises."*
#
# Write the report: each fault, which side it helps and why, and the experiment that you would ask for.

# %% [markdown] manual="response-r8-2" points=7
# The comparison does not show what it claims. (1) The vocabularies differ: the RNN predicts `<unk>` for all rare words, which is one easy class instead of 12,000 hard words; this helps the RNN very much. (2) The test documents are
# drawn from the corpus that the RNN was trained on: it has seen them; this helps the RNN. (3) The best of 40 runs was chosen on the test set, so its perplexity is too low by selection; this helps the RNN. (4) A mean of perplexities
# over sentences is not the perplexity of the text: a few hard short sentences dominate it; take the exponential of the mean over tokens. (5) The trigram predicts `</s>` and the RNN does not: other tokens are counted; `</s>` may be easy or
# hard, so the direction is open, but the numbers cannot be compared. (6) A lower training loss says nothing about new text; it may be overfitting. (7) No error is given, and 50 documents are few. I ask for: one split by document, before anything is trained;
# one vocabulary from the training part; both models predict every word and `</s>`; all choices on validation text; bits per token on the test text, opened once, with standard errors over documents and a paired bootstrap; a
# stronger n-gram, such as a Kneser-Ney 5-gram, as the opponent.

# %% [markdown]
# ### R8.3 A hundred times the data (5 points)
#
# Would the conclusion change with 20 million tokens of Farm? Use the floors, your curves and the entropy for both models, and say what would be different with real text. Five to eight
# sentences.

# %% [markdown] manual="response-r8-3" points=5
# No. With endless data the 5-gram falls to its floor h_5 = 1.707 bits and never below, because four words leave that much open; it has 1.75 now, so at most 0.04 bits are to be won. Higher orders would become usable: an 8-gram could reach 1.608, but not with
# 20 million tokens, since it has about 250,000 contexts, and even that is above the network's 1.46. The network is 0.02 bits above the entropy, 1.437, below which nothing can fall; more data and more units would bring it nearer, and by early stopping it
# is already free of overfitting. So the order of the models stays, and the gap shrinks from 0.29 to about 0.27 for the 5-gram, or 0.17 for the 8-gram. For real text no floor is known: the n-gram's floors fall slowly with n because language has
# dependencies at all distances, and its curve goes on falling with data; but the network gains as well, and mostly more, since it shares what it learns among similar words and contexts. With a small budget of time the n-gram may
# win there all the same.

# %% [markdown]
# ### Three quick questions (3 points)
#
# 1. Model A: training 1.10 bits, validation 1.62. Model B: training 1.45, validation 1.49. Which do you take? **a** A, **b** B, **c** it cannot be said?
# 2. On the same text, perplexity 12 with 10,000 words (others are `<unk>`) and 15 with 50,000 words. The better model is **a** the first, **b** the first, since 12 < 15 always counts, **c** unknown?
# 3. A 5-gram on Farm gets ten times the data. Its bits can **a** fall to the entropy, **b** fall at most to $h_5$, **c** not change?

# %% solution="quiz-q8-1"
quiz_q8_1 = {
    "1": ...,  # "a", "b" or "c"
    "2": ...,
    "3": ...,
}
### BEGIN SOLUTION
quiz_q8_1 = {"1": "b", "2": "c", "3": "b"}
### END SOLUTION

# %% test="quiz-q8-1"
from autograder.assignments.a08 import check

check("quiz-q8-1")

# %% [markdown]
# ### Teach it back (5 points)
#
# Write the page that you would have liked to read before this notebook: how to compare two language models, with a small example in numbers of your own that you checked, the two mistakes that are
# easiest to make, and how one notices them. At most 250 words.

# %% [markdown] manual="response-r8-t" points=5
# Split the documents by number before you look at them: train, validation, test. Both models get the same words and the same end of sentence. Choose everything on validation text. Then open the test text, once, and take bits per token:
# all bits divided by all tokens. Example: documents of 2 and 8 tokens cost 4 and 12 bits: 16/10 = 1.6 bits per token, not the mean of 2 and 1.5, which is 1.75. The documents are off by 4 − 3.2 = 0.8 and 12 − 12.8 = −0.8, so
# se = sqrt(2 · (0.64 + 0.64))/10 = 0.16. Is another model with 1.5 better? Look at the differences document by document: if it is better in nearly every one, yes, even when both errors are
# larger than the difference; the paired bootstrap counts how often chance would turn the sign. Easy mistakes: the mean of documents' means instead of all bits by all tokens (two texts of different length
# show it), and targets that are not shifted: the bits become too good to be true. On a language with known entropy one sees it at once: nothing is below the entropy. On real text compare with a model that is known, and
# distrust sudden success.

# %% [markdown]
# ## What comes next
#
# Both models read from left to right. In A09 a network looks at what comes *after* a word as well, and translates.
