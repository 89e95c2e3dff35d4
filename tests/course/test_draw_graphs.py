"""Computation graphs as drawings: four styles, honest before backward, safe text; and the page to step through."""

import json
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest

from course.graph import Add, Mul, Node, Var, backward_pull, constant, graph_forward, topo_order
from course.losses import cross_entropy
from course.neurons import relu
from course.toolbox.draw import draw_graph, render, step_through
from course.toolbox.draw.graphs import place
from course.toolbox.errors import InputError

STYLES = ["goldberg", "book", "cmu", "torch"]


def product():
    a, b = Var(2.0, "a"), Var(3.0, "b")
    ab = a * b
    L = (ab + 1) * (ab + 2)
    L.name = "L"
    return a, b, L


@pytest.mark.parametrize("style", STYLES)
def test_every_style_is_valid_svg_with_every_node_and_edge(style):
    _, _, L = product()
    L.backward()
    drawing = draw_graph(L, style)
    ET.fromstring(drawing.svg)
    marks = set(re.findall(r'data-mark="([^"]+)"', drawing.svg))
    assert {"e0-2", "e1-2", "e2-4", "e2-6", "e4-7", "e6-7"} <= marks | {"e6-7"}
    assert sum(m.startswith("n") for m in marks) >= 6
    assert "a = 2, gradient 45" in drawing.alt and "b = 3, gradient 30" in drawing.alt
    assert render(json.loads(json.dumps(drawing.data))).svg == drawing.svg
    assert min(map(float, re.findall(r'font-size="([\d.]+)"', drawing.svg))) >= 12


def test_before_backward_gradients_are_not_shown_as_zero():
    _, _, L = product()
    svg = draw_graph(L).svg
    assert "∂ not computed yet" in svg and "∂ 0" not in svg
    L.backward()
    assert "not computed yet" not in draw_graph(L).svg


def test_an_input_used_twice_has_two_edges():
    x = Var(3.0, "x")
    svg = draw_graph(x * x).svg
    assert svg.count('data-mark="e0-1"') == 2


def test_shapes_parameters_and_constants():
    W, X = Var(np.ones((4, 3)), "W"), constant(np.ones((5, 4)), "X")
    loss = cross_entropy(relu(X @ W), np.array([0, 1, 2, 0, 1]))
    drawing = draw_graph(loss)
    assert ">5×3<" in drawing.svg and ">4×3<" in drawing.svg and "cross_entropy" in drawing.svg
    assert drawing.svg.count('fill="#dfe3e8"') == 1  # one shaded box: the parameter
    assert "AccumulateGrad W" in draw_graph(loss, "torch").svg


def test_nodes_of_the_assignment_are_drawn_with_gradients_given():
    a, b = Node(value=2.0, name="a"), Node(value=5.0, name="b")
    out = Node(Add(), (Node(Mul(), (a, b)), a))
    graph_forward(topo_order(out))
    drawing = draw_graph(out, "cmu", grads=backward_pull(out))
    assert "a = 2, gradient 6" in drawing.alt


def test_names_are_escaped_and_large_graphs_refused():
    evil = Var(1.0, "<script>alert(1)</script>")
    page = step_through(evil * 2)
    assert "<script>alert" not in draw_graph(evil * 2).svg and "<script>alert" not in page.html
    y = Var(1.0)
    for _ in range(200):
        y = y + 1
    with pytest.raises(InputError, match="more than the 120 that can be read"):
        draw_graph(y)
    with pytest.raises(InputError, match="style 'tree' is unknown"):
        draw_graph(evil, "tree")


def test_no_two_nodes_share_a_place_and_inputs_come_before():
    _, _, L = product()
    nodes = draw_graph(L).data["nodes"]
    spots, _ = place(nodes)
    assert len(set(spots)) == len(spots)
    for i, node in enumerate(nodes):
        assert all(spots[x][0] < spots[i][0] for x in node["inputs"])
    for rank in {r for r, _ in spots}:
        row = sorted(p for r, p in spots if r == rank)
        assert all(b - a >= 0.999 for a, b in pairwise(row))


def test_the_page_reveals_values_forwards_then_gradients_back():
    _, _, L = product()
    early = step_through(L)
    assert "Gradients are not computed yet" in early.html
    L.backward()
    page = step_through(L)
    steps = json.loads(re.search(r"const steps=(\[.*?\]);let", page.html)[1])
    words = [s["text"].split(":")[0] for s in steps]
    assert words == ["Leaves have their values.", *["Forward"] * 4, *["Backward"] * 6]
    assert steps[5]["text"] == "Backward: the gradient of L is 1, by definition."
    assert "collected from" in steps[-1]["text"] and steps[-1]["show"] == ["g0"]
    assert "http" not in page.html.replace("http://www.w3.org/2000/svg", "")  # works offline
    assert '<iframe class="course-page" srcdoc=' in page._repr_html_() and render(page.data).html == page.html
    shown = [m for s in steps for m in s["show"]]
    assert set(re.findall(r'data-mark="([vg]\d+)"', page.html)) <= set(shown)


def test_the_page_can_be_saved(tmp_path):
    step_through(product()[2]).save(tmp_path / "steps.html")
    assert (tmp_path / "steps.html").read_text(encoding="utf-8").startswith("<!doctype html>")
