"""The panel takes its ink from the page around it, whichever editor shows it, and stands there alone."""

import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from autograder.checks.entry import Finding, Outcome
from autograder.checks.panel import as_html, display

ERRORS = np.array([[0.0, 1e-3], [0.5, 0.0]])
SAID = Finding(
    "dW is wrong", ("M01",), evidence="dW[0, 1] is 2", line=3, hints=("a", "b"), aspect="dW", errors=ERRORS
)


def outcome(status, *findings):
    return Outcome("layer", (("dW", 0.0, 2.0), ("db", 1.0, 1.0)), findings, status)


@pytest.mark.parametrize("status", ["passed", "failed", "error", "timeout", "not_run", "manual", "excused"])
def test_words_have_the_colours_that_the_editor_defines(status):
    """VS Code styles `code` itself and says by a class what its theme is; the preference of the system may differ."""
    page = as_html(outcome(status, SAID), (1.0, 3.0))
    inks = re.findall(r"(?<![\w-])color:([^;\"]+)", page)
    grounds = re.findall(r"background[\w-]*:([^;\"]+)", page)
    assert set(inks) == {"inherit"} and set(grounds) == {"none"}
    assert not re.search(r"opacity:|--jp-|--vscode-|prefers-color-scheme|<script|<link|url\(", page)


def test_the_points_are_not_printed_once_more_below_the_panel(monkeypatch):
    import IPython
    import IPython.display

    shown = []
    monkeypatch.setattr(IPython.display, "display", lambda data, raw: shown.append(data))
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: SimpleNamespace(kernel=True))
    display(outcome("failed", SAID), (1.0, 3.0))
    (data,) = shown
    assert ".jp-OutputArea-child:has(.course-panel)+.jp-OutputArea-executeResult" in data["text/html"]
    assert (
        ".output_container:has(.course-panel)+.output_container:has(.output-plaintext)" in data["text/html"]
    )
    assert "display:none" not in as_html(outcome("failed", SAID)) and "dW is wrong" in data["text/plain"]
