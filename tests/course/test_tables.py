"""Tables of the toolbox: numbers in columns, text that wraps, nothing that becomes markup."""

import pytest

from course.toolbox.errors import InputError
from course.toolbox.tables import Table


def test_numbers_stand_to_the_right_and_words_to_the_left():
    table = Table(["who", "share", "tokens"], [["source", "100%", "1,000"], ["5-gram", "7%", ""]])
    assert table.right == [False, True, True]
    assert str(table).splitlines() == ["who     share  tokens", "source   100%   1,000", "5-gram     7%"]
    assert table._repr_html_().count("text-align:right") == 6


def test_long_text_wraps_between_words_below_itself():
    lines = str(Table(["", ""], [[0, "the cow sleeps " * 12]])).splitlines()
    assert len(lines) > 2 and max(map(len, lines)) <= 76
    assert all(line.startswith("   ") and line.split()[0] in "the cow sleeps" for line in lines[1:])


def test_what_stands_in_a_table_is_text():
    html = Table(["<s>"], [["<b>x</b>"]])._repr_html_()
    assert "<b>" not in html and "&lt;b&gt;x&lt;/b&gt;" in html and "&lt;s&gt;" in html
    assert "<thead>" not in Table(["", ""], [["a", "b"]])._repr_html_()


def test_a_row_that_does_not_fit_is_refused():
    with pytest.raises(InputError, match="a row has 1 entries under a header of 2"):
        Table(["a", "b"], [["x"]])
