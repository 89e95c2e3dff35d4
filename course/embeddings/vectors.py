"""Word vectors from raw text by counting, and what stands near what: PPMI, truncated SVD, neighbours, analogies.

Words in like company get like vectors. Counted company is weighed by pointwise mutual information and compressed to
d numbers a word by the singular value decomposition.

Source: deck 000, "Embedding Layers" (distributional hypothesis); Levy and Goldberg 2014
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from course.toolbox.errors import InputError
from course.toolbox.shapes import check_labels, check_shapes

__all__ = ["analogy", "cooccurrences", "nearest", "ppmi", "truncated_svd", "word_vectors"]

_MOST_WORDS = 8000  # a table of V × V float64 counts takes half a gigabyte here


def cooccurrences(sentences: Sequence[Any], V: int, window: int = 2) -> Any:
    """How often two words stand at most `window` places apart in the same sentence, in either order.

    Shapes: sentences = [np.array([0, 1, 2])], V = 3 -> C (V, V)
    Source: Levy and Goldberg 2014
    Raises: InputError for a window below 1, a vocabulary that is too large, an empty corpus, or an id outside it.
    """
    if window < 1 or not 1 <= V <= _MOST_WORDS:
        raise InputError(
            f"cooccurrences: window {window}, V {V}; a window is at least 1, and a full table holds 1 … "
            f"{_MOST_WORDS} words: raise min_count of build_vocab."
        )
    rows = [check_labels("cooccurrences", "ids", s, V) for s in sentences]
    if not sum(map(len, rows)):
        raise InputError("cooccurrences: the corpus is empty; pass at least one sentence of ids.")
    gap = np.full(window, -1)  # between sentences
    text = np.concatenate([part for row in rows for part in (row, gap)])
    C = np.zeros(V * V)
    for distance in range(1, window + 1):
        a, b = text[:-distance], text[distance:]
        inside = (a >= 0) & (b >= 0)
        C += np.bincount(a[inside] * V + b[inside], minlength=V * V)
    table = C.reshape(V, V)
    return table + table.T


def ppmi(C: Any) -> Any:
    """Positive pointwise mutual information, in nats, of a table of counts.

    M_ij = max(0, log(C_ij ΣC / (Σ_j C_ij Σ_i C_ij))), 0 where C_ij = 0

    Shapes: C (V, V) > 0 -> M (V, V)
    Source: Levy and Goldberg 2014
    Raises: InputError for negative counts.
    """
    C = np.asarray(C, np.float64)
    check_shapes("ppmi", "C (V, V)", C)
    if (C < 0).any():
        raise InputError("ppmi: the table holds negative numbers; counts are at least 0.")
    expected = np.outer(C.sum(axis=1), C.sum(axis=0)) / max(C.sum(), 1.0)
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(np.divide(C, expected, out=np.zeros_like(C), where=C > 0)), 0.0)


def truncated_svd(M: Any, r: int) -> tuple[Any, Any]:
    """The best approximation of rank r as a product A B; both get the square roots of the singular values.

    M ≈ A B, A = U_r √S_r, B = √S_r V_rᵀ; the entry of largest magnitude in each column of A is positive

    Shapes: M (D, M), r = 2 -> A (D, r), B (r, M)
    Source: Eckart and Young 1936; deck 003, "Linear Hidden Units"
    Raises: InputError when r is not between 1 and the smaller side of M.
    """
    M = np.asarray(M)
    if M.ndim != 2 or not 1 <= r <= min(M.shape):
        raise InputError(f"truncated_svd: rank {r} is asked of a table of shape {M.shape}.")
    U, S, Vt = np.linalg.svd(M, full_matrices=False)
    A, B = U[:, :r] * np.sqrt(S[:r]), np.sqrt(S[:r])[:, None] * Vt[:r]
    sign = np.where(A[np.abs(A).argmax(axis=0), np.arange(r)] < 0, -1.0, 1.0)
    return A * sign, B * sign[:, None]


def word_vectors(sentences: Sequence[Any], V: int, d: int, window: int = 2) -> Any:
    """Vectors of all words from raw text: truncated SVD of the PPMI of co-occurrences; a table to start training with.

    Shapes: sentences = [np.array([0, 1, 2, 1])], V = 3, d = 2 -> E (V, d)
    Source: deck 000, "Embedding Layers" (pre-trained vectors); Levy and Goldberg 2014
    Raises: as `cooccurrences` and `truncated_svd`.
    """
    return truncated_svd(ppmi(cooccurrences(sentences, V, window)), d)[0]


def nearest(E: Any, itos: Sequence[str], word: str, k: int = 5) -> list[tuple[str, float]]:
    """The k words whose vectors point most nearly in the direction of a word's, with their cosines.

    cos(u, v) = u·v / (‖u‖ ‖v‖), 0 where a vector is zero

    Source: deck 000, "Dense Vectors vs. One-hot representations"
    Raises: InputError for a word that is not in the vocabulary, or a table of another length.
    """
    (i,) = _places("nearest", E, itos, word)
    return _closest(E, itos, E[i], k, {i})


def analogy(E: Any, itos: Sequence[str], a: str, b: str, c: str, k: int = 5) -> list[tuple[str, float]]:
    """The k words nearest to v_b − v_a + v_c: what is to c as b is to a? None of the three is an answer.

    Source: Mikolov et al. 2013
    Raises: as `nearest`.
    """
    i, j, m = _places("analogy", E, itos, a, b, c)
    return _closest(E, itos, E[j] - E[i] + E[m], k, {i, j, m})


def _places(where: str, E: Any, itos: Sequence[str], *words: str) -> list[int]:
    if len(E) != len(itos):
        raise InputError(f"{where}: there are {len(E)} vectors but {len(itos)} words; each word needs one.")
    unknown = [word for word in words if word not in itos]
    if unknown:
        raise InputError(f"{where}: {unknown[0]!r} is not in the vocabulary of {len(itos)} words.")
    return [list(itos).index(word) for word in words]


def _closest(E: Any, itos: Sequence[str], query: Any, k: int, left_out: set[int]) -> list[tuple[str, float]]:
    norms = np.linalg.norm(E, axis=1) * np.linalg.norm(query)
    cosines = np.divide(E @ query, norms, out=np.zeros(len(E)), where=norms > 0)
    order = [int(i) for i in np.argsort(-cosines, kind="stable") if i not in left_out]
    return [(itos[i], float(cosines[i])) for i in order[: max(k, 0)]]
