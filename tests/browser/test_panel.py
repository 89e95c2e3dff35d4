"""The panel of a check on the grounds that it meets: JupyterLab and VS Code, light and dark, wide and narrow."""

import numpy as np
import pytest

from autograder.assignments import table
from autograder.checks.local import LocalSubject
from autograder.checks.panel import as_html
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
