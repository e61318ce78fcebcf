"""``harness list``: the databases of an identity.

In this file ``list`` is the command, and no longer Python's own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import click

from harness.cli.asking import Place, Where, options

#: So many databases are looked up at the same time.
_AT_A_TIME = 10


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@options
def list(as_json: bool, where: Where) -> int:
    """List your databases on a server, with their names and identities.

    \b
    Examples:
      harness list
      harness list --server maincloud --json

    \b
    Exit codes:
      0  listed, also if there is none
      1  the server does not answer, or refuses; told in one sentence
      2  the command line was not understood
    """
    from harness.cli import asking

    uri = asking.only_server(where)
    identity, rows = asyncio.run(_databases(Place(uri, "", where.anonymous)))
    if as_json:
        shown = [{"identity": x, "names": [*names]} for x, names in rows]
        click.echo(json.dumps({"server": uri, "owner": identity, "databases": shown}, indent=1))
    elif identity is None:
        click.echo(f"{uri} does not know you; publish something, or `harness login`", err=True)
    elif not rows:
        click.echo(f"{identity} has no database on {uri}", err=True)
    else:
        from harness.cli import cells, grid

        drawn = [
            [cells.harmless(", ".join(names) or "(none)"), cells.harmless(x)] for x, names in rows
        ]
        click.echo(grid.draw(["name", "identity"], drawn, [False, False]))
    return 0


async def _databases(place: Place) -> tuple[str | None, Sequence[tuple[str, Sequence[str]]]]:
    """Who we are, and the identity and names of each database that is ours."""
    from harness.cli import asking

    credential = await asking.known_identity(place.uri, anonymous=place.anonymous)
    async with asking.asked(place) as http:
        if credential is None:
            return None, ()
        identity = credential.identity or await asking.identity_of(http, credential)
        gate = asyncio.Semaphore(_AT_A_TIME)

        async def named(one: str) -> tuple[str, Sequence[str]]:
            async with gate:
                return one, await http.names(one)

        found = await asyncio.gather(*map(named, await http.databases(identity)))
        return identity, sorted(found, key=lambda x: (x[1][:1], x[0]))
