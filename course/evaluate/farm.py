"""What is known about a text of the Farm grammar: the best model, what each word depends on, the first violation.

Source: the course's own
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import nan
from typing import Any

import numpy as np

from course.toolbox.corpora.farm import Grammar, check_grammar, oracle_logprobs
from course.toolbox.errors import InputError

__all__ = ["Oracle", "dependencies", "first_violation", "grammaticality"]


class Oracle:
    """The best possible model of a language with a known grammar: it knows the law of every next token.

    A sentence is a whole document, after which `</s>` is certain. With `stream`, a sentence is any number of documents
    that may break off, and its `</s>` costs nothing.

    Raises: InputError for a broken grammar, or a text that the grammar cannot write.
    """

    def __init__(self, grammar: Grammar, stream: bool = False) -> None:
        check_grammar(grammar, "Oracle")
        self.grammar, self.stream = grammar, stream

    def logprobs(self, sentences: Iterable[Sequence[str]]) -> Any:
        """The logarithms, in nats, of the true probability of each word and each `</s>`. Shapes: (T,)"""
        parts = [np.zeros(0)]
        for number, sentence in enumerate(sentences):
            parts += [oracle_logprobs(self.grammar, sentence), np.zeros(1)]
            _, stack, begun = _walk(self.grammar, sentence)
            if not self.stream and (stack or begun != 1):
                raise InputError(
                    f"Oracle: sentence {number} is no whole document; for a text that goes on take stream=True."
                )
        return np.concatenate(parts)


def _walk(grammar: Grammar, tokens: Sequence[str]) -> tuple[list[Any], list[Any], int]:
    """For each token, up to the first that cannot stand, its nonterminal and since when that waits; the stack; documents.

    A nonterminal that is written again by its own rule waits since its first time.
    """
    bodies = {A: {token: body for _, token, body in rules} for A, rules in grammar["rules"].items()}
    seen, stack, begun = list[Any](), list[Any](), 0
    for t, token in enumerate(tokens):
        if not stack:
            stack, begun = [(grammar["start"], t)], begun + 1
        A, since = stack[-1]
        if token not in bodies[A]:
            break
        seen.append(stack.pop())
        stack += [(B, since if B == A else t) for B in reversed(bodies[A][token])]
    return seen, stack, begun


def dependencies(grammar: Grammar, sentences: Iterable[Sequence[str]]) -> list[str]:
    """What each word of a Farm text depends on, and "other" for each `</s>`: labels for `bits_by_dependency`.

    "closing bracket", "next speaker", "food", "verb 1 later", "verb 2-4 later", "verb 5-8 later", "verb 9+ later": so
    many words after the noun whose number it has; all else is "other".

    Raises: InputError for a text that the grammar cannot write.
    """
    labels = []
    for sentence in sentences:
        oracle_logprobs(grammar, sentence)  # names the first token that is impossible
        seen, _, _ = _walk(grammar, sentence)
        labels += [_label(A, token, t - since) for t, (token, (A, since)) in enumerate(zip(sentence, seen))]
        labels.append("other")
    return labels


_KINDS = {"RP": "closing bracket", "RB": "closing bracket", "NEXT": "next speaker", "FOOD": "food"}


def _label(A: str, token: str, distance: int) -> str:
    if A[:2] in ("VS", "VP") and token not in ("near", "that"):
        reach = "1" if distance == 1 else "2-4" if distance < 5 else "5-8" if distance < 9 else "9+"
        return f"verb {reach} later"
    return _KINDS.get(A.rstrip("012"), "other")


def first_violation(grammar: Grammar, tokens: Sequence[str]) -> tuple[int, str] | None:
    """Where a Farm text first breaks the grammar, and how: "agreement", "bracket", "speaker" or "other"; None if nowhere.

    The text may hold several documents and break off.
    """
    check_grammar(grammar, "first_violation")
    seen, stack, _ = _walk(grammar, tokens)
    if len(seen) == len(tokens):
        return None
    (A, _), token = stack[-1], tokens[len(seen)]
    other = {"VS": "VP", "VP": "VS"}.get(A[:2], "none")
    if any(B.startswith(other) and token in {r[1] for r in rules} for B, rules in grammar["rules"].items()):
        return len(seen), "agreement"
    if A in ("RP", "RB") or token in (")", "]"):
        return len(seen), "bracket"
    return len(seen), "speaker" if token.endswith(":") else "other"


def grammaticality(grammar: Grammar, samples: Sequence[Sequence[str]]) -> Mapping[str, Any]:
    """How grammatical Farm samples are: the share without a violation, its mean place, and how many of each kind.

    Raises: InputError when there are no samples.
    """
    if not len(samples):
        raise InputError("grammaticality: there are no samples; pass at least one list of tokens.")
    found = [v for v in (first_violation(grammar, s) for s in samples) if v]
    return {
        "right": 1 - len(found) / len(samples),
        "first": float(np.mean([place for place, _ in found])) if found else nan,
        "kinds": dict(Counter(kind for _, kind in found)),
    }
