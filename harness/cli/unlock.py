"""``harness unlock``: a database that may be deleted again."""

from __future__ import annotations

import click

from harness.cli.asking import Where, options


@click.command()
@click.argument("database", required=False)
@options
def unlock(database: str | None, where: Where) -> int:
    """Let a database be deleted that `harness lock` has kept from it.

    \b
    Exit codes:
      0  unlocked
      1  not unlocked, such as by a server that cannot; told in one sentence
      2  the command line was not understood
    """
    from harness.cli import locking

    place = locking.set_lock(database, where, locked=False)
    click.echo(f"unlocked {place.database}")
    return 0
