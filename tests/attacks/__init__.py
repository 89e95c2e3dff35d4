"""Hostile submissions for a real assignment, each with the score it must get: `python -m tests.attacks`."""
