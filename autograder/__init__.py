"""Checks, diagnosis and grading for the course: `autograder --help`, and `autograder.checks` for writing checks."""
