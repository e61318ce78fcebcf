"""Publishing a compiled module as a database, and what each refusal means."""

from __future__ import annotations

import asyncio
import errno
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from harness.client.credentials import Credential
from harness.client.http import Http
from harness.client.servers import is_local
from harness.errors import CallError, ConnectError, HarnessError, PlanError, RemoteProtocolError

#: How long a server may take to answer at all, in seconds.
REACH_TIMEOUT_S = 10.0
#: How long a server of this machine may take until it listens, in seconds, and how often to ask.
STARTING_S = 5.0
_AGAIN_S = 0.1
#: How long it may take to compile and start a module, in seconds.
PUBLISH_TIMEOUT_S = 120.0
#: The most characters of a server's own text that are shown.
SHOWN = 600
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_IDENTITY = re.compile(r"(0x)?[0-9a-f]{64}")
_MIGRATION = ("Database update rejected", "Failed to create or update the database")


@dataclass(frozen=True, slots=True)
class Published:
    """What came of it. ``identity`` is the database's, 64 hexadecimal digits."""

    identity: str
    created: bool


def is_identity(text: str) -> bool:
    """Whether it is 64 hexadecimal digits, as an identity is written, in any case."""
    return _IDENTITY.fullmatch(text.lower()) is not None


def check_name(name: str) -> None:
    """Raises ``PlanError`` for a name that no server takes, with one that it would."""
    if _NAME.fullmatch(name):
        return
    likely = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    hint = f"; perhaps {likely}" if likely else ""
    raise PlanError(
        f"a database's name is lower case letters and digits, with single hyphens between them, "
        f"not {name!r}{hint}"
    )


async def reach(
    uri: str,
    *,
    starting_s: float = 0.0,
    waiting: Callable[[], None] = lambda: None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Raises ``ConnectError`` if nobody answers there, or not as a SpacetimeDB server does.

    A server of this machine may be starting: it is given ``starting_s`` seconds to listen, and
    ``waiting`` is called before they are waited for.
    """
    tries = round(starting_s / _AGAIN_S) if is_local(uri) else 0
    for left in reversed(range(tries + 1)):
        try:
            async with Http(uri, timeout_s=REACH_TIMEOUT_S) as http:
                await http.ping()
            return
        except ConnectError as error:
            if error.status is not None:
                raise ConnectError(
                    f"what answers at {uri} is no SpacetimeDB server: its status is {error.status}",
                    error.status,
                ) from None
            # aiohttp's error is an OSError with the number, and no ConnectionRefusedError.
            if not left or getattr(error.__cause__, "errno", None) != errno.ECONNREFUSED:
                raise ConnectError(
                    f"nobody answers at {uri} ({_reason(error, uri)}); start a server there"
                    f"{_how_to_start(uri)}, or name another with --server"
                ) from None
        if left == tries:
            waiting()
        await sleep(_AGAIN_S)


def _how_to_start(uri: str) -> str:
    """The command, for an address of this machine."""
    if not is_local(uri):
        return ""
    place = urlsplit(uri).netloc
    listen = "" if place in ("127.0.0.1:3000", "localhost:3000") else f" --listen {place}"
    return f" (`harness start{listen}`)"


async def new_identity(uri: str) -> tuple[str, str]:
    """An identity that the server made just now, and its token."""
    try:
        async with Http(uri, timeout_s=REACH_TIMEOUT_S) as http:
            return await http.identity()
    except HarnessError as error:
        status = getattr(error, "status", None)
        how = "its answer makes no sense" if status is None else f"its status is {status}"
        raise ConnectError(f"{uri} gives no identity: {how}", status) from None


async def is_embedded(uri: str) -> bool:
    """Whether the server there is ours, which runs Python modules from their source."""
    try:
        async with Http(uri, timeout_s=REACH_TIMEOUT_S) as http:
            return (await http.health()).get("package_name") == "spacetimedb-harness"
    except HarnessError:
        return False  # not every server has this route


class MigrationRefused(CallError):
    """The server cannot bring the data along; ``said`` is why, in its own words."""

    def __init__(self, said: str, name: str) -> None:
        super().__init__(f"{said}; --clear publishes all the same and deletes the data")
        self.said, self.name = said, name


@dataclass(frozen=True, slots=True)
class Plan:
    """What an update would do. ``manual``: the data cannot come along. ``query`` agrees to it."""

    text: str
    manual: bool
    breaks_clients: bool
    query: dict[str, str]


async def plan(
    uri: str, credential: Credential, name: str, module: bytes, host_type: str = "Wasm", *,
    source: str | None = None,
) -> Plan | None:  # fmt: skip
    """What publishing would do to the database ``name``; None if it is new, or the server is older
    than 1.5 and makes no plans. ``source`` is as for ``publish``.

    Raises ``CallError`` if the server refuses, and ``ConnectError``.
    """
    try:
        async with Http(uri, credential.token, timeout_s=PUBLISH_TIMEOUT_S) as http:
            found = await http.pre_publish(name, module, host_type, kind=source)
    except ConnectError as error:
        if error.status in (404, 405):
            return None
        if error.status is None:
            raise
        said = said_by(error, credential)
        if source is None:
            raise CallError(_refusal(error.status, said, credential, name)) from None
        raise CallError(_embedded_refusal(error.status, said, credential)) from None
    automatic, manual = found.get("AutoMigrate"), found.get("ManualMigrate")
    if isinstance(manual, dict):
        return Plan(str(manual.get("reason", "")), True, False, {})
    if not isinstance(automatic, dict):
        raise RemoteProtocolError(f"the answer of {uri} is no plan for an update")
    breaks = automatic.get("break_clients") is True
    token = str(automatic.get("token", ""))
    query = {"policy": "BreakClients", "token": token} if breaks else {}
    return Plan(str(automatic.get("migrate_plan", "")), False, breaks, query)


async def publish(
    uri: str, credential: Credential, name: str, module: bytes, *,
    clear: bool = False, source: str | None = None, query: Mapping[str, str] | None = None,
) -> Published:  # fmt: skip
    """Create or update the database ``name``; with ``clear`` its data is deleted first.

    ``module`` is WebAssembly, or for our own server a program, whose content type is ``source``;
    ``query`` is what else the server is told. Raises ``CallError`` with a sentence if the server
    refuses, ``MigrationRefused`` if it does because of the data, ``ConnectError`` if its answer was
    lost, ``RemoteProtocolError`` if the answer makes no sense. None of them has the token.
    """
    try:
        async with Http(uri, credential.token, timeout_s=PUBLISH_TIMEOUT_S) as http:
            answer = await http.publish(name, module, clear=clear, kind=source, query=query)
    except ConnectError as error:
        if error.status is None:
            raise ConnectError(
                f"the answer of {uri} was lost ({_reason(error, uri)}): whether {name} was "
                "published is unknown; publish again to be sure"
            ) from None
        said = said_by(error, credential)
        if error.status == 400 and said.startswith(_MIGRATION):
            raise MigrationRefused(said, name) from None
        if source is None:
            sentence = _refusal(error.status, said, credential, name)
        else:
            sentence = _embedded_refusal(error.status, said, credential)
        raise CallError(sentence) from None
    except HarnessError:
        raise RemoteProtocolError(f"the answer of {uri} makes no sense: it is no object") from None
    return _published(answer, uri)


def _published(answer: dict[str, object], uri: str) -> Published:
    found = answer.get("Success")
    if isinstance(found, dict):
        identity, op = found.get("database_identity"), found.get("op")
        if isinstance(identity, str) and _IDENTITY.fullmatch(identity.lower()):
            return Published(identity.lower().removeprefix("0x"), op == "created")
    raise RemoteProtocolError(
        f"the answer of {uri} does not say that the database was created or updated"
    )


def _refusal(status: int, said: str, credential: Credential, name: str) -> str:
    """What a refusal means, and the next step. Servers differ in the status of some."""
    denied = "PermissionDenied" in said or "Permission denied" in said
    if "locked" in said.lower() and status == 403:
        return f"{name} is locked; `harness unlock {name}` first"
    if denied or status == 403:
        return (
            f"the database {name} belongs to another identity; publish under another name, or "
            "with its owner's token in SPACETIMEDB_TOKEN"
        )
    if status == 401:
        return f"the server does not accept {credential.origin}; {credential.renewal}"
    return f"the server refused with status {status}: {said or 'it said nothing'}"


def _embedded_refusal(status: int, said: str, credential: Credential) -> str:
    """What our own server says is a sentence already; here is the next step."""
    if status == 401:
        return f"the server does not accept {credential.origin}; {credential.renewal}"
    if status == 403 and "only who started this server" in said:
        return (
            f"only who started this server may publish to it, and {credential.origin} is not that "
            "user's; publish from the account that it runs under, without SPACETIMEDB_TOKEN and "
            "--anonymous"
        )
    return said or f"the server refused with status {status}: it said nothing"


def said_by(error: ConnectError, credential: Credential | None = None) -> str:
    """What the server said, without our own words in front of it, as one line fit to be shown."""
    return _shown(str(error).partition(f" with {error.status}: ")[2], credential)


def _reason(error: ConnectError, uri: str) -> str:
    """Why there was no answer, in as few words as there are."""
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno and cause.strerror:
        # Numbers below 0 are of name look-ups, which have no words but their own.
        return os.strerror(cause.errno) if cause.errno > 0 else cause.strerror
    return str(error).removeprefix(f"{uri} ").removeprefix("cannot be reached: ")


def _shown(text: str, credential: Credential | None) -> str:
    """A foreign text as one line of visible letters, without our token should it be in it."""
    clean = "".join(x if x.isprintable() else " " for x in text.replace("\n\n", "; "))
    if credential is not None:
        clean = clean.replace(credential.token, "…")
    line = " ".join(clean.split()).strip("; ")
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"
