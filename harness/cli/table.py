"""The printed table: at most 100 columns, figures through a server apart from those in process.

One target has a column for how each figure was made. Several stand side by side, two at a time: the
first one with each of the others.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.cli.beside import Absent, Line, Pair, beside, spoken
from harness.cli.rows import TableRow, brief, shown_claim
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
#: What stands where a target cannot be asked: such as confirmed calls over v1.
_NOT_OFFERED = "not offered"
_STYLES = {"VALID": "green", "NOISY": "yellow", "VOID": "bold red"}


def render(rows: Sequence[TableRow], console: Console, absent: Collection[Absent] = ()) -> None:
    """Print the parts of the table; the answers to the claims come last, where people look.

    ``absent`` are target, suite and parameters of what a target does not offer.
    """
    targets = targets_of(rows)
    for title, claimed, in_process in _PARTS:
        if in_process or len(targets) < 2:
            part = _part(rows, claimed, in_process)
            if part:
                notes: list[str] = []
                drawn = _table(title, part, notes)
                _print(console, drawn, notes)
            continue
        for pair in zip([targets[0]] * len(targets), targets[1:], strict=False):
            lines = beside(rows, pair, absent, claimed=claimed)
            if lines:
                notes = []
                drawn = _pair(title, pair, lines, notes)
                _print(console, drawn, notes, f"{spoken(rows, pair)}; ×: calls in flight")


def _part(rows: Sequence[TableRow], claimed: bool, in_process: bool) -> list[TableRow]:
    return [x for x in rows if (x.claim is not None, x.in_process) == (claimed, in_process)]


def _print(console: Console, drawn: Table, notes: Sequence[str], last: str = "") -> None:
    console.print(drawn)
    numbered = [f"[{number}] {note}" for number, note in enumerate(notes, 1)]
    for text in [*numbered, last] if last else numbered:
        console.print(Text(f"  {text}", style="dim"))
    console.print()


def targets_of(rows: Sequence[TableRow]) -> list[str]:
    """The servers that answered, in the order in which they were asked for."""
    return list(dict.fromkeys(row.target for row in rows if not row.in_process))


def as_markdown(rows: Sequence[TableRow], absent: Collection[Absent] = ()) -> str:
    """The same parts as Markdown, the answers to the claims first."""
    shown, targets = [], targets_of(rows)
    for title, claimed, in_process in (*_PARTS[2:], *_PARTS[:2]):
        if in_process or len(targets) < 2:
            part = _part(rows, claimed, in_process)
            cells = [
                [x.metric, shown_claim(x), show(x.value, x.unit), x.how, _whole_verdict(x)]
                for x in part
            ]
            if part:
                shown.append(f"**{title}**\n\n{table(_HEADERS, cells, right=(1, 2))}")
            continue
        for pair in zip([targets[0]] * len(targets), targets[1:], strict=False):
            lines = beside(rows, pair, absent, claimed=claimed)
            if lines:
                text = _pair_in_markdown(lines, pair)
                shown.append(f"**{title}**\n\n{text}\n{spoken(rows, pair)}\n")
    return "\n".join(shown)


def _pair_in_markdown(lines: Sequence[Line], pair: Pair) -> str:
    cells = [
        [line.metric, shown_claim(line.row), line.row.load]
        + [text for side in (0, 1) for text in (_value(line, side), _whole_cell(line.cells[side]))]
        for line in lines
    ]
    headers = ("metric", "claim", "load", pair[0], "verdict", pair[1], "verdict")
    return table(headers, cells, right=(1, 3, 5))


def _whole_cell(row: TableRow | None) -> str:
    return _whole_verdict(row) if row is not None else ""


def _whole_verdict(row: TableRow) -> str:
    return f"{row.verdict}: {brief(row.reasons)}" if row.reasons else row.verdict


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
            cells.append(_value(line, side))
            if row is None:
                cells.append("")
            else:
                cells.append(Text(verdict(row, notes), style=_STYLES.get(row.verdict, "")))
        drawn.add_row(*cells)
    return drawn


def _value(line: Line, side: int) -> str:
    row = line.cells[side]
    if row is not None:
        return show(row.value, row.unit)
    return _NOT_OFFERED if line.absent[side] else "—"


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
