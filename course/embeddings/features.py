"""From words to numbers and features: vocabularies, one-hot rows, windows, hand-made features.

Source: deck 000, "Embedding Layers", "Dense Vectors vs. One-hot representations"; deck 002, Finkel's table of features
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any

import numpy as np

from course.toolbox.errors import InputError
from course.toolbox.shapes import check_labels, check_shapes

__all__ = ["build_vocab", "encode", "ner_features", "one_hot", "sparse_features", "window_batch"]

_UNK, _BEFORE, _BEHIND = "<unk>", "<s>", "</s>"
_SHAPES = str.maketrans(ascii_uppercase + ascii_lowercase + digits, "X" * 26 + "x" * 26 + "d" * 10)
_REACH = 4  # words to the left and to the right whose presence is a feature


def build_vocab(tokens: Iterable[str], min_count: int = 1) -> tuple[dict[str, int], list[str]]:
    """The words that occur at least `min_count` times and their ids: `<unk>` is 0, then by count, then by alphabet.

    Source: deck 001, "Vocabulary truncated at a threshold"
    Raises: InputError for a threshold below 1.

    >>> build_vocab("the cow sees the dog".split(), min_count=2)
    ({'<unk>': 0, 'the': 1}, ['<unk>', 'the'])
    """
    if min_count < 1:
        raise InputError(f"build_vocab: min_count is {min_count}; a word that is kept occurs at least once.")
    counts = Counter(tokens)
    kept = (w for w, n in counts.items() if n >= min_count and w != _UNK)
    itos = [_UNK, *sorted(kept, key=lambda w: (-counts[w], w))]
    return {word: i for i, word in enumerate(itos)}, itos


def encode(tokens: Iterable[str], stoi: Mapping[str, int]) -> Any:
    """The ids of words; words that are not in the vocabulary get the id of `<unk>`.

    Raises: InputError when a word is unknown and the vocabulary has no `<unk>`.
    """
    ids = [stoi.get(word, stoi.get(_UNK, -1)) for word in tokens]
    if -1 in ids:
        raise InputError(f"encode: token {ids.index(-1)} is not in the vocabulary, which has no {_UNK}.")
    return np.array(ids, np.intp)


def one_hot(ids: Any, V: int) -> Any:
    """Rows that are 1 at their id and 0 elsewhere.

    Shapes: ids (N,) int < V, V = 11 -> X (N, V)
    Source: deck 000, "Embedding Layers"; deck 001, "One-hot vectors" (which counts from 1)
    Raises: InputError for an id outside 0 … V − 1.
    """
    check_shapes("one_hot", "ids (N,)", ids)
    X = np.zeros((len(ids), V))
    X[np.arange(len(ids)), check_labels("one_hot", "ids", ids, V)] = 1.0
    return X


def window_batch(ids: Any, k: int, pad: int) -> Any:
    """Each position with the k ids before it and the k behind it; `pad` stands outside the text.

    Shapes: ids (N,) int < V, k = 2, pad = 0 -> X (N, k+k+1)
    Source: deck 000, "Embedding Layers"
    Raises: InputError for a negative k.

    >>> window_batch(np.array([4, 5, 6]), 1, 0).tolist()
    [[0, 4, 5], [4, 5, 6], [5, 6, 0]]
    """
    check_shapes("window_batch", "ids (N,)", ids)
    if k < 0:
        raise InputError(f"window_batch: k is {k}; the number of neighbours on each side is at least 0.")
    padded = np.concatenate([np.full(k, pad), np.asarray(ids, np.intp), np.full(k, pad)])
    return padded[np.arange(len(ids))[:, None] + np.arange(2 * k + 1)]


def sparse_features(tokens: Sequence[str], tags: Sequence[str], i: int) -> list[str]:
    """The features of word i that are 1: the word, the word and the tag before it, and both conjunctions.

    Source: deck 000, "Example: Dense Vectors vs. One-hot representations", (a)
    Raises: InputError when words and tags do not pair up or there is no word i.

    >>> sparse_features(["the", "dog"], ["DET", "NOUN"], 1)
    ['w=dog', 'pw=the', 'pt=DET', 'w=dog&pw=the', 'w=dog&pt=DET']
    """
    _check_place("sparse_features", tokens, tags, i)
    w, pw, pt = f"w={tokens[i]}", f"pw={_at(tokens, i - 1)}", f"pt={_at(tags, i - 1)}"
    return [w, pw, pt, f"{w}&{pw}", f"{w}&{pt}"]


def ner_features(tokens: Sequence[str], tags: Sequence[str], i: int) -> dict[str, Any]:
    """The ten features of a named entity recogniser for word i.

    `shape` writes X for A-Z, x for a-z, d for 0-9 and leaves other characters; `ngrams` are all substrings; `left` and
    `right` the different words within four places.

    Source: deck 002, "Features for NER"; Finkel et al. 2010
    Raises: as `sparse_features`.
    """
    _check_place("ner_features", tokens, tags, i)
    word = tokens[i]
    shapes = [w if w in (_BEFORE, _BEHIND) else w.translate(_SHAPES) for w in _around(tokens, i)]
    return {
        "word": word,
        "prev": _at(tokens, i - 1),
        "next": _at(tokens, i + 1),
        "ngrams": sorted({word[a:b] for a in range(len(word)) for b in range(a + 1, len(word) + 1)}),
        "pos": tags[i],
        "pos_seq": "|".join(_around(tags, i)),
        "shape": word.translate(_SHAPES),
        "shape_seq": "|".join(shapes),
        "left": sorted(set(tokens[max(0, i - _REACH) : i])),
        "right": sorted(set(tokens[i + 1 : i + 1 + _REACH])),
    }


def _at(items: Sequence[str], i: int) -> str:
    return _BEFORE if i < 0 else _BEHIND if i >= len(items) else items[i]


def _around(items: Sequence[str], i: int) -> list[str]:
    return [_at(items, j) for j in (i - 1, i, i + 1)]


def _check_place(where: str, tokens: Sequence[str], tags: Sequence[str], i: int) -> None:
    if len(tokens) != len(tags):
        raise InputError(f"{where}: there are {len(tokens)} words but {len(tags)} tags; each word needs one.")
    if not 0 <= i < len(tokens):
        raise InputError(f"{where}: there is no word {i}; places count from 0 to {len(tokens) - 1}.")
