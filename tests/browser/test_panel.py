"""The panel of a check on the grounds that it meets: JupyterLab and VS Code, light and dark, wide and narrow."""

from types import SimpleNamespace

import numpy as np
import pytest

from autograder.assignments import table
from autograder.checks.local import LocalSubject
from autograder.checks.panel import as_html, display
from autograder.checks.run import Draws, run_entry

from .conftest import SCREENS, contrasts

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]

# ground and ink of the themes; VS Code puts them into variables and a class on the body, whatever the system prefers
THEMES = {
    "lab-light": ("#ffffff", "rgba(0, 0, 0, 0.87)", "#eeeeee", "inherit"),
    "lab-dark": ("#111111", "#ffffff", "#424242", "inherit"),
    "vscode-light": ("#ffffff", "#616161", "#f3f3f3", "#a31515"),
    "vscode-light-modern": ("#ffffff", "#3b3b3b", "#f3f3f3", "#3b3b3b"),
    "vscode-dark": ("#1e1e1e", "#cccccc", "#31313b", "#d7ba7d"),
    "vscode-dark-modern": ("#1f1f1f", "#cccccc", "#3c3c3c", "#d0d0d0"),
    "vscode-high-contrast": ("#000000", "#ffffff", "#000000", "#ffffff"),
    "vscode-high-contrast-light": ("#ffffff", "#292929", "#09345f", "#ffffff"),
}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><style>:root{{--vscode-editor-background:{ground};
--vscode-editor-foreground:{ink};--vscode-font-family:sans-serif;--vscode-textPreformat-foreground:{code}}}
body{{background:var(--vscode-editor-background);color:var(--vscode-editor-foreground);margin:12px;
font-family:var(--vscode-font-family)}}code{{background:{block};color:var(--vscode-textPreformat-foreground)}}</style>
<body class="{kind}">{panels}</body></html>"""


def right(X, W, b):
    return X @ W + b, (X, W)


def wrong(dY, cache):
    X, W = cache
    return dY @ W.T, X.T @ dY, dY


def slip(dY, cache):
    X, W = cache
    dW = X.T @ dY
    dW[::2] *= 1.5
    return dY @ W.T, dW, dY.sum(axis=0)


def stops(dY, cache):
    return dY @ cache[2]


def outcome(**functions):
    backprop = table("A02-backprop-by-hand")
    subject = LocalSubject({"np": np, "affine_forward": right, **functions})
    return run_entry(backprop, backprop["affine-backward"], 1, subject, [Draws("ada")])


@pytest.fixture(scope="module")
def panels():
    """Passed, a named mistake, a picture of wrong entries, an error, and no answer."""
    answers = [
        {"affine_backward": lambda dY, cache: (dY @ cache[1].T, cache[0].T @ dY, dY.sum(axis=0))},
        {"affine_backward": wrong},
        {"affine_backward": slip},
        {"affine_backward": stops},
        {},
    ]
    found = [outcome(**answer) for answer in answers]
    assert [o.status for o in found] == ["passed", "failed", "failed", "error", "not_run"]
    return "".join(as_html(o, (9.0, 21.0)) for o in found).replace("<details", "<details open")


@pytest.mark.parametrize("theme", THEMES)
def test_every_word_of_a_panel_can_be_read_on_every_ground(browser, panels, tmp_path, theme):
    ground, ink, block, code = THEMES[theme]
    kind = theme.removesuffix("-modern") if theme.startswith("vscode") else ""
    page = tmp_path / "panel.html"
    page.write_text(PAGE.format(ground=ground, ink=ink, block=block, code=code, kind=kind, panels=panels))
    SCREENS.mkdir(parents=True, exist_ok=True)
    for width in (900, 600):
        browser.set_window_size(width, 1500)
        browser.get(page.as_uri())
        browser.save_screenshot(str(SCREENS / f"panel-{theme}-{width}.png"))
        words = contrasts(browser, ".course-panel")
        assert len(words) > 20 and min(words.values()) >= 4.5, sorted(words.items(), key=lambda w: w[1])[:3]
        wide, seen = browser.execute_script(
            "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert wide <= seen
    edges = browser.execute_script(
        "return [...document.querySelectorAll('.course-panel')].map(p => getComputedStyle(p).borderLeftColor)"
    )
    assert len(set(edges)) == 3 and min(contrasts(browser, ".course-panel", edges=True).values()) >= 3.0


# how VS Code lays out what a cell shows: an output a container, on a ground of its own, the words of the editor's font
VSCODE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="Content-Security-Policy"
content="default-src 'none'; style-src 'unsafe-inline'"><style>:root{{--vscode-editor-foreground:#ccc;
--vscode-textPreformat-foreground:#d0d0d0;--vscode-textPreformat-background:#3c3c3c}}html{{background:#1f1f1f}}
@layer vscode-default{{body{{background-color:transparent;color:var(--vscode-editor-foreground)}}
code{{color:var(--vscode-textPreformat-foreground);background-color:var(--vscode-textPreformat-background)}}}}</style>
<body class="vscode-dark"><div class="cell_container">{outputs}</div></body></html>"""
CONTAINER = '<div class="output_container"><div class="output">{}</div></div>'
PLAIN = '<div class="output-plaintext">{}</div>'


def test_vscode_shows_the_panel_and_not_the_points_below_it(browser, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data["text/html"]))
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(kernel=True))
    display(outcome(affine_backward=wrong), (9.0, 21.0))
    outputs = [PLAIN.format("before"), *shown, PLAIN.format("4.0"), PLAIN.format("another cell")]
    page = tmp_path / "vscode.html"
    page.write_text(VSCODE.format(outputs="".join(map(CONTAINER.format, outputs))))
    browser.get(page.as_uri())
    seen = browser.execute_script(
        "return [...document.querySelectorAll('.output_container')].map(o => o.clientHeight > 0)"
    )
    assert seen == [True, True, False, True]
    words = contrasts(browser, ".course-panel")
    assert len(words) > 5 and min(words.values()) >= 4.5
