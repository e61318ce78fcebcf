"""The printed table: at most 100 columns, figures through a server apart from those in process."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.cli.rows import TableRow, shown_claim
from harness.units import show

WIDTH = 100
_STYLES = {"VALID": "green", "NOISY": "yellow", "VOID": "bold red"}


def render(rows: Sequence[TableRow], console: Console) -> None:
    """Print both parts of the table."""
    parts = [
        ("Through the server", [row for row in rows if not row.in_process]),
        ("In process, without a server", [row for row in rows if row.in_process]),
    ]
    for title, part in parts:
        if part:
            console.print(_table(title, part))


def _table(title: str, rows: Sequence[TableRow]) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False,
        width=WIDTH, header_style="bold",
    )  # fmt: skip
    table.add_column("metric", width=31)
    table.add_column("claim", justify="right", width=11)
    table.add_column("measured", justify="right", width=12)
    table.add_column("how", ratio=1)
    table.add_column("verdict", width=14)
    told = ""
    for row in rows:
        again, told = row.run == told, row.run
        table.add_row(
            row.metric,
            shown_claim(row),
            show(row.value, row.unit),
            row.how,
            Text(row.verdict if again else verdict(row), style=_STYLES.get(row.verdict, "")),
        )
    return table


def verdict(row: TableRow) -> str:
    """The level, with its reasons; the other rows of the same run show the level alone."""
    return f"{row.verdict} ({'; '.join(row.reasons)})" if row.reasons else row.verdict


def console(width: int = WIDTH) -> Console:
    """Where tables are printed: stdout, coloured only on a terminal."""
    return Console(width=width, highlight=False, soft_wrap=False)
