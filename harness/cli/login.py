"""``harness login``: who you are to a server. A token is never shown unless it is asked for."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import click

from harness.errors import CallError, ConnectError, PlanError

if TYPE_CHECKING:
    from harness.client.credentials import Credential

_SERVER = click.option(
    "-s", "--server", metavar="SERVER", help="A nickname such as `local`, a host or a URI."
)


@click.group(invoke_without_command=True)
@_SERVER
@click.option("--token", metavar="TOKEN",
              help="A token that you have; - reads it from standard input.")  # fmt: skip
@click.pass_context
def login(ctx: click.Context, server: str | None, token: str | None) -> int | None:
    """Keep an identity for a server: that of a TOKEN, or a new one that the server gives.

    It lies in a file of your configuration folder, for you alone. SPACETIMEDB_TOKEN comes before
    it. A token that stands on the command line can be seen by others on this machine while the
    command runs: `--token -` avoids that.

    \b
    Examples:
      harness login
      harness login --server db.example.org --token - < token.txt
      harness login show

    \b
    Exit codes:
      0  kept; with show: the server knows you
      1  not kept, such as a token that the server does not accept; with show: it does not know you
      2  the command line was not understood
    """
    if ctx.invoked_subcommand is not None:
        ctx.obj = server
        return None
    uri = _uri(server)
    given = None if token is None else _given(token)
    found = asyncio.run(_login(uri, given))
    click.echo(f"{uri} knows you as {found.identity}, by {found.origin}")
    return 0


@login.command()
@_SERVER
@click.option("--token", "with_token", is_flag=True, help="Show the token, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def show(ctx: click.Context, server: str | None, with_token: bool, as_json: bool) -> int:
    """Show who you are to a server, and by what."""
    uri = _uri(server or ctx.obj)
    found, identity = asyncio.run(_who(uri))
    if found is None:
        click.echo(f"harness: {uri} does not know you; say `harness login`", err=True)
        return 1
    if as_json:
        shown = {"server": uri, "identity": identity, "origin": found.origin}
        more = {"token": found.token} if with_token else {}
        click.echo(json.dumps({**shown, **more}, indent=1))
    else:
        click.echo(f"You are {identity or 'somebody'} to {uri}, by {found.origin}.")
        if with_token:
            click.echo(found.token)
    return 0


def _uri(server: str | None) -> str:
    from harness.cli import asking

    return asking.server_uri(asking.Where(server))


def _given(token: str) -> Credential:
    from harness.client import credentials

    if token == "-":  # noqa: S105  (it stands for the standard input)
        token = sys.stdin.readline(1 << 16).strip()
    if not token:
        raise PlanError("the token is empty")
    return credentials.from_text(token, "the token that was given", "give one that it gave out")


async def _login(uri: str, given: Credential | None) -> Credential:
    """Keep the identity. Raises ``CallError`` if the server does not accept the token."""
    from harness.cli import asking
    from harness.client import credentials, publishing
    from harness.client.http import Http

    await publishing.reach(uri)
    if given is None:
        kept = credentials.kept(uri)
        return kept or credentials.keep(uri, *await publishing.new_identity(uri))
    try:
        async with Http(uri, given.token, timeout_s=asking.ANSWER_S) as http:
            await http.websocket_token()  # answers those whom it knows
            identity = await asking.identity_of(http, given)
    except ConnectError as error:
        if error.status is None:
            raise
        raise CallError(f"{uri} does not accept {given.origin}; {given.renewal}") from None
    return credentials.keep(uri, identity, given.token, replace=True)


async def _who(uri: str) -> tuple[Credential | None, str | None]:
    from harness.cli import asking
    from harness.client import credentials

    found = await asking.known_identity(uri)
    if found is None:
        return None, None
    return found, found.identity or credentials.identity_in(found.token)
