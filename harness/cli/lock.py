"""``harness lock``: a database that nobody deletes by mistake."""

from __future__ import annotations

import click

from harness.cli.asking import Where, options


@click.command()
@click.argument("database", required=False)
@options
def lock(database: str | None, where: Where) -> int:
    """Keep a database from being deleted, and its data from being cleared, until `harness unlock`.

    Servers of SpacetimeDB 2 can do that.

    \b
    Exit codes:
      0  locked
      1  not locked, such as by a server that cannot; told in one sentence
      2  the command line was not understood
    """
    from harness.cli import locking

    place = locking.set_lock(database, where, locked=True)
    click.echo(f"locked {place.database}; it cannot be deleted before `harness unlock`")
    return 0
