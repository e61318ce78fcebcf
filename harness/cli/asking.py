"""What all commands about a database share: which server, which database, as whom.

A database that stands in spacetime.json need not be said if it is the only one there. A server is
a nickname of cli.toml, a host or a URI; without one it is that of spacetime.json, then the default
of cli.toml, then the local one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from harness.errors import CallError, ConnectError, HarnessError, PlanError

if TYPE_CHECKING:
    from harness.client.credentials import Credential
    from harness.client.http import Http
    from harness.project.configuration import Configuration, Database

F = TypeVar("F", bound=Callable[..., Any])

#: Seconds in which a server answers a question.
ANSWER_S = 60.0
#: How servers say that somebody whom they know is not who may do that.
_NOT_THE_OWNER = ("not authorized", "not own", "NotYourDatabase", "PermissionDenied")


@dataclass(frozen=True, slots=True)
class Where:
    """What was said on the command line."""

    server: str | None = None
    anonymous: bool = False
    no_config: bool = False
    environment: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A database on a server, and who asks."""

    uri: str
    database: str
    anonymous: bool = False


def options(function: F) -> F:
    """The options of ``Where``, which comes to the command as ``where``."""

    @click.option("-s", "--server", metavar="SERVER",
                  help="A nickname such as `local`, a host or a URI.")  # fmt: skip
    @click.option("--anonymous", is_flag=True, help="As nobody in particular.")
    @click.option("--no-config", is_flag=True, help="Do not read spacetime.json.")
    @click.option("--env", "environment", metavar="ENV",
                  help="Read spacetime.ENV.json, too.")  # fmt: skip
    def collected(
        *args: Any, server: str | None, anonymous: bool, no_config: bool,
        environment: str | None, **kwargs: Any,
    ) -> Any:  # fmt: skip
        where = Where(server, anonymous, no_config, environment)
        return function(*args, where=where, **kwargs)

    collected.__name__, collected.__doc__ = function.__name__, function.__doc__
    known = getattr(function, "__click_params__", [])
    collected.__click_params__ = [*known, *collected.__click_params__]  # type: ignore[attr-defined]  # click keeps the options of a function there
    return collected  # type: ignore[return-value]  # it is called by click alone


# --- which ---------------------------------------------------------------------------------------


def configuration(where: Where) -> Configuration | None:
    """What spacetime.json says here, or else ``[tool.harness]``. Raises ``PlanError``."""
    if where.no_config:
        return None
    from harness.project import configuration as configurations
    from harness.project import detection

    found = configurations.load(Path.cwd(), where.environment)
    if found is not None and found.named:
        return found
    root = detection.around(Path.cwd()) or Path.cwd()
    name = detection.tool_settings(root).get("database")
    if not isinstance(name, str) or not name:
        return found
    if found is None:
        only = configurations.Database(name, {}, root)
        return configurations.Configuration(root, (), (only,))
    first, *children = found.databases
    return replace(found, databases=(replace(first, name=name), *children))


def server_uri(where: Where, configured: str | None = None) -> str:
    """The address of the server. Raises ``PlanError`` for what is none."""
    from harness.client import servers
    from harness.project import settings

    known = settings.load()
    named = where.server or configured or known.default_server or "local"
    return servers.server_uri(known.servers.get(named, named))


def only_server(where: Where) -> str:
    """The address of the server for what is about no database of the project."""
    found = configuration(where)
    # With one server for all of the project's databases there is no doubt which one is meant.
    servers = set() if found is None else {x.server for x in found.named}
    return server_uri(where, servers.pop() if len(servers) == 1 else None)


def database(given: str | None, where: Where) -> Place:
    """The database that a command with at most one name is about.

    Raises ``click.UsageError`` if none is named here, ``PlanError`` if another one is, and for what
    is neither a name nor an identity.
    """
    found = configuration(where)
    known = () if found is None else found.named
    if not known:
        if given is None:
            raise click.UsageError("Missing argument 'DATABASE': no spacetime.json names one here.")
        return _place(given, None, where)
    if given is None:
        if len(known) > 1:
            raise click.UsageError(f"Missing argument 'DATABASE': one of {_listed(known)}.")
        return _place(known[0].name or "", known[0], where)
    return _place(given, _configured(given, known), where)


def any_database(given: str, where: Where) -> Place:
    """The database of this name or identity, which need not be one of the project's."""
    found = configuration(where)
    if found is not None and given in {x.name for x in found.named}:
        return database(given, where)
    return replace(_place(given, None, where), uri=only_server(where))


def database_and(
    given: Sequence[str], where: Where, needed: str | None
) -> tuple[Place, tuple[str, ...]]:
    """The database and what follows it, where the former may have been left out.

    ``needed`` is the argument that must follow, if one must. Raises as ``database`` does.
    """
    found = configuration(where)
    known = () if found is None else found.named
    rest = tuple(given)
    if len(known) == 1:
        place = _place(known[0].name or "", known[0], where)
        if rest and rest[0] == known[0].name:
            rest = rest[1:]
    elif not rest:
        one_of = f": one of {_listed(known)}." if known else "."
        raise click.UsageError(f"Missing argument 'DATABASE'{one_of}")
    elif known and needed is not None and len(rest) == 1 and rest[0] not in {x.name for x in known}:
        # One word is the one that must be there, so it is the database that was left out.
        raise click.UsageError(f"Missing argument 'DATABASE': one of {_listed(known)}.")
    else:
        place = _place(rest[0], _configured(rest[0], known) if known else None, where)
        rest = rest[1:]
    if needed is not None and not rest:
        raise click.UsageError(f"Missing argument '{needed}'.")
    for text in rest:
        check_text(text)
    return place, rest


def check_text(text: str) -> None:
    """Raises ``PlanError`` for bytes that are no text, which Python keeps as halves of letters."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise PlanError(f"{text[:40]!r} is not UTF-8 at its letter {error.start + 1}") from None


def _configured(name: str, known: Sequence[Database]) -> Database:
    for each in known:
        if each.name == name:
            return each
    raise PlanError(
        f"Database '{name}' is not in the config file. If you want to run against a database "
        f"outside of the current project, pass --no-config. It has {_listed(known)}"
    )


def _listed(known: Sequence[Database]) -> str:
    return ", ".join(each.name or "" for each in known)


def _place(name: str, configured: Database | None, where: Where) -> Place:
    from harness.client import publishing

    if not publishing.is_identity(name):
        publishing.check_name(name)  # servers differ in what they say of no name
    uri = server_uri(where, None if configured is None else configured.server)
    anonymous = where.anonymous or (configured is not None and configured.anonymous)
    return Place(uri, name, anonymous)


# --- as whom -------------------------------------------------------------------------------------


async def known_identity(uri: str, *, anonymous: bool = False) -> Credential | None:
    """Who we are to a server; None if it does not know us.

    The environment comes first, then what is kept for this server, then the token of cli.toml, if
    it knows the server and the server takes it.
    """
    from harness.client import credentials
    from harness.client.http import Http
    from harness.project import settings

    if anonymous:
        return None
    found = credentials.from_environment() or credentials.kept(uri)
    if found is not None:
        return found
    official = settings.load()
    ours = {_normal(each) for each in official.servers.values()}
    if official.token is None or uri not in ours:
        return None
    token = credentials.from_text(
        official.token, f"the token in {official.path}", "log in again with `spacetime login`"
    )
    try:
        async with Http(uri, token.token, timeout_s=ANSWER_S) as http:
            await http.ping()
    except HarnessError:
        return None  # another server's: this one is told nothing more with it
    return token


def _normal(uri: str) -> str | None:
    from harness.client import servers

    try:
        return servers.server_uri(uri)
    except PlanError:
        return None


async def own_identity(uri: str, *, anonymous: bool = False) -> Credential:
    """Who we are to a server, asking it for a new identity if it does not know us.

    A new identity is told, its token is not.
    """
    from harness.client import credentials, publishing

    if anonymous:
        return credentials.anonymous(*await publishing.new_identity(uri))
    found = await known_identity(uri)
    if found is None:
        found = credentials.keep(uri, *await publishing.new_identity(uri))
        click.echo(
            f"{uri} knows you from now on as {found.identity}; kept in {credentials.path_for(uri)}",
            err=True,
        )
    return found


@asynccontextmanager
async def asked(place: Place, *, named: bool = False) -> AsyncIterator[Http]:
    """Requests about a database; what the server refuses becomes a sentence.

    ``named`` asks as an identity that stays the same. Raises ``CallError`` and ``ConnectError``.
    """
    from harness.client import publishing
    from harness.client.http import Http

    await publishing.reach(place.uri)
    credential = (
        await own_identity(place.uri, anonymous=place.anonymous)
        if named
        else await known_identity(place.uri, anonymous=place.anonymous)
    )
    token = None if credential is None else credential.token
    async with Http(place.uri, token, timeout_s=ANSWER_S) as http:
        try:
            yield http
        except ConnectError as error:
            raise refused(error, place, credential) from None


def refused(error: ConnectError, place: Place, credential: Credential | None) -> HarnessError:
    """What a server's refusal means, as an error to raise in its place."""
    from harness.client import publishing

    status = error.status
    if status is None:
        return error
    said = publishing.said_by(error, credential)
    if status == 403 and "is locked" in said:
        return CallError(f"{place.database} is locked; `harness unlock {place.database}` first")
    if status == 401 and credential is not None and not any(x in said for x in _NOT_THE_OWNER):
        return CallError(f"the server does not accept {credential.origin}; {credential.renewal}")
    if status == 404:
        return CallError(
            f"there is no database {place.database} on {place.uri}; `harness list` shows yours"
        )
    if status in (401, 403) or any(x in said for x in _NOT_THE_OWNER):
        who = "nobody in particular" if credential is None else (credential.identity or "you")
        return CallError(
            f"only the owner of {place.database} may do that; you are {who} to {place.uri}"
        )
    return CallError(f"the server refused with status {status}: {said or 'it said nothing'}")


async def identity_of(http: Http, credential: Credential) -> str:
    """Whose a token is, as it says itself or as the server's own tokens for it say.

    Raises ``CallError`` if neither does.
    """
    from harness.client import credentials

    found = credential.identity or credentials.identity_in(credential.token)
    if found is None:
        found = credentials.identity_in(await http.websocket_token())
    if found is None:
        raise CallError(f"nobody says whose {credential.origin} is")
    return found
