"""The tables of a session as data: what ``harness run`` prints, a page shows and a README has.

Figures through a server stand apart from those in one process and those of commands, and those that
answer a claim apart from the others. Several targets stand side by side, the first one with each of
the others.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from msgspec import field

from harness.records import FRESH_PROCESS, IN_PROCESS, Record
from harness.store.sessions import TableRow
from harness.units import show
from reports import markdown
from reports.beside import Absent, Line, Pair, beside, spoken

_SERVER = "server"
#: Title, whether the rows answer a claim, where they are from; in the order in which a terminal
#: shows them, where people look at the last lines first.
PARTS = [
    ("More, through the server", False, _SERVER),
    ("More, in process, without a server", False, IN_PROCESS),
    ("More, of commands, each in a fresh process", False, FRESH_PROCESS),
    ("Claimed, and measured through the server", True, _SERVER),
    ("Claimed, and measured in process, without a server", True, IN_PROCESS),
]
HEADERS = ("metric", "claim", "measured", "how (×: calls in flight)", "verdict")
#: What stands where a target cannot be asked: such as confirmed calls over v1.
NOT_OFFERED = "not offered"
#: Reasons that a note has at the most, and characters of each.
_REASONS, _LONGEST = 2, 200


class Table(Record, frozen=True):
    """A table of texts: ``right`` are the columns aligned to the right, ``note`` stands below it.

    For each row ``runs`` has the run that it came from, and ``levels`` its verdict.
    """

    title: str
    headers: list[str]
    rows: list[list[str]]
    right: list[int] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    levels: list[str] = field(default_factory=list)
    note: str = ""


class Part(NamedTuple):
    """A part of the printed table: rows of one target, or lines of two."""

    title: str
    claimed: bool
    rows: list[TableRow]
    pair: Pair | None
    lines: list[Line]


def parts(rows: Sequence[TableRow], absent: Collection[Absent] = ()) -> Iterator[Part]:
    """What there is to print, part by part; parts without rows are left out."""
    targets = targets_of(rows)
    for title, claimed, place in PARTS:
        if place != _SERVER or len(targets) < 2:
            chosen = [x for x in rows if (x.claim is not None, _place(x)) == (claimed, place)]
            if chosen:
                yield Part(title, claimed, chosen, None, [])
            continue
        for pair in zip([targets[0]] * len(targets), targets[1:], strict=False):
            lines = beside(rows, pair, absent, claimed=claimed)
            if lines:
                yield Part(title, claimed, [], pair, lines)


def _place(row: TableRow) -> str:
    """Where a figure is from: through a server, or which kind of process without one."""
    if not row.in_process:
        return _SERVER
    return FRESH_PROCESS if row.target == FRESH_PROCESS else IN_PROCESS


def targets_of(rows: Sequence[TableRow]) -> list[str]:
    """The servers that answered, in the order in which they were asked for."""
    return list(dict.fromkeys(row.target for row in rows if not row.in_process))


def tables(rows: Sequence[TableRow], absent: Collection[Absent] = ()) -> list[Table]:
    """The same parts as tables of texts, the answers to the claims first."""
    found = list(parts(rows, absent))
    found.sort(key=lambda part: not part.claimed)
    return [
        _single(part) if part.pair is None else _double(part, part.pair, rows) for part in found
    ]


def _single(part: Part) -> Table:
    return Table(
        title=part.title,
        headers=list(HEADERS),
        rows=[
            [x.metric, shown_claim(x), show(x.value, x.unit), x.how, whole_verdict(x)]
            for x in part.rows
        ],
        right=[1, 2],
        runs=[x.run for x in part.rows],
        levels=[x.verdict for x in part.rows],
    )


def _double(part: Part, pair: Pair, rows: Sequence[TableRow]) -> Table:
    return Table(
        title=part.title,
        headers=["metric", "claim", "load", pair[0], "verdict", pair[1], "verdict"],
        rows=[
            [line.metric, shown_claim(line.row), line.row.load]
            + [
                text
                for side in (0, 1)
                for text in (value(line, side), _verdict_or_nothing(line.cells[side]))
            ]
            for line in part.lines
        ],
        right=[1, 3, 5],
        runs=[line.row.run for line in part.lines],
        levels=[line.row.verdict for line in part.lines],
        note=spoken(rows, pair),
    )


def as_markdown(rows: Sequence[TableRow], absent: Collection[Absent] = ()) -> str:
    """The tables as Markdown."""
    return "\n".join(
        f"**{table.title}**\n\n{markdown.table(table.headers, table.rows, table.right)}"
        + (f"\n{table.note}\n" if table.note else "")
        for table in tables(rows, absent)
    )


def as_csv(tables: Sequence[Table]) -> str:
    """All tables below each other, each row with the title of its table before it."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    for table in tables:
        writer.writerow(["table", *table.headers])
        writer.writerows([table.title, *row] for row in table.rows)
    return file.getvalue()


def value(line: Line, side: int) -> str:
    """The figure of one of the two targets."""
    row = line.cells[side]
    if row is not None:
        return show(row.value, row.unit)
    return NOT_OFFERED if line.absent[side] else "—"


def _verdict_or_nothing(row: TableRow | None) -> str:
    return whole_verdict(row) if row is not None else ""


def whole_verdict(row: TableRow) -> str:
    """The level with the first of its reasons."""
    return f"{row.verdict}: {brief(row.reasons)}" if row.reasons else row.verdict


def brief(reasons: list[str]) -> str:
    """The first of the reasons, and how many more there are; the run file has them all."""
    shown = [x if len(x) <= _LONGEST else f"{x[: _LONGEST - 1]}…" for x in reasons[:_REASONS]]
    more = len(reasons) - _REASONS
    return "; ".join([*shown, f"and {more} more"] if more > 0 else shown)


def shown_claim(row: TableRow) -> str:
    """The claim in its unit, or nothing."""
    return show(row.claim, row.claim_unit) if row.claim is not None else ""
