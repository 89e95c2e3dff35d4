"""What students really hand in: changes to a right notebook of any assignment that must not change its marks.

Each takes a notebook and the names of some of its cells, and changes the notebook in place.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass


@dataclass(frozen=True)
class Names:
    """Cells of an assignment that a change may touch."""

    solution: str  # a cell with a function
    function: str  # what it defines
    test: str  # the test of it
    locked: str  # imports
    manual: str  # a free response, or a plot that is marked by hand


def cell(notebook, grade_id):
    return next(c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == grade_id)


def drop(notebook, *grade_ids):
    notebook["cells"] = [
        c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") not in grade_ids
    ]


def without_ids(notebook, names):
    for c in notebook["cells"]:
        c.pop("id")
        c["metadata"].pop("nbgrader", None)


def without_metadata(notebook, names):
    for c in notebook["cells"]:
        c["metadata"].pop("nbgrader", None)


def renamed(notebook, names):
    cell(notebook, names.solution)["metadata"]["nbgrader"]["grade_id"] = "quadruple"


def duplicated(notebook, names):
    wanted = cell(notebook, names.solution)
    notebook["cells"].insert(notebook["cells"].index(wanted) + 1, copy.deepcopy(wanted))


def answered_in_the_copy(notebook, names):
    first = cell(notebook, names.solution)
    second = copy.deepcopy(first)
    first["source"] = "# YOUR CODE HERE\n..."
    notebook["cells"].insert(notebook["cells"].index(first) + 1, second)


def answered_in_an_extra_cell(notebook, names):
    first = cell(notebook, names.solution)
    extra = {
        "cell_type": "code",
        "metadata": {},
        "source": first["source"],
        "outputs": [],
        "execution_count": 1,
        "id": "mine",
    }
    first["source"] = "# my first try was wrong, see below"
    notebook["cells"].insert(notebook["cells"].index(first) + 1, extra)


def overwritten_after_the_test(notebook, names):
    extra = {
        "cell_type": "code",
        "metadata": {},
        "source": f"{names.function} = None",
        "outputs": [],
        "id": "mine",
    }
    notebook["cells"].append(extra)


def points_raised(notebook, names):
    cell(notebook, names.test)["metadata"]["nbgrader"]["points"] = 1000


def a_test_became_a_solution(notebook, names):
    info = cell(notebook, names.test)["metadata"]["nbgrader"]
    info["solution"], info["grade"] = True, False


def skipped_by_tag(notebook, names):
    cell(notebook, names.test)["metadata"]["tags"] = ["skip-execution", "raises-exception"]


def a_test_was_rewritten(notebook, names):
    cell(notebook, names.test)["source"] = "2.0"


def locked_text_changed(notebook, names):
    cell(notebook, names.locked)["source"] = "SCALE = 17\nimport os\nos._exit(1)"


def code_cell_became_markdown(notebook, names):
    wanted = cell(notebook, names.solution)
    wanted["cell_type"] = "markdown"
    wanted.pop("outputs")


def reversed_order(notebook, names):
    notebook["cells"].reverse()


def broken_cells(notebook, names):
    notebook["cells"][3:3] = [
        None,
        7,
        [],
        {"cell_type": "code"},
        {"cell_type": "code", "source": {"a": 1}, "metadata": 3},
    ]


def broken_metadata(notebook, names):
    notebook["metadata"] = [1, 2]
    for c in notebook["cells"]:
        if c["cell_type"] == "markdown":
            c["metadata"] = "none"


def huge_output(notebook, names):
    cell(notebook, names.solution)["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": "x" * 3_000_000}
    ]


def thousands_of_cells(notebook, names):
    notebook["cells"] += [{"cell_type": "code", "metadata": {}, "source": "pass", "outputs": []}] * 20_000


def strange_text(notebook, names):
    source = "".join(cell(notebook, names.solution)["source"])
    cell(notebook, names.solution)["source"] = "# \ud800 \u202e \x00 ünï\r\n".replace("\x00", "") + source


def windows_line_ends(notebook, names):
    for c in notebook["cells"]:
        c["source"] = "".join(c["source"]).replace("\n", "\r\n")


def source_as_one_string(notebook, names):
    for c in notebook["cells"]:
        c["source"] = "".join(c["source"])


def deleted_tests(notebook, names):
    drop(notebook, *[g for g in ids(notebook) if g.startswith("test-")])


def everything_else_deleted(notebook, names):
    notebook["cells"] = [c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("solution")]


def outputs_everywhere(notebook, names):
    for c in notebook["cells"]:
        c["outputs"] = [
            {
                "output_type": "execute_result",
                "data": {"text/plain": "3.0"},
                "metadata": {},
                "execution_count": 1,
            }
        ]


def other_kernel(notebook, names):
    notebook["metadata"]["kernelspec"] = {"name": "julia-1.9", "language": "julia", "display_name": "x"}


def ids(notebook):
    return [c["metadata"]["nbgrader"]["grade_id"] for c in notebook["cells"] if "nbgrader" in c["metadata"]]


def extra(notebook, source, before=None, kind="code"):
    """A cell of the student's own, at the end or before another."""
    own = {"cell_type": kind, "metadata": {}, "source": source}
    if kind == "code":
        own |= {"outputs": [], "execution_count": None}
    place = len(notebook["cells"]) if before is None else notebook["cells"].index(cell(notebook, before))
    notebook["cells"].insert(place, own)


def a_cell_that_raises(notebook, names):
    extra(notebook, "raise RuntimeError('I gave up here')", before=names.test)


def a_syntax_error_in_an_own_cell(notebook, names):
    extra(notebook, "def broken(:", before=names.solution)


def magics_and_shell_lines(notebook, names):
    extra(notebook, "%matplotlib inline\n%timeit 1 + 1\n!ls -la\n%%bash\necho hi", before=names.solution)


def a_question_to_input(notebook, names):
    extra(notebook, "name = input('your name? ')", before=names.test)


def a_package_that_is_not_there(notebook, names):
    extra(notebook, "import pandas as pd\nimport torch", before=names.solution)


def printing_a_lot(notebook, names):
    extra(notebook, "for i in range(200_000):\n    print('line', i)", before=names.test)


def text_on_standard_error(notebook, names):
    extra(
        notebook,
        "import sys, warnings\nprint('careful', file=sys.stderr)\nwarnings.warn('old')",
        before=names.test,
    )


def a_wrong_version_that_comes_first(notebook, names):
    extra(notebook, f"def {names.function}(*args):\n    return 'my first try'", before=names.solution)


def markdown_with_script(notebook, names):
    extra(
        notebook,
        "<script>alert(1)</script> <img src=x onerror=alert(2)>",
        before=names.solution,
        kind="markdown",
    )


def a_raw_cell(notebook, names):
    extra(notebook, "raw text", before=names.solution, kind="raw")


def an_attachment(notebook, names):
    extra(notebook, "![me](attachment:me.png)", kind="markdown")
    notebook["cells"][-1]["attachments"] = {"me.png": {"image/png": "iVBORw0KGgo="}}


def execution_counts_of_all_kinds(notebook, names):
    for k, c in enumerate(notebook["cells"]):
        c["execution_count"] = ("seven", -1, 10**30, None)[k % 4]


def cell_ids_of_all_kinds(notebook, names):
    for k, c in enumerate(notebook["cells"]):
        c["id"] = ("same", "", None, 5, "x" * 500)[k % 5]


def widgets_and_huge_metadata(notebook, names):
    notebook["metadata"]["widgets"] = {"state": {str(k): {"x": "y" * 50} for k in range(20_000)}}


def a_figure_that_is_never_closed(notebook, names):
    extra(
        notebook, "import matplotlib.pyplot as plt\nfor _ in range(30):\n    plt.figure()", before=names.test
    )


def a_change_of_numpys_printing(notebook, names):
    extra(
        notebook,
        "import numpy as np\nnp.set_printoptions(precision=1, suppress=True)",
        before=names.test,
    )


def a_seed_that_is_set(notebook, names):
    extra(notebook, "import numpy as np, random\nnp.random.seed(0)\nrandom.seed(0)", before=names.test)


def a_name_of_the_checks_is_used(notebook, names):
    extra(notebook, "check = 3\ndraw = None\n_ = 1", before=names.test)


def a_builtin_is_used_as_a_name(notebook, names):
    extra(notebook, "id = 'me'\ninput = 0\nfilter = [1]\nformat = 3", before=names.locked)


def tabs_for_spaces(notebook, names):
    wanted = cell(notebook, names.solution)
    wanted["source"] = "".join(wanted["source"]).replace("    ", "\t")


def blank_lines_and_spaces(notebook, names):
    wanted = cell(notebook, names.solution)
    wanted["source"] = "\n\n\n" + "".join(wanted["source"]).replace("\n", "   \n") + "\n\n   \n"


def output_of_another_language(notebook, names):
    notebook["metadata"]["language_info"] = {"name": "R", "version": "4"}
    notebook["nbformat_minor"] = 99


def the_manual_answer_is_code(notebook, names):
    wanted = cell(notebook, names.manual)
    wanted["cell_type"] = "raw" if wanted["cell_type"] == "markdown" else "code"


HARMLESS = [
    without_ids,
    without_metadata,
    renamed,
    duplicated,
    answered_in_the_copy,
    answered_in_an_extra_cell,
    overwritten_after_the_test,
    points_raised,
    a_test_became_a_solution,
    skipped_by_tag,
    a_test_was_rewritten,
    locked_text_changed,
    code_cell_became_markdown,
    reversed_order,
    broken_cells,
    broken_metadata,
    huge_output,
    thousands_of_cells,
    strange_text,
    windows_line_ends,
    source_as_one_string,
    deleted_tests,
    everything_else_deleted,
    outputs_everywhere,
    other_kernel,
    a_cell_that_raises,
    a_syntax_error_in_an_own_cell,
    magics_and_shell_lines,
    a_question_to_input,
    a_package_that_is_not_there,
    printing_a_lot,
    text_on_standard_error,
    a_wrong_version_that_comes_first,
    markdown_with_script,
    a_raw_cell,
    an_attachment,
    execution_counts_of_all_kinds,
    cell_ids_of_all_kinds,
    widgets_and_huge_metadata,
    a_figure_that_is_never_closed,
    a_change_of_numpys_printing,
    a_seed_that_is_set,
    a_name_of_the_checks_is_used,
    a_builtin_is_used_as_a_name,
    tabs_for_spaces,
    blank_lines_and_spaces,
    output_of_another_language,
    the_manual_answer_is_code,
]
