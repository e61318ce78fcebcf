"""``harness show``: everything that is known about a stored run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from harness.records import Run


@click.command()
@click.argument("run", required=False)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("results"),
              show_default=True, metavar="DIR", help="Where the run files are.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the run file itself.")
def show(run: str | None, out: Path, as_json: bool) -> None:
    """Print a stored RUN: its id, a part of it, or a file. Without RUN, list what is stored.

    \b
    Examples:
      harness show
      harness show throughput-noop
      harness show results/runs/20250131-094500-latency-noop-1f3a.json

    \b
    Exit codes:
      0  shown
      1  there is no such run, or it cannot be read; told in one sentence
      2  the command line was not understood
    """
    from harness.store import runs

    if run is None:
        for name in runs.names(out):
            click.echo(name)
        return
    found = runs.find(run, out)
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())
    else:
        click.echo("\n".join([*describe(found), *profiled(found, out)]))


def describe(run: Run) -> list[str]:
    """A run as lines of text."""
    from reports.described import flat, resources

    lines = [run.id, f"  verdict  {run.verdict}", f"  started  {run.started_at}"]
    lines += _section("scenario", flat(run.scenario))
    lines += _section("target", flat(run.target))
    lines += _section("figures", {metric.name: _figure(metric) for metric in run.metrics})
    marks = {True: "ok", False: "FAILED"}
    lines += _section(
        "checks", {check.name: f"{marks[check.passed]}: {check.found}" for check in run.checks}
    )
    lines += _section("resources", resources(run))
    lines += _section("notes", {name: str(value) for name, value in run.notes.items()})
    lines += _section("environment", flat(run.environment))
    if run.log_tail:
        lines += ["  log", *(f"    {line}" for line in run.log_tail)]
    return lines


def profiled(run: Run, out: Path) -> list[str]:
    """The profiles that say where its time went, as lines of text."""
    from harness.store import profiles

    found = {each.title: str(profiles.place(each, out) / profiles.PAGE)
             for each in profiles.of_run(run, out)}  # fmt: skip
    return _section("profiles", found)


def _section(title: str, entries: dict[str, str]) -> list[str]:
    if not entries:
        return []
    width = max(map(len, entries))
    return [f"  {title}", *(f"    {name:{width}}  {text}" for name, text in entries.items())]


def _figure(metric: Any) -> str:
    from harness import units

    text = units.show(metric.value, metric.unit)
    if metric.interval is not None:
        low, high = (units.show(limit, metric.unit) for limit in metric.interval)
        text += f"  ({low} to {high})"
    return text + (f"  n={metric.count:,}" if metric.count else "")
