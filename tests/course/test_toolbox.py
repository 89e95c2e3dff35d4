"""The toolbox: shapes and their messages, progress bars, plots and network drawings."""

import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from course.toolbox.draw import draw_network, render
from course.toolbox.errors import CourseError, InputError, ShapeError
from course.toolbox.plots import curves, figure, heatmap, level
from course.toolbox.progress import progress
from course.toolbox.shapes import check_labels, check_shapes, parse_shapes


def test_every_error_is_a_course_error_and_what_python_expects():
    assert issubclass(ShapeError, CourseError) and issubclass(ShapeError, ValueError)


def test_the_message_of_a_wrong_shape_says_what_where_and_what_to_do():
    with pytest.raises(ShapeError) as caught:
        check_shapes("linear", "x (N, d_in), W (d_in, d_out)", np.ones((3, 5)), np.ones((4, 5)))
    assert (
        str(caught.value) == "linear: x has 5 columns but W has 4 rows; x (3, 5), W (4, 5). Did you mean W.T?"
    )


def test_no_advice_that_would_not_help():
    with pytest.raises(ShapeError, match=r"x \(3, 5\), W \(4, 2\)\.$"):
        check_shapes("linear", "x (N, d_in), W (d_in, d_out)", np.ones((3, 5)), np.ones((4, 2)))


def test_sizes_can_be_numbers_sums_and_products():
    assert check_shapes("f", "a (D, M+1), x (M,)", np.ones((2, 4)), np.ones(3)) == {"D": 2, "M": 3}
    with pytest.raises(ShapeError, match=r"a has 5 columns but needs M\+1 = 4"):
        check_shapes("f", "a (D, M+1), x (M,)", np.ones((2, 5)), np.ones(3))
    with pytest.raises(ShapeError, match="b has 1 row but needs 2 = 2"):
        check_shapes("f", "b (2, N)", np.ones((1, 3)))


def test_a_line_that_cannot_be_read_is_refused():
    with pytest.raises(InputError, match="cannot read 'x'"):
        parse_shapes("x -> y (N,)")
    with pytest.raises(InputError, match="two arrows"):
        parse_shapes("x (N,) -> y (N,) -> z (N,)")


def test_labels_outside_are_shown_with_their_place():
    with pytest.raises(InputError, match=r"lookup: ids\[1, 0\] is 9, outside 0 … 8"):
        check_labels("lookup", "ids", np.array([[0, 1], [9, 2]]), 9)
    assert check_labels("lookup", "ids", [0, 8], 9).dtype == np.intp


def test_progress_is_silent_unless_watched_and_ends_its_line():
    out = io.StringIO()
    assert list(progress(range(3), stream=out)) == [0, 1, 2] and out.getvalue() == ""
    assert list(progress(range(3), "adding", stream=out, live=True, after=0, every=0)) == [0, 1, 2]
    assert out.getvalue().endswith("\n") and "100%" in out.getvalue() and "adding" in out.getvalue()
    counted = io.StringIO()
    list(progress(iter("ab"), stream=counted, live=True, after=0, every=0))
    assert "2 steps" in counted.getvalue()


def test_a_progress_line_fits_a_narrow_window_and_leaves_no_rest_of_a_longer_one():
    out = io.StringIO()
    list(
        progress(
            range(40), "200,000 tokens", stream=out, unit="blocks of 600 steps", live=True, after=0, every=0
        )
    )
    lines = out.getvalue().rstrip("\n").split("\r")[1:]
    assert "s left" in lines[0] and "left" not in lines[-1]
    assert max(map(len, lines)) <= 100 and [len(x) for x in lines] == sorted(len(x) for x in lines)


def test_figure_needs_a_text_alternative_and_carries_it():
    with pytest.raises(InputError, match="text alternative is empty"):
        figure("  ")
    import matplotlib

    before = dict(matplotlib.rcParams)
    picture = figure("A line that rises.", xlabel="steps", ylabel="loss (nats)")
    with picture as (_, ax):
        curves(ax, [0, 1, 2], {"a": [0, 1, 2], "b": [0, 1, 2.01]})
        level(ax, 1.0, "floor")
    assert dict(matplotlib.rcParams) == before
    data, metadata = picture._repr_mimebundle_()
    assert data["text/plain"] == "A line that rises." == metadata["image/png"]["alt"]
    assert picture.png().startswith(b"\x89PNG") and b"A line that rises." in picture.png()
    assert ax.get_xlabel() == "steps"
    low, high = sorted(t.get_position()[1] for t in ax.texts if t.get_text() in "ab")
    assert high - low >= 10  # two labels at one height are moved apart
    assert min(t.get_fontsize() for t in ax.texts) >= 9


def test_heatmap_writes_values_into_few_cells_and_centres_signed_scales():
    _, ax = figure("Four numbers.")
    heatmap(ax, [[1.0, -2.0], [0.5, 0.0]], signed=True, rows=["a", "b"], cols=["c", "d"])
    assert [t.get_text() for t in ax.texts] == ["1", "-2", "0.5", "0"]
    assert ax.images[0].norm.vmin == -2 and ax.images[0].norm.vmax == 2
    with pytest.raises(InputError, match=r"M has shape \(3,\)"):
        heatmap(ax, [1, 2, 3])


@pytest.mark.parametrize("style", ["units", "layers"])
def test_network_drawing_is_valid_svg_with_a_text_alternative(style):
    drawing = draw_network([4, 6, 5, 3], style, bias=True)
    root = ET.fromstring(drawing.svg)
    circles = len(root.findall("{http://www.w3.org/2000/svg}ellipse"))
    assert circles == (18 if style == "units" else 4)
    assert root.get("aria-label") == drawing.alt and "h1 (6 units)" in drawing.alt
    assert drawing._repr_svg_() == drawing.svg and render(drawing.data).svg == drawing.svg
    assert min(map(float, re.findall(r'font-size="([\d.]+)"', drawing.svg))) >= 12


def test_network_drawing_shows_weights_values_and_dots_for_long_layers():
    svg = draw_network([2, 2, 1], weights=[[[1, 1], [1, 1]], [[1], [-2]]], values=[[0, 1], [1, 0], [1]]).svg
    assert ">-2</text>" in svg and "stroke-dasharray" in svg
    assert "⋮" in draw_network([20, 3]).svg
    assert "&lt;b&gt;" in draw_network([1, 1], names=["<b>", "y"]).svg


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: draw_network([3]), "at least two layers"),
        (lambda: draw_network([3, 2], "circles"), "style 'circles' is unknown"),
        (lambda: draw_network([3, 2], weights=[np.ones((2, 3))]), r"weights have shapes \[\(2, 3\)\]"),
        (lambda: render({"kind": "cake"}), "'cake' is no kind of drawing"),
        (lambda: render({"kind": "network"}), "incomplete"),
    ],
)
def test_wrong_drawings_are_explained(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_a_drawing_can_be_saved(tmp_path):
    draw_network([2, 1]).save(tmp_path / "net.svg")
    assert (tmp_path / "net.svg").read_text(encoding="utf-8").startswith("<svg")
