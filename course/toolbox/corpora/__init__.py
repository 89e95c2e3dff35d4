"""Texts to learn from: an artificial language with known entropy, two toy tasks, and real text."""
