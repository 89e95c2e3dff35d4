"""Where students' code runs: a fork server behind bubblewrap, and the door to it.

`inside/` is all that exists in there (standard library, NumPy, `course`); everything else here is the trusted side.
"""
