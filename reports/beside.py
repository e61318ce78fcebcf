"""Figures of two targets brought together line by line."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from harness.store.sessions import TableRow

#: Target, suite and parameters of what a target does not offer.
Absent: TypeAlias = tuple[str, str, str]
Pair: TypeAlias = tuple[str, str]


class Line(NamedTuple):
    """One line: what was measured, and both figures; None where a target has none."""

    metric: str
    row: TableRow
    cells: tuple[TableRow | None, TableRow | None]
    #: Whether the target does not offer what the line is about.
    absent: tuple[bool, bool]


def beside(
    rows: Sequence[TableRow], pair: Pair, absent: Collection[Absent] = (), *, claimed: bool
) -> list[Line]:
    """The lines of a part of the table, in the order of the rows.

    The best protocol of each target stands in one line. A line that another one is called like
    names its parameters.
    """
    rows = [row for row in rows if not row.in_process]
    found = {target: _places([row for row in rows if row.target == target]) for target in pair}
    lines: list[Line] = []
    seen: set[tuple[str, str, str]] = set()
    titles: set[str] = set()
    for row in _in_turn(rows, pair):
        key = (row.suite, row.place, row.metric)
        if key in seen:
            continue
        seen.add(key)
        metric = f"{row.metric}, {row.place}" if row.metric in titles else row.metric
        titles.add(row.metric)
        if (row.claim is not None) is claimed:
            cells = found[pair[0]].get(key), found[pair[1]].get(key)
            missing = (pair[0], row.suite, row.place), (pair[1], row.suite, row.place)
            lines.append(Line(metric, row, cells, (missing[0] in absent, missing[1] in absent)))
    return lines


def _in_turn(rows: Sequence[TableRow], pair: Pair) -> Iterator[TableRow]:
    """The rows of both, the first target's before those that only the second has."""
    for target in pair:
        yield from (row for row in rows if row.target == target)


def _places(rows: Sequence[TableRow]) -> dict[tuple[str, str, str], TableRow]:
    """Rows by where they stand: by their parameters, and by what they are the best of."""
    found = {(row.suite, row.params, row.metric): row for row in rows}
    return found | {(row.suite, row.place, row.metric): row for row in rows}


def spoken(rows: Sequence[TableRow], pair: Pair) -> str:
    """Over which protocol each target was asked: that of its rows which do not ask about one."""
    told = []
    for target in pair:
        mine = [row for row in rows if row.target == target and not row.in_process]
        used = dict.fromkeys(row.protocol for row in mine if row.protocol not in row.params)
        told.append(f"{target} over {', '.join(used or dict.fromkeys(x.protocol for x in mine))}")
    return "; ".join(told)
