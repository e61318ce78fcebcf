"""``harness publish``: a module as a database on a server."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.errors import PlanError, SchemaError

if TYPE_CHECKING:
    from harness.client.credentials import Credential
    from harness.module import Module

#: The first bytes of a core module; those of a component, which servers do not run.
CORE = b"\0asm\x01\0\0\0"
COMPONENT = b"\0asm\x0d\0\x01\0"


@click.command()
@click.argument("name")
@click.option(
    "-m",
    "--module",
    metavar="MODULE",
    help="The Python module to build: a file, a package's folder or a dotted name.",
)
@click.option(
    "-b",
    "--bin-path",
    type=click.Path(path_type=Path),
    metavar="FILE.wasm",
    help="A module that is built already, in any language.",
)
@click.option(
    "-s",
    "--server",
    default="local",
    show_default="http://127.0.0.1:3000",
    metavar="URI",
    help="Where to: `local` or a URI.",
)
@click.option("-c", "--clear", is_flag=True, help="Delete the database's data first; asks.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--anonymous", is_flag=True, help="As an identity that is thrown away afterwards.")
def publish(
    name: str, module: str | None, bin_path: Path | None, server: str,
    clear: bool, yes: bool, anonymous: bool,
) -> int:  # fmt: skip
    """Publish a module as the database NAME: create it, or update it where it runs.

    You are who SPACETIMEDB_TOKEN or HARNESS_TOKEN says; without them an identity is asked of the
    server the first time, and kept in your configuration folder for the next. What an --anonymous
    identity creates, nobody can update.

    A server of `harness start` is sent the module's source, and runs all of Python; others are sent
    WebAssembly. It takes modules only from the user that started it, whose token `harness start`
    leaves in the configuration folder as long as it runs, and only if it listens on the loopback or
    was started with --publish-from anywhere: a module is code that runs with that user's rights.

    \b
    Examples:
      harness publish chat -m src/chat/main.py
      harness publish chat -m src/chat --server https://db.example.org
      harness publish chat -b build/chat.wasm --clear -y

    \b
    Exit codes:
      0  created or updated
      1  not published, or not known to be; told in one sentence
      2  the command line was not understood
    """
    from harness.cli import compiling
    from harness.client import publishing
    from harness.client.servers import server_uri

    if (module is None) == (bin_path is None):
        raise click.UsageError("give one of --module MODULE and --bin-path FILE.wasm")
    publishing.check_name(name)
    uri = server_uri(server)
    wasm = b"" if bin_path is None else read_wasm(bin_path)
    loaded = None if module is None else compiling.valid(module)
    asyncio.run(publishing.reach(uri))
    source = None
    if asyncio.run(publishing.is_embedded(uri)):
        source, wasm = _program(module, uri)
    elif loaded is not None:
        wasm = _built(loaded)
    if clear and not yes and not _agreed(name, uri):
        click.echo("harness: nothing was changed", err=True)
        return 1
    sent = _publish(uri, name, wasm, clear=clear, anonymous=anonymous, source=source)
    found = asyncio.run(sent)
    click.echo(found)
    return 0


async def _publish(
    uri: str, name: str, module: bytes, *, clear: bool, anonymous: bool, source: str | None
) -> str:
    from harness.client import publishing

    credential = await _credential(uri, anonymous, owner=source is not None)
    found = await publishing.publish(uri, credential, name, module, clear=clear, source=source)
    what = "Created new" if found.created else "Updated"
    return f"{what} database {name}, identity: {found.identity}"


async def _credential(uri: str, anonymous: bool, *, owner: bool) -> Credential:
    """Who publishes; with ``owner`` it has to be who started the server.

    A new identity is told, its token is not.
    """
    from harness.client import credentials, publishing, running

    if anonymous:
        return credentials.anonymous(*await publishing.new_identity(uri))
    found = credentials.from_environment() or (
        running.owner_of(uri) if owner else credentials.kept(uri)
    )
    if owner and found is None:
        raise PlanError(
            f"{uri} takes modules from who started it only, and no token of its owner is in "
            f"{running.folder()}: it runs as another user, with another configuration folder or "
            "with --publish-from nowhere; SPACETIMEDB_TOKEN may have the token of its "
            "DATA_DIR/owner.token"
        )
    if found is None:
        found = credentials.keep(uri, *await publishing.new_identity(uri))
        click.echo(
            f"{uri} knows you from now on as {found.identity}; kept in {credentials.path_for(uri)}",
            err=True,
        )
    return found


def _program(module: str | None, uri: str) -> tuple[str, bytes]:
    """The content type and the bytes of a module's source."""
    from harness.module import collecting
    from harness.module.program import CONTENT_TYPE

    if module is None:
        raise PlanError(
            f"{uri} is a server of `harness start`, which runs Python modules from their source: "
            "publish the source with --module MODULE"
        )
    return CONTENT_TYPE, collecting.collect(module).encoded()


def _built(module: Module) -> bytes:
    from harness.cli import compiling

    try:
        return compiling.compiled(module).wasm
    except SchemaError as error:
        raise SchemaError(
            f"{module.name} does not compile to WebAssembly; nothing was published\n"
            f"{compiling.shortened(str(error))}"
        ) from None


def read_wasm(path: Path) -> bytes:
    """The bytes of a compiled module. Raises ``PlanError`` if the file is something else."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PlanError(f"cannot read {path}: {error.strerror}") from None
    if data.startswith(CORE):
        return data
    if data.startswith(COMPONENT):
        raise PlanError(f"{path} is a WebAssembly component; servers run core modules")
    hint = "; a Python module is published with --module" if path.suffix == ".py" else ""
    raise PlanError(f"{path} is no WebAssembly file ({len(data):,} bytes){hint}")


def _agreed(name: str, uri: str) -> bool:
    """Whether somebody says yes to losing data. Raises ``PlanError`` if nobody can be asked."""
    if not sys.stdin.isatty():
        raise PlanError(
            f"--clear deletes all data of {name} on {uri}; nobody can be asked here, so say -y"
        )
    return click.confirm(f"Delete all data of {name} on {uri}?", default=False, err=True)
