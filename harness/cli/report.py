"""``harness report``: pages, pictures and tables of what was measured."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from harness.cli import OK
from harness.cli.report_pictures import badge, chosen, frames, plot, table
from harness.cli.report_serve import publish, serve

#: Where ``harness run`` renews its pages, too.
_OUT = Path("results/html")


@click.group()
def report() -> None:
    """Make pages, pictures and tables of what was measured.

    Nothing here measures anything: a store can be shown on a machine that never ran a benchmark.

    \b
    Examples:
      harness report build                             # from results/ into results/html/
      harness report build --asv .asv/results          # with a history of commits
      harness report serve
      harness report plot claims -o claims.svg

    \b
    Exit codes:
      0  made
      1  not made, such as of an empty store; told in one sentence
      2  the command line was not understood
    """


for _command in (serve, publish, plot, table, badge, frames):
    report.add_command(_command)


@report.command()
@click.option("--from", "results", metavar="DIR",
              type=click.Path(file_okay=False, path_type=Path),
              help="Our own store: runs, sessions, imports; `results` if it is there.")  # fmt: skip
@click.option("--asv", "histories", multiple=True, metavar="DIR",
              type=click.Path(file_okay=False, path_type=Path),
              help="A folder of asv's results, of any project; several are fine.")  # fmt: skip
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=_OUT,
              show_default=True, metavar="DIR", help="The site's folder.")  # fmt: skip
@click.option("--repository", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="The git repository that knows the commits; by default that of asv.conf.json, "
              "or the one that the results lie in.")  # fmt: skip
@click.option("--title", default="", help="The site's name; by default the project's.")
@click.option("--raw", metavar="URL", help="Where the raw files of --asv can be looked at, ending "
              "in a slash; by default where they lie on this disk.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON.")
def build(
    results: Path | None, histories: tuple[Path, ...], out: Path, repository: Path | None,
    title: str, raw: str | None, as_json: bool,
) -> int:  # fmt: skip
    """Write or renew the site: static pages that open from disk, without any server.

    What did not change is not written again, so one commit more takes a second. The site has an
    overview of what changed, a page for each benchmark and each run, any two commits beside each
    other, growth with rows and connections, and our client beside others.

    \b
    Exit codes:
      0  written      1  an error, told in one sentence      2  a wrong command line

    \b
    Examples:
      harness report build
      harness report build --asv ../numpy-bench/results --out numpy-html --title numpy
      harness report build --from results --asv .asv/results
    """
    import gc

    from reports.site import build as build_site

    # A process that builds and ends: to look for cycles in millions of numbers costs a tenth of it.
    gc.disable()
    results = chosen(results, histories)
    told = Told()
    made = build_site(
        out, results, histories, repository=repository, title=title, raw=raw,
        warn=lambda text: click.echo(f"warning: {text}", err=True), say=told.say,
    )  # fmt: skip
    told.done()
    if as_json:
        _print_json(made)
        return OK
    counts = [(made.points, "point"), (made.commits, "commit"), (made.runs, "run")]
    counts += [(made.events, "event")]
    found = "".join(f", {count:,} {word}{'s' * (count != 1)}" for count, word in counts)
    click.echo(f"{made.series:,} series{found}", err=True)
    click.echo(f"{made.written:,} files written, {made.kept:,} unchanged", err=True)
    click.echo(page_of(made.index))
    return OK


def page_of(index: Path) -> str:
    """The address that a browser opens."""
    return index.resolve().as_uri()


class Told:
    """What is being done, on stderr: on a terminal one line that changes, else now and then one."""

    def __init__(self) -> None:
        import time

        self._clock = time.monotonic
        self._next = self._clock() + 1.0
        self._moving = sys.stderr.isatty()
        self._shown = False

    def say(self, text: str) -> None:
        """Once a second at the most."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + 1.0
        if self._moving:
            print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)
            self._shown = True
        else:
            print(text, file=sys.stderr, flush=True)

    def done(self) -> None:
        """Nothing more to come."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _print_json(made: Any) -> None:
    from dataclasses import asdict

    import msgspec

    about = asdict(made) | {"index": str(made.index), "page": page_of(made.index)}
    click.echo(msgspec.json.format(msgspec.json.encode(about), indent=1).decode())
