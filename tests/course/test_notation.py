"""The notation page is read: its checks hold, and every letter of the formulas stands on it."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from shape_lines import line_of, modules

import course
from course.graph import Var
from course.toolbox.draw import draw_graph
from course.toolbox.shapes import parse_shapes

PAGE = (Path(course.__file__).parent / "notation.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ")
]
CHECKS = {row[0]: row[3].strip("`") for row in ROWS if re.fullmatch(r"C\d", row[0])}
SIZES = {row[0].strip("`") for row in ROWS if len(row) == 2} | {"S"}
NAMES = {
    name for row in ROWS if len(row) == 4 and row[0] not in CHECKS for name in re.findall(r"`(\w+)`", row[1])
}


def test_the_page_has_all_nine_differences():
    assert list(CHECKS) == [f"C{i}" for i in range(1, 10)]


@pytest.mark.parametrize("row", CHECKS)
def test_what_the_page_says_is_true(row):
    names = {n: getattr(course, n) for n in re.findall(r"[a-z_]\w+", CHECKS[row]) if n in dir(course)}
    assert eval(CHECKS[row], {**names, "np": np, "Var": Var, "draw_graph": draw_graph})


def test_every_letter_of_the_formulas_is_on_the_page():
    for module in modules():
        chapter = module.__name__.split(".")[1]
        if chapter not in ("neurons", "losses", "backprop", "regularize"):
            continue
        for name, f in vars(module).items():
            if not inspect.isfunction(f) or f.__module__ != module.__name__ or not line_of(f):
                continue
            ins, outs = parse_shapes(line_of(f))
            for entry in (*ins, *outs):
                letter = re.sub(r"\d+$", "", entry.name)
                known = NAMES | {
                    "k",
                    "data",
                    "data_test",
                    "epochs",
                    "f",
                    "name",
                    "o",
                    "state",
                    "d",
                    "J_train",
                    "J_test",
                }
                bare = re.sub(r"^(d|g_)(?=\w)", "", letter)
                assert letter in known or bare in known, (
                    f"{chapter}.{name}: {entry.name} is not on the notation page"
                )
                sizes = {w for s in entry.sizes or () for w in re.findall(r"[A-Za-z_]\w*", s)}
                assert sizes <= SIZES, f"{chapter}.{name}: sizes {sizes - SIZES} are not on the notation page"
