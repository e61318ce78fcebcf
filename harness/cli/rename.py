"""``harness rename``: another name for a database."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import click

from harness.cli.asking import Where, options
from harness.errors import PlanError

if TYPE_CHECKING:
    from harness.cli.asking import Place


@click.command()
@click.argument("identity")
@click.option("--to", "name", required=True, metavar="NAME", help="The new name.")
@click.option("-y", "--yes", is_flag=True, hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@options
def rename(identity: str, name: str, yes: bool, as_json: bool, where: Where) -> int:
    """Give a database the name NAME, in place of those that it has.

    IDENTITY is its identity, as `harness list` shows it, or a name that it has now. Its data stays,
    and so do the connections to it.

    \b
    Examples:
      harness rename chat --to chat-before
      harness rename c200705e97eb40d955ee4393ec1b790c23b419dd72493611d20ce3e324c8a2f3 --to chat

    \b
    Exit codes:
      0  renamed
      1  not renamed, such as when the name is taken; told in one sentence
      2  the command line was not understood
    """
    from harness.cli import asking
    from harness.cli.cells import harmless
    from harness.client import publishing

    publishing.check_name(name)
    if publishing.is_identity(name):
        raise PlanError("the new name looks like an identity, which no name may")
    if publishing.is_identity(identity):
        identity = identity.lower().removeprefix("0x")
    place = asking.any_database(identity, where)
    found, before = asyncio.run(_rename(place, name))
    known = asking.configuration(where)
    for one in () if known is None else known.named:
        if one.name in before and one.name != name:
            click.echo(f"the project's files still have its name {one.name}", err=True)
    if as_json:
        told = {"identity": found, "name": name, "names_before": before, "server": place.uri}
        click.echo(json.dumps(told))
    else:
        old = harmless(", ".join(before)) or "a database without a name"
        click.echo(f"renamed {old} to {name}, identity: {harmless(found)}")
    return 0


async def _rename(place: Place, name: str) -> tuple[str, list[str]]:
    """The database's identity and the names that it had. Raises ``CallError``."""
    from harness.cli import asking
    from harness.errors import CallError, ConnectError

    async with asking.asked(place) as http:
        identity = await http.identity_of(place.database)
        before = await http.names(identity)
        if before == [name]:
            return identity, before  # servers refuse a name that is in use, whoever has it
        try:
            await http.set_names(identity, [name])
        except ConnectError as error:
            if "in use" in error.body or "belongs to another" in error.body:
                raise CallError(
                    f"the name {name} is taken on {place.uri}; choose another one"
                ) from None
            raise
        return identity, before
