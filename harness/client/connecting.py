"""How a client comes about: schema, handshake, greeting; and how it comes back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from harness.client.client import Client, protocols_of
from harness.client.transport import Transport, open_transport
from harness.errors import ConnectError, HarnessError
from harness.wire.schema import ModuleDef

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
#: Answers of a server that will not change by asking again.
FINAL_STATUS = (400, 401, 403, 404)


@dataclass(frozen=True, slots=True)
class Backoff:
    """When to try again after a loss: doubling from ``first_s`` to ``most_s``, with jitter.

    ``sleep`` and ``rng`` can be given for tests.
    """

    first_s: float = 1.0
    most_s: float = 30.0
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep
    rng: random.Random = random.Random()  # noqa: RUF009  (shared on purpose)

    def delay_s(self, attempt: int) -> float:
        """Seconds before attempt 0, 1, 2 …: half to all of the doubled time."""
        whole = min(self.most_s, self.first_s * float(1 << min(attempt, 30)))
        return whole * (0.5 + self.rng.random() / 2)


class Connecting:
    """``await connect(…)`` gives the client; ``async with connect(…)`` closes it as well."""

    def __init__(self, make: Callable[[], Awaitable[Client]]) -> None:
        self._make = make
        self._client: Client | None = None

    def __await__(self) -> Generator[Any, None, Client]:
        return self._make().__await__()

    async def __aenter__(self) -> Client:
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
) -> Connecting:
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
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        base, host = _base(uri)
        known = schema if schema is not None else await _fetch(base, database, token, timeout_s)
        client = Client(
            known,
            row_classes=row_classes,
            call_timeout_s=call_timeout_s,
            on_disconnect=on_disconnect,
        )
        client.token = token
        query = {"compression": compression}
        if confirmed is not None:
            query["confirmed"] = str(confirmed).lower()
        if light:
            query["light"] = "true"
        url = f"{host}/v1/database/{quote(database, safe='')}/subscribe?{urlencode(query)}"
        offer = protocols_of(protocols)

        async def attach(limit_s: float) -> None:
            headers = [("Sec-WebSocket-Protocol", offer)]
            if client.token is not None:
                headers.append(("Authorization", f"Bearer {client.token}"))
            await _attach(client, url, headers, limit_s)

        await attach(max(0.001, deadline - loop.time()))
        if reconnect is not None:
            _Returning(client, attach, reconnect, timeout_s).watch()
        return client

    return Connecting(make)


async def _attach(client: Client, url: str, headers: list[tuple[str, str]], limit_s: float) -> None:
    """Handshake and greeting, within one limit."""
    transport: Transport | None = None
    try:
        async with asyncio.timeout(limit_s):
            transport = await open_transport(
                url, headers, client.on_message, client.on_close, limit_s
            )
            client.start(transport)
            await client.greeted()
    except TimeoutError:
        if transport is not None:
            transport.close()
        shown = url.partition("?")[0]
        raise ConnectError(f"{shown} did not greet us within {limit_s:.3g} s") from None
    except ConnectError:
        raise
    except HarnessError as error:
        if transport is not None:
            transport.close()
        raise ConnectError(str(error)) from error


class _Returning:
    """Brings a client back after a loss."""

    def __init__(
        self,
        client: Client,
        attach: Callable[[float], Awaitable[None]],
        backoff: Backoff,
        limit_s: float,
    ) -> None:
        self._client = client
        self._attach = attach
        self._backoff = backoff
        self._limit_s = limit_s
        self._task: asyncio.Task[None] | None = None

    def watch(self) -> None:
        self._client.on_loss = self._lost

    def _lost(self, error: HarnessError) -> bool:
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._return(error))
        return True

    async def _return(self, error: HarnessError) -> None:
        client, attempt = self._client, 0
        while True:
            await self._backoff.sleep(self._backoff.delay_s(attempt))
            attempt += 1
            client.renew()
            try:
                await self._attach(self._limit_s)
                await client.resubscribe()
                return
            except ConnectError as refused:
                if refused.status in FINAL_STATUS or "rejected" in str(refused):
                    client.on_loss = lambda lost: False
                    client.on_close(1006, str(refused))
                    return
            except HarnessError:
                continue


def _base(uri: str) -> tuple[str, str]:
    """(HTTP address, WebSocket address) of a server. Raises ``ConnectError``."""
    parts = urlsplit(uri)
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None or not parts.netloc:
        raise ConnectError(f"{uri!r} is not a server: write http://HOST:PORT")
    http = "https" if scheme == "wss" else "http"
    path = parts.path.rstrip("/")
    return f"{http}://{parts.netloc}{path}", f"{scheme}://{parts.netloc}{path}"


async def _fetch(base: str, database: str, token: str | None, timeout_s: float) -> ModuleDef:
    from harness.client.http import Http

    async with Http(base, token, timeout_s=timeout_s) as http:
        return await http.schema(database)


@asynccontextmanager
async def connected(*args: Any, **kwargs: Any) -> AsyncIterator[Client]:
    """``connect`` as a plain context manager."""
    client = await connect(*args, **kwargs)
    try:
        yield client
    finally:
        await client.close()
