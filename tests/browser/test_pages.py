"""Feedback page and class report in a browser: readable in light and dark, wide and narrow, and nothing of a student's runs."""

import pytest

from autograder.course_folder import CourseFolder
from autograder.report.class_report import write_report
from autograder.report.feedback import write_feedback
from tests.grading.test_report import EVIL, result, titled

from .conftest import SCREENS, contrasts

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = CourseFolder(tmp_path_factory.mktemp("course"))
    known = titled()
    wrong = {
        "aspect": "x",
        "text": EVIL,
        "status": "failed",
        "ids": ["M07"],
        "evidence": "long " * 60,
        "line": 3,
    }
    known["cells"][0] |= {"status": "failed", "score": 0.5, "findings": [{**wrong, "hints": [EVIL, "b"]}]}
    known["notebook"][1]["source"] = f"{EVIL}\n" + "x = 1; " * 40
    return [write_feedback(folder, known), write_report(folder, "A90-toy", [known, result("b", 2, 1, None)])]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_can_be_read_in_any_window(browser, pages, scheme):
    SCREENS.mkdir(parents=True, exist_ok=True)
    preferred = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", preferred)
    for page in pages:
        browser.get(page.as_uri())
        ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 22, 28)"}[scheme]
        words = contrasts(browser, "body")
        assert len(words) > 15 and min(words.values()) >= 4.5, sorted(words.items(), key=lambda w: w[1])[:3]
        assert not browser.find_elements("css selector", "script, img[src=x]")
        for width in (1280, 900, 600):
            browser.set_window_size(width, 1200)
            browser.save_screenshot(str(SCREENS / f"{page.parent.name}-{scheme}-{width}.png"))
            wide, seen = browser.execute_script(
                "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
            )
            assert wide <= seen
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
