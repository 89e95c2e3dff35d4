"""What a student sees in JupyterLab: the panel of a check cell, in light and dark, wide and narrow."""

import json

import pytest

from autograder.release.notebooks import build
from autograder.release.source import load
from autograder.sample import answers_of, fill

from .conftest import KIT, SCREENS, contrasts, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]

NAME = "A02-backprop-by-hand"
WRONG_BIAS = """def affine_backward(dY, cache):
    X, W = cache
    dX = dY @ W.T
    dW = X.T @ dY
    db = dY
    return dX, dW, db
"""


def notebook_of(tmp_path, name, cells, keep):
    """A notebook with the reference's answers but `cells`, cut down to the cells that `keep` names."""
    source, release = build(load(KIT / "solutions", name), tmp_path / "s", tmp_path / "n")
    made = fill(json.loads(release.read_text()), answers_of(json.loads(source.read_text())), cells)
    wanted = [c for c in made["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") in keep]
    made["cells"] = wanted
    return made


def opened(browser, address, name):
    """Open a notebook in JupyterLab, wait for its kernel, and put the focus into it."""
    from selenium.webdriver.common.by import By

    browser.set_window_size(1100, 1500)
    browser.get(f"{address}/lab/tree/{name}?reset")
    wait_for(lambda: browser.find_elements(By.CSS_SELECTOR, ".jp-Notebook .jp-CodeCell"), 90, "the notebook")
    wait_for(lambda: idle(browser), 90, "the kernel")
    first = ".jp-Notebook .jp-CodeCell .cm-content"  # looked up anew each time: the page may still be replacing it
    wait_for(lambda: browser.find_element(By.CSS_SELECTOR, first).click() or True, 60, "the first cell")


def idle(browser):
    """Whether the kernel of the open notebook waits for work."""
    from selenium.webdriver.common.by import By

    found = browser.find_element(By.CSS_SELECTOR, ".jp-Notebook-ExecutionIndicator")
    return found.get_attribute("data-status") == "idle"


def choose(browser, menu, command):
    """Click a command in a menu."""
    from selenium.webdriver.common.by import By

    browser.find_element(
        By.XPATH, f"//li[contains(@class,'lm-MenuBar-item')][.//div[text()='{menu}']]"
    ).click()
    wait_for(lambda: browser.find_elements(By.XPATH, f"//li[@data-command='{command}']"), 20, "the menu")[
        0
    ].click()


def run_all(browser):
    """Run all cells by the menu."""
    choose(browser, "Run", "runmenu:run-all")


def set_theme(config, theme):
    """Write the theme, Light or Dark, into a configuration of JupyterLab."""
    settings = config / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "themes.jupyterlab-settings").write_text(json.dumps({"theme": f"JupyterLab {theme}"}))


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_a_wrong_gradient_is_named_in_the_notebook(tmp_path, jupyter, browser, theme):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    keep = (
        "student-id",
        "imports",
        "affine-forward",
        "test-affine-forward",
        "affine-backward",
        "test-affine-backward",
    )
    work = tmp_path / "work"
    work.mkdir()
    made = notebook_of(
        tmp_path, NAME, {"affine-backward": WRONG_BIAS, "student-id": 'student_id = "ada"'}, keep
    )
    (work / f"{NAME}.ipynb").write_text(json.dumps(made))
    set_theme(tmp_path / "config", theme)
    address = jupyter(work)
    opened(browser, address, f"{NAME}.ipynb")

    def two_panels():
        """Run all cells, and again when the first time came too early for a busy kernel."""
        run_all(browser)
        return wait_for(
            lambda: len(found := browser.find_elements(By.CSS_SELECTOR, ".course-panel")) == 2 and found,
            30,
            "panels",
        )

    panels = wait_for(two_panels, 240, "two panels")
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.ESCAPE)
    SCREENS.mkdir(parents=True, exist_ok=True)
    browser.execute_script("arguments[0].scrollIntoView({block: 'end'})", panels[1])
    browser.save_screenshot(str(SCREENS / f"lab-{theme.lower()}.png"))
    panels[1].screenshot(str(SCREENS / f"panel-{theme.lower()}.png"))
    assert "passed" in panels[0].text and "2 of 2" in panels[0].text
    assert "db" in panels[1].text and "sum" in panels[1].text and "4 of 5" in panels[1].text
    summaries = panels[1].find_elements(By.TAG_NAME, "summary")
    assert summaries and summaries[0].text == "Hint 1"
    summaries[0].click()
    dark = browser.execute_script("return document.body.dataset.jpThemeLight") == "false"
    assert dark == (theme == "Dark")
    words = contrasts(browser, ".course-panel")
    assert len(words) >= 6 and min(words.values()) >= 4.5, words
    points = browser.find_elements(By.CSS_SELECTOR, ".jp-OutputArea-executeResult")
    assert len(points) == 2 and not any(p.is_displayed() for p in points)  # the panel says them
    browser.set_window_size(500, 1200)
    browser.save_screenshot(str(SCREENS / f"lab-{theme.lower()}-narrow.png"))
