"""The printed table: at most 100 columns, figures through a server apart from those in process.

One target has a column for how each figure was made. Several stand side by side, two at a time: the
first one with each of the others.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.store.sessions import TableRow
from harness.units import show
from reports.beside import Absent, Line, Pair, spoken
from reports.printed import brief, parts, shown_claim, value

WIDTH = 100
_STYLES = {"VALID": "green", "NOISY": "yellow", "VOID": "bold red"}


def render(rows: Sequence[TableRow], console: Console, absent: Collection[Absent] = ()) -> None:
    """Print the parts of the table; the answers to the claims come last, where people look.

    ``absent`` are target, suite and parameters of what a target does not offer.
    """
    for part in parts(rows, absent):
        notes: list[str] = []
        if part.pair is None:
            _print(console, _table(part.title, part.rows, notes), notes)
        else:
            drawn = _pair(part.title, part.pair, part.lines, notes)
            _print(console, drawn, notes, f"{spoken(rows, part.pair)}; ×: calls in flight")


def _print(console: Console, drawn: Table, notes: Sequence[str], last: str = "") -> None:
    console.print(drawn)
    numbered = [f"[{number}] {note}" for number, note in enumerate(notes, 1)]
    for text in [*numbered, last] if last else numbered:
        console.print(Text(f"  {text}", style="dim"))
    console.print()


def _empty(title: str, gap: int = 2) -> Table:
    return Table(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False,
        width=WIDTH, header_style="bold", padding=(0, gap, 0, 0),
    )  # fmt: skip


def _pair(title: str, pair: Pair, lines: Sequence[Line], notes: list[str]) -> Table:
    drawn = _empty(title, gap=1)
    claims = any(line.row.claim is not None for line in lines)
    drawn.add_column("metric", ratio=1)
    if claims:
        drawn.add_column("claim", justify="right", width=11)
    drawn.add_column("load", width=11)
    for target in pair:
        drawn.add_column(target, justify="right", width=11)
        drawn.add_column("verdict", width=10)
    for line in lines:
        claim = [shown_claim(line.row)] if claims else []
        cells: list[str | Text] = [line.metric, *claim, line.row.load]
        for side, row in enumerate(line.cells):
            cells.append(value(line, side))
            if row is None:
                cells.append("")
            else:
                cells.append(Text(verdict(row, notes), style=_STYLES.get(row.verdict, "")))
        drawn.add_row(*cells)
    return drawn


def _table(title: str, rows: Sequence[TableRow], notes: list[str]) -> Table:
    drawn = _empty(title)
    drawn.add_column("metric", width=33)
    drawn.add_column("claim", justify="right", width=11)
    drawn.add_column("measured", justify="right", width=12)
    drawn.add_column("how (×: calls in flight)", ratio=1)
    drawn.add_column("verdict", width=10)
    for row in rows:
        drawn.add_row(
            row.metric,
            shown_claim(row),
            show(row.value, row.unit),
            row.how,
            Text(verdict(row, notes), style=_STYLES.get(row.verdict, "")),
        )
    return drawn


def verdict(row: TableRow, notes: list[str]) -> str:
    """The level, with its reason if that is short, or with the number of a note that has it."""
    if not row.reasons:
        return row.verdict
    reason = brief(row.reasons)
    if len(reason) <= 5:
        return f"{row.verdict} {reason}"
    if reason not in notes:
        notes.append(reason)
    return f"{row.verdict} [{notes.index(reason) + 1}]"


def console(width: int = WIDTH) -> Console:
    """Where tables are printed: stdout, coloured only on a terminal."""
    return Console(width=width, highlight=False, soft_wrap=False)
