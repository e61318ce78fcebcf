"""``harness changes``: what changed in a history."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from harness.series import Series
    from harness.stats.events import Event, Judged


@click.command()
@click.option("--csv", "file", metavar="FILE", required=True, help="Read a CSV file; - is stdin.")
@click.option(
    "--column",
    metavar="NAME",
    default="value",
    show_default=True,
    help="The column: its name, or its number from 0.",
)
@click.option(
    "--more-is-better", is_flag=True, help="A rate, say: a rise is an improvement, no regression."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def changes(file: str, column: str, more_is_better: bool, as_json: bool) -> None:
    """Find where a history changed its level, and say how sure that is.

    A change is a new level that lasts, not a spike, not a cycle, and not what noise does by itself;
    harness/stats/METHOD.md explains it. With --json, `change_points` has the rows at which new
    levels begin, counted from 0 without the header; an empty list says that nothing changed.

    \b
    Examples:
      harness changes --csv latency.csv --column p50
      harness changes --csv rates.csv --column 2 --more-is-better --json
      cut -d' ' -f3 log | harness changes --csv - --column 0
    """
    import msgspec

    from harness.series import Better
    from harness.stats.events import judge
    from harness.store.column import read

    series = read(sys.stdin.buffer if file == "-" else Path(file), column)
    if more_is_better:
        series = msgspec.structs.replace(series, better=Better.MORE)
    judged = judge(series)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(_plain(judged)), indent=1).decode())
    else:
        _show(series, judged)


def _plain(judged: Judged) -> dict[str, Any]:
    """What other programs read; ``change_points`` stays as it is."""
    import msgspec

    from harness.stats.events import Kind

    made: dict[str, Any] = {
        "change_points": [event.at for event in judged.events if event.kind is Kind.SHIFT]
    }
    made |= msgspec.to_builtins(judged)
    # Defaults are left out of records, and have to be there for other programs.
    return made | {"period": judged.period}


def _show(series: Series, judged: Judged) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    click.echo(f"{series.name}: {judged.points:,} points, {_noise(judged)}")
    if not judged.events:
        click.echo("nothing changed")
    else:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ("what", "at", "between", "before", "after", "by", "95 %", "", "p"):
            table.add_column(name, justify="left" if name in ("what", "") else "right")
        for event in judged.events:
            table.add_row(*_row(event))
        Console(width=100, highlight=False).print(table)
    if judged.spikes:
        shown = ", ".join(map(str, judged.spikes[:12]))
        more = f" and {len(judged.spikes) - 12:,} more" if len(judged.spikes) > 12 else ""
        click.echo(f"single spikes, which are no changes: {shown}{more}")


def _noise(judged: Judged) -> str:
    said = f"noise ±{judged.noise:.3g}"
    if judged.passed_on >= 0.05:
        said += f", of which {judged.passed_on:.0%} is passed on to the next"
    if judged.period is not None:
        said += f", a cycle of {judged.period:.1f} points"
    return said


def _row(event: Event) -> list[str]:
    if event.ratio is None or event.ratio_interval is None:
        by = f"{event.change:+.4g}"
        interval = f"{event.interval[0]:+.3g} … {event.interval[1]:+.3g}"
    else:
        by = f"{event.ratio - 1:+.1%}"
        interval = f"{event.ratio_interval[0] - 1:+.1%} … {event.ratio_interval[1] - 1:+.1%}"
    state = event.direction.value + ("" if event.state.value == "open" else ", recovered")
    return [
        event.kind.value,
        str(event.at),
        f"{event.first}–{event.last}",
        f"{event.before:.4g}",
        f"{event.after:.4g}",
        by,
        interval,
        state,
        f"{event.p:.1g}",
    ]
