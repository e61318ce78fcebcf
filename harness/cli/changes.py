"""``harness changes``: what changed in a history."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import OK, SLOWER
from harness.cli.arguments import Number

if TYPE_CHECKING:
    from harness.cli.changes_report import Found, Report
    from harness.series import Series
    from harness.stats.events import Event, Judged


#: Rows of a table; nobody reads more.
_MOST_ROWS = 60


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--csv", "file", metavar="FILE", help="Read a CSV file instead; - is stdin.")
@click.option(
    "--column",
    metavar="NAME",
    default="value",
    show_default=True,
    help="The column of the CSV file: its name, or its number from 0.",
)
@click.option(
    "--more-is-better",
    is_flag=True,
    help="The column is a rate, say: a rise is an improvement, no regression.",
)
@click.option("-k", "wanted", metavar="TEXT", default="", help="Only benchmarks with this in it.")
@click.option("--worse", is_flag=True, help="Only what became worse and still is.")
@click.option(
    "--least",
    type=Number(0),
    default=0.0,
    show_default=True,
    metavar="PERCENT",
    help="Only changes of at least so much.",
)
@click.option(
    "--level",
    type=Number(0, 1, min_open=True),
    default=0.05,
    show_default=True,
    help="The share of the events of a report that may be false.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--fail", is_flag=True, help="Exit with 3 if anything became worse and still is.")
@click.option("--acknowledge", metavar="ID", help="Say of this event that it may stay; it is kept "
              "in FOLDER/acknowledged.json.")  # fmt: skip
@click.option("--because", metavar="TEXT", default="", help="Why the event may stay.")
@click.option("--repository", type=click.Path(path_type=Path), metavar="DIR", help="The git "
              "repository that knows the order of the commits; by default the one that FOLDER or "
              "the current folder lies in.")  # fmt: skip
@click.option("--cache/--no-cache", default=True, show_default=True, help="Remember what was found "
              "in the user's cache: a new commit then costs a fraction.")  # fmt: skip
def changes(
    folder: Path | None,
    file: str | None,
    column: str,
    more_is_better: bool,
    wanted: str,
    worse: bool,
    least: float,
    level: float,
    as_json: bool,
    fail: bool,
    acknowledge: str | None,
    because: str,
    repository: Path | None,
    cache: bool,
) -> int:
    """Find where a history changed its level, and say how sure that is.

    FOLDER holds results of asv, of any project, or ours: runs and imports (`results`, if nothing is
    named). A change is a new level that lasts, not a spike,
    not a cycle, and not what noise does by itself; of all events of a report at most --level are
    false on average, however many benchmarks it has. harness/stats/METHOD.md explains it.

    With --csv and --json, `change_points` has the rows at which new levels begin, counted from 0
    without the header; an empty list says that nothing changed.

    \b
    Exit codes:
      0  fine      1  an error      2  a wrong command line      3  worse, with --fail

    \b
    Examples:
      harness changes
      harness changes .asv/results
      harness changes .asv/results --acknowledge 1f0c22ab90 --because "checks of lengths"
      harness changes .asv/results -k Insert --worse --least 5
      harness changes --csv latency.csv --column p50
      cut -d' ' -f3 log | harness changes --csv - --column 0 --json
    """
    if folder is not None and file is not None:
        raise click.UsageError("name a folder of results, or a file with --csv")
    if file is not None:
        judged = _column(file, column, more_is_better, as_json)
        return SLOWER if fail and _worse(judged) else OK
    from harness.cli.changes_report import of_folder
    from harness.cli.judging import remembered
    from harness.store.judgements import default_file

    if folder is None:
        folder = Path("results")
        if not folder.is_dir():
            raise click.UsageError("there is no folder `results` here: name one, or use --csv FILE")
    with remembered(default_file() if cache else None) as memory:
        report = of_folder(folder, wanted, level, memory, repository)
    if acknowledge is not None:
        _acknowledge(folder, report, acknowledge, because)
        return OK
    _print_report(report, report.chosen(worse, least / 100), as_json)
    return SLOWER if fail and report.chosen(True, least / 100) else OK


def _acknowledge(folder: Path, report: Report, wanted: str, because: str) -> None:
    from datetime import UTC, datetime

    from harness.errors import PlanError
    from harness.store import acknowledged

    known = {name: one for one in report.events for name in (one.id, *one.other_ids)}
    if wanted not in known:
        ids = ", ".join(one.id for one in report.events[:5]) or "none"
        raise PlanError(f"there is no event {wanted}; the latest are: {ids}")
    one = known[wanted]
    path = acknowledged.add(
        folder,
        acknowledged.Mark(
            event=one.id,
            because=because,
            author=acknowledged.author(folder),
            date=datetime.now(UTC).date().isoformat(),
            benchmark=one.name,
            commits=one.commits,
        ),
    )
    click.echo(f"{one.name} {one.commits} may stay: {path}", err=True)


def _worse(judged: Judged) -> bool:
    from harness.stats.events import Direction, State

    return any(x.direction is Direction.WORSE and x.state is State.OPEN for x in judged.events)


# --- one column ----------------------------------------------------------------------------------


def _column(file: str, column: str, more_is_better: bool, as_json: bool) -> Judged:
    import msgspec

    from harness.series import Better
    from harness.stats.events import judge
    from harness.store.column import read

    series = read(sys.stdin.buffer if file == "-" else Path(file), column)
    if more_is_better:
        series = msgspec.structs.replace(series, better=Better.MORE)
    judged = judge(series)
    if as_json:
        _print_json(_plain(judged))
    else:
        _show(series, judged)
    return judged


def _plain(judged: Judged) -> dict[str, Any]:
    """What other programs read; ``change_points`` stays as it is."""
    import msgspec

    from harness.stats.events import Kind

    made: dict[str, Any] = {
        "change_points": [event.at for event in judged.events if event.kind is not Kind.DRIFT]
    }
    made |= msgspec.to_builtins(judged)
    # Defaults are left out of records, and have to be there for other programs.
    return made | {"period": judged.period}


def _print_json(made: Any) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(made), indent=1).decode())


def _show(series: Series, judged: Judged) -> None:
    click.echo(f"{series.name}: {judged.points:,} points, {_noise(judged)}")
    if not judged.events:
        click.echo("nothing changed")
    else:
        names = ("what", "at", "between", "before", "after", "by", "95 %", "", "p")
        _table(names, ("what", ""), [_row(event) for event in judged.events])
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
    by, interval = _sizes(event)
    return [
        event.kind.value,
        str(event.at),
        f"{event.first}–{event.last}",
        f"{event.before:.4g}",
        f"{event.after:.4g}",
        by,
        interval,
        _state(event),
        f"{event.p:.1g}",
    ]


def _sizes(event: Event) -> tuple[str, str]:
    if event.ratio is None or event.ratio_interval is None:
        low, high = event.interval
        return f"{event.change:+.4g}", f"{low:+.3g} … {high:+.3g}"
    low, high = event.ratio_interval
    if event.ratio >= 10:
        return f"×{event.ratio:.3g}", f"×{low:.3g} … ×{high:.3g}"
    return f"{event.ratio - 1:+.1%}", f"{low - 1:+.1%} … {high - 1:+.1%}"


def _state(event: Event) -> str:
    return event.direction.value + ("" if event.state.value == "open" else ", recovered")


def _told(one: Found) -> str:
    if one.state == "acknowledged":
        return one.state  # the sign of the size says the rest
    state = one.state if one.state != "open" else one.standing.replace("suspected", "")
    return one.event.direction.value + (f", {state}" if state else "")


# --- a report ------------------------------------------------------------------------------------


def _print_report(report: Report, found: list[Found], as_json: bool) -> None:
    if as_json:
        _print_json(report.plain(found))
        return
    shown = found[:_MOST_ROWS]
    click.echo(
        f"{report.series:,} series, {report.points:,} points; {len(found):,} events"
        f" at a false-discovery rate of {report.level:.0%}"
    )
    if report.paced:
        click.echo(
            f"{report.paced:,} series as if the machine had its usual pace, by its yardstick, which"
            " explains their noise"
        )
    if report.doubtful:
        click.echo(f"{report.doubtful:,} further events are not sure enough among so many series")
    if found:
        rows = [[one.name, one.commits, *_sizes(one.event), _told(one), one.id] for one in shown]
        headers = ("benchmark", "commits", "by", "95 %", "", "id")
        _table(headers, ("benchmark", "commits", "", "id"), rows)
    if len(found) > len(shown):
        click.echo(f"and {len(found) - len(shown):,} older ones; --json has all, -k chooses some")


def _table(names: tuple[str, ...], left: tuple[str, ...], rows: list[list[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in names:
        side = "left" if name in left else "right"
        table.add_column(
            name,
            justify=side,  # type: ignore[arg-type]  # one of rich's words
            overflow="fold" if name == "benchmark" else "ellipsis",
            no_wrap=name != "benchmark",
            min_width=22 if name == "benchmark" else None,
        )
    for row in rows:
        table.add_row(*row)
    Console(width=100, highlight=False, markup=False).print(table)
