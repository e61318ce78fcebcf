"""Whatever comes in: events, or one of two errors. Random bytes, and good messages made bad."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import DecodeError, RemoteProtocolError
from harness.protocol import SUBPROTOCOLS, open_connection
from harness.protocol.connection import Connection
from harness.wire import v1, v2
from harness.wire.values import Err, Ok
from tests.protocol.samples import (
    PACKERS,
    SHORT,
    SQL,
    WHEN,
    greeted,
    greeting,
    payload,
    result2,
    rows2,
    string,
    transaction1,
    update1,
    update2,
)

PROTOCOLS = ["v1", "v2", "v3"]
each = pytest.mark.parametrize("protocol", PROTOCOLS)
WAITERS = {"call", "query", "procedure"}

GOOD: dict[str, list[Any]] = {
    "v1": [
        transaction1(v1.Committed(update1())),
        transaction1(v1.Failed("no"), request_id=0),
        v1.TransactionUpdateLight(1, update1()),
        v1.SubscribeMultiApplied(4, 0, 1, update1()),
        v1.SubscriptionError(0, None, None, None, "dead"),
        v1.OneOffQueryResponse(b"\x02\0\0\0", None, [], SHORT),
        v1.ProcedureResult(v1.Returned(b"\x01"), WHEN, SHORT, 3),
    ],
    "v2": [
        result2(v2.ReducerOk(b"", update2())),
        result2(v2.ReducerErr(string("no"))),
        update2(),
        v2.SubscribeApplied(4, 1, rows2()),
        v2.SubscriptionError(4, 1, "no"),
        v2.OneOffQueryResult(2, Ok(rows2())),
        v2.OneOffQueryResult(2, Err("no")),
        v2.ProcedureResult(v2.Returned(b"\x01"), WHEN, SHORT, 3),
    ],
}
GOOD["v3"] = GOOD["v2"]


def busy(protocol: str) -> Connection:
    """A connection with something of every kind outstanding: request ids 1 to 4, set 1."""
    connection = greeted(protocol)
    connection.call_reducer("add", b"", "call")
    connection.query(SQL, "query")
    connection.call_procedure("p", b"", "procedure")
    connection.subscribe([SQL])
    return connection


def feed(connection: Connection, data: bytes) -> None:
    """Bytes in; and each waiter comes out once, by an event or at the close."""
    events: list[Any] = []
    try:
        events = connection.receive(data)
    except (DecodeError, RemoteProtocolError):
        pass
    told = [event.waiter for event in events if hasattr(event, "waiter")]
    assert sorted([*told, *connection.close()]) == sorted(WAITERS)


@each
@given(data=st.binary(max_size=200))
def test_any_bytes(protocol: str, data: bytes) -> None:
    feed(busy(protocol), data)


@each
@given(tag=st.integers(0, 11), rest=st.binary(max_size=120))
def test_any_bytes_under_a_good_head(protocol: str, tag: int, rest: bytes) -> None:
    feed(busy(protocol), bytes([0, tag]) + rest)


@each
@given(data=st.binary(max_size=100))
def test_any_bytes_instead_of_a_greeting(protocol: str, data: bytes) -> None:
    connection = open_connection(SUBPROTOCOLS[protocol])
    try:
        assert connection.receive(data) == []
    except (DecodeError, RemoteProtocolError):
        pass


@st.composite
def spoiled(draw: st.DrawFn, protocol: str) -> bytes:
    """A good payload in which bytes were changed, put in, taken out, or cut off."""
    packing = draw(st.sampled_from(sorted(PACKERS)))
    most = 3 if protocol == "v3" else 1
    messages = draw(st.lists(st.sampled_from(GOOD[protocol]), min_size=1, max_size=most))
    data = bytearray(payload(protocol, *messages, packing=packing))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.sampled_from(["change", "insert", "remove", "cut", "double"])):
            case "change" if data:
                data[at] = draw(st.integers(0, 255))
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=8))
            case "remove":
                del data[at : at + draw(st.integers(1, 8))]
            case "cut":
                del data[at:]
            case "double":
                data += data[1:]
    return bytes(data)


@each
@given(data=st.data())
def test_good_payloads_made_bad(protocol: str, data: st.DataObject) -> None:
    feed(busy(protocol), data.draw(spoiled(protocol)))


@each
def test_the_good_payloads_are_good(protocol: str) -> None:
    """Else the spoiling would start from something that no state allows."""
    for message in GOOD[protocol]:
        assert len(busy(protocol).receive(payload(protocol, message))) == 1
    assert len(open_connection(SUBPROTOCOLS[protocol]).receive(greeting(protocol))) == 1
