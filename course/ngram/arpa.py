"""ARPA files: the text format in which language models with back-off weights are exchanged.

Logarithms in the file are to base 10; −99 stands for a probability of zero.

Source: the format of SRILM and KenLM
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from course.ngram.counting import BOS, UNK, Level, Trie, Vocabulary
from course.ngram.model import NGram
from course.ngram.smoothing import Backoff, kneser_ney
from course.toolbox.errors import FormatError, InputError

__all__ = ["read_arpa", "write_arpa"]


def write_arpa(model: NGram, path: str | Path) -> None:
    """Write a fitted model with back-off weights (Katz, Kneser–Ney) as an ARPA file, whole or not at all.

    Raises: InputError for a model of another smoothing.
    """
    table = model.estimate
    if not isinstance(table, Backoff):
        raise InputError(
            "write_arpa: an ARPA file needs back-off weights; fit the model with kneser_ney() or katz()."
        )
    names = [BOS, *model.vocab]
    part = Path(f"{path}.part")
    with open(part, "w", encoding="utf-8", newline="\n") as file:
        file.write("\\data\\\n" + "".join(f"ngram {m + 1}={len(p)}\n" for m, p in enumerate(table.p)))
        texts = names
        for m, p in enumerate(table.p, 1):
            if m > 1:
                level = table.trie.levels[m - 2]
                words = (level.key % table.trie.size).tolist()
                texts = [f"{texts[c]} {names[w]}" for c, w in zip(level.context.tolist(), words)]
            file.write(f"\n\\{m}-grams:\n")
            if m < model.n:
                rows = zip(_log10(p), texts, _log10(table.gamma[m]))
                file.writelines(f"{a:.9g}\t{text}\t{g:.9g}\n" for a, text, g in rows)
            else:
                file.writelines(f"{a:.9g}\t{text}\n" for a, text in zip(_log10(p), texts))
        file.write("\n\\end\\\n")
    os.replace(part, path)


def _log10(values: Any) -> list[float]:
    with np.errstate(divide="ignore"):
        return list(np.maximum(np.log10(values), -99.0).tolist())


def read_arpa(path: str | Path) -> NGram:
    """A model from an ARPA file.

    Raises: FormatError that names the line where the file is broken; when the probabilities do not sum to one.
    """
    try:
        sections = _sections(Path(path))
    except UnicodeDecodeError as error:
        raise FormatError(
            f"read_arpa: {path} is no text in UTF-8 (byte {error.start}); an ARPA file is."
        ) from error
    texts = [text for _, text, _ in sections[0]]
    vocabulary = Vocabulary(texts)
    size = len(vocabulary.id)
    first, gamma = np.zeros(size), np.ones(size)
    for logp, text, weight in sections[0]:
        first[vocabulary.id[text]], gamma[vocabulary.id[text]] = _power(logp), _power(weight)
    if UNK not in texts:
        first[vocabulary.unk] = 0.0
    trie, p, gammas = Trie(size, np.zeros(size, np.int64), []), [first], [np.ones(1), gamma]
    for m, section in enumerate(sections[1:], 2):
        words = np.array([_ids(text, m, vocabulary, path) for _, text, _ in section], np.int64).reshape(-1, m)
        context, suffix = _walk(trie, words[:, :-1]), _walk(trie, words[:, 1:])
        if (context < 0).any():
            bad = section[int(np.argmax(context < 0))][1]
            raise FormatError(f"read_arpa: {path}: the context of the {m}-gram {bad!r} is not listed.")
        keys = context * size + words[:, -1]
        order = np.argsort(keys)
        if (np.diff(keys[order]) == 0).any():
            raise FormatError(f"read_arpa: {path}: a {m}-gram is listed twice.")
        trie.levels.append(Level(keys[order], context[order], suffix[order], np.zeros(len(order), np.int64)))
        trie.n = m
        p.append(np.array([_power(section[i][0]) for i in order]))
        gammas.append(np.array([_power(section[i][2]) for i in order]))
    _check_sums(path, trie, p, gammas)
    return NGram(trie.n, kneser_ney())._set(vocabulary, trie, Backoff(trie, p, gammas[: trie.n]))


def _check_sums(path: Any, trie: Trie, p: list[Any], gammas: list[Any]) -> None:
    """After every context: Σ_listed p(w | c) + γ(c) (1 − Σ_listed p(w | shorter c)) = 1.

    Raises: FormatError otherwise.
    """
    # without <s>, which is never predicted; KenLM writes a probability of 1 for it
    total = float(p[0].sum() - p[0][0])
    if not abs(total - 1) < 1e-3:
        raise FormatError(f"read_arpa: {path}: the 1-grams' probabilities sum to {total:.6g}, not to 1.")
    for m, level in enumerate(trie.levels, 2):
        size = len(p[m - 2])
        lower = np.where(
            level.suffix < 0, np.nan, p[m - 2][level.suffix]
        )  # an entry that is not listed: no sum is known
        listed = np.bincount(level.context, p[m - 1], size)
        sums = listed + gammas[m - 1] * (1 - np.bincount(level.context, lower, size))
        if (wrong := np.abs(sums - 1) > 1e-3).any():
            found = float(sums[np.argmax(wrong)])
            raise FormatError(
                f"read_arpa: {path}: after {int(wrong.sum())} contexts of {m - 1} words the probabilities do not sum to 1, "
                f"after one of them to {found:.6g}; the file is broken or a back-off weight is missing."
            )


def _power(log10: float) -> float:
    return 0.0 if log10 <= -99 else float(10.0**log10)


def _ids(text: str, m: int, vocabulary: Vocabulary, path: Any) -> list[int]:
    words = text.split(" ")
    unknown = [w for w in words if w not in vocabulary.id]
    if unknown or len(words) != m:
        raise FormatError(f"read_arpa: {path}: the {m}-gram {text!r} does not hold {m} words of the 1-grams.")
    return [vocabulary.id[w] for w in words]


def _walk(trie: Trie, words: Any) -> Any:
    """Where rows of m words stand in order m."""
    at = words[:, 0]
    for m in range(2, words.shape[1] + 1):
        at = trie.find(m, at, words[:, m - 1])
    return at


def _sections(path: Path) -> list[list[tuple[float, str, float]]]:
    """The entries of each order: log₁₀ p, words, log₁₀ γ."""

    def broken(number: int, what: str) -> NoReturn:
        raise FormatError(f"read_arpa: {path}, line {number}: {what}; the file is broken or no ARPA file.")

    sizes: list[int] = []
    sections: list[list[tuple[float, str, float]]] = []
    number, state = 0, "before"
    with open(path, encoding="utf-8", newline="\n") as file:
        for number, raw in enumerate(file, 1):
            line = raw.strip("\r\n ")
            if not line:
                continue
            if state == "before":
                state = "data" if line == "\\data\\" else state
            elif line == "\\end\\":
                state = "end"
                break
            elif line == f"\\{len(sections) + 1}-grams:":
                sections.append([])
                state = "entries"
            elif state == "data":
                order, _, size = line.removeprefix("ngram ").partition("=")
                if order.strip() != str(len(sizes) + 1) or not size.strip().isdecimal():
                    broken(number, f"{line!r} is not 'ngram {len(sizes) + 1}=…'")
                sizes.append(int(size))
            else:
                fields = line.split("\t")
                try:
                    logp, weight = float(fields[0]), float(fields[2]) if len(fields) > 2 else 0.0
                except ValueError:
                    broken(number, f"{line!r} does not begin with a number")
                if len(fields) < 2 or not logp <= 1e-6 or not np.isfinite(weight):
                    broken(number, f"{line!r} is no entry of the form log10 p, words, back-off weight")
                sections[-1].append((logp, fields[1], weight))
    found = [len(s) for s in sections]
    if state != "end" or found != sizes or not sizes:
        broken(
            number,
            f"found {found} n-grams of {sizes} that the head announces, and {'an' if state == 'end' else 'no'} end",
        )
    return sections
