"""A foreign client's figures beside ours: a table of at most 100 columns, or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.cli.table import WIDTH, console
from harness.records import Level, Metric, Run
from harness.run.client_turns import CLIENT, FIGURES, OWN
from harness.units import number, show

#: Figure -> its column.
_COLUMNS = {"rate": "calls/s", "cpu": "CPU/call", "p50": "p50", "p99": "p99", "rss": "RSS"}
_UNITS = {name: unit for name, unit, _ in FIGURES}
_STYLES = {"VALID": "green", "NOISY": "yellow", "VOID": "bold red"}
#: The longest reason that has a place beside its verdict.
_SHORT = 5


class Row(msgspec.Struct, frozen=True):
    """One row as JSON: times in nanoseconds, memory in bytes, ratios of the client to ours."""

    call: str
    in_flight: int
    protocol: str
    target: str
    verdict: str
    reasons: list[str]
    client: dict[str, float]
    own: dict[str, float]
    ratio: dict[str, float]
    ratio_interval: dict[str, tuple[float, float]]
    run: str


def call_of(run: Run) -> str:
    """What was called, as in the first column."""
    return run.scenario.name.removeprefix("client ").rpartition(" ")[0]


def row_of(run: Run) -> Row:
    """A run as a row; VOID ones have no figures."""
    metrics = {} if run.verdict.level is Level.VOID else {x.name: x for x in run.metrics}

    def side(name: str) -> dict[str, float]:
        found = {figure: metrics.get(f"{figure}_{name}") for figure in _COLUMNS}
        return {figure: metric.value for figure, metric in found.items() if metric is not None}

    ratios: dict[str, Metric] = {
        figure: metrics[f"{figure}_ratio"] for figure in _COLUMNS if f"{figure}_ratio" in metrics
    }
    return Row(
        call=call_of(run),
        in_flight=run.scenario.load.in_flight,
        protocol=run.scenario.protocol,
        target=run.target.kind,
        verdict=run.verdict.level.value,
        reasons=run.verdict.reasons,
        client=side(CLIENT),
        own=side(OWN),
        ratio={figure: metric.value for figure, metric in ratios.items()},
        ratio_interval={
            figure: metric.interval
            for figure, metric in ratios.items()
            if metric.interval is not None
        },
        run=run.id,
    )


def as_json_text(subject: dict[str, object], runs: Sequence[Run]) -> str:
    """The subject, and all rows."""
    found: dict[str, Any] = {"client": subject, "rows": [row_of(run) for run in runs]}
    return msgspec.json.format(msgspec.json.encode(found), indent=1).decode()


def render(title: str, where: str, runs: Sequence[Run], to: Console | None = None) -> None:
    """Print the table, and below it the reasons that have no place in it."""
    if not runs:
        return
    to = to or console()
    drawn = _table(f"{title} beside our client: {where}" if where else title)
    notes: list[str] = []
    for run in runs:
        _add(drawn, row_of(run), notes)
    to.print(drawn)
    for place, note in enumerate(notes, 1):
        to.print(Text(f"  [{place}] {note}", style="dim"))
    to.print()


def _table(title: str) -> Table:
    drawn = Table(
        title=Text(title), title_justify="left", title_style="bold", box=None, pad_edge=False,
        width=WIDTH, header_style="bold", padding=(0, 1, 0, 0),
    )  # fmt: skip
    drawn.add_column("call (×: in flight)", ratio=1)
    drawn.add_column("", width=6)
    for name in _COLUMNS.values():
        drawn.add_column(name, justify="right", width=11)
    drawn.add_column("verdict", width=10)
    return drawn


def _add(drawn: Table, row: Row, notes: list[str]) -> None:
    """Both sides, their ratio and its interval; a VOID row has one line."""
    verdict = Text(_verdict(row, notes), style=_STYLES.get(row.verdict, ""))
    name = f"{row.call} ×{row.in_flight}"
    if not row.client:
        drawn.add_row(name, "", *("—" for _ in _COLUMNS), verdict)
        return
    drawn.add_row(name, "client", *_figures(row.client), verdict)
    drawn.add_row("", "ours", *_figures(row.own), "")
    ratios = [f"{number(row.ratio[x])}×" if x in row.ratio else "—" for x in _COLUMNS]
    drawn.add_row("", "ratio", *ratios, "")
    drawn.add_row("", "95 %", *(_interval(row.ratio_interval.get(x)) for x in _COLUMNS), "")


def _figures(side: dict[str, float]) -> list[str]:
    return [show(side.get(name, float("nan")), _UNITS[name]) for name in _COLUMNS]


def _interval(ends: tuple[float, float] | None) -> str:
    return f"{number(ends[0])}–{number(ends[1])}" if ends is not None else "—"


def _verdict(row: Row, notes: list[str]) -> str:
    """The level, with the deepest of its reasons or the number of the note that has it."""
    if not row.reasons:
        return row.verdict
    reason, more = row.reasons[0], len(row.reasons) - 1
    if len(reason) <= _SHORT and not more:
        return f"{row.verdict} {reason}"
    note = f"{reason} (and {more} more: harness show)" if more else reason
    if note not in notes:
        notes.append(note)
    return f"{row.verdict} [{notes.index(note) + 1}]"
