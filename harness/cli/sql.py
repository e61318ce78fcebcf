"""``harness sql``: rows of a database."""

from __future__ import annotations

import asyncio
import csv
import io
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from harness.cli.asking import Where, options
from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.cli.asking import Place
    from harness.client.http import SqlResult
    from harness.wire import types as t

FORMATS = ("text", "json", "jsonl", "csv")


@click.command()
@click.argument("words", nargs=-1, metavar="[DATABASE] QUERY")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True,
              help="json is one list, jsonl a line for each row.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--interactive", is_flag=True, help="Ask for one query after another.")
@click.option("--confirmed", type=bool, metavar="BOOL", help="Only what is on the server's disk.")
@options
def sql(
    words: tuple[str, ...], form: str, as_json: bool, interactive: bool, confirmed: bool | None,
    where: Where,
) -> int:  # fmt: skip
    """Run one SQL statement, and print its rows.

    The owner sees private tables, too, and may change rows.

    \b
    Examples:
      harness sql "SELECT * FROM message"
      harness sql chat "SELECT name FROM user WHERE online = true" --format csv
      harness sql chat --interactive

    \b
    Exit codes:
      0  done
      1  refused; told in one sentence
      2  the command line was not understood
    """
    from harness.cli import asking

    place, rest = asking.database_and(words, where, None if interactive else "QUERY")
    if len(rest) > (0 if interactive else 1):
        raise click.UsageError(
            "one query, in quotes, and none with --interactive; a database that is not in "
            "spacetime.json needs --no-config"
        )
    form = "json" if as_json else form
    if interactive:
        return _loop(place, form, confirmed)
    _print(asyncio.run(_rows(place, rest[0], confirmed)), form)
    return 0


async def _rows(
    place: Place, query: str, confirmed: bool | None
) -> tuple[list[SqlResult], t.Typespace]:
    """The results, and the types that their columns refer to."""
    from harness.cli import asking
    from harness.wire import types as t

    async with asking.asked(place) as http:
        results = await http.sql(place.database, query, confirmed=confirmed)
        if any(_refers(result.type) for result in results):
            return results, (await http.schema(place.database)).typespace
        return results, t.Typespace()


def _refers(type_: t.Type) -> bool:
    from harness.wire import types as t

    return isinstance(type_, t.Ref) or any(map(_refers, t.children(type_)))


def _loop(place: Place, form: str, confirmed: bool | None) -> int:
    """A query a line, until the input ends. An error is told, and the next line is read."""
    from harness.cli import asking

    prompt = f"{place.database}> " if sys.stdin.isatty() else ""
    failed = False
    if prompt:
        import readline  # noqa: F401  (lines can be edited and come back)

        click.echo("One query a line; .exit or Ctrl-D ends.", err=True)
    while True:
        try:
            line = input(prompt).strip()
        except EOFError:
            break
        if line in (".exit", ".quit"):
            break
        if not line:
            continue
        try:
            asking.check_text(line)
            _print(asyncio.run(_rows(place, line, confirmed)), form)
        except HarnessError as error:
            failed = True
            click.echo(f"harness: {error}", err=True)
    return 1 if failed and not prompt else 0


# --- how it is shown -----------------------------------------------------------------------------


def _print(found: tuple[list[SqlResult], t.Typespace], form: str) -> None:
    results, typespace = found
    for result in results:
        shown = shown_as(result, form, typespace)
        if shown:
            click.echo(shown)


def shown_as(
    result: SqlResult, form: str, typespace: t.Typespace | None = None, width: int | None = None
) -> str:
    """A result as text, JSON, a line of JSON for each row, or CSV with a header."""
    from harness.wire import types as t

    typespace = typespace or t.Typespace()
    columns = result.type.elements
    names = _names([x.name or "" for x in columns])
    if not columns:
        return _changed(result, form)
    if form in ("json", "jsonl"):
        from harness.wire import jsontext

        objects = [jsontext.dumps(x) for x in _objects(result, names, typespace)]
        if form == "jsonl":
            return "\n".join(objects)
        return f"[{','.join(chr(10) + ' ' + x for x in objects)}{chr(10) if objects else ''}]"
    from harness.cli import cells

    types = [x.type for x in columns]
    if form == "csv":
        plain = [[_plain(value, type_, typespace) for value, type_ in zip(row, types, strict=True)]
                 for row in result.rows]  # fmt: skip
        return _csv([names, *plain])
    from harness.cli import grid

    rows = [[cells.cell(value, type_, typespace) for value, type_ in zip(row, types, strict=True)]
            for row in result.rows]  # fmt: skip
    headers = [cells.harmless(name) for name in names]
    right = [cells.is_number(type_) for type_ in types]
    table = grid.draw(headers, rows, right, width or _width())
    return f"{table}\n({len(rows)} row{'s' * (len(rows) != 1)})"


def _width() -> int:
    """As wide as the terminal; 100 letters where there is none."""
    from harness.cli.grid import WIDTH

    return max(WIDTH, shutil.get_terminal_size().columns) if sys.stdout.isatty() else WIDTH


def _names(given: list[str]) -> list[str]:
    """The columns' names, each only once."""
    found: list[str] = []
    for place, name in enumerate(given, 1):
        unique = name or f"column_{place}"
        while unique in found:
            unique += "_"
        found.append(unique)
    return found


def _objects(result: SqlResult, names: list[str], typespace: t.Typespace) -> list[dict[str, Any]]:
    from harness.wire import satsjson

    codecs = [satsjson.compile_json(x.type, typespace) for x in result.type.elements]
    return [
        {
            name: codec.to_json(codec.from_json(value))
            for name, codec, value in zip(names, codecs, row, strict=True)
        }
        for row in result.rows
    ]


def _plain(value: Any, type_: Any, typespace: t.Typespace) -> str:
    from harness.cli import cells
    from harness.wire import types as t

    if type_ == t.STRING and isinstance(value, str):
        return value  # a text stays what it is: quotes keep it in its place
    if isinstance(value, list) and t.option_payload(type_) is not None:
        return "" if value[0] == 1 else _plain(value[1], t.option_payload(type_), typespace)
    return cells.cell(value, type_, typespace)


def _csv(rows: Sequence[Sequence[str]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue().removesuffix("\n")


def _changed(result: SqlResult, form: str) -> str:
    """What a statement without rows did, if the server says."""
    if form in ("json", "jsonl"):
        from harness.wire import jsontext

        return jsontext.dumps(result.stats)
    if form == "csv":
        return ""
    parts = [
        f"{result.stats[f'rows_{what}']} {what}"
        for what in ("inserted", "updated", "deleted")
        if result.stats.get(f"rows_{what}")
    ]
    return f"rows: {', '.join(parts)}" if parts else "done; no row was changed"
