"""A small WebSocket server that says what a test wrote down, on a free port of this process."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from typing import Any, Self, TypeAlias

from aiohttp import WSMsgType, web

from harness.client import Client, connect
from harness.protocol import SUBPROTOCOLS
from harness.wire import types as t
from harness.wire import v2
from harness.wire.rows import EMPTY, RowList, row_list
from harness.wire.schema import (
    IndexAlgorithm,
    IndexDef,
    ModuleDef,
    ProcedureDef,
    ReducerDef,
    TableDef,
    UniqueDef,
)
from harness.wire.values import ConnectionId, Identity, TimeDuration, Timestamp
from tests.e2e.server import PATIENCE_S

ME = Identity.from_int(7)
NOW = Timestamp(1_700_000_000_000_000)
SQL = "SELECT * FROM item"

_PAIR = t.product(id=t.U32, value=t.U32)
SCHEMA = ModuleDef(
    t.Typespace((_PAIR, _PAIR)),
    tables=(
        TableDef(
            "item",
            "item",
            0,
            0,
            (IndexDef("by_value", "by_value", IndexAlgorithm.BTREE, (1,)),),
            (UniqueDef("id", (0,)),),
            public=True,
        ),
        TableDef("note", "note", 1, public=True),
    ),
    reducers=(
        ReducerDef("put", "put", t.product(id=t.U32, value=t.U32)),
        ReducerDef("reset", "reset", t.UNIT),
    ),
    procedures=(ProcedureDef("roll", "roll", t.product(sides=t.U8), t.option(t.U8)),),
)

GREETING = v2.InitialConnection(ME, ConnectionId.from_int(1), "secret-token")


def rows(*pairs: tuple[int, int]) -> RowList:
    return row_list([struct.pack("<II", *pair) for pair in pairs])


def change(
    inserts: RowList = EMPTY, deletes: RowList = EMPTY, table: str = "item"
) -> v2.TableUpdate:
    return v2.TableUpdate(table, [v2.PersistentTable(inserts, deletes)])


def update(*changes: v2.TableUpdate) -> v2.TransactionUpdate:
    return v2.TransactionUpdate([v2.QuerySetUpdate(1, list(changes))])


def result(request_id: int, outcome: Any = None) -> v2.ReducerResult:
    return v2.ReducerResult(request_id, NOW, outcome or v2.ReducerOkEmpty())


def applied(set_id: int, *pairs: tuple[int, int]) -> v2.SubscribeApplied:
    found = v2.QueryRows([v2.SingleTableRows("item", rows(*pairs))])
    return v2.SubscribeApplied(1, set_id, found)


def ended(set_id: int, *pairs: tuple[int, int]) -> v2.UnsubscribeApplied:
    gone = v2.QueryRows([v2.SingleTableRows("item", rows(*pairs))])
    return v2.UnsubscribeApplied(1, set_id, gone)


def returned(request_id: int, value: bytes) -> v2.ProcedureResult:
    return v2.ProcedureResult(v2.Returned(value), NOW, TimeDuration(0), request_id)


class Peer:
    """The server's end of one connection, which speaks v2 or v3."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.socket = socket
        self._request = request

    async def greet(self) -> None:
        await self.say(GREETING)

    async def say(self, *messages: Any) -> None:
        """All messages in one payload, without compression."""
        await self.socket.send_bytes(b"\0" + v2.SERVER.encode_all(messages))

    async def hear(self) -> list[Any]:
        """The messages of the next frame."""
        return v2.CLIENT.decode_all(await self.socket.receive_bytes())

    async def gone(self) -> int | None:
        """Wait for the client's close; its code."""
        while True:
            message = await self.socket.receive()
            if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED):
                return self.socket.close_code
            assert message.type is WSMsgType.BINARY

    def write(self, data: bytes) -> None:
        """Bytes as they are, instead of a frame."""
        assert self._request.transport is not None
        self._request.transport.write(data)

    def vanish(self) -> None:
        """End the TCP connection without a word."""
        assert self._request.transport is not None
        self._request.transport.abort()


Script: TypeAlias = Callable[[Peer], Awaitable[None]]


class Scripted:
    """A server; each connection gets the next script, or is refused with the next status."""

    def __init__(self, *scripts: Script | int, protocol: str = "v3") -> None:
        self._scripts = list(scripts)
        self._protocol = protocol
        self.uri = ""
        #: The upgrade requests that came.
        self.requests: list[web.Request] = []
        self._failures: list[BaseException] = []

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/v1/database/db/subscribe", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.uri = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._runner.cleanup()
        if self._failures:
            raise self._failures[0]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        script = self._scripts.pop(0)
        if isinstance(script, int):
            return web.Response(status=script, text=f"refused with {script}")
        socket = web.WebSocketResponse(protocols=[SUBPROTOCOLS[self._protocol]])
        await socket.prepare(request)
        try:
            await script(Peer(socket, request))
        except AssertionError as error:
            self._failures.append(error)
        return socket


async def until_gone(peer: Peer) -> None:
    await peer.gone()


async def attach(server: Scripted, **options: Any) -> Client:
    """Connect to a scripted server."""
    return await connect(server.uri, "db", schema=SCHEMA, **options)


def run(story: Callable[[], Awaitable[None]]) -> None:
    """Run a story; the limit bounds liveness only."""

    async def limited() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await story()

    asyncio.run(limited())
