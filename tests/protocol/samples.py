"""Server messages and their parts, and the three ways in which a server may send them."""

from __future__ import annotations

import zlib
from typing import Any

import brotli

from harness.protocol import SUBPROTOCOLS, open_connection
from harness.protocol.connection import Connection
from harness.wire import v1, v2
from harness.wire.rows import EMPTY, RowList, row_list
from harness.wire.values import ConnectionId, Identity, TimeDuration, Timestamp

ME = ConnectionId.from_int(0x11)
OTHER = ConnectionId.from_int(0x22)
IDENTITY = Identity.from_hex("c2" + "00" * 30 + "ab")
WHEN = Timestamp(1_700_000_000_000_000)
SHORT = TimeDuration(3)
SQL = "SELECT * FROM t"

ONE = row_list([b"\x01\0\0\0"])
TWO = row_list([b"\x02\0\0\0"])

#: Compression prefix → how the body is packed under it.
PACKERS = {
    "plain": lambda body: b"\x00" + body,
    "brotli": lambda body: b"\x01" + brotli.compress(body),
    "gzip": lambda body: b"\x02" + gzip(body),
}


def gzip(body: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


def codecs(protocol: str) -> tuple[Any, Any]:
    """(client codec, server codec)."""
    module = v1 if protocol == "v1" else v2
    return module.CLIENT, module.SERVER


def payload(protocol: str, *messages: Any, packing: str = "plain") -> bytes:
    """One payload from the server; only v3 can hold more than one message."""
    assert len(messages) == 1 or protocol == "v3"
    return PACKERS[packing](codecs(protocol)[1].encode_all(messages))


def asked(connection: Connection) -> list[Any]:
    """What the connection wants to send, decoded."""
    codec = codecs(connection.protocol)[0]
    return [message for data in connection.data_to_send() for message in codec.decode_all(data)]


def greeting(protocol: str) -> bytes:
    if protocol == "v1":
        return payload("v1", v1.IdentityToken(IDENTITY, "secret", ME))
    return payload(protocol, v2.InitialConnection(IDENTITY, ME, "secret"))


def greeted(protocol: str) -> Connection:
    """A connection that the server has greeted."""
    connection = open_connection(SUBPROTOCOLS[protocol])
    connection.receive(greeting(protocol))
    return connection


# --- v1 ------------------------------------------------------------------------------------------


def update1(inserts: RowList = ONE, deletes: RowList = EMPTY) -> v1.DatabaseUpdate:
    one = v1.TableUpdate(4097, "t", 1, [v1.QueryUpdate(deletes, inserts)])
    return v1.DatabaseUpdate([one])


def transaction1(
    status: Any,
    *,
    request_id: int = 1,
    name: str = "add",
    caller: ConnectionId = ME,
) -> v1.TransactionUpdate:
    call = v1.ReducerCallInfo(name, 1, b"", request_id)
    return v1.TransactionUpdate(status, WHEN, IDENTITY, caller, call, 0, SHORT)


# --- v2 and v3 -----------------------------------------------------------------------------------


def update2(inserts: RowList = ONE, deletes: RowList = EMPTY) -> v2.TransactionUpdate:
    rows: list[Any] = [v2.PersistentTable(inserts, deletes)]
    return v2.TransactionUpdate([v2.QuerySetUpdate(1, [v2.TableUpdate("t", rows)])])


def rows2(rows: RowList = ONE) -> v2.QueryRows:
    return v2.QueryRows([v2.SingleTableRows("t", rows)])


def result2(result: Any, request_id: int = 1) -> v2.ReducerResult:
    return v2.ReducerResult(request_id, WHEN, result)


def string(text: str) -> bytes:
    """A BSATN string."""
    data = text.encode()
    return len(data).to_bytes(4, "little") + data
