"""Wrong and unusual solutions, and what the checks make of them: `python -m tests.mutants`."""
