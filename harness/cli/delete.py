"""``harness delete``: a database and all of its data."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import click

from harness.cli.asking import Where, options

if TYPE_CHECKING:
    from harness.cli.asking import Place


@click.command()
@click.argument("database", required=False)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@options
def delete(database: str | None, yes: bool, as_json: bool, where: Where) -> int:
    """Delete a database with all of its data, for good. Asks before.

    \b
    Examples:
      harness delete chat
      harness delete chat --server local -y

    \b
    Exit codes:
      0  deleted
      1  not deleted; told in one sentence
      2  the command line was not understood
    """
    from harness.cli import asking, confirming

    place = asking.database(database, where)
    identity = asyncio.run(_identity(place))
    question = f"Delete the database {place.database} ({identity}) on {place.uri} with all its data"
    if not confirming.agreed(question, yes, "-y"):
        return 1
    asyncio.run(_delete(place))
    if as_json:
        told = {"database": place.database, "identity": identity, "op": "deleted"}
        click.echo(json.dumps({**told, "server": place.uri}))
    else:
        click.echo(f"deleted {place.database}, identity: {identity}")
    return 0


async def _identity(place: Place) -> str:
    """Its identity. Raises ``CallError`` if there is no such database."""
    from harness.cli import asking
    from harness.cli.cells import harmless

    async with asking.asked(place) as http:
        return harmless(await http.identity_of(place.database))


async def _delete(place: Place) -> None:
    from harness.cli import asking

    async with asking.asked(place) as http:
        await http.delete(place.database)
