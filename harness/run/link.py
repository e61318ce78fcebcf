"""A worker's ends of the server: connections, the SQL side, and the server's own counters."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

from harness.client import Client, Http, connect
from harness.load.workloads import Item, Model
from harness.records import Check, Scenario, Target
from harness.run import oracle
from harness.targets.remote import token_for
from harness.wire.schema import ModuleDef

#: Seconds for one connection, when many are opened.
CONNECT_TIMEOUT_S = 30.0
#: WebSocket handshakes under way at a time while many connections are opened.
HANDSHAKES = 64


class Link:
    """Opens and closes what one scenario needs; an async context manager."""

    def __init__(self, scenario: Scenario, target: Target) -> None:
        self._scenario = scenario
        self._target = target
        self.connections: list[Client] = []
        self.token = token_for(target)
        self.http: Http
        self._schema: ModuleDef

    async def __aenter__(self) -> Self:
        self.http = Http(self._target.uri, self.token)
        # As a client with generated code has it: known before it connects.
        self._schema = await self.http.schema(self._target.database)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await asyncio.gather(
            *(connection.close() for connection in self.connections), return_exceptions=True
        )
        await self.http.close()

    async def connect(self) -> Client:
        """One more connection, as the scenario states."""
        scenario = self._scenario
        connection = await connect(
            self._target.uri,
            self._target.database,
            token=self.token,
            compression=scenario.compression,
            confirmed=scenario.confirmed,
            protocols=(scenario.protocol,),
            schema=self._schema,
            row_classes={"item": Item},
            timeout_s=CONNECT_TIMEOUT_S,
            call_timeout_s=scenario.load.timeout_s,
        )
        self.connections.append(connection)
        return connection

    async def connect_many(self, count: int) -> None:
        """Open ``count`` connections, ``HANDSHAKES`` at a time. Raises the first failure."""
        gate = asyncio.Semaphore(HANDSHAKES)

        async def one() -> None:
            async with gate:
                await self.connect()

        ended = await asyncio.gather(*(one() for _ in range(count)), return_exceptions=True)
        for failure in ended:
            if failure is not None:
                raise failure

    async def rows(self, table: str) -> list[Any]:
        """What the server holds, by SQL over HTTP."""
        result = await self.http.sql(self._target.database, f"SELECT * FROM {table}")  # noqa: S608  (our own names)
        rows: list[Any] = result[0].rows
        return rows

    async def transactions(self) -> int | None:
        """How many transactions the server says it has committed; None if it does not say."""
        return oracle.transactions(await self.http.metrics())

    async def truth(self, model: Model, tables: tuple[str, ...], cached: bool) -> list[Check]:
        """Server and caches against the model."""
        expected = model.tables()
        checks = []
        for table in tables:
            rows = await self.rows(table)
            checks.append(oracle.same_rows(f"of `{table}` on the server", expected[table], rows))
            if cached:
                for number, connection in enumerate(self.connections):
                    where = f"of `{table}` in cache {number}"
                    held = getattr(connection.db, table).iter()
                    checks.append(oracle.same_rows(where, expected[table], held))
        return checks
