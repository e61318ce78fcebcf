"""One column of numbers from a CSV file, whoever wrote it."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from harness.errors import StoreError
from harness.series import Point, Series

#: The most bytes that are read.
MOST_BYTES = 1 << 28
#: What stands where nothing was measured.
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", ".", "?"})
_SEPARATORS = ",;\t|"


def read(path: Path | IO[bytes], column: str) -> Series:
    """The column of this name, or of this number counted from 0 where no header has the name.

    Points count as the file's rows do, without header and empty lines; a cell that is empty, or
    says NaN or the like, is a point without a value. Separators are comma, semicolon, tab or bar;
    numbers may be quoted, and have a decimal comma where that is not the separator.

    Raises ``StoreError`` for a file that cannot be read, is larger than ``MOST_BYTES``, has no such
    column, or has something else than a number in it.
    """
    name, text = _text(path)
    # A line of separators or of "" is a row without values; an empty line is none.
    rows = [row for row in _rows(name, text) if len(row) > 1 or row == [""] or "".join(row).strip()]
    if not rows:
        raise StoreError(f"{name} has no rows")
    place, body = _place(name, rows, column)
    points = [
        Point(commit=str(number), value=_value(name, number, column, row, place))
        for number, row in enumerate(body)
    ]
    return Series(benchmark=column, points=tuple(points))


def _text(path: Path | IO[bytes]) -> tuple[str, str]:
    name = str(path) if isinstance(path, Path) else "the input"
    try:
        if isinstance(path, Path):
            with path.open("rb") as file:
                data = file.read(MOST_BYTES + 1)
        else:
            data = path.read(MOST_BYTES + 1)
    except OSError as error:
        raise StoreError(f"cannot read {name}: {error.strerror}") from error
    if len(data) > MOST_BYTES:
        raise StoreError(f"{name} has more than {MOST_BYTES:,} bytes; give a part of it")
    try:
        return name, data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StoreError(f"{name} is no text in UTF-8: byte {error.start} is wrong") from error


def _rows(name: str, text: str) -> Iterable[list[str]]:
    head = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(_SEPARATORS, key=head.count)
    try:
        yield from csv.reader(text.splitlines(), delimiter=separator)
    except csv.Error as error:
        raise StoreError(f"{name} is no CSV: {error}") from error


def _place(name: str, rows: list[list[str]], column: str) -> tuple[int, list[list[str]]]:
    """Where the column stands, and the rows below the header."""
    head = [cell.strip() for cell in rows[0]]
    headless = all(_number(cell) is not None or cell.lower() in MISSING for cell in head)
    if len(head) > 1 and head == [str(number) for number in range(len(head))]:
        headless = False  # what pandas calls columns that have no names
    if column in head and not headless:
        return head.index(column), rows[1:]
    if column.isdecimal() and int(column) < len(head):
        return int(column), rows if headless else rows[1:]
    shown = f"numbers 0 to {len(head) - 1}" if headless else ", ".join(map(repr, head[:20]))
    raise StoreError(f"{name} has no column {column!r}; it has: {shown}")


def _value(name: str, number: int, column: str, row: list[str], place: int) -> float | None:
    cell = row[place].strip() if place < len(row) else ""
    if cell.lower() in MISSING:
        return None
    value = _number(cell)
    if value is None:
        raise StoreError(f"row {number} of column {column!r} in {name} is no number: {cell[:40]!r}")
    return value if math.isfinite(value) else None


def _number(cell: str) -> float | None:
    for text in (cell, cell.replace(",", ".", 1)):
        try:
            return float(text)
        except ValueError:
            continue
    return None
