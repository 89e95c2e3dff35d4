"""A toy course: every kind of cell, and a class that does everything wrong."""

import json
import shutil
from pathlib import Path

import pytest

from autograder.release.notebooks import build
from autograder.release.source import load
from autograder.sample import answers_of, fill
from autograder.sandbox.launcher import Sandbox, bubblewrap

TOY = Path(__file__).parent / "toy"
NAME = "A90-toy"
KIND = "bwrap" if bubblewrap() else "none"
TAGS = "nd ns t l d s int f c b h g rng r sl <f8".split()  # the kinds of values on the wire, and a dtype


class ToyCourse:
    """A course folder with the toy assignment; `hand_in` fills submitted/."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "solutions").mkdir(parents=True)
        for file in TOY.iterdir():
            shutil.copy(file, root / "solutions")
        self.source_path, self.release_path = build(
            load(root / "solutions", NAME), root / "solutions", root / "notebooks"
        )
        self.source = json.loads(self.source_path.read_text())
        self.release = json.loads(self.release_path.read_text())
        self.answers = answers_of(self.source)

    def notebook(self, cells=None, *, blank=False):
        return fill(self.release, {} if blank else self.answers, cells or {})

    def hand_in(self, student, notebook=None, **cells):
        place = self.root / "submitted" / student / NAME
        place.mkdir(parents=True, exist_ok=True)
        content = (
            notebook
            if notebook is not None
            else self.notebook({k.replace("_", "-"): v for k, v in cells.items()})
        )
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        (place / f"{NAME}.ipynb").write_bytes(data)
        return place


@pytest.fixture
def course(tmp_path):
    return ToyCourse(tmp_path / "course")


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """One toy course for tests that only read it."""
    return ToyCourse(tmp_path_factory.mktemp("toy") / "course")


@pytest.fixture(scope="session")
def sandbox():
    with Sandbox(kind=KIND, withheld=["backprop"]) as running:
        yield running
