"""The printed table: at most 100 columns, figures through a server apart from those in process."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.cli.rows import TableRow, shown_claim
from harness.units import show
from reports.markdown import table

WIDTH = 100
#: Title, whether the rows answer a claim, whether they are in process.
_PARTS = [
    ("More, through the server", False, False),
    ("More, in process, without a server", False, True),
    ("Claimed, and measured through the server", True, False),
    ("Claimed, and measured in process, without a server", True, True),
]
_HEADERS = ("metric", "claim", "measured", "how (×: calls in flight)", "verdict")
_STYLES = {"VALID": "green", "NOISY": "yellow", "VOID": "bold red"}


def render(rows: Sequence[TableRow], console: Console) -> None:
    """Print the parts of the table; the answers to the claims come last, where people look."""
    parts = [
        (title, [x for x in rows if (x.claim is not None, x.in_process) == (claimed, in_process)])
        for title, claimed, in_process in _PARTS
    ]
    for title, part in parts:
        if part:
            notes: list[str] = []
            console.print(_table(title, part, notes))
            for number, note in enumerate(notes, 1):
                console.print(Text(f"  [{number}] {note}", style="dim"))
            console.print()


def as_markdown(rows: Sequence[TableRow]) -> str:
    """The same parts as Markdown, the answers to the claims first."""
    shown = []
    for title, claimed, in_process in (*_PARTS[2:], *_PARTS[:2]):
        part = [x for x in rows if (x.claim is not None, x.in_process) == (claimed, in_process)]
        if part:
            cells = [
                [x.metric, shown_claim(x), show(x.value, x.unit), x.how, _whole_verdict(x)]
                for x in part
            ]
            shown.append(f"**{title}**\n\n{table(_HEADERS, cells, right=(1, 2))}")
    return "\n".join(shown)


def _whole_verdict(row: TableRow) -> str:
    return f"{row.verdict}: {'; '.join(row.reasons)}" if row.reasons else row.verdict


def _table(title: str, rows: Sequence[TableRow], notes: list[str]) -> Table:
    drawn = Table(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False,
        width=WIDTH, header_style="bold",
    )  # fmt: skip
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
    reason = "; ".join(row.reasons)
    if len(reason) <= 5:
        return f"{row.verdict} {reason}"
    if reason not in notes:
        notes.append(reason)
    return f"{row.verdict} [{notes.index(reason) + 1}]"


def console(width: int = WIDTH) -> Console:
    """Where tables are printed: stdout, coloured only on a terminal."""
    return Console(width=width, highlight=False, soft_wrap=False)
