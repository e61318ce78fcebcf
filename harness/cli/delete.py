"""``harness delete``: a database and all of its data."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from harness.cli.asking import Where, options

if TYPE_CHECKING:
    from harness.cli.asking import Place
    from harness.client.family import Family, Member

#: So many children are listed.
_SHOWN = 50


@click.command()
@click.argument("database", required=False)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@options
def delete(database: str | None, yes: bool, as_json: bool, where: Where) -> int:
    """Delete a database with all of its data, for good. Asks before.

    Where databases have children, these go with it: they are listed, and it asks once more.

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
    children: tuple[Member, ...] = ()
    family = asyncio.run(_delete(place))
    if family is not None:
        # Nothing is deleted yet: the server wants to hear that they are known.
        children = family.members[1:]
        click.echo(f"these databases go with {place.database}:\n{_listed(children)}", err=True)
        count = f"{len(children)} more database{'s' * (len(children) != 1)}"
        if not confirming.agreed(f"Delete {count} with all their data", yes, "-y"):
            return 1
        asyncio.run(_delete(place, family.token))
    if as_json:
        told = {"database": place.database, "identity": identity, "op": "deleted"}
        more = [{"identity": x.identity, "names": [*x.names]} for x in children]
        click.echo(json.dumps({**told, "server": place.uri, "children": more}))
    else:
        with_them = f" and {len(children)} below it" if children else ""
        click.echo(f"deleted {place.database}{with_them}, identity: {identity}")
    return 0


def _listed(members: Sequence[Member]) -> str:
    """A line for each, deeper ones further in."""
    from harness.cli.cells import harmless

    lines = [
        f"{'  ' * x.depth}{harmless(', '.join(x.names) or '(no name)')}  {harmless(x.identity)}"
        for x in members[:_SHOWN]
    ]
    if len(members) > _SHOWN:
        lines.append(f"  and {len(members) - _SHOWN} more")
    return "\n".join(lines)


async def _identity(place: Place) -> str:
    """Its identity. Raises ``CallError`` if there is no such database."""
    from harness.cli import asking
    from harness.cli.cells import harmless

    async with asking.asked(place) as http:
        return harmless(await http.identity_of(place.database))


async def _delete(place: Place, agreed: str | None = None) -> Family | None:
    """Delete it; or else what the server would delete with it."""
    from harness.cli import asking

    async with asking.asked(place) as http:
        return await http.delete(place.database, agreed)
