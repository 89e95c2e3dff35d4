"""Pages about recurrent networks, and sliders: what they show is what the numbers say, without a kernel as well."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from course.toolbox.draw import descent, gradient_flow, read_along
from course.toolbox.errors import InputError
from course.toolbox.sliders import explore

SIZES = np.array([[0.001, 0.01, 0.3], [0.0, 0.02, 0.4]])


def frames(page):
    return json.loads(re.search(r"const steps=(\[.*?\]);let", page.html)[1])


def test_a_gradient_flows_from_the_last_step_to_the_first():
    page = gradient_flow(SIZES)
    assert [f["show"] for f in frames(page)] == [["g2"], ["g1"], ["g0"]]
    assert "length 0.5" in frames(page)[0]["text"] and "0.04 times that of step 3" in frames(page)[1]["text"]
    assert page.html.count('data-mark="g0"') == 2  # a box for each unit
    assert "from 0.5 to 0.001" in page.alt and page.alt in repr(page)


def test_larger_gradients_are_darker():
    fills = re.findall(r'fill="#(\w\w)(\w\w)(\w\w)"[^>]*data-mark="g(\d)"', gradient_flow(SIZES).html)
    green = {int(t): int(g, 16) for _, g, _, t in fills[3:]}  # the second unit: 0, 0.02, 0.4
    assert green[0] == 255 > green[1] > green[2]


@pytest.mark.parametrize("sizes", ([1.0, 2.0], [[0.0, 0.0]], [[1.0, np.nan]]))
def test_gradients_that_cannot_be_drawn_are_refused(sizes):
    with pytest.raises(InputError, match="gradient_flow"):
        gradient_flow(sizes)


def walk(u, b):
    return (u - 1) ** 2 + (b > 0.5) * 3.0


PATHS = {"plain": [[0.0, 0.0], [0.5, 0.4], [1.0, 1.0]], "clipped": [[0.0, 0.0], [0.1, 0.1], [0.2, 0.1]]}


def test_a_descent_tells_gradient_step_and_loss_of_every_path():
    page = descent(walk, PATHS, {"plain": [2.0, 3.0], "clipped": [2.0, 1.0]})
    texts = [f["text"] for f in frames(page)]
    assert len(texts) == 3 and "plain, gradient 3.00, step 0.781, loss 3.0000" in texts[2]
    assert "clipped: longest step 0.14, last loss 0.6400" in page.alt
    assert page.html.count("<rect") < 1500  # neighbours of one grey are one box
    with pytest.raises(InputError, match="K gradients"):
        descent(walk, PATHS, {"plain": [2.0], "clipped": [2.0, 1.0]})


def test_a_reader_holds_every_units_values_and_escapes_words():
    page = read_along(
        ["a", "<b>", "c"], [[0.5, -2.0], [0.0, 1.0], [-0.25, 0.1]], [False, True, False], "open", 1
    )
    assert "const v=[[50, 0, -25], [-100, 100, 10]]" in page.html
    assert "<span class=m>&lt;b&gt;</span>" in page.html and 'value="1"' in page.html
    with pytest.raises(InputError, match="3 words need values"):
        read_along(["a", "b", "c"], np.zeros((2, 4)), [True] * 3, "open")


def test_sliders_start_inside_their_range():
    with pytest.raises(InputError, match="rolls starts at 5, outside 10 … 20"):
        explore(lambda ax, rolls: "", rolls=(5, 10, 20, 1))


NOTEBOOK = """
import ipywidgets, json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.kernel = None
shown = []
import IPython.display
class Handle:
    def update(self, figure): shown.append(("update", figure.alt))
def display(what, raw=False, display_id=None):
    shown.append(("show", what["text/plain"] if raw else what.alt))
    return Handle()
IPython.display.display = display
knobs = []
real = ipywidgets.IntSlider
ipywidgets.IntSlider = lambda **kw: knobs.append(real(**kw)) or knobs[-1]
from course.toolbox.sliders import explore
explore(lambda ax, rolls: f"{rolls} rolls", rolls=(2, 1, 9, 1))
knobs[0].value = 7
print(json.dumps(shown))
"""


def test_a_slider_draws_the_picture_anew_and_the_first_one_needs_no_slider():
    pytest.importorskip("ipywidgets")
    done = subprocess.run([sys.executable, "-c", NOTEBOOK], capture_output=True, text=True, check=True)
    sliders, style, first, second = json.loads(done.stdout.splitlines()[-1])
    assert "rolls" in sliders[1] and "while the notebook runs" in sliders[1]
    assert style == ["show", ""] and first == ["show", "2 rolls"] and second == ["update", "7 rolls"]


def test_without_ipywidgets_there_is_the_picture():
    text = NOTEBOOK.replace(
        "import ipywidgets, json, sys", "import json, sys\nsys.modules['ipywidgets'] = None"
    )
    text = (
        text.split("knobs = []")[0]
        + "from course.toolbox.sliders import explore"
        + text.split("import explore")[1]
    )
    done = subprocess.run(
        [sys.executable, "-c", text.replace("knobs[0].value = 7", "")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [["show", "2 rolls"]]
