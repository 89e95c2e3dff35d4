"""Two toy tasks: sentences of the farm with parts of speech, and English sentences with a Spanish-style translation.

In the tagged sentences the number of "sheep" is fixed only by a verb that comes later, so a tagger that reads from left
to right cannot know more than one half of it. The translations agree in gender and number, and the adjective moves
behind the noun.

Source: the course's own, toys.json.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from itertools import product
from typing import Any

import numpy as np

from course.toolbox.errors import InputError

__all__ = ["farm_tagged", "tags", "translation_split", "translations"]

Pair = tuple[list[str], list[str]]


@cache
def _toys() -> dict[str, Any]:
    toys: dict[str, Any] = json.loads(
        resources.files(__package__).joinpath("toys.json").read_text(encoding="utf-8")
    )
    return toys


def tags() -> list[str]:
    """The ten tags of the tagged sentences, in a fixed order.

    >>> tags()[:4]
    ['DET', 'ADJ', 'N_SG', 'N_PL']
    """
    return list(_toys()["tagged"]["tags"])


def farm_tagged(rng: np.random.Generator, count: int) -> list[Pair]:
    """So many sentences, each as its words and their tags.

    Raises: InputError for a negative count.
    """
    if count < 0:
        raise InputError(f"farm_tagged: {count} sentences are asked for; a count is at least 0.")
    return [_tagged(rng) for _ in range(count)]


def _tagged(rng: np.random.Generator) -> Pair:
    number = _number(rng)
    sentence = _noun_phrase(rng, number, 0)
    verb = ("eat", "sleep")[rng.integers(2)]
    sentence.append((verb + "s" * (number == "SG"), f"V_{number}"))
    if verb == "eat":
        sentence.append((str(rng.choice(_toys()["tagged"]["food"])), "N_MASS"))
    words, kinds = zip(*sentence, (".", "."))
    return list(words), list(kinds)


def _number(rng: np.random.Generator) -> str:
    return ("SG", "PL")[rng.integers(2)]


def _noun(rng: np.random.Generator, number: str) -> tuple[str, str]:
    return str(rng.choice(_toys()["tagged"]["nouns"][number])), f"N_{number}"


def _noun_phrase(rng: np.random.Generator, number: str, depth: int) -> list[tuple[str, str]]:
    """Pairs of word and tag; what follows the noun is near phrases and, outside of clauses, relative clauses."""
    phrase = [("the", "DET")] + [("black", "ADJ")] * (rng.random() < 0.3)
    phrase.append(("sheep", f"N_{number}") if rng.random() < 3 / 7 else _noun(rng, number))
    while rng.random() < 0.4:
        other = _number(rng)
        if depth or rng.random() < 0.6:
            phrase += [("near", "P"), ("the", "DET"), _noun(rng, other)]
        else:
            verb = ("sees" if other == "SG" else "see", f"V_{other}")
            phrase += [("that", "REL"), *_noun_phrase(rng, other, depth + 1), verb]
    return phrase


def translations() -> list[Pair]:
    """All 16,384 sentences as words of the source and words of the target, in a fixed order.

    >>> english, spanish = translations()[12_000]
    >>> len(translations()), " ".join(english).endswith(" .")
    (16384, True)
    """
    toy = _toys()["translation"]
    phrases = [
        _phrase(noun, adjective, plural)
        for noun, adjective, plural in product(toy["nouns"], [None, *toy["adjectives"]], (False, True))
    ]
    return [
        (
            [*one[0], verb + "s" * (not one[2]), *two[0], "."],
            [*one[1], forms[one[2]], *two[1]],
        )
        for one, (verb, forms), two in product(phrases, toy["verbs"].items(), phrases)
    ]


def _phrase(noun: str, adjective: str | None, plural: bool) -> tuple[list[str], list[str], bool]:
    toy = _toys()["translation"]
    name, gender = toy["nouns"][noun]
    s = "s" * plural
    source = ["the", *([adjective] if adjective else []), noun + s]
    article = {"m": ("el", "los"), "f": ("la", "las")}[gender][plural]
    ending = {"m": "o", "f": "a"}[gender] + s
    return (
        source,
        [article, name + s, *([toy["adjectives"][adjective] + ending] if adjective else [])],
        plural,
    )


def translation_split(seed: int = 0, train: int = 6000, test: int = 400) -> tuple[list[Pair], list[Pair]]:
    """The sentences in a random order that the seed fixes: the first to train with, the next to test.

    Raises: InputError when there are not so many sentences.
    """
    pairs = translations()
    if min(train, test) < 0 or train + test > len(pairs):
        raise InputError(f"translation_split: {train} + {test} sentences are asked for, of {len(pairs)}.")
    order = np.random.default_rng(seed).permutation(len(pairs))
    chosen = [pairs[i] for i in order[: train + test]]
    return chosen[:train], chosen[train:]
