"""Our own client as a peer: ``python -m harness.peers.ours``, measured like all the others."""

from __future__ import annotations

import asyncio
import platform
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

import harness
from harness.bindings.bench.types import Item
from harness.client import Client, connect
from harness.client.http import Http
from harness.peers import driving
from harness.wire import codec
from harness.wire.schema import ModuleDef


class Connection:
    """A client, in the words of ``driving``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def protocol(self) -> str:
        """What the server chose."""
        return self._client.protocol

    def call(self, reducer: str) -> Callable[..., Awaitable[Any]]:
        """``client.reducers.name``."""
        function: Callable[..., Awaitable[Any]] = getattr(self._client.reducers, reducer)
        return function

    def begin(self, reducer: str) -> driving.Begin:
        """``client.call_for``: answers without a future, by callback."""
        call_for, encode = self._client.call_for, self._client.encoder(reducer)

        def begin(waiter: driving.Waiter, arguments: tuple[Any, ...]) -> None:
            call_for(waiter, reducer, encode(arguments))

        return begin

    async def subscribe(self, query: str) -> None:
        """Until the rows are in the cache."""
        await self._client.subscribe(query)

    def rows(self) -> Iterable[Any]:
        """What the cache holds."""
        return self._client.db.item.iter()

    async def close(self) -> None:
        """End it."""
        await self._client.close()


class Connector:
    """Connects; the schema is fetched once and known then, as with generated code."""

    def __init__(self) -> None:
        self._schema: ModuleDef | None = None

    async def __call__(self, request: dict[str, Any]) -> Connection:
        uri, database, token = request["uri"], request["database"], request["token"]
        if self._schema is None:
            async with Http(uri, token) as http:
                self._schema = await http.schema(database)
        client = await connect(
            uri,
            database,
            token=token,
            compression="None",
            confirmed=False,
            protocols=(request["protocol"],),
            schema=self._schema,
            row_classes={"item": Item},
        )
        return Connection(client)


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """On uvloop, where there is one."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(coroutine)  # there is none for this platform
    return uvloop.run(coroutine)


VERSIONS = {
    "runtime": f"{platform.python_implementation()} {platform.python_version()}",
    "package": f"spacetimedb-harness {harness.__version__}",
    "codec": codec.IMPLEMENTATION,
}

if __name__ == "__main__":
    sys.exit(driving.main(Connector(), VERSIONS, run))
