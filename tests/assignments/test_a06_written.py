"""A06: what its texts say is so, its pictures draw, its tools count; and rules for the text cells of every assignment."""

import contextlib
import io
import re

import numpy as np
import pytest

from autograder.release.source import assignments
from course.toolbox.plots import figure

from .source import SOLUTIONS, source

NAME = "A06-ngram-language-models"


def cells(name):
    return {source(name).info(c).get("grade_id"): c.source for c in source(name).cells}


def run(names, *wanted):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        for cell in wanted:
            exec(compile(cells(NAME)[cell], f"<cell {cell}>", "exec"), names)
    return out.getvalue()


@pytest.fixture(scope="module")
def names():
    return source(NAME).namespace("ada")


@pytest.mark.parametrize("name", assignments(SOLUTIONS))
def test_marks_like_the_end_of_a_sentence_are_code_and_no_markup(name):
    for cell in source(name).cells:
        if cell.cell_type == "markdown":
            text = re.sub(r"\$\$.*?\$\$|\$[^$]*\$|`[^`]*`", "", cell.source, flags=re.S)
            assert not re.search(r"</?[a-zA-Z]+>", text), text


@pytest.mark.parametrize("name", [n for n in assignments(SOLUTIONS) if not n.startswith("A00")])
def test_a_folded_cell_says_what_it_is(name):
    for cell in source(name).cells:
        if cell.metadata.get("jupyter", {}).get("source_hidden"):
            assert len(cell.source.splitlines()[0]) <= 64, cell.source[:80]


@pytest.mark.parametrize("name", ["A07-recurrent-networks", "A08-ngram-vs-rnn"])
def test_networks_train_with_one_thread(name):
    """On two busy cores the threads of small products wait for each other: three minutes instead of one half."""
    text = cells(name)["imports"]
    assert 0 <= text.index("OMP_NUM_THREADS") < text.index("import numpy")


def test_tables_count_ngrams_and_contexts_of_every_order(names):
    one, two = names["tables"]([["a", "b"], ["a"]], 2)
    assert one == ({("a",): 2, ("b",): 1, ("</s>",): 2}, {(): 5})
    assert two[0] == {("<s>", "a"): 2, ("a", "b"): 1, ("b", "</s>"): 1, ("a", "</s>"): 1}
    assert two[1] == {("<s>",): 2, ("a",): 2, ("b",): 1}


def test_the_die_shows_its_chi_square_in_words_as_well(names):
    run(names, "widget-die")
    for temperature in (0.2, 1.0, 4.0):
        drawn = figure("a die")
        said = names["roll_the_die"](drawn.ax, rolls=1000, temperature=temperature, attempt=3)
        rolled = list(map(int, re.findall(r"': (\d+)", said)))
        bent = (np.array([4, 3, 2, 1, 1]) / 11) ** (1 / temperature)
        expected = 1000 * bent / bent.sum()
        chi2 = np.sum((rolled - expected) ** 2 / expected)
        assert sum(rolled) == 1000 and f"χ² = {chi2:.1f}" in said
        assert len(drawn.ax.patches) == 10 and said.endswith(".")


def test_the_slides_sample_is_a_list_of_words_and_its_shakespeare_is_text(names):
    said = run(names, "run-x6-4")
    number = dict(re.findall(r"(?m)^(.*?\S)  .*?(\d+ +\d+)$", said))
    different, little = map(int, number["the slide's 5-gram model"].split())
    passage = int(number["Shakespeare, on the slide"].split()[1])
    assert different >= 45 and little == 0 and passage >= 20
    assert int(number["5-gram, add-one"].split()[1]) <= 4 < int(number["5-gram, mle"].split()[1])
    assert re.search(r"(?m)^5-gram, mle +100%", said) and re.search(r"(?m)^5-gram, add-one +0%", said)


def test_the_worked_examples_are_right(names):
    assert names["ngrams"](["cows", "eat"], 2) == [("<s>", "cows"), ("cows", "eat"), ("eat", "</s>")]
    keys, counts = names["count"]([1, 2, 1, 2, 0], 2)
    assert keys.tolist() == [[1, 2], [2, 0], [2, 1]] and counts.tolist() == [2, 1, 1]
    assert [round(t**3 * (1 - t), 4) for t in (0.5, 0.75, 0.9)] == [0.0625, 0.1055, 0.0729]
    assert round(5 * 0.75 / 11, 2) == 0.34 and round(2**1.5, 2) == 2.83
    bent = np.sqrt([0.8, 0.2]), np.square([0.8, 0.2])
    assert [np.round(b / b.sum(), 2).tolist() for b in bent] == [[0.67, 0.33], [0.94, 0.06]]


def test_the_teach_back_computes_kneser_ney_right(names):
    model = names["NGram"](2, names["kneser_ney"](False)).fit([["a", "b"], ["a", "c"]])
    assert model.prob(["a"], "b") == pytest.approx(0.284, abs=5e-4)
    assert model.prob(["a"], "<unk>") == pytest.approx(0.064, abs=5e-4)
