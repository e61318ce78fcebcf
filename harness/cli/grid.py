"""Rows in columns, as `psql` draws them, within a width: long cells are cut, and if there are too
many columns for that, each row becomes a block of lines.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

#: No line is longer, unless a terminal is wider.
WIDTH = 100
#: A column is never cut below so many letters.
_LEAST = 8
_GAP = " | "


def draw(
    headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool], width: int = WIDTH
) -> str:
    """A table without a line's end. ``right`` says which columns are set flush right."""
    if not headers:
        return ""
    wanted = [
        max(places(header), *(places(row[place]) for row in rows)) if rows else places(header)
        for place, header in enumerate(headers)
    ]
    widths = _fitted(wanted, width)
    if widths is None:
        return _blocks(headers, rows, width)
    lines = [_line(headers, widths, [False] * len(headers))]
    lines.append("-+-".join("-" * each for each in widths))
    lines += [_line(row, widths, right) for row in rows]
    return "\n".join(lines)


def _fitted(wanted: list[int], width: int) -> list[int] | None:
    """Widths that fit: no column is wider than the most that all can be; None if none is."""
    room = width - len(_GAP) * (len(wanted) - 1)
    low, high = 0, max(wanted)
    while low < high:
        middle = (low + high + 1) // 2
        if sum(min(each, middle) for each in wanted) <= room:
            low = middle
        else:
            high = middle - 1
    return [min(each, low) for each in wanted] if low >= min(_LEAST, max(wanted)) else None


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    shown = []
    for cell, width, is_right in zip(cells, widths, right, strict=True):
        cut = _cut(cell, width)
        space = " " * (width - places(cut))
        shown.append(space + cut if is_right else cut + space)
    return _GAP.join(shown).rstrip()


def _blocks(headers: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> str:
    """Each row with a line for each column."""
    names = min(max(map(places, headers)), width // 3)
    parts = []
    for number, row in enumerate(rows, 1):
        lines = [f"--- row {number} ---"]
        for header, cell in zip(headers, row, strict=True):
            shown = _cut(header, names)
            space = " " * (names - places(shown))
            lines.append(f"{shown}{space}{_GAP}{_cut(cell, width - names - len(_GAP))}".rstrip())
        parts.append("\n".join(lines))
    return "\n".join(parts)


def _cut(text: str, width: int) -> str:
    if places(text) <= width:
        return text
    kept = ""
    used = 0
    for letter in text:
        used += places(letter)
        if used > width - 1:
            break
        kept += letter
    return f"{kept}…"


def places(text: str) -> int:
    """Places on a terminal: wide letters take two, marks on others none."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.combining(letter)
        else 2
        if unicodedata.east_asian_width(letter) in "WF"
        else 1
        for letter in text
    )
