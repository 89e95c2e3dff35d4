"""Rules for training loops, optimisers, normalisation, counting, sampling and evaluation.

explain_call("adam", [(args, got), …])     the wrong version that gives what the student got, on every instance
explain_dropout, explain_probabilities, explain_sample, explain_leak     from statistics
"""

from . import evaluation, ngrams, optimisers, regularisers
from .engine import Alternative, alternatives, explain_call, register
from .evaluation import explain_leak
from .ngrams import explain_probabilities, explain_sample
from .optimisers import trajectory
from .regularisers import explain_dropout

__all__ = [
    "Alternative",
    "alternatives",
    "evaluation",
    "explain_call",
    "explain_dropout",
    "explain_leak",
    "explain_probabilities",
    "explain_sample",
    "ngrams",
    "optimisers",
    "register",
    "regularisers",
    "trajectory",
]
