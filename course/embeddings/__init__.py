"""Chapter A05: words as vectors: vocabularies, features, embeddings, a tagger, a first language model, counted vectors."""

from course.embeddings.features import (  # noqa: I001
    build_vocab, encode, ner_features, one_hot, sparse_features, window_batch,
)  # fmt: skip
from course.embeddings.layers import (
    Embedding, LowRank, embedding_backward, embedding_forward, lookup, lowrank_backward, lowrank_forward, lowrank_size,
    sum_by_id,
)  # fmt: skip
from course.embeddings.models import BengioLM, MLPTagger, fit_windows, ngram_windows
from course.embeddings.vectors import analogy, cooccurrences, nearest, ppmi, truncated_svd, word_vectors

__all__ = [
    "BengioLM", "Embedding", "LowRank", "MLPTagger", "analogy", "build_vocab", "cooccurrences", "embedding_backward",
    "embedding_forward", "encode", "fit_windows", "lookup", "lowrank_backward", "lowrank_forward", "lowrank_size",
    "nearest", "ner_features", "ngram_windows", "one_hot", "ppmi", "sparse_features", "sum_by_id", "truncated_svd", "window_batch",
    "word_vectors",
]  # fmt: skip
