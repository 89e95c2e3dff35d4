"""A notebook's functions on the student's own machine: what the library's withheld chapters would do does not count."""

import pytest

from autograder.assignments import a02
from autograder.checks.run import current_context, run_entry

BODY = "return X @ W + b, (X, W, b)"


def outcome(source):
    names = {"student_id": "ada"}
    exec(source, names)
    context = current_context(a02.TABLE, names)
    return run_entry(a02.TABLE, a02.TABLE["affine-forward"], 1, context.subject, context.draws)


@pytest.mark.parametrize(
    ("source", "used"),
    [
        ("from course.backprop import affine_forward", "course.backprop.affine_forward"),
        ("import course.backprop as bp\ndef affine_forward(X, W, b): return bp.affine_forward(X, W, b)", "course.backprop"),
        ("import course\ndef affine_forward(X, W, b): return course.affine_forward(X, W, b)", "course.affine_forward"),
        ("import course\ndef affine_forward(X, W, b): return course.backprop.affine_forward(X, W, b)", "course.backprop"),
        ("def affine_forward(X, W, b):\n    from course.backprop import affine_forward as f\n    return f(X, W, b)", "course.backprop"),
        ("from course import affine_forward as f\ndef helper(*a): return f(*a)\ndef affine_forward(X, W, b): return helper(X, W, b)", "course.backprop.affine_forward"),
        ("from course.nn import Linear\nlayer = Linear(2, 3, __import__('numpy').random.default_rng(0))\ndef affine_forward(X, W, b):\n    layer\n    " + BODY, "course.nn.Linear"),
    ],
)  # fmt: skip
def test_what_uses_a_withheld_chapter_gets_no_points_and_is_told_so(source, used):
    found = outcome(source)
    assert found.score == 0 and found.status == "not_run"
    assert f"affine_forward uses {used}, which is not there when your notebook is graded" in found.message


@pytest.mark.parametrize(
    "source",
    [
        f"def affine_forward(X, W, b): {BODY}",
        f"import course\nfrom course.losses import softmax\ndef affine_forward(X, W, b):\n    course.softmax, softmax, [1].count(1)\n    {BODY}",
        f"import course\ndef mlp_forward(): ...\ndef affine_forward(X, W, b):\n    mlp_forward, course.losses\n    {BODY}",
    ],
)
def test_earlier_chapters_and_names_of_ones_own_are_fine(source):
    assert outcome(source).status == "passed"
