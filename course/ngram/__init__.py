"""Chapter A06: n-gram language models: counting, smoothing, sampling, ARPA files, and the entropy they cannot beat."""

from __future__ import annotations

from course.ngram.arpa import read_arpa, write_arpa
from course.ngram.counting import count, ngrams
from course.ngram.entropy import document_entropy, entropy_rate, ngram_floor
from course.ngram.model import NGram, cross_entropy_bits, perplexity, sample_ngram
from course.ngram.smoothing import Backoff, add_k, interpolated, katz, kneser_ney, mle

__all__ = [
    "Backoff", "NGram", "add_k", "count", "cross_entropy_bits", "document_entropy", "entropy_rate", "interpolated",
    "katz", "kneser_ney", "mle", "ngram_floor", "ngrams", "perplexity", "read_arpa", "sample_ngram", "write_arpa",
]  # fmt: skip
