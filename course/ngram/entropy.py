"""What no model can beat: the entropy of a language with a known grammar, and the floor of every n-gram model.

Source: deck 004, "n-gram language model"; Shannon 1948; the course's own derivation D6.5
"""

from __future__ import annotations

from typing import Any

import numpy as np

from course.toolbox.corpora.farm import check_grammar
from course.toolbox.errors import InputError

__all__ = ["document_entropy", "entropy_rate", "ngram_floor"]

_MAX_STACKS = 4000  # a dense system of this size is solved in seconds


def entropy_rate(grammar: dict[str, Any]) -> float:
    """The entropy of a language in bits per token: of a document, over its mean length.

    h∞ = H(document) / E[length], see `document_entropy`

    Raises: InputError for a broken grammar or one whose documents have no finite mean length.

    >>> coin = dict(start="A", rules={"A": [[1, "a", ["A"]], [1, "b", []]]})
    >>> entropy_rate(coin)
    1.0
    """
    bits, length = document_entropy(grammar)
    return bits / length


def document_entropy(grammar: dict[str, Any]) -> tuple[float, float]:
    """The entropy of a document in bits, and its mean length in tokens.

    m = (I − Mᵀ)⁻¹ e_start, M_AB = E[number of B in a rule of A];  H = Σ_A m_A H(p(·|A));  E[length] = Σ_A m_A

    Every expansion writes one token and fixes one choice, and m_A counts the expansions of A.

    Raises: as `entropy_rate`.
    """
    check_grammar(grammar, "entropy_rate")
    names = {A: i for i, A in enumerate(grammar["rules"])}
    M, H = np.zeros((len(names), len(names))), np.zeros(len(names))
    for A, i in names.items():
        p = np.array([weight for weight, _, _ in grammar["rules"][A]], float)
        p /= p.sum()
        H[i] = -(p * np.log2(p)).sum()
        for q, (_, _, body) in zip(p, grammar["rules"][A]):
            for B in body:
                M[i, names[B]] += q
    reached = _reached(M, names[grammar["start"]])
    M, H = M[np.ix_(reached, reached)], H[reached]
    if np.abs(np.linalg.eigvals(M)).max(initial=0.0) >= 1 - 1e-12:
        raise InputError("entropy_rate: documents of this grammar have no finite mean length.")
    m = np.linalg.solve(np.eye(len(M)) - M.T, (reached == names[grammar["start"]]).astype(float))
    return float(m @ H), float(m.sum())


def _reached(M: Any, start: int) -> Any:
    """The nonterminals that can come up at all."""
    seen = np.arange(len(M)) == start
    while True:
        more = seen | (M[seen] > 0).any(axis=0)
        if (more == seen).all():
            return np.flatnonzero(seen)
        seen = more


def ngram_floor(grammar: dict[str, Any], n: int) -> float:
    """The cross-entropy, in bits per token, of the best n-gram model with infinite data on an unbroken stream.

    h_n = Σ_c P(c) H(Σ_s α_c(s) p(·|s) / P(c)), over the contexts c of n − 1 tokens and the stacks s,
    with α_c(s) = P(last tokens = c, stack = s) in the stationary state

    Raises: InputError when n is below 1 or the grammar has too many different stacks.
    """
    check_grammar(grammar, "ngram_floor")
    if n < 1:
        raise InputError(f"ngram_floor: n is {n}; an order is at least 1.")
    state, token, p, after, size = _automaton(grammar)
    first = np.searchsorted(state, np.arange(size + 1))  # the moves of a state stand together
    pi = _stationary(state, p, after, size)
    contexts, states, mass, V = np.zeros(size, np.int64), np.arange(size), pi, int(token.max()) + 1
    for step in range(n):
        degree = np.diff(first)[states]
        source = np.repeat(np.arange(len(states)), degree)
        move = np.arange(len(source)) - np.repeat(degree.cumsum() - degree, degree) + first[states[source]]
        joint, weight = contexts[source] * V + token[move], mass[source] * p[move]
        words, where = np.unique(joint, return_inverse=True)  # the n-grams, numbered
        if step < n - 1:
            pairs, where = np.unique(where * size + after[move], return_inverse=True)
            contexts, states = pairs // size, pairs % size
            mass = np.bincount(where, weight)
    P = np.bincount(where, weight)  # of each n-gram
    _, context = np.unique(words // V, return_inverse=True)
    return float(-(P * np.log2(P / np.bincount(context, P)[context])).sum())


def _automaton(grammar: dict[str, Any]) -> tuple[Any, Any, Any, Any, int]:
    """All moves between stacks as arrays: from, token, probability, to; and the number of stacks.

    After the last token of a document the stack is that of the next one's start.
    """
    start = (grammar["start"],)
    number, queue, moves = {start: 0}, [start], []
    words: dict[str, int] = {}
    for stack in queue:
        rules = grammar["rules"][stack[0]]
        total = sum(weight for weight, _, _ in rules)
        for weight, token, body in rules:
            after = (*body, *stack[1:]) or start
            if after not in number:
                number[after] = len(queue)
                queue.append(after)
            moves.append((number[stack], words.setdefault(token, len(words)), weight / total, number[after]))
        if len(queue) > _MAX_STACKS:
            raise InputError(f"ngram_floor: the grammar has more than {_MAX_STACKS} different stacks.")
    columns = [np.array(column) for column in zip(*moves)]
    return columns[0], columns[1], columns[2], columns[3], len(queue)


def _stationary(state: Any, p: Any, after: Any, size: int) -> Any:
    """The law of the stack that does not change from token to token: π = π P, Σ π = 1."""
    A = np.zeros((size, size))
    np.add.at(A, (after, state), p)
    A -= np.eye(size)
    A[-1] = 1.0
    return np.linalg.solve(A, np.eye(size)[-1])
