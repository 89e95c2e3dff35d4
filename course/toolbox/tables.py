"""A small table for numbers and for samples of text: HTML in a notebook, where it fits any window, aligned text elsewhere."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from html import escape
from importlib import import_module
from typing import Any

from course.toolbox.errors import InputError

__all__ = ["Table", "show_table"]

_WIDTH = 76  # of a line of text


class Table:
    """Rows under a header; numbers are right-aligned, text is left-aligned and wraps."""

    def __init__(self, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self.header = [str(name) for name in header]
        self.rows = [[_plain(value) for value in row] for row in rows]
        if wrong := next((row for row in self.rows if len(row) != len(self.header)), None):
            raise InputError(
                f"table: a row has {len(wrong)} entries under a header of {len(self.header)}: {wrong}."
            )
        self.right = [all(_is_number(row[j]) for row in self.rows) for j in range(len(self.header))]

    def _repr_html_(self) -> str:
        def line(kind: str, values: Sequence[str]) -> str:
            cells = [
                f'<{kind} style="text-align:{"right" if right else "left"};padding:.15em .6em;vertical-align:top;'
                f'font-variant-numeric:tabular-nums">{escape(value)}</{kind}>'
                for value, right in zip(values, self.right, strict=True)
            ]
            return f"<tr>{''.join(cells)}</tr>"

        head = f"<thead>{line('th', self.header)}</thead>" if any(self.header) else ""
        body = "".join(line("td", row) for row in self.rows)
        return (
            f'<div style="overflow-x:auto"><table style="margin:0">{head}<tbody>{body}</tbody></table></div>'
        )

    def __repr__(self) -> str:
        rows = ([self.header] if any(self.header) else []) + self.rows
        widths = [max(len(row[j]) for row in rows) for j in range(len(self.header))]
        lines = []
        for row in rows:
            cells = [v.rjust(w) if r else v.ljust(w) for v, w, r in zip(row, widths, self.right, strict=True)]
            indent = " " * (sum(widths[:-1]) + 2 * (len(widths) - 1))
            text = "  ".join(cells).rstrip()
            # only text in the last column is folded: numbers stay in their columns
            lines.append(
                text
                if self.right[-1] or len(text) <= _WIDTH
                else textwrap.fill(text, max(_WIDTH, len(indent) + 20), subsequent_indent=indent)
            )
        return "\n".join(lines)


def show_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Show rows under a header; empty names give a table without one.

    >>> show_table(["order", "bits"], [[2, 1.9679], [3, 1.9449]])
    order    bits
        2  1.9679
        3  1.9449

    Raises: InputError when a row is longer or shorter than the header.
    """
    table = Table(header, rows)
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None:
        print(table)
    else:
        import_module("IPython.display").display(table)


def _plain(value: Any) -> str:
    return str(value).replace("\n", " ")


def _is_number(text: str) -> bool:
    try:
        float(text.rstrip("% ").replace(",", "") or "0")
    except ValueError:
        return False
    return True
