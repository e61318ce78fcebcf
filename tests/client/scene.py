"""A client without a socket: what it sends is kept, what the server says is handed in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from harness.client.client import Client
from harness.protocol import SUBPROTOCOLS
from harness.wire import types as t
from harness.wire import v2
from harness.wire.rows import RowList, row_list
from harness.wire.schema import (
    IndexAlgorithm,
    IndexDef,
    Lifecycle,
    ModuleDef,
    ProcedureDef,
    ReducerDef,
    TableDef,
    TypeDef,
    ViewDef,
)
from tests.protocol.script import ScriptV1, ScriptV2

#: `p` has a primary key, `t` has none, `e` holds events; `best` is a view.
SCHEMA = ModuleDef(
    t.Typespace((t.product(id=t.U32), t.product(id=t.U32, hp=t.U32), t.product(id=t.U32))),
    (
        TableDef("t", "t", 0),
        TableDef(
            "p",
            "p",
            1,
            primary_key=0,
            indexes=(IndexDef("p_hp_idx", "by_hp", IndexAlgorithm.BTREE, (1,)),),
        ),
        TableDef("e", "e", 2, event=True),
    ),
    (
        ReducerDef("add", "add", t.product(v=t.U32)),
        ReducerDef("transfer", "transfer", t.product(giver=t.U32, taker=t.U32, amount=t.I64)),
        ReducerDef("noop", "noop", t.Product(())),
        ReducerDef("hello", "hello", t.Product(()), Lifecycle.ON_CONNECT),
    ),
    (TypeDef((), "T", 0), TypeDef((), "P", 1), TypeDef((), "E", 2)),
    procedures=(ProcedureDef("roll", "roll", t.product(sides=t.U8), t.U8),),
    views=(ViewDef("best", "best", 0, True, True, t.Product(()), t.Array(t.Ref(1)), ("id",)),),
)


def encoded(*rows: int | tuple[int, ...]) -> RowList:
    """Rows of u32 columns."""
    tuples = [row if isinstance(row, tuple) else (row,) for row in rows]
    return row_list([b"".join(x.to_bytes(4, "little") for x in row) for row in tuples])


def update(table: str, ins: list[Any] | None = None, dels: list[Any] | None = None) -> Any:
    """What one transaction did to one table."""
    part = v2.PersistentTable(encoded(*(ins or [])), encoded(*(dels or [])))
    return v2.TableUpdate(table, [part])


def changed(*tables: v2.TableUpdate) -> v2.TransactionUpdate:
    """A transaction of somebody else."""
    return v2.TransactionUpdate([v2.QuerySetUpdate(1, list(tables))])


def snapshot(set_id: int, **tables: list[Any]) -> v2.SubscribeApplied:
    """What a subscription begins with."""
    rows = [v2.SingleTableRows(name, encoded(*found)) for name, found in tables.items()]
    return v2.SubscribeApplied(1, set_id, v2.QueryRows(rows))


class Wire:
    """A transport that goes nowhere."""

    def __init__(self, protocol: str = "v3") -> None:
        self.subprotocol = SUBPROTOCOLS[protocol]
        self.sent: list[bytes] = []
        self.closed: tuple[int, str] | None = None
        self.aborted = False
        self.on_close: Callable[[int, str], None] = lambda code, reason: None

    def send(self, payloads: list[bytes]) -> None:
        self.sent += payloads

    def close(self, code: int = 1000, reason: str = "") -> None:
        if self.closed is None:
            self.closed = (code, reason)
            asyncio.get_running_loop().call_soon(self.on_close, 1006, "")

    def abort(self) -> None:
        self.aborted = True
        asyncio.get_running_loop().call_soon(self.on_close, 1006, "")


class Scene:
    """A client that was greeted, its wire, and the script of its server."""

    def __init__(self, protocol: str = "v3", **options: Any) -> None:
        self.script: Any = ScriptV1() if protocol == "v1" else ScriptV2()
        self.client = Client(SCHEMA, **options)
        self.attach(Wire(protocol))

    def attach(self, wire: Wire) -> None:
        """Give the client a (further) transport and the greeting."""
        self.wire = wire
        wire.on_close = self.client.on_close
        self.client.start(wire)  # type: ignore[arg-type]  # has all that a client uses
        self.say(self.script.greeting())

    def say(self, *messages: Any) -> None:
        """One payload from the server."""
        self.client.on_message(self.script.payload(*messages))

    def said(self) -> list[Any]:
        """What the client has sent since the last time."""
        sent, self.wire.sent = self.wire.sent, []
        return [message for payload in sent for message in self.script.heard(payload)]

    def record(self, table: str) -> list[tuple[Any, ...]]:
        """What the callbacks of a table hear, as tuples."""
        heard: list[tuple[Any, ...]] = []
        handle = getattr(self.client.db, table)
        handle.on_insert(lambda _, row: heard.append(("+", *plain(row))))
        handle.on_delete(lambda _, row: heard.append(("-", *plain(row))))
        if table != "t" and table != "e":
            handle.on_update(lambda _, old, new: heard.append(("=", plain(old), plain(new))))
        return heard


def plain(row: Any) -> tuple[Any, ...]:
    """A row as a tuple."""
    return tuple(getattr(row, name) for name in row.__struct_fields__)


async def tick() -> None:
    """Let everything that is due happen."""
    for _ in range(5):
        await asyncio.sleep(0)


def play(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run an asynchronous test."""
    asyncio.run(scene())
