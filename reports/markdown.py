"""Tables as Markdown, for a README, a job summary or a pull request."""

from __future__ import annotations

from collections.abc import Sequence


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A table with a line for each row; the columns in ``right`` are aligned to the right.

    Texts are escaped: none of them can begin another cell, a tag or a link. Raises ``ValueError``
    if a row has another number of cells than there are headers.
    """
    marks = ["--:" if column in right else "---" for column in range(len(headers))]
    lines = [_line(headers), f"|{'|'.join(marks)}|"]
    for row in rows:
        if len(row) != len(headers):
            raise ValueError(f"a row has {len(row)} cells, the table {len(headers)} columns")
        lines.append(_line(row))
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(escape, cells))} |"


def escape(text: str) -> str:
    """Text that shows as it is, in one line."""
    for character in "\\|`*_[]":
        text = text.replace(character, f"\\{character}")
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return " ".join(text.split())
