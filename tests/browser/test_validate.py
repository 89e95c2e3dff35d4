"""nbgrader's Validate button in JupyterLab, on notebooks of ours: what it says is what the check cells say."""

import json

import pytest

from .conftest import KIT, SCREENS, wait_for
from .test_lab import NAME, WRONG_BIAS, notebook_of, opened

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]

KEEP = (
    "student-id",
    "imports",
    "affine-forward",
    "test-affine-forward",
    "affine-backward",
    "test-affine-backward",
)


@pytest.mark.parametrize(("cells", "words"), [({}, "Success"), ({"affine-backward": WRONG_BIAS}, "failed")])
def test_the_validate_button_agrees_with_the_checks(tmp_path, jupyter, browser, cells, words):
    from selenium.webdriver.common.by import By

    work = tmp_path / "work"
    work.mkdir()
    made = notebook_of(tmp_path, NAME, {"student-id": 'student_id = "ada"'} | cells, KEEP)
    (work / f"{NAME}.ipynb").write_text(json.dumps(made))
    (work / "nbgrader_config.py").write_text((KIT / "nbgrader_config.py").read_text())
    opened(browser, jupyter(work), f"{NAME}.ipynb")
    button = wait_for(
        lambda: browser.find_elements(
            By.XPATH, "//*[self::button or self::jp-button][contains(., 'Validate')]"
        ),
        60,
        "the Validate button",
    )[0]
    browser.execute_script("arguments[0].click()", button)
    dialog = wait_for(
        lambda: browser.find_elements(By.CSS_SELECTOR, ".jp-Dialog-content"), 120, "the result"
    )[0]
    said = wait_for(lambda: "alidat" in dialog.text and dialog.text, 30, "words")
    SCREENS.mkdir(parents=True, exist_ok=True)
    browser.save_screenshot(str(SCREENS / f"validate-{words.lower()}.png"))
    assert words in said
