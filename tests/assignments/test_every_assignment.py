"""What holds of every assignment: the reference is full, the blank is 0, the text is complete, the items are covered."""

import json
import re
import sys

import pytest

from autograder.release.notebooks import leaks, make_release, notebook_text, points
from autograder.release.source import assignments

from .source import KIT, SOLUTIONS, source

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NAMES = assignments(SOLUTIONS)
STUDENTS = ("", "ada", "bao", "chidi", "zoë")
COVERAGE = tomllib.loads((KIT / "tests" / "coverage.toml").read_text(encoding="utf-8"))
WORDS = 160  # between two things to do


@pytest.fixture(params=NAMES)
def a(request):
    return source(request.param)


def grade_ids(a):
    return {a.info(c).get("grade_id") for c in a.cells} - {None}


def headings(a):
    found = [re.findall(r"(?m)^#{1,4} (.+)$", c.source) for c in a.cells if c.cell_type == "markdown"]
    return {re.sub(r" \([^)]*(minutes?|points?)[^)]*\)$", "", h).strip() for group in found for h in group}


@pytest.mark.parametrize("student", STUDENTS)
def test_the_reference_is_full_for_every_student(a, student):
    outcomes = a.grade(student)
    short = {t: (o.score, o.max_score, o.message) for t, o in outcomes.items() if o.status != "passed"}
    assert not short
    assert all(o.score == o.max_score for o in outcomes.values())


def test_the_blank_release_gets_nothing_and_raises_nothing(a):
    outcomes = a.grade("ada", blank=True)
    assert all(o.score == 0 for o in outcomes.values())
    assert all(o.status == "not_run" or o.max_score == 0 for o in outcomes.values())


def test_all_cells_of_the_reference_run_in_order_with_figures(a):
    assert a.namespace("ada", skip_figures=False)["student_id"] == "ada"


def test_all_cells_of_the_release_run_in_order_with_figures(a):
    assert a.namespace("ada", blank=True, skip_figures=False)["student_id"] == "ada"


def test_every_entry_has_its_test_cell_and_every_test_cell_its_entry(a):
    wanted = {(e.id, part) for e in a.table.entries.values() for part in set(e.parts or (1,))}
    assert sorted(a.tests.values()) == sorted(wanted)
    for cell in a.cells:
        grade_id = a.info(cell).get("grade_id", "")
        if grade_id in a.tests:
            entry, part = a.tests[grade_id]
            call = f'check("{entry}")' if part == 1 else f'check("{entry}", part={part})'
            assert call in cell.source


def test_every_answer_cell_comes_before_its_check(a):
    order = [a.info(c).get("grade_id") for c in a.cells]
    for test, (entry, _) in a.tests.items():
        assert order.index(entry) < order.index(test)


def test_points_are_those_of_the_toml_file(a):
    from autograder.release.source import read_notebook

    totals = points(read_notebook(a.assignment))
    assert totals["automatic"] + totals["manual"] == pytest.approx(a.assignment.info["points"])
    assert totals["bonus"] <= 10


def test_every_manual_cell_has_a_rubric_that_adds_up(a):
    manual = {
        a.info(c).grade_id: a.info(c).points
        for c in a.cells
        if a.info(c).get("solution") and a.info(c).get("grade")
    }
    rubrics = a.assignment.info.get("manual", {})
    assert set(rubrics) == set(manual)
    for name, worth in manual.items():
        assert sum(r["points"] for r in rubrics[name]["rubric"]) == pytest.approx(worth), name
        assert rubrics[name]["title"] and all(r["text"] for r in rubrics[name]["rubric"])


def test_the_release_shows_no_answer(a):
    from autograder.release.source import read_notebook

    release = notebook_text(make_release(read_notebook(a.assignment)))
    assert leaks(a.assignment.path.read_text(encoding="utf-8"), release) == []
    assert "SOLUTION" not in release
    assert not any(c.get("outputs") for c in json.loads(release)["cells"])


def test_sections_carry_their_minutes_and_add_up(a):
    said = {}
    for cell in a.cells:
        if cell.cell_type == "markdown":
            said |= {
                h.strip(): int(m) for h, m in re.findall(r"(?m)^## (.+?) \((\d+) minutes?\)$", cell.source)
            }
    assert said == a.assignment.info["sections"]
    assert sum(said.values()) == a.assignment.info["minutes"]


def test_no_wall_of_text(a):
    words, where = 0, ""
    for cell in a.cells:
        if cell.cell_type == "code" or a.info(cell).get("solution"):
            words = 0
            continue
        text = "\n".join(line for line in cell.source.splitlines() if not line.startswith(("|", "#")))
        text = re.sub(r"\$\$.*?\$\$|\$[^$]*\$|`[^`]*`", " formula ", text, flags=re.S)
        where = where if words else cell.source[:60]
        words += len(re.findall(r"[^\W\d_]{2,}", text))
        assert words <= WORDS, f"{words} words from {where!r} on"


def test_no_magics_no_shell_no_outputs(a):
    for cell in a.cells:
        if cell.cell_type == "code":
            assert not re.search(r"(?m)^\s*[%!]", cell.source)
            assert cell.outputs == []


def test_covered_items_are_cells_or_headings_that_exist(a):
    there = grade_ids(a) | headings(a)
    for item, places in a.assignment.info["coverage"].items():
        assert places, item
        assert set(places) <= there, f"{item}: {set(places) - there}"


def test_every_item_that_belongs_here_is_covered(a):
    short = a.name[:3]
    wanted = {item for item, homes in COVERAGE["homes"].items() if short in homes}
    assert wanted <= set(a.assignment.info["coverage"])


def test_coverage_knows_only_items_that_exist(a):
    assert set(a.assignment.info["coverage"]) <= set(COVERAGE["homes"])


def test_chapters_from_this_assignment_on_are_withheld(a):
    chapters = "neurons losses backprop graph nn optim regularize embeddings ngram rnn evaluate seq2seq conv bridge".split()
    first = {"A00": "neurons", "A01": "neurons", "A02": "backprop", "A03": "graph"}.get(a.name[:3])
    if first is not None:
        assert set(chapters[chapters.index(first) :]) <= set(a.assignment.withheld)


def test_there_is_an_assignment_to_test():
    assert NAMES
