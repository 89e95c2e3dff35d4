"""Sliders and pages in JupyterLab, in light and dark: they work, and without a kernel no error stands in their place."""

import json

import nbformat
import pytest

from .conftest import SCREENS, wait_for
from .test_lab import choose, idle, opened, run_all, set_theme

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]

SLIDER = """from course.toolbox.sliders import explore

def draw(ax, rolls):
    ax.bar([0], [rolls])
    return f"a bar of {rolls}"

explore(draw, rolls=(20, 10, 90, 10))"""
PAGE = """import numpy as np
from course.toolbox.draw import gradient_flow

gradient_flow(np.geomspace(1e-3, 1, 12).reshape(3, 4))"""


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_a_slider_moves_the_picture_and_a_page_its_frames(tmp_path, jupyter, browser, theme):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    work = tmp_path / "work"
    work.mkdir()
    cells = [nbformat.v4.new_code_cell(text) for text in (SLIDER, PAGE)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    (work / "w.ipynb").write_text(nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=kernel)))
    set_theme(tmp_path / "config", theme)
    address = jupyter(work)
    opened(browser, address, "w.ipynb")

    def slider():
        """Run all cells, and again when the first time came too early for a busy kernel."""
        run_all(browser)
        return wait_for(lambda: browser.find_elements(By.CSS_SELECTOR, ".noUi-handle"), 20, "the slider")[0]

    knob = wait_for(slider, 120, "the slider")

    def picture():
        return browser.find_element(By.CSS_SELECTOR, ".jp-RenderedImage img").get_attribute("src")

    before = wait_for(picture, 60, "the picture")
    knob.send_keys(Keys.ARROW_RIGHT)
    wait_for(lambda: picture() != before, 60, "another picture")
    frame = wait_for(lambda: browser.find_elements(By.TAG_NAME, "iframe"), 60, "the page")[0]
    SCREENS.mkdir(parents=True, exist_ok=True)
    browser.save_screenshot(str(SCREENS / f"sliders-{theme.lower()}.png"))
    browser.switch_to.frame(frame)
    try:
        browser.find_element(By.ID, "next").click()
        assert browser.find_element(By.ID, "count").text == "step 2 of 4"
        shown = json.loads(browser.execute_script("return JSON.stringify(steps[at].text)"))
        assert browser.find_element(By.ID, "say").text == shown
        ink = browser.execute_script("return getComputedStyle(document.getElementById('say')).color")
        assert ink == ("rgb(255, 255, 255)" if theme == "Dark" else "rgb(0, 0, 0)")
    finally:
        browser.switch_to.default_content()
    sliders = browser.find_element(By.CSS_SELECTOR, ".jp-OutputArea-child")
    said = "return getComputedStyle(arguments[0], '::after').content"
    assert browser.execute_script(said, sliders) == "none"
    choose(browser, "Kernel", "kernelmenu:restart")
    wait_for(lambda: browser.find_element(By.CSS_SELECTOR, ".jp-Dialog .jp-mod-accept").click() or True, 20)
    wait_for(lambda: "Run this cell" in browser.execute_script(said, sliders), 60, "a sentence")
    assert not any(
        w.is_displayed() for w in sliders.find_elements(By.CSS_SELECTOR, ".jupyter-widgets")
    )  # nor a broken link
    wait_for(lambda: idle(browser), 90, "the new kernel")
    browser.save_screenshot(str(SCREENS / f"sliders-gone-{theme.lower()}.png"))
