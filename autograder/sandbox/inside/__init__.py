"""The part that runs behind the sandbox. It imports the standard library, NumPy and `course`, nothing of the grader."""
