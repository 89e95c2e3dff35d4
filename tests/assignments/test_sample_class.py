"""The sample classes: each submission loses what it says it loses, for the reason that it names, and nothing else."""

import json

import pytest

from autograder.grading.admit import parse_notebook
from autograder.grading.execute import execute
from autograder.grading.plan import Budget
from autograder.grading.rebuild import Skeleton, rebuild
from autograder.release.notebooks import build
from autograder.release.source import load
from autograder.sample import answers_of, samples
from autograder.sandbox.launcher import Sandbox, bubblewrap

from .source import KIT, SOLUTIONS

CLASSES = sorted(p.name for p in (KIT / "tests" / "submissions").iterdir() if p.is_dir())
MATES = [(name, mate) for name in CLASSES for mate in samples(name)]
BUDGET = Budget(cell_seconds=5, call_seconds=1, total_seconds=40, memory_mb=1024)


@pytest.fixture(scope="module")
def classroom(tmp_path_factory):
    """For an assignment: how to grade one submission of it, in a sandbox that runs through the module."""
    opened = {}

    def grade(name, mate):
        if name not in opened:
            root = tmp_path_factory.mktemp(name)
            assignment = load(SOLUTIONS, name)
            paths = build(assignment, root / "solutions", root / "notebooks")
            kind = "bwrap" if bubblewrap() else "none"
            sandbox = Sandbox(kind=kind, withheld=assignment.withheld).__enter__()
            opened[name] = (*(json.loads(p.read_text()) for p in paths), Skeleton.read(*paths, name), sandbox)
        source, release, skeleton, sandbox = opened[name]
        notebook = mate.notebook(release, answers_of(source))
        cells = rebuild(skeleton, parse_notebook(json.dumps(notebook).encode(), "x.ipynb"))
        results = execute(cells, name, mate.student, "salt", sandbox, BUDGET)
        return {r.grade_id: r for r in results if r.role == "test"}

    yield grade
    for *_, sandbox in opened.values():
        sandbox.__exit__(None, None, None)


@pytest.mark.parametrize(("name", "mate"), MATES, ids=[f"{n[:3]}-{m.student}" for n, m in MATES])
def test_a_submission_gets_the_marks_and_the_diagnosis_that_it_names(classroom, name, mate):
    results = classroom(name, mate)
    assert set(mate.expect) <= set(results), "an expectation names a test cell that does not exist"
    said = {
        test: {
            "score": r.score,
            "diagnosis": sorted(r.diagnosis),
            "status": r.status,
            "message": r.message[:300],
        }
        for test, r in results.items()
    }
    for test, r in results.items():
        expect = mate.expect.get(test, {})
        full = r.max_score if mate.base == "reference" else 0.0
        assert r.score == pytest.approx(float(expect.get("score", full))), (test, said[test])
        if "diagnosis" in expect:
            assert set(expect["diagnosis"].split(",")) <= set(r.diagnosis), (test, said[test])
        if "status" in expect:
            assert r.status == expect["status"], (test, said[test])


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_has_all_kinds_of_students(name):
    mates = samples(name)
    assert len(mates) >= 14
    assert {m.base for m in mates} == {"reference", "blank"}
    assert all(m.about for m in mates)
    assert sum(bool(m.expect) for m in mates) >= 10
