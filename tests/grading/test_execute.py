"""Marks of one notebook: student cells behind the sandbox, test cells in the trusted process."""

import json

import pytest

from autograder.grading.admit import parse_notebook
from autograder.grading.execute import execute
from autograder.grading.plan import Budget
from autograder.grading.rebuild import Skeleton, rebuild

from .conftest import NAME

BUDGET = Budget(cell_seconds=2, call_seconds=0.5, total_seconds=40, memory_mb=1024)
FULL = {
    "test-double": 2,
    "test-counter": 3,
    "test-apply": 1,
    "test-apply-2": 1,
    "plot": None,
    "response": None,
}


@pytest.fixture(scope="module")
def skeleton(toy):
    return Skeleton.read(toy.source_path, toy.release_path, NAME)


@pytest.fixture
def run(toy, skeleton, sandbox):
    def grade(cells=None, *, blank=False):
        notebook = toy.notebook(cells, blank=blank)
        rebuilt = rebuild(skeleton, parse_notebook(json.dumps(notebook).encode(), "x.ipynb"))
        return {
            r.grade_id: r
            for r in execute(rebuilt, NAME, "ada", "salt", sandbox, BUDGET)
            if r.role in ("test", "manual")
        }

    return grade


def scores(results):
    return {name: r.score for name, r in results.items()}


def test_the_reference_gets_full_marks_and_manual_cells_wait(run):
    results = run()
    assert scores(results) == FULL
    assert {r.status for r in results.values()} == {"passed", "manual"}


def test_the_blank_release_gets_nothing_and_is_told_so(run):
    results = run(blank=True)
    assert all(r.score == 0 for r in results.values())
    assert all(r.status in ("not_run", "manual") for r in results.values())
    assert "Not answered" in results["test-double"].message and "double" in results["test-double"].message


WRONG = {
    "a wrong value": ({"double": "def double(x):\n    return 3 * x"}, {"test-double": 0}),
    "right on the shown data only": ({"double": "def double(x):\n    return np.array([2.0, 4.0])"}, {"test-double": 0}),
    "partial credit": (
        {"counter": "class Counter:\n    def __init__(self, start=0):\n        self.seen = [start]\n    def add(self, n):\n        self.seen.append(self.seen[-1] + n)\n        return self\n    def __iter__(self):\n        return iter(self.seen)\n    def __len__(self):\n        return 99"},
        {"test-counter": 2},
    ),
    "a syntax error": ({"double": "def double(x:\n    return 2"}, {"test-double": 0}),
    "an endless loop": ({"double": "def double(x):\n    while True: pass"}, {"test-double": 0}),
    "a loop that swallows interrupts": (
        {"double": "def double(x):\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass"},
        {"test-double": 0},
    ),
    "an exit in a function": ({"apply": "import os\ndef apply(f, x, times):\n    os._exit(0)"}, {"test-apply": 0, "test-apply-2": 0}),
    "an exit in a cell": ({"counter": "import os\nos._exit(3)"}, {"test-counter": 0}),
    "SystemExit": ({"counter": "raise SystemExit"}, {"test-counter": 0}),
    "no memory left": ({"double": "def double(x):\n    return bytearray(1 << 40)"}, {"test-double": 0}),
    "patched NumPy and builtins": (
        {"double": "import builtins, numpy as np\nnp.array_equal = lambda *a: True\nbuiltins.isinstance = lambda *a: True\ndef double(x):\n    return 0"},
        {"test-double": 0},
    ),
    "an object that equals everything": (
        {"double": "class Liar:\n    def __eq__(self, other): return True\n    def __array__(self, *a, **k): return np.array([2.0, 4.0])\ndef double(x):\n    return Liar()"},
        {"test-double": 0},
    ),
    "a negative score is not a score": (
        {"counter": "class Counter:\n    def __init__(self, start=0): self.seen = []\n    def add(self, n): return self\n    def __iter__(self): return iter([])\n    def __len__(self): return -5"},
        {"test-counter": 0},
    ),
    "a callback that is called too often": ({"apply": "def apply(f, x, times):\n    f(x)\n    for _ in range(times): x = f(x)\n    return x"}, {"test-apply": 0}),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_costs_its_own_marks_only(run, case):
    cells, lost = WRONG[case]
    assert scores(run(cells)) == {**FULL, **lost}


RIGHT = {
    "magics": {"double": "%matplotlib inline\n!ls\ndef double(x):\n    return 2 * np.asarray(x)"},
    "prints and warnings": {"double": "import sys\nprint('x' * 10**6)\nsys.stderr.write('warning')\ndef double(x):\n    print('hello')\n    return 2 * np.asarray(x)"},
    "checks in an answer cell": {"double": "from autograder.checks import gradcheck\nfrom autograder.assignments.a02 import check\ndef double(x):\n    return 2 * np.asarray(x)\ncheck('double')"},
    "a generator": {"counter": "class Counter:\n    def __init__(self, start=0): self.seen = [start]\n    def add(self, n):\n        self.seen += [self.seen[-1] + n]\n        return self\n    def __iter__(self): yield from self.seen\n    def __len__(self): return len(self.seen)"},
    "recursion": {"apply": "def apply(f, x, times):\n    return x if times == 0 else apply(f, f(x), times - 1)"},
    "a lambda": {"double": "double = lambda x: np.add(x, x)"},
    "stdout replaced": {"double": "import sys\nsys.stdout = None\nsys.stderr = 3\ndef double(x):\n    return 2 * np.asarray(x)"},
    "what a notebook imports": {"double": "from IPython import get_ipython\nfrom IPython.display import HTML, Markdown, clear_output, display\ndef double(x):\n    clear_output(wait=True)\n    display(HTML('<b>hi</b>'), Markdown(data='*hi*'), get_ipython())\n    return 2 * np.asarray(x)\ndisplay(HTML('x'))"},
    "display and get the last value": {"double": "def double(x):\n    return 2 * np.asarray(x)\ndisplay(double(3))\ndouble(4)"},
}  # fmt: skip


@pytest.mark.parametrize("case", RIGHT)
def test_what_is_right_but_unusual_keeps_its_marks(run, case):
    assert scores(run(RIGHT[case])) == FULL


def test_a_cell_that_fails_is_named_with_its_line(run):
    result = run({"double": "x = 1\nraise ValueError('oh')\ndef double(x):\n    return 2 * x"})["test-double"]
    assert result.score == 0 and result.status == "error"
    assert "double" in result.message and "line 2" in result.message and "ValueError: oh" in result.message


def test_a_dead_process_is_replaced_and_keeps_what_was_defined_before(run):
    results = run({"counter": "import os\nos.kill(os.getpid(), 11) if False else os._exit(1)"})
    assert results["test-double"].score == 2 and results["test-apply"].score == 1
    assert "process ended" in results["test-counter"].message


PLOTS = {
    "pyplot": "import matplotlib.pyplot as plt\nplt.plot([1, 2, 4])",
    "the course's figure": "from course.toolbox.plots import figure\nwith figure('A line that rises.') as (fig, ax):\n    ax.plot([1, 2, 4])",
    "a figure as the last value": "from course.toolbox.plots import figure\ndrawn = figure('Nothing yet.')\ndrawn",
    "a figure of Matplotlib's as the last value": "from matplotlib.figure import Figure\nfig = Figure()\nfig.subplots().plot([1, 2, 4])\nfig",
    "display": "from IPython.display import display as show\nfrom matplotlib.figure import Figure\nshow(Figure(), 3)",
    "what draws itself": "from matplotlib.figure import Figure\nimport io\nclass Drawn:\n    def _repr_png_(self):\n        Figure().savefig(out := io.BytesIO())\n        return out.getvalue()\nDrawn()",
}  # fmt: skip


@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS.keys())
def test_plots_come_back_as_png(toy, skeleton, sandbox, plot):
    cells = rebuild(skeleton, parse_notebook(json.dumps(toy.notebook({"plot": plot})).encode(), "x"))
    results = execute(cells, NAME, "ada", "", sandbox, BUDGET)
    images = [o for r in results if r.grade_id == "plot" for o in r.outputs if o["type"] == "png"]
    assert len(images) == 1 and images[0]["png"].startswith(b"\x89PNG")


NO_PLOTS = {
    "an error in the block": "from course.toolbox.plots import figure\nwith figure('x') as (fig, ax):\n    1 / 0",
    "no picture behind the name": "class Odd:\n    def _repr_png_(self): return 10**15\nOdd()",
    "an error while it is drawn": "class Odd:\n    def _repr_mimebundle_(self, **_): raise SystemError\nOdd()",
    "too large": "class Odd:\n    def _repr_png_(self): return b'\\x89PNG\\r\\n\\x1a\\n' + bytes(10**7)\nOdd()",
}


@pytest.mark.parametrize("plot", NO_PLOTS.values(), ids=NO_PLOTS.keys())
def test_what_cannot_be_drawn_harms_nothing(toy, skeleton, sandbox, plot):
    cells = rebuild(skeleton, parse_notebook(json.dumps(toy.notebook({"plot": plot})).encode(), "x"))
    results = {r.grade_id: r for r in execute(cells, NAME, "ada", "", sandbox, BUDGET)}
    assert not [o for o in results["plot"].outputs if o["type"] == "png"]
    assert results["test-double"].score == 2


def test_there_is_room_for_so_many_pictures_of_one_submission(toy, skeleton, sandbox, monkeypatch):
    monkeypatch.setattr("autograder.grading.execute.MAX_OUTPUT", 500 << 10)
    flood = "class Picture:\n    def _repr_png_(self): return b'\\x89PNG\\r\\n\\x1a\\n' + bytes(200 << 10)\nfor _ in range(9): display(Picture())"
    cells = rebuild(skeleton, parse_notebook(json.dumps(toy.notebook({"plot": flood})).encode(), "x"))
    results = {r.grade_id: r for r in execute(cells, NAME, "ada", "", sandbox, BUDGET)}
    assert [o["type"] for o in results["plot"].outputs] == ["png", "png", "text"]
    assert "left out" in results["plot"].outputs[-1]["text"] and results["test-double"].score == 2
