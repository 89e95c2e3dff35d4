"""Farm: an artificial language whose next-token probabilities are known exactly.

Its grammar has rules A → a B₁ … B_k with integer weights, at most one for each pair (A, a). To generate, take the top
nonterminal A from a stack, draw one of its rules, write the token a and push B_k … B₁. Because (A, a) fixes the rule,
the tokens so far fix the stack, and the next token's law is that of the stack's top: the best possible model.

A grammar is a dict: start=…, rules={A: [[weight, token, [B, …]], …]}. Its entropy belongs to chapter A06.

Source: the course's own grammar, farm.json; the table of food after "eat" is that of deck 004, "Learning an n-gram model".
"""

from __future__ import annotations

import json
from bisect import bisect
from collections.abc import Sequence
from importlib import resources
from itertools import accumulate
from typing import Any

import numpy as np

from course.toolbox.errors import InputError

__all__ = ["check_grammar", "documents", "farm", "oracle_logprobs", "stream"]

Grammar = dict[str, Any]


def farm(seed: int | None = None, D: int = 2) -> Grammar:
    """The grammar with nesting up to depth D; with a seed, a dialect of its own.

    In a dialect every weight is multiplied by 3, 4 or 5, drawn in the order of the rules.

    Raises: InputError when D is neither 1 nor 2.

    >>> farm()["rules"]["FOOD"][0]
    [4, 'corn', []]
    """
    text = resources.files(__package__).joinpath("farm.json").read_text(encoding="utf-8")
    grammars = json.loads(text)
    if str(D) not in grammars:
        raise InputError(f"farm: there is no grammar of depth {D!r}; D is 1 or 2.")
    grammar: Grammar = grammars[str(D)]
    if seed is not None:
        rng = np.random.default_rng(seed)
        for rules in grammar["rules"].values():
            for rule in rules:
                rule[0] *= int(rng.choice([3, 4, 5]))
    return grammar


def check_grammar(grammar: Grammar, where: str = "grammar") -> None:
    """Look whether a grammar can generate: known nonterminals, positive weights, one rule for each (A, a).

    Raises: InputError that names the first rule that is wrong.
    """
    if not isinstance(grammar, dict) or not {"start", "rules"} <= set(grammar):
        raise InputError(f"{where}: a grammar is a dict with the keys 'start' and 'rules'.")
    rules = grammar["rules"]
    if grammar["start"] not in rules:
        raise InputError(f"{where}: the start {grammar['start']!r} has no rules.")
    for A, options in rules.items():
        if not options:
            raise InputError(f"{where}: {A} has no rules.")
        for weight, token, body in options:
            if not (weight > 0 and np.isfinite(weight)):
                raise InputError(f"{where}: {A} → {token} has weight {weight}; weights must be positive.")
            unknown = [B for B in body if B not in rules]
            if unknown:
                raise InputError(f"{where}: {A} → {token} names {unknown[0]}, which has no rules.")
        if len({token for _, token, _ in options}) < len(options):
            raise InputError(f"{where}: {A} has two rules with the same token, so the stack is not unique.")


def documents(grammar: Grammar, rng: np.random.Generator, count: int) -> list[list[str]]:
    """Independent documents of the language, each a list of tokens.

    >>> " ".join(documents(farm(), np.random.default_rng(3), 1)[0][:8])[:4]
    'anna'
    """
    check_grammar(grammar, "documents")
    return [_document(grammar["start"], _tables(grammar), _uniforms(rng)) for _ in range(count)]


def stream(grammar: Grammar, rng: np.random.Generator, tokens: int) -> list[str]:
    """Exactly so many tokens, document after document; the last one may be cut."""
    check_grammar(grammar, "stream")
    tables, uniforms, out = _tables(grammar), _uniforms(rng), list[str]()
    while len(out) < tokens:
        out += _document(grammar["start"], tables, uniforms)
    return out[:tokens]


def oracle_logprobs(grammar: Grammar, tokens: Sequence[str]) -> Any:
    """The logarithm of the true probability of each token of a stream of documents, in nats.

    log p(w_t | w_1 … w_{t−1}) = log p(w_t | top of the stack after w_1 … w_{t−1})

    Raises: InputError for a token that the grammar does not allow at its place.
    """
    check_grammar(grammar, "oracle_logprobs")
    laws = {}
    for A, rules in grammar["rules"].items():
        total = sum(weight for weight, _, _ in rules)
        laws[A] = {token: (np.log(weight / total), body[::-1]) for weight, token, body in rules}
    out, stack = np.empty(len(tokens)), list[str]()
    for t, token in enumerate(tokens):
        if not stack:
            stack = [grammar["start"]]
        try:
            out[t], body = laws[stack.pop()][token]
        except KeyError:
            raise InputError(
                f"oracle_logprobs: token {t}, {token!r}, cannot stand after {' '.join(tokens[max(0, t - 3) : t])!r}; "
                f"the text must be made of whole documents from their start."
            ) from None
        stack += body
    return out


def _tables(grammar: Grammar) -> dict[str, tuple[list[float], list[tuple[str, list[str]]]]]:
    """For each nonterminal the ends of its rules' shares of [0, 1), and what the rules write and push."""
    tables = {}
    for A, rules in grammar["rules"].items():
        total = sum(weight for weight, _, _ in rules)
        ends = list(accumulate(weight / total for weight, _, _ in rules))[:-1]
        tables[A] = ends, [(token, body[::-1]) for _, token, body in rules]
    return tables


def _uniforms(rng: np.random.Generator) -> Any:
    while True:
        yield from rng.random(1024).tolist()


def _document(start: str, tables: Any, uniforms: Any) -> list[str]:
    stack, tokens = [start], list[str]()
    while stack:
        ends, options = tables[stack.pop()]
        token, body = options[bisect(ends, next(uniforms))]
        tokens.append(token)
        stack += body
    return tokens
