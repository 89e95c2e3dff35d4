# Right but unusual: smoothings as tuples, a trie of dicts for counts, lists for arrays, NumPy strings, single precision in logprobs.
# base: reference

# %% ngrams
def ngrams(sentence, n):
    found, window = [], ["<s>"] * (n - 1)
    for word in [*sentence, "</s>"]:
        found.append((*window, word))
        window = [*window, word][1:] if n > 1 else []
    return tuple(found)

# %% count
def count(ids, n):
    found = {}
    for i in range(len(ids) - n + 1):
        key = tuple(int(v) for v in ids[i : i + n])
        found[key] = found.get(key, 0) + 1
    return [list(key) for key in sorted(found)], [found[key] for key in sorted(found)]

# %% smoothing
def add_k(k):
    """(c(h w) + k) / (c(h) + k V); 1/V after a context that never occurred."""
    def smooth(sentences, n, V):
        counts, totals = Counter(g for s in sentences for g in ngrams(s, n)), Counter()
        for g, c in counts.items():
            totals[g[:-1]] += c

        def p(h, w):
            bottom = totals[h] + k * V
            return (counts[h + (w,)] + k) / bottom if bottom else 0.0

        return p

    return smooth


def mle():
    """c(h w) / c(h), and 0 after a context that never occurred."""
    return add_k(0.0)


def interpolated(lambdas):
    """Σ λ_m c(h_m w) / c(h_m) over the orders m = 1 … n, where h_m are the last m − 1 words; lambdas[0] belongs to order 1.

    The weight of a context that never occurred passes to the next lower order.
    """
    def smooth(sentences, n, V):
        orders = []
        for m in range(1, n + 1):
            counts, totals = Counter(g for s in sentences for g in ngrams(s, m)), Counter()
            for g, c in counts.items():
                totals[g[:-1]] += c
            orders.append((counts, totals))

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


def katz():
    """Small counts are discounted, and unseen words share what is freed.

    Seen words: d_r r / c(h) with r = c(h w); d_r = 1 above r = 5, else ((r + 1) n_{r+1} / (r n_r) − A) / (1 − A) with
    A = 6 n_6 / n_1, where n_r n-grams of this order occur r times; where these d_r are not all in (0, 1], (r − ½) / r.
    Unseen words: what is left, in proportion to the next lower order; below unigrams stands 1/V.
    Where no unseen word has a probability in the lower order, the seen ones are scaled to sum to 1.
    """
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
        for m in range(1, n + 1):
            counts, followers = Counter(g for s in sentences for g in ngrams(s, m)), defaultdict(dict)
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


def kneser_ney(modified=True):
    """(c − D)/C + λ p(w | shorter context) in every order; below unigrams stands 1/V.

    Highest order: counts, with one <s> in front. Lower orders: how many different words stand to the left of an n-gram;
    but n-grams that begin with <s> keep their counts. <s> itself is no unigram. An unseen context hands over to the lower order.
    D from the n_1 … n_4 of each order: plain n_1/(n_1 + 2 n_2); modified D_j = j − (j + 1) Y n_{j+1}/n_j for counts of 1, 2 and
    3 or more, Y = n_1/(n_1 + 2 n_2). Where n_1, n_2 (modified: n_3, too) is 0, or a D_j is outside [0, j]: 0.5; or 0.5, 1, 1.5.
    """
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


makers = {"add_k": add_k, "interpolated": interpolated, "katz": katz, "kneser_ney": kneser_ney}


def mle():
    return ("add_k", 0.0)


def add_k(k):
    return ("add_k", k)


def interpolated(lambdas):
    return ("interpolated", lambdas)


def katz():
    return "katz"


def kneser_ney(modified=True):
    return ["kneser_ney", modified]

# %% ngram
class NGram:
    """An n-gram model with a smoothing: model = NGram(3, mle()).fit(sentences).

    __init__(n, smoothing); fit(sentences) returns the model; vocab; prob(history, word) is a number;
    logprobs(sentences) is an array of natural logarithms, one for each word and each </s>
    """

    def __init__(self, n, smoothing):
        kind, *settings = [smoothing] if isinstance(smoothing, str) else smoothing
        self.n, self.smoothing = n, makers[kind](*settings)

    def fit(self, sentences):
        self.vocab = list(np.unique([*(w for s in sentences for w in s), "</s>", "<unk>"]))
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
            return list(np.log(np.array(p, dtype=np.float32)))

# %% sample-ngram
def sample_ngram(model, rng, n, temperature=1.0):
    """n words, each drawn from p^(1/temperature), renormalised, after the words before it."""
    words, history = [], []
    while len(words) < n:
        p = np.array([model.prob(history, w) for w in model.vocab]) ** (1 / temperature)
        word = rng.choice(model.vocab, p=p / p.sum())
        if word == "</s>":
            history = []
        else:
            words.append(word)
            history = [*history, word][-8:]
    return words
