"""``harness logs``: what a database's module has written."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import click

from harness.cli.asking import Where, options

if TYPE_CHECKING:
    from harness.cli.asking import Place

#: From the least to the most important.
LEVELS = ("trace", "debug", "info", "warn", "error", "panic")
_COLOURS = {"error": "red", "panic": "red", "warn": "yellow", "info": "blue"}
#: Who follows a log wants to see so much of what was before.
_BEFORE_FOLLOWING = 10
#: Servers count no further.
_MOST = (1 << 32) - 1


@click.command()
@click.argument("database", required=False)
@click.option("-n", "--num-lines", type=click.IntRange(0, _MOST), metavar="N",
              help="The last N records only.")  # fmt: skip
@click.option("-f", "--follow", is_flag=True, help="Go on with those to come, until Ctrl-C.")
@click.option("-l", "--level", type=click.Choice(LEVELS, case_sensitive=False),
              help="From this level on.")  # fmt: skip
@click.option("--level-exact", is_flag=True, help="Of this level alone.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text",
              show_default=True, help="json is a line for each record.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@options
def logs(
    database: str | None, num_lines: int | None, follow: bool, level: str | None,
    level_exact: bool, form: str, as_json: bool, where: Where,
) -> int:  # fmt: skip
    """Print the log of a database. Its owner alone may read it.

    \b
    Examples:
      harness logs
      harness logs chat -n 20 --level warn
      harness logs chat -f --json

    \b
    Exit codes:
      0    printed
      1    refused, or the server has ended while the log was followed
      2    the command line was not understood
      130  ended by Ctrl-C
    """
    from harness.cli import asking

    if level_exact and level is None:
        raise click.UsageError("--level-exact needs --level")
    place = asking.database(database, where)
    wanted = _wanted(level, level_exact)
    if follow and num_lines is None:
        num_lines = _BEFORE_FOLLOWING
    printer = _Printer("json" if as_json else form, wanted, num_lines)
    return asyncio.run(_follow(place, printer) if follow else _print(place, printer))


def _wanted(level: str | None, exact: bool) -> frozenset[str]:
    if level is None:
        return frozenset(LEVELS)
    return frozenset([level] if exact else LEVELS[LEVELS.index(level) :])


class _Printer:
    """Prints the records that are wanted."""

    def __init__(self, form: str, levels: frozenset[str], last: int | None) -> None:
        self._form, self._levels = form, levels
        self.last = last
        #: All levels are wanted: then the server can leave out what is before the last records.
        self.any_level = len(levels) == len(LEVELS)

    def wants(self, record: dict[str, Any]) -> bool:
        level = str(record.get("level", "")).lower()
        return level in self._levels or (self.any_level and level not in LEVELS)

    def show(self, record: dict[str, Any]) -> None:
        if self._form == "json":
            from harness.wire import jsontext

            click.echo(jsontext.dumps(record))
        else:
            click.echo(line(record))


async def _print(place: Place, printer: _Printer) -> int:
    from harness.cli import asking

    async with asking.asked(place) as http:
        # Older servers count from the beginning of what they keep; the last ones are taken here.
        last: deque[dict[str, Any]] = deque(maxlen=printer.last)
        async with aclosing(http.read_logs(place.database)) as records:
            async for record in records:
                if not printer.wants(record):
                    continue
                if printer.last is None:
                    printer.show(record)
                else:
                    last.append(record)
    for record in last:
        printer.show(record)
    return 0


async def _follow(place: Place, printer: _Printer) -> int:
    from harness.cli import asking

    async with (
        asking.asked(place) as http,
        aclosing(http.follow_logs(place.database, printer.last or 0)) as records,
    ):
        async for record in records:
            if printer.wants(record):
                printer.show(record)
    click.echo(f"harness: {place.uri} has ended the log", err=True)
    return 1


def line(record: dict[str, Any]) -> str:
    """A record for people: when, how important, where, what; and each step of a crash."""
    from harness.cli.cells import harmless, moment

    level = str(record.get("level", "")).lower()
    when = record.get("ts")
    parts = [moment(when)] if isinstance(when, int) else []
    shown = harmless(f"{level.upper():>5}")
    coloured = sys.stdout.isatty()
    parts.append(click.style(shown, fg=_COLOURS.get(level)) if coloured else shown)
    if record.get("filename"):
        number = record.get("line_number")
        where = f"{record['filename']}{'' if number is None else f':{number}'}"
        parts.append(f"{harmless(str(where))}:")
    parts.append(harmless(str(record.get("message", "")), "\n\t").replace("\n", "\n    "))
    steps = [f"\n    {harmless(_step(step))}" for step in record.get("trace") or []]
    return " ".join(parts) + "".join(steps)


def _step(step: Any) -> str:
    """One step of a crash: a text, or an object with names of functions in it."""
    if not isinstance(step, dict):
        return str(step)
    return f"{step.get('module_name') or '?'}!{step.get('func_name') or '?'}"
