"""``harness start``: the embedded server."""

from __future__ import annotations

from pathlib import Path

import click

from harness.errors import PlanError


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
def start(
    module: str | None, listen: str, data_dir: Path | None, in_memory: bool, name: str | None
) -> None:
    """Serve a Python MODULE (a file or a package's dotted name) as a database.

    Without MODULE the bench module is served as database `bench`. The first line on standard output
    is the URI. SIGTERM and Ctrl-C end the server after everything is on disk.

    \b
    Examples:
      harness start
      harness start src/chat/main.py --listen 127.0.0.1:0 --data-dir ./data
    """
    from harness.module import load
    from harness.server.process import serve

    if in_memory and data_dir is not None:
        raise PlanError("--in-memory and --data-dir exclude each other")
    address, port = _address(listen)
    loaded = load(module or "harness.module.bench")
    served = name or ("bench" if module is None else loaded.name)
    serve([(served, loaded)], address=address, port=port, data_dir=data_dir)


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not port.isdigit() or int(port) > 65_535:
        raise PlanError(f"--listen needs HOST:PORT, as in 127.0.0.1:3000, not {listen!r}")
    return host.strip("[]") or "127.0.0.1", int(port)
