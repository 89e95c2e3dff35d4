"""The documentation is true: links lead somewhere, code runs, commands exist."""

import re
from pathlib import Path

import pytest

from autograder.release.source import assignments, load

KIT = Path(__file__).parent.parent
PAGES = [KIT / "README.md", *sorted((KIT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_and_pictures_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_code_of_the_library_page_runs():
    blocks = re.findall(r"```python\n(.*?)```", (KIT / "docs" / "library.md").read_text(), re.DOTALL)
    names = {}
    for block in blocks[:3]:
        exec(block, names)
    assert names["loss"] < 0.65
    assert list(names["curvature"]) == [6, 12, 18]
    assert names["limit"] < names["bits"] < 2.6 and names["losses"][-1] < names["losses"][0] - 0.5


def test_commands_that_are_named_exist():
    from typer.main import get_command

    from autograder.cli import app

    known = set(get_command(app).commands)
    for page in PAGES:
        for verb in re.findall(r"`(?:\.venv/bin/)?autograder ([a-z]+)", page.read_text()):
            assert verb in known, f"{page.name}: autograder {verb}"
    targets = set(re.findall(r"(?m)^([a-z-]+):", (KIT / "Makefile").read_text()))
    for page in PAGES:
        for target in re.findall(r"`?make ([a-z-]+)`", page.read_text()):
            assert target in targets, f"{page.name}: make {target}"


def test_folders_of_the_readme_exist():
    for folder in re.findall(r"\| `([a-z/]+)/` \|", (KIT / "README.md").read_text()):
        assert (KIT / folder).is_dir()


def test_the_readme_lists_every_assignment_with_its_title():
    rows = re.findall(r"(?m)^\| (A\d\d) \| (.+?) \|", (KIT / "README.md").read_text())
    known = [load(KIT / "solutions", name) for name in assignments(KIT / "solutions")]
    assert rows == [(a.name[:3], a.title) for a in known]
