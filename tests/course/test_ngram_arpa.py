"""ARPA files: written, read, scored by KenLM; broken ones are named."""

import numpy as np
import pytest

from course.ngram import NGram, katz, kneser_ney, mle, read_arpa, write_arpa
from course.toolbox.corpora.farm import documents, farm
from course.toolbox.errors import FormatError, InputError

TEXT = documents(farm(), np.random.default_rng(0), 30)
HELD = [*documents(farm(), np.random.default_rng(1), 5), ["a", "new", "word"], []]


@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize("smoothing", [kneser_ney(), kneser_ney(False), katz()])
def test_written_and_read_back_it_scores_the_same(tmp_path, n, smoothing):
    model = NGram(n, smoothing).fit(TEXT)
    write_arpa(model, tmp_path / "m.arpa")
    again = read_arpa(tmp_path / "m.arpa")
    assert again.vocab == model.vocab and again.n == n
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(again.logprobs(HELD), model.logprobs(HELD), rtol=1e-7)
    assert [p.name for p in tmp_path.iterdir()] == ["m.arpa"]


@pytest.mark.parametrize("n", [2, 4])
def test_kenlm_scores_our_file_as_we_do(tmp_path, n, capfd):
    kenlm = pytest.importorskip("kenlm")
    model = NGram(n, kneser_ney()).fit(TEXT)
    write_arpa(model, tmp_path / "m.arpa")
    theirs = kenlm.Model(str(tmp_path / "m.arpa"))
    for sentence in HELD:
        ours = model.logprobs([sentence]).sum() / np.log(10)
        assert theirs.score(" ".join(sentence)) == pytest.approx(ours, rel=1e-5)


def test_only_back_off_models_can_be_written(tmp_path):
    with pytest.raises(InputError, match="back-off weights"):
        write_arpa(NGram(2, mle()).fit(TEXT), tmp_path / "m.arpa")


GOOD = "\\data\\\nngram 1=4\nngram 2=1\n\n\\1-grams:\n-99\t<s>\t-0.30103\n-0.39794\t</s>\n-1\t<unk>\n-0.30103\ta\t0\n\n\\2-grams:\n-0.124939\t<s> a\n\n\\end\\\n"


def test_a_small_file_by_hand(tmp_path):
    path = tmp_path / "m.arpa"
    path.write_text(GOOD)
    model = read_arpa(path)
    assert model.prob([], "a") == pytest.approx(0.75, rel=1e-5)
    assert model.prob(["a"], "</s>") == pytest.approx(0.4, rel=1e-5)
    assert model.prob([], "b") == pytest.approx(0.5 * 0.1, rel=1e-5)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (GOOD, "", "no end"),
        (GOOD, "hello\n", "no end"),
        ("\\end\\", "", "no end"),
        ("ngram 2=1", "ngram 2=2", r"found \[4, 1\] n-grams of \[4, 2\]"),
        ("ngram 2=1", "ngram 7=1", "line 3: 'ngram 7=1' is not 'ngram 2=…'"),
        ("-0.124939\t<s> a", "x\t<s> a", "line 12: .* does not begin with a number"),
        ("-0.124939\t<s> a", "0.5\t<s> a", "line 12: .* is no entry"),
        ("-0.124939\t<s> a", "nan\t<s> a", "line 12: .* is no entry"),
        ("-0.124939\t<s> a", "-0.1\t<s> b", "does not hold 2 words of the 1-grams"),
        ("-0.124939\t<s> a", "-0.1\ta", "does not hold 2 words of the 1-grams"),
        ("-0.124939\t<s> a", "-0.2\t<s> a", "after 1 contexts of 1 words the probabilities do not sum to 1"),
        ("-0.39794\t</s>", "-0.3\t</s>", "1-grams' probabilities sum to 1.1"),
        ("ngram 2=1", "ngram 2=²", "line 3"),
    ],
)
def test_broken_files_are_named(tmp_path, old, new, words):
    path = tmp_path / "m.arpa"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(FormatError, match=words):
        read_arpa(path)


def test_the_mark_of_the_beginning_may_have_any_probability(tmp_path):
    """KenLM's lmplz writes log p = 0 for <s>, SRILM -99; it is never predicted."""
    path = tmp_path / "m.arpa"
    path.write_text(GOOD.replace("-99\t<s>", "0\t<s>"))
    assert read_arpa(path).prob([], "a") == pytest.approx(0.75, rel=1e-5)


def test_bytes_that_are_no_text_are_named(tmp_path):
    path = tmp_path / "m.arpa"
    path.write_bytes(GOOD.encode() + b"\xff")
    with pytest.raises(FormatError, match="no text in UTF-8"):
        read_arpa(path)
