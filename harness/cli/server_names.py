"""The part of ``harness server`` that is about nicknames, which stand in ``cli.toml``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import click

from harness.cli.arguments import Command, given
from harness.errors import PlanError

_NO_FINGERPRINT = click.option(
    "--no-fingerprint", is_flag=True, help="Do not ask the server for its public key."
)


def listed() -> list[dict[str, Any]]:
    """The servers that are known by name or host, as JSON has them."""
    from harness.project import settings

    found = settings.load()
    default = found.default_server or "local"
    return [
        {
            "nickname": one.nickname,
            "uri": one.uri,
            "default": one.is_named(default),
            "built_in": one not in found.configured,
            "fingerprint": one.fingerprint is not None,
        }
        for one in found.known
    ]


def drawn(known: Sequence[dict[str, Any]]) -> str:
    """The same for people."""
    from harness.cli import grid
    from harness.cli.cells import harmless

    rows = [
        [harmless(x["nickname"] or ""), harmless(x["uri"]), "default" if x["default"] else ""]
        for x in known
    ]
    return grid.draw(["server", "address", ""], rows, [False, False, False])


@click.command()
@click.argument("name")
@click.option("--url", required=True, metavar="URL", help="Where it is, with http or https.")
@click.option("-d", "--default", is_flag=True, help="It is meant if no server is said.")
@_NO_FINGERPRINT
def add(name: str, url: str, default: bool, no_fingerprint: bool) -> None:
    """Give the server at URL a nickname, for all commands with --server.

    It must answer: its public key is kept beside its name, for the official command.

    \b
    Examples:
      harness server add staging --url https://db.example.org
      harness server add work --url http://127.0.0.1:4000 -d --no-fingerprint
    """
    from harness.project import servers_file
    from harness.project.settings import Server

    _check_name(name)
    uri = _address(url)
    servers_file.check_new(name, uri)
    key = None if no_fingerprint else _key_of(uri)
    protocol, _, host = uri.partition("://")
    servers_file.add(Server(name, host, protocol, key), default=default)
    click.echo(f"added {name}: {uri}{', the default server' if default else ''}")


@click.command("set-default")
@click.argument("server")
def set_default(server: str) -> None:
    """Mean this SERVER, a nickname, host or URL that is known, if none is said."""
    from harness.project import servers_file

    found = servers_file.find(server)
    servers_file.set_default(found)
    click.echo(f"the default server is {found.nickname or found.host}: {found.uri}")


@click.command()
@click.argument("server")
@click.option("--new-name", metavar="NAME", help="Its new nickname.")
@click.option("--url", metavar="URL", help="Where it is now, with http or https.")
@_NO_FINGERPRINT
@click.option("-y", "--yes", is_flag=True, hidden=True)
def edit(
    server: str, new_name: str | None, url: str | None, no_fingerprint: bool, yes: bool
) -> None:
    """Change the nickname or the address of a known SERVER.

    At a new address it must answer: its public key is kept beside its name.
    """
    from harness.project import servers_file
    from harness.project.settings import Server

    if new_name is None and url is None:
        raise click.UsageError("nothing to change: give --new-name, --url or both")
    old = servers_file.find(server)
    uri = old.uri if url is None else _address(url)
    if new_name is not None:
        _check_name(new_name)
    servers_file.check_new(
        None if new_name == old.nickname else new_name, None if uri == old.uri else uri
    )
    key = old.fingerprint
    if uri != old.uri:
        key = None if no_fingerprint else _key_of(uri)
    protocol, _, host = uri.partition("://")
    new = Server(new_name or old.nickname, host, protocol, key)
    servers_file.replace(old, new)
    click.echo(f"{old.nickname or old.host}: {old.uri} is now {new.nickname or new.host}: {uri}")


@click.command()
@click.argument("server")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def fingerprint(server: str, yes: bool) -> int:
    """Show the public key of a known SERVER, and keep it. Asks if it is not the one that is kept.

    \b
    Exit codes:
      0  shown, and kept
      1  the server does not answer, or its new key was not agreed to
    """
    from dataclasses import replace

    from harness.cli import confirming
    from harness.project import servers_file

    found = servers_file.find(server)
    key = _key_of(found.uri)
    click.echo(key.rstrip("\n"))
    if key == found.fingerprint:
        return 0
    name = found.nickname or found.host
    if found.fingerprint is not None:
        question = f"The key of {name} is another one than was kept; keep the new one"
        if not confirming.agreed(question, yes, "-y"):
            return 1
    servers_file.replace(found, replace(found, fingerprint=key))
    click.echo(f"kept the key of {name}", err=True)
    return 0


@click.command(
    cls=Command, context_settings={"ignore_unknown_options": True, "allow_extra_args": True}
)
@click.pass_context
def clear(ctx: click.Context) -> int:
    """Delete all data of the official command's own local server, by `spacetime server clear`.

    That of `harness start --data-dir DIR` is the folder DIR, which may be deleted when the server
    has ended.
    """
    from harness.cli.official import hand_over

    return hand_over("server clear", ["server", *given(ctx)])


def forget(name: str) -> None:
    """Remove a server from the file. Raises ``PlanError`` if it is not in it."""
    from harness.project import servers_file, settings

    found = servers_file.find(name)
    was_default = found.is_named(settings.load().default_server or "")
    servers_file.remove(found)
    click.echo(f"forgot {found.nickname or found.host}: {found.uri}")
    if was_default:
        click.echo("no server is the default one now, so `local` is meant", err=True)


def _check_name(name: str) -> None:
    """Raises ``PlanError`` for a nickname that could mean something else."""
    from harness.targets import servers

    if servers.is_version(name):
        raise PlanError(f"{name} is how an installed server is named; choose another nickname")
    if not name or not name.isprintable() or any(x in " /:@" for x in name):
        raise PlanError(f"a nickname is a word such as staging, not {name!r}")


def _address(url: str) -> str:
    """The server's address. Raises ``PlanError`` for one that does not say how to speak to it."""
    from harness.client import servers

    uri = servers.server_uri(url)
    if "://" not in url:
        raise PlanError(f"the URL begins with http:// or https://, as in {uri}")
    return uri


def _key_of(uri: str) -> str:
    """The server's public key. Raises ``ConnectError``, and ``CallError`` if it is none."""
    return asyncio.run(_asked_for_key(uri))


async def _asked_for_key(uri: str) -> str:
    from harness.client import Http, publishing
    from harness.errors import CallError, ConnectError

    await publishing.reach(uri)
    try:
        async with Http(uri, timeout_s=publishing.REACH_TIMEOUT_S) as http:
            key = await http.public_key()
    except ConnectError:
        key = ""
    if not key.startswith("-----BEGIN PUBLIC KEY-----") or len(key) > 10_000 or not key.isascii():
        raise CallError(f"{uri} shows no public key; --no-fingerprint does without it")
    return key
