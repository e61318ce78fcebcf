"""``harness server``: servers that are known by a nickname, and real ones in the user's cache."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from harness.cli import server_names


@click.group()
def server() -> None:
    """Give servers nicknames, ask whether one answers, and install real ones.

    Nicknames stand in the official command's cli.toml. Installed servers (spacetimedb-standalone)
    are built with cargo into the user's cache, known by their VERSION and measured with `harness
    run --target standalone:VERSION`.

    \b
    Exit codes:
      0  done
      1  not done; told in one sentence
      2  the command line was not understood
    """


for _command in (
    server_names.add, server_names.edit, server_names.fingerprint, server_names.set_default,
    server_names.clear,
):  # fmt: skip
    server.add_command(_command)


@server.command()
@click.argument("version")
def install(version: str) -> None:
    """Build the server of this VERSION, such as 1.2.0.

    Takes about 17 minutes on two cores and 4 GB of disk while it builds; 50 MB stay. One that is
    there already is left as it is.
    """
    from harness.targets.install import install as build

    with _told() as progress:
        found, new = build(version, progress)
    if new:
        click.echo(f"installed server {version}: {found.path}")
    else:
        click.echo(f"server {version} is already installed: {found.path}")


@server.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List the servers that are known by name, and those that are installed."""
    from harness.targets import servers
    from harness.units import size

    found, known = servers.installed(), server_names.listed()
    if as_json:
        import msgspec

        plain = msgspec.to_builtins(found, builtin_types=(), enc_hook=str)
        click.echo(json.dumps({"servers": known, "installed": plain}, indent=1))
        return
    click.echo(server_names.drawn(known))
    if not found:
        click.echo(f"no server is installed; {servers.ADVICE}", err=True)
        return
    click.echo("\ninstalled")
    for one in found:
        click.echo(f"{one.version:10} {size(one.size_bytes):>9}  {one.sha256[:12]}  {one.path}")


@server.command()
@click.argument("name", metavar="NAME|VERSION")
@click.option("-y", "--yes", is_flag=True, hidden=True)
def remove(name: str, yes: bool) -> None:
    """Forget the server with this NAME, or delete the installed one of this VERSION.

    What is written like a version, such as 1.2.0, means an installed server. No nickname is.

    \b
    Examples:
      harness server remove staging
      harness server remove 1.2.0
    """
    from harness.targets import servers

    if servers.is_version(name):
        servers.remove(name)
        click.echo(f"removed server {name}")
    else:
        server_names.forget(name)


@server.command()
@click.argument("server", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def ping(server: str | None, as_json: bool) -> int:
    """Ask whether a SERVER answers, and what it is.

    It is a nickname, a host or a URI; without it, the default server is asked.

    \b
    Exit codes:
      0  it answers
      1  it does not, or is no SpacetimeDB server
    """
    import asyncio

    from harness.cli import asking, cells
    from harness.units import duration

    uri = asking.server_uri(asking.Where(server))
    taken_ns, about = asyncio.run(_pinged(uri))
    if as_json:
        click.echo(json.dumps({"server": uri, "seconds": taken_ns / 1e9, **about}, indent=1))
        return 0
    known = [cells.harmless(str(about[x])) for x in ("package_name", "version") if about.get(x)]
    what = " ".join(known) or "a server that does not say what it is"
    click.echo(f"{uri} answers in {duration(taken_ns)}: {what}")
    return 0


async def _pinged(uri: str) -> tuple[int, dict[str, Any]]:
    """Nanoseconds from the question to the answer, on a new connection; what the server says."""
    from harness.client import Http, publishing
    from harness.errors import HarnessError

    started = time.perf_counter_ns()
    await publishing.reach(uri)
    taken_ns = time.perf_counter_ns() - started
    try:
        async with Http(uri, timeout_s=publishing.REACH_TIMEOUT_S) as http:
            health = await http.health()
    except HarnessError:
        return taken_ns, {}  # not every server has this route
    return taken_ns, {x: health[x] for x in ("package_name", "version") if x in health}


@contextmanager
def _told() -> Iterator[Callable[[float, str], None]]:
    """Progress on stderr: one moving line on a terminal, plain lines anywhere else."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from harness.targets.install import compiled

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda seconds, text: print(f"[{clock(seconds)}] {text}", file=sys.stderr, flush=True)
        return
    crates = 0
    with Progress(
        SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False),
        console=console, transient=True, refresh_per_second=2,
    ) as bar:  # fmt: skip
        task = bar.add_task("starting cargo", total=None)

        def show(_: float, text: str) -> None:
            nonlocal crates
            what = compiled(text)
            crates += what is not None
            bar.update(task, description=f"{crates} crates  {(what or text)[:60]}")

        yield show


def clock(seconds: float) -> str:
    """Minutes and seconds, as in 3:07."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
