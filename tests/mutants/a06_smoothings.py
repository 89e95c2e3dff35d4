"""A06: interpolated and Kneser-Ney smoothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from .rules import RuleTarget

__all__ = ["SMOOTHINGS", "WORDS", "draw_text"]

WORDS = "a b c d e".split()


def draw_text(rng: np.random.Generator, sentences: int = 9) -> list[list[str]]:
    """Sentences of five letters, the later ones rarer."""
    p = np.array([0.4, 0.25, 0.2, 0.1, 0.05])
    return [[str(w) for w in rng.choice(WORDS, size=rng.integers(1, 7), p=p)] for _ in range(sentences)]


def _smoothed(kind: str) -> Any:
    def sample(rng: np.random.Generator) -> dict[str, Any]:
        corpus = [*draw_text(rng, 24), list("abcde")]
        histories = [[str(w) for w in rng.choice(WORDS, size=2)] for _ in range(10)]
        smoothing = {
            "interpolated": ("interpolated", [float(x) for x in rng.dirichlet([3.0, 2.0, 2.0])]),
            "modified": ("kneser_ney", True),
            "plain or modified": ("kneser_ney", bool(rng.integers(2))),
        }[kind]
        return {
            "sentences": corpus,
            "n": 3,
            "smoothing": smoothing,
            "queries": [(h, w) for h in histories for w in (*WORDS, "</s>", "<unk>")],
        }

    return sample


MIXTURE = """
from collections import Counter

def forward(sentences, n, smoothing, queries):
    lambdas = smoothing[1]
    grams = Counter()
    for s in sentences:
        t = ['<s>'] * (n - 1) + s + ['</s>']
        for i in range(n - 1, len(t)):
            for m in range(1, n + 1):
                grams[tuple(t[i - m + 1:i + 1])] += 1
    contexts = Counter()
    for g, c in grams.items():
        contexts[len(g), g[:-1]] += c
    found = []
    for h, w in queries:
        p, left = 0.0, 0.0
        for m in range(n, 0, -1):
            c = tuple(h[n - m:])
            left += lambdas[m - 1]
            if contexts[m, c]:
                p += left * grams[c + (w,)] / contexts[m, c]
                left = 0.0
        found.append(p)
    return found
"""
KNESER_NEY = """
from collections import Counter

def discounts(counts, modified):
    n1, n2, n3, n4 = (sum(c == j for c in counts) for j in (1, 2, 3, 4))
    if not modified:
        return [0] + [n1 / (n1 + 2 * n2) if n1 and n2 else 0.5] * 3
    if n1 and n2 and n3:
        Y = n1 / (n1 + 2 * n2)
        D = [0, 1 - 2 * Y * n2 / n1, 2 - 3 * Y * n3 / n2, 3 - 4 * Y * n4 / n3]
        if all(0 <= D[j] <= j for j in (1, 2, 3)):
            return D
    return [0, 0.5, 1, 1.5]

def forward(sentences, n, smoothing, queries):
    V = len({w for s in sentences for w in s}) + 2
    raw = [Counter() for _ in range(n + 1)]
    for s in sentences:
        t = ['<s>'] + s + ['</s>']
        for m in range(1, n + 1):
            raw[m].update(tuple(t[i:i + m]) for i in range(len(t) - m + 1))
    counts, D = [None] * (n + 1), [None] * (n + 1)
    for m in range(1, n + 1):
        if m == n:
            counts[m] = raw[m]
        else:
            left = Counter(g[1:] for g in raw[m + 1])
            counts[m] = Counter({g: c if g[0] == '<s>' else left[g] for g, c in raw[m].items()})
        counts[m].pop(('<s>',), None)
        D[m] = discounts(list(counts[m].values()), smoothing[1])
    totals, back = Counter(), Counter()
    for m in range(1, n + 1):
        for g, c in counts[m].items():
            totals[m, g[:-1]] += c
            back[m, g[:-1]] += D[m][min(c, 3)]
    def p(h, w):
        m = len(h) + 1
        lower = p(h[1:], w) if h else 1 / V
        if not totals[m, h]:
            return lower
        c = counts[m][h + (w,)]
        return (c - D[m][min(c, 3)]) / totals[m, h] + back[m, h] / totals[m, h] * lower
    return [p(tuple(h), w) for h, w in queries]
"""
_LAST = "return (c - D[m][min(c, 3)]) / totals[m, h] + back[m, h] / totals[m, h] * lower"
SMOOTHINGS = [
    RuleTarget(
        "A06",
        "interpolated",
        MIXTURE,
        lambda: None,
        _smoothed("interpolated"),
        wrong="""
- | left += lambdas[m - 1] | left += lambdas[n - m]
M38 | left += lambdas[m - 1] | left = lambdas[m - 1]
- | left = 0.0\\n        found | left = 0.0\\n                break\\n        found
- | found.append(p) | found.append((p + 1 / (len({x for s in sentences for x in s}) + 2)) / 2)
M36 | + s + ['</s>'] | + s
""",
        rule="interpolated",
    ),
    RuleTarget(
        "A06",
        "kneser_ney",
        KNESER_NEY,
        lambda: None,
        _smoothed("modified"),
        wrong=f"""
M38 | if m == n: | if True:
M38 | if not modified: | if True:
M38 | if n1 and n2 and n3: | if False:
M38 | n1 / (n1 + 2 * n2)\\n | n1 / (n1 + n2)\\n
M38 | if not modified: | return [0, 0.75, 0.75, 0.75]\\n    if not modified:
M38 | D[m] = discounts(list(counts[m].values()), smoothing[1]) | D[m] = discounts(list(raw[m].values()), smoothing[1])
M38 | totals, back = Counter(), Counter() | D[1:] = [D[n]] * n\\n    totals, back = Counter(), Counter()
M38 | back[m, g[:-1]] += D[m][min(c, 3)] | back[m, g[:-1]] += D[m][1]
M38 | {_LAST} | return (c - D[m][min(c, 3)]) / totals[m, h]
M38 | {_LAST} | return (c - D[m][min(c, 3)]) / totals[m, h] + lower
M38 | {_LAST} | return (c - D[m][min(c, 3)]) / totals[m, h] if c else back[m, h] / totals[m, h] * lower
M38 | if h else 1 / V | if h else 0.0
M38 | if h else 1 / V | if h else 1 / (V - 1)
M38 | if h else 1 / V | if h else 1 / (V - 2)
M38 | if h else 1 / V | if h else 1 / (V + 1)
M38 | lower = p(h[1:], w) if h else 1 / V | if not h:\\n            return counts[1][(w,)] / totals[1, ()]\\n        lower = p(h[1:], w)
M38 | return lower\\n | return 0.0\\n
M38 | c if g[0] == '<s>' else left[g] | left[g]
M38 | totals[m, g[:-1]] += c | totals[m, g[:-1]] += raw[m][g]
M36,M38 | counts[m].pop(('<s>',), None) | None
M36 | + s + ['</s>'] | + s
""",
        rule="kneser_ney",
    ),
    RuleTarget(
        "A06",
        "kneser_ney, plain too",
        KNESER_NEY,
        lambda: None,
        _smoothed("plain or modified"),
        wrong="""
M38 | if m == n: | if True:
M38 | if not modified: | if True:
M38 | if not modified: | if False:
M38 | n1 / (n1 + 2 * n2) if n1 and n2 | n1 / (n1 + n2) if n1 and n2 | Y = n1 / (n1 + 2 * n2) | Y = n1 / (n1 + n2)
""",
        rule="kneser_ney",
    ),
]
