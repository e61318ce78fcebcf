"""How a client comes about: schema, handshake, greeting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from harness.client.client import Client
from harness.client.returning import Backoff, Rejected, Returner
from harness.client.transport import NO_CLOSE, Transport
from harness.errors import ConnectError, ConnectionLost, HarnessError, LocalProtocolError
from harness.protocol import SUBPROTOCOLS
from harness.wire.schema import ModuleDef

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


class _Closable(Protocol):
    async def close(self) -> None: ...


C = TypeVar("C", bound=_Closable)


class Connecting(Generic[C]):
    """``await connect(…)`` gives the client; ``async with connect(…)`` closes it as well."""

    def __init__(self, make: Callable[[], Awaitable[C]]) -> None:
        self._make = make
        self._client: C | None = None

    def __await__(self) -> Generator[Any, None, C]:
        return self._make().__await__()

    async def __aenter__(self) -> C:
        self._client = await self._make()
        return self._client

    async def __aexit__(self, *exc: object) -> None:
        assert self._client is not None
        await self._client.close()


def connect(
    uri: str,
    database: str,
    *,
    token: str | None = None,
    schema: ModuleDef | None = None,
    row_classes: Mapping[str, type[Any]] | None = None,
    compression: str = "None",
    confirmed: bool | None = None,
    light: bool = False,
    protocols: Sequence[str] = ("v3", "v2", "v1"),
    timeout_s: float = 10.0,
    call_timeout_s: float | None = None,
    reconnect: Backoff | None = None,
    on_disconnect: Callable[[Client, str], Any] | None = None,
) -> Connecting[Client]:
    """Connect to a database.

    Args:
        uri: of the server; ``http``, ``https``, ``ws`` or ``wss``.
        database: its name, or its identity in hexadecimal.
        token: who we are; without one the server makes a new identity.
        schema: of the database; fetched over HTTP if None.
        row_classes: table name → class for its rows, instead of made ones.
        compression: what the server may use: ``None``, ``Gzip`` or ``Brotli``.
        confirmed: whether answers wait until they are on disk; None leaves it to the server.
        light: over v1, leave out whose reducer made a change.
        protocols: what is offered; the server chooses.
        timeout_s: seconds for all of it: schema, TCP, handshake and greeting.
        call_timeout_s: seconds after which a call fails with ``CallTimeout``; None: never.
        reconnect: come back after a loss; None ends the client.
        on_disconnect: called with the client and the reason at the end.

    Raises ``ConnectError``, with the HTTP status if the server refused.
    """

    async def make() -> Client:
        deadline = asyncio.get_running_loop().time() + timeout_s
        base, _ = _base(uri)
        known = schema if schema is not None else await _fetch(base, database, token, timeout_s)
        client = Client(
            known,
            row_classes=row_classes,
            call_timeout_s=call_timeout_s,
            on_disconnect=on_disconnect,
        )
        left = max(0.001, deadline - asyncio.get_running_loop().time())
        way = Way(
            uri, database, token, compression, confirmed, light, protocols, timeout_s, reconnect
        )
        await way.go(client, left)
        return client

    return Connecting(make)


@dataclass(frozen=True, slots=True)
class Way:
    """How to get to a database; what the fields mean is said at ``connect``."""

    uri: str
    database: str
    token: str | None = field(default=None, repr=False)
    compression: str = "None"
    confirmed: bool | None = None
    light: bool = False
    protocols: Sequence[str] = ("v3", "v2", "v1")
    timeout_s: float = 10.0
    reconnect: Backoff | None = None

    async def go(self, client: Client, limit_s: float) -> None:
        """Connect a client, which may come back the same way. Raises ``ConnectError``."""
        _, host = _base(self.uri)
        client.token = self.token
        query = {"compression": self.compression}
        if self.confirmed is not None:
            query["confirmed"] = str(self.confirmed).lower()
        if self.light:
            query["light"] = "true"
        name = quote(self.database, safe="")
        url = f"{host}/v1/database/{name}/subscribe?{urlencode(query)}"
        offer = _offer(self.protocols)

        async def attach(limit_s: float = self.timeout_s) -> None:
            headers = [("Sec-WebSocket-Protocol", offer)]
            if client.token is not None:
                headers.append(("Authorization", f"Bearer {client.token}"))
            client.renew()
            await _attach(client, url, headers, limit_s)

        await attach(limit_s)
        if self.reconnect is not None:
            client.returner = Returner(client, attach, self.reconnect)

    async def schema(self, version: int = 9) -> ModuleDef:
        """The schema that the server serves. Raises ``ConnectError`` and ``SchemaError``."""
        return await _fetch(_base(self.uri)[0], self.database, self.token, self.timeout_s, version)


async def _attach(client: Client, url: str, headers: list[tuple[str, str]], limit_s: float) -> None:
    """Handshake and greeting, within one limit. Raises ``ConnectError``."""
    transport = Transport(client.on_message, client.on_close)
    try:
        async with asyncio.timeout(limit_s):
            await transport.open(url, headers, limit_s)
            client.start(transport)
            await client.greeted()
    except TimeoutError:
        shown = url.partition("?")[0]
        error = ConnectError(f"{shown} did not greet us within {limit_s:.3g} s")
        _abandon(client, transport, error)
        raise error from None
    except ConnectError:
        transport.abandon()
        raise
    except HarnessError as lost:
        if transport.close_code == NO_CLOSE and isinstance(lost, ConnectionLost):
            lost = Rejected("the connection was rejected by the module")
        _abandon(client, transport, lost)
        raise lost if isinstance(lost, Rejected) else ConnectError(str(lost)) from lost
    except asyncio.CancelledError:
        _abandon(client, transport, ConnectionLost("the connection was given up"))
        raise


def _abandon(client: Client, transport: Transport, error: HarnessError) -> None:
    transport.abandon()
    client.detach(error)


def _offer(names: Sequence[str]) -> str:
    """The handshake's list of subprotocols. Raises ``LocalProtocolError`` for unknown names."""
    unknown = [name for name in names if name not in SUBPROTOCOLS]
    if unknown or not names:
        raise LocalProtocolError(f"protocols are {', '.join(SUBPROTOCOLS)}, not {unknown}")
    return ", ".join(SUBPROTOCOLS[name] for name in names)


def _base(uri: str) -> tuple[str, str]:
    """(HTTP address, WebSocket address) of a server. Raises ``ConnectError``."""
    parts = urlsplit(uri)
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None or not parts.netloc:
        raise ConnectError(f"{uri!r} is not a server: write http://HOST:PORT")
    http = "https" if scheme == "wss" else "http"
    path = parts.path.rstrip("/")
    return f"{http}://{parts.netloc}{path}", f"{scheme}://{parts.netloc}{path}"


async def _fetch(
    base: str, database: str, token: str | None, timeout_s: float, version: int = 9
) -> ModuleDef:
    from harness.client.http import Http

    async with Http(base, token, timeout_s=timeout_s) as http:
        return await http.schema(database, version)
