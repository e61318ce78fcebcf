"""Plays seeded calls on a real server that has a compiled module, and reads what they left."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from harness.client import connect, publishing
from harness.client.http import Http
from harness.client.rows import types_of
from harness.errors import HarnessError
from harness.module import Module
from harness.targets.embedded import DATABASE
from harness.targets.standalone import Standalone
from harness.wire.values import ConnectionId, Identity
from tests.module.differential.agree import Call

#: Calls in flight on the one connection; they run in the order in which they are sent.
WINDOW = 200


@dataclass(frozen=True, slots=True)
class Left:
    """Texts that callers were told ("" if committed), and the public tables' encoded rows."""

    identity: Identity
    connection_id: ConnectionId
    texts: list[str]
    rows: dict[str, list[bytes]]


def play(server: Standalone, module: Module, calls: list[Call]) -> Left:
    """Make the calls over one connection of protocol v1."""
    return asyncio.run(_play(server, DATABASE, None, module, calls))


class Owner:
    """An identity of a server that publishes modules there, calls them and reads their logs."""

    def __init__(self, server: Standalone) -> None:
        self._server = server
        self.identity, self._token = asyncio.run(publishing.new_identity(server.uri))

    def play(
        self, name: str, module: Module, wasm: bytes, calls: list[Call]
    ) -> tuple[Left, list[tuple[str, str]]]:
        """Publish under a new name and make the calls; also the log: levels and messages."""
        return asyncio.run(self._play(name, module, wasm, calls))

    async def _play(
        self, name: str, module: Module, wasm: bytes, calls: list[Call]
    ) -> tuple[Left, list[tuple[str, str]]]:
        async with Http(self._server.uri, self._token, timeout_s=60) as http:
            await http.publish(name, wasm)
            left = await _play(self._server, name, self._token, module, calls)
            records = await http.logs(name, 100_000)
        own = [record for record in records if record.get("filename", "").startswith("program_")]
        return left, [(record["level"], record["message"]) for record in own]


async def _play(
    server: Standalone, database: str, token: str | None, module: Module, calls: list[Call]
) -> Left:
    definition = module.compiled.definition
    types = types_of(definition)
    public = [table for table in definition.tables if table.public]
    async with connect(
        server.uri, database, token=token, protocols=("v1",), schema=definition, timeout_s=60
    ) as client:
        texts: list[str] = []
        for start in range(0, len(calls), WINDOW):
            futures = [
                client.call_encoded(call.reducer, call.args)
                for call in calls[start : start + WINDOW]
            ]
            ended = await asyncio.gather(*futures, return_exceptions=True)
            texts += [_text(each) for each in ended]
        await client.subscribe(*[f"SELECT * FROM {table.name}" for table in public])
        rows = {
            table.name: sorted(
                map(types.row_codec(table).encode, getattr(client.db, table.name).iter())
            )
            for table in public
        }
        return Left(client.identity, client.connection_id, texts, rows)


def _text(ended: BaseException | None) -> str:
    if ended is None:
        return ""
    if not isinstance(ended, HarnessError):
        raise ended
    return str(ended)
