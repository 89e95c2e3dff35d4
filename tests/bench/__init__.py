"""Benchmarks: both sides of every figure in one run; `python -m tests.bench`."""
