"""``harness report plot``, ``table``, ``badge`` and ``frames``: what goes elsewhere than a site."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import OK

if TYPE_CHECKING:
    from harness.store.sessions import Session
    from reports.gathering import Gathered

_RESULTS = Path("results")
_PICTURES = ("claims", "peers", "history", "run", "scale")


def sources(command: Any) -> Any:
    """The options that say what is shown."""
    command = click.option(
        "--asv", "histories", multiple=True, metavar="DIR",
        type=click.Path(file_okay=False, path_type=Path), help="A folder of asv's results.",
    )(command)  # fmt: skip
    return click.option(
        "--from", "results", metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
        help="Our own store; `results` if that is there.",
    )(command)  # fmt: skip


def chosen(results: Path | None, histories: tuple[Path, ...]) -> Path | None:
    """Our own store: the one that is named, or the usual one. Raises ``StoreError``."""
    from harness.errors import StoreError

    if results is None and (not histories or _RESULTS.is_dir()):
        results = _RESULTS
    if results is not None and not results.is_dir():
        raise StoreError(
            f"there is no folder {results}: measure something first (harness run), or name results"
            " with --from or --asv"
        )
    return results


def _gathered(results: Path | None, histories: tuple[Path, ...]) -> Gathered:
    from reports.gathering import Gathering

    return Gathering(None, warn=lambda text: click.echo(f"warning: {text}", err=True)).gather(
        chosen(results, histories), histories
    )


def _session(results: Path | None, wanted: str) -> Session:
    """The newest session, or the newest whose id or title has this in it."""
    from harness.errors import StoreError
    from harness.store import sessions

    folder = results or _RESULTS
    fitting = [x for x in sessions.all_of(folder) if wanted in x.id or wanted in x.title]
    if not fitting:
        said = f" with {wanted!r} in it" if wanted else ""
        raise StoreError(
            f"{folder} has no table of `harness run`{said}: harness run --out {folder}"
        )
    return fitting[-1]


@click.command()
@click.argument("what", type=click.Choice(_PICTURES))
@click.argument("name", required=False, default="")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True,
              metavar="FILE", help="Where the picture goes: a .svg or a .png file.")  # fmt: skip
@sources
def plot(
    what: str, name: str, output: Path, results: Path | None, histories: tuple[Path, ...]
) -> int:
    """Draw a picture with the same bytes for equal data.

    \b
    WHAT is
      claims          what was claimed beside what the newest session measured
      peers           ratios of our client to others, the newest comparison of each kind
      history NAME    one series over commits: the first that has NAME in its name
      run NAME        latency and service time of a run: its id, or a part of it
      scale NAME      growth with rows or connections: the first chart with NAME in its title

    \b
    Examples:
      harness report plot claims -o claims.svg
      harness report plot history "tables.Insert" --asv .asv/results -o insert.png
      harness report plot run latency-noop -o latency.svg
    """
    from harness.store.files import write
    from reports import pictures

    form = pictures.form_of(output.name)
    write(output, _drawn(what, name, form, results, histories))
    click.echo(str(output))
    return OK


def _drawn(
    what: str, name: str, form: str, results: Path | None, histories: tuple[Path, ...]
) -> bytes:
    from reports import pictures

    if what == "claims":
        return pictures.claims(_session(chosen(results, ()), name).rows, form)
    if what == "run":
        return _run_picture(name, form, chosen(results, ()) or _RESULTS)
    gathered = _gathered(results, histories)
    if what == "peers":
        from reports.peers_page import page

        return pictures.ratios(page([], gathered.runs).data["ratios"], form=form)
    if what == "scale":
        from reports.scale import page as scale_page

        charts = scale_page(gathered).data["charts"]
        titles = [x["title"] for x in charts]
        return pictures.growth(charts[_first(titles, name, "charts of growth")], form)
    from harness.stats.memory import Memory
    from reports.judged import judge

    place = _first([line.head.name for line in gathered.lines], name, "series")
    line = gathered.lines[place]
    judgement = judge(gathered, Memory())
    happened = [one for one in judgement.events if one.line == place]
    return pictures.history(line, gathered, happened, form)


def _run_picture(name: str, form: str, folder: Path) -> bytes:
    from harness.stats.histogram import Histogram
    from harness.store import runs
    from reports import pictures

    run = runs.find(name, folder)
    named = [(key, Histogram.from_dict(stored)) for key, stored in run.histograms.items()]
    return pictures.percentiles([one for one in named if one[1].count], run.id, form)


def _first(names: list[str], wanted: str, what: str) -> int:
    from harness.errors import PlanError

    for place, name in enumerate(names):
        if wanted.lower() in name.lower():
            return place
    some = ", ".join(names[:5]) or "none at all"
    raise PlanError(f"no {wanted!r} among {len(names):,} {what}; there are: {some}")


@click.command()
@click.argument("session", required=False, default="")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV instead of Markdown.")
@sources
def table(session: str, as_csv: bool, results: Path | None, histories: tuple[Path, ...]) -> int:
    """Print the table of a session again, as Markdown or CSV: the newest, or one with SESSION in
    its id or command.

    \b
    Examples:
      harness report table > table.md
      harness report table quick --csv
    """
    from reports import printed

    found = _session(chosen(results, ()), session)
    absent = set(found.absent)
    if as_csv:
        click.echo(printed.as_csv(printed.tables(found.rows, absent)), nl=False)
    else:
        click.echo(printed.as_markdown(found.rows, absent), nl=False)
    return OK


@click.command()
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True,
              metavar="FILE", help="Where the badge goes: a .svg file.")  # fmt: skip
@sources
def badge(output: Path, results: Path | None, histories: tuple[Path, ...]) -> int:
    """Draw a badge that says whether anything became slower and still is.

    \b
    Example:
      harness report badge --asv .asv/results -o badge.svg
    """
    from harness.stats.memory import Memory
    from harness.store.files import write
    from reports import pictures
    from reports.judged import judge

    gathered = _gathered(results, histories)
    judgement = judge(gathered, Memory())
    about = pictures.badge_of(sum(x.worse for x in judgement.events), len(judgement.events))
    write(output, pictures.badge(about))
    click.echo(f"{about.label}: {about.message}")
    return OK


@click.command()
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path), required=True,
              metavar="DIR", help="Where the tables go.")  # fmt: skip
@click.option("--parquet", is_flag=True, help="Write Parquet instead of CSV; needs pyarrow.")
@sources
def frames(output: Path, parquet: bool, results: Path | None, histories: tuple[Path, ...]) -> int:
    """Write everything as tidy tables: points, runs, metrics, commits.

    In Python, `reports.load()` gives the same as pandas frames.

    \b
    Example:
      harness report frames --asv .asv/results -o frames --parquet
    """
    from reports.frames import of

    for path in of(_gathered(results, histories)).write(output, "parquet" if parquet else "csv"):
        click.echo(str(path))
    return OK
