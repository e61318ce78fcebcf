"""Markdown tables, whole, and with texts that try to break out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.markdown import escape, table


def test_a_whole_table() -> None:
    assert table(("metric", "measured"), [("no-op", "5/s"), ("a|b", "<b>")], right=(1,)) == (
        "| metric | measured |\n"
        "|---|--:|\n"
        "| no-op | 5/s |\n"
        "| a\\|b | &lt;b&gt; |\n"
    )  # fmt: skip


def test_rows_have_as_many_cells_as_there_are_headers() -> None:
    with pytest.raises(ValueError, match="a row has 1 cells, the table 2 columns"):
        table(("a", "b"), [("x",)])


@given(st.text())
def test_no_text_breaks_out_of_its_cell(text: str) -> None:
    shown = table(("a", "b"), [(text, "end")])
    assert len(shown.splitlines()) == 3
    assert "<" not in escape(text)
    assert shown.replace("\\\\", "").replace("\\|", "").count("|") == 3 + 3 + 3
