"""Series as a table in which each row is one sample, for other programs, and back.

A point with samples has a row for each of them; one without has a single row whose ``sample`` is
empty. Whatever belongs to the point is repeated in each of its rows.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from harness.errors import StoreError
from harness.series import Better, Point, Series
from harness.store.documents import MOST_BYTES, content

#: The columns, with the type that each has in Parquet.
COLUMNS = {
    "benchmark": "string",
    "parameters": "string",
    "unit": "string",
    "better": "string",
    "machine": "string",
    "environment": "string",
    "version": "string",
    "commit": "string",
    "date_ms": "int64",
    "value": "double",
    "low": "double",
    "high": "double",
    "number": "int64",
    "sample": "double",
}
WHAT = "table of `harness export --format csv` (its first line names the columns)"

Row: TypeAlias = list[Any]

_SERIES = 7
_POINT = 12


def rows(series: Iterable[Series]) -> Iterator[Row]:
    """All rows; parameters and environment are objects of JSON."""
    for one in series:
        about = [
            one.benchmark,
            _text(one.parameters),
            one.unit,
            one.better.value,
            one.machine,
            _text(one.environment),
            one.version,
        ]
        for point in one.points:
            at = [point.commit, point.date_ms, point.value, point.low, point.high]
            for number, sample in enumerate(point.samples or (None,)):
                yield [*about, *at, number, sample]


def write_csv(series: Iterable[Series], file: Any) -> int:
    """All rows as CSV with a header; how many there are. Floats are written in full."""
    writer = csv.writer(file)  # its line ends are RFC 4180's, and text with either half is quoted
    writer.writerow(COLUMNS)
    count = 0
    for row in rows(series):
        writer.writerow(["" if cell is None else cell for cell in row])
        count += 1
    return count


def fits(head: str) -> bool:
    """Whether a file that begins so is such a table."""
    return head.partition("\n")[0].strip() == ",".join(COLUMNS)


def read(path: Path, most: int = MOST_BYTES) -> Iterator[Series]:
    """The series of a table that ``write_csv`` wrote. Raises ``StoreError`` and names the line."""
    try:
        text = content(path, most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StoreError(f"{path} is no text in UTF-8: byte {error.start} is wrong") from error
    table = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        numbered = ((table.line_num, row) for row in table)
        next(numbered, None)
        kept = (_checked(path, line, row) for line, row in numbered if row)
        for about, lines in itertools.groupby(kept, key=lambda row: tuple(row[:_SERIES])):
            yield _series(path, about, lines)
    except csv.Error as error:
        raise StoreError(f"line {table.line_num} of {path} is no CSV: {error}") from error


def _checked(path: Path, line: int, row: Row) -> Row:
    if len(row) != len(COLUMNS):
        raise StoreError(f"line {line} of {path} has {len(row)} cells; a {WHAT} has {len(COLUMNS)}")
    try:
        numbers = [_integer(row[8]), *map(_number, row[9:12]), _integer(row[12]), _number(row[13])]
    except (ValueError, OverflowError) as error:
        raise StoreError(f"line {line} of {path}: {str(error)[:80]}") from error
    return [*row[:8], *numbers]


def _series(path: Path, about: tuple[Any, ...], lines: Iterable[Row]) -> Series:
    benchmark, parameters, unit, better, machine, environment, version = about
    if better not in ("less", "more"):
        raise StoreError(f"{path}: better is 'less' or 'more', not {better[:40]!r}")
    return Series(
        benchmark=benchmark,
        points=tuple(_points(lines)),
        parameters=_object(path, parameters),
        unit=unit,
        better=Better(better),
        machine=machine,
        environment=_object(path, environment),
        version=version,
    )


def _points(lines: Iterable[Row]) -> Iterator[Point]:
    point: Row = []
    samples: list[float] = []
    for row in lines:
        if point and row[12] == 0:
            yield _point(point, samples)
            samples = []
        point = row
        if row[13] is not None:
            samples.append(row[13])
    if point:
        yield _point(point, samples)


def _point(row: Row, samples: list[float]) -> Point:
    _, date_ms, value, low, high = row[_SERIES:_POINT]
    return Point(
        commit=row[_SERIES],
        value=value,
        date_ms=date_ms,
        samples=tuple(samples),
        low=low,
        high=high,
    )


def _object(path: Path, text: str) -> dict[str, str]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path}: {text[:40]!r} is no JSON") from error
    if not isinstance(found, dict):
        raise StoreError(f"{path}: {text[:40]!r} is no object")
    return {str(name): str(value) for name, value in found.items()}


def _text(values: dict[str, str]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def _number(cell: str) -> float | None:
    value = float(cell) if cell else math.nan
    return value if math.isfinite(value) else None


def _integer(cell: str) -> int:
    return int(cell) if cell else 0
