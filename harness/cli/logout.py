"""``harness logout``: forget who you are to a server."""

from __future__ import annotations

import click


@click.command()
@click.option("-s", "--server", metavar="SERVER",
              help="A nickname such as `local`, a host or a URI.")  # fmt: skip
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def logout(server: str | None, yes: bool) -> int:
    """Delete the identity that is kept for a server. Asks before: what only it may do, such as
    publishing to its databases, nobody can do any more.

    \b
    Examples:
      harness login show --token > token.txt     keep it somewhere else first
      harness logout --server local -y

    \b
    Exit codes:
      0  forgotten, or none was kept
      1  kept: it was not agreed to; told in one sentence
      2  the command line was not understood
    """
    from harness.cli import asking, confirming
    from harness.client import credentials

    uri = asking.server_uri(asking.Where(server))
    found = credentials.stored(uri)
    if found is None:
        click.echo(f"no identity is kept for {uri}", err=True)
        return 0
    question = (
        f"Forget {found.identity}, who you are to {uri} and who owns what you published there"
    )
    if not confirming.agreed(question, yes, "-y"):
        return 1
    credentials.forget(uri)
    click.echo(f"forgot {found.identity} at {uri}")
    return 0
