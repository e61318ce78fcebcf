"""Messages of v1, v2 and v3 by their bytes: whole, cut anywhere, and one after another."""

from __future__ import annotations

from typing import Any, TypeAlias

import pytest

from harness.errors import DecodeError
from harness.wire import compression, v1, v2
from harness.wire import types as t
from harness.wire import values as v
from harness.wire.rows import EMPTY, FixedSize, RowList
from tests.wire.implementations import both, make

SQL = "SELECT * FROM t"
ONE_TWO = RowList(FixedSize(4), bytes.fromhex("01000000 02000000"))
IDENTITY = v.Identity.from_hex("c2" + "00" * 30 + "ab")
WHEN = v.Timestamp(1_700_000_000_000_000)
SQL_HEX = "0f000000 53454c454354202a2046524f4d2074"
LIST_HEX = "00 0400 08000000 01000000 02000000"
EMPTY_HEX = "01 00000000 00000000"
UPDATE = v1.TableUpdate(4097, "t", 2, [v1.QueryUpdate(EMPTY, ONE_TWO)])
UPDATE_HEX = f"01100000 01000000 74 0200000000000000 01000000 00 {EMPTY_HEX} {LIST_HEX}"
DIFF = v2.TransactionUpdate(
    [v2.QuerySetUpdate(2, [v2.TableUpdate("t", [v2.PersistentTable(ONE_TWO, EMPTY)])])]
)
DIFF_HEX = f"01000000 02000000 01000000 01000000 74 01000000 00 {LIST_HEX} {EMPTY_HEX}"
ID_HEX = "ab" + "00" * 30 + "c2"
CONN_HEX = "11" + "00" * 15
CONN = v.ConnectionId.from_int(0x11)

Side: TypeAlias = tuple[Any, str]
V1_CLIENT: Side = (v1, "ClientMessage")
V1_SERVER: Side = (v1, "ServerMessage")
V2_CLIENT: Side = (v2, "ClientMessage")
V2_SERVER: Side = (v2, "ServerMessage")

#: (side, message, bytes in hexadecimal; server messages without their prefix)
TABLE: list[tuple[Side, Any, str]] = [
    (
        V1_CLIENT,
        v1.CallReducer("add", b"\x2a\x00\x00\x00", 5, 0),
        "00 03000000 616464 04000000 2a000000 05000000 00",
    ),
    (V1_CLIENT, v1.Subscribe([SQL], 1), f"01 01000000 {SQL_HEX} 01000000"),
    (V1_CLIENT, v1.OneOffQuery(b"\x01\x02", SQL), f"02 02000000 0102 {SQL_HEX}"),
    (V1_CLIENT, v1.SubscribeSingle(SQL, 1, 2), f"03 {SQL_HEX} 01000000 02000000"),
    (V1_CLIENT, v1.SubscribeMulti([SQL], 1, 2), f"04 01000000 {SQL_HEX} 01000000 02000000"),
    (V1_CLIENT, v1.Unsubscribe(1, 2), "05 01000000 02000000"),
    (V1_CLIENT, v1.UnsubscribeMulti(1, 2), "06 01000000 02000000"),
    (V1_CLIENT, v1.CallProcedure("p", b"", 9, 0), "07 01000000 70 00000000 09000000 00"),
    (
        V1_SERVER,
        v1.InitialSubscription(v1.DatabaseUpdate([UPDATE]), 1, v.TimeDuration(3)),
        f"00 01000000 {UPDATE_HEX} 01000000 0300000000000000",
    ),
    (
        V1_SERVER,
        v1.TransactionUpdate(
            v1.Failed("no"), WHEN, IDENTITY, CONN, v1.ReducerCallInfo("add", 1, b"x", 5), 7,
            v.TimeDuration(3),
        ),
        f"01 01 02000000 6e6f 00401e18240a0600 {ID_HEX} {CONN_HEX} 03000000 616464 01000000 "
        f"01000000 78 05000000 07{'00' * 15} 0300000000000000",
    ),
    (
        V1_SERVER,
        v1.TransactionUpdateLight(5, v1.DatabaseUpdate([UPDATE])),
        f"02 05000000 01000000 {UPDATE_HEX}",
    ),
    (
        V1_SERVER,
        v1.IdentityToken(IDENTITY, "tok", CONN),
        f"03 {ID_HEX} 03000000 746f6b {CONN_HEX}",
    ),
    (
        V1_SERVER,
        v1.OneOffQueryResponse(
            b"\x01", None, [v1.OneOffTable("t", ONE_TWO)], v.TimeDuration(3)
        ),
        f"04 01000000 01 01 01000000 01000000 74 {LIST_HEX} 0300000000000000",
    ),
    (
        V1_SERVER,
        v1.SubscribeApplied(1, 250, 2, v1.SubscribeRows(4097, "t", UPDATE)),
        f"05 01000000 fa00000000000000 02000000 01100000 01000000 74 {UPDATE_HEX}",
    ),
    (
        V1_SERVER,
        v1.SubscriptionError(3, 1, None, None, "bad"),
        "07 0300000000000000 00 01000000 01 01 03000000 626164",
    ),
    (
        V1_SERVER,
        v1.SubscribeMultiApplied(1, 250, 2, v1.DatabaseUpdate([UPDATE])),
        f"08 01000000 fa00000000000000 02000000 01000000 {UPDATE_HEX}",
    ),
    (
        V1_SERVER,
        v1.ProcedureResult(v1.OutOfEnergy(), WHEN, v.TimeDuration(3), 9),
        "0a 01 00401e18240a0600 0300000000000000 09000000",
    ),
    (V2_CLIENT, v2.Subscribe(1, 2, [SQL]), f"00 01000000 02000000 01000000 {SQL_HEX}"),
    (V2_CLIENT, v2.Unsubscribe(3, 2, 1), "01 03000000 02000000 01"),
    (V2_CLIENT, v2.OneOffQuery(4, SQL), f"02 04000000 {SQL_HEX}"),
    (
        V2_CLIENT,
        v2.CallReducer(5, 0, "add", b"\x2a\x00\x00\x00"),
        "03 05000000 00 03000000 616464 04000000 2a000000",
    ),
    (V2_CLIENT, v2.CallProcedure(6, 0, "p", b""), "04 06000000 00 01000000 70 00000000"),
    (
        V2_SERVER,
        v2.InitialConnection(IDENTITY, CONN, "tok"),
        f"00 {ID_HEX} {CONN_HEX} 03000000 746f6b",
    ),
    (
        V2_SERVER,
        v2.SubscribeApplied(1, 2, v2.QueryRows([v2.SingleTableRows("t", ONE_TWO)])),
        f"01 01000000 02000000 01000000 01000000 74 {LIST_HEX}",
    ),
    (V2_SERVER, v2.UnsubscribeApplied(3, 2, None), "02 03000000 02000000 01"),
    (
        V2_SERVER,
        v2.SubscriptionError(1, 2, "bad"),
        "03 00 01000000 02000000 03000000 626164",
    ),
    (V2_SERVER, DIFF, f"04 {DIFF_HEX}"),
    (
        V2_SERVER,
        v2.TransactionUpdate(
            [v2.QuerySetUpdate(2, [v2.TableUpdate("t", [v2.EventTable(ONE_TWO)])])]
        ),
        f"04 01000000 02000000 01000000 01000000 74 01000000 01 {LIST_HEX}",
    ),
    (V2_SERVER, v2.OneOffQueryResult(4, v.Err("bad")), "05 04000000 01 03000000 626164"),
    (
        V2_SERVER,
        v2.OneOffQueryResult(4, v.Ok(v2.QueryRows([]))),
        "05 04000000 00 00000000",
    ),
    (
        V2_SERVER,
        v2.ReducerResult(5, WHEN, v2.ReducerOk(b"", v2.TransactionUpdate([]))),
        "06 05000000 00401e18240a0600 00 00000000 00000000",
    ),
    (
        V2_SERVER,
        v2.ReducerResult(5, WHEN, v2.ReducerOkEmpty()),
        "06 05000000 00401e18240a0600 01",
    ),
    (
        V2_SERVER,
        v2.ReducerResult(5, WHEN, v2.ReducerErr(b"\x02\x00\x00\x00no")),
        "06 05000000 00401e18240a0600 02 06000000 02000000 6e6f",
    ),
    (
        V2_SERVER,
        v2.ReducerResult(5, WHEN, v2.ReducerInternalError("x")),
        "06 05000000 00401e18240a0600 03 01000000 78",
    ),
    (
        V2_SERVER,
        v2.ProcedureResult(v2.Returned(b"r"), WHEN, v.TimeDuration(3), 9),
        "07 00 01000000 72 00401e18240a0600 0300000000000000 09000000",
    ),
]  # fmt: skip
ROWS = pytest.mark.parametrize(
    ("side", "message", "text"), TABLE, ids=[type(m).__name__ for _, m, _ in TABLE]
)


def _codec(implementation: Any, side: Side) -> Any:
    module, name = side
    builder = module.TYPES
    return make(
        implementation, t.Ref(builder.names.index(name)), builder.typespace, builder.bindings
    )


@both
@ROWS
def test_bytes_of_a_message(implementation: Any, side: Side, message: Any, text: str) -> None:
    codec = _codec(implementation, side)
    data = bytes.fromhex(text)
    assert codec.encode(message) == data
    assert codec.decode(data) == message


@both
@ROWS
def test_every_shorter_part_is_refused(
    implementation: Any, side: Side, message: Any, text: str
) -> None:
    codec = _codec(implementation, side)
    data = bytes.fromhex(text)
    for length in range(len(data)):
        with pytest.raises(DecodeError) as raised:
            codec.decode(data[:length])
        assert raised.value.offset <= length


@both
@ROWS
def test_a_message_ends_by_itself(implementation: Any, side: Side, message: Any, text: str) -> None:
    codec = _codec(implementation, side)
    data = bytes.fromhex(text)
    assert codec.decode_from(data + b"tail", 0) == (message, len(data))
    with pytest.raises(DecodeError, match="4 bytes are left over"):
        codec.decode(data + b"tail")
    assert codec.decode_all(data * 3) == [message] * 3


@both
def test_a_v3_payload_is_messages_one_after_another(implementation: Any) -> None:
    client, server = _codec(implementation, V2_CLIENT), _codec(implementation, V2_SERVER)
    payload = bytes.fromhex(
        f"00 01000000 02000000 01000000 {SQL_HEX} 03 05000000 00 03000000 616464 04000000 2a000000"
    )
    asked = [v2.Subscribe(1, 2, [SQL]), v2.CallReducer(5, 0, "add", b"\x2a\x00\x00\x00")]
    assert client.decode_all(payload) == asked
    assert client.encode_all(asked) == payload
    answer = bytes.fromhex(
        f"00 01 01000000 02000000 01000000 01000000 74 {LIST_HEX} "
        "06 05000000 00401e18240a0600 00 00000000 00000000"
    )
    body = compression.unpack(answer)
    assert server.decode_all(body) == [
        v2.SubscribeApplied(1, 2, v2.QueryRows([v2.SingleTableRows("t", ONE_TWO)])),
        v2.ReducerResult(5, WHEN, v2.ReducerOk(b"", v2.TransactionUpdate([]))),
    ]
    assert compression.pack(body, compression.Compression.NONE) == answer
    for length in range(len(payload)):
        # A cut between two messages leaves one; any other is refused.
        if client.encode(asked[0]) != payload[:length] and length:
            with pytest.raises(DecodeError):
                client.decode_all(payload[:length])


def test_the_modules_hold_codecs_of_both_sides() -> None:
    assert v1.CLIENT.decode(v1.CLIENT.encode(v1.Unsubscribe(1, 2))) == v1.Unsubscribe(1, 2)
    assert v2.SERVER.decode(v2.SERVER.encode(DIFF)) == DIFF
    update = v1.QueryUpdate(EMPTY, ONE_TWO)
    assert v1.QUERY_UPDATE.decode(bytes.fromhex(EMPTY_HEX + LIST_HEX)) == update


@both
def test_unknown_tags_are_refused(implementation: Any) -> None:
    for side, count in ((V1_CLIENT, 8), (V1_SERVER, 11), (V2_CLIENT, 5), (V2_SERVER, 8)):
        with pytest.raises(DecodeError, match=f"tag {count} is outside the {count} variants"):
            _codec(implementation, side).decode(bytes([count]) + bytes(64))
