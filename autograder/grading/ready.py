"""Loaded last by the process that workers are copies of: what is loaded by now stays in memory that all of them share.

Python's garbage collector would write to it, and so copy it, in each of them.
"""

import gc

gc.collect()
gc.freeze()
