"""``harness run``: measure, and print the table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from harness.cli import INTERRUPTED, OK, VOIDED


@click.command()
@click.argument("suites", nargs=-1)
@click.option("-k", "expression", default="", metavar="EXPR", help="Only scenarios whose name "
              "holds these words; and, or, not and parentheses join them.")  # fmt: skip
@click.option("--quick", is_flag=True, help="Fewer, shorter scenarios, no peers: under 30 s.")
@click.option("--target", "targets", multiple=True, metavar="TARGET", help="What to measure: "
              "embedded (the default), standalone, standalone:VERSION, or the URI of a server; "
              "several are measured in turn and printed side by side. The database `bench` of a "
              "URI is emptied; the variable HARNESS_TOKEN may hold the token to come with."
              )  # fmt: skip
@click.option("--server-binary", type=click.Path(path_type=Path), metavar="PATH", help="The "
              "spacetimedb-standalone for the target `standalone`, which is then the default."
              )  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table.")
@click.option("--markdown", is_flag=True, help="Print Markdown instead of the table.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("results"),
              show_default=True, metavar="DIR", help="Where the run files go.")  # fmt: skip
@click.option("--pages/--no-pages", default=True, show_default=True,
              help="Renew the pages in DIR/html at the end.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True,
              help="Seed of all workloads.")  # fmt: skip
def run(
    suites: tuple[str, ...], expression: str, quick: bool, targets: tuple[str, ...],
    server_binary: Path | None, as_json: bool, markdown: bool, out: Path, pages: bool,
    seed: int,
) -> int:  # fmt: skip
    """Measure SUITES (all without any) and print one table.

    Each scenario runs in a fresh process against a server of its own. After it the server's rows
    and the client's cache are compared with a model; a figure that fails any check is not shown,
    its row is VOID and says why. The target `standalone` is a real spacetimedb-standalone: that of
    --server-binary, the newest that `harness server install` installed, or the one on PATH.

    \b
    Suites: throughput tables latency memory concurrency connection codec cache peers,
    and scale, which is measured only if it is named

    \b
    Exit codes:
      0  every row is VALID or NOISY
      1  an error      2  a wrong command line      3  some row is VOID      130  stopped by Ctrl-C

    \b
    Examples:
      harness run
      harness run --quick
      harness run tables latency -k "insert and not batch"
      harness run --target embedded --target standalone:1.2.0
      harness run --target http://127.0.0.1:3000 --json
    """
    if as_json and markdown:
        raise click.UsageError("--json and --markdown exclude each other")
    from harness.cli.session import Session
    from harness.cli.signals import ended_by_signals
    from harness.cli.table import console, render

    names = targets or (("standalone",) if server_binary is not None else ("embedded",))
    session = Session(
        suites, expression, quick=quick, targets=names, binary=server_binary, out=out, seed=seed
    )
    with ended_by_signals():
        stopped = session.run()
    if as_json:
        _print_json(session.rows)
    elif markdown:
        from reports.printed import as_markdown

        click.echo(as_markdown(session.rows, session.absent))
    else:
        render(session.rows, console(), session.absent)
        click.echo(f"Everything about each figure: harness show, or {out / 'runs'}", err=True)
    if pages and session.rows:
        _write_pages(out)
    if stopped:
        click.echo("harness: stopped; the table has what was finished", err=True)
        return INTERRUPTED
    return VOIDED if any(row.void for row in session.rows) else OK


def _write_pages(out: Path) -> None:
    """Renew the site of this store and name its first page; that it fails is told and no error."""
    from harness.cli.report import Told, page_of
    from harness.errors import StoreError
    from reports.site import FOLDER, build

    told = Told()
    try:
        made = build(out / FOLDER, out, say=told.say)
    except StoreError as error:
        told.done()
        click.echo(f"warning: no pages were written: {error}", err=True)
        return
    told.done()
    click.echo(f"All of it to look at: {page_of(made.index)}", err=True)


def _print_json(rows: list[Any]) -> None:
    import msgspec

    sys.stdout.write(msgspec.json.format(msgspec.json.encode(rows), indent=1).decode() + "\n")
