"""Folders under tests/ that hold data, not tests."""

collect_ignore_glob = ["submissions/*", "grading/toy/*"]
