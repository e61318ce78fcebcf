"""``harness publish``: modules as databases on a server."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.arguments import Command, given
from harness.cli.asking import Where, options
from harness.errors import PlanError

if TYPE_CHECKING:
    from harness.cli.sources import Source
    from harness.client.credentials import Credential
    from harness.client.publishing import Plan
    from harness.project.configuration import Configuration, Database

#: When data is deleted, here and in ``harness dev``.
DELETING = ("always", "on-conflict", "never")
#: What ``--yes=…`` can agree to.
_AGREEING = ("all", "remote", "migrate", "break-clients", "skip-login", "delete-data")
_CLEARING = ("-c", "--delete-data", "--clear-database", "--clear")


@click.command(
    cls=Command,
    optional={**dict.fromkeys(_CLEARING, "always"), "-y": "all", "--yes": "all"},
)
@click.argument("name", required=False)
@click.option("-m", "--module", metavar="MODULE",
              help="The Python module to build: a file, a package's folder or a dotted name."
              )  # fmt: skip
@click.option("-b", "--bin-path", type=click.Path(path_type=Path), metavar="FILE.wasm",
              help="A module that is built already, in any language.")  # fmt: skip
@click.option("-j", "--js-path", type=click.Path(path_type=Path), metavar="FILE.js",
              help="A bundle in JavaScript, for servers from 1.6 on.")  # fmt: skip
@click.option("-p", "--module-path", type=click.Path(path_type=Path), metavar="DIR",
              help="The project to build, if it is another one.")  # fmt: skip
@click.option(*_CLEARING, "deleting", type=click.Choice(DELETING), default="never",
              metavar="[=always|on-conflict|never]",
              help="Delete the data first, or only if it is in the way; asks.")  # fmt: skip
@click.option("--break-clients", is_flag=True, help="Change what clients rely on, too.")
@click.option("-y", "--yes", "agreed_to", metavar="[=all|remote|…]", default="",
              help="Do not ask: about anything, or about these things.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each database.")
@click.option("--parent", metavar="DATABASE", hidden=True)
@click.option("--organization", "--org", metavar="NAME", hidden=True)
@options
@click.pass_context
def publish(
    ctx: click.Context, name: str | None, module: str | None, bin_path: Path | None,
    js_path: Path | None, module_path: Path | None, deleting: str, break_clients: bool,
    agreed_to: str, as_json: bool, parent: str | None, organization: str | None, where: Where,
) -> int:  # fmt: skip
    """Publish a module as the database NAME: create it, or update it where it runs.

    In a project its own module is built and published; spacetime.json has the names of its
    databases and where they go, and NAME chooses among them, as in `world-*`.

    You are who SPACETIMEDB_TOKEN or HARNESS_TOKEN says; without them an identity is asked of the
    server the first time, and kept in your configuration folder for the next. What an --anonymous
    identity creates, nobody can update.

    A server of `harness start` is sent the module's source, and runs all of Python; others are sent
    WebAssembly. It takes modules only from the user that started it, whose token `harness start`
    leaves in the configuration folder as long as it runs, and only if it listens on the loopback or
    was started with --publish-from anywhere: a module is code that runs with that user's rights.

    Before a database is updated, the server's plan is shown: what changes, and what clients rely on
    and would find no more. If there is such a thing, you are asked, unless --break-clients is said.

    \b
    Examples:
      harness publish
      harness publish chat -m src/chat/main.py
      harness publish chat -m src/chat --server https://db.example.org
      harness publish chat -b build/chat.wasm --delete-data -y
      harness publish --delete-data=on-conflict

    \b
    Exit codes:
      0  created or updated
      1  not published, or not known to be; told in one sentence
      2  the command line was not understood
    """

    chosen = [x for x in (module, bin_path, js_path, module_path) if x is not None]
    if len(chosen) > 1:
        raise click.UsageError(
            "give one of --module MODULE and --bin-path FILE.wasm, --js-path and --module-path"
        )
    agreed = _agreements(agreed_to)
    targets = _targets(name, where)
    if chosen and len(targets) > 1:
        raise PlanError(
            f"{len(targets)} databases are chosen, and one module; name one of "
            f"{', '.join(x.name for x in targets)}"
        )
    targets = [_below(target, parent) for target in targets]
    wishes = Wishes(deleting, break_clients, agreed, organization, as_json)
    sources: list[tuple[Target, Source]] = []
    for target in targets:
        source = _source(target, module, bin_path, js_path, module_path)
        if isinstance(source, str):
            from harness.cli.official import hand_over

            return hand_over(source, given(ctx))
        sources.append((target, source))
    code = 0
    for target, source in sources:
        code = _publish_one(target, source, wishes)
        if code:
            break
    return code


@dataclass(frozen=True, slots=True)
class Target:
    """A database to publish, and what spacetime.json says of it."""

    name: str
    uri: str
    anonymous: bool
    configured: Database | None
    #: The database below which it is created.
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Wishes:
    """What else was said on the command line. ``agreed`` is what nobody need be asked about."""

    deleting: str
    break_clients: bool
    agreed: frozenset[str]
    organization: str | None = None
    as_json: bool = False

    def agrees(self, what: str) -> bool:
        return "all" in self.agreed or what in self.agreed


def _agreements(text: str) -> frozenset[str]:
    found = frozenset(x for x in text.split(",") if x)
    unknown = sorted(found - set(_AGREEING))
    if unknown:
        raise click.UsageError(f"--yes has no {unknown[0]!r}; it has {', '.join(_AGREEING)}")
    return found


# --- what, and where -----------------------------------------------------------------------------


def _targets(name: str | None, where: Where) -> list[Target]:
    """The databases that are meant. Raises ``click.UsageError`` or ``PlanError`` without any."""
    from harness.cli import asking

    found: Configuration | None = asking.configuration(where)
    known = () if found is None else found.named
    if not known or found is None:
        if name is None:
            raise click.UsageError("Missing argument 'NAME': no spacetime.json names a database.")
        return [Target(name, asking.server_uri(where), where.anonymous, None)]
    chosen = known if name is None else found.matching(name)
    if not chosen:
        raise PlanError(
            f"No database '{name}' found in spacetime.json, which has "
            f"{', '.join(x.name or '' for x in known)}. Use --no-config to ignore the config file."
        )
    return [
        Target(x.name or "", asking.server_uri(where, x.server), where.anonymous or x.anonymous, x)
        for x in chosen
    ]


def _below(target: Target, parent: str | None) -> Target:
    """The database with what its name says of a parent: it may be written PARENT/NAME.

    Raises ``PlanError`` for names that no server takes, or if two parents are named.
    """
    from harness.client import publishing

    above, slash, name = target.name.rpartition("/")
    if slash and parent not in (None, above):
        raise PlanError(f"--parent is {parent}, and {target.name} is below {above}: keep one")
    found = above if slash else parent
    for one in (name, *(() if found is None else (found,))):
        if not publishing.is_identity(one):
            publishing.check_name(one)
    if publishing.is_identity(name):
        name = name.lower().removeprefix("0x")
    return replace(target, name=name, parent=found)


def _source(
    target: Target, module: str | None, bin_path: Path | None, js_path: Path | None,
    module_path: Path | None,
) -> Source | str:  # fmt: skip
    """What is published there; the name of a language if it is not Python's."""
    from harness.cli import building, sources

    configured = target.configured
    if (module, bin_path, js_path, module_path) == (None,) * 4 and configured is not None:
        bin_path = configured.path("bin-path")
        js_path = configured.path("js-path")
        module_path = configured.path("module-path")
    if module is not None:
        return sources.of_module(module)
    if bin_path is not None:
        return sources.of_file(bin_path)
    if js_path is not None:
        return sources.of_bundle(js_path)
    project = building.project_at(module_path)
    return project if isinstance(project, str) else sources.of_project(project)


# --- publishing ----------------------------------------------------------------------------------


def _publish_one(target: Target, source: Source, wishes: Wishes) -> int:
    from harness.cli import confirming
    from harness.client import publishing, servers

    source.check()
    # It is often started by the line before this one, and not there yet.
    asyncio.run(
        publishing.reach(
            target.uri,
            starting_s=publishing.STARTING_S,
            waiting=lambda: click.echo(
                f"nobody answers at {target.uri} yet; waiting {publishing.STARTING_S:g} s", err=True
            ),
        )
    )
    kind = None
    if asyncio.run(publishing.is_embedded(target.uri)):
        if target.parent is not None:
            raise PlanError(
                f"a server of `harness start` has no database below another; publish {target.name} "
                "without a parent"
            )
        kind, data = source.program(target.uri)
    else:
        data = source.data
    if not servers.is_local(target.uri):
        question = f"Publish {target.name} to {target.uri}, which is not on this machine"
        if not confirming.agreed(question, wishes.agrees("remote"), "-y"):
            return 1
    clear = wishes.deleting == "always"
    if clear and not _may_delete(target, wishes):
        return 1
    sent = _publish(target, data, wishes, clear=clear, kind=kind, host_type=source.host_type)
    return asyncio.run(sent)


async def _publish(
    target: Target, data: bytes, wishes: Wishes, *, clear: bool, kind: str | None, host_type: str
) -> int:
    """``kind`` is the content type for our own server, which makes no identities."""
    from harness.cli import asking
    from harness.client import publishing

    if kind is None or target.anonymous:
        credential = await asking.own_identity(target.uri, anonymous=target.anonymous)
    else:
        credential = _owner(target.uri)
    query = {"host_type": host_type} if host_type != "Wasm" else {}
    if target.parent is not None:
        query["parent"] = target.parent
    if wishes.organization is not None:
        query["org"] = wishes.organization
    if not clear:
        plan = await publishing.plan(
            target.uri, credential, target.name, data, host_type, source=kind
        )
        if plan is not None:
            if not _accepted(plan, target, wishes):
                return 1
            clear = plan.manual
            query |= plan.query
    try:
        found = await publishing.publish(
            target.uri, credential, target.name, data, clear=clear, source=kind, query=query
        )
    except publishing.MigrationRefused as error:
        if wishes.deleting != "on-conflict":
            raise
        click.echo(error.said, err=True)
        if not _may_delete(target, wishes):
            return 1
        found = await publishing.publish(
            target.uri, credential, target.name, data, clear=True, source=kind, query=query
        )
    if wishes.as_json:
        op = "created" if found.created else "updated"
        told = {"database": target.name, "identity": found.identity, "op": op}
        click.echo(json.dumps({**told, "server": target.uri}))
    else:
        what = "Created new" if found.created else "Updated"
        click.echo(f"{what} database {target.name}, identity: {found.identity}")
    return 0


def _owner(uri: str) -> Credential:
    """Who started our own server there. Raises ``PlanError`` if that was not this user."""
    from harness.client import credentials, running

    found = credentials.from_environment() or running.owner_of(uri)
    if found is None:
        raise PlanError(
            f"{uri} takes modules from who started it only, and no token of its owner is in "
            f"{running.folder()}: it runs as another user, with another configuration folder or "
            "with --publish-from nowhere; SPACETIMEDB_TOKEN may have the token of its "
            "DATA_DIR/owner.token"
        )
    return found


def _accepted(plan: Plan, target: Target, wishes: Wishes) -> bool:
    """Whether the server's plan for the data and the clients may go on."""
    from harness.cli import cells, confirming
    from harness.client import publishing

    if plan.text.strip():
        click.echo(cells.harmless(plan.text.strip(), "\n"), err=True)
    if plan.manual:
        if wishes.deleting != "on-conflict":
            raise publishing.MigrationRefused(
                f"{target.name} cannot be updated with its data in place", target.name
            )
        return _may_delete(target, wishes)
    if plan.breaks_clients:
        return confirming.agreed(
            f"Break existing clients of {target.name} on {target.uri}",
            wishes.break_clients or wishes.agrees("break-clients"),
            "--break-clients",
        )
    return True


def _may_delete(target: Target, wishes: Wishes) -> bool:
    """Whether somebody says yes to losing data. Raises ``PlanError`` if nobody can be asked."""
    from harness.cli import confirming

    question = f"Delete all data of {target.name} on {target.uri}"
    return confirming.agreed(question, wishes.agrees("delete-data"), "-y")
