"""``harness start``: the embedded server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.arguments import Number
from harness.errors import PlanError, StoreError

if TYPE_CHECKING:
    from harness.server.admission import From


@click.command()
@click.argument("module", required=False)
@click.option(
    "--listen",
    default="127.0.0.1:3000",
    show_default=True,
    metavar="HOST:PORT",
    help="Where to listen; port 0 takes a free one.",
)
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the data here, across restarts.",
)
@click.option("--in-memory", is_flag=True, help="Keep nothing (the default without --data-dir).")
@click.option("--name", help="The database's name; the module's own without this.")
@click.option(
    "--publish-from",
    type=click.Choice(["loopback", "anywhere", "nowhere"]),
    default="loopback",
    show_default=True,
    help="Take modules from `harness publish` when listening on the loopback, always, or never.",
)
@click.option(
    "--http-to",
    type=click.Choice(["public", "anywhere", "nowhere"]),
    default="public",
    show_default=True,
    help="Whom procedures may ask by ctx.http: the internet, your own networks as well, or nobody.",
)
@click.option(
    "--import-timeout",
    type=Number(0.1, 600.0),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the import of a published module may take.",
)
def start(
    module: str | None, listen: str, data_dir: Path | None, in_memory: bool, name: str | None,
    publish_from: str, http_to: str, import_timeout: float,
) -> None:  # fmt: skip
    """Start a server, with a Python MODULE (a file or a package's dotted name) as a database.

    Without MODULE it starts with what was published to its --data-dir before, or empty: modules
    come by `harness publish`, and several databases may live in one server. The first line on
    standard output is the URI. SIGTERM and Ctrl-C end the server after everything is on disk.

    A published module is code that runs with your rights. So the server takes modules only from
    you: `harness start` leaves the owner's token, good for this run, in a file of your
    configuration folder that no other user can read, and `harness publish` finds it there. If it
    listens where others can reach it, it takes none without --publish-from anywhere.

    \b
    Examples:
      harness start --data-dir ./data
      harness start src/chat/main.py --listen 127.0.0.1:0
      harness start harness.module.bench

    \b
    Exit codes:
      0  ended by SIGTERM or Ctrl-C
      1  not started, or storage has failed; told in one sentence
      2  the command line was not understood
    """
    from harness.module import load
    from harness.server.admission import From
    from harness.server.outgoing import Reach
    from harness.server.process import Options, serve

    if in_memory and data_dir is not None:
        raise PlanError("--in-memory and --data-dir exclude each other")
    if name is not None and module is None:
        raise PlanError("--name is the name of a module's database; give a MODULE")
    address, port = _address(listen)
    modules = []
    if module is not None:
        loaded = load(module)
        modules.append((name or loaded.name, loaded))
    elif data_dir is None:
        click.echo("harness: nothing is kept after the end; --data-dir DIR keeps it", err=True)
    takes = From(publish_from)
    with _announced(takes) as announce:
        serve(
            modules, address=address, port=port, data_dir=data_dir,
            options=Options(takes, Reach(http_to), import_timeout, announce),
        )  # fmt: skip


@contextmanager
def _announced(takes: From) -> Iterator[Callable[[str, str, str], None]]:
    """Leave the owner's token for the user's other commands as long as the server runs."""
    from harness.client import running
    from harness.server.admission import From

    left: list[Path] = []

    def announce(uri: str, identity: str, token: str) -> None:
        if takes is From.NOWHERE:
            return
        try:
            left.append(running.announce(uri, identity, token))
        except StoreError as error:
            click.echo(f"harness: {error}: no other command knows the owner's token", err=True)

    try:
        yield announce
    finally:
        for path in left:
            running.withdraw(path)


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not (port.isascii() and port.isdigit() and len(port) <= 5) or int(port) > 65_535:
        raise PlanError(f"--listen needs HOST:PORT, as in 127.0.0.1:3000, not {listen!r}")
    return host.strip("[]") or "127.0.0.1", int(port)
