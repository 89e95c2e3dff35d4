"""Loaded last by the process that workers are copies of: what is loaded by now stays in memory that all of them share.

Python's garbage collector would write to it, and so copy it, in each of them.
"""

import gc

import numpy as np
import numpy.random

import autograder.checks.derivation  # noqa: F401  (a check loads it when it meets the first derivation)

from .store import versions

versions()
np.random.default_rng(0).normal(size=(3, 3)) @ np.ones(
    (3, 3)
)  # linear algebra starts up when it is first used

gc.collect()
gc.freeze()
