"""Adapter for the harness' own client: the reference beside every other, driven the same way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from harness.bindings.bench.types import Item
from harness.client import Client, connect


def _loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()  # there is none for this platform
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


class Adapter:
    """The client in ``harness.client``."""

    name = "own client"
    requires: Sequence[str] = ()
    protocols: Sequence[str] = ("v3", "v2", "v1")
    #: What the harness asks for: the protocol of the client beside it.
    protocol = "v3"
    loop_factory = staticmethod(_loop)

    _client: Client

    async def connect(self, uri: str, database: str, token: str | None) -> None:
        """Connect, with the schema fetched over HTTP."""
        self._client = await connect(
            uri,
            database,
            token=token,
            protocols=(self.protocol,),
            confirmed=False,
            row_classes={"item": Item},
        )

    def call(self, reducer: str, args: tuple[Any, ...]) -> asyncio.Future[None]:
        """A future of the answer."""
        return self._client.call(reducer, *args)

    async def subscribe(self, queries: Sequence[str]) -> None:
        """Until the rows are in the cache."""
        await self._client.subscribe(*queries)

    def rows(self, table: str) -> Iterable[Any]:
        """What the cache holds."""
        found: Iterable[Any] = getattr(self._client.db, table).iter()
        return found

    async def close(self) -> None:
        """End it."""
        await self._client.close()
